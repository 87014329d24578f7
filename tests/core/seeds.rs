//! Seeds that are down, hang, answer garbage or have too much to do.

use evenkeel::cause::SeedFailure;
use evenkeel::client::{Config, RetryCause, State};

use crate::support::at;
use crate::world::{Answer, Happened, LATENCY, Manner, World};

fn unreachable() -> Answer {
    Answer::Fails(SeedFailure::Unreachable, None)
}

fn with_seeds(seeds: &[Answer]) -> World {
    let mut world = World::of_three();
    world.seeds = seeds.to_vec();
    world
}

#[test]
fn a_dead_first_seed_costs_nothing_where_a_second_lives() {
    let mut world = with_seeds(&[unreachable(), Answer::List]);
    let client = world.start(1);
    world.run_for(1.0);
    let asked: Vec<u16> = world.fetches(client, 0.0).iter().map(|fetch| fetch.1).collect();
    assert_eq!(asked, [0, 1]);
    let (when, retry) = world.retries(client, 0.0)[0];
    assert_eq!(retry.cause, RetryCause::Seed(SeedFailure::Unreachable));
    assert_eq!((retry.delay.as_millis(), retry.attempt), (0.0, 0));
    assert!(when < 0.1 && world.opened_at(client, 0.0).unwrap() < 0.2);
}

#[test]
fn the_seed_that_answered_is_asked_first_the_next_time() {
    let mut world = with_seeds(&[unreachable(), Answer::List]).with_one_settled(1);
    let server = world.server_of(0).unwrap();
    world.kill(server);
    world.run_for(60.0);
    assert_eq!(world.state(0), State::Open);
    let later = world.fetches(0, 30.0);
    assert!(!later.is_empty() && later.iter().all(|fetch| fetch.1 == 1), "{later:?}");
}

