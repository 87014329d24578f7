//! Leaving a server while connected to it: what follows what, and what is left behind. (How probable a move is:
//! `drawing_moves`.)

use evenkeel::cause::{Cause, SeedFailure};
use evenkeel::client::{AttemptId, Client, Command, Config, FOREVER, MoveReason, RetryCause, State};
use evenkeel::decision::Assessment;
use serde_json::json;

use crate::support::{at, list, median_and_worst, secs, server};
use crate::world::{Answer, Happened, LATENCY, Manner, World};

/// When those are settled who are to be moved.
const SETTLED: f64 = 60.0;
/// From the attempt to the open connection.
const OPENS_IN: f64 = 2.0 * LATENCY;
/// No look at the list takes longer, the wait until it is made anew included.
const LOOK: f64 = 1.1;

// The life of a move.

#[test]
fn without_prepare_the_next_connection_stands_before_the_application_hears_that_it_has_left() {
    for seed in 0..20 {
        let mut world = World::of_three().with_one_like(quiet(false), seed);
        let from = world.server_of(0).unwrap();
        let to = migrate(&mut world, seed);
        world.run_for(OPENS_IN + 0.01);
        assert_eq!(
            world.told(0, SETTLED),
            [
                Happened::State(State::Migrating),
                Happened::Beside(to),
                Happened::State(State::Reconnecting),
                Happened::Moved(MoveReason::Requested),
                Happened::State(State::Open),
                Happened::Opened,
            ],
            "seed {seed}"
        );
        let switch = world.since(0, SETTLED + 0.001);
        assert!(switch.iter().all(|(when, _)| *when == switch[0].0), "{switch:?}");
        assert_eq!(world.server_of(0), Some(to), "seed {seed}");
        assert_ne!(from, to, "seed {seed}");
    }
}

#[test]
fn with_prepare_the_application_hears_of_nothing_but_the_move_and_is_open_all_the_while() {
    let mut world = World::of_three().with_one_like(quiet(true), 1);
    let to = migrate(&mut world, 1);
    world.run_for(OPENS_IN + 0.01);
    assert_eq!(world.told(0, SETTLED).last(), Some(&Happened::Prepare));
    assert_eq!(world.state(0), State::Migrating);
    world.run_for(0.1);
    assert_eq!(
        world.told(0, SETTLED),
        [
            Happened::State(State::Migrating),
            Happened::Beside(to),
            Happened::Prepare,
            Happened::State(State::Open),
            Happened::Migrated(MoveReason::Requested),
        ]
    );
    assert_eq!(world.server_of(0), Some(to));
}

#[test]
fn the_connection_before_is_closed_by_handshake_when_the_next_one_has_lasted_five_seconds() {
    for prepares in [false, true] {
        let (mut world, _) = moved(World::of_three(), quiet(prepares), 1);
        let switched = world.now;
        world.run_for(4.9);
        assert_eq!(world.clients[0].watched.sockets().len(), 2, "it delivers on");
        world.run_for(0.2);
        let (retired, what) = *world.since(0, SETTLED).last().unwrap();
        assert_eq!(what, Happened::Retired);
        assert!((retired - switched - 5.0).abs() < 0.02, "{retired}");
        world.run_for(1.0);
        assert_eq!(world.clients[0].watched.sockets().len(), 1);
        // And then there is nothing left to do.
        assert_eq!(world.clients[0].watched.client.poll_timeout(), None);
        assert_eq!(world.told(0, retired), [Happened::Retired]);
    }
}

#[test]
fn a_connection_that_does_not_answer_its_closing_handshake_is_dropped_after_the_timeout() {
    let (mut world, _) = moved(World::of_three(), quiet(true), 1);
    let switched = world.now;
    for server in &mut world.servers {
        server.frozen = true;
    }
    world.run_for(20.0);
    let log = world.since(0, switched + 1.0);
    let [(retired, Happened::Retired), (dropped, Happened::Abandoned)] = log[..] else {
        panic!("{log:?}");
    };
    assert!((dropped - retired - 5.0).abs() < 0.01, "{log:?}");
    assert_eq!(world.clients[0].watched.sockets().len(), 1);
}

#[test]
fn linger_is_as_long_as_the_application_says() {
    for linger in [0.0, 60.0] {
        let config = Config {
            linger: secs(linger),
            ..quiet(true)
        };
        let (mut world, _) = moved(World::of_three(), config, 1);
        let switched = world.now;
        world.run_for(100.0);
        let log = world.since(0, SETTLED);
        let (retired, what) = log[log.len() - 1];
        assert_eq!(what, Happened::Retired);
        assert!((retired - switched - linger).abs() < 0.02, "{log:?}");
        // The switch comes first, however short it is.
        assert_eq!(log[log.len() - 2].1, Happened::Migrated(MoveReason::Requested));
    }
}

#[test]
fn the_connection_before_may_end_by_itself_and_nobody_hears_of_it() {
    let (mut world, to) = moved(World::of_three(), quiet(false), 1);
    world.run_for(0.01);
    let killed = world.now;
    for server in others(&world, to) {
        world.kill(server);
    }
    world.run_for(100.0);
    assert_eq!(world.told(0, killed), []);
    assert_eq!((world.state(0), world.server_of(0)), (State::Open, Some(to)));
    assert_eq!(world.clients[0].watched.client.failures(), 0);
}

// What goes wrong on the way.

