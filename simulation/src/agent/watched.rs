//! The core under watch: after everything that happens to it, what must always hold is checked. A violation is a panic, as
//! in tests; [`crate::schedules`] catches it.

use std::collections::VecDeque;
use std::sync::Arc;

use evenkeel::RequestId;
use evenkeel::cause::is_final;
use evenkeel::client::{AttemptId, Command, Config, MoveReason, RetryCause, State};
use evenkeel::list::{Server, ServerList};
use evenkeel::time::{Duration, Instant};

use super::core::pass_on;
use super::{Act, Agent, News};
use crate::plan::Application;
use crate::seed;
use crate::seen::{Seen, What};
use crate::watched::Watched as Model;

/// No client connects more often than this in a window, however bad the world: so often, and so often for each server. A
/// server that refuses is left alone until nothing is eligible any more. That ends a round, and the waits between two grow by
/// two fifths, from between 0.5 and 1 s to between 2.5 and 5 s: with all luck seven begin within ten seconds.
const WINDOW: Duration = Duration::from_secs(10.0);
const ATTEMPTS: usize = 12;
const ATTEMPTS_BY_SERVER: usize = 7;

/// A client under watch.
pub struct Watched {
    pub(super) model: Model,
    commands: VecDeque<Command>,
    attempts: VecDeque<Instant>,
    told: State,
    is_of_key: bool,
    /// The application has closed it, or a server has said that no other will fare better.
    may_end: bool,
}

/// What all of them share.
#[derive(Debug)]
pub struct WatchedShared {
    /// What they are set to.
    pub config: Config,
    /// Of an earlier visit.
    pub cached: Option<Arc<ServerList>>,
    /// The application's own.
    pub fallback: Option<Arc<ServerList>>,
    /// What they have gone through.
    pub seen: Seen,
}

impl Watched {
    /// Notes what the client has commanded, and has it carried out.
    pub(super) fn take(&mut self, seen: &mut Seen, now: Instant, commands: Vec<Command>) {
        for command in commands {
            self.note(seen, now, command);
            self.commands.push_back(command);
        }
    }

    /// Tells the client something; what it commands is still to be taken.
    pub(super) fn told(&mut self, now: Instant, news: News<'_>) -> Vec<Command> {
        let model = &mut self.model;
        match news {
            News::Start => model.start(now),
            News::Tick => model.wake(now),
            News::List { request, edition } => model.list(now, RequestId(request), edition.list.clone()),
            News::ListFailed { request, failure } => model.list_failed(now, RequestId(request), failure, None),
            News::Opened { attempt } => model.opened(now, AttemptId(attempt)),
            News::NoCredentials { attempt } => model.credentials_failed(now, AttemptId(attempt)),
            News::Closed { attempt, code } => self.closed(now, AttemptId(attempt), code, !is_final(code)),
            News::Application(Application::Close) => {
                self.may_end = true;
                model.close(now)
            }
            News::Application(Application::Reconnect) => model.reconnect(now),
            other => model.tell(now, |client| pass_on(client, now, other)),
        }
    }

    /// A connection has ended, or an attempt failed, and the application wants to come back or not.
    pub(super) fn closed(&mut self, now: Instant, attempt: AttemptId, code: u16, reconnect: bool) -> Vec<Command> {
        let model = &mut self.model;
        // Of one that is over already, or lingers, no code says anything.
        let counts =
            model.connection() == Some(attempt) || model.connection().is_none() && model.sockets().contains(&attempt);
        self.may_end |= counts && !reconnect;
        model.closed(now, attempt, code, reconnect)
    }

    /// What is to be carried out next, if anything.
    pub(super) fn next_act(&mut self) -> Option<Act> {
        loop {
            let act = match self.commands.pop_front()? {
                Command::Fetch { request, .. } => Act::Fetch { request: request.0 },
                Command::Connect { attempt, decision, .. } => {
                    let list = &self.model.client.selector().in_force()?.list;
                    let server = seed::position(&list.servers().get(decision.server)?.url)?;
                    Act::Connect {
                        attempt: attempt.0,
                        server,
                    }
                }
                Command::Prepare { attempt } => Act::Prepare { attempt: attempt.0 },
                Command::Beat { attempt } => Act::Beat { attempt: attempt.0 },
                Command::Close { attempt } | Command::Retire { attempt } => Act::Close { attempt: attempt.0 },
                Command::Abandon { attempt } => Act::Abandon { attempt: attempt.0 },
                Command::Migrated { .. } | Command::Lost { moved: Some(_), .. } => Act::Move,
                _ => continue,
            };
            return Some(act);
        }
    }

