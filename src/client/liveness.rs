//! Half-open connections: the peer is gone, and nothing says so.
//!
//! A connection is known to live when something arrives. Where the application has a ping of its own, an unanswered one
//! accuses; where the server has promised to send something every so often, silence does. A timer that comes late (hidden
//! tabs, busy pages, sleep) accuses nobody at once: what has arrived meanwhile may be waiting behind it.

use super::config::{Config, FOREVER};
use crate::time::{Duration, Instant};

/// A server that promises to send every so often is given half as long again, and this.
const SILENCE_FACTOR: f64 = 1.5;
const SILENCE_SLACK: Duration = Duration::from_secs(1.0);
/// A timer that is late by more than this is given a grace before it accuses.
const LATE: Duration = Duration::from_secs(1.0);
const GRACE: Duration = Duration::from_secs(2.0);
/// So often; a page whose every timer is late must notice some time.
const MOST_GRACES: u8 = 2;

/// What is known of a connection's life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Liveness {
    /// When something arrived last.
    heard: Instant,
    /// When the first ping was sent that nothing has come after.
    asked: Instant,
    next_beat: Instant,
    /// What the list says: something arrives at least so often, since then.
    promised: Duration,
    promised_at: Instant,
    grace_until: Instant,
    graces: u8,
}

/// What a look at a connection says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing against it.
    Lives,
    /// The timer came late; ask again in a while.
    AskAgain,
    /// It is dead.
    Dead,
}

impl Liveness {
    /// Of a connection that has just opened.
    pub(crate) fn new(now: Instant, config: &Config) -> Self {
        Self {
            heard: now,
            asked: Instant::LONG_AGO,
            next_beat: now + config.heartbeat_interval,
            promised: FOREVER,
            promised_at: Instant::LONG_AGO,
            grace_until: Instant::LONG_AGO,
            graces: 0,
        }
    }

    /// Something arrived.
    pub(crate) fn heard(&mut self, at: Instant) {
        if at > self.heard {
            self.heard = at;
            self.graces = 0;
            self.grace_until = Instant::LONG_AGO;
        }
    }

    /// When something arrived last.
    pub(crate) fn last_heard(&self) -> Instant {
        self.heard
    }

    /// The list's promise that something arrives at least so often: a new one counts from now.
    pub(crate) fn promise(&mut self, now: Instant, promised: Option<Duration>) {
        let promised = promised.unwrap_or(FOREVER);
        if self.promised != promised {
            self.promised = promised;
            self.promised_at = now;
        }
    }

    /// Whether it can be found out soon if the connection still lives.
    pub(crate) fn can_be_checked(&self, now: Instant, config: &Config) -> bool {
        config.heartbeat_interval < FOREVER || self.silent_at(config) <= now + config.connect_timeout
    }

    /// Asks at once, at the next look.
    pub(crate) fn ask_now(&mut self, now: Instant, config: &Config) {
        if config.heartbeat_interval < FOREVER {
            self.next_beat = now;
        }
    }

    /// Whether the application's ping is due; if so, it is taken as sent.
    pub(crate) fn beat(&mut self, now: Instant, config: &Config) -> bool {
        let due = now >= self.next_beat;
        if due {
            self.next_beat = now + config.heartbeat_interval;
            if self.asked <= self.heard {
                self.asked = now;
            }
        }
        due
    }

    /// The ping that was taken as sent could not be: nobody has to answer it.
    pub(crate) fn not_asked(&mut self, config: &Config) {
        if self.asked + config.heartbeat_interval == self.next_beat {
            self.asked = Instant::LONG_AGO;
        }
    }

    /// When to look at it again.
    pub(crate) fn due(&self, config: &Config) -> Instant {
        self.deadline(config).min(self.next_beat)
    }

    /// Looks at it.
    pub(crate) fn look(&mut self, now: Instant, config: &Config) -> Verdict {
        let deadline = self.deadline(config);
        if now < deadline {
            Verdict::Lives
        } else if now.since(deadline) > LATE && self.graces < MOST_GRACES {
            self.graces += 1;
            self.grace_until = now + GRACE;
            Verdict::AskAgain
        } else {
            Verdict::Dead
        }
    }

    fn deadline(&self, config: &Config) -> Instant {
        let unanswered = if self.asked > self.heard {
            self.asked + config.heartbeat_timeout
        } else {
            Instant::NEVER
        };
        self.silent_at(config).min(unanswered).max(self.grace_until)
    }

    /// When silence accuses, if nothing arrives before.
    fn silent_at(&self, config: &Config) -> Instant {
        match config.silence_timeout {
            Some(timeout) => self.heard + timeout,
            None => self.heard.max(self.promised_at) + self.promised * SILENCE_FACTOR + SILENCE_SLACK,
        }
    }
}
