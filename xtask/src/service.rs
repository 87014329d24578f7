//! The seed and the fleet, as processes beside the tests and behind the demo page.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::Group;
use crate::project;

/// They start in milliseconds, and a fleet waits for its seed; a busy machine may need a few seconds more.
const START: Duration = Duration::from_secs(30);

/// A program that serves until it is told to end.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    /// Its name, which is its package's too.
    name: &'static str,
    /// What it prints before its URL, when it is ready.
    ready: &'static str,
    /// The environment variable that names a program built before, for tests.
    variable: &'static str,
}

/// WebSocket servers to choose from.
pub(crate) const FLEET: Program = Program {
    name: "evenkeel-fleet",
    ready: "fleet ready: ",
    variable: "EVENKEEL_FLEET_PROGRAM",
};

/// What servers report to, and clients get their list from.
pub(crate) const SEED: Program = Program {
    name: "evenkeel-seed",
    ready: "seed ready: ",
    variable: "EVENKEEL_SEED_PROGRAM",
};

impl Program {
    /// The one that the environment names, else built now.
    pub(crate) fn path(self) -> Result<PathBuf> {
        match env::var_os(self.variable) {
            Some(program) => Ok(program.into()),
            None => self.built(&[]),
        }
    }

    /// Tells a command of tests where it is. It is built as Cargo builds it for its tests: otherwise what it depends on would
    /// be compiled twice, with and without the features that only the tests use.
    pub(crate) fn tell(self, command: &mut Command) -> Result<()> {
        command.env(self.variable, self.built(&["--all-targets"])?);
        Ok(())
    }

    /// The same for measurements, where it is what is deployed.
    pub(crate) fn tell_release(self, command: &mut Command) -> Result<()> {
        let arguments = ["--release", "-p", self.name];
        command.env(
            self.variable,
            project::build_artifact("build", &arguments, self.name, "")?,
        );
        Ok(())
    }

    fn built(self, arguments: &[&str]) -> Result<PathBuf> {
        let package = ["--profile", "tools", "-p", self.name];
        project::build_artifact("build", &[&package, arguments].concat(), self.name, "")
    }

    /// Starts it and waits until it serves. Its errors go to this process's error output.
    pub(crate) fn start(self, arguments: &[&str], secret: Option<&str>) -> Result<Service> {
        let mut command = Command::new(self.path()?);
        command
            .current_dir(project::root())
            .args(arguments)
            .stdout(Stdio::piped());
        if env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "warn");
        }
        if let Some(secret) = secret {
            // Not among the arguments, which everybody on the machine can see.
            command.env("EVENKEEL_SEED_TOKEN", secret);
        }
        let mut group = Group::spawn(&mut command)?;
        let output = group.child().stdout.take().context("the program has no output")?;
        let (sender, ready) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to the end, or the program would stall on a full pipe.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(list) = line.strip_prefix(self.ready) {
                    let _ = sender.send(list.trim().to_owned());
                }
            }
        });
        match ready.recv_timeout(START) {
            Ok(list) => Ok(Service {
                name: self.name,
                group,
                list,
            }),
            Err(mpsc::RecvTimeoutError::Disconnected) => bail!("{} ended before it served", self.name),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                bail!("{} did not serve within {} s", self.name, START.as_secs())
            }
        }
    }
}

/// A running one, which ends when this is dropped.
pub(crate) struct Service {
    name: &'static str,
    group: Group,
    /// Where its server list is served.
    pub(crate) list: String,
}

impl Service {
    /// Waits until it ends by itself.
    pub(crate) fn wait(self) -> Result<()> {
        let status = self.group.wait()?;
        if !status.success() {
            bail!("{} failed ({status})", self.name);
        }
        Ok(())
    }
}
