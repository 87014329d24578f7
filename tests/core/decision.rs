//! The decision, by hand: every number is worked out in a comment from SELECTION.md's rules.

use std::sync::Arc;

use evenkeel::cause::Cause;
use evenkeel::decision::{Assessment, Exclusion};
use evenkeel::list::ServerList;
use evenkeel::random::Random;
use evenkeel::selector::{Overrides, Reason, Selector};
use serde_json::json;

use crate::support::{
    assert_near, at, candidates, candidates_with, entry, in_group, key, list, probabilities, probabilities_with,
    selector, server,
};

/// SELECTION.md's own three servers.
fn check_list() -> Arc<ServerList> {
    list(json!([
        server("a", 812.0, 2000.0),
        server("b", 1200.0, 2000.0),
        server("c", 600.0, 1000.0)
    ]))
}

#[test]
fn a_fresh_list_gives_the_numbers_of_the_check_vector() {
    // Slack 1188 + 800 + 400 = 2388, a fifth of it arrives: A = 477.6. Only a and, a little, b and c lie below
    // L = (477.6 + 2612) / 5000 = 0.61792: 1235.84 − 812 = 423.84, 35.84, 17.92.
    let found = probabilities(&selector(&check_list()), at(0.0));
    assert_near(&found, &[423.84 / 477.6, 35.84 / 477.6, 17.92 / 477.6]);
    let rounded: Vec<String> = found.iter().map(|p| format!("{p:.4}")).collect();
    assert_eq!(rounded, ["0.8874", "0.0750", "0.0375"]);
}

#[test]
fn older_counts_mean_less() {
    // After 10 minutes psi = 0.2 · 10 = 2 and A = 4776; L = (4776 + 2612) / 5000 = 1.4776.
    let selector = selector(&check_list());
    let found = probabilities(&selector, at(600.0));
    assert_near(&found, &[2143.2 / 4776.0, 1755.2 / 4776.0, 877.6 / 4776.0]);
    // Psi ends at 20 (100 minutes), and at last the capacities alone count: A = 47760, L = 10.0744.
    let ancient = [19336.8 / 47760.0, 18948.8 / 47760.0, 9474.4 / 47760.0];
    assert_near(&probabilities(&selector, at(6_000.0)), &ancient);
    assert_near(&probabilities(&selector, at(86_400.0)), &ancient);
}

#[test]
fn nobody_is_sent_to_a_full_group_while_the_next_has_room() {
    let list = list(json!([
        server("a", 100.0, 100.0),
        server("b", 95.0, 100.0),
        in_group(1, "c", 0.0, 100.0),
        in_group(1, "d", 50.0, 100.0),
    ]));
    // Group 1: slack 150 of 200, A = 0.45 · 150 = 67.5, L = (67.5 + 50) / 200 = 0.5875.
    assert_near(
        &probabilities(&selector(&list), at(0.0)),
        &[0.0, 0.0, 58.75 / 67.5, 8.75 / 67.5],
    );
}

#[test]
fn the_users_of_a_lost_server_are_expected_at_the_others() {
    let list = check_list();
    let selector = selector(&list);
    let lost = [key(&list, "a")];
    let overrides = Overrides {
        lost: Some(&lost),
        ..Overrides::default()
    };
    // D = 812; slack of b and c 1200, A = 240 + 812 = 1052; L = (1052 + 1800) / 3000.
    let found = candidates_with(&selector, at(0.0), overrides);
    assert_eq!(found[0].excluded, Some(Exclusion::Lost));
    assert_near(
        &found.iter().map(|one| one.probability).collect::<Vec<_>>(),
        &[0.0, 2.0 / 3.0, 1.0 / 3.0],
    );
}

#[test]
fn a_loss_that_the_client_saw_itself_counts_as_one_that_it_is_told_of() {
    let list = check_list();
    let mut remembering = selector(&list);
    remembering.report_failure(key(&list, "a"), Cause::Crash, true, at(0.0));
    assert_near(&probabilities(&remembering, at(0.0)), &[0.0, 2.0 / 3.0, 1.0 / 3.0]);
}

