//! Whatever happens, in whatever order and however late: the watch's rules hold, and once all is well the client opens.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel::affinity::Affinity;
use evenkeel::cause::SeedFailure;
use evenkeel::client::{AttemptId, Client, Command, Config, FOREVER, MoveReason, RetryCause, State};
use evenkeel::decision::Assessment;
use evenkeel::list::ServerList;
use evenkeel::random::Random;
use evenkeel::time::{Duration, Instant};
use serde_json::{Value, json};

use crate::support::{document, entry, list, secs, server};
use crate::watched::Watched;

struct Chaos {
    random: Random,
    now: Instant,
    watched: Watched,
    /// Attempts that were made, the last few: their events may come at any time.
    attempts: Vec<AttemptId>,
    /// All that it did.
    done: Vec<Command>,
    well: bool,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let config = any_config(&mut random);
        let mut chaos = Self {
            random,
            now: Instant::from_millis(0.0),
            watched: Watched::new(config, seed),
            attempts: Vec::new(),
            done: Vec::new(),
            well: false,
        };
        if config.seeds == 0 {
            // A fixed list is there before the start: nobody else would bring one.
            let list = chaos.list();
            chaos.watched.given_list(chaos.now, list);
        }
        chaos
    }

    fn pick(&mut self, of: usize) -> usize {
        pick(&mut self.random, of)
    }

    fn list(&mut self) -> Arc<ServerList> {
        let servers: Vec<Value> = (0..=self.pick(5))
            .map(|_| {
                let id = ["a", "b", "c", "d", "e", "f"][self.pick(6)];
                let users = [0.0, 1.0, 50.0, 5e4, 1e12][self.pick(5)];
                let users = Some(users).filter(|_| self.pick(4) != 0);
                let capacity = [Some(0.0), None, Some(1.0), Some(100.0), Some(1e5)][self.pick(5)];
                let rate = [None, Some(1e-6), Some(1e3)][self.pick(3)];
                let more = json!({
                    "users": users, "capacity": capacity, "connectRate": rate, "priority": self.pick(3),
                    "available": self.pick(4) != 0, "draining": self.pick(6) == 0,
                });
                entry(id, more)
            })
            .collect();
        let age = [None, Some(0.0), Some(2.0), Some(40.0), Some(1e9)][self.pick(5)];
        let ttl = [None, Some(1), Some(60)][self.pick(3)];
        let retry_after = Some(5).filter(|_| self.pick(4) == 0);
        let version = Some(1).filter(|_| self.pick(2) == 0);
        let heartbeat = Some(20).filter(|_| self.pick(4) == 0);
        let whole = json!({
            "age": age, "ttl": ttl, "retryAfter": retry_after, "heartbeat": heartbeat, "version": version,
            "servers": servers,
        });
        Arc::new(crate::support::read(&whole).unwrap().0)
    }

    fn remember(&mut self, commands: Vec<Command>) {
        for command in commands {
            self.done.push(command);
            if let Command::Connect { attempt, .. } = command {
                self.attempts.push(attempt);
                if self.attempts.len() > 4 {
                    self.attempts.remove(0);
                }
            }
        }
    }

    /// Something happens.
    fn step(&mut self) {
        let any = self.pick(4);
        let any_attempt = self.attempts.get(any).copied().unwrap_or(AttemptId(7));
        let sockets = self.watched.sockets();
        let attempt = match sockets.len() {
            0 => any_attempt,
            _ if self.pick(3) == 0 => any_attempt,
            count => sockets[self.pick(count)],
        };
        let request = self.watched.asked().filter(|_| self.pick(4) != 0);
        let request = request.unwrap_or(evenkeel::RequestId(self.pick(9) as u32));
        let now = self.now;
        let commands = match self.pick(58) {
            0 => self.watched.start(now),
            1..=4 => {
                let list = self.list();
                self.watched.list(now, request, list)
            }
            5 => {
                let status = [0, 200, 401, 403, 404, 429, 503][self.pick(7)];
                let failure = match status {
                    0 => SeedFailure::Unreachable,
                    200 => SeedFailure::BadList,
                    status => SeedFailure::of_status(status),
                };
                let wish = [None, Some(0.0), Some(3.0), Some(1e9)][self.pick(4)];
                self.watched.list_failed(now, request, failure, wish.map(secs))
            }
            6 => {
                let list = self.list();
                self.watched.given_list(now, list)
            }
            7..=10 => self.watched.opened(now, attempt),
            11..=14 => {
                let code = [1000, 1001, 1005, 1006, 1011, 1012, 1013, 3000, 4000][self.pick(9)];
                let reconnect = self.pick(40) != 0;
                self.watched.closed(now, attempt, code, reconnect)
            }
            15 => self.watched.reconnect(now),
            16 if self.pick(30) == 0 => self.watched.close(now),
            17..=20 => self.watched.tell(now, |client| client.handle_dialed(now, attempt)),
            21 => match self.watched.under_way()[..] {
                [attempt, ..] => self.watched.credentials_failed(now, attempt),
                [] => Vec::new(),
            },
            22..=24 => self.watched.tell(now, |client| client.handle_prepared(now, attempt)),
            25 => self.watched.tell(now, |client| client.handle_unprepared(now, attempt)),
            26 => {
                let at = now - secs([0.0, 1.0, 1e4][self.pick(3)]);
                self.watched.tell(now, |client| client.handle_heard(attempt, at))
            }
            27 => {
                self.watched.arrives(now, attempt);
                Vec::new()
            }
            28 => {
                let online = self.pick(4) != 0;
                self.watched.tell(now, |client| client.handle_network(now, online))
            }
            29 => self.watched.tell(now, |client| client.handle_wake(now)),
            30 => self.watched.tell(now, |client| client.handle_migrate(now)),
            31 => self.watched.tell(now, |client| client.handle_refresh(now)),
            32 => {
                let (list, received) = (self.list(), now - secs([-1.0, 0.0, 30.0, 600.0, 1e5][self.pick(5)]));
                self.watched.tell(now, |client| {
                    client.handle_cached_list(now, received, list);
                })
            }
            33 => {
                let list = self.list();
                self.watched.tell(now, |client| client.handle_fallback_list(list))
            }
            34..=39 => {
                self.goes_through(attempt);
                Vec::new()
            }
            40..=42 => {
                let list = self.list();
                match self.watched.stream() {
                    Some(stream) => self.watched.list(now, stream, list),
                    None => Vec::new(),
                }
            }
            43 => match self.watched.stream() {
                Some(stream) => {
                    let status = [SeedFailure::Unreachable, SeedFailure::Overloaded, SeedFailure::BadList];
                    let (failure, wish) = (status[self.pick(3)], [None, Some(60.0)][self.pick(2)]);
                    self.watched.list_failed(now, stream, failure, wish.map(secs))
                }
                None => Vec::new(),
            },
            44 => {
                let visible = self.pick(3) != 0;
                self.watched.tell(now, |client| client.handle_visibility(now, visible))
            }
            45 => {
                let stream = self.watched.stream().filter(|_| self.pick(4) != 0).unwrap_or(request);
                self.watched.tell(now, |client| client.handle_stream_heard(now, stream))
            }
            46 if self.pick(4) == 0 => {
                self.goes_on(secs(300.0));
                Vec::new()
            }
            _ => {
                let lateness = [0.0, 0.0, 0.0, 0.0, 0.001, 0.001, 3.0, 50.0, 50.0, 1e4][self.pick(10)];
                match self.watched.client.poll_timeout() {
                    Some(due) => {
                        self.now = self.now.max(due) + secs(lateness);
                        self.watched.wake(self.now)
                    }
                    None => {
                        self.now = self.now + secs(lateness);
                        Vec::new()
                    }
                }
            }
        };
        self.remember(commands);
    }

    /// From now on there is a network, every seed answers, and every server takes whoever comes. How long it takes until
    /// the client is open.
    fn all_is_well(&mut self) -> Duration {
        let from = self.now;
        self.well = true;
        let commands = self.watched.start(from);
        self.remember(commands);
        let commands = self.watched.tell(from, |client| client.handle_network(from, true));
        self.remember(commands);
        let commands = self.watched.given_list(from, good_list());
        self.remember(commands);
        for _ in 0..1_000 {
            let state = self.watched.client.state();
            if matches!(state, State::Open | State::Migrating | State::Closed) {
                break;
            }
            if !self.answer() {
                self.now = self.watched.client.poll_timeout().unwrap();
                let commands = self.watched.wake(self.now);
                self.remember(commands);
            }
        }
        self.now.since(from)
    }

    /// Everybody gives the client what it waits for. False if that is nothing.
    fn answer(&mut self) -> bool {
        let now = self.now;
        if let Some(request) = self.watched.asked() {
            let list = if self.well { good_list() } else { self.list() };
            let commands = self.watched.list(now, request, list);
            self.remember(commands);
            return true;
        }
        let attempt = match self.watched.under_way()[..] {
            [attempt, ..] if self.watched.client.state() != State::Closing => attempt,
            _ => return false,
        };
        self.goes_through(attempt);
        true
    }

    /// The application gives credentials, the server opens, the application prepares the connection.
    fn goes_through(&mut self, attempt: AttemptId) {
        let now = self.now;
        for tell in [Client::handle_dialed, Client::handle_open, Client::handle_prepared] {
            let commands = self.watched.tell(now, |client| tell(client, now, attempt));
            self.remember(commands);
        }
    }

    /// Time goes by, and the servers send something every few seconds.
    fn goes_on(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            let due = self.watched.client.poll_timeout().unwrap_or(end);
            self.now = due.max(self.now).min(self.now + secs(4.0));
            let now = self.now;
            for attempt in self.watched.sockets() {
                let commands = self.watched.tell(now, |client| client.handle_heard(attempt, now));
                self.remember(commands);
            }
            if let Some(stream) = self.watched.stream() {
                let commands = self.watched.tell(now, |client| client.handle_stream_heard(now, stream));
                self.remember(commands);
            }
            let commands = self.watched.wake(now);
            self.remember(commands);
            let mut answers = 0;
            while self.answer() {
                answers += 1;
                assert!(answers < 20, "it asks again and again: {:?}", self.watched.client);
            }
        }
    }
}

