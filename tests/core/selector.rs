//! Which list is in force, and what is reported of servers.

use std::sync::Arc;

use evenkeel::cause::Cause;
use evenkeel::decision::Assessment;
use evenkeel::selector::{Overrides, Selector};
use serde_json::{Value, json};

use crate::support::{assert_near, at, document, key, list, probabilities, probabilities_with, secs, selector, server};

fn aged(age: Value, users: f64) -> Arc<evenkeel::list::ServerList> {
    document(&json!({ "age": age, "servers": [server("a", users, 100.0)] }))
}

#[test]
fn without_a_list_there_is_nothing_to_assess() {
    let mut assessment = Assessment::default();
    assert!(!Selector::default().assess(at(0.0), Overrides::default(), &mut assessment));
    assert!(assessment.candidates.is_empty());
}

#[test]
fn a_list_taken_earlier_than_the_one_in_force_is_ignored() {
    let mut selector = Selector::default();
    assert!(selector.update(aged(json!(2), 1.0), at(10.0)));
    assert!(!selector.update(aged(json!(9), 2.0), at(15.0)));
    assert_near(&[selector.listed_users(at(15.0))], &[1.0]);
    assert!(selector.update(aged(json!(7), 3.0), at(15.0)));
    assert_near(&[selector.listed_users(at(15.0))], &[3.0]);
    // One without an age is taken when it is received.
    assert!(selector.update(aged(json!(null), 4.0), at(15.0)));
    assert!(!selector.update(aged(json!(2), 5.0), at(15.5)));
    assert_near(&[selector.listed_users(at(15.5))], &[4.0]);
}

#[test]
fn of_two_lists_whose_ages_cannot_tell_which_came_first_the_later_received_holds() {
    let mut selector = Selector::default();
    assert!(selector.update(aged(json!(1), 1.0), at(10.0)));
    assert!(selector.update(aged(json!(2), 2.0), at(10.0)));
    assert!(!selector.update(aged(json!(3.1), 3.0), at(10.0)));
    assert_near(&[selector.listed_users(at(10.0))], &[2.0]);
}

#[test]
fn the_age_of_a_list_is_what_it_says_and_the_time_since() {
    let mut selector = Selector::default();
    selector.update(aged(json!(2), 1.0), at(10.0));
    let in_force = selector.in_force().unwrap();
    assert_eq!((in_force.age(at(10.0)), in_force.age(at(15.0))), (secs(2.0), secs(7.0)));
    // A clock that jumps back makes no list younger than new.
    assert_eq!(in_force.age(at(0.0)), secs(0.0));
}

#[test]
fn a_list_is_used_for_a_day() {
    let mut selector = Selector::default();
    selector.update(aged(json!(2), 1.0), at(10.0));
    let in_force = selector.in_force().unwrap();
    assert!(!in_force.is_expired(at(86_408.0)) && in_force.is_expired(at(86_408.001)));
}

#[test]
fn no_server_is_named_to_blame_while_no_seed_answers() {
    let list = list(json!([server("a", 10.0, 100.0), server("b", 10.0, 100.0)]));
    let mut selector = selector(&list);
    selector.report_failure(key(&list, "a"), Cause::Refused, false, at(0.0));
    let record = selector.memory.record(key(&list, "a")).unwrap();
    assert!(!record.is_ejected(at(0.0)) && record.ejections() == 0);
    // It is no target again at once, all the same.
    assert_near(&probabilities(&selector, at(0.0)), &[0.0, 1.0]);
}

#[test]
fn overload_excludes_no_server_for_longer_than_one_decision() {
    let list = list(json!([server("a", 10.0, 100.0), server("b", 10.0, 100.0)]));
    let mut selector = selector(&list);
    selector.report_failure(key(&list, "a"), Cause::Overload, true, at(0.0));
    assert!(selector.memory.record(key(&list, "a")).is_none());
    assert_near(&probabilities(&selector, at(0.0)), &[0.5, 0.5]);
}

#[test]
fn failures_count_from_the_second_on_until_a_success() {
    let list = list(json!([
        server("a", 812.0, 2000.0),
        server("b", 1200.0, 2000.0),
        server("c", 600.0, 1000.0)
    ]));
    let mut selector = selector(&list);
    let untroubled = probabilities(&selector, at(0.0));
    selector.report_failure(key(&list, "a"), Cause::Overload, true, at(0.0));
    assert_near(&probabilities(&selector, at(0.0)), &untroubled);
    selector.report_failure(key(&list, "a"), Cause::Overload, true, at(0.0));
    let overrides = Overrides {
        failures: Some(1),
        ..Overrides::default()
    };
    assert_near(
        &probabilities(&selector, at(0.0)),
        &probabilities_with(&selector, at(0.0), overrides),
    );
    assert!((probabilities(&selector, at(0.0))[0] - untroubled[0]).abs() > 0.1);
    selector.report_success();
    assert_near(&probabilities(&selector, at(0.0)), &untroubled);
}

#[test]
fn trouble_with_a_server_that_no_list_has_harms_nothing() {
    let listed = list(json!([server("a", 10.0, 100.0)]));
    let other = list(json!([server("x", 10.0, 100.0)]));
    let mut selector = selector(&listed);
    for cause in [
        Cause::Crash,
        Cause::Refused,
        Cause::ShortLived,
        Cause::SentAway,
        Cause::Overload,
    ] {
        selector.report_failure(key(&other, "x"), cause, true, at(0.0));
    }
    assert_near(&probabilities(&selector, at(0.0)), &[1.0]);
}
