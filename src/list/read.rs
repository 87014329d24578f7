//! Reading a server list: what is accepted, what a missing field means, what garbage gets.
//!
//! The rules are here and nowhere else; a driver only shows its parsed JSON through [`Node`]. One bad entry never costs
//! the good ones: it is dropped and reported, and only a document without any usable server is an error.

use core::cmp::Ordering;

use super::{Group, PRIORITY_OF_GARBAGE, Server, ServerKey, ServerList};
use crate::seeds::wish_to_stay_away;
use crate::time::Duration;

/// The most servers a list may have; the entries behind are dropped.
pub const MAX_SERVERS: u32 = 10_000;
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
    /// A member of an object; absent where there is none, or where it is no object.
    fn member(&self, name: Name) -> Self;
    /// Whether it is an object (and no array).
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
    /// It has no `url`, or one that is no string.
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
        None => {
            let servers = document.member(Name::Servers);
            let length = servers.length().ok_or(ListError::Invalid)?;
            (Some(servers), length)
        }
    };
    let array = array.as_ref().unwrap_or(document);

    let mut dropped = Vec::new();
    let mut drafts = Vec::with_capacity(length.min(MAX_SERVERS) as usize);
    for index in 0..length {
        let draft = if index < MAX_SERVERS {
            read_entry(&array.item(index), index, &resolve)
        } else {
            Err(DropReason::OverLimit)
        };
        match draft {
            Ok(draft) => drafts.push(draft),
            Err(why) => dropped.push(Dropped { index, why }),
        }
    }
    let by_key = drop_duplicates(&mut drafts, &mut dropped);
    if drafts.is_empty() {
        return Err(ListError::Empty);
    }

    let age = seconds(&document.member(Name::Age)).map(|age| age + envelope.age.unwrap_or(Duration::ZERO));
    let ttl = seconds(&document.member(Name::Ttl))
        .or(envelope.max_age)
        .unwrap_or(DEFAULT_TTL);
    let retry_after = seconds(&document.member(Name::RetryAfter)).and_then(wish_to_stay_away);
    let mut version = Hash::new();
    match document.member(Name::Version).scalar() {
        Scalar::Text(text) => version.text(&text),
        Scalar::Number(number) => version.number(number),
        _ => drafts.iter().for_each(|draft| draft.hash(&mut version)),
    }

    let list = ServerList {
        age,
        ttl: ttl.max(MIN_TTL).min(MAX_TTL),
        retry_after,
        version: version.0,
        ..complete(drafts, by_key)
    };
    Ok((list, dropped))
}

/// The key of a server with this id.
pub(crate) fn key_of(id: &str) -> ServerKey {
    let mut hash = Hash::new();
    hash.text(id);
    ServerKey(hash.0)
}

/// An entry as it was written: what needs the rest of its group is still open.
struct Draft {
    server: Server,
    users: Option<f64>,
    capacity: Option<f64>,
    connect_rate: Option<f64>,
}

impl Draft {
    fn hash(&self, hash: &mut Hash) {
        let Server { id, url, .. } = &self.server;
        hash.text(id);
        hash.text(url);
        let flags = u8::from(self.server.available) + 2 * u8::from(self.server.draining);
        for number in [
            f64::from(flags),
            f64::from(self.server.priority),
            self.server.weight,
            self.users.unwrap_or(-1.0),
            self.capacity.unwrap_or(-1.0),
            self.connect_rate.unwrap_or(-1.0),
        ] {
            hash.number(number);
        }
    }
}

fn read_entry<N: Node>(entry: &N, index: u32, resolve: &impl Fn(&str) -> Option<String>) -> Result<Draft, DropReason> {
    if !entry.is_object() {
        return Err(DropReason::NotAnObject);
    }
    let Scalar::Text(written) = entry.member(Name::Url).scalar() else {
        return Err(DropReason::UrlMissing);
    };
    let url = websocket_url(&written, resolve)?;
    let id = match entry.member(Name::Id).scalar() {
        Scalar::Text(id) if !id.is_empty() => id.into_boxed_str(),
        _ => url.clone(),
    };
    let capacity = size(&entry.member(Name::Capacity));
    let weight = size(&entry.member(Name::Weight));
    let closed = capacity == Size::Zero || weight == Size::Zero;
    let weight = weight.given().unwrap_or(1.0);
    Ok(Draft {
        users: count(&entry.member(Name::Users)),
        capacity: capacity.given(),
        connect_rate: size(&entry.member(Name::ConnectRate)).given(),
        server: Server {
            key: key_of(&id),
            id,
            url,
            entry: index,
            available: flag(&entry.member(Name::Available)) != Some(false),
            draining: closed || flag(&entry.member(Name::Draining)) == Some(true),
            users: 0.0,
            users_known: false,
            priority: priority(&entry.member(Name::Priority)),
            capacity: 0.0,
            weight,
            handshakes_per_second: 0.0,
        },
    })
}

