//! Every row of DESIGN.md's table of the list, with every kind of garbage.

use evenkeel::list::read::{
    Address, DropReason, Dropped, Entry, Envelope, Header, ListError, MAX_SERVERS, MAX_URL_CHARS, Scalar,
};
use evenkeel::list::{PRIORITY_OF_GARBAGE, ServerList, json};
use evenkeel::random::Random;
use evenkeel::time::Duration;
use serde_json::{Value, json};

use crate::support::{alone, assert_near, entry, read, read_with, secs, server};

/// What is no number, or none that a count can be.
fn no_counts() -> Vec<Option<Value>> {
    let mut values = vec![None];
    values.extend(
        [
            json!(null),
            json!(-1),
            json!(-0.5),
            json!("12"),
            json!(""),
            json!(true),
            json!(false),
            json!([12]),
            json!({ "n": 12 }),
            json!(1e13),
            json!(1e308),
            json!(-1e308),
        ]
        .map(Some),
    );
    values
}

fn reported(dropped: &[Dropped]) -> Vec<(u32, &'static str)> {
    dropped
        .iter()
        .map(|dropped| (dropped.index, dropped.why.code()))
        .collect()
}

fn ids(list: &ServerList) -> Vec<&str> {
    list.servers().iter().map(|server| &*server.id).collect()
}

#[test]
fn a_url_becomes_absolute_and_of_a_websockets_scheme() {
    let long = format!("wss://a.example/{}", "x".repeat(MAX_URL_CHARS - 16));
    for (written, expected) in [
        ("wss://a.example/ws", "wss://a.example/ws"),
        ("ws://a.example/ws", "ws://a.example/ws"),
        ("https://a.example/ws?x=1", "wss://a.example/ws?x=1"),
        ("http://a.example:8080", "ws://a.example:8080/"),
        ("HTTPS://A.Example:443/Ws", "wss://a.example/Ws"),
        ("/ws", "wss://seed.example/ws"),
        ("ws/1", "wss://seed.example/api/ws/1"),
        ("../ws", "wss://seed.example/ws"),
        ("//b.example/ws", "wss://b.example/ws"),
        ("?room=1", "wss://seed.example/api/servers.json?room=1"),
        ("  wss://a.example/ws\n", "wss://a.example/ws"),
        ("wss://ä.example/ü", "wss://xn--4ca.example/%C3%BC"),
        ("wss://[::1]:9000/", "wss://[::1]:9000/"),
        ("wss://a.example/%23", "wss://a.example/%23"),
        (&long, &long),
    ] {
        let (list, dropped) = read(&json!([{ "url": written }])).unwrap();
        assert_eq!(&*list.servers()[0].url, expected, "{written}");
        assert_eq!(dropped, [], "{written}");
    }
    let base = url::Url::parse("http://localhost:8090/servers").unwrap();
    let (list, _) = json::from_value(&json!([{ "url": "/ws" }]), Envelope::default(), &base).unwrap();
    assert_eq!(&*list.servers()[0].url, "ws://localhost:8090/ws");
}

#[test]
fn an_entry_without_a_usable_url_is_dropped_and_reported() {
    let too_long = format!("wss://a.example/{}", "x".repeat(MAX_URL_CHARS - 15));
    let too_long_when_absolute = "x".repeat(MAX_URL_CHARS);
    for (url, code) in [
        (json!(null), "url-missing"),
        (json!(7), "url-missing"),
        (json!(true), "url-missing"),
        (json!(["wss://a.example"]), "url-missing"),
        (json!({ "href": "wss://a.example" }), "url-missing"),
        (json!("ftp://a.example/"), "url-scheme"),
        (json!("file:///etc/passwd"), "url-scheme"),
        (json!("javascript:alert(1)"), "url-scheme"),
        (json!("data:text/plain,x"), "url-scheme"),
        (json!("wsx://a.example/"), "url-scheme"),
        (json!("httpx://a.example/"), "url-scheme"),
        (json!("wss://"), "url-invalid"),
        (json!("wss://a b/"), "url-invalid"),
        (json!("wss://a.example:99999/"), "url-invalid"),
        (json!("wss://a.example/#room"), "url-invalid"),
        (json!("wss://a.example/#"), "url-invalid"),
        (json!(too_long), "url-too-long"),
        (json!(too_long_when_absolute), "url-too-long"),
    ] {
        let document = json!([{ "id": "bad", "url": url }, entry("good", json!({}))]);
        let (list, dropped) = read(&document).unwrap();
        assert_eq!(ids(&list), ["good"], "{url}");
        assert_eq!(reported(&dropped), [(0, code)], "{url}");
    }
    let (list, dropped) = read(&json!([{ "id": "bad" }, entry("good", json!({}))])).unwrap();
    assert_eq!(
        (ids(&list), reported(&dropped)),
        (vec!["good"], vec![(0, "url-missing")])
    );
}

