//! The world: what must hold whatever the rules are.
#![allow(clippy::unwrap_used, reason = "here a panic is how a test fails")]

use evenkeel_simulation::plan::{AppAnswer, Part, Plan, Step, What};
use evenkeel_simulation::policy::Policy;
use evenkeel_simulation::scenario::{self, Settings};
use evenkeel_simulation::world::Outcome;

fn run(plan: &Plan, policy: &str, seed: u64) -> Outcome {
    Policy::named(policy).unwrap().run(plan, seed, true, &mut |_| {})
}

fn plan(name: &str, clients: u32) -> Plan {
    let settings = Settings {
        clients: Some(clients),
        ..Settings::default()
    };
    scenario::find(name).unwrap().plan(&settings)
}

fn few_of(name: &str) -> Plan {
    plan(name, if name.starts_with("small") { 50 } else { 400 })
}

#[test]
fn the_same_seed_gives_the_same_figures_and_another_one_others() {
    for policy in ["evenkeel", "two-choices+decorrelated"] {
        let plan = plan("crash", 1_000);
        let (one, again, other) = (run(&plan, policy, 7), run(&plan, policy, 7), run(&plan, policy, 8));
        assert_eq!(one.figures, again.figures, "{policy}");
        assert_eq!(one.events, again.events, "{policy}");
        assert_ne!(one.figures, other.figures, "{policy}");
    }
}

#[test]
fn every_scenario_runs_and_its_figures_are_finite() {
    for scenario in &scenario::ALL {
        let plan = few_of(scenario.name);
        plan.check().unwrap();
        let outcome = run(&plan, "evenkeel", 1);
        for (name, figure) in outcome.figures.named() {
            assert!(
                figure.is_none_or(f64::is_finite),
                "{}: {name} is {figure:?}",
                scenario.name
            );
            assert!(
                figure.is_none_or(|it| it >= 0.0),
                "{}: {name} is {figure:?}",
                scenario.name
            );
        }
        assert!(outcome.figures.mean_over_optimum.is_some(), "{}", scenario.name);
    }
}

#[test]
fn in_every_scenario_nearly_all_are_connected_at_the_end() {
    for scenario in &scenario::ALL {
        let outcome = run(&few_of(scenario.name), "evenkeel", 2);
        let connected = outcome.figures.connected_at_end.unwrap();
        assert!(connected > 0.99, "{}: {connected}", scenario.name);
    }
}

#[test]
fn the_servers_count_exactly_the_connections_that_the_clients_have() {
    for scenario in &scenario::ALL {
        for policy in ["evenkeel", "zookeeper+grpc"] {
            let outcome = run(&few_of(scenario.name), policy, 3);
            for (server, (counted, held)) in outcome.counts.into_iter().enumerate() {
                assert_eq!(counted, held, "{}, {policy}, server {server}", scenario.name);
            }
        }
    }
}

#[test]
fn a_server_lets_in_no_more_than_it_can_serve() {
    let mut plan = plan("small-1", 500);
    plan.fleet[0].rate = 20.0;
    for policy in ["evenkeel", "uniform+none"] {
        let outcome = run(&plan, policy, 4);
        let course = outcome.course.unwrap();
        // From the return of the server on it serves 20 a second, so that 100 ms bring 2 at most, and one that was begun.
        let users = |at: usize| f64::from(course.utilisation[0][at]) * plan.fleet[0].capacity;
        let mut compared = 0;
        for at in 1..course.times.len() {
            let (from, to) = (course.times[at - 1], course.times[at]);
            if from > plan.measure_from + 3.0 {
                let most = (to - from) * 20.0 + 1.01;
                assert!(users(at) - users(at - 1) <= most, "{policy}, {to} s");
                compared += 1;
            }
        }
        assert!(compared > 1_000, "{policy}: {compared}");
        // And 99 % of 500 at 20 a second take 24 s.
        let seconds = outcome.figures.seconds_to_99;
        assert!(seconds.is_none_or(|it| it > 3.0 + 24.0), "{policy}: {seconds:?}");
    }
}

#[test]
fn a_bounded_queue_refuses_whom_it_has_no_room_for() {
    let mut plan = plan("small-1", 500);
    plan.fleet[0].rate = 20.0;
    let patient = run(&plan, "uniform+equal-jitter", 5).figures.failed_attempts_per_client;
    plan.fleet[0].queue = Some(10);
    let bounded = run(&plan, "uniform+equal-jitter", 5).figures.failed_attempts_per_client;
    assert!(bounded > patient, "{bounded:?} {patient:?}");
}

#[test]
fn a_death_shows_in_the_list_after_it_was_noticed_and_not_before() {
    // A policy that has no memory of its own goes to the dead server until the list says better.
    let mut plan = plan("crash", 2_000);
    let failed = |plan: &Plan| {
        run(plan, "uniform+equal-jitter", 6)
            .figures
            .failed_attempts_per_client
            .unwrap()
    };
    plan.mean_stay = Some(60.0);
    plan.seed.refresh = 1.0;
    plan.seed.detection = 0.0;
    let at_once = failed(&plan);
    plan.seed.detection = 60.0;
    let late = failed(&plan);
    assert!(late > 10.0 * at_once && late > 0.001, "{late} {at_once}");
}

