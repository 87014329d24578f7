//! The core under watch, as it is in a page, and a record of its life ([`crate::record`]).
//!
//! What the package's driver owes the core is written down here a second time: what it tells and when, which sockets and
//! requests it still listens to, and when its timer fires, in whole milliseconds. What this and the driver make of the same
//! events must be the same.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use evenkeel::RequestId;
use evenkeel::cause::{SeedFailure, is_final};
use evenkeel::client::{AttemptId, Command, Config, State};
use evenkeel::list::read::Envelope;
use evenkeel::list::{ServerList, json};
use evenkeel::time::{Duration, Instant};
use fastrand::Rng;
use serde_json::{Value, json};
use url::Url;

use super::{Act, Agent, Edition, News, Watched, WatchedShared};
use crate::plan::Application;
use crate::record::{Cached, Did, Made, Sleep, Step, Told};
use crate::seen::Seen;

/// The longest delay that timers of browsers take for what it is, in milliseconds.
const LONGEST_TIMER: f64 = 2_147_483_647.0;
/// By so many milliseconds a timer may fire too early: clocks are coarse.
const EARLY: f64 = 0.7;
/// How a connection ends without a close frame.
const ABNORMAL: u16 = 1006;
/// How a connection ends that is closed properly.
const NORMAL: u16 = 1000;
/// How the application is told of a connection that was left for another one.
const MOVED: u16 = 1012;
/// What every HTTP server may answer with.
const FAILURES: [u16; 3] = [404, 500, 502];
/// Answers of success that hold no list.
const NO_LISTS: [&str; 5] = [
    "<!doctype html>",
    "",
    "null",
    r#"{"servers":7}"#,
    r#"{"servers":[{"url":"nowhere:"},{"id":"a"},7]}"#,
];

/// An attempt, and the connection that comes of it, as a driver keeps account of it.
struct Link {
    /// The server's id.
    server: String,
    url: String,
    /// It has a socket: the application has said where to connect, if it is asked.
    has_socket: bool,
    opened: bool,
    /// Its closing handshake has begun: nothing arrives any more.
    is_closing: bool,
    /// The application is preparing it, and hears it alone.
    is_preparing: bool,
}

/// How something ended, for whom there is an end to be told of.
struct Ending {
    /// Of this attempt, or of whichever.
    attempt: Option<AttemptId>,
    code: u16,
    errored: bool,
}

/// A client under watch, and its record.
pub struct Recorded {
    watched: Watched,
    random: Rng,
    /// How it was made.
    pub made: Made,
    /// What it was told and did.
    pub steps: Vec<Step>,
    has_started: bool,
    has_ended: bool,
    links: BTreeMap<u32, Link>,
    requests: BTreeMap<u32, u16>,
    sleep: Option<Sleep>,
    ending: Option<Ending>,
    did: Vec<Did>,
    /// The attempt that the connection comes from.
    connection: Option<u32>,
    /// The server that the application sees.
    shown: Option<String>,
    /// When the core wants to be called, for when a timer was set for that, and when it fires.
    wants: Instant,
    timer: Option<f64>,
    fires: f64,
}

/// What all of them share.
#[derive(Debug)]
pub struct RecordedShared {
    /// What they are set to.
    pub config: Config,
    /// The key of their affinity.
    pub affinity: Option<String>,
    /// Of an earlier visit.
    pub cached: Option<Cached>,
    /// The application's own: URLs.
    pub fallback: Option<Vec<String>>,
    /// What the application says of some codes, if it is asked whether to come back.
    pub verdicts: Option<BTreeMap<u16, bool>>,
    /// What they have gone through.
    pub seen: Seen,
}

/// The seed with this position.
fn seed_url(seed: u16) -> Option<Url> {
    Url::parse(&format!("https://seed{seed}.example/list")).ok()
}

fn list_of(document: &Value, envelope: Envelope) -> Option<Arc<ServerList>> {
    let (list, _) = json::from_value(document, envelope, &seed_url(0)?).ok()?;
    Some(Arc::new(list))
}

/// As an option in milliseconds, which has to be left out where it is endless.
fn millis(duration: Duration) -> Option<f64> {
    Some(duration.as_millis()).filter(|millis| millis.is_finite())
}

