//! The commands as they are called: what cannot be done is refused at once, in one line.
#![allow(clippy::unwrap_used, reason = "here a panic is how a test fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use evenkeel_simulation::plan::Plan;
use evenkeel_simulation::policy::Policy;
use evenkeel_simulation::rivals;
use serde_json::json;

const SIMULATION: &str = env!("CARGO_BIN_EXE_evenkeel-simulation");
const SCHEDULES: &str = env!("CARGO_BIN_EXE_evenkeel-schedules");

fn call(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env("RUST_BACKTRACE", "1").output().unwrap()
}

fn file(name: &str, document: &serde_json::Value) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, document.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_cannot_be_done_is_refused_in_one_line() {
    let misspelt = json!({
        "fleet": [{ "capacity": 100 }], "clients": 5, "end": 60,
        "events": [{ "at": 30, "do": "kill", "servers": [0], "silnet": true }],
    });
    let misspelt = file("misspelt.json", &misspelt);
    let short = json!({
        "fleet": [{ "capacity": 100 }], "clients": 1, "end": 2_729,
        "events": [{ "at": 30, "do": "blip", "servers": [0] }],
    });
    let short = file("short.json", &short);
    for (program, arguments, said) in [
        (SIMULATION, &[][..], "--scenario <SCENARIO>|--config <FILE>|--targets"),
        (
            SIMULATION,
            &["--scenario", "crash", "--rate", "-5"],
            "has to be above 0",
        ),
        (SIMULATION, &["--scenario", "crash", "--stay", "never"], "is no number"),
        (SIMULATION, &["--scenario", "crash", "--jobs", "0"], "'--jobs <JOBS>'"),
        (
            SIMULATION,
            &["--scenario", "crash", "--plot", "/nowhere/at/all.svg"],
            "/nowhere/at/all.svg cannot be written",
        ),
        (SIMULATION, &["--config", &misspelt], "`events[0].silnet`"),
        (SCHEDULES, &["--schedules", "0"], "'--schedules <SCHEDULES>'"),
        (SCHEDULES, &["--jobs", "0"], "'--jobs <JOBS>'"),
        (SCHEDULES, &["--plan", &short], "has to go on to 2730"),
    ] {
        let output = call(program, arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        assert!(text.starts_with("error: ") && text.contains(said), "{text:?}");
        // How it is called may follow; causes that repeat it and stack traces do not.
        assert!(!text.contains("Caused by") && !text.contains("backtrace"), "{text}");
    }
}

#[test]
fn help_lists_what_there_is_and_which_policies_heed_groups() {
    let help = String::from_utf8(call(SIMULATION, &["--help"]).stdout).unwrap();
    for name in rivals::CHOICES.iter().map(|(name, _)| name) {
        assert!(help.contains(name), "{name}");
    }
    let document = json!({
        "fleet": [{ "count": 2, "capacity": 100 }, { "count": 2, "capacity": 100, "group": 1 }],
        "clients": 60, "end": 30,
    });
    let plan = Plan::parse("two groups", &document.to_string()).unwrap();
    for (name, _) in &rivals::CHOICES {
        let outcome = Policy::named(name).unwrap().run(&plan, 1, false, &mut |_| {});
        let behind: u32 = outcome.counts[2..].iter().map(|&(users, _)| users).sum();
        assert_eq!(behind == 0, rivals::HEED_GROUPS.contains(name), "{name}: {behind}");
    }
}
