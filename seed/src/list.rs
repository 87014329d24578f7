//! The list: made once from what is known, and served from memory to everyone.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderValue;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use tokio::time::Instant;

use crate::file::{File, Listed, Override};
use crate::registry::{Registry, Standing};
use crate::report::Report;

/// Thorough enough: the next level takes twice the time for 2 % less.
const GZIP: Compression = Compression::new(6);
/// The same for brotli, which runs once a list.
const BROTLI: u32 = 5;
/// Ages that differ by less are one age: while nothing else changes, a list stays the same to the byte. No list says that it
/// was taken earlier than the one before by more, which clients would ignore from a second on.
const SAME_AGE: Duration = Duration::from_millis(500);

/// One server's entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry<'a> {
    /// Stable name.
    pub id: &'a str,
    /// Where clients reach it.
    pub url: &'a str,
    /// May clients connect?
    pub available: bool,
    /// Connections that it serves; of a lost server the last count, for a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<u64>,
    /// Priority group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Users that fill it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<&'a Number>,
    /// Relative size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<&'a Number>,
    /// Handshakes a second that it can take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_rate: Option<&'a Number>,
    /// Should its users leave?
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub draining: bool,
    /// Fields of the operator's own.
    #[serde(flatten)]
    pub extra: &'a Map<String, Value>,
}

impl<'a> Entry<'a> {
    fn new(id: &'a str, report: &'a Report, over: Option<&'a Override>) -> Self {
        let over = over.unwrap_or(const { &NOTHING });
        Self {
            id,
            url: &report.url,
            available: true,
            users: report.users,
            priority: over.priority.or(report.priority),
            capacity: over.capacity.as_ref().or(report.capacity.as_ref()),
            weight: over.weight.as_ref().or(report.weight.as_ref()),
            connect_rate: over.connect_rate.as_ref().or(report.connect_rate.as_ref()),
            draining: over.draining.unwrap_or(report.draining),
            extra: &report.extra,
        }
    }

    fn of_file(id: &'a str, listed: &'a Listed, over: Option<&'a Override>) -> Self {
        let entry = Self::new(id, &listed.report, over);
        Self {
            available: over.and_then(|over| over.available).unwrap_or(listed.available),
            ..entry
        }
    }

    fn of_reporting(standing: &Standing<'a>, over: Option<&'a Override>) -> Self {
        let entry = Self::new(standing.id, standing.report, over);
        // The dead are dead whatever an operator says; those alive can be kept for themselves.
        let allowed = over.and_then(|over| over.available).unwrap_or(true);
        Self {
            available: standing.available && allowed,
            users: standing.users,
            draining: over
                .and_then(|over| over.draining)
                .unwrap_or(entry.draining || standing.drained),
            ..entry
        }
    }
}

const NOTHING: Override = Override {
    listed: None,
    available: None,
    draining: None,
    priority: None,
    capacity: None,
    weight: None,
    connect_rate: None,
};

/// Every server that is to be listed at `now`: those that report, and those of the file that do not.
pub fn entries<'a>(file: &'a File, registry: &'a Registry, now: Instant) -> Vec<Entry<'a>> {
    let mut entries: Vec<_> = registry
        .standings(now)
        .map(|standing| Entry::of_reporting(&standing, file.of(standing.id)))
        .collect();
    let reporting: HashSet<&str> = entries.iter().map(|entry| entry.id).collect();
    entries.extend(
        file.others(&reporting)
            .map(|(id, listed)| Entry::of_file(id, listed, file.of(id))),
    );
    entries.retain(|entry| file.of(entry.id).and_then(|over| over.listed) != Some(false));
    entries.sort_by_key(|entry| entry.id);
    entries
}

/// What a list says beside its servers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Seconds it may be relied on.
    pub ttl: u64,
    /// Seconds within which every server sends a message, if they promise that.
    pub heartbeat: Option<f64>,
    /// How old the counts are.
    pub age: Duration,
    /// The registry is out of reach, so that this may not be all.
    pub stale: bool,
}

