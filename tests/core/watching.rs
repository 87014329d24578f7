//! Where the client watches: a stream of lists beside the requests. Changes are heard of at once, and what comes of them is
//! as spread as ever.

use std::sync::Arc;

use evenkeel::cause::SeedFailure;
use evenkeel::client::{AttemptId, Client, Command, Config, FOREVER, MoveReason, RetryCause, State};
use evenkeel::decision::Assessment;
use evenkeel::list::ServerList;
use evenkeel::time::Duration;
use serde_json::{Value, json};

use crate::support::{at, entry, list, secs};
use crate::world::{Answer, Happened, LATENCY, World};

const HOUR: f64 = 3_600.0;
const FULL: Answer = Answer::Fails(SeedFailure::Overloaded, None);
/// From the request to the first list.
const TRIP: f64 = 2.0 * LATENCY;

// When there is a stream.

#[test]
fn a_stream_is_asked_for_once_a_connection_stands_and_only_where_it_is_wanted() {
    let mut world = World::of_three();
    world.start_with(watching(), 1);
    world.start(1);
    assert!(world.run_until(10.0, World::all_open));
    let [opened, other] = [0, 1].map(|client| world.opened_at(client, 0.0).unwrap());
    assert_eq!(opened, other);
    world.run_for(1.0);
    assert_eq!(world.streams(0, 0.0), [(opened, 0)]);
    assert_eq!(world.streams(1, 0.0), []);
}

#[test]
fn a_list_of_the_stream_is_in_force_at_once_and_has_the_client_leave_a_draining_server() {
    for seed in 0..20 {
        let mut world = settled(World::of_three(), seed);
        let (from, drained) = (world.server_of(0).unwrap(), world.now);
        world.servers[from].draining = true;
        world.stream_list();
        world.run_for(LATENCY + 0.001);
        let (reason, begins) = world.clients[0].watched.client.leaving().unwrap();
        assert_eq!(reason, MoveReason::Drain, "seed {seed}");
        assert!(begins <= at(world.now + 30.0), "seed {seed}");
        assert_eq!(world.fetches(0, drained), [], "seed {seed}");
        // It is taken back before it has begun.
        world.servers[from].draining = false;
        world.stream_list();
        world.run_for(LATENCY + 0.001);
        assert_eq!(world.server_of(0), Some(from), "seed {seed}");
        assert_eq!(world.clients[0].watched.client.leaving(), None, "seed {seed}");
    }
}

#[test]
fn each_list_of_the_stream_puts_the_next_request_off_and_a_stream_of_comments_does_not() {
    let mut world = settled(World::of_three(), 1);
    world.stream_list();
    world.run_for(1.0);
    let from = world.now;
    for _ in 0..360 {
        world.run_for(10.0);
        world.stream_list();
    }
    assert_eq!(world.fetches(0, from), []);
    let quiet = world.now;
    for _ in 0..240 {
        world.run_for(15.0);
        world.stream_comment();
    }
    let asked = world.fetches(0, quiet).len();
    assert!((48..=76).contains(&asked), "{asked}");
    assert_eq!(world.streams(0, from), [], "it stands all the while");
}

#[test]
fn a_list_that_was_taken_earlier_than_the_one_in_force_is_ignored() {
    let mut world = settled(World::of_three(), 1);
    let stream = world.clients[0].watched.stream().unwrap();
    let old = crate::support::document(&json!({ "age": 300, "servers": [entry("old", json!({}))] }));
    assert!(!world.clients[0].watched.client.handle_list(at(world.now), stream, old));
    let new = list(json!([entry("new", json!({}))]));
    assert!(world.clients[0].watched.client.handle_list(at(world.now), stream, new));
}

#[test]
fn a_list_of_the_stream_answers_a_request_that_is_under_way() {
    let mut world = World::of_three();
    world.start_with(watching(), 1);
    world.run_for(1.0);
    world.seeds = vec![Answer::Nothing];
    world.tell(0, |client, now| client.handle_refresh(now));
    let asked = world.now;
    assert_eq!(world.fetches(0, asked).len(), 1);
    world.stream_list();
    world.run_for(1.0);
    assert_eq!(world.count(0, asked, Happened::Cancelled), 1);
    assert_eq!(world.retries(0, asked), []);
}

