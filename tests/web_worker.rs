//! Driver and core against real servers, in a dedicated worker.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::wasm_bindgen_test_configure;

mod web;

wasm_bindgen_test_configure!(run_in_dedicated_worker);
