//! The end, on the application's word.

use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;

use super::support::*;

/// As the standard has it for a connection that does not stand.
fn assert_abnormal_end(client: &Client, closed: &Value) {
    let told = ["code", "reason", "wasClean", "errored", "final"].map(|name| &closed[name]);
    assert_eq!(
        json!(told),
        json!([1006, "", false, true, true]),
        "{:?}",
        client.course()
    );
}

#[wasm_bindgen_test]
async fn closing_before_the_start_ends_it_in_a_later_task() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::idle(json!({ "seeds": [{ "url": fleet.list }] }));
        client.close(Some(1000), "");
        assert_eq!((client.state(), client.count("closed")), (CLOSING, 0));
        assert_abnormal_end(&client, &client.sees("closed").await);
        assert_eq!(client.state(), CLOSED);
        client.start();
        client.reconnect();
        sleep(0.05).await;
        assert_eq!(
            client.course(),
            ["closing", "closed", "closed"],
            "the state, then the event"
        );
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn closing_while_a_seed_is_asked_aborts_the_request() {
    with_fleet(5.0, two_groups(), async |fleet| {
        fleet.tell_list(json!({ "mode": "hang" })).await;
        let client = Client::of(fleet);
        sleep(0.05).await;
        client.close(None, "");
        assert_eq!((client.count("abort"), client.count("closed")), (1, 0));
        assert_abnormal_end(&client, &client.sees("closed").await);
        client.sees("no answer").await;
        sleep(0.05).await;
        assert_eq!(
            (client.state(), client.count("closed"), client.count("retry")),
            (CLOSED, 1, 0)
        );
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_seed_that_answers_after_the_end_changes_nothing() {
    with_fleet(5.0, two_groups(), async |fleet| {
        fleet.tell_list(json!({ "delay": 200 })).await;
        let client = Client::with(fleet, json!({ "seeds": [{ "url": fleet.list, "deaf": true }] }));
        client.close(None, "");
        client.sees("closed").await;
        client.sees("answer").await;
        sleep(0.05).await;
        assert_eq!(
            (client.count("list"), client.count("dial"), client.state()),
            (0, 0, CLOSED)
        );
        assert_eq!(client.course().last().map(String::as_str), Some("answer"));
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn closing_while_a_socket_connects_abandons_it() {
    with_fleet(5.0, lure(json!({ "handshake": "hang" })), async |fleet| {
        let client = Client::of(fleet);
        client.sees("dial").await;
        sleep(0.05).await;
        client.close(Some(4000), "never mind");
        assert_eq!((client.state(), client.count("closed")), (CLOSING, 0));
        assert_abnormal_end(&client, &client.sees("closed").await);
        // It would have opened now.
        fleet.tell("lure", json!({ "handshake": "accept" })).await;
        sleep(0.1).await;
        assert_eq!(
            (
                client.count("opened"),
                client.count("closed"),
                fleet.connections().await
            ),
            (0, 1, 0)
        );
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn closing_while_it_waits_ends_the_wait() {
    with_fleet(8.0, json!([{ "id": "only" }]), async |fleet| {
        let client = Client::of(fleet);
        client.opens().await;
        fleet.tell("only", json!({ "alive": false })).await;
        client.sees("retry").await;
        client.close(None, "");
        assert_eq!(client.state(), CLOSING);
        assert_abnormal_end(&client, &client.sees_nth("closed", 2).await);
        assert_eq!(timers_set(), 0);
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn closing_a_connection_takes_code_and_reason_to_the_server_and_back() {
    with_fleet(5.0, two_groups(), async |fleet| {
        for (code, reason, came_back) in [
            (Some(4002), "enough, grüß", 4002),
            (Some(1000), "", 1000),
            (None, "", 1005),
        ] {
            let client = Client::of(fleet);
            client.opens().await;
            client.close(code, reason);
            client.close(Some(4999), "again");
            assert_eq!((client.state(), client.count("closed")), (CLOSING, 0));
            let closed = client.sees("closed").await;
            let told = ["code", "reason", "wasClean", "errored", "final"].map(|name| &closed[name]);
            assert_eq!(json!(told), json!([came_back, reason, true, false, true]));
            fleet.has_connections(0).await;
            client.close(None, "");
            assert_eq!((client.state(), client.count("closed")), (CLOSED, 1));
            client.free();
        }
    })
    .await;
}

#[wasm_bindgen_test]
async fn closing_a_connection_to_a_frozen_server_takes_no_longer_than_the_timeout() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::with(fleet, json!({ "closeTimeout": 300 }));
        let server = client.opens().await;
        fleet.tell(&server, json!({ "frozen": true })).await;
        client.close(Some(1000), "bye");
        let closed = client.sees("closed").await;
        assert_abnormal_end(&client, &closed);
        let closing = client
            .all("state")
            .into_iter()
            .find(|record| record["state"] == "closing");
        let waited = between(&closing.expect("it was closing"), &closed);
        assert!((290.0..800.0).contains(&waited), "{waited} ms");
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn an_application_may_close_in_every_listener() {
    with_fleet(10.0, lure(json!({ "handshake": "refuse" })), async |fleet| {
        let cues = [
            "connecting",
            "ask",
            "answer",
            "list",
            "decision",
            "dial",
            "closed",
            "retry",
            "open",
            "opened",
        ];
        for cue in cues {
            let client = Client::with(fleet, json!({ "on": { cue: "close" } }));
            until(async || client.state() == CLOSED).await;
            let closed = client.all("closed");
            let ends = closed.iter().filter(|closed| closed["final"] == true).count();
            assert_eq!(
                (ends, closed.last().map(|closed| &closed["final"])),
                (1, Some(&json!(true))),
                "closing at {cue}"
            );
            fleet.has_connections(0).await;
            assert_eq!(timers_set(), 0, "closing at {cue}");
            client.free();
        }
    })
    .await;
}
