//! The same figures of the crowd and of the simulation, side by side, and how far apart they may be.

use std::num::NonZero;
use std::thread;

use evenkeel_simulation::figures::{Course, Figures};
use evenkeel_simulation::plan::{Plan, What};
use evenkeel_simulation::policy::Policy;
use evenkeel_simulation::world::Outcome;
use serde::Serialize;

/// So many standard deviations of the simulation's own seeds are chance: one in some hundreds is further away.
const DEVIATIONS: f64 = 3.0;

/// How far a figure of the crowd's may be from the simulation's mean beside what chance explains: such a part of it, and so
/// much.
struct Bound {
    figure: &'static str,
    relative: f64,
    absolute: f64,
}

const fn bound(figure: &'static str, relative: f64, absolute: f64) -> Bound {
    Bound {
        figure,
        relative,
        absolute,
    }
}

/// What is compared. A real machine adds milliseconds to every step, wakes whom it likes first, and makes its lists when it likes:
/// - Who is where differs by hardly anything beside chance, and so does what each client does once, or every poll.
/// - Times differ by what handshakes, and being woken late, add up to: some tenths of a second where thousands come at once.
///   Those of a drain are seen to the second.
/// - The most of any second, and the mean of a few, depend on where seconds begin.
const BOUNDS: [Bound; 15] = [
    bound("peakOverOptimum", 0.02, 0.0),
    bound("finalOverOptimum", 0.02, 0.0),
    bound("movesOverMinimum", 0.02, 0.0),
    bound("peakHandshakes", 0.15, 2.0),
    bound("meanHandshakes", 0.15, 0.5),
    bound("secondsToHalf", 0.05, 0.25),
    bound("secondsTo99", 0.05, 0.5),
    bound("backAtEnd", 0.0, 0.002),
    bound("secondsToHalfDrained", 0.02, 1.0),
    bound("secondsTo99Drained", 0.02, 1.0),
    bound("failedAttemptsPerClient", 0.1, 0.005),
    bound("connectionsPerClient", 0.01, 0.0),
    bound("requestsPerClient", 0.02, 0.0),
    bound("peakRequests", 0.1, 5.0),
    bound("connectedAtEnd", 0.0, 0.002),
];

/// A figure of both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Its name.
    pub figure: &'static str,
    /// The crowd's; `null`: there is none, or it never came.
    pub crowd: Option<f64>,
    /// The simulation's, on average over its seeds; `null` if any has none.
    pub simulated: Option<f64>,
    /// Its standard deviation over them.
    pub deviation: Option<f64>,
    /// What agrees is between these.
    pub from: Option<f64>,
    /// See `from`.
    pub to: Option<f64>,
    /// It is.
    pub agrees: bool,
}

/// The handshakes that reached a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Handshakes {
    /// The most in one second.
    pub peak: u32,
    /// By second, on average over the seconds from the first to the one by which 99 % of those of the fleet had come.
    pub mean: f64,
    /// All of them.
    pub all: u64,
}

/// The handshakes that reached each server from this second on.
pub fn handshakes(course: &Course, from: f64) -> Vec<Handshakes> {
    let from = from as usize;
    let fleet: Vec<u64> = course.handshakes.iter().skip(from).map(|&count| count.into()).collect();
    let all: u64 = fleet.iter().sum();
    let first = fleet.iter().position(|&count| count > 0).unwrap_or(0);
    let mut so_far = 0;
    let reached = |count: &u64| {
        so_far += count;
        100 * so_far >= 99 * all
    };
    let seconds = fleet
        .iter()
        .position(reached)
        .map_or(1, |last| (last + 1).saturating_sub(first).max(1));
    let of_server = |series: &Vec<u32>| {
        let series = series.get(from..).unwrap_or_default();
        let within = series.iter().skip(first).take(seconds).map(|&count| f64::from(count));
        Handshakes {
            peak: series.iter().copied().max().unwrap_or(0),
            mean: within.sum::<f64>() / seconds as f64,
            all: series.iter().map(|&count| u64::from(count)).sum(),
        }
    };
    course.reached.iter().map(of_server).collect()
}

/// Seconds from the first drain until this part of the users of that server has left it. `None` where none is drained, or they never do.
fn drained(plan: &Plan, course: &Course, part: f32) -> Option<f64> {
    let drain = plan
        .events
        .iter()
        .find(|step| matches!(step.what, What::Drain { .. }))?;
    let series = course.utilisation.get(*drain.what.servers().first()?)?;
    let killed = plan
        .events
        .iter()
        .find(|step| matches!(step.what, What::Kill { .. }) && step.at > drain.at);
    let end = killed.map_or(plan.end, |step| step.at);
    let mut during = course
        .times
        .iter()
        .zip(series)
        .filter(|(at, _)| (drain.at..end).contains(*at));
    let (_, &before) = during.next()?;
    let left = during.find(|(_, now)| **now <= (1.0 - part) * before);
    left.map(|(at, _)| at - drain.at)
}

/// All figures that are compared, of one run.
fn figures(plan: &Plan, figures: &Figures, course: &Course) -> Vec<(&'static str, Option<f64>)> {
    let by_server = handshakes(course, plan.measure_from);
    let mut named = figures.named();
    let most = by_server.iter().map(|it| it.peak).max().unwrap_or(0);
    let mean = by_server.iter().map(|it| it.mean).sum::<f64>() / by_server.len().max(1) as f64;
    named.extend([
        ("peakHandshakes", Some(f64::from(most))),
        ("meanHandshakes", Some(mean)),
        ("secondsToHalfDrained", drained(plan, course, 0.5)),
        ("secondsTo99Drained", drained(plan, course, 0.99)),
    ]);
    named
}

