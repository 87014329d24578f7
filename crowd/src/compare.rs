//! The same figures of the crowd and of the simulation, side by side, and how far apart they may be.

use std::num::NonZero;
use std::thread;

use evenkeel_simulation::figures::{Course, Figures};
use evenkeel_simulation::plan::{Plan, What};
use evenkeel_simulation::policy::Policy;
use evenkeel_simulation::world::Outcome;
use serde::Serialize;

/// How far a figure of the crowd's may be outside of what the simulation has under its random seeds: so much of the
/// simulation's own, and so much besides.
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
/// - Counts of users differ by chance alone, by some hundredths of what a server of a few hundred has.
/// - Times differ by what handshakes and being woken late add up to, and by when the next list comes.
/// - The most of any second is the most of many draws, and shifts with where seconds begin.
/// - What each client does once or twice, or every poll, differs by hardly anything.
const BOUNDS: [Bound; 15] = [
    bound("peakOverOptimum", 0.03, 0.0),
    bound("finalOverOptimum", 0.03, 0.0),
    bound("movesOverMinimum", 0.03, 0.0),
    bound("peakHandshakes", 0.25, 5.0),
    bound("meanHandshakes", 0.15, 1.0),
    bound("secondsToHalf", 0.1, 0.5),
    bound("secondsTo99", 0.1, 1.0),
    bound("backAtEnd", 0.0, 0.002),
    bound("secondsToHalfDrained", 0.05, 2.0),
    bound("secondsTo99Drained", 0.05, 3.0),
    bound("failedAttemptsPerClient", 0.1, 0.01),
    bound("connectionsPerClient", 0.02, 0.0),
    bound("requestsPerClient", 0.05, 0.0),
    bound("peakRequests", 0.2, 10.0),
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
    /// The least and the most over its seeds.
    pub least: Option<f64>,
    /// See `least`.
    pub most: Option<f64>,
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
    let least = values.iter().copied().reduce(f64::min);
    let most = values.iter().copied().reduce(f64::max);
    let simulated = least.map(|_| values.iter().sum::<f64>() / values.len() as f64);
    let room = simulated.map(|mean| bound.relative * mean.abs() + bound.absolute);
    let from = least.zip(room).map(|(least, room)| least - room);
    let to = most.zip(room).map(|(most, room)| most + room);
    Row {
        figure: bound.figure,
        crowd,
        simulated,
        least,
        most,
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

    use super::{bound, handshakes, row};

    #[test]
    fn what_agrees_is_within_the_range_of_the_seeds_widened_by_the_bound() {
        let bound = bound("a", 0.1, 1.0);
        let agrees = |crowd| row(&bound, crowd, &[8.0, 12.0]).agrees;
        assert!(agrees(Some(6.0)) && agrees(Some(14.0)));
        assert!(!agrees(Some(5.9)) && !agrees(Some(14.1)));
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
}