#[test]
fn if_the_connection_is_lost_during_the_attempt_the_attempt_becomes_the_way_back() {
    for prepares in [false, true] {
        for seed in 0..20 {
            let mut world = World::of_three().with_one_like(quiet(prepares), seed);
            let from = world.server_of(0).unwrap();
            let to = migrate(&mut world, seed);
            world.run_for(LATENCY);
            world.kill(from);
            world.run_for(100.0);
            let mut expected = vec![
                Happened::State(State::Migrating),
                Happened::Beside(to),
                Happened::State(State::Reconnecting),
                Happened::Lost { is_final: false },
            ];
            expected.extend(prepares.then_some(Happened::Prepare));
            expected.extend([Happened::State(State::Open), Happened::Opened]);
            assert_eq!(world.told(0, SETTLED), expected, "seed {seed}");
            assert_eq!(world.server_of(0), Some(to), "seed {seed}");
        }
    }
}

#[test]
fn the_same_if_it_is_lost_while_the_next_one_is_prepared() {
    let (mut world, from) = preparing(1);
    world.kill(from);
    assert_eq!(world.state(0), State::Reconnecting);
    let attempt = under_way(&world);
    world.tell(0, |client, now| client.handle_prepared(now, attempt));
    let told = world.told(0, SETTLED + 0.2);
    assert_eq!(
        told,
        [
            Happened::State(State::Reconnecting),
            Happened::Lost { is_final: false },
            Happened::State(State::Open),
            Happened::Opened,
        ]
    );
    assert_eq!(world.clients[0].watched.client.failures(), 1, "the loss counts");
    assert_eq!(world.blamed(0), [from]);
}

#[test]
fn an_attempt_that_has_become_the_way_back_fails_like_any_other() {
    let mut world = World::of_three().with_one_like(quiet(false), 1);
    let from = world.server_of(0).unwrap();
    for server in others(&world, from) {
        world.servers[server].manner = Manner::Refuses;
    }
    let to = migrate(&mut world, 1);
    world.run_for(LATENCY);
    world.kill(from);
    world.run_for(LATENCY + 0.001);
    let told = world.told(0, SETTLED + 0.01);
    assert_eq!(
        told[..3],
        [
            Happened::State(State::Reconnecting),
            Happened::Lost { is_final: false },
            Happened::Lost { is_final: false },
        ],
    );
    assert_eq!(world.causes(0, SETTLED), [RetryCause::Server(Cause::Refused)]);
    assert!(world.blamed(0).contains(&to) && world.blamed(0).contains(&from));
    for server in &mut world.servers {
        server.manner = Manner::Accepts;
    }
    assert!(world.run_until(SETTLED + 30.0, World::all_open));
}

#[test]
fn a_connection_that_ends_for_good_during_the_attempt_ends_the_attempt() {
    let (mut world, from) = preparing(1);
    world.close_all(from, 1000);
    assert_eq!(
        world.told(0, SETTLED + 0.2),
        [
            Happened::State(State::Closed),
            Happened::Abandoned,
            Happened::Lost { is_final: true },
        ]
    );
}

#[test]
fn if_the_next_one_is_lost_at_once_the_one_before_takes_over_with_the_events_of_a_move() {
    for prepares in [false, true] {
        // However it ends: the application is not asked, for it loses nothing.
        for code in [1000, 1001, 1006, 1011, 1013] {
            let mut world = World::of_three().with_one_like(quiet(prepares), 1);
            let from = world.server_of(0).unwrap();
            let to = migrate(&mut world, 1);
            world.run_for(4.0);
            let lost = world.now;
            let watched = &world.clients[0].watched;
            assert!(!watched.client.asks_whether_final(watched.live().unwrap()));
            world.close_all(to, code);
            let back: &[Happened] = match prepares {
                true => &[Happened::Migrated(MoveReason::Return)],
                false => &[
                    Happened::State(State::Reconnecting),
                    Happened::Moved(MoveReason::Return),
                    Happened::State(State::Open),
                    Happened::Opened,
                ],
            };
            assert_eq!(world.told(0, lost), back, "{code}");
            // It stays: it is not the one before any more.
            world.run_for(300.0);
            assert_eq!(world.told(0, lost).len(), back.len(), "{code}");
            assert_eq!((world.state(0), world.server_of(0)), (State::Open, Some(from)));
            assert_eq!(world.clients[0].watched.client.failures(), 0, "no episode");
            assert!(deterred(&world, to), "{code}");
        }
    }
}

#[test]
fn to_a_connection_that_has_begun_to_close_there_is_no_return() {
    let mut world = World::of_three().with_one_like(quiet(true), 1);
    let from = world.server_of(0).unwrap();
    let to = migrate(&mut world, 1);
    world.servers[from].frozen = true;
    world.run_for(7.0);
    let lost = world.now;
    world.kill(to);
    assert_eq!(
        world.told(0, lost)[..3],
        [
            Happened::State(State::Reconnecting),
            Happened::Abandoned,
            Happened::Lost { is_final: false },
        ]
    );
    assert_eq!(world.clients[0].watched.sockets(), []);
    world.servers[from].frozen = false;
    assert!(world.run_until(lost + 5.0, World::all_open));
}

#[test]
fn a_move_that_fails_is_between_the_client_and_the_server() {
    let failures: [(&str, bool, Manner, f64); 4] = [
        ("refused", false, Manner::Refuses, OPENS_IN),
        ("too slow", false, Manner::Hangs, 10.0),
        ("lost while being prepared", true, Manner::Drops(1011), OPENS_IN),
        ("never prepared", true, Manner::Accepts, OPENS_IN + 10.0),
    ];
    for (name, prepares, manner, after) in failures {
        let mut world = World::of_three().with_one_like(quiet(prepares), 1);
        let from = world.server_of(0).unwrap();
        world.prepares_in = None;
        for server in others(&world, from) {
            world.servers[server].manner = manner;
        }
        let to = migrate(&mut world, 1);
        world.run_for(after + 0.01);
        assert_eq!(
            (world.state(0), world.server_of(0)),
            (State::Open, Some(from)),
            "{name}"
        );
        let told = world.told(0, SETTLED).into_iter();
        let told: Vec<Happened> = told
            .filter(|what| !matches!(what, Happened::Prepare | Happened::Abandoned))
            .collect();
        assert_eq!(
            told,
            [
                Happened::State(State::Migrating),
                Happened::Beside(to),
                Happened::State(State::Open),
            ],
            "{name}"
        );
        assert_eq!(world.blamed(0), [to], "{name}");
        assert_eq!(world.clients[0].watched.client.failures(), 0, "{name}: no episode");
        world.run_for(1_000.0);
        assert_eq!(world.attempts(0, SETTLED).len(), 1, "{name}: once is enough");
    }
}

