//! Connections that are chosen once: for libraries that do their own reconnecting. However many a client makes, they share
//! its list and what it remembers of servers; the client itself stays `idle`. None comes back by itself, and none moves.

use super::{AttemptId, Client, Command, LATER_TASK};
use crate::affinity::Affinity;
use crate::cause::{Cause, asks_for_credentials, is_abnormal, is_final};
use crate::decision::Assessment;
use crate::list::ServerKey;
use crate::selector::{Decision, InForce, Overrides};
use crate::time::{Duration, Instant};

/// Where the list in force is older than its ttl, an answer of the seeds is waited for so long: until a slow seed would get
/// company.
const NEWER_LIST_WITHIN: Duration = Duration::from_secs(2.0);

/// How far one is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// Nothing is decided yet: there may be no list.
    Wanted,
    /// The application says where, and with which credentials.
    Credentials(ServerKey),
    Dialing(ServerKey),
    Open(ServerKey, Instant),
    /// The application has closed it, or will not have it any more.
    Closing,
}

/// A connection that is chosen once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Single {
    id: AttemptId,
    affinity: Option<Affinity>,
    stage: Stage,
    begun_at: Instant,
    /// When to look whether the list in force is good enough by now, however old it is.
    settles_at: Instant,
    /// When this stage has taken too long; of one that is open, when it has lasted.
    deadline: Instant,
}

impl Client {
    /// The application wants a connection, chosen once, and within the connect timeout. `affinity`: where it meets others of
    /// its key, if that is another than the configured one. What becomes of it is told by [`Command::Connect`],
    /// [`Command::Abandon`] and, in the end, [`Command::Lost`]; the driver reports of it as of any attempt. It is for a
    /// client that has not been started.
    pub fn handle_want(&mut self, now: Instant, affinity: Option<Affinity>) -> AttemptId {
        self.notice(now);
        self.attempts = self.attempts.wrapping_add(1);
        let id = AttemptId(self.attempts);
        self.singles.push(Single {
            id,
            affinity: affinity.or(self.config.affinity),
            stage: Stage::Wanted,
            begun_at: now,
            settles_at: now + NEWER_LIST_WITHIN,
            deadline: now + self.config.connect_timeout,
        });
        id
    }

    /// The application closes a connection of its own that was chosen once. Its end is told in a later task, or once the
    /// closing handshake is over or has taken too long.
    pub fn handle_leave(&mut self, now: Instant, attempt: AttemptId) {
        self.notice(now);
        let wait = match self.single_stage(attempt) {
            None | Some(Stage::Closing) => return,
            Some(Stage::Open(..)) => self.config.close_timeout,
            Some(_) => LATER_TASK,
        };
        self.enter(attempt, Stage::Closing, now + wait);
    }

    fn single_stage(&self, id: AttemptId) -> Option<Stage> {
        let single = self.singles.iter().find(|single| single.id == id);
        single.map(|single| single.stage)
    }

    /// The application has said where it goes. False if it is none of these.
    pub(super) fn single_dialed(&mut self, now: Instant, attempt: AttemptId) -> bool {
        let stage = self.single_stage(attempt);
        if let Some(Stage::Credentials(server)) = stage {
            let deadline = self.dial_deadline(now, server);
            self.enter(attempt, Stage::Dialing(server), deadline);
        }
        stage.is_some()
    }

    /// The server that a decision has fallen on, before the application has heard of it.
    pub(super) fn single_decided(&self, id: AttemptId) -> Option<ServerKey> {
        match self.single_stage(id) {
            Some(Stage::Credentials(server)) => Some(server),
            _ => None,
        }
    }

    /// The list in force has no such server any more: it is decided anew.
    pub(super) fn single_undecided(&mut self, now: Instant, id: AttemptId) {
        if self.single_decided(id).is_some() {
            self.enter(id, Stage::Wanted, now + self.config.connect_timeout);
        }
    }

    fn enter(&mut self, id: AttemptId, stage: Stage, deadline: Instant) {
        if let Some(single) = self.singles.iter_mut().find(|single| single.id == id) {
            single.stage = stage;
            single.deadline = deadline;
        }
    }

    /// Its connection stands.
    pub(super) fn single_opened(&mut self, now: Instant, attempt: AttemptId) {
        if let Some(Stage::Dialing(server)) = self.single_stage(attempt) {
            self.enter(attempt, Stage::Open(server, now), now + self.config.min_uptime);
            self.selector.memory.connected(server);
        }
    }