/// Absolute, of a WebSocket's scheme, and not too long; `http(s):` becomes `ws(s):`.
fn websocket_url(written: &str, resolve: &impl Fn(&str) -> Option<String>) -> Result<Box<str>, DropReason> {
    let too_long = |url: &str| url.len() > MAX_URL_CHARS && url.chars().count() > MAX_URL_CHARS;
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
        Scalar::Number(number) if (0.0..=MAX_COUNT).contains(&number) => Some(number),
        _ => None,
    }
}

fn seconds<N: Node>(node: &N) -> Option<Duration> {
    count(node).map(Duration::from_secs)
}

/// A capacity, a weight or a rate.
#[derive(PartialEq)]
enum Size {
    Given(f64),
    /// Written as nothing at all: the operator wants nobody there.
    Zero,
    /// Missing or garbage.
    Unknown,
}

impl Size {
    fn given(self) -> Option<f64> {
        match self {
            Self::Given(size) => Some(size),
            Self::Zero | Self::Unknown => None,
        }
    }
}

fn size<N: Node>(node: &N) -> Size {
    match count(node) {
        Some(0.0) => Size::Zero,
        Some(size) if size >= MIN_SIZE => Size::Given(size),
        _ => Size::Unknown,
    }
}

fn priority<N: Node>(node: &N) -> u16 {
    match node.scalar() {
        Scalar::Absent => 0,
        Scalar::Number(number) if (0.0..=255.0).contains(&number) && number % 1.0 == 0.0 => number as u16,
        _ => PRIORITY_OF_GARBAGE,
    }
}

/// Leaves out every entry whose id an earlier one has; gives the positions of the rest by key.
fn drop_duplicates(drafts: &mut Vec<Draft>, dropped: &mut Vec<Dropped>) -> Vec<u32> {
    let key = |drafts: &[Draft], at: u32| drafts.get(at as usize).map(|draft| draft.server.key);
    let by_key = sorted(drafts.len(), &mut |a, b| key(drafts, a).cmp(&key(drafts, b)));
    let mut repeated: Vec<u32> = by_key
        .windows(2)
        .filter_map(|pair| match *pair {
            [a, b] if key(drafts, a) == key(drafts, b) => Some(b),
            _ => None,
        })
        .collect();
    if repeated.is_empty() {
        return by_key;
    }
    repeated = sorted_values(repeated);
    let mut at = 0;
    drafts.retain(|draft| {
        let keep = repeated.binary_search(&at).is_err();
        if !keep {
            dropped.push(Dropped {
                index: draft.server.entry,
                why: DropReason::DuplicateId,
            });
        }
        at += 1;
        keep
    });
    sorted(drafts.len(), &mut |a, b| key(drafts, a).cmp(&key(drafts, b)))
}

