//! What a client remembers of servers, from list to list.

use std::sync::Arc;

use evenkeel::cause::Cause;
use evenkeel::decision::Exclusion;
use evenkeel::list::ServerList;
use evenkeel::selector::Selector;
use serde_json::json;

use crate::support::{assert_near, at, candidates, document, entry, key, list, probabilities, selector, server};

fn two() -> Arc<ServerList> {
    list(json!([server("a", 40.0, 100.0), server("b", 40.0, 100.0)]))
}

fn three() -> Arc<ServerList> {
    list(json!([
        server("a", 40.0, 100.0),
        server("b", 40.0, 100.0),
        server("c", 10.0, 100.0)
    ]))
}

fn three_of_which_a_is_dead() -> Arc<ServerList> {
    let dead = entry("a", json!({ "available": false, "users": 40, "capacity": 100 }));
    list(json!([dead, server("b", 40.0, 100.0), server("c", 10.0, 100.0)]))
}

fn report(selector: &mut Selector, id: &str, cause: Cause, now: f64) {
    let key = key(&selector.in_force().unwrap().list, id);
    selector.report_failure(key, cause, true, at(now));
}

fn excluded(selector: &Selector, id: &str, now: f64) -> Option<Exclusion> {
    let position = selector
        .in_force()
        .unwrap()
        .list
        .position(key_of(selector, id))
        .unwrap();
    candidates(selector, at(now))[position].excluded
}

fn key_of(selector: &Selector, id: &str) -> evenkeel::list::ServerKey {
    key(&selector.in_force().unwrap().list, id)
}

#[test]
fn a_list_made_more_than_three_seconds_after_a_loss_knows_better() {
    let mut selector = selector(&two());
    report(&mut selector, "a", Cause::Crash, 10.0);
    selector.update(two(), at(13.0));
    assert_eq!(excluded(&selector, "a", 13.0), Some(Exclusion::Lost));
    // Received later, but made within the three seconds.
    let older = document(&json!({ "age": 20, "servers": [server("a", 40.0, 100.0), server("b", 40.0, 100.0)] }));
    selector.update(older, at(32.9));
    assert_eq!(excluded(&selector, "a", 32.9), Some(Exclusion::Lost));
    let newer = document(&json!({ "age": 20, "servers": [server("a", 40.0, 100.0), server("b", 40.0, 100.0)] }));
    selector.update(newer, at(33.1));
    assert_eq!(excluded(&selector, "a", 33.1), None);
}

#[test]
fn a_browser_that_delays_attempts_keeps_the_next_one_back_for_longer_after_each_failure() {
    let mut selector = selector(&two());
    let a = key_of(&selector, "a");
    let delay = |selector: &Selector, now: f64| selector.memory.dial_delay(a, at(now)).as_secs();
    assert_eq!(delay(&selector, 0.0), 0.0);
    for longest in [0.4, 0.6, 0.9, 1.35] {
        selector.memory.refused(a, at(10.0));
        assert_near(&[delay(&selector, 10.0)], &[longest]);
    }
    // What has gone by since the failure counts, and the other server has nothing to do with it.
    assert_near(&[delay(&selector, 11.0), delay(&selector, 12.0)], &[0.35, 0.0]);
    assert_eq!(
        selector.memory.dial_delay(key_of(&selector, "b"), at(10.0)).as_secs(),
        0.0
    );
    for _ in 0..300 {
        selector.memory.refused(a, at(20.0));
    }
    assert_near(
        &[delay(&selector, 20.0), delay(&selector, 79.0), delay(&selector, 80.0)],
        &[60.0, 1.0, 0.0],
    );
    // A connection, or a while without a failure, and it begins anew.
    selector.memory.connected(a);
    assert_eq!(delay(&selector, 20.0), 0.0);
    for begins_anew in [30.0, 210.0] {
        selector.memory.refused(a, at(begins_anew));
        assert_near(&[delay(&selector, begins_anew)], &[0.4]);
    }
}

#[test]
fn a_list_that_shows_a_lost_server_as_unavailable_does_not_take_it_back() {
    let mut selector = selector(&two());
    report(&mut selector, "a", Cause::Crash, 0.0);
    let gone = json!({ "available": false, "users": 40, "capacity": 100 });
    selector.update(list(json!([entry("a", gone), server("b", 40.0, 100.0)])), at(20.0));
    assert!(selector.memory.record(key_of(&selector, "a")).unwrap().is_lost());
    selector.update(two(), at(21.0));
    assert_eq!(excluded(&selector, "a", 21.0), None);
}