#[test]
fn a_connection_that_the_application_cannot_prepare_is_given_up() {
    let (mut world, from) = preparing(1);
    let attempt = under_way(&world);
    let to = world.attempts(0, SETTLED)[0].1;
    world.tell(0, |client, now| client.handle_unprepared(now, attempt));
    assert_eq!(
        world.told(0, SETTLED + 0.2),
        [Happened::State(State::Open), Happened::Abandoned]
    );
    assert_eq!(world.server_of(0), Some(from));
    assert_eq!(world.blamed(0), [to]);
    // What comes late for it changes nothing.
    world.tell(0, |client, now| client.handle_prepared(now, attempt));
    world.tell(0, |client, now| client.handle_unprepared(now, attempt));
    world.run_for(10.0);
    assert_eq!(world.told(0, SETTLED + 0.2).len(), 2);
}

#[test]
fn a_move_that_fails_because_of_our_own_network_blames_nobody() {
    type Trouble = fn(&mut World);
    let troubles: [(&str, Trouble); 3] = [
        ("offline", |world| {
            world.tell(0, |client, now| client.handle_network(now, false));
        }),
        ("just awake", |world| {
            world.tell(0, |client, now| client.handle_wake(now));
        }),
        ("no seed answers", |world| {
            world.seeds = vec![Answer::Fails(SeedFailure::Unreachable, None)];
            look(world);
        }),
    ];
    for (name, trouble) in troubles {
        let config = Config {
            // A connection that can be checked is not replaced after a sleep.
            silence_timeout: Some(secs(500.0)),
            ..quiet(false)
        };
        let mut world = World::of_three().with_one_like(config, 1);
        let from = world.server_of(0).unwrap();
        for server in others(&world, from) {
            world.servers[server].manner = Manner::Refuses;
        }
        trouble(&mut world);
        migrate(&mut world, 1);
        world.run_for(1.0);
        assert_eq!(
            (world.state(0), world.server_of(0)),
            (State::Open, Some(from)),
            "{name}"
        );
        assert!(world.blamed(0).is_empty(), "{name}");
    }
}

#[test]
fn events_of_a_connection_that_was_left_change_nothing() {
    let mut world = World::of_three().with_one_like(quiet(true), 1);
    let before = world.clients[0].watched.live().unwrap();
    migrate(&mut world, 1);
    world.run_for(30.0);
    let left = world.now;
    world.tell(0, |client, now| client.handle_open(now, before));
    world.tell(0, |client, now| client.handle_prepared(now, before));
    world.tell(0, |client, now| client.handle_heard(before, now));
    world.tell(0, |client, now| client.handle_closed(now, before, 1006, true));
    assert_eq!(world.told(0, left), []);
    assert_eq!(world.clients[0].watched.client.failures(), 0);
}

// The application ends it, or wants another server, at every stage.

#[test]
fn closing_at_any_stage_of_a_move_leaves_nothing() {
    for (name, stage) in STAGES {
        for prepares in [false, true] {
            let mut world = stage(prepares);
            let closed = world.now;
            world.close(0);
            world.run_for(100.0);
            // That no socket and no request is left, the watch has seen to.
            assert_eq!(world.state(0), State::Closed, "{name}, {prepares}");
            let told = world.told(0, closed);
            let last = [Happened::State(State::Closed), Happened::Lost { is_final: true }];
            assert_eq!(told[told.len() - 2..], last, "{name}, {prepares}: {told:?}");
            let (ended, _) = *world.since(0, closed).last().unwrap();
            assert!(ended < closed + 5.1, "{name}, {prepares}: {ended}");
            assert_eq!(world.clients[0].watched.client.poll_timeout(), None);
        }
    }
}

#[test]
fn reconnecting_at_any_stage_of_a_move_leaves_one_connection() {
    for (name, stage) in STAGES {
        for prepares in [false, true] {
            let mut world = stage(prepares);
            world.prepares_in = Some(0.05);
            for server in &mut world.servers {
                server.manner = Manner::Accepts;
            }
            let asked = world.now;
            world.reconnect(0);
            assert_eq!(world.clients[0].watched.sockets(), [], "{name}, {prepares}");
            assert!(world.run_until(asked + 2.0, World::all_open), "{name}, {prepares}");
            world.run_for(300.0);
            assert_eq!(world.clients[0].watched.sockets().len(), 1, "{name}, {prepares}");
            assert_eq!(
                world.attempts(0, asked).len(),
                1,
                "{name}, {prepares}: the move goes on"
            );
            let lost = world.count(0, asked, Happened::Lost { is_final: false });
            assert_eq!(lost, 1, "{name}, {prepares}");
        }
    }
}