#[test]
fn it_outlives_the_connection_and_none_is_begun_without_one() {
    for stands in [true, false] {
        let mut world = World::of_three();
        world.streams = vec![if stands { Answer::List } else { FULL }];
        let mut world = settled(world, 3);
        let (lost, from) = (world.server_of(0).unwrap(), world.now);
        world.streams = vec![Answer::List];
        for server in 0..3 {
            world.kill(server);
        }
        for _ in 0..40 {
            world.run_for(15.0);
            world.stream_comment();
        }
        assert_eq!(world.state(0), State::Reconnecting);
        assert_eq!(world.streams(0, from), []);
        assert_eq!(world.clients[0].watched.stream().is_some(), stands);
        world.revive(lost);
        assert!(world.run_until(world.now + 700.0, World::all_open));
    }
}

#[test]
fn its_end_is_told_only_to_who_is_connected() {
    for connected in [true, false] {
        let mut world = settled(World::of_three(), 1);
        if !connected {
            (0..3).for_each(|server| world.kill(server));
        }
        let from = world.now;
        world.end_streams(0);
        world.run_for(LATENCY);
        let told = world
            .causes(0, from)
            .contains(&RetryCause::Seed(SeedFailure::Unreachable));
        assert_eq!(told, connected);
        assert_eq!(world.clients[0].watched.stream(), None);
    }
}

#[test]
fn while_nobody_sees_the_page_there_is_none_and_requests_go_on() {
    let mut world = settled(World::of_three(), 1);
    world.tell(0, |client, now| client.handle_visibility(now, false));
    assert_eq!(world.clients[0].watched.stream(), None);
    let hidden = world.now;
    world.run_for(HOUR);
    assert_eq!(world.streams(0, hidden), []);
    let asked = world.fetches(0, hidden).len();
    assert!((48..=76).contains(&asked), "{asked}");
    let shown = world.now;
    world.tell(0, |client, now| client.handle_visibility(now, true));
    assert_eq!(world.streams(0, shown), [(shown, 0)]);
}

#[test]
fn after_a_sleep_it_is_begun_anew_within_a_second_but_not_in_the_same_instant_everywhere() {
    let mut waits = Vec::new();
    for seed in 0..40 {
        let mut world = settled(World::of_three(), seed);
        world.sleep(HOUR);
        let woke = world.now;
        world.tell(0, |client, now| client.handle_wake(now));
        world.run_for(5.0);
        let begun = world.streams(0, woke);
        assert_eq!(begun.len(), 1, "seed {seed}");
        waits.push(begun[0].0 - woke);
        assert_eq!(world.retries(0, woke), [], "seed {seed}: that it ended is no failure");
    }
    waits.sort_by(f64::total_cmp);
    assert!(waits[0] < 0.2 && waits[39] > 0.8 && waits[39] <= 1.001, "{waits:?}");
}

#[test]
fn its_end_in_a_sleep_that_nobody_told_of_is_no_failure_either() {
    let mut world = settled(World::of_three(), 1);
    world.sleep(HOUR);
    world.end_streams(0);
    let woke = world.now;
    world.run_for(5.0);
    assert_eq!(world.streams(0, woke).len(), 1);
    assert_eq!(world.retries(0, woke), []);
}

#[test]
fn closing_ends_it() {
    let mut world = settled(World::of_three(), 1);
    world.close(0);
    assert_eq!(world.clients[0].watched.stream(), None);
    world.run_for(HOUR);
    assert_eq!(world.state(0), State::Closed);
}

// When there is none to be had.

