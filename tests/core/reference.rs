//! The decision against its rules written out a second time, naively, and against properties that must hold for any list.

use std::sync::Arc;

use evenkeel::cause::Cause;
use evenkeel::decision::Assessment;
use evenkeel::list::{Server, ServerKey, ServerList};
use evenkeel::random::Random;
use evenkeel::selector::{Overrides, Selector};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{at, candidates_with, entry, list, probabilities, read, selector};

/// A group takes new users up to this utilisation, before the next one gets any.
pub(crate) const SPILL_AT: f64 = 0.85;

/// The rules of "Choosing", word for word; the level by bisection. `before`: the lists that were in force before.
fn by_the_book(
    list: &ServerList,
    before: &[Arc<ServerList>],
    excluded: &[bool],
    displaced: f64,
    failures: f64,
    age: f64,
) -> Vec<f64> {
    let groups: Vec<Vec<usize>> = list
        .groups()
        .iter()
        .map(|group| {
            let members = list.members(group).map(|(position, _)| position);
            members.filter(|&position| !excluded[position]).collect()
        })
        .collect();
    let at = |position: usize| &list.servers()[position];
    let sum = |members: &[usize], of: &dyn Fn(&Server) -> f64| members.iter().map(|&m| of(at(m))).sum::<f64>();
    let users = |s: &Server| s.users;
    let capacity = |s: &Server| s.capacity;
    let free = |s: &Server| (s.capacity - s.users).max(0.0);

    let everyone: Vec<usize> = groups.concat();
    let psi = (0.2 * age / 60.0).clamp(0.2, 20.0);
    let all_displaced =
        (displaced + failures / (failures + 1.0) * sum(&everyone, &users)).min(sum(&everyone, &capacity));

    let mut shares = Vec::new();
    let (mut r, mut d) = (1.0, all_displaced);
    for (group, members) in list.groups().iter().zip(&groups) {
        if members.is_empty() {
            shares.push(0.0);
            continue;
        }
        let room = if group.uncapped {
            f64::INFINITY
        } else {
            sum(members, &|s| (SPILL_AT * s.capacity - s.users).max(0.0))
        };
        let expected = 1f64
            .max(psi.min(0.35) * sum(members, &free))
            .max(0.02 * sum(members, &users));
        let share = r * (room / (expected + d)).min(1.0);
        shares.push(share);
        r -= share;
        d = (d - room).max(0.0);
    }
    let rest_by: &dyn Fn(&Server) -> f64 = if sum(&everyone, &free) > 0.0 { &free } else { &capacity };
    let whole = sum(&everyone, rest_by);
    if whole > 0.0 {
        for (share, members) in shares.iter_mut().zip(&groups) {
            *share += r * sum(members, rest_by) / whole;
        }
    }

    let mut probabilities = vec![0.0; list.servers().len()];
    for (share, members) in shares.iter().zip(&groups) {
        if members.is_empty() {
            continue;
        }
        let psi = psi.max(sum(members, &free) / sum(members, &capacity) - 0.3);
        let floor = 1f64.max(psi * sum(members, &free)).max(0.02 * sum(members, &users));
        let arrivals = floor + all_displaced * share;
        let volume = |level: f64| sum(members, &|s| (level * s.capacity - s.users).max(0.0));
        let (mut low, mut high) = (0.0, 1.0);
        while volume(high) < arrivals {
            high *= 2.0;
        }
        for _ in 0..200 {
            let middle = (low + high) / 2.0;
            if volume(middle) < arrivals {
                low = middle;
            } else {
                high = middle;
            }
        }
        let p = |s: &Server| (high * s.capacity - s.users).max(0.0) / arrivals;
        let changes = |s: &Server| {
            let was = |list: &Arc<ServerList>| list.server(s.key).map(|was| (was.offered(), was.users));
            !s.users_known
                || before.iter().any(|list| was(list).is_none_or(|(offered, _)| !offered))
                || before.last().and_then(&was).is_some_and(|(_, users)| users != s.users)
        };
        let most = |s: &Server| if changes(s) { 8.0 } else { 4.0 } * s.capacity / sum(members, &capacity);
        let unclipped: Vec<usize> = members.iter().copied().filter(|&m| p(at(m)) <= most(at(m))).collect();
        let excess = sum(members, &|s| (p(s) - most(s)).max(0.0));
        let takers = sum(&unclipped, &free);
        for &member in members {
            let s = at(member);
            let clipped = if takers == 0.0 {
                p(s)
            } else if unclipped.contains(&member) {
                p(s) + excess * free(s) / takers
            } else {
                most(s)
            };
            probabilities[member] = share * clipped;
        }
    }
    probabilities
}