#[test]
fn an_unavailable_group_is_passed_over_and_its_users_are_expected_for_a_minute() {
    let gone = |id, users| entry(id, json!({ "users": users, "capacity": 1000, "available": false }));
    let list = list(json!([
        gone("a", 300),
        gone("b", 100),
        in_group(1, "c", 100.0, 1000.0),
        in_group(1, "d", 300.0, 1000.0),
    ]));
    // D = 400, slack 1600 of 2000: A = 0.5 · 1600 + 400 = 1200, L = (1200 + 400) / 2000 = 0.8.
    let mut selector = selector(&list);
    let with_displaced = [0.0, 0.0, 700.0 / 1200.0, 500.0 / 1200.0];
    assert_near(&probabilities(&selector, at(0.0)), &with_displaced);
    assert!(selector.update(Arc::clone(&list), at(59.9)));
    assert_near(&probabilities(&selector, at(59.9)), &with_displaced);
    // Later they have found a place, or left: A = 800, L = (800 + 400) / 2000 = 0.6.
    assert!(selector.update(Arc::clone(&list), at(60.0)));
    assert_near(
        &probabilities(&selector, at(60.0)),
        &[0.0, 0.0, 500.0 / 800.0, 300.0 / 800.0],
    );
}

#[test]
fn a_group_spills_before_it_is_full() {
    // Group 0 takes 10 + 10 more up to 0.85, and a fifth of its slack of 320 is expected: 20 of 64.
    let list = list(json!([
        server("a", 840.0, 1000.0),
        server("b", 840.0, 1000.0),
        in_group(1, "c", 0.0, 1000.0),
    ]));
    let expected = [10.0 / 64.0, 10.0 / 64.0, 44.0 / 64.0];
    assert_near(&probabilities(&selector(&list), at(0.0)), &expected);
}

#[test]
fn an_old_list_does_not_empty_the_preferred_group() {
    let list = list(json!([server("a", 600.0, 1000.0), in_group(1, "b", 0.0, 1000.0)]));
    // Room 250; slack 400. At psi = 20 it would be 8000 expected, but for the groups psi counts as 0.35: 140.
    assert_near(&probabilities(&selector(&list), at(6_000.0)), &[1.0, 0.0]);
}

#[test]
fn what_finds_no_room_goes_where_something_is_free() {
    let list = list(json!([server("a", 900.0, 1000.0), in_group(1, "b", 840.0, 1000.0)]));
    // Group 0: no room below 0.85. Group 1: room 10 of the 32 expected, 0.3125. The rest 0.6875 by slack 100 : 160.
    let share = [0.6875 * 100.0 / 260.0, 0.3125 + 0.6875 * 160.0 / 260.0];
    assert_near(&probabilities(&selector(&list), at(0.0)), &share);
}

#[test]
fn the_displaced_fill_one_group_after_the_other() {
    let list = list(json!([
        entry("dead", json!({ "users": 400, "capacity": 1000, "available": false })),
        server("a", 500.0, 1000.0),
        in_group(1, "b", 800.0, 1000.0),
    ]));
    // Group 0: room 350 of 100 + 400 expected: 0.7. So 50 displaced are left for group 1: room 50 of 40 + 50 expected,
    // 0.3 · 5/9 = 1/6. What is left, 0.3 − 1/6 = 2/15, by slack 500 : 200.
    let rest = 0.3 - 1.0 / 6.0;
    let expected = [0.0, 0.7 + rest * 5.0 / 7.0, 1.0 / 6.0 + rest * 2.0 / 7.0];
    assert_near(&probabilities(&selector(&list), at(0.0)), &expected);
}

#[test]
fn full_groups_share_by_capacity() {
    let list = list(json!([
        server("a", 1000.0, 1000.0),
        server("b", 2500.0, 2000.0),
        in_group(1, "c", 1000.0, 1000.0),
    ]));
    // Slack 0: group 0 gets 3/4. There A = 0.02 · 3500 = 70, which a takes before it is as full as b (1.25).
    assert_near(&probabilities(&selector(&list), at(0.0)), &[0.75, 0.0, 0.25]);
}

