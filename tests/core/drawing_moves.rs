//! How probable it is that a client moves although all is well, and where to: SELECTION.md's "Moving while connected",
//! by counting what many seeds of randomness do.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel::affinity::Affinity;
use evenkeel::client::{Command, Config, MoveReason};
use evenkeel::list::{Server, ServerList};
use evenkeel::random::Random;
use evenkeel::selector::Overrides;
use serde_json::{Value, json};

use crate::affinity::meets;
use crate::support::{
    at, document, entry, in_group, key, list, probabilities, probabilities_with, secs, selector, server,
};
use crate::watched::Watched;

// Failback.

#[test]
fn of_those_for_whom_there_is_room_half_go_at_each_list() {
    // A room of 100 up to three quarters, and 400 who see it: half of a quarter.
    let life = Life::of("b", |n| {
        json!([server("a", 649.0 + n, 1e3), in_group(1, "b", 400.0, 1e3)])
    });
    assert_chances(&life, &[("failback", "a", 0.125)]);
    // Room for more than all there are.
    let life = Life::of("b", |n| json!([server("a", n, 1e3), in_group(1, "b", 400.0, 1e3)]));
    assert_chances(&life, &[("failback", "a", 0.5)]);
}

#[test]
fn nobody_goes_to_a_group_that_is_three_quarters_full_or_to_one_that_is_no_better() {
    let life = Life::of("b", |n| {
        json!([server("a", 749.0 + n, 1e3), in_group(1, "b", 400.0, 1e3)])
    });
    assert_chances(&life, &[]);
    let life = Life::of("a", |n| json!([server("a", 400.0, 1e3), in_group(1, "b", n, 1e3)]));
    assert_chances(&life, &[]);
    let life = Life::of("a", |n| json!([server("a", 400.0, 1e3), server("b", n, 1e3)]));
    assert_chances(&life, &[]);
}

#[test]
fn better_groups_are_filled_together_each_server_by_its_room() {
    // Of 1,000 who could go, 150 + 50 + 100 have room; those of group 3 count as well.
    let life = Life::of("d", |n| {
        json!([
            server("a", 599.0 + n, 1e3),
            server("b", 699.0 + n, 1e3),
            in_group(1, "c", 649.0 + n, 1e3),
            in_group(2, "d", 700.0, 1e3),
            in_group(3, "e", 300.0, 1e3),
        ])
    });
    let chances = [
        ("failback", "a", 0.075),
        ("failback", "b", 0.025),
        ("failback", "c", 0.05),
    ];
    assert_chances(&life, &chances);
}

#[test]
fn a_better_group_without_capacities_has_room_for_all_and_is_filled_level() {
    let now = |n: f64| {
        json!([
            entry("a", json!({ "users": 100.0 + n })),
            entry("b", json!({ "users": 110.0 + n })),
            in_group(1, "c", 400.0, 1e3),
        ])
    };
    let life = Life::of("c", now);
    let shares = probabilities(&selector(&list(now(1.0))), at(0.0));
    assert!(shares[0] > 0.5 && shares[1] > 0.2, "{shares:?}");
    let chances = [("failback", "a", 0.5 * shares[0]), ("failback", "b", 0.5 * shares[1])];
    assert_chances(&life, &chances);
}

#[test]
fn where_the_emptiest_is_out_of_the_question_the_next_will_do() {
    // Without capacities `a` would get everybody, were it not for its count, which might be stuck.
    let now = |n: f64| {
        json!([
            entry("a", json!({ "users": 100.0 })),
            entry("b", json!({ "users": 900.0 + n })),
            in_group(1, "c", 400.0, 1e3),
        ])
    };
    let shares = probabilities(&selector(&list(now(1.0))), at(0.0));
    assert_eq!(shares[1], 0.0, "{shares:?}");
    assert_chances(&Life::of("c", now), &[("failback", "b", 0.5)]);
    // And where nobody at all may go to the best group, the next better one will do, up to its room.
    let now = |n: f64| {
        json!([
            entry("a", json!({ "users": 100.0 })),
            in_group(1, "b", 649.0 + n, 1e3),
            in_group(2, "c", 400.0, 1e3),
        ])
    };
    assert_chances(&Life::of("c", now), &[("failback", "b", 0.125)]);
}

#[test]
fn no_more_go_in_a_second_than_the_first_target_to_be_busy_can_take() {
    let now = |n: f64| {
        json!([
            entry("a", json!({ "capacity": 20_000, "users": n, "connectRate": 10 })),
            entry("b", json!({ "capacity": 60_000, "users": n, "connectRate": 200 })),
            in_group(1, "c", 60_000.0, 1e5),
        ])
    };
    // 30,000 are expected within a minute, 500 a second, a quarter of them at `a`, which takes 8: not half of them go, but
    // 8 / (500 · 1/4) of that.
    let life = Life::of("c", now);
    let all = 0.5 * 8.0 / 125.0;
    assert_chances(
        &life,
        &[("failback", "a", all / 4.0), ("failback", "b", all * 3.0 / 4.0)],
    );

    // Who looks every ten minutes spreads them over ten minutes.
    let rarely = Config {
        refresh_interval: secs(600.0),
        ..Config::default()
    };
    let chances = [("failback", "a", 2.5 * all), ("failback", "b", 7.5 * all)];
    assert_chances(
        &Life {
            config: rarely,
            ..life.clone()
        },
        &chances,
    );

    // And so does a list that is good for ten minutes.
    let lasting = |n: f64| document(&json!({ "age": 0, "ttl": 600, "servers": now(n) }));
    let life = Life::by("c", [(30.0, lasting(0.0)), (60.0, lasting(0.0)), (121.0, lasting(1.0))]);
    assert_chances(&life, &chances);
}