impl Recorded {
    /// The application connects.
    fn start(&mut self, seen: &mut Seen, now: Instant) {
        let model = &mut self.watched.model;
        if let Some(urls) = &self.made.fallback {
            let entries: Vec<_> = urls.iter().map(|url| json!({ "url": url })).collect();
            if let Some(list) = list_of(&Value::from(entries), Envelope::default()) {
                model.client.handle_fallback_list(list);
            }
        }
        if let Some(Cached { document, ago }) = &self.made.cached
            && let Some(list) = list_of(document, Envelope::default())
            && (model.client).handle_cached_list(now, Instant::from_millis(now.as_millis() - ago), list)
        {
            self.list_in_force(None);
        }
        let model = &mut self.watched.model;
        let mut commands = Vec::new();
        if self.made.offline {
            // That there is no network is the core's to say, and until it is loaded the package says that it connects.
            self.did.push(Did::State {
                state: State::Connecting.name(),
            });
            commands.extend(model.tell(now, |client| client.handle_network(now, false)));
        }
        commands.extend(model.start(now));
        self.take(seen, now, commands);
    }

    /// A seed answers with a list.
    fn answer(&mut self, seen: &mut Seen, now: Instant, request: u32, edition: &Edition) -> Told {
        let mut age = now.as_millis() / 1e3 - edition.made;
        let mut headers = json!({ "content-type": "application/json" });
        let mut envelope = Envelope::default();
        // Caches tell in whole seconds how long they have had it.
        if age >= 1.0 && self.random.bool() {
            let cached = age.floor();
            age -= cached;
            headers["age"] = json!(format!("{cached}"));
            envelope.age = Some(Duration::from_secs(cached));
        }
        let mut document = edition.written.document(age);
        if self.random.u8(..4) == 0 {
            document["ttl"] = Value::Null;
            headers["cache-control"] = json!("public, max-age=20");
            envelope.max_age = Some(Duration::from_secs(20.0));
        }
        let text = document.to_string();
        let list = json::from_value(&document, envelope, &seed_url(0).expect("a URL")).ok();
        let seed = self.requests.remove(&request);
        let model = &mut self.watched.model;
        let commands = match list.map(|(list, _)| Arc::new(list)) {
            Some(list) => {
                let commands = model.list(now, RequestId(request), list.clone());
                let in_force = model.client.selector().in_force();
                if in_force.is_some_and(|in_force| Arc::ptr_eq(&in_force.list, &list)) {
                    self.list_in_force(seed);
                }
                commands
            }
            None => model.list_failed(now, RequestId(request), SeedFailure::BadList, None),
        };
        self.take(seen, now, commands);
        Told::Answer {
            request,
            status: 200,
            headers,
            text,
        }
    }

    /// A seed answers with something else, or not at all.
    fn no_list(&mut self, seen: &mut Seen, now: Instant, request: u32, failure: SeedFailure) -> Told {
        let mut headers = json!({});
        let mut text = "";
        let mut retry_after = None;
        let status = match failure {
            SeedFailure::Overloaded => {
                let seconds = self.random.u32(0..60);
                if self.random.bool() {
                    headers["retry-after"] = json!(seconds.to_string());
                    retry_after = Some(Duration::from_secs(seconds.into()));
                }
                [429, 503][self.random.usize(..2)]
            }
            SeedFailure::Expired => 401,
            SeedFailure::Forbidden => 403,
            SeedFailure::Status => FAILURES[self.random.usize(..FAILURES.len())],
            SeedFailure::BadList => {
                text = NO_LISTS[self.random.usize(..NO_LISTS.len())];
                200
            }
            SeedFailure::Unreachable | SeedFailure::Timeout => 0,
        };
        self.requests.remove(&request);
        let commands = (self.watched.model).list_failed(now, RequestId(request), failure, retry_after);
        self.take(seen, now, commands);
        match status {
            0 => Told::NoAnswer { request },
            status => Told::Answer {
                request,
                status,
                headers,
                text: text.to_owned(),
            },
        }
    }

    fn list_in_force(&mut self, seed: Option<u16>) {
        let in_force = self.watched.model.client.selector().in_force();
        let servers = in_force.map_or(0, |in_force| in_force.list.servers().len());
        self.did.push(Did::List { seed, servers });
    }

    fn closed(&mut self, seen: &mut Seen, now: Instant, attempt: u32, code: u16) {
        let Some(link) = self.links.remove(&attempt) else {
            return;
        };
        self.ending = Some(Ending {
            attempt: Some(AttemptId(attempt)),
            code,
            errored: !link.opened || code == ABNORMAL,
        });
        // What ends now has not been ended by its server.
        if self.sleep.is_some_and(|sleep| sleep != Sleep::Elsewhere) {
            self.watched.model.client.handle_wake(now);
        }
        let id = AttemptId(attempt);
        let mut reconnect = true;
        if self.watched.model.client.asks_whether_final(id) {
            reconnect = !is_final(code);
            if let Some(verdicts) = &self.made.verdicts {
                self.did.push(Did::Judge { code });
                reconnect = *verdicts.get(&code).unwrap_or(&reconnect);
            }
        }
        let commands = self.watched.closed(now, id, code, reconnect);
        self.take(seen, now, commands);
    }