#[test]
fn who_is_told_of_the_switch_may_end_it_and_hears_of_no_connection_after_that() {
    type End = fn(&mut Client);
    let ends: [(End, State); 2] = [
        (|client| client.handle_close(at(SETTLED)), State::Closing),
        (|client| client.handle_reconnect(at(SETTLED)), State::Reconnecting),
    ];
    for (end, state) in ends {
        let (mut client, mut assessment) = told_of_the_switch();
        end(&mut client);
        let mut commands = Vec::new();
        while let Some(command) = client.poll(at(SETTLED), &mut assessment) {
            commands.push(command);
        }
        assert_eq!(client.state(), state);
        let open = |command: &Command| matches!(command, Command::Opened { .. } | Command::Migrated { .. });
        assert!(!commands.iter().any(open), "{commands:?}");
        // Both connections are done with, and of the loss it has heard already.
        let done = |command: &&Command| matches!(command, Command::Abandon { .. } | Command::Close { .. });
        assert_eq!(commands.iter().filter(done).count(), 2, "{commands:?}");
        assert!(
            !commands.iter().any(|command| matches!(command, Command::Lost { .. })),
            "{commands:?}"
        );
    }
    // To ask for yet another server it is too early.
    let (mut client, mut assessment) = told_of_the_switch();
    client.handle_migrate(at(SETTLED));
    let commands: Vec<Command> = std::iter::from_fn(|| client.poll(at(SETTLED), &mut assessment)).collect();
    assert!(
        matches!(commands[..], [Command::State(State::Open), Command::Opened { .. }]),
        "{commands:?}"
    );
}

// migrate().

#[test]
fn migrate_always_goes_elsewhere_even_to_a_group_behind() {
    for seed in 0..50 {
        let mut world = World::new(&[("a", 0, 1000.0), ("b", 1, 1000.0)]).with_one_like(quiet(true), seed);
        assert_eq!(world.server_of(0), Some(0), "seed {seed}");
        assert_eq!(migrate(&mut world, seed), 1, "seed {seed}");
        world.run_for(20.0);
        assert_eq!(world.server_of(0), Some(1), "seed {seed}");
    }
}

#[test]
fn a_list_that_comes_into_force_before_a_decision_is_carried_out_moves_it_along_or_takes_it_back() {
    let servers = |ids: &[&str]| list(ids.iter().map(|id| server(id, 0.0, 10.0)).collect());
    for (then, goes_to) in [(&["b", "c", "a"][..], Some("b")), (&["c", "a"], None)] {
        let config = Config {
            seeds: 0,
            ..Config::default()
        };
        let (mut client, mut assessment) = (Client::new(config, 1), Assessment::default());
        client.handle_given_list(at(0.0), servers(&["a"]));
        client.handle_start();
        while client.poll(at(0.0), &mut assessment).is_some() {}
        client.handle_open(at(0.0), AttemptId(1));
        while client.poll(at(0.0), &mut assessment).is_some() {}
        client.handle_given_list(at(1.0), servers(&["a", "b"]));
        client.handle_migrate(at(1.0));
        let told = client.poll(at(1.0), &mut assessment);
        assert_eq!(told, Some(Command::State(State::Migrating)));
        // Whoever hears of it has another list.
        client.handle_given_list(at(1.0), servers(then));
        let commands: Vec<Command> = std::iter::from_fn(|| client.poll(at(1.0), &mut assessment)).collect();
        let connects = commands.iter().find_map(|command| match command {
            Command::Connect { decision, .. } => Some(then[decision.server]),
            _ => None,
        });
        assert_eq!(connects, goes_to, "{commands:?}");
        let stays = client.state() == State::Open;
        assert_eq!(stays, goes_to.is_none(), "{commands:?}");
    }
}

#[test]
fn migrate_does_nothing_where_there_is_nothing_else() {
    let mut alone = World::new(&[("a", 0, 1000.0)]);
    let mut full_of_trouble = World::of_three();
    for server in &mut full_of_trouble.servers[1..] {
        server.draining = true;
    }
    full_of_trouble.servers[2].listed = Some(false);
    alone.servers[0].base_users = 10.0;
    for world in [alone, full_of_trouble] {
        let mut world = world.with_one_like(quiet(true), 1);
        world.tell(0, |client, now| client.handle_migrate(now));
        world.run_for(1_000.0);
        assert_eq!(world.told(0, SETTLED), []);
        assert_eq!(world.server_of(0), Some(0));
    }
}

#[test]
fn migrate_does_nothing_where_there_is_no_connection() {
    let mut world = World::of_three();
    let client = world.start_with(quiet(true), 1);
    world.tell(client, |client, now| client.handle_migrate(now));
    world.run_for(60.0);
    assert_eq!(world.attempts(client, 0.0).len(), 1);
    let server = world.server_of(client).unwrap();
    world.kill(server);
    world.run_for(0.03);
    world.tell(client, |client, now| client.handle_migrate(now));
    world.run_for(100.0);
    assert_eq!(world.attempts(client, 60.0).len(), 1);
    assert_eq!(world.count(client, 0.0, Happened::State(State::Migrating)), 0);
}

#[test]
fn during_an_attempt_another_call_changes_nothing_however_it_ends() {
    for manner in [Manner::Accepts, Manner::Refuses] {
        let mut world = World::of_three().with_one_like(quiet(true), 1);
        for server in &mut world.servers {
            server.manner = manner;
        }
        migrate(&mut world, 1);
        world.tell(0, |client, now| client.handle_migrate(now));
        world.run_for(100.0);
        assert_eq!(world.attempts(0, SETTLED).len(), 1, "{manner:?}");
    }
}

#[test]
fn who_has_just_moved_moves_again_when_the_first_move_is_over() {
    let (mut world, first) = moved(World::of_three(), quiet(true), 1);
    world.tell(0, |client, now| client.handle_migrate(now));
    world.run_for(4.9);
    assert_eq!(
        world.attempts(0, SETTLED).len(),
        1,
        "the connection before is still there"
    );
    world.run_for(3.0);
    assert_eq!(world.attempts(0, SETTLED).len(), 2);
    assert_ne!(world.server_of(0), Some(first));
}

// Drain.

