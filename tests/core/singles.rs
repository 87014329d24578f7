//! Connections that are chosen once, and share a client's list and memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel::RequestId;
use evenkeel::affinity::Affinity;
use evenkeel::cause::SeedFailure;
use evenkeel::client::{AttemptId, Client, Command, Config, State};
use evenkeel::decision::Assessment;
use evenkeel::list::ServerList;
use evenkeel::time::Instant;
use serde_json::{Value, json};

use crate::support::{self, at, document, list, server};

const CRASH: u16 = 1006;

/// A client that has not been started, drained after everything it is told.
struct Keeper {
    client: Client,
    assessment: Assessment,
    now: Instant,
}

impl Keeper {
    fn new(config: Config, random_seed: u64) -> Self {
        Self {
            client: Client::new(config, random_seed),
            assessment: Assessment::default(),
            now: at(0.0),
        }
    }

    /// One with a list that no seed will ever change.
    fn of(servers: Value, random_seed: u64) -> Self {
        let config = Config {
            seeds: 0,
            ..Config::default()
        };
        let mut keeper = Self::new(config, random_seed);
        keeper.tell(|client, now| client.handle_given_list(now, list(servers)));
        keeper
    }

    /// One with two servers that are as good as each other.
    fn of_two(random_seed: u64) -> Self {
        Self::of(two(), random_seed)
    }

    fn tell<R>(&mut self, tell: impl FnOnce(&mut Client, Instant) -> R) -> Vec<Command> {
        tell(&mut self.client, self.now);
        self.drain()
    }

    fn drain(&mut self) -> Vec<Command> {
        let commands: Vec<_> = std::iter::from_fn(|| self.client.poll(self.now, &mut self.assessment)).collect();
        assert_eq!(self.client.state(), State::Idle);
        commands
    }

    /// Lets time go by, with all that is due meanwhile and nothing else: no driver looks when there is nothing due.
    fn wait(&mut self, secs: f64) -> Vec<Command> {
        let end = self.now + support::secs(secs);
        let mut commands = Vec::new();
        for _ in 0..1_000 {
            let Some(due) = self.client.poll_timeout().filter(|&due| due <= end) else {
                self.now = end;
                return commands;
            };
            self.now = due.max(self.now);
            commands.extend(self.drain());
        }
        panic!("it never goes quiet");
    }

    fn want(&mut self) -> (AttemptId, Vec<Command>) {
        self.want_with(None)
    }

    fn want_with(&mut self, affinity: Option<Affinity>) -> (AttemptId, Vec<Command>) {
        let id = self.client.handle_want(self.now, affinity);
        (id, self.drain())
    }

    /// One that is under way, and where to.
    fn dial(&mut self) -> (AttemptId, String) {
        let (id, commands) = self.want();
        let server = self.chosen(id, &commands);
        self.tell(|client, now| client.handle_dialed(now, id));
        (id, server)
    }

    /// One that stands, and where.
    fn open(&mut self) -> (AttemptId, String) {
        let (id, server) = self.dial();
        self.tell(|client, now| client.handle_open(now, id));
        (id, server)
    }

    fn close(&mut self, id: AttemptId, code: u16) {
        let commands = self.tell(|client, now| client.handle_closed(now, id, code, false));
        assert_eq!(commands, [over(id)]);
    }

    fn chosen(&self, id: AttemptId, commands: &[Command]) -> String {
        let chosen = commands.iter().find_map(|command| match command {
            Command::Connect { attempt, decision, .. } if *attempt == id => Some(decision.server),
            _ => None,
        });
        let list = &self.client.selector().in_force().unwrap().list;
        list.servers()[chosen.expect("no decision")].id.to_string()
    }

    /// Where the next so many go.
    fn next(&mut self, many: usize) -> BTreeMap<String, usize> {
        let mut servers = BTreeMap::new();
        for _ in 0..many {
            let (id, server) = self.dial();
            *servers.entry(server).or_default() += 1;
            self.tell(|client, now| client.handle_leave(now, id));
        }
        self.wait(0.01);
        servers
    }

    fn has_ejected(&self, server: &str) -> bool {
        let selector = self.client.selector();
        let key = support::key(&selector.in_force().unwrap().list, server);
        let record = selector.memory.record(key);
        record.is_some_and(|record| record.is_ejected(self.now))
    }

    fn answer(&mut self, request: RequestId, list: Arc<ServerList>) -> Vec<Command> {
        self.tell(|client, now| client.handle_list(now, request, list))
    }

