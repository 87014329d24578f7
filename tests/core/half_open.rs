//! Connections whose peer is gone without a word, and those that only seem so: late timers, sleep, another network.

use evenkeel::cause::Cause;
use evenkeel::client::{AttemptId, Config, FOREVER, MoveReason, RetryCause, State};
use serde_json::json;

use crate::support::{at, list, secs, server};
use crate::watched::Watched;
use crate::world::{Happened, LATENCY, Manner, World};

const INTERVAL: f64 = 20.0;
const TIMEOUT: f64 = 5.0;
/// What the list promises, and how long a silence accuses where it does.
const PROMISED: f64 = 20.0;
const ACCUSED_AFTER: f64 = 1.5 * PROMISED + 1.0;

#[test]
fn a_ping_that_stays_unanswered_ends_the_connection_at_once_and_in_time() {
    let mut noticed = Vec::new();
    for seed in 0..60 {
        let mut world = World::of_three().with_one_like(with_heartbeat(), seed);
        world.run_for(seed as f64);
        let from = world.now;
        freeze_own(&mut world);
        assert!(world.run_until(from + INTERVAL + TIMEOUT + 0.01, lost), "seed {seed}");
        // Nothing waits for a handshake that nobody would answer.
        let told: Vec<Happened> = world.since(0, world.now).into_iter().map(|(_, what)| what).collect();
        assert_eq!(
            told[..3],
            [
                Happened::State(State::Reconnecting),
                Happened::Abandoned,
                Happened::Lost { is_final: false }
            ],
            "seed {seed}"
        );
        assert_eq!(world.causes(0, from), [RetryCause::Server(Cause::Crash)], "seed {seed}");
        noticed.push(world.now - from);
        // Unlike the dead one, the others answer.
        assert!(world.run_until(world.now + 3.0, World::all_open), "seed {seed}");
    }
    noticed.sort_by(f64::total_cmp);
    assert!(
        noticed[0] >= TIMEOUT && noticed[0] < 7.0 && noticed[59] > 23.0,
        "{noticed:?}"
    );
}

#[test]
fn a_ping_is_sent_every_so_often_and_its_answers_keep_the_connection() {
    let mut world = World::of_three().with_one_like(with_heartbeat(), 1);
    world.run_for(3_540.0);
    assert_eq!(world.count(0, 0.0, Happened::Beat), 179);
    assert!(!lost(&world));
}

#[test]
fn it_is_the_first_unanswered_ping_that_counts() {
    let config = Config {
        heartbeat_timeout: secs(2.5 * INTERVAL),
        ..with_heartbeat()
    };
    let mut world = World::of_three().with_one_like(config, 1);
    let from = world.now;
    freeze_own(&mut world);
    assert!(world.run_until(from + 3.5 * INTERVAL, lost));
    assert!(world.count(0, from, Happened::Beat) >= 3);
}

#[test]
fn any_message_is_a_sign_of_life() {
    let mut world = World::of_three().with_one_like(with_heartbeat(), 1);
    let server = freeze_own(&mut world);
    for _ in 0..100 {
        world.broadcast(server);
        world.run_for(TIMEOUT - 0.1);
    }
    assert!(!lost(&world), "it went on sending");
    assert!(world.count(0, 60.0, Happened::Beat) > 20);
    let silent = world.now;
    assert!(world.run_until(silent + INTERVAL + TIMEOUT, lost));
}

#[test]
fn where_nothing_is_sent_or_promised_silence_accuses_nobody() {
    let mut world = World::of_three().with_one_settled(1);
    freeze_own(&mut world);
    world.run_for(86_400.0);
    assert!(!lost(&world));
    assert_eq!(world.count(0, 0.0, Happened::Beat), 0);
}

#[test]
fn where_the_list_promises_messages_silence_accuses() {
    for seed in 0..20 {
        let mut world = promising().with_one_that_is_sent_to(Config::default(), seed);
        let last = world.now + LATENCY;
        world.broadcast(world.server_of(0).unwrap());
        assert!(world.run_until(last + ACCUSED_AFTER + 0.01, lost), "seed {seed}");
        let noticed = world.now - last;
        assert!(noticed >= ACCUSED_AFTER, "seed {seed}: {noticed}");
    }
}

