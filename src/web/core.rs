//! The core's export: a client, or a selector alone, as numbers in and numbers out.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use js_sys::Array;
use wasm_bindgen::prelude::*;

use super::wire::Wire;
use crate::cause::{Cause, SeedFailure};
use crate::client::{AttemptId, Client, Command, Config, RetryCause, State};
use crate::decision::{Assessment, Exclusion};
use crate::list::read::{DropReason, Dropped, Envelope, ListError, key_of, read};
use crate::list::{ServerKey, ServerList};
use crate::seeds::RequestId;
use crate::selector::{Decision, Overrides, Reason};
use crate::time::{Duration, Instant};

/// A client with its working space. All times are milliseconds on one clock of the caller's; where a number may be
/// missing, NaN says so.
#[wasm_bindgen]
pub struct Core {
    client: Client,
    assessment: Assessment,
    dropped: Vec<Dropped>,
}

#[wasm_bindgen]
impl Core {
    /// A client in the state `idle`. Without seeds its list is given, and used alone it is a selector.
    #[wasm_bindgen(constructor)]
    pub fn new(
        random_seed: f64,
        seeds: u16,
        seed_timeout: f64,
        connect_timeout: f64,
        min_uptime: f64,
        close_timeout: f64,
    ) -> Self {
        let config = Config {
            seeds,
            seed_timeout: Duration::from_millis(seed_timeout),
            connect_timeout: Duration::from_millis(connect_timeout),
            min_uptime: Duration::from_millis(min_uptime),
            close_timeout: Duration::from_millis(close_timeout),
        };
        Self {
            client: Client::new(config, random_seed.to_bits()),
            assessment: Assessment::default(),
            dropped: Vec::new(),
        }
    }

    /// Leaves `idle`.
    pub fn start(&mut self) {
        self.client.handle_start();
    }