fn good_list() -> Arc<ServerList> {
    list(json!([server("a", 10.0, 100.0), server("z", 10.0, 100.0)]))
}

fn any_config(random: &mut Random) -> Config {
    let mut often = |times: usize| pick(random, times) == 0;
    Config {
        credential_timeout: often(3).then(|| secs(3.0)),
        dials_are_delayed: often(2),
        prepares: often(2),
        hedge: often(2),
        watches: often(2),
        refresh_interval: if often(4) { FOREVER } else { secs(60.0) },
        heartbeat_interval: if often(2) { secs(20.0) } else { FOREVER },
        heartbeat_timeout: secs(if often(2) { 5.0 } else { 40.0 }),
        silence_timeout: often(3).then(|| secs(15.0)),
        clock_check: if often(2) { secs(30.0) } else { FOREVER },
        failback: !often(4),
        rebalance: often(2),
        linger: secs(if often(4) { 0.0 } else { 5.0 }),
        affinity: often(4).then(|| Affinity::of("room")),
        seeds: [0, 1, 2, 3][pick(random, 4)],
        ..Config::default()
    }
}

fn pick(random: &mut Random, of: usize) -> usize {
    (random.between(0.0, of as f64) as usize).min(of - 1)
}

#[test]
fn no_order_of_events_breaks_the_rules_and_after_it_the_client_opens() {
    let (mut opened, mut longest, mut seen) = (0, Duration::ZERO, BTreeSet::new());
    for seed in 0..4_000 {
        // The seed is on the panic's own output, whatever breaks.
        let caught = std::panic::catch_unwind(|| {
            let mut chaos = Chaos::new(seed);
            for _ in 0..200 {
                chaos.step();
            }
            let waited = chaos.all_is_well();
            let state = chaos.watched.client.state();
            // What has begun comes to its end.
            chaos.goes_on(secs(60.0));
            let before = chaos.done.len();
            if state != State::Closed {
                chaos.goes_on(secs(600.0));
                stays_well(&chaos.done[before..]);
            }
            let names: BTreeSet<&str> = chaos.done.iter().filter_map(name_of).collect();
            (state, waited, names)
        });
        let Ok((state, waited, names)) = caught else {
            panic!("seed {seed} broke a rule, see above");
        };
        seen.extend(names);
        match state {
            State::Open | State::Migrating => {
                opened += 1;
                longest = longest.max(waited);
            }
            State::Closed => {}
            other => panic!("seed {seed}: {other:?} although all is well"),
        }
    }
    assert!(opened > 1_000, "{opened} lives did not end early");
    // The longest queue is ten minutes.
    assert!(longest <= secs(610.0), "{longest:?}");
    // It came through everything that there is.
    let names = State::ALL[1..].iter().map(|state| state.name());
    let names = names.chain(RetryCause::ALL.iter().map(|cause| cause.name()));
    let unseen: Vec<&str> = names
        .chain(MoveReason::ALL.iter().map(|reason| reason.name()))
        .filter(|name| !seen.contains(name))
        .collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

/// What stands for the way that a client is in.
fn name_of(command: &Command) -> Option<&'static str> {
    match command {
        Command::State(state) => Some(state.name()),
        Command::Retry(retry) => Some(retry.cause.name()),
        Command::Lost {
            moved: Some(reason), ..
        }
        | Command::Migrated { reason, .. } => Some(reason.name()),
        _ => None,
    }
}

