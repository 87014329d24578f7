//! From `idle` to a connection.

use serde_json::json;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use super::support::*;

/// Those that mostly wait.
pub(crate) fn waiting() -> Vec<Named> {
    named![
        a_server_that_refuses_is_left_for_another,
        a_socket_that_cannot_be_constructed_is_a_failed_attempt,
    ]
}

#[wasm_bindgen_test]
async fn a_client_that_was_not_started_does_nothing() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::idle(json!({ "seeds": [{ "url": fleet.list }] }));
        sleep(0.1).await;
        assert_eq!((client.state(), client.course()), (0, vec![]));
        assert_eq!(client.servers(), json!([]));
        assert_eq!(client.snapshot()["server"], json!(null));
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn opens_a_connection_to_one_of_the_servers_and_says_why() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::of(fleet);
        let opened = client.sees("opened").await;
        let course = [
            "connecting",
            "ask",
            "answer",
            "remember",
            "list",
            "decision",
            "dial",
            "open",
            "opened",
        ];
        assert_eq!(client.course(), course);
        let [list] = &client.all("list")[..] else {
            panic!("one list")
        };
        assert_eq!(
            (&list["servers"], &list["dropped"], &list["seed"]),
            (&json!(5), &json!([]), &json!(0))
        );
        assert_eq!(list["ttl"], 1);

        let [decision] = &client.all("decision")[..] else {
            panic!("one decision")
        };
        let id = &decision["server"]["id"];
        assert_eq!(
            (&decision["group"], &decision["reason"]),
            (&json!(0), &json!("preferred"))
        );
        let ids: Vec<_> = fleet.servers.iter().map(|server| &server["id"]).collect();
        let probabilities = decision["probabilities"].as_array().expect("a list");
        assert_eq!(probabilities.iter().map(|one| &one["id"]).collect::<Vec<_>>(), ids);
        let own = probabilities
            .iter()
            .find(|one| one["id"] == *id)
            .expect("the chosen one");
        assert_eq!(own["probability"], decision["probability"]);
        assert!((total_probability(&decision["probabilities"]) - 1.0).abs() < 1e-9);

        let chosen = fleet
            .servers
            .iter()
            .find(|server| server["id"] == *id)
            .expect("one of the fleet's");
        assert_eq!(client.all("dial")[0]["url"], chosen["url"]);
        assert_eq!((&opened["url"], &opened["readyState"]), (&chosen["url"], &json!(1)));
        assert_eq!(opened["server"], decision["server"]);
        assert_eq!(fleet.server(&text(id)).await["connections"], 1);
        assert_eq!(fleet.connections().await, 1);
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn messages_pass_through_the_socket_that_the_face_got() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::with(fleet, json!({ "protocols": ["chat.v1", "chat.v0"] }));
        assert_eq!(client.sees("opened").await["protocol"], "chat.v1");
        client.send("grüß 🚢");
        client.send(js_sys::Uint8Array::from(&[0u8, 255, 7][..]));
        client.send("");
        client.sees_nth("message", 3).await;
        let [text, bytes, empty] = &client.all("message")[..] else {
            panic!("three echoes")
        };
        assert_eq!((&text["text"], &empty["text"]), (&json!("grüß 🚢"), &json!("")));
        assert_eq!(bytes["bytes"], json!([0, 255, 7]));
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn garbage_in_a_list_is_reported_and_what_is_unknown_arrives_with_the_server() {
    with_fleet(5.0, json!([{ "id": "well" }]), async |fleet| {
        let good = json!({
            "url": fleet.servers[0]["url"], "id": "well", "available": 1, "users": "many", "priority": 7, "weight": null,
            "region": "eu", "labels": { "tier": ["a", 1, true, null] },
        });
        let document = json!({
            "version": "v7",
            "servers": [null, "x", {}, { "url": 5 }, { "url": "http://[" }, { "url": "ftp://x/" }, good, good, []],
        });
        let client = Client::with(fleet, json!({ "seeds": [{ "documents": [document] }] }));
        let server = client.sees("opened").await["server"].clone();
        let list = &client.all("list")[0];
        assert_eq!((&list["version"], &list["servers"]), (&json!("v7"), &json!(1)));
        let mut dropped: Vec<_> = list["dropped"].as_array().expect("a list").clone();
        dropped.sort_by_key(|one| one["index"].as_u64());
        let expected = [
            (0, "not-an-object"),
            (1, "not-an-object"),
            (2, "url-missing"),
            (3, "url-missing"),
            (4, "url-invalid"),
            (5, "url-scheme"),
            (7, "duplicate-id"),
            (8, "not-an-object"),
        ];
        assert_eq!(dropped, expected.map(|(index, code)| json!({ "index": index, "code": code })));
        assert_eq!((&server["region"], &server["labels"]), (&good["region"], &good["labels"]));
        let known = ["available", "draining", "users", "priority", "weight"].map(|name| &server[name]);
        assert_eq!(json!(known), json!([true, false, 0, 7, 1]));
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_fixed_list_needs_no_seed_and_its_urls_may_be_relative() {
    with_fleet(5.0, json!([{ "id": "well" }]), async |fleet| {
        let base = text(&fleet.servers[0]["url"]).replace("ws:", "http:");
        let fixed = json!([{ "url": "socket?room=1", "id": "here" }]);
        let client = Client::idle(json!({ "bases": [base], "fixed": fixed }));
        client.start();
        assert_eq!(client.all("list")[0]["servers"], 1);
        assert_eq!(client.servers()[0]["id"], "here");
        assert_eq!(client.opens().await, "here");
        let url = text(&client.all("dial")[0]["url"]);
        assert!(url.starts_with("ws://") && url.ends_with("/socket?room=1"), "{url}");
        assert_eq!(client.count("ask"), 0);
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
fn a_fixed_list_that_cannot_be_used_is_told_by_its_code() {
    for (fixed, code) in [
        (json!({}), "list-invalid"),
        (json!([]), "list-empty"),
        (json!(5), "list-invalid"),
    ] {
        let client = Client::idle(json!({ "bases": [""], "fixed": fixed }));
        assert_eq!(client.try_start(), Err(code.to_owned()), "{fixed}");
        client.free();
    }
}

#[wasm_bindgen_test]
async fn a_server_that_never_answers_is_given_up_for_another() {
    with_fleet(8.0, lure(json!({ "handshake": "hang" })), async |fleet| {
        let client = Client::with(fleet, json!({ "connectTimeout": 400 }));
        let closed = client.sees("closed").await;
        let dials = client.all("dial");
        assert_eq!(dials[0]["server"]["id"], "lure");
        let waited = between(&dials[0], &closed);
        assert!((390.0..900.0).contains(&waited), "{waited} ms");
        assert_eq!(
            (&closed["code"], &closed["wasClean"], &closed["final"]),
            (&json!(1006), &json!(false), &json!(false))
        );
        assert_eq!(closed["errored"], true);
        assert_eq!(client.sees("retry").await["cause"], "overload");
        assert_eq!(client.opens().await, "well");
        assert_eq!(client.count("dial"), 2);
        console_log!(
            "open elsewhere after {:.0} ms",
            between(&closed, &client.all("opened")[0])
        );
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_server_that_refuses_is_left_for_another() {
    with_fleet(8.0, lure(json!({ "handshake": "refuse" })), async |fleet| {
        let client = Client::of(fleet);
        let closed = client.sees("closed").await;
        assert_eq!(
            (&closed["code"], &closed["wasClean"], &closed["errored"]),
            (&json!(1006), &json!(false), &json!(true))
        );
        let retry = client.sees("retry").await;
        assert_eq!((&retry["cause"], &retry["attempt"]), (&json!("refused"), &json!(1)));
        assert_eq!(client.opens().await, "well");
        let ids: Vec<_> = client
            .all("dial")
            .iter()
            .map(|dial| text(&dial["server"]["id"]))
            .collect();
        assert_eq!(ids, ["lure", "well"]);
        let refused = client
            .servers()
            .as_array()
            .and_then(|servers| Some(servers.first()?["excluded"].clone()));
        assert_eq!(refused, Some(json!("ejected")));
        console_log!(
            "open elsewhere after {:.0} ms",
            between(&closed, &client.all("opened")[0])
        );
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_socket_that_cannot_be_constructed_is_a_failed_attempt() {
    with_fleet(5.0, two_groups(), async |fleet| {
        // The constructor throws a SyntaxError for repeated protocols.
        let client = Client::with(fleet, json!({ "protocols": ["chat.v1", "chat.v1"] }));
        let closed = client.sees("closed").await;
        assert_eq!((&closed["code"], &closed["final"]), (&json!(1006), &json!(false)));
        assert_eq!(client.sees("retry").await["cause"], "refused");
        sleep(0.5).await;
        assert!(client.count("dial") <= 5, "it spins: {:?}", client.course());
        client.ends().await;
        client.free();
    })
    .await;
}