    fn fail(&mut self, request: RequestId) -> Vec<Command> {
        self.tell(|client, now| client.handle_list_failed(now, request, SeedFailure::Unreachable, None))
    }
}

fn two() -> Value {
    json!([server("a", 10.0, 100.0), server("b", 10.0, 100.0)])
}

fn over(attempt: AttemptId) -> Command {
    Command::Lost {
        attempt: Some(attempt),
        is_final: true,
        moved: None,
    }
}

/// The request that is made.
fn asked(commands: &[Command]) -> Option<RequestId> {
    commands.iter().find_map(|command| match command {
        Command::Fetch { request, .. } => Some(*request),
        _ => None,
    })
}

fn goes(commands: &[Command]) -> bool {
    commands
        .iter()
        .any(|command| matches!(command, Command::Connect { .. }))
}

#[test]
fn each_is_chosen_as_any_client_would_choose() {
    let mut keeper = Keeper::of(json!([server("full", 95.0, 100.0), server("empty", 5.0, 100.0)]), 1);
    let servers = keeper.next(200);
    assert!(servers["empty"] > 150, "{servers:?}");
}

#[test]
fn those_who_want_a_connection_before_there_is_a_list_share_one_request() {
    let mut keeper = Keeper::new(Config::default(), 1);
    let (first, commands) = keeper.want();
    let request = asked(&commands).unwrap();
    assert!(!goes(&commands));
    let (second, commands) = keeper.want();
    assert_eq!(commands, []);
    let commands = keeper.answer(request, list(two()));
    keeper.chosen(first, &commands);
    keeper.chosen(second, &commands);
}

#[test]
fn where_no_seed_answers_it_is_over_when_the_connect_timeout_is() {
    let mut keeper = Keeper::new(Config::default(), 1);
    let (id, _) = keeper.want();
    let commands = keeper.wait(9.9);
    assert!(!commands.contains(&over(id)), "{commands:?}");
    let commands = keeper.wait(0.2);
    assert!(commands.contains(&over(id)), "{commands:?}");
    // And nothing is asked any more on behalf of nobody.
    assert_eq!(asked(&keeper.wait(600.0)), None);
    assert_eq!(keeper.client.poll_timeout(), None);
}

#[test]
fn a_list_older_than_its_ttl_is_renewed_first_and_used_where_that_takes_long_or_fails() {
    let old = || document(&json!({ "ttl": 10, "servers": [server("old", 10.0, 100.0)] }));
    let new = || document(&json!({ "ttl": 10, "servers": [server("new", 10.0, 100.0)] }));
    let begin = || {
        let mut keeper = Keeper::new(Config::default(), 1);
        let (id, commands) = keeper.want();
        keeper.answer(asked(&commands).unwrap(), old());
        keeper.tell(|client, now| client.handle_leave(now, id));
        // Within the ttl nobody is asked.
        keeper.wait(9.0);
        let (id, commands) = keeper.want();
        assert_eq!((keeper.chosen(id, &commands).as_str(), asked(&commands)), ("old", None));
        keeper.tell(|client, now| client.handle_leave(now, id));
        keeper.wait(3.0);
        let (id, commands) = keeper.want();
        assert!(!goes(&commands));
        (keeper, id, asked(&commands).unwrap())
    };
    let (mut keeper, id, request) = begin();
    let commands = keeper.answer(request, new());
    assert_eq!(keeper.chosen(id, &commands), "new");

    let (mut keeper, id, _) = begin();
    assert!(!goes(&keeper.wait(1.9)));
    let commands = keeper.wait(0.2);
    assert_eq!(keeper.chosen(id, &commands), "old");

    let (mut keeper, id, request) = begin();
    let commands = keeper.fail(request);
    assert_eq!(keeper.chosen(id, &commands), "old");
}

#[test]
fn a_list_from_an_earlier_visit_serves_at_once_while_a_seed_is_asked() {
    let mut keeper = Keeper::new(Config::default(), 1);
    keeper.now = at(40.0);
    keeper.tell(|client, now| client.handle_cached_list(now, at(0.0), list(two())));
    let (id, commands) = keeper.want();
    keeper.chosen(id, &commands);
    assert!(asked(&commands).is_some());
}

