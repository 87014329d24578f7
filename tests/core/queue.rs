//! Waiting for one's turn: how long, on which lists, and what when nobody is there to go to.

use evenkeel::client::{RetryCause, State};
use evenkeel::selector::Reason;
use serde_json::json;

use crate::support::at;
use crate::world::{Answer, Happened, Manner, World};

/// A fleet of large servers, 10,000 users on each.
fn large() -> World {
    let mut world = World::of_three();
    for server in &mut world.servers {
        server.capacity = 20_000.0;
        server.base_users = 10_000.0;
    }
    world
}

#[test]
fn a_list_is_asked_for_right_before_going() {
    for seed in 0..50 {
        let mut world = World::of_three().with_one_settled(seed);
        let lost = world.server_of(0).unwrap();
        world.kill(lost);
        assert!(world.run_until(70.0, World::all_open), "seed {seed}");
        let (going, _) = world.attempts(0, 60.0)[0];
        let (asked, _) = *world.fetches(0, 60.0).last().unwrap();
        assert!(going - asked < 0.05, "seed {seed}: asked at {asked}, went at {going}");
    }
}

#[test]
fn a_list_that_shows_the_users_back_shortens_the_queue() {
    let wait = |back: bool, seed| {
        let mut world = large().with_one_settled(seed);
        let lost = world.server_of(0).unwrap();
        world.kill(lost);
        world.run_for(5.0);
        if back {
            for server in 0..3 {
                world.servers[server].base_users = if server == lost { 0.0 } else { 15_000.0 };
            }
        }
        assert!(world.run_until(700.0, World::all_open), "seed {seed}");
        world.now - 60.0
    };
    let median = |back| {
        let mut waits: Vec<f64> = (0..31).map(|seed| wait(back, seed)).collect();
        waits.sort_by(f64::total_cmp);
        waits[15]
    };
    let (back, missing) = (median(true), median(false));
    // 10,000 users at 2 · 200 a second want 25 s, half of which is the median; as long as they do not show up, the elapsed
    // time comes on top.
    assert!(
        back < 13.0 && missing > 18.0 && missing < 60.0,
        "{back} and {missing} s"
    );
}

#[test]
fn waiting_clients_ask_for_lists_no_more_often_than_ten_times_a_queue_or_once_a_ttl() {
    for seed in 0..30 {
        let mut world = large();
        for server in &mut world.servers {
            server.capacity = 1e5;
            server.base_users = 60_000.0;
        }
        let mut world = world.with_one_settled(seed);
        let lost = world.server_of(0).unwrap();
        world.kill(lost);
        assert!(world.run_until(700.0, World::all_open), "seed {seed}: never");
        let fetches = world.fetches(0, 60.0).len();
        let waited = world.now - 60.0;
        // One a ttl of 2 s at most, and those right before going.
        assert!(
            (fetches as f64) < 12.0 + waited / 2.0,
            "seed {seed}: {fetches} requests in {waited} s"
        );
    }
}

#[test]
fn users_who_left_for_good_are_not_waited_for_without_end() {
    for seed in 0..20 {
        let mut world = World::of_three();
        for server in &mut world.servers {
            server.capacity = 1e6;
            server.base_users = 900_000.0;
        }
        let mut world = world.with_one_settled(seed);
        let lost = world.server_of(0).unwrap();
        world.kill(lost);
        assert!(
            world.run_until(665.0, World::all_open),
            "seed {seed}: after ten minutes still in the queue"
        );
    }
}

#[test]
fn a_turn_that_does_not_come_yet_is_not_asked_for_over_and_over() {
    // The missing users never come back, so that every list says "not yet" until the elapsed time has outgrown them.
    for (seed, age) in (0..30).zip([json!(null), json!(0)].into_iter().cycle()) {
        let mut world = large();
        if !age.is_null() {
            world.head["age"] = age;
        }
        world.refresh = 0.0;
        let mut world = world.with_one_settled(seed);
        let lost = world.server_of(0).unwrap();
        world.kill(lost);
        assert!(world.run_until(700.0, World::all_open), "seed {seed}: never");
        let fetches = world.fetches(0, 60.0);
        let close = fetches.windows(2).filter(|pair| pair[1].0 - pair[0].0 < 0.9).count();
        assert!(close <= 2, "seed {seed}: {fetches:?}");
    }
}

