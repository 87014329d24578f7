//! Who is where: every attempt, connection and message, and the figures that come of them.
//!
//! The figures are the simulation's ([`Watch`]), told here of real servers what the simulation tells it of its own: at the
//! same moments, and with the same meaning. A server's users are the connections that clients have open there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use evenkeel::client::AttemptId;
use evenkeel_simulation::figures::{Course, Figures, Measured, Remarks, Watch};
use parking_lot::Mutex;
use serde::Serialize;

/// A real server, as the figures see it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name in the list.
    pub id: String,
    /// The users that fill it.
    pub capacity: f64,
    /// Its priority group.
    pub group: u16,
    /// The handshakes a second that it can serve, as the list has it.
    pub rate: f64,
    users: u32,
    up: bool,
    draining: bool,
    is_new: bool,
}

impl Server {
    /// One that is up, and empty.
    pub fn new(id: String, capacity: f64, group: u16, rate: f64) -> Self {
        Self {
            id,
            capacity,
            group,
            rate,
            users: 0,
            up: true,
            draining: false,
            is_new: false,
        }
    }
}

impl Measured for Server {
    fn users(&self) -> u32 {
        self.users
    }

    fn capacity(&self) -> f64 {
        self.capacity
    }

    fn group(&self) -> u16 {
        self.group
    }

    fn rate(&self) -> f64 {
        self.rate
    }

    fn in_service(&self) -> bool {
        self.up && !self.draining
    }

    fn is_new(&self) -> bool {
        self.is_new
    }
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Dialing,
    /// A living server has it.
    Reached,
    Open,
    /// Its server has been killed, and the client is about to see it.
    Killed,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    attempt: AttemptId,
    server: usize,
    stage: Stage,
    /// The application has been told that it can be used.
    counted: bool,
}

/// What is known of one client.
#[derive(Clone, Debug, Default)]
struct Slot {
    links: Vec<Link>,
    is_open: bool,
    opened: bool,
    thrown_out: bool,
}

/// Why an attempt did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens.
    Refused,
    /// It was answered with another status than 101.
    Answered,
    /// Anything else: the connection broke, or there was none to be had.
    Broken,
}

/// How a connection or an attempt came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// We gave it up or closed it.
    Ours,
    /// It did not open.
    Failed(Failure),
    /// It had been open.
    Lost,
}

/// Attempts that did not open, from the start on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    /// Nobody listened.
    pub refused: u64,
    /// Answered with another status than 101.
    pub answered: u64,
    /// The connection broke, or there was none to be had.
    pub broken: u64,
    /// We gave them up: they took too long, or were not needed any more.
    pub given_up: u64,
    /// Their server died meanwhile.
    pub died: u64,
}

/// What has become of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    /// Sent while connected.
    pub sent: u64,
    /// Their echo has come back, in order.
    pub echoed: u64,
    /// Their connection ended before the echo came.
    pub lost: u64,
    /// Of these, on connections whose server had not been killed.
    pub lost_elsewhere: u64,
    /// Echoes of something else than what was sent first.
    pub garbled: u64,
    /// Neither echoed nor lost so far.
    pub unanswered: u64,
}

#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    echoed: AtomicU64,
    lost: AtomicU64,
    lost_elsewhere: AtomicU64,
    garbled: AtomicU64,
}

#[derive(Debug)]
struct Ledger {
    watch: Watch,
    servers: Vec<Server>,
    slots: Vec<Slot>,
    arrived: u64,
    opening: Vec<f32>,
    failures: Failures,
    unexpected: u64,
    strangers: u64,
    died_at: f64,
    noticed_after: Option<f64>,
}

