//! What can be looked at, and what is left afterwards.

use serde_json::json;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use super::support::*;

#[wasm_bindgen_test]
async fn servers_and_snapshot_are_plain_and_true() {
    let servers = json!([
        { "id": "a", "capacity": 100, "baseUsers": 10 },
        { "id": "b", "capacity": 200, "baseUsers": 150 },
        { "id": "away", "behaviour": { "listing": "unavailable" } },
        { "id": "leaving", "behaviour": { "draining": true } },
        { "id": "behind", "priority": 1 },
    ]);
    with_fleet(5.0, servers, async |fleet| {
        let client = Client::of(fleet);
        let chosen = client.opens().await;
        let servers = client.servers();
        assert!((total_probability(&servers) - 1.0).abs() < 1e-9, "{servers}");
        let excluded: Vec<_> = (0..5).map(|index| &servers[index]["excluded"]).collect();
        assert_eq!(json!(excluded), json!([null, null, "unavailable", "draining", null]));
        assert_eq!(servers[1]["utilisation"], 0.75);
        assert_eq!(
            servers[0]["health"],
            json!({ "lost": false, "ejectedFor": 0, "ejections": 0 })
        );

        let snapshot = client.snapshot();
        assert_eq!(snapshot["servers"].as_array().map(Vec::len), Some(5));
        let told = ["server", "attempts", "failures", "leaving"].map(|name| &snapshot[name]);
        assert_eq!(json!(told), json!([chosen, 1, 0, null]));
        // All that there is to do is to look at the clock.
        assert!(
            (29_000.0..=30_000.0).contains(&number(&snapshot["nextStepIn"])),
            "{snapshot}"
        );
        assert!(number(&snapshot["openFor"]) >= 0.0);
        assert_eq!(
            (&snapshot["list"]["ttl"], &snapshot["list"]["fresh"]),
            (&json!(1000), &json!(true))
        );
        assert_eq!(snapshot["list"]["version"], client.all("list")[0]["version"]);
        client.ends().await;
        assert_eq!(client.snapshot()["server"], json!(null));
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn nothing_is_left_after_the_end() {
    with_fleet(8.0, lure(json!({ "handshake": "refuse" })), async |fleet| {
        assert_eq!(timers_set(), 0);
        let clients: Vec<_> = (0..10).map(|_| Client::of(fleet)).collect();
        for client in &clients {
            client.opens().await;
        }
        assert_eq!(fleet.connections().await, 10);
        assert!(timers_set() > 0, "the episode is not over: that is what they wait for");
        for client in clients {
            client.ends().await;
            client.free();
        }
        fleet.has_connections(0).await;
        assert_eq!(timers_set(), 0);
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_driver_that_is_freed_while_it_is_busy_lets_go_of_everything() {
    with_fleet(8.0, two_groups(), async |fleet| {
        let open = Client::of(fleet);
        open.opens().await;
        open.free();
        fleet.has_connections(0).await;

        fleet.tell_list(json!({ "mode": "hang" })).await;
        let asking = Client::of(fleet);
        sleep(0.05).await;
        assert_eq!(timers_set(), 1);
        asking.free();
        assert_eq!(timers_set(), 0);

        fleet.tell_list(json!({ "mode": "ok" })).await;
        fleet.tell_group(0, json!({ "handshake": "hang" })).await;
        let connecting = Client::of(fleet);
        connecting.sees("dial").await;
        connecting.free();
        assert_eq!(timers_set(), 0);
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_hundred_reconnections_leave_memory_as_it_was() {
    with_fleet(30.0, two_groups(), async |fleet| {
        let client = Client::of(fleet);
        let mut opened = 0;
        let mut reconnect = async |times: usize| {
            for _ in 0..times {
                opened += 1;
                client.sees_nth("opened", opened).await;
                client.reconnect();
            }
            (memory(), wasm_bindgen::externref_heap_live_count())
        };
        let before = reconnect(30).await;
        let after = reconnect(100).await;
        console_log!("bytes of memory and JavaScript values held, before and after: {before:?} {after:?}");
        assert!(after.0 <= before.0 + 65_536, "{before:?} {after:?}");
        assert!(after.1 <= before.1 + 5, "{before:?} {after:?}");
        client.sees_nth("opened", 131).await;
        fleet.has_connections(1).await;
        client.ends().await;
        client.free();
        fleet.has_connections(0).await;
    })
    .await;
}

/// Bytes of the wasm memory, which never shrinks.
fn memory() -> u32 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    memory.buffer().unchecked_into::<js_sys::ArrayBuffer>().byte_length()
}
