//! What the shipped core has to reach, and what is known to be hard: a table that one command makes anew.

use std::fmt::Write as _;

use crate::policy::OURS;
use crate::report::{Result, short};
use crate::scenario::Settings;

/// A scenario, what is wanted of it, and with whom ours is compared.
pub struct Case {
    /// The scenario, in words.
    pub about: &'static str,
    /// Its name.
    pub scenario: &'static str,
    /// What differs from its defaults.
    pub set: fn(&mut Settings),
    /// Figures by name, and the most that each may be (`None`: there is no target, the figure is only told).
    pub wanted: &'static [(&'static str, Option<f64>)],
    /// Others, in the same plan: the best that is known, and what most people use.
    pub rivals: &'static [&'static str],
}

impl Case {
    /// What the scenario is set to.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        (self.set)(&mut settings);
        settings
    }
}

const PEAK: &str = "peakOverOptimum";
const MEAN: &str = "meanOverOptimum";
const FINAL: &str = "finalOverOptimum";
const MOVES: &str = "movesOverMinimum";
const HANDSHAKES: &str = "peakHandshakesOverBudget";

/// The targets of the rules, and behind them what is known to be hard.
pub static CASES: [Case; 33] = [
    Case {
        about: "flash crowd, list every 10 s",
        scenario: "flash",
        set: |_| {},
        wanted: &[(FINAL, Some(1.02)), (PEAK, Some(1.07))],
        rivals: &["weighted", "two-choices", "least-users"],
    },
    Case {
        about: "flash crowd, list every 30 s",
        scenario: "flash",
        set: |it| it.refresh = Some(30.0),
        wanted: &[(FINAL, Some(1.02)), (PEAK, Some(1.07))],
        rivals: &["weighted", "two-choices", "least-users"],
    },
    Case {
        about: "steady, list every 10 s",
        scenario: "steady",
        set: |_| {},
        wanted: &[(MEAN, Some(1.015))],
        rivals: &["two-choices", "uniform"],
    },
    Case {
        about: "steady, list every 60 s",
        scenario: "steady",
        set: |it| it.refresh = Some(60.0),
        wanted: &[(MEAN, Some(1.015))],
        rivals: &["two-choices", "uniform"],
    },
    Case {
        about: "list 20 min old",
        scenario: "old-list",
        set: |_| {},
        wanted: &[(MEAN, Some(1.03))],
        rivals: &["two-choices"],
    },
    Case {
        about: "half the fleet empty, then a flash crowd, list every 30 s",
        scenario: "skewed",
        set: |_| {},
        wanted: &[(PEAK, Some(1.06))],
        rivals: &["free-cubed", "two-choices", "uniform"],
    },
    Case {
        about: "crash of 10 % of capacity",
        scenario: "crash",
        set: |_| {},
        wanted: &[(PEAK, Some(1.03)), (HANDSHAKES, Some(1.25))],
        rivals: &["two-choices", "weighted", "uniform"],
    },
    Case {
        about: "the same, 200,000 clients",
        scenario: "crash",
        set: |it| it.clients = Some(200_000),
        wanted: &[(HANDSHAKES, Some(1.25))],
        rivals: &["two-choices+partysocket"],
    },
    Case {
        about: "the same, a million clients",
        scenario: "crash",
        set: |it| it.clients = Some(1_000_000),
        wanted: &[(HANDSHAKES, Some(1.25))],
        rivals: &["two-choices+partysocket", "two-choices+centrifuge"],
    },
    Case {
        about: "rolling deploy (killed), each down for 10 s",
        scenario: "rolling",
        set: |_| {},
        wanted: &[(PEAK, Some(1.12)), (MOVES, Some(1.25))],
        rivals: &["two-choices", "free", "uniform"],
    },
    Case {
        about: "rolling deploy (killed), each down for 30 s",
        scenario: "rolling",
        set: |it| it.down = Some(30.0),
        wanted: &[(PEAK, Some(1.12)), (MOVES, Some(1.25))],
        rivals: &["two-choices", "free", "uniform"],
    },
    Case {
        about: "rolling deploy (drained)",
        scenario: "rolling-drained",
        set: |_| {},
        wanted: &[(PEAK, None), (MOVES, None)],
        rivals: &[],
    },
    Case {
        about: "an empty server joins four, nobody comes or goes",
        scenario: "join",
        set: |it| it.stay = Some(f64::INFINITY),
        wanted: &[(MOVES, Some(1.02)), ("overshoot", Some(1.02)), (FINAL, None)],
        rivals: &["zookeeper"],
    },
    Case {
        about: "the whole fleet blips, accept queue unbounded",
        scenario: "blip",
        set: |_| {},
        wanted: &[
            ("mostOverIdeal", Some(2.5)),
            ("secondsToHalf", None),
            ("secondsTo99", None),
        ],
        rivals: &["two-choices+grpc", "two-choices+partysocket"],
    },
    Case {
        about: "the same, 200,000 clients",
        scenario: "blip",
        set: |it| it.clients = Some(200_000),
        wanted: &[("mostOverIdeal", Some(2.5))],
        rivals: &["two-choices+grpc", "two-choices+partysocket"],
    },
    Case {
        about: "demand of 140 % of the preferred group, list every 10 s",
        scenario: "overload",
        set: |_| {},
        wanted: &[("preferredPeak", Some(0.90))],
        rivals: &["envoy"],
    },
    Case {
        about: "the same, list every 30 s",
        scenario: "overload",
        set: |it| it.refresh = Some(30.0),
        wanted: &[("preferredPeak", Some(0.90))],
        rivals: &["envoy"],
    },
    Case {
        about: "half of the preferred group lost at 70 %",
        scenario: "half-group",
        set: |_| {},
        wanted: &[("preferredPeak", Some(1.0)), (HANDSHAKES, None), ("secondsTo99", None)],
        rivals: &["envoy", "failover"],
    },
    Case {
        about: "the preferred group dies under 100,000",
        scenario: "group",
        set: |_| {},
        wanted: &[
            ("halfOverIdeal", Some(1.3)),
            ("mostOverIdeal", Some(1.3)),
            ("secondsToHalf", None),
            ("secondsTo99", None),
        ],
        rivals: &["envoy", "failover+partysocket"],
    },
    Case {
        about: "the same under 30,000",
        scenario: "group",
        set: |it| it.clients = Some(30_000),
        wanted: &[("halfOverIdeal", None), ("mostOverIdeal", None)],
        rivals: &["envoy"],
    },
    Case {
        about: "1 of 3 servers dies, 500 users",
        scenario: "small-3",
        set: |_| {},
        wanted: &[("secondsToHalf", Some(1.0)), ("secondsTo99", Some(2.0))],
        rivals: &["weighted+nats", "weighted+partysocket"],
    },
    Case {
        about: "1 of 2 servers dies, 500 users",
        scenario: "small-2",
        set: |_| {},
        wanted: &[("secondsToHalf", Some(1.5)), ("secondsTo99", Some(3.0))],
        rivals: &["weighted+nats", "weighted+partysocket"],
    },
    Case {
        about: "the only server restarts, 3 s, 50 users",
        scenario: "small-1",
        set: |_| {},
        wanted: &[("secondsToHalf", Some(4.0)), ("secondsTo99", None)],
        rivals: &["weighted+nats", "weighted+partysocket"],
    },
    Case {
        about: "slow servers (50 a second, not told): the whole fleet blips",
        scenario: "blip",
        set: |it| {
            it.rate = Some(50.0);
            it.after = Some(1_200.0);
        },
        wanted: &[("halfOverIdeal", None), ("mostOverIdeal", None)],
        rivals: &["two-choices+grpc"],
    },
    Case {
        about: "the same, the rate told",
        scenario: "blip",
        set: |it| {
            it.rate = Some(50.0);
            it.rate_told = true;
            it.after = Some(1_200.0);
        },
        wanted: &[("halfOverIdeal", None), ("mostOverIdeal", None)],
        rivals: &[],
    },
    Case {
        about: "an empty server joins nine, stays of 30 min",
        scenario: "join",
        set: |it| {
            it.servers = Some(10);
            it.stay = Some(1_800.0);
        },
        wanted: &[("secondsToFill", None), (MOVES, None), ("overshoot", None)],
        rivals: &["two-choices", "zookeeper"],
    },
    Case {
        about: "the same, stays of 4 h",
        scenario: "join",
        set: |it| {
            it.servers = Some(10);
            it.stay = Some(14_400.0);
        },
        wanted: &[("secondsToFill", None), (MOVES, None), ("overshoot", None)],
        rivals: &["two-choices", "zookeeper"],
    },
    Case {
        about: "a server that always reports no users, ten equal ones",
        scenario: "lying-zero",
        set: |it| it.servers = Some(10),
        wanted: &[(MEAN, None)],
        rivals: &["two-choices", "least-users"],
    },
    Case {
        about: "a server that takes and drops, listed as empty",
        scenario: "accept-and-drop",
        set: |_| {},
        wanted: &[("connectionsPerClient", None), ("connectedAtEnd", None)],
        rivals: &["two-choices", "two-choices+partysocket"],
    },
    Case {
        about: "a dead server that answers nothing, listed as empty",
        scenario: "black-hole",
        set: |_| {},
        wanted: &[("failedAttemptsPerClient", None), ("connectedAtEnd", None)],
        rivals: &["two-choices"],
    },
    Case {
        about: "flash crowd, the list gives no capacities",
        scenario: "flash",
        set: |it| it.capacity_untold = true,
        wanted: &[(FINAL, None), (PEAK, None)],
        rivals: &["weighted", "two-choices"],
    },
    Case {
        about: "the preferred group is back",
        scenario: "group-return",
        set: |_| {},
        wanted: &[("secondsHome", None), (HANDSHAKES, None), ("preferredServerPeak", None)],
        rivals: &["failover"],
    },
    Case {
        about: "the same, clients that do not poll",
        scenario: "no-poll",
        set: |_| {},
        wanted: &[("secondsHome", None)],
        rivals: &[],
    },
];

