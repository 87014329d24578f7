//! The server list: a pure function of what is known of the servers and of the time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::behaviour::{Behaviour, Listing, Load};

/// How long a lost server's last count is listed: its users are reconnecting elsewhere meanwhile, and clients size
/// the spread of that by the count.
pub const LAST_COUNT: Duration = Duration::from_secs(60);

/// All that the list is made from, for one server at one moment.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The server's stable name.
    pub id: String,
    /// Its `ws:` URL.
    pub url: String,
    /// Its size and rank.
    pub load: Load,
    /// How it behaves, and how it is to be listed.
    pub behaviour: Behaviour,
    /// Connections open and base users together.
    pub users: u64,
    /// For a dead server, its death.
    pub loss: Option<Loss>,
}

/// The death of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// How long ago.
    pub ago: Duration,
    /// The users it had.
    pub users: u64,
}

/// One server in the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Stable name.
    pub id: String,
    /// `ws:` URL.
    pub url: String,
    /// May clients connect?
    pub available: bool,
    /// Should those who are connected leave?
    #[serde(default)]
    pub draining: bool,
    /// Users being served; of an unavailable server the last count for [`LAST_COUNT`], then 0.
    #[serde(default)]
    pub users: u64,
    /// Priority group, lower is preferred.
    #[serde(default)]
    pub priority: u8,
    /// Users that fill it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// Relative size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Handshakes a second it can take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_rate: Option<f64>,
}

/// What the list says of one server; `None` if it keeps silent about it. A death is known `detection` after it.
pub fn entry(facts: &Facts, detection: Duration) -> Option<Entry> {
    let Facts { load, behaviour, .. } = facts;
    let detected = facts.loss.is_some_and(|loss| loss.ago >= detection);
    let available = match behaviour.listing {
        Listing::Absent => return None,
        Listing::True => !detected,
        Listing::Available => true,
        Listing::Unavailable => false,
    };
    let users = match facts.loss {
        None => facts.users,
        Some(loss) if loss.ago < LAST_COUNT => loss.users,
        Some(_) => 0,
    };
    Some(Entry {
        id: facts.id.clone(),
        url: facts.url.clone(),
        available,
        draining: behaviour.draining,
        users: behaviour.report.unwrap_or(users),
        priority: load.priority,
        capacity: load.capacity,
        weight: load.weight,
        connect_rate: load.connect_rate,
    })
}

/// A list as it was made at one moment. The bodies served from it differ only in their `age`.
#[derive(Debug)]
pub struct List {
    entries: Vec<Entry>,
    servers: Box<RawValue>,
    version: String,
    ttl: u32,
    heartbeat: Option<f64>,
    made: Instant,
}

#[derive(Serialize)]
struct Document<'a> {
    version: &'a str,
    age: f64,
    ttl: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat: Option<f64>,
    servers: &'a RawValue,
}

/// What is needed of a seed's list.
#[derive(Deserialize)]
struct Received {
    version: String,
    age: f64,
    ttl: u32,
    heartbeat: Option<f64>,
    servers: Box<RawValue>,
}

impl List {
    /// A list of `entries`, counted at `made`, to be relied on for `ttl` seconds. It promises a message of every
    /// server within each `heartbeat` seconds; `None`: it promises nothing.
    pub fn new(
        entries: Vec<Entry>,
        ttl: u32,
        heartbeat: Option<f64>,
        made: Instant,
    ) -> Result<Self, serde_json::Error> {
        let servers = serde_json::value::to_raw_value(&entries)?;
        // From the content alone, so that neither a restart nor another fleet on the same port can give two
        // contents one version.
        let mut hasher = DefaultHasher::new();
        (servers.get(), ttl, heartbeat.map(f64::to_bits)).hash(&mut hasher);
        Ok(Self {
            entries,
            servers,
            version: format!("{:016x}", hasher.finish()),
            ttl,
            heartbeat,
            made,
        })
    }

    /// A seed's list, which was `age` old by its headers when it was received.
    pub(crate) fn received(body: &[u8], received: Instant, age: Duration) -> Result<Self, serde_json::Error> {
        let document: Received = serde_json::from_slice(body)?;
        let age = age + Duration::try_from_secs_f64(document.age).unwrap_or_default();
        Ok(Self {
            entries: serde_json::from_str(document.servers.get())?,
            servers: document.servers,
            version: document.version,
            ttl: document.ttl,
            heartbeat: document.heartbeat,
            made: received.checked_sub(age).unwrap_or(received),
        })
    }

    /// What the list says of the server `id`.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// Changes when, and only when, the content does.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Seconds the list may be relied on.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// The JSON document, with its true age at `now`.
    pub fn body(&self, now: Instant) -> Result<String, serde_json::Error> {
        let age = now.duration_since(self.made);
        serde_json::to_string(&Document {
            version: &self.version,
            // Whole milliseconds: more digits would be noise.
            age: age.as_millis() as f64 / 1000.0,
            ttl: self.ttl,
            heartbeat: self.heartbeat,
            servers: &self.servers,
        })
    }

    /// The entity tag, quoted. It holds the version and the age in whole seconds: a client that is told "not
    /// modified" goes on with the age it was told before, which must not hide that a list has grown old.
    pub fn etag(&self, now: Instant) -> String {
        let seconds = now.duration_since(self.made).as_secs();
        format!("\"{}-{seconds}\"", self.version)
    }
}
