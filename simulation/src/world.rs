//! Clients, servers and a seed in virtual time.
//!
//! One thread, one [`Timeline`]: a run is a pure function of its plan, its policy and its random seed. Each client has one
//! timer at most that counts (`Slot::armed`); one that is put off is left where it is and finds out when it fires.

use evenkeel::cause::SeedFailure;
use evenkeel::time::Instant;

use crate::agent::{Act, Agent, News};
use crate::figures::{Course, Figures, Measured as _, Remarks, Watch};
use crate::plan::{AppAnswer, Plan, SeedTrouble, What};
use crate::seed::Seed;
use crate::server::{Reception, Server};
use crate::timeline::{Event, Kind, Micros, Timeline};

/// How a connection ends without a close frame.
const ABNORMAL: u16 = 1006;
/// How a proper closing handshake ends.
const NORMAL: u16 = 1000;
/// Connections and attempts that a client can have at a time.
const LINKS: usize = 4;
const AT_ONCE: AppAnswer = AppAnswer::Gives { after: 0.0 };
/// How much later than the first of what was held up a page may be told that it has slept.
const WORD_OF_SLEEP: Micros = 5_000;
/// Servers send something to a page within so many seconds: while it prepares the connection, and later.
const GREETINGS: [f64; 4] = [0.05, 20.0, 200.0, 200.0];
/// No timer is armed.
const UNARMED: Micros = Micros::MAX;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is none.
    Free,
    /// On its way to the server.
    Dialing,
    /// The server has it in its queue, or never answers.
    Waiting,
    /// The server counts it as a user.
    Open,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    attempt: u32,
    server: u16,
    stage: Stage,
    /// The application prepares it before it is used.
    in_preparation: bool,
}

const NO_LINK: Link = Link {
    attempt: 0,
    server: 0,
    stage: Stage::Free,
    in_preparation: false,
};

/// A place for a client. When it has left, another one takes it.
struct Slot<A> {
    agent: Option<A>,
    /// When its timer fires; a timer of another time is void.
    armed: Micros,
    links: [Link; LINKS],
    tenant: u8,
    /// It has had a connection.
    opened: bool,
    /// It was thrown out, and is not back yet.
    thrown_out: bool,
}

/// Clients that arrive within a span of time.
#[derive(Clone, Copy, Debug)]
struct Batch {
    start: f64,
    within: f64,
    clients: u32,
    arrived: u32,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was measured.
    pub figures: Figures,
    /// What is to be said beside that.
    pub remarks: Remarks,
    /// How it went, if that was to be recorded.
    pub course: Option<Course>,
    /// Things that happened.
    pub events: u64,
    /// Memory that the places of clients take, without what they point to, in bytes each.
    pub bytes_per_slot: usize,
    /// Users that the servers count at the end, server by server, and open connections that the clients have there.
    pub counts: Vec<(u32, u32)>,
}

/// A fleet and its clients.
pub struct World<'a, A: Agent> {
    plan: &'a Plan,
    shared: A::Shared,
    random: fastrand::Rng,
    seed_of_clients: u64,
    now: Micros,
    timeline: Timeline,
    slots: Vec<Slot<A>>,
    vacant: Vec<u32>,
    arrived: u64,
    batches: Vec<Batch>,
    servers: Vec<Server>,
    seed: Seed,
    /// Answers of the seed arrive at multiples of this, so that those who get one at the same time can share it.
    tick: Micros,
    script: Vec<What>,
    watch: Watch,
    /// Nothing of the clients runs before.
    asleep_until: Micros,
    /// There is a network between the clients and everything else, and whether their platform says so.
    network: bool,
    online: bool,
    credentials: AppAnswer,
    preparation: AppAnswer,
}

fn micros(secs: f64) -> Micros {
    (secs * 1e6).ceil() as Micros
}

