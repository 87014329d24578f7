//! What is told of a scenario: as JSON, and as a table.

use std::fmt::{self, Write as _};

use evenkeel_simulation::figures::Course;
use evenkeel_simulation::plan::Plan;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::account::{Failures, Messages};
use crate::compare::{Handshakes, Row, handshakes};
use crate::fleet::Survey;
use crate::run::{Load, Real, part};

/// More servers than this are not told of one by one in a table.
const FEW_SERVERS: usize = 20;

/// The whole of it. The keys are stable.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// What it ran on.
    pub machine: Machine,
    /// One after the other.
    pub scenarios: Vec<Report>,
}

/// What it ran on.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Processors that this process may use.
    pub processors: usize,
    /// Files that it may have open.
    pub open_files: u64,
    /// What the driver of a client takes with its core, without what it points to, in bytes.
    pub bytes_of_a_client: usize,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            processors, open_files, ..
        } = self;
        writeln!(f, "{processors} processors, {open_files} open files a process")
    }
}

/// A scenario that is over.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Its name.
    pub scenario: String,
    /// What was carried out, in the form that `npm run simulate -- --config` reads.
    pub plan: Plan,
    /// The crowd's figures beside the simulation's; without simulation, the crowd's alone.
    pub figures: Vec<Row>,
    /// All figures of the crowd's, by name, as the simulation has them.
    pub crowd: Map<String, Value>,
    /// Figures of what had begun and was not over at the end.
    pub never: Vec<&'static str>,
    /// How many random seeds were simulated.
    pub seeds: usize,
    /// What became of the messages.
    pub messages: Messages,
    /// Attempts that did not open, from the start on.
    pub failed: Failures,
    /// Connections that were lost although nobody had killed their server.
    pub unexpected_losses: u64,
    /// Attempts at servers that were not listed at the start, which are in no figure.
    pub strangers: u64,
    /// The longest that a connection went on after the order to kill its server, in milliseconds: what is sent meanwhile is lost.
    pub noticed_after: Option<f64>,
    /// How long connections took to open, in milliseconds.
    pub opening: Opening,
    /// What the machine had to bear.
    pub load: Load,
    /// Server by server.
    pub servers: Vec<OfServer>,
    /// Second by second.
    pub seconds: Vec<Second>,
}

/// How long connections took to open, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    /// How many there were.
    pub count: usize,
    /// Half of them took no longer.
    pub median: f32,
    /// 99 % of them took no longer.
    pub most: f32,
    /// The longest.
    pub longest: f32,
}

/// A server.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfServer {
    /// Its name.
    pub id: String,
    /// The users that fill it.
    pub capacity: f64,
    /// Handshakes that reached it, from the event on.
    pub handshakes: Handshakes,
    /// Connections that the crowd had there at the end.
    pub users: u32,
    /// The same by the fleet's own count, where there is one.
    pub counted: Option<u64>,
}

/// A second.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Second {
    /// Since the start.
    pub at: usize,
    /// Handshakes that reached each server, in the order of `servers`.
    pub handshakes: Vec<u32>,
    /// Users of each at its beginning.
    pub users: Vec<u32>,
}

impl Report {
    /// Of a run, and the rows that compare it with so many seeds.
    pub fn new(scenario: &str, plan: Plan, survey: &Survey, real: &Real, figures: Vec<Row>, seeds: usize) -> Self {
        let sums = &real.sums;
        let by_server = handshakes(&sums.course, plan.measure_from);
        let servers = survey.servers.iter().zip(by_server).enumerate();
        let servers = servers.map(|(at, (server, handshakes))| OfServer {
            id: server.id.clone(),
            capacity: server.capacity,
            handshakes,
            users: sums.users.get(at).copied().unwrap_or(0),
            counted: real.counted.as_ref().and_then(|counted| counted.get(at).copied()),
        });
        let crowd = sums.figures.named().into_iter();
        Self {
            scenario: scenario.to_owned(),
            figures,
            crowd: crowd.map(|(name, value)| (name.to_owned(), value.into())).collect(),
            never: sums.remarks.never.clone(),
            seeds,
            messages: real.messages,
            failed: sums.failures,
            unexpected_losses: sums.unexpected,
            strangers: sums.strangers,
            noticed_after: sums.noticed_after.map(|seconds| seconds * 1e3),
            opening: Opening {
                count: sums.opening.len(),
                median: part(&sums.opening, 0.5),
                most: part(&sums.opening, 0.99),
                longest: part(&sums.opening, 1.0),
            },
            load: real.load,
            servers: servers.collect(),
            seconds: seconds(&sums.course, survey),
            plan,
        }
    }

