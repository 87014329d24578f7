//! `npm run crowd`: thousands of real clients, beside the simulation's.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use evenkeel_crowd::cli::Arguments;
use evenkeel_crowd::fleet::{SERVE, serve};

/// The exit code for all that goes wrong.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let mut line = std::env::args_os().skip(1).peekable();
    let outcome = match line.next_if(|first| *first == *SERVE) {
        Some(_) => on_threads(serve(line.collect::<Vec<OsString>>())),
        None => on_threads(Arguments::parse().carry_out()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("evenkeel-crowd: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn on_threads(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(work)
}
