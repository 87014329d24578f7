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
        (
            "unknown field `silnet`",
            error(|plan| plan["events"][0]["silnet"] = json!(true)),
        ),
        (
            "unknown field `code`",
            error(|plan| plan["events"][0]["code"] = json!(1000)),
        ),
        (
            "unknown field `part`",
            error(|plan| plan["events"][0] = json!({ "at": 1, "do": "seed-down", "part": 1 })),
        ),
        (
            "unknown field `after`",
            error(|plan| {
                plan["events"][0] = json!({ "at": 1, "do": "credentials", "answer": "hangs", "after": 1 });
            }),
        ),
        (
            "events[0].servers[1]`: invalid type: string \"b\", expected a whole number",
            error(|plan| plan["events"][0]["servers"] = json!([0, "b"])),
        ),
        (
            "events[0].at`: invalid type: string \"soon\", expected a number",
            error(|plan| plan["events"][0]["at"] = json!("soon")),
        ),
        (
            "missing field `servers`",
            error(|plan| drop(plan["events"][0].as_object_mut().unwrap().remove("servers"))),
        ),
        (
            "at `events[0]`: missing field `do`",
            error(|plan| plan["events"][0] = json!({ "at": 1 })),
        ),
        (
            "at `fleet[0]`: invalid type: integer `3`, expected an object",
            error(|plan| plan["fleet"][0] = json!(3)),
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
fn what_stands_twice_or_behind_the_end_is_an_error() {
    let text = plan().to_string();
    let twice = text.replace("\"at\":30", "\"at\":30,\"at\":31");
    let error = Plan::parse("my.json", &twice).unwrap_err().to_string();
    assert!(
        error.contains("events[0]") && error.contains("duplicate field `at`"),
        "{error}"
    );
    assert!(Plan::parse("my.json", &format!("{text} {{}}")).is_err());
}

#[test]
fn a_file_may_name_its_schema() {
    let mut document = plan();
    document["$schema"] = json!("config.schema.json");
    Plan::parse("my.json", &document.to_string()).unwrap();
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

/// The part of the schema that is for events of this name.
fn of_event<'a>(schema: &'a Value, name: &Value) -> &'a Value {
    let kinds = schema["$defs"]["event"]["oneOf"].as_array().unwrap();
    let kind = |reference: &Value| {
        let reference = reference["$ref"].as_str().unwrap().trim_start_matches('#').to_owned();
        schema.pointer(&reference).unwrap()
    };
    let mut kinds = kinds.iter().map(kind);
    kinds
        .find(|kind| {
            let known = &kind["properties"]["do"];
            known["const"] == *name || known["enum"].as_array().is_some_and(|names| names.contains(name))
        })
        .unwrap_or_else(|| panic!("the schema has no event {name}"))
}

/// Every field of `value` that `schema` has no property for.
fn unknown(schema: &Value, root: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let schema = match schema["$ref"].as_str() {
        Some("#/$defs/event") => of_event(root, &value["do"]),
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
    let scenarios = scenario::ALL.iter().map(|scenario| scenario.plan(&Settings::default()));
    let schedules = (0..200).map(schedules::draw);
    for plan in scenarios.chain(schedules) {
        let plan = serde_json::to_value(plan).unwrap();
        unknown(&schema, &schema, &plan, "", &mut found);
    }
    assert_eq!(found, Vec::<String>::new());
}

/// Something that the schema allows for this field.
fn some(schema: &Value, of_field: &Value) -> Value {
    if let Some(reference) = of_field["$ref"].as_str() {
        return some(schema, schema.pointer(&reference[1..]).unwrap());
    }
    if let Some(one) = of_field.get("const").or_else(|| of_field["enum"].get(0)) {
        return one.clone();
    }
    match of_field["type"].as_str().or_else(|| of_field["type"][0].as_str()) {
        Some("array") => json!([0]),
        Some("boolean") => json!(true),
        Some("integer" | "number") => json!(of_field["minimum"].as_i64().unwrap_or(0).max(1)),
        other => panic!("{other:?}: {of_field}"),
    }
}

#[test]
fn the_reader_takes_what_the_schema_allows_in_an_event_and_nothing_else() {
    let schema: Value = serde_json::from_str(include_str!("../config.schema.json")).unwrap();
    let read = |event: &Value| {
        let mut document = plan();
        document["events"] = json!([event]);
        Plan::parse("my.json", &document.to_string())
    };
    let mut names = 0;
    for kind in schema["$defs"]["event"]["oneOf"].as_array().unwrap() {
        let kind = schema.pointer(&kind["$ref"].as_str().unwrap()[1..]).unwrap();
        assert_eq!(kind["additionalProperties"], json!(false), "{kind}");
        let fields = kind["properties"].as_object().unwrap();
        let known = &fields["do"];
        let of_kind = known["enum"].as_array().cloned();
        for name in of_kind.unwrap_or_else(|| vec![known["const"].clone()]) {
            let mut event = json!({});
            for (field, of_field) in fields {
                event[field] = if field == "do" {
                    name.clone()
                } else {
                    some(&schema, of_field)
                };
            }
            read(&event).unwrap_or_else(|error| panic!("{error}"));
            for field in kind["required"].as_array().unwrap() {
                let mut event = event.clone();
                event.as_object_mut().unwrap().remove(field.as_str().unwrap());
                assert!(read(&event).is_err(), "{event}");
            }
            for foreign in [
                "servers", "silent", "code", "part", "how", "up", "after", "within", "users",
            ] {
                if !fields.contains_key(foreign) {
                    let mut event = event.clone();
                    event[foreign] = json!(1);
                    assert!(read(&event).is_err(), "{event}");
                }
            }
            names += 1;
        }
    }
    // Answers that hang have no `after`, and are an entry of their own.
    assert_eq!(names, 23 + 2);
}
