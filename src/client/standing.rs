//! While a connection stands: whether it lives, what newer lists say, and leaving its server without a gap.
//!
//! A move opens the next connection beside the present one, has it prepared, switches over, and leaves the old one to
//! deliver what is under way before it is closed. Should the next one not open, nothing has happened; should it be lost at
//! once, the old one takes over again.

use super::coming_back::REFRESH_JITTER;
use super::command::{AttemptId, Command, MoveReason, RetryCause};
use super::config::FOREVER;
use super::liveness::{Liveness, Verdict};
use super::{Attempt, Client, Phase};
use crate::backoff::Backoff;
use crate::cause::{Cause, is_abnormal};
use crate::decision::{Assessment, Exclusion};
use crate::list::{Server, ServerKey, ServerList};
use crate::moving::Occasion;
use crate::selector::{Decision, Overrides};
use crate::time::{Duration, Instant};

/// The clients of a draining server leave within this, or longer where the others need longer to take them in.
const SHORTEST_DRAIN: Duration = Duration::from_secs(30.0);
/// A draw whether to move is no more frequent than this, ± 20 %, and none follows a connection sooner than that.
const BETWEEN_DRAWS: Duration = Duration::from_secs(60.0);
const SETTLED_AFTER: Duration = Duration::from_secs(120.0);
/// Those whose draw fell on moving start within this; where all hear of a list at once, within as long as polls would have
/// taken to bring it to all of them.
const MOVES_WITHIN: Duration = Duration::from_secs(10.0);

/// A connection that stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Link {
    pub(super) attempt: AttemptId,
    pub(super) server: ServerKey,
    pub(super) since: Instant,
}

/// A connection that another one has replaced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Old {
    pub(super) link: Link,
    /// When to close it, or, once it is being closed, to drop it.
    deadline: Instant,
    retiring: bool,
    /// When something arrived on it last, while it was the present one.
    heard: Instant,
}

/// A move that has been decided on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Departure {
    pub(super) at: Instant,
    pub(super) reason: MoveReason,
    pub(super) target: Option<ServerKey>,
}

impl Link {
    pub(super) fn new(attempt: Attempt, now: Instant) -> Self {
        Self {
            attempt: attempt.id,
            server: attempt.server,
            since: now,
        }
    }
}

impl Client {
    /// From now on this is the connection.
    pub(super) fn take_up(&mut self, now: Instant, link: Link) {
        self.phase = Phase::Open(link);
        self.underused = None;
        self.life = Liveness::new(now, &self.config);
        // What it promises is still to be noted, and it may ask to leave at once.
        self.list_is_new = true;
        self.clock_at = now + self.config.clock_check;
        self.poll_list_later(now);
    }

    /// When there is something to do for a connection that stands.
    pub(super) fn standing_due(&self, link: &Link) -> Instant {
        if self.list_is_new {
            return Instant::LONG_AGO;
        }
        let stable = if self.is_troubled() {
            link.since + self.config.min_uptime
        } else {
            Instant::NEVER
        };
        let departure = match (self.departure, self.second, self.old) {
            (Some(departure), None, None) => departure.at,
            _ => Instant::NEVER,
        };
        let old = self.old.map_or(Instant::NEVER, |old| old.deadline);
        let list = self
            .seeds
            .ready_at()
            .map_or(Instant::NEVER, |at| at.max(self.refresh_at));
        stable
            .min(self.life.due(&self.config))
            .min(departure)
            .min(old)
            .min(list)
            .min(self.clock_at)
    }

    /// Takes the step that is due while a connection stands. False if none is.
    pub(super) fn stand(&mut self, now: Instant, link: Link, assessment: &mut Assessment) -> bool {
        if core::mem::take(&mut self.list_is_new) {
            self.poll_list_later(now);
            self.consider(now, link, assessment);
            return true;
        }
        if self.end_episode_if_stable(now, &link) {
            return true;
        }
        match self.life.look(now, &self.config) {
            Verdict::Lives if self.life.beat(now, &self.config) => {
                self.outbox.push(Command::Beat { attempt: link.attempt });
                return true;
            }
            Verdict::Lives => {}
            Verdict::AskAgain => return true,
            Verdict::Dead => {
                self.outbox.push(Command::Abandon { attempt: link.attempt });
                self.link_lost(now, link, ABNORMAL, true);
                return true;
            }
        }
        if let Some(old) = self.old.filter(|old| now >= old.deadline) {
            self.dismiss(now, old);
            return true;
        }
        if let (Some(departure), None, None) = (self.departure, self.second, self.old)
            && now >= departure.at
        {
            self.departure = None;
            self.depart(now, &link, departure, assessment);
            return true;
        }
        if now >= self.refresh_at && self.seeds.ready_at().is_some_and(|at| now >= at) {
            self.poll_list_later(now);
            return self.fetch(now);
        }
        if now >= self.clock_at {
            self.clock_at = now + self.config.clock_check;
            return true;
        }
        false
    }

