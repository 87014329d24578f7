//! A slow attempt gets company, when all is calm and the application wants that; one of the two goes on.

use evenkeel::cause::Cause;
use evenkeel::client::{AttemptId, Config, RetryCause, State};

use crate::support::{at, secs};
use crate::world::{Credentials, Happened, LATENCY, Manner, World};

const HEDGE_AFTER: f64 = 2.0;
const LOST: Happened = Happened::Lost { is_final: false };
const FIRST: AttemptId = AttemptId(1);
const SECOND: AttemptId = AttemptId(2);

#[test]
fn an_attempt_that_is_slow_gets_company_once_at_another_server() {
    for seed in 0..20 {
        let (world, [first, second]) = two_under_way(seed);
        assert_ne!(first.1, second.1, "seed {seed}");
        assert!((second.0 - first.0 - HEDGE_AFTER).abs() < 0.01, "seed {seed}");
        let mut world = world;
        world.run_until(first.0 + 9.9, |_| false);
        assert_eq!(world.attempts(0, 0.0).len(), 2, "seed {seed}");
    }
}

#[test]
fn an_attempt_that_is_not_slow_needs_no_company() {
    let mut world = World::of_three();
    world.set_manners(Manner::Hangs);
    world.start_with(hedging(), 1);
    world.run_for(1.9);
    world.tell(0, |client, now| client.handle_open(now, FIRST));
    world.run_for(60.0);
    assert_eq!((world.attempts(0, 0.0).len(), world.state(0)), (1, State::Open));
}

#[test]
fn the_first_of_two_to_open_counts_and_the_other_is_dropped_without_a_word_or_a_grudge() {
    for winner in [FIRST, SECOND] {
        for prepares in [false, true] {
            let mut world = World::of_three();
            world.set_manners(Manner::Hangs);
            world.prepares_in = Some(1.0);
            let config = Config { prepares, ..hedging() };
            world.start_with(config, 1);
            world.run_for(3.0);
            let from = world.now;
            world.tell(0, |client, now| client.handle_open(now, winner));
            // At once, not when the other one has been prepared.
            assert_eq!(world.clients[0].watched.sockets(), [winner]);
            world.run_for(1.1);
            let told = world.told(0, from);
            let expected = match prepares {
                false => vec![Happened::State(State::Open), Happened::Abandoned, Happened::Opened],
                true => {
                    let last = [Happened::State(State::Open), Happened::Opened];
                    [Happened::Abandoned, Happened::Prepare]
                        .into_iter()
                        .chain(last)
                        .collect()
                }
            };
            assert_eq!(told, expected, "{winner:?}");
            assert!(world.blamed(0).is_empty(), "{winner:?}");
            let server = world.attempts(0, 0.0)[usize::from(winner == SECOND)].1;
            let client = &world.clients[0].watched.client;
            let list = &client.selector().in_force().unwrap().list;
            let expected = list.find(&world.servers[server].id).map(|server| server.key);
            assert_eq!(client.server(), expected, "{winner:?}");
            // Events of the loser come too late.
            let loser = if winner == FIRST { SECOND } else { FIRST };
            world.tell(0, |client, now| client.handle_open(now, loser));
            assert!(
                world.clients[0]
                    .watched
                    .closed(at(world.now), loser, 1006, true)
                    .is_empty()
            );
            assert_eq!(world.state(0), State::Open, "{winner:?}");
        }
    }
}

#[test]
fn one_of_two_that_fails_is_ejected_without_a_word_and_the_other_goes_on() {
    for failing in [FIRST, SECOND] {
        let (mut world, attempts) = two_under_way(1);
        let now = at(world.now);
        let watched = &mut world.clients[0].watched;
        assert!(!watched.client.asks_whether_final(failing));
        assert_eq!(watched.closed(now, failing, 1006, true), [], "{failing:?}");
        let [failed, other] = match failing == FIRST {
            true => [0, 1],
            false => [1, 0],
        };
        assert_eq!(world.blamed(0), [attempts[failed].1], "{failing:?}");
        // No third one.
        world.run_for(5.0);
        assert_eq!(world.attempts(0, 0.0).len(), 2, "{failing:?}");
        let other = AttemptId(u32::try_from(other).unwrap() + 1);
        world.tell(0, |client, now| client.handle_open(now, other));
        assert_eq!(world.state(0), State::Open, "{failing:?}");
        assert_eq!(
            (world.count(0, 0.0, LOST), world.retries(0, 0.0)),
            (0, vec![]),
            "{failing:?}"
        );
        assert_eq!(world.clients[0].watched.client.failures(), 0, "{failing:?}");
    }
}

