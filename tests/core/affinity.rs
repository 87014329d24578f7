//! Affinity: the clients of a key meet on one server, without asking each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel::affinity::Affinity;
use evenkeel::client::{Config, FOREVER, MoveReason};
use evenkeel::list::ServerList;
use serde_json::{Value, json};

use crate::support::{at, entry, in_group, list, median_and_worst, probabilities, selector, server};
use crate::watched::Watched;
use crate::world::{Happened, World};

// Where they meet.

#[test]
fn the_clients_of_a_key_meet_whatever_their_randomness_and_the_order_of_the_list() {
    let mut servers: Vec<Value> = (0..10).map(|n| server(&format!("s{n}"), f64::from(n), 100.0)).collect();
    let one = list(servers.clone().into());
    servers.reverse();
    let other = list(servers.into());
    for key in keys(50) {
        let expected = meets(&one, &key);
        for seed in 1..10 {
            assert_eq!(chosen(&one, &key, seed), expected, "{key}");
            assert_eq!(chosen(&other, &key, seed), expected, "{key}");
        }
    }
}

#[test]
fn where_a_key_meets_is_the_same_in_every_version_and_on_every_machine() {
    // The clients of last year's page and of this year's are in one room. These were worked out by another program (FNV-1a
    // of the name and a byte 0xff, SplitMix64's finaliser, the highest -c/ln U), and may not change.
    let fleet = list(json!([
        server("lon-1", 0.0, 100.0),
        server("lon-2", 0.0, 100.0),
        server("lon-3", 0.0, 200.0)
    ]));
    let written_down = [
        ("", "lon-3"),
        ("a", "lon-2"),
        ("room-1", "lon-2"),
        ("room-2", "lon-3"),
        ("lobby", "lon-1"),
        ("42", "lon-1"),
        ("Grüße", "lon-3"),
    ];
    for (key, server) in written_down {
        assert_eq!(meets(&fleet, key), server, "{key}");
    }
}

#[test]
fn keys_spread_in_proportion_to_capacity() {
    let sized = |field: &str| {
        let one = |id: &str, size: u32| entry(id, json!({ "users": 10, field: size }));
        list(json!([one("a", 100), one("b", 200), one("c", 400)]))
    };
    for field in ["capacity", "weight"] {
        let found = spread(&sized(field), &keys(7_000));
        for (id, part) in [("a", 1.0), ("b", 2.0), ("c", 4.0)] {
            assert_binomial(found[id], 7_000, part / 7.0, id);
        }
    }
}

#[test]
fn only_the_keys_of_a_lost_server_move_and_they_spread_over_the_others() {
    let fleet = |lost: bool| {
        let gone = entry("b", json!({ "users": 0, "capacity": 200, "available": !lost }));
        list(json!([
            server("a", 0.0, 100.0),
            gone,
            server("c", 0.0, 400.0),
            server("d", 0.0, 100.0)
        ]))
    };
    let (before, after) = (fleet(false), fleet(true));
    let (moved, stayed): (Vec<String>, Vec<String>) =
        keys(8_000).into_iter().partition(|key| meets(&before, key) == "b");
    for key in &stayed {
        assert_eq!(meets(&after, key), meets(&before, key), "{key}");
    }
    let found = spread(&after, &moved);
    for (id, part) in [("a", 1.0), ("c", 4.0), ("d", 1.0)] {
        assert_binomial(found[id], moved.len(), part / 6.0, id);
    }
}

#[test]
fn a_new_server_takes_its_part_of_the_keys_and_no_other_key_moves() {
    let before = list(json!([server("a", 0.0, 100.0), server("b", 0.0, 100.0)]));
    let after = list(json!([
        server("a", 0.0, 100.0),
        server("b", 0.0, 100.0),
        server("c", 0.0, 200.0)
    ]));
    let keys = keys(4_000);
    let moved = keys.iter().filter(|key| {
        let now = meets(&after, key);
        assert!(now == "c" || now == meets(&before, key), "{key}");
        now == "c"
    });
    assert_binomial(moved.count(), keys.len(), 0.5, "c");
}

#[test]
fn the_keys_of_a_full_server_meet_elsewhere_and_where_all_are_full_at_home() {
    let fleet = |full: [bool; 3]| {
        let one = |id: &str, full: bool| server(id, if full { 100.0 } else { 99.0 }, 100.0);
        list(json!([one("a", full[0]), one("b", full[1]), one("c", full[2])]))
    };
    for key in keys(200) {
        let home = meets(&fleet([false; 3]), &key);
        let now = meets(&fleet([true, false, false]), &key);
        assert_ne!(now, "a", "{key}");
        assert!(home == "a" || now == home, "{key}");
        assert_eq!(meets(&fleet([true; 3]), &key), home, "{key}");
    }
}

