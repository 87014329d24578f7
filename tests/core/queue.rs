//! Waiting for one's turn: how long, on which lists, and what when nobody is there to go to.

use evenkeel::affinity::Affinity;
use evenkeel::cause::{Cause, SeedFailure};
use evenkeel::client::{Command, Config, RetryCause, State};
use evenkeel::selector::Reason;
use serde_json::{Value, json};

use crate::support::{assert_near, at, document, entry, list, median_and_worst, server};
use crate::watched::Watched;
use crate::world::{Answer, Happened, Manner, World};

/// A client of a fixed list (so that nothing but its turn is ever due), 100 s after the clock's origin, when its connection
/// to one of three servers under 30,000 users each has just ended.
struct Queueing {
    watched: Watched,
    lost: String,
    /// x, from the first turn: 30,000 users want to two servers of 200 handshakes a second.
    place: f64,
}

const EACH: f64 = 30_000.0;

impl Queueing {
    fn new(seed: u64) -> Self {
        let config = Config {
            seeds: 0,
            ..Config::default()
        };
        let mut watched = Watched::new(config, seed);
        let servers = ["a", "b", "c"].map(|id| server(id, EACH, 1e5));
        watched.given_list(at(0.0), list(json!(servers)));
        watched.start(at(0.0));
        let attempt = watched.live().unwrap();
        watched.opened(at(0.0), attempt);
        let key = watched.client.server().unwrap();
        let in_force = &watched.client.selector().in_force().unwrap().list;
        let lost = in_force.server(key).unwrap().id.to_string();
        watched.closed(at(100.0), attempt, 1006, true);
        let mut this = Self {
            watched,
            lost,
            place: 0.0,
        };
        this.place = (this.turn() - 100.0) / 74.5;
        this
    }

    fn turn(&self) -> f64 {
        self.watched.client.poll_timeout().unwrap().as_millis() / 1000.0
    }

    /// A list with these users on the two servers that were not lost; the one that was is unavailable, or not there.
    fn list(&mut self, now: f64, users: [Option<f64>; 2], rate: f64) {
        let others = ["a", "b", "c"].into_iter().filter(|id| *id != self.lost).zip(users);
        let servers: Vec<Value> = others
            .filter_map(|(id, users)| {
                let more = json!({ "users": users?, "capacity": 1e5, "connectRate": rate });
                Some(entry(id, more))
            })
            .collect();
        self.watched.given_list(at(now), list(servers.into()));
    }
}

#[test]
fn the_first_queue_is_as_long_as_the_users_of_the_lost_server_need() {
    for seed in 0..50 {
        let client = Queueing::new(seed);
        assert!((0.0..1.0).contains(&client.place), "seed {seed}: {}", client.place);
    }
    let mean = (0..200).map(|seed| Queueing::new(seed).place).sum::<f64>() / 200.0;
    assert!((0.42..0.58).contains(&mean), "{mean}");
}

#[test]
fn a_list_too_early_to_show_the_loss_counts_by_the_users_it_lacks() {
    for seed in 0..50 {
        let mut client = Queueing::new(seed);
        if client.turn() < 102.0 {
            continue;
        }
        // Two of three are gone within a second: 60,000 users want to one server of 200 handshakes a second, and 100 of them
        // need not queue.
        client.list(101.0, [Some(EACH), None], 250.0);
        assert_near(&[client.turn()], &[100.0 + 299.5 * client.place]);
    }
}

#[test]
fn a_list_that_can_show_the_loss_counts_by_the_users_who_are_not_back_yet() {
    for seed in 0..50 {
        let mut client = Queueing::new(seed);
        if client.turn() < 105.0 {
            continue;
        }
        // 10,000 of 90,000 are missing after 4 s: half of them to each at 200 a second, but for the first 100.
        client.list(104.0, [Some(40_000.0), Some(40_000.0)], 250.0);
        let turn = 100.0 + 28.5 * client.place;
        if turn > 104.0 {
            assert_near(&[client.turn()], &[turn]);
        } else {
            assert!(client.watched.live().is_some(), "seed {seed}: its turn was at {turn}");
        }
    }
}

