//! The control API.

use std::time::Duration;

use evenkeel_fleet::service::Options;
use reqwest::{Method, header};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{Harbour, assert_echo, assert_torn_down, shake_hands};

#[tokio::test]
async fn pages_of_any_origin_may_use_it_and_read_the_headers_they_need() {
    let harbour = Harbour::with(json!([{}])).await;
    for method in ["PATCH", "DELETE", "POST"] {
        let preflight = harbour
            .request(Method::OPTIONS, "/fleets/default/servers/s1")
            .header(header::ORIGIN, "https://app.example")
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, method)
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type")
            .send()
            .await
            .expect("an answer");
        assert_eq!(preflight.status(), 200);
        let allowed = |name: &str| preflight.headers()[name].to_str().expect("text").to_owned();
        assert_eq!(allowed("access-control-allow-origin"), "*");
        assert!(allowed("access-control-allow-methods").contains(method));
        assert_eq!(allowed("access-control-allow-headers"), "content-type");
    }
    for path in ["/servers", "/fleets/default/servers", "/fleets/default", "/nowhere"] {
        let request = harbour
            .request(Method::GET, path)
            .header(header::ORIGIN, "https://app.example");
        let response = request.send().await.expect("an answer");
        assert_eq!(response.headers()["access-control-allow-origin"], "*", "{path}");
        let exposed = response.headers()["access-control-expose-headers"]
            .to_str()
            .expect("text");
        for name in ["age", "etag", "retry-after"] {
            assert!(exposed.contains(name), "{path}: {exposed}");
        }
    }
}

#[tokio::test]
async fn fleets_are_isolated_from_each_other() {
    let harbour = Harbour::with(json!([{}])).await;
    let body = json!({ "name": "other", "refresh": 20, "servers": [{ "priority": 3 }, { "id": "b" }] });
    let response = harbour.send(Method::POST, "/fleets", &body).await;
    assert_eq!(response.status(), 201);
    let made: Value = response.json().await.expect("JSON");
    assert_eq!(made["name"], "other");
    assert_eq!(made["list"], harbour.url("/fleets/other/servers"));
    assert_eq!(made["control"], harbour.url("/fleets/other"));
    assert_eq!(made["servers"].as_array().map(Vec::len), Some(2));
    let url = made["servers"][0]["url"].as_str().expect("a URL").to_owned();
    assert_ne!(url, format!("ws://{}/", harbour.address("s1")));
    let address = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
    let stream = TcpStream::connect(&address).await.expect("it listens");
    let mut client = shake_hands(url, stream).await.expect("it accepts");

    harbour.server("s1", json!({ "alive": false })).await;
    harbour.list_is(json!({ "mode": "fail" })).await;

    assert_echo(&mut client, "another fleet").await;
    let list: Value = harbour.get("/fleets/other/servers").await.json().await.expect("JSON");
    assert_eq!(
        (&list["servers"][0]["id"], &list["servers"][0]["priority"]),
        (&json!("s1"), &json!(3))
    );
    assert_eq!(list["servers"][0]["available"], true);

    let deleted = harbour.send(Method::DELETE, "/fleets/other", &json!({})).await;
    assert_eq!(deleted.status(), 204);
    assert_torn_down(&mut client).await;
    assert!(TcpStream::connect(&address).await.is_err());
    assert_eq!(harbour.get("/fleets/other/servers").await.status(), 404);
    let fleets: Value = harbour.get("/fleets").await.json().await.expect("JSON");
    assert_eq!(fleets, json!({ "fleets": ["default"] }));
}