/// All of it.
#[derive(Debug)]
pub struct Account {
    start: Instant,
    positions: HashMap<String, usize>,
    ledger: Mutex<Ledger>,
    counters: Counters,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Sums {
    /// The simulation's figures, of real servers.
    pub figures: Figures,
    /// What is to be said beside them.
    pub remarks: Remarks,
    /// How it went.
    pub course: Course,
    /// Attempts that did not open.
    pub failures: Failures,
    /// Connections lost although nobody had killed their server.
    pub unexpected: u64,
    /// Attempts at servers that were not in the list at the start, which are in no figure.
    pub strangers: u64,
    /// The longest that a connection went on after the order to kill its server, in seconds.
    pub noticed_after: Option<f64>,
    /// How long connections took to open, in milliseconds, the shortest first.
    pub opening: Vec<f32>,
    /// Open connections by server at the end.
    pub users: Vec<u32>,
}

impl Account {
    /// Of so many clients and these servers; figures count from this second on.
    pub fn new(clients: u32, servers: Vec<Server>, measure_from: f64) -> Self {
        Self {
            start: Instant::now(),
            positions: servers
                .iter()
                .enumerate()
                .map(|(at, server)| (server.id.clone(), at))
                .collect(),
            ledger: Mutex::new(Ledger {
                watch: Watch::new(measure_from, servers.len(), true),
                servers,
                slots: vec![Slot::default(); clients as usize],
                arrived: 0,
                opening: Vec::new(),
                failures: Failures::default(),
                unexpected: 0,
                strangers: 0,
                died_at: 0.0,
                noticed_after: None,
            }),
            counters: Counters::default(),
        }
    }

    /// When it all began.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// Seconds since then.
    pub fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Does something at this moment: the times of what is told never go back.
    fn at_this_moment<T>(&self, act: impl FnOnce(f64, &mut Ledger) -> T) -> T {
        let mut ledger = self.ledger.lock();
        act(self.now(), &mut ledger)
    }

    /// A client is there.
    pub fn arrived(&self) {
        self.ledger.lock().arrived += 1;
    }

    /// A client asks the seed.
    pub fn asked(&self) {
        self.at_this_moment(|now, it| it.watch.request(now, &it.servers));
    }

    /// A client sets out for the server with this name.
    pub fn dialing(&self, client: u32, attempt: AttemptId, server: &str) {
        let mut it = self.ledger.lock();
        match self.positions.get(server) {
            Some(&server) => it.slots[client as usize].links.push(Link {
                attempt,
                server,
                stage: Stage::Dialing,
                counted: false,
            }),
            None => it.strangers += 1,
        }
    }

    /// A living server has the handshake.
    pub fn reached(&self, client: u32, attempt: AttemptId) {
        self.at_this_moment(|now, it| {
            if let Some(link) = link(&mut it.slots, client, attempt) {
                link.stage = Stage::Reached;
                let server = link.server;
                it.watch.handshake(now, server, &it.servers);
            }
        });
    }

    /// The connection stands, so many milliseconds after it was begun.
    pub fn opened(&self, client: u32, attempt: AttemptId, took: f32) {
        let it = &mut *self.ledger.lock();
        it.opening.push(took);
        if let Some(link) = link(&mut it.slots, client, attempt).filter(|link| link.stage == Stage::Reached) {
            link.stage = Stage::Open;
            it.servers[link.server].users += 1;
        }
    }

    /// The application has been told that the connection can be used.
    pub fn usable(&self, client: u32, attempt: AttemptId) {
        self.at_this_moment(|now, it| {
            let Some(link) = link(&mut it.slots, client, attempt) else {
                return;
            };
            if link.stage == Stage::Open && !std::mem::replace(&mut link.counted, true) {
                let slot = &mut it.slots[client as usize];
                let was_thrown_out = std::mem::take(&mut slot.thrown_out);
                let again = std::mem::replace(&mut slot.opened, true);
                it.watch.connected(now, again, was_thrown_out);
            }
        });
    }

    /// Whether the client has a connection that it uses.
    pub fn is_open(&self, client: u32, is_open: bool) {
        self.ledger.lock().slots[client as usize].is_open = is_open;
    }

    /// A connection or an attempt is over, and so many messages on it were never echoed.
    pub fn ended(&self, client: u32, attempt: AttemptId, how: Ending, unanswered: u32) {
        let was_killed = self.at_this_moment(|now, it| {
            let links = &mut it.slots[client as usize].links;
            let Some(at) = links.iter().position(|link| link.attempt == attempt) else {
                return false;
            };
            let link = links.swap_remove(at);
            match link.stage {
                Stage::Killed => {
                    let after = now - it.died_at;
                    it.noticed_after = Some(it.noticed_after.map_or(after, |longest| after.max(longest)));
                    return true;
                }
                Stage::Open => {
                    it.servers[link.server].users -= 1;
                    it.unexpected += u64::from(how == Ending::Lost);
                    return false;
                }
                Stage::Dialing | Stage::Reached => {}
            }
            it.watch.failed(now);
            match how {
                Ending::Failed(Failure::Refused) => it.failures.refused += 1,
                Ending::Failed(Failure::Answered) => it.failures.answered += 1,
                Ending::Failed(Failure::Broken) | Ending::Lost => it.failures.broken += 1,
                Ending::Ours => it.failures.given_up += 1,
            }
            false
        });
        let unanswered = u64::from(unanswered);
        self.counters.lost.fetch_add(unanswered, Ordering::Relaxed);
        if !was_killed {
            self.counters.lost_elsewhere.fetch_add(unanswered, Ordering::Relaxed);
        }
    }

