//! Everything the npm scripts call. Each command does its own set-up on a fresh machine.

mod browser;
mod bundle;
mod process;
mod project;
mod service;
mod setup;
mod size;
mod start;
mod suites;
mod test_runner;
mod wasm;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", about = "Builds, measures, tests and shows Evenkeel")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write dist/: what `npm pack` ships
    Build,
    /// The bytes of each entry, bundled and minified as a user's bundler would: raw, gzip 9, brotli 11
    Size {
        /// One JSON document instead of the table
        #[arg(long)]
        json: bool,
        /// Fail when an entry is over its brotli budget in size-budget.json
        #[arg(long)]
        check: bool,
        /// What each function of the wasm and each file of the script costs, and where it comes from
        #[arg(long, conflicts_with_all = ["json", "check"])]
        parts: bool,
    },
    /// The suites that every change must pass; ends on the first that fails
    Test {
        /// Also the long ones
        #[arg(long)]
        all: bool,
        /// Only this suite; may be given several times
        #[arg(long, value_name = "SUITE")]
        only: Vec<suites::Name>,
        #[command(flatten)]
        chaos: suites::Chaos,
    },
    /// Build everything, run a fleet in two priority groups and serve the demo page
    Start {
        /// The page's port; another free one is taken when it is in use
        #[arg(long, default_value_t = 8090)]
        port: u16,
    },
    /// Ratios of times measured side by side in a real browser; `--json`, `--only NAME`, `--browser NAME`
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// The seed beside nginx, and without its Redis; `--json`, `--only NAME`, `--rounds N`, `--to every|one`
    BenchSeed {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Install what the commands above need, as they do themselves
    Setup,
    /// Cargo's runner for wasm32 tests: one browser (EVENKEEL_BROWSER), with a fleet beside it
    #[command(hide = true)]
    TestRunner {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    process::end_children_on_interrupt()?;
    match command {
        Command::Build => bundle::build(),
        Command::Size { parts: true, .. } => size::parts(),
        Command::Size { json, check, .. } => size::report(json, check),
        Command::Test { all, only, chaos } => suites::run(all, &only, &chaos),
        Command::Start { port } => start::run(port),
        Command::Bench { arguments } => suites::bench(arguments),
        Command::BenchSeed { arguments } => suites::bench_seed(arguments),
        Command::Setup => setup::everything(),
        Command::TestRunner { arguments } => test_runner::run(&arguments),
    }
}
