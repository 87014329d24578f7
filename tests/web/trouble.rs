//! From the loss of a connection to the next one.

use serde_json::{Value, json};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use super::support::*;

/// Those that mostly wait.
pub(crate) fn waiting() -> Vec<Named> {
    named![
        the_chosen_server_is_killed_and_another_of_its_group_takes_over,
        the_whole_group_is_killed_and_the_next_one_takes_over,
        code_and_reason_of_a_close_arrive_as_the_server_gave_them,
        the_applications_verdict_counts_for_more_than_the_code,
        a_server_that_accepts_and_drops_is_met_once,
    ]
}

async fn the_chosen_server_is_killed_and_another_of_its_group_takes_over() {
    with_fleet(8.0, two_groups(), async |fleet| {
        let client = Client::of(fleet);
        let first = client.opens().await;
        sleep(STABLE).await;
        fleet.tell(&first, json!({ "alive": false })).await;
        let closed = client.sees("closed").await;
        assert_eq!(
            (&closed["code"], &closed["wasClean"], &closed["final"]),
            (&json!(1006), &json!(false), &json!(false))
        );
        let retry = client.sees("retry").await;
        assert_eq!((&retry["cause"], &retry["attempt"]), (&json!("crash"), &json!(1)));
        assert!(number(&retry["delay"]) <= 1000.0, "{retry}");
        let opened = client.sees_nth("opened", 2).await;
        assert_ne!(opened["server"]["id"], json!(first));
        assert_eq!(opened["server"]["priority"], 0);
        let gap = between(&closed, &opened);
        console_log!(
            "reopened after {gap:.0} ms, {:.0} of them in the queue",
            number(&retry["delay"])
        );
        assert!(gap < 3000.0, "{gap} ms");
        let states = client.all("state");
        let states: Vec<_> = states.iter().map(|record| text(&record["state"])).collect();
        assert_eq!(states, ["connecting", "open", "reconnecting", "open"]);
        client.ends().await;
        client.free();
    })
    .await;
}

async fn the_whole_group_is_killed_and_the_next_one_takes_over() {
    with_fleet(12.0, two_groups(), async |fleet| {
        let client = Client::of(fleet);
        client.opens().await;
        sleep(STABLE).await;
        fleet.tell_group(0, json!({ "alive": false })).await;
        let opened = client.sees_nth("opened", 2).await;
        assert_eq!(opened["server"]["priority"], 1);
        let decision = client.all("decision").pop().expect("a decision");
        assert_eq!(
            (&decision["group"], &decision["reason"]),
            (&json!(1), &json!("failover"))
        );
        let gap = between(&client.all("closed")[0], &opened);
        console_log!(
            "open in the next group after {gap:.0} ms and {} attempts",
            client.count("dial") - 1
        );
        client.ends().await;
        client.free();
    })
    .await;
}

