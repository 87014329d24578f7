//! Lists that do not come from a seed just now: those of an earlier visit, the application's own, and what they give way to.

use serde_json::{Value, json};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use super::support::*;

/// Those that mostly wait.
pub(crate) fn waiting() -> Vec<Named> {
    named![
        a_fresh_list_of_an_earlier_visit_is_used_while_the_seed_is_asked,
        a_stale_list_of_an_earlier_visit_is_used_when_no_seed_answers,
        a_list_of_an_earlier_visit_is_not_used_where_a_seed_answers_or_a_day_later,
        what_is_no_list_of_an_earlier_visit_is_as_good_as_none,
        the_fallback_is_used_until_a_seed_answers,
        refreshing_brings_the_list_of_now,
        a_list_of_the_applications_counts_as_much_as_a_seeds,
        a_list_is_asked_for_every_so_often,
        a_list_leads_only_where_the_application_allows,
        the_applications_ranks_count_for_more_than_the_lists_priorities,
    ]
}

const HOUR: f64 = 3_600_000.0;

/// What a seed gave so many milliseconds ago.
async fn cached(fleet: &Fleet, ago: f64) -> Value {
    json!({ "document": fleet.document().await, "base": fleet.list, "age": null, "maxAge": null, "ago": ago })
}

/// The seeds that gave the lists that were in force, in order; null for those that are from elsewhere.
fn seeds(client: &Client) -> Vec<Value> {
    client.all("list").iter().map(|list| list["seed"].clone()).collect()
}

async fn a_fresh_list_of_an_earlier_visit_is_used_while_the_seed_is_asked() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let setup = json!({ "cached": cached(fleet, 50_000.0).await });
        fleet.tell_list(json!({ "delay": 300 })).await;
        let client = Client::with(fleet, setup);
        let opened = client.sees("opened").await;
        assert_eq!(
            (client.count("ask"), client.count("answer")),
            (1, 0),
            "{:?}",
            client.course()
        );
        assert_eq!((seeds(&client), client.count("remember")), (vec![Value::Null], 0));
        console_log!(
            "open {:.0} ms after the start, without an answer",
            between(&client.all("ask")[0], &opened)
        );
        client.sees("answer").await;
        client.sees_nth("list", 2).await;
        assert_eq!(
            (seeds(&client), client.count("remember")),
            (vec![Value::Null, json!(0)], 1)
        );
        assert_eq!((client.count("dial"), client.state()), (1, OPEN));
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_stale_list_of_an_earlier_visit_is_used_when_no_seed_answers() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let setup = json!({ "cached": cached(fleet, 2.0 * HOUR).await });
        fleet.tell_list(json!({ "mode": "fail", "status": 500 })).await;
        let client = Client::with(fleet, setup);
        client.opens().await;
        let course = client.course();
        let place = |what: &str| course.iter().position(|it| it == what).expect("it has happened");
        assert!(
            place("answer") < place("list") && place("list") < place("dial"),
            "{course:?}"
        );
        assert_eq!(seeds(&client), [Value::Null]);
        assert!(client.all("retry").iter().all(|retry| retry["cause"] == "seed-status"));
        let list = client.snapshot()["list"].clone();
        assert!(
            number(&list["receivedAgo"]) >= 2.0 * HOUR && list["fresh"] == false,
            "{list}"
        );
        // The seed is asked on, and its list is the better one.
        fleet.tell_list(json!({ "mode": "ok" })).await;
        client.sees_nth("list", 2).await;
        assert_eq!(seeds(&client), [Value::Null, json!(0)]);
        assert_eq!(client.count("dial"), 1);
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_list_of_an_earlier_visit_is_not_used_where_a_seed_answers_or_a_day_later() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let stale = Client::with(fleet, json!({ "cached": cached(fleet, 2.0 * HOUR).await }));
        stale.opens().await;
        assert_eq!(seeds(&stale), [json!(0)]);
        stale.ends().await;
        stale.free();

        let old = json!({ "cached": cached(fleet, 25.0 * HOUR).await });
        fleet.tell_list(json!({ "mode": "html" })).await;
        let old = Client::with(fleet, old);
        old.sees_nth("retry", 2).await;
        assert_eq!((old.count("list"), old.count("dial")), (0, 0));
        old.ends().await;
        old.free();
    })
    .await;
}

