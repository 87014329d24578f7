//! Servers, seeds, a network and any number of clients in virtual time.
//!
//! Servers and seeds do what a test sets them to; the clients are driven as a driver would, down to events that come late
//! for attempts which are over. Everything a client does is written down with its time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use evenkeel::RequestId;
use evenkeel::cause::{SeedFailure, is_final};
use evenkeel::client::{AttemptId, Client, Command, Config, MoveReason, Retry, RetryCause, State};
use evenkeel::list::ServerList;
use evenkeel::memory::Record;
use evenkeel::selector::Reason;
use evenkeel::time::Instant;
use serde_json::{Value, json};

use crate::support::{at, document, entry, secs};
use crate::watched::Watched;

/// One way through the network, in seconds.
pub(crate) const LATENCY: f64 = 0.02;

/// What a server does with those who connect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Manner {
    /// Takes them.
    Accepts,
    /// Closes before the connection is open.
    Refuses,
    /// Takes them, and closes at once with this code.
    Drops(u16),
    /// Never answers.
    Hangs,
}

/// What a seed does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    /// Gives the list.
    List,
    /// Fails, perhaps with a Retry-After in seconds.
    Fails(SeedFailure, Option<f64>),
    /// Never answers.
    Nothing,
}

/// What the application does when it is asked where to connect, and with which credentials. (So many seconds later.)
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Credentials {
    Gives(f64),
    Fails(f64),
    /// It never answers.
    Never,
}

#[derive(Clone, Debug)]
pub(crate) struct FleetServer {
    pub(crate) id: String,
    pub(crate) priority: u16,
    pub(crate) capacity: f64,
    pub(crate) base_users: f64,
    pub(crate) alive: bool,
    pub(crate) manner: Manner,
    pub(crate) draining: bool,
    /// Keeps its connections, and answers nothing.
    pub(crate) frozen: bool,
    /// What the list says of its availability, whatever is true.
    pub(crate) listed: Option<bool>,
    /// The list leaves it out.
    pub(crate) unlisted: bool,
    /// Handshakes a second, as the list says.
    pub(crate) connect_rate: Option<f64>,
    /// The count that the list shows, whatever is true.
    pub(crate) reported: Option<f64>,
    /// Handshakes that reached it.
    pub(crate) handshakes: u32,
    /// When it died or came back.
    changed: f64,
    users_at_death: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Happened {
    State(State),
    Fetch(u16),
    Watch(u16),
    Cancelled,
    Connect(usize, Reason),
    /// An attempt beside another one, or beside the connection.
    Beside(usize),
    Resorted {
        fallback: bool,
    },
    Prepare,
    Opened,
    Migrated(MoveReason),
    Moved(MoveReason),
    Retired,
    Beat,
    Close,
    Abandoned,
    Lost {
        is_final: bool,
    },
    Retry(Retry),
}

pub(crate) struct WorldClient {
    pub(crate) watched: Watched,
    /// What it did, and when (seconds).
    pub(crate) log: Vec<(f64, Happened)>,
    /// The servers that serve it, or are about to.
    connections: Vec<Connection>,
    /// A seed sends it lists.
    stream: Option<Stream>,
    asks_for_credentials: bool,
}

/// A client's connection, as its server has it.
#[derive(Clone, Copy, Debug)]
struct Connection {
    attempt: AttemptId,
    server: usize,
    open: bool,
}

/// A client's stream, as its seed has it.
#[derive(Clone, Copy, Debug)]
struct Stream {
    request: RequestId,
    seed: u16,
}

enum Event {
    Streamed(RequestId, Arc<ServerList>),
    StreamLives(RequestId),
    Answer(RequestId, Result<Arc<ServerList>, (SeedFailure, Option<f64>)>),
    Dial(AttemptId, usize),
    CredentialsFailed(AttemptId),
    Opened(AttemptId),
    Closed(AttemptId, u16),
    Prepared(AttemptId),
    Heard(AttemptId),
}

struct Scheduled {
    at: f64,
    order: u64,
    client: usize,
    event: Event,
}

pub(crate) struct World {
    pub(crate) now: f64,
    pub(crate) servers: Vec<FleetServer>,
    pub(crate) seeds: Vec<Answer>,
    /// What they do when they are asked for a stream.
    pub(crate) streams: Vec<Answer>,
    pub(crate) clients: Vec<WorldClient>,
    pub(crate) credentials: Credentials,
    /// How long the application takes to prepare a connection, in seconds; `None`: for ever.
    pub(crate) prepares_in: Option<f64>,
    /// Members of the document beside `servers`.
    pub(crate) head: Value,
    /// How long a death or a return goes unnoticed by the seed, in seconds.
    pub(crate) detection: f64,
    /// The list is made anew so often, in seconds.
    pub(crate) refresh: f64,
    made: (f64, Value),
    scheduled: BinaryHeap<Scheduled>,
    order: u64,
}

impl WorldClient {
    /// Its server vanishes without a word.
    pub(crate) fn forget_connection(&mut self) {
        self.connections.clear();
    }
}

impl World {
    /// A world with these servers, `(id, priority, capacity)`, and one seed that knows them.
    pub(crate) fn new(servers: &[(&str, u16, f64)]) -> Self {
        let servers = servers.iter().map(|&(id, priority, capacity)| FleetServer {
            id: id.to_owned(),
            priority,
            capacity,
            base_users: 0.0,
            alive: true,
            manner: Manner::Accepts,
            draining: false,
            frozen: false,
            listed: None,
            unlisted: false,
            connect_rate: None,
            reported: None,
            handshakes: 0,
            changed: f64::NEG_INFINITY,
            users_at_death: 0.0,
        });
        Self {
            now: 0.0,
            servers: servers.collect(),
            seeds: vec![Answer::List],
            streams: vec![Answer::List],
            clients: Vec::new(),
            credentials: Credentials::Gives(0.0),
            prepares_in: Some(0.05),
            head: json!({ "ttl": 2 }),
            detection: 1.0,
            refresh: 1.0,
            made: (f64::NEG_INFINITY, Value::Null),
            scheduled: BinaryHeap::new(),
            order: 0,
        }
    }

