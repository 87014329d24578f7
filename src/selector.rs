//! The list in force together with what this client knows beside it: everything a decision needs.

use alloc::sync::Arc;

use crate::cause::Cause;
use crate::decision::{Assessment, Candidate, Circumstances, Exclusion, draw, weigh};
use crate::list::{Server, ServerKey, ServerList};
use crate::memory::Memory;
use crate::random::Random;
use crate::time::{Duration, Instant};

/// After so long a list is used only where there is nothing else.
const EXPIRES_AFTER: Duration = Duration::from_secs(86_400.0);

/// Lists that were taken within this of each other were taken at the same time, as far as clients can tell: HTTP's `Age`
/// comes in whole seconds, and answers take their time.
const SAME_TIME: Duration = Duration::from_secs(1.0);

/// A list is recent for this long, and for twice its ttl.
const RECENT: Duration = Duration::from_secs(60.0);

/// The list that decisions are made on, and when it came.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The list itself.
    pub list: Arc<ServerList>,
    /// When it was last received.
    pub received: Instant,
    /// When its version was first received.
    pub version_since: Instant,
    /// It is the application's own, and does not expire.
    pub fixed: bool,
}

impl InForce {
    /// When its counts were taken, as far as can be known: without an `age`, when this version came into force (an
    /// unchanged version says nothing new).
    pub fn made(&self) -> Instant {
        match self.list.age {
            Some(age) => self.received - age,
            None => self.version_since,
        }
    }

    /// The age of its counts.
    pub fn age(&self, now: Instant) -> Duration {
        now.since(self.made())
    }

    /// When it was taken, for the order of lists and their ttl.
    pub fn taken(&self) -> Instant {
        self.received - self.list.age.unwrap_or(Duration::ZERO)
    }

    /// Whether it is so old that it is used only where there is nothing else.
    pub fn is_expired(&self, now: Instant) -> bool {
        !self.fixed && now.since(self.taken()) > EXPIRES_AFTER
    }

    /// Whether what is done by it without need is not done on hearsay.
    pub(crate) fn is_recent(&self, now: Instant) -> bool {
        now.since(self.taken()) <= (self.list.ttl * 2.0).max(RECENT)
    }

    /// Whether it may still be relied on.
    pub fn is_fresh(&self, now: Instant) -> bool {
        now.since(self.taken()) <= self.list.ttl
    }
}

/// Where a decision fell, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The server's position in the list in force.
    pub server: usize,
    /// Its group's priority.
    pub group: u16,
    /// The probability it was drawn with.
    pub probability: f64,
    /// Why its group.
    pub reason: Reason,
}

/// Why a decision fell into its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the most preferred group of all.
    Preferred,
    /// More preferred groups have no room for all who are expected.
    Spill,
    /// No server of a more preferred group is eligible.
    Failover,
    /// The list offers no server at all, and may be wrong: one is tried.
    Guess,
    /// The trouble was our own: back to the server we were on.
    Return,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Preferred, Self::Spill, Self::Failover, Self::Guess, Self::Return];

    /// The stable name that applications see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preferred => "preferred",
            Self::Spill => "spill",
            Self::Failover => "failover",
            Self::Guess => "guess",
            Self::Return => "return",
        }
    }
}

/// What a caller knows better than the client's own memory (`createSelector`'s `lost` and `failures`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Overrides<'a> {
    /// Exactly these are lost.
    pub lost: Option<&'a [ServerKey]>,
    /// Connects that failed after the first of the episode.
    pub failures: Option<u32>,
    /// Left out, this once, for this reason.
    pub without: Option<(ServerKey, Exclusion)>,
    /// Users looking for a place beside those that the list and the memory show.
    pub displaced: f64,
}

/// The list in force and the memory of servers.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    in_force: Option<InForce>,
    /// The lists that were in force before, the last one first.
    before: [Option<Arc<ServerList>>; 2],
    /// What is remembered of servers in trouble.
    pub memory: Memory,
    failures: u32,
}

impl Selector {
    /// The list in force.
    pub fn in_force(&self) -> Option<&InForce> {
        self.in_force.as_ref()
    }

