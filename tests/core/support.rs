//! What every test needs: lists from a few words, times in seconds.

use std::sync::Arc;

use evenkeel::decision::{Assessment, Candidate};
use evenkeel::list::read::{Dropped, Envelope, ListError};
use evenkeel::list::{Server, ServerKey, ServerList, json};
use evenkeel::selector::{Overrides, Selector};
use evenkeel::time::{Duration, Instant};
use serde_json::{Map, Value, json};

pub(crate) fn secs(secs: f64) -> Duration {
    Duration::from_secs(secs)
}

/// So many seconds after the clock's origin.
pub(crate) fn at(secs: f64) -> Instant {
    Instant::from_millis(secs * 1000.0)
}

/// Reads a document as if it came from `https://seed.example/api/servers.json`.
pub(crate) fn read(document: &Value) -> Result<(ServerList, Vec<Dropped>), ListError> {
    read_with(document, Envelope::default())
}

pub(crate) fn read_with(document: &Value, envelope: Envelope) -> Result<(ServerList, Vec<Dropped>), ListError> {
    let base = url::Url::parse("https://seed.example/api/servers.json").unwrap();
    json::from_value(document, envelope, &base)
}

/// A list in which nothing is wrong, made at the moment it is received.
pub(crate) fn list(servers: Value) -> Arc<ServerList> {
    document(&json!({ "age": 0, "servers": servers }))
}

pub(crate) fn document(document: &Value) -> Arc<ServerList> {
    let (list, dropped) = read(document).unwrap();
    assert_eq!(dropped, []);
    Arc::new(list)
}

/// An entry with the fields of `more` beside its id and URL.
pub(crate) fn entry(id: &str, more: Value) -> Value {
    let mut fields = Map::new();
    fields.insert("id".into(), id.into());
    fields.insert("url".into(), format!("wss://{id}.example/ws").into());
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    Value::Object(fields)
}

/// An entry of group 0 with so many users of so many.
pub(crate) fn server(id: &str, users: f64, capacity: f64) -> Value {
    in_group(0, id, users, capacity)
}

pub(crate) fn in_group(priority: u16, id: &str, users: f64, capacity: f64) -> Value {
    entry(
        id,
        json!({ "users": users, "capacity": capacity, "priority": priority }),
    )
}

pub(crate) fn key(list: &ServerList, id: &str) -> ServerKey {
    list.find(id).unwrap().key
}

/// The server read from an entry that stands alone in its list and has `value` in `field` (`None`: not there).
pub(crate) fn alone(field: &str, value: Option<Value>) -> Server {
    let mut one = entry("a", json!({}));
    if let Some(value) = value {
        one[field] = value;
    }
    let (list, dropped) = read(&json!([one])).unwrap();
    assert_eq!(dropped, [], "{field}");
    list.servers()[0].clone()
}

/// A selector that was given this list at the clock's origin.
pub(crate) fn selector(list: &Arc<ServerList>) -> Selector {
    let mut selector = Selector::default();
    assert!(selector.update(Arc::clone(list), at(0.0)));
    selector
}

pub(crate) fn candidates(selector: &Selector, now: Instant) -> Vec<Candidate> {
    candidates_with(selector, now, Overrides::default())
}

pub(crate) fn candidates_with(selector: &Selector, now: Instant, overrides: Overrides<'_>) -> Vec<Candidate> {
    let mut assessment = Assessment::default();
    assert!(selector.assess(now, overrides, &mut assessment));
    assessment.candidates
}

pub(crate) fn probabilities(selector: &Selector, now: Instant) -> Vec<f64> {
    probabilities_with(selector, now, Overrides::default())
}

pub(crate) fn probabilities_with(selector: &Selector, now: Instant, overrides: Overrides<'_>) -> Vec<f64> {
    candidates_with(selector, now, overrides)
        .iter()
        .map(|candidate| candidate.probability)
        .collect()
}

#[track_caller]
pub(crate) fn assert_near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (one, other) in found.iter().zip(expected) {
        assert!((one - other).abs() < 1e-6, "found {found:?}, expected {expected:?}");
    }
}

pub(crate) fn median_and_worst(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() - 1])
}
