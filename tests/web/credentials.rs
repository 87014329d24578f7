//! What the application has its part in: where to connect, with which protocols, and making a connection ready.

use serde_json::{Value, json};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use super::support::*;

/// Those that mostly wait.
pub(crate) fn waiting() -> Vec<Named> {
    named![
        credentials_are_asked_for_each_attempt_and_used_for_it,
        credentials_that_are_refused_are_a_failed_attempt_and_no_servers_fault,
        credentials_that_never_come_are_given_up_in_time_and_used_no_more,
        a_server_that_wants_other_credentials_is_not_blamed_and_gets_them,
        a_connection_that_cannot_be_prepared_is_a_failed_attempt,
        a_connection_that_is_lost_while_it_is_prepared_is_a_failed_attempt,
    ]
}

/// Shows that an attempt failed as the standard has it, and for this reason.
async fn assert_failed(client: &Client, error: Value, cause: &str) -> (Value, Value) {
    let closed = client.sees("closed").await;
    let told = ["code", "wasClean", "errored", "final", "error"].map(|name| &closed[name]);
    assert_eq!(json!(told), json!([1006, false, true, false, error]));
    let retry = client.sees("retry").await;
    assert_eq!(retry["cause"], cause);
    (closed, retry)
}

fn assert_nobody_is_blamed(client: &Client) {
    for server in client.servers().as_array().expect("a list") {
        assert_eq!(
            server["health"],
            json!({ "lost": false, "ejectedFor": 0, "ejections": 0 })
        );
    }
}

async fn credentials_are_asked_for_each_attempt_and_used_for_it() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let plans = json!([
            { "delay": 50, "query": "?token=1", "protocols": ["chat.v1"] },
            { "query": "?token=2", "protocols": ["chat.v2"] },
        ]);
        let client = Client::with(fleet, json!({ "credentials": plans }));
        client.sees("credentials").await;
        assert_eq!(
            (client.count("dial"), client.snapshot()["attempts"].clone()),
            (0, json!(1))
        );
        for nth in 1..=2 {
            let opened = client.sees_nth("opened", nth).await;
            assert_eq!(opened["protocol"], format!("chat.v{nth}"));
            assert!(text(&opened["url"]).ends_with(&format!("/?token={nth}")), "{opened}");
            let asked = client.all("credentials").pop().expect("it was asked");
            assert_eq!(asked["server"], opened["server"]);
            client.reconnect();
        }
        client.sees_nth("opened", 3).await;
        assert_eq!((client.count("credentials"), client.count("dial")), (3, 3));
        client.ends().await;
        client.free();
    })
    .await;
}

async fn credentials_that_are_refused_are_a_failed_attempt_and_no_servers_fault() {
    with_fleet(8.0, two_groups(), async |fleet| {
        let plans = json!([{ "fail": "no token" }, { "fail": "no token" }, {}]);
        let client = Client::with(fleet, json!({ "credentials": plans }));
        let (_, retry) = assert_failed(&client, json!("no token"), "credentials").await;
        assert!(number(&retry["delay"]) <= 1000.0, "{retry}");
        client.opens().await;
        let counts = ["credentials", "closed", "retry", "dial"].map(|kind| client.count(kind));
        assert_eq!(counts, [3, 2, 2, 1]);
        assert_nobody_is_blamed(&client);
        client.ends().await;
        client.free();
    })
    .await;
}

async fn credentials_that_never_come_are_given_up_in_time_and_used_no_more() {
    with_fleet(8.0, two_groups(), async |fleet| {
        let plans = json!([{ "delay": 500, "query": "?late" }, {}]);
        let client = Client::with(fleet, json!({ "credentials": plans, "credentialTimeout": 200 }));
        let (closed, _) = assert_failed(&client, json!(null), "credentials").await;
        let waited = between(&client.all("credentials")[0], &closed);
        assert!((190.0..600.0).contains(&waited), "{waited} ms");
        client.opens().await;
        // By now the first ones have come.
        until(async || client.now() > number(&client.all("credentials")[0]["at"]) + 600.0).await;
        assert_eq!(
            (client.count("dial"), client.count("opened"), client.state()),
            (1, 1, OPEN)
        );
        assert!(!text(&client.all("dial")[0]["url"]).contains("late"));
        assert_nobody_is_blamed(&client);
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_server_that_wants_other_credentials_is_not_blamed_and_gets_them() {
    with_fleet(8.0, json!([{ "id": "only" }]), async |fleet| {
        let plans = json!([{ "query": "?token=1" }, { "query": "?token=2" }]);
        let client = Client::with(fleet, json!({ "credentials": plans }));
        fleet.close(&client.opens().await, 3000, "log in again").await;
        let closed = client.sees("closed").await;
        let told = ["code", "reason", "wasClean", "errored", "final"].map(|name| &closed[name]);
        assert_eq!(json!(told), json!([3000, "log in again", true, false, false]));
        assert_eq!(client.sees("retry").await["cause"], "credentials");
        let opened = client.sees_nth("opened", 2).await;
        assert!(text(&opened["url"]).ends_with("?token=2"), "{opened}");
        assert_nobody_is_blamed(&client);
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn the_time_that_credentials_take_is_not_the_servers() {
    with_fleet(
        5.0,
        json!([{ "behaviour": { "handshakeDelay": 250 } }]),
        async |fleet| {
            let setup = json!({ "credentials": [{ "delay": 300 }], "connectTimeout": 400 });
            let client = Client::with(fleet, setup);
            client.opens().await;
            assert_eq!((client.count("dial"), client.count("closed")), (1, 0));
            client.ends().await;
            client.free();
        },
    )
    .await;
}

async fn a_connection_that_cannot_be_prepared_is_a_failed_attempt() {
    with_fleet(8.0, json!([{ "id": "a" }, { "id": "b" }]), async |fleet| {
        for (plan, error, cause) in [
            (json!({ "fail": "no login" }), json!("no login"), "refused"),
            (json!({ "hang": true }), json!(null), "overload"),
        ] {
            let setup = json!({ "prepare": [plan, {}], "connectTimeout": 300 });
            let client = Client::with(fleet, setup);
            let (closed, _) = assert_failed(&client, error, cause).await;
            client.socket_closes(1).await;
            let opened = client.sees("opened").await;
            let dialled = client.dialled();
            assert_ne!(dialled[0], dialled[1]);
            assert_eq!((dialled.len(), &opened["server"]["id"]), (2, &json!(dialled[1])));
            console_log!("{cause}: open elsewhere after {:.0} ms", between(&closed, &opened));
            fleet.has_connections(1).await;
            client.ends().await;
            client.free();
        }
    })
    .await;
}

async fn a_connection_that_is_lost_while_it_is_prepared_is_a_failed_attempt() {
    with_fleet(8.0, json!([{ "id": "a" }, { "id": "b" }]), async |fleet| {
        let client = Client::with(fleet, json!({ "prepare": [{ "delay": 300 }, {}] }));
        client.sees("prepare").await;
        fleet.close(&client.dialled()[0], 4001, "not you").await;
        let closed = client.sees("closed").await;
        let told = ["code", "reason", "wasClean", "errored", "final"].map(|name| &closed[name]);
        assert_eq!(json!(told), json!([4001, "not you", true, false, false]));
        assert_eq!(client.sees("retry").await["cause"], "short-lived");
        let opened = client.sees("opened").await;
        assert_eq!(opened["server"]["id"], client.dialled()[1]);
        // What the application says of the first one is not taken for the second.
        sleep(0.3).await;
        assert_eq!((client.count("opened"), client.state()), (1, OPEN));
        client.ends().await;
        client.free();
    })
    .await;
}
