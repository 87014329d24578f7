//! The list over HTTP, as pages, caches and CDNs see it.

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::support::{Seed, entry, options};

#[tokio::test]
async fn the_list_has_what_the_contract_asks_for_and_headers_for_caches_and_pages() {
    let seed = Seed::start(options()).await;
    seed.report("a", 3).await;
    let list = seed.list_when(|list| entry(list, "a").is_object()).await;
    assert!(
        list["age"].as_f64().is_some_and(|age| (0.0..1.0).contains(&age)),
        "{list}"
    );
    assert_eq!(list["ttl"], 10);
    assert!(list["version"].as_str().is_some_and(|version| !version.is_empty()));
    let answer = seed
        .request(Method::GET, "/servers")
        .header("origin", "https://page.example")
        .send()
        .await
        .expect("a list");
    let header = |name: &str| {
        answer
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("cache-control"), "public, max-age=1, stale-while-revalidate=5");
    assert_eq!(header("age"), "0");
    let vary: Vec<_> = answer.headers().get_all("vary").iter().collect();
    assert_eq!(
        vary,
        ["accept-encoding"],
        "what varies by more is not kept by every CDN"
    );
    assert_eq!(header("access-control-allow-origin"), "*");
    assert_eq!(header("access-control-expose-headers"), "age,etag,retry-after");
}

#[tokio::test]
async fn a_page_may_ask_with_headers_of_its_own() {
    let seed = Seed::start(options()).await;
    for path in ["/servers", "/watch"] {
        let answer = seed
            .request(Method::OPTIONS, path)
            .header("origin", "https://page.example")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization")
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            answer.headers()["access-control-allow-headers"],
            "authorization",
            "{path}"
        );
        assert_eq!(answer.headers()["access-control-allow-methods"], "GET", "{path}");
    }
}

#[tokio::test]
async fn the_version_changes_with_the_servers_and_with_nothing_else() {
    let seed = Seed::start(options()).await;
    seed.report("a", 3).await;
    let first = seed.list_when(|list| entry(list, "a").is_object()).await;
    seed.report("a", 3).await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(seed.list().await["version"], first["version"]);
    seed.report("a", 4).await;
    seed.list_when(|list| entry(list, "a")["users"] == 4 && list["version"] != first["version"])
        .await;
}

#[tokio::test]
async fn who_has_the_list_already_is_told_so() {
    let seed = Seed::start(options()).await;
    seed.report("a", 3).await;
    seed.list_when(|list| entry(list, "a").is_object()).await;
    let answer = seed.get("/servers").await;
    let etag = answer.headers()[header::ETAG].to_str().expect("text").to_owned();
    let strong = etag.trim_start_matches("W/").to_owned();
    for known in [etag.clone(), strong, format!("\"another\", {etag}"), "*".to_owned()] {
        let answer = seed
            .request(Method::GET, "/servers")
            .header(header::IF_NONE_MATCH, &known)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(answer.headers()[header::ETAG], etag.as_str(), "{known}");
        assert!(answer.headers().contains_key(header::CACHE_CONTROL), "{known}");
    }
    let other = seed
        .request(Method::GET, "/servers")
        .header(header::IF_NONE_MATCH, "\"another\"")
        .send()
        .await
        .expect("a list");
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_list_is_compressed_as_the_client_takes_it() {
    let seed = Seed::start(options()).await;
    let servers: Vec<_> = (0..50)
        .map(|number| json!({"id": number.to_string(), "url": format!("ws://s{number}")}))
        .collect();
    seed.put("/servers", json!({"servers": servers})).await;
    let plain = seed.list_when(|list| entry(list, "49").is_object()).await;
    let cases = [
        ("br, gzip", Some("br")),
        ("gzip, deflate", Some("gzip")),
        ("br;q=0, gzip;q=0.5", Some("gzip")),
        ("GZIP", Some("gzip")),
        ("deflate", None),
        ("br;q=0", None),
        ("identity", None),
    ];
    for (accepted, encoding) in cases {
        let answer = seed
            .request(Method::GET, "/servers")
            .header(header::ACCEPT_ENCODING, accepted)
            .send()
            .await
            .expect("a list");
        let named = answer
            .headers()
            .get(header::CONTENT_ENCODING)
            .map(|value| value.to_str().expect("text").to_owned());
        assert_eq!(named.as_deref(), encoding, "{accepted}");
        let bytes = answer.bytes().await.expect("a body");
        let text = match encoding {
            Some("br") => read(brotli::Decompressor::new(&bytes[..], 4_096)),
            Some(_) => read(flate2::read::GzDecoder::new(&bytes[..])),
            None => bytes.to_vec(),
        };
        let list: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(list, plain, "{accepted}");
    }
}

fn read(mut from: impl std::io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("what was compressed");
    bytes
}

#[tokio::test]
async fn other_paths_and_methods_say_where_things_are() {
    let seed = Seed::start(options()).await;
    for (method, path, status) in [
        (Method::GET, "/", 404),
        (Method::POST, "/servers", 405),
        (Method::GET, "/servers/a", 405),
    ] {
        let answer = seed.request(method, path).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{path}");
        let body: Value = answer.json().await.expect("an error");
        assert!(
            body["error"]["remedy"]
                .as_str()
                .is_some_and(|remedy| remedy.contains("--help") || remedy.contains("/servers")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn prometheus_is_told_what_became_of_requests_and_how_the_list_is() {
    let seed = Seed::start(options()).await;
    seed.report("a", 3).await;
    seed.put("/servers/b", json!({})).await;
    seed.entry_when("a", Value::is_object).await;
    let text = seed.get("/metrics").await.text().await.expect("text");
    for line in [
        "evenkeel_seed_reports_total{outcome=\"taken\"} 1",
        "evenkeel_seed_reports_total{outcome=\"invalid\"} 1",
        "evenkeel_seed_servers 1",
        "evenkeel_seed_servers_offered 1",
        "evenkeel_seed_registry_connected 1",
        "evenkeel_seed_watchers 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
    assert!(text.contains("evenkeel_seed_lists_total{status=\"200\"}"), "{text}");
}
