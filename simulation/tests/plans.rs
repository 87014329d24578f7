//! Plans from files: what is wrong with one is said where it is wrong, and the schema knows every field.
#![allow(clippy::unwrap_used, reason = "here a panic is how a test fails")]

use evenkeel_simulation::plan::Plan;
use evenkeel_simulation::policy::Policy;
use evenkeel_simulation::scenario::{self, Settings};
use evenkeel_simulation::schedules;
use serde_json::{Value, json};

fn plan() -> Value {
    json!({
        "fleet": [{ "count": 3, "capacity": 100 }],
        "clients": 50,
        "end": 60,
        "events": [{ "at": 30, "do": "kill", "servers": [0] }],
    })
}

fn error(change: impl Fn(&mut Value)) -> String {
    let mut document = plan();
    change(&mut document);
    Plan::parse("my.json", &document.to_string()).unwrap_err().to_string()
}

#[test]
fn a_short_plan_is_enough() {
    let plan = Plan::parse("my.json", &plan().to_string()).unwrap();
    assert_eq!(plan.servers(), 3);
    let outcome = Policy::Evenkeel.run(&plan, 1, false, &mut |_| {});
    assert_eq!(outcome.figures.connected_at_end, Some(1.0));
}

#[test]
fn what_is_wrong_is_said_where_it_is_wrong() {
    for (said, error) in [
        (
            "fleet[0].capacity",
            error(|plan| plan["fleet"][0]["capacity"] = json!("many")),
        ),
        (
            "fleet[0].capacity` is -1",
            error(|plan| plan["fleet"][0]["capacity"] = json!(-1)),
        ),
        ("unknown field `clinets`", error(|plan| plan["clinets"] = json!(1))),
        (
            "names server 3",
            error(|plan| plan["events"][0]["servers"] = json!([3])),
        ),
        ("events[0].at", error(|plan| plan["events"][0]["at"] = json!(61))),
        (
            "unknown variant `explode`",
            error(|plan| plan["events"][0]["do"] = json!("explode")),
        ),
        (
            "missing field `end`",
            error(|plan| drop(plan.as_object_mut().unwrap().remove("end"))),
        ),
        ("0 servers", error(|plan| plan["fleet"] = json!([]))),
        ("clients", error(|plan| plan["clients"] = json!(0))),
        ("seed.refresh", error(|plan| plan["seed"] = json!({ "refresh": 0 }))),
        (
            "all of them join later",
            error(|plan| plan["fleet"][0]["joins"] = json!(true)),
        ),
    ] {
        assert!(error.contains(said), "{error:?} does not say {said:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Plan::read("/nowhere/my.json".as_ref()).unwrap_err().to_string();
    assert!(error.contains("/nowhere/my.json"), "{error}");
}

#[test]
fn a_policy_that_is_not_there_is_answered_with_those_that_are() {
    let error = Policy::named("best").err().unwrap().to_string();
    assert!(
        error.contains("`best`") && error.contains("two-choices") && error.contains("grpc"),
        "{error}"
    );
    assert!(Policy::named("weighted+best").is_err());
}

#[test]
fn every_scenario_can_be_written_to_a_file_and_read_again() {
    for scenario in &scenario::ALL {
        let plan = scenario.plan(&Settings::default());
        let text = serde_json::to_string(&plan).unwrap();
        let read = Plan::parse(scenario.name, &text).unwrap_or_else(|error| panic!("{error}"));
        // Numbers may differ in the last digit.
        let (one, other) = (
            serde_json::to_value(&plan).unwrap(),
            serde_json::to_value(&read).unwrap(),
        );
        assert_eq!(
            one["events"].as_array().map(Vec::len),
            other["events"].as_array().map(Vec::len)
        );
        assert_eq!(
            one["fleet"].as_array().map(Vec::len),
            other["fleet"].as_array().map(Vec::len)
        );
    }
}

/// Every field of `value` that `schema` has no property for.
fn unknown(schema: &Value, root: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match schema["properties"].get(name) {
                    Some(of_field) => unknown(of_field, root, value, &format!("{path}.{name}"), found),
                    None => found.push(format!("{path}.{name}")),
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                unknown(&schema["items"], root, value, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn the_schema_knows_every_field_and_every_event() {
    let schema: Value = serde_json::from_str(include_str!("../config.schema.json")).unwrap();
    let mut found = Vec::new();
    let names = schema["$defs"]["event"]["properties"]["do"]["enum"].clone();
    let scenarios = scenario::ALL.iter().map(|scenario| scenario.plan(&Settings::default()));
    let schedules = (0..200).map(schedules::draw);
    for plan in scenarios.chain(schedules) {
        let plan = serde_json::to_value(plan).unwrap();
        unknown(&schema, &schema, &plan, "", &mut found);
        for event in plan["events"].as_array().unwrap() {
            assert!(names.as_array().unwrap().contains(&event["do"]), "{event}");
        }
    }
    assert_eq!(found, Vec::<String>::new());
    // And what the schema lists as an event, the reader knows.
    for name in names.as_array().unwrap() {
        let mut document = plan();
        document["events"] = json!([{
            "at": 1, "do": name, "servers": [0], "within": 1, "clients": 1, "part": 0.1, "rate": 1, "after": 1,
            "code": 1011, "up": true, "seconds": 1, "answer": "gives", "does": "refresh", "how": "hangs",
        }]);
        Plan::parse("my.json", &document.to_string()).unwrap_or_else(|error| panic!("{error}"));
    }
}
