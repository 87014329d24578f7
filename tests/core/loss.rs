//! The end of a connection: its cause, who is out because of it, and how long the wait is.

use evenkeel::cause::{Cause, is_final};
use evenkeel::client::{RetryCause, State};
use evenkeel::decision::Exclusion;
use evenkeel::selector::{Overrides, Reason};

use crate::support::at;
use crate::world::{Happened, Manner, World};

/// Why each server is excluded for a client.
fn excluded(world: &World, client: usize) -> Vec<Option<Exclusion>> {
    let selector = world.clients[client].watched.client.selector();
    let mut assessment = evenkeel::decision::Assessment::default();
    assert!(selector.assess(at(world.now), Overrides::default(), &mut assessment));
    assessment.candidates.iter().map(|one| one.excluded).collect()
}

fn first_cause(world: &World) -> RetryCause {
    world.retries(0, 60.0)[0].1.cause
}

#[test]
fn after_a_crash_the_server_is_out_and_the_client_takes_its_place_in_a_queue() {
    let mut delays = Vec::new();
    for seed in 0..100 {
        let mut world = World::of_three().with_one_settled(seed);
        let lost = world.server_of(0).unwrap();
        world.servers[lost].base_users = 0.0;
        world.kill(lost);
        world.run_for(0.03);
        assert_eq!(world.state(0), State::Reconnecting);
        assert_eq!(first_cause(&world), RetryCause::Server(Cause::Crash));
        assert_eq!(excluded(&world, 0)[lost], Some(Exclusion::Lost));
        delays.push(world.retries(0, 60.0)[0].1.delay.as_secs());
        assert!(world.run_until(64.0, World::all_open), "seed {seed}");
        assert_ne!(world.server_of(0), Some(lost));
        assert_eq!(world.attempts(0, 60.0).len(), 1, "seed {seed}");
    }
    // Nobody else was on it: W is its least, 1 s, and the places are spread over it.
    delays.sort_by(f64::total_cmp);
    assert!(delays[0] < 0.1 && delays[99] <= 1.0 && delays[99] > 0.9, "{delays:?}");
    assert!((0.3..0.7).contains(&delays[50]), "{delays:?}");
}

#[test]
fn the_state_changes_before_the_loss_is_told_and_the_retry_after_it() {
    let mut world = World::of_three().with_one_settled(1);
    let lost = world.server_of(0).unwrap();
    world.kill(lost);
    world.run_for(0.02);
    let told: Vec<Happened> = world.since(0, 60.0).into_iter().map(|(_, what)| what).collect();
    assert_eq!(told[0], Happened::State(State::Reconnecting));
    assert_eq!(told[1], Happened::Lost { is_final: false });
    assert!(
        matches!(told[2], Happened::Retry(retry) if retry.attempt == 1),
        "{told:?}"
    );
}

#[test]
fn the_queue_after_a_crash_is_as_long_as_its_users_need() {
    // 30,000 users want to two servers that each take 100 a second: 150 s.
    let mut delays = Vec::new();
    for seed in 0..100 {
        let mut world = World::of_three();
        for server in &mut world.servers {
            server.capacity = 1e5;
            server.base_users = 30_000.0;
        }
        for server in &mut world.servers {
            server.capacity = 10_000.0;
        }
        let mut world = world.with_one_settled(seed);
        let lost = world.server_of(0).unwrap();
        world.seeds = vec![crate::world::Answer::Nothing];
        world.kill(lost);
        world.run_for(0.03);
        delays.push(world.retries(0, 60.0)[0].1.delay.as_secs());
    }
    delays.sort_by(f64::total_cmp);
    assert!(
        delays[0] < 8.0 && delays[99] > 142.0 && delays[99] <= 150.1,
        "{delays:?}"
    );
}

