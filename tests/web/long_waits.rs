//! What takes its time, and is therefore shown in one place only.

use serde_json::json;
use wasm_bindgen_test::console_log;

use crate::web::support::*;

/// Those that mostly wait.
pub(crate) fn waiting() -> Vec<Named> {
    named![
        a_server_that_accepts_and_drops_is_left_alone_for_ten_seconds,
        a_seed_that_is_down_for_five_seconds_is_asked_a_few_times_and_found_again,
        the_only_server_of_fifty_users_restarts_in_three_seconds_and_all_come_back,
        one_of_three_servers_of_fifty_users_dies_and_all_of_it_come_back,
    ]
}

async fn a_server_that_accepts_and_drops_is_left_alone_for_ten_seconds() {
    let servers = json!([
        { "id": "liar", "behaviour": { "handshake": "drop", "report": 0 } },
        { "count": 2, "baseUsers": 60 },
    ]);
    with_fleet(15.0, servers, async |fleet| {
        let clients: Vec<_> = (0..10)
            .map(|_| Client::with(fleet, json!({ "minUptime": 30_000 })))
            .collect();
        sleep(10.0).await;
        for client in clients {
            let dials = client.all("dial");
            let at_the_liar = dials.iter().filter(|dial| dial["server"]["id"] == "liar").count();
            let stands = client.all("opened").pop().expect("it opened");
            assert_ne!(stands["server"]["id"], "liar");
            console_log!(
                "{at_the_liar} of {} attempts at it, open elsewhere after {:.0} ms",
                dials.len(),
                between(&dials[0], &stands),
            );
            assert_eq!(
                (at_the_liar, dials.len(), client.state()),
                (1, 2, OPEN),
                "{:?}",
                client.course()
            );
            client.ends().await;
            client.free();
        }
    })
    .await;
}

async fn a_seed_that_is_down_for_five_seconds_is_asked_a_few_times_and_found_again() {
    with_fleet(30.0, two_groups(), async |fleet| {
        fleet.tell_list(json!({ "mode": "fail", "status": 500 })).await;
        let clients: Vec<_> = (0..10).map(|_| Client::of(fleet)).collect();
        sleep(5.0).await;
        let asked: Vec<_> = clients.iter().map(|client| client.count("ask")).collect();
        fleet.tell_list(json!({ "mode": "ok" })).await;
        let mut opened = Vec::new();
        for client in clients {
            opened.push(number(&client.sees("opened").await["at"]).round());
            let retries = client.all("retry");
            assert_eq!(retries.len() + 1, client.count("ask"), "each try is announced");
            assert!(retries.iter().all(|retry| retry["cause"] == "seed-status"));
            client.ends().await;
            client.free();
        }
        console_log!("asked in 5 s: {asked:?}; open after so many ms: {opened:?}");
        assert!(asked.iter().all(|asked| (2..=16).contains(asked)), "{asked:?}");
        // The pause under way when it came back is no longer than the outage had lasted.
        assert!(opened.iter().all(|&at| at < 12_000.0), "{opened:?}");
    })
    .await;
}

/// Ten clients, on top of the base users; the first one's server dies for so long. Gives the milliseconds until each that
/// lost its connection was back, in order. (More at once would be held up by the browser.)
async fn those_who_come_back(fleet: &Fleet, down_for: f64) -> Vec<f64> {
    let mut clients = Vec::new();
    for _ in 0..10 {
        let client = Client::of(fleet);
        client.opens().await;
        clients.push(client);
    }
    // Long enough to be listed, and to count as good connections.
    sleep(0.5).await;
    let id = clients[0].opens().await;
    fleet.tell(&id, json!({ "alive": false })).await;
    sleep(down_for).await;
    fleet.tell(&id, json!({ "alive": true })).await;
    let mut gaps = Vec::new();
    for client in clients {
        if let Some(lost) = client.all("closed").first() {
            until(async || client.state() == OPEN).await;
            let back = client.all("opened").pop().expect("it is open");
            gaps.push(between(lost, &back).round());
        }
        client.ends().await;
        client.free();
    }
    gaps.sort_by(f64::total_cmp);
    gaps
}

async fn the_only_server_of_fifty_users_restarts_in_three_seconds_and_all_come_back() {
    with_fleet(25.0, json!([{ "baseUsers": 40 }]), async |fleet| {
        let gaps = those_who_come_back(fleet, 3.0).await;
        console_log!("down for 3 s, back after so many ms: {gaps:?}");
        assert!(
            gaps.len() == 10 && gaps[4] <= 6_000.0 && gaps[9] <= 10_000.0,
            "{gaps:?}"
        );
    })
    .await;
}

async fn one_of_three_servers_of_fifty_users_dies_and_all_of_it_come_back() {
    with_fleet(20.0, json!([{ "count": 3, "baseUsers": 13 }]), async |fleet| {
        let gaps = those_who_come_back(fleet, 5.0).await;
        console_log!("one of three dead, back after so many ms: {gaps:?}");
        assert!(gaps.iter().all(|&gap| gap <= 4_000.0), "{gaps:?}");
    })
    .await;
}