async fn what_is_no_list_of_an_earlier_visit_is_as_good_as_none() {
    with_fleet(5.0, two_groups(), async |fleet| {
        for garbage in [
            json!({}),
            json!({ "document": "<!doctype html>", "ago": 0 }),
            json!({ "document": { "servers": 5 }, "ago": 0 }),
            json!({ "document": { "servers": [{ "url": 5 }] }, "base": 7, "ago": 0 }),
            // From the future.
            json!({ "document": fleet.document().await, "ago": -HOUR }),
        ] {
            let client = Client::with(fleet, json!({ "cached": garbage }));
            client.opens().await;
            assert_eq!(
                (seeds(&client), client.count("retry")),
                (vec![json!(0)], 0),
                "{garbage}"
            );
            client.ends().await;
            client.free();
        }
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_list_of_an_earlier_visit_whose_age_nobody_knows_is_not_fresh() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let mut undated = cached(fleet, 0.0).await;
        undated["ago"] = json!("yesterday");
        let client = Client::with(fleet, json!({ "cached": undated }));
        client.opens().await;
        assert_eq!(seeds(&client), [json!(0)]);
        client.ends().await;
        client.free();
    })
    .await;
}

async fn the_fallback_is_used_until_a_seed_answers() {
    let servers = json!([{ "id": "listed" }, { "id": "fallback", "behaviour": { "listing": "absent" } }]);
    with_fleet(10.0, servers, async |fleet| {
        fleet.tell_list(json!({ "mode": "fail", "status": 500 })).await;
        let seeds_of_it = json!([{ "url": fleet.list }, { "url": fleet.list }]);
        let fallback = json!([{ "url": fleet.servers[1]["url"], "id": "fallback" }]);
        let client = Client::with(fleet, json!({ "seeds": seeds_of_it, "fallback": fallback }));
        assert_eq!(client.opens().await, "fallback");
        let asked: Vec<_> = client.all("ask").iter().map(|ask| ask["seed"].clone()).collect();
        assert_eq!(asked[..2], [json!(0), json!(1)], "both were asked before");
        assert_eq!((seeds(&client), client.count("remember")), (vec![Value::Null], 0));
        // No seed answers: whoever refuses now may do so because of us.
        fleet.close("fallback", 4000, "").await;
        client.sees_nth("opened", 2).await;
        assert_eq!(client.servers()[0]["health"]["ejections"], 0);

        fleet.tell_list(json!({ "mode": "ok" })).await;
        client.sees_nth("list", 2).await;
        let ids: Vec<_> = client
            .servers()
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| it["id"].clone())
            .collect();
        assert_eq!((ids, client.count("remember")), (vec![json!("listed")], 1));
        assert_eq!(client.state(), OPEN, "nobody is thrown out for it");
        client.reconnect();
        assert_eq!(client.sees_nth("opened", 3).await["server"]["id"], "listed");
        client.ends().await;
        client.free();
    })
    .await;
}

async fn refreshing_brings_the_list_of_now() {
    with_fleet(5.0, json!([{ "id": "only" }]), async |fleet| {
        let client = Client::idle(json!({ "seeds": [{ "url": fleet.list }] }));
        client.refresh();
        assert_eq!(client.count("ask"), 0);
        client.start();
        client.opens().await;
        fleet.tell("only", json!({ "baseUsers": 41 })).await;
        until(async || fleet.server("only").await["listed"]["users"] == 42).await;
        client.refresh();
        client.refresh();
        client.sees_nth("list", 2).await;
        assert_eq!((&client.servers()[0]["users"], client.count("ask")), (&json!(42), 2));
        client.ends().await;
        client.refresh();
        assert_eq!(client.count("ask"), 2);
        client.free();
    })
    .await;
}