#[test]
fn a_list_that_comes_between_the_decision_and_its_attempt_is_the_one_that_counts() {
    for (servers, expected) in [
        (json!([server("new", 99.0, 100.0), server("a", 10.0, 100.0)]), "a"),
        (json!([server("new", 10.0, 100.0)]), "new"),
    ] {
        let mut keeper = Keeper::new(Config::default(), 1);
        let only = list(json!([server("a", 10.0, 100.0)]));
        keeper.tell(|client, now| client.handle_cached_list(now, now, only));
        let id = keeper.client.handle_want(keeper.now, None);
        // Whoever is to ask a seed brings a list along.
        let first = keeper.client.poll(keeper.now, &mut keeper.assessment);
        assert!(asked(&first.into_iter().collect::<Vec<_>>()).is_some());
        let commands = keeper.tell(|client, now| client.handle_given_list(now, list(servers)));
        assert_eq!(keeper.chosen(id, &commands), expected);
    }
}

#[test]
fn a_server_that_refuses_one_is_out_for_all() {
    for seed in 0..20 {
        let mut keeper = Keeper::of_two(seed);
        let (other, _) = keeper.dial();
        let (id, refusing) = keeper.dial();
        keeper.close(id, CRASH);
        assert!(keeper.has_ejected(&refusing), "seed {seed}");
        let servers = keeper.next(20);
        assert!(!servers.contains_key(&refusing), "seed {seed}: {servers:?}");
        keeper.close(other, CRASH);
    }
}

#[test]
fn while_no_seed_answers_a_server_that_refuses_keeps_its_good_name() {
    let mut keeper = Keeper::new(Config::default(), 1);
    let (id, commands) = keeper.want();
    keeper.answer(asked(&commands).unwrap(), list(two()));
    keeper.tell(|client, now| client.handle_leave(now, id));
    keeper.wait(12.0);
    let (id, commands) = keeper.want();
    let commands = keeper.fail(asked(&commands).unwrap());
    let server = keeper.chosen(id, &commands);
    keeper.tell(|client, now| client.handle_dialed(now, id));
    keeper.close(id, CRASH);
    assert!(!keeper.has_ejected(&server));
}

#[test]
fn a_server_that_crashes_or_drops_one_is_out_for_all() {
    for seed in 0..20 {
        for uptime in [5.0, 100.0] {
            let mut keeper = Keeper::of_two(seed);
            let (id, lost) = keeper.open();
            keeper.wait(uptime);
            keeper.close(id, CRASH);
            let servers = keeper.next(20);
            assert!(!servers.contains_key(&lost), "seed {seed}, {uptime} s: {servers:?}");
        }
    }
}