#[test]
fn a_refusal_ejects_and_the_way_leads_elsewhere() {
    for seed in 0..50 {
        let mut world = World::of_three();
        for server in 0..2 {
            world.servers[server].manner = Manner::Refuses;
        }
        let client = world.start(seed);
        assert!(world.run_until(15.0, World::all_open), "seed {seed}");
        let attempts = world.attempts(client, 0.0);
        assert!(attempts.len() <= 3, "seed {seed}: {attempts:?}");
        for (_, server) in &attempts[..attempts.len() - 1] {
            assert_eq!(
                excluded(&world, client)[*server],
                Some(Exclusion::Ejected),
                "seed {seed}"
            );
        }
        for (_, retry) in world.retries(client, 0.0) {
            assert_eq!(retry.cause, RetryCause::Server(Cause::Refused));
        }
    }
}

#[test]
fn a_connection_that_does_not_last_is_held_against_its_server() {
    let mut world = World::of_three();
    world.start(1);
    world.run_for(29.9);
    let server = world.server_of(0).unwrap();
    world.close_all(server, 1011);
    world.run_for(0.03);
    assert_eq!(world.retries(0, 1.0)[0].1.cause, RetryCause::Server(Cause::ShortLived));
    assert_eq!(excluded(&world, 0)[server], Some(Exclusion::Ejected));
}

#[test]
fn a_server_that_sends_its_clients_away_is_lost_however_short_they_stayed() {
    for code in [1001, 1012] {
        let mut world = World::of_three();
        world.start(1);
        world.run_for(5.0);
        let server = world.server_of(0).unwrap();
        world.close_all(server, code);
        world.run_for(0.03);
        assert_eq!(world.retries(0, 1.0)[0].1.cause, RetryCause::Server(Cause::SentAway));
        assert_eq!(excluded(&world, 0)[server], Some(Exclusion::Lost));
    }
}

#[test]
fn an_overloaded_server_is_passed_over_once_and_the_second_time_it_is_the_back_of_the_queue() {
    for seed in 0..50 {
        let mut world = World::of_three().with_one_settled(seed);
        let first = world.server_of(0).unwrap();
        world.close_all(first, 1013);
        assert!(
            world.run_until(62.2, World::all_open),
            "seed {seed}: no detour within two seconds"
        );
        let (_, retry) = world.retries(0, 60.0)[0];
        assert_eq!(retry.cause, RetryCause::Server(Cause::Overload));
        let second = world.server_of(0).unwrap();
        assert_ne!(second, first, "seed {seed}");
        assert_eq!(excluded(&world, 0), [None, None, None], "overload blames nobody");
        // A look at the list, whether it is busy everywhere.
        assert_eq!(world.fetches(0, 60.0).len(), 1);

        world.close_all(second, 1013);
        let again = world.now;
        world.run_for(0.03);
        let (_, retry) = world.retries(0, again)[0];
        assert!((10.0..=20.0).contains(&retry.delay.as_secs()), "seed {seed}: {retry:?}");
        assert!(world.run_until(again + 21.0, World::all_open), "seed {seed}");
    }
}

#[test]
fn a_server_that_takes_too_long_to_open_is_overloaded() {
    for seed in 0..20 {
        let mut world = World::of_three();
        for server in &mut world.servers {
            server.manner = Manner::Hangs;
        }
        let client = world.start(seed);
        world.run_for(300.0);
        let attempts = world.attempts(client, 0.0);
        let waits: Vec<f64> = attempts.windows(2).map(|pair| pair[1].0 - pair[0].0 - 10.0).collect();
        // A detour of U(0, 2 s) to another server, then U(0.5, 1) of 5, 10, 20, 40 s: the list shows no crowd.
        assert!(
            attempts[0].1 != attempts[1].1 && (0.0..2.01).contains(&waits[0]),
            "seed {seed}: {attempts:?}"
        );
        for (wait, length) in waits[1..].iter().zip([5.0, 10.0, 20.0, 40.0]) {
            assert!(
                (length / 2.0 - 0.01..length + 0.2).contains(wait),
                "seed {seed}: {waits:?}"
            );
        }
        let abandoned = world
            .since(client, 0.0)
            .into_iter()
            .filter(|(_, what)| *what == Happened::Abandoned);
        assert!(abandoned.count() >= 3, "seed {seed}");
    }
}

