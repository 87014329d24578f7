//! The connection: seed → list → decision → attempt → open → loss → cause → delay → decision again.
//!
//! [`Client`] is a state machine without I/O. A driver tells it what happened (`handle_*`, with the time), then drains it:
//! [`poll`](Client::poll) until `None`, carrying out each [`Command`], and wakes it again at
//! [`poll_timeout`](Client::poll_timeout). Every attempt and every request has an id, and what comes late for one that is
//! over is ignored.
//!
//! What follows a loss is in `coming_back`; what is done while a connection stands, from its heartbeat to leaving its
//! server without a gap, in `standing`; how it hears at once what a seed has to say, in `watching`. Connections that are chosen once, and share a client's list and memory, are in
//! `singles`.

mod coming_back;
mod command;
mod config;
mod liveness;
mod singles;
mod standing;
mod watching;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::affinity::Affinity;
use crate::backoff::Backoff;
use crate::cause::{Cause, SeedFailure, asks_for_credentials, is_abnormal};
use crate::decision::{Assessment, Exclusion};
use crate::list::{ServerKey, ServerList};
use crate::moving::Underused;
use crate::queue::Episode;
use crate::random::Random;
use crate::seeds::{RequestId, Seeds, wish_to_stay_away};
use crate::selector::{Decision, Overrides, Selector};
use crate::time::{Duration, Instant};

use coming_back::{Check, Wait, WaitFor};
use liveness::Liveness;
use singles::Single;
use standing::{Departure, Link, Old};
use watching::Watch;

pub use command::{AttemptId, Command, MoveReason, Retry, RetryCause, State};
pub use config::{Config, FOREVER};

/// The close event of a connection that never stood comes in a later task, as the standard has it.
const LATER_TASK: Duration = Duration::from_millis(1.0);
/// Whoever wakes up so late has slept: the timers of hidden pages are late by a minute at most.
const SLEPT: Duration = Duration::from_secs(75.0);
/// So long after a sleep or a change of network, what breaks without a word broke because of it.
const AFTERMATH: Duration = Duration::from_secs(10.0);
/// An attempt that has not opened by then gets company, if the application wants that.
const HEDGE_AFTER: Duration = Duration::from_secs(2.0);
/// A list from an earlier visit that is no older is as good as its ttl says, or as this.
const CACHED_IS_FRESH: Duration = Duration::from_secs(60.0);
/// An older one is better than nothing.
const CACHED_IS_USABLE: Duration = Duration::from_secs(86_400.0);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Idle,
    /// Without a list nothing can be decided.
    Listing,
    /// There was trouble; the place in the queue is yet to be worked out.
    Queueing(RetryCause),
    Waiting(Wait),
    /// A look at the list before going.
    Checking(Check),
    Deciding,
    Connecting {
        first: Attempt,
        hedge_at: Instant,
    },
    Open(Link),
    /// The next connection stands, and the application is being told that it has left the one before.
    Switching(Link),
    Closing {
        attempt: Option<AttemptId>,
        deadline: Instant,
    },
    Closed,
}