#[test]
fn a_promise_that_a_newer_list_makes_counts_from_then_and_ends_when_it_is_withdrawn() {
    for seed in 0..20 {
        let mut world = World::of_three().with_one_settled(seed);
        world.run_for(600.0);
        let before = promising().head;
        let plain = std::mem::replace(&mut world.head, before);
        let asked = world.fetches(0, 0.0).len();
        world.run_for(0.1);
        assert!(world.run_until(740.0, |world| world.fetches(0, 0.0).len() > asked));
        let received = world.now + 2.0 * LATENCY;
        assert!(world.run_until(received + ACCUSED_AFTER + 0.01, lost), "seed {seed}");
        assert!(world.now >= received + ACCUSED_AFTER, "seed {seed}");

        let mut world = promising().with_one_that_is_sent_to(Config::default(), seed);
        world.head = plain;
        world.tell(0, |client, now| client.handle_refresh(now));
        world.run_for(600.0);
        assert!(!lost(&world), "seed {seed}");
    }
}

#[test]
fn a_new_promise_is_no_answer_to_a_ping() {
    let config = Config {
        heartbeat_timeout: secs(15.0),
        refresh_interval: FOREVER,
        ..with_heartbeat()
    };
    let mut world = World::of_three().with_one_like(config, 1);
    let from = world.now;
    freeze_own(&mut world);
    world.run_until(from + INTERVAL, |world| world.count(0, from, Happened::Beat) > 0);
    world.run_for(5.0);
    world.head = promising().head;
    world.tell(0, |client, now| client.handle_refresh(now));
    assert!(world.run_until(from + INTERVAL + 15.01, lost));
}

#[test]
fn the_applications_silence_timeout_counts_whatever_the_list_promises() {
    for timeout in [10.0, 100.0] {
        let config = Config {
            silence_timeout: Some(secs(timeout)),
            ..Config::default()
        };
        for head in [promising().head, World::of_three().head] {
            let mut world = World::of_three();
            world.head = head;
            let mut world = world.with_one_that_is_sent_to(config, 1);
            let last = world.now + LATENCY;
            world.broadcast(world.server_of(0).unwrap());
            assert!(world.run_until(last + timeout + 0.01, lost), "{timeout}");
            assert!(world.now >= last + timeout, "{timeout}");
        }
    }
}

#[test]
fn a_timer_that_comes_late_accuses_nobody_until_what_waits_behind_it_has_been_heard() {
    for seed in 0..20 {
        let mut world = promising().with_one_that_is_sent_to(Config::default(), seed);
        let server = world.server_of(0).unwrap();
        // A hidden page: its timers come once a minute, the message a moment after them.
        for _ in 0..30 {
            come_late(&mut world, 60.0);
            world.broadcast(server);
            world.run_for(0.1);
            assert!(!lost(&world), "seed {seed}");
        }
    }
}

#[test]
fn a_dead_connection_is_noticed_although_every_timer_comes_late() {
    for config in [with_heartbeat(), Config::default()] {
        let mut world = promising().with_one_that_is_sent_to(config, 1);
        freeze_own(&mut world);
        let mut late = 0;
        while !lost(&world) {
            come_late(&mut world, 60.0);
            late += 1;
            assert!(late <= 5, "{late} timers came, and each was given a grace");
        }
    }
}

#[test]
fn after_one_late_timer_a_dead_connection_is_noticed_within_seconds() {
    let mut world = promising().with_one_that_is_sent_to(Config::default(), 1);
    freeze_own(&mut world);
    come_late(&mut world, 50.0);
    come_late(&mut world, 50.0);
    let from = world.now;
    assert!(!lost(&world));
    assert!(world.run_until(from + 2.01, lost));
}