impl<'a, A: Agent> World<'a, A> {
    /// A world at its beginning. `record` keeps the course of the run.
    pub fn new(plan: &'a Plan, shared: A::Shared, random_seed: u64, record: bool) -> Self {
        let kinds = plan.fleet.iter();
        let servers: Vec<Server> = kinds
            .flat_map(|kind| (0..kind.count).map(|_| Server::new(kind)))
            .collect();
        let clients = plan.all_clients();
        // A thousandth of a second for every thousand clients: nobody could tell, and lists are made a few times as often.
        let tick = (f64::from(clients) / 1e6).clamp(0.001, 0.05);
        let mut random = fastrand::Rng::with_seed(random_seed);
        let mut world = Self {
            plan,
            shared,
            seed_of_clients: random.u64(..),
            random,
            now: 0,
            timeline: Timeline::default(),
            slots: Vec::with_capacity(clients as usize),
            vacant: Vec::new(),
            arrived: 0,
            batches: Vec::new(),
            watch: Watch::new(plan.measure_from, servers.len(), record),
            seed: Seed::new(&plan.seed, servers.len()),
            servers,
            tick: micros(tick),
            script: Vec::new(),
            asleep_until: 0,
            network: true,
            online: true,
            credentials: AT_ONCE,
            preparation: AT_ONCE,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.schedule(0, Kind::Publish, 0, 0, 0);
        self.add_batch(0.0, self.plan.clients, self.plan.warm_up.arrive_within);
        let mut steps: Vec<_> = self.plan.events.iter().collect();
        steps.sort_by(|one, other| one.at.total_cmp(&other.at));
        // Figures of an instant are taken before anything else happens at it.
        self.schedule(0, Kind::Sample, 0, 0, 0);
        self.schedule(micros(self.plan.measure_from), Kind::Sample, 1, 0, 0);
        for (step, n) in steps.into_iter().zip(0..) {
            self.script.push(step.what.clone());
            self.schedule(micros(step.at), Kind::Script, n, 0, 0);
        }
        if self.plan.mean_stay.is_some() {
            self.schedule(micros(self.plan.warm_up.arrive_within), Kind::Arrive, u32::MAX, 0, 0);
        }
    }

    /// Runs to the end. `progress` hears now and then how far it is, 0 to 1.
    pub fn run(self, progress: &mut dyn FnMut(f64)) -> Outcome {
        self.run_with(progress).0
    }

    /// The same, with what the clients share and the clients themselves as they are at the end.
    pub fn run_with(mut self, progress: &mut dyn FnMut(f64)) -> (Outcome, A::Shared, Vec<A>) {
        let end = micros(self.plan.end);
        let mut events = 0;
        while let Some(event) = self.timeline.pop() {
            if event.at > end {
                break;
            }
            events += 1;
            self.now = event.at;
            if event.kind == Kind::Sample {
                progress(event.at as f64 / end as f64);
            }
            self.happen(event);
        }
        self.now = end;
        self.watch.sample(self.plan.end, &self.servers);
        let present = self.slots.iter().filter_map(|slot| slot.agent.as_ref());
        let (present, connected) = present.fold((0, 0), |(present, connected), agent| {
            (present + 1, connected + u32::from(agent.is_open()))
        });
        let mut counts: Vec<_> = self.servers.iter().map(|server| (server.users, 0)).collect();
        for link in self.slots.iter().flat_map(|slot| &slot.links) {
            counts[usize::from(link.server)].1 += u32::from(link.stage == Stage::Open);
        }
        let outcome = Outcome {
            figures: self.watch.figures(self.arrived, present, connected),
            remarks: self.watch.remarks(),
            course: self.watch.course.take(),
            events,
            bytes_per_slot: size_of::<Slot<A>>(),
            counts,
        };
        let agents = self.slots.into_iter().filter_map(|slot| slot.agent);
        (outcome, self.shared, agents.collect())
    }

    fn secs(&self) -> f64 {
        self.now as f64 / 1e6
    }

    fn instant(&self) -> Instant {
        Instant::from_millis(self.now as f64 / 1e3)
    }

    fn is_warming_up(&self) -> bool {
        self.now < micros(self.plan.warm_up.until)
    }

    fn schedule(&mut self, at: Micros, kind: Kind, whom: u32, id: u32, more: u16) {
        let tenant = match kind {
            Kind::Timer
            | Kind::Leave
            | Kind::Answer
            | Kind::Reach
            | Kind::Serve
            | Kind::Opened
            | Kind::Closed
            | Kind::Credentials
            | Kind::Prepared
            | Kind::Heard => self.slots[whom as usize].tenant,
            _ => 0,
        };
        self.timeline.push(Event {
            at,
            whom,
            id,
            more,
            tenant,
            kind,
        });
    }

    fn later(&mut self, after: f64, kind: Kind, whom: u32, id: u32, more: u16) {
        self.schedule(self.now + micros(after), kind, whom, id, more);
    }

    fn happen(&mut self, event: Event) {
        let Event {
            whom, id, more, kind, ..
        } = event;
        match kind {
            Kind::Publish => {
                self.seed.publish(self.now as f64 / 1e6, &self.servers);
                // The first list has been there since the start; when the next ones come is chance.
                let phase = if self.now == 0 { 1.0 - self.random.f64() } else { 1.0 };
                self.later(phase * self.plan.seed.refresh, Kind::Publish, 0, 0, 0);
            }
            Kind::Sample => {
                self.watch.sample(self.secs(), &self.servers);
                if whom == 0 {
                    self.later(self.plan.sample_every, Kind::Sample, 0, 0, 0);
                }
            }
            Kind::Script => self.step(whom as usize),
            Kind::Notice => {
                let now = self.secs();
                let server = &mut self.servers[whom as usize];
                if server.turn == id {
                    server.noticed_up = server.up;
                    server.noticed_at = now;
                }
            }
            Kind::Arrive if whom == u32::MAX => {
                self.arrive();
                let stay = self.plan.mean_stay.unwrap_or(f64::INFINITY);
                let gap = self.exponential(stay / f64::from(self.plan.clients.max(1)));
                self.later(gap, Kind::Arrive, u32::MAX, 0, 0);
            }
            Kind::Arrive => {
                self.arrive();
                self.next_of_batch(whom as usize);
            }
            Kind::Wake => {
                if more == 1 {
                    self.tell_all(News::Wake);
                } else if A::IS_PAGE {
                    self.tell_all(News::Look);
                }
            }
            _ if self.slots[whom as usize].tenant != event.tenant => {}
            // What happens outside of pages does not sleep.
            _ if self.now < self.asleep_until && !matches!(kind, Kind::Leave | Kind::Reach | Kind::Serve) => {
                if kind == Kind::Timer && self.slots[whom as usize].armed == event.at {
                    self.slots[whom as usize].armed = self.asleep_until;
                }
                self.timeline.push(Event {
                    at: self.asleep_until,
                    ..event
                });
            }
            Kind::Timer => {
                if self.slots[whom as usize].armed == event.at {
                    self.slots[whom as usize].armed = UNARMED;
                    self.tell(whom, News::Tick);
                }
            }
            Kind::Leave => self.leave(whom),
            Kind::Answer => self.answer(whom, id),
            Kind::Credentials if more == 0 => {
                self.remove(whom, id);
                self.tell(whom, News::NoCredentials { attempt: id });
            }
            Kind::Credentials => {
                if self.link(whom, id).is_some() {
                    self.later(self.plan.latency, Kind::Reach, whom, id, 0);
                    self.tell(whom, News::Dialed { attempt: id });
                }
            }
            Kind::Prepared if more == 0 => self.tell(whom, News::Unprepared { attempt: id }),
            Kind::Prepared => {
                let link = self.link(whom, id).filter(|link| link.stage == Stage::Open);
                let is_there = link.map(|link| link.in_preparation = false).is_some();
                self.tell(whom, News::Prepared { attempt: id });
                if is_there {
                    self.count_connected(whom);
                }
            }
            Kind::Opened | Kind::Closed | Kind::Heard if !self.network => {}
            Kind::Heard => self.tell(whom, News::Heard { attempt: id }),
            Kind::Reach => self.reach(whom, id),
            Kind::Serve => self.serve(whom, id),
            Kind::Opened => {
                if self.link(whom, id).is_some_and(|link| link.stage == Stage::Open) {
                    self.tell(whom, News::Opened { attempt: id });
                    // One that is to be prepared counts when it has been.
                    if self.link(whom, id).is_none_or(|link| !link.in_preparation) {
                        self.count_connected(whom);
                    }
                }
            }
            Kind::Closed => {
                if let Some(stage) = self.remove(whom, id)
                    && stage != Stage::Open
                {
                    self.watch.failed(self.secs());
                }
                self.tell(
                    whom,
                    News::Closed {
                        attempt: id,
                        code: more,
                    },
                );
            }
        }
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.random.f64()).ln()
    }

