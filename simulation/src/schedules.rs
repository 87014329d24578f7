//! Schedules of faults: plans in which everything breaks, drawn from a random seed, under which clients are watched at every
//! step. What fails is made as short as it can be, and printed as a plan.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use evenkeel::client::Config;
use evenkeel::time::{Duration, Instant};
use fastrand::Rng;

use crate::agent::{Edition, Recorded, RecordedShared, Watched, WatchedShared, all_there_is};
use crate::plan::{
    AppAnswer, Application, ClientConfig, Plan, PlanError, Seed, SeedTrouble, ServerKind, Step, WarmUp, What,
};
use crate::record::{Cached, Record};
use crate::seed;
use crate::seen::{self, Seen};
use crate::server::Server;
use crate::world::World;

/// Faults begin within this time, in seconds…
const TROUBLE: (f64, f64) = (0.0, 300.0);
/// …and end by this.
const WELL: f64 = 330.0;
/// Whoever has ejected servers again and again needs ten minutes, and who comes home from a group behind draws once a minute.
const RECOVERED_AFTER: f64 = 2_700.0;
/// A record goes on for so long.
const RECORDED_AFTER: f64 = 60.0;
/// What an application may think of close codes: that one is no end, and that another one is.
const VERDICTS: [(u16, bool); 2] = [(1000, true), (1011, false)];
/// Sets what only records draw apart from what all schedules draw.
const RECORDED: u64 = 0x7265_636f_7264_6564;
/// The codes that servers close with.
const CODES: [u16; 6] = [1001, 1011, 1012, 1013, 3000, 4000];
/// Their part that says that no other server will fare better is small, or most lives would be short.
const FINAL_CODES: f64 = 0.1;
const MOST_FAULTS: usize = 14;
/// So often, and so many seconds apart, counts change that are said to.
const CHANGES: u32 = 10;
const CHANGE_EVERY: f64 = 25.0;

/// A schedule that showed a violation.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What was violated.
    pub violation: String,
    /// The random seed of the run.
    pub seed: u64,
    /// The schedule.
    pub plan: Plan,
}

/// The schedule of a random seed.
pub fn draw(seed: u64) -> Plan {
    let mut random = Rng::with_seed(seed);
    let mut plan = Plan {
        schema: None,
        fleet: fleet(&mut random),
        seed: Seed {
            refresh: between(&mut random, 5.0, 20.0),
            detection: between(&mut random, 0.0, 5.0),
            return_detection: None,
            ttl: None,
            cache_ages: vec![if random.u8(..4) == 0 { 30.0 } else { 0.0 }],
            part: None,
        },
        clients: [1, 1, 1, 2, 3][random.usize(..5)],
        warm_up: WarmUp::default(),
        mean_stay: None,
        events: Vec::new(),
        measure_from: 0.0,
        end: WELL + RECOVERED_AFTER,
        sample_every: WELL + RECOVERED_AFTER,
        client: client(&mut random),
        latency: 0.02,
    };
    let servers = plan.servers();
    let mut at = TROUBLE.0;
    for _ in 0..=random.usize(..MOST_FAULTS) {
        // Half of them fall together.
        at = match random.u8(..2) {
            0 => between(&mut random, TROUBLE.0, TROUBLE.1),
            _ => (at + between(&mut random, 0.0, 2.0)).min(TROUBLE.1),
        };
        fault(&mut random, servers, at, &mut plan.events);
    }
    plan.events
        .extend(all_is_well(servers).map(|what| Step { at: WELL, what }));
    plan
}

fn between(random: &mut Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * random.f64()
}

fn fleet(random: &mut Rng) -> Vec<ServerKind> {
    let groups = 1 + random.u16(..3);
    let kinds = (0..groups).map(|group| ServerKind {
        count: 1 + random.usize(..3),
        capacity: [10.0, 1_000.0, 1e5][random.usize(..3)],
        capacity_untold: random.u8(..4) == 0,
        group,
        rate: 200.0,
        rate_told: random.bool(),
        queue: Some(0).filter(|_| random.u8(..8) == 0),
        joins: false,
    });
    kinds.collect()
}

fn client(random: &mut Rng) -> ClientConfig {
    ClientConfig {
        poll: Some([10.0, 60.0][random.usize(..2)]),
        failback: true,
        rebalance: random.bool(),
        connect_timeout: [2.0, 10.0][random.usize(..2)],
        credentials: random.u8(..3) == 0,
        prepares: random.bool(),
        hedge: random.u8(..3) == 0,
        heartbeat: [None, Some(5.0), Some(25.0)][random.usize(..3)],
        clock_check: Some(10.0).filter(|_| random.bool()),
        affinity: Some("room".to_owned()).filter(|_| random.u8(..4) == 0),
    }
}

