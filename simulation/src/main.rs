//! `npm run simulate`: a fleet under a scenario.

use std::fs::OpenOptions;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};
use clap::{ArgGroup, Parser};
use evenkeel_simulation::figures::Course;
use evenkeel_simulation::plan::{MAX_CLIENTS, MAX_SERVERS, Plan};
use evenkeel_simulation::policy::{DEFAULT_CHOICE, DEFAULT_LAW, OURS, Policy};
use evenkeel_simulation::runs::Run;
use evenkeel_simulation::scenario::{self, Settings};
use evenkeel_simulation::targets::{self, CASES};
use evenkeel_simulation::{plot, report, rivals, runs};
use indicatif::{ProgressBar, ProgressStyle};

/// Of the progress bar, by run.
const STEPS: u64 = 1_000;
/// In the table of targets: what they do is known well enough, and theirs are most of the runs.
const SEEDS_OF_RIVALS: usize = 3;

/// Simulates fleets of clients, each of them the core that ships.
#[derive(Parser)]
#[command(name = "evenkeel-simulation", after_help = help(), allow_negative_numbers = true)]
#[command(group(ArgGroup::new("what").required(true).args(["scenario", "config", "targets", "plots"])))]
struct Arguments {
    /// The scenario; several with commas, or `all`
    #[arg(long, value_delimiter = ',')]
    scenario: Vec<String>,
    /// A fleet and events of one's own, in place of a scenario (config.schema.json describes the file)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// By whose rules: `evenkeel`, or those of others: CHOICE, LAW or CHOICE+LAW (listed below); several with commas
    #[arg(long, default_value = OURS, value_delimiter = ',')]
    policy: Vec<String>,
    /// The first random seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many random seeds, one after the other from the first
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seeds: u64,
    /// Runs at a time; default: as many as there are processors
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Clients
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CLIENTS)))]
    clients: Option<u32>,
    /// Servers (where there are two groups: of the preferred one)
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=MAX_SERVERS as i64))]
    servers: Option<u16>,
    /// A list is made so often, in seconds
    #[arg(long, value_parser = above_zero)]
    refresh: Option<f64>,
    /// The seed notices a death or a return after so many seconds
    #[arg(long, value_parser = zero_or_more)]
    detection: Option<f64>,
    /// The list's ttl in seconds
    #[arg(long, value_parser = above_zero)]
    ttl: Option<f64>,
    /// Caches make the list so much older, in seconds
    #[arg(long, value_parser = zero_or_more)]
    age: Option<f64>,
    /// Each client gets a part of the list, of so many servers
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=MAX_SERVERS as i64))]
    part: Option<u16>,
    /// Of these parts each server is in so many; default: one
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=MAX_SERVERS as i64), requires = "part")]
    overlap: Option<u16>,
    /// Clients over capacity
    #[arg(long, value_parser = above_zero)]
    utilisation: Option<f64>,
    /// Handshakes a second that a server can serve
    #[arg(long, value_parser = above_zero)]
    rate: Option<f64>,
    /// The list tells that rate
    #[arg(long)]
    rate_told: bool,
    /// Handshakes that may wait at a server; default: any number
    #[arg(long)]
    queue: Option<u32>,
    /// The list gives no capacities
    #[arg(long)]
    capacity_untold: bool,
    /// The mean stay of a client, in seconds (where clients come and go)
    #[arg(long, value_parser = above_zero_or_never)]
    stay: Option<f64>,
    /// A connected client asks for the list so often, in seconds (`inf`: never)
    #[arg(long, value_parser = above_zero_or_never)]
    poll: Option<f64>,
    /// Clients do not rebalance
    #[arg(long)]
    no_rebalance: bool,
    /// What goes down stays down so long, in seconds
    #[arg(long, value_parser = zero_or_more)]
    down: Option<f64>,
    /// The run ends so long after the event, in seconds
    #[arg(long, value_parser = zero_or_more)]
    after: Option<f64>,
    /// Prints the results as JSON
    #[arg(long)]
    json: bool,
    /// Draws the course of the first seed, policies side by side (one scenario)
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// What the core has to reach, in all scenarios or in these, as a table (with --seeds, the mean and its 95 % interval)
    #[arg(long, value_name = "SCENARIO", num_args = 0.., value_delimiter = ',')]
    targets: Option<Vec<String>>,
    /// Draws the main scenarios, ours beside the best other rule
    #[arg(long, value_name = "FOLDER")]
    plots: Option<PathBuf>,
}

fn help() -> String {
    format!("{}\n\n{}", scenarios(), policies())
}

fn scenarios() -> String {
    let scenarios = scenario::ALL.iter();
    let lines: Vec<_> = scenarios.map(|it| format!("  {:<18}{}", it.name, it.about)).collect();
    format!("Scenarios:\n{}", lines.join("\n"))
}