    /// Whether all figures agree.
    pub fn agrees(&self) -> bool {
        self.figures.iter().all(|row| row.agrees)
    }

    /// As a table for people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}: {} clients, {} servers, {:.0} s",
            self.scenario,
            self.plan.clients,
            self.servers.len(),
            self.plan.end
        );
        let _ = writeln!(
            text,
            "  {:<26}{:>10}{:>12}   {:<21}",
            "", "crowd", "simulated", "agrees within"
        );
        for row in &self.figures {
            let verdict = if row.agrees || self.seeds == 0 { "" } else { "  outside" };
            let range = row.from.zip(row.to);
            let range = range.map_or_else(String::new, |(from, to)| format!("{} … {}", short(from), short(to)));
            let _ = writeln!(
                text,
                "  {:<26}{:>10}{:>12}   {range:<21}{verdict}",
                row.figure,
                row.crowd.map_or_else(|| "never".to_owned(), short),
                row.simulated.map_or_else(String::new, short),
            );
        }
        for server in self.servers.iter().filter(|_| self.servers.len() <= FEW_SERVERS) {
            let Handshakes { peak, mean, all } = server.handshakes;
            let _ = writeln!(
                text,
                "  {:<12}{:>6} users of {:<8} {all} handshakes, {peak} a second at most, {mean:.1} on average",
                server.id, server.users, server.capacity
            );
        }
        let Messages {
            sent,
            lost,
            lost_elsewhere,
            garbled,
            unanswered,
            ..
        } = self.messages;
        let _ = writeln!(
            text,
            "  messages: {sent} sent, {lost} lost ({lost_elsewhere} where no server was killed), {garbled} out of order, {unanswered} not \
             answered within two seconds of the end"
        );
        if let Some(after) = self.noticed_after {
            let _ = writeln!(text, "  killed connections went on for {after:.0} ms at most");
        }
        let Failures {
            refused,
            answered,
            broken,
            given_up,
            died,
        } = self.failed;
        let _ = writeln!(
            text,
            "  failed attempts: {refused} refused, {answered} answered with an error, {broken} broken, {given_up} given up, \
             {died} at dying servers; connections lost for no reason: {}",
            self.unexpected_losses
        );
        let Opening {
            count,
            median,
            most,
            longest,
        } = self.opening;
        let _ = writeln!(
            text,
            "  {count} connections opened, within {median:.1} ms (half), {most:.1} ms (99 %), {longest:.0} ms (all)"
        );
        let Load {
            late99,
            latest,
            longest_order,
            bytes_by_client,
        } = self.load;
        let memory = bytes_by_client.map_or_else(String::new, |bytes| format!("; {} KiB by client", bytes / 1024));
        let _ = writeln!(
            text,
            "  woken late by {late99:.1} ms (99 %), {latest:.0} ms (at most); orders carried out within {longest_order:.0} ms{memory}"
        );
        text
    }
}

/// Second by second, users at its beginning.
fn seconds(course: &Course, survey: &Survey) -> Vec<Second> {
    let at_second = |second: usize| course.times.iter().position(|&at| at >= second as f64);
    let users = |second: usize| {
        let at = at_second(second);
        let of = |(server, series): (&crate::fleet::Listed, &Vec<f32>)| {
            let utilisation = at.and_then(|at| series.get(at)).copied().unwrap_or(0.0);
            (f64::from(utilisation) * server.capacity).round() as u32
        };
        survey.servers.iter().zip(&course.utilisation).map(of).collect()
    };
    let second = |at: usize| Second {
        at,
        handshakes: course
            .reached
            .iter()
            .map(|series| series.get(at).copied().unwrap_or(0))
            .collect(),
        users: users(at),
    };
    (0..course.handshakes.len()).map(second).collect()
}

fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 1_000.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
