//! A slow first attempt that gets company.

use serde_json::json;
use wasm_bindgen_test::console_log;

use crate::web::support::*;

/// Those that mostly wait, for handshakes that hang.
pub(crate) fn waiting() -> Vec<Named> {
    named![
        a_server_that_does_not_answer_gets_company_and_loses,
        a_slow_server_that_answers_first_after_all_wins,
    ]
}

async fn a_server_that_does_not_answer_gets_company_and_loses() {
    with_fleet(8.0, lure(json!({ "handshake": "hang" })), async |fleet| {
        let client = Client::with(fleet, json!({ "hedge": true, "connectTimeout": 2_600 }));
        let opened = client.sees("opened").await;
        assert_eq!(client.dialled(), ["lure", "well"]);
        assert_eq!(opened["server"]["id"], "well");
        let dials = client.all("dial");
        assert_eq!(
            (&dials[0]["beside"], &dials[1]["beside"]),
            (&json!(false), &json!(true))
        );
        let (alone, took) = (between(&dials[0], &dials[1]), between(&dials[0], &opened));
        console_log!("company after {alone:.0} ms, open after {took:.0} ms");
        assert!((1_980.0..2_400.0).contains(&alone), "{alone} ms");
        // Where the browser keeps it waiting, it goes on alone.
        assert!(
            took < if opens_several_at_once() { 2_550.0 } else { 3_100.0 },
            "{took} ms"
        );
        // The other one is not waited for, and nobody hears of it.
        client.socket_closes(1).await;
        fleet.tell("lure", json!({ "handshake": "accept" })).await;
        sleep(0.1).await;
        let lure = fleet.server("lure").await;
        assert_eq!((&lure["accepted"], &lure["connections"]), (&json!(0), &json!(0)));
        assert_eq!(fleet.connections().await, 1);
        let told = ["closed", "retry", "verdict"].map(|kind| client.count(kind));
        assert_eq!((told, client.count("opened")), ([0; 3], 1));
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_slow_server_that_answers_first_after_all_wins() {
    let servers = json!([
        { "id": "lure", "behaviour": { "handshakeDelay": 2_300, "report": 0 } },
        { "id": "well", "baseUsers": 60, "behaviour": { "handshake": "hang" } },
    ]);
    with_fleet(8.0, servers, async |fleet| {
        let client = Client::with(fleet, json!({ "hedge": true, "connectTimeout": 5_000 }));
        assert_eq!(client.opens().await, "lure");
        assert_eq!(client.dialled(), ["lure", "well"]);
        client.socket_closes(2).await;
        sleep(0.1).await;
        assert_eq!((fleet.connections().await, client.count("closed")), (1, 0));
        client.ends().await;
        client.free();
    })
    .await;
}
