//! The decision alone, as `createSelector` uses it.

use evenkeel::cause::Cause;
use evenkeel::web::core::Core;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::*;

#[wasm_bindgen(module = "/target/web-tests/view.js")]
extern "C" {
    /// The core's numbers as objects.
    type View;
    #[wasm_bindgen(constructor)]
    fn new(core: &JsValue, words: &str) -> View;
    #[wasm_bindgen(method, catch)]
    fn take(this: &View, now: f64, from: i32, arrival: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method)]
    fn decision(this: &View, now: f64, drawn: &JsValue, own: bool) -> JsValue;
    #[wasm_bindgen(method)]
    fn probabilities(this: &View, now: f64) -> JsValue;
}

#[wasm_bindgen]
extern "C" {
    /// The core as the view has it.
    #[wasm_bindgen(js_name = Core)]
    type JsCore;
    #[wasm_bindgen(method)]
    fn assess(this: &JsCore, now: f64, lost: Option<Vec<f64>>, failures: f64);
    #[wasm_bindgen(method)]
    fn draw(this: &JsCore) -> JsValue;
    #[wasm_bindgen(method)]
    fn find(this: &JsCore, id: &str) -> i32;
    #[wasm_bindgen(method, js_name = reportFailure)]
    fn report_failure(this: &JsCore, now: f64, server: i32, kind: i32) -> bool;
    #[wasm_bindgen(method, js_name = reportSuccess)]
    fn report_success(this: &JsCore);
    #[wasm_bindgen(method)]
    fn free(this: &JsCore);
}

/// A core without a connection, and the view of it.
struct Selector {
    core: JsCore,
    view: View,
}

impl Selector {
    fn new(random_seed: f64) -> Self {
        let core = core(random_seed);
        let view = View::new(&core, &Core::words());
        let core = core.unchecked_into();
        Self { core, view }
    }

    fn update(&self, document: &Value, base: Option<&str>) -> Result<Value, String> {
        let arrival = js(&json!({ "document": document, "base": base }));
        let taken = self.view.take(NOW, GIVEN, &arrival);
        taken.map(|list| plain(&list)).map_err(|code| code_of(&code))
    }

    fn assess(&self, lost: &[&str]) {
        let positions = lost.iter().map(|id| self.core.find(id).into()).collect();
        let lost = Some(positions).filter(|_| !lost.is_empty());
        self.core.assess(NOW, lost, f64::NAN);
    }

    fn select(&self, lost: &[&str]) -> Option<Value> {
        self.assess(lost);
        let drawn = self.core.draw();
        (!drawn.is_undefined()).then(|| plain(&self.view.decision(NOW, &drawn, false)))
    }

    fn probabilities(&self, lost: &[&str]) -> Vec<Value> {
        self.assess(lost);
        let probabilities = plain(&self.view.probabilities(NOW));
        probabilities.as_array().cloned().expect("a list")
    }

    fn chances(&self, lost: &[&str]) -> Vec<f64> {
        let probabilities = self.probabilities(lost);
        probabilities.iter().map(|one| number(&one["probability"])).collect()
    }

    /// False if there is no such server, or no such kind.
    fn report_failure(&self, id: &str, kind: &str) -> bool {
        let kind = Cause::ALL.iter().position(|cause| cause.name() == kind);
        let kind = kind.map_or(-1, |kind| kind as i32);
        self.core.report_failure(NOW, self.core.find(id), kind)
    }
}

impl Drop for Selector {
    fn drop(&mut self) {
        self.core.free();
    }
}

/// A list of the application's.
const GIVEN: i32 = 0;

/// A time as `Date.now()` gives it.
const NOW: f64 = 1.79e12;

/// The servers of the check in the rules of the decision.
fn three() -> Value {
    let server = |id: &str, users: u32, capacity: u32| json!({ "id": id, "url": format!("wss://{id}.example/"), "users": users, "capacity": capacity, "rack": 7 });
    json!({ "age": 0, "servers": [server("a", 812, 2000), server("b", 1200, 2000), server("c", 600, 1000)] })
}

fn rounded(probabilities: &[f64]) -> Vec<f64> {
    probabilities.iter().map(|one| (one * 1e4).round() / 1e4).collect()
}

