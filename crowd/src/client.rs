//! The driver: one client is one task, which carries out what its core decides, and decides nothing.
//!
//! It tells the core what happened and when, then drains it, and comes back when the core wants to be woken: as the browser's
//! driver does (`src/js/driver.ts`). The task owns the sockets, the requests and the timer, so that nothing of what it has let
//! go of is ever heard.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use evenkeel::RequestId;
use evenkeel::cause::is_final;
use evenkeel::client::{AttemptId, Client, Command, Config, State};
use evenkeel::decision::Assessment;
use evenkeel::time::Instant;
use futures_util::FutureExt;
use tokio::time::{Sleep, sleep_until};

use crate::account::{Account, Ending};
use crate::lists::{Answer, Held, Lists};
use crate::socket::{Dial, Link, News};

thread_local! {
    /// Working space of the core: nobody needs what is in it afterwards.
    static ASSESSMENT: RefCell<Assessment> = RefCell::default();
}

/// How a connection ends that never opened.
const ABNORMAL: u16 = 1006;

/// What all clients have in common.
#[derive(Debug)]
pub struct Shared {
    /// What they are set to.
    pub config: Arc<Config>,
    /// Where they are counted.
    pub account: Arc<Account>,
    /// The seeds.
    pub lists: Lists,
    /// A connected client sends a message so often; `None`: never.
    pub message_interval: Option<std::time::Duration>,
    /// The bytes of each.
    pub message_bytes: usize,
    /// Connections are made from so many addresses, 127.0.0.1 and those that follow; 0: from where the system likes.
    pub source_addresses: u16,
    /// Nothing more is to be sent.
    pub quiet: AtomicBool,
}

impl Shared {
    /// The time as the cores know it.
    fn now(&self) -> Instant {
        Instant::from_millis(self.account.now() * 1e3)
    }

    fn source(&self, client: u32) -> Option<Ipv4Addr> {
        let number = client.checked_rem(u32::from(self.source_addresses))?;
        Some(Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + number))
    }
}

struct Request {
    id: RequestId,
    seed: usize,
    answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
}

struct Driver {
    shared: Arc<Shared>,
    number: u32,
    core: Client,
    links: Vec<Link>,
    requests: Vec<Request>,
    /// By seed.
    held: Vec<Option<Held>>,
    /// The connection that is sent on.
    present: Option<AttemptId>,
    /// When something arrived last on each connection, since the core was last told.
    heard: Vec<(AttemptId, Instant)>,
    timer: Pin<Box<Sleep>>,
    due: Instant,
    speech: Option<Pin<Box<Sleep>>>,
}

enum Event {
    Link(usize, News),
    Answer(usize, Answer),
    Timer,
    Speech,
}

/// The life of a client, which ends when it is dropped.
pub async fn live(shared: Arc<Shared>, number: u32, random_seed: u64) {
    shared.account.arrived();
    let start = tokio::time::Instant::from_std(shared.account.start());
    let speech = shared.message_interval.map(|interval| {
        let part = fastrand::Rng::with_seed(random_seed).f64();
        Box::pin(sleep_until(tokio::time::Instant::now() + interval.mul_f64(part)))
    });
    let mut driver = Driver {
        core: Client::new(shared.config.clone(), random_seed),
        number,
        links: Vec::new(),
        requests: Vec::new(),
        held: vec![None; usize::from(shared.lists.seeds())],
        present: None,
        heard: Vec::new(),
        timer: Box::pin(sleep_until(start)),
        due: Instant::NEVER,
        speech,
        shared,
    };
    driver.core.handle_start();
    driver.drain();
    loop {
        let event = poll_fn(|cx| driver.poll(cx)).await;
        driver.take(event);
    }
}

