//! The server list: what a seed says of its servers, with every default filled in.
//!
//! A [`ServerList`] is immutable. Any number of clients can share one (`Arc`); what a client learns by itself about a
//! server is kept in its own [`Memory`](crate::memory::Memory). All that depends on the list alone is worked out once,
//! when it is read: groups in order of preference, the servers of a group in order of utilisation, so that a decision
//! sorts nothing.

#[cfg(not(target_arch = "wasm32"))]
pub mod json;
pub mod read;

use crate::time::Duration;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The priority of a server whose `priority` is garbage: behind every valid group.
pub const PRIORITY_OF_GARBAGE: u16 = 256;

/// Names a server across lists: a hash of its `id`.
///
/// Positions shift from list to list and strings are slow to compare; a client remembers servers by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerKey(pub(crate) u64);

/// One server as the list has it, defaults filled in.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its stable name.
    pub id: Box<str>,
    /// Where to connect: an absolute `ws:` or `wss:` URL.
    pub url: Box<str>,
    /// Names it across lists.
    pub key: ServerKey,
    /// Its position in the document it was read from, bad entries counted.
    pub entry: u32,
    /// May clients connect?
    pub available: bool,
    /// Should existing clients leave, and no new ones come?
    pub draining: bool,
    /// Connections being served when the list was made; the default of its group where the list does not say.
    pub users: f64,
    /// Whether the list itself gave `users`.
    pub users_known: bool,
    /// Its group: lower is preferred.
    pub priority: u16,
    /// The number of users that fill it.
    pub capacity: f64,
    /// Its relative size.
    pub weight: f64,
    /// ρ: the handshakes per second that it can take.
    pub handshakes_per_second: f64,
}

impl Server {
    /// Users over capacity.
    pub fn utilisation(&self) -> f64 {
        self.users / self.capacity
    }

    /// Whether the list offers it to new clients.
    pub fn offered(&self) -> bool {
        self.available && !self.draining
    }
}

/// The servers of one priority.
#[derive(Clone, Debug)]
pub struct Group {
    /// The priority they share.
    pub priority: u16,
    /// No server of it has a capacity: it spreads by weight and is never full.
    pub uncapped: bool,
    first: u32,
    end: u32,
}

impl Group {
    /// Its part of the positions of all servers, in their order by group.
    fn members<'a>(&self, by_group: &'a [u32]) -> &'a [u32] {
        by_group.get(self.first as usize..self.end as usize).unwrap_or_default()
    }
}

/// A server list that has been read and found usable.
#[derive(Clone, Debug)]
pub struct ServerList {
    servers: Vec<Server>,
    /// Positions in `servers`: by group, and within a group by utilisation.
    by_group: Vec<u32>,
    groups: Vec<Group>,
    /// Positions in `servers`, by key.
    by_key: Vec<u32>,
    /// Positions in `servers` of those that are not available.
    unavailable: Vec<u32>,
    available_users: f64,
    /// Identifies the content: a hash of `version`, or of the servers where the document has none.
    pub version: u64,
    /// The age of the counts when the list was received; `None` where the document gives none.
    pub age: Option<Duration>,
    /// How long the list may be relied on.
    pub ttl: Duration,
    /// The seed's wish that clients in trouble stay away for so long.
    pub retry_after: Option<Duration>,
    /// Every server promises to send each client a message at least this often.
    pub heartbeat: Option<Duration>,
}

impl ServerList {
    /// The servers in the order of the document.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The groups, most preferred first.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The servers of a group with their positions, least utilised first.
    pub fn members(&self, group: &Group) -> impl Iterator<Item = (usize, &Server)> + Clone {
        group
            .members(&self.by_group)
            .iter()
            .filter_map(|&position| Some((position as usize, self.servers.get(position as usize)?)))
    }

    /// The servers that are listed as not available.
    pub fn unavailable(&self) -> impl Iterator<Item = &Server> {
        self.unavailable
            .iter()
            .filter_map(|&position| self.servers.get(position as usize))
    }

    /// Where in [`unavailable`](Self::unavailable) the server with this key stands, if it is there.
    pub fn unavailable_index(&self, key: ServerKey) -> Option<usize> {
        self.unavailable.binary_search(&(self.position(key)? as u32)).ok()
    }

    /// The position of the server with this key.
    pub fn position(&self, key: ServerKey) -> Option<usize> {
        let key_at = |position: u32| self.servers.get(position as usize).map(|server| server.key);
        let at = self
            .by_key
            .binary_search_by(|&position| key_at(position).cmp(&Some(key)))
            .ok()?;
        self.by_key.get(at).map(|&position| position as usize)
    }

    /// The server with this key.
    pub fn server(&self, key: ServerKey) -> Option<&Server> {
        self.servers.get(self.position(key)?)
    }

    /// The server with this id.
    pub fn find(&self, id: &str) -> Option<&Server> {
        self.server(read::key_of(id))
    }

    /// Σ users of the servers listed as available.
    pub fn available_users(&self) -> f64 {
        self.available_users
    }

    /// Whether any server is offered to new clients.
    pub fn offers_any(&self) -> bool {
        self.servers.iter().any(Server::offered)
    }
}