#[tokio::test]
async fn a_fleet_without_a_name_gets_a_free_one_and_a_name_is_given_once() {
    let harbour = Harbour::with(json!([])).await;
    let one = harbour.tell(Method::POST, "/fleets", json!({})).await;
    let two = harbour.tell(Method::POST, "/fleets", json!({})).await;
    assert_ne!(one["name"], two["name"]);
    for name in [&one["name"], &json!("default")] {
        let taken = harbour.send(Method::POST, "/fleets", &json!({ "name": name })).await;
        assert_eq!(taken.status(), 409);
        let told: Value = taken.json().await.expect("JSON");
        assert!(told["error"].is_string() && told["remedy"].is_string(), "{told}");
    }
}

#[tokio::test]
async fn one_priority_group_or_all_servers_can_be_told_at_once() {
    let harbour = Harbour::with(json!([{ "count": 2 }, { "count": 2, "priority": 1 }])).await;
    let servers = "/fleets/default/servers";
    let frozen = async || {
        let state: Value = harbour.get("/fleets/default").await.json().await.expect("JSON");
        let servers = state["servers"].as_array().expect("servers").clone();
        servers
            .iter()
            .map(|server| server["behaviour"]["frozen"] == true)
            .collect::<Vec<_>>()
    };
    let path = format!("{servers}?priority=1");
    let told = harbour.tell(Method::PATCH, &path, json!({ "frozen": true })).await;
    assert_eq!(told["servers"].as_array().map(Vec::len), Some(2));
    assert_eq!(frozen().await, [false, false, true, true]);
    harbour.tell(Method::PATCH, servers, json!({ "frozen": true })).await;
    assert_eq!(frozen().await, [true; 4]);
}

