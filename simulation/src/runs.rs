//! One plan under several random seeds, side by side: as many at a time as there are processors.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::plan::Plan;
use crate::policy::Policy;
use crate::world::Outcome;

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its random seed.
    pub seed: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// The time that it took, in seconds.
    pub seconds: f64,
}

/// Runs a plan under each seed. The course of the first one is kept if `record`; `progress` hears of every step forward, as
/// a part of one run.
pub fn run(
    plan: &Plan,
    policy: Policy,
    seeds: &[u64],
    jobs: Option<usize>,
    record: bool,
    progress: &(dyn Fn(f64) + Sync),
) -> Vec<Run> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = jobs.unwrap_or(processors).clamp(1, seeds.len().max(1));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (start, mut before) = (Instant::now(), 0.0);
                    let mut step = |part: f64| {
                        progress(part - before);
                        before = part;
                    };
                    let outcome = policy.run(plan, seed, record && Some(&seed) == seeds.first(), &mut step);
                    step(1.0);
                    let seconds = start.elapsed().as_secs_f64();
                    if let Ok(mut done) = done.lock() {
                        done.push(Run { seed, outcome, seconds });
                    }
                }
            });
        }
    });
    let mut runs = done.into_inner().unwrap_or_default();
    runs.sort_by_key(|run| seeds.iter().position(|&seed| seed == run.seed));
    runs
}
