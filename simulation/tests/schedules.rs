//! Schedules of faults: those that once showed a violation, and some thousands at random.
// Here a panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use evenkeel_simulation::plan::{Plan, Step, What};
use evenkeel_simulation::schedules::{self, Failure};
use evenkeel_simulation::seen::Seen;

/// `npm run schedules` runs as many as one likes.
const SCHEDULES: u64 = 10_000;

/// Each file is named by the random seed that it failed with, and what it was.
#[test]
fn what_once_was_violated_is_not_any_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedules");
    let mut files = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let seed = name.split('-').next().unwrap().parse().unwrap();
        let plan = Plan::read(&path).unwrap();
        schedules::check(&plan).unwrap();
        if let Err(violation) = schedules::run(&plan, seed) {
            panic!("{name}: {violation}");
        }
        files += 1;
    }
    assert!(files >= 3, "{files}");
}

#[test]
fn under_thousands_of_schedules_nothing_is_violated_and_everything_is_seen() {
    let mut seen = Seen::default();
    for seed in 0..SCHEDULES {
        match schedules::run(&schedules::draw(seed), seed) {
            Ok(of_one) => seen.add(&of_one),
            Err(violation) => panic!("npm run schedules -- --schedules 1 --seed {seed}: {violation}"),
        }
    }
    let all = schedules::all_to_be_seen();
    let never: Vec<_> = all.iter().filter(|&&what| seen.times(what) == 0).collect();
    assert!(never.is_empty(), "never seen, and so not tested: {never:?}");
}

#[test]
fn the_same_seed_draws_the_same_schedule_and_lives_the_same_lives() {
    for seed in 0..50 {
        let plan = schedules::draw(seed);
        assert_eq!(plan, schedules::draw(seed));
        plan.check().unwrap();
        let lives = || format!("{:?}", schedules::run(&plan, seed).unwrap());
        assert_eq!(lives(), lives());
    }
}

#[test]
fn a_plan_in_which_nobody_has_the_time_to_recover_is_no_schedule() {
    let mut plan = schedules::draw(1);
    schedules::check(&plan).unwrap();
    plan.end -= 1.0;
    let error = schedules::check(&plan).unwrap_err().to_string();
    assert!(
        error.contains("`end`") && error.contains("has to go on to 3030"),
        "{error}"
    );
}

#[test]
fn a_schedule_that_fails_is_shrunk_to_what_it_takes() {
    // Nobody can be back where all servers stay dead.
    let kill = |servers: usize| Step {
        at: 200.0,
        what: What::Kill {
            servers: (0..servers).collect(),
            silent: false,
        },
    };
    let failures = (0..100).filter_map(|seed| {
        let mut plan = schedules::draw(seed);
        plan.events.retain(|step| step.at < 200.0);
        plan.events.push(kill(plan.servers()));
        let violation = schedules::run(&plan, seed).err()?;
        let lasts = violation.contains("not back") && plan.events.len() > 3 && plan.clients > 1;
        lasts.then_some(Failure { violation, seed, plan })
    });
    let failure = { failures }.next().unwrap();
    let servers = failure.plan.servers();
    let shrunk = schedules::shrink(failure);
    assert!(shrunk.violation.contains("not back"), "{}", shrunk.violation);
    assert_eq!(
        (&shrunk.plan.events[..], shrunk.plan.clients),
        (&[kill(servers)][..], 1)
    );
}
