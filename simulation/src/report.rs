//! Results as JSON and as a table.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::{Serialize, Serializer};

use crate::figures::Remarks;
use crate::plan::Plan;
use crate::runs::Run;

/// How a command ends: what went wrong is said in one line.
pub fn exit_code(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The result of a run, or (`seed` absent) of several together. The keys are stable.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Result {
    /// The scenario's name, or the file's.
    pub scenario: String,
    /// The policy's name.
    pub policy: String,
    /// The plan that was carried out, in the form that `--config` reads.
    pub parameters: Plan,
    /// The random seed; `null` for the mean of several.
    pub seed: Option<u64>,
    /// How many runs it is the mean of.
    pub runs: usize,
    /// The figures by name; `null` where the scenario has no such thing.
    pub figures: Named,
    /// Of a mean of several: half the width of its 95 % interval, by figure (Student's t).
    pub interval: Option<Named>,
    /// Of a mean of several: of how many runs, by figure. The others have no such figure: it never came, or there was no
    /// occasion.
    pub of: Option<Counts>,
    /// What is to be said beside the figures.
    #[serde(flatten)]
    pub remarks: Remarks,
    /// What the simulation itself took: not the same from run to run.
    pub cost: Cost,
}

impl Result {
    /// "in 4 of 8 seeds", of a mean of a part of the runs only.
    pub(crate) fn in_part(&self, figure: &str) -> String {
        let counts = self.of.iter().flat_map(|of| &of.0);
        let count = counts
            .filter(|(name, _)| *name == figure)
            .map(|(_, count)| *count)
            .next();
        match count {
            Some(count) if (1..self.runs).contains(&count) => format!("  in {count} of {} seeds", self.runs),
            _ => String::new(),
        }
    }
}

/// Figures by name, in order. As JSON, an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named(pub Vec<(&'static str, Option<f64>)>);

impl Named {
    /// The figure of this name, if there is such a thing.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .and_then(|(_, value)| *value)
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// Counts by name of the figure, in order. As JSON, an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub Vec<(&'static str, usize)>);

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// What a run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Seconds.
    pub seconds: f64,
    /// Things that happened in it.
    pub events: u64,
    /// Memory of a client's place, without what it points to, in bytes.
    pub bytes_per_slot: usize,
    /// The most memory that the whole process has had, in bytes, where the system tells.
    pub peak_bytes: Option<u64>,
}

/// The results of the runs of one plan: one by one, and then, if there are several, their mean.
pub fn results(scenario: &str, policy: &str, plan: &Plan, runs: &[Run]) -> Vec<Result> {
    let result = |seed, runs, figures, remarks, cost| Result {
        scenario: scenario.to_owned(),
        policy: policy.to_owned(),
        parameters: plan.clone(),
        seed,
        runs,
        figures,
        interval: None,
        of: None,
        remarks,
        cost,
    };
    let mut results: Vec<Result> = Vec::new();
    for run in runs {
        let figures = Named(run.outcome.figures.named());
        let cost = Cost {
            seconds: run.seconds,
            events: run.outcome.events,
            bytes_per_slot: run.outcome.bytes_per_slot,
            peak_bytes: peak_bytes(),
        };
        results.push(result(Some(run.seed), 1, figures, run.outcome.remarks.clone(), cost));
    }
    if runs.len() > 1 {
        let (mut means, mut intervals, mut counts) = (Named::default(), Named::default(), Counts::default());
        for (name, _) in runs[0].outcome.figures.named() {
            let values: Vec<f64> = results.iter().filter_map(|one| one.figures.get(name)).collect();
            let (mean, interval) = mean_and_interval(&values);
            means.0.push((name, mean));
            intervals.0.push((name, interval));
            counts.0.push((name, values.len()));
        }
        let cost = Cost {
            seconds: runs.iter().map(|run| run.seconds).sum(),
            events: runs.iter().map(|run| run.outcome.events).sum(),
            bytes_per_slot: runs[0].outcome.bytes_per_slot,
            peak_bytes: peak_bytes(),
        };
        results.push(Result {
            interval: Some(intervals),
            of: Some(counts),
            ..result(None, runs.len(), means, together(runs), cost)
        });
    }
    results
}

/// What is to be said beside the means of several runs.
fn together(runs: &[Run]) -> Remarks {
    let all = || runs.iter().map(|run| &run.outcome.remarks);
    let peak_server = all().next().and_then(|first| first.peak_server);
    let names = runs[0].outcome.figures.named().into_iter().map(|(name, _)| name);
    Remarks {
        peak_server: peak_server.filter(|_| all().all(|one| one.peak_server == peak_server)),
        never: names.filter(|name| all().any(|one| one.never.contains(name))).collect(),
        mixed_losses: all().map(|one| one.mixed_losses).sum(),
    }
}

/// 97.5 % of Student's t lies below, by degrees of freedom from 1 on.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// The mean, and half the width of its 95 % interval.
pub fn mean_and_interval(values: &[f64]) -> (Option<f64>, Option<f64>) {
    let count = values.len() as f64;
    if values.is_empty() {
        return (None, None);
    }
    let mean = values.iter().sum::<f64>() / count;
    if values.len() < 2 {
        return (Some(mean), None);
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let t = STUDENT.get(values.len() - 2).copied().unwrap_or(1.96);
    (Some(mean), Some(t * (variance / count).sqrt()))
}

/// A result as a table: one figure a line.
pub fn table(result: &Result) -> String {
    let mut text = String::new();
    let seeds = match result.seed {
        Some(seed) => format!("seed {seed}"),
        None => format!("mean of {} seeds, 95 % interval", result.runs),
    };
    let (clients, servers) = (result.parameters.all_clients(), result.parameters.servers());
    let Cost { seconds, events, .. } = result.cost;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}  {}  {clients} clients, {servers} servers  {seeds}",
        result.scenario, result.policy
    );
    for (name, value) in &result.figures.0 {
        let never = result.remarks.never.contains(name);
        let value = match value {
            Some(value) => short(*value),
            None if never => "never".to_owned(),
            None => continue,
        };
        let _ = write!(text, "  {:<28}{value:>12}", words(name));
        if let Some(interval) = result.interval.as_ref().and_then(|interval| interval.get(name)) {
            let _ = write!(text, "  ± {}", short(interval));
        }
        text.push_str(&result.in_part(name));
        if let Some(server) = result.remarks.peak_server.filter(|_| *name == "peakUtilisation") {
            let _ = write!(text, "  (server {server})");
        }
        text.push('\n');
    }
    if result.remarks.mixed_losses > 0 {
        let of = match result.seed {
            Some(_) => String::new(),
            None => format!(" in {} of {} seeds", result.remarks.mixed_losses, result.runs),
        };
        let _ = writeln!(
            text,
            "  clients were thrown out at different times{of}: no figures of how they came back"
        );
    }
    let _ = writeln!(
        text,
        "  ({events} events in {seconds:.1} s: {:.2} million a second)",
        events as f64 / seconds.max(1e-9) / 1e6
    );
    text
}

pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 1_000.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.4}"),
    }
}

/// "secondsTo99" as "seconds to 99".
fn words(name: &str) -> String {
    let mut words = String::new();
    let mut after_digit = false;
    for letter in name.chars() {
        let is_digit = letter.is_ascii_digit();
        if letter.is_ascii_uppercase() || is_digit && !after_digit {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
        after_digit = is_digit;
    }
    words
}

/// The most memory that this process has had (Linux tells).
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::mean_and_interval;

    #[test]
    fn the_interval_is_students() {
        // 1, 2, 3: standard deviation 1, standard error 0.577, t with two degrees of freedom 4.303.
        let (mean, interval) = mean_and_interval(&[1.0, 2.0, 3.0]);
        assert_eq!(mean, Some(2.0));
        assert!((interval.unwrap_or(0.0) - 2.484).abs() < 0.001, "{interval:?}");
        assert_eq!(mean_and_interval(&[5.0]), (Some(5.0), None));
        assert_eq!(mean_and_interval(&[]), (None, None));
    }
}