/// Simulates a plan under each of these seeds, as many at a time as there are processors, and keeps the courses.
pub fn simulate(plan: &Plan, seeds: &[u64]) -> Vec<Outcome> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let per_thread = seeds.len().div_ceil(processors).max(1);
    thread::scope(|scope| {
        let some = |seeds: &[u64]| -> Vec<Outcome> {
            seeds
                .iter()
                .map(|&seed| Policy::Evenkeel.run(plan, seed, true, &mut |_| {}))
                .collect()
        };
        let running: Vec<_> = seeds
            .chunks(per_thread)
            .map(|seeds| scope.spawn(move || some(seeds)))
            .collect();
        running
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_default())
            .collect()
    })
}

/// The figures of a crowd beside those of simulations of the same plan. Those that neither has are left out.
pub fn compare(plan: &Plan, crowd: (&Figures, &Course), simulated: &[Outcome]) -> Vec<Row> {
    let crowd = figures(plan, crowd.0, crowd.1);
    let simulated: Vec<_> = simulated
        .iter()
        .map(|it| figures(plan, &it.figures, it.course.as_ref().unwrap_or(&Course::default())))
        .collect();
    let get = |named: &[(&str, Option<f64>)], figure: &str| {
        let known = named.iter().find(|(name, _)| *name == figure);
        known.and_then(|(_, value)| *value)
    };
    let row = |bound: &Bound| {
        let of_crowd = get(&crowd, bound.figure);
        let values: Option<Vec<f64>> = simulated.iter().map(|named| get(named, bound.figure)).collect();
        row(bound, of_crowd, values.as_deref().unwrap_or_default())
    };
    let rows = BOUNDS.iter().map(row);
    rows.filter(|row| row.crowd.is_some() || row.simulated.is_some())
        .collect()
}

fn row(bound: &Bound, crowd: Option<f64>, values: &[f64]) -> Row {
    let count = values.len() as f64;
    let simulated = (!values.is_empty()).then(|| values.iter().sum::<f64>() / count);
    let deviation = simulated.map(|mean| {
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / f64::max(count - 1.0, 1.0)).sqrt()
    });
    let room = simulated
        .zip(deviation)
        .map(|(mean, deviation)| DEVIATIONS * deviation + bound.relative * mean.abs() + bound.absolute);
    // Nothing that is compared can be negative.
    let from = simulated.zip(room).map(|(mean, room)| (mean - room).max(0.0));
    let to = simulated.zip(room).map(|(mean, room)| mean + room);
    Row {
        figure: bound.figure,
        crowd,
        simulated,
        deviation,
        from,
        to,
        agrees: match (crowd, from, to) {
            (Some(crowd), Some(from), Some(to)) => (from..=to).contains(&crowd),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_simulation::figures::Course;
    use evenkeel_simulation::plan::Plan;

    use super::{bound, drained, handshakes, row};

    #[test]
    fn what_agrees_is_no_further_away_than_chance_and_the_bound_explain() {
        let bound = bound("a", 0.1, 1.0);
        // Mean 10, deviation 1: 3 for chance, 1 of the mean, and 1.
        let agrees = |crowd| row(&bound, crowd, &[9.0, 10.0, 11.0]).agrees;
        assert!(agrees(Some(5.1)) && agrees(Some(14.9)));
        assert!(!agrees(Some(4.9)) && !agrees(Some(15.1)));
        assert!(!agrees(None));
        assert!(!row(&bound, Some(10.0), &[]).agrees);
    }

    #[test]
    fn the_mean_of_handshakes_is_over_the_seconds_in_which_nearly_all_of_them_came() {
        let course = Course {
            handshakes: vec![9, 0, 200, 198, 1, 0, 0, 1],
            reached: vec![vec![9, 0, 150, 50, 1, 0, 0, 1], vec![0, 0, 50, 148, 0, 0, 0, 0]],
            ..Course::default()
        };
        let [one, other] = &handshakes(&course, 1.0)[..] else {
            panic!("two servers");
        };
        assert_eq!((one.peak, one.mean, one.all), (150, 100.0, 202));
        assert_eq!((other.peak, other.mean, other.all), (148, 99.0, 198));
        // Before what is measured there were more.
        assert_eq!(handshakes(&course, 0.0)[0].all, 211);
    }

    #[test]
    fn a_drain_is_over_when_that_part_of_the_users_has_left_before_the_server_dies() {
        let plan = r#"{
            "fleet": [{ "capacity": 100, "count": 2 }], "clients": 100, "end": 20,
            "events": [{ "at": 2, "do": "drain", "servers": [1] }, { "at": 8, "do": "kill", "servers": [1] }]
        }"#;
        let plan = Plan::parse("drain", plan).expect("it is well written");
        let with = |users: [f32; 10]| Course {
            times: (0..10).map(f64::from).collect(),
            utilisation: vec![vec![0.5; 10], users.to_vec()],
            ..Course::default()
        };
        let course = with([0.1, 0.8, 0.8, 0.7, 0.5, 0.4, 0.2, 0.0, 0.0, 0.0]);
        assert_eq!(drained(&plan, &course, 0.5), Some(3.0));
        assert_eq!(drained(&plan, &course, 0.99), Some(5.0));
        // Whom the kill had to throw out has not left.
        let course = with([0.1, 0.8, 0.8, 0.7, 0.5, 0.4, 0.2, 0.1, 0.0, 0.0]);
        assert_eq!(drained(&plan, &course, 0.99), None);
    }
}
