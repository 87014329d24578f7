//! The command `evenkeel-seed`.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use evenkeel_seed::cli::{Arguments, LogFormat};
use evenkeel_seed::error::Error;
use evenkeel_seed::service::{Options, Running};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The exit code for a command line, a file or a machine that does not allow a start.
const CANNOT_START: u8 = 2;
/// How long requests under way may take when it ends: supervisors kill after 10 s.
const PATIENCE: Duration = Duration::from_secs(8);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match arguments.log {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    // Each connection takes a file descriptor. Where the limit cannot be raised, fewer connections fit.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let outcome = arguments.options().and_then(|options| {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| system(&error))?;
        runtime.block_on(run(options))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("evenkeel-seed: {error}");
            ExitCode::from(CANNOT_START)
        }
    }
}

async fn run(options: Options) -> Result<(), Error> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| system(&error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| system(&error))?;
    let running = Running::start(options).await?;
    // Whoever started this may not want to read it.
    let _ = writeln!(std::io::stdout(), "seed ready: http://{}/servers", running.address());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("ending");
    running.stop(PATIENCE).await;
    Ok(())
}

fn system(error: &std::io::Error) -> Error {
    Error {
        code: evenkeel_seed::error::Code::CannotStart,
        message: format!("the system refuses: {error}"),
        remedy: "see its limits".to_owned(),
    }
}