    /// These servers die now: whoever is connected to one of them and to no other is thrown out.
    pub fn die(&self, dying: &[usize]) {
        self.at_this_moment(|now, it| {
            it.watch.must_leave(dying);
            it.died_at = now;
            let mut lost = 0;
            for slot in &mut it.slots {
                let mut was_open = false;
                for link in slot.links.iter_mut().filter(|link| dying.contains(&link.server)) {
                    match link.stage {
                        Stage::Open => {
                            it.servers[link.server].users -= 1;
                            was_open = true;
                        }
                        Stage::Reached => {
                            it.watch.failed(now);
                            it.failures.died += 1;
                        }
                        // It will be refused, or is over already.
                        Stage::Dialing | Stage::Killed => continue,
                    }
                    link.stage = Stage::Killed;
                }
                if was_open && slot.links.iter().all(|link| link.stage != Stage::Open) {
                    lost += u32::from(!std::mem::replace(&mut slot.thrown_out, true));
                }
            }
            for &server in dying {
                it.servers[server].up = false;
            }
            it.watch.lost(now, lost, &it.servers);
        });
    }

    /// These servers are back.
    pub fn revive(&self, servers: &[usize]) {
        self.at_this_moment(|now, it| {
            let anybody = it.servers.iter().any(Server::in_service);
            for &server in servers {
                (it.servers[server].up, it.servers[server].is_new) = (true, true);
            }
            it.watch.revived(now, &it.servers, anybody);
        });
    }

    /// The list asks the clients of these servers to leave, or not any more.
    pub fn drain(&self, servers: &[usize], draining: bool) {
        let it = &mut *self.ledger.lock();
        if draining {
            it.watch.must_leave(servers);
        }
        for &server in servers {
            it.servers[server].draining = draining;
        }
    }

    /// Takes the figures of this moment.
    pub fn sample(&self) {
        self.at_this_moment(|now, it| it.watch.sample(now, &it.servers));
    }

    /// A message has been sent.
    pub fn sent(&self) {
        self.counters.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// An echo has come: of what was sent first, or not.
    pub fn echoed(&self, in_order: bool) {
        let counter = if in_order {
            &self.counters.echoed
        } else {
            &self.counters.garbled
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The messages so far.
    pub fn messages(&self) -> Messages {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (sent, echoed, lost) = (
            of(&self.counters.sent),
            of(&self.counters.echoed),
            of(&self.counters.lost),
        );
        Messages {
            sent,
            echoed,
            lost,
            lost_elsewhere: of(&self.counters.lost_elsewhere),
            garbled: of(&self.counters.garbled),
            unanswered: sent.saturating_sub(echoed + lost),
        }
    }

    /// Clients that have a connection.
    pub fn open(&self) -> u32 {
        let it = self.ledger.lock();
        it.slots.iter().map(|slot| u32::from(slot.is_open)).sum()
    }

    /// What came of it, now that all is over.
    pub fn sums(&self) -> Sums {
        let open = self.open();
        let it = &mut *self.ledger.lock();
        let mut opening = std::mem::take(&mut it.opening);
        opening.sort_by(f32::total_cmp);
        Sums {
            figures: it
                .watch
                .figures(it.arrived, u32::try_from(it.arrived).unwrap_or(u32::MAX), open),
            remarks: it.watch.remarks(),
            course: it.watch.course.take().unwrap_or_default(),
            failures: it.failures,
            unexpected: it.unexpected,
            strangers: it.strangers,
            noticed_after: it.noticed_after,
            opening,
            users: it.servers.iter().map(|server| server.users).collect(),
        }
    }
}

fn link(slots: &mut [Slot], client: u32, attempt: AttemptId) -> Option<&mut Link> {
    let mut links = slots[client as usize].links.iter_mut();
    links.find(|link| link.attempt == attempt)
}