    fn poll_list_later(&mut self, now: Instant) {
        let jitter = self.random.between(REFRESH_JITTER.0, REFRESH_JITTER.1);
        self.refresh_at = now + self.config.refresh_interval * jitter;
        if self.seeds.all_fail() {
            self.ask_again_soon();
        }
    }

    /// A seed that has failed is asked again when its pause is over, and not when the next list would be due.
    pub(super) fn ask_again_soon(&mut self) {
        let ready_at = self.seeds.ready_at().unwrap_or(Instant::NEVER);
        self.refresh_at = self.refresh_at.min(ready_at);
    }

    /// After a sleep or on another network: asks for a sign of life, or, where there is none to be had, replaces the
    /// connection `soon`.
    pub(super) fn verify(&mut self, now: Instant, soon: Instant) {
        self.replacing = Backoff::new();
        let Phase::Open(link) = self.phase else { return };
        if self.life.can_be_checked(now, &self.config) {
            self.life.ask_now(now, &self.config);
        } else {
            self.departure = Some(Departure {
                at: soon,
                reason: MoveReason::Wake,
                target: Some(link.server),
            });
        }
    }

    pub(super) fn is_troubled(&self) -> bool {
        self.episode.is_some() || self.own_trouble.is_failing() || self.credentials.is_failing()
    }

    /// A connection that has lasted ends the episode, even if the timer that would have said so comes late.
    fn end_episode_if_stable(&mut self, now: Instant, link: &Link) -> bool {
        let stable = self.is_troubled() && now >= link.since + self.config.min_uptime;
        if stable {
            self.episode = None;
            self.own_trouble = Backoff::new();
            self.credentials = Backoff::new();
            self.selector.report_success();
        }
        stable
    }

    /// The connection is over.
    pub(super) fn link_lost(&mut self, now: Instant, link: Link, code: u16, reconnect: bool) {
        self.end_episode_if_stable(now, &link);
        let why = if is_abnormal(code) && self.life.last_heard() <= self.woke_at {
            // It did not survive the sleep, however long that took to be found out.
            RetryCause::Server(Cause::Local)
        } else {
            self.end_of(now, code, link.since)
        };
        if self.can_return()
            && let Some(old) = self.old.take()
        {
            self.put_aside(now, link.server, why);
            self.announce(now, Some(link.attempt), old.link, MoveReason::Return);
            return;
        }
        if !reconnect {
            return self.end(Some(link.attempt));
        }
        let second = self.second.take();
        // Whoever hears of the loss finds no other connection in its place.
        self.abandon_others();
        self.returning = false;
        self.lost(link.attempt);
        match second {
            // The move becomes the way back.
            Some(first) => {
                self.blame(now, link.server, why);
                self.phase = Phase::Connecting {
                    first,
                    hedge_at: Instant::NEVER,
                };
            }
            None => self.trouble(now, link.server, why),
        }
    }

    /// Whether the connection before the present one would take over again: not one that nothing has been heard on since a
    /// sleep.
    pub(super) fn can_return(&self) -> bool {
        self.old.is_some_and(|old| !old.retiring && old.heard > self.woke_at)
    }

    /// Closes the old connection, or drops it if that was in vain.
    fn dismiss(&mut self, now: Instant, old: Old) {
        let attempt = old.link.attempt;
        if old.retiring {
            self.old = None;
            self.outbox.push(Command::Abandon { attempt });
        } else {
            self.old = Some(Old {
                deadline: now + self.config.close_timeout,
                retiring: true,
                ..old
            });
            self.outbox.push(Command::Retire { attempt });
        }
    }

    /// Goes over to the next connection, which stands.
    pub(super) fn switch(&mut self, now: Instant, link: Link, next: Attempt) {
        self.departure = None;
        self.old = Some(Old {
            link,
            deadline: now + self.config.linger,
            retiring: false,
            heard: self.life.last_heard(),
        });
        let next_link = Link::new(next, now);
        self.announce(now, Some(link.attempt), next_link, next.reason);
    }

    /// Tells the application that it is on this connection now, in the way that it wants to be told.
    fn announce(&mut self, now: Instant, from: Option<AttemptId>, link: Link, reason: MoveReason) {
        self.take_up(now, link);
        match from {
            Some(from) if self.config.prepares => self.outbox.push(Command::Migrated {
                from,
                attempt: link.attempt,
                reason,
            }),
            attempt => {
                self.phase = Phase::Switching(link);
                self.outbox.push(Command::Lost {
                    attempt,
                    is_final: false,
                    moved: Some(reason),
                });
            }
        }
    }