#[test]
fn a_stream_in_which_nothing_arrives_for_a_minute_is_dead_and_one_that_never_begins_is_sooner() {
    let mut world = World::of_three();
    world.start_with(watching(), 1);
    world.run_for(5.0);
    let [(begun, 0)] = world.streams(0, 0.0)[..] else {
        panic!("{:?}", world.streams(0, 0.0));
    };
    assert!(world.run_until(120.0, |world| !world.retries(0, 1.0).is_empty()));
    assert!((world.now - begun - TRIP - 60.0).abs() < 0.01, "{}", world.now);
    assert_eq!(world.causes(0, 1.0), [RetryCause::Seed(SeedFailure::Timeout)]);
    world.streams = vec![Answer::Nothing];
    let from = world.now;
    assert!(world.run_until(from + 20.0, |world| !world.retries(0, from + 0.001).is_empty()));
    let (begun, _) = world.streams(0, from)[0];
    assert!((world.now - begun - 5.0).abs() < 0.01);
    // Neither disturbs the connection, nor the requests.
    assert_eq!(world.count(0, 1.0, Happened::State(State::Open)), 0);
    world.run_for(HOUR);
    assert!(world.fetches(0, from).len() >= 48);
}

#[test]
fn a_seed_that_has_no_room_is_asked_ever_more_rarely_and_each_wait_is_told_of() {
    let mut tries = Vec::new();
    for seed in 0..40 {
        let mut world = World::of_three();
        world.streams = vec![FULL];
        world.start_with(watching(), seed);
        world.run_for(6.0 * HOUR);
        let asked = world.streams(0, 0.0);
        let waits = world.retries(0, 0.0);
        assert_eq!(asked.len(), waits.len(), "seed {seed}");
        for ((when, retry), next) in waits.iter().zip(&asked[1..]) {
            assert_eq!(retry.cause, RetryCause::Seed(SeedFailure::Overloaded));
            assert!((next.0 - when - retry.delay.as_secs()).abs() < 0.01, "seed {seed}");
        }
        tries.push(asked.len());
    }
    let mean = tries.iter().sum::<usize>() as f64 / 40.0;
    // Five minutes on average in the end: a fifth of what polling costs.
    assert!((60.0..100.0).contains(&mean), "{mean} tries in six hours");
}

#[test]
fn a_wish_to_be_left_alone_is_granted_also_after_a_sleep() {
    for seed in 0..20 {
        let mut world = World::of_three();
        world.streams = vec![Answer::Fails(SeedFailure::Overloaded, Some(60.0))];
        world.start_with(watching(), seed);
        world.run_for(10.0);
        world.tell(0, |client, now| client.handle_wake(now));
        world.streams = vec![Answer::List];
        world.run_for(100.0);
        let asked = world.streams(0, 0.0);
        let wait = asked[1].0 - asked[0].0 - TRIP;
        assert!((60.0..=90.01).contains(&wait), "seed {seed}: {wait}");
    }
}

#[test]
fn it_goes_round_the_seeds() {
    let mut world = World::of_three();
    world.seeds = vec![Answer::List; 3];
    world.streams = vec![FULL, FULL, Answer::List];
    let config = Config { seeds: 3, ..watching() };
    world.start_with(config, 1);
    world.run_for(40.0);
    let asked: Vec<u16> = world.streams(0, 0.0).iter().map(|stream| stream.1).collect();
    assert_eq!(asked, [0, 1, 2]);
    // The seed whose list came last is asked first, and one that has lost its streams gives way to the next.
    let from = world.now;
    world.tell(0, |client, now| client.handle_refresh(now));
    assert_eq!(world.fetches(0, from), [(from, 2)]);
    world.streams = vec![Answer::List; 3];
    world.end_streams(2);
    world.run_for(15.0);
    assert_eq!(world.streams(0, from).last().map(|stream| stream.1), Some(0));
}

#[test]
fn a_seed_that_wants_to_be_left_alone_is_not_asked_for_a_stream_either() {
    let mut world = World::of_three();
    world.seeds = vec![Answer::Fails(SeedFailure::Overloaded, Some(600.0)), Answer::List];
    world.streams = vec![Answer::List; 2];
    let config = Config { seeds: 2, ..watching() };
    world.start_with(config, 1);
    world.run_for(60.0);
    let asked: Vec<u16> = world.streams(0, 0.0).iter().map(|stream| stream.1).collect();
    assert_eq!(asked, [1]);
    // Where that is the only one, it waits.
    let mut world = World::of_three();
    world.head = json!({ "ttl": 3_600 });
    let mut world = settled(world, 1);
    world.seeds = vec![Answer::Fails(SeedFailure::Overloaded, Some(600.0))];
    world.tell(0, |client, now| client.handle_refresh(now));
    world.run_for(1.0);
    let from = world.now;
    world.end_streams(0);
    world.run_for(500.0);
    assert_eq!(world.streams(0, from), []);
    world.run_for(500.0);
    assert!(!world.streams(0, from).is_empty());
}