// Rebalancing.

#[test]
fn a_server_with_more_than_its_part_sends_half_of_the_surplus_away() {
    // Level 0.5: `a` has 300 too many of 800, `b` lacks 200 and `c` 100.
    let now = |n: f64| {
        json!([
            server("a", 800.0, 1e3),
            server("b", 300.0 + n, 1e3),
            server("c", 401.0 - n, 1e3)
        ])
    };
    assert_chances(
        &Life::of("a", now).rebalancing(),
        &[("rebalance", "b", 0.125), ("rebalance", "c", 0.0625)],
    );
    // Who is on the others stays, and so does who does not want to help.
    for own in ["b", "c"] {
        assert_chances(&Life::of(own, now).rebalancing(), &[]);
    }
    assert_chances(&Life::of("a", now), &[]);
}

#[test]
fn where_targets_are_left_out_the_surplus_that_they_would_take_stays() {
    // `c` lacks as much as `b`, but its count stands still.
    let now = |n: f64| {
        json!([
            server("a", 800.0, 1e3),
            server("b", 349.0 + n, 1e3),
            server("c", 350.0, 1e3)
        ])
    };
    let life = Life::of("a", now).rebalancing();
    assert_chances(&life, &[("rebalance", "b", 0.5 * 300.0 / 800.0 * 150.0 / 300.0)]);
}

#[test]
fn the_pace_of_the_targets_bounds_rebalancing_as_well() {
    let now = |n: f64| {
        let slow = |id: &str, users: f64| entry(id, json!({ "users": users, "capacity": 1e5, "connectRate": 125 }));
        json!([
            server("a", 80_000.0, 1e5),
            slow("b", 39_999.0 + n),
            slow("c", 30_001.0 - n)
        ])
    };
    // Half of 30,000 within a minute are 250 a second; to `b` a third, to `c` two thirds, which take 100 each.
    let all = 0.5 * 30_000.0 / 80_000.0;
    let slowed = all * 100.0 / (250.0 * 2.0 / 3.0);
    assert_chances(
        &Life::of("a", now).rebalancing(),
        &[("rebalance", "b", slowed / 3.0), ("rebalance", "c", slowed * 2.0 / 3.0)],
    );
    // If `c` is no target because its count stands still, the whole surplus is expected all the same.
    let before = |_: f64| {
        let mut past = now(0.0);
        past[2]["users"] = json!(30_000);
        past
    };
    let present = |_: f64| now(1.0);
    assert_chances(
        &Life::with("a", [&before, &before, &present]).rebalancing(),
        &[("rebalance", "b", all * 10_000.0 / 30_000.0 * 100.0 / 250.0)],
    );
}

#[test]
fn a_group_is_uneven_where_its_fullest_has_a_fifth_more_than_the_mean() {
    for (fullest, moves) in [(59_000.0, false), (61_000.0, true)] {
        // Level 0.5; three standard deviations of 50,000 are a hundredth.
        let others = |n: f64| (150_000.0 - fullest) / 2.0 + n;
        let now = |n: f64| {
            json!([
                server("a", fullest, 1e5),
                server("b", others(n), 1e5),
                server("c", others(-n), 1e5)
            ])
        };
        assert_moves(&Life::of("a", now).rebalancing(), moves);
    }
}

#[test]
fn where_counts_are_small_unevenness_must_be_more_than_three_standard_deviations() {
    // A mean of 100: 130 and one user more are chance still.
    for (fullest, moves) in [(131.0, false), (132.0, true)] {
        let now = |n: f64| {
            let others = (300.0 - fullest) / 2.0;
            json!([
                server("a", fullest, 1e3),
                server("b", others + n, 1e3),
                server("c", others - n, 1e3)
            ])
        };
        assert_moves(&Life::of("a", now).rebalancing(), moves);
    }
    // A mean of 9: 18, and one user more.
    for (counts, moves) in [([19.0, 4.0, 4.0], false), ([20.0, 4.0, 3.0], true)] {
        let now = |_| {
            json!([
                server("a", counts[0], 1e3),
                server("b", counts[1], 1e3),
                server("c", counts[2], 1e3)
            ])
        };
        assert_moves(&Life::of("a", now).rebalancing(), moves);
    }
}

#[test]
fn a_group_that_is_nearly_full_is_uneven_sooner() {
    let uneven = |fullest: f64, others: f64| {
        move |n: f64| {
            json!([
                server("a", fullest, 1e5),
                server("b", others + n, 1e5),
                server("c", others - n, 1e5)
            ])
        }
    };
    // (fullest, others): their ratio to the mean, and where the fullest stands.
    let cases = [
        ("1.045 at 0.93", 93_000.0, 87_000.0, true),
        ("1.022 at 0.93", 93_000.0, 90_000.0, false),
        ("1.045 at 0.89", 89_000.0, 83_255.0, false),
    ];
    for (name, fullest, others, moves) in cases {
        println!("{name}: {}", if moves { "some leave" } else { "all stay" });
        assert_moves(&Life::of("a", uneven(fullest, others)).rebalancing(), moves);
    }
}

/// Ten servers of which the last has so many users, and the others two short of half of what they hold.
fn one_of_ten(users: f64) -> impl Fn(f64) -> Value {
    move |n| {
        let others = (0..9).map(|server| (server.to_string(), 49_998.0 + n));
        let all = others.chain([("last".to_owned(), users + n)]);
        all.map(|(id, users)| server(&id, users, 1e5)).collect()
    }
}

