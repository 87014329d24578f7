//! The test suites, in the order in which a mistake is found soonest.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::browser::{self, Browser};
use crate::bundle;
use crate::process::Group;
use crate::project;
use crate::service::{FLEET, SEED};
use crate::setup;

/// The folders of target/ that suites leave their tables in.
const FAULTS: &str = "faults";
const CHAOS: &str = "chaos";
const CLIENTS: &str = "clients";
const TOOLS: &str = "tools-matrix";

/// The environment variables that name programs for tests: the one that draws schedules of faults, the simulation, the server
/// that reports in Rust, and this one.
const SCHEDULES_VARIABLE: &str = "EVENKEEL_SCHEDULES_PROGRAM";
const SIMULATION_VARIABLE: &str = "EVENKEEL_SIMULATION_PROGRAM";
const REPORTER_VARIABLE: &str = "EVENKEEL_REPORTER_PROGRAM";
const XTASK_VARIABLE: &str = "EVENKEEL_XTASK_PROGRAM";

/// A suite, by the name it has on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Name {
    /// The core, the seed, the fleet, the simulation, the crowd and the tools, natively
    Native,
    /// What of the face needs neither wasm nor browser
    Face,
    /// The browser driver in headless Chromium
    Chromium,
    /// The same in headless Firefox
    Firefox,
    /// The packed package, installed and used by pages and by Node; and that it can be measured
    Package,
    /// The browsers' own WebSocket and ours, case by case
    Conformance,
    /// The driver in both browsers, on a platform in our hands, against what the core did natively
    Schedules,
    /// The demo page in both browsers
    Demo,
    /// The documentation: every example is run, every table is held against the package
    Documentation,
    /// The browser driver, the packed package and the conformance in WebKitGTK
    Webkit,
    /// The store and the hooks in React, Svelte, Vue and Solid
    Frameworks,
    /// The packed package, built by the tools that applications are built with, and in several versions of Node
    Tools,
    /// Other libraries' clients over `createWebSocketClass`, which lose their servers
    Clients,
    /// The servers that report, in several languages, against real seeds
    Reporters,
    /// Evenkeel and its peers under the same faults, in both browsers
    Faults,
    /// The same under faults at random, also in WebKitGTK where it can be had
    Chaos,
}

/// What the chaos may be told. Its tests have the defaults.
#[derive(Args)]
pub(crate) struct Chaos {
    /// What says which faults there are, and when: the same one brings the same again
    #[arg(long)]
    seed: Option<String>,
    /// How long each browser is under faults
    #[arg(long)]
    minutes: Option<f64>,
    /// The only browser: chromium, firefox or webkit
    #[arg(long, value_name = "NAME")]
    browser: Option<String>,
}