impl Terms {
    fn agree(self, other: Self) -> bool {
        self.age.abs_diff(other.age) < SAME_AGE && Self { age: other.age, ..self } == other
    }
}

#[derive(Serialize)]
struct Document<'a> {
    version: &'a str,
    age: f64,
    ttl: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
    servers: &'a RawValue,
}

/// The servers of a list, before it is dated and compressed.
#[derive(Debug)]
pub struct Draft {
    json: Box<RawValue>,
    servers: usize,
    offered: usize,
    shape: u64,
}

impl Draft {
    /// Writes these entries down.
    pub fn new(entries: &[Entry<'_>]) -> Result<Self, serde_json::Error> {
        Ok(Self {
            json: serde_json::value::to_raw_value(entries)?,
            servers: entries.len(),
            offered: entries
                .iter()
                .filter(|entry| entry.available && !entry.draining)
                .count(),
            shape: shape(entries),
        })
    }
}

/// A list as it is served.
#[derive(Debug, Clone)]
pub struct List {
    /// Changes when, and only when, the servers do.
    pub version: String,
    /// Changes when the body does. Weak: it is that of the compressed ones too.
    pub etag: HeaderValue,
    /// When it was made.
    pub made: Instant,
    /// What it says beside its servers.
    pub terms: Terms,
    /// Servers listed.
    pub servers: usize,
    /// Those that clients may go to.
    pub offered: usize,
    /// The same for two lists in which only the users differ.
    pub shape: u64,
    /// The JSON document.
    pub body: Bytes,
    /// The same with gzip.
    pub gzip: Bytes,
    /// The same with brotli.
    pub brotli: Bytes,
}

impl List {
    /// The list of these servers, made at `now`. What is as in the list before is not compressed again.
    pub fn new(
        draft: &Draft,
        mut terms: Terms,
        before: Option<&Self>,
        now: Instant,
    ) -> Result<Self, serde_json::Error> {
        // From the content alone, so that every seed of a fleet gives one content one version.
        let version = format!("{:016x}", hash(draft.json.get()));
        if let Some(before) = before {
            // The average grows older at once when who has reported last leaves.
            terms.age = terms
                .age
                .min(before.terms.age + now.duration_since(before.made) + SAME_AGE);
        }
        if let Some(before) = before.filter(|before| before.version == version && before.terms.agree(terms)) {
            return Ok(Self {
                made: now,
                ..before.clone()
            });
        }
        let body = Bytes::from(serde_json::to_vec(&Document {
            version: &version,
            // Whole milliseconds: more digits would be noise.
            age: terms.age.as_millis() as f64 / 1_000.0,
            ttl: terms.ttl,
            heartbeat: terms.heartbeat,
            stale: terms.stale,
            servers: &draft.json,
        })?);
        Ok(Self {
            version,
            etag: etag(&body),
            made: now,
            terms,
            servers: draft.servers,
            offered: draft.offered,
            shape: draft.shape,
            gzip: gzip(&body),
            brotli: brotli(&body),
            body,
        })
    }
}

fn etag(body: &[u8]) -> HeaderValue {
    // Digits in quotes are always a header's value.
    HeaderValue::try_from(format!("W/\"{:016x}\"", hash(body))).unwrap_or(HeaderValue::from_static("W/\"0\""))
}

fn hash(content: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

fn shape(entries: &[Entry<'_>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for entry in entries {
        (entry.id, entry.url, entry.available, entry.draining, entry.priority).hash(&mut hasher);
        (entry.capacity, entry.weight, entry.connect_rate).hash(&mut hasher);
    }
    hasher.finish()
}

/// Writing to memory does not fail.
fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), GZIP);
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}

fn brotli(body: &[u8]) -> Bytes {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4_096, BROTLI, 22);
    let _ = encoder.write_all(body);
    encoder.into_inner().into()
}
