//! Driver and core against real servers, in a page.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web::support::{opens_several_at_once, run_at_once};

#[path = "web/hedging.rs"]
mod hedging;
#[path = "web/long_waits.rs"]
mod long_waits;
#[path = "web/page.rs"]
mod page;
mod web;

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn what_takes_its_time() {
    let mut tests = long_waits::waiting();
    if opens_several_at_once() {
        tests.extend(hedging::waiting());
    } else {
        for test in hedging::waiting() {
            run_at_once([vec![test]]).await;
        }
    }
    run_at_once([tests]).await;
}