#[test]
fn clients_of_a_draining_server_leave_within_half_a_minute_and_none_goes_to_another_draining_one() {
    for prepares in [false, true] {
        let mut delays = Vec::new();
        for seed in 0..100 {
            let four = World::new(&[("a", 0, 1e3), ("b", 0, 1e3), ("c", 0, 1e3), ("d", 0, 1e3)]);
            let (mut world, _) = drained(four, prepares, seed, |world, own| {
                world.servers[(own + 1) % 4].draining = true;
            });
            let own = world.server_of(0).unwrap();
            delays.push(leaves_in(&world, seed));
            let told = world.now;
            assert!(
                world.run_until(told + 30.2, |world| world.server_of(0) != Some(own)),
                "seed {seed}"
            );
            let to = world.server_of(0).unwrap();
            assert!(!world.servers[to].draining, "seed {seed}");
            assert_eq!(world.count(0, SETTLED, Happened::Lost { is_final: false }), 0);
            let happened = match prepares {
                true => Happened::Migrated(MoveReason::Drain),
                false => Happened::Moved(MoveReason::Drain),
            };
            assert_eq!(world.count(0, SETTLED, happened), 1, "seed {seed}");
            assert!(world.blamed(0).is_empty(), "seed {seed}: a drain is nobody's fault");
        }
        spread_over(&mut delays, 30.0);
    }
}

#[test]
fn an_unavailable_server_that_still_serves_us_is_left_in_the_same_way() {
    let mut delays = Vec::new();
    for seed in 0..100 {
        let mut world = World::of_three().with_one_like(quiet(false), seed);
        let own = world.server_of(0).unwrap();
        world.servers[own].listed = Some(false);
        look(&mut world);
        delays.push(leaves_in(&world, seed));
        world.run_for(31.0);
        assert_ne!(world.server_of(0), Some(own), "seed {seed}");
        assert_eq!(
            world.count(0, SETTLED, Happened::Moved(MoveReason::Drain)),
            1,
            "seed {seed}"
        );
    }
    spread_over(&mut delays, 30.0);
}

#[test]
fn a_drain_takes_as_long_as_the_others_need_to_take_its_users_in() {
    // 30,000 users for two servers that take 100 a second each: 150 s.
    let mut delays = Vec::new();
    for seed in 0..100 {
        let mut world = World::of_three();
        for server in &mut world.servers {
            server.capacity = 10_000.0;
            server.base_users = 30_000.0;
        }
        let (world, _) = drained(world, false, seed, |_, _| {});
        delays.push(leaves_in(&world, seed));
    }
    spread_over(&mut delays, 150.0);
}

#[test]
fn who_plans_to_leave_keeps_to_the_plan_however_often_the_list_says_so() {
    for seed in 0..20 {
        let (mut world, _) = drained(World::of_three(), true, seed, |_, _| {});
        let planned = world.clients[0].watched.client.leaving();
        while world.state(0) == State::Open && world.attempts(0, SETTLED).is_empty() {
            assert_eq!(world.clients[0].watched.client.leaving(), planned, "seed {seed}");
            look(&mut world);
        }
        let (_, when) = planned.unwrap();
        let (left, _) = world.attempts(0, SETTLED)[0];
        assert!(
            at(left).since(when).as_secs() < 0.01,
            "seed {seed}: {left}, planned {when:?}"
        );
    }
}

#[test]
fn a_drain_that_is_taken_back_moves_nobody() {
    for seed in 0..20 {
        let (mut world, own) = drained(World::of_three(), true, seed, |_, _| {});
        if leaves_in(&world, seed) < LOOK {
            continue;
        }
        world.servers[own].draining = false;
        look(&mut world);
        assert_eq!(world.clients[0].watched.client.leaving(), None, "seed {seed}");
        world.run_for(200.0);
        assert_eq!(world.attempts(0, SETTLED), [], "seed {seed}");
        assert_eq!(world.server_of(0), Some(own), "seed {seed}");
    }
}

#[test]
fn a_draining_server_that_disappears_from_the_list_is_left_all_the_same() {
    for seed in 0..20 {
        let (mut world, own) = drained(World::of_three(), true, seed, |_, _| {});
        let planned = leaves_in(&world, seed);
        world.servers[own].unlisted = true;
        look(&mut world);
        if planned > LOOK {
            assert_eq!(world.server_of(0), Some(own), "seed {seed}");
        }
        world.run_for(30.2);
        assert_ne!(world.server_of(0), Some(own), "seed {seed}");
    }
}

#[test]
fn where_no_other_server_is_eligible_everybody_stays_until_one_is() {
    let (mut world, own) = drained(World::of_three(), true, 1, |world, own| {
        for server in others(world, own) {
            world.servers[server].listed = Some(false);
        }
    });
    for _ in 0..10 {
        world.run_for(31.0);
        look(&mut world);
    }
    assert_eq!(world.attempts(0, SETTLED), []);
    assert_eq!((world.state(0), world.server_of(0)), (State::Open, Some(own)));
    world.servers[(own + 1) % 3].listed = None;
    // It has a plan still, or makes one by this list.
    look(&mut world);
    world.run_for(31.0);
    assert_eq!(world.server_of(0), Some((own + 1) % 3));
}

#[test]
fn a_drain_whose_move_fails_is_tried_again_by_the_next_list() {
    let (mut world, own) = drained(World::of_three(), true, 1, |world, own| {
        for server in others(world, own) {
            world.servers[server].manner = Manner::Refuses;
        }
    });
    world.run_for(200.0);
    let first = world.attempts(0, SETTLED);
    assert_eq!(first.len(), 1, "not before there is another list");
    assert_eq!((world.state(0), world.server_of(0)), (State::Open, Some(own)));
    look(&mut world);
    world.run_for(31.0);
    let tried: Vec<usize> = world
        .attempts(0, SETTLED)
        .into_iter()
        .map(|(_, server)| server)
        .collect();
    assert_eq!(tried.len(), 2);
    for server in &mut world.servers {
        server.manner = Manner::Accepts;
    }
    look(&mut world);
    world.run_for(31.0);
    assert_ne!(world.server_of(0), Some(own));
    assert_eq!(world.count(0, SETTLED, Happened::Lost { is_final: false }), 0);
}

