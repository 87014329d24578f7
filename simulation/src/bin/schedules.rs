//! `npm run schedules`: faults at random, again and again, and clients that are watched at every step.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write as _};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use std::{panic, thread};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::Parser;
use evenkeel_simulation::plan::Plan;
use evenkeel_simulation::report;
use evenkeel_simulation::schedules::{self, Failure};
use evenkeel_simulation::seen::{Seen, What};
use indicatif::{ProgressBar, ProgressStyle};

/// Fewer schedules than this may miss something by chance.
const ENOUGH: u64 = 10_000;

/// Runs schedules of faults against the core, and shows the first violation as a plan
#[derive(Parser)]
#[command(name = "evenkeel-schedules")]
struct Arguments {
    /// So many schedules
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    schedules: u64,
    /// The first random seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// At a time; default: as many as there are processors
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// This one schedule (a plan as a failure prints it), under `--seed`
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Writes down what the clients of pages are told and do, as lines of JSON, instead
    #[arg(long, value_name = "FILE", conflicts_with = "plan")]
    record: Option<PathBuf>,
}

fn main() -> ExitCode {
    report::exit_code(carry_out(&Arguments::parse()))
}

fn carry_out(arguments: &Arguments) -> Result<()> {
    panic::set_hook(Box::new(|_| {}));
    if let Some(file) = &arguments.plan {
        let plan = Plan::read(file)?;
        schedules::check(&plan)?;
        match schedules::run(&plan, arguments.seed) {
            Ok(_) => println!("no violation"),
            Err(violation) => bail!("{violation}"),
        }
        return Ok(());
    }
    if let Some(file) = &arguments.record {
        return record(arguments, file);
    }
    let start = Instant::now();
    let (seen, failure) = run_all(arguments);
    if let Some(failure) = failure {
        let Failure { violation, seed, plan } = schedules::shrink(failure);
        println!("{}", serde_json::to_string_pretty(&plan)?);
        bail!("seed {seed}: {violation}\nthe schedule above shows it: --seed {seed} --plan FILE");
    }
    for (what, times) in seen.iter() {
        match what {
            What::Fault(name) => println!("fault       {name:<32} {times}"),
            What::Transition(from, to) => println!("transition  {:<32} {times}", format!("{from} → {to}")),
            What::Command(name) => println!("command     {name:<32} {times}"),
            What::Cause(name) => println!("cause       {name:<32} {times}"),
            What::Move(name) => println!("move        {name:<32} {times}"),
        }
    }
    println!(
        "{} schedules without a violation in {:.0} s",
        arguments.schedules,
        start.elapsed().as_secs_f64()
    );
    let unseen: Vec<_> = schedules::all_to_be_seen()
        .into_iter()
        .filter(|&what| seen.times(what) == 0)
        .collect();
    ensure!(
        arguments.schedules < ENOUGH || unseen.is_empty(),
        "never seen, and so not tested: {unseen:?}"
    );
    Ok(())
}

/// Writes the records of all clients, one a line, and prints how often was seen what is to be seen.
fn record(arguments: &Arguments, file: &Path) -> Result<()> {
    let mut lines =
        BufWriter::new(File::create(file).with_context(|| format!("{} cannot be written", file.display()))?);
    let mut seen = Seen::default();
    for seed in arguments.seed..arguments.seed + arguments.schedules {
        let recorded = schedules::record(seed);
        let (records, of_one) = recorded.map_err(|violation| anyhow!("seed {seed}: {violation}"))?;
        seen.add(&of_one);
        for record in records {
            serde_json::to_writer(&mut lines, &record)?;
            lines.write_all(b"\n")?;
        }
    }
    let times = seen.iter().map(|(what, _)| what).chain(schedules::all_to_be_seen());
    let times: BTreeMap<_, _> = times.map(|what| (name_of(what), seen.times(what))).collect();
    println!("{}", serde_json::to_string(&times)?);
    Ok(lines.flush()?)
}

fn name_of(what: What) -> String {
    match what {
        What::Fault(name) => format!("fault {name}"),
        What::Transition(from, to) => format!("transition {from} → {to}"),
        What::Command(name) => format!("command {name}"),
        What::Cause(name) => format!("cause {name}"),
        What::Move(name) => format!("move {name}"),
    }
}

fn run_all(arguments: &Arguments) -> (Seen, Option<Failure>) {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = arguments.jobs.map_or(processors, usize::from);
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(arguments.schedules)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos} of {len}, {eta} left") {
        bar.set_style(style);
    }
    let next = AtomicU64::new(0);
    let together = Mutex::new((Seen::default(), None));
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut seen = Seen::default();
                let mut failure = None;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.schedules {
                        break;
                    }
                    let seed = arguments.seed + number;
                    let plan = schedules::draw(seed);
                    match schedules::run(&plan, seed) {
                        Ok(of_one) => seen.add(&of_one),
                        Err(violation) => {
                            failure = Some(Failure { violation, seed, plan });
                            next.store(arguments.schedules, Ordering::Relaxed);
                        }
                    }
                    bar.inc(1);
                }
                if let Ok(mut together) = together.lock() {
                    together.0.add(&seen);
                    together.1 = together.1.take().or(failure);
                }
            });
        }
    });
    bar.finish_and_clear();
    together.into_inner().unwrap_or_default()
}
