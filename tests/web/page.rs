//! What only a page goes through: it is hidden and shown, frozen and resumed.

use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::web::support::*;

#[wasm_bindgen_test]
async fn a_page_that_is_shown_again_looks_at_the_clock_before_its_timers_do() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::with(fleet, json!({ "heartbeat": { "interval": 300, "timeout": 200 } }));
        client.opens().await;
        hold_timers(true);
        sleep(0.4).await;
        assert_eq!(client.count("beat"), 0);
        happen("visibilitychange");
        assert_eq!(client.count("beat"), 1);
        hold_timers(false);
        client.sees_nth("message", 2).await;
        assert_eq!((client.count("closed"), client.state()), (0, OPEN));
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_page_that_was_frozen_asks_its_server_when_it_goes_on() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::with(fleet, json!({ "heartbeat": { "interval": 60_000, "timeout": 300 } }));
        client.opens().await;
        happen("freeze");
        assert_eq!(client.count("beat"), 0);
        happen("resume");
        assert_eq!(client.count("beat"), 1);
        client.sees("message").await;
        sleep(0.4).await;
        assert_eq!((client.count("closed"), client.state()), (0, OPEN));
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_connection_that_ended_while_its_page_was_frozen_comes_back_to_the_same_server() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::of(fleet);
        let server = client.opens().await;
        sleep(STABLE).await;
        happen("freeze");
        // Nothing goes off, and nothing goes on.
        hold_timers(true);
        fleet.tell(&server, json!({ "alive": false })).await;
        assert_eq!(client.sees("retry").await["cause"], "local");
        fleet.tell(&server, json!({ "alive": true })).await;
        sleep(0.1).await;
        hold_timers(false);
        happen("resume");
        let opened = client.sees_nth("opened", 2).await;
        assert_eq!(
            (&opened["server"]["id"], client.snapshot()["failures"].clone()),
            (&json!(server), json!(0))
        );
        client.ends().await;
        client.free();
        assert_eq!((timers_set(), listeners()), (0, json!({})));
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_page_listens_to_what_only_pages_are_told_for_as_long_as_it_needs_to() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::of(fleet);
        for event in ["freeze", "resume", "visibilitychange"] {
            assert_eq!(listeners()[event], 1, "{}", listeners());
        }
        client.free();
        assert_eq!(listeners(), json!({}));
    })
    .await;
}

#[wasm_bindgen_test]
async fn timers_that_come_late_raise_no_false_alarm() {
    with_fleet(8.0, json!([{ "id": "a" }, { "id": "b" }]), async |fleet| {
        let client = Client::with(fleet, json!({ "heartbeat": { "interval": 300, "timeout": 200 } }));
        let server = client.opens().await;
        client.sees("beat").await;
        // As in a hidden page: messages arrive, timers do not go off.
        hold_timers(true);
        sleep(1.3).await;
        hold_timers(false);
        assert_eq!(
            (client.state(), client.count("beat")),
            (OPEN, 2),
            "it asks once more, and waits"
        );
        client.sees_nth("message", 2).await;

        // And where the answer is still on its way when the timer comes, it is waited for.
        fleet.tell(&server, json!({ "frozen": true })).await;
        client.sees_nth("beat", 3).await;
        hold_timers(true);
        sleep(1.3).await;
        hold_timers(false);
        assert_eq!((client.state(), client.count("beat")), (OPEN, 4));
        fleet.tell(&server, json!({ "frozen": false })).await;
        client.sees_nth("message", 4).await;
        client.sees_nth("beat", 5).await;
        assert_eq!(client.count("closed"), 0);
        client.ends().await;
        client.free();
    })
    .await;
}