#[test]
fn a_new_server_gets_its_part_although_no_other_has_far_more_than_the_mean() {
    // Level 0.45: each of the nine has 5,000 too many of 50,000. And not faster than the new one can take them: half of
    // 45,000 within a minute are 375 a second, and it takes 200.
    let all = 0.5 * 0.1 * 200.0 / 375.0;
    let before = |n: f64| {
        let mut servers = one_of_ten(0.0)(n);
        servers.as_array_mut().unwrap().pop();
        servers
    };
    let now = |n: f64| one_of_ten(0.0)(n + 2.0);
    let life = Life::with("0", [&before, &before, &now]).rebalancing();
    assert_chances(&life, &[("rebalance", "last", all)]);
    // It was in one of the last two lists, if not in both.
    let life = Life::with("0", [&before, &|_| one_of_ten(0.0)(1.0), &now]).rebalancing();
    assert_chances(&life, &[("rebalance", "last", all)]);
    // One that is back is not new: those who are thrown out elsewhere will fill it.
    let away = |n: f64| {
        let mut servers = one_of_ten(0.0)(n);
        servers[9]["available"] = json!(false);
        servers
    };
    assert_chances(&Life::with("0", [&away, &away, &now]).rebalancing(), &[]);
}

#[test]
fn a_server_that_has_been_the_emptiest_for_ten_minutes_gets_its_part() {
    let minutes = |last: &dyn Fn(u32) -> f64, all: u32| {
        let lists = (0..=all).map(|minute| {
            let when = 121.0 + 75.0 * f64::from(minute);
            (when, list(one_of_ten(last(minute))(f64::from(minute % 2))))
        });
        let before = [30.0, 60.0].map(|when| (when, list(one_of_ten(last(0))(1.0))));
        Life::by("0", before.into_iter().chain(lists)).rebalancing()
    };
    // Ten minutes are over at the ninth list after the first draw.
    assert_moves(&minutes(&|_| 30_000.0, 7), false);
    assert_moves(&minutes(&|_| 30_000.0, 8), true);
    // A fifth less than the mean is even enough.
    assert_moves(&minutes(&|_| 39_500.0, 12), false);
    // What has filled up meanwhile begins anew.
    assert_moves(
        &minutes(&|minute| if minute == 5 { 45_000.0 } else { 30_000.0 }, 12),
        false,
    );
}

#[test]
fn the_ten_minutes_are_those_of_one_server() {
    // Eight of about half of what they hold, and two with less.
    let moves = |two: &dyn Fn(bool) -> [f64; 2]| {
        let servers = |odd: bool| -> Value {
            let others = (0..8).map(|server| (server.to_string(), 49_998.0 + f64::from(u8::from(odd))));
            let two = ["a", "b"].map(str::to_owned).into_iter().zip(two(odd));
            let all = others.chain(two);
            all.map(|(id, users)| server(&id, users, 1e5)).collect()
        };
        let lists = (0..=12u32).map(|minute| (121.0 + 75.0 * f64::from(minute), list(servers(minute % 2 == 1))));
        let before = [30.0, 60.0].map(|when| (when, list(servers(true))));
        Life::by("0", before.into_iter().chain(lists)).rebalancing()
    };
    // Which of them is the emptiest changes from list to list.
    let by_turns = |odd| {
        if odd {
            [30_000.0, 31_000.0]
        } else {
            [31_000.0, 30_000.0]
        }
    };
    assert_moves(&moves(&by_turns), false);
    // One is the emptiest all the time, whatever the other does.
    let one = |odd| {
        if odd {
            [30_000.0, 34_000.0]
        } else {
            [30_001.0, 45_000.0]
        }
    };
    assert_moves(&moves(&one), true);
}

#[test]
fn where_counts_are_small_the_emptiest_may_be_so_by_chance() {
    // A mean of 36: 18 are three standard deviations less, and one user is nothing.
    for (emptiest, moves) in [(17.5, false), (16.5, true)] {
        let with = |counts: &[f64]| -> Value {
            let ids = ["a", "b", "c"].iter().zip(counts);
            ids.map(|(id, users)| server(id, *users, 1e2)).collect()
        };
        let others = (108.0 - emptiest) / 2.0;
        let before = |_: f64| with(&[others, others]);
        let now = |_: f64| with(&[others, others, emptiest]);
        assert_moves(&Life::with("a", [&before, &before, &now]).rebalancing(), moves);
    }
}

#[test]
fn a_group_without_capacities_is_never_nearly_full() {
    // Those that are draining count for the size that is assumed, and not for the level: which is then above one.
    let now = |capacity: Option<f64>| {
        move |n: f64| {
            let one = |id: &str, users: f64, draining: bool| {
                entry(
                    id,
                    json!({ "users": users, "capacity": capacity, "draining": draining }),
                )
            };
            json!([
                one("a", 31_500.0, false),
                one("b", 30_000.0 + n, false),
                one("c", 30_000.0 - n, false),
                one("x", 0.0, true),
                one("y", 0.0, true),
                one("z", 0.0, true),
            ])
        }
    };
    let virtual_list = list(now(None)(1.0));
    assert!(virtual_list.find("a").unwrap().utilisation() > 0.9);
    assert_moves(&Life::of("a", now(None)).rebalancing(), false);
    assert_moves(&Life::of("a", now(Some(25_400.0))).rebalancing(), true);
}

// Affinity, and servers that are gone.