    /// Three servers of one group, room for all.
    pub(crate) fn of_three() -> Self {
        Self::new(&[("a", 0, 1000.0), ("b", 0, 1000.0), ("c", 0, 1000.0)])
    }

    /// Adds a client that asks the seeds, and starts it.
    pub(crate) fn start(&mut self, random_seed: u64) -> usize {
        let config = self.plain_config();
        self.start_with(config, random_seed)
    }

    fn plain_config(&self) -> Config {
        Config {
            seeds: u16::try_from(self.seeds.len()).unwrap(),
            ..Config::default()
        }
    }

    pub(crate) fn start_with(&mut self, config: Config, random_seed: u64) -> usize {
        let client = self.add(config, random_seed);
        self.set_out(client);
        client
    }

    /// Adds a client that is not started yet.
    pub(crate) fn add(&mut self, config: Config, random_seed: u64) -> usize {
        self.clients.push(WorldClient {
            asks_for_credentials: config.credential_timeout.is_some(),
            watched: Watched::new(config, random_seed),
            log: Vec::new(),
            connections: Vec::new(),
            stream: None,
        });
        self.clients.len() - 1
    }

    pub(crate) fn set_out(&mut self, client: usize) {
        let commands = self.clients[client].watched.start(at(self.now));
        self.carry_out(client, commands);
    }

    /// A world in which one client is open, and has been for a minute.
    pub(crate) fn with_one_settled(self, random_seed: u64) -> Self {
        let config = self.plain_config();
        self.with_one_like(config, random_seed)
    }

    pub(crate) fn with_one_like(mut self, config: Config, random_seed: u64) -> Self {
        self.start_with(config, random_seed);
        self.run_for(60.0);
        assert_eq!(self.state(0), State::Open, "seed {random_seed}");
        self
    }

    pub(crate) fn state(&self, client: usize) -> State {
        self.clients[client].watched.client.state()
    }

    /// The server that a client is connected to.
    pub(crate) fn server_of(&self, client: usize) -> Option<usize> {
        let attempt = self.clients[client].watched.connection()?;
        let mut connections = self.clients[client].connections.iter();
        let connection = connections.find(|it| it.attempt == attempt)?;
        Some(connection.server)
    }

