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

/// How far a socket is, as its driver knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    UnderWay,
    Preparing,
    /// The application sends on it.
    Live,
    /// Another one has taken its place, and it still delivers.
    Replaced,
    /// Its closing handshake has begun.
    Closing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Socket {
    attempt: AttemptId,
    stage: Stage,
}

pub(crate) struct Watched {
    pub(crate) client: Client,
    pub(crate) assessment: Assessment,
    /// The attempts that are under way or open, as far as a driver knows, the one that counts last.
    sockets: Vec<Socket>,
    asked: Vec<RequestId>,
    /// A stream of lists, asked for or open.
    stream: Option<RequestId>,
    /// What arrived last on each connection, if the client is told of it only when it is drained.
    arrived: Vec<(AttemptId, Instant)>,
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
            sockets: Vec::new(),
            asked: Vec::new(),
            stream: None,
            arrived: Vec::new(),
            told: State::Idle,
            ended: false,
            wakes: (0.0, 0),
        }
    }

    /// The attempt or the connection that there is, the newest if there are several.
    pub(crate) fn live(&self) -> Option<AttemptId> {
        self.sockets.last().map(|socket| socket.attempt)
    }

    /// The connection that the application sends on.
    pub(crate) fn connection(&self) -> Option<AttemptId> {
        let live = self.sockets.iter().find(|socket| socket.stage == Stage::Live);
        live.map(|socket| socket.attempt)
    }

    pub(crate) fn sockets(&self) -> Vec<AttemptId> {
        self.sockets.iter().map(|socket| socket.attempt).collect()
    }

    /// The attempts that have not opened, or are being prepared.
    pub(crate) fn under_way(&self) -> Vec<AttemptId> {
        let sockets = self.sockets.iter();
        let under_way = sockets.filter(|socket| matches!(socket.stage, Stage::UnderWay | Stage::Preparing));
        under_way.map(|socket| socket.attempt).collect()
    }

    pub(crate) fn asked(&self) -> Option<RequestId> {
        self.asked.last().copied()
    }

    pub(crate) fn stream(&self) -> Option<RequestId> {
        self.stream
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
        let late = !self.asked.contains(&request) && self.stream != Some(request);
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
        self.sockets.retain(|socket| socket.attempt != attempt);
        self.arrived.retain(|&(arrived, _)| arrived != attempt);
        self.client.handle_closed(now, attempt, code, reconnect);
        self.drain(now)
    }

    pub(crate) fn credentials_failed(&mut self, now: Instant, attempt: AttemptId) -> Vec<Command> {
        self.sockets.retain(|socket| socket.attempt != attempt);
        self.client.handle_credentials_failed(now, attempt);
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

    /// Something arrived: as the package's driver does it, the client hears of that with what it is told next.
    pub(crate) fn arrives(&mut self, now: Instant, attempt: AttemptId) {
        self.arrived.retain(|&(arrived, _)| arrived != attempt);
        self.arrived.push((attempt, now));
    }

    /// Anything else that a driver may tell it.
    pub(crate) fn tell(&mut self, now: Instant, tell: impl FnOnce(&mut Client)) -> Vec<Command> {
        tell(&mut self.client);
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
        self.asked.retain(|asked| *asked != request);
    }

    fn drain(&mut self, now: Instant) -> Vec<Command> {
        for (attempt, at) in self.arrived.drain(..) {
            self.client.handle_heard(attempt, at);
        }
        let mut commands = Vec::new();
        while let Some(command) = self.client.poll(now, &mut self.assessment) {
            self.check(command);
            commands.push(command);
            assert!(commands.len() <= MOST_COMMANDS, "never quiet: {commands:?}");
        }
        let state = self.client.state();
        assert_eq!(state, self.told, "the state changed untold");
        let live = self.sockets.iter().filter(|socket| socket.stage == Stage::Live).count();
        assert!(live <= 1, "two connections are sent on: {:?}", self.sockets);
        let connected = matches!(state, State::Open | State::Migrating);
        assert!(live == 1 || !connected, "open without a connection: {commands:?}");
        assert!(live == 0 || connected, "a connection is forgotten: {commands:?}");
        let under_way = |socket: &&Socket| matches!(socket.stage, Stage::UnderWay | Stage::Preparing);
        let moving = connected && self.sockets.iter().any(|socket| under_way(&socket));
        assert_eq!(moving, state == State::Migrating, "{commands:?}");
        assert!(self.sockets.iter().filter(under_way).count() <= 2);
        assert!(self.sockets.len() <= 2, "too many sockets: {:?}", self.sockets);
        if state == State::Closed {
            assert_eq!(
                (&self.sockets[..], &self.asked[..], self.stream),
                (&[][..], &[][..], None),
                "something is left over: {commands:?}"
            );
            self.ended = true;
        }
        match self.client.poll_timeout() {
            Some(at) => assert!(at > now, "drained, yet due {at:?} at {now:?}: {:?}", self.client),
            None => assert!(
                matches!(state, State::Idle | State::Open | State::Closed) && self.asked.is_empty(),
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
                self.asked.push(request);
                assert!(self.asked.len() <= 2, "too many requests at a time");
            }
            Command::Watch { request, .. } => {
                assert_eq!(self.stream, None, "two streams at a time");
                self.stream = Some(request);
            }
            Command::CancelFetch { request } if self.stream == Some(request) => self.stream = None,
            Command::CancelFetch { request } => {
                assert!(self.asked.contains(&request), "cancelled what was not asked");
                self.settle(request);
            }
            Command::Connect {
                attempt,
                decision,
                beside,
            } => {
                assert_eq!(beside, !self.sockets.is_empty(), "{:?}", self.sockets);
                self.sockets.push(Socket {
                    attempt,
                    stage: Stage::UnderWay,
                });
                let candidate = self.assessment.candidates[decision.server];
                let sum: f64 = self.assessment.candidates.iter().map(|one| one.probability).sum();
                match decision.reason {
                    Reason::Guess => assert_eq!(sum, 0.0),
                    _ => {
                        assert_eq!(candidate.excluded, None, "chose an excluded server");
                        assert_eq!(candidate.probability, decision.probability);
                        assert!((sum - 1.0).abs() < 1e-6, "probabilities add up to {sum}");
                    }
                }
                // Where the way leads back, or a move's target was drawn before, chance has no part in it.
                let is_drawn = decision.reason != Reason::Return && !beside;
                assert!(!is_drawn || decision.probability > 0.0 && decision.probability <= 1.0 + 1e-9);
                let list = &self.client.selector().in_force().unwrap().list;
                assert!(beside || self.client.server() == Some(list.servers()[decision.server].key));
            }
            Command::Resort { .. } => {}
            Command::Prepare { attempt } => self.advance(attempt, &[Stage::UnderWay], Stage::Preparing),
            Command::Opened { attempt } => {
                let before = [Stage::UnderWay, Stage::Preparing, Stage::Replaced];
                self.advance(attempt, &before, Stage::Live);
            }
            Command::Migrated { from, attempt, .. } => {
                if self.find(from).is_some() {
                    self.advance(from, &[Stage::Live], Stage::Replaced);
                }
                self.advance(attempt, &[Stage::Preparing, Stage::Replaced], Stage::Live);
            }
            Command::Beat { attempt } => self.advance(attempt, &[Stage::Live], Stage::Live),
            Command::Close { attempt } => {
                let before = [Stage::Live, Stage::UnderWay, Stage::Replaced];
                self.advance(attempt, &before, Stage::Closing);
            }
            Command::Retire { attempt } => self.advance(attempt, &[Stage::Replaced], Stage::Closing),
            Command::Abandon { attempt } => {
                assert!(self.find(attempt).is_some(), "abandons what is over");
                self.sockets.retain(|socket| socket.attempt != attempt);
            }
            Command::Lost { attempt, moved, .. } => {
                if moved.is_none() {
                    assert!(
                        attempt.is_none_or(|it| self.find(it).is_none()),
                        "lost, yet still there"
                    );
                } else if let Some(left) = attempt.and_then(|left| self.find(left)) {
                    self.advance(left.attempt, &[Stage::Live], Stage::Replaced);
                }
            }
            Command::Retry(retry) => {
                assert!(
                    retry.delay >= Duration::ZERO && retry.delay <= LONGEST_WAIT,
                    "{retry:?}"
                );
            }
        }
    }

    fn find(&self, attempt: AttemptId) -> Option<Socket> {
        self.sockets.iter().find(|socket| socket.attempt == attempt).copied()
    }

    fn advance(&mut self, attempt: AttemptId, before: &[Stage], after: Stage) {
        let socket = self.sockets.iter_mut().find(|socket| socket.attempt == attempt);
        let socket = socket.unwrap_or_else(|| panic!("{attempt:?} is over"));
        assert!(before.contains(&socket.stage), "{socket:?} becomes {after:?}");
        socket.stage = after;
        // What counts comes last.
        self.sockets.sort_by_key(|socket| socket.stage == Stage::Live);
    }
}