#[test]
fn who_returns_to_a_draining_server_leaves_it_again() {
    let (mut world, own) = drained(World::of_three(), true, 1, |_, _| {});
    world.run_until(SETTLED + 31.0, |world| world.server_of(0) != Some(own));
    let bad = world.server_of(0).unwrap();
    world.run_for(1.0);
    world.close_all(bad, 1011);
    assert_eq!(world.server_of(0), Some(own));
    world.run_for(31.0);
    let now_on = world.server_of(0).unwrap();
    assert!(now_on != own && now_on != bad, "{now_on}");
}

#[test]
fn a_deploy_that_drains_server_by_server_costs_nobody_the_connection() {
    const CLIENTS: usize = 60;
    for seed in 0..3 {
        let mut world = World::of_three();
        let config = Config {
            prepares: true,
            ..Config::default()
        };
        for n in 0..CLIENTS {
            world.start_with(config, seed * 1_000 + n as u64);
        }
        world.run_for(200.0);
        let begun = world.now;
        for server in 0..3 {
            world.servers[server].draining = true;
            // The next list, the window, and the old connection's end.
            world.run_for(72.0 + 30.0 + 6.0);
            let left = (0..CLIENTS).filter(|&client| world.server_of(client) == Some(server));
            assert_eq!(left.count(), 0, "seed {seed}");
            world.kill(server);
            world.run_for(20.0);
            world.revive(server);
            world.servers[server].draining = false;
        }
        world.run_for(100.0);
        let mut moves = 0;
        for client in 0..CLIENTS {
            for (when, what) in world.since(client, begun) {
                match what {
                    Happened::Migrated(_) => moves += 1,
                    Happened::Lost { .. } => panic!("seed {seed}: client {client} lost its connection at {when}"),
                    Happened::State(state) => assert!(matches!(state, State::Open | State::Migrating)),
                    _ => {}
                }
            }
        }
        println!(
            "a deploy of three servers: {:.2} moves a client",
            f64::from(moves) / CLIENTS as f64
        );
        // Each server's third must leave once, and half of each lands where it has to leave again.
        assert!(moves <= 2 * CLIENTS as i32, "seed {seed}: {moves}");
    }
}

// A better group.

#[test]
fn a_lone_client_goes_home_when_the_better_group_is_back() {
    let mut times = Vec::new();
    for seed in 0..50 {
        let mut world = away(Config::default(), seed);
        world.revive(0);
        let back = world.now;
        assert!(
            world.run_until(back + 3_600.0, |world| world.server_of(0) == Some(0)),
            "seed {seed}: it never went home"
        );
        times.push(world.now - back);
        assert_eq!(
            world.count(0, back, Happened::Lost { is_final: false }),
            0,
            "seed {seed}"
        );
        assert_eq!(
            world.count(0, back, Happened::Moved(MoveReason::Failback)),
            1,
            "seed {seed}"
        );
    }
    let (median, worst) = median_and_worst(times);
    println!("a lone client is back in the better group after {median:.0} s (median), {worst:.0} s (worst of 50)");
    assert!(median < 240.0 && worst < 1_200.0, "{median} {worst}");
}

#[test]
fn after_an_outage_of_everything_clients_go_home_as_if_they_had_never_been_refused() {
    for seed in 0..20 {
        let mut world = World::new(&[("a", 0, 100.0), ("b", 1, 100.0)]).with_one_settled(seed);
        world.kill(0);
        world.kill(1);
        world.run_for(300.0);
        // The server behind is back first.
        world.revive(1);
        assert!(world.run_until(world.now + 60.0, World::all_open), "seed {seed}");
        world.revive(0);
        let home = |world: &World| world.server_of(0) == Some(0);
        assert!(world.run_until(world.now + 1_200.0, home), "seed {seed}");
    }
}

#[test]
fn who_does_not_want_to_goes_home_never() {
    let config = Config {
        failback: false,
        ..Config::default()
    };
    let mut world = away(config, 1);
    world.revive(0);
    let back = world.now;
    world.run_for(4.0 * 3_600.0);
    assert_eq!(world.attempts(0, back), []);
    assert_eq!(world.server_of(0), Some(1));
}

#[test]
fn clients_of_a_server_that_the_list_has_dropped_move_gently() {
    let mut times = Vec::new();
    for seed in 0..50 {
        let mut world = World::of_three().with_one_like(Config::default(), seed);
        let own = world.server_of(0).unwrap();
        world.run_for(140.0);
        world.servers[own].unlisted = true;
        let dropped = world.now;
        assert!(
            world.run_until(dropped + 3_600.0, |world| world.server_of(0) != Some(own)),
            "seed {seed}"
        );
        times.push(world.now - dropped);
        assert_eq!(
            world.count(0, dropped, Happened::Lost { is_final: false }),
            0,
            "seed {seed}"
        );
        assert_eq!(
            world.count(0, dropped, Happened::Moved(MoveReason::Failback)),
            1,
            "seed {seed}"
        );
    }
    let (median, worst) = median_and_worst(times);
    println!("a server that the list has dropped is left after {median:.0} s (median), {worst:.0} s (worst of 50)");
    assert!(median < 240.0 && worst < 1_200.0, "{median} {worst}");
}

