//! A client by other rules: a [`Choice`] and a [`Law`], and around them what every client needs.
//!
//! It has the list as fresh as our own client has it: asked for at the start, every minute (± 20 %) while connected, and
//! before every attempt if the one it has is older than its ttl.

use std::collections::VecDeque;
use std::sync::Arc;

use evenkeel::random::Random;
use evenkeel::time::Instant;

use super::{Act, Agent, Edition, News};
use crate::rival::{Change, Choice, Law, Trouble, View};

/// An attempt that its library never gives up is given up by the browser or the system after so many seconds.
const PATIENCE_OF_SYSTEMS: f64 = 240.0;
/// Servers that are remembered as lost in an episode.
const MOST_LOST: usize = 32;

#[derive(Clone, Copy, Debug)]
enum Phase {
    Idle,
    /// Needs a list before it can go on.
    Listing,
    Connecting(Way),
    Open {
        link: Way,
        next: Option<Way>,
    },
    Waiting(f64),
    /// It has given up.
    Over,
}

/// An attempt, or the connection that came of it.
#[derive(Clone, Copy, Debug)]
struct Way {
    attempt: u32,
    server: usize,
    /// When the attempt is given up; of a connection, when it counts as stable.
    deadline: f64,
}

/// A client by other rules.
#[derive(Debug)]
pub struct Rival {
    random: Random,
    phase: Phase,
    edition: Option<Arc<Edition>>,
    before: Option<Arc<Edition>>,
    received: f64,
    refresh_at: f64,
    request: u32,
    asking: bool,
    attempts: u32,
    failures: u32,
    wait_before: f64,
    lost: Vec<usize>,
    outbox: VecDeque<Act>,
}

/// What all of them share.
pub struct RivalShared {
    /// Where to go.
    pub choice: &'static dyn Choice,
    /// How long to wait.
    pub law: &'static dyn Law,
    /// Seconds between lists while connected; infinite: never.
    pub refresh_interval: f64,
}

fn view(edition: &Edition, now: f64) -> View<'_> {
    View {
        servers: &edition.listed,
        age: (now - edition.made).max(0.0),
    }
}

impl Rival {
    fn fetch(&mut self) {
        if !self.asking {
            self.asking = true;
            self.request += 1;
            self.outbox.push_back(Act::Fetch { request: self.request });
        }
    }

    /// Goes, on a list that is fresh enough.
    fn go(&mut self, shared: &RivalShared, now: f64) {
        match &self.edition {
            Some(edition) if now - self.received <= edition.list.ttl.as_secs() => self.connect(shared, now),
            _ => {
                self.phase = Phase::Listing;
                self.fetch();
            }
        }
    }

    fn connect(&mut self, shared: &RivalShared, now: f64) {
        let chosen = self
            .edition
            .as_ref()
            .and_then(|edition| shared.choice.choose(&view(edition, now), &self.lost, &mut self.random));
        match chosen {
            Some(server) => self.phase = Phase::Connecting(self.begin(shared, server, now)),
            None => {
                // A round is over: everyone gets another chance.
                self.lost.clear();
                self.wait(shared, now, false);
            }
        }
    }

    fn begin(&mut self, shared: &RivalShared, server: usize, now: f64) -> Way {
        self.attempts += 1;
        let attempt = self.attempts;
        self.outbox.push_back(Act::Connect {
            attempt,
            server: u16::try_from(server).unwrap_or(u16::MAX),
        });
        Way {
            attempt,
            server,
            deadline: now + shared.law.connect_timeout().min(PATIENCE_OF_SYSTEMS),
        }
    }

    fn trouble(&mut self, shared: &RivalShared, server: usize, now: f64, lost: bool) {
        self.lost.retain(|&one| one != server);
        if self.lost.len() < MOST_LOST {
            self.lost.push(server);
        }
        self.wait(shared, now, lost);
    }

    fn wait(&mut self, shared: &RivalShared, now: f64, lost: bool) {
        self.failures += 1;
        if shared.law.gives_up_after().is_some_and(|most| self.failures > most) {
            self.phase = Phase::Over;
            return;
        }
        let trouble = Trouble {
            failures: self.failures,
            lost,
            previous: self.wait_before,
        };
        let delay = shared.law.delay(&trouble, &mut self.random).max(0.0);
        self.wait_before = delay;
        self.phase = Phase::Waiting(now + delay);
    }

    fn all_is_well(&mut self) {
        self.failures = 0;
        self.wait_before = 0.0;
        self.lost.clear();
    }

    fn refresh_later(&mut self, shared: &RivalShared, now: f64) {
        self.refresh_at = now + shared.refresh_interval * self.random.between(0.8, 1.2);
    }

    fn take(&mut self, shared: &RivalShared, edition: &Arc<Edition>, now: f64) {
        let is_new = self
            .edition
            .as_ref()
            .is_none_or(|before| before.list.version != edition.list.version);
        if is_new {
            self.before = self.edition.take();
        }
        self.edition = Some(edition.clone());
        self.received = now;
        match self.phase {
            Phase::Listing => self.connect(shared, now),
            Phase::Open { link, next: None } if is_new => {
                self.refresh_later(shared, now);
                let Some(before) = &self.before else { return };
                let change = Change {
                    before: view(before, now),
                    now: view(edition, now),
                    own: link.server,
                };
                let target = shared.choice.rebalance(&change, &mut self.random);
                if let Some(target) = target.filter(|&target| target != link.server) {
                    let next = Some(self.begin(shared, target, now));
                    self.phase = Phase::Open { link, next };
                }
            }
            _ => self.refresh_later(shared, now),
        }
    }

