//! From `idle` to the first connection.

use evenkeel::client::{Client, Config, FOREVER, State};
use evenkeel::decision::Assessment;
use evenkeel::selector::Reason;
use serde_json::json;

use crate::support::{at, list, secs, server};
use crate::watched::Watched;
use crate::world::{Answer, Happened, LATENCY, Manner, World};

#[test]
fn a_client_that_was_not_started_does_nothing() {
    let mut client = Client::new(Config::default(), 1);
    assert_eq!((client.state(), client.poll_timeout()), (State::Idle, None));
    assert_eq!(client.poll(at(5.0), &mut Assessment::default()), None);
}

#[test]
fn it_asks_the_seed_decides_and_connects_without_a_wait() {
    let mut world = World::of_three();
    let config = Config {
        refresh_interval: FOREVER,
        ..Config::default()
    };
    let client = world.start_with(config, 1);
    world.run_for(1.0);
    let log = &world.clients[client].log;
    let Happened::Connect(chosen, Reason::Preferred) = log[2].1 else {
        panic!("{log:?}");
    };
    let there_and_back = 2.0 * LATENCY;
    let expected = [
        (0.0, Happened::State(State::Connecting)),
        (0.0, Happened::Fetch(0)),
        (there_and_back, Happened::Connect(chosen, Reason::Preferred)),
        (2.0 * there_and_back, Happened::State(State::Open)),
        (2.0 * there_and_back, Happened::Opened),
    ];
    assert_eq!(log, &expected);
    assert_eq!(world.server_of(client), Some(chosen));
    // All is well: nothing is due, and nothing happens for days.
    assert_eq!(world.clients[client].watched.client.poll_timeout(), None);
    world.run_for(200_000.0);
    assert_eq!(world.clients[client].log.len(), 5);
}

#[test]
fn starting_twice_starts_once() {
    let mut world = World::of_three();
    let client = world.start(1);
    assert_eq!(world.clients[client].watched.start(at(0.0)), []);
    world.run_for(1.0);
    assert_eq!(world.clients[client].watched.start(at(1.0)), []);
    assert_eq!(world.attempts(client, 0.0).len(), 1);
}

#[test]
fn a_fixed_list_is_decided_on_at_once_and_no_seed_is_asked() {
    let config = Config {
        seeds: 0,
        ..Config::default()
    };
    let mut client = Watched::new(config, 1);
    assert_eq!(client.given_list(at(0.0), list(json!([server("a", 0.0, 10.0)]))), []);
    let commands = client.start(at(0.0));
    assert_eq!(commands.len(), 2, "{commands:?}");
    let attempt = client.live().unwrap();
    client.opened(at(0.1), attempt);
    client.closed(at(100.0), attempt, 1006, true);
    // Its only server is lost: a round ends, and it is tried again, all without a seed.
    let mut now = at(100.0);
    while client.live().is_none() {
        now = client.client.poll_timeout().unwrap();
        client.wake(now);
        assert_eq!(client.asked(), None);
    }
    assert!(now.since(at(100.0)) < secs(3.0), "{now:?}");
}

#[test]
fn the_same_seed_of_randomness_lives_the_same_life() {
    let life = |seed| {
        let mut world = World::of_three().with_one_settled(seed);
        let server = world.server_of(0).unwrap();
        world.kill(server);
        world.run_for(120.0);
        world.clients.remove(0).log
    };
    assert_eq!(life(5), life(5));
    assert_ne!(life(5), life(6));
}

#[test]
fn the_state_is_connecting_until_the_first_connection_and_reconnecting_ever_after() {
    let mut world = World::new(&[("a", 0, 100.0)]);
    world.servers[0].manner = Manner::Refuses;
    let client = world.start(1);
    world.run_for(20.0);
    assert!(world.attempts(client, 0.0).len() > 1);
    assert_eq!(world.state(client), State::Connecting);
    world.servers[0].manner = Manner::Accepts;
    world.seeds = vec![Answer::List];
    assert!(world.run_until(60.0, World::all_open));
    world.kill(0);
    world.run_for(5.0);
    assert_eq!(world.state(client), State::Reconnecting);
}

#[test]
fn a_client_is_small() {
    // A few hundred bytes a client, so that a simulation can run a million.
    println!("a client: {} bytes", size_of::<Client>());
    assert!(size_of::<Client>() <= 768, "{} bytes", size_of::<Client>());
}