#[test]
fn without_an_age_only_another_version_says_anything_new() {
    let plain = |version: &str| {
        document(&json!({ "version": version, "servers": [server("a", 40.0, 100.0), server("b", 0.0, 9.0)] }))
    };
    let mut selector = Selector::default();
    selector.update(plain("1"), at(0.0));
    report(&mut selector, "a", Cause::Crash, 10.0);
    selector.update(plain("1"), at(500.0));
    assert_eq!(excluded(&selector, "a", 500.0), Some(Exclusion::Lost));
    let in_force = selector.in_force().unwrap();
    assert_eq!(
        (in_force.received, in_force.version_since, in_force.made()),
        (at(500.0), at(0.0), at(0.0))
    );
    // Its ttl counts from the last receipt all the same.
    assert!(in_force.is_fresh(at(510.0)) && !in_force.is_fresh(at(510.1)));
    selector.update(plain("2"), at(501.0));
    assert_eq!(excluded(&selector, "a", 501.0), None);
}

#[test]
fn ejections_last_thirty_seconds_then_twice_as_long_each_time_and_ten_minutes_at_most() {
    let mut selector = selector(&two());
    let mut now = 0.0;
    for length in [30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0, 600.0] {
        let cause = if length > 200.0 {
            Cause::ShortLived
        } else {
            Cause::Refused
        };
        report(&mut selector, "a", cause, now);
        assert_eq!(
            excluded(&selector, "a", now + length - 0.001),
            Some(Exclusion::Ejected),
            "{length}"
        );
        assert_eq!(excluded(&selector, "a", now + length), None, "{length}");
        now += length;
    }
}

#[test]
fn a_first_ejection_is_lifted_by_a_list_made_fifteen_seconds_after_it_and_later_ones_are_not() {
    let mut selector = selector(&two());
    report(&mut selector, "a", Cause::Refused, 0.0);
    selector.update(two(), at(14.9));
    assert_eq!(excluded(&selector, "a", 14.9), Some(Exclusion::Ejected));
    selector.update(two(), at(15.0));
    assert_eq!(excluded(&selector, "a", 15.0), None);
    // The second one lasts its 60 s whatever lists say.
    report(&mut selector, "a", Cause::Refused, 15.0);
    selector.update(two(), at(74.9));
    assert_eq!(excluded(&selector, "a", 74.9), Some(Exclusion::Ejected));
    assert_eq!(excluded(&selector, "a", 75.0), None);
}

#[test]
fn a_list_that_shows_an_ejected_server_as_unavailable_does_not_lift_its_ejection() {
    let mut selector = selector(&two());
    report(&mut selector, "a", Cause::Refused, 0.0);
    selector.update(
        list(json!([
            entry("a", json!({ "available": false })),
            server("b", 1.0, 9.0)
        ])),
        at(20.0),
    );
    assert!(
        selector
            .memory
            .record(key_of(&selector, "a"))
            .unwrap()
            .is_ejected(at(20.0))
    );
}

#[test]
fn an_ejection_that_is_forgiven_does_not_count() {
    let list = list(json!([server("a", 10.0, 100.0), server("b", 10.0, 100.0)]));
    let mut selector = selector(&list);
    report(&mut selector, "a", Cause::Refused, 0.0);
    report(&mut selector, "b", Cause::Refused, 0.0);
    selector.memory.forgive(at(1.0));
    let a = key(&list, "a");
    assert!(!selector.memory.record(a).unwrap().deters(at(2.0)));
    // So the next one is a first one; one that is over when the others are forgiven stays known.
    report(&mut selector, "a", Cause::Refused, 2.0);
    assert_eq!(excluded(&selector, "a", 31.9), Some(Exclusion::Ejected));
    assert_eq!(excluded(&selector, "a", 32.1), None);
    selector.memory.forgive(at(33.0));
    assert!(selector.memory.record(a).unwrap().deters(at(34.0)));
}

#[test]
fn who_refuses_although_the_list_does_not_offer_it_is_not_blamed() {
    let list = list(json!([
        entry("a", json!({ "available": false })),
        server("b", 10.0, 100.0)
    ]));
    let mut selector = selector(&list);
    report(&mut selector, "a", Cause::Refused, 0.0);
    assert!(
        selector
            .memory
            .record(key(&list, "a"))
            .is_none_or(|record| !record.deters(at(1.0)))
    );
}

#[test]
fn the_number_of_ejections_is_remembered_for_an_hour() {
    for (later, length) in [(3_599.0, 60.0), (3_600.0, 30.0)] {
        let mut selector = selector(&two());
        report(&mut selector, "a", Cause::Refused, 0.0);
        // Lists in between forget nothing too early.
        selector.update(two(), at(1_800.0));
        report(&mut selector, "a", Cause::Refused, later);
        let record = selector.memory.record(key_of(&selector, "a")).unwrap();
        assert_near(&[record.ejected_for(at(later)).as_secs()], &[length]);
    }
}

