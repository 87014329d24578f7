//! What is simulated: a fleet, its clients, and what happens to them. The built-in scenarios are plans, and `--config`
//! reads one from a file (`config.schema.json` is its schema).

use std::path::Path;

use evenkeel::affinity::Affinity;
use evenkeel::client::{Config, FOREVER};
use evenkeel::time::Duration;
use serde::{Deserialize, Serialize};

use crate::step;

/// The most servers of a fleet: what a list may have.
pub const MAX_SERVERS: usize = 10_000;
/// The most clients of a run.
pub const MAX_CLIENTS: u32 = 4_000_000;
/// How long the application may take to give credentials: as the package has it by default.
const CREDENTIAL_TIMEOUT: Duration = Duration::from_secs(10.0);
/// The longest run, in virtual seconds: ten days.
pub const MAX_SECONDS: f64 = 864_000.0;

/// A fleet, its clients, and what happens to them. Times are virtual seconds since the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Where the schema of the file is: for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The servers, kind by kind. A server is named by its position, kinds counted on.
    pub fleet: Vec<ServerKind>,
    /// The seed and the caches before it.
    #[serde(default)]
    pub seed: Seed,
    /// Those who are there from the start: they arrive, evenly, within `warmUp.arriveWithin`.
    #[serde(default)]
    pub clients: u32,
    /// How the run begins.
    #[serde(default)]
    pub warm_up: WarmUp,
    /// The mean stay of a client in seconds (exponential); each who leaves is replaced by a Poisson stream of newcomers of
    /// the same rate. `null`: nobody leaves.
    #[serde(default)]
    pub mean_stay: Option<f64>,
    /// What happens, in any order.
    #[serde(default)]
    pub events: Vec<Step>,
    /// Figures count from here on; connections and requests per client from the start.
    #[serde(default)]
    pub measure_from: f64,
    /// The end.
    pub end: f64,
    /// How often the figures are taken, in seconds.
    #[serde(default = "one")]
    pub sample_every: f64,
    /// What our own clients are set to.
    #[serde(default)]
    pub client: ClientConfig,
    /// One way through the network, in seconds.
    #[serde(default = "latency")]
    pub latency: f64,
}

/// Servers that are alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerKind {
    /// How many.
    #[serde(default = "one_server")]
    pub count: usize,
    /// The users that fill one.
    pub capacity: f64,
    /// The list does not say the capacity.
    #[serde(default)]
    pub capacity_untold: bool,
    /// Its priority group: lower is preferred.
    #[serde(default)]
    pub group: u16,
    /// The handshakes a second that one can serve.
    #[serde(default = "handshakes")]
    pub rate: f64,
    /// The list says the rate (`connectRate`).
    #[serde(default)]
    pub rate_told: bool,
    /// The handshakes that may wait for their turn; further ones are refused. `null`: any number.
    #[serde(default)]
    pub queue: Option<u32>,
    /// It joins the fleet later, by an event; until then it is neither up nor listed.
    #[serde(default)]
    pub joins: bool,
}

/// The seed and the caches before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Seed {
    /// A list is made so often, in seconds.
    pub refresh: f64,
    /// A death or a return is noticed after so many seconds, and shows in the next list.
    pub detection: f64,
    /// The same for a return alone, where that is noticed sooner or later; `null`: as `detection`.
    pub return_detection: Option<f64>,
    /// The list's `ttl` in seconds; `null`: as `refresh`, within 1 and 3600.
    pub ttl: Option<f64>,
    /// How old the caches before the seed let a list become beyond that, in seconds. The clients are spread over them.
    pub cache_ages: Vec<f64>,
    /// Each client gets a part of the list; `null`: all of it.
    pub part: Option<Part>,
}

/// Parts of a list. The servers stand in a ring, and each part is so many that stand together; a client always gets the
/// same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Part {
    /// Servers in each.
    pub servers: usize,
    /// Parts that each server is in.
    pub overlap: usize,
}