#[test]
fn with_nowhere_else_to_go_an_overload_leads_to_the_back_of_the_queue_at_once() {
    let mut world = World::new(&[("only", 0, 100.0)]).with_one_settled(3);
    world.close_all(0, 1013);
    world.run_for(40.0);
    let retries = world.retries(0, 60.0);
    assert!(retries[0].1.delay.as_secs() <= 2.0);
    assert!((10.0..=20.0).contains(&retries[1].1.delay.as_secs()), "{retries:?}");
    assert_eq!(world.state(0), State::Open);
    assert_eq!(world.attempts(0, 60.0).len(), 1);
}

#[test]
fn the_floor_of_the_queue_ends_at_ten_minutes() {
    let mut world = World::new(&[("only", 0, 100.0)]);
    world.servers[0].manner = Manner::Hangs;
    let client = world.start(1);
    world.run_for(20_000.0);
    let delays: Vec<f64> = world
        .retries(client, 0.0)
        .iter()
        .map(|(_, retry)| retry.delay.as_secs())
        .collect();
    let longest = delays.iter().copied().fold(0.0, f64::max);
    assert!((500.0..=600.0).contains(&longest), "{delays:?}");
    assert!(world.attempts(client, 10_000.0).len() >= 15, "it all but gave up");
    world.servers[0].manner = Manner::Accepts;
    assert!(world.run_until(20_700.0, World::all_open));
}

#[test]
fn where_the_whole_group_is_gone_the_next_one_takes_over() {
    for seed in 0..50 {
        let mut world = World::new(&[("a", 0, 100.0), ("b", 0, 100.0), ("c", 1, 100.0)]).with_one_settled(seed);
        assert_ne!(world.server_of(0), Some(2));
        world.kill(0);
        world.kill(1);
        assert!(world.run_until(75.0, World::all_open), "seed {seed}");
        assert_eq!(world.server_of(0), Some(2));
        assert!(world.since(0, 60.0).contains(&(
            world.attempts(0, 60.0).last().unwrap().0,
            Happened::Connect(2, Reason::Failover)
        )));
    }
}

#[test]
fn thirty_seconds_of_stability_end_an_episode() {
    let mut world = World::of_three().with_one_settled(1);
    let first = world.server_of(0).unwrap();
    world.kill(first);
    // Its list still shows the dead server as available.
    world.detection = 1e9;
    assert!(world.run_until(70.0, World::all_open));
    let opened = world.now;
    assert_eq!(world.clients[0].watched.client.failures(), 1);
    world.run_until(opened + 29.9, |_| false);
    assert_eq!(excluded(&world, 0)[first], Some(Exclusion::Lost));
    world.run_until(opened + 30.1, |_| false);
    assert_eq!(world.clients[0].watched.client.failures(), 0);
    assert_eq!(excluded(&world, 0)[first], None);
}

#[test]
fn stability_counts_even_if_the_timer_never_told() {
    let mut world = World::of_three().with_one_settled(1);
    let first = world.server_of(0).unwrap();
    world.kill(first);
    assert!(world.run_until(70.0, World::all_open));
    // Frozen for an hour: the loss is the first that the client hears of.
    let watched = &mut world.clients[0].watched;
    let attempt = watched.live().unwrap();
    watched.closed(at(3_700.0), attempt, 1011, true);
    assert_eq!(watched.client.failures(), 1);
}

#[test]
fn events_of_attempts_that_are_over_change_nothing() {
    let mut world = World::of_three();
    let client = world.start(1);
    world.run_for(0.05);
    let watched = &mut world.clients[client].watched;
    let first = watched.live().unwrap();
    watched.closed(at(0.1), first, 1006, true);
    let quiet = watched.client.poll_timeout();
    assert_eq!(watched.opened(at(0.1), first), []);
    assert_eq!(watched.closed(at(0.1), first, 1000, false), []);
    assert_eq!(watched.closed(at(0.1), first, 1013, true), []);
    assert_eq!(watched.client.poll_timeout(), quiet);
    assert_eq!(watched.client.failures(), 1);
    // In an open connection those of the one before are as dead.
    assert!(world.run_until(20.0, World::all_open));
    let now = at(world.now);
    let watched = &mut world.clients[client].watched;
    assert_eq!(watched.closed(now, first, 1006, true), []);
    assert_eq!(watched.opened(now, first), []);
    let second = watched.live().unwrap();
    assert_eq!(watched.opened(now, second), []);
    assert_eq!(world.state(client), State::Open);
}