#[test]
fn all_whose_key_meets_on_another_server_of_their_group_go_there_at_once() {
    let plenty = |n: f64| {
        json!([
            server("a", 400.0, 1e3),
            server("b", 100.0 + n, 1e3),
            server("c", 100.0 + n, 1e3)
        ])
    };
    assert_chances(&Life::of("a", plenty).of_the_key_of("b"), &[("affinity", "b", 1.0)]);
    // Whoever is there stays there: no room is torn apart to even a group out.
    assert_chances(&Life::of("a", plenty).of_the_key_of("a").rebalancing(), &[]);
    assert_moves(&Life::of("a", plenty).rebalancing(), true);
    // While the server where it would meet is away, it meets on the next one.
    let without_d = |n: f64| {
        let mut servers = plenty(n);
        let away = entry("d", json!({ "users": 0, "capacity": 1e3, "available": false }));
        servers.as_array_mut().unwrap().push(away);
        servers
    };
    let mut with_d = without_d(1.0);
    with_d[3]["available"] = json!(true);
    let (with_d, shown) = (list(with_d), list(without_d(1.0)));
    let mut keys = (0..).map(|n| n.to_string());
    let key = keys
        .find(|key| meets(&with_d, key) == "d" && meets(&shown, key) == "b")
        .unwrap();
    assert_chances(&Life::of("a", without_d).with_key(&key), &[("affinity", "b", 1.0)]);
    // Those whose home it is, an eighth of 120,000, are 250 a second within a minute, and it takes 8.
    let busy = |n: f64| {
        let b = json!({ "users": 10_000.0 + n, "capacity": 5e4, "connectRate": 10 });
        json!([
            server("a", 50_000.0, 1e5),
            entry("b", b),
            server("c", 60_000.0 - n, 2.5e5)
        ])
    };
    assert_chances(
        &Life::of("a", busy).of_the_key_of("b"),
        &[("affinity", "b", 8.0 / 250.0)],
    );
}

#[test]
fn a_key_goes_back_to_a_better_group_only_to_where_it_meets_there() {
    let now = |n: f64| json!([server("a", n, 1e3), server("b", n, 1e3), in_group(1, "c", 400.0, 1e3)]);
    for home in ["a", "b"] {
        assert_chances(&Life::of("c", now).of_the_key_of(home), &[("failback", home, 0.5)]);
    }
}

#[test]
fn clients_of_a_server_that_the_list_has_dropped_move_as_if_it_were_behind_all_others() {
    let there = |_: f64| json!([server("a", 400.0, 1e3), server("b", 650.0, 1e3)]);
    let dropped = |_: f64| json!([server("b", 650.0, 1e3)]);
    // A room of 100 for the 400 that it was last seen with.
    assert_chances(
        &Life::with("a", [&there, &there, &dropped]),
        &[("failback", "b", 0.125)],
    );
}

// Who is a target.

#[test]
fn a_count_that_stands_still_attracts_nobody() {
    let stuck = |users: f64| {
        Life::of("b", move |_| {
            json!([server("a", users, 1e3), in_group(1, "b", 400.0, 1e3)])
        })
    };
    for users in [0.0, 17.0] {
        assert_moves(&stuck(users), false);
    }
    // Nor does one that changed before the last list.
    let before = |_| json!([server("a", 1.0, 1e3), in_group(1, "b", 400.0, 1e3)]);
    let now = |_| json!([server("a", 2.0, 1e3), in_group(1, "b", 400.0, 1e3)]);
    assert_moves(&Life::with("b", [&before, &now, &now]), false);
    assert_moves(&Life::with("b", [&before, &before, &now]), true);
}

#[test]
fn a_server_that_was_not_offered_in_one_of_the_last_two_lists_is_a_target_as_it_is() {
    let behind = || in_group(1, "b", 400.0, 1e3);
    let there = |_| json!([server("a", 0.0, 1e3), behind()]);
    let absent = |_| json!([behind()]);
    let unavailable = |_| {
        json!([
            entry("a", json!({ "users": 0, "capacity": 1e3, "available": false })),
            behind()
        ])
    };
    let draining = |_| {
        json!([
            entry("a", json!({ "users": 0, "capacity": 1e3, "draining": true })),
            behind()
        ])
    };
    let ways: [&dyn Fn(f64) -> Value; 3] = [&absent, &unavailable, &draining];
    for way in ways {
        assert_moves(&Life::with("b", [&there, way, &there]), true);
        assert_moves(&Life::with("b", [way, &there, &there]), true);
    }
    assert_moves(&Life::with("b", [&there, &there, &there]), false);
}

#[test]
fn a_server_whose_count_is_unknown_is_a_target() {
    let now = |_| json!([entry("a", json!({ "capacity": 1e3 })), in_group(1, "b", 400.0, 1e3)]);
    assert_moves(&Life::of("b", now), true);
}

#[test]
fn where_a_group_and_those_behind_it_serve_few_standing_counts_are_no_reproach() {
    let with = |own: f64, behind: f64| {
        move |_| {
            json!([
                server("a", 0.0, 1e3),
                in_group(1, "b", own, 1e3),
                in_group(2, "c", behind, 1e3)
            ])
        }
    };
    // Thirty a server, on average.
    for (own, behind, moves) in [
        (1.0, 0.0, true),
        (40.0, 19.0, true),
        (40.0, 21.0, false),
        (1.0, 60.0, false),
    ] {
        assert_moves(&Life::of("b", with(own, behind)), moves);
    }
}

#[test]
fn a_server_that_is_not_offered_is_no_target() {
    for why in [
        json!({ "available": false }),
        json!({ "draining": true }),
        json!({ "weight": 0 }),
    ] {
        let now = |n: f64| {
            let mut bad = server("a", n, 1e3);
            bad.as_object_mut().unwrap().extend(why.as_object().unwrap().clone());
            json!([bad, in_group(1, "b", 400.0, 1e3)])
        };
        assert_moves(&Life::of("b", now), false);
    }
}

