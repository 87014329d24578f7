//! What the crowd does to a fleet, and what it counts of it.

use evenkeel_crowd::compare::{compare, handshakes, simulate};
use evenkeel_crowd::scenario::{Scenario, Times, plan};
use evenkeel_simulation::plan::{ClientConfig, Plan, Step, What};
use serde_json::json;

use crate::support::{CLIENTS, Stage, client, fleet, four};

const TIMES: Times = Times {
    ramp: 1.0,
    settle: 1.5,
    down: 1.0,
    duration: Some(4.0),
};

fn made(scenario: Scenario, stage: &Stage) -> Plan {
    plan(scenario, &stage.survey, CLIENTS, &TIMES, client())
}

#[tokio::test]
async fn a_flash_crowd_finds_its_places_and_every_message_its_echo() {
    let stage = Stage::on(four().await).await;
    let plan = made(Scenario::Flash, &stage);
    let real = stage.run(&plan).await;
    assert_eq!(real.sums.users.iter().sum::<u32>(), CLIENTS);
    assert_eq!(real.sums.figures.connected_at_end, Some(1.0));
    assert_eq!(real.sums.figures.connections_per_client, Some(1.0));
    assert_eq!(real.sums.opening.len(), CLIENTS as usize);
    assert_eq!(real.messages.lost, 0);
    // 200 clients for four seconds, twenty times a second.
    assert!((8_000..=20_000).contains(&real.messages.sent), "{:?}", real.messages);
    let reached: u64 = handshakes(&real.sums.course, 0.0).iter().map(|it| it.all).sum();
    assert_eq!(reached, u64::from(CLIENTS));
    // No server has all, or none.
    assert!(
        real.sums.users.iter().all(|users| (20..=80).contains(users)),
        "{:?}",
        real.sums.users
    );
}

