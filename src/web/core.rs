//! The core's export: a client, or a selector alone, as numbers in and numbers out.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use wasm_bindgen::prelude::*;

use super::wire::Wire;
use crate::affinity::Affinity;
use crate::cause::SeedFailure;
use crate::client::{AttemptId, Client, Command, Config, MoveReason, Retry, RetryCause, State};
use crate::decision::{Assessment, Exclusion};
use crate::list::read::{DropReason, Dropped, Envelope, ListError, key_of, read};
use crate::list::{ServerKey, ServerList};
use crate::seeds::RequestId;
use crate::selector::{Decision, Overrides, Reason};
use crate::time::{Duration, Instant};

/// How often a sleep of the page or the machine is looked for: often enough that nobody waits long for it to be noticed,
/// rarely enough to cost nothing.
const CLOCK_CHECK: Duration = Duration::from_secs(30.0);

/// A setting that has no value unless one is given.
const NOT_GIVEN: Duration = Duration::from_millis(-1.0);

/// A client with its working space. All times are milliseconds on one clock of the caller's; where a number may be
/// missing, NaN says so.
#[wasm_bindgen]
pub struct Core {
    client: Client,
    /// What the last decision was drawn from, and what was last asked for: a look in between must not change the one.
    decided: Assessment,
    asked: Assessment,
    dropped: Vec<Dropped>,
    secure: bool,
}

#[wasm_bindgen]
impl Core {
    /// A client in the state `idle`. Without seeds its list is given, and used alone it is a selector.
    ///
    /// `settings`: `seedTimeout`, `refreshInterval`, `credentialTimeout`, `connectTimeout`, `minUptime`, `closeTimeout`, the
    /// heartbeat's interval and timeout, `silenceTimeout`, `linger`; what is missing has its default. `flags`: prepares, hedge,
    /// failback, rebalance, a platform that delays attempts after failures, a secure page, watches; the lowest bit first.
    #[wasm_bindgen(constructor)]
    pub fn new(random_seed: f64, seeds: u16, settings: &[f64], flags: u8, affinity: Option<String>) -> Self {
        let default = Config::default();
        let mut spans = [
            default.seed_timeout,
            default.refresh_interval,
            NOT_GIVEN,
            default.connect_timeout,
            default.min_uptime,
            default.close_timeout,
            default.heartbeat_interval,
            default.heartbeat_timeout,
            NOT_GIVEN,
            default.linger,
        ];
        for (span, &given) in spans.iter_mut().zip(settings) {
            if given >= 0.0 {
                *span = Duration::from_millis(given);
            }
        }
        let [
            seed_timeout,
            refresh_interval,
            credential_timeout,
            connect_timeout,
            min_uptime,
            close_timeout,
            heartbeat_interval,
            heartbeat_timeout,
            silence_timeout,
            linger,
        ] = spans;
        let given = |span: Duration| Some(span).filter(|&span| span != NOT_GIVEN);
        let flag = |bit: u8| flags >> bit & 1 == 1;
        let config = Config {
            seeds,
            seed_timeout,
            refresh_interval,
            watches: flag(6),
            credential_timeout: given(credential_timeout),
            connect_timeout,
            min_uptime,
            close_timeout,
            heartbeat_interval,
            heartbeat_timeout,
            silence_timeout: given(silence_timeout),
            linger,
            prepares: flag(0),
            hedge: flag(1),
            failback: flag(2),
            rebalance: flag(3),
            dials_are_delayed: flag(4),
            clock_check: CLOCK_CHECK,
            affinity: affinity.map(|key| Affinity::of(&key)),
        };
        Self {
            client: Client::new(config, random_seed.to_bits()),
            decided: Assessment::default(),
            asked: Assessment::default(),
            dropped: Vec::new(),
            secure: flag(5),
        }
    }