#[test]
fn the_last_of_two_to_fail_is_a_failed_attempt_like_any_other() {
    for (seed, last) in (0..20).zip([FIRST, SECOND].into_iter().cycle()) {
        let (mut world, _) = two_under_way(seed);
        let first = if last == FIRST { SECOND } else { FIRST };
        let now = at(world.now);
        let watched = &mut world.clients[0].watched;
        watched.closed(now, first, 1006, true);
        assert!(watched.client.asks_whether_final(last), "seed {seed}");
        // The one that still hangs takes too long at last.
        world.run_for(11.0);
        assert_eq!(
            (world.count(0, 0.0, LOST), world.count(0, 0.0, Happened::Abandoned)),
            (1, 1),
            "seed {seed}"
        );
        assert_eq!(
            world.causes(0, 0.0),
            [RetryCause::Server(Cause::Overload)],
            "seed {seed}"
        );
        world.set_manners(Manner::Accepts);
        assert!(world.run_until(world.now + 30.0, World::all_open), "seed {seed}");
    }
}

#[test]
fn both_take_too_long_each_by_its_own_clock() {
    let (mut world, [first, second]) = two_under_way(1);
    world.run_for(20.0);
    let log = world.since(0, 0.0).into_iter();
    let abandoned: Vec<f64> = log
        .filter(|(_, what)| *what == Happened::Abandoned)
        .map(|(when, _)| when)
        .collect();
    assert!((abandoned[0] - first.0 - 10.0).abs() < 0.01, "{abandoned:?}");
    assert!((abandoned[1] - second.0 - 10.0).abs() < 0.01, "{abandoned:?}");
}

#[test]
fn no_company_where_nobody_asked_for_it_or_there_is_no_other_server() {
    let mut world = World::of_three();
    world.set_manners(Manner::Hangs);
    world.start(1);
    world.run_for(9.9);
    assert_eq!(world.attempts(0, 0.0).len(), 1);

    let mut world = World::new(&[("only", 0, 100.0)]);
    world.set_manners(Manner::Hangs);
    world.start_with(hedging(), 1);
    world.run_for(9.9);
    assert_eq!(world.attempts(0, 0.0).len(), 1);
    assert_eq!(world.state(0), State::Connecting);
}

#[test]
fn no_company_in_times_of_trouble() {
    let after = |trouble: &dyn Fn(&mut World)| {
        let config = Config {
            heartbeat_interval: secs(20.0),
            heartbeat_timeout: secs(5.0),
            ..hedging()
        };
        let mut world = World::of_three().with_one_like(config, 1);
        world.set_manners(Manner::Hangs);
        trouble(&mut world);
        world.run_for(9.0);
        assert_eq!(world.state(0), State::Reconnecting);
        world.attempts(0, 60.0).len()
    };
    let own = |world: &World| world.server_of(0).unwrap();
    assert_eq!(after(&|world| world.kill(own(world))), 1, "a crash");
    assert_eq!(after(&|world| world.close_all(own(world), 3000)), 1, "credentials");
    let waking = |world: &mut World| {
        world.tell(0, |client, now| client.handle_wake(now));
        world.close_all(own(world), 1006);
    };
    assert_eq!(after(&waking), 1, "our own network");
    // But calm it is where only the application wanted to begin anew.
    assert_eq!(after(&|world| world.reconnect(0)), 2, "no trouble");
}

#[test]
fn the_time_that_the_application_takes_for_credentials_does_not_make_an_attempt_slow() {
    let config = Config {
        credential_timeout: Some(secs(10.0)),
        ..hedging()
    };
    let mut world = World::of_three();
    world.set_manners(Manner::Hangs);
    world.credentials = Credentials::Gives(5.0);
    world.start_with(config, 1);
    world.run_for(30.0);
    let attempts = world.attempts(0, 0.0);
    let dialled = attempts[0].0 + 5.0;
    assert!((attempts[1].0 - dialled - HEDGE_AFTER).abs() < 0.01, "{attempts:?}");

    let mut world = World::of_three();
    world.credentials = Credentials::Gives(5.0);
    world.start_with(config, 1);
    world.run_for(30.0);
    assert_eq!((world.attempts(0, 0.0).len(), world.state(0)), (1, State::Open));
}

#[test]
fn closing_or_reconnecting_drops_both() {
    let (mut world, _) = two_under_way(1);
    world.close(0);
    assert_eq!(world.count(0, 0.0, Happened::Abandoned), 2);
    world.run_for(1.0);
    assert_eq!(world.state(0), State::Closed);

    let (mut world, _) = two_under_way(1);
    world.set_manners(Manner::Accepts);
    world.reconnect(0);
    assert_eq!(
        (world.count(0, 0.0, Happened::Abandoned), world.count(0, 0.0, LOST)),
        (2, 1)
    );
    assert!(world.run_until(world.now + 0.2, World::all_open));
}

fn hedging() -> Config {
    Config {
        hedge: true,
        ..Config::default()
    }
}

/// A world in which an attempt and its company are under way, with the time and the server of each.
fn two_under_way(seed: u64) -> (World, [(f64, usize); 2]) {
    let mut world = World::of_three();
    world.set_manners(Manner::Hangs);
    world.start_with(hedging(), seed);
    world.run_for(2.0 * LATENCY + HEDGE_AFTER + 0.1);
    let attempts = world.attempts(0, 0.0).try_into();
    let attempts = attempts.unwrap_or_else(|attempts| panic!("seed {seed}: {attempts:?}"));
    assert_eq!(world.clients[0].watched.sockets(), [FIRST, SECOND], "seed {seed}");
    (world, attempts)
}
