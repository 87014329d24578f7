//! The seed, and the caches before it: a list is read once when it is made, and once more for each instant at which
//! clients receive it (its age is another one then); all who receive it at that instant share it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use evenkeel::list::ServerList;
use evenkeel::list::read::{Address, Entry, Envelope, Header, Scalar, read};
use evenkeel::time::Duration;
use serde_json::{Value, json};

use crate::agent::Edition;
use crate::plan::{self, Part, SeedTrouble};
use crate::rival::Listed;
use crate::server::Server;
use crate::world::mix;

/// How long an unavailable server is listed with its last count; then it is listed as empty.
const COUNTED_FOR: f64 = 60.0;

/// A list as it was made, or all the parts that it was given out in.
#[derive(Debug)]
struct Made {
    at: f64,
    /// A part without a server that is listed is no list.
    parts: Vec<Option<MadePart>>,
    /// What those receive who are sent garbage.
    garbage: Option<(ServerList, Arc<Written>)>,
}

/// A part of a list, which may be all of it.
#[derive(Debug)]
struct MadePart {
    list: ServerList,
    written: Arc<Written>,
    listed: Arc<[Listed]>,
}

/// What a cache last gave out.
#[derive(Debug, Default)]
struct Given {
    instant: f64,
    edition: Option<Arc<Edition>>,
}

/// The seed and its caches.
#[derive(Debug)]
pub(crate) struct Seed {
    ages: Vec<f64>,
    ttl: f64,
    part: Option<Part>,
    /// How many parts there are.
    parts: usize,
    made: VecDeque<Made>,
    /// By cache and part, and behind these what is given to those who are sent garbage.
    given: Vec<Given>,
    /// How it fails, if it does.
    pub(crate) trouble: Option<SeedTrouble>,
    /// The part of the clients that is sent garbage.
    pub(crate) garbage: f64,
}

impl Seed {
    pub(crate) fn new(plan: &plan::Seed, servers: usize) -> Self {
        let parts = plan.part.map_or(1, |part| part.count(servers));
        Self {
            ages: plan.cache_ages.clone(),
            ttl: plan.ttl.unwrap_or(plan.refresh).clamp(1.0, 3_600.0),
            part: plan.part,
            parts,
            made: VecDeque::new(),
            given: (0..=plan.cache_ages.len() * parts).map(|_| Given::default()).collect(),
            trouble: None,
            garbage: 0.0,
        }
    }

    /// Makes a list of how the servers are known to be.
    pub(crate) fn publish(&mut self, now: f64, servers: &[Server]) {
        let servers_by_number = || servers.iter().enumerate();
        let parts: Vec<_> = (0..self.parts).map(|part| self.make(part, servers, now)).collect();
        if parts.iter().all(Option::is_none) {
            return;
        }
        let garbage = (self.garbage > 0.0)
            .then(|| {
                let entries = servers_by_number().map(|(n, server)| garbage_entry(n, server, now));
                let written = Written {
                    ttl: self.ttl,
                    entries: entries.collect(),
                };
                Some((written.list()?, Arc::new(written)))
            })
            .flatten();
        self.made.push_back(Made {
            at: now,
            parts,
            garbage,
        });
        // Of those that are old enough for the slowest cache, the newest is all that is needed.
        let oldest = self.ages.iter().fold(0.0, |one, &other| f64::max(one, other));
        while self.made.get(1).is_some_and(|second| second.at <= now - oldest) {
            self.made.pop_front();
        }
    }

    fn make(&self, part: usize, servers: &[Server], now: f64) -> Option<MadePart> {
        let has = |server| {
            let parts = self.part;
            parts.is_none_or(|parts| parts.has(part, server, servers.len()))
        };
        let entries = servers.iter().enumerate().filter(|(n, _)| has(*n));
        let written = Written {
            ttl: self.ttl,
            entries: entries.filter_map(|(n, it)| entry(n, it, now)).collect(),
        };
        let list = written.list()?;
        // What a rival sees is what the core made of the entries, so that all know the same.
        let listed = (0..servers.len()).map(|n| {
            let known = list.find(&n.to_string());
            known.map_or(UNLISTED, |known| Listed {
                available: known.available,
                draining: known.draining,
                users: known.users,
                capacity: known.capacity,
                weight: known.capacity,
                priority: known.priority,
            })
        });
        Some(MadePart {
            listed: listed.collect(),
            list,
            written: Arc::new(written),
        })
    }

