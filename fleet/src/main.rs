//! The command `evenkeel-fleet`.

use std::io::Write;
use std::process::ExitCode;

use evenkeel_fleet::cli;
use evenkeel_fleet::service::{Options, Service};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code for a command line or a machine that does not allow a start.
const CANNOT_START: u8 = 2;

fn main() -> ExitCode {
    let options = match cli::options(std::env::args_os()) {
        Ok(options) => options,
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            return cannot_start(&format!("{} (see --help)", line.trim_start_matches("error: ")));
        }
        // The help or the version, which somebody asked for.
        Err(error) => error.exit(),
    };
    // Each connection takes a file descriptor. Where the limit cannot be raised, fewer connections fit.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(run(options)),
        Err(error) => cannot_start(&format!("the system gives no threads: {error}")),
    }
}

async fn run(options: Options) -> ExitCode {
    let signals =
        signal(SignalKind::interrupt()).and_then(|interrupt| Ok((interrupt, signal(SignalKind::terminate())?)));
    let (interrupt, terminate) = match signals {
        Ok(signals) => signals,
        Err(error) => return cannot_start(&format!("signals cannot be handled: {error}")),
    };
    let service = match Service::start(options).await {
        Ok(service) => service,
        Err(error) => return cannot_start(&error.to_string()),
    };
    // Whoever started this may not want to read it.
    let _ = announce(&service);
    either(interrupt, terminate).await;
    service.stop().await;
    ExitCode::SUCCESS
}

fn announce(service: &Service) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for server in service.default_fleet().servers() {
        writeln!(out, "{} {} priority {}", server.id(), server.url(), server.priority())?;
    }
    writeln!(out, "fleet ready: {}/servers", service.url())?;
    out.flush()
}

async fn either(mut one: Signal, mut other: Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

fn cannot_start(why: &str) -> ExitCode {
    eprintln!("evenkeel-fleet: {why}");
    ExitCode::from(CANNOT_START)
}