    /// The application could not do its part.
    fn failed(&mut self, seen: &mut Seen, now: Instant, attempt: u32, news: News<'_>) {
        self.ending = Some(Ending {
            attempt: Some(AttemptId(attempt)),
            code: ABNORMAL,
            errored: true,
        });
        let commands = self.watched.told(now, news);
        self.take(seen, now, commands);
    }

    fn application(&mut self, seen: &mut Seen, now: Instant, does: Application) -> Told {
        let state = self.watched.model.client.state();
        // Once it is closing, nothing that the application does gets as far as the core.
        let ignored = state == State::Closing && does != Application::Migrate && does != Application::Refresh;
        if !ignored {
            if does == Application::Reconnect && matches!(state, State::Open | State::Migrating) {
                self.ending = Some(Ending {
                    attempt: None,
                    code: NORMAL,
                    errored: false,
                });
            }
            let commands = self.watched.told(now, News::Application(does));
            self.take(seen, now, commands);
        }
        match does {
            Application::Close => Told::Close,
            Application::Reconnect => Told::Reconnect,
            Application::Migrate => Told::Migrate,
            Application::Refresh => Told::Refresh,
        }
    }

    fn tell_core(&mut self, seen: &mut Seen, now: Instant, news: News<'_>) {
        let commands = self.watched.told(now, news);
        self.take(seen, now, commands);
    }

    /// Something that concerns an attempt. Of one that has been let go of, a page is still told, and the core is not.
    fn of_attempt(&mut self, seen: &mut Seen, now: Instant, news: News<'_>) -> Option<Told> {
        Some(match news {
            News::Opened { attempt } => {
                if let Some(link) = self.links.get_mut(&attempt) {
                    link.opened = true;
                    self.tell_core(seen, now, news);
                }
                Told::Open { attempt }
            }
            News::Heard { attempt } => {
                let hears = |link: &Link| link.opened && !link.is_preparing && !link.is_closing;
                if self.links.get(&attempt).is_some_and(hears) {
                    self.did.push(Did::Message { attempt });
                    self.watched.model.arrives(now, AttemptId(attempt));
                }
                Told::Message { attempt }
            }
            News::Closed { attempt, code } => {
                self.closed(seen, now, attempt, code);
                Told::Closed { attempt, code }
            }
            News::Dialed { attempt } => {
                if let Some(link) = self.links.get_mut(&attempt) {
                    link.has_socket = true;
                    let url = link.url.clone();
                    self.did.push(Did::Dial { attempt, url });
                    self.tell_core(seen, now, news);
                }
                Told::Credentials { attempt }
            }
            News::NoCredentials { attempt } => {
                if self.links.remove(&attempt).is_some() {
                    self.failed(seen, now, attempt, news);
                }
                Told::NoCredentials { attempt }
            }
            News::Prepared { attempt } => {
                if let Some(link) = self.links.get_mut(&attempt) {
                    link.is_preparing = false;
                    self.tell_core(seen, now, news);
                }
                Told::Prepared { attempt }
            }
            News::Unprepared { attempt } => {
                if self.links.contains_key(&attempt) {
                    self.failed(seen, now, attempt, news);
                }
                Told::Unprepared { attempt }
            }
            _ => return None,
        })
    }