fn policies() -> String {
    let choices = rivals::CHOICES.iter().map(|(name, _)| *name);
    let (grouped, flat): (Vec<_>, Vec<_>) = choices.partition(|name| rivals::HEED_GROUPS.contains(name));
    let laws: Vec<_> = rivals::LAWS.iter().map(|(name, _)| *name).collect();
    format!(
        "Policies:\n  {OURS}\n  CHOICE that heeds groups: {}\n  CHOICE that does not: {}\n  LAW: {}\n  \
         A choice alone waits by {DEFAULT_LAW}, a law alone chooses by {DEFAULT_CHOICE}.",
        grouped.join(", "),
        flat.join(", "),
        laws.join(", ")
    )
}

fn number(text: &str, holds: impl Fn(f64) -> bool, needed: &str) -> std::result::Result<f64, String> {
    let number = text.parse().map_err(|_| "is no number".to_owned())?;
    if holds(number) {
        Ok(number)
    } else {
        Err(needed.to_owned())
    }
}

fn above_zero(text: &str) -> std::result::Result<f64, String> {
    number(text, |it| it > 0.0 && it.is_finite(), "has to be above 0")
}

fn above_zero_or_never(text: &str) -> std::result::Result<f64, String> {
    number(text, |it| it > 0.0, "has to be above 0, or `inf`: never")
}

fn zero_or_more(text: &str) -> std::result::Result<f64, String> {
    number(text, |it| it >= 0.0 && it.is_finite(), "has to be 0 or more")
}

impl Arguments {
    fn settings(&self) -> Settings {
        Settings {
            clients: self.clients,
            servers: self.servers.map(usize::from),
            refresh: self.refresh,
            detection: self.detection,
            ttl: self.ttl,
            age: self.age,
            part: self.part.map(usize::from),
            overlap: self.overlap.map(usize::from),
            utilisation: self.utilisation,
            rate: self.rate,
            rate_told: self.rate_told,
            queue: self.queue,
            capacity_untold: self.capacity_untold,
            stay: self.stay,
            poll: self.poll,
            no_rebalance: self.no_rebalance,
            down: self.down,
            after: self.after,
        }
    }

    /// What is to be run, by name.
    fn plans(&self) -> Result<Vec<(String, Plan)>> {
        let settings = self.settings();
        if let Some(file) = &self.config {
            if settings != Settings::default() {
                bail!(
                    "with --config the file says what is simulated: only --seed, --seeds, --policy and the output can be set beside it"
                );
            }
            return Ok(vec![(file.display().to_string(), Plan::read(file)?)]);
        }
        let every = self.scenario.iter().any(|name| name == "all");
        let names: Vec<&str> = if every {
            scenario::ALL.iter().map(|scenario| scenario.name).collect()
        } else {
            self.scenario.iter().map(String::as_str).collect()
        };
        let plan = |name: &str| {
            let scenario = scenario::find(name).with_context(|| format!("no scenario `{name}`; {}", scenarios()))?;
            let plan = scenario.plan(&settings);
            plan.check()?;
            Ok((name.to_owned(), plan))
        };
        names.into_iter().map(plan).collect()
    }
}

/// What is run one after the other, and shown to be under way.
struct Runner {
    seeds: Vec<u64>,
    jobs: Option<usize>,
    bar: ProgressBar,
}

impl Runner {
    fn new(arguments: &Arguments, steps: usize) -> Result<Self> {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new((steps * arguments.seeds as usize) as u64 * STEPS)
        } else {
            ProgressBar::hidden()
        };
        bar.set_style(ProgressStyle::with_template(
            "{msg:32} {wide_bar} {percent:>3} % {eta}",
        )?);
        Ok(Self {
            seeds: (0..arguments.seeds).map(|n| arguments.seed.wrapping_add(n)).collect(),
            jobs: arguments.jobs.map(usize::from),
            bar,
        })
    }

    fn run(&self, name: &str, plan: &Plan, policy: &str, seeds: usize, record: bool) -> Result<Vec<Run>> {
        let seeds = &self.seeds[..seeds.min(self.seeds.len())];
        let rules = Policy::named(policy)?;
        self.bar.set_message(format!("{name} {policy}"));
        let before = self.bar.position();
        let done = Mutex::new(0.0);
        let progress = |part: f64| {
            if let Ok(mut done) = done.lock() {
                *done += part * STEPS as f64;
                self.bar.set_position(before + *done as u64);
            }
        };
        Ok(runs::run(plan, rules, seeds, self.jobs, record, &progress))
    }
}

fn main() -> ExitCode {
    report::exit_code(carry_out(&Arguments::parse()))
}