#[test]
fn a_thousand_clients_in_a_group_behind_do_not_storm_the_better_one() {
    const CLIENTS: usize = 1_000;
    // 0.8 of it: 2 a second.
    const RATE: f64 = 2.0;
    let mut world = World::new(&[("best", 0, 2_000.0), ("b", 1, 1_000.0), ("c", 1, 1_000.0)]);
    world.servers[0].connect_rate = Some(RATE / 0.8);
    world.servers[0].listed = Some(false);
    world.refresh = 5.0;
    for n in 0..CLIENTS {
        world.start(n as u64);
        world.run_for(0.05);
    }
    world.run_for(200.0);
    assert_eq!(world.servers[0].handshakes, 0);
    world.servers[0].listed = None;
    let back = world.now;
    while on_each(&world)[0] < CLIENTS && world.now < back + 7_200.0 {
        world.run_for(60.0);
    }
    let mut arrivals: Vec<f64> = (0..CLIENTS)
        .flat_map(|client| world.attempts(client, back))
        .map(|(when, _)| when)
        .collect();
    arrivals.sort_by(f64::total_cmp);
    let within = |span: f64| {
        let ends = arrivals.iter().map(|end| {
            arrivals
                .iter()
                .filter(|when| (end - span..=*end).contains(when))
                .count()
        });
        ends.max().unwrap() as f64 / span
    };
    let (minute, ten_seconds) = (within(60.0), within(10.0));
    let last = arrivals[arrivals.len() - 1] - back;
    let home = on_each(&world)[0];
    println!(
        "{home} of {CLIENTS} home after {last:.0} s; handshakes a second over a server's {RATE}: {:.2} in the worst minute, {:.2} in the worst ten seconds",
        minute / RATE,
        ten_seconds / RATE
    );
    assert!(
        minute <= 1.25 * RATE && ten_seconds <= 2.0 * RATE,
        "{minute} {ten_seconds}"
    );
    // There is room for all of them, and each moves once.
    assert_eq!(home, CLIENTS);
    assert_eq!(arrivals.len(), CLIENTS);
}

#[test]
fn a_count_that_stands_still_draws_no_fleet_and_a_count_that_moves_does() {
    for (reported, goes) in [(Some(0.0), false), (None, true)] {
        let mut world = World::new(&[("best", 0, 10_000.0), ("b", 1, 1_000.0)]);
        world.servers[0].listed = Some(false);
        world.servers[1].base_users = 500.0;
        for n in 0..20 {
            world.start(n);
        }
        world.run_for(100.0);
        // It comes back before anybody may move, and for long enough that it counts as having been there.
        world.servers[0].reported = reported;
        world.servers[0].listed = None;
        world.run_for(180.0);
        let from = world.now;
        for second in 0..600 {
            world.servers[0].base_users = f64::from(second % 7);
            world.run_for(1.0);
        }
        let moved = (0..20)
            .filter(|&client| !world.attempts(client, from).is_empty())
            .count();
        assert_eq!(moved > 0, goes, "{moved} with a reported count of {reported:?}");
    }
}

// An uneven group.

#[test]
fn a_new_server_gets_its_part_in_few_moves_and_then_there_is_peace() {
    const CLIENTS: usize = 600;
    for seed in 0..2 {
        let mut world = World::of_three();
        world.servers[2].unlisted = true;
        world.refresh = 5.0;
        let config = Config {
            prepares: true,
            rebalance: true,
            ..Config::default()
        };
        for n in 0..CLIENTS {
            world.start_with(config, seed * 1_000 + n as u64);
            world.run_for(0.1);
        }
        world.run_for(300.0);
        let (level, before) = (CLIENTS / 3, on_each(&world));
        world.servers[2].unlisted = false;
        let begun = world.now;
        world.run_for(1_200.0);
        let moves = |from: f64| -> usize { (0..CLIENTS).map(|client| world.attempts(client, from).len()).sum() };
        let after = on_each(&world);
        println!("{before:?} became {after:?} by {} moves", moves(begun));
        // A fifth of the mean is no reason to move.
        assert!(
            after.iter().all(|&on| on <= level * 6 / 5 + 3),
            "seed {seed}: {after:?}"
        );
        assert!(after[2] <= level, "seed {seed}: {after:?} is past the mark");
        assert_eq!(moves(begun), after[2], "seed {seed}: nobody moved in vain");
        assert_eq!(moves(begun + 600.0), 0, "seed {seed}: it does not settle");
        let rebalanced = |client: usize| world.count(client, begun, Happened::Migrated(MoveReason::Rebalance));
        assert_eq!((0..CLIENTS).map(rebalanced).sum::<usize>(), moves(begun), "seed {seed}");
    }
}

#[test]
fn who_does_not_want_to_evens_nothing_out() {
    let mut world = World::of_three();
    world.servers[2].unlisted = true;
    for n in 0..40 {
        world.start(n);
    }
    world.run_for(200.0);
    world.servers[2].unlisted = false;
    let begun = world.now;
    world.run_for(3_600.0);
    assert!((0..40).all(|client| world.attempts(client, begun).is_empty()));
}

/// A client that looks at the list when it is told to, and at no other time.
fn quiet(prepares: bool) -> Config {
    Config {
        prepares,
        refresh_interval: FOREVER,
        ..Config::default()
    }
}

/// Has the client look at the list, and waits for the answer.
fn look(world: &mut World) {
    world.run_for(world.refresh);
    world.tell(0, |client, now| client.handle_refresh(now));
    world.run_for(OPENS_IN + 0.001);
}

/// Begins a move, and says where it leads.
fn migrate(world: &mut World, seed: u64) -> usize {
    let from = world.now;
    world.tell(0, |client, now| client.handle_migrate(now));
    assert_eq!(world.state(0), State::Migrating, "seed {seed}");
    world.attempts(0, from)[0].1
}

