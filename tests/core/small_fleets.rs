//! Small fleets, where people wait: how long until everyone is back.

use evenkeel::client::State;

use crate::support::median_and_worst;
use crate::world::World;

/// Opens so many clients within ten seconds and lets them settle.
fn settled(mut world: World, clients: u32, seed: u64) -> World {
    for n in 0..clients {
        world.start(seed * 1_000 + u64::from(n));
        world.run_for(10.0 / f64::from(clients));
    }
    world.run_for(50.0);
    assert!(world.all_open(), "seed {seed}");
    world
}

/// When the half and the last of those who are not open came back, in seconds from now.
fn time_until_back(world: &mut World, seed: u64) -> (f64, f64) {
    let from = world.now;
    let gone = |world: &World| {
        let clients = 0..world.clients.len();
        clients.filter(|&client| world.state(client) != State::Open).count()
    };
    world.run_for(0.03);
    let all = gone(world);
    assert!(all > 0, "seed {seed}: nobody lost anything");
    assert!(
        world.run_until(from + 120.0, |world| gone(world) * 2 <= all),
        "seed {seed}: half never came back"
    );
    let half = world.now - from;
    assert!(
        world.run_until(from + 120.0, |world| gone(world) == 0),
        "seed {seed}: not all came back"
    );
    (half, world.now - from)
}

#[test]
fn of_three_servers_with_fifty_clients_one_dies_and_all_are_back_in_seconds() {
    let (mut halves, mut alls) = (Vec::new(), Vec::new());
    for seed in 0..20 {
        let mut world = settled(World::of_three(), 50, seed);
        world.kill(0);
        let (half, all) = time_until_back(&mut world, seed);
        halves.push(half);
        alls.push(all);
        // The rest are level, to three standard deviations of what chance does to fifty.
        world.run_for(5.0);
        let on = |server| {
            (0..50)
                .filter(|&client| world.server_of(client) == Some(server))
                .count()
        };
        assert!(on(1).abs_diff(on(2)) <= 21, "seed {seed}: {} and {}", on(1), on(2));
        assert_eq!(on(1) + on(2), 50, "seed {seed}");
    }
    let (half, all) = (median_and_worst(halves), median_and_worst(alls));
    println!("half back: {half:?} s, all back: {all:?} s (median, worst)");
    assert!(
        half.0 <= 1.0 && all.0 <= 2.0 && all.1 <= 5.0,
        "half {half:?}, all {all:?}"
    );
}

#[test]
fn of_two_servers_with_fifty_clients_one_dies_and_all_are_back_in_seconds() {
    let (mut halves, mut alls) = (Vec::new(), Vec::new());
    for seed in 0..20 {
        let mut world = settled(World::new(&[("a", 0, 1000.0), ("b", 0, 1000.0)]), 50, seed);
        world.kill(0);
        let (half, all) = time_until_back(&mut world, seed);
        halves.push(half);
        alls.push(all);
    }
    let (half, all) = (median_and_worst(halves), median_and_worst(alls));
    println!("half back: {half:?} s, all back: {all:?} s (median, worst)");
    assert!(
        half.0 <= 1.5 && all.0 <= 3.0 && all.1 <= 5.0,
        "half {half:?}, all {all:?}"
    );
}

#[test]
fn the_only_server_restarts_in_three_seconds_and_all_are_back_in_seconds() {
    let (mut halves, mut alls) = (Vec::new(), Vec::new());
    let mut handshakes = 0;
    for seed in 0..20 {
        let mut world = settled(World::new(&[("only", 0, 1000.0)]), 50, seed);
        let before = world.servers[0].handshakes;
        world.kill(0);
        let died = world.now;
        world.run_for(3.0);
        world.revive(0);
        let (half, all) = time_until_back(&mut world, seed);
        halves.push(half + world.now.min(died + 3.0) - died);
        alls.push(all + 3.0);
        handshakes = handshakes.max(world.servers[0].handshakes - before);
    }
    let (half, all) = (median_and_worst(halves), median_and_worst(alls));
    println!("half back: {half:?} s, all back: {all:?} s (median, worst); {handshakes} handshakes at most");
    assert!(
        half.0 <= 4.0 && all.0 <= 6.0 && all.1 <= 10.0,
        "half {half:?}, all {all:?}"
    );
    assert!(handshakes <= 50 * 5, "{handshakes} handshakes");
}
