//! The scenarios, each a plan: the same for the crowd and for the simulation.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};
use evenkeel_simulation::plan::{ClientConfig, Plan, Seed, ServerKind, Step, WarmUp, What};

use crate::fleet::Survey;

/// One way through the loopback interface, in seconds, as a handshake takes about a millisecond there.
const LATENCY: f64 = 0.000_5;
/// The window within which the clients of a draining server leave, at the shortest, and how long the old connection stays, in
/// seconds (`src/client/standing.rs`, `linger`).
const DRAIN_WINDOW: f64 = 30.0;
const LINGER: f64 = 5.0;
/// What is left besides, in seconds, for all that takes a moment.
const SLACK: f64 = 5.0;
/// Polls come 20 % late at the latest.
const LATEST_POLL: f64 = 1.2;
/// The part of the rate that clients plan with (`src/list/read.rs`).
const PLANNED_RATE: f64 = 0.8;
/// Between the return of a server and the death of the next one, in seconds: as in the simulation's rolling deploy.
const BETWEEN_RESTARTS: f64 = 20.0;

/// What happens to the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// All clients arrive at an empty fleet.
    Flash,
    /// The largest server dies, and stays dead.
    Kill,
    /// Each server in turn is killed and comes back.
    Rolling,
    /// The largest server is drained, and dies when it has had time to empty.
    Drain,
}

impl Scenario {
    /// All of them, in the order in which `all` runs them.
    pub const ALL: [Self; 4] = [Self::Flash, Self::Kill, Self::Rolling, Self::Drain];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flash => "flash",
            Self::Kill => "kill",
            Self::Rolling => "rolling",
            Self::Drain => "drain",
        }
    }

    /// Whether it can be had without a fleet that does what it is told.
    pub fn only_arrives(self) -> bool {
        self == Self::Flash
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scenario {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|it| it.name() == text) {
            Some(scenario) => Ok(scenario),
            None => bail!("there is no scenario `{text}`: flash, kill, rolling, drain, or all"),
        }
    }
}

/// How long what takes, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// Clients arrive within this, evenly; 0: all at once.
    pub ramp: f64,
    /// Then nothing happens for so long.
    pub settle: f64,
    /// What is killed in turn stays down so long.
    pub down: f64,
    /// It ends so long after the last event; `None`: as the scenario has it.
    pub duration: Option<f64>,
}

/// What a scenario comes to with a fleet, so many clients and these settings.
pub fn plan(scenario: Scenario, survey: &Survey, clients: u32, times: &Times, client: ClientConfig) -> Plan {
    let servers = survey.servers.iter().map(|server| ServerKind {
        count: 1,
        capacity: server.capacity,
        capacity_untold: !server.capacity_told,
        group: server.group,
        rate: server.rate,
        rate_told: server.rate_told,
        queue: None,
        joins: false,
    });
    let event = match scenario {
        Scenario::Flash => 0.0,
        _ => times.ramp + times.settle,
    };
    let (events, after) = match scenario {
        Scenario::Flash => (Vec::new(), 15.0),
        Scenario::Kill => (vec![kill(event, largest(survey))], 60.0),
        Scenario::Rolling => (restarts(event, survey, times.down), 60.0),
        Scenario::Drain => {
            let server = largest(survey);
            let time = time_to_drain(survey, clients, &client);
            let servers = vec![server];
            let drain = Step {
                at: event,
                what: What::Drain { servers },
            };
            (vec![drain, kill(event + time, server)], 15.0)
        }
    };
    let last = events.iter().map(|step| step.at).fold(event.max(times.ramp), f64::max);
    let end = last + times.duration.unwrap_or(after);
    Plan {
        schema: None,
        fleet: servers.collect(),
        seed: Seed {
            refresh: survey.refresh,
            detection: survey.detection,
            return_detection: survey.return_detection,
            ttl: Some(survey.ttl),
            cache_ages: vec![0.0],
            part: None,
        },
        clients,
        // The machine serves handshakes as fast as it can, whatever rate the list tells.
        warm_up: WarmUp {
            arrive_within: times.ramp,
            until: end,
        },
        mean_stay: None,
        events,
        measure_from: event,
        end,
        sample_every: 1.0,
        client,
        latency: LATENCY,
    }
}

fn kill(at: f64, server: usize) -> Step {
    Step {
        at,
        what: What::Kill {
            servers: vec![server],
            silent: false,
        },
    }
}

/// The server of the preferred group that holds most: its loss is the hardest.
pub fn largest(survey: &Survey) -> usize {
    let group = survey.servers.iter().map(|server| server.group).min();
    let preferred = survey
        .servers
        .iter()
        .enumerate()
        .filter(|(_, it)| Some(it.group) == group);
    let largest = preferred.max_by(|(_, one), (_, other)| one.capacity.total_cmp(&other.capacity));
    largest.map_or(0, |(at, _)| at)
}

fn restarts(from: f64, survey: &Survey, down: f64) -> Vec<Step> {
    let turns = (0..survey.servers.len()).map(|server| (server, from + server as f64 * (down + BETWEEN_RESTARTS)));
    turns
        .flat_map(|(server, at)| {
            let servers = vec![server];
            let back = Step {
                at: at + down,
                what: What::Revive { servers },
            };
            [kill(at, server), back]
        })
        .collect()
}

/// Until everybody has learned of it, has had a place in the window, and has left the old connection.
fn time_to_drain(survey: &Survey, clients: u32, client: &ClientConfig) -> f64 {
    let rate: f64 = survey.servers.iter().map(|server| PLANNED_RATE * server.rate).sum();
    let window = DRAIN_WINDOW.max(f64::from(clients) / rate.max(1.0));
    let poll = client.poll.unwrap_or(0.0);
    LATEST_POLL * poll + survey.refresh + window + LINGER + SLACK
}
