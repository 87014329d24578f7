//! A named fleet: its servers, and the list that is made of them again and again.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::behaviour::{Behaviour, ListBehaviour, ListMode, Load};
use crate::error::{Error, ErrorKind};
use crate::list::{Entry, List, entry};
use crate::patch::patched;
use crate::seed::{Seed, SeedSpec, keep_reporting};
use crate::server::{Server, ServerState};

/// The greatest number of servers in one fleet: each takes a port of the machine.
pub const MAX_SERVERS: usize = 1000;

/// How long a seed has for its first list.
const SEED_STARTS: Duration = Duration::from_secs(10);

/// From one request for it to the next.
const SEED_PAUSE: Duration = Duration::from_millis(100);

/// How a fleet is to be made.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct FleetSpec {
    /// Its name: 1 to 64 letters, digits, `-`, `_` or `.`. Default: one that is free.
    pub name: Option<String>,
    /// Its servers, in the order of the list. Default: none.
    pub servers: Vec<ServerSpec>,
    /// [`ListBehaviour::refresh`].
    pub refresh: Option<u32>,
    /// [`ListBehaviour::ttl`].
    pub ttl: Option<u32>,
    /// [`ListBehaviour::detection`].
    pub detection: Option<u32>,
    /// The seed that its servers report to, and whose list it passes on. Default: none, it makes its list itself.
    pub seed: Option<SeedSpec>,
}

/// How one server, or several that are alike, are to be made.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ServerSpec {
    /// The name of the server, or, if `count` is more than 1, of the first part of the names (`lon` gives `lon-1`,
    /// `lon-2`, …). Default: `s` and its number in the fleet.
    pub id: Option<String>,
    /// How many servers. Default 1.
    pub count: u16,
    /// TCP port of the first one; the others follow. Default 0: any free ports.
    pub port: u16,
    /// [`Load::priority`].
    pub priority: u8,
    /// [`Load::capacity`]; `null` for none.
    pub capacity: Option<u32>,
    /// [`Load::weight`].
    pub weight: Option<f64>,
    /// [`Load::connect_rate`].
    pub connect_rate: Option<f64>,
    /// [`Load::base_users`].
    pub base_users: u64,
    /// How they behave at first. Fields left out have their defaults.
    pub behaviour: Behaviour,
}

impl Default for ServerSpec {
    fn default() -> Self {
        let Load {
            priority,
            capacity,
            weight,
            connect_rate,
            base_users,
        } = Load::default();
        Self {
            id: None,
            count: 1,
            port: 0,
            priority,
            capacity,
            weight,
            connect_rate,
            base_users,
            behaviour: Behaviour::default(),
        }
    }
}

impl ServerSpec {
    fn load(&self) -> Load {
        Load {
            priority: self.priority,
            capacity: self.capacity,
            weight: self.weight,
            connect_rate: self.connect_rate,
            base_users: self.base_users,
        }
    }

    /// The names and ports of its servers; `before` servers of the fleet come before them.
    fn members(&self, before: usize) -> Result<Vec<(String, u16)>, Error> {
        if self.count == 0 {
            return Err(Error::invalid("`count` is 0", "give a `count` of at least 1"));
        }
        (0..self.count)
            .map(|index| {
                let id = match &self.id {
                    None => format!("s{}", before + usize::from(index) + 1),
                    Some(id) if self.count == 1 => id.clone(),
                    Some(id) => format!("{id}-{}", index + 1),
                };
                let port = match self.port {
                    0 => 0,
                    port => port.checked_add(index).ok_or_else(|| {
                        Error::invalid(
                            format!("port {port} and {} more go beyond 65535", self.count - 1),
                            "choose a lower port or fewer servers",
                        )
                    })?,
                };
                Ok((id, port))
            })
            .collect()
    }
}

/// Where servers listen, and how clients name the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The address to listen on.
    pub ip: IpAddr,
    /// The host part of URLs, an IPv6 address in brackets.
    pub name: String,
}