impl Chaos {
    /// The environment variables by which the tests know of it.
    fn variables(&self) -> impl Iterator<Item = (&str, String)> {
        let minutes = self.minutes.map(|minutes| minutes.to_string());
        [
            ("CHAOS_SEED", self.seed.clone()),
            ("CHAOS_MINUTES", minutes),
            ("CHAOS_BROWSER", self.browser.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

impl Name {
    /// Does it run only when all suites are asked for?
    fn is_long(self) -> bool {
        matches!(
            self,
            Self::Webkit
                | Self::Tools
                | Self::Frameworks
                | Self::Clients
                | Self::Reporters
                | Self::Faults
                | Self::Chaos
        )
    }

    /// The commands that run it, everything they need having been built.
    fn commands(self, chaos: &Chaos) -> Result<Vec<Command>> {
        Ok(match self {
            // One by one: together, Cargo would compile what they depend on once more, with the features of all.
            Self::Native => {
                setup::redis()?;
                [
                    "evenkeel",
                    "evenkeel-seed",
                    "evenkeel-fleet",
                    "evenkeel-simulation",
                    "evenkeel-crowd",
                    "xtask",
                ]
                .map(native)
                .into()
            }
            Self::Face => vec![in_node("tests/face")?],
            Self::Chromium => vec![in_browser(Browser::Chromium)?],
            Self::Firefox => vec![in_browser(Browser::Firefox)?],
            Self::Package => vec![in_node("tests/package")?, in_node("tests/bench")?],
            Self::Conformance => vec![in_node("tests/conformance")?],
            Self::Schedules => {
                let mut command = in_node("tests/schedules")?;
                command.env(SCHEDULES_VARIABLE, simulation_program("evenkeel-schedules")?);
                vec![command]
            }
            Self::Demo => {
                let mut command = in_node("tests/demo")?;
                command.env(XTASK_VARIABLE, std::env::current_exe()?);
                vec![command]
            }
            Self::Documentation => {
                setup::reverse_proxy();
                setup::redis()?;
                let mut command = in_node("tests/documentation")?;
                command.env(SIMULATION_VARIABLE, simulation_program("evenkeel-simulation")?);
                command.env(XTASK_VARIABLE, std::env::current_exe()?);
                vec![command]
            }
            Self::Webkit => {
                let pages = ["tests/package", "tests/conformance"].map(in_webkit);
                [in_browser(Browser::Webkit)]
                    .into_iter()
                    .chain(pages)
                    .collect::<Result<_>>()?
            }
            Self::Frameworks => {
                packages_of("tests/frameworks")?;
                vec![in_node("tests/frameworks")?]
            }
            Self::Clients => {
                packages_of("tests/clients")?;
                setup::brokers();
                vec![with_table("tests/clients", CLIENTS)?]
            }
            Self::Tools => {
                packages_of("tests/tools")?;
                vec![with_table("tests/tools", TOOLS)?]
            }
            Self::Reporters => {
                setup::reporters();
                let mut command = in_node("tests/reporters")?;
                command.env(REPORTER_VARIABLE, reporter_program()?);
                vec![command]
            }
            Self::Faults => vec![in_broken_networks(FAULTS)?],
            Self::Chaos => {
                let mut command = in_broken_networks(CHAOS)?;
                command.envs(chaos.variables());
                match setup::browser(Browser::Webkit) {
                    Ok(webkit) => {
                        command.env(webkit.browser.driver_variable(), webkit.driver);
                    }
                    Err(error) => eprintln!("{error:#}: without WebKit"),
                }
                vec![command]
            }
        })
    }

    /// What it has measured, as a table.
    fn table(self) -> Option<String> {
        let folder = match self {
            Self::Clients => CLIENTS,
            Self::Faults => FAULTS,
            Self::Chaos => CHAOS,
            Self::Tools => TOOLS,
            _ => return None,
        };
        let file = project::root().join("target").join(folder).join("table.md");
        fs::read_to_string(file).ok()
    }
}

/// The tests of a crate, on this machine.
fn native(package: &str) -> Command {
    project::cargo(["test", "--profile", "tools", "--no-fail-fast", "-p", package])
}

/// The wasm tests: every `tests/web*.rs`, in this browser. `test-runner` brings their fleet; the driver they compile in
/// is the built one.
fn in_browser(browser: Browser) -> Result<Command> {
    bundle::build()?;
    let mut command = native("evenkeel");
    command.args(["--target", "wasm32-unknown-unknown", "--test", "web*"]);
    command.env(browser::VARIABLE, browser.name());
    FLEET.tell(&mut command)?;
    Ok(command)
}

/// The tests of a folder that drive the browsers from Node.
fn in_node(folder: &str) -> Result<Command> {
    bundle::build()?;
    let mut files: Vec<_> = fs::read_dir(project::root().join(folder))
        .with_context(|| format!("no folder {folder}"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    files.sort();
    // One file after the other: each has browsers of its own, and timing is part of what is tested.
    let mut command = project::node(["--test", "--test-reporter=spec", "--test-concurrency=1"]);
    command.args(files);
    told_of_the_machine(command)
}

/// The tests of a folder, in WebKitGTK in place of the other browsers.
fn in_webkit(folder: &str) -> Result<Command> {
    let webkit = setup::browser(Browser::Webkit)?;
    let mut command = in_node(folder)?;
    command.env(webkit.browser.driver_variable(), webkit.driver);
    command.env(browser::VARIABLE, webkit.browser.name());
    Ok(command)
}

/// A program of the simulation's, built as Cargo builds it for its tests.
fn simulation_program(name: &str) -> Result<PathBuf> {
    let package = ["--profile", "tools", "-p", "evenkeel-simulation", "--all-targets"];
    project::build_artifact("build", &package, name, "")
}

/// The server that reports in Rust, built as Cargo builds it for the seed's tests.
fn reporter_program() -> Result<PathBuf> {
    let package = ["--profile", "tools", "-p", "evenkeel-seed", "--all-targets"];
    project::build_artifact("build", &package, "reporter", "")
}

/// Installs the npm packages that a folder of tests has of its own, which nothing else needs.
fn packages_of(folder: &str) -> Result<()> {
    setup::npm_packages_of(&project::root().join(folder))
}

/// The tests of a folder that leave a table in this folder of target/.
fn with_table(folder: &str, scratch: &str) -> Result<Command> {
    // Only what is measured now is to be in the table.
    fs::remove_dir_all(project::scratch(scratch)?)?;
    in_node(folder)
}

/// Those that break networks. Their table is in the folder of target/ of the same name.
fn in_broken_networks(name: &str) -> Result<Command> {
    setup::network_tools();
    with_table(&format!("tests/{name}"), name)
}

/// A command that is told where the browsers and the programs of fleet and seed are.
fn told_of_the_machine(mut command: Command) -> Result<Command> {
    FLEET.tell(&mut command)?;
    SEED.tell(&mut command)?;
    for installed in setup::browsers()? {
        command.env(installed.browser.program_variable(), installed.program);
        command.env(installed.browser.driver_variable(), installed.driver);
    }
    Ok(command)
}

/// Runs the benchmarks.
pub(crate) fn bench(arguments: Vec<OsString>) -> Result<()> {
    setup::everything()?;
    bundle::build()?;
    let mut command = project::node(["tests/bench/main.mjs"]);
    command.args(arguments);
    let status = Group::spawn(&mut told_of_the_machine(command)?)?.wait()?;
    anyhow::ensure!(status.success(), "the benchmarks failed: see above");
    Ok(())
}

/// Runs the measurements of the seed, as it is deployed.
pub(crate) fn bench_seed(arguments: Vec<OsString>) -> Result<()> {
    setup::redis()?;
    setup::seed_rivals()?;
    let mut command = project::node(["tests/bench/seed/main.mjs"]);
    SEED.tell_release(&mut command)?;
    command.args(arguments);
    let status = Group::spawn(&mut command)?.wait()?;
    anyhow::ensure!(status.success(), "the seed's measurements failed: see above");
    Ok(())
}

/// Runs the suites until one fails. The last line counts the tests.
pub(crate) fn run(all: bool, only: &[Name], chaos: &Chaos) -> Result<()> {
    setup::everything()?;
    let chosen = Name::value_variants().iter().copied().filter(|name| match only {
        [] => all || !name.is_long(),
        only => only.contains(name),
    });
    let mut total = Count::default();
    for name in chosen {
        let outcome = run_one(name, chaos)?;
        if let Some(table) = name.table() {
            println!("\n{table}");
        }
        total.passed += outcome.count.passed;
        total.failed += outcome.count.failed;
        if !outcome.ok {
            println!("\n{}", outcome.output.trim_end());
            println!("\nsuite {} failed", title(name));
            println!("{} passed, {} failed", total.passed, total.failed.max(1));
            bail!("suite {} failed: its output is above", title(name));
        }
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(())
}

struct Outcome {
    ok: bool,
    count: Count,
    output: String,
}

/// Runs one suite, keeps its output in target/suites, and prints one line about it.
fn run_one(name: Name, chaos: &Chaos) -> Result<Outcome> {
    let title = title(name);
    print!("{title:<14}");
    std::io::stdout().flush()?;
    let start = Instant::now();
    let log = project::scratch("suites")?.join(format!("{title}.log"));
    let (success, output) = match recorded(name, chaos, &log) {
        Ok(finished) => finished,
        Err(error) => (false, format!("{error:#}")),
    };
    let count = Count::of(&output);
    // Nothing was tested when nothing was counted: a glob or a filter that no longer fits.
    let ok = success && count.passed > 0;
    println!(
        "{:<7}{:>7.1} s {:>5} passed {:>3} failed",
        if ok { "ok" } else { "FAILED" },
        start.elapsed().as_secs_f64(),
        count.passed,
        count.failed,
    );
    Ok(Outcome { ok, count, output })
}

/// Whether all of the suite's commands succeeded, and what they printed.
fn recorded(name: Name, chaos: &Chaos, log: &Path) -> Result<(bool, String)> {
    let file = File::create(log).with_context(|| format!("{} cannot be made", log.display()))?;
    let mut success = true;
    for mut command in name.commands(chaos)? {
        command.stdout(file.try_clone()?).stderr(file.try_clone()?);
        success &= Group::spawn(&mut command)?.wait()?.success();
    }
    Ok((success, String::from_utf8_lossy(&fs::read(log)?).into_owned()))
}

fn title(name: Name) -> String {
    name.to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

/// Tests that ran.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Count {
    passed: u64,
    failed: u64,
}

impl Count {
    /// Adds up what the summaries of libtest, wasm-bindgen-test and `node --test` say.
    fn of(output: &str) -> Self {
        let mut count = Self::default();
        for line in output.lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            match words.as_slice() {
                ["test", "result:", _, passed, "passed;", failed, "failed;", ..] => {
                    count.passed += passed.parse().unwrap_or(0);
                    count.failed += failed.parse().unwrap_or(0);
                }
                ["ℹ", "pass", passed] => count.passed += passed.parse().unwrap_or(0),
                ["ℹ", "fail" | "cancelled", failed] => count.failed += failed.parse().unwrap_or(0),
                _ => {}
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn the_summaries_of_cargo_and_of_node_are_added_up() {
        let output = "running 3 tests\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured\n\
            ℹ tests 9\nℹ pass 7\nℹ fail 1\nℹ cancelled 1\nℹ skipped 0\n";
        assert_eq!(Count::of(output), Count { passed: 10, failed: 4 });
    }

    #[test]
    fn output_without_a_summary_counts_nothing() {
        assert_eq!(Count::of("error: could not compile"), Count::default());
    }
}
