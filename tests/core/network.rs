//! Trouble of our own: offline, back online, just woken up. Nobody is blamed for it, and nobody is shut out by it.

use evenkeel::cause::{Cause, SeedFailure};
use evenkeel::client::{Command, Config, RetryCause, State};
use evenkeel::selector::Reason;
use serde_json::json;

use crate::support::{at, list, median_and_worst, secs, server};
use crate::watched::Watched;
use crate::world::{Answer, Happened, Manner, World};

/// The longest that the platform's word puts an attempt off.
const PATIENCE: f64 = 30.0;
const LOCAL: RetryCause = RetryCause::Server(Cause::Local);

#[test]
fn a_connection_that_breaks_without_a_word_while_offline_is_nobodys_fault() {
    for seed in 0..20 {
        let mut world = World::of_three().with_one_settled(seed);
        let server = world.server_of(0).unwrap();
        world.go(false);
        world.run_for(600.0);
        assert_eq!(
            world.state(0),
            State::Open,
            "seed {seed}: a connection that stands is used"
        );
        let from = world.now;
        world.close_all(server, 1006);
        world.run_for(1.0);
        assert_eq!(world.causes(0, from), [LOCAL], "seed {seed}");
        assert_eq!(world.retries(0, from)[0].1.delay, secs(PATIENCE), "seed {seed}");
        assert_eq!(world.state(0), State::Offline, "seed {seed}");
        let back = world.now;
        world.go(true);
        assert_eq!(world.state(0), State::Reconnecting, "seed {seed}");
        assert!(world.run_until(back + 1.2, World::all_open), "seed {seed}");
        let connected = world.since(0, back).into_iter().map(|(_, what)| what);
        let connects: Vec<Happened> = connected.filter(|what| matches!(what, Happened::Connect(..))).collect();
        assert_eq!(connects, [Happened::Connect(server, Reason::Return)], "seed {seed}");
        assert!(world.blamed(0).is_empty(), "seed {seed}");
        assert_eq!(world.clients[0].watched.client.failures(), 0, "seed {seed}");
    }
}

#[test]
fn what_breaks_with_a_word_is_the_servers_doing_even_while_offline() {
    for (code, cause) in [
        (1011, Cause::Crash),
        (1012, Cause::SentAway),
        (1013, Cause::Overload),
        (4000, Cause::Crash),
    ] {
        let mut world = World::of_three().with_one_settled(1);
        world.go(false);
        world.close_all(world.server_of(0).unwrap(), code);
        world.run_for(0.1);
        assert_eq!(world.causes(0, 60.0), [RetryCause::Server(cause)], "{code}");
    }
}

#[test]
fn what_breaks_within_ten_seconds_of_waking_is_nobodys_fault_and_later_it_is() {
    for (after, cause) in [(0.0, Cause::Local), (9.9, Cause::Local), (10.1, Cause::Crash)] {
        let mut world = World::of_three().with_one_like(that_is_checked(), 1);
        let server = world.server_of(0).unwrap();
        world.tell(0, |client, now| client.handle_wake(now));
        world.run_for(after);
        let from = world.now;
        world.close_all(server, 1006);
        assert!(world.run_until(from + 1.2, World::all_open), "{after}");
        assert_eq!(world.causes(0, from), [RetryCause::Server(cause)], "{after}");
        let is_ours = cause == Cause::Local;
        assert_eq!(world.server_of(0) == Some(server), is_ours, "{after}");
        assert_eq!(world.blamed(0).is_empty(), is_ours, "{after}");
    }
}

#[test]
fn everyone_on_one_network_comes_back_within_a_second_and_not_at_once() {
    let mut waits = Vec::new();
    for seed in 0..100 {
        let mut world = World::of_three().with_one_like(that_is_checked(), seed);
        world.go(false);
        world.go(true);
        let from = world.now;
        world.close_all(world.server_of(0).unwrap(), 1006);
        world.run_for(1.2);
        waits.push(world.attempts(0, from)[0].0 - from);
    }
    waits.sort_by(f64::total_cmp);
    // Where the list is past its ttl, a look at it is a round trip more.
    assert!(waits[0] < 0.1 && waits[99] > 0.95 && waits[99] < 1.05, "{waits:?}");
    assert!((0.3..0.7).contains(&waits[50]), "{waits:?}");
}

