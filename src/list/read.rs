//! Reading a server list: what is accepted, what a missing field means, what garbage gets.
//!
//! The rules are here and nowhere else; a driver only shows what its JSON parser made, value by value. One bad entry never costs
//! the good ones: it is dropped and reported, and only a document without any usable server is an error.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
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
/// A promise to send more often than this is taken for one to send this often.
const MIN_HEARTBEAT: Duration = Duration::from_secs(1.0);
const MAX_TTL: Duration = Duration::from_secs(3_600.0);
/// Counts and sizes outside of this are garbage: sums of ten thousand must stay finite and exact.
const MAX_COUNT: f64 = 1e12;
const MIN_SIZE: f64 = 1e-6;
/// Where nobody in a group has a capacity, its servers count as used to this part on average: enough room to take a
/// flash crowd in proportion to the weights, little enough that the emptier ones are preferred.
const ASSUMED_UTILISATION: f64 = 0.6;
/// The part of a `connectRate` that we plan with: the rest is for those who come anyway.
const PLANNED_RATE: f64 = 0.8;

/// A JSON value as it is written, without its inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// Missing, or `null`.
    Absent,
    /// `true` or `false`.
    Bool(bool),
    /// A number, perhaps not finite.
    Number(f64),
    /// A string.
    Text(&'a str),
    /// An array or an object.
    Nested,
}

/// A `url`, made absolute against the document's own address by the platform's URL parser.
#[derive(Clone, Debug, PartialEq)]
pub enum Address<'a> {
    /// Missing, empty (it would be the address of the document itself) or no string.
    Missing,
    /// The parser refuses it.
    Unparsable,
    /// The application does not allow it.
    Forbidden,
    /// What the parser makes of it.
    Absolute(Cow<'a, str>),
}

/// What is read of a document beside its servers, as it is written: the fields of the same names.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "they are the document's own fields")]
pub struct Header<'a> {
    pub version: Scalar<'a>,
    pub age: Scalar<'a>,
    pub ttl: Scalar<'a>,
    pub retry_after: Scalar<'a>,
    pub heartbeat: Scalar<'a>,
}

/// What is read of an entry, as it is written: the fields of the same names.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "they are the document's own fields")]
pub struct Entry<'a> {
    pub url: Address<'a>,
    pub id: Scalar<'a>,
    pub available: Scalar<'a>,
    pub users: Scalar<'a>,
    pub priority: Scalar<'a>,
    pub capacity: Scalar<'a>,
    pub weight: Scalar<'a>,
    pub draining: Scalar<'a>,
    pub connect_rate: Scalar<'a>,
    /// The application's own opinion, which replaces `priority`: a number, or `false` to leave the server out.
    pub rank: Scalar<'a>,
}

/// What the HTTP answer that carried the document said of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Envelope {
    /// `Age`: how long the answer had been in caches.
    pub age: Option<Duration>,
    /// `Cache-Control: max-age`.
    pub max_age: Option<Duration>,
    /// Whether the page is a secure one, in which browsers refuse `ws:` to any other machine.
    pub secure: bool,
}

/// Why a document cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListError {
    /// Neither an array nor an object with an array `servers`.
    Invalid,
    /// No usable server in it: what was wrong with its entries.
    Empty(Vec<Dropped>),
}

/// An entry that was left out, or ([`DropReason::UrlCredentials`]) lost something, and why.
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
    /// Its `url` is a `ws:` one, the page a secure one, and the server on another machine.
    UrlInsecure,
    /// The application does not allow its `url`.
    UrlForbidden,
    /// The application's `rank` left it out.
    RankedOut,
    /// It is used, but without the user name and password that stood in its `url`: a list is no place for them.
    UrlCredentials,
}

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::NotAnObject,
        Self::UrlMissing,
        Self::UrlTooLong,
        Self::UrlInvalid,
        Self::UrlScheme,
        Self::DuplicateId,
        Self::OverLimit,
        Self::UrlInsecure,
        Self::UrlForbidden,
        Self::RankedOut,
        Self::UrlCredentials,
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
            Self::UrlInsecure => "url-insecure",
            Self::UrlForbidden => "url-forbidden",
            Self::RankedOut => "ranked-out",
            Self::UrlCredentials => "url-credentials",
        }
    }
}

