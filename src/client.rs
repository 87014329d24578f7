//! The connection: seed → list → decision → attempt → open → loss → cause → delay → decision again.
//!
//! [`Client`] is a state machine without I/O. A driver tells it what happened (`handle_*`, with the time), then drains it:
//! [`poll`](Client::poll) until `None`, carrying out each [`Command`], and wakes it again at
//! [`poll_timeout`](Client::poll_timeout). Every attempt and every request has an id, and what comes late for one that is
//! over is ignored.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::mem;

use crate::cause::{Cause, SeedFailure};
use crate::decision::Assessment;
use crate::list::{ServerKey, ServerList};
use crate::queue::Episode;
use crate::random::Random;
use crate::seeds::{RequestId, Seeds, wish_to_stay_away};
use crate::selector::{Decision, Overrides, Selector};
use crate::time::{Duration, Instant};

/// An overloaded server's clients try another one, once, within this.
const OVERLOAD_DETOUR: Duration = Duration::from_secs(2.0);
/// While queueing, a list is asked for no more often than this, and than ten times a queue.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1.0);
const REFRESHES_PER_QUEUE: f64 = 10.0;
const REFRESH_JITTER: (f64, f64) = (0.8, 1.2);
/// The close event of a connection that never stood comes in a later task, as the standard has it.
const LATER_TASK: Duration = Duration::from_millis(1.0);

/// Names one attempt to connect, and the connection that comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptId(pub u32);

/// What a client is set to.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The number of seeds; 0 for a fixed list, which must be given before the start: nobody else would bring one.
    pub seeds: u16,
    /// How long a seed may take to answer.
    pub seed_timeout: Duration,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long a connection must last to count as a success.
    pub min_uptime: Duration,
    /// How long the closing handshake may take.
    pub close_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seeds: 1,
            seed_timeout: Duration::from_secs(5.0),
            connect_timeout: Duration::from_secs(10.0),
            min_uptime: Duration::from_secs(30.0),
            close_timeout: Duration::from_secs(5.0),
        }
    }
}

/// Where a client stands, as the application sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not told to start yet.
    Idle,
    /// On the way to its first connection.
    Connecting,
    /// Connected.
    Open,
    /// On the way back.
    Reconnecting,
    /// The application has closed it, and the closing handshake is under way.
    Closing,
    /// Over for good.
    Closed,
}

impl State {
    /// The name that applications see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Reconnecting => "reconnecting",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

/// What a driver is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// Tell the application that the state is another one.
    State(State),
    /// Ask this seed for the list.
    Fetch {
        /// Comes back with the answer.
        request: RequestId,
        /// Its position among the seeds.
        seed: u16,
    },
    /// Abort this request; its answer is not wanted any more.
    CancelFetch {
        /// The request.
        request: RequestId,
    },
    /// Open a connection to the server the decision fell on; [`Assessment`] still holds its probabilities.
    Connect {
        /// Comes back with everything that happens to the connection.
        attempt: AttemptId,
        /// The decision.
        decision: Decision,
    },
    /// Tell the application that the connection stands.
    Opened {
        /// The connection.
        attempt: AttemptId,
    },
    /// Begin the closing handshake with what the application gave as code and reason.
    Close {
        /// The connection.
        attempt: AttemptId,
    },
    /// Drop this attempt or connection at once, without waiting for anything.
    Abandon {
        /// The attempt.
        attempt: AttemptId,
    },
    /// Tell the application that the connection is lost or the attempt has failed.
    Lost {
        /// It is over for good.
        is_final: bool,
    },
    /// Tell the application that there will be another try.
    Retry(Retry),
}

/// Another try, some time from now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// The wait before it, as far as is known now: newer lists may shorten or lengthen it.
    pub delay: Duration,
    /// What made it necessary.
    pub cause: RetryCause,
    /// The losses and failed attempts of this episode.
    pub attempt: u32,
}

/// What makes another try necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryCause {
    /// Trouble with a server.
    Server(Cause),
    /// No list from a seed.
    Seed(SeedFailure),
    /// No server is eligible.
    NothingEligible,
}