/// A count as an operator might have it.
fn count() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(0.0)),
        1 => Just(Some(-0.0)),
        4 => (1u32..5_000).prop_map(|n| Some(f64::from(n))),
    ]
}

/// An entry that an operator might write.
fn plausible() -> impl Strategy<Value = Value> {
    let size = prop_oneof![1 => Just(None), 4 => (1u32..5_000).prop_map(Some)];
    let weight = prop_oneof![3 => Just(None), 1 => (1u32..8).prop_map(Some)];
    let priority = prop_oneof![3 => Just(0), 2 => Just(1), 1 => Just(2)];
    (count(), size, weight, priority, 0u8..8).prop_map(|(users, capacity, weight, priority, trouble)| {
        json!({
            "users": users, "capacity": capacity, "weight": weight, "priority": priority,
            "available": trouble != 0, "draining": trouble == 1,
        })
    })
}

fn numbered(entries: Vec<Value>) -> Vec<Value> {
    let numbered = entries.into_iter().enumerate();
    numbered.map(|(n, more)| entry(&format!("s{n}"), more)).collect()
}

fn plausible_list() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(plausible(), 1..25).prop_map(numbered)
}

/// Any value that JSON can have in a field.
fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        any::<i64>().prop_map(Value::from),
        (0u32..400).prop_map(Value::from),
        prop::sample::select(vec![0.0, -0.0, 1e-7, 1e-6, 1e-3, 0.5, 1e12, 1.1e12, 1e300, 5e-324]).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!([1])),
        Just(json!({ "users": 1 })),
    ]
}

fn hostile_list() -> impl Strategy<Value = Vec<Value>> {
    let fields = [
        "users",
        "capacity",
        "weight",
        "priority",
        "available",
        "draining",
        "connectRate",
    ];
    let field = (prop::sample::select(fields.to_vec()), anything());
    let hostile = prop::collection::vec(field, 0..7).prop_map(|fields| {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::Object(fields.collect())
    });
    prop::collection::vec(hostile, 1..25).prop_map(numbered)
}

/// What a client may have lived through with the servers of a list.
fn troubles() -> impl Strategy<Value = Vec<(usize, Cause)>> {
    let cause = prop::sample::select(vec![
        Cause::Crash,
        Cause::Refused,
        Cause::ShortLived,
        Cause::SentAway,
        Cause::Overload,
    ]);
    prop::collection::vec((0usize..25, cause), 0..4)
}

fn lived_through(list: &Arc<ServerList>, troubles: &[(usize, Cause)]) -> Selector {
    let mut selector = selector(list);
    for &(position, cause) in troubles {
        if let Some(server) = list.servers().get(position) {
            selector.report_failure(server.key, cause, true, at(0.0));
        }
    }
    selector
}

fn ages() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..30.0, 0.0..7_200.0, Just(1e9)]
}