async fn a_list_of_the_applications_counts_as_much_as_a_seeds() {
    with_fleet(5.0, json!([{ "id": "a" }, { "id": "b" }]), async |fleet| {
        let only = |index: usize, age: f64| json!({ "age": age, "servers": [fleet.servers[index]] });
        fleet.tell_list(json!({ "mode": "hang" })).await;
        let client = Client::with(fleet, json!({ "seedTimeout": 5000 }));
        client.sees("ask").await;
        client.update(&only(0, 0.0)).expect("a good list");
        assert_eq!(
            (client.opens().await.as_str(), seeds(&client)),
            ("a", vec![Value::Null])
        );

        for (document, code) in [(json!("x"), "list-invalid"), (json!([{}]), "list-empty")] {
            assert_eq!(client.update(&document), Err(code.to_owned()), "{document}");
        }
        // Taken earlier than the one in force.
        client.update(&only(1, 3600.0)).expect("a good list");
        assert_eq!((client.count("list"), &client.servers()[0]["id"]), (1, &json!("a")));
        client.update(&only(1, 0.0)).expect("a good list");
        client.reconnect();
        assert_eq!(client.sees_nth("opened", 2).await["server"]["id"], "b");
        assert_eq!(client.count("remember"), 0);
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_list_is_asked_for_every_so_often() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::with(fleet, json!({ "refreshInterval": 200 }));
        client.opens().await;
        client.sees_nth("list", 5).await;
        let asks = client.all("ask");
        for pair in asks.windows(2) {
            let span = between(&pair[0], &pair[1]);
            assert!((150.0..500.0).contains(&span), "{span} ms");
        }
        assert_eq!((client.count("dial"), client.count("retry")), (1, 0));
        // A seed that fails is told of, and asked on, and costs nothing else.
        fleet.tell_list(json!({ "mode": "html" })).await;
        assert_eq!(client.sees("retry").await["cause"], "seed-bad-list");
        fleet.tell_list(json!({ "mode": "ok" })).await;
        client.sees_nth("list", client.count("list") + 1).await;
        assert_eq!((client.count("dial"), client.count("closed")), (1, 0));
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_list_leads_only_where_the_application_allows() {
    with_fleet(
        5.0,
        json!([{ "id": "strange" }, { "id": "known", "baseUsers": 99 }]),
        async |fleet| {
            let host = text(&fleet.servers[1]["url"]).replace("ws://", "").replace('/', "");
            let client = Client::with(fleet, json!({ "allow": [host] }));
            assert_eq!(client.opens().await, "known");
            assert_eq!(
                client.all("list")[0]["dropped"],
                json!([{ "index": 0, "code": "url-forbidden" }])
            );
            client.ends().await;
            client.free();

            let nowhere = Client::with(fleet, json!({ "allow": [] }));
            let retry = nowhere.sees("retry").await;
            assert_eq!(
                (&retry["cause"], &retry["code"]),
                (&json!("seed-bad-list"), &json!("list-empty"))
            );
            assert_eq!(retry["dropped"].as_array().map(Vec::len), Some(2));
            assert_eq!(nowhere.count("dial"), 0);
            nowhere.ends().await;
            nowhere.free();
        },
    )
    .await;
}

async fn the_applications_ranks_count_for_more_than_the_lists_priorities() {
    let servers = json!([{ "id": "first" }, { "id": "near", "priority": 9 }, { "id": "old", "priority": 1 }]);
    with_fleet(5.0, servers, async |fleet| {
        let ranks = json!({ "first": 5, "near": 0, "old": null });
        let client = Client::with(fleet, json!({ "rank": ranks }));
        assert_eq!(client.opens().await, "near");
        assert_eq!(
            client.all("list")[0]["dropped"],
            json!([{ "index": 2, "code": "ranked-out" }])
        );
        assert_eq!(client.servers()[0]["priority"], 5);
        client.ends().await;
        client.free();
    })
    .await;
}
