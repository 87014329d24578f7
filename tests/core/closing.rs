//! The application ends it, or wants another server.

use evenkeel::client::{AttemptId, Client, Command, Config, State};
use evenkeel::decision::Assessment;
use evenkeel::time::Instant;
use serde_json::json;

use crate::support::{at, list, server};
use crate::world::{Answer, Happened, Manner, World};

fn told(world: &World, client: usize, from: f64) -> Vec<Happened> {
    world.since(client, from).into_iter().map(|(_, what)| what).collect()
}

const LAST: [Happened; 2] = [Happened::State(State::Closed), Happened::Lost { is_final: true }];

#[test]
fn an_open_connection_is_closed_by_handshake() {
    let mut world = World::of_three().with_one_settled(1);
    world.close(0);
    assert_eq!(world.state(0), State::Closing);
    world.run_for(100.0);
    let expected = [Happened::State(State::Closing), Happened::Close, LAST[0], LAST[1]];
    assert_eq!(told(&world, 0, 60.0), expected);
    let closed = world.since(0, 60.0)[2].0;
    assert!(closed < 60.1, "{closed}");
}

#[test]
fn a_closing_handshake_that_is_not_answered_ends_after_its_timeout() {
    let mut world = World::of_three().with_one_settled(1);
    let server = world.server_of(0).unwrap();
    // The server vanishes without a word: nothing answers the close frame.
    world.clients[0].forget_connection();
    world.servers[server].alive = false;
    world.close(0);
    world.run_for(4.9);
    assert_eq!(world.state(0), State::Closing);
    world.run_for(0.2);
    let expected = [
        Happened::State(State::Closing),
        Happened::Close,
        LAST[0],
        Happened::Abandoned,
        LAST[1],
    ];
    assert_eq!(told(&world, 0, 60.0), expected);
}

#[test]
fn the_end_of_another_connection_is_not_that_of_the_closing_handshake() {
    let mut world = World::of_three().with_one_settled(1);
    world.clients[0].forget_connection();
    world.close(0);
    let now = at(world.now);
    let watched = &mut world.clients[0].watched;
    assert_eq!(watched.closed(now, AttemptId(99), 1006, true), []);
    assert_eq!(watched.client.state(), State::Closing);
    let own = AttemptId(1);
    assert_eq!(watched.closed(now, own, 1000, true).len(), 2);
    assert_eq!(watched.client.state(), State::Closed);
}

#[test]
fn an_attempt_under_way_is_dropped_and_its_late_events_are_ignored() {
    let mut world = World::of_three();
    let client = world.start(1);
    world.run_for(0.05);
    let attempt = world.clients[client].watched.live().unwrap();
    world.close(client);
    assert_eq!(
        told(&world, client, 0.05),
        [Happened::State(State::Closing), Happened::Abandoned]
    );
    let watched = &mut world.clients[client].watched;
    assert_eq!(watched.opened(at(0.05), attempt), []);
    assert_eq!(watched.closed(at(0.05), attempt, 1006, true), []);
    world.run_for(10.0);
    assert_eq!(told(&world, client, 0.05)[2..], LAST);
    // The close event is a task of its own, as in a browser.
    assert!(world.since(client, 0.05)[2].0 > 0.05);
}

