//! What the application is shown: plain objects, made by serde.

use js_sys::{Array, Object, Reflect};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

use super::face::assign;
use crate::client::{Client, Retry};
use crate::decision::{Assessment, Candidate};
use crate::list::read::{Dropped, Name, Node};
use crate::list::{Server, ServerList};
use crate::selector::{Decision, InForce};
use crate::time::Instant;

/// The parts of a document that the application gets back as they were written.
pub(crate) struct Document {
    /// The entries; each server knows its position among them.
    entries: Array,
    version: JsValue,
}

impl Document {
    /// Of a document that has been read without error.
    pub(crate) fn new(document: &JsValue) -> Self {
        let array = document.length().is_some();
        let entries = if array {
            document.clone()
        } else {
            document.member(Name::Servers)
        };
        Self {
            entries: entries.unchecked_into(),
            version: document.member(Name::Version),
        }
    }
}

/// A server as the application gets it: the entry as written, the fields we know in their normal form.
pub(crate) fn server(server: &Server, document: &Document) -> JsValue {
    #[derive(Serialize)]
    struct View<'a> {
        id: &'a str,
        url: &'a str,
        available: bool,
        draining: bool,
        users: f64,
        priority: u16,
        capacity: f64,
        weight: f64,
    }
    let view = View {
        id: &server.id,
        url: &server.url,
        available: server.available,
        draining: server.draining,
        users: server.users,
        priority: server.priority,
        capacity: server.capacity,
        weight: server.weight,
    };
    let object = assign(&Object::new(), &document.entries.get(server.entry));
    assign(&object, &to_js(&view))
}

/// Every server of the list as the client sees it now.
pub(crate) fn servers(
    in_force: &InForce,
    client: &Client,
    document: &Document,
    assessment: &Assessment,
    now: Instant,
) -> Array {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Health {
        lost: bool,
        /// Milliseconds.
        ejected_for: f64,
        ejections: u8,
    }
    #[derive(Serialize)]
    struct View<'a> {
        utilisation: f64,
        health: Health,
        #[serde(flatten)]
        probability: Probability<'a>,
    }
    let views = Array::new();
    for (listed, candidate) in in_force.list.servers().iter().zip(&assessment.candidates) {
        let record = client.selector().memory.record(listed.key);
        let view = View {
            utilisation: listed.utilisation(),
            health: Health {
                lost: record.is_some_and(|record| record.is_lost()),
                ejected_for: record.map_or(0.0, |record| record.ejected_for(now).as_millis()),
                ejections: record.map_or(0, |record| record.ejections()),
            },
            probability: Probability::of(listed, candidate),
        };
        views.push(&assign(&server(listed, document), &to_js(&view)));
    }
    views
}

#[derive(Serialize)]
struct Probability<'a> {
    id: &'a str,
    probability: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    excluded: Option<&'static str>,
}

impl<'a> Probability<'a> {
    fn of(server: &'a Server, candidate: &Candidate) -> Self {
        Self {
            id: &server.id,
            probability: candidate.probability,
            excluded: candidate.excluded.map(|excluded| excluded.name()),
        }
    }

    fn of_all(list: &'a ServerList, assessment: &Assessment) -> Vec<Self> {
        let pairs = list.servers().iter().zip(&assessment.candidates);
        pairs.map(|(server, candidate)| Self::of(server, candidate)).collect()
    }
}

/// Every server's probability, in the order of the list.
pub(crate) fn probabilities(list: &ServerList, assessment: &Assessment) -> JsValue {
    to_js(&Probability::of_all(list, assessment))
}

/// A decision, explained.
pub(crate) fn decision(decision: &Decision, list: &ServerList, assessment: &Assessment, server: &JsValue) -> JsValue {
    #[derive(Serialize)]
    struct View<'a> {
        group: u16,
        probability: f64,
        probabilities: Vec<Probability<'a>>,
        reason: &'static str,
    }
    let view = to_js(&View {
        group: decision.group,
        probability: decision.probability,
        probabilities: Probability::of_all(list, assessment),
        reason: decision.reason.name(),
    });
    set(&view, "server", server);
    view
}

/// What became of a list that was accepted.
pub(crate) fn list(list: &ServerList, dropped: &[Dropped], document: &Document) -> JsValue {
    #[derive(Serialize)]
    struct Entry {
        index: u32,
        code: &'static str,
    }
    #[derive(Serialize)]
    struct View {
        servers: usize,
        dropped: Vec<Entry>,
        /// Seconds.
        ttl: f64,
        /// Seconds.
        age: Option<f64>,
    }
    let dropped = dropped.iter().map(|dropped| Entry {
        index: dropped.index,
        code: dropped.why.code(),
    });
    let view = to_js(&View {
        servers: list.servers().len(),
        dropped: dropped.collect(),
        ttl: list.ttl.as_secs(),
        age: list.age.map(|age| age.as_secs()),
    });
    set(&view, "version", &document.version);
    view
}

/// A coming try.
pub(crate) fn retry(retry: &Retry, code: &JsValue) -> JsValue {
    #[derive(Serialize)]
    struct View {
        delay: f64,
        cause: &'static str,
        attempt: u32,
    }
    let view = to_js(&View {
        delay: retry.delay.as_millis(),
        cause: retry.cause.name(),
        attempt: retry.attempt,
    });
    set(&view, "code", code);
    view
}

/// The end of a connection or an attempt.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Closing {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) was_clean: bool,
    /// The browser fired `error`, or would have.
    pub(crate) errored: bool,
    #[serde(rename = "final")]
    pub(crate) is_final: bool,
}

impl Closing {
    /// Of a connection that was given up without a closing handshake.
    pub(crate) fn abnormal() -> Self {
        Self {
            code: 1006,
            reason: String::new(),
            was_clean: false,
            errored: true,
            is_final: false,
        }
    }
}

/// What a report of a fault needs beside the servers.
pub(crate) fn snapshot(client: &Client, document: Option<&Document>, servers: &Array, now: Instant) -> JsValue {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct List {
        /// Milliseconds.
        age: f64,
        received: f64,
        ttl: f64,
        fresh: bool,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct View<'a> {
        state: &'static str,
        server: Option<&'a str>,
        open_for: Option<f64>,
        attempts: u32,
        failures: u32,
        next_step_in: Option<f64>,
        list: Option<List>,
    }
    let in_force = client.selector().in_force();
    let server = in_force.and_then(|in_force| in_force.list.server(client.server()?));
    let view = to_js(&View {
        state: client.state().name(),
        server: server.map(|server| &*server.id),
        open_for: client.open_since().map(|since| now.since(since).as_millis()),
        attempts: client.attempts(),
        failures: client.failures(),
        next_step_in: client.poll_timeout().map(|at| at.since(now).as_millis()),
        list: in_force.map(|in_force| List {
            age: in_force.age(now).as_millis(),
            received: now.since(in_force.received).as_millis(),
            ttl: in_force.list.ttl.as_millis(),
            fresh: in_force.is_fresh(now),
        }),
    });
    set(&view, "servers", servers);
    if let Some(document) = document {
        set(&view, "version", &document.version);
    }
    view
}

/// Sets a member of an object of ours.
pub(crate) fn set(object: &JsValue, name: &str, value: &JsValue) {
    // Only a frozen object or a setter could refuse, and ours is neither.
    let _ = Reflect::set(object, &name.into(), value);
}

/// Plain objects for plain structs.
pub(crate) fn to_js(value: &impl Serialize) -> JsValue {
    // Our structs serialise without fail; `undefined` could only come of a mistake of ours.
    value.serialize(&Serializer::json_compatible()).unwrap_or_default()
}