/// A world whose client has moved just now, and where to.
fn moved(world: World, config: Config, seed: u64) -> (World, usize) {
    let mut world = world.with_one_like(config, seed);
    let to = migrate(&mut world, seed);
    assert!(world.run_until(SETTLED + 1.0, |world| world.server_of(0) == Some(to)
        && world.state(0) == State::Open));
    (world, to)
}

/// A world whose client prepares its next connection and is not done with it, 0.2 s after it began, and the server that
/// it is on.
fn preparing(seed: u64) -> (World, usize) {
    let mut world = World::of_three().with_one_like(quiet(true), seed);
    let from = world.server_of(0).unwrap();
    world.prepares_in = None;
    migrate(&mut world, seed);
    world.run_for(0.2);
    (world, from)
}

/// A world whose client has just heard that its server is draining, and whatever else has happened; and that server.
fn drained(world: World, prepares: bool, seed: u64, also: impl Fn(&mut World, usize)) -> (World, usize) {
    let mut world = world.with_one_like(quiet(prepares), seed);
    let own = world.server_of(0).unwrap();
    world.servers[own].draining = true;
    also(&mut world, own);
    look(&mut world);
    (world, own)
}

/// A world whose client is in the second of two groups, has been for 300 s, and is alone.
fn away(config: Config, seed: u64) -> World {
    let mut world = World::new(&[("a", 0, 1_000.0), ("b", 1, 1_000.0)]).with_one_like(config, seed);
    world.kill(0);
    world.run_for(300.0);
    assert_eq!(world.server_of(0), Some(1), "seed {seed}");
    world
}

type Stage = fn(bool) -> World;

/// Every stage of a move, with `prepare` or without.
const STAGES: [(&str, Stage); 8] = [
    ("planned", |prepares| {
        drained(World::of_three(), prepares, 1, |_, _| {}).0
    }),
    ("dialing", |prepares| {
        let mut world = World::of_three().with_one_like(quiet(prepares), 1);
        migrate(&mut world, 1);
        world.run_for(0.01);
        world
    }),
    ("preparing", |_| preparing(1).0),
    ("failed", |prepares| {
        let mut world = World::of_three().with_one_like(quiet(prepares), 1);
        for server in &mut world.servers {
            server.manner = Manner::Refuses;
        }
        migrate(&mut world, 1);
        world.run_for(1.0);
        world
    }),
    ("become the way back", |prepares| {
        let mut world = World::of_three().with_one_like(quiet(prepares), 1);
        // Its own reconnect is the second attempt of this stage: the loss has been told already.
        let from = world.server_of(0).unwrap();
        migrate(&mut world, 1);
        world.kill(from);
        world.run_for(0.01);
        world
    }),
    ("lingering", |prepares| moved(World::of_three(), quiet(prepares), 1).0),
    ("closing the one before", |prepares| {
        let (mut world, to) = moved(World::of_three(), quiet(prepares), 1);
        for server in others(&world, to) {
            world.servers[server].frozen = true;
        }
        world.run_for(7.0);
        world
    }),
    ("returned", |prepares| {
        let (mut world, to) = moved(World::of_three(), quiet(prepares), 1);
        world.close_all(to, 1006);
        world.run_for(0.01);
        world
    }),
];

/// A client whose driver has just told that it has left its server, and not yet that the next connection stands.
fn told_of_the_switch() -> (Client, Assessment) {
    let config = Config {
        seeds: 0,
        ..Config::default()
    };
    let (mut client, mut assessment) = (Client::new(config, 1), Assessment::default());
    let two = list(json!([server("a", 0.0, 10.0), server("b", 0.0, 10.0)]));
    client.handle_given_list(at(0.0), two);
    client.handle_start();
    for now in [at(0.0), at(SETTLED)] {
        client.handle_migrate(now);
        let connects = std::iter::from_fn(|| client.poll(now, &mut assessment)).find_map(|command| match command {
            Command::Connect { attempt, .. } => Some(attempt),
            _ => None,
        });
        client.handle_open(now, connects.unwrap());
    }
    while let Some(command) = client.poll(at(SETTLED), &mut assessment) {
        if matches!(command, Command::Lost { moved: Some(_), .. }) {
            return (client, assessment);
        }
    }
    panic!("it never moved");
}

/// The attempt that is under way beside the connection, or in its place.
fn under_way(world: &World) -> AttemptId {
    world.clients[0].watched.sockets()[0]
}

/// How many clients are connected to each server.
fn on_each(world: &World) -> Vec<usize> {
    let clients = 0..world.clients.len();
    let on = |server| {
        clients
            .clone()
            .filter(|&client| world.server_of(client) == Some(server))
            .count()
    };
    (0..world.servers.len()).map(on).collect()
}

fn others(world: &World, but: usize) -> Vec<usize> {
    (0..world.servers.len()).filter(|&server| server != but).collect()
}

/// Whether a client would not move to this server of its own free will.
fn deterred(world: &World, server: usize) -> bool {
    let record = world.remembered(0, server);
    record.is_some_and(|record| record.deters(at(world.now)))
}

/// In how many seconds the client is going to leave its draining server.
fn leaves_in(world: &World, seed: u64) -> f64 {
    let (reason, when) = world.clients[0].watched.client.leaving().unwrap();
    assert_eq!(reason, MoveReason::Drain, "seed {seed}");
    // Since the answer came.
    when.since(at(world.now - 0.001)).as_secs()
}

/// A hundred delays that are spread evenly over a window.
#[track_caller]
fn spread_over(delays: &mut [f64], window: f64) {
    delays.sort_by(f64::total_cmp);
    assert!(delays[0] < 0.05 * window, "{delays:?}");
    assert!(delays[99] > 0.95 * window && delays[99] <= window + 0.01, "{delays:?}");
    assert!((0.35 * window..0.65 * window).contains(&delays[50]), "{delays:?}");
}
