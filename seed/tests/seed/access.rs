//! Who may report what.

use std::num::NonZeroU32;

use evenkeel_seed::access::parse;
use reqwest::Method;
use serde_json::json;

use crate::support::{SECRET, Seed, answered, options, token};

const OTHER: &str = "another-secret-of-enough-length";

#[tokio::test]
async fn without_a_token_or_with_one_that_is_not_known_nothing_is_changed() {
    let seed = Seed::start(options()).await;
    let body = json!({"url": "ws://a"});
    let requests = [
        (Method::PUT, "/servers/a"),
        (Method::PUT, "/servers"),
        (Method::DELETE, "/servers/a"),
        (Method::POST, "/servers/a/drain"),
        (Method::DELETE, "/servers/a/drain"),
    ];
    for (method, path) in requests {
        let request = || seed.request(method.clone(), path).json(&body);
        for wrong in [
            request(),
            request().bearer_auth("x"),
            request().basic_auth(SECRET, Some(SECRET)),
        ] {
            let (status, answer) = answered(wrong).await;
            assert_eq!(
                (status, &answer["error"]["code"]),
                (401, &json!("unauthorized")),
                "{method} {path}"
            );
        }
    }
    let refused = seed
        .request(Method::PUT, "/servers/a")
        .json(&body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    assert_eq!(
        seed.list_when(|list| list["servers"].is_array()).await["servers"],
        json!([])
    );
}

#[tokio::test]
async fn a_token_is_good_for_its_ids_and_hosts_alone() {
    let mut limited = options();
    limited
        .tokens
        .push(token("london", OTHER, &["lon-*"], &["*.london.example"]));
    let seed = Seed::start(limited).await;
    let put = |id: &str, url: &str| {
        let path = format!("/servers/{id}");
        answered(
            seed.request(Method::PUT, &path)
                .bearer_auth(OTHER)
                .json(&json!({"url": url})),
        )
    };
    assert_eq!(put("lon-1", "wss://a.london.example/ws").await.0, 200);
    let (status, answer) = put("ams-1", "wss://a.london.example/ws").await;
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("forbidden")));
    let (status, answer) = put("lon-2", "wss://a.elsewhere.example/ws").await;
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("forbidden")));
    seed.report("ams-1", 1).await;
    for (method, path) in [
        (Method::DELETE, "/servers/ams-1"),
        (Method::POST, "/servers/ams-1/drain"),
    ] {
        let (status, _) = answered(seed.request(method, path).bearer_auth(OTHER)).await;
        assert_eq!(status, 403, "{path}");
    }
}

#[tokio::test]
async fn more_reports_a_second_than_allowed_are_refused_and_the_others_tokens_go_on() {
    let mut limited = options();
    limited.tokens.push(token("other", OTHER, &[], &[]));
    limited.rate = NonZeroU32::new(2).expect("two");
    let seed = Seed::start(limited).await;
    let put = |secret| {
        answered(
            seed.request(Method::PUT, "/servers/a")
                .bearer_auth(secret)
                .json(&json!({"url": "ws://a"})),
        )
    };
    assert_eq!(put(SECRET).await.0, 200);
    assert_eq!(put(SECRET).await.0, 200);
    let (status, answer) = put(SECRET).await;
    assert_eq!((status, &answer["error"]["code"]), (429, &json!("too-many")));
    assert_eq!(put(OTHER).await.0, 200);
}

#[tokio::test]
async fn a_seed_of_a_file_alone_takes_no_reports_and_an_open_one_takes_anybodys() {
    let mut closed = options();
    closed.tokens.clear();
    let seed = Seed::start(closed).await;
    let (status, answer) = seed.put("/servers/a", json!({"url": "ws://a"})).await;
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("forbidden")));
    let mut open = options();
    (open.tokens, open.open) = (Vec::new(), true);
    let seed = Seed::start(open).await;
    let (status, _) = answered(seed.request(Method::PUT, "/servers/a").json(&json!({"url": "ws://a"}))).await;
    assert_eq!(status, 200);
}

#[test]
fn a_file_of_tokens_is_read_and_what_is_wrong_with_one_is_told() {
    let tokens =
        parse("[[tokens]]\nname = \"london\"\nsecret = \"0123456789abcdef\"\nids = [\"lon-*\"]\n").expect("tokens");
    assert_eq!(
        (tokens.len(), tokens[0].name.as_str(), tokens[0].hosts.len()),
        (1, "london", 0)
    );
    for wrong in [
        "",
        "[[tokens]]\nname = \"a\"",
        "[[tokens]]\nname = \"a\"\nsecret = \"b\"\nid = \"c\"",
    ] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn nothing_is_read_of_who_has_no_token() {
    let seed = Seed::start(options()).await;
    for path in ["/servers", "/servers/a"] {
        let (status, _) = answered(seed.request(Method::PUT, path).body("no json")).await;
        assert_eq!(status, 401, "{path}");
    }
}

#[tokio::test]
async fn drains_and_leaves_count_towards_the_rate() {
    let mut limited = options();
    limited.rate = NonZeroU32::new(2).expect("two");
    let seed = Seed::start(limited).await;
    seed.report("a", 1).await;
    let mut last = 0;
    for _ in 0..4 {
        last = seed.command(Method::POST, "/servers/a/drain").await;
    }
    assert_eq!(last, 429);
}