    /// Takes in a list that was received now. False if it is ignored, because it was taken earlier than the one in force by
    /// more than can be told.
    pub fn update(&mut self, list: Arc<ServerList>, now: Instant) -> bool {
        self.take(
            InForce {
                list,
                received: now,
                version_since: now,
                fixed: false,
            },
            now,
        )
    }

    /// Takes in a list that is a second choice, from a cache or the application, in place of whatever is in force. It was
    /// received at `received`: any list from a seed is newer.
    pub(crate) fn resort_to(&mut self, list: Arc<ServerList>, received: Instant, fixed: bool, now: Instant) {
        self.in_force = None;
        self.take(
            InForce {
                list,
                received,
                version_since: received,
                fixed,
            },
            now,
        );
    }

    /// Makes the list in force one that never expires.
    pub(crate) fn fix(&mut self) {
        if let Some(in_force) = &mut self.in_force {
            in_force.fixed = true;
        }
    }

    fn take(&mut self, mut next: InForce, now: Instant) -> bool {
        if let Some(before) = &self.in_force {
            if before.taken().since(next.taken()) > SAME_TIME {
                return false;
            }
            if before.list.version == next.list.version {
                next.version_since = before.version_since;
            }
        }
        let before = self.in_force.take();
        let made = next.made();
        let last = before.as_ref().map(|before| (&*before.list, before.received));
        self.memory.merge(&next.list, made, last, now);
        self.before.rotate_right(1);
        self.before[0] = before.map(|before| before.list);
        self.in_force = Some(next);
        true
    }

    /// Whether this server's entry is alive: its count has changed since the last list, or it was absent, unavailable or
    /// draining in one of the last two. (A stuck count must not attract anybody.)
    pub(crate) fn is_alive(&self, server: &Server) -> bool {
        let [last, _] = &self.before;
        let was = last.as_ref().and_then(|list| list.server(server.key));
        was.is_some_and(|was| was.users != server.users)
            || !server.users_known
            || self
                .before
                .iter()
                .flatten()
                .any(|list| list.server(server.key).is_none_or(|was| !was.offered()))
    }

    /// Whether one of the last two lists did not have this server.
    pub(crate) fn is_new(&self, server: &Server) -> bool {
        let mut before = self.before.iter().flatten();
        before.any(|list| list.server(server.key).is_none())
    }

    /// The users that this server was last listed with.
    pub(crate) fn last_users(&self, key: ServerKey) -> Option<f64> {
        let in_force = self.in_force.as_ref().map(|in_force| &in_force.list);
        let mut lists = in_force.into_iter().chain(self.before.iter().flatten());
        lists.find_map(|list| list.server(key)).map(|server| server.users)
    }

    /// The users of this server who are not counted among the displaced yet: those who leave it with us.
    pub(crate) fn uncounted_users(&self, key: ServerKey, now: Instant) -> f64 {
        let list = self.in_force.as_ref().map(|in_force| &*in_force.list);
        let server = list.and_then(|list| list.server(key).filter(|_| !self.memory.is_counted(list, key, now)));
        server.map_or(0.0, |server| server.users)
    }

    /// Trouble with this server: who is out because of it, and for how long. `blame` is false while no seed answers: then
    /// the trouble may be ours, and costs no server its good name.
    pub fn report_failure(&mut self, key: ServerKey, cause: Cause, blame: bool, now: Instant) {
        if cause != Cause::Local {
            self.failures = self.failures.saturating_add(1);
        }
        match cause {
            Cause::Overload | Cause::Local => {}
            // Of one that the list does not offer nothing else was to be expected.
            Cause::Refused | Cause::ShortLived if !self.offers(key) => {}
            Cause::Refused | Cause::ShortLived if blame => self.memory.eject(key, now),
            Cause::Refused | Cause::ShortLived | Cause::SentAway | Cause::Crash => {
                let list = self.in_force.as_ref().map(|in_force| &in_force.list);
                if let Some(server) = list.and_then(|list| list.server(key)) {
                    self.memory.lose(server, now);
                }
            }
        }
    }

    fn offers(&self, key: ServerKey) -> bool {
        let listed = self.in_force.as_ref().and_then(|in_force| in_force.list.server(key));
        listed.is_some_and(Server::offered)
    }