    fn step(&mut self, seen: &mut Seen, now: Instant, news: News<'_>) -> Option<Told> {
        Some(match news {
            News::Start => {
                self.has_started = true;
                self.start(seen, now);
                Told::Start
            }
            News::Tick => {
                // The world also lets timers fire that have been put off.
                self.timer.take_if(|_| self.fires <= now.as_millis())?;
                self.wants = Instant::NEVER;
                self.tell_core(seen, now, news);
                Told::Timer
            }
            // What is aborted cannot be answered any more.
            News::List { request, .. } | News::ListFailed { request, .. } if !self.requests.contains_key(&request) => {
                return None;
            }
            News::List { request, edition } => self.answer(seen, now, request, edition),
            News::ListFailed { request, failure } => self.no_list(seen, now, request, failure),
            News::Network { online } => {
                if !self.has_started {
                    self.made.offline = !online;
                    return None;
                }
                self.tell_core(seen, now, news);
                if online { Told::Online } else { Told::Offline }
            }
            News::Asleep => {
                let sleep = [Sleep::Frozen, Sleep::Hidden, Sleep::Elsewhere][self.random.usize(..3)];
                self.sleep = Some(sleep);
                if sleep == Sleep::Elsewhere {
                    return None;
                }
                for (request, _) in mem::take(&mut self.requests) {
                    self.did.push(Did::Abort { request });
                }
                self.tell_core(seen, now, News::Tick);
                Told::Asleep(sleep)
            }
            News::Wake => {
                self.tell_core(seen, now, news);
                Told::Awake(self.sleep.take().unwrap_or(Sleep::Elsewhere))
            }
            News::Look => {
                self.tell_core(seen, now, News::Tick);
                Told::Look
            }
            News::Application(does) => self.application(seen, now, does),
            other => return self.of_attempt(seen, now, other),
        })
    }

    /// Writes down what a page does of what the core commands, and sets the timer.
    fn take(&mut self, seen: &mut Seen, now: Instant, commands: Vec<Command>) {
        for &command in &commands {
            self.note(command);
        }
        self.watched.take(seen, now, commands);
        self.ending = None;
        let wants = self.watched.model.client.poll_timeout().unwrap_or(Instant::NEVER);
        if wants != self.wants {
            self.wants = wants;
            let now = now.as_millis();
            let delay = (wants.as_millis() - now).ceil().clamp(0.0, LONGEST_TIMER);
            self.timer = (wants < Instant::NEVER).then_some(now + delay);
            let early = if self.random.u8(..4) == 0 { EARLY } else { 0.0 };
            self.fires = now + delay - early;
        }
    }

    fn note(&mut self, command: Command) {
        match command {
            Command::State(state) => {
                self.has_ended = state == State::Closed;
                self.did.push(Did::State { state: state.name() });
            }
            Command::Fetch { request, seed } => {
                self.requests.insert(request.0, seed);
                self.did.push(Did::Ask {
                    request: request.0,
                    seed,
                });
            }
            // None of these clients watches.
            Command::Watch { .. } => {}
            Command::CancelFetch { request } => {
                let aborted = self.requests.remove(&request.0);
                self.did.extend(aborted.map(|_| Did::Abort { request: request.0 }));
            }
            Command::Resort { .. } => self.list_in_force(None),
            Command::Connect { attempt, decision, .. } => {
                let in_force = self.watched.model.client.selector().in_force();
                let server = in_force.and_then(|in_force| in_force.list.servers().get(decision.server));
                let (server, url) = server.map_or(("", ""), |server| (&server.id, &server.url));
                let has_socket = !self.made.credentials;
                self.links.insert(
                    attempt.0,
                    Link {
                        server: server.to_owned(),
                        url: url.to_owned(),
                        has_socket,
                        opened: false,
                        is_closing: false,
                        is_preparing: false,
                    },
                );
                self.did.push(Did::Decision {
                    server: server.to_owned(),
                    group: decision.group,
                    probability: decision.probability,
                    reason: decision.reason.name(),
                });
                self.did.push(if has_socket {
                    Did::Dial {
                        attempt: attempt.0,
                        url: url.to_owned(),
                    }
                } else {
                    Did::Inquire { attempt: attempt.0 }
                });
            }
            Command::Prepare { attempt } => {
                if let Some(link) = self.links.get_mut(&attempt.0) {
                    link.is_preparing = true;
                }
                self.did.push(Did::Prepare { attempt: attempt.0 });
            }
            Command::Opened { attempt } => {
                self.connection = Some(attempt.0);
                self.did.push(Did::Open);
            }
            Command::Migrated { attempt, reason, .. } => {
                self.connection = Some(attempt.0);
                self.did.push(Did::Migrate {
                    to: self.server().unwrap_or_default(),
                    reason: reason.name(),
                });
            }
            Command::Beat { attempt } => self.did.push(Did::Ping { attempt: attempt.0 }),
            Command::Close { attempt } | Command::Retire { attempt } => {
                let code = matches!(command, Command::Retire { .. }).then_some(NORMAL);
                if let Some(link) = self.links.get_mut(&attempt.0).filter(|link| link.has_socket) {
                    link.is_closing = true;
                    self.did.push(Did::Close {
                        attempt: attempt.0,
                        code,
                    });
                }
            }
            Command::Abandon { attempt } => {
                let link = self.links.remove(&attempt.0);
                let had_socket = link.is_some_and(|link| link.has_socket);
                self.did
                    .extend(had_socket.then_some(Did::Abandon { attempt: attempt.0 }));
            }
            Command::Lost { attempt, moved, .. } => self.lost(attempt, moved.map_or("", |reason| reason.name())),
            Command::Retry(retry) => self.did.push(Did::Retry {
                delay: retry.delay.as_millis(),
                cause: retry.cause.name(),
                attempt: retry.attempt,
            }),
        }
    }