#[test]
fn retry_after_in_the_list_takes_the_place_of_the_queue() {
    let mut delays = Vec::new();
    for seed in 0..60 {
        let mut world = large();
        world.head["retryAfter"] = json!(30);
        let mut world = world.with_one_settled(seed);
        let lost = world.server_of(0).unwrap();
        world.kill(lost);
        world.run_for(0.03);
        let (_, retry) = world.retries(0, 60.0)[0];
        delays.push(retry.delay.as_secs());
        assert!(world.run_until(120.0, World::all_open), "seed {seed}");
        let (going, _) = world.attempts(0, 60.0)[0];
        assert!(
            (going - 60.02 - retry.delay.as_secs()).abs() < 0.1,
            "seed {seed}: {going}, {retry:?}"
        );
        // Staying away is from the seed as well: one look right before going.
        assert_eq!(world.fetches(0, 60.0).len(), 1, "seed {seed}");
    }
    delays.sort_by(f64::total_cmp);
    assert!(
        delays[0] >= 30.0 && delays[0] < 33.0 && delays[59] <= 45.0 && delays[59] > 42.0,
        "{delays:?}"
    );
}

#[test]
fn retry_after_holds_for_those_in_the_queue_already_and_for_overload_too() {
    for seed in 0..30 {
        let mut world = World::of_three().with_one_settled(seed);
        world.head["retryAfter"] = json!(100);
        let lost = world.server_of(0).unwrap();
        world.kill(lost);
        // Only the list right before going brings the wish: "not yet".
        assert!(!world.run_until(160.0, World::all_open), "seed {seed}: came too early");
        assert!(world.run_until(215.0, World::all_open), "seed {seed}: hangs");
    }
    for seed in 0..30 {
        let mut world = World::new(&[("only", 0, 100.0)]);
        world.head["retryAfter"] = json!(100);
        let mut world = world.with_one_settled(seed);
        world.close_all(0, 1013);
        assert!(!world.run_until(160.0, World::all_open), "seed {seed}: came too early");
        assert!(world.run_until(215.0, World::all_open), "seed {seed}: hangs");
    }
}

#[test]
fn when_nothing_is_eligible_rounds_get_longer_and_all_servers_get_another_chance() {
    for seed in 0..50 {
        let mut world = World::new(&[("a", 0, 100.0), ("b", 0, 100.0)]);
        for server in &mut world.servers {
            server.manner = Manner::Refuses;
        }
        let client = world.start(seed);
        world.run_for(300.0);
        let rounds: Vec<f64> = world
            .retries(client, 0.0)
            .iter()
            .filter(|(_, retry)| retry.cause == RetryCause::NothingEligible)
            .map(|(_, retry)| retry.delay.as_secs())
            .collect();
        assert!(rounds.len() > 10, "seed {seed}: {rounds:?}");
        let mut longest = 1.0;
        for round in rounds {
            // U(W/2, W), W half as long again each time, up to the 5 s that such a small fleet needs at least.
            assert!(
                (longest / 2.0..=longest).contains(&round),
                "seed {seed}: {round} of {longest}"
            );
            longest = (longest * 1.5f64).min(5.0);
        }
        // Both are tried in every round.
        let attempts = world.attempts(client, 0.0);
        let of_a = attempts.iter().filter(|(_, server)| *server == 0).count();
        assert!(of_a.abs_diff(attempts.len() - of_a) <= 1, "seed {seed}: {attempts:?}");
        world.servers[1].manner = Manner::Accepts;
        assert!(world.run_until(315.0, World::all_open), "seed {seed}");
    }
}

