//! Leaving a server while connected to it.

use serde_json::{Value, json};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use super::support::*;

/// Of the old connection, in milliseconds: the host's setting.
const LINGER: f64 = 300.0;
/// Milliseconds between messages, of the clients and of the servers alike.
const PACE: u32 = 10;

/// Those that mostly wait.
pub(crate) fn waiting() -> Vec<Named> {
    named![
        what_follows_what_in_a_move,
        where_there_is_nowhere_to_go_or_nothing_to_leave_nothing_moves,
        a_move_to_a_server_that_refuses_leaves_everything_as_it_was,
        a_move_that_cannot_be_prepared_leaves_everything_as_it_was,
        a_connection_that_is_lost_while_it_lingers_is_missed_by_nobody,
        a_new_connection_that_is_lost_at_once_gives_way_to_the_one_before,
        a_replaced_connection_that_does_not_answer_its_closing_handshake_is_dropped,
    ]
}

/// Those through which messages flow all the time.
pub(crate) fn flowing() -> Vec<Named> {
    named![
        the_clients_of_a_draining_server_leave_it_and_lose_nothing,
        an_application_may_have_it_move_at_any_time_and_loses_nothing,
    ]
}

fn two() -> Value {
    json!([{ "id": "a" }, { "id": "b" }])
}

fn two_that_feed() -> Value {
    json!([{ "id": "a", "behaviour": { "feed": PACE } }, { "id": "b", "behaviour": { "feed": PACE } }])
}

/// Without and with a part of the application's in it.
fn both_ways() -> [Value; 2] {
    [json!({}), json!({ "prepare": [{}] })]
}

fn other(server: &str) -> &'static str {
    if server == "a" { "b" } else { "a" }
}

/// The clients of a draining server leave at any time within half a minute: has this one do it soon, by telling it again
/// and again that the server serves on, and that it drains, until the time it draws is near. One that has drawn so early a
/// time that it is about to leave, or has left, is content.
async fn hurry(client: &Client, fleet: &Fleet, server: &str) {
    let list = |draining: bool, mut list: Value| {
        for entry in list["servers"].as_array_mut().expect("servers are a list") {
            entry["draining"] = json!(draining && entry["id"] == server);
        }
        list
    };
    let document = fleet.document().await;
    let (serving, draining) = (list(false, document.clone()), list(true, document));
    let is_soon = || client.count("dial") > 1 || number(&client.snapshot()["nextStepIn"]) < 500.0;
    while !is_soon() {
        // Messages go on.
        sleep(0.0).await;
        for _ in 0..5 {
            if !is_soon() {
                client.update(&serving).expect("a good list");
                client.update(&draining).expect("a good list");
            }
        }
    }
}

/// Shows that the client went over from one server to the other as it should, and that nothing was lost on the way.
async fn assert_seamless(fleet: &Fleet, client: &Client, from: &str, reason: &str) {
    let prepares = client.count("prepare") > 0;
    let to = other(from);
    let moved = if prepares {
        let migrated = client.sees("migrated").await;
        assert_eq!(
            (&migrated["reason"], &migrated["readyState"]),
            (&json!(reason), &json!(1))
        );
        assert_eq!((client.count("closed"), client.count("opened")), (0, 1));
        migrated
    } else {
        let opened = client.sees_nth("opened", 2).await;
        let closed = client.sees("closed").await;
        let told = ["code", "reason", "wasClean", "errored", "final", "moved"].map(|name| &closed[name]);
        assert_eq!(json!(told), json!([1012, reason, true, false, false, true]));
        assert_eq!(client.count("migrated"), 0);
        opened
    };
    assert_eq!(moved["server"]["id"], to);
    assert_eq!(client.count("verdict"), 0);

    let end = client.socket_closes(1).await;
    assert_eq!((&end["code"], &end["wasClean"]), (&json!(1000), &json!(true)));
    let lingered = between(&moved, &end);
    assert!((LINGER - 20.0..LINGER + 400.0).contains(&lingered), "{lingered} ms");
    sleep(0.1).await;
    assert_eq!(fleet.server(from).await["connections"], 0);
    assert_eq!(fleet.server(to).await["connections"], 1);
    let flowed = client.flowed().await;
    assert_eq!((flowed.unsent, client.state()), (0, OPEN));
    console_log!(
        "{reason}, {} prepare: {} texts, nothing for {:.0} ms at most",
        if prepares { "with" } else { "without" },
        flowed.sent,
        flowed.longest_gap
    );
    assert_eq!(client.dialled(), [from, to]);
}