#[test]
fn a_server_that_the_client_has_ejected_is_no_target_for_ten_minutes_and_twice_as_long_the_next_time() {
    let both = list(json!([server("a", 0.0, 1e3), in_group(1, "b", 1.0, 1e3)]));
    for (failures, ends) in [
        (&[1.0][..], 601.0),
        (&[1.0, 40.0], 1_240.0),
        (&[1.0, 40.0, 101.0], 2_501.0),
    ] {
        for (when, moves) in [(ends - 1.0, false), (ends + 1.0, true)] {
            let mut life = Life::by("b", [(1.0, Arc::clone(&both))]);
            life.steps.extend(failures.iter().map(|&when| Step::Fails(when)));
            life.steps.push(Step::List(when, Arc::clone(&both)));
            assert_moves(&life, moves);
        }
    }
}

// When it is drawn.

#[test]
fn nobody_moves_within_two_minutes_of_connecting() {
    let life = lone(&[(119.9, 0), (120.1, 0)]);
    assert_eq!(movers_by_step(&life)[..1], [0]);
    assert!(movers_by_step(&life)[1] > 400);
}

#[test]
fn draws_are_a_minute_apart_give_or_take_a_fifth() {
    let by_step = movers_by_step(&lone(&[(121.0, 0), (168.9, 0), (193.1, 0)]));
    // Half of them, none of the rest, half of the rest.
    assert_eq!(by_step[1], 0);
    assert!(near(by_step[0], 0.5) && near(by_step[2], 0.25), "{by_step:?}");
    let by_step = movers_by_step(&lone(&[(121.0, 0), (181.0, 0)]));
    assert!(
        near(by_step[1], 0.125),
        "after a minute half of them may draw again: {by_step:?}"
    );
    // Two seconds after four fifths of a minute some may, two before six fifths not all.
    assert!(movers_by_step(&lone(&[(121.0, 0), (170.9, 0)]))[1] > 0);
    let by_step = movers_by_step(&lone(&[(121.0, 0), (191.1, 0), (193.1, 0)]));
    assert!(by_step[2] > 0, "{by_step:?}");
}

#[test]
fn nobody_draws_twice_by_the_same_version() {
    let shown = |version: u32, users: f64| {
        let servers = json!([server("a", users, 1e3), in_group(1, "b", 400.0, 1e3)]);
        document(&json!({ "version": version, "age": 0, "servers": servers }))
    };
    let life = Life::by(
        "b",
        [
            (60.0, shown(6, 0.0)),
            (121.0, shown(7, 1.0)),
            (200.0, shown(7, 2.0)),
            (280.0, shown(8, 3.0)),
        ],
    );
    let by_step = movers_by_step(&life);
    assert_eq!((by_step[0], by_step[2]), (0, 0), "{by_step:?}");
    assert!(near(by_step[1], 0.5) && near(by_step[3], 0.25), "{by_step:?}");
}

#[test]
fn where_there_are_few_versions_stand_still_and_a_lone_client_draws_until_it_is_home() {
    let times: Vec<(f64, u32)> = (0..12).map(|n| (121.0 + 80.0 * f64::from(n), 7)).collect();
    let by_step = movers_by_step(&lone(&times));
    assert!(near(by_step[0], 0.5) && near(by_step[1], 0.25), "{by_step:?}");
    assert!(by_step.iter().sum::<usize>() > 990, "{by_step:?}");
}

#[test]
fn nobody_moves_by_a_list_that_is_older_than_a_minute_and_twice_its_ttl() {
    for (age, ttl, moves) in [
        (59, 10, true),
        (61, 10, false),
        (61, 60, true),
        (119, 60, true),
        (121, 60, false),
    ] {
        let servers = json!([server("a", 0.0, 1e3), in_group(1, "b", 400.0, 1e3)]);
        let aged = document(&json!({ "age": age, "ttl": ttl, "servers": servers }));
        let life = Life::by("b", [(121.0, aged)]);
        assert_moves(&life, moves);
    }
}

#[test]
fn those_who_move_start_within_ten_seconds() {
    let life = lone(&[(121.0, 0)]);
    let mut after: Vec<f64> = (0..SEEDS)
        .filter_map(|seed| life.first_move(seed))
        .map(|it| it.after)
        .collect();
    after.sort_by(f64::total_cmp);
    let (first, last, middle) = (after[0], after[after.len() - 1], after[after.len() / 2]);
    assert!(first < 0.2 && (9.8..=10.0).contains(&last), "{first} {last}");
    assert!((4.0..6.0).contains(&middle), "{middle}");
}

#[test]
fn who_was_to_go_to_a_server_that_is_not_offered_any_more_stays() {
    let fleet = |offered: bool| {
        let better = entry("a", json!({ "users": 0, "capacity": 1e3, "available": offered }));
        list(json!([
            better,
            in_group(1, "b", 400.0, 1e3),
            in_group(1, "c", 0.0, 1e3)
        ]))
    };
    let mut planned = 0;
    for seed in 0..SEEDS {
        let config = Config {
            seeds: 0,
            ..Config::default()
        };
        let mut client = Watched::new(config, seed);
        client.given_list(at(0.0), list(json!([server("b", 1.0, 10.0)])));
        client.start(at(0.0));
        let attempt = client.live().unwrap();
        client.opened(at(0.0), attempt);
        client.given_list(at(121.0), fleet(true));
        let Some((_, begins)) = client.client.leaving() else {
            continue;
        };
        client.given_list(at(121.0), fleet(false));
        let commands = client.wake(begins);
        assert_eq!(commands, [], "seed {seed}");
        assert_eq!(client.client.leaving(), None, "seed {seed}");
        planned += 1;
    }
    assert!(near(planned, 0.5), "{planned}");
}

// Drain.