/// A fleet of servers with a list.
#[derive(Debug)]
pub struct Fleet {
    name: String,
    servers: Vec<Server>,
    at_first: ListBehaviour,
    behaviour: watch::Sender<ListBehaviour>,
    list: Mutex<Arc<List>>,
    seed: Option<Arc<Seed>>,
    reporting: TaskTracker,
    ended: CancellationToken,
}

/// The truth about a fleet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FleetState {
    /// Its name.
    pub name: String,
    /// How its list endpoint behaves.
    pub list: ListBehaviour,
    /// Its servers, in the order of the list.
    pub servers: Vec<Listed>,
}

/// The truth about a server, and what the list in force says of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// The truth.
    #[serde(flatten)]
    pub state: ServerState,
    /// The entry in the list as it was last made; `None`: no entry.
    pub listed: Option<Entry>,
}

impl Fleet {
    async fn start(name: String, spec: FleetSpec, host: &Host) -> Result<Arc<Self>, Error> {
        let defaults = ListBehaviour::default();
        let behaviour = ListBehaviour {
            refresh: spec.refresh.unwrap_or(defaults.refresh),
            ttl: spec.ttl.unwrap_or(defaults.ttl),
            detection: spec.detection.unwrap_or(defaults.detection),
            ..defaults
        };
        behaviour.check()?;
        let seed = spec.seed.as_ref().map(Seed::new).transpose()?.map(Arc::new);
        let servers = start_servers(&spec.servers, host).await?;
        let list = make_list(&servers, &behaviour)?;
        let fleet = Arc::new(Self {
            name,
            servers,
            at_first: behaviour.clone(),
            behaviour: watch::Sender::new(behaviour),
            list: Mutex::new(Arc::new(list)),
            seed,
            reporting: TaskTracker::new(),
            ended: CancellationToken::new(),
        });
        if let Some(seed) = &fleet.seed {
            for index in 0..fleet.servers.len() {
                let end = fleet.ended.clone();
                fleet
                    .reporting
                    .spawn(keep_reporting(Arc::downgrade(&fleet), seed.clone(), index, end));
            }
            let list = first_list(seed).await?;
            *fleet.list.lock() = Arc::new(list);
        }
        fleet.reporting.close();
        tokio::spawn(keep_list(Arc::downgrade(&fleet), fleet.behaviour.subscribe()));
        Ok(fleet)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its servers, in the order of the list.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The server named `id`.
    pub fn server(&self, id: &str) -> Result<&Server, Error> {
        self.servers.iter().find(|server| server.id() == id).ok_or_else(|| {
            Error::new(
                ErrorKind::Unknown,
                format!("the fleet `{}` has no server `{id}`", self.name),
                format!("its servers are in GET /fleets/{}", self.name),
            )
        })
    }

    /// The truth about it now.
    pub fn state(&self) -> FleetState {
        FleetState {
            name: self.name.clone(),
            list: self.list_behaviour(),
            servers: self.servers.iter().map(|server| self.listed(server)).collect(),
        }
    }

    /// The truth about one of its servers now.
    pub fn listed(&self, server: &Server) -> Listed {
        Listed {
            state: server.state(),
            listed: self.list().entry(server.id()).cloned(),
        }
    }

    /// The list in force.
    pub fn list(&self) -> Arc<List> {
        self.list.lock().clone()
    }

    /// How the list endpoint behaves now.
    pub fn list_behaviour(&self) -> ListBehaviour {
        self.behaviour.borrow().clone()
    }

    /// Lays `changes` (fields of [`ListBehaviour`]) over what is in force. The list is made anew soon after, unless
    /// it is to go stale.
    pub fn change_list(&self, changes: Map<String, Value>) -> Result<ListBehaviour, Error> {
        // Under the lock of the list: once a fleet is told to serve its list as it is, none is made any more.
        let _list = self.list.lock();
        let changed = patched(&self.list_behaviour(), changes)?;
        changed.check()?;
        self.behaviour.send_replace(changed.clone());
        Ok(changed)
    }

    /// Lays `changes` (fields of [`Behaviour`] and [`Load`]) over what is in force for every server, or for those of
    /// one priority group. If one of them cannot take the changes, none is changed.
    pub async fn change_servers(
        &self,
        changes: &Map<String, Value>,
        priority: Option<u8>,
    ) -> Result<Vec<Listed>, Error> {
        let chosen: Vec<&Server> = self
            .servers
            .iter()
            .filter(|server| priority.is_none_or(|priority| server.priority() == priority))
            .collect();
        for server in &chosen {
            server.check(changes)?;
        }
        try_join_all(chosen.iter().map(|server| server.change(changes))).await?;
        Ok(chosen.into_iter().map(|server| self.listed(server)).collect())
    }

    /// Takes every fault of servers and list back. What is no fault stays: size, rank and base users of the servers.
    /// The list gets the refresh, ttl and detection it had at first.
    pub async fn reset(&self) -> Result<(), Error> {
        self.behaviour.send_replace(self.at_first.clone());
        try_join_all(self.servers.iter().map(Server::reset)).await?;
        Ok(())
    }

    /// Waits until the fleet is no more.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    async fn stop(&self) {
        self.ended.cancel();
        join_all(self.servers.iter().map(Server::stop)).await;
        self.reporting.wait().await;
    }

