//! One attempt, stage by stage: credentials, the connection, its preparation. What fails in it, and whose fault that is.

use evenkeel::cause::Cause;
use evenkeel::client::{AttemptId, Config, RetryCause, State};

use crate::support::secs;
use crate::world::{Credentials, Happened, LATENCY, Manner, World};

const CONNECT_TIMEOUT: f64 = 10.0;
const CREDENTIAL_TIMEOUT: f64 = 3.0;
const LOST: Happened = Happened::Lost { is_final: false };

#[test]
fn credentials_are_asked_for_before_each_attempt_and_then_it_is_dialled() {
    let mut world = World::of_three();
    world.credentials = Credentials::Gives(1.0);
    world.start_with(asking(), 1);
    world.run_for(1.0);
    assert_eq!(world.attempts(0, 0.0).len(), 1);
    assert!(world.servers.iter().all(|server| server.handshakes == 0));
    assert!(world.run_until(1.2, World::all_open));
}

#[test]
fn an_attempt_without_credentials_is_a_failed_one_and_never_the_end_nor_a_servers_fault() {
    for seed in 0..20 {
        let mut world = World::of_three();
        world.credentials = Credentials::Fails(0.1);
        world.start_with(asking(), seed);
        world.run_for(1_800.0);
        assert_eq!(world.state(0), State::Connecting, "seed {seed}");
        let attempts = world.attempts(0, 0.0);
        assert_eq!(world.count(0, 0.0, LOST), attempts.len(), "seed {seed}");
        let counted = world.clients[0].watched.client.attempts();
        assert_eq!(counted as usize, attempts.len(), "seed {seed}");
        let retries = world.retries(0, 0.0);
        assert_eq!(retries.len(), attempts.len(), "seed {seed}");
        assert!(
            retries.iter().all(|(_, retry)| retry.cause == RetryCause::Credentials),
            "seed {seed}"
        );
        // Full jitter: it doubles up to a minute.
        assert!((30..120).contains(&attempts.len()), "seed {seed}: {}", attempts.len());
        for (n, (_, retry)) in retries.iter().enumerate() {
            let most = 2f64.powi(i32::try_from(n).unwrap().min(6)).min(60.0);
            assert!(retry.delay <= secs(most), "seed {seed}: pause {n} is {retry:?}");
        }
        assert!(world.blamed(0).is_empty(), "seed {seed}");
        assert!(world.servers.iter().all(|server| server.handshakes == 0), "seed {seed}");
        world.credentials = Credentials::Gives(0.1);
        assert!(world.run_until(world.now + 61.0, World::all_open), "seed {seed}");
    }
}

#[test]
fn credentials_that_do_not_come_in_time_are_as_good_as_none() {
    let mut world = World::of_three();
    world.credentials = Credentials::Never;
    world.start_with(asking(), 1);
    world.run_for(CREDENTIAL_TIMEOUT + 0.1);
    let (started, _) = world.attempts(0, 0.0)[0];
    let told: Vec<(f64, Happened)> = world.since(0, started + 0.01);
    assert!((told[0].0 - started - CREDENTIAL_TIMEOUT).abs() < 0.01, "{told:?}");
    assert_eq!((told[0].1, told[1].1), (Happened::Abandoned, LOST));
    assert_eq!(world.causes(0, 0.0), [RetryCause::Credentials]);
    assert!(world.blamed(0).is_empty());
    // Nor do they count when they come after all.
    assert!(world.run_until(10.0, |world| world.attempts(0, 0.0).len() == 2));
    world.tell(0, |client, now| client.handle_dialed(now, AttemptId(1)));
    world.tell(0, |client, now| client.handle_open(now, AttemptId(1)));
    assert_eq!(world.state(0), State::Connecting);
}

#[test]
fn the_time_to_connect_counts_from_when_the_credentials_are_there() {
    let mut world = World::of_three();
    world.set_manners(Manner::Hangs);
    world.credentials = Credentials::Gives(2.5);
    world.start_with(asking(), 1);
    world.run_for(20.0);
    let (started, _) = world.attempts(0, 0.0)[0];
    let took = abandoned(&world)[0] - started;
    assert!((took - 2.5 - CONNECT_TIMEOUT).abs() < 0.01, "{took}");
    assert_eq!(world.causes(0, 0.0)[0], RetryCause::Server(Cause::Overload));
}