#[test]
fn after_a_sleep_the_ping_is_sent_at_once_and_its_answer_keeps_the_connection() {
    for seed in 0..20 {
        let mut world = World::of_three().with_one_like(with_heartbeat(), seed);
        world.sleep(600.0);
        let woke = world.now;
        world.run_for(0.001);
        assert_eq!(world.count(0, woke, Happened::Beat), 1, "seed {seed}");
        world.run_for(600.0);
        assert!(!lost(&world) && world.attempts(0, woke).is_empty(), "seed {seed}");
    }
}

#[test]
fn a_connection_that_died_in_its_sleep_is_nobodys_fault_and_the_way_leads_to_the_same_server() {
    for seed in 0..50 {
        let mut world = World::of_three().with_one_like(with_heartbeat(), seed);
        let server = world.server_of(0);
        world.clients[0].forget_connection();
        world.sleep(600.0);
        let woke = world.now;
        assert!(world.run_until(woke + TIMEOUT + 0.01, lost), "seed {seed}");
        assert_eq!(world.causes(0, woke), [RetryCause::Server(Cause::Local)], "seed {seed}");
        assert!(world.run_until(world.now + 1.2, World::all_open), "seed {seed}");
        assert_eq!(world.server_of(0), server, "seed {seed}");
        assert!(world.blamed(0).is_empty(), "seed {seed}");
    }
}

#[test]
fn a_promise_that_would_take_an_hour_to_check_after_a_sleep_is_no_check() {
    let config = Config {
        silence_timeout: Some(secs(3_600.0)),
        ..Config::default()
    };
    let mut world = World::of_three().with_one_like(config, 1);
    world.sleep(600.0);
    let woke = world.now;
    world.run_for(1.2);
    assert_eq!(world.attempts(0, woke).len(), 1);
}

#[test]
fn to_a_connection_that_nothing_was_heard_on_since_a_sleep_there_is_no_return() {
    let mut world = World::of_three().with_one_like(Config::default(), 1);
    world.sleep(600.0);
    let woke = world.now;
    world.run_for(2.0);
    let server = world.server_of(0).unwrap();
    world.kill(server);
    world.run_for(0.5);
    assert_eq!(world.count(0, woke, Happened::Moved(MoveReason::Return)), 0);
    assert!(world.run_until(world.now + 10.0, World::all_open));
    assert_ne!(world.server_of(0), Some(server));
}

#[test]
fn a_ping_that_could_not_be_sent_need_not_be_answered_and_is_no_sign_of_life() {
    let config = Config {
        silence_timeout: Some(secs(60.0)),
        ..with_heartbeat()
    };
    let mut world = World::of_three().with_one_like(config, 1);
    let from = world.now;
    for server in &mut world.servers {
        server.frozen = true;
    }
    // Every ping fails, once it is due.
    while world.now < from + 35.0 {
        world.run_for(0.05);
        let attempt = world.clients[0].watched.connection().unwrap();
        world.tell(0, |client, _| client.handle_not_asked(attempt));
    }
    assert!(!lost(&world));
    // Silence accuses from when something was heard last, whatever was tried since.
    world.run_for(26.0);
    assert!(lost(&world));
}

#[test]
fn that_a_ping_for_another_connection_could_not_be_sent_says_nothing_of_this_one() {
    let mut world = World::of_three().with_one_like(with_heartbeat(), 1);
    let from = world.now;
    freeze_own(&mut world);
    assert!(world.run_until(from + INTERVAL, |world| world.count(0, from, Happened::Beat) == 1));
    let asked = world.now;
    world.tell(0, |client, _| client.handle_not_asked(AttemptId(99)));
    assert!(world.run_until(asked + TIMEOUT + 0.01, lost));
}