#[test]
fn who_is_dropped_again_and_again_after_waking_makes_longer_pauses_and_blames_somebody_in_the_end() {
    for seed in 0..20 {
        let mut world = World::of_three().with_one_like(that_is_checked(), seed);
        let server = world.server_of(0).unwrap();
        world.set_manners(Manner::Drops(1006));
        world.tell(0, |client, now| client.handle_wake(now));
        let from = world.now;
        world.close_all(server, 1006);
        world.run_for(9.9);
        assert!(world.causes(0, from).iter().all(|cause| *cause == LOCAL), "seed {seed}");
        assert!(world.blamed(0).is_empty(), "seed {seed}");
        let attempts = world.attempts(0, from);
        assert!((2..=25).contains(&attempts.len()), "seed {seed}: {attempts:?}");
        assert!(
            attempts.iter().all(|attempt| attempt.1 == server),
            "seed {seed}: {attempts:?}"
        );
        let is_blamed = |world: &World| !world.blamed(0).is_empty();
        assert!(world.run_until(world.now + 30.0, is_blamed), "seed {seed}");
    }
}

#[test]
fn the_word_that_there_is_no_network_puts_an_attempt_off_by_half_a_minute_and_forbids_none() {
    for seed in 0..20 {
        let mut world = World::of_three().with_one_settled(seed);
        world.go(false);
        let from = world.now;
        // The platform is wrong: the server closes in order, and is well.
        world.close_all(world.server_of(0).unwrap(), 1006);
        assert!(world.run_until(from + PATIENCE + 0.2, World::all_open), "seed {seed}");
        let attempts = world.attempts(0, from);
        assert!(
            attempts.len() == 1 && attempts[0].0 >= from + PATIENCE,
            "seed {seed}: {attempts:?}"
        );

        // And where it is right, the attempts go on at that pace.
        world.set_manners(Manner::Refuses);
        let from = world.now;
        world.close_all(world.server_of(0).unwrap(), 1006);
        world.run_for(10.0 * (PATIENCE + 0.1));
        let attempts = world.attempts(0, from).len();
        assert!((9..=10).contains(&attempts), "seed {seed}: {attempts}");
        assert!(world.blamed(0).is_empty(), "seed {seed}");
        assert!(world.causes(0, from).iter().all(|cause| *cause == LOCAL), "seed {seed}");
    }
}

#[test]
fn an_attempt_at_the_start_is_put_off_too() {
    for seeds in [0, 1] {
        let mut world = World::of_three();
        world.seeds.truncate(seeds);
        world.start_offline(seeds);
        assert_eq!(world.state(0), State::Offline);
        // The seed's caches may have the list.
        assert_eq!(world.fetches(0, 0.0).len(), seeds);
        world.run_for(PATIENCE - 0.2);
        assert_eq!((world.attempts(0, 0.0).len(), world.state(0)), (0, State::Offline));
        assert!(world.run_until(PATIENCE + 0.2, World::all_open), "{seeds} seeds");

        let mut world = World::of_three();
        world.seeds.truncate(seeds);
        world.start_offline(seeds);
        world.run_for(5.0);
        world.go(true);
        assert_eq!(world.state(0), State::Connecting);
        assert!(world.run_until(6.2, World::all_open), "{seeds} seeds");
    }
}

#[test]
fn the_state_is_offline_while_there_is_neither_a_connection_nor_a_network() {
    let mut world = World::of_three();
    for server in &mut world.servers {
        server.base_users = 900.0;
    }
    let mut world = world.with_one_settled(1);
    world.kill(world.server_of(0).unwrap());
    world.run_for(0.1);
    let told = |world: &World, from| -> Vec<State> {
        let told = world.told(0, from).into_iter();
        let states = told.filter_map(|what| match what {
            Happened::State(state) => Some(state),
            _ => None,
        });
        states.collect()
    };
    // In a queue, which is longer than this.
    let from = world.now;
    world.go(false);
    world.go(true);
    world.go(false);
    assert_eq!(
        told(&world, from),
        [State::Offline, State::Reconnecting, State::Offline]
    );
    assert!(world.run_until(200.0, World::all_open));
    assert_eq!(told(&world, from)[3..], [State::Reconnecting, State::Open]);
}

#[test]
fn going_online_ends_the_pauses_of_the_seed_within_a_second_but_not_those_it_asked_for() {
    for (answer, seconds) in [
        (Answer::Fails(SeedFailure::Unreachable, None), 1.2),
        (Answer::Fails(SeedFailure::Overloaded, Some(1_800.0)), 2_700.0),
    ] {
        let mut world = World::of_three();
        world.seeds = vec![answer];
        world.start(1);
        world.go(false);
        world.run_for(600.0);
        world.seeds = vec![Answer::List];
        let from = world.now;
        world.go(true);
        assert!(world.run_until(from + seconds, World::all_open), "{answer:?}");
        assert!(world.now > from + seconds / 10.0 - 1.0, "{answer:?}");
        assert_eq!(world.fetches(0, from).len(), 1, "{answer:?}");
    }
}