#[test]
fn a_server_that_asks_for_other_credentials_gets_them_after_a_pause_and_is_not_blamed() {
    for seed in 0..20 {
        let mut world = World::of_three().with_one_like(asking(), seed);
        world.close_all(world.server_of(0).unwrap(), 3000);
        world.set_manners(Manner::Drops(3000));
        world.run_for(1_800.0);
        assert_eq!(world.state(0), State::Reconnecting, "seed {seed}");
        let causes = world.causes(0, 60.0);
        assert!(
            causes.iter().all(|cause| *cause == RetryCause::Credentials),
            "seed {seed}"
        );
        assert!((30..120).contains(&causes.len()), "seed {seed}: {}", causes.len());
        let pauses = world
            .retries(0, 60.0)
            .into_iter()
            .map(|(_, retry)| retry.delay.as_secs());
        let pauses: Vec<f64> = pauses.collect();
        let longest = pauses.iter().copied().fold(0.0, f64::max);
        assert!(
            pauses[0] <= 1.0 && (30.0..=60.0).contains(&longest),
            "seed {seed}: {pauses:?}"
        );
        assert!(world.blamed(0).is_empty(), "seed {seed}");
        assert_eq!(world.clients[0].watched.client.failures(), 0, "seed {seed}");
        world.set_manners(Manner::Accepts);
        assert!(world.run_until(world.now + 61.0, World::all_open), "seed {seed}");
        // What has lasted makes the next pause a short one again.
        world.run_for(31.0);
        let from = world.now;
        world.close_all(world.server_of(0).unwrap(), 3000);
        assert!(world.run_until(from + 1.2, World::all_open), "seed {seed}");
    }
}

#[test]
fn a_connection_is_used_when_it_has_been_prepared() {
    let mut world = World::of_three();
    world.prepares_in = Some(3.0);
    world.start_with(preparing(), 1);
    world.run_for(3.0);
    assert_eq!(world.count(0, 0.0, Happened::Prepare), 1);
    assert_eq!((world.state(0), world.opened_at(0, 0.0)), (State::Connecting, None));
    assert!(world.run_until(3.2, World::all_open));
}

#[test]
fn a_connection_that_cannot_be_prepared_is_dropped_at_once_and_its_server_passed_over() {
    for seed in 0..20 {
        let (mut world, attempt, server) = being_prepared(seed);
        world.tell(0, |client, now| client.handle_unprepared(now, attempt));
        assert_eq!(
            world.told(0, world.now)[..2],
            [Happened::Abandoned, LOST],
            "seed {seed}"
        );
        assert_eq!(
            world.causes(0, 0.0),
            [RetryCause::Server(Cause::Refused)],
            "seed {seed}"
        );
        assert_eq!(world.blamed(0), [server], "seed {seed}");
        world.prepares_in = Some(0.1);
        // What the application says of it later counts for no other.
        assert!(world.run_until(world.now + 1.5, |world| world.attempts(0, 0.0).len() == 2));
        world.tell(0, |client, now| client.handle_prepared(now, attempt));
        assert_eq!(world.state(0), State::Connecting, "seed {seed}");
        assert!(world.run_until(world.now + 1.5, World::all_open), "seed {seed}");
        assert_ne!(world.server_of(0), Some(server), "seed {seed}");
        // Nor does it count any more.
        world.tell(0, |client, now| client.handle_prepared(now, attempt));
        world.tell(0, |client, now| client.handle_unprepared(now, attempt));
        assert_eq!(world.state(0), State::Open, "seed {seed}");
    }
}

#[test]
fn preparing_takes_no_longer_than_connecting_may() {
    let (mut world, _, server) = being_prepared(1);
    let opened = world.attempts(0, 0.0)[0].0 + 2.0 * LATENCY;
    world.run_for(CONNECT_TIMEOUT + 0.1);
    let took = abandoned(&world)[0] - opened;
    assert!((took - CONNECT_TIMEOUT).abs() < 0.01, "{took}");
    assert_eq!(world.count(0, 0.0, LOST), 1);
    assert_eq!(world.causes(0, 0.0), [RetryCause::Server(Cause::Overload)]);
    world.prepares_in = Some(0.1);
    assert!(world.run_until(world.now + 2.5, World::all_open));
    assert_ne!(world.server_of(0), Some(server));
}