#[test]
fn an_id_that_is_no_non_empty_string_is_replaced_by_the_url() {
    assert_eq!(&*alone("id", Some(json!("lon-1"))).id, "lon-1");
    assert_eq!(&*alone("id", Some(json!(" "))).id, " ");
    for garbage in [json!(null), json!(""), json!(7), json!(true), json!([]), json!({})] {
        assert_eq!(
            &*alone("id", Some(garbage.clone())).id,
            "wss://a.example/ws",
            "{garbage}"
        );
    }
    let (list, _) = read(&json!([{ "url": "http://a.example" }])).unwrap();
    assert_eq!(&*list.servers()[0].id, "ws://a.example/");
}

#[test]
fn of_two_servers_with_one_id_the_first_wins() {
    let document = json!([
        entry("a", json!({ "users": 1 })),
        entry("b", json!({})),
        entry("a", json!({ "users": 3 })),
        { "url": "wss://c.example/" },
        { "id": "wss://c.example/", "url": "wss://d.example/" },
        entry("a", json!({ "users": 6 })),
        { "url": "https://c.example" },
    ]);
    let (list, dropped) = read(&document).unwrap();
    assert_eq!(ids(&list), ["a", "b", "wss://c.example/"]);
    assert_eq!(list.servers()[0].users, 1.0);
    assert_eq!(
        reported(&dropped),
        [
            (2, "duplicate-id"),
            (4, "duplicate-id"),
            (5, "duplicate-id"),
            (6, "duplicate-id")
        ]
    );
}

#[test]
fn available_is_false_only_where_the_list_says_so_in_one_of_three_ways() {
    for value in [json!(false), json!(0), json!(0.0), json!(-0.0), json!("false")] {
        assert!(!alone("available", Some(value.clone())).available, "{value}");
    }
    let others = [
        json!(null),
        json!(true),
        json!(1),
        json!(2),
        json!(-1),
        json!("true"),
        json!("0"),
        json!("no"),
        json!("False"),
        json!(""),
        json!([]),
        json!({}),
    ];
    for value in others.map(Some).into_iter().chain([None]) {
        assert!(alone("available", value.clone()).available, "{value:?}");
    }
}

#[test]
fn draining_is_false_unless_the_list_says_so_or_gives_no_capacity_or_no_weight() {
    for (field, value) in [
        ("draining", json!(true)),
        ("draining", json!(1)),
        ("draining", json!("true")),
        ("capacity", json!(0)),
        ("capacity", json!(-0.0)),
        ("weight", json!(0)),
        ("weight", json!(0.0)),
    ] {
        let server = alone(field, Some(value.clone()));
        assert!(
            server.draining && server.available && !server.offered(),
            "{field} {value}"
        );
    }
    for (field, value) in [
        ("draining", None),
        ("draining", Some(json!(null))),
        ("draining", Some(json!(false))),
        ("draining", Some(json!(0))),
        ("draining", Some(json!("false"))),
        ("draining", Some(json!("later"))),
        ("draining", Some(json!([]))),
        ("draining", Some(json!({}))),
        ("capacity", None),
        ("capacity", Some(json!(null))),
        ("capacity", Some(json!("0"))),
        ("capacity", Some(json!(-1))),
        ("weight", Some(json!(false))),
        ("weight", Some(json!(-1))),
    ] {
        let server = alone(field, value.clone());
        assert!(!server.draining && server.offered(), "{field} {value:?}");
    }
}

#[test]
fn unknown_users_are_the_mean_utilisation_of_the_group() {
    for garbage in no_counts() {
        let mut unknown = entry("c", json!({ "capacity": 400 }));
        if let Some(garbage) = garbage.clone() {
            unknown["users"] = garbage;
        }
        let document = json!([
            server("a", 10.0, 100.0),
            server("b", 90.0, 300.0),
            unknown,
            entry("elsewhere", json!({ "users": 100, "capacity": 100, "priority": 1 })),
        ]);
        let (list, _) = read(&document).unwrap();
        let server = list.find("c").unwrap();
        // (10 + 90) / (100 + 300) = 0.25 of 400.
        assert_near(&[server.users], &[100.0]);
        assert!(!server.users_known, "{garbage:?}");
        assert!(list.find("a").unwrap().users_known);
    }
}

#[test]
fn unknown_users_of_a_whole_group_are_the_mean_utilisation_of_all_else_none() {
    let document = json!([
        server("a", 30.0, 100.0),
        entry("b", json!({ "users": 150, "capacity": 300, "priority": 1 })),
        entry("c", json!({ "capacity": 1000, "priority": 2 })),
    ]);
    let (list, _) = read(&document).unwrap();
    // (30 + 150) / (100 + 300) = 0.45.
    assert_near(&[list.find("c").unwrap().users], &[450.0]);

    let (list, _) = read(&json!([entry("a", json!({ "capacity": 100 })), entry("b", json!({}))])).unwrap();
    assert!(list.servers().iter().all(|server| server.users == 0.0));
}