    fn add_batch(&mut self, start: f64, clients: u32, within: f64) {
        self.batches.push(Batch {
            start,
            within,
            clients,
            arrived: 0,
        });
        self.next_of_batch(self.batches.len() - 1);
    }

    fn next_of_batch(&mut self, batch: usize) {
        let chance = self.random.f64();
        let it = &mut self.batches[batch];
        if it.arrived < it.clients {
            let part = (f64::from(it.arrived) + chance) / f64::from(it.clients);
            it.arrived += 1;
            let at = micros(it.start + it.within * part);
            self.schedule(at, Kind::Arrive, u32::try_from(batch).unwrap_or(0), 0, 0);
        }
    }

    fn arrive(&mut self) {
        self.arrived += 1;
        let random_seed = mix(self.seed_of_clients ^ mix(self.arrived));
        let agent = Some(A::new(&self.shared, random_seed));
        let client = match self.vacant.pop() {
            Some(client) => {
                let slot = &mut self.slots[client as usize];
                (slot.agent, slot.armed, slot.opened, slot.thrown_out) = (agent, UNARMED, false, false);
                client
            }
            None => {
                self.slots.push(Slot {
                    agent,
                    armed: UNARMED,
                    links: [NO_LINK; LINKS],
                    tenant: 0,
                    opened: false,
                    thrown_out: false,
                });
                (self.slots.len() - 1) as u32
            }
        };
        if let Some(stay) = self.plan.mean_stay {
            let stay = self.exponential(stay);
            self.later(stay, Kind::Leave, client, 0, 0);
        }
        if A::IS_PAGE && !self.online {
            self.tell(client, News::Network { online: false });
        }
        self.tell(client, News::Start);
    }

