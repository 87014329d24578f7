//! Driver and core against real servers, in a page.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::wasm_bindgen_test_configure;

#[path = "web/long_waits.rs"]
mod long_waits;
mod web;

wasm_bindgen_test_configure!(run_in_browser);