/// How long ago a list that was received then was taken.
fn age(list: &ServerList, received: Instant, now: Instant) -> Duration {
    now.since(received - list.age.unwrap_or(Duration::ZERO))
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The application says where, and with which credentials.
    Credentials,
    Dialing,
    /// It is open, and the application prepares it.
    Preparing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Attempt {
    id: AttemptId,
    server: ServerKey,
    stage: Stage,
    deadline: Instant,
    /// Why it moves, if it does.
    reason: MoveReason,
    /// The one that the decision fell on its server with.
    probability: f64,
    /// When it set out.
    begun_at: Instant,
    /// The list has been looked at because it takes so long.
    has_looked: bool,
    /// It has been given more time than its own.
    overstays: bool,
    /// Its time was up, and it stays in line: the users that its server had then.
    in_line: Option<f64>,
}

/// One persistent connection that chooses its own server.
#[derive(Debug)]
pub struct Client {
    config: Arc<Config>,
    selector: Selector,
    random: Random,
    seeds: Seeds,
    /// Of a client that watches.
    watch: Option<Box<Watch>>,
    phase: Phase,
    /// Beside an attempt, its hedge; beside a connection, the move to another one.
    second: Option<Attempt>,
    /// The connection that the present one has replaced.
    old: Option<Old>,
    /// Of the present connection.
    life: Liveness,
    departure: Option<Departure>,
    underused: Underused,
    episode: Option<Episode>,
    attempts: u32,
    opened_before: bool,
    /// Left out of the next decision.
    detour_around: Option<ServerKey>,
    /// Preferred by the next decision.
    home: Option<ServerKey>,
    /// The present attempt is to that one.
    returning: bool,
    own_trouble: Backoff,
    /// Attempts to replace a connection that nobody can vouch for.
    replacing: Backoff,
    credentials: Backoff,
    online: bool,
    /// The next attempt has been put off already.
    postponed: bool,
    woke_at: Instant,
    /// When it wanted to be woken.
    due: Instant,
    /// A list has come in that has not been looked at with a view to moving.
    list_is_new: bool,
    /// The list in force is from an earlier visit, and no seed has been asked yet.
    from_cache: bool,
    /// A list from an earlier visit, for when no seed answers, and when it was received.
    spare: Option<(Arc<ServerList>, Instant)>,
    /// The application's own list, for when there is no other.
    fallback: Option<Arc<ServerList>>,
    refresh_at: Instant,
    clock_at: Instant,
    /// No draw whether to move before this, nor on this version again.
    next_draw_at: Instant,
    drawn_version: Option<u64>,
    /// How many lists have come into force, and by which of them the last attempt was decided on.
    lists: u32,
    decided_by: u32,
    told: State,
    singles: Vec<Single>,
    outbox: Vec<Command>,
}

impl Client {
    /// A client in the state `idle`. Any number of them can share a configuration. `random_seed` comes from a cryptographic
    /// source, or is fixed to make its draws reproducible.
    pub fn new(config: impl Into<Arc<Config>>, random_seed: u64) -> Self {
        let config = config.into();
        Self {
            selector: Selector::default(),
            random: Random::new(random_seed),
            seeds: Seeds::new(config.seeds),
            watch: config.watches.then(Box::default),
            life: Liveness::new(Instant::LONG_AGO, &config),
            config,
            phase: Phase::Idle,
            second: None,
            old: None,
            departure: None,
            underused: None,
            episode: None,
            attempts: 0,
            opened_before: false,
            detour_around: None,
            home: None,
            returning: false,
            own_trouble: Backoff::new(),
            replacing: Backoff::new(),
            credentials: Backoff::new(),
            online: true,
            postponed: false,
            woke_at: Instant::LONG_AGO,
            due: Instant::NEVER,
            list_is_new: false,
            from_cache: false,
            spare: None,
            fallback: None,
            refresh_at: Instant::NEVER,
            clock_at: Instant::NEVER,
            next_draw_at: Instant::LONG_AGO,
            drawn_version: None,
            lists: 0,
            decided_by: 0,
            told: State::Idle,
            singles: Vec::new(),
            outbox: Vec::new(),
        }
    }

    /// Where the client stands.
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Idle => State::Idle,
            Phase::Open(_) if self.second.is_some() => State::Migrating,
            Phase::Open(_) => State::Open,
            Phase::Closing { .. } => State::Closing,
            Phase::Closed => State::Closed,
            Phase::Listing | Phase::Queueing(_) | Phase::Waiting(_) | Phase::Checking(_) | Phase::Deciding
                if !self.online =>
            {
                State::Offline
            }
            _ if self.opened_before => State::Reconnecting,
            _ => State::Connecting,
        }
    }

    /// The list in force and what is remembered of servers.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// The server of the present attempt or connection.
    pub fn server(&self) -> Option<ServerKey> {
        match self.phase {
            Phase::Connecting { first, .. } => Some(first.server),
            _ => self.link().map(|link| link.server),
        }
    }

    /// When the present connection opened.
    pub fn open_since(&self) -> Option<Instant> {
        self.link().map(|link| link.since)
    }

    /// When the present connection was last heard of.
    pub fn last_heard(&self) -> Option<Instant> {
        self.link().map(|_| self.life.last_heard())
    }

    /// Why the present connection is about to be replaced, and when that begins at the latest.
    pub fn leaving(&self) -> Option<(MoveReason, Instant)> {
        let planned = self.departure.map(|departure| (departure.reason, departure.at));
        let under_way = self.second.filter(|_| self.link().is_some());
        under_way.map(|attempt| (attempt.reason, Instant::LONG_AGO)).or(planned)
    }

    /// The attempts made so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The losses and failed attempts of the present episode; 0 when all is well.
    pub fn failures(&self) -> u32 {
        self.selector.failures()
    }

    /// For those who report of connections of their own.
    pub fn selector_mut(&mut self) -> &mut Selector {
        &mut self.selector
    }

    /// Whether the application is to be asked if the end of this attempt or connection is the end of all: not where another
    /// one takes its place without a word.
    pub fn asks_whether_final(&self, attempt: AttemptId) -> bool {
        match self.phase {
            Phase::Connecting { first, .. } => first.id == attempt && self.second.is_none(),
            Phase::Open(link) => link.attempt == attempt && !self.can_return(),
            _ => false,
        }
    }

    /// Works out every server's probability as it is now.
    pub fn assess(&self, now: Instant, overrides: Overrides<'_>, assessment: &mut Assessment) -> bool {
        let known = self.weigh(now, overrides, assessment);
        self.pin(self.config.affinity, assessment);
        known
    }

    /// Draws by an assessment made on the list in force; `None` if nothing is eligible.
    pub fn draw(&mut self, assessment: &Assessment) -> Option<Decision> {
        self.selector.draw(assessment, &mut self.random)
    }

    /// As it would be without an affinity: what the fleet does, not what this client does.
    fn weigh(&self, now: Instant, overrides: Overrides<'_>, assessment: &mut Assessment) -> bool {
        let detour = self.detour_around.map(|server| (server, Exclusion::Overloaded));
        let without = overrides.without.or(detour);
        self.selector
            .assess(now, Overrides { without, ..overrides }, assessment)
    }

    /// Gives all probability to where the clients of the key meet, if there is one.
    fn pin(&self, affinity: Option<Affinity>, assessment: &mut Assessment) {
        if let Some(affinity) = affinity
            && let Some(in_force) = self.selector.in_force()
            && let Some(meeting) = affinity.choose(&in_force.list, assessment)
        {
            for (position, candidate) in assessment.candidates.iter_mut().enumerate() {
                candidate.probability = if position == meeting { 1.0 } else { 0.0 };
            }
        }
    }

    fn link(&self) -> Option<&Link> {
        match &self.phase {
            Phase::Open(link) | Phase::Switching(link) => Some(link),
            _ => None,
        }
    }

    fn attempt_mut(&mut self, id: AttemptId) -> Option<&mut Attempt> {
        let first = match &mut self.phase {
            Phase::Connecting { first, .. } => Some(first),
            _ => None,
        };
        first
            .into_iter()
            .chain(&mut self.second)
            .find(|attempt| attempt.id == id)
    }

    /// Leaves `idle`. Without effect in any other state.
    pub fn handle_start(&mut self) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Listing;
        }
    }

    /// A list that did not come from a seed: the application's own. False if it is older than the one in force.
    pub fn handle_given_list(&mut self, now: Instant, list: Arc<ServerList>) -> bool {
        self.notice(now);
        let accepted = self.selector.update(list, now);
        self.lists = self.lists.wrapping_add(u32::from(accepted));
        if !self.seeds.exist() {
            self.selector.fix();
        }
        self.list_changed();
        accepted
    }

    /// A list from an earlier visit, received at `received` on this client's clock. It is used at once if it is fresh
    /// enough, and kept for when no seed answers if it is not; a day later it is worth nothing.
    /// True if it is in force now.
    pub fn handle_cached_list(&mut self, now: Instant, received: Instant, list: Arc<ServerList>) -> bool {
        let age = age(&list, received, now);
        // Storage may hold anything: also a time that is none.
        let dated = received <= now;
        if !dated || age > CACHED_IS_USABLE || self.selector.in_force().is_some() {
            return false;
        }
        let fresh = age <= list.ttl.max(CACHED_IS_FRESH);
        if fresh {
            self.from_cache = true;
            self.selector.resort_to(list, received, false, now);
        } else {
            self.spare = Some((list, received));
        }
        fresh
    }

    /// The application's own list, for when there is no other.
    pub fn handle_fallback_list(&mut self, list: Arc<ServerList>) {
        self.fallback = Some(list);
    }

    /// A seed's list: the answer to a request, or the next one of a stream. False if it comes late, or is older than the one
    /// in force: then it is ignored.
    pub fn handle_list(&mut self, now: Instant, request: RequestId, list: Arc<ServerList>) -> bool {
        let streamed = self.watch.as_mut().and_then(|watch| watch.brings(now, request));
        let Some(seed) = streamed.or_else(|| self.seeds.settle(request)) else {
            return false;
        };
        if age(&list, now, now) > CACHED_IS_USABLE {
            // As good as none, and better than nothing.
            let accepted = self.fallback.is_none() && self.handle_given_list(now, list);
            self.seed_failed(now, seed, SeedFailure::BadList, None);
            return accepted;
        }
        self.spare = None;
        self.seeds.succeeded(seed);
        if let Some(episode) = &mut self.episode {
            episode.silence_ends();
        }
        self.cancel_fetches();
        self.handle_given_list(now, list)
    }

    /// A seed gave no list, or its stream has ended; `retry_after` is its wish, if it had one.
    pub fn handle_list_failed(
        &mut self,
        now: Instant,
        request: RequestId,
        failure: SeedFailure,
        retry_after: Option<Duration>,
    ) {
        let retry_after = retry_after.and_then(wish_to_stay_away);
        let stream = self.watch.as_mut().and_then(|watch| watch.end(request));
        let asked = self.seeds.settle(request);
        let slept = self.notice(now);
        // It did not survive a sleep.
        let lost_asleep = failure == SeedFailure::Unreachable && slept;
        if let Some(stream) = stream {
            self.outbox.push(Command::CancelFetch { request });
            if !lost_asleep {
                self.stream_failed(now, stream, failure, retry_after);
            }
        }
        match asked {
            Some(_) if lost_asleep => {
                self.fetch(now);
            }
            Some(seed) => self.seed_failed(now, seed, failure, retry_after),
            None => {}
        }
    }

    /// The application wants to have the list fetched now. Without effect where there is no seed to ask.
    pub fn handle_refresh(&mut self, now: Instant) {
        self.notice(now);
        if !matches!(self.phase, Phase::Idle | Phase::Closing { .. } | Phase::Closed) {
            self.seeds.end_pauses();
            self.fetch(now);
        }
    }

    /// The application has said where this attempt goes and with which credentials; it is under way.
    pub fn handle_dialed(&mut self, now: Instant, attempt: AttemptId) {
        self.notice(now);
        if self.single_dialed(now, attempt) {
            return;
        }
        let Some(&mut Attempt { server, stage, .. }) = self.attempt_mut(attempt) else {
            return;
        };
        let deadline = self.dial_deadline(now, server);
        if stage == Stage::Credentials
            && let Some(attempt) = self.attempt_mut(attempt)
        {
            attempt.stage = Stage::Dialing;
            attempt.deadline = deadline;
            attempt.begun_at = now;
            if let Phase::Connecting { hedge_at, .. } = &mut self.phase
                && *hedge_at < Instant::NEVER
            {
                *hedge_at = now + HEDGE_AFTER;
            }
        }
    }

    /// The application could not say where this attempt goes, or with which credentials: no server's fault.
    pub fn handle_credentials_failed(&mut self, now: Instant, attempt: AttemptId) {
        self.notice(now);
        if !self.single_closed(now, attempt, None) {
            self.attempt_failed(now, attempt, RetryCause::Credentials, true);
        }
    }

    /// The connection of this attempt stands.
    pub fn handle_open(&mut self, now: Instant, attempt: AttemptId) {
        self.notice(now);
        self.single_opened(now, attempt);
        let deadline = now + self.config.connect_timeout;
        let Some(opening) = self.attempt_mut(attempt).filter(|it| it.stage == Stage::Dialing) else {
            return;
        };
        opening.stage = Stage::Preparing;
        opening.deadline = deadline;
        let (opening, server) = (*opening, opening.server);
        self.selector.memory.connected(server);
        if let Phase::Connecting { first, .. } = self.phase {
            // Of two, the first to open counts.
            if let Some(second) = self.second.take() {
                let loser = if first.id == attempt { second } else { first };
                self.outbox.push(Command::Abandon { attempt: loser.id });
            }
            self.phase = Phase::Connecting {
                first: opening,
                hedge_at: Instant::NEVER,
            };
        }
        if self.config.prepares {
            self.outbox.push(Command::Prepare { attempt });
        } else {
            self.stands(now, attempt);
        }
    }

    /// The application has prepared the connection of this attempt.
    pub fn handle_prepared(&mut self, now: Instant, attempt: AttemptId) {
        self.notice(now);
        self.stands(now, attempt);
    }

    /// The application could not prepare the connection of this attempt.
    pub fn handle_unprepared(&mut self, now: Instant, attempt: AttemptId) {
        self.notice(now);
        if self.attempt_mut(attempt).is_some_and(|it| it.stage == Stage::Preparing) {
            self.outbox.push(Command::Abandon { attempt });
            self.attempt_failed(now, attempt, RetryCause::Server(Cause::Refused), true);
        }
    }

    /// Something arrived on this connection at this time. It is enough to say so before the next
    /// [`poll`](Self::poll).
    pub fn handle_heard(&mut self, attempt: AttemptId, at: Instant) {
        if self.link().is_some_and(|link| link.attempt == attempt) {
            self.life.heard(at);
            let wakes = |departure: &mut Departure| departure.reason == MoveReason::Wake;
            if at > self.woke_at {
                self.departure.take_if(wakes);
            }
        }
    }

    /// The ping for this connection ([`Command::Beat`]) could not be sent.
    pub fn handle_not_asked(&mut self, attempt: AttemptId) {
        if self.link().is_some_and(|link| link.attempt == attempt) {
            self.life.not_asked(&self.config);
        }
    }

    /// The attempt failed or its connection ended. `code` is the close code, `reconnect` whether the application wants to
    /// come back after it ([`is_final`](crate::cause::is_final) is the default's other half); it is asked where
    /// [`asks_whether_final`](Self::asks_whether_final).
    pub fn handle_closed(&mut self, now: Instant, attempt: AttemptId, code: u16, reconnect: bool) {
        self.notice(now);
        let is_old = self.old.take_if(|old| old.link.attempt == attempt).is_some();
        if is_old || self.single_closed(now, attempt, Some(code)) {
            return;
        }
        if let Some(&mut Attempt { stage, overstays, .. }) = self.attempt_mut(attempt) {
            let why = match stage {
                Stage::Preparing => self.end_of(now, code, now),
                _ if self.is_own_trouble(now) => RetryCause::Server(Cause::Local),
                // It has stayed longer than the platform, or the server, lets anybody wait.
                _ if overstays => RetryCause::Server(Cause::Overload),
                _ => RetryCause::Server(Cause::Refused),
            };
            return self.attempt_failed(now, attempt, why, reconnect);
        }
        match self.phase {
            Phase::Open(link) | Phase::Switching(link) if link.attempt == attempt => {
                self.link_lost(now, link, code, reconnect);
            }
            Phase::Closing {
                attempt: Some(current), ..
            } if current == attempt => self.end(Some(attempt)),
            _ => {}
        }
    }

    /// The application closes for good. Without effect after the first time.
    pub fn handle_close(&mut self, now: Instant) {
        let attempt = match self.phase {
            Phase::Closing { .. } | Phase::Closed => return,
            Phase::Open(Link { attempt, .. }) | Phase::Switching(Link { attempt, .. }) => {
                self.outbox.push(Command::Close { attempt });
                Some(attempt)
            }
            Phase::Connecting { first, .. } => {
                self.outbox.push(Command::Abandon { attempt: first.id });
                None
            }
            _ => None,
        };
        self.abandon_others();
        self.cancel_fetches();
        self.unwatch();
        let wait = if attempt.is_some() {
            self.config.close_timeout
        } else {
            LATER_TASK
        };
        self.phase = Phase::Closing {
            attempt,
            deadline: now + wait,
        };
    }

    /// The application wants another decision: whatever there is, is dropped, and nobody is to blame. The decision comes in
    /// a later task, so that who asks for it in answer to every decision does not hang the page.
    pub fn handle_reconnect(&mut self, now: Instant) {
        let over = match self.phase {
            Phase::Idle => return self.handle_start(),
            Phase::Closing { .. } | Phase::Closed => return,
            Phase::Connecting { first, .. } => Some((first.id, true)),
            Phase::Open(link) => Some((link.attempt, true)),
            // That the one before is over, the application has heard; of this one it has not.
            Phase::Switching(link) => Some((link.attempt, false)),
            Phase::Listing | Phase::Queueing(_) | Phase::Waiting(_) | Phase::Checking(_) | Phase::Deciding => None,
        };
        self.abandon_others();
        if let Some((attempt, told_of)) = over {
            self.outbox.push(Command::Abandon { attempt });
            if told_of {
                self.lost(attempt);
            }
        }
        self.home = None;
        self.postponed = true;
        self.seeds.end_pauses();
        self.phase = Phase::Waiting(Wait::new(now + LATER_TASK, WaitFor::Task));
    }

    /// The application wants to be moved to another server, without a gap. Without effect where there is no connection, or
    /// no other server.
    pub fn handle_migrate(&mut self, now: Instant) {
        self.notice(now);
        if matches!(self.phase, Phase::Open(_)) && self.second.is_none() {
            self.departure = Some(Departure {
                at: now,
                reason: MoveReason::Requested,
                target: None,
            });
        }
    }

    /// The platform says whether there is a network. When there is one again, whatever was waiting for it goes on, and a
    /// connection is checked before it is trusted.
    pub fn handle_network(&mut self, now: Instant, online: bool) {
        self.notice(now);
        let back = online && !self.online;
        self.online = online;
        if back {
            self.handle_wake(now);
        }
    }

    /// The page or the machine has been asleep, or is on another network: a connection is checked before it is trusted.
    pub fn handle_wake(&mut self, now: Instant) {
        self.woke_at = now;
        let soon = now + self.random.jitter(coming_back::SOON);
        self.seeds.wake(soon);
        if self.seeds.in_flight() {
            // Nobody knows what has become of it.
            self.cancel_fetches();
            self.fetch(now);
        }
        self.watch_again(soon);
        match &mut self.phase {
            Phase::Open(_) => self.verify(now, soon),
            Phase::Waiting(wait) if wait.what != WaitFor::Turn && wait.what != WaitFor::Detour => {
                wait.until = wait.until.min(soon);
            }
            _ => {}
        }
    }

    /// Whoever is called much later than it wanted to be has slept. True if it has.
    fn notice(&mut self, now: Instant) -> bool {
        let slept = now.since(self.due) > SLEPT;
        if slept {
            self.due = now;
            self.handle_wake(now);
        }
        slept
    }

    /// Whether what breaks now without a word breaks because of us.
    fn is_own_trouble(&self, now: Instant) -> bool {
        !self.online || now < self.woke_at + AFTERMATH
    }

    /// Why a connection that opened at `since` ended with this code.
    fn end_of(&self, now: Instant, code: u16, since: Instant) -> RetryCause {
        if asks_for_credentials(code) {
            RetryCause::Credentials
        } else if is_abnormal(code) && self.is_own_trouble(now) {
            RetryCause::Server(Cause::Local)
        } else {
            RetryCause::Server(Cause::of_close(code, now.since(since), self.config.min_uptime))
        }
    }

    /// When to call [`poll`](Self::poll) again, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let or_never = |at: Option<Instant>| at.unwrap_or(Instant::NEVER);
        let phase = match self.phase {
            Phase::Listing => or_never(self.seeds.ready_at()),
            Phase::Waiting(wait) => {
                let refresh = self.seeds.ready_at().map(|at| at.max(wait.refresh_at));
                or_never(refresh).min(wait.until)
            }
            Phase::Connecting { first, hedge_at } => first.deadline.min(hedge_at).min(self.looks_at(&first)),
            Phase::Open(link) => self.standing_due(&link),
            Phase::Closing { deadline, .. } => deadline,
            _ => Instant::NEVER,
        };
        let second = self.second.map_or(Instant::NEVER, |second| second.deadline);
        let at = phase
            .min(second)
            .min(self.singles_due())
            .min(or_never(self.seeds.deadline()))
            .min(or_never(self.seeds.company_at()))
            .min(self.watch_due());
        Some(at).filter(|&at| at < Instant::NEVER)
    }

    /// The next thing to do, if there is any now. `assessment` is working space; after [`Command::Connect`] it holds the
    /// probabilities that the decision was drawn from.
    pub fn poll(&mut self, now: Instant, assessment: &mut Assessment) -> Option<Command> {
        self.notice(now);
        loop {
            let state = self.state();
            if self.told != state {
                self.told = state;
                return Some(Command::State(state));
            }
            match (!self.outbox.is_empty()).then(|| self.outbox.remove(0)) {
                // Whoever was told of the state may have ended the connection before hearing that it stands.
                Some(Command::Opened { attempt } | Command::Migrated { attempt, .. })
                    if self.link().is_none_or(|link| link.attempt != attempt) => {}
                // Then it has been told of the end of that one.
                Some(Command::Lost { moved: Some(_), .. }) if !matches!(self.phase, Phase::Switching(_)) => {}
                // Or have brought another list into force, in which the decision's position is another server's.
                Some(Command::Connect {
                    attempt,
                    decision,
                    beside,
                }) if self.decided_by != self.lists => {
                    if let Some(decision) = self.renewed(now, attempt, decision, assessment) {
                        return Some(Command::Connect {
                            attempt,
                            decision,
                            beside,
                        });
                    }
                }
                Some(command) => return Some(command),
                None if self.advance(now, assessment) => {}
                None => {
                    self.due = self.poll_timeout().unwrap_or(Instant::NEVER);
                    return None;
                }
            }
        }
    }

    /// A decision that was made by an earlier list, by the one in force. None if there is nothing to carry out any more.
    fn renewed(
        &mut self,
        now: Instant,
        id: AttemptId,
        decision: Decision,
        assessment: &mut Assessment,
    ) -> Option<Decision> {
        self.decided_by = self.lists;
        let attempt = self.attempt_mut(id).map(|attempt| attempt.server);
        let attempt = attempt.or_else(|| self.single_decided(id));
        let position = attempt.and_then(|server| self.selector.in_force()?.list.position(server));
        if let Some(server) = position {
            self.assess(now, Overrides::default(), assessment);
            return Some(Decision { server, ..decision });
        }
        self.single_undecided(now, id);
        // It was never under way: its end is no news either.
        self.outbox
            .retain(|command| !matches!(command, Command::Abandon { attempt } if *attempt == id));
        self.second.take_if(|second| second.id == id);
        if matches!(self.phase, Phase::Connecting { first, .. } if first.id == id) {
            self.phase = Phase::Deciding;
        }
        None
    }

    /// Takes the one step that is due. False if none is.
    fn advance(&mut self, now: Instant, assessment: &mut Assessment) -> bool {
        if let Some((request, seed)) = self.seeds.overdue(now) {
            self.outbox.push(Command::CancelFetch { request });
            self.seed_failed(now, seed, SeedFailure::Timeout, None);
            return true;
        }
        if self.seeds.company_at().is_some_and(|at| now >= at) {
            return self.fetch(now);
        }
        if let Some(second) = self.second.filter(|second| now >= second.deadline) {
            self.give_up(now, second);
            return true;
        }
        if self.serve_singles(now, assessment) || now >= self.watch_due() && self.watch(now) {
            return true;
        }
        match self.phase {
            Phase::Listing if self.has_list(now) => {
                if core::mem::take(&mut self.from_cache) {
                    self.fetch(now);
                }
                self.phase = Phase::Deciding;
            }
            Phase::Listing => return self.fetch(now),
            Phase::Connecting { mut first, hedge_at } if now >= first.deadline => {
                match self.more_time(now, &mut first, assessment) {
                    Some(time) => {
                        first.deadline = now + time;
                        self.phase = Phase::Connecting { first, hedge_at };
                    }
                    None => self.give_up(now, first),
                }
            }
            Phase::Connecting { mut first, hedge_at } if now >= self.looks_at(&first) => {
                first.has_looked = true;
                self.phase = Phase::Connecting { first, hedge_at };
                self.look(now);
            }
            Phase::Connecting { first, hedge_at } if now >= hedge_at => self.hedge(now, first, assessment),
            Phase::Open(link) => return self.stand(now, link, assessment),
            Phase::Switching(link) => {
                self.phase = Phase::Open(link);
                self.outbox.push(Command::Opened { attempt: link.attempt });
            }
            Phase::Closing { attempt, deadline } if now >= deadline => {
                if let Some(attempt) = attempt {
                    self.outbox.push(Command::Abandon { attempt });
                }
                self.end(attempt);
            }
            Phase::Idle | Phase::Connecting { .. } | Phase::Closing { .. } | Phase::Closed => return false,
            _ => return self.come_back(now, assessment),
        }
        true
    }

    /// Whether decisions can be made: on the list in force, unless it is so old that anything else is better.
    fn has_list(&self, now: Instant) -> bool {
        let nothing_better = !self.seeds.exist() || self.seeds.all_fail() && self.fallback.is_none();
        self.selector
            .in_force()
            .is_some_and(|in_force| nothing_better || !in_force.is_expired(now))
    }

    fn fetch(&mut self, now: Instant) -> bool {
        let asked = self.seeds.ask(now, self.config.seed_timeout);
        if let Some((request, seed)) = asked {
            self.outbox.push(Command::Fetch { request, seed });
        }
        asked.is_some()
    }

    fn cancel_fetches(&mut self) {
        while let Some(request) = self.seeds.abandon() {
            self.outbox.push(Command::CancelFetch { request });
        }
    }

    fn seed_failed(&mut self, now: Instant, seed: u16, failure: SeedFailure, retry_after: Option<Duration>) {
        let hurry = !matches!(self.phase, Phase::Open(_));
        self.seeds
            .failed(now, seed, failure, retry_after, hurry, &mut self.random);
        let cause = RetryCause::Seed(failure);
        let none_answers = self.seeds.all_fail() && !self.seeds.in_flight();
        let nothing_good = |in_force: &crate::selector::InForce| in_force.is_expired(now);
        if none_answers && self.selector.in_force().is_none_or(nothing_good) {
            let spare = self.spare.take();
            let spare = spare.filter(|(list, received)| age(list, *received, now) <= CACHED_IS_USABLE);
            let spare = spare.map(|(list, received)| (list, received, false));
            let fallback = || Some((self.fallback.clone()?, Instant::LONG_AGO, true));
            if let Some((list, received, fallback)) = spare.or_else(fallback) {
                self.selector.resort_to(list, received, fallback, now);
                self.lists = self.lists.wrapping_add(1);
                self.outbox.push(Command::Resort { fallback });
            }
        }
        match self.phase {
            Phase::Listing | Phase::Checking(_) if !self.has_list(now) => {
                self.phase = Phase::Listing;
                if none_answers && failure == SeedFailure::Overloaded && retry_after.is_none() {
                    // No list to choose another server from, so at once to what follows the detour.
                    self.episode(now);
                    return self.go_to_the_back(now, cause);
                }
            }
            Phase::Checking(_) if !none_answers => {
                self.fetch(now);
            }
            Phase::Open(_) => self.ask_again_soon(),
            _ => {}
        }
        let pause = self.seeds.ready_at().map_or(Duration::ZERO, |at| at.since(now));
        self.retry(pause, cause);
    }

    /// Works its turn out anew, if it is queueing, and thinks about moving, if it is connected.
    fn list_changed(&mut self) {
        match self.phase {
            Phase::Waiting(Wait {
                what: WaitFor::Turn, ..
            }) => self.phase = Phase::Checking(Check::Queue),
            Phase::Open(_) => self.list_is_new = true,
            _ => {}
        }
    }

    /// Begins an attempt at the server of a decision.
    fn begin(&mut self, now: Instant, decision: Decision, beside: Option<MoveReason>) -> Option<Attempt> {
        let list = self.selector.in_force().map(|in_force| &*in_force.list);
        let server = list.and_then(|list| list.servers().get(decision.server))?.key;
        self.attempts = self.attempts.wrapping_add(1);
        self.decided_by = self.lists;
        let probability = decision.probability;
        let id = AttemptId(self.attempts);
        let (stage, deadline) = match self.config.credential_timeout {
            Some(timeout) => (Stage::Credentials, now + timeout),
            None => (Stage::Dialing, self.dial_deadline(now, server)),
        };
        self.outbox.push(Command::Connect {
            attempt: id,
            decision,
            beside: beside.is_some(),
        });
        Some(Attempt {
            id,
            server,
            stage,
            deadline,
            reason: beside.unwrap_or(MoveReason::Requested),
            probability,
            begun_at: now,
            has_looked: false,
            overstays: false,
            in_line: None,
        })
    }

    fn dial_deadline(&self, now: Instant, server: ServerKey) -> Instant {
        let delay = if self.config.dials_are_delayed {
            self.selector.memory.dial_delay(server, now)
        } else {
            Duration::ZERO
        };
        now + self.config.connect_timeout + delay
    }

    /// The only attempt, or the one that a decision fell on.
    fn connect(&mut self, now: Instant, decision: Decision) {
        self.postponed = false;
        if let Some(first) = self.begin(now, decision, None) {
            let hedge_at = match first.stage {
                _ if !self.config.hedge || self.is_troubled() => Instant::NEVER,
                // The time of the application is not the server's: it counts from when the attempt is under way.
                Stage::Credentials => first.deadline,
                _ => now + HEDGE_AFTER,
            };
            self.phase = Phase::Connecting { first, hedge_at };
        }
    }

    /// Gives a slow attempt company, if there is another server.
    fn hedge(&mut self, now: Instant, first: Attempt, assessment: &mut Assessment) {
        self.phase = Phase::Connecting {
            first,
            hedge_at: Instant::NEVER,
        };
        let overrides = Overrides {
            without: Some((first.server, Exclusion::Overloaded)),
            ..Overrides::default()
        };
        self.assess(now, overrides, assessment);
        if let Some(decision) = self.draw(assessment) {
            self.second = self.begin(now, decision, Some(MoveReason::Requested));
        }
    }

    /// An attempt has taken too long.
    fn give_up(&mut self, now: Instant, attempt: Attempt) {
        self.outbox.push(Command::Abandon { attempt: attempt.id });
        let why = match attempt.stage {
            Stage::Credentials => RetryCause::Credentials,
            // Begun so soon after a sleep, it hangs because of it.
            _ if self.is_own_trouble(attempt.begun_at) => RetryCause::Server(Cause::Local),
            _ => RetryCause::Server(Cause::Overload),
        };
        self.attempt_failed(now, attempt.id, why, true);
    }

    fn attempt_failed(&mut self, now: Instant, id: AttemptId, why: RetryCause, reconnect: bool) {
        let Some(&mut Attempt {
            server, stage, reason, ..
        }) = self.attempt_mut(id)
        else {
            return;
        };
        if stage == Stage::Dialing {
            self.selector.memory.refused(server, now);
        }
        let connected = self.link().is_some();
        match self.phase {
            Phase::Connecting { first, .. } if first.id == id => match self.second.take() {
                // The other one of the two goes on alone.
                Some(second) => {
                    if why != RetryCause::Server(Cause::Overload) {
                        self.put_aside(now, server, why);
                    }
                    self.phase = Phase::Connecting {
                        first: second,
                        hedge_at: Instant::NEVER,
                    };
                }
                None if reconnect => {
                    self.lost(id);
                    self.trouble(now, server, why);
                }
                None => self.end(Some(id)),
            },
            _ => {
                self.second = None;
                self.put_aside(now, server, why);
                if connected {
                    self.move_failed(now, reason);
                }
            }
        }
    }

    /// An attempt that was not the only one has failed: that is between us and the server.
    fn put_aside(&mut self, now: Instant, server: ServerKey, why: RetryCause) {
        let ours = matches!(why, RetryCause::Credentials | RetryCause::Server(Cause::Local));
        if !ours && !self.seeds.all_fail() {
            self.selector.memory.eject(server, now);
        }
    }

    /// The connection of this attempt can be used from now on.
    fn stands(&mut self, now: Instant, attempt: AttemptId) {
        match self.phase {
            Phase::Connecting { first, .. } if first.id == attempt && first.stage == Stage::Preparing => {
                self.opened_before = true;
                self.take_up(now, Link::new(first, now));
                self.outbox.push(Command::Opened { attempt });
            }
            Phase::Open(link) => {
                if let Some(second) = self
                    .second
                    .take_if(|it| it.id == attempt && it.stage == Stage::Preparing)
                {
                    self.switch(now, link, second);
                }
            }
            _ => {}
        }
    }

    fn lost(&mut self, attempt: AttemptId) {
        self.outbox.push(Command::Lost {
            attempt: Some(attempt),
            is_final: false,
            moved: None,
        });
    }

    fn retry(&mut self, delay: Duration, cause: RetryCause) {
        let attempt = self.failures();
        self.outbox.push(Command::Retry(Retry { delay, cause, attempt }));
    }

    /// Leaves whatever stands or is under way beside the connection or the first attempt.
    fn abandon_others(&mut self) {
        self.departure = None;
        let second = self.second.take().map(|second| second.id);
        let old = self.old.take().map(|old| old.link.attempt);
        for attempt in second.into_iter().chain(old) {
            self.outbox.push(Command::Abandon { attempt });
        }
    }

    fn end(&mut self, attempt: Option<AttemptId>) {
        self.abandon_others();
        self.cancel_fetches();
        self.unwatch();
        self.phase = Phase::Closed;
        self.outbox.push(Command::Lost {
            attempt,
            is_final: true,
            moved: None,
        });
    }
}