#[test]
fn where_the_platform_is_wrong_about_the_network_a_dead_server_is_left_all_the_same() {
    for seed in 0..20 {
        let mut world = World::of_three().with_one_settled(seed);
        world.go(false);
        let from = world.now;
        world.kill(world.server_of(0).unwrap());
        assert!(world.run_until(from + 120.0, World::all_open), "seed {seed}");
    }
}

#[test]
fn a_heartbeat_that_is_never_answered_after_a_sleep_is_nobodys_fault_with_its_defaults() {
    let config = Config {
        heartbeat_interval: secs(25.0),
        heartbeat_timeout: secs(10.0),
        ..Config::default()
    };
    let mut world = World::of_three().with_one_like(config, 1);
    let from = world.now;
    for server in &mut world.servers {
        server.frozen = true;
    }
    world.tell(0, |client, now| client.handle_wake(now));
    world.run_for(11.0);
    assert_eq!(world.causes(0, from), [LOCAL]);
}

#[test]
fn a_request_that_has_slept_is_made_again_and_is_nobodys_failure() {
    let mut world = World::of_three();
    world.seeds = vec![Answer::Nothing];
    world.start(1);
    world.run_for(1.0);
    world.seeds = vec![Answer::List];
    world.sleep(100.0);
    let from = world.now;
    assert!(world.run_until(from + 0.2, World::all_open));
    assert_eq!((world.fetches(0, from).len(), world.causes(0, 0.0).len()), (1, 0));
}

#[test]
fn a_request_that_breaks_in_a_sleep_is_made_again_and_is_nobodys_failure() {
    let mut watched = Watched::new(Config::default(), 1);
    let asked = |commands: &[Command]| {
        let requests = commands.iter().filter_map(|command| match command {
            Command::Fetch { request, .. } => Some(*request),
            _ => None,
        });
        requests.collect::<Vec<_>>()
    };
    let first = asked(&watched.start(at(0.0)))[0];
    // That it has slept shows in that only.
    let commands = watched.list_failed(at(100.0), first, SeedFailure::Unreachable, None);
    assert_eq!(asked(&commands).len(), 1, "{commands:?}");
    assert!(
        !commands.iter().any(|it| matches!(it, Command::Retry(_))),
        "{commands:?}"
    );
}

#[test]
fn a_request_made_after_a_wake_that_fails_at_the_same_moment_is_a_failure() {
    let mut watched = Watched::new(Config::default(), 1);
    watched.start(at(0.0));
    let now = at(5.0);
    let woken = watched.tell(now, |client| client.handle_wake(now));
    let asked = woken.iter().find_map(|command| match command {
        Command::Fetch { request, .. } => Some(*request),
        _ => None,
    });
    let commands = watched.list_failed(now, asked.unwrap(), SeedFailure::Unreachable, None);
    assert!(
        commands.iter().any(|it| matches!(it, Command::Retry(_))),
        "{commands:?}"
    );
}

#[test]
fn a_network_that_swallows_everything_without_a_word_is_no_overload() {
    for length in [30.0, 60.0, 120.0, 300.0] {
        let mut absences: Vec<f64> = (0..100)
            .map(|seed| {
                let config = Config {
                    seeds: 1,
                    ..that_is_checked()
                };
                let mut world = World::of_three().with_one_like(config, seed);
                world.swallow(Manner::Hangs, Answer::Nothing, true);
                world.run_for(length);
                world.swallow(Manner::Accepts, Answer::List, false);
                let back = world.now;
                assert!(
                    world.run_until(back + 180.0, World::all_open),
                    "seed {seed}, {length} s"
                );
                world.now - back
            })
            .collect();
        absences.sort_by(f64::total_cmp);
        let half = absences[absences.len() / 2];
        assert!(half < 25.0, "after {length} s half are away for {half} s more");
    }
}