#[test]
fn closing_ends_every_kind_of_wait() {
    let asking = || {
        let mut world = World::of_three();
        world.seeds = vec![Answer::Nothing];
        world.start(1);
        world.run_for(1.0);
        world
    };
    let pausing = || {
        let mut world = asking();
        world.run_until(100.0, |world| world.clients[0].watched.asked().is_none());
        world
    };
    let queueing = || {
        let mut world = World::of_three();
        for server in &mut world.servers {
            server.base_users = 900.0;
        }
        let mut world = world.with_one_settled(1);
        let lost = world.server_of(0).unwrap();
        world.kill(lost);
        world.run_for(0.1);
        world
    };
    let checking = || {
        let mut world = queueing();
        world.seeds = vec![Answer::Nothing];
        world.run_until(100.0, |world| world.clients[0].watched.asked().is_some());
        world
    };
    let on_a_detour = || {
        let mut world = World::of_three().with_one_settled(1);
        let busy = world.server_of(0).unwrap();
        world.close_all(busy, 1013);
        world.run_for(0.03);
        world
    };
    let between_rounds = || {
        let mut world = World::new(&[("a", 0, 10.0)]);
        world.servers[0].listed = Some(false);
        world.start(1);
        world.run_for(0.3);
        world
    };
    let situations: [(&str, &dyn Fn() -> World); 6] = [
        ("asking", &asking),
        ("pausing", &pausing),
        ("queueing", &queueing),
        ("checking", &checking),
        ("on a detour", &on_a_detour),
        ("between rounds", &between_rounds),
    ];
    for (name, situation) in situations {
        let mut world = situation();
        let asked = world.clients[0].watched.asked().is_some();
        assert!(
            matches!(world.state(0), State::Connecting | State::Reconnecting),
            "{name}"
        );
        world.clients[0].log.clear();
        world.close(0);
        world.run_for(1_000.0);
        let log = told(&world, 0, 0.0);
        assert_eq!(log[0], Happened::State(State::Closing), "{name}");
        assert_eq!(
            log[1..log.len() - 2],
            if asked { vec![Happened::Cancelled] } else { vec![] },
            "{name}"
        );
        assert_eq!(log[log.len() - 2..], LAST, "{name}");
    }
}

#[test]
fn closing_before_the_start_ends_it_and_a_start_comes_too_late() {
    let mut watched = crate::watched::Watched::new(evenkeel::client::Config::default(), 1);
    watched.close(at(0.0));
    assert_eq!(watched.start(at(0.0)), []);
    watched.wake(at(1.0));
    assert_eq!(watched.client.state(), State::Closed);
}

#[test]
fn closing_again_changes_nothing() {
    let mut world = World::of_three().with_one_settled(1);
    world.close(0);
    let due = world.clients[0].watched.client.poll_timeout();
    world.now += 1.0;
    world.close(0);
    assert_eq!(world.clients[0].watched.client.poll_timeout(), due);
    world.run_for(10.0);
    world.close(0);
    world.reconnect(0);
    world.run_for(1_000.0);
    let closes = told(&world, 0, 60.0)
        .into_iter()
        .filter(|what| *what == Happened::Close);
    assert_eq!(closes.count(), 1);
    assert_eq!(told(&world, 0, 60.0)[2..], LAST);
}

#[test]
fn reconnecting_drops_the_connection_at_once_looks_at_the_list_if_it_is_old_and_decides_anew() {
    let mut world = World::of_three().with_one_settled(1);
    let looks = world.fetches(0, 0.0).len();
    world.reconnect(0);
    let log = told(&world, 0, 60.0);
    assert!(
        log.contains(&Happened::Abandoned) && log.contains(&Happened::Lost { is_final: false }),
        "{log:?}"
    );
    world.run_for(0.2);
    assert_eq!(world.fetches(0, 0.0).len(), looks + 1, "the list was past its ttl");
    assert_eq!(world.attempts(0, 60.0).len(), 1);
    assert_eq!(world.clients[0].watched.client.failures(), 0, "nobody is to blame");
    world.run_for(1.0);
    assert_eq!(world.state(0), State::Open);
}

#[test]
fn reconnecting_ends_waits() {
    let mut world = World::of_three();
    for server in &mut world.servers {
        server.capacity = 1e5;
        server.base_users = 90_000.0;
    }
    let mut world = world.with_one_settled(2);
    let lost = world.server_of(0).unwrap();
    world.kill(lost);
    world.run_for(1.0);
    assert_eq!(world.state(0), State::Reconnecting);
    world.reconnect(0);
    assert!(world.run_until(61.2, World::all_open));

    // A pause between requests is a wait as well.
    let mut world = World::of_three();
    world.seeds = vec![Answer::Fails(evenkeel::cause::SeedFailure::Overloaded, Some(600.0))];
    let client = world.start(1);
    world.run_for(1.0);
    world.seeds = vec![Answer::List];
    world.reconnect(client);
    assert!(world.run_until(1.2, World::all_open));
}