#[test]
fn the_key_draws_the_group_and_less_room_in_the_better_one_sends_keys_only_back() {
    let fleet = |users: f64| {
        list(json!([
            server("a", users, 1e3),
            server("b", users, 1e3),
            in_group(1, "c", 0.0, 1e3)
        ]))
    };
    let keys = keys(4_000);
    let mut behind_before: Vec<&String> = Vec::new();
    for users in [500.0, 810.0, 830.0, 840.0, 900.0] {
        let fleet = fleet(users);
        let behind: Vec<&String> = keys.iter().filter(|key| meets(&fleet, key) == "c").collect();
        let share = probabilities(&selector(&fleet), at(0.0))[2];
        assert_binomial(behind.len(), keys.len(), share, &format!("{users} users"));
        assert!(
            behind_before.iter().all(|key| behind.contains(key)),
            "{users} users: some came forward"
        );
        behind_before = behind;
    }
    assert!(
        behind_before.len() == keys.len(),
        "at nine tenths there is no room at all"
    );
}

#[test]
fn the_decision_is_told_as_the_certainty_that_it_is() {
    let fleet = list(json!([
        server("a", 50.0, 100.0),
        server("b", 10.0, 100.0),
        in_group(1, "c", 0.0, 100.0)
    ]));
    for key in keys(20) {
        let client = started(&fleet, &key, 1);
        let position = client.client.server().and_then(|server| fleet.position(server));
        let told: Vec<f64> = client.assessment.candidates.iter().map(|one| one.probability).collect();
        let expected: Vec<f64> = (0..3).map(|n| if Some(n) == position { 1.0 } else { 0.0 }).collect();
        assert_eq!(told, expected, "{key}");
    }
}

// While they are connected.

#[test]
fn when_their_server_dies_they_meet_again_and_when_it_is_back_they_come_home() {
    let mut times = Vec::new();
    for seed in 0..10 {
        let mut world = rooms(&[("a", 0, 1e3), ("b", 0, 1e3), ("c", 0, 1e3)], Config::default(), seed);
        world.run_for(200.0);
        let homes = in_one_place(&world, seed);
        let lost = homes[0];
        world.kill(lost);
        assert!(world.run_until(world.now + 60.0, World::all_open), "seed {seed}");
        let refuges = in_one_place(&world, seed);
        for (room, (refuge, home)) in refuges.iter().zip(&homes).enumerate() {
            assert!(
                refuge != &lost && (home == &lost || refuge == home),
                "seed {seed}, room {room}"
            );
        }
        world.run_for(200.0);
        world.revive(lost);
        let back = world.now;
        let expected = |world: &World| (0..world.clients.len()).all(|n| world.server_of(n) == Some(homes[n % ROOMS]));
        assert!(
            world.run_until(back + 3_600.0, expected),
            "seed {seed}: {:?}",
            in_one_place(&world, seed)
        );
        times.push(world.now - back);
        // For those who had not lost it, nothing has happened at all.
        for client in (0..world.clients.len()).filter(|client| homes[client % ROOMS] != lost) {
            assert_eq!(world.attempts(client, 1.0), [], "seed {seed}");
        }
        let moved = |client: &usize| world.count(*client, back, Happened::Moved(MoveReason::Affinity)) == 1;
        let of_home = (0..world.clients.len()).filter(|client| homes[client % ROOMS] == lost);
        assert!(of_home.clone().all(|client| moved(&client)), "seed {seed}");
        assert!(of_home.count() >= ROOM, "seed {seed}");
    }
    let (median, worst) = median_and_worst(times);
    println!("a server's rooms are home again after {median:.0} s (median), {worst:.0} s (worst of 10)");
    assert!(worst < 1_800.0, "{worst}");
}

#[test]
fn when_their_server_drains_they_leave_for_the_same_one() {
    for seed in 0..10 {
        let mut world = rooms(&[("a", 0, 1e3), ("b", 0, 1e3), ("c", 0, 1e3)], Config::default(), seed);
        let homes = in_one_place(&world, seed);
        world.servers[homes[0]].draining = true;
        world.run_for(72.0 + 30.0 + 1.0);
        let now = in_one_place(&world, seed);
        assert!(!now.contains(&homes[0]), "seed {seed}");
        for client in (0..world.clients.len()).filter(|client| homes[client % ROOMS] != homes[0]) {
            assert_eq!(world.attempts(client, 1.0), [], "seed {seed}");
        }
    }
}