#[test]
fn where_packets_vanish_a_seed_that_cannot_be_reached_after_one_that_hung_is_silent_too() {
    let mut absences: Vec<f64> = (0..100)
        .map(|seed| {
            let config = Config {
                seeds: 1,
                ..that_is_checked()
            };
            let mut world = World::of_three();
            for server in &mut world.servers {
                server.base_users = 3_000.0;
            }
            let mut world = world.with_one_like(config, seed);
            world.swallow(Manner::Hangs, Answer::Nothing, true);
            let from = world.now;
            let hung = |world: &World| world.causes(0, from).contains(&RetryCause::Seed(SeedFailure::Timeout));
            assert!(world.run_until(from + 100.0, hung), "seed {seed}");
            world.seeds = vec![Answer::Fails(SeedFailure::Unreachable, None)];
            world.run_for(120.0);
            world.swallow(Manner::Accepts, Answer::List, false);
            let back = world.now;
            assert!(world.run_until(back + 180.0, World::all_open), "seed {seed}");
            world.now - back
        })
        .collect();
    let (half, worst) = median_and_worst(absences.clone());
    println!("{half} {worst}");
    absences.sort_by(f64::total_cmp);
    assert!(half < 25.0, "half are away for {half} s more");
}

#[test]
fn who_heard_from_a_seed_while_servers_hung_keeps_its_place_in_the_queue() {
    let refuses = Answer::Fails(SeedFailure::Overloaded, None);
    for (first, then) in [
        (Answer::List, Answer::Nothing),
        (refuses, refuses),
        (Answer::List, Answer::List),
    ] {
        let mut checked = 0;
        for seed in 0..20 {
            let mut world = World::of_three();
            let set_users =
                |world: &mut World, users: f64| world.servers.iter_mut().for_each(|it| it.base_users = users);
            set_users(&mut world, 3_000.0);
            let mut world = world.with_one_settled(seed);
            // It has been silent before, long ago.
            world.seeds = vec![Answer::Nothing];
            world.run_for(100.0);
            world.seeds = vec![Answer::List];
            world.run_for(200.0);
            let from = world.now;
            set_users(&mut world, 0.0);
            world.swallow(Manner::Hangs, first, false);
            world.close_all(world.server_of(0).unwrap(), 1006);
            let overloads = |world: &World| {
                let retries = world.retries(0, from).into_iter();
                let of_servers = retries.filter(|(_, retry)| retry.cause == RetryCause::Server(Cause::Overload));
                of_servers.collect::<Vec<_>>()
            };
            // Those at the end of the queue come later still, as nobody gets in.
            if !world.run_until(from + 400.0, |world| overloads(world).len() >= 2) {
                continue;
            }
            world.seeds = vec![then];
            if !world.run_until(world.now + 400.0, |world| overloads(world).len() >= 3) {
                continue;
            }
            let (sent, retry) = overloads(&world)[2];
            let turn = sent + retry.delay.as_secs();
            if turn < world.now + 5.0 {
                continue;
            }
            // The list that comes now shows nobody missing.
            set_users(&mut world, 3_000.0);
            world.seeds = vec![Answer::List];
            let heard = world.now;
            world.run_until(turn - 1.0, |_| false);
            assert_eq!(world.attempts(0, heard).len(), 0, "{first:?}, {then:?}, seed {seed}");
            checked += 1;
        }
        assert!(checked >= 10, "{first:?}, {then:?}: {checked}");
    }
}

#[test]
fn going_online_does_not_jump_the_queue() {
    for seed in 0..20 {
        let mut world = World::of_three();
        for server in &mut world.servers {
            server.capacity = 1e5;
            server.base_users = 30_000.0;
        }
        let mut world = world.with_one_settled(seed);
        let lost = world.server_of(0).unwrap();
        world.servers[lost].base_users = 0.0;
        world.kill(lost);
        world.run_for(0.1);
        let (when, retry) = world.retries(0, 60.0)[0];
        let turn = when + retry.delay.as_secs();
        world.go(false);
        world.go(true);
        world.seeds = vec![Answer::Nothing];
        world.run_until(turn - 0.1, |_| false);
        assert_eq!(world.attempts(0, 60.0), [], "seed {seed}: its turn is at {turn}");
    }
}

#[test]
fn waking_does_not_hurry_those_who_leave_an_overloaded_server_alone() {
    let mut waits = Vec::new();
    for seed in 0..20 {
        let mut world = World::of_three().with_one_like(that_is_checked(), seed);
        world.close_all(world.server_of(0).unwrap(), 1013);
        world.tell(0, |client, now| client.handle_wake(now));
        world.run_for(2.1);
        let (when, retry) = world.retries(0, 60.0)[0];
        let waited = world.attempts(0, 60.0)[0].0 - when;
        assert!(
            (0.0..0.1).contains(&(waited - retry.delay.as_secs())),
            "seed {seed}: {waited}, {retry:?}"
        );
        waits.push(waited);
    }
    assert!(waits.iter().any(|waited| *waited > 1.1), "{waits:?}");
}