    /// The page is closed.
    fn leave(&mut self, client: u32) {
        for at in 0..LINKS {
            let link = self.slots[client as usize].links[at];
            if link.stage != Stage::Free {
                self.remove(client, link.attempt);
            }
        }
        let slot = &mut self.slots[client as usize];
        slot.agent = None;
        if std::mem::take(&mut slot.thrown_out) {
            self.watch.left_missing();
        }
        slot.tenant = slot.tenant.wrapping_add(1);
        self.vacant.push(client);
    }

    fn link(&mut self, client: u32, attempt: u32) -> Option<&mut Link> {
        let links = self.slots[client as usize].links.iter_mut();
        links
            .into_iter()
            .find(|link| link.attempt == attempt && link.stage != Stage::Free)
    }

    /// Ends a connection or an attempt, as its server has it, and says how far it was.
    fn remove(&mut self, client: u32, attempt: u32) -> Option<Stage> {
        let link = self.link(client, attempt)?;
        let Link { server, stage, .. } = *link;
        *link = NO_LINK;
        if stage == Stage::Open {
            self.servers[usize::from(server)].users -= 1;
        }
        Some(stage)
    }

    /// Tells a client something, carries out what it does, and sets its timer.
    fn tell(&mut self, client: u32, news: News<'_>) {
        let now = self.instant();
        let at = client as usize;
        let Some(agent) = &mut self.slots[at].agent else { return };
        agent.tell(&mut self.shared, now, news);
        while let Some(act) = self.slots[at]
            .agent
            .as_mut()
            .and_then(|it| it.act(&mut self.shared, now))
        {
            self.carry_out(client, act);
        }
        let slot = &mut self.slots[at];
        let Some(agent) = &slot.agent else { return };
        let due = agent.due();
        if due < Instant::NEVER {
            // A timer fires a little late, never early.
            let due = ((due.as_millis() * 1e3).ceil() as Micros).max(self.now) + 1;
            if due < slot.armed {
                slot.armed = due;
                self.schedule(due, Kind::Timer, client, 0, 0);
            }
        }
    }

