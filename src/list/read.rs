//! Reading a server list: what is accepted, what a missing field means, what garbage gets.
//!
//! The rules are here and nowhere else; a driver only shows its parsed JSON through [`Node`]. One bad entry never costs
//! the good ones: it is dropped and reported, and only a document without any usable server is an error.

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Group, PRIORITY_OF_GARBAGE, Server, ServerKey, ServerList};
use crate::seeds::wish_to_stay_away;
use crate::time::Duration;

/// The most servers a list may have; the entries behind are dropped.
pub const MAX_SERVERS: u32 = 10_000;
/// The most entries that are reported as left out: a document of nothing but garbage must not cost more than its reading.
pub const MAX_REPORTED: usize = 1_000;
/// The longest URL of a server, in characters.
pub const MAX_URL_CHARS: usize = 2_048;
/// `ttl` where neither the document nor its HTTP answer says.
pub const DEFAULT_TTL: Duration = Duration::from_secs(10.0);
const MIN_TTL: Duration = Duration::from_secs(1.0);
const MAX_TTL: Duration = Duration::from_secs(3_600.0);
/// Counts and sizes outside of this are garbage: sums of ten thousand must stay finite and exact.
const MAX_COUNT: f64 = 1e12;
const MIN_SIZE: f64 = 1e-6;
/// Where nobody in a group has a capacity, its servers count as used to this part on average: enough room to take a
/// flash crowd in proportion to the weights, little enough that the emptier ones are preferred.
const ASSUMED_UTILISATION: f64 = 0.6;
/// The part of a `connectRate` that we plan with: the rest is for those who come anyway.
const PLANNED_RATE: f64 = 0.8;

/// A JSON value as a driver's parser has it.
pub trait Node: Sized {
    /// What it is, if it is no array and no object.
    fn scalar(&self) -> Scalar;
    /// The number of items, if it is an array.
    fn length(&self) -> Option<u32>;
    /// An item of an array; absent beyond its end.
    fn item(&self, index: u32) -> Self;
    /// A member; absent where there is none. Asked only of objects and arrays.
    fn member(&self, name: Name) -> Self;
    /// Whether it is an object or an array.
    fn is_object(&self) -> bool;
}

/// A JSON value without its inside.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Missing, or `null`.
    Absent,
    /// `true` or `false`.
    Bool(bool),
    /// A number, perhaps not finite.
    Number(f64),
    /// A string.
    Text(String),
    /// An array or an object.
    Nested,
}

/// The members that are read, of the document and of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the names of the document's own fields")]
pub enum Name {
    Servers,
    Version,
    Age,
    Ttl,
    RetryAfter,
    Id,
    Url,
    Available,
    Users,
    Priority,
    Capacity,
    Weight,
    Draining,
    ConnectRate,
}

/// What the HTTP answer that carried the document said of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Envelope {
    /// `Age`: how long the answer had been in caches.
    pub age: Option<Duration>,
    /// `Cache-Control: max-age`.
    pub max_age: Option<Duration>,
}

/// Why a document cannot be used at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListError {
    /// Neither an array nor an object with an array `servers`.
    Invalid,
    /// No usable server in it.
    Empty,
}

impl ListError {
    /// The stable code that applications see.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "list-invalid",
            Self::Empty => "list-empty",
        }
    }
}

/// An entry that was left out, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its position in the document.
    pub index: u32,
    /// The reason.
    pub why: DropReason,
}

/// Why an entry is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It is no object.
    NotAnObject,
    /// It has no `url`, or one that is empty or no string.
    UrlMissing,
    /// Its `url` is longer than [`MAX_URL_CHARS`].
    UrlTooLong,
    /// Its `url` cannot be parsed, or has a fragment, with which no WebSocket can be opened.
    UrlInvalid,
    /// Its `url` is neither `ws:`, `wss:`, `http:` nor `https:`.
    UrlScheme,
    /// An entry before it has the same id.
    DuplicateId,
    /// It stands behind the first [`MAX_SERVERS`].
    OverLimit,
}

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NotAnObject,
        Self::UrlMissing,
        Self::UrlTooLong,
        Self::UrlInvalid,
        Self::UrlScheme,
        Self::DuplicateId,
        Self::OverLimit,
    ];

    /// The stable code that applications see.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotAnObject => "not-an-object",
            Self::UrlMissing => "url-missing",
            Self::UrlTooLong => "url-too-long",
            Self::UrlInvalid => "url-invalid",
            Self::UrlScheme => "url-scheme",
            Self::DuplicateId => "duplicate-id",
            Self::OverLimit => "over-limit",
        }
    }
}