/// The head of the table.
pub const HEAD: &str = "| scenario | figure | target | evenkeel | others |\n|---|---|---|---|---|\n";

/// The rows of a case, of its results by policy: ours, and then the rivals'.
pub fn rows(case: &Case, results: &[Result]) -> String {
    let mut text = String::new();
    for &(figure, most) in case.wanted {
        let of = |result: &Result| {
            let interval = result.interval.as_ref().and_then(|interval| interval.get(figure));
            match (result.figures.get(figure), interval) {
                (Some(value), Some(interval)) => {
                    format!("{} ± {}{}", short(value), short(interval), result.in_part(figure))
                }
                (Some(value), None) => short(value) + &result.in_part(figure),
                (None, _) => "never".to_owned(),
            }
        };
        let ours = results.iter().find(|result| result.policy == OURS);
        let reached = ours.and_then(|result| result.figures.get(figure));
        let target = match most {
            Some(most) if reached.is_some_and(|it| it <= most) => format!("≤ {most}"),
            Some(most) => format!("≤ {most}: missed"),
            None => String::new(),
        };
        let others = results.iter().filter(|result| result.policy != OURS);
        let others: Vec<_> = others
            .map(|result| format!("{} {}", result.policy, of(result)))
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {figure} | {target} | {} | {} |",
            case.about,
            ours.map_or_else(String::new, of),
            others.join("; ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::CASES;
    use crate::figures::Figures;
    use crate::policy::Policy;
    use crate::scenario;

    #[test]
    fn every_case_names_a_scenario_figures_and_rivals_that_there_are() {
        let names: Vec<_> = Figures::default().named().into_iter().map(|(name, _)| name).collect();
        for case in &CASES {
            let scenario = scenario::find(case.scenario).unwrap_or_else(|| panic!("{}", case.scenario));
            assert!(scenario.plan(&case.settings()).check().is_ok(), "{}", case.about);
            for (figure, _) in case.wanted {
                assert!(names.contains(figure), "{figure}");
            }
            for rival in case.rivals {
                assert!(Policy::named(rival).is_ok(), "{rival}");
            }
        }
    }
}