impl Part {
    /// How many parts there are of so many servers.
    pub fn count(&self, servers: usize) -> usize {
        (servers * self.overlap).div_ceil(self.servers).max(1)
    }

    /// Whether this part has this server.
    pub fn has(&self, part: usize, server: usize, servers: usize) -> bool {
        let first = part * servers / self.count(servers);
        (server + servers - first) % servers < self.servers
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            refresh: 10.0,
            detection: 3.0,
            return_detection: None,
            ttl: None,
            cache_ages: vec![0.0],
            part: None,
        }
    }
}

/// How a run begins: until `until` every server serves any number of handshakes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WarmUp {
    /// The first clients arrive within so many seconds.
    pub arrive_within: f64,
    /// Until then.
    pub until: f64,
}

/// What our own clients are set to, where it differs from the core's defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClientConfig {
    /// How often a connected client asks for the list, in seconds (± 20 %); `null`: never.
    pub poll: Option<f64>,
    /// Back to better groups when they have room again.
    pub failback: bool,
    /// Help an uneven group to even out.
    pub rebalance: bool,
    /// How long an attempt may take to open, in seconds.
    pub connect_timeout: f64,
    /// Each attempt begins by asking the application where to, and with which credentials (`credentials` events say how it
    /// answers).
    pub credentials: bool,
    /// The application prepares each connection before it is used (`preparation` events say how).
    pub prepares: bool,
    /// A slow first attempt gets company.
    pub hedge: bool,
    /// How often the application pings, in seconds, and how long the answer may take; `null`: never.
    pub heartbeat: Option<f64>,
    /// How often a sleep is looked for while connected, in seconds; `null`: never.
    pub clock_check: Option<f64>,
    /// Clients of this key meet on one server; `null`: none.
    pub affinity: Option<String>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            poll: Some(60.0),
            failback: true,
            rebalance: true,
            connect_timeout: 10.0,
            credentials: false,
            prepares: false,
            hedge: false,
            heartbeat: None,
            clock_check: None,
            affinity: None,
        }
    }
}

impl ClientConfig {
    /// The same as the core has it.
    pub fn to_config(&self) -> Config {
        let or_forever = |seconds: Option<f64>| seconds.map_or(FOREVER, Duration::from_secs);
        Config {
            refresh_interval: or_forever(self.poll),
            failback: self.failback,
            rebalance: self.rebalance,
            connect_timeout: Duration::from_secs(self.connect_timeout),
            // The application has as long as the package gives it.
            credential_timeout: self.credentials.then_some(CREDENTIAL_TIMEOUT),
            prepares: self.prepares,
            hedge: self.hedge,
            heartbeat_interval: or_forever(self.heartbeat),
            heartbeat_timeout: or_forever(self.heartbeat),
            clock_check: or_forever(self.clock_check),
            affinity: self.affinity.as_deref().map(Affinity::of),
            ..Config::default()
        }
    }
}

/// Something that happens at a time (`crate::step` reads and writes it).
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When.
    pub at: f64,
    /// What.
    pub what: What,
}