/// Reads a document of so many entries; `None` stands for one that is no object. A driver need not give more than
/// [`MAX_SERVERS`].
///
/// # Errors
///
/// [`ListError`] if no server of it can be used. Entries that cannot be used are left out and returned beside the list.
pub fn read<'a>(
    header: Header<'_>,
    length: u32,
    entries: impl Iterator<Item = Option<Entry<'a>>>,
    envelope: Envelope,
) -> Result<(ServerList, Vec<Dropped>), ListError> {
    let mut dropped = Vec::new();
    let mut servers = Vec::with_capacity(length.min(MAX_SERVERS) as usize);
    for (index, entry) in (0..MAX_SERVERS).zip(entries) {
        match read_entry(entry, index, envelope.secure) {
            Ok((server, stripped)) => {
                servers.push(server);
                if stripped {
                    report(&mut dropped, index, DropReason::UrlCredentials);
                }
            }
            Err(why) => report(&mut dropped, index, why),
        }
    }
    let by_key = drop_duplicates(&mut servers, &mut dropped);
    for index in (MAX_SERVERS..length).take(MAX_REPORTED) {
        report(&mut dropped, index, DropReason::OverLimit);
    }
    if servers.is_empty() {
        return Err(ListError::Empty(dropped));
    }

    let version = version(header.version, &servers);
    let age = seconds(header.age).map(|age| age + envelope.age.unwrap_or(Duration::ZERO));
    let ttl = seconds(header.ttl).or(envelope.max_age).unwrap_or(DEFAULT_TTL);
    let (groups, by_group) = fill_in(&mut servers);
    let positions = 0u32..;
    let list = ServerList {
        by_key,
        unavailable: positions
            .zip(&servers)
            .filter(|(_, server)| !server.available)
            .map(|(position, _)| position)
            .collect(),
        available_users: servers.iter().filter(|s| s.available).map(|s| s.users).sum(),
        servers,
        by_group,
        groups,
        version,
        age,
        ttl: ttl.max(MIN_TTL).min(MAX_TTL),
        retry_after: seconds(header.retry_after).and_then(wish_to_stay_away),
        heartbeat: seconds(header.heartbeat)
            .filter(|&heartbeat| heartbeat > Duration::ZERO)
            .map(|heartbeat| heartbeat.max(MIN_HEARTBEAT)),
    };
    Ok((list, dropped))
}

fn report(dropped: &mut Vec<Dropped>, index: u32, why: DropReason) {
    if dropped.len() < MAX_REPORTED {
        dropped.push(Dropped { index, why });
    }
}

/// The key of a server with this id.
pub(crate) fn key_of(id: &str) -> ServerKey {
    let mut hash = Hash::new();
    hash.text(id);
    ServerKey(hash.0)
}

/// Stands in a [`Server`] for a number that the list does not give, until [`fill_in`] has seen the whole group.
const NOT_GIVEN: f64 = -1.0;

/// The server, and whether its URL had to be stripped of credentials.
fn read_entry(entry: Option<Entry<'_>>, index: u32, secure: bool) -> Result<(Server, bool), DropReason> {
    let entry = entry.ok_or(DropReason::NotAnObject)?;
    let (url, stripped) = websocket_url(entry.url, secure)?;
    if entry.rank == Scalar::Bool(false) {
        return Err(DropReason::RankedOut);
    }
    let id = match entry.id {
        Scalar::Text(id) if !id.is_empty() => id.into(),
        _ => url.clone(),
    };
    let capacity = size(entry.capacity);
    let weight = size(entry.weight);
    let users = count(entry.users);
    let rate = size(entry.connect_rate).filter(|&rate| rate > 0.0);
    // Written as nothing at all: the operator wants nobody there.
    let closed = capacity == Some(0.0) || weight == Some(0.0);
    let server = Server {
        key: key_of(&id),
        id,
        url,
        entry: index,
        available: flag(entry.available) != Some(false),
        draining: closed || flag(entry.draining) == Some(true),
        users: users.unwrap_or(NOT_GIVEN),
        users_known: users.is_some(),
        priority: priority(match entry.rank {
            Scalar::Absent => entry.priority,
            rank => rank,
        }),
        capacity: capacity.filter(|&capacity| capacity > 0.0).unwrap_or(NOT_GIVEN),
        weight: weight.filter(|&weight| weight > 0.0).unwrap_or(1.0),
        handshakes_per_second: rate.map_or(NOT_GIVEN, |rate| PLANNED_RATE * rate),
    };
    Ok((server, stripped))
}

/// Whether the host is this very machine, as browsers see it ("potentially trustworthy" in W3C Secure Contexts).
fn is_loopback(authority: &str) -> bool {
    let port = authority.bytes().rev().take_while(u8::is_ascii_digit).count();
    let before_port = authority.get(..authority.len() - port).unwrap_or_default();
    let host = before_port.strip_suffix(':').unwrap_or(authority);
    // A parsed address has four numbers; a name may look like one, but for the end.
    let is_v4 = host.starts_with("127.")
        && host.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit())
        && !host.ends_with('.');
    is_v4 || host == "[::1]" || host == "localhost" || host.ends_with(".localhost")
}