    /// Takes in a document of `length` entries, as [`wire`](super::wire) has it, as the answer to `request`, or as given
    /// by the application if that is 0. `age` and `max_age` are the answer's headers, in seconds. False if it comes too
    /// late, or is older than the list in force.
    ///
    /// # Errors
    ///
    /// Throws a code if the document cannot be used; the list in force stays, and [`summary`](Self::summary) says what was
    /// wrong with the entries.
    #[expect(
        clippy::too_many_arguments,
        reason = "an object would cost the glue more than names cost the reader"
    )]
    pub fn take(
        &mut self,
        now: f64,
        request: u32,
        length: u32,
        numbers: &[f64],
        text: &str,
        age: f64,
        max_age: f64,
    ) -> Result<bool, JsValue> {
        let envelope = Envelope {
            age: seconds(age),
            max_age: seconds(max_age),
        };
        let mut wire = Wire::new(numbers, text);
        let header = wire.header();
        let (list, dropped) = read(header, length, wire, envelope).map_err(|error| {
            let code = JsValue::from_str(error.code());
            if let ListError::Empty(dropped) = error {
                self.dropped = dropped;
            }
            code
        })?;
        let (now, list) = (Instant::from_millis(now), Arc::new(list));
        let accepted = match request {
            0 => self.client.handle_given_list(now, list),
            request => self.client.handle_list(now, RequestId(request), list),
        };
        if accepted {
            self.dropped = dropped;
        }
        Ok(accepted)
    }

    /// A seed gave no list: it answered with another `status` than success, or with something that is no list, or, if
    /// `status` is 0, not at all. `retry_after` is in seconds.
    #[wasm_bindgen(js_name = listFailed)]
    pub fn list_failed(&mut self, now: f64, request: u32, status: u16, retry_after: f64) {
        let failure = match status {
            0 => SeedFailure::Unreachable,
            200..300 => SeedFailure::BadList,
            status => SeedFailure::of_status(status),
        };
        let (now, request) = (Instant::from_millis(now), RequestId(request));
        self.client
            .handle_list_failed(now, request, failure, seconds(retry_after));
    }

    /// The connection of this attempt stands.
    pub fn opened(&mut self, now: f64, attempt: u32) {
        self.client.handle_open(Instant::from_millis(now), AttemptId(attempt));
    }

    /// The attempt failed, or its connection ended.
    pub fn closed(&mut self, now: f64, attempt: u32, code: u16, reconnect: bool) {
        let (now, attempt) = (Instant::from_millis(now), AttemptId(attempt));
        self.client.handle_closed(now, attempt, code, reconnect);
    }

    /// The application closes for good.
    pub fn close(&mut self, now: f64) {
        self.client.handle_close(Instant::from_millis(now));
    }

    /// The application wants another decision at once.
    pub fn reconnect(&mut self, now: f64) {
        self.client.handle_reconnect(Instant::from_millis(now));
    }

    /// The next thing to do, if there is one: its kind, then what it needs.
    ///
    /// | kind | command | then |
    /// |---|---|---|
    /// | 0 | the state is another one | |
    /// | 1 | ask a seed | request, seed |
    /// | 2 | abort the request | |
    /// | 3 | open a connection | attempt, server, group, probability, reason |
    /// | 4 | the connection stands | |
    /// | 5 | begin the closing handshake | |
    /// | 6 | drop the connection | |
    /// | 7 | the connection is lost | is it final? |
    /// | 8 | there will be another try | delay, cause, attempt |
    pub fn poll(&mut self, now: f64) -> Option<Vec<f64>> {
        let command = self.client.poll(Instant::from_millis(now), &mut self.assessment)?;
        Some(match command {
            Command::State(_) => vec![0.0],
            Command::Fetch { request, seed } => vec![1.0, request.0.into(), seed.into()],
            Command::CancelFetch { .. } => vec![2.0],
            Command::Connect { attempt, decision } => {
                let mut numbers = vec![3.0, attempt.0.into()];
                numbers.extend(numbers_of(&decision));
                numbers
            }
            Command::Opened { .. } => vec![4.0],
            Command::Close { .. } => vec![5.0],
            Command::Abandon { .. } => vec![6.0],
            Command::Lost { is_final } => vec![7.0, f64::from(u8::from(is_final))],
            Command::Retry(retry) => vec![
                8.0,
                retry.delay.as_millis(),
                position(&RetryCause::ALL, &retry.cause),
                retry.attempt.into(),
            ],
        })
    }

    /// When to poll again, if nothing happens before; infinite if there is no need.
    pub fn timeout(&self) -> f64 {
        self.client.poll_timeout().unwrap_or(Instant::NEVER).as_millis()
    }

    /// Where the client stands: the position in the contract's list of states.
    pub fn state(&self) -> u8 {
        match self.client.state() {
            State::Idle => 0,
            State::Connecting => 1,
            State::Open => 2,
            State::Reconnecting => 3,
            State::Closing => 6,
            State::Closed => 7,
        }
    }

    /// Whether a close code means that coming back is pointless.
    #[wasm_bindgen(js_name = isFinal)]
    pub fn is_final(code: u16) -> bool {
        crate::cause::is_final(code)
    }

    /// Works out every server's probability as it is now; what is given stands in for what was reported.
    pub fn assess(&mut self, now: f64, lost: Option<Array>, failures: Option<u32>) {
        let lost: Option<Vec<ServerKey>> = lost.map(|ids| {
            let ids = ids.iter().filter_map(|id| id.as_string());
            ids.map(|id| key_of(&id)).collect()
        });
        let overrides = Overrides {
            lost: lost.as_deref(),
            failures,
            overloaded: None,
        };
        self.client
            .assess(Instant::from_millis(now), overrides, &mut self.assessment);
    }

    /// Draws a server by the probabilities last worked out: server, group, probability, reason. Nothing if none is eligible.
    pub fn draw(&mut self) -> Option<Vec<f64>> {
        self.client
            .draw(&self.assessment)
            .map(|decision| numbers_of(&decision).into())
    }

    /// The list in force and what the client knows of each server, eleven numbers each: its position in the document,
    /// users, capacity, weight, priority, available + 2·draining, probability as last worked out, exclusion (−1: none),
    /// lost, milliseconds that it stays ejected, ejections.
    pub fn servers(&self, now: f64) -> Vec<f64> {
        let selector = self.client.selector();
        let Some(list) = self.list() else { return Vec::new() };
        let mut numbers = Vec::with_capacity(11 * list.servers().len());
        for (server, candidate) in list.servers().iter().zip(&self.assessment.candidates) {
            let record = selector.memory.record(server.key);
            numbers.extend([
                server.entry.into(),
                server.users,
                server.capacity,
                server.weight,
                server.priority.into(),
                f64::from(u8::from(server.available) + 2 * u8::from(server.draining)),
                candidate.probability,
                candidate
                    .excluded
                    .map_or(-1.0, |excluded| position(&Exclusion::ALL, &excluded)),
                f64::from(u8::from(record.is_some_and(|record| record.is_lost()))),
                record.map_or(0.0, |record| record.ejected_for(Instant::from_millis(now)).as_millis()),
                record.map_or(0, |record| record.ejections()).into(),
            ]);
        }
        numbers
    }

    /// The id of a server, by its position in the list in force.
    pub fn id(&self, server: usize) -> Option<String> {
        Some(self.list()?.servers().get(server)?.id.as_ref().into())
    }

    /// The URL of a server, by its position in the list in force.
    pub fn url(&self, server: usize) -> Option<String> {
        Some(self.list()?.servers().get(server)?.url.as_ref().into())
    }

    /// Of the list in force servers, ttl and age in seconds; then, for each entry of the last document that was left out,
    /// its position and the reason.
    pub fn summary(&self) -> Vec<f64> {
        let mut numbers = match self.list() {
            Some(list) => {
                let age = list.age.map_or(f64::NAN, Duration::as_secs);
                vec![list.servers().len() as f64, list.ttl.as_secs(), age]
            }
            None => vec![f64::NAN; 3],
        };
        for dropped in &self.dropped {
            numbers.extend([dropped.index.into(), position(&DropReason::ALL, &dropped.why)]);
        }
        numbers
    }

    /// Where the client stands, for a report of a fault: the server (its position, or −1), milliseconds open, attempts,
    /// failures of this episode, milliseconds to the next step; and of the list in force, milliseconds of age and since its
    /// receipt, ttl, and whether it is fresh.
    pub fn status(&self, now: f64) -> Vec<f64> {
        let now = Instant::from_millis(now);
        let client = &self.client;
        let server = self.list().and_then(|list| list.position(client.server()?));
        let mut numbers = vec![
            server.map_or(-1.0, |position| position as f64),
            client
                .open_since()
                .map_or(f64::NAN, |since| now.since(since).as_millis()),
            client.attempts().into(),
            client.failures().into(),
            client.poll_timeout().map_or(f64::NAN, |at| at.since(now).as_millis()),
        ];
        if let Some(in_force) = client.selector().in_force() {
            numbers.extend([
                in_force.age(now).as_millis(),
                now.since(in_force.received).as_millis(),
                in_force.list.ttl.as_millis(),
                f64::from(u8::from(in_force.is_fresh(now))),
            ]);
        }
        numbers
    }

    /// Trouble with a server, of a kind by its name.
    ///
    /// # Errors
    ///
    /// Throws a code for a server that is not listed, or a kind that is none.
    #[wasm_bindgen(js_name = reportFailure)]
    pub fn report_failure(&mut self, now: f64, id: &str, kind: &str) -> Result<(), JsValue> {
        let key = self.listed(id)?;
        match Cause::ALL.into_iter().find(|cause| cause.name() == kind) {
            Some(cause) => self
                .client
                .selector_mut()
                .report_failure(key, cause, true, Instant::from_millis(now)),
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
        self.client.selector_mut().report_success();
        Ok(())
    }

    /// The names behind the numbers: of exclusions, reasons of decisions, causes of retries, reasons to leave an entry out.
    /// A semicolon parts the kinds, a comma the names.
    pub fn words() -> String {
        let mut words = String::new();
        let kinds: [&dyn Fn(usize) -> Option<&'static str>; 4] = [
            &|at| Exclusion::ALL.get(at).map(|excluded| excluded.name()),
            &|at| Reason::ALL.get(at).map(|reason| reason.name()),
            &|at| RetryCause::ALL.get(at).map(|cause| cause.name()),
            &|at| DropReason::ALL.get(at).map(|why| why.code()),
        ];
        for names in kinds {
            (0..).map_while(names).for_each(|name| {
                words.push_str(name);
                words.push(',');
            });
            words.push(';');
        }
        words
    }

    fn list(&self) -> Option<&ServerList> {
        self.client.selector().in_force().map(|in_force| &*in_force.list)
    }

    fn listed(&self, id: &str) -> Result<ServerKey, JsValue> {
        Ok(self.list().and_then(|list| list.find(id)).ok_or("unknown-server")?.key)
    }
}

fn numbers_of(decision: &Decision) -> [f64; 4] {
    [
        decision.server as f64,
        decision.group.into(),
        decision.probability,
        position(&Reason::ALL, &decision.reason),
    ]
}

fn position<T: PartialEq>(all: &[T], one: &T) -> f64 {
    all.iter().position(|other| other == one).unwrap_or_default() as f64
}

fn seconds(number: f64) -> Option<Duration> {
    (number >= 0.0).then(|| Duration::from_secs(number))
}