#[test]
fn when_a_connection_was_last_heard_of_can_be_read_as_long_as_it_stands() {
    let mut world = World::of_three();
    world.start(1);
    let heard = |world: &World| world.clients[0].watched.client.last_heard();
    assert_eq!(heard(&world), None);
    assert!(world.run_until(1.0, World::all_open));
    assert_eq!(heard(&world), Some(at(world.now)));
    world.run_for(10.0);
    let server = world.server_of(0).unwrap();
    world.broadcast(server);
    world.run_for(LATENCY);
    let arrived = at(world.now);
    world.run_for(10.0);
    assert_eq!(heard(&world), Some(arrived));
    world.kill(server);
    assert_eq!(heard(&world), None);
}

#[test]
fn a_timer_that_fires_at_the_very_instant_finds_something_to_do() {
    for config in [
        with_heartbeat(),
        Config {
            silence_timeout: Some(secs(TIMEOUT)),
            ..Config::default()
        },
    ] {
        let config = Config { seeds: 0, ..config };
        let mut client = Watched::new(config, 1);
        client.given_list(at(0.0), list(json!([server("a", 0.0, 10.0)])));
        client.start(at(0.0));
        let attempt = client.live().unwrap();
        client.opened(at(0.0), attempt);
        let mut now = at(0.0);
        while client.connection().is_some() {
            let due = client.client.poll_timeout().unwrap();
            assert!(due > now, "woken at {now:?}, it wants to be woken at {due:?}");
            now = due;
            client.wake(now);
        }
        let asks = config.heartbeat_interval < FOREVER;
        assert_eq!(now, at(if asks { INTERVAL + TIMEOUT } else { TIMEOUT }));
    }
}

#[test]
fn a_silence_that_is_about_to_accuse_is_check_enough_after_a_sleep() {
    let config = Config {
        silence_timeout: Some(secs(60.0)),
        ..Config::default()
    };
    for (silent, replaced) in [(49.0, 1), (51.0, 0)] {
        let mut world = World::of_three().with_one_that_is_sent_to(config, 1);
        let server = world.server_of(0).unwrap();
        world.broadcast(server);
        world.run_for(LATENCY + silent);
        let woke = world.now;
        world.tell(0, |client, now| client.handle_wake(now));
        world.run_for(2.0);
        world.broadcast(server);
        world.run_for(20.0);
        assert_eq!(world.attempts(0, woke).len(), replaced, "silent for {silent} s");
        assert!(!lost(&world), "silent for {silent} s");
    }
}

#[test]
fn what_cannot_be_checked_is_replaced_at_once_at_another_server_where_the_list_has_its_own_no_more() {
    for seed in 0..50 {
        let config = Config {
            refresh_interval: FOREVER,
            ..Config::default()
        };
        let mut world = World::of_three().with_one_like(config, seed);
        let own = world.server_of(0).unwrap();
        world.servers[own].unlisted = true;
        world.tell(0, |client, now| client.handle_refresh(now));
        world.run_for(0.1);
        let from = world.now;
        world.tell(0, |client, now| client.handle_wake(now));
        world.run_for(1.01);
        assert_eq!(world.attempts(0, from).len(), 1, "seed {seed}");
        assert!(!lost(&world), "seed {seed}");
    }
}

#[test]
fn what_cannot_be_checked_after_a_sleep_is_replaced_at_the_same_server_within_a_second_and_without_a_gap() {
    for prepares in [false, true] {
        let mut waits = Vec::new();
        for seed in 0..50 {
            let config = Config {
                prepares,
                ..Config::default()
            };
            let mut world = World::of_three().with_one_like(config, seed);
            let server = world.server_of(0).unwrap();
            world.sleep(600.0);
            let woke = world.now;
            world.run_for(1.2);
            let attempts = world.attempts(0, woke);
            assert_eq!(attempts.len(), 1, "seed {seed}");
            assert_eq!(attempts[0].1, server, "seed {seed}");
            waits.push(attempts[0].0 - woke);
            let told = match prepares {
                true => Happened::Migrated(MoveReason::Wake),
                false => Happened::Moved(MoveReason::Wake),
            };
            assert_eq!(world.count(0, woke, told), 1, "seed {seed}");
            world.run_for(60.0);
            // The old one goes when the new one has lasted.
            assert_eq!(world.count(0, woke, Happened::Retired), 1, "seed {seed}");
            assert!(!lost(&world) && world.retries(0, woke).is_empty(), "seed {seed}");
            assert_eq!(world.attempts(0, woke).len(), 1, "seed {seed}: once is enough");
        }
        waits.sort_by(f64::total_cmp);
        assert!(waits[0] < 0.1 && waits[49] > 0.9 && waits[49] <= 1.001, "{waits:?}");
    }
}

