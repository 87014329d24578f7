//! A fleet process beside the tests and behind the demo page.

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

/// Builds the fleet and gives its program.
pub(crate) fn program() -> Result<PathBuf> {
    project::build_artifact(&["--profile", "tools", "-p", "evenkeel-fleet"], "evenkeel-fleet", "")
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
