//! After a loss: whose fault it was, who is out because of it, how long to wait, and the next decision.

use core::mem;

use super::{Attempt, Client, Phase, Stage};
use crate::cause::Cause;
use crate::client::command::RetryCause;
use crate::decision::Assessment;
use crate::list::ServerKey;
use crate::queue::Episode;
use crate::selector::{Decision, InForce, Overrides, Reason};
use crate::time::{Duration, Instant};

/// An overloaded server's clients try another one, once, within this.
const OVERLOAD_DETOUR: Duration = Duration::from_secs(2.0);
/// While queueing, a list is asked for no more often than this, and than ten times a queue.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1.0);
const REFRESHES_PER_QUEUE: f64 = 10.0;
pub(super) const REFRESH_JITTER: (f64, f64) = (0.8, 1.2);
/// When the network is back or the machine has woken up, within this: an office full of them must not come at once.
pub(super) const SOON: Duration = Duration::from_secs(1.0);
/// The platform's word that there is no network puts an attempt off by no more than this: it is often wrong.
const OFFLINE_PATIENCE: Duration = Duration::from_secs(30.0);

/// A queue of those who are missing that is longer shows that all servers are busy.
const CROWDED: Duration = Duration::from_secs(5.0);
/// The list is looked at so long before an attempt has taken too long, or such a part of its time; the first in the queue
/// half as long before.
const LOOK_BEFORE: Duration = Duration::from_secs(2.0);
const LOOK_BEFORE_PART: f64 = 0.2;
/// A place in line at a server is given up if a decision would fall on it this much more rarely than it did.
const LESS_LIKELY: f64 = 0.5;

