//! The command as it is called.

use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use crate::support::four;

async fn call(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel-crowd"));
    command.args(arguments).kill_on_drop(true).output().await.unwrap()
}

/// It ends with code 2, prints nothing on the standard output, and says this.
async fn assert_refused(arguments: &[&str], said: &str) {
    let Output { status, stdout, stderr } = call(arguments).await;
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(stdout.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&stdout));
    assert!(stderr.contains(said), "{arguments:?}: {stderr}");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_code_2() {
    let nobody = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/servers", listener.local_addr().unwrap())
    };
    let service = four().await;
    let list = format!("{}/servers", service.url());
    let health = format!("{}/health", service.url());
    let no_fleet = format!("{}/fleets/other", service.url());
    for (arguments, said) in [
        (&[][..], "no fleet and no seed is named"),
        (&["--seed-url", "nonsense"], "`nonsense` is no URL"),
        (&["--seed-url", "https://example.com/servers"], "speaks no TLS"),
        (&["--seed-url", "ws://example.com/"], "is no http: URL"),
        (&["--seed-url", &nobody], "nobody answers at"),
        (&["--seed-url", &health], "cannot be read"),
        (&["--fleet-url", &no_fleet], "there is no fleet"),
        (
            &["--seed-url", &list, "--scenario", "kill"],
            "--fleet-url URL or --local",
        ),
        (
            &["--local", "--scenario", "nova"],
            "there is no scenario `nova`: flash, kill, rolling, drain, or all",
        ),
        (&["--local", "--seed-url", &list], "cannot be used with"),
        (&["--local", "--clients", "0"], "--clients"),
        (&["--local", "--clients", "4000000000"], "open files"),
        (&["--local", "--ramp", "soon"], "is no number"),
        (
            &["--local", "--plot", "/dev/null/here"],
            "/dev/null/here cannot be made",
        ),
    ] {
        assert_refused(arguments, said).await;
    }
}

#[tokio::test]
async fn with_a_fleet_of_its_own_it_prints_one_document() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("crowd");
    let plot = folder.to_str().unwrap();
    let crowd = [
        "--local",
        "--clients",
        "100",
        "--ramp",
        "1",
        "--settle",
        "1",
        "--duration",
        "2",
    ];
    let besides = [
        "--message-interval",
        "100",
        "--scenario",
        "flash,kill",
        "--seeds",
        "3",
        "--json",
        "--plot",
        plot,
    ];
    let Output { status, stdout, stderr } = call(&[&crowd[..], &besides[..]].concat()).await;
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let document: Value = serde_json::from_slice(&stdout).unwrap();
    let names: Vec<_> = document["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["scenario"])
        .collect();
    assert_eq!(names, ["flash", "kill"]);
    for scenario in document["scenarios"].as_array().unwrap() {
        assert_eq!(scenario["plan"]["clients"], 100);
        assert_eq!(scenario["servers"].as_array().unwrap().len(), 10);
        assert_eq!(scenario["crowd"]["connectedAtEnd"], 1.0);
        assert!(
            scenario["figures"]
                .as_array()
                .unwrap()
                .iter()
                .any(|row| row["figure"] == "peakHandshakes")
        );
        assert_eq!(scenario["messages"]["lostElsewhere"], 0);
        let seconds = scenario["seconds"].as_array().unwrap();
        let reached = seconds
            .iter()
            .flat_map(|second| second["handshakes"].as_array().unwrap());
        let reached: u64 = reached.map(|count| count.as_u64().unwrap()).sum();
        assert!(reached >= 100, "{reached}");
        let drawn = folder.join(format!("{}.svg", scenario["scenario"].as_str().unwrap()));
        let drawn = std::fs::read_to_string(drawn).unwrap();
        assert!(drawn.contains(", crowd") && drawn.contains(", simulated"));
    }
}

#[tokio::test]
async fn a_seed_alone_will_do_for_those_who_only_arrive() {
    let service = four().await;
    let list = format!("{}/servers", service.url());
    let crowd = [
        "--seed-url",
        &list,
        "--clients",
        "50",
        "--ramp",
        "1",
        "--duration",
        "1",
        "--seeds",
        "0",
    ];
    let Output { status, stdout, stderr } = call(&crowd).await;
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let table = String::from_utf8(stdout).unwrap();
    assert!(table.contains("flash: 50 clients, 4 servers"), "{table}");
    assert!(table.contains(" 0 lost "), "{table}");
    assert!(!table.contains("outside"), "{table}");
}
