//! Seeds that do not do what they should.

use serde_json::json;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use super::support::*;

#[wasm_bindgen_test]
async fn every_trouble_with_a_seed_is_told_by_its_cause_and_its_code() {
    with_fleet(
        8.0,
        json!([{ "id": "dead", "behaviour": { "alive": false } }]),
        async |fleet| {
            let list = &fleet.list;
            let refusing = text(&fleet.servers[0]["url"]).replace("ws:", "http:");
            for (fault, url, cause, code) in [
                (json!({ "mode": "html" }), list, "seed-bad-list", "list-not-json"),
                (json!({ "mode": "garbage" }), list, "seed-bad-list", "list-not-json"),
                (json!({ "mode": "empty" }), list, "seed-bad-list", "list-empty"),
                (
                    json!({ "mode": "fail", "status": 500 }),
                    list,
                    "seed-status",
                    "seed-status",
                ),
                (
                    json!({ "mode": "fail", "status": 404 }),
                    list,
                    "seed-status",
                    "seed-status",
                ),
                (
                    json!({ "mode": "fail", "status": 429 }),
                    list,
                    "seed-overloaded",
                    "seed-overloaded",
                ),
                (
                    json!({ "mode": "ok" }),
                    &refusing,
                    "seed-unreachable",
                    "seed-unreachable",
                ),
            ] {
                fleet.tell_list(fault.clone()).await;
                let client = Client::with(fleet, json!({ "seeds": [{ "url": url }] }));
                let retry = client.sees("retry").await;
                assert_eq!(
                    (&retry["cause"], &retry["code"]),
                    (&json!(cause), &json!(code)),
                    "{fault} {url}"
                );
                assert_eq!((client.count("list"), client.count("dial")), (0, 0), "{fault} {url}");
                client.ends().await;
                client.free();
            }
        },
    )
    .await;
}

#[wasm_bindgen_test]
async fn a_seed_that_asks_to_be_left_alone_is_left_alone_for_so_long() {
    with_fleet(6.0, two_groups(), async |fleet| {
        fleet
            .tell_list(json!({ "mode": "fail", "status": 503, "retryAfter": 1 }))
            .await;
        let client = Client::of(fleet);
        let retry = client.sees("retry").await;
        assert!((1000.0..=1500.0).contains(&number(&retry["delay"])), "{retry}");
        fleet.tell_list(json!({ "mode": "ok" })).await;
        client.opens().await;
        let asks = client.all("ask");
        assert_eq!(asks.len(), 2);
        let waited = between(&asks[0], &asks[1]);
        assert!((1000.0..2000.0).contains(&waited), "{waited} ms");
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_seed_that_was_down_at_the_start_is_asked_until_it_answers() {
    with_fleet(10.0, two_groups(), async |fleet| {
        fleet.tell_list(json!({ "mode": "html" })).await;
        let client = Client::of(fleet);
        sleep(1.5).await;
        let asked = client.count("ask");
        assert!((2..=8).contains(&asked), "{:?}", client.course());
        fleet.tell_list(json!({ "mode": "ok" })).await;
        client.opens().await;
        let waits = client.all("retry");
        let attempts: Vec<_> = waits.iter().map(|retry| &retry["attempt"]).collect();
        assert_eq!(
            client.all("closed"),
            [] as [serde_json::Value; 0],
            "no attempt failed: {attempts:?}"
        );
        console_log!("asked {asked} times in 1.5 s without an answer");
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_living_seed_is_asked_at_once_when_the_first_is_dead() {
    with_fleet(
        5.0,
        json!([{ "id": "dead", "behaviour": { "alive": false, "listing": "absent" } }, { "id": "well" }]),
        async |fleet| {
            let refusing = text(&fleet.servers[0]["url"]).replace("ws:", "http:");
            let client = Client::with(fleet, json!({ "seeds": [{ "url": refusing }, { "url": fleet.list }] }));
            until(async || client.count("opened") == 1).await;
            let retry = &client.all("retry")[0];
            assert_eq!(
                (&retry["delay"], &retry["cause"]),
                (&json!(0), &json!("seed-unreachable"))
            );
            assert_eq!(client.all("list")[0]["seed"], 1);
            let asks = client.all("ask");
            assert_eq!((&asks[0]["seed"], &asks[1]["seed"]), (&json!(0), &json!(1)));
            assert_eq!(asks.len(), 2);
            console_log!(
                "open {:.0} ms after the first was asked",
                between(&asks[0], &client.all("opened")[0])
            );
            client.ends().await;
            client.free();
        },
    )
    .await;
}

#[wasm_bindgen_test]
async fn a_seed_that_hangs_is_given_up_and_its_late_answer_ignored() {
    with_fleet(10.0, two_groups(), async |fleet| {
        fleet.tell_list(json!({ "delay": 400 })).await;
        let seeds = json!([{ "url": fleet.list, "deaf": true }]);
        let client = Client::with(fleet, json!({ "seeds": seeds, "seedTimeout": 200 }));
        client.sees_nth("answer", 2).await;
        sleep(0.05).await;
        assert_eq!((client.count("list"), client.count("dial")), (0, 0));
        let (asks, aborts, retries) = (client.all("ask"), client.all("abort"), client.all("retry"));
        let waited = between(&asks[0], &aborts[0]);
        assert!((190.0..600.0).contains(&waited), "{waited} ms");
        for retry in &retries {
            assert_eq!(
                (&retry["cause"], &retry["code"]),
                (&json!("seed-timeout"), &json!("seed-timeout"))
            );
        }
        fleet.tell_list(json!({ "delay": 0 })).await;
        client.opens().await;
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn what_an_aborted_request_fails_with_is_not_told_of_the_next_one() {
    with_fleet(10.0, two_groups(), async |fleet| {
        fleet.tell_list(json!({ "mode": "hang" })).await;
        let client = Client::with(fleet, json!({ "seedTimeout": 150 }));
        client.sees_nth("retry", 3).await;
        assert!(client.count("no answer") >= 2, "{:?}", client.course());
        for retry in client.all("retry") {
            assert_eq!(
                (&retry["cause"], &retry["code"]),
                (&json!("seed-timeout"), &json!("seed-timeout"))
            );
        }
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_list_taken_before_the_one_in_force_is_ignored() {
    with_fleet(10.0, json!([{ "id": "first" }, { "id": "second" }]), async |fleet| {
        let list = |version: &str, age: f64, server: usize| {
            json!({ "version": version, "age": age, "ttl": 1, "servers": [fleet.servers[server]] })
        };
        let documents = [list("new", 0.0, 0), list("old", 3600.0, 1), list("newer", 0.0, 1)];
        let client = Client::with(fleet, json!({ "seeds": [{ "documents": documents }] }));
        assert_eq!(client.opens().await, "first");
        sleep(0.4).await;
        fleet.tell("first", json!({ "alive": false })).await;
        client.sees_nth("answer", 2).await;
        assert_eq!(client.snapshot()["list"]["version"], "new");
        assert_eq!(client.servers()[0]["id"], "first");
        let opened = client.sees_nth("opened", 2).await;
        assert_eq!(opened["server"]["id"], "second");
        let versions: Vec<_> = client.all("list").iter().map(|list| text(&list["version"])).collect();
        assert_eq!(versions, ["new", "newer"]);
        client.ends().await;
        client.free();
    })
    .await;
}
