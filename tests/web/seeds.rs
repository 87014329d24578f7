//! Seeds that do not do what they should.

use serde_json::json;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use super::support::*;

/// Those that mostly wait.
pub(crate) fn waiting() -> Vec<Named> {
    named![
        a_seed_that_asks_to_be_left_alone_is_left_alone_for_so_long,
        a_seed_that_was_down_at_the_start_is_asked_until_it_answers,
        a_seed_that_hangs_is_given_up_and_its_late_answer_ignored,
        a_seed_that_hangs_gets_company_by_one_that_answers,
        a_seed_that_wants_other_credentials_is_asked_at_once_and_one_that_forbids_is_not,
        a_seed_may_send_its_clients_to_another_one,
        what_an_aborted_request_fails_with_is_not_told_of_the_next_one,
        a_list_taken_before_the_one_in_force_is_ignored,
        behind_a_captive_portal_no_server_is_to_blame,
    ]
}

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

async fn a_seed_that_hangs_gets_company_by_one_that_answers() {
    let servers =
        json!([{ "id": "deaf", "behaviour": { "handshake": "hang", "listing": "absent" } }, { "id": "well" }]);
    with_fleet(8.0, servers, async |fleet| {
        let hanging = text(&fleet.servers[0]["url"]).replace("ws:", "http:");
        let seeds = json!([{ "url": hanging }, { "url": fleet.list }]);
        let client = Client::with(fleet, json!({ "seeds": seeds, "seedTimeout": 5000 }));
        let opened = client.sees("opened").await;
        let asks = client.all("ask");
        let took = between(&asks[0], &opened);
        console_log!("open {took:.0} ms after a seed was asked that hangs");
        assert!((2_000.0..=2_500.0).contains(&took), "{took} ms");
        assert_eq!((asks.len(), &client.all("list")[0]["seed"]), (2, &json!(1)));
        // The other one is not waited for, nor asked first next time.
        assert_eq!((client.count("abort"), client.count("retry")), (1, 0));
        client.refresh();
        client.sees_nth("answer", 2).await;
        assert_eq!(client.all("ask")[2]["seed"], 1);
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_seed_that_wants_other_credentials_is_asked_at_once_and_one_that_forbids_is_not() {
    with_fleet(8.0, two_groups(), async |fleet| {
        for (status, cause, at_once) in [(401, "seed-expired", true), (403, "seed-forbidden", false)] {
            fleet.tell_list(json!({ "mode": "fail", "status": status })).await;
            let client = Client::with(fleet, json!({}));
            client.sees_nth("retry", 2).await;
            let retries = client.all("retry");
            let told = ["cause", "code"].map(|name| &retries[0][name]);
            assert_eq!(json!(told), json!([cause, cause]));
            assert_eq!(retries[0]["delay"] == 0, at_once, "{status}");
            assert!(number(&retries[1]["delay"]) > 0.0, "nobody insists");
            fleet.tell_list(json!({ "mode": "ok" })).await;
            client.opens().await;
            client.ends().await;
            client.free();
        }
    })
    .await;
}

async fn a_seed_may_send_its_clients_to_another_one() {
    with_fleet(5.0, json!([{ "id": "here" }]), async |fleet| {
        let elsewhere = Fleet::of(json!([{ "id": "there" }])).await;
        fleet.tell_list(json!({ "redirect": elsewhere.list })).await;
        let client = Client::of(fleet);
        assert_eq!(client.opens().await, "there");
        assert_eq!(client.all("remember")[0]["base"], elsewhere.list);
        client.ends().await;
        client.free();
        elsewhere.remove().await;
    })
    .await;
}

async fn behind_a_captive_portal_no_server_is_to_blame() {
    with_fleet(10.0, json!([{ "id": "a" }, { "id": "b" }]), async |fleet| {
        let client = Client::with(fleet, json!({ "minUptime": 30_000 }));
        let nobody_is_ejected = || {
            for server in client.servers().as_array().expect("a list") {
                let told = (&server["health"]["ejections"], &server["health"]["ejectedFor"]);
                assert_eq!(told, (&json!(0), &json!(0)), "{:?}", client.course());
            }
        };
        let server = client.opens().await;
        fleet.tell_list(json!({ "mode": "html" })).await;
        client.refresh();
        client.sees("retry").await;
        assert_eq!(client.state(), OPEN, "the last list serves on");
        // The servers are fine; only, the connections do not last.
        fleet.close(&server, 4000, "").await;
        let elsewhere = text(&client.sees_nth("opened", 2).await["server"]["id"]);
        assert_ne!(elsewhere, server);
        nobody_is_ejected();
        // And the portal takes all that is new.
        fleet.tell_group(0, json!({ "handshake": "refuse" })).await;
        fleet.close(&elsewhere, 4000, "").await;
        client.sees_nth("closed", 3).await;
        nobody_is_ejected();
        fleet.tell_group(0, json!({ "handshake": "accept" })).await;
        fleet.tell_list(json!({ "mode": "ok" })).await;
        let opened = client.sees_nth("opened", 2).await;
        console_log!(
            "back {:.0} ms after the third failure",
            between(&client.all("closed")[2], &opened)
        );
        client.ends().await;
        client.free();
    })
    .await;
}