/// What a look at the list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// A newer list came while it waits its turn.
    Queue,
    /// Its turn has come.
    Turn,
    /// A pause is over.
    Pause,
    /// It is about to pass over an overloaded server.
    Detour,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wait {
    pub(super) until: Instant,
    pub(super) what: WaitFor,
    /// When to ask for a newer list meanwhile, and how often on average.
    pub(super) refresh_at: Instant,
    refresh_every: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitFor {
    /// Its turn in the queue, worked out anew with every list.
    Turn,
    /// The detour around an overloaded server, unless a look at the list shows that all are busy.
    Detour,
    /// A pause: nothing was eligible.
    Pause,
    /// A later task or a while, with nobody else in the way: the application wants to begin anew, or the trouble was ours.
    Task,
    /// The network.
    Network,
}

impl Wait {
    pub(super) fn new(until: Instant, what: WaitFor) -> Self {
        Self {
            until,
            what,
            refresh_every: Duration::ZERO,
            refresh_at: Instant::NEVER,
        }
    }
}

impl Client {
    /// Takes the step of the way back that is due. False if none is.
    pub(super) fn come_back(&mut self, now: Instant, assessment: &mut Assessment) -> bool {
        match self.phase {
            Phase::Queueing(why) => {
                let turn = self.queue(now, true, assessment);
                self.retry(turn.since(now), why);
            }
            Phase::Waiting(wait) if now >= wait.until => {
                let stale = self.selector.in_force().is_some_and(|in_force| !in_force.is_fresh(now));
                if matches!(wait.what, WaitFor::Turn | WaitFor::Pause | WaitFor::Detour) {
                    self.fetch(now);
                }
                self.phase = match wait.what {
                    WaitFor::Turn => Phase::Checking(Check::Turn),
                    WaitFor::Pause => Phase::Checking(Check::Pause),
                    WaitFor::Detour => Phase::Checking(Check::Detour),
                    // Nobody knows how long ago it was last looked at.
                    WaitFor::Task | WaitFor::Network if stale => {
                        self.fetch(now);
                        Phase::Checking(Check::Pause)
                    }
                    WaitFor::Task | WaitFor::Network => Phase::Listing,
                };
            }
            Phase::Waiting(wait) if now >= wait.refresh_at => return self.refresh(now, wait),
            Phase::Checking(_) if self.seeds.in_flight() => return false,
            Phase::Checking(check) => self.go_or_wait_on(now, check, assessment),
            Phase::Deciding => self.decide(now, assessment),
            _ => return false,
        }
        true
    }

    /// The present episode; begins one if all was well so far.
    pub(super) fn episode(&mut self, now: Instant) -> &mut Episode {
        let users_before = self.selector.listed_users(now);
        let episode = self.episode.get_or_insert_with(|| Episode::new(now, &mut self.random));
        episode.users_were(users_before);
        episode
    }

    /// Writes down whose fault it was.
    pub(super) fn blame(&mut self, now: Instant, server: ServerKey, why: RetryCause) {
        if let RetryCause::Server(cause) = why
            && cause != Cause::Local
        {
            self.episode(now);
            self.selector.report_failure(server, cause, !self.seeds.all_fail(), now);
        }
    }

    /// The table of causes: who is out, and what the wait is for.
    pub(super) fn trouble(&mut self, now: Instant, server: ServerKey, why: RetryCause) {
        self.blame(now, server, why);
        self.departure = None;
        self.detour_around = None;
        match why {
            RetryCause::Server(Cause::Local) => {
                // First, and once: the platform may be wrong about the network.
                if !mem::take(&mut self.returning) {
                    self.home = Some(server);
                }
                if self.online {
                    let delay = self.own_trouble.failed(now, true, &mut self.random);
                    self.wait(now, delay, WaitFor::Task, why);
                } else {
                    self.wait_for_network(now);
                }
            }
            RetryCause::Server(Cause::Overload) => {
                let silence = self.seeds.all_silent();
                if self.episode(now).is_overloaded_again(silence) {
                    self.go_to_the_back(now, why);
                } else {
                    self.detour_around = Some(server);
                    let delay = self.random.jitter(OVERLOAD_DETOUR);
                    self.wait(now, delay, WaitFor::Detour, why);
                }
            }
            RetryCause::Server(_) => {
                self.episode(now).queue_from(now);
                self.phase = Phase::Queueing(why);
            }
            _ => {
                let delay = self.credentials.failed(now, true, &mut self.random);
                self.wait(now, delay, WaitFor::Task, why);
            }
        }
    }

    pub(super) fn go_to_the_back(&mut self, now: Instant, why: RetryCause) {
        if let Some(episode) = &mut self.episode {
            episode.send_to_back(&self.selector, now, &mut self.random);
        }
        self.phase = Phase::Queueing(why);
    }

    /// Waits for its turn in the queue, as the list in force has it. Meanwhile a newer list is asked for now and then:
    /// for the first time at any point of the usual span, so that those who were thrown out together do not ask together.
    fn queue(&mut self, now: Instant, first: bool, assessment: &mut Assessment) -> Instant {
        self.weigh(now, Overrides::default(), assessment);
        let Some(episode) = &self.episode else { return now };
        let length = episode.length(&self.selector, assessment, now);
        let list = self.selector.in_force().map(|in_force| &*in_force.list);
        let wish = list.and_then(|list| list.retry_after);
        let until = episode.turn(length, wish);
        let (low, high) = if first { (0.0, 1.0) } else { REFRESH_JITTER };
        // To stay away is to leave the seed alone as well.
        let refresh_every = list.filter(|_| wish.is_none()).map(|list| {
            let least = list.ttl.max(SHORTEST_REFRESH);
            least.max(length / REFRESHES_PER_QUEUE)
        });
        let refresh_at = match refresh_every {
            Some(every) => now + every * self.random.between(low, high),
            None => Instant::NEVER,
        };
        self.phase = Phase::Waiting(Wait {
            until,
            what: WaitFor::Turn,
            refresh_every: refresh_every.unwrap_or(Duration::ZERO),
            refresh_at,
        });
        until
    }

    /// Asks for a newer list while waiting, if the one in force is older than its ttl.
    fn refresh(&mut self, now: Instant, mut wait: Wait) -> bool {
        if self.seeds.ready_at().is_none_or(|at| at > now) {
            return false;
        }
        wait.refresh_at = now + wait.refresh_every * self.random.between(REFRESH_JITTER.0, REFRESH_JITTER.1);
        self.phase = Phase::Waiting(wait);
        if self.selector.in_force().is_some_and(|in_force| !in_force.is_fresh(now)) {
            self.fetch(now);
        }
        true
    }

    /// The list has been looked at: "not yet" means to wait on. But while the missing users stay away, the turn moves on as
    /// time goes by, and each look finds it half as far ahead as the one before: what is left is not worth another look.
    fn go_or_wait_on(&mut self, now: Instant, check: Check, assessment: &mut Assessment) {
        let early = match check {
            Check::Turn => SHORTEST_REFRESH,
            Check::Queue | Check::Pause | Check::Detour => Duration::ZERO,
        };
        if !self.has_list(now) {
            self.phase = Phase::Listing;
        } else if check == Check::Detour && self.is_crowded(now) {
            self.detour_around = None;
            self.go_to_the_back(now, RetryCause::Server(Cause::Overload));
        } else if check == Check::Pause || check == Check::Detour || self.queue(now, false, assessment) <= now + early {
            self.phase = Phase::Deciding;
        }
    }

    /// Whether so many are on their way back that every server is busy, and not just one.
    fn is_crowded(&self, now: Instant) -> bool {
        let lacking = self
            .episode
            .as_ref()
            .map(|episode| episode.time_for_lacking(&self.selector, now));
        lacking.is_some_and(|time| time > CROWDED)
    }

    /// When an attempt that is about to take too long has a look at the list: never, if all was well before it.
    pub(super) fn looks_at(&self, attempt: &Attempt) -> Instant {
        match &self.episode {
            Some(episode) if attempt.stage == Stage::Dialing && !attempt.has_looked => {
                let half = LOOK_BEFORE.min(self.config.connect_timeout * LOOK_BEFORE_PART) * 0.5;
                attempt.deadline - half - episode.part_of(half)
            }
            _ => Instant::NEVER,
        }
    }

    pub(super) fn look(&mut self, now: Instant) {
        let since = self.episode.as_ref().map_or(now, Episode::can_be_told_from);
        let tells = |in_force: &InForce| in_force.is_fresh(now) && in_force.made() > since;
        if !self.selector.in_force().is_some_and(tells) {
            self.fetch(now);
        }
    }

    /// The time that an attempt gets on top, whose time is up. Where the look at the list is still to come, because timers
    /// come late, it gets that of a look; where no list can tell yet, the time until one can. Where it stands in line with
    /// everyone else, it gets as long again.
    pub(super) fn more_time(
        &mut self,
        now: Instant,
        attempt: &mut Attempt,
        assessment: &mut Assessment,
    ) -> Option<Duration> {
        if attempt.has_looked {
            let time = match self.time_until_told(now, attempt) {
                Some(time) => time,
                None => {
                    attempt.in_line = Some(self.stays_in_line(now, attempt, assessment)?);
                    self.config.connect_timeout
                }
            };
            attempt.overstays = true;
            attempt.has_looked = false;
            return Some(time);
        }
        if attempt.stage != Stage::Dialing || self.episode.is_none() {
            return None;
        }
        attempt.has_looked = true;
        self.look(now);
        Some(LOOK_BEFORE.min(self.config.connect_timeout))
    }

    /// How long it takes until a list can tell whether all servers are busy, and that has been looked at: if none has been
    /// taken since it could, a seed gives the next one, and that comes before the attempt has had its time twice.
    fn time_until_told(&self, now: Instant, attempt: &Attempt) -> Option<Duration> {
        let (episode, in_force) = (self.episode.as_ref()?, self.selector.in_force()?);
        let next = in_force.taken() + in_force.list.ttl;
        let look = LOOK_BEFORE.min(self.config.connect_timeout);
        let comes_in_time = next + look > now && next <= attempt.begun_at + self.config.connect_timeout * 2.0;
        let waits = attempt.stage == Stage::Dialing
            && !self.is_own_trouble(attempt.begun_at)
            && self.seeds.exist()
            && !self.seeds.all_fail()
            && in_force.taken() <= episode.can_be_told_from()
            && comes_in_time;
        waits.then(|| next.since(now) + look)
    }

    /// Whether an attempt stands in line where everyone does, and if so, how many users its server has. While a fleet's users
    /// come back all at once, each server has a line of its own; who leaves it is served in vain, and lines up again behind
    /// everyone else. So it stays while a list made since shows that all servers are busy, and that this one takes users in,
    /// but no longer than the longest line can be. And those who would go elsewhere by now do.
    fn stays_in_line(&mut self, now: Instant, attempt: &Attempt, assessment: &mut Assessment) -> Option<f64> {
        if attempt.stage != Stage::Dialing || self.is_own_trouble(attempt.begun_at) {
            return None;
        }
        self.weigh(now, Overrides::default(), assessment);
        let (episode, in_force) = (self.episode.as_ref()?, self.selector.in_force()?);
        let list = &in_force.list;
        let position = list.position(attempt.server)?;
        let candidate = assessment.candidates.get(position)?;
        let users = list.servers().get(position)?.users;
        let is_busy = in_force.is_recent(now)
            && in_force.made() > episode.can_be_told_from()
            && episode.time_for_missing(&self.selector) > CROWDED
            && now < episode.last_turn(list, assessment) + self.config.connect_timeout;
        let takes_users_in = attempt.in_line.is_none_or(|before| users > before);
        let would_go_there = candidate.excluded.is_none()
            && match self.config.affinity {
                Some(affinity) => affinity.choose(list, assessment) == Some(position),
                None => self.random.between(0.0, LESS_LIKELY) * attempt.probability < candidate.probability,
            };
        (is_busy && takes_users_in && would_go_there).then_some(users)
    }

    fn decide(&mut self, now: Instant, assessment: &mut Assessment) {
        if !self.online && !self.postponed {
            return self.wait_for_network(now);
        }
        self.assess(now, Overrides::default(), assessment);
        let detour = self.detour_around.take().is_some();
        let home = self.home.take().and_then(|server| self.homeward(server, assessment));
        self.returning = home.is_some();
        match home.or_else(|| self.draw(assessment)) {
            Some(decision) => self.connect(now, decision),
            None if detour => self.go_to_the_back(now, RetryCause::Server(Cause::Overload)),
            None => self.nothing_eligible(now),
        }
    }

    /// The trouble was ours: the server is likely to be well, and to remember us. But not if the list says otherwise.
    fn homeward(&self, server: ServerKey, assessment: &Assessment) -> Option<Decision> {
        let position = self.selector.in_force()?.list.position(server)?;
        assessment.candidates.get(position).filter(|it| it.excluded.is_none())?;
        let decision = self.selector.explain(position, assessment)?;
        Some(Decision {
            reason: Reason::Return,
            ..decision
        })
    }

    /// Ends a round: every server gets another chance, after a wait and with a new list. Where the list offers no server
    /// at all, it may itself be wrong, and every second round tries one.
    fn nothing_eligible(&mut self, now: Instant) {
        let offers_any = self
            .selector
            .in_force()
            .is_some_and(|in_force| in_force.list.offers_any());
        if self.episode(now).next_round()
            && !offers_any
            && let Some(guess) = self.selector.guess(&mut self.random)
        {
            return self.connect(now, guess);
        }
        self.selector.memory.forgive(now);
        if let Some(episode) = &mut self.episode {
            let delay = episode.round_wait(&self.selector, now, &mut self.random);
            self.wait(now, delay, WaitFor::Pause, RetryCause::NothingEligible);
        }
    }

    fn wait_for_network(&mut self, now: Instant) {
        self.postponed = true;
        self.wait(
            now,
            OFFLINE_PATIENCE,
            WaitFor::Network,
            RetryCause::Server(Cause::Local),
        );
    }

    fn wait(&mut self, now: Instant, delay: Duration, what: WaitFor, why: RetryCause) {
        self.phase = Phase::Waiting(Wait::new(now + delay, what));
        self.retry(delay, why);
    }
}