/// Some fault, and its end.
fn fault(random: &mut Rng, servers: usize, at: f64, events: &mut Vec<Step>) {
    let some = some_of(random, servers);
    // As many short ones as long ones.
    let lasts = 0.05 * f64::powf(1_200.0, random.f64());
    let answer = |random: &mut Rng| match random.u8(..3) {
        0 => AppAnswer::Gives {
            after: between(random, 0.0, 12.0),
        },
        1 => AppAnswer::Fails {
            after: between(random, 0.0, 3.0),
        },
        _ => AppAnswer::Hangs {},
    };
    let at_once = AppAnswer::Gives { after: 0.05 };
    let (begin, end) = match random.u8(..21) {
        20 => return crowd(random, servers, at, events),
        0..=2 => {
            let silent = random.bool();
            let kill = What::Kill {
                servers: some.clone(),
                silent,
            };
            (kill, Some(What::Revive { servers: some }))
        }
        3 => (What::Blip { servers: some }, None),
        4 => (
            What::Drain { servers: some.clone() },
            Some(What::Undrain { servers: some }),
        ),
        5 => {
            let drop = What::Drop {
                servers: some.clone(),
                after: [0.0, 0.5, 20.0][random.usize(..3)],
                code: code(random),
            };
            (drop, Some(What::Accept { servers: some }))
        }
        6 => {
            let lie = What::Lie {
                servers: some.clone(),
                users: [None, Some(0.0), Some(1e6)][random.usize(..3)],
                available: [None, Some(true), Some(false)][random.usize(..3)],
            };
            let truth = What::Lie {
                servers: some,
                users: None,
                available: None,
            };
            (lie, Some(truth))
        }
        7 => {
            let rate = |rate| What::Rate {
                servers: some.clone(),
                rate,
            };
            (rate(0.05), Some(rate(200.0)))
        }
        8 => (
            What::Freeze { servers: some.clone() },
            Some(What::Thaw { servers: some }),
        ),
        9 => {
            let close = What::Close {
                servers: some,
                code: code(random),
            };
            (close, None)
        }
        10 | 11 => {
            let told = random.bool();
            (
                What::Network { up: false, told },
                Some(What::Network { up: true, told }),
            )
        }
        12 => {
            let told = random.bool();
            // Untold ones are noticed from a minute and a quarter on.
            let seconds = lasts * [1.0, 3.0][random.usize(..2)];
            (What::Sleep { seconds, told }, None)
        }
        13 => (What::Credentials(answer(random)), Some(What::Credentials(at_once))),
        14 => (What::Preparation(answer(random)), Some(What::Preparation(at_once))),
        15 | 16 => {
            let does = match random.u8(..16) {
                0 => Application::Close,
                1..=5 => Application::Reconnect,
                6..=11 => Application::Migrate,
                _ => Application::Refresh,
            };
            (What::Application { does }, None)
        }
        17 => (What::SeedDown {}, Some(What::SeedUp {})),
        18 => {
            let how = [
                SeedTrouble::Unreachable,
                SeedTrouble::Hangs,
                SeedTrouble::Overloaded,
                SeedTrouble::Expired,
                SeedTrouble::Forbidden,
                SeedTrouble::Status,
                SeedTrouble::BadList,
            ];
            let how = how[random.usize(..how.len())];
            (What::SeedFails { how }, Some(What::SeedUp {}))
        }
        _ => (What::Garbage { part: 1.0 }, Some(What::Garbage { part: 0.0 })),
    };
    events.push(Step { at, what: begin });
    let end = end.map(|what| Step {
        at: (at + lasts).min(WELL),
        what,
    });
    events.extend(end);
}

/// One server is said to have many more users than its part, and the counts of all others go on changing.
fn crowd(random: &mut Rng, servers: usize, at: f64, events: &mut Vec<Step>) {
    let full = random.usize(..servers);
    let others: Vec<usize> = (0..servers).filter(|&server| server != full).collect();
    let lie = |servers: &[usize], users: f64| What::Lie {
        servers: servers.to_vec(),
        users: Some(users),
        available: None,
    };
    events.push(Step {
        at,
        what: lie(&[full], 1e5),
    });
    for n in 0..CHANGES {
        events.push(Step {
            at: (at + CHANGE_EVERY * f64::from(n)).min(WELL),
            what: lie(&others, 1e3 + f64::from(n)),
        });
    }
}