    fn note(&mut self, seen: &mut Seen, now: Instant, command: Command) {
        seen.count(What::Command(name_of(&command)));
        match command {
            Command::State(state) => {
                seen.count(What::Transition(self.told.name(), state.name()));
                self.told = state;
            }
            Command::Retry(retry) => seen.count(What::Cause(retry.cause.name())),
            Command::Migrated { reason, .. } => seen.count(What::Move(reason.name())),
            Command::Lost {
                moved: Some(reason), ..
            } => seen.count(What::Move(reason.name())),
            Command::Lost { is_final: true, .. } => assert!(self.may_end, "it gave up"),
            Command::Connect { .. } => {
                self.attempts.push_back(now);
                while self.attempts.front().is_some_and(|&first| first + WINDOW < now) {
                    self.attempts.pop_front();
                }
                let servers = self.model.client.selector().in_force();
                let servers = servers.map_or(0, |in_force| in_force.list.servers().len());
                assert!(
                    self.attempts.len() <= ATTEMPTS + ATTEMPTS_BY_SERVER * servers,
                    "{} attempts at {servers} servers within {WINDOW:?}",
                    self.attempts.len()
                );
            }
            _ => {}
        }
    }

    /// What must hold once all has been well for long, since `well`: it is connected, to the best group.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn assert_recovered(&self, well: Instant) {
        let client = &self.model.client;
        let state = client.state();
        if self.may_end {
            assert!(
                matches!(state, State::Closed | State::Open),
                "neither over nor open, but {}",
                state.name()
            );
            return;
        }
        assert_eq!(state, State::Open, "not back");
        let list = client.selector().in_force().map(|in_force| &in_force.list);
        let own = client.server().and_then(|key| list?.server(key));
        let deters = |server: &Server| {
            let record = client.selector().memory.record(server.key);
            record.is_some_and(|record| record.deters(well))
        };
        let servers = || list.into_iter().flat_map(|list| list.servers());
        let better = || servers().filter(|server| own.is_none_or(|own| server.priority < own.priority));
        // Those of a key go to where it meets, or stay.
        let goes_anywhere = !self.is_of_key;
        let better = (goes_anywhere || !better().any(deters))
            .then(|| better().find(|server| server.offered() && !deters(server)))
            .flatten();
        assert!(
            better.is_none(),
            "it stays on {:?} behind {:?}",
            own.map(|own| &own.id),
            better.map(|better| &better.id)
        );
    }
}

impl Agent for Watched {
    type Shared = WatchedShared;

    fn new(shared: &WatchedShared, random_seed: u64) -> Self {
        let mut model = Model::new(shared.config, random_seed);
        if let Some(list) = &shared.cached {
            // From an hour before the clock's origin.
            let before = Instant::from_millis(-3_600_000.0);
            model
                .client
                .handle_cached_list(Instant::from_millis(0.0), before, list.clone());
        }
        if let Some(list) = &shared.fallback {
            model.client.handle_fallback_list(list.clone());
        }
        Self {
            model,
            commands: VecDeque::new(),
            attempts: VecDeque::new(),
            told: State::Idle,
            is_of_key: shared.config.affinity.is_some(),
            may_end: false,
        }
    }

    fn tell(&mut self, shared: &mut WatchedShared, now: Instant, news: News<'_>) {
        let commands = self.told(now, news);
        self.take(&mut shared.seen, now, commands);
    }

    fn act(&mut self, _: &mut WatchedShared, _: Instant) -> Option<Act> {
        self.next_act()
    }

    fn due(&self) -> Instant {
        self.model.client.poll_timeout().unwrap_or(Instant::NEVER)
    }

    fn is_open(&self) -> bool {
        matches!(self.model.client.state(), State::Open | State::Migrating)
    }
}

fn name_of(command: &Command) -> &'static str {
    match command {
        Command::State(_) => "state",
        Command::Fetch { .. } => "fetch",
        Command::Watch { .. } => "watch",
        Command::CancelFetch { .. } => "cancel-fetch",
        Command::Resort { fallback: true } => "resort-to-fallback",
        Command::Resort { fallback: false } => "resort-to-cache",
        Command::Connect { beside: true, .. } => "connect-beside",
        Command::Connect { .. } => "connect",
        Command::Prepare { .. } => "prepare",
        Command::Opened { .. } => "opened",
        Command::Migrated { .. } => "migrated",
        Command::Beat { .. } => "beat",
        Command::Close { .. } => "close",
        Command::Retire { .. } => "retire",
        Command::Abandon { .. } => "abandon",
        Command::Lost { is_final: true, .. } => "lost-for-good",
        Command::Lost { moved: Some(_), .. } => "left",
        Command::Lost { .. } => "lost",
        Command::Retry(_) => "retry",
    }
}

/// All that a client can go through, but for how its state changes.
pub(crate) fn all_there_is() -> Vec<What> {
    const COMMANDS: [&str; 18] = [
        "state",
        "fetch",
        "cancel-fetch",
        "resort-to-fallback",
        "resort-to-cache",
        "connect-beside",
        "connect",
        "prepare",
        "opened",
        "migrated",
        "beat",
        "close",
        "retire",
        "abandon",
        "lost-for-good",
        "left",
        "lost",
        "retry",
    ];
    let commands = COMMANDS.map(What::Command).into_iter();
    let causes = RetryCause::ALL.map(|cause| What::Cause(cause.name())).into_iter();
    let moves = MoveReason::ALL.map(|reason| What::Move(reason.name())).into_iter();
    commands.chain(causes).chain(moves).collect()
}