    fn opened(&mut self, shared: &RivalShared, attempt: u32, now: f64) {
        let stands = |way: Way| Way {
            deadline: now + shared.law.stable_after(),
            ..way
        };
        match self.phase {
            Phase::Connecting(way) if way.attempt == attempt => {
                self.phase = Phase::Open {
                    link: stands(way),
                    next: None,
                };
                self.refresh_later(shared, now);
                if shared.law.stable_after() <= 0.0 {
                    self.all_is_well();
                }
            }
            Phase::Open { link, next: Some(way) } if way.attempt == attempt => {
                self.phase = Phase::Open {
                    link: stands(way),
                    next: None,
                };
                self.outbox.push_back(Act::Move);
                self.outbox.push_back(Act::Close { attempt: link.attempt });
            }
            _ => {}
        }
    }

    fn closed(&mut self, shared: &RivalShared, attempt: u32, now: f64) {
        match self.phase {
            Phase::Connecting(way) if way.attempt == attempt => self.trouble(shared, way.server, now, false),
            Phase::Open { link, next } if link.attempt == attempt => match next {
                Some(next) => self.phase = Phase::Connecting(next),
                None => {
                    if now >= link.deadline {
                        self.all_is_well();
                    }
                    self.trouble(shared, link.server, now, true);
                }
            },
            Phase::Open { link, next: Some(way) } if way.attempt == attempt => {
                self.phase = Phase::Open { link, next: None };
            }
            _ => {}
        }
    }

    fn tick(&mut self, shared: &RivalShared, now: f64) {
        match self.phase {
            Phase::Connecting(way) if now >= way.deadline => {
                self.outbox.push_back(Act::Abandon { attempt: way.attempt });
                self.trouble(shared, way.server, now, false);
            }
            Phase::Waiting(until) if now >= until => self.go(shared, now),
            Phase::Open { link, next } => {
                if let Some(next) = next.filter(|next| now >= next.deadline) {
                    self.outbox.push_back(Act::Abandon { attempt: next.attempt });
                    self.phase = Phase::Open { link, next: None };
                }
                if self.failures > 0 && now >= link.deadline {
                    self.all_is_well();
                }
                if now >= self.refresh_at {
                    self.refresh_later(shared, now);
                    self.fetch();
                }
            }
            _ => {}
        }
    }
}

impl Agent for Rival {
    type Shared = RivalShared;

    fn new(_: &RivalShared, random_seed: u64) -> Self {
        Self {
            random: Random::new(random_seed),
            phase: Phase::Idle,
            edition: None,
            before: None,
            received: f64::NEG_INFINITY,
            refresh_at: f64::INFINITY,
            request: 0,
            asking: false,
            attempts: 0,
            failures: 0,
            wait_before: 0.0,
            lost: Vec::new(),
            outbox: VecDeque::new(),
        }
    }

    fn tell(&mut self, shared: &mut RivalShared, now: Instant, news: News<'_>) {
        let now = now.as_millis() / 1000.0;
        match news {
            News::Start => {
                self.phase = Phase::Listing;
                self.fetch();
            }
            News::List { request, edition } => {
                if request == self.request && self.asking {
                    self.asking = false;
                    self.take(shared, edition, now);
                }
            }
            News::ListFailed { request, .. } => {
                if request == self.request && self.asking {
                    self.asking = false;
                    if matches!(self.phase, Phase::Listing) {
                        if self.edition.is_some() {
                            self.connect(shared, now);
                        } else {
                            self.wait(shared, now, false);
                        }
                    }
                }
            }
            News::Opened { attempt } => self.opened(shared, attempt, now),
            News::Closed { attempt, .. } => self.closed(shared, attempt, now),
            News::Tick => self.tick(shared, now),
            // What these rules are compared in is the choice and the waiting: they know of no application and no page.
            News::Dialed { .. }
            | News::NoCredentials { .. }
            | News::Prepared { .. }
            | News::Unprepared { .. }
            | News::Heard { .. }
            | News::Network { .. }
            | News::Wake
            | News::Asleep
            | News::Look
            | News::Application(_) => {}
        }
    }

    fn act(&mut self, _: &mut RivalShared, _: Instant) -> Option<Act> {
        self.outbox.pop_front()
    }

    fn due(&self) -> Instant {
        let due = match self.phase {
            Phase::Connecting(way) => way.deadline,
            Phase::Waiting(until) => until,
            Phase::Open { link, next } => {
                let next = next.map_or(f64::INFINITY, |next| next.deadline);
                let stable = if self.failures > 0 {
                    link.deadline
                } else {
                    f64::INFINITY
                };
                let refresh = if self.asking { f64::INFINITY } else { self.refresh_at };
                next.min(stable).min(refresh)
            }
            Phase::Idle | Phase::Listing | Phase::Over => f64::INFINITY,
        };
        Instant::from_millis(due * 1000.0)
    }

    fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }
}