#[tokio::test]
async fn who_is_on_a_killed_server_comes_back_to_the_others_and_the_simulation_says_when() {
    let stage = Stage::on(four().await).await;
    let plan = made(Scenario::Kill, &stage);
    let real = stage.run(&plan).await;
    assert_eq!(real.sums.figures.back_at_end, Some(1.0));
    assert_eq!(real.sums.figures.connected_at_end, Some(1.0));
    assert_eq!(real.sums.users.iter().filter(|users| **users == 0).count(), 1);
    // What was on its way when the server died, and nothing else.
    assert_eq!(real.messages.lost_elsewhere, 0);
    assert!(
        real.sums.noticed_after.is_some_and(|seconds| seconds < 2.0),
        "{:?}",
        real.sums.noticed_after
    );

    let simulated = simulate(&plan, &[1, 2, 3, 4, 5]);
    let rows = compare(&plan, (&real.sums.figures, &real.sums.course), &simulated);
    for figure in [
        "secondsToHalf",
        "secondsTo99",
        "connectionsPerClient",
        "backAtEnd",
        "movesOverMinimum",
    ] {
        let row = rows.iter().find(|row| row.figure == figure).unwrap();
        // The machine may be busy: within a second beside what is stated.
        let crowd = row.crowd.unwrap();
        assert!(
            crowd >= row.from.unwrap() - 1.0 && crowd <= row.to.unwrap() + 1.0,
            "{row:?}"
        );
    }

    // As if the server had lived on, and nobody had moved: that is not what happened.
    let other = Plan {
        events: Vec::new(),
        ..plan.clone()
    };
    let simulated = simulate(&other, &[1, 2, 3]);
    let rows = compare(&other, (&real.sums.figures, &real.sums.course), &simulated);
    let agrees = |figure: &str| rows.iter().find(|row| row.figure == figure).map(|row| row.agrees);
    assert_eq!(agrees("connectionsPerClient"), Some(false));
    assert_eq!(agrees("secondsToHalf"), Some(false));
    assert_eq!(agrees("connectedAtEnd"), Some(true));
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_is_used_again() {
    let stage = Stage::on(fleet(json!([{ "count": 2, "capacity": 167 }])).await).await;
    let mut plan = made(Scenario::Kill, &stage);
    let server = plan.events[0].what.servers().to_vec();
    plan.events.push(Step {
        at: plan.measure_from + 1.0,
        what: What::Revive {
            servers: server.clone(),
        },
    });
    let other = 1 - server[0];
    plan.events.push(Step {
        at: plan.measure_from + 3.0,
        what: What::Kill {
            servers: vec![other],
            silent: false,
        },
    });
    plan.end += 6.0;
    let real = stage.run(&plan).await;
    assert_eq!(real.sums.users[server[0]], CLIENTS);
    assert_eq!(real.sums.users[other], 0);
    assert_eq!(real.sums.figures.connected_at_end, Some(1.0));
}

/// A drain takes half a minute at least: this one is not waited for. Who leaves meanwhile leaves without a gap.
async fn first_who_leave(prepares: bool) {
    let stage = Stage::on(four().await).await;
    let settings = ClientConfig { prepares, ..client() };
    let mut plan = plan(Scenario::Drain, &stage.survey, CLIENTS, &TIMES, settings);
    plan.events.truncate(1);
    // The old connection lingers for five seconds, and is closed.
    plan.end = plan.measure_from + 11.0;
    let real = stage.run(&plan).await;
    let drained = plan.events[0].what.servers()[0];
    let left = CLIENTS / 4 - real.sums.users[drained].min(CLIENTS / 4);
    // A third of them, give or take.
    assert!((2..=35).contains(&left), "{left} left");
    assert_eq!(real.messages.lost, 0);
    assert_eq!(real.sums.figures.connected_at_end, Some(1.0));
    assert!(real.sums.figures.connections_per_client > Some(1.0));
}

#[tokio::test]
async fn clients_that_prepare_leave_a_draining_server_without_losing_a_message() {
    first_who_leave(true).await;
}

#[tokio::test]
async fn so_do_those_that_do_not() {
    first_who_leave(false).await;
}

#[tokio::test]
async fn a_dead_fleet_is_asked_again_and_found_when_it_is_back() {
    let stage = Stage::on(fleet(json!([{ "capacity": 400, "behaviour": { "alive": false } }])).await).await;
    let mut plan = made(Scenario::Kill, &stage);
    plan.events = vec![Step {
        at: 2.0,
        what: What::Revive { servers: vec![0] },
    }];
    plan.end = 12.0;
    let real = stage.run(&plan).await;
    assert_eq!(real.sums.figures.connected_at_end, Some(1.0));
    assert_eq!(real.sums.users, [CLIENTS]);
}

#[tokio::test]
async fn servers_that_refuse_are_counted_as_such() {
    let servers = json!([{ "capacity": 400, "behaviour": { "handshake": "refuse" } }, { "capacity": 400 }]);
    let stage = Stage::on(fleet(servers).await).await;
    let plan = made(Scenario::Flash, &stage);
    let real = stage.run(&plan).await;
    assert_eq!(real.sums.users, [0, CLIENTS]);
    // About half try the one that refuses, once.
    assert!(
        (50..=150).contains(&real.sums.failures.answered),
        "{:?}",
        real.sums.failures
    );
    assert_eq!(real.sums.failures.refused, 0);
}

#[tokio::test]
async fn clients_can_come_from_several_addresses() {
    let mut stage = Stage::on(four().await).await;
    stage.setting.source_addresses = 3;
    let plan = made(Scenario::Flash, &stage);
    let real = stage.run(&plan).await;
    assert_eq!(real.sums.users.iter().sum::<u32>(), CLIENTS);
}

#[tokio::test]
async fn what_cannot_be_done_to_a_real_fleet_is_refused() {
    let stage = Stage::on(four().await).await;
    let mut plan = made(Scenario::Kill, &stage);
    plan.events = vec![Step {
        at: 0.5,
        what: What::SeedDown {},
    }];
    let refused = evenkeel_crowd::run::run(&plan, &stage.survey, &stage.setting)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("`seed-down` cannot be done"), "{refused}");
}
