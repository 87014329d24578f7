//! What the platform tells of the network and of the page.

use serde_json::{Value, json};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use super::support::*;

/// Those that mostly wait.
pub(crate) fn waiting() -> Vec<Named> {
    named![
        offline_it_waits_for_the_network_and_then_goes_back_to_where_it_was,
        a_server_that_died_while_there_was_no_network_is_left_for_another,
        without_a_network_a_first_attempt_waits_for_it,
        a_connection_that_answers_is_trusted_again,
        a_connection_that_does_not_answer_after_a_sleep_is_given_up_and_nobody_blamed,
        a_connection_that_cannot_be_asked_is_replaced_without_a_gap,
        a_connection_on_which_something_arrives_after_waking_is_kept,
        a_socket_that_ends_while_the_page_is_asleep_was_not_ended_by_its_server,
    ]
}

/// The wait after the network or the page is back, at most, and what a busy machine may take on top; milliseconds.
const SOON: f64 = 1_000.0;
const SLACK: f64 = 500.0;

fn with_heartbeat() -> Value {
    json!({ "heartbeat": { "interval": 60_000, "timeout": 300 } })
}

/// The states that it was in, in order.
fn states(client: &Client) -> Vec<String> {
    client
        .all("state")
        .iter()
        .map(|record| text(&record["state"]))
        .collect()
}

fn assert_nobody_is_blamed(client: &Client) {
    for server in client.servers().as_array().expect("a list") {
        assert_eq!(
            server["health"],
            json!({ "lost": false, "ejectedFor": 0, "ejections": 0 })
        );
    }
}

/// Its server dies while there is no network, as far as it knows.
async fn lost_offline(fleet: &Fleet, client: &Client) -> (String, Value) {
    let server = client.opens().await;
    sleep(STABLE).await;
    happen("offline");
    assert_eq!(client.state(), OPEN, "who says that there is no network may be wrong");
    fleet.tell(&server, json!({ "alive": false })).await;
    let retry = client.sees("retry").await;
    assert_eq!((client.state(), &retry["cause"]), (OFFLINE, &json!("local")));
    let delay = number(&retry["delay"]);
    assert!((29_900.0..=30_000.0).contains(&delay), "it never forbids: {retry}");
    (server, client.sees("closed").await)
}

async fn offline_it_waits_for_the_network_and_then_goes_back_to_where_it_was() {
    with_fleet(8.0, two_groups(), async |fleet| {
        let client = Client::of(fleet);
        let (server, _) = lost_offline(fleet, &client).await;
        fleet.tell(&server, json!({ "alive": true })).await;
        sleep(0.1).await;
        assert_eq!(client.count("dial"), 1);
        let back = client.now();
        happen("online");
        assert_eq!(client.state(), RECONNECTING);
        let opened = client.sees_nth("opened", 2).await;
        let waited = number(&opened["at"]) - back;
        console_log!("back {waited:.0} ms after the network was");
        assert!(waited <= SOON + SLACK, "{waited} ms");
        assert_eq!(opened["server"]["id"], server);
        assert_eq!(client.all("decision")[1]["reason"], "return");
        assert_eq!(
            states(&client),
            ["connecting", "open", "offline", "reconnecting", "open"]
        );
        assert_nobody_is_blamed(&client);
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_server_that_died_while_there_was_no_network_is_left_for_another() {
    with_fleet(10.0, two_groups(), async |fleet| {
        let client = Client::of(fleet);
        let (server, _) = lost_offline(fleet, &client).await;
        until(async || fleet.server(&server).await["listed"]["available"] == false).await;
        let back = client.now();
        happen("online");
        let opened = client.sees_nth("opened", 2).await;
        let waited = number(&opened["at"]) - back;
        console_log!(
            "open elsewhere {waited:.0} ms after the network was back, {} attempts",
            client.count("dial") - 1
        );
        assert_ne!(opened["server"]["id"], server);
        assert!(waited <= SOON + 2.0 * SLACK, "{waited} ms");
        client.ends().await;
        client.free();
    })
    .await;
}

async fn without_a_network_a_first_attempt_waits_for_it() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::of(fleet);
        happen("offline");
        assert_eq!(client.state(), OFFLINE);
        assert_eq!(client.sees("retry").await["cause"], "local");
        sleep(0.1).await;
        assert_eq!((client.count("dial"), client.state()), (0, OFFLINE));
        happen("online");
        client.opens().await;
        assert_eq!(states(&client), ["connecting", "offline", "connecting", "open"]);
        client.ends().await;
        client.free();
    })
    .await;
}

/// What wakes a client, wherever it runs.
const WAKING: [&[&str]; 2] = [&["offline", "online"], &["pagehide", "pageshow"]];