#[test]
fn those_who_leave_a_draining_server_choose_as_those_who_have_lost_it() {
    let fleet = |own: Value| {
        move |_: f64| {
            let mut entry = server("a", 800.0, 1e3);
            entry.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
            json!([
                entry,
                server("b", 500.0, 1e3),
                server("c", 700.0, 1e3),
                in_group(1, "d", 100.0, 1e3)
            ])
        }
    };
    let there = fleet(json!({}));
    let draining = fleet(json!({ "draining": true }));
    let unavailable = fleet(json!({ "available": false }));
    let shown = list(draining(0.0));
    let lost = [key(&shown, "a")];
    let overrides = Overrides {
        lost: Some(&lost),
        ..Overrides::default()
    };
    let expected = probabilities_with(&selector(&shown), at(0.0), overrides);
    // There is no room for 800 in the first group.
    assert!(expected[3] > 0.3, "{expected:?}");
    let chances = [
        ("drain", "b", expected[1]),
        ("drain", "c", expected[2]),
        ("drain", "d", expected[3]),
    ];
    assert_chances(&Life::with("a", [&there, &there, &draining]), &chances);
    assert_chances(&Life::with("a", [&there, &there, &unavailable]), &chances);
    // Those of a server that was available a moment ago are counted already.
    let lately = [
        (30.0, &there as &dyn Fn(f64) -> Value),
        (110.0, &there),
        (121.0, &unavailable),
    ];
    let life = Life::by("a", lately.map(|(when, servers)| (when, list(servers(0.0)))));
    assert_chances(&life, &chances);
}

// All of it at once.

#[test]
fn the_draws_are_what_the_rules_written_out_naively_say() {
    let (mut with_failback, mut with_rebalance, mut slowed, mut left_out) = (0, 0, 0, 0);
    for situation in 0..SITUATIONS {
        let life = any_life(situation);
        let book = by_the_book(&life);
        let found = life.count(SEEDS);
        for target in book.chances.keys().chain(found.keys()) {
            let expected = book.chances.get(target).copied().unwrap_or(0.0);
            let times = found.get(target).copied().unwrap_or(0);
            assert!(
                plausible(times, SEEDS, expected),
                "situation {situation}: {target:?} {times} times of {SEEDS}, expected {expected}: {found:?}, {:?}",
                book.chances
            );
        }
        with_failback += usize::from(book.chances.keys().any(|(reason, _)| *reason == "failback"));
        with_rebalance += usize::from(book.chances.keys().any(|(reason, _)| *reason == "rebalance"));
        slowed += usize::from(book.slowed);
        left_out += usize::from(book.left_out);
    }
    println!(
        "of {SITUATIONS} situations {with_failback} with failback, {with_rebalance} with rebalancing, {slowed} slowed down, \
         {left_out} with targets left out"
    );
    assert!(with_failback > 60 && with_rebalance > 30 && slowed > 30 && left_out > 30);
}

const SEEDS: u64 = 1_000;
const SITUATIONS: u64 = 300;

/// Something that happens to a client at this time.
#[derive(Clone)]
enum Step {
    List(f64, Arc<ServerList>),
    /// It is asked to move, and the attempt is refused.
    Fails(f64),
}

/// A client's life until it moves.
#[derive(Clone)]
struct Life {
    config: Config,
    own: &'static str,
    steps: Vec<Step>,
}

/// A move of its own free will.
struct Move {
    /// The step that it was drawn at.
    by: usize,
    reason: MoveReason,
    /// How long after it the attempt begins.
    after: f64,
    to: String,
}

impl Life {
    /// A client that is open on `own` from the clock's origin on, and draws by the list of 121 s: that of `now` for 1, when
    /// the two before were that for 0.
    fn of(own: &'static str, now: impl Fn(f64) -> Value) -> Self {
        Self::with(own, [&|_| now(0.0), &|_| now(0.0), &|_| now(1.0)])
    }

    /// The same with three lists of one's own.
    fn with(own: &'static str, lists: [&dyn Fn(f64) -> Value; 3]) -> Self {
        let times = [30.0, 60.0, 121.0].into_iter().zip(lists);
        Self::by(own, times.map(|(when, servers)| (when, list(servers(0.0)))))
    }

    /// The same with any lists at any times.
    fn by(own: &'static str, lists: impl IntoIterator<Item = (f64, Arc<ServerList>)>) -> Self {
        let first = (0.0, list(json!([server(own, 1.0, 10.0)])));
        let steps = [first].into_iter().chain(lists);
        Self {
            config: Config::default(),
            own,
            steps: steps.map(|(when, list)| Step::List(when, list)).collect(),
        }
    }

    fn rebalancing(mut self) -> Self {
        self.config.rebalance = true;
        self
    }

    /// Its clients have a key that meets on this server, by the last list.
    fn of_the_key_of(self, id: &str) -> Self {
        let Some(Step::List(_, list)) = self.steps.last() else {
            panic!("no list")
        };
        let key = (0..).map(|n| n.to_string()).find(|key| meets(list, key) == id).unwrap();
        self.with_key(&key)
    }

    fn with_key(mut self, key: &str) -> Self {
        self.config.affinity = Some(Affinity::of(key));
        self
    }

    /// Lives until it is about to move.
    fn first_move(&self, seed: u64) -> Option<Move> {
        let config = Config {
            seeds: 0,
            ..self.config
        };
        let mut client = Watched::new(config, seed);
        for (by, step) in self.steps.iter().enumerate() {
            let now = match step {
                Step::List(when, list) => {
                    client.given_list(at(*when), Arc::clone(list));
                    at(*when)
                }
                Step::Fails(when) => {
                    client.tell(at(*when), |client| client.handle_migrate(at(*when)));
                    let attempt = client.live().unwrap();
                    assert_ne!(
                        client.connection(),
                        Some(attempt),
                        "seed {seed}: there was nowhere to go"
                    );
                    client.closed(at(*when), attempt, 1006, true);
                    at(*when)
                }
            };
            if by == 0 {
                client.start(now);
                let attempt = client.live().unwrap();
                client.opened(now, attempt);
            }
            let Some((reason, begins)) = client.client.leaving() else {
                continue;
            };
            let commands = client.wake(begins);
            let to = commands.iter().find_map(|command| match command {
                Command::Connect { decision, .. } => Some(decision.server),
                _ => None,
            });
            let servers = client.client.selector().in_force().unwrap().list.servers();
            return Some(Move {
                by,
                reason,
                after: begins.since(now).as_secs(),
                to: servers[to.unwrap()].id.to_string(),
            });
        }
        None
    }