fn code(random: &mut Rng) -> u16 {
    if random.f64() < FINAL_CODES {
        return [1000, 1003, 3003][random.usize(..3)];
    }
    CODES[random.usize(..CODES.len())]
}

/// One, or all, or some.
fn some_of(random: &mut Rng, servers: usize) -> Vec<usize> {
    match random.u8(..4) {
        0 => (0..servers).collect(),
        1 | 2 => vec![random.usize(..servers)],
        _ => (0..servers).filter(|_| random.bool()).collect(),
    }
}

fn all_is_well(servers: usize) -> impl Iterator<Item = What> {
    let all: Vec<usize> = (0..servers).collect();
    let at_once = AppAnswer::Gives { after: 0.05 };
    let steps = [
        What::Revive { servers: all.clone() },
        What::Thaw { servers: all.clone() },
        What::Accept { servers: all.clone() },
        What::Undrain { servers: all.clone() },
        What::Lie {
            servers: all.clone(),
            users: None,
            available: None,
        },
        What::Rate {
            servers: all,
            rate: 200.0,
        },
        What::SeedUp {},
        What::Garbage { part: 0.0 },
        What::Credentials(at_once),
        What::Preparation(at_once),
        What::Network { up: true, told: true },
    ];
    steps.into_iter()
}

/// Everything that a suite has to have seen.
pub fn all_to_be_seen() -> Vec<seen::What> {
    const FAULTS: [&str; 20] = [
        "kill",
        "revive",
        "blip",
        "drain",
        "undrain",
        "drop",
        "accept",
        "lie",
        "rate",
        "freeze",
        "thaw",
        "close",
        "network",
        "sleep",
        "credentials",
        "preparation",
        "application",
        "seed-down",
        "seed-fails",
        "garbage",
    ];
    FAULTS
        .map(seen::What::Fault)
        .into_iter()
        .chain(all_there_is())
        .collect()
}

/// Whether clients have the time to recover in which they have to, and the run can be held against them.
///
/// # Errors
///
/// [`PlanError::Invalid`], with the time at which the plan would have to end.
pub fn check(plan: &Plan) -> Result<(), PlanError> {
    let last = plan.events.iter().map(|step| step.at).fold(0.0, f64::max);
    let needed = last + RECOVERED_AFTER;
    if plan.end >= needed {
        return Ok(());
    }
    Err(PlanError::Invalid {
        field: "end".to_owned(),
        problem: format!(
            "is {}: clients have {} minutes to recover, and the last event is at {last}, so that a schedule has to go on to {needed}",
            plan.end,
            RECOVERED_AFTER / 60.0
        ),
    })
}

/// Runs a schedule, and says what its clients went through, or what they violated.
///
/// # Errors
///
/// The violation, in words.
pub fn run(plan: &Plan, seed: u64) -> Result<Seen, String> {
    let list = first_edition(plan).map(|edition| edition.list.clone());
    let shared = WatchedShared {
        config: plan.client.to_config(),
        cached: list.clone().filter(|_| seed.is_multiple_of(3)),
        fallback: list.filter(|_| seed.is_multiple_of(5)),
        seen: Seen::default(),
    };
    let checked = || {
        let world = World::<Watched>::new(plan, shared, seed, false);
        let (outcome, shared, clients) = world.run_with(&mut |_| {});
        let well = Instant::from_millis((plan.end - RECOVERED_AFTER / 2.0).max(0.0) * 1e3);
        for client in &clients {
            client.assert_recovered(well);
        }
        // Who pings knows a dead connection.
        if plan.client.heartbeat.is_some() {
            let open = clients
                .iter()
                .filter(|client| crate::agent::Agent::is_open(*client))
                .count();
            let links: u32 = outcome.counts.iter().map(|&(_, links)| links).sum();
            assert!(
                links as usize >= open,
                "{open} are open, of which the servers know {links}"
            );
        }
        shared.seen
    };
    Ok(seen_in(plan, caught(checked)?))
}