async fn code_and_reason_of_a_close_arrive_as_the_server_gave_them() {
    with_fleet(10.0, two_groups(), async |fleet| {
        for (code, reason, cause) in [(4001, "moved on, grüß", "crash"), (1012, "", "sent-away")] {
            if code == 1012 && !hears_1012() {
                continue;
            }
            let client = Client::of(fleet);
            let first = client.opens().await;
            sleep(STABLE).await;
            fleet.close(&first, code, reason).await;
            let expected = json!({ "code": code, "reason": reason, "wasClean": true, "final": false });
            let [verdict, closed] = [client.sees("verdict").await, client.sees("closed").await];
            for record in [&verdict, &closed] {
                let told = json!({
                    "code": record["code"], "reason": record["reason"],
                    "wasClean": record["wasClean"], "final": record["final"],
                });
                assert_eq!(told, expected);
            }
            assert_eq!(closed["errored"], false);
            assert_eq!(client.sees("retry").await["cause"], cause);
            let opened = client.sees_nth("opened", 2).await;
            assert_ne!(
                opened["server"]["id"],
                json!(first),
                "a server that sent us away is not chosen again"
            );
            client.ends().await;
            client.free();
        }
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_final_code_ends_it() {
    with_fleet(5.0, two_groups(), async |fleet| {
        for code in [1000, 1008, 3003] {
            let client = Client::of(fleet);
            let server = client.opens().await;
            fleet.close(&server, code, "no more").await;
            let closed = client.sees("closed").await;
            let told = (
                &closed["code"],
                &closed["reason"],
                &closed["wasClean"],
                &closed["final"],
            );
            assert_eq!(told, (&json!(code), &json!("no more"), &json!(true), &json!(true)));
            assert_eq!((client.state(), client.count("retry"), timers_set()), (CLOSED, 0, 0));
            client.free();
        }
    })
    .await;
}

async fn the_applications_verdict_counts_for_more_than_the_code() {
    with_fleet(6.0, two_groups(), async |fleet| {
        let stays = Client::with(fleet, json!({ "verdict": true }));
        fleet.close(&stays.opens().await, 1000, "").await;
        stays.sees_nth("opened", 2).await;
        assert_eq!(stays.all("verdict")[0]["final"], true);
        stays.ends().await;
        stays.free();

        let goes = Client::with(fleet, json!({ "verdict": false }));
        fleet.close(&goes.opens().await, 4000, "").await;
        assert_eq!(goes.sees("closed").await["final"], true);
        assert_eq!(goes.state(), CLOSED);
        goes.free();
    })
    .await;
}

async fn a_server_that_accepts_and_drops_is_met_once() {
    let servers = json!([
        { "id": "liar", "behaviour": { "handshake": "drop", "report": 0 } },
        { "id": "liar without a word", "behaviour": { "handshake": "drop", "dropCode": null, "report": 0 } },
        { "count": 2, "baseUsers": 60 },
    ]);
    with_fleet(8.0, servers, async |fleet| {
        let client = Client::with(fleet, json!({ "minUptime": 30_000 }));
        let is_liar = |record: &Value| text(&record["server"]["id"]).starts_with("liar");
        let mut opened = 1;
        while is_liar(&client.sees_nth("opened", opened).await) {
            opened += 1;
        }
        let dials = client.all("dial");
        let liars = dials.iter().filter(|dial| is_liar(dial)).count();
        let gap = between(&client.all("closed")[0], &client.all("opened")[opened - 1]);
        console_log!("open elsewhere after {gap:.0} ms and {} attempts", dials.len());
        assert!(liars <= 2, "each liar is met once: {:?}", client.course());
        // Where the handshake and the end come together, browsers differ in whether it ever was open.
        let closed = client.all("closed");
        for (closed, retry) in closed.iter().zip(client.all("retry")) {
            let failed = retry["cause"] == "refused";
            assert!(failed || retry["cause"] == "short-lived", "{retry}");
            assert!(
                !failed || closed["errored"] == true,
                "an attempt failed without an error: {closed}"
            );
        }
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn reconnecting_drops_the_connection_and_blames_nobody() {
    with_fleet(5.0, two_groups(), async |fleet| {
        let client = Client::of(fleet);
        client.opens().await;
        client.reconnect();
        let closed = client.sees("closed").await;
        let told = (
            &closed["code"],
            &closed["wasClean"],
            &closed["errored"],
            &closed["final"],
        );
        assert_eq!(told, (&json!(1000), &json!(true), &json!(false), &json!(false)));
        let opened = client.sees_nth("opened", 2).await;
        assert!(between(&closed, &opened) < 500.0, "it waited");
        assert_eq!((client.count("retry"), client.count("verdict")), (0, 0));
        assert_eq!(client.snapshot()["failures"], 0);
        fleet.has_connections(1).await;
        client.ends().await;
        client.free();
    })
    .await;
}

#[wasm_bindgen_test]
async fn reconnecting_gives_up_an_attempt() {
    with_fleet(
        5.0,
        json!([{ "id": "slow", "behaviour": { "handshake": "hang" } }]),
        async |fleet| {
            let client = Client::of(fleet);
            client.sees("dial").await;
            // It has reached the server, which does not answer.
            sleep(0.2).await;
            fleet.tell("slow", json!({ "handshake": "accept" })).await;
            client.reconnect();
            let closed = client.sees("closed").await;
            assert_eq!(
                (&closed["code"], &closed["wasClean"], &closed["final"]),
                (&json!(1006), &json!(false), &json!(false))
            );
            client.opens().await;
            assert_eq!((client.count("dial"), client.count("retry")), (2, 0));
            client.ends().await;
            client.free();
        },
    )
    .await;
}

#[wasm_bindgen_test]
async fn an_application_that_reconnects_when_it_hears_of_a_loss_is_still_told_the_code() {
    with_fleet(8.0, two_groups(), async |fleet| {
        for cue in ["reconnecting", "verdict", "closed", "retry"] {
            let client = Client::with(fleet, json!({ "on": { cue: "reconnect" } }));
            fleet.close(&client.opens().await, 4001, "moved on").await;
            let closed = client.sees("closed").await;
            let told = (&closed["code"], &closed["reason"], &closed["wasClean"]);
            assert_eq!(
                told,
                (&json!(4001), &json!("moved on"), &json!(true)),
                "reconnecting at {cue}"
            );
            let opened = client.sees_nth("opened", 2).await;
            assert!(between(&closed, &opened) < 500.0, "reconnecting at {cue} waited");
            // Nothing of the first close is left for the next one.
            client.reconnect();
            assert_eq!(
                client.sees_nth("closed", 2).await["code"],
                1000,
                "reconnecting at {cue}"
            );
            client.ends().await;
            client.free();
        }
    })
    .await;
}

#[wasm_bindgen_test]
async fn an_application_may_reconnect_in_every_listener() {
    with_fleet(10.0, two_groups(), async |fleet| {
        for cue in [
            "connecting",
            "ask",
            "answer",
            "list",
            "decision",
            "dial",
            "open",
            "opened",
        ] {
            let client = Client::with(fleet, json!({ "on": { cue: "reconnect" } }));
            until(async || client.state() == OPEN).await;
            fleet.has_connections(1).await;
            assert_eq!(client.count("retry"), 0, "reconnecting at {cue}");
            client.ends().await;
            client.free();
            fleet.has_connections(0).await;
        }
    })
    .await;
}
