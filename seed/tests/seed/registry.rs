//! What is known of servers, at times that are made up.

use std::time::Duration;

use evenkeel_seed::error::Code;
use evenkeel_seed::registry::{LAST_COUNT, MOST_SERVERS, Registry, Word};
use evenkeel_seed::report::Report;
use serde_json::json;
use tokio::time::Instant;

const TTL: Duration = Duration::from_secs(10);
const REMEMBERED: Duration = Duration::from_secs(600);

fn report(url: &str, users: u64) -> Report {
    Report::read("a", json!({"url": url, "users": users})).expect("a heartbeat")
}

fn registry() -> Registry {
    Registry::new(REMEMBERED)
}

/// Available, users, drained: of the only server.
fn standing(registry: &Registry, now: Instant) -> Option<(bool, Option<u64>, bool)> {
    let found = registry.standings(now).next();
    found.map(|it| (it.available, it.users, it.drained))
}

#[test]
fn the_age_is_that_of_the_counts_of_those_who_report() {
    let mut registry = registry();
    let start = Instant::now();
    assert_eq!(registry.age(start), None);
    for (id, at) in [("a", 0), ("b", 2), ("gone", 2), ("lost", 0)] {
        let ttl = Duration::from_secs(if id == "lost" { 1 } else { 10 });
        registry
            .report(id, report("ws://a", 1), ttl, start + Duration::from_secs(at))
            .expect("room");
    }
    registry
        .leave("gone", start + Duration::from_secs(3))
        .expect("a server");
    assert_eq!(
        registry.age(start + Duration::from_secs(4)),
        Some(Duration::from_secs(3))
    );
}

#[test]
fn who_was_alive_when_contact_was_lost_is_to_be_heard_again_before_nothing_is_missing() {
    let (mut registry, start) = (registry(), Instant::now());
    let at = |seconds| start + Duration::from_secs(seconds);
    for id in ["a", "b", "gone"] {
        registry.report(id, report("ws://a", 1), TTL, start).expect("taken");
    }
    registry
        .report("lost", report("ws://a", 1), Duration::from_secs(1), start)
        .expect("taken");
    registry.leave("gone", at(1)).expect("known");
    let lost_contact = at(3);
    assert!(!registry.has_heard_all_since(lost_contact));
    registry.report("a", report("ws://a", 1), TTL, at(4)).expect("taken");
    assert!(!registry.has_heard_all_since(lost_contact), "b may report to others");
    registry.report("b", report("ws://a", 1), TTL, at(5)).expect("taken");
    assert!(registry.has_heard_all_since(lost_contact));
}

#[test]
fn a_server_is_available_until_its_ttl_is_over_then_has_its_last_count_for_a_minute_then_none() {
    let (mut registry, start) = (registry(), Instant::now());
    registry.report("a", report("ws://a", 812), TTL, start).expect("taken");
    let moment = Duration::from_millis(1);
    let at = |registry: &Registry, after: Duration| standing(registry, start + after);
    assert_eq!(at(&registry, TTL - moment), Some((true, Some(812), false)));
    assert_eq!(at(&registry, TTL), Some((false, Some(812), false)));
    assert_eq!(
        at(&registry, TTL + LAST_COUNT - moment),
        Some((false, Some(812), false))
    );
    assert_eq!(at(&registry, TTL + LAST_COUNT), Some((false, Some(0), false)));
    registry.forget(start + TTL + REMEMBERED - moment, |_| false);
    assert!(registry.knows("a"));
    registry.forget(start + TTL + REMEMBERED, |_| false);
    assert!(!registry.knows("a"));
}

#[test]
fn a_server_that_is_in_the_file_too_is_not_forgotten_or_it_would_be_listed_as_available_again() {
    let (mut registry, start) = (registry(), Instant::now());
    registry.report("a", report("ws://a", 1), TTL, start).expect("taken");
    registry.forget(start + TTL + 10 * REMEMBERED, |id| id == "a");
    assert_eq!(
        standing(&registry, start + 2 * REMEMBERED),
        Some((false, Some(0), false))
    );
}

#[test]
fn who_takes_leave_is_unavailable_at_once_keeps_its_last_count_for_a_minute_and_is_forgotten_then() {
    let (mut registry, start) = (registry(), Instant::now());
    registry.report("a", report("ws://a", 5), TTL, start).expect("taken");
    let left = start + Duration::from_secs(1);
    registry.leave("a", left).expect("known");
    assert_eq!(standing(&registry, left), Some((false, Some(5), false)));
    registry.forget(left + LAST_COUNT, |_| true);
    assert!(!registry.knows("a"), "nor does the file keep it");
    assert_eq!(registry.leave("a", left).expect_err("gone").code, Code::Unknown);
}

#[test]
fn taking_leave_twice_does_not_prolong_the_last_count() {
    let (mut registry, start) = (registry(), Instant::now());
    registry.report("a", report("ws://a", 5), TTL, start).expect("taken");
    registry.leave("a", start).expect("known");
    registry.leave("a", start + LAST_COUNT / 2).expect("known");
    assert_eq!(standing(&registry, start + LAST_COUNT), Some((false, Some(0), false)));
}

