//! A fleet process beside the tests and behind the demo page.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::Group;
use crate::project;

/// A fleet starts in milliseconds; a busy machine may need a few seconds.
const START: Duration = Duration::from_secs(20);

const READY: &str = "fleet ready: ";

/// The environment variable that names a program built before, for tests.
pub(crate) const PROGRAM_VARIABLE: &str = "EVENKEEL_FLEET_PROGRAM";

/// The fleet's program: the one that the environment names, else built now.
pub(crate) fn program() -> Result<PathBuf> {
    match env::var_os(PROGRAM_VARIABLE) {
        Some(program) => Ok(program.into()),
        None => built(&[]),
    }
}

/// The program, built as Cargo builds it for its tests: otherwise what it depends on would be compiled twice, with and
/// without the features that only the tests use.
pub(crate) fn program_beside_its_tests() -> Result<PathBuf> {
    built(&["--all-targets"])
}

fn built(arguments: &[&str]) -> Result<PathBuf> {
    let package = ["--profile", "tools", "-p", "evenkeel-fleet"];
    project::build_artifact("build", &[&package, arguments].concat(), "evenkeel-fleet", "")
}

/// A running fleet, which ends when this is dropped.
pub(crate) struct Fleet {
    group: Group,
    /// Where its server list is served.
    pub(crate) list: String,
}

impl Fleet {
    /// Starts the fleet and waits until it serves. Its errors go to this process's error output.
    pub(crate) fn start(arguments: &[String]) -> Result<Self> {
        let mut command = Command::new(program()?);
        command
            .current_dir(project::root())
            .args(arguments)
            .stdout(Stdio::piped());
        let mut group = Group::spawn(&mut command)?;
        let output = group.child().stdout.take().context("the fleet has no output")?;
        let (sender, ready) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to the end, or the fleet would stall on a full pipe.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(list) = line.strip_prefix(READY) {
                    let _ = sender.send(list.trim().to_owned());
                }
            }
        });
        match ready.recv_timeout(START) {
            Ok(list) => Ok(Self { group, list }),
            Err(mpsc::RecvTimeoutError::Disconnected) => bail!("the fleet ended before it served"),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                bail!("the fleet did not serve within {} s", START.as_secs())
            }
        }
    }

    /// Waits until the fleet ends by itself.
    pub(crate) fn wait(self) -> Result<()> {
        let status = self.group.wait()?;
        if !status.success() {
            bail!("the fleet failed ({status})");
        }
        Ok(())
    }
}
