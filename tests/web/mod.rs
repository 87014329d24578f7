//! The driver and the core that it drives, tested in every place they run in. What is decided is tested natively; here it
//! is shown that the decisions are carried out, by real requests and sockets against a real fleet, and that what comes of
//! them gets back. The driver is the one in `dist/`: `npm run build` first.

mod closing;
mod connecting;
mod credentials;
mod half_open;
mod lists;
mod moving;
mod network;
mod remains;
mod seeds;
mod selector;
pub(crate) mod support;
mod trouble;

use support::run_at_once;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
async fn what_waits_for_lists_attempts_and_moves() {
    run_at_once([
        seeds::waiting(),
        lists::waiting(),
        connecting::waiting(),
        credentials::waiting(),
        moving::waiting(),
    ])
    .await;
}

#[wasm_bindgen_test]
async fn what_waits_for_a_connection_to_come_back() {
    run_at_once([trouble::waiting(), half_open::waiting(), network::waiting()]).await;
}

#[wasm_bindgen_test]
async fn what_flows_during_moves() {
    run_at_once([moving::flowing()]).await;
}