/// Runs a schedule in which every client is one in a page, and records what they went through. It ends soon after all is
/// well again.
///
/// # Errors
///
/// The violation, in words.
pub fn record(seed: u64) -> Result<(Vec<Record>, Seen), String> {
    let mut plan = draw(seed);
    plan.end = WELL + RECORDED_AFTER;
    let mut random = Rng::with_seed(seed ^ RECORDED);
    // Some find trouble when they come.
    plan.warm_up.arrive_within = [0.0, TROUBLE.1][random.usize(..2)];
    let mut more = Vec::new();
    // What is rare otherwise: an end while something is under way, and a server that has too much.
    if random.u8(..4) == 0 {
        let near = plan.events[random.usize(..plan.events.len())].at;
        more.push(Step {
            at: near + between(&mut random, 0.0, 2.0),
            what: What::Application {
                does: Application::Close,
            },
        });
    }
    if random.u8(..8) == 0 {
        plan.client.rebalance = true;
        plan.client.affinity = None;
        plan.warm_up.arrive_within = 0.0;
        for kind in &mut plan.fleet {
            (kind.group, kind.capacity) = (0, 1e5);
        }
        let at = between(&mut random, 40.0, 80.0);
        crowd(&mut random, plan.servers(), at, &mut more);
    }
    plan.events.splice(0..0, more);
    let config = Config {
        seeds: [1, 1, 2, 3][random.usize(..4)],
        dials_are_delayed: random.bool(),
        // As the wasm has it.
        clock_check: Duration::from_secs(30.0),
        linger: Duration::from_secs([0.0, 5.0, 5.0][random.usize(..3)]),
        silence_timeout: [None, None, None, Some(Duration::from_secs(40.0))][random.usize(..4)],
        ..plan.client.to_config()
    };
    let document = first_edition(&plan).map(|edition| edition.written.document(0.0));
    let cached = document.filter(|_| random.u8(..3) == 0).map(|document| Cached {
        document,
        ago: [5e3, 60e3, 3_600e3][random.usize(..3)],
    });
    let fallback = (random.u8(..5) == 0).then(|| (0..plan.servers()).map(seed::address).collect());
    let shared = RecordedShared {
        config,
        affinity: plan.client.affinity.clone(),
        cached,
        fallback,
        verdicts: random.bool().then(|| VERDICTS.into()),
        seen: Seen::default(),
    };
    let (shared, clients) = caught(|| {
        let world = World::<Recorded>::new(&plan, shared, seed, false);
        let (_, shared, clients) = world.run_with(&mut |_| {});
        (shared, clients)
    })?;
    let records = clients.into_iter().enumerate().map(|(client, recorded)| Record {
        schedule: seed,
        client,
        made: recorded.made,
        steps: recorded.steps,
    });
    Ok((records.collect(), seen_in(&plan, shared.seen)))
}

/// What comes of a run under watch, or what was violated.
fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    })
}

/// What was seen, with the faults of the plan. What makes all well again was drawn by nobody.
fn seen_in(plan: &Plan, mut seen: Seen) -> Seen {
    for step in &plan.events[..drawn(plan)] {
        seen.count(seen::What::Fault(step.what.name()));
    }
    seen
}

/// The list as it was before anything happened.
fn first_edition(plan: &Plan) -> Option<Arc<Edition>> {
    let servers: Vec<Server> = (plan.fleet.iter())
        .flat_map(|kind| (0..kind.count).map(|_| Server::new(kind)))
        .collect();
    let mut seed = seed::Seed::new(&plan.seed, servers.len());
    seed.publish(0.0, &servers);
    seed.edition(0.0, 0)
}

/// The same failure with as few events and clients as show one.
pub fn shrink(mut failure: Failure) -> Failure {
    loop {
        let smaller = smaller(&failure.plan).into_iter().find_map(|plan| {
            let violation = run(&plan, failure.seed).err()?;
            Some(Failure {
                violation,
                seed: failure.seed,
                plan,
            })
        });
        match smaller {
            Some(smaller) => failure = smaller,
            None => return failure,
        }
    }
}

/// How many of its events come before all is made well again.
fn drawn(plan: &Plan) -> usize {
    let well: Vec<_> = all_is_well(plan.servers()).collect();
    let events = plan.events.len();
    let is_made_well = events >= well.len()
        && plan.events[events - well.len()..]
            .iter()
            .map(|step| &step.what)
            .eq(&well);
    if is_made_well { events - well.len() } else { events }
}

fn smaller(plan: &Plan) -> Vec<Plan> {
    let without = |range: std::ops::Range<usize>| {
        let mut plan = plan.clone();
        plan.events.drain(range);
        plan
    };
    let events = drawn(plan);
    let halves = [without(0..events / 2), without(events / 2..events)];
    let single = (0..events).map(|event| without(event..event + 1));
    let mut all: Vec<Plan> = halves
        .into_iter()
        .filter(|it| it.events.len() < plan.events.len())
        .collect();
    all.extend(single);
    if plan.clients > 1 {
        all.push(Plan {
            clients: 1,
            ..plan.clone()
        });
    }
    all
}