#[test]
fn a_return_may_show_sooner_or_later_than_a_death() {
    // The only server is away for ten seconds: nobody is back before the list has it again.
    let mut plan = plan("small-1", 200);
    let server = vec![0];
    let start = plan.measure_from;
    plan.events = vec![
        Step {
            at: start,
            what: What::Kill {
                servers: server.clone(),
                silent: false,
            },
        },
        Step {
            at: start + 10.0,
            what: What::Revive { servers: server },
        },
    ];
    plan.seed.detection = 5.0;
    let back = |plan: &Plan| run(plan, "uniform+equal-jitter", 6).figures.seconds_to_99.unwrap();
    let as_a_death = back(&plan);
    plan.seed.return_detection = Some(0.0);
    let at_once = back(&plan);
    plan.seed.return_detection = Some(40.0);
    let late = back(&plan);
    assert!(
        as_a_death > at_once && late > as_a_death + 20.0,
        "{at_once} {as_a_death} {late}"
    );
}

#[test]
fn a_cache_makes_the_list_as_old_as_it_says() {
    // Newcomers go where there was room a while ago: the older the list, the less level the fleet.
    let uneven = |age: f64| {
        let mut plan = plan("steady", 2_000);
        plan.seed.cache_ages = vec![age];
        plan.mean_stay = Some(120.0);
        run(&plan, "least-users", 7).figures.mean_over_optimum.unwrap()
    };
    assert!(uneven(120.0) > uneven(0.0) + 0.1);
}

#[test]
fn who_leaves_is_replaced() {
    let plan = plan("steady", 1_000);
    let outcome = run(&plan, "evenkeel", 8);
    let present = outcome.figures.clients_at_end.unwrap();
    // Poisson of mean 1,000: five standard deviations.
    assert!((present - 1_000.0).abs() < 160.0, "{present}");
}

#[test]
fn steps_happen_in_order_of_time_whatever_their_order_in_the_file() {
    let mut plan = plan("crash", 500);
    let revive = Step {
        at: plan.measure_from + 30.0,
        what: What::Revive { servers: vec![4] },
    };
    plan.events.push(revive);
    let forwards = run(&plan, "evenkeel", 9);
    plan.events.reverse();
    assert_eq!(run(&plan, "evenkeel", 9).figures, forwards.figures);
}

#[test]
fn connections_that_are_prepared_count_once_they_have_been() {
    let mut plan = plan("crash", 500);
    plan.mean_stay = None;
    let plain = run(&plan, "evenkeel", 10).figures;
    plan.client.prepares = true;
    plan.events.push(Step {
        at: 0.0,
        what: What::Preparation(AppAnswer::Gives { after: 0.5 }),
    });
    let prepared = run(&plan, "evenkeel", 10).figures;
    // Everybody has one, and a tenth of them is thrown out.
    let connections = prepared.connections_per_client.unwrap();
    assert!((1.05..1.3).contains(&connections), "{connections}");
    assert_eq!(prepared.back_at_end, Some(1.0));
    let later = prepared.seconds_to_half.unwrap() - plain.seconds_to_half.unwrap();
    assert!(later > 0.3, "{later}");
    // What is never prepared is no connection.
    plan.events.pop();
    plan.events.push(Step {
        at: 0.0,
        what: What::Preparation(AppAnswer::Hangs {}),
    });
    assert_eq!(run(&plan, "evenkeel", 10).figures.connections_per_client, Some(0.0));
}

#[test]
fn clients_use_no_server_that_is_not_in_their_part_of_the_list() {
    // The five are one part of four, and of eight.
    for (overlap, connected) in [(1, 0.65..0.85), (2, 0.8..0.95)] {
        let mut plan = scenario::find("crash").unwrap().plan(&Settings {
            clients: Some(400),
            servers: Some(20),
            part: Some(5),
            overlap: Some(overlap),
            ..Settings::default()
        });
        plan.check().unwrap();
        plan.events = vec![Step {
            at: plan.measure_from,
            what: What::Kill {
                servers: (0..5).collect(),
                silent: false,
            },
        }];
        let outcome = run(&plan, "evenkeel", 1);
        let at_end = outcome.figures.connected_at_end.unwrap();
        assert!(connected.contains(&at_end), "{overlap}: {at_end}");
    }
}

#[test]
fn every_server_is_in_as_many_parts_as_was_said() {
    for (servers, size, overlap) in [(20, 5, 1), (20, 5, 2), (1_000, 20, 4), (7, 3, 2), (3, 5, 1)] {
        let part = Part { servers: size, overlap };
        let parts = part.count(servers);
        for server in 0..servers {
            let times = (0..parts).filter(|&it| part.has(it, server, servers)).count();
            assert!(
                times >= overlap.min(parts),
                "{server} of {servers} is in {times} of {parts} parts"
            );
        }
        for it in 0..parts {
            let has = (0..servers).filter(|&server| part.has(it, server, servers)).count();
            assert_eq!(has, size.min(servers), "part {it} of {parts}");
        }
    }
}