#[wasm_bindgen_test]
fn a_decision_is_drawn_with_the_probabilities_it_tells() {
    let selector = Selector::new(7.0);
    let list = selector.update(&three(), None).expect("a good list");
    assert_eq!((&list["servers"], &list["dropped"]), (&json!(3), &json!([])));
    assert_eq!(rounded(&selector.chances(&[])), [0.8874, 0.0750, 0.0375]);

    let mut drawn = [0u32; 3];
    for _ in 0..2000 {
        let decision = selector.select(&[]).expect("there are eligible servers");
        let told = (&decision["group"], &decision["reason"], &decision["server"]["rack"]);
        assert_eq!(told, (&json!(0), &json!("preferred"), &json!(7)));
        let position = ["a", "b", "c"].iter().position(|id| decision["server"]["id"] == *id);
        drawn[position.expect("one of the three")] += 1;
    }
    // Within five standard deviations of 1775, 150 and 75.
    for (count, range) in drawn.iter().zip([1704..=1846, 91..=209, 33..=117]) {
        assert!(range.contains(count), "{drawn:?}");
    }
}

#[wasm_bindgen_test]
fn the_same_seed_draws_the_same_servers() {
    let draws = |seed| {
        let selector = Selector::new(seed);
        selector.update(&three(), None).expect("a good list");
        let draw = |_| selector.select(&[]).map(|decision| text(&decision["server"]["id"]));
        (0..50).map(draw).collect::<Vec<_>>()
    };
    assert_eq!(draws(1.0), draws(1.0));
    assert_ne!(draws(1.0), draws(2.0));
}

#[wasm_bindgen_test]
fn a_lost_server_gets_nobody_and_when_all_are_there_is_no_decision() {
    let selector = Selector::new(7.0);
    selector.update(&three(), None).expect("a good list");
    let [a, b, c] = selector.chances(&["a"])[..] else {
        panic!("three")
    };
    assert_eq!(a, 0.0);
    assert!((b + c - 1.0).abs() < 1e-9);
    let all = ["a", "b", "c"];
    assert_eq!(selector.chances(&all), [0.0; 3]);
    assert_eq!(selector.select(&all), None);
}

#[wasm_bindgen_test]
fn a_document_that_cannot_be_used_is_thrown_back_and_the_last_list_stays() {
    let selector = Selector::new(7.0);
    assert_eq!((selector.probabilities(&[]), selector.select(&[])), (vec![], None));
    selector.update(&three(), None).expect("a good list");
    for (document, code) in [
        (json!({ "servers": [{ "url": "no base" }] }), "list-empty"),
        (json!([]), "list-empty"),
        (json!({ "servers": {} }), "list-invalid"),
        (json!("servers"), "list-invalid"),
        (json!(null), "list-invalid"),
    ] {
        assert_eq!(selector.update(&document, None), Err(code.to_owned()), "{document}");
    }
    assert_eq!(selector.probabilities(&[]).len(), 3);

    let relative = json!({ "servers": [{ "url": "/ws" }] });
    selector
        .update(&relative, Some("https://api.example/servers"))
        .expect("it has a base");
    let decision = selector.select(&[]).expect("it is eligible");
    assert_eq!(decision["server"]["url"], "wss://api.example/ws");
}

#[wasm_bindgen_test]
fn what_is_reported_of_a_server_counts() {
    let selector = Selector::new(7.0);
    selector.update(&three(), None).expect("a good list");
    let excluded = || selector.probabilities(&[])[0]["excluded"].clone();
    assert_eq!(excluded(), Value::Null);
    for (kind, expected) in [("local", json!(null)), ("crash", json!("lost"))] {
        assert!(selector.report_failure("a", kind));
        assert_eq!(excluded(), expected, "{kind}");
    }
    selector.core.report_success();
    assert_eq!(excluded(), Value::Null, "the episode is over");
    assert!(selector.report_failure("a", "refused"));
    selector.core.report_success();
    assert_eq!(excluded(), "ejected", "the episode is over, the ejection is not");

    assert!(!selector.report_failure("a", "mood"));
    assert!(!selector.report_failure("z", "crash"));
}
