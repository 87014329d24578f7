//! What the application is shown: plain objects.

use js_sys::{Array, Reflect};
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
    let view = object(&[]);
    assign(&view, &document.entries.get(server.entry));
    add(
        &view,
        &[
            ("id", (&*server.id).into()),
            ("url", (&*server.url).into()),
            ("available", server.available.into()),
            ("draining", server.draining.into()),
            ("users", server.users.into()),
            ("priority", server.priority.into()),
            ("capacity", server.capacity.into()),
            ("weight", server.weight.into()),
        ],
    );
    view
}

/// Every server of the list as the client sees it now. `ejectedFor` is in milliseconds.
pub(crate) fn servers(
    in_force: &InForce,
    client: &Client,
    document: &Document,
    assessment: &Assessment,
    now: Instant,
) -> Array {
    let pairs = in_force.list.servers().iter().zip(&assessment.candidates);
    pairs
        .map(|(listed, candidate)| {
            let record = client.selector().memory.record(listed.key);
            let health = object(&[
                ("lost", record.is_some_and(|record| record.is_lost()).into()),
                (
                    "ejectedFor",
                    record.map_or(0.0, |record| record.ejected_for(now).as_millis()).into(),
                ),
                ("ejections", record.map_or(0, |record| record.ejections()).into()),
            ]);
            let view = server(listed, document);
            add(
                &view,
                &[("utilisation", listed.utilisation().into()), ("health", health)],
            );
            add_probability(&view, candidate);
            view
        })
        .collect()
}

fn add_probability(view: &JsValue, candidate: &Candidate) {
    add(view, &[("probability", candidate.probability.into())]);
    if let Some(excluded) = candidate.excluded {
        add(view, &[("excluded", excluded.name().into())]);
    }
}

/// Every server's probability, in the order of the list.
pub(crate) fn probabilities(list: &ServerList, assessment: &Assessment) -> Array {
    let pairs = list.servers().iter().zip(&assessment.candidates);
    pairs
        .map(|(server, candidate)| {
            let view = object(&[("id", (&*server.id).into())]);
            add_probability(&view, candidate);
            view
        })
        .collect()
}

/// A decision, explained.
pub(crate) fn decision(decision: &Decision, list: &ServerList, assessment: &Assessment, server: &JsValue) -> JsValue {
    object(&[
        ("server", server.clone()),
        ("group", decision.group.into()),
        ("probability", decision.probability.into()),
        ("probabilities", probabilities(list, assessment).into()),
        ("reason", decision.reason.name().into()),
    ])
}

/// What became of a list that was accepted. `ttl` and `age` are in seconds, as in the document.
pub(crate) fn list(list: &ServerList, dropped: &[Dropped], document: &Document) -> JsValue {
    let dropped: Array = dropped
        .iter()
        .map(|dropped| object(&[("index", dropped.index.into()), ("code", dropped.why.code().into())]))
        .collect();
    object(&[
        ("servers", (list.servers().len() as u32).into()),
        ("dropped", dropped.into()),
        ("ttl", list.ttl.as_secs().into()),
        ("age", list.age.map(|age| age.as_secs()).into()),
        ("version", document.version.clone()),
    ])
}

/// A coming try. `delay` is in milliseconds.
pub(crate) fn retry(retry: &Retry, code: JsValue) -> JsValue {
    object(&[
        ("delay", retry.delay.as_millis().into()),
        ("cause", retry.cause.name().into()),
        ("attempt", retry.attempt.into()),
        ("code", code),
    ])
}

/// The end of a connection or an attempt.
pub(crate) struct Closing {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) was_clean: bool,
    /// The browser fired `error`, or would have.
    pub(crate) errored: bool,
}

impl Closing {
    /// Of a connection that was given up without a closing handshake.
    pub(crate) fn abnormal() -> Self {
        Self {
            code: 1006,
            reason: String::new(),
            was_clean: false,
            errored: true,
        }
    }

    /// As the face gets it.
    pub(crate) fn view(&self, is_final: bool) -> JsValue {
        object(&[
            ("code", self.code.into()),
            ("reason", (&*self.reason).into()),
            ("wasClean", self.was_clean.into()),
            ("errored", self.errored.into()),
            ("final", is_final.into()),
        ])
    }
}

/// What a report of a fault needs beside the servers. Times are in milliseconds.
pub(crate) fn snapshot(client: &Client, document: Option<&Document>, servers: Array, now: Instant) -> JsValue {
    let in_force = client.selector().in_force();
    let server = in_force.and_then(|in_force| in_force.list.server(client.server()?));
    let view = object(&[
        ("state", client.state().name().into()),
        ("server", server.map(|server| &*server.id).into()),
        (
            "openFor",
            client.open_since().map(|since| now.since(since).as_millis()).into(),
        ),
        ("attempts", client.attempts().into()),
        ("failures", client.failures().into()),
        (
            "nextStepIn",
            client.poll_timeout().map(|at| at.since(now).as_millis()).into(),
        ),
        ("servers", servers.into()),
    ]);
    if let (Some(in_force), Some(document)) = (in_force, document) {
        let list = object(&[
            ("version", document.version.clone()),
            ("age", in_force.age(now).as_millis().into()),
            ("receivedAgo", now.since(in_force.received).as_millis().into()),
            ("ttl", in_force.list.ttl.as_millis().into()),
            ("fresh", in_force.is_fresh(now).into()),
        ]);
        add(&view, &[("list", list)]);
    }
    view
}

fn object(members: &[(&str, JsValue)]) -> JsValue {
    let object = js_sys::Object::new().into();
    add(&object, members);
    object
}

/// Adds members to an object of ours.
pub(crate) fn add(object: &JsValue, members: &[(&str, JsValue)]) {
    for (name, value) in members {
        // Only a frozen object or a setter could refuse, and ours is neither.
        let _ = Reflect::set(object, &JsValue::from_str(name), value);
    }
}