#[test]
fn reconnecting_during_an_attempt_leaves_one_attempt() {
    let mut world = World::of_three();
    for server in &mut world.servers {
        server.manner = Manner::Hangs;
    }
    let client = world.start(1);
    world.run_for(1.0);
    for server in &mut world.servers {
        server.manner = Manner::Accepts;
    }
    world.reconnect(client);
    assert!(world.run_until(1.2, World::all_open));
}

#[test]
fn reconnecting_from_idle_starts() {
    let mut watched = crate::watched::Watched::new(evenkeel::client::Config::default(), 1);
    watched.reconnect(at(0.0));
    assert_eq!(watched.client.state(), State::Connecting);
    assert!(watched.asked().is_some());
}

/// A client of one server whose driver has just told of the state `open`, and not yet that the connection stands.
fn told_open() -> (Client, Assessment) {
    let config = Config {
        seeds: 0,
        ..Config::default()
    };
    let (mut client, mut assessment) = (Client::new(config, 1), Assessment::default());
    client.handle_given_list(at(0.0), list(json!([server("a", 0.0, 10.0)])));
    client.handle_start();
    let commands = drain(&mut client, at(0.0), &mut assessment);
    let Some(&Command::Connect { attempt, .. }) = commands.last() else {
        panic!("{commands:?}")
    };
    client.handle_open(at(0.0), attempt);
    let command = client.poll(at(0.0), &mut assessment);
    assert_eq!(command, Some(Command::State(State::Open)));
    (client, assessment)
}

fn drain(client: &mut Client, now: Instant, assessment: &mut Assessment) -> Vec<Command> {
    std::iter::from_fn(|| client.poll(now, assessment)).collect()
}

#[test]
fn a_connection_that_is_ended_by_who_hears_of_its_state_is_never_told_to_stand() {
    let (mut client, mut assessment) = told_open();
    client.handle_close(at(0.0));
    let commands = drain(&mut client, at(0.0), &mut assessment);
    assert!(matches!(
        commands[..],
        [Command::State(State::Closing), Command::Close { .. }]
    ));

    let (mut client, mut assessment) = told_open();
    client.handle_reconnect(at(0.0));
    let commands = drain(&mut client, at(0.0), &mut assessment);
    assert!(
        matches!(
            commands[..],
            [
                Command::State(State::Reconnecting),
                Command::Abandon { .. },
                Command::Lost { is_final: false, .. },
            ]
        ),
        "{commands:?}"
    );
    let commands = drain(&mut client, at(0.001), &mut assessment);
    assert!(matches!(commands[..], [Command::Connect { .. }]), "{commands:?}");
}

#[test]
fn who_reconnects_in_answer_to_every_decision_does_not_hang_the_page() {
    let (mut client, mut assessment) = told_open();
    let mut connects = 0;
    for millisecond in 0..100 {
        let now = at(f64::from(millisecond) / 1000.0);
        client.handle_reconnect(now);
        let mut commands = 0;
        while let Some(command) = client.poll(now, &mut assessment) {
            commands += 1;
            assert!(commands < 20, "it never goes quiet");
            if matches!(command, Command::Connect { .. }) {
                connects += 1;
                client.handle_reconnect(now);
            }
        }
        assert!(client.poll_timeout().is_some_and(|next| next > now));
    }
    // Every call puts the decision off; the last one has its way.
    assert_eq!(connects, 0);
    let commands = drain(&mut client, at(1.0), &mut assessment);
    assert!(matches!(commands[..], [Command::Connect { .. }]), "{commands:?}");
}