    /// What a client remembers of a server.
    pub(crate) fn remembered(&self, client: usize, server: usize) -> Option<&Record> {
        let selector = self.clients[client].watched.client.selector();
        let listed = selector.in_force()?.list.find(&self.servers[server].id)?;
        selector.memory.record(listed.key)
    }

    pub(crate) fn all_open(&self) -> bool {
        (0..self.clients.len()).all(|client| matches!(self.state(client), State::Open | State::Migrating))
    }

    /// What a client did since then.
    pub(crate) fn since(&self, client: usize, from: f64) -> Vec<(f64, Happened)> {
        let log = &self.clients[client].log;
        log.iter().filter(|(when, _)| *when >= from).copied().collect()
    }

    /// The same without the times, and without what is between it and the seeds.
    pub(crate) fn told(&self, client: usize, from: f64) -> Vec<Happened> {
        let since = self.since(client, from).into_iter().map(|(_, what)| what);
        since.filter(|what| !matches!(what, Happened::Fetch(_))).collect()
    }

    /// The servers that a client tried to connect to since then, with the time.
    pub(crate) fn attempts(&self, client: usize, from: f64) -> Vec<(f64, usize)> {
        let connects = self.since(client, from).into_iter();
        let connects = connects.filter_map(|(when, what)| match what {
            Happened::Connect(server, _) | Happened::Beside(server) => Some((when, server)),
            _ => None,
        });
        connects.collect()
    }

    /// When a client asked a seed since then, and which.
    pub(crate) fn fetches(&self, client: usize, from: f64) -> Vec<(f64, u16)> {
        let fetches = self.since(client, from).into_iter();
        let fetches = fetches.filter_map(|(when, what)| match what {
            Happened::Fetch(seed) => Some((when, seed)),
            _ => None,
        });
        fetches.collect()
    }

    /// The retries announced to a client's application since then, with the time.
    pub(crate) fn retries(&self, client: usize, from: f64) -> Vec<(f64, Retry)> {
        let retries = self.since(client, from).into_iter();
        let retries = retries.filter_map(|(when, what)| match what {
            Happened::Retry(retry) => Some((when, retry)),
            _ => None,
        });
        retries.collect()
    }

    /// Why each of these retries was necessary.
    pub(crate) fn causes(&self, client: usize, from: f64) -> Vec<RetryCause> {
        let retries = self.retries(client, from).into_iter();
        retries.map(|(_, retry)| retry.cause).collect()
    }

    /// How often a client did this since then.
    pub(crate) fn count(&self, client: usize, from: f64, what: Happened) -> usize {
        let since = self.since(client, from).into_iter();
        since.filter(|(_, happened)| *happened == what).count()
    }

    /// The servers that a client holds something against.
    pub(crate) fn blamed(&self, client: usize) -> Vec<usize> {
        let selector = self.clients[client].watched.client.selector();
        let Some(in_force) = selector.in_force() else {
            return Vec::new();
        };
        let is_blamed = |server: &FleetServer| {
            let key = in_force.list.find(&server.id).map(|server| server.key);
            let record = key.and_then(|key| selector.memory.record(key));
            record.is_some_and(|record| record.is_lost() || record.is_ejected(at(self.now)))
        };
        (0..self.servers.len())
            .filter(|&server| is_blamed(&self.servers[server]))
            .collect()
    }

    /// When a client opened for the first time since then.
    pub(crate) fn opened_at(&self, client: usize, from: f64) -> Option<f64> {
        let mut log = self.since(client, from).into_iter();
        log.find(|(_, what)| *what == Happened::Opened).map(|(when, _)| when)
    }

    /// Kills a server: its connections end without a close frame.
    pub(crate) fn kill(&mut self, server: usize) {
        self.servers[server].users_at_death = self.users_of(server);
        self.servers[server].alive = false;
        self.servers[server].changed = self.now;
        self.close_all(server, 1006);
    }

    /// From now on every server does this with those who come.
    pub(crate) fn set_manners(&mut self, manner: Manner) {
        for server in &mut self.servers {
            server.manner = manner;
        }
    }

    pub(crate) fn revive(&mut self, server: usize) {
        self.servers[server].alive = true;
        self.servers[server].changed = self.now;
    }