async fn the_clients_of_a_draining_server_leave_it_and_lose_nothing() {
    with_fleet(12.0, two_that_feed(), async |fleet| {
        for setup in both_ways() {
            let client = Client::with(fleet, setup);
            let server = client.opens().await;
            client.flow(PACE.into());
            fleet.tell(&server, json!({ "draining": true })).await;
            // The seed says so, and the clients spread themselves.
            until(async || {
                client.refresh();
                sleep(0.05).await;
                // Or it has drawn so early a time that it is about to leave, or has left.
                client.snapshot()["leaving"] == "drain" || client.count("dial") > 1
            })
            .await;
            hurry(&client, fleet, &server).await;
            assert_seamless(fleet, &client, &server, "drain").await;
            client.ends().await;
            client.free();
            fleet.has_connections(0).await;
            fleet.tell(&server, json!({ "draining": false })).await;
            until(async || fleet.server(&server).await["listed"]["draining"] == false).await;
        }
    })
    .await;
}

async fn an_application_may_have_it_move_at_any_time_and_loses_nothing() {
    with_fleet(8.0, two_that_feed(), async |fleet| {
        for setup in both_ways() {
            let client = Client::with(fleet, setup);
            let server = client.opens().await;
            client.flow(PACE.into());
            sleep(0.1).await;
            client.migrate();
            client.migrate();
            assert_seamless(fleet, &client, &server, "requested").await;
            client.ends().await;
            client.free();
            fleet.has_connections(0).await;
        }
    })
    .await;
}

async fn what_follows_what_in_a_move() {
    with_fleet(5.0, two(), async |fleet| {
        let courses: [&[&str]; 2] = [
            &[
                "migrating",
                "decision",
                "dial",
                "reconnecting",
                "closed",
                "open",
                "opened",
            ],
            &[
                "migrating",
                "decision",
                "dial",
                "prepare",
                "prepared",
                "open",
                "migrated",
            ],
        ];
        for (setup, course) in both_ways().into_iter().zip(courses) {
            let client = Client::with(fleet, setup);
            let server = client.opens().await;
            let before = client.course().len();
            client.migrate();
            client.socket_closes(1).await;
            sleep(0.05).await;
            assert_eq!(client.course()[before..], *course);
            let dial = client.all("dial").pop().expect("it was dialled");
            assert_eq!(
                (&dial["beside"], &dial["server"]["id"]),
                (&json!(true), &json!(other(&server)))
            );
            client.send("hello");
            assert_eq!(client.sees("message").await["server"], other(&server));
            client.ends().await;
            client.free();
        }
    })
    .await;
}

async fn where_there_is_nowhere_to_go_or_nothing_to_leave_nothing_moves() {
    with_fleet(5.0, json!([{ "id": "only" }]), async |fleet| {
        let client = Client::idle(json!({ "seeds": [{ "url": fleet.list }] }));
        client.migrate();
        client.start();
        client.migrate();
        client.opens().await;
        client.migrate();
        sleep(0.1).await;
        assert_eq!(
            (client.count("dial"), client.state()),
            (1, OPEN),
            "{:?}",
            client.course()
        );
        client.ends().await;
        client.migrate();
        sleep(0.05).await;
        assert_eq!((client.count("dial"), client.state()), (1, CLOSED));
        client.free();
    })
    .await;
}

/// Connects to one of two servers, and has the other one behave so before it moves there.
async fn to_one_that(fleet: &Fleet, setup: Value, behaviour: Value) -> (Client, String) {
    let client = Client::with(fleet, setup);
    let server = client.opens().await;
    fleet.tell(other(&server), behaviour).await;
    client.migrate();
    (client, server)
}

/// Shows that the application was told of nothing but the state, and that the connection is the one that it was.
async fn assert_unmoved(fleet: &Fleet, client: &Client, server: &str) {
    let told = ["closed", "retry", "migrated", "verdict"].map(|kind| client.count(kind));
    assert_eq!((told, client.count("opened")), ([0; 4], 1), "{:?}", client.course());
    assert_eq!(
        (client.state(), client.snapshot()["server"].clone()),
        (OPEN, json!(server))
    );
    client.send("still here");
    assert_eq!(client.sees("message").await["server"], server);
    assert_eq!(client.snapshot()["failures"], 0);
    fleet.has_connections(1).await;
}