    /// It has ended, or could not begin (`code`: none, where that was the application's doing). False if it is none of these.
    pub(super) fn single_closed(&mut self, now: Instant, attempt: AttemptId, code: Option<u16>) -> bool {
        let Some(position) = self.singles.iter().position(|single| single.id == attempt) else {
            return false;
        };
        let single = self.singles.remove(position);
        match (single.stage, code) {
            (Stage::Dialing(server), Some(_)) => {
                self.selector.memory.refused(server, now);
                if !self.is_own_trouble(now) {
                    self.single_failed(now, server, Cause::Refused);
                }
            }
            (Stage::Open(server, since), Some(code)) => {
                // Our own network ends nothing with a word.
                let is_ours = is_abnormal(code) && self.is_own_trouble(now);
                if !(is_ours || is_final(code) || asks_for_credentials(code)) {
                    let cause = Cause::of_close(code, now.since(since), self.config.min_uptime);
                    self.single_failed(now, server, cause);
                }
            }
            _ => {}
        }
        self.single_over(attempt);
        true
    }

    /// Writes down whose fault it was.
    fn single_failed(&mut self, now: Instant, server: ServerKey, cause: Cause) {
        let blame = !self.seeds.all_fail();
        self.selector.report_failure(server, cause, blame, now);
        if cause == Cause::Overload {
            self.detour_around = Some(server);
        }
    }

    fn single_over(&mut self, attempt: AttemptId) {
        self.outbox.push(Command::Lost {
            attempt: Some(attempt),
            is_final: true,
            moved: None,
        });
    }

    /// When the next of them needs something.
    pub(super) fn singles_due(&self) -> Instant {
        let wanted = self.singles.iter().filter(|single| single.stage == Stage::Wanted);
        let asks_at = self.seeds.ready_at().unwrap_or(Instant::NEVER);
        let lists = wanted.map(|single| asks_at.min(single.settles_at));
        let deadlines = self.singles.iter().map(|single| single.deadline);
        deadlines.chain(lists).reduce(Instant::min).unwrap_or(Instant::NEVER)
    }

    /// Takes the one step that is due for one of them. False if none is.
    pub(super) fn serve_singles(&mut self, now: Instant, assessment: &mut Assessment) -> bool {
        if let Some(&single) = self.singles.iter().find(|single| now >= single.deadline) {
            self.single_overdue(now, single);
            return true;
        }
        let wanted = |single: &&Single| single.stage == Stage::Wanted;
        let Some(&single) = self.singles.iter().find(wanted) else {
            return false;
        };
        if self.decides_for_single(now, &single) {
            self.decide_for_single(now, single, assessment);
            return true;
        }
        // There is no list, or one that is worth nothing.
        let settled = self.singles.iter_mut().filter(|waiting| now >= waiting.settles_at);
        settled.for_each(|waiting| waiting.settles_at = Instant::NEVER);
        !self.seeds.in_flight() && self.fetch(now)
    }

    fn single_overdue(&mut self, now: Instant, single: Single) {
        if let Stage::Open(..) = single.stage {
            self.enter(single.id, single.stage, Instant::NEVER);
            return self.selector.report_success();
        }
        self.singles.retain(|other| other.id != single.id);
        if single.stage != Stage::Wanted {
            self.outbox.push(Command::Abandon { attempt: single.id });
        }
        // Begun so soon after a sleep, it hangs because of it.
        if let Stage::Dialing(server) = single.stage
            && !self.is_own_trouble(single.begun_at)
        {
            self.single_failed(now, server, Cause::Overload);
        }
        self.single_over(single.id);
    }

    /// Whether a decision can be made by the list in force, rather than by one that a seed is about to give.
    fn decides_for_single(&self, now: Instant, single: &Single) -> bool {
        let good_enough = |in_force: &InForce| {
            in_force.is_fresh(now)
                || self.from_cache
                || self.seeds.ready_at().is_some_and(|at| at > now)
                || !self.seeds.exist()
                || now >= single.begun_at + NEWER_LIST_WITHIN
        };
        self.has_list(now) && self.selector.in_force().is_some_and(good_enough)
    }

    fn decide_for_single(&mut self, now: Instant, single: Single, assessment: &mut Assessment) {
        if core::mem::take(&mut self.from_cache) {
            self.fetch(now);
        }
        let decision = self.draw_for_single(now, &single, assessment).or_else(|| {
            // Who comes back is paced by whoever wants it; so every server has another chance at once.
            self.selector.memory.forgive(now);
            self.draw_for_single(now, &single, assessment)
        });
        let list = self.selector.in_force().map(|in_force| &*in_force.list);
        let server = decision.and_then(|decision| Some(list?.servers().get(decision.server)?.key));
        let (Some(decision), Some(server)) = (decision, server) else {
            self.singles.retain(|other| other.id != single.id);
            return self.single_over(single.id);
        };
        self.decided_by = self.lists;
        let credential_timeout = self.config.credential_timeout.unwrap_or(self.config.connect_timeout);
        self.enter(single.id, Stage::Credentials(server), now + credential_timeout);
        self.outbox.push(Command::Connect {
            attempt: single.id,
            decision,
            beside: true,
        });
    }

    fn draw_for_single(&mut self, now: Instant, single: &Single, assessment: &mut Assessment) -> Option<Decision> {
        self.weigh(now, Overrides::default(), assessment);
        self.detour_around = None;
        self.pin(single.affinity, assessment);
        self.draw(assessment)
    }
}