#[test]
fn reconnecting_does_not_wait_for_a_network_but_what_comes_after_it_does() {
    for is_lost in [false, true] {
        let mut world = World::of_three().with_one_settled(1);
        world.go(false);
        if is_lost {
            world.close_all(world.server_of(0).unwrap(), 1006);
            world.run_for(1.0);
        }
        let from = world.now;
        world.reconnect(0);
        assert!(world.run_until(from + 0.2, World::all_open), "{is_lost}");
        world.run_for(60.0);
        let from = world.now;
        world.close_all(world.server_of(0).unwrap(), 1011);
        world.run_for(PATIENCE);
        assert_eq!(world.attempts(0, from), [], "{is_lost}");
        assert!(world.run_until(from + PATIENCE + 1.2, World::all_open), "{is_lost}");
    }
}

#[test]
fn an_attempt_that_was_under_way_when_the_network_went_is_nobodys_fault() {
    for seed in 0..20 {
        let mut world = World::of_three();
        world.set_manners(Manner::Hangs);
        world.start(seed);
        world.run_for(1.0);
        world.go(false);
        world.run_for(10.0);
        assert_eq!(world.causes(0, 0.0), [LOCAL], "seed {seed}");
        assert_eq!(world.state(0), State::Offline, "seed {seed}");
        world.set_manners(Manner::Accepts);
        let (tried, from) = (world.attempts(0, 0.0)[0].1, world.now);
        world.go(true);
        assert!(world.run_until(from + 1.2, World::all_open), "seed {seed}");
        assert_eq!(world.server_of(0), Some(tried), "seed {seed}");
        assert!(world.blamed(0).is_empty(), "seed {seed}");
    }
}

#[test]
fn thirty_seconds_of_stability_make_the_next_pause_a_short_one_again() {
    for seed in 0..20 {
        let mut world = World::of_three().with_one_like(that_is_checked(), seed);
        let server = world.server_of(0).unwrap();
        world.set_manners(Manner::Drops(1006));
        world.tell(0, |client, now| client.handle_wake(now));
        world.close_all(server, 1006);
        world.run_for(8.0);
        world.set_manners(Manner::Accepts);
        assert!(world.run_until(world.now + 20.0, World::all_open), "seed {seed}");
        world.run_for(31.0);
        let from = world.now;
        world.tell(0, |client, now| client.handle_wake(now));
        world.close_all(world.server_of(0).unwrap(), 1006);
        let (_, retry) = world.retries(0, from)[0];
        assert!(retry.delay <= secs(1.0), "seed {seed}: {retry:?}");
    }
}

#[test]
fn the_same_server_is_left_where_the_list_says_so() {
    let mut world = World::of_three().with_one_settled(1);
    let server = world.server_of(0).unwrap();
    world.go(false);
    world.close_all(server, 1006);
    world.servers[server].draining = true;
    world.run_for(2.0);
    world.go(true);
    assert!(world.run_until(world.now + 1.2, World::all_open));
    assert_ne!(world.server_of(0), Some(server));
}

/// One that need not be replaced after a sleep, since it can be checked.
fn that_is_checked() -> Config {
    Config {
        heartbeat_interval: secs(20.0),
        heartbeat_timeout: secs(5.0),
        ..Config::default()
    }
}

impl World {
    /// What all servers do with newcomers, what the seed answers, and whether those who are connected hear nothing more.
    fn swallow(&mut self, manner: Manner, answer: Answer, frozen: bool) {
        for server in &mut self.servers {
            server.manner = manner;
            server.frozen = frozen;
        }
        self.seeds = vec![answer];
    }

    /// The platform says that there is a network, or that there is none.
    fn go(&mut self, online: bool) {
        self.tell(0, |client, now| client.handle_network(now, online));
    }

    /// Starts a client that is offline; without seeds it has a list of its own.
    fn start_offline(&mut self, seeds: usize) {
        let config = Config {
            seeds: u16::try_from(seeds).unwrap(),
            ..Config::default()
        };
        self.add(config, 1);
        self.go(false);
        if seeds == 0 {
            let fixed = list(json!([server("a", 0.0, 10.0)]));
            self.tell(0, |client, now| {
                client.handle_given_list(now, fixed);
            });
        }
        self.set_out(0);
        self.run_for(0.1);
    }
}
