//! What `JSON.parse` made, as the core reads it: by property access, value by value.
//!
//! The face hands over plain data only, so no getter of the application's runs, and none throws.

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;

use crate::list::read::{Name, Node, Scalar};

#[wasm_bindgen]
extern "C" {
    type Object;
    #[wasm_bindgen(method, getter)]
    fn servers(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn version(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn age(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn ttl(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter, js_name = retryAfter)]
    fn retry_after(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn id(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn url(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn available(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn users(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn priority(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn capacity(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn weight(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn draining(this: &Object) -> JsValue;
    #[wasm_bindgen(method, getter, js_name = connectRate)]
    fn connect_rate(this: &Object) -> JsValue;
}

impl Node for JsValue {
    fn scalar(&self) -> Scalar {
        // In the order of how often they come: every question is a call into JavaScript.
        if let Some(number) = self.as_f64() {
            Scalar::Number(number)
        } else if let Some(text) = self.as_string() {
            Scalar::Text(text)
        } else if let Some(value) = self.as_bool() {
            Scalar::Bool(value)
        } else if self.is_object() {
            Scalar::Nested
        } else {
            Scalar::Absent
        }
    }

    fn length(&self) -> Option<u32> {
        self.dyn_ref::<js_sys::Array>().map(js_sys::Array::length)
    }

    fn item(&self, index: u32) -> Self {
        self.unchecked_ref::<js_sys::Array>().get(index)
    }

    fn member(&self, name: Name) -> Self {
        let object = self.unchecked_ref::<Object>();
        match name {
            Name::Servers => object.servers(),
            Name::Version => object.version(),
            Name::Age => object.age(),
            Name::Ttl => object.ttl(),
            Name::RetryAfter => object.retry_after(),
            Name::Id => object.id(),
            Name::Url => object.url(),
            Name::Available => object.available(),
            Name::Users => object.users(),
            Name::Priority => object.priority(),
            Name::Capacity => object.capacity(),
            Name::Weight => object.weight(),
            Name::Draining => object.draining(),
            Name::ConnectRate => object.connect_rate(),
        }
    }

    fn is_object(&self) -> bool {
        JsValue::is_object(self)
    }
}
