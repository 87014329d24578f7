//! The command line, and what it comes to.

use std::io::IsTerminal as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use evenkeel_simulation::figures::Course;
use evenkeel_simulation::plan::ClientConfig;
use evenkeel_simulation::plot;
use url::Url;

use crate::client::bytes_of_a_client;
use crate::compare::{compare, simulate};
use crate::fleet::{Control, Local, Survey, http_url, survey};
use crate::machine;
use crate::report::{Document, Machine, Report};
use crate::run::{Setting, run};
use crate::scenario::{Scenario, Times, plan};

/// The sizes of the servers of a fleet of our own, repeating: those of the simulation.
const PATTERN: [u32; 5] = [1, 2, 1, 2, 4];
/// The part of the capacity of a fleet of our own that the clients take.
const UTILISATION: f64 = 0.6;
/// What every scenario is to be run.
const ALL: &str = "all";

const EXAMPLES: &str = "\
Scenarios:
  flash    all clients arrive within --ramp (0: at once) at an empty fleet
  kill     the largest server dies
  rolling  each server in turn is killed, and comes back
  drain    the largest server is drained, and dies when it has had time to empty
  all      these, one after the other

Examples:
  evenkeel-crowd --local --clients 10000 --scenario all
  evenkeel-crowd --clients 10000 --seed-url http://127.0.0.1:8090/servers --json --plot
  evenkeel-crowd --clients 2000 --fleet-url http://127.0.0.1:8090/ --scenario kill,drain --prepare

The same is simulated, and its figures stand beside: --seeds 0 leaves that out.";

/// Thousands of clients over real WebSockets, each of them the core that ships.
#[derive(Debug, Parser)]
#[command(name = "evenkeel-crowd", version, after_help = EXAMPLES, allow_negative_numbers = true)]
pub struct Arguments {
    /// Clients
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// A seed's list, by http:; repeatable [default: that of the fleet]
    #[arg(long, value_name = "URL")]
    seed_url: Vec<String>,
    /// The control API of a fleet of evenkeel-fleet's, which kills and drains its servers
    #[arg(long, value_name = "URL", conflicts_with = "local")]
    fleet_url: Option<String>,
    /// A fleet of our own, in a process of its own on this machine, anew for each scenario
    #[arg(long, conflicts_with = "seed_url")]
    local: bool,
    /// What happens: flash, kill, rolling, drain; several with commas, or all [default: flash]
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "flash")]
    scenario: Vec<String>,
    /// Clients arrive within so many seconds, evenly; 0: all at once [default: 60 for flash, else 30]
    #[arg(long, value_name = "S", value_parser = seconds)]
    ramp: Option<f64>,
    /// Then nothing happens for so many seconds
    #[arg(long, value_name = "S", default_value_t = 30.0, value_parser = seconds)]
    settle: f64,
    /// What is killed in turn stays down for so many seconds
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = seconds)]
    down: f64,
    /// It goes on for so many seconds after the last event [default: 15 to 60, by scenario]
    #[arg(long, value_name = "S", value_parser = seconds)]
    duration: Option<f64>,
    /// A connected client sends a message every so many milliseconds; 0: none
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    message_interval: u64,
    /// The bytes of each
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(20..=65_536))]
    message_bytes: u32,
    /// The client's refreshInterval: milliseconds between polls, ± 20 %; 0: never
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    refresh_interval: u64,
    /// The client's connectTimeout, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    connect_timeout: u64,
    /// Clients prepare each connection before it is used: they log in. Moves are then without a gap, and they rebalance
    #[arg(long)]
    prepare: bool,
    /// The client's failback is off
    #[arg(long)]
    no_failback: bool,
    /// A slow first attempt gets company
    #[arg(long)]
    hedge: bool,
    /// Connect from so many loopback addresses, 127.0.0.1 and on: each has some 28,000 ports for one server
    #[arg(long, value_name = "N", default_value_t = 0)]
    source_addresses: u16,
    /// Servers of the fleet of our own, of sizes 1:2:1:2:4
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    servers: u16,
    /// The handshakes a second that its list says each server can take
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    connect_rate: u32,
    /// Its list is made every so many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..))]
    refresh: u32,
    /// It lists a death so many milliseconds after it
    #[arg(long, value_name = "MS", default_value_t = 3_000)]
    detection: u32,
    /// Random seeds to simulate beside it; 0: none
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=1_000))]
    seeds: u64,
    /// The random seed of the clients' draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    random_seed: u64,
    /// Prints one JSON document on the standard output
    #[arg(long)]
    json: bool,
    /// Draws utilisation and handshakes over time, the crowd beside the simulation: SCENARIO.svg in this folder
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "target/crowd")]
    plot: Option<PathBuf>,
}

fn seconds(text: &str) -> std::result::Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
    if (0.0..=86_400.0).contains(&number) {
        Ok(number)
    } else {
        Err("has to be 0 to 86400".to_owned())
    }
}

/// What a scenario is carried out on.
struct Stage {
    seeds: Vec<Url>,
    control: Option<Control>,
    survey: Survey,
    /// Ends when this is dropped.
    _local: Option<Local>,
}