/// What can happen. Its name in a file is the value of `do`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum What {
    /// Servers die: their connections end without a close frame, and attempts are refused.
    Kill {
        /// Which.
        servers: Vec<usize>,
        /// Attempts are not refused: nothing answers.
        #[serde(default)]
        silent: bool,
    },
    /// Dead servers are back.
    Revive {
        /// Which.
        servers: Vec<usize>,
    },
    /// Servers lose all their connections, and stay up.
    Blip {
        /// Which.
        servers: Vec<usize>,
    },
    /// The list asks the clients of servers to leave.
    Drain {
        /// Which.
        servers: Vec<usize>,
    },
    /// It does not any more.
    Undrain {
        /// Which.
        servers: Vec<usize>,
    },
    /// Servers that were to join do.
    Join {
        /// Which.
        servers: Vec<usize>,
    },
    /// Servers take every connection, and close it after so many seconds, with this code.
    Drop {
        /// Which.
        servers: Vec<usize>,
        /// Seconds.
        after: f64,
        /// The close code.
        #[serde(default = "internal_error")]
        code: u16,
    },
    /// They do not any more.
    Accept {
        /// Which.
        servers: Vec<usize>,
    },
    /// The list lies about servers, whatever is true.
    Lie {
        /// Which.
        servers: Vec<usize>,
        /// The users that it shows; `null`: the truth.
        #[serde(default)]
        users: Option<f64>,
        /// The availability that it shows; `null`: the truth.
        #[serde(default)]
        available: Option<bool>,
    },
    /// Servers serve another number of handshakes a second.
    Rate {
        /// Which.
        servers: Vec<usize>,
        /// Handshakes a second.
        rate: f64,
    },
    /// Servers keep their connections and answer nothing, not even a closing handshake. The seed does not notice.
    Freeze {
        /// Which.
        servers: Vec<usize>,
    },
    /// They answer again.
    Thaw {
        /// Which.
        servers: Vec<usize>,
    },
    /// Servers close all their connections properly, with this code.
    Close {
        /// Which.
        servers: Vec<usize>,
        /// The close code.
        code: u16,
    },
    /// The network between all clients and everything else is gone, or back.
    Network {
        /// It is there.
        up: bool,
        /// The clients' platform says so. If not, nothing ever arrives; if so, what is begun fails at once.
        #[serde(default)]
        told: bool,
    },
    /// Nothing runs in the clients' pages for so long.
    Sleep {
        /// Seconds.
        seconds: f64,
        /// The platform says afterwards that they slept.
        #[serde(default)]
        told: bool,
    },
    /// How the application answers from now on when it is asked for credentials.
    Credentials(AppAnswer),
    /// How it prepares a connection from now on.
    Preparation(AppAnswer),
    /// The application of every client does something.
    Application {
        /// What.
        does: Application,
    },
    /// More clients arrive.
    Arrive {
        /// How many.
        clients: u32,
        /// Within so many seconds, evenly.
        within: f64,
    },
    /// The seed does not answer.
    SeedDown {},
    /// The seed fails in this way.
    SeedFails {
        /// How.
        how: SeedTrouble,
    },
    /// It answers again.
    SeedUp {},
    /// This part of the clients receives garbage for lists from now on: half of them no list at all, half of them one with
    /// entries that lie, repeat each other or say nothing.
    Garbage {
        /// The part, 0 to 1.
        part: f64,
    },
}

/// How an application answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AppAnswer {
    /// With what is wanted, after so many seconds.
    Gives {
        /// Seconds.
        after: f64,
    },
    /// It fails after so many seconds.
    Fails {
        /// Seconds.
        after: f64,
    },
    /// Never.
    Hangs {},
}

/// What an application does with its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Application {
    /// Closes it for good.
    Close,
    /// Has it decide anew.
    Reconnect,
    /// Has it move to another server.
    Migrate,
    /// Has it fetch the list.
    Refresh,
}

/// How a seed fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeedTrouble {
    /// It refuses connections.
    Unreachable,
    /// It never answers.
    Hangs,
    /// 503.
    Overloaded,
    /// 401.
    Expired,
    /// 403.
    Forbidden,
    /// 500.
    Status,
    /// What it answers is no list.
    BadList,
}