// When all hear of the same at once.

#[test]
fn those_who_lose_their_streams_together_come_back_over_ten_seconds() {
    let mut crowd = Crowd::new(2_000, watching(), &level());
    let lost = crowd.now;
    let streams = crowd.each(|member, now| {
        let stream = member.stream.take().unwrap();
        member
            .client
            .handle_list_failed(at(now), stream, SeedFailure::Unreachable, None);
    });
    assert_eq!(streams.watched.len(), 0);
    let back = crowd.run_until(lost + 15.0);
    assert_eq!(back.watched.len(), 2_000);
    let most = most_in(&back.watched, 0.5);
    // Level would be 100 in half a second.
    assert!(most <= 140, "{most} in half a second");
    assert!(back.watched.iter().all(|when| *when <= lost + 10.001));
}

#[test]
fn those_who_hear_of_a_drain_at_once_leave_no_faster_than_the_others_can_take_them() {
    let servers = |draining| {
        json!([
            entry("a", json!({ "users": 3_000, "capacity": 10_000, "draining": draining })),
            entry("b", json!({ "users": 3_000, "capacity": 10_000, "connectRate": 20 })),
            entry("c", json!({ "users": 3_000, "capacity": 10_000, "connectRate": 20 })),
        ])
    };
    let mut crowd = Crowd::new(9_000, watching(), &list(servers(false)));
    let on_a = crowd.on("a");
    assert!((2_700..3_300).contains(&on_a), "{on_a}");
    let heard = crowd.now;
    let moves = crowd.hear(&list(servers(true)), heard + 120.0);
    assert_eq!(moves.begun.len(), on_a, "all of them leave");
    let last = moves.begun.iter().fold(0.0, |last: f64, when| last.max(*when));
    // 3,000 users, and four fifths of 40 handshakes a second.
    assert!(
        last > heard + 90.0 && last <= heard + 93.751,
        "the last after {}",
        last - heard
    );
    let most = most_in(&moves.begun, 1.0);
    assert!(most <= 60, "{most} in one second, where 32 are level");
}

#[test]
fn those_who_hear_at_once_that_there_is_room_in_a_better_group_go_no_faster_than_those_who_poll() {
    let servers = |back: bool| {
        json!([
            entry(
                "good",
                json!({ "users": 0, "capacity": 10_000, "connectRate": 25, "available": back })
            ),
            entry("spare", json!({ "users": 3_000, "capacity": 10_000, "priority": 1 })),
        ])
    };
    for refresh_interval in [secs(60.0), secs(600.0), FOREVER] {
        let config = Config {
            refresh_interval,
            ..watching()
        };
        let mut crowd = Crowd::new(3_000, config, &list(servers(false)));
        crowd.run_until(crowd.now + 300.0);
        let heard = crowd.now;
        let moves = crowd.hear(&list(servers(true)), heard + 70.0);
        // Within a minute, what the better server can take in a minute: four fifths of 25 handshakes a second.
        let begun = moves.begun.len();
        assert!((1_100..1_300).contains(&begun), "{refresh_interval:?}: {begun}");
        let most = most_in(&moves.begun, 1.0);
        assert!(
            most <= 40,
            "{refresh_interval:?}: {most} in one second, where 20 are level"
        );
    }
}

/// A world in which one client watches, and has been open for a minute.
fn settled(world: World, random_seed: u64) -> World {
    let mut world = world.with_one_like(watching(), random_seed);
    world.stream_comment();
    world.run_for(LATENCY);
    world
}

fn watching() -> Config {
    Config {
        watches: true,
        ..Config::default()
    }
}

fn level() -> Arc<ServerList> {
    let of = |id| entry(id, json!({ "users": 100, "capacity": 10_000 }));
    list(Value::from_iter(["a", "b"].map(of)))
}

/// The most of these times that lie within so many seconds.
fn most_in(times: &[f64], span: f64) -> usize {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let within = |&from: &f64| times.iter().filter(|at| (from..from + span).contains(*at)).count();
    times.iter().map(within).max().unwrap_or(0)
}