impl Arguments {
    /// Carries out the scenarios, one after the other.
    ///
    /// # Errors
    ///
    /// If there is no such scenario, no list, no fleet to do it to, or no room for so many clients.
    pub async fn carry_out(&self) -> Result<()> {
        let scenarios = self.scenarios()?;
        let open_files = machine::allow_files_for(self.clients)?;
        if let Some(folder) = &self.plot {
            // Better now than after minutes.
            std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        let mut document = Document {
            machine: Machine {
                processors: std::thread::available_parallelism().map_or(1, NonZero::get),
                open_files,
                bytes_of_a_client: bytes_of_a_client(),
            },
            scenarios: Vec::new(),
        };
        let outcome = self.all_of(scenarios, &mut document).await;
        // What was measured before something went wrong is not lost.
        if self.json && !document.scenarios.is_empty() {
            println!("{}", serde_json::to_string_pretty(&document)?);
        }
        outcome
    }

    async fn all_of(&self, scenarios: Vec<Scenario>, document: &mut Document) -> Result<()> {
        for scenario in scenarios {
            let report = self.one(scenario).await;
            let report = report.with_context(|| format!("scenario {scenario}"))?;
            if !self.json {
                if document.scenarios.is_empty() {
                    println!("{}", document.machine);
                }
                println!("{}", report.table());
            }
            document.scenarios.push(report);
        }
        Ok(())
    }

    fn scenarios(&self) -> Result<Vec<Scenario>> {
        ensure!(
            self.local || self.fleet_url.is_some() || !self.seed_url.is_empty(),
            "no fleet and no seed is named: --local, --fleet-url URL or --seed-url URL"
        );
        let scenarios: Vec<Scenario> = if self.scenario.iter().any(|name| name == ALL) {
            Scenario::ALL.into()
        } else {
            self.scenario.iter().map(|name| name.parse()).collect::<Result<_>>()?
        };
        let needs_control = scenarios.iter().find(|it| !it.only_arrives());
        if let Some(scenario) = needs_control.filter(|_| !self.local && self.fleet_url.is_none()) {
            bail!("somebody has to do to the fleet what happens in `{scenario}`: --fleet-url URL or --local");
        }
        Ok(scenarios)
    }

    /// As the package has it where nothing is said.
    fn client(&self) -> ClientConfig {
        ClientConfig {
            poll: (self.refresh_interval > 0).then_some(self.refresh_interval as f64 / 1e3),
            failback: !self.no_failback,
            rebalance: self.prepare,
            connect_timeout: self.connect_timeout as f64 / 1e3,
            prepares: self.prepare,
            hedge: self.hedge,
            ..ClientConfig::default()
        }
    }

    /// The command line of a fleet of our own.
    fn fleet(&self) -> Vec<String> {
        let sizes = || PATTERN.iter().cycle().take(self.servers.into());
        let unit = f64::from(self.clients) / UTILISATION / f64::from(sizes().sum::<u32>());
        let mut line = vec![
            format!("--refresh={}", self.refresh),
            format!("--detection={}", self.detection),
            format!("--ttl={}", (self.refresh / 1_000).clamp(1, 3_600)),
        ];
        line.extend(sizes().map(|&size| {
            let capacity = (f64::from(size) * unit).ceil();
            format!("--group=capacity={capacity},connect-rate={}", self.connect_rate)
        }));
        line
    }

    async fn stage(&self) -> Result<Stage> {
        let local = match self.local {
            true => Some(Local::start(&self.fleet()).await?),
            false => None,
        };
        let control = match (&local, &self.fleet_url) {
            (Some(local), _) => Some(local.control.clone()),
            (None, Some(url)) => Some(Control::new(url)?),
            (None, None) => None,
        };
        let mut seeds = self
            .seed_url
            .iter()
            .map(|url| http_url(url))
            .collect::<Result<Vec<_>>>()?;
        if let Some(control) = control.as_ref().filter(|_| seeds.is_empty()) {
            seeds.push(control.list());
        }
        if let Some(control) = &control {
            control.reset().await?;
        }
        let mut survey = survey(seeds.first().context("no seed is named")?).await?;
        if let Some(control) = &control {
            control.complete(&mut survey).await?;
        }
        Ok(Stage {
            seeds,
            control,
            survey,
            _local: local,
        })
    }

    async fn one(&self, scenario: Scenario) -> Result<Report> {
        let stage = self.stage().await?;
        let times = Times {
            ramp: self.ramp.unwrap_or(if scenario.only_arrives() { 60.0 } else { 30.0 }),
            settle: self.settle,
            down: self.down,
            duration: self.duration,
        };
        let plan = plan(scenario, &stage.survey, self.clients, &times, self.client());
        plan.check()?;
        if std::io::stderr().is_terminal() {
            eprintln!("{scenario}: {:.0} s …", plan.end);
        }
        let setting = Setting {
            seeds: stage.seeds.clone(),
            control: stage.control.clone(),
            message_interval: (self.message_interval > 0).then_some(Duration::from_millis(self.message_interval)),
            message_bytes: self.message_bytes as usize,
            source_addresses: self.source_addresses,
            random_seed: self.random_seed,
        };
        let real = run(&plan, &stage.survey, &setting).await?;
        let seeds: Vec<u64> = (0..self.seeds).map(|n| self.random_seed.wrapping_add(n)).collect();
        // The fleet and its clients are gone by now, and all of the machine is there for it.
        let survey = stage.survey.clone();
        drop(stage);
        let simulated = simulate(&plan, &seeds);
        let figures = compare(&plan, (&real.sums.figures, &real.sums.course), &simulated);
        if let Some(folder) = &self.plot {
            let beside = simulated.first().and_then(|it| it.course.as_ref());
            draw(scenario, &real.sums.course, beside, folder)?;
        }
        Ok(Report::new(scenario.name(), plan, &survey, &real, figures, seeds.len()))
    }
}

fn draw(scenario: Scenario, crowd: &Course, simulated: Option<&Course>, folder: &Path) -> Result<()> {
    let mut courses = vec![(format!("{scenario}, crowd"), crowd)];
    courses.extend(simulated.map(|course| (format!("{scenario}, simulated"), course)));
    let file = folder.join(format!("{scenario}.svg"));
    plot::draw(&courses, &file)?;
    eprintln!("{}", file.display());
    Ok(())
}