impl What {
    /// Its name in a file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::Revive { .. } => "revive",
            Self::Blip { .. } => "blip",
            Self::Drain { .. } => "drain",
            Self::Undrain { .. } => "undrain",
            Self::Join { .. } => "join",
            Self::Drop { .. } => "drop",
            Self::Accept { .. } => "accept",
            Self::Lie { .. } => "lie",
            Self::Rate { .. } => "rate",
            Self::Freeze { .. } => "freeze",
            Self::Thaw { .. } => "thaw",
            Self::Close { .. } => "close",
            Self::Network { .. } => "network",
            Self::Sleep { .. } => "sleep",
            Self::Credentials(_) => "credentials",
            Self::Preparation(_) => "preparation",
            Self::Application { .. } => "application",
            Self::Arrive { .. } => "arrive",
            Self::SeedDown {} => "seed-down",
            Self::SeedFails { .. } => "seed-fails",
            Self::SeedUp {} => "seed-up",
            Self::Garbage { .. } => "garbage",
        }
    }

    /// The servers that it happens to.
    pub fn servers(&self) -> &[usize] {
        match self {
            Self::Kill { servers, .. }
            | Self::Revive { servers }
            | Self::Blip { servers }
            | Self::Drain { servers }
            | Self::Undrain { servers }
            | Self::Join { servers }
            | Self::Drop { servers, .. }
            | Self::Accept { servers }
            | Self::Lie { servers, .. }
            | Self::Freeze { servers }
            | Self::Thaw { servers }
            | Self::Close { servers, .. }
            | Self::Rate { servers, .. } => servers,
            Self::Arrive { .. }
            | Self::Network { .. }
            | Self::Sleep { .. }
            | Self::Credentials(_)
            | Self::Preparation(_)
            | Self::Application { .. }
            | Self::SeedDown {}
            | Self::SeedFails { .. }
            | Self::SeedUp {}
            | Self::Garbage { .. } => &[],
        }
    }
}

fn one() -> f64 {
    1.0
}

fn one_server() -> usize {
    1
}

fn latency() -> f64 {
    0.02
}

fn handshakes() -> f64 {
    200.0
}

fn internal_error() -> u16 {
    1011
}