async fn a_connection_that_answers_is_trusted_again() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::with(fleet, with_heartbeat());
        client.opens().await;
        for (index, events) in WAKING.into_iter().enumerate() {
            assert_eq!(client.count("beat"), index);
            events.iter().copied().for_each(happen);
            assert_eq!(client.count("beat"), index + 1, "it asks at once");
            client.sees_nth("message", index + 1).await;
        }
        // Longer than an answer may take.
        sleep(0.4).await;
        let counts = ["dial", "closed", "retry", "beat"].map(|kind| client.count(kind));
        assert_eq!((counts, client.state()), ([1, 0, 0, 2], OPEN));
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_connection_that_does_not_answer_after_a_sleep_is_given_up_and_nobody_blamed() {
    with_fleet(8.0, json!([{ "id": "a" }, { "id": "b" }]), async |fleet| {
        let client = Client::with(fleet, with_heartbeat());
        let server = client.opens().await;
        sleep(STABLE).await;
        happen("pagehide");
        fleet.tell(&server, json!({ "frozen": true })).await;
        let woke = client.now();
        happen("pageshow");
        let closed = client.sees("closed").await;
        let took = number(&closed["at"]) - woke;
        assert!((290.0..300.0 + SLACK).contains(&took), "{took} ms");
        assert_eq!(client.sees("retry").await["cause"], "local");
        fleet.tell(&server, json!({ "frozen": false })).await;
        assert_eq!(client.sees_nth("opened", 2).await["server"]["id"], server);
        assert_nobody_is_blamed(&client);
        fleet.has_connections(1).await;
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_connection_that_cannot_be_asked_is_replaced_without_a_gap() {
    with_fleet(8.0, json!([{ "id": "a" }, { "id": "b" }]), async |fleet| {
        for (setup, events) in [json!({}), json!({ "prepare": [{}] })].into_iter().zip(WAKING) {
            let kind = if setup["prepare"].is_null() {
                "closed"
            } else {
                "migrated"
            };
            let client = Client::with(fleet, setup);
            let server = client.opens().await;
            let woke = client.now();
            events.iter().copied().for_each(happen);
            assert_eq!(
                (client.snapshot()["leaving"].clone(), client.state()),
                (json!("wake"), OPEN)
            );
            let moved = client.sees(kind).await;
            assert_eq!(moved["reason"], "wake");
            let waited = number(&moved["at"]) - woke;
            console_log!("replaced {waited:.0} ms after waking");
            assert!(waited <= SOON + SLACK, "{waited} ms");
            // Who is not sure of the connection is not tired of the server.
            assert_eq!(client.dialled(), [&*server, &*server]);
            client.socket_closes(1).await;
            fleet.has_connections(1).await;
            assert_eq!(
                (client.count("retry"), client.count("verdict"), client.state()),
                (0, 0, OPEN)
            );
            client.ends().await;
            client.free();
        }
    })
    .await;
}

async fn a_connection_on_which_something_arrives_after_waking_is_kept() {
    with_fleet(5.0, json!([{ "behaviour": { "feed": 50 } }]), async |fleet| {
        let client = loop {
            let client = Client::of(fleet);
            client.opens().await;
            happen("pageshow");
            let snapshot = client.snapshot();
            assert_eq!(snapshot["leaving"], "wake");
            // Unless it has drawn a time at which nothing can have arrived yet.
            if number(&snapshot["nextStepIn"]) > 300.0 {
                break client;
            }
            client.ends().await;
            client.free();
        };
        client.sees_nth("message", client.count("message") + 2).await;
        until(async || {
            client.refresh();
            sleep(0.05).await;
            client.snapshot()["leaving"].is_null()
        })
        .await;
        sleep(SOON / 1000.0).await;
        assert_eq!((client.count("dial"), client.state()), (1, OPEN));
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_socket_that_ends_while_the_page_is_asleep_was_not_ended_by_its_server() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::of(fleet);
        let server = client.opens().await;
        sleep(STABLE).await;
        happen("pagehide");
        // As where a page is put away: no close frame.
        fleet.tell(&server, json!({ "alive": false })).await;
        assert_eq!(client.sees("retry").await["cause"], "local");
        assert_nobody_is_blamed(&client);
        fleet.tell(&server, json!({ "alive": true })).await;
        happen("pageshow");
        assert_eq!(client.sees_nth("opened", 2).await["server"]["id"], server);
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_clock_that_leaps_is_a_sleep() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::with(fleet, with_heartbeat());
        client.opens().await;
        // Timers of hidden pages are late by a minute at most.
        for (millis, beats) in [(70_000.0, 1), (120_000.0, 2)] {
            oversleep(millis);
            client.refresh();
            assert_eq!(client.count("beat"), beats);
            client.sees_nth("message", beats).await;
        }
        assert_eq!((client.count("dial"), client.state()), (1, OPEN));
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn nobody_listens_to_the_page_any_more_who_is_freed() {
    with_fleet(5.0, two_groups(), async |fleet| {
        assert_eq!(listeners(), json!({}));
        let client = Client::idle(json!({ "seeds": [{ "url": fleet.list }] }));
        assert_eq!(listeners(), json!({}), "it has not begun");
        client.start();
        client.opens().await;
        let listened = listeners();
        for event in ["offline", "online", "pagehide", "pageshow"] {
            assert_eq!(listened[event], 1, "{listened}");
        }
        let another = Client::of(fleet);
        another.opens().await;
        assert_eq!(listeners()["online"], 2);
        another.free();
        client.ends().await;
        client.free();
        assert_eq!((timers_set(), listeners()), (0, json!({})));
        for event in ["offline", "online", "pageshow"] {
            happen(event);
        }
        fleet.has_connections(0).await;
    })
    .await;
}
