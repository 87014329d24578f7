//! The operator's file.

use std::path::Path;

use evenkeel_seed::file::File;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Seed, entry, options};

const TOML: &str = r#"
heartbeat = 20

[[servers]]
id = "lon-1"
url = "wss://lon-1.example.com/ws"
capacity = 2000
region = "eu"

[[servers]]
url = "wss://ams-1.example.com/ws"
available = false

[overrides.lon-2]
draining = true
priority = 2
"#;

#[test]
fn toml_and_json_say_the_same() {
    let toml = File::parse(Path::new("fleet.toml"), TOML).expect("a file");
    let json = json!({
        "heartbeat": 20,
        "servers": [
            {"id": "lon-1", "url": "wss://lon-1.example.com/ws", "capacity": 2000, "region": "eu"},
            {"url": "wss://ams-1.example.com/ws", "available": false},
        ],
        "overrides": {"lon-2": {"draining": true, "priority": 2}},
    });
    assert_eq!(File::parse(Path::new("fleet.json"), &json.to_string()), Ok(toml));
}

#[test]
fn what_is_wrong_with_a_file_is_told() {
    let cases = [
        ("servers = 5", "servers"),
        ("[[servers]]\nid = \"a\"", "server 1"),
        (
            "[[servers]]\nurl = \"ws://a\"\n[[servers]]\nurl = \"ftp://b\"",
            "server 2",
        ),
        (
            "[[servers]]\nurl = \"ws://a\"\n[[servers]]\nurl = \"ws://a\"",
            "two servers",
        ),
        ("[[servers]]\nurl = \"ws://a\"\navailable = \"no\"", "available"),
        ("[overrides.a]\ndrainning = true", "drainning"),
        ("[overrides.a]\nweight = -1", "weight"),
        ("[overrides.b]\nconnectRate = 0", "connectRate"),
        ("[[servers]]\nurl = \"ws://a\"\nweight = -1", "weight"),
        ("server = []", "server"),
        ("heartbeat = 0", "heartbeat"),
    ];
    for (text, said) in cases {
        let error = File::parse(Path::new("fleet.toml"), text).expect_err(text);
        assert!(
            error.message.contains(said) && error.message.contains("fleet.toml"),
            "{text:?}: {error}"
        );
    }
    assert!(File::parse(Path::new("fleet.yaml"), "").is_err());
}

#[tokio::test]
async fn the_file_is_listed_with_those_who_report_and_an_operator_has_the_last_word_on_both() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fleet.toml");
    std::fs::write(&path, TOML).expect("written");
    let mut with_file = options();
    with_file.file = Some(path.clone());
    let seed = Seed::start(with_file).await;
    seed.report("lon-2", 4).await;
    let list = seed.list_when(|list| entry(list, "lon-2").is_object()).await;
    assert_eq!(list["heartbeat"], 20.0);
    let lon_1 = json!({"id": "lon-1", "url": "wss://lon-1.example.com/ws", "available": true, "capacity": 2000, "region": "eu"});
    assert_eq!(entry(&list, "lon-1"), lon_1);
    assert_eq!(entry(&list, "wss://ams-1.example.com/ws")["available"], false);
    let lon_2 = entry(&list, "lon-2");
    assert_eq!(
        (&lon_2["draining"], &lon_2["priority"], &lon_2["users"]),
        (&json!(true), &json!(2), &json!(4))
    );

    std::fs::write(&path, TOML.replace("lon-2", "lon-1")).expect("written");
    let list = seed.list_when(|list| entry(list, "lon-1")["draining"] == true).await;
    assert_eq!(entry(&list, "lon-2")["draining"], Value::Null);

    std::fs::write(&path, "servers = nonsense").expect("written");
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(
        entry(&seed.list().await, "lon-1")["draining"],
        true,
        "what it said before holds on"
    );

    std::fs::write(&path, "[overrides.lon-2]\nlisted = false\n").expect("written");
    seed.list_when(|list| list["servers"] == json!([])).await;
}

#[tokio::test]
async fn a_server_of_the_file_is_what_it_reports_once_it_does_and_lost_when_it_falls_silent() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fleet.json");
    std::fs::write(&path, json!({"servers": [{"id": "a", "url": "ws://old"}]}).to_string()).expect("written");
    let mut with_file = options();
    with_file.file = Some(path);
    let seed = Seed::start(with_file).await;
    seed.entry_when("a", |entry| entry["url"] == "ws://old").await;
    seed.put("/servers/a", json!({"url": "ws://new", "users": 3, "ttl": 1}))
        .await;
    seed.entry_when("a", |entry| entry["url"] == "ws://new" && entry["available"] == true)
        .await;
    seed.entry_when("a", |entry| entry["available"] == false).await;
    assert_eq!(seed.command(Method::DELETE, "/servers/a").await, 204);
}