#[test]
fn the_last_counts_of_unavailable_servers_are_kept_but_make_no_mean() {
    let document = json!([
        server("a", 30.0, 100.0),
        entry("dead", json!({ "users": 90, "capacity": 100, "available": false })),
        entry("unknown", json!({ "capacity": 100 })),
    ]);
    let (list, _) = read(&document).unwrap();
    assert_eq!(list.find("dead").unwrap().users, 90.0);
    assert_near(&[list.find("unknown").unwrap().users], &[30.0]);
    assert_near(&[list.available_users()], &[60.0]);
}

#[test]
fn a_priority_that_is_no_integer_from_0_to_255_goes_behind_every_valid_group() {
    for (value, expected) in [
        (None, 0),
        (Some(json!(null)), 0),
        (Some(json!(0)), 0),
        (Some(json!(-0.0)), 0),
        (Some(json!(7)), 7),
        (Some(json!(3.0)), 3),
        (Some(json!(255)), 255),
        (Some(json!(256)), PRIORITY_OF_GARBAGE),
        (Some(json!(-1)), PRIORITY_OF_GARBAGE),
        (Some(json!(1.5)), PRIORITY_OF_GARBAGE),
        (Some(json!(1e300)), PRIORITY_OF_GARBAGE),
        (Some(json!("1")), PRIORITY_OF_GARBAGE),
        (Some(json!("")), PRIORITY_OF_GARBAGE),
        (Some(json!(true)), PRIORITY_OF_GARBAGE),
        (Some(json!([0])), PRIORITY_OF_GARBAGE),
        (Some(json!({})), PRIORITY_OF_GARBAGE),
    ] {
        assert_eq!(alone("priority", value.clone()).priority, expected, "{value:?}");
    }
    let document = json!([
        entry("garbage", json!({ "priority": "first" })),
        entry("last", json!({ "priority": 255 })),
        entry("first", json!({})),
    ]);
    let (list, _) = read(&document).unwrap();
    let in_order: Vec<&str> = list
        .groups()
        .iter()
        .flat_map(|group| list.members(group).map(|(_, server)| &*server.id))
        .collect();
    assert_eq!(in_order, ["first", "last", "garbage"]);
}

#[test]
fn a_capacity_that_is_unknown_is_the_weight_times_the_median_of_its_group() {
    for garbage in no_counts() {
        let mut unknown = entry("d", json!({ "weight": 2 }));
        if let Some(garbage) = garbage.clone() {
            unknown["capacity"] = garbage;
        }
        let document = json!([
            entry("a", json!({ "capacity": 100 })),
            entry("b", json!({ "capacity": 400, "weight": 2 })),
            entry("c", json!({ "capacity": 1200, "weight": 3 })),
            unknown,
            entry("none", json!({ "capacity": 0 })),
            entry("elsewhere", json!({ "capacity": 9000, "priority": 1 })),
        ]);
        let (list, _) = read(&document).unwrap();
        // The median of 100, 200 and 400 is 200.
        assert_near(&[list.find("d").unwrap().capacity], &[400.0]);
        assert!(!list.groups()[0].uncapped, "{garbage:?}");
    }
    let document = json!([
        entry("a", json!({ "capacity": 100 })),
        entry("b", json!({ "capacity": 300 })),
        entry("c", json!({})),
    ]);
    let (list, _) = read(&document).unwrap();
    // Of an even number, the mean of the middle two.
    assert_near(&[list.find("c").unwrap().capacity], &[200.0]);
}

#[test]
fn a_group_in_which_nobody_has_a_capacity_goes_by_weight_and_is_never_full() {
    let document = json!([
        entry("a", json!({ "users": 30 })),
        entry("b", json!({ "users": 90, "weight": 3 })),
        entry("capped", json!({ "capacity": 10, "priority": 1 })),
    ]);
    let (list, _) = read(&document).unwrap();
    // 120 users at weight 4 are 30 at weight 1, and these are taken to be six tenths of what it can serve.
    assert_near(
        &[list.servers()[0].capacity, list.servers()[1].capacity],
        &[50.0, 150.0],
    );
    assert!(list.groups()[0].uncapped && !list.groups()[1].uncapped);

    // An empty group counts as if it had one user at each unit of weight.
    let (list, _) = read(&json!([entry("a", json!({ "weight": 3 }))])).unwrap();
    assert_near(&[list.servers()[0].capacity], &[5.0]);
}