#[test]
fn however_many_are_missing_the_wait_is_ten_minutes_at_most() {
    for seed in 0..50 {
        let mut client = Queueing::new(seed);
        if client.turn() < 105.0 {
            continue;
        }
        // 90,000 at 2 · 80 a second are 562 s, less one: as long as it takes, or those who come never get a turn.
        client.list(104.0, [Some(0.0), Some(0.0)], 100.0);
        assert_near(&[client.turn()], &[100.0 + 565.5 * client.place]);
        // 90,000 by one would be 1,125 s: but some may have left for good.
        client.list(105.0, [Some(0.0), None], 100.0);
        assert_near(&[client.turn()], &[100.0 + 600.0 * client.place]);
    }
}

#[test]
fn a_connect_that_fails_makes_the_queue_longer() {
    for seed in 0..50 {
        let mut client = Queueing::new(seed);
        let turn = client.turn() + 1e-6;
        client.watched.wake(at(turn));
        let attempt = client.watched.live().unwrap();
        client.watched.closed(at(turn), attempt, 1006, true);
        // From the refusal on, at the same place: 30,000 of the lost server, and half of the 30,000 on the only one that is
        // left, to that one.
        assert_near(&[client.turn()], &[turn + 224.5 * client.place]);
    }
}

#[test]
fn a_list_that_is_no_older_than_its_ttl_is_not_asked_for_again() {
    let (mut before_its_turn, mut at_its_turn) = (0, 0);
    for seed in 0..100 {
        let servers = ["a", "b", "c"].map(|id| server(id, EACH, 1e5));
        let lasting = document(&json!({ "age": 0, "ttl": 50, "servers": servers }));
        let mut watched = Watched::new(Config::default(), seed);
        watched.start(at(0.0));
        let request = watched.asked().unwrap();
        watched.list(at(0.0), request, lasting);
        let attempt = watched.live().unwrap();
        watched.opened(at(0.0), attempt);
        watched.closed(at(40.0), attempt, 1006, true);
        while watched.asked().is_none() {
            let due = watched.client.poll_timeout().unwrap();
            watched.wake(due);
            if watched.asked().is_some() {
                // One of those who look at U(0, 50 s) is asking, or one whose turn came before.
                if due > at(50.0) {
                    before_its_turn += 1;
                } else {
                    at_its_turn += 1;
                    // It waits for the answer, and then goes.
                    let request = watched.asked().unwrap();
                    watched.list_failed(due, request, SeedFailure::Unreachable, None);
                    assert!(
                        watched.live().is_some(),
                        "seed {seed}: asked at {due:?} for a list that was fresh"
                    );
                    break;
                }
            }
        }
    }
    assert!(
        before_its_turn > 20 && at_its_turn > 5,
        "{before_its_turn} and {at_its_turn}"
    );
}

#[test]
fn those_who_were_thrown_out_together_do_not_ask_together() {
    let mut first: Vec<f64> = Vec::new();
    for seed in 0..200 {
        let mut world = large();
        for server in &mut world.servers {
            server.capacity = 1e5;
            server.base_users = 60_000.0;
        }
        let mut world = world.with_one_settled(seed);
        let lost = world.server_of(0).unwrap();
        world.kill(lost);
        let turn = world.retries(0, 60.0)[0].1.delay.as_secs();
        world.run_for(40.0);
        if turn > 20.0 {
            first.push(world.fetches(0, 60.0)[0].0 - 60.0);
        }
    }
    // W is 150 s, so it is U(0, 15 s).
    first.sort_by(f64::total_cmp);
    let middle = first[first.len() / 2];
    assert!(first[0] < 1.0 && (5.5..9.5).contains(&middle), "{first:?}");
    assert!(
        first.last().is_some_and(|last| (13.0..15.1).contains(last)),
        "{first:?}"
    );
}

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
            // U(W/2, W), W longer by two fifths each time, up to the 5 s that such a small fleet needs at least.
            assert!(
                (longest / 2.0..=longest).contains(&round),
                "seed {seed}: {round} of {longest}"
            );
            longest = (longest * 1.4f64).min(5.0);
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
    let given = list(json!([server("a", 0.0, 10.0)]));
    world.clients[client].watched.given_list(at(1.0), given);
    assert!(world.clients[client].watched.live().is_some());
    assert_eq!(world.state(client), State::Connecting);
}