#[test]
fn a_hanging_seed_gets_company_after_two_seconds_and_is_given_up_after_its_timeout() {
    let mut world = with_seeds(&[Answer::Nothing, Answer::Nothing, Answer::List]);
    let client = world.start(1);
    world.run_for(20.0);
    let asked = world.fetches(client, 0.0);
    assert_eq!(asked.iter().map(|fetch| fetch.1).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(
        (asked[1].0 - 2.0).abs() < 0.01 && (asked[2].0 - 5.0).abs() < 0.01,
        "{asked:?}"
    );
    let cancelled = world
        .since(client, 0.0)
        .into_iter()
        .filter(|(_, what)| *what == Happened::Cancelled);
    assert_eq!(cancelled.count(), 2);
    let opened = world.opened_at(client, 0.0).unwrap();
    assert!(opened < 5.2, "{opened}");
}

#[test]
fn a_lone_hanging_seed_is_asked_again_and_again_with_longer_pauses() {
    let mut world = with_seeds(&[Answer::Nothing]);
    let client = world.start(1);
    world.run_for(1_800.0);
    let asked = world.fetches(client, 0.0);
    // 5 s of timeout and 30 s of pause on average, once the pauses are at their longest.
    assert!((30..100).contains(&asked.len()), "{}", asked.len());
    for pair in asked.windows(2) {
        let gap = pair[1].0 - pair[0].0;
        assert!((5.0..=65.01).contains(&gap), "{gap}");
    }
    assert_eq!(world.state(client), State::Connecting);
    let timeouts = world.retries(client, 0.0);
    assert!(
        timeouts
            .iter()
            .all(|(_, retry)| retry.cause == RetryCause::Seed(SeedFailure::Timeout))
    );
}

#[test]
fn a_seed_that_answers_garbage_is_passed_over_like_a_dead_one() {
    let mut world = with_seeds(&[Answer::Fails(SeedFailure::BadList, None), Answer::List]);
    let client = world.start(1);
    world.run_for(1.0);
    assert_eq!(world.state(client), State::Open);
    assert_eq!(
        world.retries(client, 0.0)[0].1.cause,
        RetryCause::Seed(SeedFailure::BadList)
    );
}

#[test]
fn a_seed_that_is_down_at_start_and_back_after_five_seconds_is_found_again_within_seconds() {
    let mut waits = Vec::new();
    for seed in 0..200 {
        let mut world = with_seeds(&[unreachable()]);
        let client = world.start(seed);
        world.run_for(5.0);
        assert_eq!(world.state(client), State::Connecting);
        // Full jitter may ask soon, but doubles: no storm.
        let asked = world.fetches(client, 0.0).len();
        assert!((2..=20).contains(&asked), "seed {seed}: {asked} requests");
        world.seeds = vec![Answer::List];
        assert!(world.run_until(60.0, World::all_open), "seed {seed}: never came back");
        waits.push(world.now - 5.0);
    }
    waits.sort_by(f64::total_cmp);
    println!(
        "open after the seed is back: {:.1} s (median), {:.1} s (9 of 10), {:.1} s (worst of 200)",
        waits[100], waits[180], waits[199]
    );
    // No pause is longer than the outage has lasted, whatever was drawn before.
    assert!(
        waits[100] < 3.0 && waits[180] < 5.0 && waits[199] < 10.0,
        "median {}, worst {}",
        waits[100],
        waits[199]
    );
}

#[test]
fn pauses_double_up_to_a_minute_and_a_list_sets_them_back() {
    let mut longest: f64 = 0.0;
    for seed in 0..20 {
        let mut world = with_seeds(&[unreachable()]);
        let client = world.start(seed);
        world.run_for(3_600.0);
        for (n, (_, retry)) in world.retries(client, 0.0).iter().enumerate() {
            let most = 2f64.powi(i32::try_from(n).unwrap().min(6)).min(60.0);
            assert!(
                retry.delay.as_secs() <= most,
                "seed {seed}: pause {n} is {:?}",
                retry.delay
            );
            longest = longest.max(retry.delay.as_secs());
        }
        world.seeds = vec![Answer::List];
        assert!(world.run_until(3_700.0, World::all_open), "seed {seed}");
    }
    assert!(longest > 55.0, "{longest}");
}

#[test]
fn retry_after_of_an_overloaded_seed_is_what_it_asked_for_and_up_to_half_as_long_again() {
    let mut delays = Vec::new();
    for seed in 0..50 {
        let mut world = with_seeds(&[Answer::Fails(SeedFailure::Overloaded, Some(40.0))]);
        let client = world.start(seed);
        world.run_for(1.0);
        let (_, retry) = world.retries(client, 0.0)[0];
        assert_eq!(retry.cause, RetryCause::Seed(SeedFailure::Overloaded));
        delays.push(retry.delay.as_secs());
        world.seeds = vec![Answer::List];
        world.run_for(100.0);
        let asked = world.fetches(client, 0.0);
        assert!(
            (asked[1].0 - 0.04 - retry.delay.as_secs()).abs() < 0.01,
            "seed {seed}: {asked:?}"
        );
        assert_eq!(world.state(client), State::Open);
    }
    delays.sort_by(f64::total_cmp);
    assert!(
        delays[0] >= 40.0 && delays[0] < 44.0 && delays[49] <= 60.0 && delays[49] > 56.0,
        "{delays:?}"
    );
}

#[test]
fn retry_after_of_nothing_makes_no_one_spin_and_of_a_year_makes_no_one_hang() {
    for (wish, requests) in [(0.0, 4..=20), (1e-9, 20..=31), (31_536_000.0, 2..=2)] {
        let mut world = with_seeds(&[Answer::Fails(SeedFailure::Overloaded, Some(wish))]);
        let client = world.start(1);
        world.run_for(if wish > 1.0 { 5_500.0 } else { 30.0 });
        // Without a wish it is at the back of a queue first, then it is full jitter's turn.
        let asked = world.fetches(client, 0.0).len();
        let least = if wish == 0.0 { &1 } else { requests.start() };
        assert!(asked >= *least && asked <= *requests.end(), "{wish}: {asked}");
    }
}

#[test]
fn an_overloaded_seed_without_retry_after_sends_its_clients_to_the_back_of_a_queue() {
    for seed in 0..50 {
        let mut world = with_seeds(&[Answer::Fails(SeedFailure::Overloaded, None)]);
        let client = world.start(seed);
        world.run_for(200.0);
        let delays: Vec<f64> = world
            .retries(client, 0.0)
            .iter()
            .map(|(_, retry)| retry.delay.as_secs())
            .collect();
        // U(0.5, 1) of 20 s, then of 40 s, then of 80 s.
        for (delay, length) in delays.iter().zip([20.0, 40.0, 80.0]) {
            assert!((length / 2.0..=length).contains(delay), "seed {seed}: {delays:?}");
        }
        // Every request that fails is followed by a wait that is announced.
        assert_eq!(world.fetches(client, 0.0).len(), delays.len(), "seed {seed}");
    }
}

#[test]
fn the_last_good_list_serves_while_no_seed_answers_and_no_server_is_ejected() {
    for seed in 0..50 {
        let mut world = World::of_three().with_one_settled(seed);
        let lost = world.server_of(0).unwrap();
        world.seeds = vec![unreachable()];
        let others: Vec<usize> = (0..3).filter(|server| *server != lost).collect();
        world.servers[others[0]].manner = Manner::Refuses;
        world.kill(lost);
        assert!(
            world.run_until(120.0, World::all_open),
            "seed {seed}: hangs on the seed"
        );
        assert!(world.now < 70.0, "seed {seed}: {} s", world.now - 60.0);
        let client = &world.clients[0].watched.client;
        for server in client.selector().in_force().unwrap().list.servers() {
            let record = client.selector().memory.record(server.key);
            assert!(
                record.is_none_or(|record| !record.is_ejected(at(world.now))),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn a_hanging_seed_delays_the_way_back_by_its_timeout_and_no_more() {
    for seed in 0..50 {
        let mut world = World::of_three().with_one_settled(seed);
        world.seeds = vec![Answer::Nothing];
        let lost = world.server_of(0).unwrap();
        world.kill(lost);
        assert!(world.run_until(80.0, World::all_open), "seed {seed}");
        assert!(world.now - 60.0 < 7.0, "seed {seed}: {} s", world.now - 60.0);
    }
}

#[test]
fn late_answers_of_a_seed_are_ignored() {
    let mut world = with_seeds(&[Answer::Nothing]);
    let client = world.start(1);
    world.run_for(1.0);
    let watched = &mut world.clients[client].watched;
    let first = watched.asked().unwrap();
    world.run_for(5.0);
    let watched = &mut world.clients[client].watched;
    assert_ne!(watched.asked(), Some(first));
    let list = crate::support::list(serde_json::json!([crate::support::server("a", 0.0, 10.0)]));
    assert_eq!(watched.list(at(6.0), first, list), []);
    assert_eq!(watched.list_failed(at(6.0), first, SeedFailure::Unreachable, None), []);
    assert!(watched.client.selector().in_force().is_none());
}

#[test]
fn one_request_at_a_time_ends_with_the_client() {
    let mut world = with_seeds(&[Answer::Nothing]);
    let config = Config {
        seeds: 1,
        ..Config::default()
    };
    let client = world.start_with(config, 1);
    world.run_for(1.0);
    world.close(client);
    assert!(
        world
            .since(client, 0.5)
            .iter()
            .any(|(_, what)| *what == Happened::Cancelled)
    );
    world.run_for(10.0);
    assert_eq!(world.state(client), State::Closed);
}

#[test]
fn a_list_begins_a_new_turn_of_the_seeds() {
    let mut world = with_seeds(&[unreachable(), Answer::List]).with_one_settled(1);
    world.seeds = vec![Answer::List, unreachable()];
    let server = world.server_of(0).unwrap();
    world.kill(server);
    assert!(world.run_until(80.0, World::all_open));
    // One seed of two failed: no turn is over, and servers may be blamed.
    let asked = world.fetches(0, 60.0);
    assert_eq!(asked[0].1, 1);
    let server = world.server_of(0).unwrap();
    let before = world.now;
    world.close_all(server, 1011);
    assert!(world.remembered(0, server).unwrap().is_ejected(at(before)));
}

#[test]
fn a_list_sets_pauses_back_and_servers_may_be_blamed_again() {
    for seed in 0..20 {
        let mut world = with_seeds(&[unreachable()]);
        let client = world.start(seed);
        world.run_for(100.0);
        world.seeds = vec![Answer::List];
        for server in &mut world.servers {
            server.manner = Manner::Refuses;
        }
        assert!(world.run_until(200.0, |world| world.servers.iter().any(|server| server.handshakes > 0)));
        world.run_for(0.05);
        let refused = world.servers.iter().position(|server| server.handshakes > 0).unwrap();
        let record = world.remembered(client, refused).unwrap();
        assert!(record.is_ejected(at(world.now)), "seed {seed}");
    }
}

#[test]
fn a_seed_that_fails_while_the_last_list_serves_on_is_told_of() {
    let mut world = World::of_three().with_one_settled(1);
    world.seeds = vec![Answer::Fails(SeedFailure::Status, None)];
    let (lost, since) = (world.server_of(0).unwrap(), world.now);
    world.kill(lost);
    world.run_for(10.0);
    assert_eq!(world.state(0), State::Open);
    let causes: Vec<RetryCause> = world.retries(0, since).iter().map(|(_, retry)| retry.cause).collect();
    assert!(causes.contains(&RetryCause::Seed(SeedFailure::Status)), "{causes:?}");
}

#[test]
fn a_seed_that_hangs_costs_two_seconds_where_another_answers() {
    for seed in 0..20 {
        let mut world = with_seeds(&[Answer::Nothing, Answer::List]);
        let client = world.start(seed);
        assert!(world.run_until(2.2, World::all_open), "seed {seed}");
        // The one that is not needed any more is let go.
        assert_eq!(world.count(client, 0.0, Happened::Cancelled), 1, "seed {seed}");
        // It has not failed, but the other one is asked first from now on.
        assert_eq!(world.retries(client, 0.0), [], "seed {seed}");
        world.run_for(70.0);
        let asked: Vec<u16> = world.fetches(client, 0.0).iter().map(|fetch| fetch.1).collect();
        assert_eq!(asked[..3], [0, 1, 1], "seed {seed}");
    }
}

#[test]
fn of_two_seeds_that_are_being_asked_the_first_to_answer_counts() {
    let mut world = with_seeds(&[Answer::Nothing, Answer::Nothing]);
    let client = world.start(1);
    world.run_for(0.5);
    let slow = world.clients[client].watched.asked().unwrap();
    world.run_for(2.0);
    let company = world.clients[client].watched.asked().unwrap();
    assert_ne!(slow, company);
    let list = crate::support::list(serde_json::json!([crate::support::server("a", 0.0, 10.0)]));
    world.tell(client, |client, now| {
        assert!(client.handle_list(now, slow, list.clone()))
    });
    assert_eq!(world.count(client, 0.0, Happened::Cancelled), 1);
    world.tell(client, |client, now| {
        assert!(!client.handle_list(now, company, list.clone()))
    });
    assert_eq!(world.attempts(client, 0.0).len(), 1);
}

#[test]
fn company_that_fails_is_asked_again_while_the_first_still_hangs() {
    let mut world = with_seeds(&[Answer::Nothing, unreachable()]);
    let client = world.start(2);
    world.run_for(2.5);
    world.seeds[1] = Answer::List;
    assert!(world.run_until(4.9, World::all_open));
    assert_eq!(world.causes(client, 0.0)[0], RetryCause::Seed(SeedFailure::Unreachable));
}

#[test]
fn each_seed_has_pauses_of_its_own() {
    for seed in 0..20 {
        let mut world = with_seeds(&[Answer::Fails(SeedFailure::Overloaded, Some(300.0)), unreachable()]);
        let client = world.start(seed);
        world.run_for(290.0);
        let asked = |world: &World, of: u16| world.fetches(client, 0.0).iter().filter(|fetch| fetch.1 == of).count();
        assert_eq!(asked(&world, 0), 1, "seed {seed}");
        assert!((8..60).contains(&asked(&world, 1)), "seed {seed}: {}", asked(&world, 1));
        // Each failure tells of the next request, to whichever of them.
        let fetches = world.fetches(client, 0.0);
        for (when, retry) in world.retries(client, 0.0) {
            let next = fetches.iter().find(|fetch| fetch.0 >= when);
            let off = next.map_or(0.0, |next| next.0 - when - retry.delay.as_secs());
            assert!(off.abs() < 0.01, "seed {seed}: {retry:?} at {when}, asked {next:?}");
        }
        world.run_for(170.0);
        assert_eq!(asked(&world, 0), 2, "seed {seed}");
    }
}

#[test]
fn after_one_that_failed_the_next_is_asked_first_and_after_the_last_the_first() {
    let mut world = with_seeds(&[Answer::List; 3]).with_one_settled(1);
    let asked_when_told_to = |world: &mut World| {
        let from = world.now;
        world.tell(0, |client, now| client.handle_refresh(now));
        world.run_for(0.2);
        let asked = world.fetches(0, from).into_iter().map(|fetch| fetch.1);
        asked.collect::<Vec<_>>()
    };
    world.seeds = vec![Answer::Fails(SeedFailure::Overloaded, Some(100.0)); 3];
    assert_eq!(asked_when_told_to(&mut world), [0, 1, 2]);
    assert_eq!(asked_when_told_to(&mut world), [0, 1, 2]);
    world.seeds[1] = Answer::List;
    assert_eq!(asked_when_told_to(&mut world), [0, 1]);
    world.seeds[1] = world.seeds[0];
    assert_eq!(asked_when_told_to(&mut world), [1, 2, 0]);
    assert_eq!(asked_when_told_to(&mut world), [1, 2, 0]);
}

#[test]
fn when_the_turn_has_come_and_a_seed_fails_the_next_is_asked_before_it_is_decided() {
    let mut checked = 0;
    for seed in 0..20 {
        let mut world = with_seeds(&[Answer::List; 2]).with_one_settled(seed);
        world.seeds[0] = unreachable();
        let from = world.now;
        world.kill(world.server_of(0).unwrap());
        assert!(world.run_until(from + 60.0, World::all_open), "seed {seed}");
        let (asked, decided) = (world.fetches(0, from), world.attempts(0, from)[0].0);
        let &(when, last) = asked.iter().rfind(|fetch| fetch.0 < decided).unwrap();
        assert!(
            last == 1 && decided >= when + 2.0 * LATENCY,
            "seed {seed}: asked {last} at {when}"
        );
        checked += usize::from(world.fetches(0, from)[0].1 == 0);
    }
    assert!(checked > 10, "{checked}");
}

#[test]
fn a_seed_that_wants_to_be_left_alone_holds_up_no_other() {
    let mut world = with_seeds(&[Answer::Fails(SeedFailure::Overloaded, Some(3_600.0)), Answer::List]);
    let client = world.start(1);
    assert!(world.run_until(0.3, World::all_open));
    assert_eq!(world.retries(client, 0.0)[0].1.delay.as_secs(), 0.0);
    world.run_for(3_000.0);
    let asked: Vec<u16> = world.fetches(client, 0.1).iter().map(|fetch| fetch.1).collect();
    assert!(asked.len() > 30 && asked.iter().all(|seed| *seed == 1), "{asked:?}");
}

#[test]
fn credentials_that_have_expired_are_worth_a_second_request_at_once_and_no_third() {
    for seed in 0..20 {
        let mut world = with_seeds(&[Answer::Fails(SeedFailure::Expired, None)]);
        let client = world.start(seed);
        world.run_for(600.0);
        let asked = world.fetches(client, 0.0);
        let gaps: Vec<f64> = asked.windows(2).map(|pair| pair[1].0 - pair[0].0 - 0.04).collect();
        assert!(gaps[0] < 0.001, "seed {seed}: {gaps:?}");
        assert!(asked.len() < 60, "seed {seed}: {}", asked.len());
        let retries = world.retries(client, 0.0);
        assert_eq!(retries[0].1.delay.as_secs(), 0.0, "seed {seed}");
        assert!(
            retries[1..].iter().all(|(_, retry)| retry.delay.as_secs() > 0.0),
            "seed {seed}"
        );
        // After a list it is so again.
        world.seeds = vec![Answer::List];
        assert!(world.run_until(world.now + 61.0, World::all_open), "seed {seed}");
        world.seeds = vec![Answer::Fails(SeedFailure::Expired, None)];
        let from = world.now;
        world.run_for(80.0);
        let asked = world.fetches(client, from);
        assert!(asked[1].0 - asked[0].0 < 0.05, "seed {seed}: {asked:?}");
    }
}

#[test]
fn what_is_forbidden_is_not_asked_for_again_at_once() {
    let mut waits = Vec::new();
    for seed in 0..50 {
        let mut world = with_seeds(&[Answer::Fails(SeedFailure::Forbidden, None)]);
        let client = world.start(seed);
        world.run_for(3.0);
        let asked = world.fetches(client, 0.0);
        waits.push(asked[1].0 - asked[0].0 - 0.04);
    }
    waits.sort_by(f64::total_cmp);
    assert!((0.3..0.7).contains(&waits[25]) && waits[49] > 0.9, "{waits:?}");
    assert_eq!(SeedFailure::of_status(401), SeedFailure::Expired);
    assert_eq!(SeedFailure::of_status(403), SeedFailure::Forbidden);
}