#[test]
fn a_weight_that_is_garbage_is_one() {
    for garbage in no_counts() {
        assert_eq!(alone("weight", garbage.clone()).weight, 1.0, "{garbage:?}");
    }
    assert_eq!(alone("weight", Some(json!(0.25))).weight, 0.25);
}

#[test]
fn a_connect_rate_that_is_garbage_is_assumed_from_the_capacity() {
    for garbage in no_counts().into_iter().chain([Some(json!(0))]) {
        for (capacity, rate) in [(10.0, 100.0), (10_000.0, 100.0), (15_000.0, 150.0), (50_000.0, 200.0)] {
            let mut one = server("a", 0.0, capacity);
            if let Some(garbage) = garbage.clone() {
                one["connectRate"] = garbage;
            }
            let (list, _) = read(&json!([one])).unwrap();
            assert_near(&[list.servers()[0].handshakes_per_second], &[rate]);
        }
    }
    // Four fifths of what is given are planned with.
    assert_near(
        &[alone("connectRate", Some(json!(250))).handshakes_per_second],
        &[200.0],
    );
    assert_near(&[alone("connectRate", Some(json!(5))).handshakes_per_second], &[4.0]);
}

#[test]
fn without_a_version_every_change_of_the_servers_makes_another_one() {
    let version = |servers: Value| read(&json!({ "servers": servers })).unwrap().0.version;
    let original = version(json!([server("a", 1.0, 10.0), server("b", 1.0, 10.0)]));
    assert_eq!(
        original,
        version(json!([server("a", 1.0, 10.0), server("b", 1.0, 10.0)]))
    );
    let mut seen = vec![original];
    for (field, value) in [
        ("id", json!("c")),
        ("url", json!("wss://c.example/ws")),
        ("available", json!(false)),
        ("draining", json!(true)),
        ("users", json!(2)),
        ("users", json!(null)),
        ("priority", json!(1)),
        ("capacity", json!(11)),
        ("capacity", json!(null)),
        ("weight", json!(2)),
        ("connectRate", json!(50)),
    ] {
        let mut changed = server("a", 1.0, 10.0);
        changed[field] = value.clone();
        let changed = version(json!([changed, server("b", 1.0, 10.0)]));
        assert!(!seen.contains(&changed), "{field} {value}");
        seen.push(changed);
    }
    let mut gone = server("a", 1.0, 10.0);
    (gone["available"], gone["draining"]) = (json!(false), json!(true));
    for others in [json!([server("a", 1.0, 10.0)]), json!([gone, server("b", 1.0, 10.0)])] {
        assert!(!seen.contains(&version(others.clone())), "{others}");
    }
}

#[test]
fn a_version_that_is_given_stands_for_the_content_and_garbage_does_not() {
    let version = |version: Value, users: f64| {
        let document = json!({ "version": version, "servers": [server("a", users, 10.0)] });
        read(&document).unwrap().0.version
    };
    for given in [json!("42"), json!(42), json!(0.5), json!("")] {
        assert_eq!(version(given.clone(), 1.0), version(given.clone(), 2.0), "{given}");
    }
    assert_ne!(version(json!("42"), 1.0), version(json!("43"), 1.0));
    assert_ne!(version(json!(42), 1.0), version(json!(43), 1.0));
    for garbage in [json!(null), json!(true), json!([42]), json!({})] {
        assert_ne!(
            version(garbage.clone(), 1.0),
            version(garbage.clone(), 2.0),
            "{garbage}"
        );
    }
}

#[test]
fn the_age_in_the_document_and_the_age_in_http_add_up() {
    let age = |value: Option<Value>, http: Option<f64>| {
        let mut document = json!({ "servers": [server("a", 1.0, 10.0)] });
        if let Some(value) = value {
            document["age"] = value;
        }
        let envelope = Envelope {
            age: http.map(secs),
            max_age: None,
            ..Envelope::default()
        };
        read_with(&document, envelope).unwrap().0.age.map(Duration::as_secs)
    };
    assert_eq!(age(Some(json!(0.8)), None), Some(0.8));
    assert_eq!(age(Some(json!(0)), None), Some(0.0));
    assert_eq!(age(Some(json!(0.5)), Some(12.0)), Some(12.5));
    for garbage in no_counts() {
        assert_eq!(age(garbage.clone(), None), None, "{garbage:?}");
    }
}

