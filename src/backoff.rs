//! Full jitter: how long to wait before asking again what has just failed, whatever it was.

use crate::random::Random;
use crate::time::{Duration, Instant};

/// The first wait is drawn from zero up to this; each further one up to twice as much. Who is in a hurry waits no longer than
/// the trouble has lasted: who drew short ones is not to wait long for something that was away for seconds.
const FIRST: Duration = Duration::from_secs(1.0);
/// The longest wait is drawn from zero up to this.
const LONGEST: Duration = Duration::from_secs(60.0);

/// Failures in a row ("full jitter" in M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog 2015).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    failures: u8,
    /// When the first of them happened.
    since: Instant,
}

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self {
            failures: 0,
            since: Instant::LONG_AGO,
        }
    }

    /// Whether the last time failed.
    pub(crate) fn is_failing(self) -> bool {
        self.failures > 0
    }

    /// It failed: how long to wait.
    pub(crate) fn failed(&mut self, now: Instant, hurry: bool, random: &mut Random) -> Duration {
        if self.failures == 0 {
            self.since = now;
        }
        let most = (FIRST * f64::from(1u32 << self.failures.min(6))).min(LONGEST);
        let lasted = now.since(self.since).max(FIRST);
        let most = if hurry { most.min(lasted) } else { most };
        self.failures = self.failures.saturating_add(1);
        random.jitter(most)
    }
}