#[test]
fn nothing_is_remembered_of_a_server_longer_than_needed() {
    let mut selector = selector(&two());
    report(&mut selector, "a", Cause::Crash, 0.0);
    report(&mut selector, "b", Cause::Refused, 0.0);
    selector.update(two(), at(100.0));
    assert!(selector.memory.record(key_of(&selector, "a")).is_none());
    assert!(selector.memory.record(key_of(&selector, "b")).is_some());
    selector.update(two(), at(3_600.0));
    assert!(selector.memory.record(key_of(&selector, "b")).is_none());
}

#[test]
fn failures_to_connect_are_remembered_for_three_minutes_from_list_to_list_or_until_a_connection() {
    let mut selector = selector(&two());
    let (a, b) = (key_of(&selector, "a"), key_of(&selector, "b"));
    for _ in 0..300 {
        selector.memory.refused(a, at(0.0));
    }
    selector.memory.refused(b, at(0.0));
    selector.memory.connected(b);
    selector.update(two(), at(30.0));
    assert_near(&[selector.memory.dial_delay(a, at(30.0)).as_secs()], &[30.0]);
    assert!(selector.memory.record(b).is_none());
    selector.update(two(), at(179.9));
    assert!(selector.memory.record(a).is_some());
    selector.update(two(), at(180.0));
    assert!(selector.memory.record(a).is_none());
}

#[test]
fn health_survives_a_merge_and_follows_the_server_to_its_new_place() {
    let mut selector = selector(&two());
    report(&mut selector, "b", Cause::Refused, 0.0);
    let shuffled = json!([
        server("c", 0.0, 100.0),
        server("b", 40.0, 100.0),
        server("d", 0.0, 100.0)
    ]);
    selector.update(list(shuffled), at(5.0));
    assert_eq!(excluded(&selector, "b", 5.0), Some(Exclusion::Ejected));
    assert_eq!(excluded(&selector, "c", 5.0), None);
    // Absent for a while, and back.
    selector.update(list(json!([server("c", 0.0, 100.0)])), at(6.0));
    selector.update(two(), at(7.0));
    assert_eq!(excluded(&selector, "b", 7.0), Some(Exclusion::Ejected));
}

#[test]
fn the_users_of_a_server_that_left_the_list_unavailable_count_for_a_minute_after_it_was_last_seen() {
    let dead = entry("a", json!({ "available": false, "users": 40, "capacity": 100 }));
    let without_a = list(json!([dead, server("b", 40.0, 100.0), server("c", 10.0, 100.0)]));
    let with_a = list(json!([
        server("a", 40.0, 100.0),
        server("b", 40.0, 100.0),
        server("c", 10.0, 100.0)
    ]));
    let mut selector = selector(&with_a);
    selector.update(with_a, at(100.0));
    selector.update(Arc::clone(&without_a), at(130.0));
    assert_near(
        &[selector.listed_users(at(159.9)), selector.listed_users(at(160.0))],
        &[90.0, 50.0],
    );
    // D = 40, slack 60 + 90: A = 0.45 · 150 + 40 = 107.5, L = (107.5 + 50) / 200 = 0.7875.
    assert_near(
        &probabilities(&selector, at(130.0)),
        &[0.0, 38.75 / 107.5, 68.75 / 107.5],
    );
    selector.update(without_a, at(160.0));
    // A = 67.5, L = (67.5 + 50) / 200 = 0.5875.
    assert_near(&probabilities(&selector, at(160.0)), &[0.0, 18.75 / 67.5, 48.75 / 67.5]);
}

#[test]
fn a_lost_server_that_is_then_listed_as_unavailable_counts_once() {
    let mut selector = selector(&three());
    report(&mut selector, "a", Cause::Crash, 10.0);
    selector.update(three_of_which_a_is_dead(), at(12.0));
    // D = 40 and not 80: as above.
    assert_near(
        &probabilities(&selector, at(12.0)),
        &[0.0, 38.75 / 107.5, 68.75 / 107.5],
    );
}

#[test]
fn a_server_is_seen_available_as_long_as_the_client_is_connected_to_it() {
    // An hour-old list, then the loss, then the list that shows it.
    let mut selector = selector(&three());
    report(&mut selector, "a", Cause::Crash, 3_600.0);
    selector.update(three_of_which_a_is_dead(), at(3_602.0));
    assert_near(
        &probabilities(&selector, at(3_602.0)),
        &[0.0, 38.75 / 107.5, 68.75 / 107.5],
    );
    assert_near(
        &[selector.listed_users(at(3_659.9)), selector.listed_users(at(3_660.0))],
        &[90.0, 50.0],
    );
}