#[test]
fn when_a_better_group_is_back_each_key_goes_to_where_it_meets_there() {
    for seed in 0..5 {
        let servers = [("a", 0, 1e3), ("b", 0, 1e3), ("c", 1, 1e3), ("d", 1, 1e3)];
        let mut world = rooms_with(&servers, Config::default(), seed, |world| {
            world.servers[0].listed = Some(false);
            world.servers[1].listed = Some(false);
        });
        assert!(
            in_one_place(&world, seed).iter().all(|server| *server >= 2),
            "seed {seed}"
        );
        world.servers[0].listed = None;
        world.servers[1].listed = None;
        let back = world.now;
        world.run_for(3_600.0);
        let homes = in_one_place(&world, seed);
        assert!(homes.iter().all(|server| *server < 2), "seed {seed}: {homes:?}");
        let moves: usize = (0..world.clients.len())
            .map(|client| world.attempts(client, back).len())
            .sum();
        assert_eq!(moves, world.clients.len(), "seed {seed}: each moves once");
    }
}

#[test]
fn nobody_comes_home_to_a_server_that_is_three_quarters_full() {
    for (users, comes) in [(760.0, false), (600.0, true)] {
        let mut world = rooms(&[("a", 0, 1e3), ("b", 0, 1e3)], Config::default(), 1);
        world.run_for(200.0);
        let homes = in_one_place(&world, 1);
        world.kill(homes[0]);
        world.run_for(200.0);
        world.servers[homes[0]].base_users = users;
        world.revive(homes[0]);
        world.run_for(1_800.0);
        assert_eq!(world.server_of(0) == Some(homes[0]), comes, "{users}");
    }
}

/// So many rooms with so many clients each.
const ROOMS: usize = 6;
const ROOM: usize = 8;

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("room {n}")).collect()
}

/// A client with this key that has decided by a list.
fn started(list: &Arc<ServerList>, key: &str, seed: u64) -> Watched {
    let config = Config {
        seeds: 0,
        refresh_interval: FOREVER,
        affinity: Some(Affinity::of(key)),
        ..Config::default()
    };
    let mut client = Watched::new(config, seed);
    client.given_list(at(0.0), Arc::clone(list));
    client.start(at(0.0));
    client
}

fn chosen(list: &Arc<ServerList>, key: &str, seed: u64) -> String {
    let client = started(list, key, seed);
    list.server(client.client.server().unwrap()).unwrap().id.to_string()
}

/// Where the clients of this key meet.
pub(crate) fn meets(list: &Arc<ServerList>, key: &str) -> String {
    chosen(list, key, 0)
}

/// How many of these keys meet on each server.
fn spread(list: &Arc<ServerList>, keys: &[String]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for key in keys {
        *found.entry(meets(list, key)).or_insert(0) += 1;
    }
    found
}

/// So many of so many are what this probability makes of them, give or take four standard deviations.
#[track_caller]
fn assert_binomial(found: usize, of: usize, probability: f64, name: &str) {
    let expected = of as f64 * probability;
    let deviation = (expected * (1.0 - probability)).sqrt();
    assert!(
        (found as f64 - expected).abs() <= 4.0 * deviation + 1e-9,
        "{name}: {found} of {of}, expected {expected}"
    );
}

/// A world with some rooms, whose clients have arrived: client n is in room n modulo [`ROOMS`].
fn rooms(servers: &[(&str, u16, f64)], config: Config, seed: u64) -> World {
    rooms_with(servers, config, seed, |_| {})
}

fn rooms_with(servers: &[(&str, u16, f64)], config: Config, seed: u64, before: impl Fn(&mut World)) -> World {
    let mut world = World::new(servers);
    before(&mut world);
    for n in 0..ROOMS * ROOM {
        let config = Config {
            affinity: Some(Affinity::of(&format!("{seed} {}", n % ROOMS))),
            ..config
        };
        world.start_with(config, seed * 1_000 + n as u64);
    }
    world.run_for(60.0);
    world
}

/// Where each room is; its clients are all there.
#[track_caller]
fn in_one_place(world: &World, seed: u64) -> Vec<usize> {
    for client in ROOMS..world.clients.len() {
        let (own, first) = (world.server_of(client), world.server_of(client % ROOMS));
        assert!(
            own.is_some() && own == first,
            "seed {seed}: room {} is torn apart",
            client % ROOMS
        );
    }
    (0..ROOMS).map(|room| world.server_of(room).unwrap()).collect()
}
