//! What lies on the JavaScript side: the face's methods and the platform's functions.

use js_sys::{Array, Function};
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, CloseEvent, WebSocket};

#[wasm_bindgen]
extern "C" {
    /// The JavaScript object that the application sees through. None of its methods throws, but for `dial`.
    pub type Face;

    /// Asks a seed; `Driver.answered` or `Driver.unanswered` is called with `request` in a later task.
    #[wasm_bindgen(method)]
    pub fn ask(this: &Face, seed: u16, request: u32, signal: &AbortSignal);

    /// Constructs the socket; throws what its constructor throws.
    #[wasm_bindgen(method, catch)]
    pub fn dial(this: &Face, url: &str, server: &JsValue) -> Result<WebSocket, JsValue>;

    /// Whether the application wants to come back after this close.
    #[wasm_bindgen(method)]
    pub fn verdict(this: &Face, event: &CloseEvent, is_final: bool) -> bool;

    /// The state is another one.
    #[wasm_bindgen(method)]
    pub fn changed(this: &Face);

    /// The connection stands.
    #[wasm_bindgen(method)]
    pub fn opened(this: &Face, socket: &WebSocket, server: &JsValue);

    /// The connection is lost, or the attempt has failed.
    #[wasm_bindgen(method)]
    pub fn closed(this: &Face, detail: &JsValue);

    /// Any other event.
    #[wasm_bindgen(method)]
    pub fn emit(this: &Face, event: &str, detail: &JsValue);
}

#[wasm_bindgen]
extern "C" {
    /// What a driver is set to; times in milliseconds.
    pub type Settings;

    /// The number of seeds; 0 for a fixed list.
    #[wasm_bindgen(method, getter)]
    pub fn seeds(this: &Settings) -> u16;

    /// Per seed, or at 0 for a fixed list, what relative URLs resolve against.
    #[wasm_bindgen(method, getter)]
    pub fn bases(this: &Settings) -> Array;

    /// The fixed list, if it is one.
    #[wasm_bindgen(method, getter)]
    pub fn fixed(this: &Settings) -> JsValue;

    /// How long a seed may take to answer.
    #[wasm_bindgen(method, getter, js_name = seedTimeout)]
    pub fn seed_timeout(this: &Settings) -> f64;

    /// How long a connection may take to open.
    #[wasm_bindgen(method, getter, js_name = connectTimeout)]
    pub fn connect_timeout(this: &Settings) -> f64;

    /// How long a connection must last to count as a success.
    #[wasm_bindgen(method, getter, js_name = minUptime)]
    pub fn min_uptime(this: &Settings) -> f64;

    /// How long the closing handshake may take.
    #[wasm_bindgen(method, getter, js_name = closeTimeout)]
    pub fn close_timeout(this: &Settings) -> f64;

    /// A number that makes the draws reproducible.
    #[wasm_bindgen(method, getter, js_name = randomSeed)]
    pub fn random_seed(this: &Settings) -> Option<f64>;
}

#[wasm_bindgen]
extern "C" {
    /// Milliseconds on a clock that never jumps back.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(crate) fn monotonic_now() -> f64;

    /// Calls back after so many milliseconds; the number is an object in Node.
    #[wasm_bindgen(js_name = setTimeout)]
    pub(crate) fn set_timeout(callback: &Function, delay: f64) -> JsValue;

    /// Forgets a timer.
    #[wasm_bindgen(js_name = clearTimeout)]
    pub(crate) fn clear_timeout(timer: &JsValue);

    /// Copies the members of an object into another one, and gives that.
    #[wasm_bindgen(js_namespace = Object)]
    pub(crate) fn assign(target: &JsValue, source: &JsValue) -> JsValue;

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn fill_with_randomness(bytes: &mut [u8]);
}

/// The seed of a core's draws: the one given, or one from the platform's cryptographic source.
pub(crate) fn random_seed(given: Option<f64>) -> u64 {
    given.map_or_else(
        || {
            let mut bytes = [0; 8];
            fill_with_randomness(&mut bytes);
            u64::from_le_bytes(bytes)
        },
        f64::to_bits,
    )
}