/// The URL to connect to: of a WebSocket's scheme, as `http(s):` becomes `ws(s):`, not too long, and without user name and
/// password; and whether it had any: they would reach every log on the way, and browsers refuse them.
fn websocket_url(address: Address<'_>, secure: bool) -> Result<(Box<str>, bool), DropReason> {
    let url = match address {
        Address::Missing => return Err(DropReason::UrlMissing),
        Address::Unparsable => return Err(DropReason::UrlInvalid),
        Address::Forbidden => return Err(DropReason::UrlForbidden),
        Address::Absolute(url) => url,
    };
    // The parser leaves only ASCII.
    if url.len() > MAX_URL_CHARS {
        return Err(DropReason::UrlTooLong);
    }
    if url.bytes().any(|byte| byte == b'#') {
        return Err(DropReason::UrlInvalid);
    }
    let rest = url.strip_prefix("ws").or_else(|| url.strip_prefix("http"));
    let rest = rest.unwrap_or_default();
    let is_encrypted = rest.starts_with("s:");
    if !is_encrypted && !rest.starts_with(':') {
        return Err(DropReason::UrlScheme);
    }
    let slashes = if is_encrypted { "s://" } else { "://" };
    let behind = rest.get(slashes.len()..).unwrap_or_default();
    let length = behind.bytes().take_while(|byte| !b"/?".contains(byte)).count();
    let authority = behind.get(..length).unwrap_or_default();
    // A parsed URL has no "@" in its host.
    let at = authority.bytes().rposition(|byte| byte == b'@').map_or(0, |at| at + 1);
    if secure && !is_encrypted && !is_loopback(authority.get(at..).unwrap_or_default()) {
        return Err(DropReason::UrlInsecure);
    }
    let url = ["ws", slashes, behind.get(at..).unwrap_or_default()].concat();
    Ok((url.into(), at > 0))
}

fn flag(value: Scalar<'_>) -> Option<bool> {
    match value {
        Scalar::Bool(value) => Some(value),
        Scalar::Number(0.0) => Some(false),
        Scalar::Number(1.0) => Some(true),
        Scalar::Text("false") => Some(false),
        Scalar::Text("true") => Some(true),
        _ => None,
    }
}

fn count(value: Scalar<'_>) -> Option<f64> {
    match value {
        // Zero may come with a sign, which orders and hashes would take for a difference.
        Scalar::Number(number) if (0.0..=MAX_COUNT).contains(&number) => Some(number.abs()),
        _ => None,
    }
}

fn seconds(value: Scalar<'_>) -> Option<Duration> {
    count(value).map(Duration::from_secs)
}

/// A capacity, a weight or a rate: a count that is zero or large enough to divide by.
fn size(value: Scalar<'_>) -> Option<f64> {
    count(value).filter(|&size| size == 0.0 || size >= MIN_SIZE)
}

fn priority(value: Scalar<'_>) -> u16 {
    match value {
        Scalar::Absent => 0,
        Scalar::Number(number) if f64::from(number as u8) == number => number as u16,
        _ => PRIORITY_OF_GARBAGE,
    }
}

/// Leaves out every entry whose id an earlier one has, and gives the positions of the others by their keys.
fn drop_duplicates(servers: &mut Vec<Server>, dropped: &mut Vec<Dropped>) -> Vec<u32> {
    let key = |position: u32| servers.get(position as usize).map(|server| server.key);
    let mut repeated = vec![false; servers.len()];
    let mut before = None;
    let order = by_key(servers);
    for &position in &order {
        if let Some(repeated) = repeated.get_mut(position as usize) {
            *repeated = key(position) == before;
        }
        before = key(position);
    }
    if !repeated.contains(&true) {
        return order;
    }
    let mut repeated = repeated.into_iter();
    servers.retain(|server| {
        let repeated = repeated.next() == Some(true);
        if repeated {
            report(dropped, server.entry, DropReason::DuplicateId);
        }
        !repeated
    });
    by_key(servers)
}

fn by_key(servers: &[Server]) -> Vec<u32> {
    sorted(servers.iter().map(|server| (server.key.0, 0.0)).collect())
}

/// Fills in what depends on the group, and works out the orders that every decision needs: the groups, and the positions
/// of their members by utilisation.
fn fill_in(servers: &mut [Server]) -> (Vec<Group>, Vec<u32>) {
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
    (groups, by_group(Server::utilisation, servers))
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
fn sorted(keys: Vec<(u64, f64)>) -> Vec<u32> {
    let positions = 0u32..;
    // The bits of a number that is not negative are in the same order as the number.
    let keys = keys
        .into_iter()
        .zip(positions)
        .map(|((major, minor), at)| (major, minor.to_bits(), at));
    let sorted = BinaryHeap::from_iter(keys).into_sorted_vec();
    sorted.into_iter().map(|(_, _, position)| position).collect()
}

fn version(given: Scalar<'_>, servers: &[Server]) -> u64 {
    let mut hash = Hash::new();
    match given {
        Scalar::Text(text) => hash.text(text),
        Scalar::Number(number) => hash.number(number),
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