#[test]
fn the_ttl_is_the_documents_else_max_age_else_ten_seconds_and_from_a_second_to_an_hour() {
    let ttl = |value: Option<Value>, max_age: Option<f64>| {
        let mut document = json!({ "servers": [server("a", 1.0, 10.0)] });
        if let Some(value) = value {
            document["ttl"] = value;
        }
        let envelope = Envelope {
            age: None,
            max_age: max_age.map(secs),
            ..Envelope::default()
        };
        read_with(&document, envelope).unwrap().0.ttl.as_secs()
    };
    assert_eq!(ttl(Some(json!(5)), Some(30.0)), 5.0);
    assert_eq!(ttl(Some(json!(0.2)), None), 1.0);
    assert_eq!(ttl(Some(json!(0)), Some(30.0)), 1.0);
    assert_eq!(ttl(Some(json!(1e6)), None), 3_600.0);
    for garbage in no_counts() {
        assert_eq!(ttl(garbage.clone(), Some(30.0)), 30.0, "{garbage:?}");
        assert_eq!(ttl(garbage.clone(), None), 10.0, "{garbage:?}");
    }
    assert_eq!(ttl(None, Some(0.0)), 1.0);
    assert_eq!(ttl(None, Some(1e9)), 3_600.0);
}

#[test]
fn retry_after_is_absent_unless_it_is_some_time_and_an_hour_at_most() {
    let retry_after = |value: Option<Value>| {
        let mut document = json!({ "servers": [server("a", 1.0, 10.0)] });
        if let Some(value) = value {
            document["retryAfter"] = value;
        }
        read(&document).unwrap().0.retry_after.map(Duration::as_secs)
    };
    assert_eq!(retry_after(Some(json!(90))), Some(90.0));
    assert_eq!(retry_after(Some(json!(1e9))), Some(3_600.0));
    // Nothing is no time to stay away: the queue stays in force.
    for garbage in no_counts().into_iter().chain([Some(json!(0))]) {
        assert_eq!(retry_after(garbage.clone()), None, "{garbage:?}");
    }
}

#[test]
fn the_promise_of_a_message_every_so_often_is_a_second_at_least_and_garbage_promises_nothing() {
    let heartbeat = |value: Option<Value>| {
        let mut document = json!({ "servers": [server("a", 1.0, 10.0)] });
        if let Some(value) = value {
            document["heartbeat"] = value;
        }
        read(&document).unwrap().0.heartbeat.map(Duration::as_secs)
    };
    assert_eq!(heartbeat(Some(json!(25))), Some(25.0));
    assert_eq!(heartbeat(Some(json!(0.001))), Some(1.0));
    assert_eq!(heartbeat(Some(json!(1e9))), Some(1e9));
    for garbage in no_counts().into_iter().chain([Some(json!(0))]) {
        assert_eq!(heartbeat(garbage.clone()), None, "{garbage:?}");
    }
}

#[test]
fn unknown_fields_change_nothing() {
    let plain = read(&json!({ "servers": [server("a", 1.0, 10.0)] })).unwrap().0;
    let document = json!({
        "colour": "blue",
        "servers": [entry("a", json!({ "users": 1, "capacity": 10, "region": "eu", "Available": false, "__proto__": 1 }))],
    });
    let more = read(&document).unwrap().0;
    assert_eq!(plain.version, more.version);
    assert_eq!(format!("{:?}", plain.servers()), format!("{:?}", more.servers()));
}

#[test]
fn a_bare_array_is_a_list() {
    let (list, dropped) = read(&json!([server("a", 1.0, 10.0), server("b", 1.0, 10.0)])).unwrap();
    assert_eq!(ids(&list), ["a", "b"]);
    assert_eq!((list.age, list.ttl, list.retry_after), (None, secs(10.0), None));
    assert_eq!(dropped, []);
}

#[test]
fn a_document_of_another_shape_is_invalid_and_one_without_usable_servers_is_empty() {
    for document in [
        json!(null),
        json!(true),
        json!(7),
        json!("servers"),
        json!({}),
        json!({ "servers": null }),
        json!({ "servers": {} }),
        json!({ "servers": "a" }),
        json!({ "servers": 3 }),
        json!({ "Servers": [server("a", 1.0, 10.0)] }),
        server("a", 1.0, 10.0),
    ] {
        assert_eq!(read(&document).unwrap_err(), ListError::Invalid, "{document}");
    }
    for document in [
        json!([]),
        json!({ "servers": [] }),
        json!([null, 1, "wss://a.example", [], {}]),
        json!({ "servers": [{ "url": "ftp://a.example" }] }),
    ] {
        let error = read(&document).unwrap_err();
        assert!(matches!(error, ListError::Empty(_)), "{document}: {error:?}");
    }
    let Err(ListError::Empty(dropped)) = read(&json!([null, { "url": "ftp://a.example" }])) else {
        panic!("it has no usable server")
    };
    assert_eq!(reported(&dropped), [(0, "not-an-object"), (1, "url-scheme")]);
}