    /// Takes in a document of `length` entries, as [`wire`](super::wire) has it. `from`: the request that it answers, or 0 for
    /// one that the application gives, −1 for its fallback, −2 for one from an earlier visit, received at `received`.
    /// `age` and `max_age` are the answer's headers, in seconds. True if it is in force now; a fallback never is. Nothing if no
    /// entry can be used: the list in force stays, and [`summary`](Self::summary) says what was wrong with them.
    #[expect(
        clippy::too_many_arguments,
        reason = "an object would cost the glue more than names cost the reader"
    )]
    pub fn take(
        &mut self,
        now: f64,
        from: i32,
        length: u32,
        numbers: &[f64],
        text: &str,
        age: f64,
        max_age: f64,
        received: f64,
    ) -> Option<bool> {
        let envelope = Envelope {
            age: seconds(age),
            max_age: seconds(max_age),
            secure: self.secure,
        };
        let mut wire = Wire::new(numbers, text);
        let header = wire.header();
        let list = match read(header, length, wire, envelope) {
            Ok((list, dropped)) => {
                self.dropped = dropped;
                list
            }
            Err(error) => {
                if let ListError::Empty(dropped) = error {
                    self.dropped = dropped;
                }
                return None;
            }
        };
        let (now, list) = (Instant::from_millis(now), Arc::new(list));
        Some(match from {
            0 => self.client.handle_given_list(now, list),
            -1 => {
                self.client.handle_fallback_list(list);
                false
            }
            -2 => self
                .client
                .handle_cached_list(now, Instant::from_millis(received), list),
            request => self.client.handle_list(now, RequestId(request.unsigned_abs()), list),
        })
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

    /// Something happened, to an attempt where it is about one.
    ///
    /// | what | happened |
    /// |---|---|
    /// | 0 | leave `idle` |
    /// | 1 | this attempt has its credentials, and is under way |
    /// | 2 | it has none |
    /// | 3 | its connection stands |
    /// | 4 | it is prepared |
    /// | 5 | it cannot be prepared |
    /// | 6 | the application closes for good |
    /// | 7 | it wants another decision at once |
    /// | 8 | it wants to be moved |
    /// | 9 | it wants the list now |
    /// | 10 | there is no network |
    /// | 11 | there is one |
    /// | 12 | the page or the machine has slept, or is on another network |
    /// | 13 | the ping for this connection could not be sent |
    /// | 14 | the application closes this connection, which was chosen once |
    /// | 15 | something arrived in this stream |
    /// | 16 | nobody sees the page |
    /// | 17 | somebody does |
    pub fn tell(&mut self, now: f64, what: u8, attempt: u32) {
        let (now, attempt) = (Instant::from_millis(now), AttemptId(attempt));
        let client = &mut self.client;
        match what {
            0 => client.handle_start(),
            1 => client.handle_dialed(now, attempt),
            2 => client.handle_credentials_failed(now, attempt),
            3 => client.handle_open(now, attempt),
            4 => client.handle_prepared(now, attempt),
            5 => client.handle_unprepared(now, attempt),
            6 => client.handle_close(now),
            7 => client.handle_reconnect(now),
            8 => client.handle_migrate(now),
            9 => client.handle_refresh(now),
            10 | 11 => client.handle_network(now, what == 11),
            12 => client.handle_wake(now),
            13 => client.handle_not_asked(attempt),
            15 => client.handle_stream_heard(now, RequestId(attempt.0)),
            16 | 17 => client.handle_visibility(now, what == 17),
            _ => client.handle_leave(now, attempt),
        }
    }

    /// A connection is wanted that is chosen once: the attempt at it. `affinity`: its own key, if it has one.
    pub fn want(&mut self, now: f64, affinity: Option<String>) -> u32 {
        let affinity = affinity.map(|key| Affinity::of(&key));
        self.client.handle_want(Instant::from_millis(now), affinity).0
    }

    /// Something arrived on the connection of this attempt, at this time.
    pub fn heard(&mut self, attempt: u32, at: f64) {
        self.client.handle_heard(AttemptId(attempt), Instant::from_millis(at));
    }

    /// Whether the application is to be asked if the end of this attempt is the end of all.
    pub fn asks(&self, attempt: u32) -> bool {
        self.client.asks_whether_final(AttemptId(attempt))
    }

    /// The attempt failed, or its connection ended.
    pub fn closed(&mut self, now: f64, attempt: u32, code: u16, reconnect: bool) {
        let (now, attempt) = (Instant::from_millis(now), AttemptId(attempt));
        self.client.handle_closed(now, attempt, code, reconnect);
    }

    /// The next thing to do, if there is one: its kind, then what it needs.
    ///
    /// | kind | command | then |
    /// |---|---|---|
    /// | 0 | the state is another one | |
    /// | 1 | ask a seed | request, seed, for a stream? |
    /// | 2 | abort the request | request |
    /// | 3 | open a connection | attempt, is it beside another one?, server, group, probability, reason |
    /// | 4 | the connection stands | attempt |
    /// | 5 | begin the closing handshake | attempt |
    /// | 6 | drop the connection | attempt |
    /// | 7 | the connection is lost | attempt or 0, is it final?, reason of the move or −1 |
    /// | 8 | there will be another try | delay, cause, attempt |
    /// | 9 | have the connection prepared | attempt |
    /// | 10 | the connection is another one | attempt, reason, the one before |
    /// | 11 | send the application's ping | attempt |
    /// | 12 | close a connection that has been replaced | attempt |
    /// | 13 | a list kept for this is in force | is it the application's own? |
    pub fn poll(&mut self, now: f64) -> Option<Vec<f64>> {
        let command = self.client.poll(Instant::from_millis(now), &mut self.decided)?;
        let flag = |flag: bool| f64::from(u8::from(flag));
        // Of numbers that the command has no use for, nobody takes notice.
        let (kind, numbers): (u8, [f64; 3]) = match command {
            Command::State(_) => (0, [0.0; 3]),
            Command::Fetch { request, seed } => (1, [request.0.into(), seed.into(), 0.0]),
            Command::Watch { request, seed } => (1, [request.0.into(), seed.into(), 1.0]),
            Command::CancelFetch { request } => (2, [request.0.into(), 0.0, 0.0]),
            Command::Connect {
                attempt,
                decision,
                beside,
            } => {
                let mut numbers = vec![3.0, attempt.0.into(), flag(beside)];
                numbers.extend_from_slice(&numbers_of(&decision));
                return Some(numbers);
            }
            Command::Opened { attempt } => (4, [attempt.0.into(), 0.0, 0.0]),
            Command::Close { attempt } => (5, [attempt.0.into(), 0.0, 0.0]),
            Command::Abandon { attempt } => (6, [attempt.0.into(), 0.0, 0.0]),
            Command::Lost {
                attempt,
                is_final,
                moved,
            } => {
                let attempt = attempt.map_or(0, |attempt| attempt.0);
                let moved = moved.map_or(-1.0, |reason| position(&MoveReason::ALL, &reason));
                (7, [attempt.into(), flag(is_final), moved])
            }
            Command::Retry(Retry { delay, cause, attempt }) => {
                let cause = position(&RetryCause::ALL, &cause);
                (8, [delay.as_millis(), cause, attempt.into()])
            }
            Command::Prepare { attempt } => (9, [attempt.0.into(), 0.0, 0.0]),
            Command::Migrated { from, attempt, reason } => {
                let reason = position(&MoveReason::ALL, &reason);
                (10, [attempt.0.into(), reason, from.0.into()])
            }
            Command::Beat { attempt } => (11, [attempt.0.into(), 0.0, 0.0]),
            Command::Retire { attempt } => (12, [attempt.0.into(), 0.0, 0.0]),
            Command::Resort { fallback } => (13, [flag(fallback), 0.0, 0.0]),
        };
        let [first, second, third] = numbers;
        Some(vec![kind.into(), first, second, third])
    }

    /// When to poll again, if nothing happens before; infinite if there is no need.
    pub fn timeout(&self) -> f64 {
        self.client.poll_timeout().unwrap_or(Instant::NEVER).as_millis()
    }

    /// Where the client stands: the position in the contract's list of states.
    pub fn state(&self) -> u8 {
        position(&State::ALL, &self.client.state()) as u8
    }

    /// Whether a close code means that coming back is pointless.
    #[wasm_bindgen(js_name = isFinal)]
    pub fn is_final(code: u16) -> bool {
        crate::cause::is_final(code)
    }

    /// Works out every server's probability as it is now; what is given stands in for what was reported: the positions of
    /// those that are lost, and the failures after the first, where that is no NaN.
    pub fn assess(&mut self, now: f64, lost: Option<Vec<f64>>, failures: f64) {
        let lost: Option<Vec<ServerKey>> = lost.map(|positions| {
            let positions = positions.into_iter();
            positions.filter_map(|position| self.key(position as usize)).collect()
        });
        let overrides = Overrides {
            lost: lost.as_deref(),
            failures: (failures >= 0.0).then_some(failures as u32),
            ..Overrides::default()
        };
        self.client
            .assess(Instant::from_millis(now), overrides, &mut self.asked);
    }

    /// Draws a server by the probabilities last worked out: server, group, probability, reason. Nothing if none is eligible.
    pub fn draw(&mut self) -> Option<Vec<f64>> {
        self.client
            .draw(&self.asked)
            .map(|decision| numbers_of(&decision).into())
    }

    /// The list in force and what the client knows of each server, eleven numbers each: its position in the document,
    /// users, capacity, weight, priority, available + 2·draining, probability as last worked out, exclusion (−1: none),
    /// lost, milliseconds that it stays ejected, ejections. The probabilities are those of the last decision, or of the last
    /// [`assess`](Self::assess).
    pub fn servers(&self, now: f64, decided: bool) -> Vec<f64> {
        let selector = self.client.selector();
        let Some(list) = self.list() else { return Vec::new() };
        let assessment = if decided { &self.decided } else { &self.asked };
        let mut numbers = Vec::with_capacity(11 * list.servers().len());
        for (server, candidate) in list.servers().iter().zip(&assessment.candidates) {
            let record = selector.memory.record(server.key);
            numbers.extend_from_slice(&[
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
        let list = self.list().map_or([f64::NAN; 3], |list| {
            let age = list.age.map_or(f64::NAN, Duration::as_secs);
            [list.servers().len() as f64, list.ttl.as_secs(), age]
        });
        let mut numbers = Vec::from(list);
        for dropped in &self.dropped {
            numbers.extend_from_slice(&[dropped.index.into(), position(&DropReason::ALL, &dropped.why)]);
        }
        numbers
    }

    /// Where the client stands, for a report of a fault: the server (its position, or −1), milliseconds open, attempts,
    /// failures of this episode, milliseconds to the next step, milliseconds since anything was heard, why it is about to move
    /// (or −1); and of the list in force, milliseconds of age and since its
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
            client.last_heard().map_or(f64::NAN, |at| now.since(at).as_millis()),
            client
                .leaving()
                .map_or(-1.0, |(reason, _)| position(&MoveReason::ALL, &reason)),
        ];
        if let Some(in_force) = client.selector().in_force() {
            numbers.extend_from_slice(&[
                in_force.age(now).as_millis(),
                now.since(in_force.received).as_millis(),
                in_force.list.ttl.as_millis(),
                f64::from(u8::from(in_force.is_fresh(now))),
            ]);
        }
        numbers
    }

    /// Where in the list in force the server of this id stands, or −1.
    pub fn find(&self, id: &str) -> i32 {
        let position = self.list().and_then(|list| list.position(key_of(id)));
        position.map_or(-1, |position| position as i32)
    }

    /// Trouble with the server at this position, of a kind by its position among the causes of retries. False if that is
    /// not a server's trouble.
    #[wasm_bindgen(js_name = reportFailure)]
    pub fn report_failure(&mut self, now: f64, server: usize, kind: usize) -> bool {
        let (Some(key), Some(&RetryCause::Server(cause))) = (self.key(server), RetryCause::ALL.get(kind)) else {
            return false;
        };
        let now = Instant::from_millis(now);
        self.client.selector_mut().report_failure(key, cause, true, now);
        true
    }

    /// A connection has lasted.
    #[wasm_bindgen(js_name = reportSuccess)]
    pub fn report_success(&mut self) {
        self.client.selector_mut().report_success();
    }

    /// The names behind the numbers: of exclusions, reasons of decisions, causes of retries, reasons to leave an entry out,
    /// reasons to move.
    /// A semicolon parts the kinds, a comma the names.
    pub fn words() -> String {
        let mut words = String::new();
        let kinds: [&[&str]; 5] = [
            &Exclusion::ALL.map(Exclusion::name),
            &Reason::ALL.map(Reason::name),
            &RetryCause::ALL.map(RetryCause::name),
            &DropReason::ALL.map(DropReason::code),
            &MoveReason::ALL.map(MoveReason::name),
        ];
        for names in kinds {
            for name in names {
                words.push_str(name);
                words.push(',');
            }
            words.push(';');
        }
        words
    }

    fn list(&self) -> Option<&ServerList> {
        self.client.selector().in_force().map(|in_force| &*in_force.list)
    }

    fn key(&self, server: usize) -> Option<ServerKey> {
        Some(self.list()?.servers().get(server)?.key)
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