#[test]
fn who_reports_after_taking_leave_is_back() {
    let (mut registry, start) = (registry(), Instant::now());
    registry.report("a", report("ws://a", 5), TTL, start).expect("taken");
    registry.leave("a", start).expect("known");
    registry
        .report("a", report("ws://elsewhere", 0), TTL, start)
        .expect("another address is no conflict with who has left");
    assert_eq!(standing(&registry, start), Some((true, Some(0), false)));
}

#[test]
fn of_two_servers_with_one_id_the_first_keeps_it_for_as_long_as_it_reports() {
    let (mut registry, start) = (registry(), Instant::now());
    registry.report("a", report("ws://a", 5), TTL, start).expect("taken");
    let refused = registry
        .report("a", report("ws://b", 6), TTL, start + TTL / 2)
        .expect_err("conflict");
    assert_eq!(refused.code, Code::Conflict);
    assert!(refused.message.contains("ws://a"), "{refused}");
    registry
        .report("a", report("ws://b", 6), TTL, start + TTL)
        .expect("the first is lost");
}

#[test]
fn a_drain_outlasts_heartbeats_until_it_is_taken_back() {
    let (mut registry, start) = (registry(), Instant::now());
    registry.report("a", report("ws://a", 5), TTL, start).expect("taken");
    registry.drain("a", true, start);
    registry
        .report("a", report("ws://a", 4), TTL, start + TTL / 3)
        .expect("taken");
    assert_eq!(standing(&registry, start + TTL / 3), Some((true, Some(4), true)));
    registry.drain("a", false, start + TTL / 2);
    assert_eq!(standing(&registry, start + TTL / 2), Some((true, Some(4), false)));
}

#[test]
fn words_may_come_in_any_order_and_the_last_one_said_holds() {
    let start = Instant::now();
    let heard = |users| Word::Heard {
        report: report("ws://a", users),
        ttl: TTL,
    };
    let words = [
        (heard(1), start),
        (heard(2), start + Duration::from_secs(1)),
        (
            Word::Left {
                report: report("ws://a", 2),
                ttl: TTL,
            },
            start + Duration::from_secs(2),
        ),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1], [2, 0, 1], [1, 0, 2]] {
        let mut registry = registry();
        for position in order {
            let (word, at) = &words[position];
            registry.hear("a", word.clone(), *at);
        }
        assert_eq!(
            standing(&registry, start + Duration::from_secs(2)),
            Some((false, Some(2), false)),
            "{order:?}"
        );
    }
}

#[test]
fn hearsay_is_no_fresher_than_it_was_when_it_was_said() {
    let (mut registry, now) = (registry(), Instant::now() + 2 * TTL);
    let word = Word::Heard {
        report: report("ws://a", 7),
        ttl: TTL,
    };
    registry.hear("a", word, now - TTL);
    assert_eq!(standing(&registry, now), Some((false, Some(7), false)));
}

#[test]
fn there_are_no_more_servers_than_clients_read() {
    let (mut registry, start) = (registry(), Instant::now());
    for number in 0..MOST_SERVERS {
        registry
            .report(&number.to_string(), report("ws://a", 1), TTL, start)
            .expect("taken");
    }
    assert_eq!(
        registry
            .report("one more", report("ws://b", 1), TTL, start)
            .expect_err("full")
            .code,
        Code::Full
    );
    registry
        .report("7", report("ws://a", 2), TTL, start)
        .expect("those that are there go on");
}

#[test]
fn who_took_leave_is_not_back_by_an_older_word_that_was_good_for_longer() {
    let (mut registry, start) = (registry(), Instant::now());
    let hour = Duration::from_secs(3_600);
    registry.report("a", report("ws://a", 5), hour, start).expect("taken");
    registry.leave("a", start + TTL).expect("known");
    let later = start + Duration::from_secs(100);
    registry.forget(later, |_| false);
    // Of a seed that was cut off meanwhile.
    let word = Word::Heard {
        report: report("ws://a", 5),
        ttl: hour,
    };
    registry.hear("a", word, start);
    assert!(standing(&registry, later).is_none_or(|(available, ..)| !available));
}

#[test]
fn who_was_lost_long_ago_and_is_taken_out_has_no_users_again() {
    let (mut registry, start) = (registry(), Instant::now());
    registry.report("a", report("ws://a", 5), TTL, start).expect("taken");
    let later = start + TTL + LAST_COUNT;
    assert_eq!(standing(&registry, later), Some((false, Some(0), false)));
    registry.leave("a", later).expect("known");
    assert!(standing(&registry, later).is_none_or(|it| it == (false, Some(0), false)));
}

#[test]
fn there_are_no_more_drains_than_servers() {
    let (mut registry, start) = (registry(), Instant::now());
    for minute in 0..3 {
        let now = start + minute * 2 * LAST_COUNT;
        for number in 0..MOST_SERVERS {
            let id = format!("{minute} {number}");
            registry.report(&id, report("ws://a", 1), TTL, now).expect("room");
            registry.drain(&id, true, now);
            registry.leave(&id, now).expect("known");
        }
        registry.forget(now + LAST_COUNT, |_| false);
    }
    assert!(
        registry.drains().count() <= MOST_SERVERS,
        "{}",
        registry.drains().count()
    );
}