#[test]
fn a_connection_that_closes_while_it_is_prepared_has_failed_for_the_reason_it_gives() {
    for (code, cause) in [
        (1006, RetryCause::Server(Cause::ShortLived)),
        (1011, RetryCause::Server(Cause::ShortLived)),
        (1012, RetryCause::Server(Cause::SentAway)),
        (1013, RetryCause::Server(Cause::Overload)),
        (3000, RetryCause::Credentials),
    ] {
        let (mut world, _, server) = being_prepared(1);
        world.close_all(server, code);
        assert_eq!(world.causes(0, 0.0), [cause], "{code}");
        assert_eq!(world.told(0, world.now)[0], LOST, "{code}");
        world.prepares_in = Some(0.1);
        assert!(world.run_until(world.now + 2.5, World::all_open), "{code}");
    }
    // Our own network, however it ends.
    let (mut world, _, server) = being_prepared(1);
    world.tell(0, |client, now| client.handle_network(now, false));
    world.close_all(server, 1006);
    assert_eq!(world.causes(0, 0.0), [RetryCause::Server(Cause::Local)]);
    assert!(world.blamed(0).is_empty());
}

#[test]
fn it_has_lasted_from_when_it_was_prepared() {
    let mut world = World::of_three();
    world.prepares_in = Some(9.0);
    world.start_with(preparing(), 1);
    assert!(world.run_until(10.0, World::all_open));
    let server = world.server_of(0).unwrap();
    world.run_for(25.0);
    world.close_all(server, 1011);
    assert_eq!(world.causes(0, 0.0), [RetryCause::Server(Cause::ShortLived)]);
}

#[test]
fn where_the_browser_delays_attempts_after_failures_they_are_given_as_much_more_time() {
    let mut longer = Vec::new();
    for seed in 0..50 {
        for dials_are_delayed in [false, true] {
            let mut world = World::new(&[("only", 0, 100.0)]);
            world.servers[0].manner = Manner::Refuses;
            let config = Config {
                dials_are_delayed,
                ..Config::default()
            };
            world.start_with(config, seed);
            assert!(world.run_until(300.0, |world| world.attempts(0, 0.0).len() == 15));
            world.run_for(0.1);
            world.servers[0].manner = Manner::Hangs;
            let from = world.now;
            assert!(
                world.run_until(from + 200.0, |world| !abandoned(world).is_empty()),
                "seed {seed}"
            );
            let took = abandoned(&world)[0] - world.attempts(0, from)[0].0;
            if dials_are_delayed {
                longer.push(took - CONNECT_TIMEOUT);
            } else {
                assert!((took - CONNECT_TIMEOUT).abs() < 0.01, "seed {seed}: {took}");
            }
        }
    }
    longer.sort_by(f64::total_cmp);
    // After fifteen failures the browser waits for a minute from the last one, of which a few seconds have gone by.
    assert!(longer[0] > 30.0 && longer[49] <= 60.0, "{longer:?}");
}

#[test]
fn the_first_attempt_and_those_after_a_connection_are_given_no_more_time_than_others() {
    let config = Config {
        dials_are_delayed: true,
        ..Config::default()
    };
    let mut world = World::new(&[("only", 0, 100.0)]);
    world.servers[0].manner = Manner::Refuses;
    world.start_with(config, 1);
    world.run_for(60.0);
    world.servers[0].manner = Manner::Accepts;
    assert!(world.run_until(120.0, World::all_open));
    world.servers[0].manner = Manner::Hangs;
    world.close_all(0, 1011);
    let from = world.now;
    assert!(world.run_until(from + 100.0, |world| !abandoned(world).is_empty()));
    let took = abandoned(&world)[0] - world.attempts(0, from)[0].0;
    assert!((took - CONNECT_TIMEOUT).abs() < 0.01, "{took}");

    let mut world = World::of_three();
    world.set_manners(Manner::Hangs);
    world.start_with(config, 1);
    world.run_for(CONNECT_TIMEOUT + 2.0 * LATENCY + 0.01);
    assert_eq!(abandoned(&world).len(), 1);
}

fn asking() -> Config {
    Config {
        credential_timeout: Some(secs(CREDENTIAL_TIMEOUT)),
        ..Config::default()
    }
}

fn preparing() -> Config {
    Config {
        prepares: true,
        ..Config::default()
    }
}

/// A world in which a connection is open and being prepared, with its attempt and its server.
fn being_prepared(seed: u64) -> (World, AttemptId, usize) {
    let mut world = World::of_three();
    world.prepares_in = None;
    world.start_with(preparing(), seed);
    world.run_for(0.2);
    assert_eq!(world.count(0, 0.0, Happened::Prepare), 1);
    let attempt = world.clients[0].watched.live().unwrap();
    let server = world.attempts(0, 0.0)[0].1;
    (world, attempt, server)
}

/// When the client has given up something.
fn abandoned(world: &World) -> Vec<f64> {
    let log = world.since(0, 0.0).into_iter();
    let abandoned = log.filter(|(_, what)| *what == Happened::Abandoned);
    abandoned.map(|(when, _)| when).collect()
}
