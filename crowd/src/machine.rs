//! What this machine allows: open files, memory, and how late it is.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Files that a process has open beside its connections.
const BESIDE: u64 = 256;
/// How often it is looked how late this machine is.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The files that so many clients need: a connection each, and those who move have two for a while, up to a quarter of them.
pub fn files_for(clients: u32) -> u64 {
    u64::from(clients) + u64::from(clients / 4) + BESIDE
}

/// Raises the limit of open files as far as the system lets us, and says what it is then.
///
/// # Errors
///
/// If so many clients do not fit.
pub fn allow_files_for(clients: u32) -> Result<u64> {
    let needed = files_for(clients);
    // Where it cannot be raised, it may be high enough.
    let allowed = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(0);
    ensure!(
        allowed >= needed,
        "{clients} clients need {needed} open files, and this machine allows a process {allowed}: raise its hard limit \
         (`ulimit -Hn`), or take {} clients at most",
        allowed.saturating_sub(BESIDE) * 4 / 5
    );
    Ok(allowed)
}

/// The memory that this process has now, in bytes (Linux tells).
pub fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Looks every now and then how much later than asked for this task is woken, and adds it to the list, in milliseconds, until
/// it is dropped. A machine that has too much to do shows here first.
pub async fn watch_lateness(late: &parking_lot::Mutex<Vec<f32>>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = ticks.tick().await;
        late.lock().push(Instant::now().duration_since(due).as_secs_f32() * 1e3);
    }
}