#[test]
fn nobody_is_blamed_for_a_normal_end_or_bad_credentials_or_our_own_network() {
    let mut seen = BTreeSet::new();
    for seed in 0..20 {
        for code in [1000, 1008, 3000] {
            let mut keeper = Keeper::of_two(seed);
            let (id, server) = keeper.open();
            keeper.close(id, code);
            seen.extend(keeper.next(20).contains_key(&server).then_some(code));
        }
        let mut keeper = Keeper::of_two(seed);
        let (open, server) = keeper.open();
        let (dialing, other) = keeper.dial();
        keeper.tell(|client, now| client.handle_network(now, false));
        keeper.close(open, CRASH);
        keeper.close(dialing, CRASH);
        keeper.tell(|client, now| client.handle_network(now, true));
        assert_eq!(keeper.client.failures(), 0);
        let servers = keeper.next(40);
        assert!(
            servers.contains_key(&server) && servers.contains_key(&other),
            "{servers:?}"
        );
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn the_application_s_credentials_are_its_own_affair() {
    let mut keeper = Keeper::of_two(1);
    let (id, commands) = keeper.want();
    assert!(goes(&commands));
    let commands = keeper.tell(|client, now| client.handle_credentials_failed(now, id));
    assert_eq!(commands, [over(id)]);
    assert_eq!(keeper.client.failures(), 0);
}

#[test]
fn credentials_that_never_come_end_it_in_time_and_are_no_server_s_fault() {
    let config = Config {
        seeds: 0,
        credential_timeout: Some(support::secs(3.0)),
        ..Config::default()
    };
    let mut keeper = Keeper::new(config, 1);
    keeper.tell(|client, now| client.handle_given_list(now, list(two())));
    let (id, _) = keeper.want();
    assert_eq!(keeper.wait(2.9), []);
    assert_eq!(keeper.wait(0.2), [Command::Abandon { attempt: id }, over(id)]);
    assert_eq!(keeper.client.failures(), 0);
    // Those that do come leave the server its time.
    let (id, _) = keeper.want();
    keeper.wait(2.9);
    keeper.tell(|client, now| client.handle_dialed(now, id));
    assert_eq!(keeper.wait(9.9), []);
    assert_eq!(keeper.wait(0.2), [Command::Abandon { attempt: id }, over(id)]);
    assert_eq!(keeper.client.failures(), 1);
}

#[test]
fn where_the_browser_delays_attempts_after_failures_they_are_given_as_much_more_time() {
    let config = Config {
        seeds: 0,
        dials_are_delayed: true,
        ..Config::default()
    };
    let mut keeper = Keeper::new(config, 1);
    let servers = json!([server("a", 10.0, 100.0)]);
    keeper.tell(|client, now| client.handle_given_list(now, list(servers)));
    for _ in 0..20 {
        let (id, _) = keeper.dial();
        keeper.close(id, CRASH);
    }
    let (id, _) = keeper.dial();
    assert!(!keeper.wait(15.0).contains(&over(id)));
    assert!(keeper.wait(60.0).contains(&over(id)));
}

#[test]
fn one_that_lasts_ends_the_episode_of_all() {
    let mut keeper = Keeper::of(
        json!([
            server("a", 10.0, 100.0),
            server("b", 10.0, 100.0),
            server("c", 10.0, 100.0)
        ]),
        1,
    );
    let (lasting, _) = keeper.open();
    let (id, _) = keeper.dial();
    keeper.close(id, CRASH);
    assert_eq!(keeper.client.failures(), 1);
    keeper.wait(29.9);
    assert_eq!(keeper.client.failures(), 1);
    assert_eq!(keeper.wait(0.2), []);
    assert_eq!(keeper.client.failures(), 0);
    keeper.close(lasting, 1000);
}

#[test]
fn one_that_does_not_open_in_time_is_over_and_its_server_passed_over_once() {
    let mut again = BTreeSet::new();
    for seed in 0..20 {
        let mut keeper = Keeper::of_two(seed);
        let (id, slow) = keeper.dial();
        assert_eq!(keeper.wait(9.9), []);
        assert_eq!(keeper.wait(0.2), [Command::Abandon { attempt: id }, over(id)]);
        let (_, second) = keeper.dial();
        assert_ne!(slow, second, "seed {seed}");
        let (_, third) = keeper.dial();
        again.extend([third == slow]);
    }
    assert_eq!(again.len(), 2, "it is no better and no worse than before");
}

#[test]
fn one_that_hangs_because_we_have_just_woken_up_is_over_and_no_servers_fault() {
    for (woken_before, failures) in [(9.9, 0), (10.1, 1)] {
        let mut keeper = Keeper::of_two(1);
        keeper.tell(Client::handle_wake);
        keeper.wait(woken_before);
        let (id, _) = keeper.dial();
        assert_eq!(keeper.wait(10.1), [Command::Abandon { attempt: id }, over(id)]);
        assert_eq!(keeper.client.failures(), failures, "{woken_before} s after");
    }
}

#[test]
fn where_all_are_out_each_has_another_chance_but_where_none_is_offered_it_is_over_at_once() {
    let mut keeper = Keeper::of_two(1);
    for _ in 0..10 {
        let (id, _) = keeper.dial();
        keeper.close(id, CRASH);
    }
    let mut keeper = Keeper::of(json!([{ "id": "a", "url": "wss://a.example/", "available": false }]), 1);
    let (id, commands) = keeper.want();
    assert_eq!(commands, [over(id)]);
}

#[test]
fn who_closes_before_it_stands_hears_of_the_end_in_a_later_task() {
    let mut keeper = Keeper::of_two(1);
    let (dialing, _) = keeper.dial();
    assert_eq!(keeper.tell(|client, now| client.handle_leave(now, dialing)), []);
    assert_eq!(
        keeper.wait(0.01),
        [Command::Abandon { attempt: dialing }, over(dialing)]
    );
    // Its server was not slow.
    assert_eq!(keeper.client.failures(), 0);
}

#[test]
fn a_closing_handshake_is_waited_for_as_long_as_it_may_take() {
    let mut keeper = Keeper::of_two(1);
    let (id, _) = keeper.open();
    assert_eq!(keeper.tell(|client, now| client.handle_leave(now, id)), []);
    // To close again changes nothing.
    for _ in 0..2 {
        assert_eq!(keeper.wait(2.45), []);
        assert_eq!(keeper.tell(|client, now| client.handle_leave(now, id)), []);
    }
    assert_eq!(keeper.wait(0.2), [Command::Abandon { attempt: id }, over(id)]);

    let (id, _) = keeper.open();
    keeper.tell(|client, now| client.handle_leave(now, id));
    keeper.close(id, CRASH);
    assert_eq!(keeper.client.failures(), 0);
}

#[test]
fn those_of_one_key_meet_and_those_of_other_keys_elsewhere() {
    let mut places = BTreeSet::new();
    for key in ["red", "green", "blue", "white", "black"] {
        let mut met = BTreeSet::new();
        for seed in 0..10 {
            let mut keeper = Keeper::of_two(seed);
            let (id, commands) = keeper.want_with(Some(Affinity::of(key)));
            met.insert(keeper.chosen(id, &commands));
        }
        assert_eq!(met.len(), 1, "{key}: {met:?}");
        places.extend(met);
    }
    assert_eq!(places.len(), 2);
}

#[test]
fn whatever_happens_each_ends_once_and_then_all_is_quiet() {
    for seed in 0..500 {
        let mut random = fastrand::Rng::with_seed(seed);
        let config = Config {
            seeds: random.u16(0..3),
            ..Config::default()
        };
        let fixed = config.seeds == 0;
        let mut keeper = Keeper::new(config, seed);
        if fixed {
            keeper.tell(|client, now| client.handle_given_list(now, list(two())));
        }
        let mut wanted: Vec<AttemptId> = Vec::new();
        let (mut under_way, mut ended) = (BTreeSet::new(), BTreeSet::new());
        let mut requests = Vec::new();
        for step in 0..200 {
            let any = |random: &mut fastrand::Rng| random.choice(&wanted).copied();
            let commands = match (random.u8(0..10), any(&mut random)) {
                (0, _) => {
                    let (id, commands) = keeper.want();
                    wanted.push(id);
                    commands
                }
                (1, Some(id)) => keeper.tell(|client, now| client.handle_dialed(now, id)),
                (2, Some(id)) => keeper.tell(|client, now| client.handle_open(now, id)),
                (3, Some(id)) => {
                    let code = *random.choice(&[1000, 1001, CRASH, 1013, 3000]).unwrap();
                    keeper.tell(|client, now| client.handle_closed(now, id, code, false))
                }
                (4, Some(id)) => keeper.tell(|client, now| client.handle_credentials_failed(now, id)),
                (5, Some(id)) => keeper.tell(|client, now| client.handle_leave(now, id)),
                (6, _) => match requests.pop() {
                    Some(request) if random.bool() => keeper.answer(request, list(two())),
                    Some(request) => keeper.fail(request),
                    None => Vec::new(),
                },
                (7, _) => {
                    let online = random.bool();
                    keeper.tell(|client, now| client.handle_network(now, online))
                }
                (8, _) => keeper.tell(Client::handle_wake),
                _ => {
                    let time = random.f64() * *random.choice(&[0.1, 5.0, 100.0]).unwrap();
                    keeper.wait(time)
                }
            };
            note(&commands, &mut under_way, &mut ended, &mut requests, seed, step);
        }
        for id in &wanted {
            let commands = keeper.tell(|client, now| client.handle_leave(now, *id));
            note(&commands, &mut under_way, &mut ended, &mut requests, seed, 200);
        }
        let commands = keeper.wait(60.0);
        note(&commands, &mut under_way, &mut ended, &mut requests, seed, 201);
        let all: BTreeSet<u32> = wanted.iter().map(|id| id.0).collect();
        assert_eq!(ended, all, "seed {seed}");
        assert_eq!(keeper.client.poll_timeout(), None, "seed {seed}");
    }
}

/// Holds what was commanded to what must be so.
fn note(
    commands: &[Command],
    under_way: &mut BTreeSet<u32>,
    ended: &mut BTreeSet<u32>,
    requests: &mut Vec<RequestId>,
    seed: u64,
    step: u32,
) {
    for command in commands {
        match command {
            Command::Connect { attempt, .. } => {
                assert!(!ended.contains(&attempt.0), "seed {seed}, step {step}: {command:?}");
                assert!(under_way.insert(attempt.0), "seed {seed}, step {step}: {command:?}");
            }
            Command::Abandon { attempt } => {
                assert!(!ended.contains(&attempt.0), "seed {seed}, step {step}: {command:?}");
            }
            Command::Lost { attempt, is_final, .. } => {
                assert!(
                    *is_final && ended.insert(attempt.unwrap().0),
                    "seed {seed}, step {step}: {command:?}"
                );
            }
            Command::Fetch { request, .. } => requests.push(*request),
            Command::CancelFetch { .. } | Command::Retry(_) => {}
            _ => panic!("seed {seed}, step {step}: {command:?}"),
        }
    }
}