#[test]
fn an_episode_that_began_without_a_list_knows_the_users_from_the_first_loss_on() {
    // The seed has too much to do at first; then a server takes us, and dies under 10,000 users.
    let mut delays = Vec::new();
    for seed in 0..40 {
        let mut world = large();
        world.seeds = vec![Answer::Fails(SeedFailure::Overloaded, None)];
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

#[test]
fn the_back_of_the_queue_is_as_far_as_the_whole_fleet_needs() {
    for seed in 0..50 {
        let mut world = large();
        for server in &mut world.servers {
            server.base_users = 30_000.0;
            server.capacity = 1e5;
            server.manner = Manner::Hangs;
        }
        let client = world.start(seed);
        world.run_for(40.0);
        // 90,000 users at 3 · 200 a second: 150 s.
        let retries = world.retries(client, 0.0);
        assert!(
            (75.0..=150.1).contains(&retries[1].1.delay.as_secs()),
            "seed {seed}: {retries:?}"
        );
    }
}

#[test]
fn servers_that_take_nobody_in_do_not_count_for_what_the_whole_fleet_needs() {
    let mut delays = Vec::new();
    for seed in 0..50 {
        let mut world = large();
        for server in &mut world.servers {
            server.base_users = 30_000.0;
            server.capacity = 1e5;
            server.manner = Manner::Hangs;
        }
        world.servers[2].draining = true;
        world.servers[2].connect_rate = Some(20.0);
        let client = world.start(seed);
        world.run_for(40.0);
        delays.push(world.retries(client, 0.0)[1].1.delay.as_secs());
    }
    // 60,000 users at 2 · 200 a second: 150 s, and no more for the other 30,000.
    let (_, worst) = median_and_worst(delays);
    assert!((140.0..=150.1).contains(&worst), "{worst}");
}

/// Begins an episode with the loss of a connection by this code, at a server that is empty but for 1,000 while each of the
/// others has so many; from then on all servers hang. How long the second that is too busy keeps the client away.
fn sent_back_after(code: u16, others: f64, seed: u64) -> f64 {
    let mut world = large().with_one_settled(seed);
    let own = world.server_of(0).unwrap();
    for (position, server) in world.servers.iter_mut().enumerate() {
        server.capacity = 1e5;
        server.base_users = if position == own { 1_000.0 } else { others };
    }
    world.run_for(1.0);
    world.tell(0, |client, now| client.handle_refresh(now));
    world.run_for(0.1);
    let from = world.now;
    world.set_manners(Manner::Hangs);
    if code == 1006 {
        world.kill(own);
    } else {
        world.close_all(own, code);
    }
    let overload = RetryCause::Server(Cause::Overload);
    let overloads = |world: &World| world.causes(0, from).iter().filter(|cause| **cause == overload).count();
    assert!(
        world.run_until(from + 400.0, |world| overloads(world) == 2),
        "seed {seed}"
    );
    let sent = world.now;
    let next = |world: &World| !world.attempts(0, sent + 0.01).is_empty();
    assert!(world.run_until(sent + 700.0, next), "seed {seed}");
    world.now - sent
}

#[test]
fn who_has_lost_a_server_need_not_wait_for_the_whole_fleet_when_another_is_busy() {
    // 120,000 users on two servers that take 200 a second each: the fleet needs 300 s, the 1,000 that are missing far less.
    let delays = (0..50).map(|seed| sent_back_after(1006, 60_000.0, seed)).collect();
    let (half, worst) = median_and_worst(delays);
    assert!((10.0..30.0).contains(&half) && worst < 150.0, "{half} {worst}");
}

#[test]
fn where_a_list_shows_that_no_crowd_is_on_its_way_the_back_of_the_queue_is_near() {
    let delays = (0..50).map(|seed| sent_back_after(1013, 1_000.0, seed)).collect();
    let (half, worst) = median_and_worst(delays);
    assert!((2.5..5.0).contains(&half) && worst < 10.0, "{half} {worst}");
}

#[test]
fn where_all_servers_are_gone_rounds_are_as_long_as_the_whole_fleet_needs() {
    let mut world = large();
    for server in &mut world.servers {
        server.base_users = 30_000.0;
        server.capacity = 1e5;
        server.manner = Manner::Refuses;
        server.listed = Some(false);
    }
    let client = world.start(1);
    world.run_for(3_000.0);
    let rounds = world.retries(client, 0.0).into_iter().map(|(_, retry)| retry);
    let rounds = rounds.filter(|retry| retry.cause == RetryCause::NothingEligible);
    let longest = rounds.map(|retry| retry.delay.as_secs()).fold(0.0, f64::max);
    // Again 150 s, although no server counts as eligible.
    assert!((75.0..=150.0).contains(&longest), "{longest}");
}

#[test]
fn a_short_retry_after_does_not_shorten_the_back_of_the_queue() {
    for seed in 0..30 {
        let mut world = World::new(&[("only", 0, 100.0)]);
        world.head["retryAfter"] = json!(1);
        let mut world = world.with_one_settled(seed);
        world.close_all(0, 1013);
        assert!(!world.run_until(70.0, World::all_open), "seed {seed}: came too early");
        assert!(world.run_until(83.0, World::all_open), "seed {seed}: hangs");
    }
}

#[test]
fn before_any_list_can_tell_a_tenth_of_all_are_taken_to_be_on_their_way_back() {
    let last = |elsewhere: f64| {
        let mut waits: Vec<f64> = (0..200)
            .map(|seed| {
                let mut world = World::of_three();
                world.servers[1].base_users = elsewhere;
                world.servers[2].base_users = elsewhere;
                world.head = json!({ "ttl": 3_600 });
                world.start(seed);
                world.run_for(60.0);
                let (own, from) = (world.server_of(0).unwrap(), world.now);
                world.seeds = vec![Answer::Nothing];
                world.kill(own);
                world.run_for(0.1);
                world.retries(0, from)[0].1.delay.as_secs()
            })
            .collect();
        waits.sort_by(f64::total_cmp);
        waits[199]
    };
    // One of three, empty itself, is lost: nobody else is seen to be. A tenth of 80,000, half to each at 100 a second, take 40 s.
    assert!((0.95..=1.0).contains(&last(0.0)), "{}", last(0.0));
    let long = last(40_000.0);
    assert!((35.0..=40.1).contains(&long), "{long}");
}

#[test]
fn where_all_servers_are_busy_with_those_who_come_back_there_is_no_detour() {
    for (left, attempts) in [(40_000.0, 1), (0.0, 0)] {
        let mut world = World::of_three();
        for server in &mut world.servers {
            server.base_users = 40_000.0;
        }
        world.start(1);
        world.run_for(60.0);
        // Another list shows them all gone, or still there.
        for server in &mut world.servers {
            server.base_users = left;
        }
        let (own, from) = (world.server_of(0).unwrap(), world.now);
        world.close_all(own, 1013);
        world.run_for(5.0);
        assert_eq!(world.attempts(0, from).len(), attempts, "{left}");
        let causes = world.causes(0, from);
        assert_eq!(
            causes,
            vec![RetryCause::Server(Cause::Overload); 2 - attempts],
            "{left}"
        );
    }
}

/// A fleet that has just lost all of its users and hangs under those who are back already: a client that has its turn, the
/// server that it waits for, and when it began to.
fn in_line(seed: u64) -> Option<(World, usize, f64)> {
    in_line_with_lists_every(2.0, 1.0, seed)
}

/// The same, with lists of this ttl, made so often.
fn in_line_with_lists_every(ttl: f64, refresh: f64, seed: u64) -> Option<(World, usize, f64)> {
    in_line_like(Config::default(), ttl, refresh, seed)
}

/// The same of a client like this.
fn in_line_like(config: Config, ttl: f64, refresh: f64, seed: u64) -> Option<(World, usize, f64)> {
    let mut world = World::new(&[("a", 0, 1e5), ("b", 0, 1e5), ("c", 0, 1e5)]);
    world.head["ttl"] = json!(ttl);
    world.refresh = refresh;
    let set_users = |world: &mut World, users: f64| world.servers.iter_mut().for_each(|it| it.base_users = users);
    set_users(&mut world, 40_000.0);
    let mut world = world.with_one_like(config, seed);
    let own = world.server_of(0).unwrap();
    set_users(&mut world, 0.0);
    world.set_manners(Manner::Hangs);
    world.close_all(own, 1006);
    // 40,000 to each at 200 a second: the longest line there can be ends at 260.
    let begins = world.run_until(120.0, |world| !world.attempts(0, 60.0).is_empty());
    let attempts = world.attempts(0, 60.0);
    begins.then(|| (world, attempts[0].1, attempts[0].0))
}

/// When the attempt that is under way ends; all servers take users in meanwhile.
fn leaves_at(world: &mut World, from: f64) -> f64 {
    while world.count(0, from, Happened::Abandoned) == 0 && world.now < 400.0 {
        world.run_for(0.5);
        world.servers.iter_mut().for_each(|it| it.base_users += 1.0);
    }
    let gone = world.since(0, from).into_iter();
    gone.filter(|(_, what)| *what == Happened::Abandoned)
        .map(|(when, _)| when)
        .next()
        .unwrap()
}

fn some_in_line() -> impl Iterator<Item = (u64, (World, usize, f64))> {
    let all = (0..60).filter_map(|seed| Some((seed, in_line(seed)?)));
    let some: Vec<_> = all.collect();
    assert!(some.len() >= 10, "{}", some.len());
    some.into_iter()
}

#[test]
fn while_everyone_stands_in_line_an_attempt_that_takes_long_stays_where_it_is() {
    for (seed, (mut world, _, from)) in some_in_line() {
        let left = leaves_at(&mut world, from);
        // It takes its timeout at a time, and no line is longer than all users there were need.
        assert!((260.0..=280.1).contains(&left), "seed {seed}: {left}");
        assert!(((left - from) / 10.0).fract() < 0.001, "seed {seed}: {from} to {left}");
        let looks = world.fetches(0, from + 1.0).len() as f64;
        assert!(
            looks <= (left - from) / 10.0 + 1.0,
            "seed {seed}: {looks} requests in {} s",
            left - from
        );
    }
}

#[test]
fn where_no_list_can_tell_yet_it_stays_until_one_can() {
    let mut stayed = 0;
    for seed in 0..400 {
        let Some((mut world, _, from)) = in_line_with_lists_every(20.0, 20.0, seed) else {
            continue;
        };
        world.run_until(from + 9.9, |_| false);
        let in_force = world.clients[0].watched.client.selector().in_force().unwrap();
        let (made, next) = (in_force.made(), in_force.taken() + in_force.list.ttl);
        if made > at(63.0) || next < at(from + 8.1) || next > at(from + 20.0) {
            continue;
        }
        // That everyone is back shows in the next list, which is looked at before it has had its two seconds.
        world.servers.iter_mut().for_each(|it| it.base_users = 39_990.0);
        let left = leaves_at(&mut world, from);
        let expected = next.since(at(0.0)).as_secs().max(from + 10.0) + 2.0;
        assert!(
            (expected - 0.1..expected + 0.6).contains(&left),
            "seed {seed}: {left}, {expected}"
        );
        stayed += 1;
    }
    assert!(stayed >= 5, "{stayed}");
}

#[test]
fn it_does_not_stay_for_a_list_that_comes_much_later() {
    let mut left_in_time = 0;
    for seed in 0..60 {
        let Some((mut world, _, from)) = in_line_with_lists_every(100.0, 100.0, seed) else {
            continue;
        };
        world.run_until(from + 9.9, |_| false);
        let in_force = world.clients[0].watched.client.selector().in_force().unwrap();
        if in_force.made() <= at(63.0) && in_force.taken() + in_force.list.ttl > at(from + 20.1) {
            let left = leaves_at(&mut world, from) - from;
            assert!((9.9..10.6).contains(&left), "seed {seed}: {left}");
            left_in_time += 1;
        }
    }
    assert!(left_in_time >= 5, "{left_in_time}");
}

#[test]
fn it_does_not_stay_for_a_list_that_will_tell_no_more() {
    // The seed's list stands still and has no age; it does not answer any more; there is none.
    let still = json!({ "ttl": 10, "version": "1", "age": null });
    for (head, silent) in [(still, false), (json!({ "ttl": 20 }), true)] {
        for seed in 0..20 {
            let mut world = World::of_three();
            world.head = head.clone();
            let mut world = world.with_one_settled(seed);
            let own = world.server_of(0).unwrap();
            world.tell(0, |client, now| client.handle_refresh(now));
            world.run_for(1.0);
            let from = world.now;
            world.set_manners(Manner::Hangs);
            if silent {
                world.seeds = vec![Answer::Nothing];
            }
            world.close_all(own, 1006);
            assert!(world.run_until(from + 60.0, |world| !world.attempts(0, from).is_empty()));
            let from = world.attempts(0, from)[0].0;
            let left = leaves_at(&mut world, from) - from;
            assert!((9.9..10.6).contains(&left), "seed {seed}: {left}");
        }
    }
    let servers = json!([server("a", 10.0, 1000.0), server("b", 10.0, 1000.0)]);
    for seed in 0..20 {
        let mut world = World::new(&[("a", 0, 1000.0), ("b", 0, 1000.0)]);
        let config = Config {
            seeds: 0,
            ..Config::default()
        };
        world.add(config, seed);
        let fixed = document(&json!({ "ttl": 20, "servers": servers }));
        world.tell(0, |client, now| {
            client.handle_given_list(now, fixed);
        });
        world.set_manners(Manner::Refuses);
        world.set_out(0);
        world.run_for(0.01);
        world.set_manners(Manner::Hangs);
        assert!(world.run_until(20.0, |world| world.attempts(0, 0.0).len() == 2));
        let from = world.attempts(0, 0.0)[1].0;
        let left = leaves_at(&mut world, from) - from;
        assert!((9.9..10.6).contains(&left), "seed {seed}: {left}");
    }
}

#[test]
fn who_is_closed_while_it_waits_for_a_list_was_not_refused() {
    let mut closed = 0;
    for seed in 0..400 {
        let Some((mut world, _, from)) = in_line_with_lists_every(20.0, 20.0, seed) else {
            continue;
        };
        world.run_until(from + 10.5, |_| false);
        let in_force = world.clients[0].watched.client.selector().in_force().unwrap();
        if world.count(0, from, Happened::Abandoned) > 0 || in_force.made() > at(63.0) {
            continue;
        }
        let attempt = world.clients[0].watched.live().unwrap();
        let commands = world.clients[0].watched.closed(at(world.now), attempt, 1006, true);
        let overloaded =
            |it: &Command| matches!(it, Command::Retry(it) if it.cause == RetryCause::Server(Cause::Overload));
        assert!(commands.iter().any(overloaded), "seed {seed}: {commands:?}");
        closed += 1;
    }
    assert!(closed >= 5, "{closed}");
}

#[test]
fn it_leaves_when_the_others_are_back() {
    for (seed, (mut world, _, from)) in some_in_line() {
        world.run_until(from + 5.0, |_| false);
        for server in &mut world.servers {
            server.base_users = 39_500.0;
        }
        let left = leaves_at(&mut world, from) - from;
        assert!((9.9..10.1).contains(&left), "seed {seed}: {left}");
    }
}

#[test]
fn it_leaves_a_server_that_the_list_does_not_offer_any_more() {
    for (seed, (mut world, server, from)) in some_in_line() {
        world.run_until(from + 5.0, |_| false);
        world.servers[server].listed = Some(false);
        let left = leaves_at(&mut world, from) - from;
        assert!((9.9..10.1).contains(&left), "seed {seed}: {left}");
    }
}

#[test]
fn it_leaves_a_server_that_has_filled_up_while_others_have_not() {
    for (seed, (mut world, server, from)) in some_in_line() {
        world.run_until(from + 5.0, |_| false);
        world.servers[server].base_users = 60_000.0;
        let left = leaves_at(&mut world, from) - from;
        assert!((9.9..10.1).contains(&left), "seed {seed}: {left}");
    }
}

#[test]
fn it_does_not_stay_for_a_list_of_long_ago() {
    for (seed, (mut world, _, from)) in some_in_line() {
        world.run_until(from + 5.0, |_| false);
        world.seeds = vec![Answer::Nothing];
        let left = leaves_at(&mut world, from) - from;
        assert!((9.9..20.1).contains(&left), "seed {seed}: {left}");
    }
}

#[test]
fn it_leaves_a_server_that_takes_nobody_in() {
    for (seed, (mut world, server, from)) in some_in_line() {
        let mut left = None;
        while left.is_none() && world.now < from + 60.0 {
            world.run_for(0.5);
            for (position, it) in world.servers.iter_mut().enumerate() {
                it.base_users += if position == server { 0.0 } else { 50.0 };
            }
            left = Some(world.now).filter(|_| world.count(0, from, Happened::Abandoned) > 0);
        }
        // One look has nothing to compare with.
        let left = left.unwrap() - from;
        assert!((19.9..20.6).contains(&left), "seed {seed}: {left}");
    }
}

#[test]
fn it_does_not_stay_where_the_trouble_is_its_own() {
    for (seed, (mut world, _, from)) in some_in_line() {
        world.run_until(from + 5.0, |_| false);
        world.tell(0, |client, now| client.handle_network(now, false));
        let left = leaves_at(&mut world, from) - from;
        assert!((9.9..10.1).contains(&left), "seed {seed}: {left}");
    }
}

#[test]
fn where_its_key_meets_is_where_it_stays_and_nowhere_else() {
    let config = Config {
        affinity: Some(Affinity::of("room")),
        ..Config::default()
    };
    let (mut stayed, mut filled) = (0, 0);
    for seed in 0..120 {
        let Some((mut world, server, from)) = in_line_like(config, 2.0, 1.0, seed) else {
            continue;
        };
        // Who set out while it was shut out of there is somewhere else.
        if world.attempts(0, 0.0)[0].1 != server {
            continue;
        }
        let fills_up = seed % 2 == 1;
        if fills_up {
            world.run_until(from + 5.0, |_| false);
            world.servers[server].base_users = 1e5;
        }
        let left = leaves_at(&mut world, from);
        if fills_up {
            assert!((9.9..10.1).contains(&(left - from)), "seed {seed}: {left}");
            filled += 1;
        } else {
            assert!((260.0..=280.1).contains(&left), "seed {seed}: {left}");
            stayed += 1;
        }
    }
    assert!(stayed >= 5 && filled >= 5, "{stayed} {filled}");
}

#[test]
fn one_that_has_opened_and_is_being_prepared_stands_in_no_line() {
    let config = Config {
        prepares: true,
        ..Config::default()
    };
    let mut prepared = 0;
    for seed in 0..60 {
        let Some((mut world, _, from)) = in_line_like(config, 2.0, 1.0, seed) else {
            continue;
        };
        // It has had its look at the list by then.
        world.run_until(from + 9.5, |_| false);
        let attempt = world.clients[0].watched.live().unwrap();
        let now = at(world.now);
        world.clients[0].watched.opened(now, attempt);
        let left = leaves_at(&mut world, from) - from;
        assert!((19.4..19.6).contains(&left), "seed {seed}: {left}");
        prepared += 1;
    }
    assert!(prepared >= 10, "{prepared}");
}

#[test]
fn one_that_is_closed_while_it_stands_in_line_was_refused_by_nobody() {
    for (seed, (mut world, _, from)) in some_in_line() {
        world.run_until(from + 15.0, |_| false);
        let attempt = world.clients[0].watched.live().unwrap();
        let now = at(world.now);
        let commands = world.clients[0].watched.closed(now, attempt, 1006, true);
        let overload = RetryCause::Server(Cause::Overload);
        let is_told = |command: &Command| matches!(command, Command::Retry(retry) if retry.cause == overload);
        assert!(commands.iter().any(is_told), "seed {seed}: {commands:?}");
        assert_eq!(world.blamed(0), Vec::<usize>::new(), "seed {seed}");
    }
}

#[test]
fn an_attempt_that_opens_while_it_stands_in_line_is_a_connection_like_any_other() {
    let (_, (mut world, server, from)) = some_in_line().next().unwrap();
    world.run_until(from + 15.0, |_| false);
    let attempt = world.clients[0].watched.live().unwrap();
    let now = at(world.now);
    world.clients[0].watched.opened(now, attempt);
    assert_eq!(world.state(0), State::Open);
    let in_force = world.clients[0].watched.client.selector().in_force().unwrap();
    let own = world.clients[0].watched.client.server().unwrap();
    assert_eq!(*in_force.list.server(own).unwrap().id, *world.servers[server].id);
}