#[test]
fn one_bad_entry_never_costs_the_good_ones() {
    let document = json!([
        null, entry("a", json!({})), 7, "wss://x.example", [entry("x", json!({}))], true,
        { "url": "gopher://x" }, entry("b", json!({})), entry("a", json!({})), {},
    ]);
    let (list, dropped) = read(&document).unwrap();
    assert_eq!(ids(&list), ["a", "b"]);
    assert_eq!(
        list.servers().iter().map(|server| server.entry).collect::<Vec<_>>(),
        [1, 7]
    );
    let mut reported = reported(&dropped);
    reported.sort_unstable();
    assert_eq!(
        reported,
        [
            (0, "not-an-object"),
            (2, "not-an-object"),
            (3, "not-an-object"),
            (4, "not-an-object"),
            (5, "not-an-object"),
            (6, "url-scheme"),
            (8, "duplicate-id"),
            (9, "url-missing"),
        ]
    );
}

#[test]
fn entries_behind_the_ten_thousandth_are_dropped_and_reported() {
    let servers: Vec<Value> = (0..MAX_SERVERS + 2)
        .map(|n| json!({ "url": format!("wss://{n}.example/") }))
        .collect();
    let (list, dropped) = read(&json!({ "servers": servers })).unwrap();
    assert_eq!(list.servers().len(), 10_000);
    assert_eq!(reported(&dropped), [(10_000, "over-limit"), (10_001, "over-limit")]);
    for (position, server) in list.servers().iter().enumerate() {
        assert_eq!(list.position(server.key), Some(position));
    }
}

#[test]
fn on_a_secure_page_what_is_not_secure_and_on_another_machine_is_dropped() {
    for (url, secure, expected) in [
        ("wss://a.example/", true, Ok("wss://a.example/")),
        ("https://a.example/", true, Ok("wss://a.example/")),
        ("/ws", true, Ok("wss://seed.example/ws")),
        ("ws://a.example/", true, Err("url-insecure")),
        ("ws://a.example/", false, Ok("ws://a.example/")),
        ("http://a.example/", true, Err("url-insecure")),
        ("WS://a.example/", true, Err("url-insecure")),
        // This very machine.
        ("ws://localhost/", true, Ok("ws://localhost/")),
        ("ws://LocalHost:8080/ws", true, Ok("ws://localhost:8080/ws")),
        ("http://localhost:1/", true, Ok("ws://localhost:1/")),
        ("ws://foo.localhost/", true, Ok("ws://foo.localhost/")),
        ("ws://a.b.localhost:1/", true, Ok("ws://a.b.localhost:1/")),
        ("ws://127.0.0.1:9000/", true, Ok("ws://127.0.0.1:9000/")),
        ("ws://127.255.255.254/", true, Ok("ws://127.255.255.254/")),
        ("ws://127.1/", true, Ok("ws://127.0.0.1/")),
        ("ws://0x7f000001/", true, Ok("ws://127.0.0.1/")),
        ("ws://[::1]/", true, Ok("ws://[::1]/")),
        ("ws://[::1]:8080/", true, Ok("ws://[::1]:8080/")),
        ("ws://[0:0:0:0:0:0:0:1]/", true, Ok("ws://[::1]/")),
        // What only looks like it.
        ("ws://127.0.0.1.evil.example/", true, Err("url-insecure")),
        ("ws://127.evil/", true, Err("url-insecure")),
        ("ws://localhost.evil/", true, Err("url-insecure")),
        ("ws://localhost.localhost.evil:80/", true, Err("url-insecure")),
        ("ws://notlocalhost/", true, Err("url-insecure")),
        ("ws://evil.example/localhost", true, Err("url-insecure")),
        ("ws://evil.example/?127.0.0.1", true, Err("url-insecure")),
        ("ws://evil.example/[::1]", true, Err("url-insecure")),
        ("ws://evil.example/@localhost/", true, Err("url-insecure")),
        ("ws://localhost@evil.example/", true, Err("url-insecure")),
        ("ws://127.0.0.1:80@evil.example/", true, Err("url-insecure")),
        ("ws://evil.example\\@localhost/", true, Err("url-insecure")),
        ("ws://128.0.0.1/", true, Err("url-insecure")),
        ("ws://0.0.0.0/", true, Err("url-insecure")),
        ("ws://10.0.0.127/", true, Err("url-insecure")),
        ("ws://127../", true, Err("url-insecure")),
        ("ws://[::2]/", true, Err("url-insecure")),
        ("ws://[1::1]/", true, Err("url-insecure")),
        ("ws://[::1234]/", true, Err("url-insecure")),
    ] {
        let document = json!([{ "id": "one", "url": url }, entry("good", json!({}))]);
        let (list, dropped) = read_with(&document, on_a_page(secure)).unwrap();
        let read = list.find("one").map(|server| &*server.url);
        assert_eq!(read, expected.ok(), "{url}");
        let why = dropped
            .iter()
            .find(|dropped| dropped.index == 0 && dropped.why != DropReason::UrlCredentials);
        assert_eq!(why.map(|dropped| dropped.why.code()), expected.err(), "{url}");
    }
}

