//! What tables and JSON say of figures that never came, came in a part of the runs, or cannot be told.
#![allow(clippy::unwrap_used, reason = "here a panic is how a test fails")]

use evenkeel_simulation::figures::Figures;
use evenkeel_simulation::plan::Plan;
use evenkeel_simulation::policy::Policy;
use evenkeel_simulation::report::{self, Result};
use evenkeel_simulation::rivals;
use evenkeel_simulation::runs::{self, Run};
use serde_json::{Value, json};

fn plan(events: &Value) -> Plan {
    let document = json!({
        "fleet": [{ "count": 2, "capacity": 30 }, { "count": 2, "capacity": 30, "group": 1 }],
        "seed": { "refresh": 5 },
        "clients": 40,
        "measureFrom": 20,
        "end": 120,
        "events": events,
    });
    Plan::parse("my.json", &document.to_string()).unwrap()
}

fn runs(plan: &Plan, seeds: &[u64]) -> Vec<Run> {
    runs::run(plan, Policy::Evenkeel, seeds, Some(1), false, &|_| {})
}

fn result(plan: &Plan) -> Result {
    report::results("my.json", "evenkeel", plan, &runs(plan, &[1])).remove(0)
}

/// What a table says of a figure.
fn line<'a>(table: &'a str, words: &str) -> Option<&'a str> {
    let lines = table.lines().map(str::trim);
    lines.filter_map(|line| line.strip_prefix(words)).map(str::trim).next()
}

#[test]
fn what_never_came_is_said_and_what_there_was_no_occasion_for_is_not() {
    let dead = plan(&json!([{ "at": 40, "do": "kill", "servers": [0, 1, 2, 3] }]));
    let result = result(&dead);
    let table = report::table(&result);
    for words in ["seconds to half", "seconds to 99", "half over ideal"] {
        assert_eq!(line(&table, words), Some("never"), "{table}");
    }
    assert_eq!(line(&table, "seconds home"), None);
    assert_eq!(line(&table, "back at end"), Some("0.0000"));
    let document = serde_json::to_value(&result).unwrap();
    let never = ["secondsToHalf", "secondsTo99", "halfOverIdeal", "mostOverIdeal"];
    assert_eq!(document["never"], json!(never));
}

#[test]
fn losses_at_different_times_are_said_to_be() {
    let one = json!({ "at": 40, "do": "kill", "servers": [0] });
    let other = json!({ "at": 60, "do": "kill", "servers": [1] });
    let once = report::table(&result(&plan(&json!([one]))));
    assert!(
        !once.contains("different times") && once.contains("seconds to half"),
        "{once}"
    );
    let twice = plan(&json!([one, other]));
    let both = report::table(&result(&twice));
    assert!(both.contains("at different times: no figures"), "{both}");
    let mean = report::results("my.json", "evenkeel", &twice, &runs(&twice, &[1, 2])).remove(2);
    assert!(report::table(&mean).contains("at different times in 2 of 2 seeds"));
}

#[test]
fn a_mean_says_of_how_many_runs_it_is() {
    let plan = plan(&json!([{ "at": 40, "do": "kill", "servers": [0] }]));
    let mut runs = runs(&plan, &[1, 2, 3]);
    runs[1].outcome.figures.seconds_to_99 = None;
    runs[1].outcome.remarks.never = vec!["secondsTo99"];
    let mean = report::results("my.json", "evenkeel", &plan, &runs).remove(3);
    let document = serde_json::to_value(&mean).unwrap();
    assert_eq!(
        (&document["of"]["secondsTo99"], &document["of"]["secondsToHalf"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(document["never"], json!(["secondsTo99"]));
    let table = report::table(&mean);
    assert!(
        line(&table, "seconds to 99").unwrap().ends_with("in 2 of 3 seeds"),
        "{table}"
    );
    assert!(!line(&table, "seconds to half").unwrap().contains("seeds"), "{table}");
}

#[test]
fn after_an_outage_of_everything_nobody_is_home_at_once() {
    let plan = plan(&json!([
        { "at": 40, "do": "kill", "servers": [0, 1, 2, 3] },
        { "at": 60, "do": "revive", "servers": [0, 1] },
    ]));
    let figures = &runs(&plan, &[1])[0].outcome.figures;
    let (home, half) = (figures.seconds_home.unwrap(), figures.seconds_to_half.unwrap());
    // Nine tenths are there no sooner than one half.
    assert!(home >= half - 20.0 && home > 0.0, "{home} {half}");
}

#[test]
fn it_is_told_how_long_a_server_was_too_full_and_which() {
    let plan = plan(&json!([
        { "at": 40, "do": "kill", "servers": [0, 2, 3] },
        { "at": 100, "do": "kill", "servers": [1] },
    ]));
    let result = result(&plan);
    let seconds = result.figures.get("secondsOverCapacity").unwrap();
    // 40 users on one server of 30, once they have come over.
    assert!((40.0..=60.0).contains(&seconds), "{seconds}");
    assert_eq!(result.remarks.peak_server, Some(1));
    assert!(
        report::table(&result).contains("1.3333  (server 1)"),
        "{}",
        report::table(&result)
    );
    let calm = self::result(&self::plan(&json!([])));
    assert_eq!(calm.figures.get("secondsOverCapacity"), Some(0.0));
}

#[test]
fn the_documents_explain_every_figure_and_every_policy_and_give_a_plan_that_runs() {
    let readme = include_str!("../README.md");
    for (name, _) in Figures::default().named() {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
    let policies = readme
        .split_once("## Policies")
        .unwrap()
        .1
        .split_once("\n## ")
        .unwrap()
        .0;
    let (choices, laws) = (&rivals::CHOICES, &rivals::LAWS);
    for name in choices.iter().map(|it| it.0).chain(laws.iter().map(|it| it.0)) {
        assert!(policies.contains(&format!("`{name}`")), "{name}");
    }
    let example = readme.split_once("```json\n").unwrap().1.split_once("```").unwrap().0;
    let plan = Plan::parse("README.md", example).unwrap();
    // And what it says of it.
    let figures = &runs(&plan, &[1])[0].outcome.figures;
    for (words, value) in [
        ("peak utilisation", figures.peak_utilisation),
        ("seconds to 99", figures.seconds_to_99),
        ("seconds home", figures.seconds_home),
    ] {
        let said = line(readme, words).unwrap().split_whitespace().next().unwrap();
        let said: f64 = said.parse().unwrap();
        assert!(
            (said - value.unwrap()).abs() <= 0.1 * value.unwrap(),
            "{words}: {said}, {value:?}"
        );
    }
}
