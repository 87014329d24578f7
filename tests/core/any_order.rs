//! Whatever happens, in whatever order and however late: the watch's rules hold, and once all is well the client opens.

use std::sync::Arc;

use evenkeel::cause::SeedFailure;
use evenkeel::client::{AttemptId, Command, Config, State};
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
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let config = Config {
            seeds: [0, 1, 2, 3][pick(&mut random, 4)],
            ..Config::default()
        };
        let mut chaos = Self {
            random,
            now: Instant::from_millis(0.0),
            watched: Watched::new(config, seed),
            attempts: Vec::new(),
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
        let whole = json!({
            "age": age, "ttl": ttl, "retryAfter": retry_after, "version": version, "servers": servers,
        });
        Arc::new(crate::support::read(&whole).unwrap().0)
    }

    fn remember(&mut self, commands: Vec<Command>) {
        for command in commands {
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
        let attempt = match self.watched.live() {
            Some(live) if self.pick(3) != 0 => live,
            _ => any_attempt,
        };
        let request = self.watched.asked().filter(|_| self.pick(4) != 0);
        let request = request.unwrap_or(evenkeel::RequestId(self.pick(9) as u32));
        let now = self.now;
        let commands = match self.pick(24) {
            0 => self.watched.start(now),
            1..=4 => {
                let list = self.list();
                self.watched.list(now, request, list)
            }
            5 => {
                let failure = [SeedFailure::Overloaded, SeedFailure::Unreachable, SeedFailure::BadList][self.pick(3)];
                let wish = [None, Some(0.0), Some(3.0), Some(1e9)][self.pick(4)];
                self.watched.list_failed(now, request, failure, wish.map(secs))
            }
            6 => {
                let list = self.list();
                self.watched.given_list(now, list)
            }
            7..=10 => self.watched.opened(now, attempt),
            11..=14 => {
                let code = [1000, 1001, 1005, 1006, 1011, 1012, 1013, 4000][self.pick(8)];
                let reconnect = self.pick(40) != 0;
                self.watched.closed(now, attempt, code, reconnect)
            }
            15 => self.watched.reconnect(now),
            16 if self.pick(30) == 0 => self.watched.close(now),
            _ => {
                let lateness = [0.0, 0.0, 0.0, 0.001, 3.0, 50.0, 1e4][self.pick(7)];
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

    /// From now on every seed answers, and every server takes whoever comes.
    fn all_is_well(&mut self) -> Duration {
        let from = self.now;
        let good = list(json!([server("a", 10.0, 100.0), server("z", 10.0, 100.0)]));
        let commands = self.watched.start(self.now);
        self.remember(commands);
        let given = self.watched.given_list(self.now, Arc::clone(&good));
        self.remember(given);
        for _ in 0..1_000 {
            let commands = if self.watched.client.state() == State::Open || self.watched.client.state() == State::Closed
            {
                break;
            } else if let Some(request) = self.watched.asked() {
                self.watched.list(self.now, request, Arc::clone(&good))
            } else if let Some(attempt) = self.watched.live()
                && self.watched.client.state() != State::Closing
            {
                self.watched.opened(self.now, attempt)
            } else {
                self.now = self.watched.client.poll_timeout().unwrap();
                self.watched.wake(self.now)
            };
            self.remember(commands);
        }
        self.now.since(from)
    }
}

fn pick(random: &mut Random, of: usize) -> usize {
    (random.between(0.0, of as f64) as usize).min(of - 1)
}

#[test]
fn no_order_of_events_breaks_the_rules_and_after_it_the_client_opens() {
    let (mut opened, mut longest) = (0, Duration::ZERO);
    for seed in 0..4_000 {
        // The seed is on the panic's own output, whatever breaks.
        let caught = std::panic::catch_unwind(|| {
            let mut chaos = Chaos::new(seed);
            for _ in 0..150 {
                chaos.step();
            }
            let waited = chaos.all_is_well();
            (chaos.watched.client.state(), waited)
        });
        let Ok((state, waited)) = caught else {
            panic!("seed {seed} broke a rule, see above");
        };
        match state {
            State::Open => {
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
}

#[test]
fn handling_events_allocates_nothing_once_warm() {
    let good = document(&json!({ "version": 1, "age": 0, "servers": [
        server("a", 10.0, 100.0), server("b", 10.0, 100.0), server("c", 10.0, 100.0),
    ] }));
    let mut client = evenkeel::client::Client::new(Config::default(), 1);
    let mut assessment = evenkeel::decision::Assessment::default();
    let mut now = Instant::from_millis(0.0);
    let mut life = |rounds: u32| {
        let (mut live, mut opened) = (None, 0);
        client.handle_start();
        while opened < rounds {
            let mut asked = None;
            while let Some(command) = client.poll(now, &mut assessment) {
                match command {
                    Command::Fetch { request, .. } => asked = Some(request),
                    Command::Connect { attempt, .. } => live = Some(attempt),
                    _ => {}
                }
            }
            if let Some(request) = asked {
                client.handle_list(now, request, Arc::clone(&good));
            } else if let Some(attempt) = live.take() {
                client.handle_open(now, attempt);
                opened += 1;
                now = now + secs(40.0);
                client.handle_closed(now, attempt, 1006, true);
            } else {
                now = client.poll_timeout().unwrap();
            }
        }
    };
    life(20);
    let allocated = allocation_counter::measure(|| life(1_000));
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}