    fn carry_out(&mut self, client: u32, act: Act) {
        let latency = self.plan.latency;
        match act {
            Act::Fetch { request } => {
                self.watch.request(self.now as f64 / 1e6, &self.servers);
                let at = (self.now + micros(2.0 * latency)).next_multiple_of(self.tick);
                self.schedule(at, Kind::Answer, client, request, 0);
            }
            Act::Connect { attempt, server } => {
                let links = &mut self.slots[client as usize].links;
                let free = links.iter().position(|link| link.stage == Stage::Free);
                // A client has two at most, a third one being closed; the places are for twice as many.
                let free = free.unwrap_or(LINKS - 1);
                links[free] = Link {
                    attempt,
                    server,
                    stage: Stage::Dialing,
                    in_preparation: false,
                };
                if self.plan.client.credentials {
                    self.let_application_answer(self.credentials, Kind::Credentials, client, attempt);
                } else {
                    self.later(latency, Kind::Reach, client, attempt, 0);
                }
            }
            Act::Prepare { attempt } => {
                if let Some(link) = self.link(client, attempt) {
                    link.in_preparation = true;
                }
                self.let_application_answer(self.preparation, Kind::Prepared, client, attempt);
            }
            Act::Beat { attempt } => {
                let server = self.link(client, attempt).map(|link| usize::from(link.server));
                if self.network && server.is_some_and(|server| !self.servers[server].frozen) {
                    self.later(2.0 * latency, Kind::Heard, client, attempt, 0);
                }
            }
            Act::Close { attempt } => {
                let server = self.link(client, attempt).map(|link| usize::from(link.server));
                let answers = self.network && server.is_some_and(|server| !self.servers[server].frozen);
                if self.remove(client, attempt).is_some() && answers {
                    self.later(2.0 * latency, Kind::Closed, client, attempt, NORMAL);
                }
            }
            Act::Abandon { attempt } => {
                if let Some(stage) = self.remove(client, attempt)
                    && stage != Stage::Open
                {
                    self.watch.failed(self.secs());
                }
            }
            Act::Move => {}
        }
    }

    /// The seed's answer is due.
    fn answer(&mut self, client: u32, request: u32) {
        let trouble = match self.seed.trouble {
            _ if !self.network && self.online => return,
            _ if !self.network => Some(SeedTrouble::Unreachable),
            trouble => trouble,
        };
        let failure = match trouble {
            None => SeedFailure::BadList,
            Some(SeedTrouble::Hangs) => return,
            Some(SeedTrouble::Unreachable) => SeedFailure::Unreachable,
            Some(SeedTrouble::Overloaded) => SeedFailure::Overloaded,
            Some(SeedTrouble::Expired) => SeedFailure::Expired,
            Some(SeedTrouble::Forbidden) => SeedFailure::Forbidden,
            Some(SeedTrouble::Status) => SeedFailure::Status,
            Some(SeedTrouble::BadList) => SeedFailure::BadList,
        };
        let edition = match trouble {
            None => self.seed.edition(self.now as f64 / 1e6, client),
            Some(_) => None,
        };
        match &edition {
            Some(edition) => self.tell(client, News::List { request, edition }),
            None => self.tell(client, News::ListFailed { request, failure }),
        }
    }

