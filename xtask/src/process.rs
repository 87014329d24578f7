//! Child processes that never outlive the command that started them.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a child may take to end by itself once it was asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// Process ids of the children that are running.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// From now on Ctrl-C and termination end the children first, then this process.
pub(crate) fn end_children_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        for id in running.iter() {
            signal_group(*id, false);
        }
        let deadline = Instant::now() + PATIENCE;
        while running.iter().any(|id| is_running(*id)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        for id in running.iter() {
            signal_group(*id, true);
        }
        std::process::exit(130);
    })
    .context("the handler for Ctrl-C cannot be set")
}

/// A child with everything it starts. Dropping it ends them all.
pub(crate) struct Group {
    child: Child,
    ended: bool,
}

impl Group {
    /// Starts the command as the head of a process group of its own, without standard input.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        // Held while spawning, so that an interrupt between start and entry finds the child.
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("{} cannot be started", name(command)))?;
        running.push(child.id());
        Ok(Self { child, ended: false })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn wait(mut self) -> Result<ExitStatus> {
        let status = self.child.wait()?;
        self.forget();
        Ok(status)
    }

    fn forget(&mut self) {
        self.ended = true;
        let id = self.child.id();
        RUNNING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|it| *it != id);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        signal_group(self.child.id(), false);
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                signal_group(self.child.id(), true);
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.forget();
    }
}

/// Runs the command to its end, with this process's output.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = Group::spawn(command)?.wait()?;
    if !status.success() {
        bail!("{} failed ({status})", name(command));
    }
    Ok(())
}

/// The command as one would type it, for messages.
fn name(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(unix)]
fn signal_group(id: u32, kill: bool) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let signal = if kill { Signal::KILL } else { Signal::TERM };
    if let Some(group) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // Fails when the group has ended already, which is what is wanted.
        let _ = kill_process_group(group, signal);
    }
}

#[cfg(unix)]
fn is_running(id: u32) -> bool {
    use rustix::process::{Pid, test_kill_process_group};
    let group = i32::try_from(id).ok().and_then(Pid::from_raw);
    group.is_some_and(|group| test_kill_process_group(group).is_ok())
}

// Elsewhere a console's Ctrl-C reaches the children by itself.
#[cfg(not(unix))]
fn signal_group(_: u32, _: bool) {}

#[cfg(not(unix))]
fn is_running(_: u32) -> bool {
    false
}