    /// Closes all connections of a server with this code.
    pub(crate) fn close_all(&mut self, server: usize, code: u16) {
        for client in 0..self.clients.len() {
            for Connection {
                attempt, server: on, ..
            } in self.clients[client].connections.clone()
            {
                if on == server {
                    self.deliver(client, Event::Closed(attempt, code));
                }
            }
        }
    }

    /// The application closes its client.
    pub(crate) fn close(&mut self, client: usize) {
        let commands = self.clients[client].watched.close(at(self.now));
        self.carry_out(client, commands);
    }

    /// The application wants another decision.
    pub(crate) fn reconnect(&mut self, client: usize) {
        let commands = self.clients[client].watched.reconnect(at(self.now));
        self.carry_out(client, commands);
    }

    pub(crate) fn run_for(&mut self, secs: f64) {
        self.run_until(self.now + secs, |_| false);
    }

    /// Runs until something is so, or until that time. False if it never was.
    pub(crate) fn run_until(&mut self, end: f64, done: impl Fn(&Self) -> bool) -> bool {
        while !done(self) {
            let wake = (0..self.clients.len())
                .filter_map(|client| {
                    let timeout = self.clients[client].watched.client.poll_timeout()?;
                    Some((timeout.as_millis() / 1000.0, client))
                })
                .min_by(|one, other| one.0.total_cmp(&other.0));
            let event = self.scheduled.peek().map_or(f64::INFINITY, |scheduled| scheduled.at);
            let next = wake.map_or(event, |(at, _)| at.min(event));
            if next > end {
                self.now = end;
                return done(self);
            }
            self.now = self.now.max(next);
            if event <= next {
                let scheduled = self.scheduled.pop().unwrap();
                self.deliver(scheduled.client, scheduled.event);
            } else if let Some((timeout, client)) = wake {
                // The timer of a driver fires a little late, never early.
                self.now = self.now.max(timeout + 1e-6);
                let commands = self.clients[client].watched.wake(at(self.now));
                self.carry_out(client, commands);
            }
        }
        true
    }

    fn deliver(&mut self, client: usize, event: Event) {
        let now = at(self.now);
        if let Event::Dial(attempt, server) = event
            && self.clients[client].watched.sockets().contains(&attempt)
        {
            self.connect(client, attempt, server);
        }
        let this = &mut self.clients[client];
        let commands = match event {
            Event::Dial(attempt, _) => this.watched.tell(now, |client| client.handle_dialed(now, attempt)),
            Event::CredentialsFailed(attempt) => this.watched.credentials_failed(now, attempt),
            Event::Streamed(request, list) => this.watched.list(now, request, list),
            Event::StreamLives(request) => this
                .watched
                .tell(now, |client| client.handle_stream_heard(now, request)),
            Event::Answer(request, Ok(list)) => this.watched.list(now, request, list),
            Event::Answer(request, Err((failure, wish))) => {
                this.watched.list_failed(now, request, failure, wish.map(secs))
            }
            Event::Opened(attempt) => {
                if let Some(connection) = this.connections.iter_mut().find(|it| it.attempt == attempt) {
                    connection.open = true;
                }
                this.watched.opened(now, attempt)
            }
            Event::Prepared(attempt) => this.watched.tell(now, |client| client.handle_prepared(now, attempt)),
            Event::Heard(attempt) => this.watched.tell(now, |client| client.handle_heard(attempt, now)),
            Event::Closed(attempt, code) => {
                this.connections.retain(|connection| connection.attempt != attempt);
                this.watched.closed(now, attempt, code, !is_final(code))
            }
        };
        self.carry_out(client, commands);
    }

