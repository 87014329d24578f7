//! Connections whose peer is gone without a word.

use serde_json::{Value, json};
use wasm_bindgen_test::console_log;

use super::support::*;

/// Of the heartbeat, in milliseconds.
const INTERVAL: f64 = 300.0;
const TIMEOUT: f64 = 200.0;
/// How long silence is borne where the list promises something every second.
const PROMISED: f64 = 2_500.0;
/// What a busy machine may take on top.
const SLACK: f64 = 400.0;

/// Those that mostly wait.
pub(crate) fn waiting() -> Vec<Named> {
    named![
        a_frozen_server_is_noticed_in_time_and_what_it_says_after_thawing_is_not_heard,
        a_connection_whose_bytes_are_swallowed_is_noticed_in_time_and_its_reset_is_not_heard,
        a_server_that_breaks_the_lists_promise_to_speak_is_left,
        silence_is_borne_for_as_long_as_the_application_says,
        answers_to_pings_keep_a_connection,
        any_message_is_as_good_as_an_answer,
    ]
}

fn with_heartbeat() -> Value {
    json!({ "heartbeat": { "interval": INTERVAL, "timeout": TIMEOUT } })
}

/// Two servers that send something all the time.
fn talkative() -> Value {
    json!([{ "id": "a", "behaviour": { "feed": 50 } }, { "id": "b", "behaviour": { "feed": 50 } }])
}

/// Shows that the connection to this server was given up so many milliseconds after `since`, and another one opened.
async fn noticed(client: &Client, server: &str, since: f64, within: f64) {
    let closed = client.sees("closed").await;
    let told = ["code", "wasClean", "errored", "final"].map(|name| &closed[name]);
    assert_eq!(json!(told), json!([1006, false, true, false]));
    let took = number(&closed["at"]) - since;
    assert!(took <= within + SLACK, "noticed after {took} ms");
    assert_eq!(client.sees("retry").await["cause"], "crash");
    let opened = client.sees_nth("opened", 2).await;
    assert_ne!(opened["server"]["id"], server);
    console_log!(
        "noticed after {took:.0} ms of {within}, open elsewhere {:.0} ms later",
        between(&closed, &opened)
    );
}

/// Waits for the end of the first socket, and shows that nobody has heard of it any more, nor of anything before.
async fn stays_dead(client: &Client, server: &str) {
    let closed = client.sees("closed").await;
    client.socket_closes(1).await;
    let heard_of = |record: &Value| record["server"] == server && between(&closed, record) > 0.0;
    assert!(!client.all("message").iter().any(heard_of), "{:?}", client.course());
    assert_eq!((client.count("closed"), client.state()), (1, OPEN));
    client.ends().await;
}

async fn a_frozen_server_is_noticed_in_time_and_what_it_says_after_thawing_is_not_heard() {
    with_fleet(8.0, talkative(), async |fleet| {
        let client = Client::with(fleet, with_heartbeat());
        let server = client.opens().await;
        client.sees_nth("message", 3).await;
        sleep(STABLE).await;
        let since = client.now();
        fleet.tell(&server, json!({ "frozen": true })).await;
        noticed(&client, &server, since, INTERVAL + TIMEOUT).await;
        let until_then = client.now();
        fleet.tell(&server, json!({ "frozen": false })).await;
        stays_dead(&client, &server).await;
        let thawed = client.events(1).iter().any(|event| number(&event["at"]) > until_then);
        assert!(thawed, "it said nothing more: {:?}", client.events(1));
        fleet.has_connections(0).await;
        client.free();
    })
    .await;
}

async fn a_connection_whose_bytes_are_swallowed_is_noticed_in_time_and_its_reset_is_not_heard() {
    with_fleet(8.0, talkative(), async |fleet| {
        let client = Client::with(fleet, with_heartbeat());
        let server = client.opens().await;
        sleep(STABLE).await;
        let since = client.now();
        fleet.tell(&server, json!({ "blackhole": true })).await;
        noticed(&client, &server, since, INTERVAL + TIMEOUT).await;
        assert_eq!(
            fleet.server(&server).await["connections"],
            1,
            "the end was swallowed, too"
        );
        fleet.tell(&server, json!({ "blackhole": false })).await;
        stays_dead(&client, &server).await;
        fleet.has_connections(0).await;
        client.free();
    })
    .await;
}

async fn a_server_that_breaks_the_lists_promise_to_speak_is_left() {
    with_fleet(8.0, talkative(), async |fleet| {
        fleet.tell_list(json!({ "heartbeat": 1 })).await;
        let client = Client::of(fleet);
        let server = client.opens().await;
        sleep(STABLE).await;
        let since = client.now();
        fleet.tell(&server, json!({ "feed": null })).await;
        noticed(&client, &server, since, PROMISED).await;
        stays_dead(&client, &server).await;
        fleet.has_connections(0).await;
        client.free();
    })
    .await;
}

async fn silence_is_borne_for_as_long_as_the_application_says() {
    with_fleet(8.0, talkative(), async |fleet| {
        let client = Client::with(fleet, json!({ "silenceTimeout": 500 }));
        let server = client.opens().await;
        sleep(0.8).await;
        assert_eq!(client.count("closed"), 0, "it has spoken");
        let since = client.now();
        fleet.tell(&server, json!({ "feed": null })).await;
        noticed(&client, &server, since, 500.0).await;
        assert!(
            number(&client.all("closed")[0]["at"]) - since > 440.0,
            "it was silent for less"
        );
        client.ends().await;
        client.free();
    })
    .await;
}

async fn answers_to_pings_keep_a_connection() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::with(fleet, with_heartbeat());
        client.opens().await;
        client.sees_nth("message", 4).await;
        let beats = client.all("beat");
        let first = between(&client.all("opened")[0], &beats[0]);
        let spans = beats.windows(2).map(|pair| between(&pair[0], &pair[1]));
        for span in spans.chain([first]) {
            assert!((INTERVAL - 20.0..INTERVAL + SLACK).contains(&span), "{beats:?}");
        }
        assert_eq!((client.count("closed"), client.count("message")), (0, beats.len()));
        client.ends().await;
        assert_eq!(client.count("beat"), beats.len());
        client.free();
    })
    .await;
}

async fn any_message_is_as_good_as_an_answer() {
    let far_away = json!([{ "behaviour": { "feed": 50, "latency": 250 } }]);
    with_fleet(8.0, far_away, async |fleet| {
        let client = Client::with(fleet, with_heartbeat());
        client.sees_nth("beat", 3).await;
        sleep(TIMEOUT * 1.5 / 1000.0).await;
        let pings = client
            .all("message")
            .into_iter()
            .filter(|message| message["text"] == "ping");
        assert!(pings.count() < client.count("beat"), "an answer takes half a second");
        assert_eq!(client.count("closed"), 0);
        client.ends().await;
        client.free();
    })
    .await;
}