#[test]
fn a_list_that_offers_no_server_is_doubted_every_second_round() {
    for seed in 0..50 {
        let mut world = World::new(&[("a", 0, 100.0), ("b", 0, 300.0)]);
        for server in &mut world.servers {
            server.listed = Some(false);
        }
        let client = world.start(seed);
        assert!(
            world.run_until(5.0, World::all_open),
            "seed {seed}: believes a list that is wrong"
        );
        let connects: Vec<Happened> = world.since(client, 0.0).into_iter().map(|(_, what)| what).collect();
        let guesses = connects
            .iter()
            .filter(|what| matches!(what, Happened::Connect(_, Reason::Guess)));
        assert_eq!(guesses.count(), 1, "seed {seed}: {connects:?}");
        // One whole round comes before: U(0.5, 1 s).
        assert!(world.now > 0.5, "seed {seed}");
    }
    for seed in 0..20 {
        let mut world = World::new(&[("a", 0, 100.0), ("b", 0, 300.0)]);
        world.servers[0].draining = true;
        world.servers[1].listed = Some(false);
        for server in &mut world.servers {
            server.manner = Manner::Refuses;
        }
        let client = world.start(seed);
        world.run_for(120.0);
        let told = world.since(client, 0.0);
        let rounds = told
            .iter()
            .filter(|(_, what)| matches!(what, Happened::Retry(retry) if retry.cause == RetryCause::NothingEligible));
        let guesses = world.attempts(client, 0.0).len();
        assert!(rounds.count().abs_diff(guesses) <= 1, "seed {seed}: {guesses} guesses");
        assert!((10..60).contains(&guesses), "seed {seed}: {guesses} guesses in 120 s");
    }
}

#[test]
fn a_server_that_is_offered_but_refuses_is_no_reason_to_doubt_the_list() {
    let mut world = World::new(&[("a", 0, 100.0), ("b", 0, 100.0)]);
    world.servers[0].manner = Manner::Refuses;
    world.servers[1].listed = Some(false);
    let client = world.start(1);
    world.run_for(120.0);
    assert!(world.attempts(client, 0.0).iter().all(|(_, server)| *server == 0));
}

#[test]
fn a_clock_that_jumps_ahead_by_hours_makes_no_one_hang() {
    for seed in 0..30 {
        let mut world = large().with_one_settled(seed);
        let lost = world.server_of(0).unwrap();
        world.kill(lost);
        world.run_for(2.0);
        // The machine sleeps, in the queue or right before an attempt.
        world.now += 7.0 * 3_600.0;
        let woke = world.now;
        assert!(
            world.run_until(woke + 15.0, World::all_open),
            "seed {seed}: {:?}",
            world.state(0)
        );
    }
}

#[test]
fn a_client_that_waits_is_given_a_list_by_the_application() {
    let mut world = World::of_three();
    world.seeds = vec![Answer::Nothing];
    let client = world.start(1);
    world.run_for(1.0);
    let list = crate::support::list(json!([crate::support::server("a", 0.0, 10.0)]));
    world.clients[client].watched.given_list(at(1.0), list);
    assert!(world.clients[client].watched.live().is_some());
    assert_eq!(world.state(client), State::Connecting);
}

#[test]
fn an_episode_that_began_without_a_list_knows_the_users_from_the_first_loss_on() {
    // The seed has too much to do at first; then a server takes us, and dies under 10,000 users.
    let mut delays = Vec::new();
    for seed in 0..40 {
        let mut world = large();
        world.seeds = vec![Answer::Fails(evenkeel::cause::SeedFailure::Overloaded, None)];
        world.start(seed);
        world.run_for(1.0);
        world.seeds = vec![Answer::List];
        assert!(world.run_until(60.0, World::all_open), "seed {seed}");
        let lost = world.server_of(0).unwrap();
        world.run_for(5.0);
        let from = world.now;
        world.close_all(lost, 1001);
        world.kill(lost);
        assert!(world.run_until(from + 700.0, World::all_open), "seed {seed}");
        delays.push(world.now - from);
    }
    delays.sort_by(f64::total_cmp);
    // The floor of 20 s, half of it at least, and for the missing 10,000 the time that the lists say.
    assert!(delays[0] > 10.0 && delays[20] > 30.0, "{delays:?}");
}