/// Two lists that were in force before this one: in each, some of the servers that it offers were out of service or absent, or
/// had other users.
fn lists_before(servers: &[Value], changes: &[(usize, u8)]) -> [Arc<ServerList>; 2] {
    let mut before = [servers.to_vec(), servers.to_vec()];
    for &(position, change) in changes {
        let entries = &mut before[position % 2];
        match entries.get_mut(position) {
            Some(entry) if entry["available"] == true && change == 0 => entry["available"] = json!(false),
            Some(entry) if entry["available"] == true && change == 1 => entry["users"] = json!(7_000),
            Some(entry) if entry["available"] == true && change == 2 => {
                entry["id"] = json!(format!("s{position}, once"))
            }
            _ => {}
        }
    }
    before.map(|entries| list(entries.into()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn the_decision_is_what_the_rules_written_out_naively_say(
        servers in plausible_list(),
        changes in prop::collection::vec((0usize..25, 0u8..4), 0..12),
        lost in prop::collection::vec(0usize..25, 0..4),
        failures in 0u32..5,
        age in ages(),
    ) {
        let before = lists_before(&servers, &changes);
        let list = list(servers.into());
        let mut selector = Selector::default();
        for (list, second) in before.iter().chain([&list]).zip([-20.0, -10.0, 0.0]) {
            selector.update(list.clone(), at(second));
        }
        let lost: Vec<ServerKey> = lost.iter().filter_map(|&n| Some(list.servers().get(n)?.key)).collect();
        let overrides = Overrides { lost: Some(&lost), failures: Some(failures), ..Overrides::default() };
        let excluded: Vec<bool> =
            list.servers().iter().map(|s| !s.offered() || lost.contains(&s.key)).collect();
        // Those who are unavailable have been so since the first of the lists.
        let displaced = list.servers().iter().filter(|s| {
            if s.available { lost.contains(&s.key) } else { age + 20.0 < 60.0 }
        });
        let displaced: f64 = displaced.map(|s| s.users).sum();
        let expected = by_the_book(&list, &before, &excluded, displaced, f64::from(failures), age);
        let found = candidates_with(&selector, at(age), overrides);
        for (position, (found, expected)) in found.iter().zip(&expected).enumerate() {
            prop_assert_eq!(found.excluded.is_some(), excluded[position]);
            prop_assert!((found.probability - expected).abs() < 1e-9, "{}: {:?}, expected {}", position, found, expected);
        }
    }

    #[test]
    fn probabilities_add_up_to_one_whatever_the_list_says(
        servers in hostile_list(),
        troubles in troubles(),
        age in ages(),
    ) {
        let list = list(servers.into());
        for server in list.servers() {
            prop_assert!(server.capacity.is_finite() && server.capacity > 0.0, "{:?}", server);
            prop_assert!(server.users.is_finite() && server.users >= 0.0, "{:?}", server);
            prop_assert!(server.handshakes_per_second.is_finite() && server.handshakes_per_second > 0.0, "{:?}", server);
        }
        let selector = lived_through(&list, &troubles);
        let found = candidates_with(&selector, at(age), Overrides::default());
        let mut sum = 0.0;
        for one in &found {
            prop_assert!(one.probability.is_finite() && (0.0..=1.0 + 1e-9).contains(&one.probability), "{:?}", found);
            prop_assert!(one.excluded.is_none() || one.probability == 0.0, "{:?}", found);
            sum += one.probability;
        }
        let expected = if found.iter().any(|one| one.excluded.is_none()) { 1.0 } else { 0.0 };
        prop_assert!((sum - expected).abs() < 1e-6, "{} in {:?}", sum, found);
    }

    #[test]
    fn the_order_of_the_list_does_not_matter(
        (servers, shuffled) in plausible_list().prop_flat_map(|servers| (Just(servers.clone()), Just(servers).prop_shuffle())),
        age in ages(),
    ) {
        let (one, other) = (list(servers.into()), list(shuffled.into()));
        let (p, q) = (probabilities(&selector(&one), at(age)), probabilities(&selector(&other), at(age)));
        for (server, p) in one.servers().iter().zip(p) {
            let q = q[other.position(server.key).unwrap()];
            prop_assert!((p - q).abs() < 1e-9, "{}: {} and {}", server.id, p, q);
        }
    }

    #[test]
    fn a_fleet_a_thousand_times_as_large_decides_the_same(
        servers in prop::collection::vec((100u32..2_000, 100u32..2_000, 0u16..3), 1..20),
        age in ages(),
    ) {
        // With at least 100 users in each group no floor of one user binds.
        let scaled = |factor: f64| {
            let entries = servers.iter().enumerate().map(|(n, &(users, capacity, priority))| {
                crate::support::in_group(priority, &n.to_string(), factor * f64::from(users), factor * f64::from(capacity))
            });
            probabilities(&selector(&list(entries.collect::<Vec<_>>().into())), at(age))
        };
        for (one, other) in scaled(1.0).iter().zip(scaled(1000.0)) {
            prop_assert!((one - other).abs() < 1e-9);
        }
    }

    #[test]
    fn the_preferred_group_takes_all_while_its_room_covers_what_is_expected(
        servers in prop::collection::vec((0u32..1_000, 1u32..1_000, 0u16..2), 2..20),
    ) {
        let entries = servers.iter().enumerate().map(|(n, &(users, capacity, priority))| {
            crate::support::in_group(priority, &n.to_string(), f64::from(users), f64::from(capacity))
        });
        let list = list(entries.collect::<Vec<_>>().into());
        let (mut room, mut slack, mut users) = (0.0, 0.0, 0.0);
        let first = &list.groups()[0];
        for (_, server) in list.members(first) {
            room += (SPILL_AT * server.capacity - server.users).max(0.0);
            slack += (server.capacity - server.users).max(0.0);
            users += server.users;
        }
        let expected = 1f64.max(0.2 * slack).max(0.02 * users);
        let found = probabilities(&selector(&list), at(0.0));
        let in_first: f64 = list.members(first).map(|(position, _)| found[position]).sum();
        let free_behind = list.servers().iter().any(|s| s.priority > first.priority && s.users < s.capacity);
        if room > expected + 1e-6 || list.groups().len() == 1 {
            prop_assert!((in_first - 1.0).abs() < 1e-9, "{}", in_first);
        } else if free_behind && room < expected - 1e-6 {
            prop_assert!(in_first < 1.0 - 1e-9, "room {} of {}, yet all go there", room, expected);
        }
    }

    #[test]
    fn the_same_seed_draws_the_same(servers in plausible_list(), seed in any::<u64>()) {
        let list = list(servers.into());
        let selector = selector(&list);
        let mut assessment = Assessment::default();
        selector.assess(at(0.0), Overrides::default(), &mut assessment);
        let draws = |seed| {
            let mut random = Random::new(seed);
            (0..20).map(|_| selector.draw(&assessment, &mut random)).collect::<Vec<_>>()
        };
        let drawn = draws(seed);
        prop_assert_eq!(&drawn, &draws(seed));
        for decision in drawn.into_iter().flatten() {
            let candidate = assessment.candidates[decision.server];
            prop_assert!(candidate.excluded.is_none() && candidate.probability > 0.0);
            prop_assert_eq!(candidate.probability, decision.probability);
        }
    }

    #[test]
    fn reading_never_fails_otherwise_than_by_its_errors(document in anything(), servers in hostile_list(), field in anything()) {
        let _ = read(&document);
        let whole = json!({
            "version": field, "age": field, "ttl": field, "retryAfter": field, "servers": servers,
        });
        let (list, _) = read(&whole).unwrap();
        prop_assert!((1.0..=3_600.0).contains(&list.ttl.as_secs()));
        prop_assert!(list.age.is_none_or(|age| age.as_secs() >= 0.0 && age.as_secs().is_finite()));
        prop_assert!(list.retry_after.is_none_or(|wish| (0.0..=3_600.0).contains(&wish.as_secs())));
    }
}