/// Whoever is connected, and whom nothing happens to, does nothing much in ten minutes.
fn stays_well(done: &[Command]) {
    let count = |which: fn(&Command) -> bool| done.iter().filter(|command| which(command)).count();
    let lost = count(|command| matches!(command, Command::Lost { moved: None, .. }));
    let connects = count(|command| matches!(command, Command::Connect { .. }));
    let fetches = count(|command| matches!(command, Command::Fetch { .. }));
    let streams = count(|command| matches!(command, Command::Watch { .. }));
    assert!(lost == 0 && connects <= 12 && fetches <= 20 && streams <= 1, "{done:?}");
}

#[test]
fn handling_events_allocates_nothing_once_warm() {
    let with_everything = Config {
        credential_timeout: Some(secs(3.0)),
        prepares: true,
        hedge: true,
        heartbeat_interval: secs(20.0),
        heartbeat_timeout: secs(5.0),
        ..Config::default()
    };
    for config in [Config::default(), with_everything] {
        let mut life = Life::new(config);
        life.runs(20);
        let allocated = allocation_counter::measure(|| life.runs(1_000));
        assert_eq!(allocated.count_total, 0, "{config:?}: {allocated:?}");
    }
}

/// A client that opens, moves, and loses its connection, again and again.
struct Life {
    client: Client,
    assessment: Assessment,
    list: Arc<ServerList>,
    now: Instant,
}