    fn carry_out(&mut self, client: usize, commands: Vec<Command>) {
        for command in commands {
            let happened = match command {
                Command::State(state) => Happened::State(state),
                Command::Fetch { request, seed } => {
                    match self.seeds[usize::from(seed)] {
                        Answer::List => {
                            let list = self.list();
                            self.schedule(2.0 * LATENCY, client, Event::Answer(request, Ok(list)));
                        }
                        Answer::Fails(failure, wish) => {
                            self.schedule(2.0 * LATENCY, client, Event::Answer(request, Err((failure, wish))));
                        }
                        Answer::Nothing => {}
                    }
                    Happened::Fetch(seed)
                }
                Command::Watch { request, seed } => {
                    self.begin_stream(client, request, seed);
                    Happened::Watch(seed)
                }
                Command::CancelFetch { request } => {
                    self.clients[client].stream.take_if(|stream| stream.request == request);
                    Happened::Cancelled
                }
                Command::Connect {
                    attempt,
                    decision,
                    beside,
                } => {
                    let selector = self.clients[client].watched.client.selector();
                    let id = &selector.in_force().unwrap().list.servers()[decision.server].id;
                    let server = self.servers.iter().position(|server| *server.id == **id).unwrap();
                    self.begin(client, attempt, server);
                    match beside {
                        true => Happened::Beside(server),
                        false => Happened::Connect(server, decision.reason),
                    }
                }
                Command::Resort { fallback } => Happened::Resorted { fallback },
                Command::Prepare { attempt } => {
                    if let Some(after) = self.prepares_in {
                        self.schedule(after, client, Event::Prepared(attempt));
                    }
                    Happened::Prepare
                }
                Command::Opened { .. } => Happened::Opened,
                Command::Migrated { reason, .. } => Happened::Migrated(reason),
                Command::Beat { attempt } => {
                    self.beat(client, attempt);
                    Happened::Beat
                }
                Command::Close { attempt } => {
                    self.shake_hands(client, attempt);
                    Happened::Close
                }
                Command::Retire { attempt } => {
                    self.shake_hands(client, attempt);
                    Happened::Retired
                }
                Command::Abandon { attempt } => {
                    self.clients[client].connections.retain(|it| it.attempt != attempt);
                    Happened::Abandoned
                }
                Command::Lost {
                    moved: Some(reason), ..
                } => Happened::Moved(reason),
                Command::Lost { is_final, .. } => Happened::Lost { is_final },
                Command::Retry(retry) => Happened::Retry(retry),
            };
            self.clients[client].log.push((self.now, happened));
        }
    }

    fn begin_stream(&mut self, client: usize, request: RequestId, seed: u16) {
        match self.streams[usize::from(seed)] {
            Answer::List => {
                self.clients[client].stream = Some(Stream { request, seed });
                let list = self.list();
                self.schedule(2.0 * LATENCY, client, Event::Streamed(request, list));
            }
            Answer::Fails(failure, wish) => {
                self.schedule(2.0 * LATENCY, client, Event::Answer(request, Err((failure, wish))));
            }
            Answer::Nothing => {}
        }
    }

    /// The seeds send everybody who watches the list as it is now.
    pub(crate) fn stream_list(&mut self) {
        self.made.0 = f64::NEG_INFINITY;
        let list = self.list();
        self.deliver_to_streams(|request| Event::Streamed(request, Arc::clone(&list)));
    }

    /// They send a comment.
    pub(crate) fn stream_comment(&mut self) {
        self.deliver_to_streams(Event::StreamLives);
    }

    /// A seed ends its streams.
    pub(crate) fn end_streams(&mut self, of: u16) {
        for client in 0..self.clients.len() {
            if let Some(stream) = self.clients[client].stream.take_if(|stream| stream.seed == of) {
                let end = Event::Answer(stream.request, Err((SeedFailure::Unreachable, None)));
                self.schedule(LATENCY, client, end);
            }
        }
    }

    fn deliver_to_streams(&mut self, event: impl Fn(RequestId) -> Event) {
        for client in 0..self.clients.len() {
            if let Some(Stream { request, .. }) = self.clients[client].stream {
                self.schedule(LATENCY, client, event(request));
            }
        }
    }

    /// Asks for credentials first, if that is wanted.
    fn begin(&mut self, client: usize, attempt: AttemptId, server: usize) {
        if !self.clients[client].asks_for_credentials {
            return self.connect(client, attempt, server);
        }
        match self.credentials {
            Credentials::Gives(after) => self.schedule(after, client, Event::Dial(attempt, server)),
            Credentials::Fails(after) => self.schedule(after, client, Event::CredentialsFailed(attempt)),
            Credentials::Never => {}
        }
    }