    /// What this client receives now, by its place among all; `None`: no usable list.
    pub(crate) fn edition(&mut self, now: f64, client: u32) -> Option<Arc<Edition>> {
        // Spread evenly and independently of everything else: the golden ratio's multiples.
        let lot = (f64::from(client) * 0.618_033_988_749_894_9).fract();
        let garbage = lot < self.garbage;
        if garbage && lot < self.garbage / 2.0 {
            return None;
        }
        let cache = client as usize % self.ages.len();
        let part = (mix(client.into()) % self.parts as u64) as usize;
        let slot = if garbage {
            self.ages.len() * self.parts
        } else {
            cache * self.parts + part
        };
        let given = &mut self.given[slot];
        if given.instant == now
            && let Some(edition) = &given.edition
        {
            return Some(edition.clone());
        }
        let newest = now - if garbage { 0.0 } else { self.ages[cache] };
        let old_enough = self.made.iter().rev().find(|made| made.at <= newest);
        let made = old_enough.or(self.made.front())?;
        let given_part = made.parts.get(part)?.as_ref()?;
        let (list, written) = match &made.garbage {
            Some((list, written)) if garbage => (list, written),
            _ => (&given_part.list, &given_part.written),
        };
        let mut list = list.clone();
        list.age = Some(Duration::from_secs(now - made.at));
        let edition = Arc::new(Edition {
            list: Arc::new(list),
            written: written.clone(),
            listed: given_part.listed.clone(),
            made: made.at,
        });
        *given = Given {
            instant: now,
            edition: Some(edition.clone()),
        };
        Some(edition)
    }
}

const UNLISTED: Listed = Listed {
    available: false,
    draining: false,
    users: 0.0,
    capacity: 1.0,
    weight: 1.0,
    priority: 0,
};

/// A list as its maker wrote it.
#[derive(Debug)]
pub(crate) struct Written {
    ttl: f64,
    entries: Vec<Owned>,
}

impl Written {
    fn list(&self) -> Option<ServerList> {
        let header = Header {
            version: Scalar::Absent,
            age: Scalar::Absent,
            ttl: Scalar::Number(self.ttl),
            retry_after: Scalar::Absent,
            heartbeat: Scalar::Absent,
        };
        let length = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let entries = self.entries.iter().map(|entry| Some(entry.as_written()));
        read(header, length, entries, Envelope::default())
            .ok()
            .map(|(list, _)| list)
    }

    /// The document that a page receives, whose counts are so many seconds old. What JSON has no number for is `null`.
    pub(crate) fn document(&self, age: f64) -> Value {
        let entries: Vec<_> = self.entries.iter().map(Owned::document).collect();
        json!({ "age": age, "ttl": self.ttl, "servers": entries })
    }
}

/// An entry with its own strings.
#[derive(Debug)]
struct Owned {
    id: String,
    url: Option<String>,
    available: bool,
    draining: bool,
    users: f64,
    priority: f64,
    capacity: Option<f64>,
    connect_rate: Option<f64>,
}

impl Owned {
    fn as_written(&self) -> Entry<'_> {
        let number = |value: Option<f64>| value.map_or(Scalar::Absent, Scalar::Number);
        Entry {
            url: match &self.url {
                Some(url) => Address::Absolute(Cow::Borrowed(url)),
                None => Address::Missing,
            },
            id: Scalar::Text(&self.id),
            available: Scalar::Bool(self.available),
            users: Scalar::Number(self.users),
            priority: Scalar::Number(self.priority),
            capacity: number(self.capacity),
            weight: Scalar::Absent,
            draining: Scalar::Bool(self.draining),
            connect_rate: number(self.connect_rate),
            rank: Scalar::Absent,
        }
    }

    fn document(&self) -> Value {
        json!({
            "id": self.id,
            "url": self.url,
            "available": self.available,
            "users": self.users,
            "priority": self.priority,
            "capacity": self.capacity,
            "draining": self.draining,
            "connectRate": self.connect_rate,
        })
    }
}

/// The URL of the server with this position in the world.
pub(crate) fn address(position: usize) -> String {
    format!("wss://s{position}.example/")
}

/// The position of the server with this URL.
pub(crate) fn position(address: &str) -> Option<u16> {
    address.strip_prefix("wss://s")?.strip_suffix(".example/")?.parse().ok()
}

fn entry(position: usize, server: &Server, now: f64) -> Option<Owned> {
    if !server.listed {
        return None;
    }
    let counted = if server.up {
        f64::from(server.users)
    } else if server.noticed_up || now - server.noticed_at < COUNTED_FOR {
        server.users_at_death
    } else {
        0.0
    };
    Some(Owned {
        id: position.to_string(),
        url: Some(address(position)),
        available: server.lie_available.unwrap_or(server.noticed_up),
        draining: server.draining,
        users: server.lie_users.unwrap_or(counted),
        priority: f64::from(server.group),
        capacity: (!server.capacity_untold).then_some(server.capacity),
        connect_rate: server.rate_told.then_some(server.rate),
    })
}

/// Of every four entries one is right, one lies, one is of no group, and one is no server.
fn garbage_entry(position: usize, server: &Server, now: f64) -> Owned {
    let right = entry(position, server, now);
    let mut made_up = right.unwrap_or_else(|| Owned {
        id: position.to_string(),
        url: None,
        available: true,
        draining: false,
        users: f64::NAN,
        priority: -1.0,
        capacity: None,
        connect_rate: None,
    });
    match position % 4 {
        1 => (made_up.users, made_up.capacity) = (-7.0, Some(f64::INFINITY)),
        2 => (made_up.priority, made_up.connect_rate) = (0.5, Some(f64::NAN)),
        3 => made_up.url = None,
        _ => {}
    }
    made_up
}