async fn a_move_to_a_server_that_refuses_leaves_everything_as_it_was() {
    with_fleet(5.0, two(), async |fleet| {
        for setup in both_ways() {
            let (client, server) = to_one_that(fleet, setup, json!({ "handshake": "refuse" })).await;
            assert_eq!(client.state(), MIGRATING);
            client.sees_nth("state", 4).await;
            assert_unmoved(fleet, &client, &server).await;
            // Who refused is not asked again.
            client.migrate();
            sleep(0.05).await;
            assert_eq!(client.dialled(), [&*server, other(&server)]);
            client.ends().await;
            client.free();
            fleet.tell(other(&server), json!({ "handshake": "accept" })).await;
        }
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_move_to_a_server_that_never_answers_is_given_up_in_time() {
    with_fleet(5.0, two(), async |fleet| {
        let setup = json!({ "connectTimeout": 300 });
        let (client, server) = to_one_that(fleet, setup, json!({ "handshake": "hang" })).await;
        let over = client.sees_nth("state", 4).await;
        let took = between(&client.all("dial")[1], &over);
        assert!((290.0..700.0).contains(&took), "{took} ms");
        assert_unmoved(fleet, &client, &server).await;
        client.ends().await;
        client.free();
    })
    .await;
}

async fn a_move_that_cannot_be_prepared_leaves_everything_as_it_was() {
    with_fleet(6.0, two(), async |fleet| {
        for plan in [json!({ "fail": "no login" }), json!({ "hang": true })] {
            let setup = json!({ "connectTimeout": 300, "prepare": [{}, plan] });
            let (client, server) = to_one_that(fleet, setup, json!({})).await;
            client.sees_nth("prepare", 2).await;
            client.sees_nth("state", 4).await;
            assert_unmoved(fleet, &client, &server).await;
            client.socket_closes(2).await;
            assert_eq!(client.count("prepared"), 1);
            client.ends().await;
            client.free();
        }
    })
    .await;
}

async fn a_connection_that_is_lost_while_it_lingers_is_missed_by_nobody() {
    with_fleet(6.0, two(), async |fleet| {
        for setup in both_ways() {
            let client = Client::with(fleet, setup);
            let server = client.opens().await;
            client.migrate();
            until(async || client.dialled().len() == 2 && client.state() == OPEN).await;
            let before = client.course().len();
            fleet.close(&server, 4000, "").await;
            client.socket_closes(1).await;
            sleep(LINGER / 1000.0 + 0.1).await;
            assert_eq!(client.course()[before..], [] as [&str; 0]);
            assert_eq!(client.snapshot()["server"], other(&server));
            client.ends().await;
            client.free();
        }
    })
    .await;
}

async fn a_new_connection_that_is_lost_at_once_gives_way_to_the_one_before() {
    with_fleet(6.0, two(), async |fleet| {
        for setup in both_ways() {
            let prepares = !setup["prepare"].is_null();
            let client = Client::with(fleet, setup);
            let server = client.opens().await;
            client.migrate();
            until(async || client.dialled().len() == 2 && client.state() == OPEN).await;
            // A code that would otherwise be the end of all.
            fleet.close(other(&server), 1008, "").await;
            if prepares {
                let back = client.sees_nth("migrated", 2).await;
                assert_eq!(
                    (&back["reason"], &back["server"]["id"]),
                    (&json!("return"), &json!(server))
                );
                assert_eq!(client.count("closed"), 0);
            } else {
                let closed = client.sees_nth("closed", 2).await;
                let told = ["code", "reason", "moved"].map(|name| &closed[name]);
                assert_eq!(json!(told), json!([1012, "return", true]));
                assert_eq!(client.sees_nth("opened", 3).await["server"]["id"], server);
            }
            assert_eq!((client.count("verdict"), client.state()), (0, OPEN));
            client.send("back again");
            assert_eq!(client.sees("message").await["server"], server);
            sleep(LINGER / 1000.0 + 0.1).await;
            assert_eq!((client.state(), fleet.connections().await), (OPEN, 1));
            assert_eq!(client.dialled().len(), 2);
            client.ends().await;
            client.free();
        }
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_connection_that_is_lost_during_a_move_is_replaced_by_the_attempt_under_way() {
    with_fleet(6.0, two(), async |fleet| {
        for setup in both_ways() {
            let (client, server) = to_one_that(fleet, setup, json!({ "handshakeDelay": 300 })).await;
            fleet.close(&server, 4000, "gone").await;
            let closed = client.sees("closed").await;
            let told = ["code", "reason", "final"].map(|name| &closed[name]);
            assert_eq!(
                (json!(told), &closed["moved"]),
                (json!([4000, "gone", false]), &Value::Null)
            );
            let opened = client.sees_nth("opened", 2).await;
            assert_eq!(opened["server"]["id"], other(&server));
            assert_eq!((client.dialled().len(), client.count("retry")), (2, 0));
            client.ends().await;
            client.free();
            fleet.tell(other(&server), json!({ "handshakeDelay": 0 })).await;
        }
    })
    .await;
}

async fn a_replaced_connection_that_does_not_answer_its_closing_handshake_is_dropped() {
    with_fleet(6.0, two(), async |fleet| {
        let client = Client::with(fleet, json!({ "closeTimeout": 300 }));
        let server = client.opens().await;
        client.migrate();
        client.sees_nth("opened", 2).await;
        let before = client.course().len();
        fleet.tell(&server, json!({ "frozen": true })).await;
        // Until it is closed, and until it is dropped.
        sleep((LINGER + 300.0) / 1000.0 + 0.2).await;
        assert!(
            number(&client.snapshot()["nextStepIn"]) > 20_000.0,
            "there is nothing left to do"
        );
        fleet.tell(&server, json!({ "frozen": false })).await;
        client.socket_closes(1).await;
        assert_eq!(client.course()[before..], [] as [&str; 0]);
        fleet.has_connections(1).await;
        client.ends().await;
        client.free();
    })
    .await;
}

/// All that is told during a move.
fn cues(setup: &Value) -> &'static [&'static str] {
    if setup["prepare"].is_null() {
        &[
            "migrating",
            "decision",
            "dial",
            "reconnecting",
            "closed",
            "open",
            "opened",
        ]
    } else {
        &[
            "migrating",
            "decision",
            "dial",
            "prepare",
            "prepared",
            "open",
            "migrated",
        ]
    }
}

#[wasm_bindgen_test]
async fn an_application_may_close_in_every_listener_of_a_move() {
    with_fleet(10.0, two(), async |fleet| {
        for setup in both_ways() {
            for cue in cues(&setup) {
                let client = Client::with(fleet, setup.clone());
                client.opens().await;
                client.on(cue, "close");
                client.migrate();
                until(async || client.state() == CLOSED).await;
                let closed = client.all("closed");
                let ends = closed.iter().filter(|closed| closed["final"] == true).count();
                assert_eq!(
                    (ends, &closed[closed.len() - 1]["final"]),
                    (1, &json!(true)),
                    "closing at {cue}"
                );
                fleet.has_connections(0).await;
                assert_eq!(timers_set(), 0, "closing at {cue}");
                assert_eq!((client.state(), client.count("retry")), (CLOSED, 0), "closing at {cue}");
                client.free();
                assert_eq!(listeners(), json!({}), "closing at {cue}");
            }
        }
    })
    .await;
}

#[wasm_bindgen_test]
async fn an_application_may_reconnect_in_every_listener_of_a_move() {
    with_fleet(10.0, two(), async |fleet| {
        for setup in both_ways() {
            for cue in cues(&setup) {
                let client = Client::with(fleet, setup.clone());
                client.opens().await;
                client.on(cue, "reconnect");
                client.migrate();
                let done = client.sees("done").await;
                until(async || {
                    let opened = client.all("opened").pop().expect("it had opened before");
                    between(&done, &opened) > 0.0 && client.state() == OPEN
                })
                .await;
                fleet.has_connections(1).await;
                assert_eq!(
                    (client.state(), client.count("retry")),
                    (OPEN, 0),
                    "reconnecting at {cue}"
                );
                // What was told last is what there is.
                client.send(*cue);
                let answered = client.sees("message").await;
                assert_eq!(client.snapshot()["server"], answered["server"], "reconnecting at {cue}");
                client.ends().await;
                client.free();
                fleet.has_connections(0).await;
                assert_eq!((timers_set(), listeners()), (0, json!({})), "reconnecting at {cue}");
            }
        }
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_driver_that_is_freed_during_a_move_lets_go_of_both_connections() {
    with_fleet(8.0, two(), async |fleet| {
        for setup in both_ways() {
            for cue in cues(&setup) {
                let client = Client::with(fleet, setup.clone());
                client.opens().await;
                let before = client.course().len();
                client.migrate();
                until(async || client.course()[before..].iter().any(|what| what == cue)).await;
                client.free();
                assert_eq!((timers_set(), listeners()), (0, json!({})), "freed at {cue}");
                fleet.has_connections(0).await;
            }
        }
    })
    .await;
}