#[test]
fn a_replacement_that_fails_leaves_the_old_connection_and_is_tried_again_with_growing_pauses() {
    for (seed, manner) in (0..20).zip([Manner::Refuses, Manner::Hangs].into_iter().cycle()) {
        let mut world = World::of_three().with_one_settled(seed);
        world.set_manners(manner);
        world.sleep(600.0);
        let woke = world.now;
        world.run_for(900.0);
        assert!(!lost(&world) && world.retries(0, woke).is_empty(), "seed {seed}");
        let attempts = world.attempts(0, woke);
        assert!((10..80).contains(&attempts.len()), "seed {seed}: {}", attempts.len());
        let gaps: Vec<f64> = attempts.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        let longest = gaps.iter().copied().fold(0.0, f64::max);
        // A minute each, and a round that ends with every server ejected.
        assert!(
            gaps[0] < 12.1 && (15.0..130.0).contains(&longest),
            "seed {seed}: {gaps:?}"
        );
        // The next sleep is another matter.
        let woke = world.now;
        world.tell(0, |client, now| client.handle_wake(now));
        world.run_for(24.0);
        let attempts = world.attempts(0, woke);
        assert!(attempts.len() >= 2, "seed {seed}: {attempts:?}");
        // And as soon as one opens, all is done.
        world.set_manners(Manner::Accepts);
        let well = world.now;
        world.run_for(600.0);
        assert_eq!(
            world.count(0, well, Happened::Moved(MoveReason::Wake)),
            1,
            "seed {seed}"
        );
        assert!(!lost(&world), "seed {seed}");
    }
}

#[test]
fn a_message_heard_after_a_sleep_spares_the_replacement() {
    for seed in 0..20 {
        let mut world = World::of_three().with_one_settled(seed);
        let server = world.server_of(0).unwrap();
        let attempt = world.clients[0].watched.live().unwrap();
        world.sleep(600.0);
        let woke = world.now;
        world.run_for(1e-5);
        world.tell(0, |client, now| client.handle_heard(attempt, now));
        world.run_for(600.0);
        assert_eq!(world.attempts(0, woke), [], "seed {seed}");

        // But not if it is from before, or may be: nobody knows at which end of the sleep it came.
        for before in [1.0, 0.0] {
            world.sleep(600.0);
            let woke = world.now;
            world.run_for(0.0);
            let heard = at(woke) - secs(before);
            let attempt = world.clients[0].watched.live().unwrap();
            world.tell(0, |client, _| client.handle_heard(attempt, heard));
            world.run_for(60.0);
            assert_eq!(world.attempts(0, woke).len(), 1, "seed {seed}, {before} s before");
        }

        // As well as one that comes while it is being tried again.
        world.set_manners(Manner::Refuses);
        world.sleep(600.0);
        let woke = world.now;
        world.run_for(20.0);
        assert_ne!(world.attempts(0, woke), [], "seed {seed}");
        world.broadcast(server);
        world.run_for(0.1);
        let heard = world.now;
        world.run_for(600.0);
        assert_eq!(world.attempts(0, heard), [], "seed {seed}");
    }
}