    /// How many of so many seeds move, for each reason and target.
    fn count(&self, seeds: u64) -> BTreeMap<(&'static str, String), u32> {
        let mut found = BTreeMap::new();
        for it in (0..seeds).filter_map(|seed| self.first_move(seed)) {
            *found.entry((it.reason.name(), it.to)).or_insert(0) += 1;
        }
        found
    }

    /// The last lists, the present one first.
    fn lists(&self) -> Vec<&ServerList> {
        let lists = self.steps.iter().rev().filter_map(|step| match step {
            Step::List(_, list) => Some(&**list),
            Step::Fails(_) => None,
        });
        lists.collect()
    }
}

/// A client alone in a group behind, that gets the same list at these times, by these versions.
fn lone(lists: &[(f64, u32)]) -> Life {
    let servers = || json!([server("a", 0.0, 1e3), in_group(1, "b", 1.0, 1e3)]);
    let of = |version: u32| document(&json!({ "version": version, "age": 0, "servers": servers() }));
    Life::by("b", lists.iter().map(|&(when, version)| (when, of(version))))
}

/// How many of all seeds are drawn to move at each of the steps after the first.
fn movers_by_step(life: &Life) -> Vec<usize> {
    let mut by_step = vec![0; life.steps.len() - 1];
    for it in (0..SEEDS).filter_map(|seed| life.first_move(seed)) {
        by_step[it.by - 1] += 1;
    }
    by_step
}

/// Whether so many of all seeds are what this probability makes of them, give or take four standard deviations.
fn near(times: usize, probability: f64) -> bool {
    plausible(times as u32, SEEDS, probability)
}

fn plausible(times: u32, of: u64, probability: f64) -> bool {
    let expected = probability * of as f64;
    let deviation = (expected * (1.0 - probability)).sqrt();
    // Of something rare, one is no proof of anything.
    (f64::from(times) - expected).abs() <= 4.0 * deviation + if probability > 0.0 { 1.0 } else { 0.0 }
}