/// What a future of a client's takes, without what it points to, in bytes.
pub fn bytes_of_a_client() -> usize {
    size_of::<Driver>()
}

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        for (at, link) in self.links.iter_mut().enumerate() {
            if let Poll::Ready(news) = link.poll(cx) {
                return Poll::Ready(Event::Link(at, news));
            }
        }
        for (at, request) in self.requests.iter_mut().enumerate() {
            if let Poll::Ready(answer) = request.answer.poll_unpin(cx) {
                return Poll::Ready(Event::Answer(at, answer));
            }
        }
        if self.due < Instant::NEVER && self.timer.poll_unpin(cx).is_ready() {
            return Poll::Ready(Event::Timer);
        }
        match &mut self.speech {
            Some(speech) => speech.poll_unpin(cx).map(|()| Event::Speech),
            None => Poll::Pending,
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Speech => return self.speak(),
            Event::Timer => self.due = Instant::NEVER,
            Event::Answer(at, answer) => self.answered(at, answer),
            Event::Link(at, News::Echoed { in_order }) => {
                self.shared.account.echoed(in_order);
                let (attempt, now) = (self.links[at].attempt, self.shared.now());
                // It is enough to tell it with what is told next.
                match self.heard.iter_mut().find(|(heard, _)| *heard == attempt) {
                    Some((_, at)) => *at = now,
                    None => self.heard.push((attempt, now)),
                }
                return;
            }
            Event::Link(at, news) => self.happened(at, news),
        }
        self.drain();
    }

    fn answered(&mut self, at: usize, answer: Answer) {
        let Request { id, seed, .. } = self.requests.swap_remove(at);
        let now = self.shared.now();
        match answer.list {
            Ok(list) => {
                self.core.handle_list(now, id, list);
            }
            Err((failure, wish)) => self.core.handle_list_failed(now, id, failure, wish),
        }
        self.held[seed] = answer.held;
    }

    fn happened(&mut self, at: usize, news: News) {
        let (now, account) = (self.shared.now(), &self.shared.account);
        let attempt = self.links[at].attempt;
        match news {
            News::Opened { took } => {
                account.opened(self.number, attempt, took);
                self.core.handle_open(now, attempt);
            }
            News::Prepared => self.core.handle_prepared(now, attempt),
            News::Failed(failure) => {
                self.let_go(at, Ending::Failed(failure));
                self.core.handle_closed(now, attempt, ABNORMAL, !is_final(ABNORMAL));
            }
            News::Closed { code } => {
                // What arrived before the end counts.
                self.tell_heard();
                let ours = self.links[at].closes();
                self.let_go(at, if ours { Ending::Ours } else { Ending::Lost });
                self.core.handle_closed(now, attempt, code, !is_final(code));
            }
            News::Echoed { .. } => {}
        }
    }

    /// Nothing is heard any more of this link.
    fn let_go(&mut self, at: usize, how: Ending) {
        let link = self.links.swap_remove(at);
        let account = &self.shared.account;
        account.ended(self.number, link.attempt, how, link.unanswered());
    }

    fn tell_heard(&mut self) {
        for (attempt, at) in self.heard.drain(..) {
            self.core.handle_heard(attempt, at);
        }
    }

    fn drain(&mut self) {
        let now = self.shared.now();
        self.tell_heard();
        while let Some(command) = ASSESSMENT.with_borrow_mut(|space| self.core.poll(now, space)) {
            self.carry_out(command);
        }
        let due = self.core.poll_timeout().unwrap_or(Instant::NEVER);
        if due != self.due {
            self.due = due;
            if due < Instant::NEVER {
                let start = tokio::time::Instant::from_std(self.shared.account.start());
                let after = std::time::Duration::from_secs_f64(due.as_millis().max(0.0) / 1e3);
                self.timer.as_mut().reset(start + after);
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        let shared = self.shared.clone();
        match command {
            Command::State(state) => {
                let is_open = matches!(state, State::Open | State::Migrating);
                shared.account.is_open(self.number, is_open);
            }
            Command::Fetch { request, seed } => {
                shared.account.asked();
                let held = self.held[usize::from(seed)].clone();
                self.requests.push(Request {
                    id: request,
                    seed: seed.into(),
                    answer: Box::pin(async move { shared.lists.ask(seed, held).await }),
                });
            }
            Command::CancelFetch { request } => self.requests.retain(|asked| asked.id != request),
            Command::Connect { attempt, decision, .. } => {
                let in_force = self.core.selector().in_force();
                // The core decides on the list in force, and the driver is drained before there is another.
                if let Some(server) = in_force.and_then(|it| it.list.servers().get(decision.server)) {
                    shared.account.dialing(self.number, attempt, &server.id);
                    self.links.push(Link::dial(Dial {
                        account: &shared.account,
                        client: self.number,
                        attempt,
                        url: &server.url,
                        source: shared.source(self.number),
                    }));
                }
            }
            Command::Prepare { attempt } => {
                if let Some(link) = self.link(attempt) {
                    link.prepare();
                }
            }
            Command::Opened { attempt } | Command::Migrated { attempt, .. } => {
                self.present = Some(attempt);
                shared.account.usable(self.number, attempt);
            }
            Command::Lost { moved: None, .. } => self.present = None,
            Command::Beat { attempt } => {
                if !self.say(attempt) {
                    self.core.handle_not_asked(attempt);
                }
            }
            Command::Close { attempt } | Command::Retire { attempt } => {
                if let Some(link) = self.link(attempt) {
                    link.close();
                }
            }
            Command::Abandon { attempt } => {
                if let Some(at) = self.links.iter().position(|link| link.attempt == attempt) {
                    self.let_go(at, Ending::Ours);
                }
            }
            // Only who is set to watch is told to. The others are for applications.
            Command::Watch { .. } | Command::Resort { .. } | Command::Lost { .. } | Command::Retry(_) => {}
        }
    }

    fn link(&mut self, attempt: AttemptId) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.attempt == attempt)
    }

    fn say(&mut self, attempt: AttemptId) -> bool {
        let bytes = self.shared.message_bytes;
        let said = self.link(attempt).is_some_and(|link| link.say(bytes));
        if said {
            self.shared.account.sent();
        }
        said
    }

    /// Sends the next message, if there is a connection to send it on.
    fn speak(&mut self) {
        let interval = self
            .shared
            .message_interval
            .filter(|_| !self.shared.quiet.load(Ordering::Relaxed));
        match (interval, &mut self.speech) {
            (Some(interval), Some(speech)) => {
                let next = speech.deadline() + interval;
                speech.as_mut().reset(next);
            }
            _ => self.speech = None,
        }
        if let Some(attempt) = self.present.filter(|_| interval.is_some()) {
            self.say(attempt);
        }
    }
}
