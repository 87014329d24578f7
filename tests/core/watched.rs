//! A client under watch: it is drained after every input, and what must hold at every step is checked at every step.

use std::sync::Arc;

use evenkeel::RequestId;
use evenkeel::cause::SeedFailure;
use evenkeel::client::{AttemptId, Client, Command, Config, State};
use evenkeel::decision::Assessment;
use evenkeel::list::ServerList;
use evenkeel::selector::Reason;
use evenkeel::time::{Duration, Instant};

/// More commands than any single input may cause.
const MOST_COMMANDS: usize = 16;
/// More wake-ups than a client that is not spinning needs in a second.
const MOST_WAKES_A_SECOND: u32 = 60;
/// No wait that is announced is longer: an hour that a seed asked for, and half of that for jitter.
const LONGEST_WAIT: Duration = Duration::from_secs(5_400.0);

pub(crate) struct Watched {
    pub(crate) client: Client,
    pub(crate) assessment: Assessment,
    /// The attempt that is under way or open, as far as a driver knows.
    live: Option<(AttemptId, bool)>,
    asked: Option<RequestId>,
    told: State,
    /// It has said its last word.
    ended: bool,
    wakes: (f64, u32),
}

impl Watched {
    pub(crate) fn new(config: Config, random_seed: u64) -> Self {
        Self {
            client: Client::new(config, random_seed),
            assessment: Assessment::default(),
            live: None,
            asked: None,
            told: State::Idle,
            ended: false,
            wakes: (0.0, 0),
        }
    }

    pub(crate) fn live(&self) -> Option<AttemptId> {
        self.live.map(|(attempt, _)| attempt)
    }

    pub(crate) fn asked(&self) -> Option<RequestId> {
        self.asked
    }

    pub(crate) fn start(&mut self, now: Instant) -> Vec<Command> {
        self.client.handle_start();
        self.drain(now)
    }

    pub(crate) fn given_list(&mut self, now: Instant, list: Arc<ServerList>) -> Vec<Command> {
        self.client.handle_given_list(now, list);
        self.drain(now)
    }

    pub(crate) fn list(&mut self, now: Instant, request: RequestId, list: Arc<ServerList>) -> Vec<Command> {
        let late = self.asked != Some(request);
        self.settle(request);
        let accepted = self.client.handle_list(now, request, list);
        assert!(!(late && accepted), "a late list was accepted");
        self.drain(now)
    }

    pub(crate) fn list_failed(
        &mut self,
        now: Instant,
        request: RequestId,
        failure: SeedFailure,
        retry_after: Option<Duration>,
    ) -> Vec<Command> {
        self.settle(request);
        self.client.handle_list_failed(now, request, failure, retry_after);
        self.drain(now)
    }

    pub(crate) fn opened(&mut self, now: Instant, attempt: AttemptId) -> Vec<Command> {
        self.client.handle_open(now, attempt);
        self.drain(now)
    }

    pub(crate) fn closed(&mut self, now: Instant, attempt: AttemptId, code: u16, reconnect: bool) -> Vec<Command> {
        if self.live() == Some(attempt) {
            self.live = None;
        }
        self.client.handle_closed(now, attempt, code, reconnect);
        self.drain(now)
    }

    pub(crate) fn close(&mut self, now: Instant) -> Vec<Command> {
        self.client.handle_close(now);
        self.drain(now)
    }

    pub(crate) fn reconnect(&mut self, now: Instant) -> Vec<Command> {
        self.client.handle_reconnect(now);
        self.drain(now)
    }

    /// The timer fired.
    pub(crate) fn wake(&mut self, now: Instant) -> Vec<Command> {
        let second = (now.as_millis() / 1000.0).floor();
        self.wakes = if self.wakes.0 == second {
            (second, self.wakes.1 + 1)
        } else {
            (second, 1)
        };
        assert!(
            self.wakes.1 <= MOST_WAKES_A_SECOND,
            "the client spins: {:?}",
            self.client
        );
        self.drain(now)
    }

    fn settle(&mut self, request: RequestId) {
        if self.asked == Some(request) {
            self.asked = None;
        }
    }

    fn drain(&mut self, now: Instant) -> Vec<Command> {
        let mut commands = Vec::new();
        while let Some(command) = self.client.poll(now, &mut self.assessment) {
            self.check(command);
            commands.push(command);
            assert!(commands.len() <= MOST_COMMANDS, "never quiet: {commands:?}");
        }
        let state = self.client.state();
        assert_eq!(state, self.told, "the state changed untold");
        let open = self.live.is_some_and(|(_, open)| open);
        assert!(open || state != State::Open, "open without a connection: {commands:?}");
        assert!(
            !open || matches!(state, State::Open | State::Closing),
            "a connection is forgotten: {commands:?}"
        );
        if state == State::Closed {
            assert_eq!(
                (self.live, self.asked),
                (None, None),
                "something is left over: {commands:?}"
            );
            self.ended = true;
        }
        match self.client.poll_timeout() {
            Some(at) => assert!(at > now, "drained, yet due {at:?} at {now:?}: {:?}", self.client),
            None => assert!(
                matches!(state, State::Idle | State::Open | State::Closed) && self.asked.is_none(),
                "waits for nothing: {:?}",
                self.client
            ),
        }
        commands
    }

    fn check(&mut self, command: Command) {
        assert!(!self.ended, "{command:?} after the end");
        match command {
            Command::State(state) => {
                assert_ne!(state, self.told, "told twice");
                assert_eq!(state, self.client.state());
                self.told = state;
            }
            Command::Fetch { request, .. } => {
                assert_eq!(self.asked, None, "two requests at a time");
                self.asked = Some(request);
            }
            Command::CancelFetch { request } => {
                assert_eq!(self.asked, Some(request), "cancelled what was not asked");
                self.asked = None;
            }
            Command::Connect { attempt, decision } => {
                assert_eq!(self.live, None, "two attempts at a time");
                self.live = Some((attempt, false));
                let candidate = self.assessment.candidates[decision.server];
                if decision.reason == Reason::Guess {
                    assert!(self.assessment.candidates.iter().all(|one| one.probability == 0.0));
                } else {
                    assert_eq!(candidate.excluded, None, "chose an excluded server");
                    assert_eq!(candidate.probability, decision.probability);
                    let sum: f64 = self.assessment.candidates.iter().map(|one| one.probability).sum();
                    assert!((sum - 1.0).abs() < 1e-6, "probabilities add up to {sum}");
                }
                assert!(decision.probability > 0.0 && decision.probability <= 1.0 + 1e-9);
                let list = &self.client.selector().in_force().unwrap().list;
                assert_eq!(self.client.server(), Some(list.servers()[decision.server].key));
            }
            Command::Opened { attempt } => {
                assert_eq!(self.live, Some((attempt, false)), "opened what is not under way");
                self.live = Some((attempt, true));
            }
            Command::Close { attempt } => assert_eq!(self.live(), Some(attempt), "closes what is over"),
            Command::Abandon { attempt } => {
                assert_eq!(self.live(), Some(attempt), "abandons what is over");
                self.live = None;
            }
            Command::Lost { .. } => assert_eq!(self.live, None, "lost, yet still there"),
            Command::Retry(retry) => {
                assert!(
                    retry.delay >= Duration::ZERO && retry.delay <= LONGEST_WAIT,
                    "{retry:?}"
                );
            }
        }
    }
}