    fn let_application_answer(&mut self, answer: AppAnswer, kind: Kind, client: u32, attempt: u32) {
        match answer {
            AppAnswer::Gives { after } => self.later(after, kind, client, attempt, 1),
            AppAnswer::Fails { after } => self.later(after, kind, client, attempt, 0),
            AppAnswer::Hangs {} => {}
        }
    }

    fn tell_all(&mut self, news: News<'_>) {
        for client in 0..self.slots.len() as u32 {
            self.tell(client, news);
        }
    }

    fn reach(&mut self, client: u32, attempt: u32) {
        if !self.network {
            // Where the platform knows, it fails at once.
            if !self.online {
                self.remove(client, attempt);
                self.tell(
                    client,
                    News::Closed {
                        attempt,
                        code: ABNORMAL,
                    },
                );
            }
            return;
        }
        let (now, unlimited) = (self.secs(), self.is_warming_up());
        let Some(link) = self.link(client, attempt) else { return };
        link.stage = Stage::Waiting;
        let server = usize::from(link.server);
        if self.servers[server].up {
            self.watch.handshake(now, server, &self.servers);
        }
        match self.servers[server].receive(now, unlimited) {
            Reception::ServedAt(at) => self.schedule(micros(at), Kind::Serve, client, attempt, 0),
            Reception::Refused => self.later(self.plan.latency, Kind::Closed, client, attempt, ABNORMAL),
            Reception::Silence => {}
        }
    }

    fn serve(&mut self, client: u32, attempt: u32) {
        // Whoever has given up meanwhile was served in vain.
        let Some(link) = self.link(client, attempt) else { return };
        link.stage = Stage::Open;
        let server = usize::from(link.server);
        self.servers[server].users += 1;
        self.later(self.plan.latency, Kind::Opened, client, attempt, 0);
        if A::IS_PAGE {
            for after in GREETINGS {
                let after = after * self.random.f64();
                self.later(self.plan.latency + after, Kind::Heard, client, attempt, 0);
            }
        }
        if let Some((after, code)) = self.servers[server].drops {
            self.later(self.plan.latency + after, Kind::Closed, client, attempt, code);
        }
    }

    fn count_connected(&mut self, client: u32) {
        let now = self.secs();
        let slot = &mut self.slots[client as usize];
        if slot.agent.as_ref().is_some_and(A::is_open) {
            let was_thrown_out = std::mem::take(&mut slot.thrown_out);
            let again = std::mem::replace(&mut slot.opened, true);
            self.watch.connected(now, again, was_thrown_out);
        }
    }

    /// All connections of these servers end.
    fn end_connections(&mut self, servers: &[usize], code: u16) {
        let mut lost = 0;
        for client in 0..self.slots.len() as u32 {
            for at in 0..LINKS {
                let Link {
                    attempt, server, stage, ..
                } = self.slots[client as usize].links[at];
                if !matches!(stage, Stage::Waiting | Stage::Open) || !servers.contains(&usize::from(server)) {
                    continue;
                }
                self.remove(client, attempt);
                self.later(self.plan.latency, Kind::Closed, client, attempt, code);
                if stage != Stage::Open {
                    self.watch.failed(self.secs());
                } else if self.slots[client as usize]
                    .links
                    .iter()
                    .all(|link| link.stage != Stage::Open)
                {
                    lost += u32::from(!std::mem::replace(&mut self.slots[client as usize].thrown_out, true));
                }
            }
        }
        self.watch.lost(self.secs(), lost, &self.servers);
    }