/// Why there is nothing to simulate.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        why: std::io::Error,
    },
    /// It is not of the form that `config.schema.json` describes.
    #[error("{path}: {problem}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong, and where in it.
        problem: String,
    },
    /// A value that makes no sense.
    #[error("`{field}` {problem}")]
    Invalid {
        /// Where.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Plan {
    /// Reads a plan from a file.
    ///
    /// # Errors
    ///
    /// [`PlanError`], with the place in the file.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|why| PlanError::Unreadable {
            path: name.clone(),
            why,
        })?;
        Self::parse(&name, &text)
    }

    /// The same from its text.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn parse(name: &str, text: &str) -> Result<Self, PlanError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let plan: Self = serde_path_to_error::deserialize(&mut json).map_err(|error| PlanError::Malformed {
            path: name.to_owned(),
            problem: step::problem(&error),
        })?;
        json.end().map_err(|error| PlanError::Malformed {
            path: name.to_owned(),
            problem: error.to_string(),
        })?;
        plan.check()?;
        Ok(plan)
    }

    /// The number of servers.
    pub fn servers(&self) -> usize {
        self.fleet.iter().map(|kind| kind.count).sum()
    }

    /// All clients that ever are there at a time, if nobody leaves.
    pub fn all_clients(&self) -> u32 {
        let more = self.events.iter().map(|step| match step.what {
            What::Arrive { clients, .. } => clients,
            _ => 0,
        });
        more.fold(self.clients, u32::saturating_add)
    }

    /// Whether it can be simulated.
    ///
    /// # Errors
    ///
    /// [`PlanError::Invalid`] for the first value that makes no sense.
    pub fn check(&self) -> Result<(), PlanError> {
        let servers = self.servers();
        require(
            (1..=MAX_SERVERS).contains(&servers),
            "fleet",
            &format!("has {servers} servers: 1 to {MAX_SERVERS} are possible"),
        )?;
        let clients = self.all_clients();
        require(
            (1..=MAX_CLIENTS).contains(&clients),
            "clients",
            &format!("come to {clients}, with those who arrive later: 1 to {MAX_CLIENTS} are possible"),
        )?;
        for (at, kind) in self.fleet.iter().enumerate() {
            let field = |name: &str| format!("fleet[{at}].{name}");
            within(&field("capacity"), kind.capacity, 1e-6, 1e12)?;
            within(&field("rate"), kind.rate, 1e-3, 1e6)?;
            require(kind.group <= 255, &field("group"), "is above 255")?;
        }
        require(
            self.fleet.iter().any(|kind| !kind.joins && kind.count > 0),
            "fleet",
            "has no server from the start: all of them join later",
        )?;
        within("seed.refresh", self.seed.refresh, 0.001, MAX_SECONDS)?;
        within("seed.detection", self.seed.detection, 0.0, MAX_SECONDS)?;
        if let Some(span) = self.seed.return_detection {
            within("seed.returnDetection", span, 0.0, MAX_SECONDS)?;
        }
        if let Some(ttl) = self.seed.ttl {
            within("seed.ttl", ttl, 1.0, 3_600.0)?;
        }
        require(
            (1..=64).contains(&self.seed.cache_ages.len()),
            "seed.cacheAges",
            "has to have 1 to 64 ages",
        )?;
        for &age in &self.seed.cache_ages {
            within("seed.cacheAges", age, 0.0, 86_400.0)?;
        }
        if let Some(part) = self.seed.part {
            require(part.servers > 0, "seed.part.servers", "has to be 1 or more")?;
            require(
                (1..=part.servers).contains(&part.overlap),
                "seed.part.overlap",
                "has to be 1 or more, and not above seed.part.servers",
            )?;
        }
        within("end", self.end, 0.001, MAX_SECONDS)?;
        within("measureFrom", self.measure_from, 0.0, self.end)?;
        within("sampleEvery", self.sample_every, 0.001, self.end)?;
        within("latency", self.latency, 1e-6, 10.0)?;
        within("warmUp.arriveWithin", self.warm_up.arrive_within, 0.0, self.end)?;
        within("warmUp.until", self.warm_up.until, 0.0, self.end)?;
        within("client.connectTimeout", self.client.connect_timeout, 0.001, 3_600.0)?;
        let spans = [
            ("client.poll", self.client.poll),
            ("client.heartbeat", self.client.heartbeat),
            ("client.clockCheck", self.client.clock_check),
        ];
        for (field, span) in spans {
            if let Some(span) = span {
                within(field, span, 0.1, MAX_SECONDS)?;
            }
        }
        if let Some(stay) = self.mean_stay {
            within("meanStay", stay, 1.0, MAX_SECONDS)?;
        }
        for (n, step) in self.events.iter().enumerate() {
            let field = |name: &str| format!("events[{n}].{name}");
            within(&field("at"), step.at, 0.0, self.end)?;
            if let Some(server) = step.what.servers().iter().find(|&&server| server >= servers) {
                let problem = format!("names server {server}, but the fleet has {servers}, counted from 0");
                require(false, &field("servers"), &problem)?;
            }
            match step.what {
                What::Drop { after, .. } => within(&field("after"), after, 0.0, MAX_SECONDS)?,
                What::Rate { rate, .. } => within(&field("rate"), rate, 1e-3, 1e6)?,
                What::Arrive { within: span, .. } => within(&field("within"), span, 0.0, MAX_SECONDS)?,
                What::Close { code, .. } => require(
                    code == 1000
                        || (1001..=1003).contains(&code)
                        || (1007..=1014).contains(&code)
                        || (3000..5000).contains(&code),
                    &field("code"),
                    "is no code that a server closes with",
                )?,
                What::Sleep { seconds, .. } => within(&field("seconds"), seconds, 0.0, MAX_SECONDS)?,
                What::Credentials(answer) | What::Preparation(answer) => match answer {
                    AppAnswer::Gives { after } | AppAnswer::Fails { after } => {
                        within(&field("after"), after, 0.0, MAX_SECONDS)?;
                    }
                    AppAnswer::Hangs {} => {}
                },
                What::Garbage { part } => within(&field("part"), part, 0.0, 1.0)?,
                _ => {}
            }
        }
        Ok(())
    }
}

fn require(holds: bool, field: &str, problem: &str) -> Result<(), PlanError> {
    if holds {
        return Ok(());
    }
    Err(PlanError::Invalid {
        field: field.to_owned(),
        problem: problem.to_owned(),
    })
}

fn within(field: &str, value: f64, least: f64, most: f64) -> Result<(), PlanError> {
    let problem = format!("is {value}: {least} to {most} are possible");
    require((least..=most).contains(&value), field, &problem)
}