/// One of many, whose server takes it at once.
struct Member {
    client: Client,
    stream: Option<evenkeel::RequestId>,
    server: Option<String>,
}

/// When they did what.
#[derive(Default)]
struct Did {
    watched: Vec<f64>,
    /// Moves that began.
    begun: Vec<f64>,
}

/// Many clients that are told the same at the same time, and a list that does not change by what they do.
struct Crowd {
    members: Vec<Member>,
    now: f64,
    list: Arc<ServerList>,
    assessment: Assessment,
}

impl Crowd {
    /// All of them are open and watch, and have settled.
    fn new(size: u64, config: Config, list: &Arc<ServerList>) -> Self {
        let config = Arc::new(Config {
            min_uptime: Duration::ZERO,
            ..config
        });
        let members = (0..size).map(|random_seed| Member {
            client: Client::new(Arc::clone(&config), random_seed),
            stream: None,
            server: None,
        });
        let mut crowd = Self {
            members: members.collect(),
            now: 0.0,
            list: Arc::clone(list),
            assessment: Assessment::default(),
        };
        let did = crowd.each(|member, _| member.client.handle_start());
        assert_eq!(did.watched.len(), crowd.members.len());
        crowd.run_until(200.0);
        crowd
    }

    fn on(&self, id: &str) -> usize {
        let on = |member: &&Member| member.server.as_deref() == Some(id);
        self.members.iter().filter(on).count()
    }

    /// Their streams bring them this list, and time goes by until then.
    fn hear(&mut self, list: &Arc<ServerList>, until: f64) -> Did {
        self.list = Arc::clone(list);
        let mut did = self.each(|member, now| {
            let stream = member.stream.unwrap();
            assert!(member.client.handle_list(at(now), stream, Arc::clone(list)));
        });
        let after = self.run_until(until);
        did.begun.extend(after.begun);
        did
    }

    /// Tells each of them something.
    fn each(&mut self, tell: impl Fn(&mut Member, f64)) -> Did {
        let mut did = Did::default();
        for member in &mut self.members {
            tell(member, self.now);
            drain(member, self.now, &self.list, &mut self.assessment, &mut did);
        }
        did
    }

    fn run_until(&mut self, end: f64) -> Did {
        let mut did = Did::default();
        for member in &mut self.members {
            let mut now = self.now;
            // A comment every 15 s.
            while now < end {
                // A timer fires a little late, never early.
                let due = member
                    .client
                    .poll_timeout()
                    .map_or(end, |due| due.as_millis() / 1000.0 + 1e-6);
                now = due.max(now).min(now + 15.0).min(end);
                if let Some(stream) = member.stream {
                    member.client.handle_stream_heard(at(now), stream);
                }
                drain(member, now, &self.list, &mut self.assessment, &mut did);
            }
        }
        self.now = end;
        did
    }
}

fn drain(member: &mut Member, now: f64, list: &Arc<ServerList>, assessment: &mut Assessment, did: &mut Did) {
    let client = &mut member.client;
    while let Some(command) = client.poll(at(now), assessment) {
        match command {
            Command::Fetch { request, .. } => {
                client.handle_list(at(now), request, Arc::clone(list));
            }
            Command::Watch { request, .. } => {
                member.stream = Some(request);
                did.watched.push(now);
            }
            Command::Connect {
                attempt,
                decision,
                beside,
            } => {
                member.server = Some(list.servers()[decision.server].id.to_string());
                opens(client, now, attempt);
                if beside {
                    did.begun.push(now);
                }
            }
            _ => {}
        }
    }
}

fn opens(client: &mut Client, now: f64, attempt: AttemptId) {
    client.handle_open(at(now), attempt);
}

impl World {
    /// When a client asked for a stream since then, and which seed.
    fn streams(&self, client: usize, from: f64) -> Vec<(f64, u16)> {
        let since = self.since(client, from).into_iter();
        let streams = since.filter_map(|(when, what)| match what {
            Happened::Watch(seed) => Some((when, seed)),
            _ => None,
        });
        streams.collect()
    }
}