/// These moves and no others, with these chances.
#[track_caller]
fn assert_chances(life: &Life, expected: &[(&'static str, &str, f64)]) {
    let seeds = 4 * SEEDS;
    let found = life.count(seeds);
    for &(reason, to, chance) in expected {
        let times = found.get(&(reason, to.to_owned())).copied().unwrap_or(0);
        assert!(
            plausible(times, seeds, chance),
            "{reason} to {to}: {times} of {seeds}, expected {chance}: {found:?}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
}

#[track_caller]
fn assert_moves(life: &Life, moves: bool) {
    let found = life.count(SEEDS);
    assert_eq!(!found.is_empty(), moves, "{found:?}");
}

/// What SELECTION.md's rules say of a life that ends with a draw.
struct Book {
    chances: BTreeMap<(&'static str, String), f64>,
    /// The pace of the targets binds.
    slowed: bool,
    /// Servers that would be targets, were it not for their counts.
    left_out: bool,
}

/// "Moving while connected", word for word.
fn by_the_book(life: &Life) -> Book {
    let lists = life.lists();
    let (now, before, earlier) = (lists[0], lists[1], lists[2]);
    let own = now.find(life.own).unwrap();
    let mut book = Book {
        chances: BTreeMap::new(),
        slowed: false,
        left_out: false,
    };

    let behind: Vec<&Server> = (now.servers().iter())
        .filter(|s| s.available && s.priority >= own.priority)
        .collect();
    let users_behind: f64 = behind.iter().map(|s| s.users).sum();
    let few = users_behind < 30.0 * behind.len() as f64;
    let has_moved = |s: &Server| before.server(s.key).is_some_and(|was| was.users != s.users);
    let was_away = |s: &Server| {
        [before, earlier]
            .iter()
            .any(|list| list.server(s.key).is_none_or(|was| !was.offered()))
    };
    let may_attract = |s: &Server| few || !s.users_known || has_moved(s) || was_away(s);
    let interval = life.config.refresh_interval.max(now.ttl).as_secs();

    let mut draw = |reason: &'static str, open: f64, chance: f64, expected: f64, weights: Vec<(&Server, f64)>| {
        let weights: Vec<(&Server, f64)> = weights.into_iter().filter(|(_, weight)| *weight > 0.0).collect();
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let pace = weights
            .iter()
            .map(|(s, weight)| s.handshakes_per_second / (weight / total));
        let slowness = pace.fold(f64::INFINITY, f64::min) / (expected / interval);
        book.slowed |= slowness < 1.0 && chance > 0.0;
        let chance = open * chance * slowness.min(1.0);
        for (s, weight) in weights {
            if chance > 0.0 {
                book.chances.insert((reason, s.id.to_string()), chance * weight / total);
            }
        }
        if total > 0.0 { chance } else { 0.0 }
    };

    let mut left_out = false;
    let mut targets = |of: &dyn Fn(&Server) -> bool, weight: &dyn Fn(&Server) -> f64| -> Vec<(&Server, f64)> {
        let candidates = now
            .servers()
            .iter()
            .filter(|s| s.offered() && s.key != own.key && of(s) && weight(s) > 0.0);
        let (in_question, out): (Vec<&Server>, Vec<&Server>) = candidates.partition(|s| may_attract(s));
        left_out |= !out.is_empty();
        in_question.into_iter().map(|s| (s, weight(s))).collect()
    };

    // Failback.
    let better = |s: &Server| s.priority < own.priority;
    let is_virtual = |s: &Server| {
        now.groups()
            .iter()
            .any(|group| group.priority == s.priority && group.uncapped)
    };
    // Those who are unavailable have been so for a minute.
    let shares = probabilities(&selector(&Arc::new(now.clone())), at(60.0));
    let share = |s: &Server| shares[now.position(s.key).unwrap()];
    let endless = now
        .servers()
        .iter()
        .any(|s| better(s) && is_virtual(s) && s.offered() && may_attract(s));
    let room_of = |s: &Server| (0.75 * s.capacity - s.users).max(0.0);
    // Where others would not go, those go who may not go anywhere else.
    let level_of = |s: &Server| share(s).max(if is_virtual(s) { 1e-9 } else { 0.0 });
    let weights = targets(&better, if endless { &level_of } else { &room_of });
    let room = if endless {
        f64::INFINITY
    } else {
        weights.iter().map(|(_, weight)| weight).sum()
    };
    let chance = 0.5 * (room / users_behind.max(1.0)).min(1.0);
    let went_back = draw("failback", 1.0, chance, 0.5 * room.min(users_behind), weights);

    // Rebalance.
    let group: Vec<&Server> = (now.servers().iter())
        .filter(|s| s.offered() && s.priority == own.priority)
        .collect();
    let sum = |of: &dyn Fn(&Server) -> f64| group.iter().map(|s| of(s)).sum::<f64>();
    let level = sum(&|s| s.users) / sum(&|s| s.capacity);
    let chance_alone = 1.0 + 3.0 / (sum(&|s| s.users) / group.len() as f64).max(1.0).sqrt();
    let over = |factor: f64| {
        group.iter().any(|s| {
            let is_fullest = group
                .iter()
                .all(|other| other.users / other.capacity <= s.users / s.capacity);
            is_fullest && s.users > level * s.capacity * chance_alone.max(factor) + 1.0
        })
    };
    let nearly_full = !is_virtual(own) && group.iter().any(|s| s.users > 0.9 * s.capacity);
    // The emptiest of those that may attract.
    let under = |s: &Server| (2.0 - chance_alone).min(0.8) * level * s.capacity - s.users;
    let emptiest = targets(&|s| s.priority == own.priority, &under)
        .into_iter()
        .filter(|(_, lack)| *lack > 1.0)
        .min_by(|(one, _), (other, _)| (one.users / one.capacity).total_cmp(&(other.users / other.capacity)));
    let is_new = |s: &Server| [before, earlier].iter().any(|list| list.server(s.key).is_none());
    let neglected = emptiest.is_some_and(|(s, _)| is_new(s));
    if life.config.rebalance && (over(1.2) || nearly_full && over(1.03) || neglected) {
        let excess = |s: &Server| (s.users - level * s.capacity).max(0.0);
        let weights = targets(&|s| s.priority == own.priority, &|s| {
            (level * s.capacity - s.users).max(0.0)
        });
        let deficits: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let chance = 0.5 * excess(own) / own.users.max(1.0) * (deficits / sum(&excess).max(1.0)).min(1.0);
        draw("rebalance", 1.0 - went_back, chance, 0.5 * sum(&excess), weights);
    }
    book.left_out = left_out;
    book
}

/// Some situation or other.
fn any_life(seed: u64) -> Life {
    const IDS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
    let mut random = Random::new(seed);
    let mut one_in = |of: f64| random.between(0.0, of) < 1.0;
    let count = 2 + IDS[2..].iter().filter(|_| one_in(2.0)).count();
    let scale = if one_in(4.0) {
        0.05
    } else if one_in(2.0) {
        1.0
    } else {
        100.0
    };
    let without_capacity = [one_in(4.0), one_in(4.0), one_in(4.0)];
    let slow = one_in(2.0);
    let fuller = one_in(3.0);
    let mut now = Vec::new();
    let mut before = Vec::new();
    let mut random = Random::new(seed + 1_000_000);
    let mut between = |low: f64, high: f64| random.between(low, high);
    for (position, id) in IDS[..count].iter().enumerate() {
        let group = (between(0.0, 3.0) as usize).min(2);
        let capacity = scale * [1_000.0, 2_000.0, 4_000.0][(between(0.0, 3.0) as usize).min(2)];
        let users = (capacity * if fuller { between(0.8, 1.0) } else { between(0.0, 0.9) }).round();
        let rate = if slow { Some(between(0.1, 20.0)) } else { None };
        let mut fields = json!({
            "priority": group, "users": users, "connectRate": rate,
            "capacity": Some(capacity).filter(|_| !without_capacity[group]),
        });
        let mut past = fields.clone();
        if between(0.0, 1.0) < 0.6 {
            past["users"] = json!(users + 1.0);
        }
        // The first one is the client's own, and stays.
        if position > 0 {
            match between(0.0, 12.0) as usize {
                0 => fields["available"] = json!(false),
                1 => fields["draining"] = json!(true),
                2 => past["available"] = json!(false),
                3 => fields["users"] = Value::Null,
                _ => {}
            }
        }
        now.push(entry(id, fields));
        if position == 0 || between(0.0, 1.0) < 0.8 {
            before.push(entry(id, past));
        }
    }
    let (now, before) = (Value::from(now), Value::from(before));
    let present = |_: f64| now.clone();
    let past = |_: f64| before.clone();
    let mut life = Life::with("a", [&past, &past, &present]).rebalancing();
    life.config.refresh_interval = secs(between(10.0, 300.0));
    life
}