    /// A connection has lasted: the episode is over. Ejections stay.
    pub fn report_success(&mut self) {
        self.failures = 0;
        self.memory.forget_losses();
    }

    /// Losses and failed attempts of this episode.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// f: those after the first.
    pub(crate) fn failures_after_first(&self) -> u32 {
        self.failures.saturating_sub(1)
    }

    /// Works out every server's probability. False if there is no list.
    pub fn assess(&self, now: Instant, overrides: Overrides<'_>, assessment: &mut Assessment) -> bool {
        let Some(in_force) = &self.in_force else {
            assessment.candidates.clear();
            return false;
        };
        let list = &*in_force.list;
        let lost = |key: ServerKey| match overrides.lost {
            Some(lost) => lost.contains(&key),
            None => self.memory.record(key).is_some_and(|record| record.is_lost()),
        };
        assessment.candidates.clear();
        assessment.candidates.extend(list.servers().iter().map(|server| {
            Candidate {
                probability: 0.0,
                excluded: if !server.available {
                    Some(Exclusion::Unavailable)
                } else if server.draining {
                    Some(Exclusion::Draining)
                } else if lost(server.key) {
                    Some(Exclusion::Lost)
                } else if self
                    .memory
                    .record(server.key)
                    .is_some_and(|record| record.is_ejected(now))
                {
                    Some(Exclusion::Ejected)
                } else {
                    let without = overrides.without.filter(|(without, _)| *without == server.key);
                    without.map(|(_, why)| why)
                },
            }
        }));
        let displaced = match overrides.lost {
            None => self.memory.displaced(list, now),
            Some(lost) => {
                // By the list, not by what was handed in: each server counts once.
                let lost: f64 = (list.servers().iter())
                    .filter(|server| server.available && lost.contains(&server.key))
                    .map(|server| server.users)
                    .sum();
                lost + self.memory.unavailable_users(list, now)
            }
        };
        let circumstances = Circumstances {
            age: in_force.age(now),
            displaced: displaced + overrides.displaced,
            failures: overrides.failures.unwrap_or(self.failures_after_first()),
        };
        weigh(list, circumstances, |server| self.is_alive(server), assessment);
        true
    }

    /// Draws from an assessment made on the list in force; `None` if nothing is eligible.
    pub fn draw(&self, assessment: &Assessment, random: &mut Random) -> Option<Decision> {
        self.explain(assessment.draw(random)?, assessment)
    }

    /// A decision for the server at this position, explained by an assessment made on the list in force.
    pub(crate) fn explain(&self, server: usize, assessment: &Assessment) -> Option<Decision> {
        let list = &*self.in_force.as_ref()?.list;
        let group = list.servers().get(server)?.priority;
        let mut reason = Reason::Preferred;
        for (candidate, other) in assessment.candidates.iter().zip(list.servers()) {
            if other.priority < group {
                if candidate.excluded.is_none() {
                    reason = Reason::Spill;
                } else if reason == Reason::Preferred {
                    reason = Reason::Failover;
                }
            }
        }
        Some(Decision {
            server,
            group,
            probability: assessment.candidates.get(server)?.probability,
            reason,
        })
    }

    /// Draws any listed server by its capacity (evenly, if none has any): when the list offers none, it may be wrong.
    pub fn guess(&self, random: &mut Random) -> Option<Decision> {
        let servers = self.in_force.as_ref()?.list.servers();
        let total: f64 = servers.iter().map(|server| server.capacity).sum();
        let weights = servers.iter().map(|server| server.capacity);
        let server = draw(random, weights)?;
        let chosen = servers.get(server)?;
        Some(Decision {
            server,
            group: chosen.priority,
            probability: chosen.capacity / total,
            reason: Reason::Guess,
        })
    }

    /// All users that the list shows, those of lately lost servers included.
    pub fn listed_users(&self, now: Instant) -> f64 {
        self.in_force.as_ref().map_or(0.0, |in_force| {
            in_force.list.available_users() + self.memory.unavailable_users(&in_force.list, now)
        })
    }
}