#[test]
fn a_user_name_and_a_password_in_a_url_are_cut_out_and_reported() {
    for (url, expected) in [
        ("wss://user:secret@a.example/ws", "wss://a.example/ws"),
        ("wss://secret@a.example/ws", "wss://a.example/ws"),
        ("wss://:secret@a.example/ws", "wss://a.example/ws"),
        ("wss://secret@b@c/", "wss://c/"),
        ("wss://secret@b:c@d@e.example/", "wss://e.example/"),
        ("wss://a.example:443@evil.example/secret", "wss://evil.example/secret"),
        ("wss://user%40:secret%2F@a.example/", "wss://a.example/"),
        (
            "https://user:secret@a.example:8443/x?y=@z",
            "wss://a.example:8443/x?y=@z",
        ),
        ("//user:secret@a.example/", "wss://a.example/"),
        ("wss://user:secret@[::1]:9000/", "wss://[::1]:9000/"),
    ] {
        let (list, dropped) = read(&json!([{ "url": url }])).unwrap();
        let [server] = list.servers() else { panic!("{url}") };
        assert_eq!((&*server.url, &*server.id), (expected, expected), "{url}");
        assert_eq!(reported(&dropped), [(0, "url-credentials")], "{url}");
        let whole = format!("{list:?}");
        assert!(!whole.contains("user:") && !whole.contains("secret@"), "{whole}");
    }
    for url in [
        "wss://a.example/@b",
        "wss://a.example/u:p@b/c",
        "wss://a.example/?q=u:p@b",
        "wss://@a.example/",
    ] {
        let (list, dropped) = read(&json!([{ "url": url }])).unwrap();
        assert_eq!(reported(&dropped), [], "{url}");
        assert_eq!(&*list.servers()[0].url, url.replace("//@", "//"), "{url}");
    }
    // Where a parser should leave them as they are, it is the last of them that counts.
    let hostile = of(Address::Absolute("wss://a@b@c/".into()), Scalar::Absent);
    assert_eq!(&*taken(vec![hostile]).unwrap().0.servers()[0].url, "wss://c/");
    // Without them two entries may turn out to be one.
    let twice = json!([{ "url": "wss://a:1@a.example/" }, { "url": "wss://b:2@a.example/" }]);
    let (list, dropped) = read(&twice).unwrap();
    assert_eq!(ids(&list), ["wss://a.example/"]);
    let reported = reported(&dropped);
    assert_eq!(
        reported,
        [(0, "url-credentials"), (1, "url-credentials"), (1, "duplicate-id")]
    );
}

#[test]
fn no_authority_however_hostile_leaks_credentials_or_passes_for_this_machine() {
    let pieces = [
        "@",
        "@",
        ":",
        "/",
        "\\",
        "?",
        "%40",
        "%2f",
        "[::1]",
        ".",
        "localhost",
        ".localhost",
        "127.0.0.1",
        "127.",
        "evil.example",
        "1",
        "80",
        "user",
        "ä",
        "xn--a",
        " ",
        "\t",
        "",
    ];
    let (mut read_, mut loopback) = (0, 0);
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let mut url = ["ws://", "wss://", "http:", "https:\\\\"][pick(&mut random, 4)].to_owned();
        for _ in 0..=pick(&mut random, 6) {
            url += pieces[pick(&mut random, pieces.len())];
        }
        // What the platform's parser says of it is what the browser would do.
        let base = url::Url::parse("https://seed.example/api/servers.json").unwrap();
        let Ok(mut parsed) = base.join(&url) else { continue };
        let had_credentials = !parsed.username().is_empty() || parsed.password().is_some();
        parsed.set_username("").unwrap();
        parsed.set_password(None).unwrap();
        let is_loopback = match parsed.host().unwrap() {
            url::Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            url::Host::Ipv4(address) => address.is_loopback(),
            url::Host::Ipv6(address) => address.is_loopback(),
        };
        let is_secure = matches!(parsed.scheme(), "wss" | "https");
        let document = json!([{ "id": "one", "url": url }, entry("good", json!({}))]);
        let (list, dropped) = read_with(&document, on_a_page(true)).unwrap();
        let one = list.find("one");
        assert_eq!(
            one.is_some(),
            is_secure || is_loopback,
            "seed {seed}: {url:?} is {parsed}"
        );
        if let Some(one) = one {
            let expected = parsed.as_str().replacen("http", "ws", 1);
            assert_eq!(*one.url, *expected, "seed {seed}: {url:?}");
            let codes: Vec<&str> = dropped.iter().map(|dropped| dropped.why.code()).collect();
            assert_eq!(codes == ["url-credentials"], had_credentials, "seed {seed}: {url:?}");
            read_ += 1;
            loopback += u32::from(is_loopback && had_credentials);
        }
    }
    assert!(read_ > 1_000 && loopback > 100, "{read_}, {loopback}");
}