#[tokio::test]
async fn what_makes_no_sense_is_answered_with_what_is_wrong_and_what_to_do() {
    let harbour = Harbour::with(json!([{}])).await;
    let server = "/fleets/default/servers/s1";
    let before = harbour.truth("s1").await;
    let (patch, post) = (Method::PATCH, Method::POST);
    for (method, path, body, status, named) in [
        (&patch, server, r#"{"alve":false}"#, 400, "alve"),
        (&patch, server, r#"{"alive":"no","frozen":true}"#, 400, "alive"),
        (&patch, server, r#"{"handshake":"slow"}"#, 400, "slow"),
        (&patch, server, r#"{"dropCode":1006}"#, 400, "1006"),
        (&patch, server, r#"{"feed":0}"#, 400, "feed"),
        (&patch, server, r#"{"latency":-1}"#, 400, "latency"),
        (&patch, server, r#"{"priority":256}"#, 400, "priority"),
        (&patch, server, r#"{"baseUsers":-1}"#, 400, "baseUsers"),
        (&patch, server, r#"{"weight":-1}"#, 400, "weight"),
        (&patch, server, r#"{"frozen":true"#, 400, "JSON"),
        (&patch, server, "[]", 400, "map"),
        (&patch, "/fleets/default/servers", r#"{"alve":1}"#, 400, "alve"),
        (&patch, "/fleets/default/servers?priority=x", "{}", 400, "priority"),
        (&patch, "/fleets/default/servers?prio=1", "{}", 400, "prio"),
        (&patch, "/fleets/default/servers/s9", "{}", 404, "s9"),
        (&patch, "/fleets/nope/servers/s1", "{}", 404, "nope"),
        (&patch, "/fleets/default/list", r#"{"mode":"odd"}"#, 400, "odd"),
        (&patch, "/fleets/default/list", r#"{"ttl":0}"#, 400, "ttl"),
        (&patch, "/fleets/default/list", r#"{"status":99}"#, 400, "status"),
        (&patch, "/fleets/default/list", r#"{"heartbeat":0}"#, 400, "heartbeat"),
        (&patch, "/fleets/default/list", r#"{"redirect":"/a"}"#, 400, "/a"),
        (&patch, "/fleets/default/list", r#"{"redirect":"ws://a/"}"#, 400, "ws:"),
        (&post, "/fleets/default/servers/s1/close", "{}", 400, "code"),
        (&post, "/fleets/default/servers/s1/close", r#"{"code":999}"#, 400, "999"),
        (&post, "/fleets/default/servers/s9/close", r#"{"code":1000}"#, 404, "s9"),
        (
            &post,
            "/fleets",
            r#"{"servers":[{},{"prio":1}]}"#,
            400,
            "servers[1].prio",
        ),
        (&post, "/fleets", r#"{"servers":[{"id":"a"},{"id":"a"}]}"#, 400, "`a`"),
        (&post, "/fleets", r#"{"servers":[{"count":0}]}"#, 400, "count"),
        (&post, "/fleets", r#"{"servers":[{"count":2000}]}"#, 400, "1000"),
        (&post, "/fleets", r#"{"name":"a/b"}"#, 400, "a/b"),
        (&post, "/fleets", r#"{"refresh":0}"#, 400, "refresh"),
        (&post, "/nowhere", "{}", 404, "path"),
        (&Method::PUT, "/fleets", "{}", 405, "method"),
    ] {
        let request = harbour.request(method.clone(), path).body(body);
        let response = request.send().await.expect("an answer");
        let answered = response.status().as_u16();
        let told: Value = response.json().await.expect("JSON");
        assert_eq!(answered, status, "{method} {path} {body}: {told}");
        let error = told["error"].as_str().expect("what is wrong");
        assert!(error.contains(named), "{method} {path} {body}: {error}");
        assert!(told["remedy"].is_string(), "{told}");
    }
    let after = harbour.truth("s1").await;
    assert_eq!(
        before["behaviour"], after["behaviour"],
        "what is refused changes nothing"
    );
}

#[tokio::test]
async fn folders_are_served_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("index.html"), "<p>hello</p>").expect("written");
    std::fs::write(folder.path().join("code.wasm"), "\0asm").expect("written");
    std::fs::write(folder.path().join("servers"), "not the list").expect("written");
    let mount = |path: &str| {
        format!("{path}={}", folder.path().display())
            .parse()
            .expect("a good mount")
    };
    let harbour = Harbour::start(Options {
        host: "127.0.0.1".to_owned(),
        public_host: None,
        port: 0,
        fleet: serde_json::from_value(json!({ "servers": [{}] })).expect("a good fleet"),
        mounts: vec![mount("/"), mount("/package/dist")],
    })
    .await;
    for (path, content_type) in [
        ("/", "text/html"),
        ("/index.html", "text/html"),
        ("/code.wasm", "application/wasm"),
        ("/package/dist/code.wasm", "application/wasm"),
        ("/package/dist/", "text/html"),
    ] {
        let response = harbour.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], content_type, "{path}");
        assert_eq!(response.headers()["cache-control"], "no-cache", "{path}");
    }
    assert_eq!(harbour.get("/missing.js").await.status(), 404);
    assert_eq!(harbour.get("/../Cargo.toml").await.status(), 404);
    assert!(harbour.list().await["servers"].is_array(), "the API comes first");
}

#[tokio::test]
async fn the_end_is_clean_even_if_a_request_hangs_and_a_server_is_frozen() {
    let harbour = Harbour::with(json!([{}, {}])).await;
    harbour.list_is(json!({ "mode": "hang" })).await;
    harbour.server("s1", json!({ "frozen": true })).await;
    let stream = TcpStream::connect(harbour.address("s1")).await.expect("it listens");
    let mut client = harbour.connect("s2").await;
    let addresses = [harbour.address("s1"), harbour.address("s2")];
    let hanging = tokio::spawn(harbour.request(Method::GET, "/servers").send());
    tokio::time::sleep(Duration::from_millis(50)).await;

    let stopping = harbour.service.stop();
    let (stopped, ()) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(3), stopping),
        crate::support::assert_closed(&mut client, 1001, "")
    );

    assert!(stopped.is_ok(), "it takes no more than a moment");
    drop((stream, hanging));
    for address in addresses {
        assert!(TcpStream::connect(address).await.is_err());
    }
}
