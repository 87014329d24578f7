//! The command itself.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::support::{SOON, assert_closed, assert_echo, shake_hands};

struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel-fleet"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn start(arguments: &[&str]) -> Running {
    let mut child = command(arguments).spawn().expect("the command is built");
    let stdout = child.stdout.take().expect("standard output is piped");
    Running {
        child,
        lines: BufReader::new(stdout).lines(),
    }
}

impl Running {
    async fn line(&mut self) -> String {
        let line = timeout(SOON, self.lines.next_line()).await.expect("a line comes");
        line.expect("text").expect("not the end")
    }

    async fn ended_by(mut self, signal: Signal) -> Option<i32> {
        let id = self.child.id().expect("it runs");
        let pid = Pid::from_raw(id.cast_signed()).expect("a process");
        kill_process(pid, signal).expect("it can be signalled");
        timeout(SOON, self.child.wait())
            .await
            .expect("it ends")
            .expect("a status")
            .code()
    }
}

/// Exit code, standard output and standard error of a command that ends by itself.
async fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = timeout(SOON, command(arguments).output())
        .await
        .expect("it ends")
        .expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// It ends with code 2 and one line on standard error, with these words in it.
async fn assert_cannot_start(arguments: &[&str], words: &[&str]) {
    let (code, stdout, stderr) = run(arguments).await;
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{arguments:?}: {stderr}");
    }
}

#[tokio::test]
async fn it_says_what_it_started_and_ends_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let groups = ["--group", "id=lon,count=2,capacity=60,base=4", "--group", "priority=1"];
        let mut fleet = start(&[&["--port", "0", "--refresh", "50"], &groups[..]].concat());
        let mut urls = Vec::new();
        for expected in [("lon-1", "0"), ("lon-2", "0"), ("s3", "1")] {
            let line = fleet.line().await;
            let words: Vec<_> = line.split(' ').collect();
            assert_eq!((words[0], words[3]), expected, "{line}");
            urls.push(words[1].to_owned());
        }
        let ready = fleet.line().await;
        let list_url = ready.strip_prefix("fleet ready: ").expect("the line that says so");
        let list: Value = reqwest::get(list_url)
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        for (index, url) in urls.iter().enumerate() {
            assert_eq!(list["servers"][index]["url"], url.as_str());
        }
        assert_eq!(
            (&list["servers"][0]["users"], &list["servers"][0]["capacity"]),
            (&4.into(), &60.into())
        );

        let address = urls[0].trim_start_matches("ws://").trim_end_matches('/');
        let stream = TcpStream::connect(address).await.expect("it listens");
        let mut client = shake_hands(urls[0].as_str(), stream).await.expect("it accepts");
        assert_echo(&mut client, "hello").await;
        let (code, ()) = tokio::join!(fleet.ended_by(signal), assert_closed(&mut client, 1001, ""));
        assert_eq!(code, Some(0), "{signal:?}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let other = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = other.local_addr().expect("an address").port().to_string();
    assert_cannot_start(&["--port", &port], &["control API", &port, "in use", "another port"]).await;
    let group = format!("id=lon,port={port}");
    assert_cannot_start(&["--port", "0", "--group", &group], &["server lon", &port, "in use"]).await;
}

#[tokio::test]
async fn a_bad_argument_is_named_with_what_to_do() {
    for (arguments, words) in [
        (["--group", "nonsense"], ["nonsense", "KEY=VALUE"]),
        (["--group", "prio=1"], ["`prio`", "priority"]),
        (["--group", "count=many"], ["`count` is `many`", "count=1"]),
        (["--group", "priority=300"], ["`priority` is `300`", "priority=1"]),
        (["--group", "count=0"], ["`count` is 0", "at least 1"]),
        (["--group", "weight=-1"], ["`weight`", "at least 0"]),
        (["--serve", "www"], ["MOUNT=DIR", "/=www"]),
        (["--serve", "/=no/such/folder"], ["no/such/folder", "build it"]),
        (["--serve", "/fleets/x=."], ["/fleets/x", "path of the API"]),
        (["--port", "70000"], ["70000", "--port"]),
        (["--refresh", "1"], ["`refresh` is 1", "10 to"]),
        (["--host", "not a host"], ["not a host", "127.0.0.1"]),
    ] {
        let port = if arguments[0] == "--port" {
            &[][..]
        } else {
            &["--port", "0"]
        };
        assert_cannot_start(&[port, &arguments[..]].concat(), &words).await;
    }
    assert_cannot_start(&["--bogus"], &["--bogus", "--help"]).await;
}

#[tokio::test]
async fn the_help_names_every_option_and_key() {
    let (code, help, _) = run(&["--help"]).await;
    assert_eq!(code, Some(0));
    for word in [
        "--host",
        "--port",
        "--group",
        "--refresh",
        "--ttl",
        "--detection",
        "--serve",
        "connect-rate",
        "base",
    ] {
        assert!(help.contains(word), "{word} is missing");
    }
}