    fn connect(&mut self, client: usize, attempt: AttemptId, server: usize) {
        self.servers[server].handshakes += 1;
        let FleetServer {
            alive, manner, frozen, ..
        } = self.servers[server];
        let trip = 2.0 * LATENCY;
        match manner {
            Manner::Hangs => {}
            _ if frozen => {}
            _ if !alive => self.schedule(trip, client, Event::Closed(attempt, 1006)),
            Manner::Refuses => self.schedule(trip, client, Event::Closed(attempt, 1006)),
            Manner::Drops(code) => {
                self.schedule(trip, client, Event::Opened(attempt));
                self.schedule(trip, client, Event::Closed(attempt, code));
            }
            Manner::Accepts => {
                self.clients[client].connections.push(Connection {
                    attempt,
                    server,
                    open: false,
                });
                self.schedule(trip, client, Event::Opened(attempt));
            }
        }
    }

    /// The peer answers a closing handshake, if it is there.
    fn shake_hands(&mut self, client: usize, attempt: AttemptId) {
        let mut connections = self.clients[client].connections.iter();
        if let Some(connection) = connections.find(|it| it.attempt == attempt)
            && !self.servers[connection.server].frozen
        {
            self.schedule(2.0 * LATENCY, client, Event::Closed(attempt, 1000));
        }
    }

    /// A server that is well answers the application's ping.
    fn beat(&mut self, client: usize, attempt: AttemptId) {
        let mut connections = self.clients[client].connections.iter();
        if let Some(connection) = connections.find(|it| it.attempt == attempt)
            && self.servers[connection.server].alive
            && !self.servers[connection.server].frozen
        {
            self.schedule(2.0 * LATENCY, client, Event::Heard(attempt));
        }
    }

    /// A server sends each of its clients a message.
    pub(crate) fn broadcast(&mut self, server: usize) {
        for client in 0..self.clients.len() {
            for connection in self.clients[client].connections.clone() {
                if connection.server == server && connection.open {
                    self.schedule(LATENCY, client, Event::Heard(connection.attempt));
                }
            }
        }
    }

    /// Tells a client what a driver may tell it.
    pub(crate) fn tell(&mut self, client: usize, tell: impl FnOnce(&mut Client, Instant)) {
        let now = at(self.now);
        let commands = self.clients[client].watched.tell(now, |client| tell(client, now));
        self.carry_out(client, commands);
    }

    /// Nothing runs for so long, of this client: no timer, no event. (The page is frozen, the machine asleep.)
    pub(crate) fn sleep(&mut self, secs: f64) {
        self.now += secs;
    }

    fn schedule(&mut self, after: f64, client: usize, event: Event) {
        self.order += 1;
        self.scheduled.push(Scheduled {
            at: self.now + after,
            order: self.order,
            client,
            event,
        });
    }

    /// The list as the seed has it now: made anew every so often, and behind the truth by the time of detection.
    fn list(&mut self) -> Arc<ServerList> {
        if self.now - self.made.0 >= self.refresh {
            self.made = (self.now, self.servers_as_seen());
        }
        let mut whole = self.head.clone();
        whole["servers"] = self.made.1.clone();
        if whole.get("age").is_none() {
            whole["age"] = json!(self.now - self.made.0);
        }
        document(&whole)
    }

    fn users_of(&self, server: usize) -> f64 {
        let connections = self.clients.iter().flat_map(|client| &client.connections);
        let connections = connections.filter(|connection| connection.server == server).count();
        self.servers[server].base_users + connections as f64
    }

    fn servers_as_seen(&self) -> Value {
        let listed = self.servers.iter().enumerate().filter(|(_, server)| !server.unlisted);
        let seen = listed.map(|(position, server)| {
            let noticed = self.now - server.changed >= self.detection;
            let available = server.listed.unwrap_or(server.alive == noticed);
            let users = match server.alive {
                true => self.users_of(position),
                false if self.now - server.changed < 60.0 => server.users_at_death,
                false => 0.0,
            };
            let users = server.reported.unwrap_or(users);
            entry(
                &server.id,
                json!({
                    "priority": server.priority, "capacity": server.capacity, "users": users,
                    "available": available, "draining": server.draining, "connectRate": server.connect_rate,
                }),
            )
        });
        seen.collect()
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    // The heap gives the greatest first: the earliest, and of two the one that was scheduled first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at).then(other.order.cmp(&self.order))
    }
}