    /// What a newer list has to say to a client that is connected.
    fn consider(&mut self, now: Instant, link: Link, assessment: &mut Assessment) {
        let Some(in_force) = self.selector.in_force() else {
            return;
        };
        let list = in_force.list.clone();
        self.life.promise(now, list.heartbeat);
        let recent = in_force.is_recent(now);
        let drained = list.server(link.server).is_some_and(|server| !server.offered());
        let leaves = self
            .departure
            .is_some_and(|departure| departure.reason == MoveReason::Drain);
        if drained && !leaves && self.second.is_none() {
            self.weigh(now, Overrides::default(), assessment);
            let rate: f64 = (list.servers().iter().zip(&assessment.candidates))
                .filter(|(_, candidate)| candidate.excluded.is_none())
                .map(|(server, _)| server.handshakes_per_second)
                .sum();
            let users = list.server(link.server).map_or(0.0, |server| server.users);
            let window = Duration::from_secs(users / rate.max(1.0)).max(SHORTEST_DRAIN);
            self.departure = Some(Departure {
                at: now + self.random.jitter(window),
                reason: MoveReason::Drain,
                target: None,
            });
        } else if leaves && list.server(link.server).is_some_and(Server::offered) {
            self.departure = None;
        }
        let free = self.departure.is_none() && self.second.is_none() && self.old.is_none();
        let due = now >= self.next_draw_at && now >= link.since + SETTLED_AFTER;
        if free && due && recent {
            self.draw_move(now, &link, &list, assessment);
        }
    }

    /// Draws whether to go to a better group, or to an emptier server: once by each version, unless there are so few users
    /// that versions stand still.
    fn draw_move(&mut self, now: Instant, link: &Link, list: &ServerList, assessment: &mut Assessment) {
        self.weigh(now, Overrides::default(), assessment);
        let polled = if self.config.refresh_interval < FOREVER && !self.config.watches {
            self.config.refresh_interval
        } else {
            BETWEEN_DRAWS
        };
        let interval = polled.max(list.ttl);
        let occasion = Occasion {
            selector: &self.selector,
            list,
            assessment,
            own: link.server,
            interval,
            affinity: self.config.affinity,
            now,
        };
        if self.drawn_version == Some(list.version) && !occasion.is_of_few() {
            return;
        }
        self.drawn_version = Some(list.version);
        let random = &mut self.random;
        self.next_draw_at = now + BETWEEN_DRAWS * random.between(REFRESH_JITTER.0, REFRESH_JITTER.1);
        let mut drawn = None;
        if self.config.failback {
            drawn = occasion.failback(random);
        }
        if drawn.is_none() && self.config.affinity.is_some() {
            drawn = occasion.homecoming(random);
        } else if drawn.is_none() && self.config.rebalance {
            drawn = occasion.rebalance(&mut self.underused, random);
        }
        let within = if self.config.watches { interval } else { MOVES_WITHIN };
        self.departure = drawn.map(|(target, reason)| Departure {
            at: now + random.jitter(within),
            reason,
            target: Some(target),
        });
    }

    /// The time to move has come.
    fn depart(&mut self, now: Instant, link: &Link, departure: Departure, assessment: &mut Assessment) {
        let Departure { reason, target, .. } = departure;
        let waking = reason == MoveReason::Wake;
        let leave_with_us = if reason == MoveReason::Drain {
            self.selector.uncounted_users(link.server, now)
        } else {
            0.0
        };
        let overrides = Overrides {
            // Who is not sure of the connection is not tired of the server.
            without: (!waking).then_some((link.server, Exclusion::Current)),
            displaced: leave_with_us,
            ..Overrides::default()
        };
        self.assess(now, overrides, assessment);
        let drawn = match target.and_then(|target| self.targeted(target, assessment)) {
            Some(decision) => Some(decision),
            None if target.is_some() && !waking => None,
            None => self.draw(assessment),
        };
        match drawn {
            Some(decision) => self.second = self.begin(now, decision, Some(reason)),
            None => {
                if waking {
                    // The end of a round, as on the way back: every server gets another chance.
                    self.selector.memory.forgive(now);
                }
                self.move_failed(now, reason);
            }
        }
    }

    fn targeted(&self, target: ServerKey, assessment: &Assessment) -> Option<Decision> {
        let position = self.selector.in_force()?.list.position(target)?;
        assessment.candidates.get(position).filter(|it| it.excluded.is_none())?;
        self.selector.explain(position, assessment)
    }

    /// There is no next connection, it did not open, or could not be prepared: all stays as it was. Whoever only wanted to be sure of
    /// the connection still does.
    pub(super) fn move_failed(&mut self, now: Instant, reason: MoveReason) {
        if reason == MoveReason::Wake && self.life.last_heard() <= self.woke_at {
            let pause = self.replacing.failed(now, true, &mut self.random);
            self.departure = Some(Departure {
                at: now + pause,
                reason,
                target: None,
            });
        }
    }
}

/// How a connection ends that is given up, as a browser would put it.
const ABNORMAL: u16 = 1006;