/// Reads a document.
///
/// `resolve` makes a URL absolute against the document's own address, with the platform's URL parser, and gives `None`
/// for what it cannot parse.
///
/// # Errors
///
/// [`ListError`] if no server of it can be used. Entries that cannot be used are left out and returned beside the list.
pub fn read<N: Node>(
    document: &N,
    envelope: Envelope,
    resolve: impl Fn(&str) -> Option<String>,
) -> Result<(ServerList, Vec<Dropped>), ListError> {
    let (array, length) = match document.length() {
        Some(length) => (None, length),
        None if !document.is_object() => return Err(ListError::Invalid),
        None => {
            let servers = document.member(Name::Servers);
            let length = servers.length().ok_or(ListError::Invalid)?;
            (Some(servers), length)
        }
    };
    let array = array.as_ref().unwrap_or(document);

    let mut dropped = Vec::new();
    let mut servers = Vec::with_capacity(length.min(MAX_SERVERS) as usize);
    for index in 0..length.min(MAX_SERVERS) {
        match read_entry(&array.item(index), index, &resolve) {
            Ok(server) => servers.push(server),
            Err(why) => dropped.push(Dropped { index, why }),
        }
    }
    drop_duplicates(&mut servers, &mut dropped);
    let why = DropReason::OverLimit;
    dropped.extend(
        (MAX_SERVERS..length)
            .take(MAX_REPORTED)
            .map(|index| Dropped { index, why }),
    );
    dropped.truncate(MAX_REPORTED);
    if servers.is_empty() {
        return Err(ListError::Empty);
    }

    let version = version(&document.member(Name::Version).scalar(), &servers);
    let age = seconds(&document.member(Name::Age)).map(|age| age + envelope.age.unwrap_or(Duration::ZERO));
    let ttl = seconds(&document.member(Name::Ttl))
        .or(envelope.max_age)
        .unwrap_or(DEFAULT_TTL);
    let (groups, by_group) = fill_in(&mut servers);
    let positions = 0u32..;
    let list = ServerList {
        by_key: by_key(&servers),
        unavailable: positions
            .zip(&servers)
            .filter(|(_, server)| !server.available)
            .map(|(position, _)| position)
            .collect(),
        available_users: servers.iter().filter(|s| s.available).map(|s| s.users).sum(),
        servers: servers.into(),
        by_group,
        groups,
        version,
        age,
        ttl: ttl.max(MIN_TTL).min(MAX_TTL),
        retry_after: seconds(&document.member(Name::RetryAfter)).and_then(wish_to_stay_away),
    };
    Ok((list, dropped))
}

/// The key of a server with this id.
pub(crate) fn key_of(id: &str) -> ServerKey {
    let mut hash = Hash::new();
    hash.text(id);
    ServerKey(hash.0)
}

/// Stands in a [`Server`] for a number that the list does not give, until [`fill_in`] has seen the whole group.
const NOT_GIVEN: f64 = -1.0;

fn read_entry<N: Node>(entry: &N, index: u32, resolve: &impl Fn(&str) -> Option<String>) -> Result<Server, DropReason> {
    if !entry.is_object() || entry.length().is_some() {
        return Err(DropReason::NotAnObject);
    }
    let Scalar::Text(written) = entry.member(Name::Url).scalar() else {
        return Err(DropReason::UrlMissing);
    };
    // Relative to the seed it would be the seed itself.
    if written.is_empty() {
        return Err(DropReason::UrlMissing);
    }
    let url = websocket_url(&written, resolve)?;
    let id = match entry.member(Name::Id).scalar() {
        Scalar::Text(id) if !id.is_empty() => id.into_boxed_str(),
        _ => url.clone(),
    };
    let capacity = size(&entry.member(Name::Capacity));
    let weight = size(&entry.member(Name::Weight));
    let users = count(&entry.member(Name::Users));
    let rate = size(&entry.member(Name::ConnectRate)).filter(|&rate| rate > 0.0);
    // Written as nothing at all: the operator wants nobody there.
    let closed = capacity == Some(0.0) || weight == Some(0.0);
    Ok(Server {
        key: key_of(&id),
        id,
        url,
        entry: index,
        available: flag(&entry.member(Name::Available)) != Some(false),
        draining: closed || flag(&entry.member(Name::Draining)) == Some(true),
        users: users.unwrap_or(NOT_GIVEN),
        users_known: users.is_some(),
        priority: priority(&entry.member(Name::Priority)),
        capacity: capacity.filter(|&capacity| capacity > 0.0).unwrap_or(NOT_GIVEN),
        weight: weight.filter(|&weight| weight > 0.0).unwrap_or(1.0),
        handshakes_per_second: rate.map_or(NOT_GIVEN, |rate| PLANNED_RATE * rate),
    })
}