    /// The server of the connection, or else of the first attempt under way.
    fn server(&self) -> Option<String> {
        let link = match self.connection {
            Some(attempt) => self.links.get(&attempt),
            None => self.links.values().next(),
        };
        link.map(|link| link.server.clone())
    }

    fn lost(&mut self, attempt: Option<AttemptId>, reason: &'static str) {
        let is_of_it = |ending: &mut Ending| ending.attempt.is_none() || ending.attempt == attempt;
        self.connection = None;
        let (code, errored) = if reason.is_empty() {
            let ending = self.ending.take_if(is_of_it);
            ending.map_or((ABNORMAL, true), |ending| (ending.code, ending.errored))
        } else {
            (MOVED, false)
        };
        self.did.extend(errored.then_some(Did::Error));
        self.did.push(Did::End { code, reason });
    }
}

impl Agent for Recorded {
    type Shared = RecordedShared;

    const IS_PAGE: bool = true;

    fn new(shared: &RecordedShared, random_seed: u64) -> Self {
        let config = shared.config;
        let halves = [(random_seed >> 32) as u32, random_seed as u32];
        // As the driver makes a number of them.
        let seed = f64::from(halves[0]) * 4_294_967_296.0 + f64::from(halves[1]);
        let watched = WatchedShared {
            config,
            cached: None,
            fallback: None,
            seen: Seen::default(),
        };
        let heartbeat = millis(config.heartbeat_interval).zip(millis(config.heartbeat_timeout));
        Self {
            watched: Watched::new(&watched, seed.to_bits()),
            random: Rng::with_seed(random_seed),
            made: Made {
                random: halves,
                seeds: config.seeds,
                dials_are_delayed: config.dials_are_delayed,
                offline: false,
                cached: shared.cached.clone(),
                fallback: shared.fallback.clone(),
                credentials: config.credential_timeout.is_some(),
                prepares: config.prepares,
                verdicts: shared.verdicts.clone(),
                options: json!({
                    "seedTimeout": millis(config.seed_timeout),
                    "refreshInterval": millis(config.refresh_interval),
                    "credentialTimeout": config.credential_timeout.and_then(millis),
                    "connectTimeout": millis(config.connect_timeout),
                    "minUptime": millis(config.min_uptime),
                    "closeTimeout": millis(config.close_timeout),
                    "heartbeat": heartbeat.map(|(interval, timeout)| json!({
                        "message": "ping",
                        "interval": interval,
                        "timeout": timeout,
                    })),
                    "silenceTimeout": config.silence_timeout.and_then(millis),
                    "linger": millis(config.linger),
                    "hedge": config.hedge,
                    "failback": config.failback,
                    "rebalance": config.rebalance,
                    "affinity": shared.affinity,
                }),
            },
            steps: Vec::new(),
            has_started: false,
            has_ended: false,
            links: BTreeMap::new(),
            requests: BTreeMap::new(),
            sleep: None,
            ending: None,
            did: Vec::new(),
            wants: Instant::NEVER,
            timer: None,
            fires: 0.0,
            connection: None,
            shown: None,
        }
    }

    fn tell(&mut self, shared: &mut RecordedShared, now: Instant, news: News<'_>) {
        if self.has_ended {
            return;
        }
        if let Some(told) = self.step(&mut shared.seen, now, news) {
            // Until the end has been told of, it is the end of what there was.
            if self.watched.model.client.state() != State::Closing {
                self.shown = self.server();
            }
            self.steps.push(Step {
                at: now.as_millis(),
                told,
                did: mem::take(&mut self.did),
                timer: self.timer,
                server: self.shown.clone(),
            });
        }
    }

    fn act(&mut self, _: &mut RecordedShared, _: Instant) -> Option<Act> {
        self.watched.next_act()
    }

    fn due(&self) -> Instant {
        (self.timer).map_or(Instant::NEVER, |_| Instant::from_millis(self.fires))
    }

    fn is_open(&self) -> bool {
        self.watched.is_open()
    }
}