#[test]
fn what_the_application_does_not_allow_is_dropped_and_reported() {
    let one = |url| of(url, Scalar::Absent);
    let url = || Address::Absolute("wss://a.example/".into());
    let (list, dropped) = taken(vec![one(Address::Forbidden), one(url()), one(Address::Unparsable)]).unwrap();
    assert_eq!(ids(&list), ["wss://a.example/"]);
    assert_eq!(reported(&dropped), [(0, "url-forbidden"), (2, "url-invalid")]);
    let Err(ListError::Empty(dropped)) = taken(vec![one(Address::Forbidden)]) else {
        panic!("nothing was allowed")
    };
    assert_eq!(reported(&dropped), [(0, "url-forbidden")]);
}

#[test]
fn the_applications_rank_replaces_the_priority_or_leaves_a_server_out() {
    for (rank, expected) in [
        (Scalar::Absent, Some(7)),
        (Scalar::Number(0.0), Some(0)),
        (Scalar::Number(3.0), Some(3)),
        (Scalar::Number(255.0), Some(255)),
        (Scalar::Bool(false), None),
        (Scalar::Number(-1.0), Some(PRIORITY_OF_GARBAGE)),
        (Scalar::Number(1.5), Some(PRIORITY_OF_GARBAGE)),
        (Scalar::Number(256.0), Some(PRIORITY_OF_GARBAGE)),
        (Scalar::Number(f64::NAN), Some(PRIORITY_OF_GARBAGE)),
        (Scalar::Number(f64::INFINITY), Some(PRIORITY_OF_GARBAGE)),
        (Scalar::Text("1"), Some(PRIORITY_OF_GARBAGE)),
        (Scalar::Bool(true), Some(PRIORITY_OF_GARBAGE)),
        (Scalar::Nested, Some(PRIORITY_OF_GARBAGE)),
    ] {
        let url = |name: &str| Address::Absolute(format!("wss://{name}.example/").into());
        let (list, dropped) = taken(vec![of(url("a"), rank), of(url("b"), Scalar::Absent)]).unwrap();
        let ranked = list.find("wss://a.example/").map(|server| server.priority);
        assert_eq!(ranked, expected, "{rank:?}");
        assert_eq!(list.find("wss://b.example/").unwrap().priority, 7);
        let out = if expected.is_none() {
            vec![(0, "ranked-out")]
        } else {
            vec![]
        };
        assert_eq!(reported(&dropped), out, "{rank:?}");
    }
}

#[test]
fn every_reason_to_leave_an_entry_out_has_a_code_of_its_own() {
    let mut codes: Vec<&str> = DropReason::ALL.iter().map(|why| why.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), DropReason::ALL.len());
}

#[test]
fn the_members_of_a_group_come_in_order_of_utilisation() {
    let document = json!([
        server("full", 10.0, 10.0),
        server("half", 50.0, 100.0),
        server("empty", 0.0, 1.0),
        server("empty-too", -0.0, 1.0),
        server("also-half", 5.0, 10.0),
    ]);
    let (list, _) = read(&document).unwrap();
    let order: Vec<&str> = list.members(&list.groups()[0]).map(|(_, server)| &*server.id).collect();
    assert_eq!(order, ["empty", "empty-too", "half", "also-half", "full"]);
}

fn on_a_page(secure: bool) -> Envelope {
    Envelope {
        secure,
        ..Envelope::default()
    }
}

/// An entry of priority 7 with this address, ranked so by the application.
fn of<'a>(url: Address<'a>, rank: Scalar<'a>) -> Option<Entry<'a>> {
    Some(Entry {
        url,
        id: Scalar::Absent,
        available: Scalar::Absent,
        users: Scalar::Absent,
        priority: Scalar::Number(7.0),
        capacity: Scalar::Absent,
        weight: Scalar::Absent,
        draining: Scalar::Absent,
        connect_rate: Scalar::Absent,
        rank,
    })
}

/// What is read of a document of these entries, as a driver shows them.
fn taken(entries: Vec<Option<Entry<'_>>>) -> Result<(ServerList, Vec<Dropped>), ListError> {
    let header = Header {
        version: Scalar::Absent,
        age: Scalar::Absent,
        ttl: Scalar::Absent,
        retry_after: Scalar::Absent,
        heartbeat: Scalar::Absent,
    };
    let length = u32::try_from(entries.len()).unwrap();
    evenkeel::list::read::read(header, length, entries.into_iter(), Envelope::default())
}

fn pick(random: &mut Random, of: usize) -> usize {
    (random.between(0.0, of as f64) as usize).min(of - 1)
}