/// Absolute, of a WebSocket's scheme, and not too long; `http(s):` becomes `ws(s):`.
fn websocket_url(written: &str, resolve: &impl Fn(&str) -> Option<String>) -> Result<Box<str>, DropReason> {
    let too_long = |url: &str| url.chars().nth(MAX_URL_CHARS).is_some();
    if too_long(written) {
        return Err(DropReason::UrlTooLong);
    }
    let mut url = resolve(written).ok_or(DropReason::UrlInvalid)?;
    if url.starts_with("http:") || url.starts_with("https:") {
        url.replace_range(..4, "ws");
    } else if !url.starts_with("ws:") && !url.starts_with("wss:") {
        return Err(DropReason::UrlScheme);
    }
    if url.contains('#') {
        return Err(DropReason::UrlInvalid);
    }
    if too_long(&url) {
        return Err(DropReason::UrlTooLong);
    }
    Ok(url.into_boxed_str())
}

fn flag<N: Node>(node: &N) -> Option<bool> {
    match node.scalar() {
        Scalar::Bool(value) => Some(value),
        Scalar::Number(0.0) => Some(false),
        Scalar::Number(1.0) => Some(true),
        Scalar::Text(text) if text == "false" => Some(false),
        Scalar::Text(text) if text == "true" => Some(true),
        _ => None,
    }
}

fn count<N: Node>(node: &N) -> Option<f64> {
    match node.scalar() {
        // Zero may come with a sign, which orders and hashes would take for a difference.
        Scalar::Number(number) if (0.0..=MAX_COUNT).contains(&number) => Some(number.abs()),
        _ => None,
    }
}

fn seconds<N: Node>(node: &N) -> Option<Duration> {
    count(node).map(Duration::from_secs)
}

/// A capacity, a weight or a rate: a count that is zero or large enough to divide by.
fn size<N: Node>(node: &N) -> Option<f64> {
    count(node).filter(|&size| size == 0.0 || size >= MIN_SIZE)
}

fn priority<N: Node>(node: &N) -> u16 {
    match node.scalar() {
        Scalar::Absent => 0,
        Scalar::Number(number) if (0.0..=255.0).contains(&number) && number % 1.0 == 0.0 => number as u16,
        _ => PRIORITY_OF_GARBAGE,
    }
}

/// Leaves out every entry whose id an earlier one has.
fn drop_duplicates(servers: &mut Vec<Server>, dropped: &mut Vec<Dropped>) {
    let key = |position: u32| servers.get(position as usize).map(|server| server.key);
    let mut repeated = vec![false; servers.len()];
    let mut before = None;
    for position in by_key(servers) {
        if let Some(repeated) = repeated.get_mut(position as usize) {
            *repeated = key(position) == before;
        }
        before = key(position);
    }
    let mut repeated = repeated.into_iter();
    servers.retain(|server| {
        let repeated = repeated.next() == Some(true);
        if repeated {
            let (index, why) = (server.entry, DropReason::DuplicateId);
            dropped.push(Dropped { index, why });
        }
        !repeated
    });
}

fn by_key(servers: &[Server]) -> Box<[u32]> {
    sorted(servers.iter().map(|server| (server.key.0, 0.0)).collect())
}

