//! The decision alone, for `createSelector`: the same list, memory and draws, without a connection.

use std::sync::Arc;

use js_sys::Array;
use wasm_bindgen::prelude::*;

use super::answer::read_document;
use super::face::random_seed;
use super::view::{self, Document};
use crate::cause::Cause;
use crate::decision::Assessment;
use crate::list::ServerKey;
use crate::list::read::{Envelope, key_of};
use crate::random::Random;
use crate::selector::Overrides;
use crate::time::Instant;

/// The decision behind `createSelector`. All times in milliseconds, on whatever clock the caller keeps to.
#[wasm_bindgen]
pub struct Selector {
    selector: crate::selector::Selector,
    random: Random,
    assessment: Assessment,
    document: Option<Document>,
}

#[wasm_bindgen]
impl Selector {
    /// A selector without a list.
    #[wasm_bindgen(constructor)]
    pub fn new(seed: Option<f64>) -> Self {
        Self {
            selector: crate::selector::Selector::default(),
            random: Random::new(random_seed(seed)),
            assessment: Assessment::default(),
            document: None,
        }
    }

    /// Takes in a list.
    ///
    /// # Errors
    ///
    /// Throws a code if the document cannot be used; the last list stays in force.
    pub fn update(&mut self, document: &JsValue, now: f64, base: &str) -> Result<JsValue, JsValue> {
        let (list, dropped) =
            read_document(document, Envelope::default(), base).map_err(|error| JsValue::from_str(error.code()))?;
        let kept = Document::new(document);
        let summary = view::list(&list, &dropped, &kept);
        if self.selector.update(Arc::new(list), Instant::from_millis(now)) {
            self.document = Some(kept);
        }
        Ok(summary)
    }

    /// Draws a server; `undefined` if none is eligible.
    pub fn select(&mut self, now: f64, lost: Option<Array>, failures: Option<u32>) -> Option<JsValue> {
        self.assess(now, lost, failures);
        let decision = self.selector.draw(&self.assessment, &mut self.random)?;
        let list = &self.selector.in_force()?.list;
        let server = view::server(list.servers().get(decision.server)?, self.document.as_ref()?);
        Some(view::decision(&decision, list, &self.assessment, &server))
    }

    /// Every server's probability, in the order of the list.
    pub fn probabilities(&mut self, now: f64, lost: Option<Array>, failures: Option<u32>) -> Array {
        self.assess(now, lost, failures);
        match self.selector.in_force() {
            Some(in_force) => view::probabilities(&in_force.list, &self.assessment),
            None => Array::new(),
        }
    }

    /// A connection to this server failed or ended, for this reason.
    ///
    /// # Errors
    ///
    /// Throws a code for a server that is not listed, or a kind that is none.
    #[wasm_bindgen(js_name = reportFailure)]
    pub fn report_failure(&mut self, id: &str, now: f64, kind: &str) -> Result<(), JsValue> {
        let now = Instant::from_millis(now);
        let key = self.listed(id)?;
        match Cause::from_name(kind) {
            Some(cause) => self.selector.report_failure(key, cause, true, now),
            // Trouble of our own costs no server its good name.
            None if kind == "local" => {}
            None => return Err("unknown-kind".into()),
        }
        Ok(())
    }

    /// A connection to this server has lasted.
    ///
    /// # Errors
    ///
    /// Throws a code for a server that is not listed.
    #[wasm_bindgen(js_name = reportSuccess)]
    pub fn report_success(&mut self, id: &str) -> Result<(), JsValue> {
        self.listed(id)?;
        self.selector.report_success();
        Ok(())
    }

    fn listed(&self, id: &str) -> Result<ServerKey, JsValue> {
        let server = self.selector.in_force().and_then(|in_force| in_force.list.find(id));
        Ok(server.ok_or("unknown-server")?.key)
    }

    fn assess(&mut self, now: f64, lost: Option<Array>, failures: Option<u32>) {
        let lost: Option<Vec<ServerKey>> = lost.map(|ids| {
            let ids = ids.iter().filter_map(|id| id.as_string());
            ids.map(|id| key_of(&id)).collect()
        });
        let overrides = Overrides {
            lost: lost.as_deref(),
            failures,
            overloaded: None,
        };
        self.selector
            .assess(Instant::from_millis(now), overrides, &mut self.assessment);
    }
}