    async fn retire(&self, patience: Duration) {
        self.ended.cancel();
        join_all(self.servers.iter().map(|server| server.retire(patience))).await;
        self.reporting.wait().await;
    }

    async fn renew_list(&self) {
        // While the seed does not answer its list grows old. Entries are numbers and strings, which always have a JSON form.
        let passed_on = match &self.seed {
            Some(seed) => Some(seed.list().await),
            None => None,
        };
        let mut list = self.list.lock();
        let behaviour = self.list_behaviour();
        if behaviour.mode != ListMode::Stale
            && let Ok(made) = passed_on.unwrap_or_else(|| make_list(&self.servers, &behaviour))
        {
            *list = Arc::new(made);
        }
    }
}

/// A seed that has just started waits for its servers.
async fn first_list(seed: &Seed) -> Result<List, Error> {
    let start = Instant::now();
    loop {
        match seed.list().await {
            Ok(list) => return Ok(list),
            Err(error) if start.elapsed() > SEED_STARTS => return Err(error),
            Err(_) => sleep(SEED_PAUSE).await,
        }
    }
}

async fn start_servers(specs: &[ServerSpec], host: &Host) -> Result<Vec<Server>, Error> {
    let mut wanted = Vec::new();
    for spec in specs {
        for (id, port) in spec.members(wanted.len())? {
            wanted.push((id, port, spec));
        }
        if wanted.len() > MAX_SERVERS {
            return Err(Error::invalid(
                format!("a fleet has at most {MAX_SERVERS} servers"),
                "ask for fewer servers, or make several fleets",
            ));
        }
    }
    let mut ids = HashSet::new();
    for (id, ..) in &wanted {
        if id.is_empty() || !ids.insert(id.as_str()) {
            return Err(Error::invalid(
                format!("two servers have the id `{id}`, or it is empty"),
                "give every server an id of its own, or none an id",
            ));
        }
    }
    let mut servers = Vec::new();
    for (id, port, spec) in wanted {
        let address = (host.ip, port).into();
        let (behaviour, load) = (spec.behaviour.clone(), spec.load());
        servers.push(Server::start(id, address, &host.name, behaviour, load).await?);
    }
    Ok(servers)
}

fn make_list(servers: &[Server], behaviour: &ListBehaviour) -> Result<List, Error> {
    let now = Instant::now();
    let detection = Duration::from_millis(behaviour.detection.into());
    let entries = servers
        .iter()
        .filter_map(|server| entry(&server.facts(now), detection))
        .collect();
    List::new(entries, behaviour.ttl, behaviour.heartbeat, now).map_err(|error| {
        Error::new(
            ErrorKind::System,
            format!("the list has no JSON form: {error}"),
            "report this",
        )
    })
}