    /// The seed will notice a death or a return.
    fn notice_later(&mut self, server: usize) {
        let (turn, is_up) = (self.servers[server].turn, self.servers[server].up);
        let of_return = self.plan.seed.return_detection.filter(|_| is_up);
        let after = of_return.unwrap_or(self.plan.seed.detection);
        self.later(after, Kind::Notice, server as u32, turn, 0);
    }

    fn step(&mut self, step: usize) {
        let now = self.secs();
        match self.script[step].clone() {
            What::Kill { servers, silent } => {
                self.watch.must_leave(&servers);
                for &server in &servers {
                    self.servers[server].die(silent);
                    self.notice_later(server);
                }
                self.end_connections(&servers, ABNORMAL);
            }
            What::Revive { servers } => {
                let anybody = self.servers.iter().any(Server::in_service);
                for &server in servers
                    .iter()
                    .filter(|&&server| !self.servers[server].up)
                    .collect::<Vec<_>>()
                {
                    self.servers[server].revive(now);
                    self.servers[server].is_new = true;
                    self.notice_later(server);
                }
                self.watch.revived(now, &self.servers, anybody);
            }
            What::Blip { servers } => {
                self.watch.must_leave(&servers);
                for &server in &servers {
                    self.servers[server].forget_queue(now);
                }
                self.end_connections(&servers, ABNORMAL);
            }
            What::Drain { servers } => {
                self.watch.must_leave(&servers);
                self.each(&servers, |server| server.draining = true);
            }
            What::Undrain { servers } => self.each(&servers, |server| server.draining = false),
            What::Join { servers } => {
                self.each(&servers, |server| {
                    server.revive(now);
                    (server.listed, server.noticed_up, server.is_new) = (true, true, true);
                });
                self.watch.must_fill(now, &servers, &self.servers);
            }
            What::Drop { servers, after, code } => self.each(&servers, |server| server.drops = Some((after, code))),
            What::Accept { servers } => self.each(&servers, |server| server.drops = None),
            What::Lie {
                servers,
                users,
                available,
            } => self.each(&servers, |server| {
                (server.lie_users, server.lie_available) = (users, available);
            }),
            What::Rate { servers, rate } => self.each(&servers, |server| server.rate = rate),
            What::Arrive { clients, within } => self.add_batch(now, clients, within),
            What::Freeze { servers } => self.each(&servers, |server| server.frozen = true),
            What::Thaw { servers } => self.each(&servers, |server| server.frozen = false),
            What::Close { servers, code } => self.end_connections(&servers, code),
            What::Network { up, told } => {
                self.network = up;
                if told || up && !self.online {
                    self.online = up;
                    self.tell_all(News::Network { online: up });
                }
            }
            What::Sleep { seconds, told } => {
                if A::IS_PAGE && told && self.asleep_until <= self.now {
                    self.tell_all(News::Asleep);
                }
                self.asleep_until = self.asleep_until.max(self.now + micros(seconds));
                // In a page, what was held up may come before the word that it was.
                let late = A::IS_PAGE && self.random.bool();
                let at = self.asleep_until + if late { WORD_OF_SLEEP } else { 0 };
                self.schedule(at, Kind::Wake, 0, 0, u16::from(told));
            }
            What::Credentials(answer) => self.credentials = answer,
            What::Preparation(answer) => self.preparation = answer,
            What::Application { does } => self.tell_all(News::Application(does)),
            What::SeedDown {} => self.seed.trouble = Some(SeedTrouble::Unreachable),
            What::SeedFails { how } => self.seed.trouble = Some(how),
            What::SeedUp {} => self.seed.trouble = None,
            What::Garbage { part } => {
                self.seed.garbage = part;
                self.seed.publish(now, &self.servers);
            }
        }
    }

    fn each(&mut self, servers: &[usize], change: impl Fn(&mut Server)) {
        for &server in servers {
            change(&mut self.servers[server]);
        }
    }
}

/// A finaliser of good quality (Stafford's variant 13 of MurmurHash3's), so that neighbours have nothing in common.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