#[test]
fn failed_connects_are_a_sign_that_more_are_looking_for_a_place_than_is_seen() {
    let selector = selector(&check_list());
    let with = |failures| {
        let overrides = Overrides {
            failures: Some(failures),
            ..Overrides::default()
        };
        probabilities_with(&selector, at(0.0), overrides)
    };
    // f = 1: D = 2612 / 2 = 1306, A = 1783.6, L = (1783.6 + 2612) / 5000 = 0.87912.
    assert_near(&with(1), &[946.24 / 1783.6, 558.24 / 1783.6, 279.12 / 1783.6]);
    // f = 3: D = 1959, A = 2436.6, L = 1.00972.
    assert_near(&with(3), &[1207.44 / 2436.6, 819.44 / 2436.6, 409.72 / 2436.6]);
}

#[test]
fn no_more_are_taken_to_be_displaced_than_could_be_served() {
    let list = list(json!([
        entry("dead", json!({ "users": 1000, "capacity": 1000, "available": false })),
        server("a", 10.0, 100.0),
        server("b", 50.0, 100.0),
    ]));
    // D = min(200, 1000), A = 0.4 · 140 + 200 = 256, L = (256 + 60) / 200 = 1.58.
    assert_near(
        &probabilities(&selector(&list), at(0.0)),
        &[0.0, 148.0 / 256.0, 108.0 / 256.0],
    );
}

#[test]
fn no_server_gets_more_than_four_times_its_fair_share() {
    let mut servers = vec![server("empty", 0.0, 100.0)];
    servers.extend((0..9).map(|n| server(&format!("full-{n}"), 90.0, 100.0)));
    let found = probabilities(&selector(&list(servers.into())), at(0.0));
    // A = 0.2 · 190 = 38 would all go to the empty one. It gets 4 · 1/10, and each of the others 0.6/9.
    let mut expected = [0.6 / 9.0; 10];
    expected[0] = 0.4;
    assert_near(&found, &expected);
}

#[test]
fn one_whose_count_is_seen_to_change_gets_up_to_eight_times_its_fair_share() {
    let servers = |users| {
        let mut servers = vec![server("emptier", users, 100.0)];
        servers.extend((0..19).map(|n| server(&format!("full-{n}"), 90.0, 100.0)));
        list(servers.into())
    };
    let before = |users| {
        let mut selector = selector(&servers(users));
        selector.update(servers(0.0), at(10.0));
        probabilities(&selector, at(10.0))[0]
    };
    assert_near(&[before(0.0), before(50.0)], &[4.0 / 20.0, 8.0 / 20.0]);
}

#[test]
fn the_emptier_a_group_the_more_are_taken_to_be_on_their_way() {
    // 160/200 − 0.3 of 160 are 80: L = (80 + 40) / 200 = 0.6. By a fifth of what is free, as at 60 %, they were 32.
    let filling = list(json!([server("a", 0.0, 100.0), server("b", 40.0, 100.0)]));
    assert_near(
        &probabilities(&selector(&filling), at(0.0)),
        &[60.0 / 80.0, 20.0 / 80.0],
    );
}

#[test]
fn the_clip_yields_where_the_others_have_nothing_free() {
    let mut servers = vec![server("empty", 0.0, 100.0)];
    servers.extend((0..9).map(|n| server(&format!("full-{n}"), 100.0, 100.0)));
    let mut expected = [0.0; 10];
    expected[0] = 1.0;
    assert_near(&probabilities(&selector(&list(servers.into())), at(0.0)), &expected);
}

#[test]
fn a_group_without_capacities_goes_by_weight_and_never_spills() {
    let users = |id, users, weight| entry(id, json!({ "users": users, "weight": weight }));
    // Capacities 50 and 150 (see the list's tests), slack 80, A = 16, L = (16 + 120) / 200 = 0.68: 4 and 12 of 16.
    let list_of_two = list(json!([users("a", 30, 1), users("b", 90, 3)]));
    assert_near(&probabilities(&selector(&list_of_two), at(0.0)), &[0.25, 0.75]);
    let crowded = list(json!([users("a", 1_000_000, 1), in_group(1, "b", 0.0, 1000.0)]));
    assert_near(&probabilities(&selector(&crowded), at(0.0)), &[1.0, 0.0]);
}