#[test]
fn to_a_connection_that_opened_in_a_sleep_and_was_not_heard_on_since_there_is_no_return() {
    let config = Config {
        prepares: true,
        ..Config::default()
    };
    for (heard, returns) in [(false, 0), (true, 1)] {
        let mut world = World::of_three();
        world.start_with(config, 1);
        world.run_for(2.5 * LATENCY);
        assert_eq!(world.state(0), State::Connecting);
        world.prepares_in = Some(0.0);
        world.sleep(600.0);
        world.run_for(0.0);
        assert_eq!(world.state(0), State::Open);
        let woke = world.now;
        if heard {
            world.broadcast(world.server_of(0).unwrap());
        }
        world.run_for(1.0);
        world.tell(0, |client, now| client.handle_migrate(now));
        world.run_for(1.0);
        assert_eq!(world.count(0, woke, Happened::Migrated(MoveReason::Requested)), 1);
        world.kill(world.server_of(0).unwrap());
        assert_eq!(
            world.count(0, woke, Happened::Migrated(MoveReason::Return)),
            returns,
            "heard: {heard}"
        );
    }
}

#[test]
fn a_sleep_while_the_connection_before_is_still_there_is_no_reason_to_trust_the_new_one() {
    let mut world = World::of_three().with_one_settled(1);
    world.sleep(600.0);
    world.run_for(1.2);
    assert_eq!(world.count(0, 600.0, Happened::Moved(MoveReason::Wake)), 1);
    world.sleep(600.0);
    let woke = world.now;
    world.run_for(10.0);
    assert_eq!(world.count(0, woke, Happened::Moved(MoveReason::Wake)), 1);
}

#[test]
fn a_sleep_is_noticed_where_nothing_but_the_look_at_the_clock_would_wake_the_client() {
    let config = Config {
        refresh_interval: FOREVER,
        clock_check: secs(30.0),
        ..Config::default()
    };
    let mut world = World::of_three().with_one_like(config, 1);
    for (late, replaced) in [(70.0, 0), (80.0, 1)] {
        let from = world.now;
        come_late(&mut world, late);
        world.run_for(20.0);
        assert_eq!(world.attempts(0, from).len(), replaced, "{late} s late");
    }
}

#[test]
fn a_driver_that_knows_of_a_sleep_says_so() {
    for seed in 0..20 {
        let mut world = World::of_three().with_one_settled(seed);
        let server = world.server_of(0).unwrap();
        let from = world.now;
        world.tell(0, |client, now| client.handle_wake(now));
        world.run_for(10.0);
        let attempts: Vec<usize> = world.attempts(0, from).iter().map(|attempt| attempt.1).collect();
        assert_eq!(attempts, [server], "seed {seed}");
        assert!(!lost(&world), "seed {seed}");

        let mut world = World::of_three().with_one_like(with_heartbeat(), seed);
        world.run_for(3.0);
        let from = world.now;
        world.tell(0, |client, now| client.handle_wake(now));
        assert_eq!(world.told(0, from), [Happened::Beat], "seed {seed}");
    }
}

fn with_heartbeat() -> Config {
    Config {
        heartbeat_interval: secs(INTERVAL),
        heartbeat_timeout: secs(TIMEOUT),
        ..Config::default()
    }
}

/// A world whose list promises messages.
fn promising() -> World {
    let mut world = World::of_three();
    world.head = json!({ "ttl": 2, "heartbeat": PROMISED });
    world
}

/// The server that the client is on keeps its connections from now on, and answers nothing.
fn freeze_own(world: &mut World) -> usize {
    let server = world.server_of(0).unwrap();
    world.servers[server].frozen = true;
    server
}

/// The client's next timer comes so late, and nothing else happens meanwhile.
fn come_late(world: &mut World, late: f64) {
    let due = world.clients[0].watched.client.poll_timeout().unwrap();
    world.sleep(due.as_millis() / 1000.0 + late - world.now);
    world.run_for(0.0);
}

fn lost(world: &World) -> bool {
    world.count(0, 0.0, Happened::Lost { is_final: false }) > 0
}

impl World {
    /// A world in which one client is open, and gets a message every few seconds for a minute.
    fn with_one_that_is_sent_to(mut self, config: Config, random_seed: u64) -> Self {
        self.start_with(config, random_seed);
        self.run_for(1.0);
        for _ in 0..10 {
            let server = self.server_of(0).unwrap();
            self.broadcast(server);
            self.run_for(6.0);
        }
        self
    }
}