impl Life {
    fn new(config: Config) -> Self {
        let mut client = Client::new(config, 1);
        client.handle_start();
        Self {
            client,
            assessment: Assessment::default(),
            list: document(&json!({ "version": 1, "age": 0, "servers": [
                server("a", 10.0, 100.0), server("b", 10.0, 100.0), server("c", 10.0, 100.0),
            ] })),
            now: Instant::from_millis(0.0),
        }
    }

    fn runs(&mut self, rounds: u32) {
        let mut opened = 0;
        while opened < rounds {
            match self.under_way() {
                Some(attempt) => {
                    self.goes_through(attempt);
                    opened += 1;
                    self.now = self.now + secs(40.0);
                    self.client.handle_heard(attempt, self.now);
                    self.client.handle_network(self.now, false);
                    self.client.handle_network(self.now, true);
                    self.client.handle_migrate(self.now);
                    let next = self.under_way().unwrap_or(attempt);
                    self.goes_through(next);
                    self.now = self.now + secs(40.0);
                    self.under_way();
                    self.client.handle_closed(self.now, next, 1006, true);
                }
                None => self.now = self.client.poll_timeout().unwrap(),
            }
        }
    }

    /// Drains the client, and gives it the list where it asks. The last attempt that it makes.
    fn under_way(&mut self) -> Option<AttemptId> {
        let mut attempt = None;
        while let Some(command) = self.client.poll(self.now, &mut self.assessment) {
            match command {
                Command::Fetch { request, .. } => {
                    self.client.handle_list(self.now, request, Arc::clone(&self.list));
                }
                Command::Connect { attempt: begun, .. } => attempt = Some(begun),
                _ => {}
            }
        }
        attempt
    }

    fn goes_through(&mut self, attempt: AttemptId) {
        self.client.handle_dialed(self.now, attempt);
        self.client.handle_open(self.now, attempt);
        self.client.handle_prepared(self.now, attempt);
    }
}