fn carry_out(arguments: &Arguments) -> Result<()> {
    if let Some(scenarios) = &arguments.targets {
        check_targets(arguments, scenarios)
    } else if let Some(folder) = &arguments.plots {
        draw_all(arguments, folder)
    } else {
        simulate(arguments)
    }
}

fn simulate(arguments: &Arguments) -> Result<()> {
    let plans = arguments.plans()?;
    for policy in &arguments.policy {
        Policy::named(policy)?;
    }
    if arguments.plot.is_some() && plans.len() > 1 {
        bail!("--plot draws one scenario");
    }
    if let Some(file) = &arguments.plot {
        // Better now than after a run of minutes.
        let opened = OpenOptions::new().append(true).create(true).open(file);
        opened.with_context(|| format!("{} cannot be written", file.display()))?;
    }
    let runner = Runner::new(arguments, plans.len() * arguments.policy.len())?;
    let mut results = Vec::new();
    let mut drawn = Vec::new();
    for (name, plan) in &plans {
        for policy in &arguments.policy {
            let mut runs = runner.run(name, plan, policy, usize::MAX, arguments.plot.is_some())?;
            let of_plan = report::results(name, policy, plan, &runs);
            let course = runs.first_mut().and_then(|run| run.outcome.course.take());
            drawn.extend(course.map(|course| (format!("{name}, {policy}"), course)));
            if !arguments.json
                && let Some(last) = of_plan.last()
            {
                runner.bar.suspend(|| println!("{}", report::table(last)));
            }
            results.extend(of_plan);
        }
    }
    runner.bar.finish_and_clear();
    if let Some(file) = &arguments.plot {
        draw(&drawn, file)?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    }
    Ok(())
}

fn draw(drawn: &[(String, Course)], file: &Path) -> Result<()> {
    let courses: Vec<_> = drawn.iter().map(|(title, course)| (title.clone(), course)).collect();
    plot::draw(&courses, file)
}

fn check_targets(arguments: &Arguments, names: &[String]) -> Result<()> {
    let settings = arguments.settings();
    if settings != Settings::default() {
        bail!("--targets has settings of its own: only --seed, --seeds, --jobs and --json can be set beside it");
    }
    if let Some(unknown) = names.iter().find(|name| scenario::find(name).is_none()) {
        bail!("no scenario `{unknown}`; {}", scenarios());
    }
    let cases: Vec<_> = CASES
        .iter()
        .filter(|case| names.is_empty() || names.iter().any(|name| name == case.scenario))
        .collect();
    let runner = Runner::new(arguments, cases.len())?;
    let of_rivals: usize = cases.iter().map(|case| case.rivals.len()).sum();
    let of_rivals = of_rivals * runner.seeds.len().min(SEEDS_OF_RIVALS);
    runner.bar.inc_length(of_rivals as u64 * STEPS);
    let mut all = Vec::new();
    if !arguments.json {
        print!("{}", targets::HEAD);
    }
    for case in cases {
        let plan = scenario::find(case.scenario).map(|it| it.plan(&case.settings()));
        let plan = plan.with_context(|| format!("no scenario `{}`", case.scenario))?;
        let mut results = Vec::new();
        for policy in [OURS].iter().chain(case.rivals) {
            let seeds = if *policy == OURS { usize::MAX } else { SEEDS_OF_RIVALS };
            let runs = runner.run(case.scenario, &plan, policy, seeds, false)?;
            results.extend(report::results(case.about, policy, &plan, &runs).pop());
        }
        if !arguments.json {
            runner.bar.suspend(|| print!("{}", targets::rows(case, &results)));
        }
        all.extend(results);
    }
    runner.bar.finish_and_clear();
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    }
    Ok(())
}

/// The main scenarios, and the rule that ours is drawn beside.
const PLOTS: [(&str, &str); 7] = [
    ("flash", "two-choices"),
    ("crash", "two-choices+partysocket"),
    ("rolling", "two-choices"),
    ("join", "zookeeper"),
    ("blip", "two-choices+grpc"),
    ("group", "failover+partysocket"),
    ("overload", "envoy"),
];

fn draw_all(arguments: &Arguments, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let runner = Runner::new(arguments, 2 * PLOTS.len())?;
    for (name, rival) in PLOTS {
        let plan = scenario::find(name).map(|it| it.plan(&arguments.settings()));
        let plan = plan.with_context(|| format!("no scenario `{name}`"))?;
        let mut drawn = Vec::new();
        for policy in [OURS, rival] {
            let mut runs = runner.run(name, &plan, policy, 1, true)?;
            let course = runs.first_mut().and_then(|run| run.outcome.course.take());
            drawn.extend(course.map(|course| (format!("{name}, {policy}"), course)));
        }
        draw(&drawn, &folder.join(format!("{name}.svg")))?;
    }
    runner.bar.finish_and_clear();
    Ok(())
}