#[test]
fn the_registered_close_codes_say_whether_to_come_back() {
    let over = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3003];
    let back = [1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015, 3000, 3008, 4000, 4999];
    assert!(over.into_iter().all(is_final));
    assert!(!back.into_iter().any(is_final));
    for code in over {
        let mut world = World::of_three().with_one_settled(1);
        let server = world.server_of(0).unwrap();
        world.close_all(server, code);
        world.run_for(100.0);
        assert_eq!(world.state(0), State::Closed, "{code}");
        let told: Vec<Happened> = world.since(0, 60.0).into_iter().map(|(_, what)| what).collect();
        assert_eq!(
            told,
            [Happened::State(State::Closed), Happened::Lost { is_final: true }],
            "{code}"
        );
        assert_eq!(world.clients[0].watched.client.poll_timeout(), None);
    }
    for code in back {
        let mut world = World::of_three().with_one_settled(1);
        let server = world.server_of(0).unwrap();
        world.close_all(server, code);
        assert!(
            !world.run_until(60.021, |world| world.state(0) == State::Closed),
            "{code}"
        );
        assert!(world.run_until(90.0, World::all_open), "{code}");
    }
}

#[test]
fn the_application_may_end_it_after_an_attempt_that_failed() {
    let mut world = World::of_three();
    let client = world.start(1);
    world.run_for(0.05);
    let watched = &mut world.clients[client].watched;
    let attempt = watched.live().unwrap();
    watched.closed(at(0.06), attempt, 1006, false);
    assert_eq!(watched.client.state(), State::Closed);
}

#[test]
fn a_server_that_takes_and_drops_at_once_is_met_once_although_it_is_listed_as_the_emptiest() {
    let mut opened = Vec::new();
    for seed in 0..100 {
        let mut world = World::of_three();
        world.servers[0].manner = Manner::Drops(1011);
        world.servers[0].reported = Some(0.0);
        world.servers[1].base_users = 500.0;
        world.servers[2].base_users = 500.0;
        let client = world.start(seed);
        world.run_for(10.0);
        let at_it = world
            .attempts(client, 0.0)
            .iter()
            .filter(|(_, server)| *server == 0)
            .count();
        assert!(at_it <= 1, "seed {seed}: {at_it} attempts in 10 s");
        assert_eq!(world.state(client), State::Open, "seed {seed}");
        // Opened elsewhere: within the least queue, 1 s, and the time of a few messages.
        let last = world.attempts(client, 0.0).last().unwrap().0;
        assert!(last < 1.3, "seed {seed}: {last}");
        opened.push(last);
    }
    opened.sort_by(f64::total_cmp);
    println!(
        "the attempt that lasts: after {:.2} s (median), {:.2} s (worst); 1 at most to the bad server",
        opened[50], opened[99]
    );
}

#[test]
fn a_lone_server_that_takes_and_drops_at_once_is_tried_with_pauses() {
    for seed in 0..50 {
        let mut world = World::new(&[("only", 0, 100.0)]);
        world.servers[0].manner = Manner::Drops(1006);
        let client = world.start(seed);
        world.run_for(10.0);
        let attempts = world.attempts(client, 0.0).len();
        assert!((2..=12).contains(&attempts), "seed {seed}: {attempts} attempts in 10 s");
        world.run_for(590.0);
        let later = world.attempts(client, 10.0).len();
        assert!((60..=300).contains(&later), "seed {seed}: {later} attempts in 590 s");
    }
}