/// Fills in the defaults that depend on the group, and works out the orders that every decision needs.
fn complete(drafts: Vec<Draft>, by_key: Vec<u32>) -> ServerList {
    let draft = |at: u32| drafts.get(at as usize);
    let priority = |at: u32| draft(at).map(|draft| draft.server.priority);
    let ratio = |at: u32| draft(at).and_then(|draft| Some(draft.capacity? / draft.server.weight));
    // By group, and within a group by capacity/weight (those without one first), which the median needs.
    let mut by_group = sorted(drafts.len(), &mut |a, b| {
        priority(a)
            .cmp(&priority(b))
            .then_with(|| compare(ratio(a).unwrap_or(-1.0), ratio(b).unwrap_or(-1.0)))
    });

    let mut servers: Vec<Server> = drafts.iter().map(|draft| draft.server.clone()).collect();
    let mut groups = Vec::new();
    for members in by_group.chunk_by(|&a, &b| priority(a) == priority(b)) {
        let ratios: Vec<f64> = members.iter().filter_map(|&at| ratio(at)).collect();
        let per_weight = median(&ratios).unwrap_or_else(|| {
            let (users, weight) = members
                .iter()
                .filter_map(|&at| draft(at).filter(|draft| draft.server.available))
                .filter_map(|draft| Some((draft.users?, draft.server.weight)))
                .fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            (users / weight.max(1.0)).max(1.0) / ASSUMED_UTILISATION
        });
        for &at in members {
            if let (Some(draft), Some(server)) = (draft(at), servers.get_mut(at as usize)) {
                server.capacity = draft.capacity.unwrap_or(server.weight * per_weight);
            }
        }
        let first = groups.last().map_or(0, |group: &Group| group.end);
        groups.push(Group {
            priority: members.first().and_then(|&at| priority(at)).unwrap_or_default(),
            uncapped: ratios.is_empty(),
            first,
            end: first + members.len() as u32,
        });
    }

    fill_in_users(&drafts, &mut servers, &groups, &by_group);
    for (server, draft) in servers.iter_mut().zip(&drafts) {
        server.handshakes_per_second = match draft.connect_rate {
            Some(rate) => PLANNED_RATE * rate,
            // A hundredth of the capacity a second refills a server in 100 s; 100 to 200 is what ordinary servers manage.
            None => (server.capacity / 100.0).clamp(100.0, 200.0),
        };
    }
    let utilisation = |at: u32| servers.get(at as usize).map_or(0.0, |s| s.users / s.capacity);
    by_group = sorted_by(by_group, &mut |a, b| {
        priority(a)
            .cmp(&priority(b))
            .then_with(|| compare(utilisation(a), utilisation(b)))
    });

    let positions = 0u32..;
    ServerList {
        unavailable: positions
            .zip(&servers)
            .filter(|(_, server)| !server.available)
            .map(|(at, _)| at)
            .collect(),
        available_users: servers.iter().filter(|s| s.available).map(|s| s.users).sum(),
        servers: servers.into(),
        by_group: by_group.into(),
        groups: groups.into(),
        by_key: by_key.into(),
        version: 0,
        age: None,
        ttl: DEFAULT_TTL,
        retry_after: None,
    }
}

/// A server that does not say how many users it has is taken to be as full as its group, or else as all are.
fn fill_in_users(drafts: &[Draft], servers: &mut [Server], groups: &[Group], by_group: &[u32]) {
    let mean = |positions: &[u32], servers: &[Server]| -> Option<f64> {
        let (mut users, mut capacity) = (0.0, 0.0);
        for &at in positions {
            if let (Some(draft), Some(server)) = (drafts.get(at as usize), servers.get(at as usize))
                && let (Some(known), true) = (draft.users, server.available)
            {
                users += known;
                capacity += server.capacity;
            }
        }
        (capacity > 0.0).then(|| users / capacity)
    };
    let overall = mean(by_group, servers).unwrap_or(0.0);
    for group in groups {
        let members = by_group
            .get(group.first as usize..group.end as usize)
            .unwrap_or_default();
        let of_group = mean(members, servers).unwrap_or(overall);
        for &at in members {
            if let (Some(draft), Some(server)) = (drafts.get(at as usize), servers.get_mut(at as usize)) {
                server.users_known = draft.users.is_some();
                server.users = draft.users.unwrap_or(of_group * server.capacity);
            }
        }
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get((sorted.len() - 1) / 2)?;
    Some((upper + lower) / 2.0)
}

fn compare(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

fn sorted(length: usize, order: &mut dyn FnMut(u32, u32) -> Ordering) -> Vec<u32> {
    sorted_by((0..length as u32).collect(), order)
}

fn sorted_values(values: Vec<u32>) -> Vec<u32> {
    sorted_by(values, &mut |a, b| a.cmp(&b))
}

/// The only sort of the crate, so that its code is in the binary once. Equal ones keep the order of the document.
fn sorted_by(mut positions: Vec<u32>, order: &mut dyn FnMut(u32, u32) -> Ordering) -> Vec<u32> {
    positions.sort_unstable_by(|&a, &b| order(a, b).then_with(|| a.cmp(&b)));
    positions
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