/// Makes the list anew at every refresh, and when its behaviour changes, for as long as the fleet is there.
async fn keep_list(fleet: Weak<Fleet>, mut behaviour: watch::Receiver<ListBehaviour>) {
    loop {
        let refresh = behaviour.borrow_and_update().refresh;
        tokio::select! {
            changed = behaviour.changed() => if changed.is_err() { return },
            () = sleep(Duration::from_millis(refresh.into())) => {}
        }
        match fleet.upgrade() {
            Some(fleet) => fleet.renew_list().await,
            None => return,
        }
    }
}

/// All fleets of a process, by name.
#[derive(Debug)]
pub struct Fleets {
    host: Host,
    by_name: RwLock<BTreeMap<String, Arc<Fleet>>>,
}

impl Fleets {
    /// None yet; their servers will be on `host`.
    pub fn new(host: Host) -> Self {
        Self {
            host,
            by_name: RwLock::default(),
        }
    }

    /// Makes a fleet, with its servers listening and its first list made.
    pub async fn create(&self, mut spec: FleetSpec) -> Result<Arc<Fleet>, Error> {
        let name = match spec.name.take() {
            Some(name) => checked_name(name)?,
            None => self.free_name(),
        };
        let taken = || {
            Error::new(
                ErrorKind::Taken,
                format!("there is a fleet `{name}` already"),
                "choose another name, or leave it out",
            )
        };
        if self.by_name.read().contains_key(&name) {
            return Err(taken());
        }
        let fleet = Fleet::start(name.clone(), spec, &self.host).await?;
        // Somebody may have been faster meanwhile.
        let mut fleets = self.by_name.write();
        if fleets.contains_key(&name) {
            return Err(taken());
        }
        fleets.insert(name, fleet.clone());
        Ok(fleet)
    }

    /// The fleet `name`.
    pub fn get(&self, name: &str) -> Result<Arc<Fleet>, Error> {
        let fleet = self.by_name.read().get(name).cloned();
        fleet.ok_or_else(|| unknown_fleet(name))
    }

    /// The names of all fleets, in order.
    pub fn names(&self) -> Vec<String> {
        self.by_name.read().keys().cloned().collect()
    }

    /// Ends a fleet: when this returns, its ports are free and its connections gone, at TCP level.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        let fleet = self.by_name.write().remove(name);
        fleet.ok_or_else(|| unknown_fleet(name))?.stop().await;
        Ok(())
    }

    /// Ends all fleets in good order: clients are told 1001 ("going away") and have `patience` to answer.
    pub async fn retire(&self, patience: Duration) {
        let fleets = std::mem::take(&mut *self.by_name.write());
        join_all(fleets.values().map(|fleet| fleet.retire(patience))).await;
    }

    fn free_name(&self) -> String {
        let fleets = self.by_name.read();
        // There are more numbers than fleets.
        (fleets.len()..)
            .map(|number| format!("fleet-{number}"))
            .find(|name| !fleets.contains_key(name))
            .unwrap_or_default()
    }
}

fn unknown_fleet(name: &str) -> Error {
    Error::new(
        ErrorKind::Unknown,
        format!("there is no fleet `{name}`"),
        "the fleets are in GET /fleets; POST /fleets makes one",
    )
}

fn checked_name(name: String) -> Result<String, Error> {
    let fits = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    // Browsers take "." and ".." out of URLs.
    if (1..=64).contains(&name.len()) && name.chars().all(fits) && name.contains(|char| char != '.') {
        Ok(name)
    } else {
        Err(Error::invalid(
            format!("`{name}` cannot be the name of a fleet"),
            "use 1 to 64 letters, digits, `-`, `_` or `.`",
        ))
    }
}