/// Fills in what depends on the group, and works out the orders that every decision needs: the groups, and the positions
/// of their members by utilisation.
fn fill_in(servers: &mut [Server]) -> (Box<[Group]>, Box<[u32]>) {
    let by_group = |order: fn(&Server) -> f64, servers: &[Server]| {
        let keys = servers.iter().map(|server| (server.priority.into(), order(server)));
        sorted(keys.collect())
    };
    // Those without a capacity come first in their group, and the others by what the median is of.
    let positions = by_group(|server| server.capacity.max(0.0) / server.weight, servers);
    let mut groups: Vec<Group> = Vec::new();
    for (&position, end) in positions.iter().zip(1..) {
        let Some(server) = servers.get(position as usize) else {
            continue;
        };
        match groups.last_mut() {
            Some(group) if group.priority == server.priority => group.end = end,
            _ => groups.push(Group {
                priority: server.priority,
                uncapped: false,
                first: end - 1,
                end,
            }),
        }
    }
    for group in &mut groups {
        fill_in_capacities(servers, group, &positions);
    }
    let overall = mean_utilisation(servers, &positions).unwrap_or(0.0);
    for group in &groups {
        let members = group.members(&positions);
        let of_group = mean_utilisation(servers, members).unwrap_or(overall);
        for &position in members {
            if let Some(server) = servers.get_mut(position as usize) {
                if !server.users_known {
                    server.users = of_group * server.capacity;
                }
                if server.handshakes_per_second == NOT_GIVEN {
                    // A hundredth of the capacity refills a server in 100 s; ordinary ones manage 100 to 200.
                    server.handshakes_per_second = (server.capacity / 100.0).clamp(100.0, 200.0);
                }
            }
        }
    }
    (groups.into(), by_group(Server::utilisation, servers))
}

/// Gives those of a group that have no capacity one in proportion to their weight: as the median of those that have one,
/// or, where nobody has, such that the group counts as used to [`ASSUMED_UTILISATION`].
fn fill_in_capacities(servers: &mut [Server], group: &mut Group, positions: &[u32]) {
    let members = group.members(positions);
    let at = |position: u32| servers.get(position as usize);
    let unknown = members.partition_point(|&position| at(position).is_some_and(|server| server.capacity == NOT_GIVEN));
    let (without, with) = members.split_at(unknown);
    group.uncapped = with.is_empty();
    let ratio = |position: &u32| at(*position).map_or(0.0, |server| server.capacity / server.weight);
    let per_weight = match (with.get(with.len() / 2), with.get(with.len().saturating_sub(1) / 2)) {
        (Some(upper), Some(lower)) => (ratio(upper) + ratio(lower)) / 2.0,
        _ => {
            let (users, weight) = sums(servers, members, |server| server.weight);
            (users / weight.max(1.0)).max(1.0) / ASSUMED_UTILISATION
        }
    };
    for &position in without {
        if let Some(server) = servers.get_mut(position as usize) {
            server.capacity = server.weight * per_weight;
        }
    }
}

fn mean_utilisation(servers: &[Server], positions: &[u32]) -> Option<f64> {
    let (users, capacity) = sums(servers, positions, |server| server.capacity);
    (capacity > 0.0).then(|| users / capacity)
}

/// Σ users, and Σ size beside it, of those that are available and say how many users they have.
fn sums(servers: &[Server], positions: &[u32], size: fn(&Server) -> f64) -> (f64, f64) {
    let mut sums = (0.0, 0.0);
    for server in positions.iter().filter_map(|&position| servers.get(position as usize)) {
        if server.available && server.users_known {
            sums.0 += server.users;
            sums.1 += size(server);
        }
    }
    sums
}

/// Positions in ascending order of their keys, which are no negative numbers; equal ones keep the order of the document.
///
/// By the standard library's heap: its sorts are three times as large, and this is the only one in the binary.
fn sorted(keys: Vec<(u64, f64)>) -> Box<[u32]> {
    let positions = 0u32..;
    // The bits of a number that is not negative are in the same order as the number.
    let keys = keys
        .into_iter()
        .zip(positions)
        .map(|((major, minor), at)| (major, minor.to_bits(), at));
    let sorted = BinaryHeap::from_iter(keys).into_sorted_vec();
    sorted.into_iter().map(|(_, _, position)| position).collect()
}

fn version(given: &Scalar, servers: &[Server]) -> u64 {
    let mut hash = Hash::new();
    match given {
        Scalar::Text(text) => hash.text(text),
        Scalar::Number(number) => hash.number(*number),
        _ => {
            for server in servers {
                hash.text(&server.id);
                hash.text(&server.url);
                for number in [
                    f64::from(u8::from(server.available) + 2 * u8::from(server.draining)),
                    f64::from(server.priority),
                    server.users,
                    server.capacity,
                    server.weight,
                    server.handshakes_per_second,
                ] {
                    hash.number(number);
                }
            }
        }
    }
    hash.0
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): small, and good enough to tell a list's servers apart.
struct Hash(u64);

impl Hash {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.byte(byte));
        // A byte that no UTF-8 has, so that "ab" and "c" differ from "a" and "bc".
        self.byte(0xff);
    }

    fn number(&mut self, number: f64) {
        number.to_le_bytes().into_iter().for_each(|byte| self.byte(byte));
    }
}