#[test]
fn every_exclusion_is_explained() {
    let list = list(json!([
        entry("gone", json!({ "available": false })),
        entry("leaving", json!({ "draining": true })),
        entry("closed", json!({ "capacity": 0 })),
        server("lost", 10.0, 100.0),
        server("ejected", 10.0, 100.0),
        server("busy", 10.0, 100.0),
        server("fine", 10.0, 100.0),
    ]));
    let mut selector = selector(&list);
    selector.report_failure(key(&list, "lost"), Cause::Crash, true, at(0.0));
    selector.report_failure(key(&list, "ejected"), Cause::Refused, true, at(0.0));
    let overrides = Overrides {
        without: Some((key(&list, "busy"), Exclusion::Overloaded)),
        ..Overrides::default()
    };
    let found: Vec<_> = candidates_with(&selector, at(0.0), overrides)
        .iter()
        .map(|one| one.excluded.map(Exclusion::name))
        .collect();
    let names = ["unavailable", "draining", "draining", "lost", "ejected", "overloaded"];
    assert_eq!(found[..6], names.map(Some));
    assert_eq!(found[6], None);
    assert_near(
        &probabilities_with(&selector, at(0.0), overrides),
        &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    );
}

#[test]
fn when_nothing_is_eligible_nobody_is_drawn() {
    let list = list(json!([
        entry("a", json!({ "available": false })),
        server("b", 1.0, 10.0)
    ]));
    let mut selector = selector(&list);
    selector.report_failure(key(&list, "b"), Cause::SentAway, true, at(0.0));
    assert_near(&probabilities(&selector, at(0.0)), &[0.0, 0.0]);
    let mut assessment = Assessment::default();
    selector.assess(at(0.0), Overrides::default(), &mut assessment);
    assert_eq!(selector.draw(&assessment, &mut Random::new(1)), None);
}

#[test]
fn a_decision_says_why_it_fell_into_its_group() {
    let decide = |selector: &Selector| {
        let mut assessment = Assessment::default();
        assert!(selector.assess(at(0.0), Overrides::default(), &mut assessment));
        selector.draw(&assessment, &mut Random::new(7)).unwrap()
    };
    let roomy = list(json!([server("a", 0.0, 100.0), in_group(3, "b", 0.0, 100.0)]));
    let mut lost_one = selector(&roomy);
    let preferred = decide(&lost_one);
    assert_eq!(
        (preferred.server, preferred.group, preferred.reason),
        (0, 0, Reason::Preferred)
    );
    assert_near(&[preferred.probability], &[1.0]);

    lost_one.report_failure(key(&roomy, "a"), Cause::Crash, true, at(0.0));
    let failover = decide(&lost_one);
    assert_eq!(
        (failover.server, failover.group, failover.reason),
        (1, 3, Reason::Failover)
    );

    let full = list(json!([server("a", 100.0, 100.0), in_group(3, "b", 0.0, 100.0)]));
    let spill = decide(&selector(&full));
    assert_eq!((spill.server, spill.group, spill.reason), (1, 3, Reason::Spill));

    let none = list(json!([entry("a", json!({ "available": false }))]));
    let guess = selector(&none).guess(&mut Random::new(7)).unwrap();
    assert_eq!((guess.server, guess.reason), (0, Reason::Guess));
}

#[test]
fn draws_follow_the_probabilities() {
    let selector = selector(&check_list());
    let mut assessment = Assessment::default();
    assert!(selector.assess(at(600.0), Overrides::default(), &mut assessment));
    let mut random = Random::new(2026);
    let (draws, mut drawn) = (100_000, [0u32; 3]);
    for _ in 0..draws {
        drawn[selector.draw(&assessment, &mut random).unwrap().server] += 1;
    }
    for (count, candidate) in drawn.iter().zip(candidates(&selector, at(600.0))) {
        let p = candidate.probability;
        let expected = p * f64::from(draws);
        // Four standard deviations of the binomial distribution.
        let tolerance = 4.0 * (expected * (1.0 - p)).sqrt();
        assert!((f64::from(*count) - expected).abs() < tolerance, "{drawn:?}");
    }
}

#[test]
fn guesses_go_by_capacity() {
    let gone = |id, capacity| entry(id, json!({ "capacity": capacity, "available": false }));
    let selector = selector(&list(json!([gone("a", 100), gone("b", 300)])));
    let mut random = Random::new(2026);
    let hits = (0..10_000)
        .filter(|_| selector.guess(&mut random).unwrap().server == 1)
        .count();
    // Binomial(10,000, 3/4): mean 7,500, four standard deviations are 173.
    assert!(hits.abs_diff(7_500) < 173, "{hits}");
}