impl RetryCause {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Server(Cause::Overload),
        Self::Server(Cause::SentAway),
        Self::Server(Cause::Refused),
        Self::Server(Cause::ShortLived),
        Self::Server(Cause::Crash),
        Self::Seed(SeedFailure::Timeout),
        Self::Seed(SeedFailure::Unreachable),
        Self::Seed(SeedFailure::Overloaded),
        Self::Seed(SeedFailure::Status),
        Self::Seed(SeedFailure::BadList),
        Self::NothingEligible,
    ];

    /// The stable name that applications see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server(cause) => cause.name(),
            Self::Seed(failure) => failure.name(),
            Self::NothingEligible => "nothing-eligible",
        }
    }
}

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
        attempt: AttemptId,
        server: ServerKey,
        deadline: Instant,
    },
    Open {
        attempt: AttemptId,
        server: ServerKey,
        since: Instant,
    },
    Closing {
        attempt: Option<AttemptId>,
        deadline: Instant,
    },
    Closed,
}

/// What a look at the list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// A newer list came while it waits its turn.
    Queue,
    /// Its turn has come.
    Turn,
    /// A pause is over.
    Pause,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Wait {
    until: Instant,
    what: WaitFor,
    /// When to ask for a newer list meanwhile, and how often on average.
    refresh_at: Instant,
    refresh_every: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitFor {
    /// Its turn in the queue, worked out anew with every list.
    Turn,
    /// The detour around an overloaded server: goes without looking at the list again.
    Detour,
    /// A pause: nothing was eligible.
    Pause,
    /// A later task: the application wants to begin anew.
    Task,
}

/// One persistent connection that chooses its own server.
#[derive(Debug)]
pub struct Client {
    config: Config,
    selector: Selector,
    random: Random,
    seeds: Seeds,
    phase: Phase,
    episode: Option<Episode>,
    attempts: u32,
    opened_before: bool,
    /// Left out of the next decision.
    detour_around: Option<ServerKey>,
    told: State,
    outbox: VecDeque<Command>,
}

impl Client {
    /// A client in the state `idle`. `random_seed` comes from a cryptographic source, or is fixed to make its draws
    /// reproducible.
    pub fn new(config: Config, random_seed: u64) -> Self {
        Self {
            config,
            selector: Selector::default(),
            random: Random::new(random_seed),
            seeds: Seeds::new(config.seeds),
            phase: Phase::Idle,
            episode: None,
            attempts: 0,
            opened_before: false,
            detour_around: None,
            told: State::Idle,
            outbox: VecDeque::new(),
        }
    }

    /// Where the client stands.
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Idle => State::Idle,
            Phase::Open { .. } => State::Open,
            Phase::Closing { .. } => State::Closing,
            Phase::Closed => State::Closed,
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
            Phase::Connecting { server, .. } | Phase::Open { server, .. } => Some(server),
            _ => None,
        }
    }

    /// When the present connection opened.
    pub fn open_since(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { since, .. } => Some(since),
            _ => None,
        }
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

    /// Works out every server's probability as it is now.
    pub fn assess(&self, now: Instant, overrides: Overrides<'_>, assessment: &mut Assessment) -> bool {
        let overloaded = overrides.overloaded.or(self.detour_around);
        self.selector.assess(
            now,
            Overrides {
                overloaded,
                ..overrides
            },
            assessment,
        )
    }

    /// Draws by an assessment made on the list in force; `None` if nothing is eligible.
    pub fn draw(&mut self, assessment: &Assessment) -> Option<Decision> {
        self.selector.draw(assessment, &mut self.random)
    }

    /// Leaves `idle`. Without effect in any other state.
    pub fn handle_start(&mut self) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Listing;
        }
    }

    /// A list that did not come from a seed: the application's own. False if it is older than the one in force.
    pub fn handle_given_list(&mut self, now: Instant, list: Arc<ServerList>) -> bool {
        let accepted = self.selector.update(list, now);
        self.list_changed();
        accepted
    }

    /// A seed's list. False if it comes late, or is older than the one in force: then it is ignored.
    pub fn handle_list(&mut self, now: Instant, request: RequestId, list: Arc<ServerList>) -> bool {
        if !self.seeds.settle(request) {
            return false;
        }
        self.seeds.succeeded();
        self.handle_given_list(now, list)
    }

    /// A seed gave no list; `retry_after` is its wish, if it had one.
    pub fn handle_list_failed(
        &mut self,
        now: Instant,
        request: RequestId,
        failure: SeedFailure,
        retry_after: Option<Duration>,
    ) {
        if self.seeds.settle(request) {
            self.seed_failed(now, failure, retry_after.and_then(wish_to_stay_away));
        }
    }

    /// The connection of this attempt stands.
    pub fn handle_open(&mut self, now: Instant, attempt: AttemptId) {
        if let Phase::Connecting {
            attempt: current,
            server,
            ..
        } = self.phase
            && current == attempt
        {
            self.opened_before = true;
            self.phase = Phase::Open {
                attempt,
                server,
                since: now,
            };
            self.outbox.push_back(Command::Opened { attempt });
        }
    }

    /// The attempt failed or its connection ended. `code` is the close code, `reconnect` whether the application wants to
    /// come back after it ([`is_final`](crate::cause::is_final) is the default's other half).
    pub fn handle_closed(&mut self, now: Instant, attempt: AttemptId, code: u16, reconnect: bool) {
        let (server, cause) = match self.phase {
            Phase::Connecting {
                attempt: current,
                server,
                ..
            } if current == attempt => (server, Cause::Refused),
            Phase::Open {
                attempt: current,
                server,
                since,
            } if current == attempt => {
                self.end_episode_if_stable(now);
                let cause = Cause::of_close(code, now.since(since), self.config.min_uptime);
                (server, cause)
            }
            Phase::Closing {
                attempt: Some(current), ..
            } if current == attempt => return self.end(),
            _ => return,
        };
        if reconnect {
            self.outbox.push_back(Command::Lost { is_final: false });
            self.trouble(now, server, cause);
        } else {
            self.end();
        }
    }

    /// The application closes for good. Without effect after the first time.
    pub fn handle_close(&mut self, now: Instant) {
        let attempt = match self.phase {
            Phase::Closing { .. } | Phase::Closed => return,
            Phase::Open { attempt, .. } => {
                self.outbox.push_back(Command::Close { attempt });
                Some(attempt)
            }
            Phase::Connecting { attempt, .. } => {
                self.outbox.push_back(Command::Abandon { attempt });
                None
            }
            _ => None,
        };
        self.cancel_fetch();
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
        match self.phase {
            Phase::Idle => return self.handle_start(),
            Phase::Closing { .. } | Phase::Closed => return,
            Phase::Connecting { attempt, .. } | Phase::Open { attempt, .. } => {
                self.outbox.push_back(Command::Abandon { attempt });
                self.outbox.push_back(Command::Lost { is_final: false });
            }
            Phase::Listing | Phase::Queueing(_) | Phase::Waiting(_) | Phase::Checking(_) | Phase::Deciding => {}
        }
        self.seeds.end_pause();
        self.phase = Phase::Waiting(Wait {
            until: now + LATER_TASK,
            what: WaitFor::Task,
            refresh_every: Duration::ZERO,
            refresh_at: Instant::NEVER,
        });
    }

    /// When to call [`poll`](Self::poll) again, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Listing => self.seeds.ready_at(),
            Phase::Waiting(wait) => {
                let refresh = self
                    .seeds
                    .ready_at()
                    .map_or(Instant::NEVER, |at| at.max(wait.refresh_at));
                Some(refresh.min(wait.until))
            }
            Phase::Connecting { deadline, .. } | Phase::Closing { deadline, .. } => Some(deadline),
            Phase::Open { since, .. } if self.episode.is_some() => Some(since + self.config.min_uptime),
            _ => None,
        };
        match (phase, self.seeds.deadline()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
        .filter(|&at| at < Instant::NEVER)
    }

    /// The next thing to do, if there is any now. `assessment` is working space; after [`Command::Connect`] it holds the
    /// probabilities that the decision was drawn from.
    pub fn poll(&mut self, now: Instant, assessment: &mut Assessment) -> Option<Command> {
        loop {
            let state = self.state();
            if self.told != state {
                self.told = state;
                return Some(Command::State(state));
            }
            match self.outbox.pop_front() {
                // Whoever was told of the state may have ended the connection before hearing that it stands.
                Some(Command::Opened { .. }) if state != State::Open => continue,
                Some(command) => return Some(command),
                None => {}
            }
            if !self.advance(now, assessment) {
                return None;
            }
        }
    }

    /// Takes the one step that is due. False if none is.
    fn advance(&mut self, now: Instant, assessment: &mut Assessment) -> bool {
        if self.seeds.deadline().is_some_and(|deadline| now >= deadline) {
            self.cancel_fetch();
            self.seed_failed(now, SeedFailure::Timeout, None);
            return true;
        }
        match self.phase {
            Phase::Listing if self.selector.in_force().is_some() => self.phase = Phase::Deciding,
            Phase::Listing => return self.fetch(now),
            Phase::Queueing(why) => {
                let turn = self.queue(now, true, assessment);
                self.retry(turn.since(now), why);
            }
            Phase::Waiting(wait) if now >= wait.until => {
                let stale = self.selector.in_force().is_some_and(|in_force| !in_force.is_fresh(now));
                if matches!(wait.what, WaitFor::Turn | WaitFor::Pause) {
                    self.fetch(now);
                }
                self.phase = match wait.what {
                    WaitFor::Turn => Phase::Checking(Check::Turn),
                    WaitFor::Pause => Phase::Checking(Check::Pause),
                    WaitFor::Detour => Phase::Deciding,
                    // Nobody knows how long ago it was last looked at.
                    WaitFor::Task if stale => {
                        self.fetch(now);
                        Phase::Checking(Check::Pause)
                    }
                    WaitFor::Task => Phase::Listing,
                };
            }
            Phase::Waiting(wait) if now >= wait.refresh_at => return self.refresh(now, wait),
            Phase::Checking(_) if self.seeds.in_flight() => return false,
            Phase::Checking(check) => self.go_or_wait_on(now, check, assessment),
            Phase::Deciding => self.decide(now, assessment),
            Phase::Connecting {
                attempt,
                server,
                deadline,
            } if now >= deadline => {
                self.outbox.push_back(Command::Abandon { attempt });
                self.outbox.push_back(Command::Lost { is_final: false });
                self.trouble(now, server, Cause::Overload);
            }
            Phase::Open { .. } => return self.end_episode_if_stable(now),
            Phase::Closing { attempt, deadline } if now >= deadline => {
                if let Some(attempt) = attempt {
                    self.outbox.push_back(Command::Abandon { attempt });
                }
                self.end();
            }
            _ => return false,
        }
        true
    }

    /// A connection that has lasted ends the episode, even if the timer that would have said so comes late.
    fn end_episode_if_stable(&mut self, now: Instant) -> bool {
        let stable = match self.phase {
            Phase::Open { since, .. } => self.episode.is_some() && now >= since + self.config.min_uptime,
            _ => false,
        };
        if stable {
            self.episode = None;
            self.selector.report_success();
        }
        stable
    }

    fn fetch(&mut self, now: Instant) -> bool {
        let asked = self.seeds.ask(now, self.config.seed_timeout);
        if let Some((request, seed)) = asked {
            self.outbox.push_back(Command::Fetch { request, seed });
        }
        asked.is_some()
    }

    fn cancel_fetch(&mut self) {
        if let Some(request) = self.seeds.abandon() {
            self.outbox.push_back(Command::CancelFetch { request });
        }
    }

    fn seed_failed(&mut self, now: Instant, failure: SeedFailure, retry_after: Option<Duration>) {
        let turn_over = self.seeds.failed(now, retry_after, &mut self.random);
        let cause = RetryCause::Seed(failure);
        let last_serves_on = self.selector.in_force().is_some();
        if !last_serves_on && matches!(self.phase, Phase::Listing | Phase::Checking(_)) {
            self.phase = Phase::Listing;
            if turn_over && failure == SeedFailure::Overloaded && retry_after.is_none() {
                // No list to choose another server from, so at once to what follows the detour.
                self.episode(now);
                return self.go_to_the_back(now, cause);
            }
        }
        let pause = self.seeds.ready_at().map_or(Duration::ZERO, |at| at.since(now));
        self.retry(pause, cause);
    }

    /// Works its turn out anew, if it is queueing.
    fn list_changed(&mut self) {
        if let Phase::Waiting(Wait {
            what: WaitFor::Turn, ..
        }) = self.phase
        {
            self.phase = Phase::Checking(Check::Queue);
        }
    }

    /// The present episode; begins one if all was well so far.
    fn episode(&mut self, now: Instant) -> &mut Episode {
        let users_before = self.selector.listed_users(now);
        let episode = self.episode.get_or_insert_with(|| Episode::new(now, &mut self.random));
        episode.users_were(users_before);
        episode
    }

    /// The table of causes: who is out, and what the wait is for.
    fn trouble(&mut self, now: Instant, server: ServerKey, cause: Cause) {
        self.episode(now);
        self.selector.report_failure(server, cause, self.seeds.answer(), now);
        self.detour_around = None;

        let why = RetryCause::Server(cause);
        if cause == Cause::Overload {
            if mem::replace(&mut self.episode(now).overloaded, true) {
                self.go_to_the_back(now, why);
            } else {
                self.detour_around = Some(server);
                let delay = self.random.jitter(OVERLOAD_DETOUR);
                self.wait(now, delay, WaitFor::Detour, why);
            }
            return;
        }
        self.episode(now).queue_from(now);
        self.phase = Phase::Queueing(why);
    }

    fn go_to_the_back(&mut self, now: Instant, why: RetryCause) {
        if let Some(episode) = &mut self.episode {
            episode.send_to_back(&self.selector, now, &mut self.random);
        }
        self.phase = Phase::Queueing(why);
    }

    /// Waits for its turn in the queue, as the list in force has it. Meanwhile a newer list is asked for now and then:
    /// for the first time at any point of the usual span, so that those who were thrown out together do not ask together.
    fn queue(&mut self, now: Instant, first: bool, assessment: &mut Assessment) -> Instant {
        self.assess(now, Overrides::default(), assessment);
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
            Check::Queue | Check::Pause => Duration::ZERO,
        };
        if self.selector.in_force().is_none() {
            self.phase = Phase::Listing;
        } else if check == Check::Pause || self.queue(now, false, assessment) <= now + early {
            self.phase = Phase::Deciding;
        }
    }

    fn decide(&mut self, now: Instant, assessment: &mut Assessment) {
        self.assess(now, Overrides::default(), assessment);
        let detour = self.detour_around.take().is_some();
        match self.draw(assessment) {
            Some(decision) => self.connect(now, decision),
            None if detour => self.go_to_the_back(now, RetryCause::Server(Cause::Overload)),
            None => self.nothing_eligible(now),
        }
    }

    fn connect(&mut self, now: Instant, decision: Decision) {
        let list = self.selector.in_force().map(|in_force| &*in_force.list);
        let Some(server) = list.and_then(|list| list.servers().get(decision.server)) else {
            return;
        };
        self.attempts = self.attempts.wrapping_add(1);
        let attempt = AttemptId(self.attempts);
        self.phase = Phase::Connecting {
            attempt,
            server: server.key,
            deadline: now + self.config.connect_timeout,
        };
        self.outbox.push_back(Command::Connect { attempt, decision });
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
        self.selector.memory.forgive();
        if let Some(episode) = &mut self.episode {
            let delay = episode.round_wait(&self.selector, now, &mut self.random);
            self.wait(now, delay, WaitFor::Pause, RetryCause::NothingEligible);
        }
    }

    fn wait(&mut self, now: Instant, delay: Duration, what: WaitFor, why: RetryCause) {
        self.phase = Phase::Waiting(Wait {
            until: now + delay,
            what,
            refresh_every: Duration::ZERO,
            refresh_at: Instant::NEVER,
        });
        self.retry(delay, why);
    }

    fn retry(&mut self, delay: Duration, cause: RetryCause) {
        let attempt = self.failures();
        self.outbox.push_back(Command::Retry(Retry { delay, cause, attempt }));
    }

    fn end(&mut self) {
        self.cancel_fetch();
        self.phase = Phase::Closed;
        self.outbox.push_back(Command::Lost { is_final: true });
    }
}
