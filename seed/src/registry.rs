//! What is known of the servers: who has reported what, and how long ago.
//!
//! A [`Registry`] has no clock and does no I/O: it is told what happened and when, and says what holds at a time that it is
//! asked for. Times are this process's own, which cannot jump. Whatever comes from other processes comes with its age.
//!
//! It is a map in which the last word on each server wins, so that two registries that have heard the same, in whatever
//! order, say the same. What ends a server is time alone: it is lost when its last heartbeat is older than its ttl, and
//! no second-hand word can keep it longer.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::error::{Code, Error};
use crate::report::Report;

/// How long a lost server's last count is listed: its users are on their way to others, and clients size the spread of
/// that by the count.
pub const LAST_COUNT: Duration = Duration::from_secs(60);
/// How long a server that took its leave is still listed, as unavailable.
const AFTER_LEAVE: Duration = LAST_COUNT;
/// How long a drain outlives the server that it was for.
pub(crate) const KEPT_DRAIN: Duration = Duration::from_secs(7 * 24 * 3_600);
/// As many as clients read.
pub const MOST_SERVERS: usize = 10_000;
/// Bytes of all entries of a list together: clients read 4 MiB, and what stands around them takes some.
pub const MOST_BYTES: usize = 4 * 1_024 * 1_024 - 16 * 1_024;
/// What an entry has beside its id and what was reported: names, `available`, an operator's words.
const OTHER_BYTES: usize = 128;

/// The last word on one server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Word {
    /// It has reported, and that is good for so long.
    Heard {
        /// What it said.
        report: Report,
        /// How long that is good for.
        ttl: Duration,
    },
    /// It has taken its leave, or was taken out.
    Left {
        /// What it said last.
        report: Report,
        /// How long that would have been good for: for so long there may be somebody who has not heard of the leave.
        ttl: Duration,
    },
}

impl Word {
    fn report(&self) -> &Report {
        match self {
            Self::Heard { report, .. } | Self::Left { report, .. } => report,
        }
    }
}

#[derive(Debug, Clone)]
struct Dated<T> {
    what: T,
    at: Instant,
}

/// A server as it is at one moment.
#[derive(Debug, PartialEq)]
pub struct Standing<'a> {
    /// Its stable name.
    pub id: &'a str,
    /// What it said last.
    pub report: &'a Report,
    /// It has reported within its ttl, and has not left.
    pub available: bool,
    /// Its users: of a lost server the last count for [`LAST_COUNT`], then 0.
    pub users: Option<u64>,
    /// An operator has sent its users away.
    pub drained: bool,
}

/// All that is known of the servers that report.
#[derive(Debug)]
pub struct Registry {
    words: BTreeMap<String, Dated<Word>>,
    drains: BTreeMap<String, Dated<bool>>,
    /// How long a lost server is listed.
    remembered: Duration,
    /// What the entries of all servers take in a list.
    bytes: usize,
}

impl Registry {
    /// An empty one, which forgets servers so long after their loss (never before their last count is over).
    pub fn new(remembered: Duration) -> Self {
        Self {
            words: BTreeMap::new(),
            drains: BTreeMap::new(),
            remembered: remembered.max(LAST_COUNT),
            bytes: 0,
        }
    }

    /// A server has reported. Refused where another server (another URL) has this id and has reported within its ttl, and
    /// where there are too many.
    pub fn report(&mut self, id: &str, report: Report, ttl: Duration, now: Instant) -> Result<(), Error> {
        match self.words.get(id) {
            Some(known) if known.what.report().url != report.url && is_alive(known, now) => {
                return Err(Error::new(
                    Code::Conflict,
                    format!("`{id}` is {}, which reports too", known.what.report().url),
                    "give each server an id of its own; one that has moved says DELETE first, or waits for its ttl",
                ));
            }
            None if self.words.len() >= MOST_SERVERS => {
                return Err(Error::new(
                    Code::Full,
                    format!("there are {MOST_SERVERS} servers already, and clients read no more"),
                    "give each group of clients a seed of its own",
                ));
            }
            _ => {}
        }
        let before = self.words.get(id).map_or(0, |known| bytes(id, known.what.report()));
        let after = bytes(id, &report);
        if after > before && self.bytes - before + after > MOST_BYTES {
            return Err(Error::new(
                Code::Full,
                format!("a list has at most {MOST_BYTES} bytes, as clients read no more"),
                "leave out fields of your own, or give each group of clients a seed of its own",
            ));
        }
        self.hear(id, Word::Heard { report, ttl }, now);
        Ok(())
    }

    /// The server takes its leave, or is taken out. It is listed as unavailable, with its last count, for a minute.
    pub fn leave(&mut self, id: &str, now: Instant) -> Result<(&Word, Instant), Error> {
        let known = self.words.get_mut(id).ok_or_else(|| unknown(id))?;
        if let Word::Heard { report, ttl } = &known.what {
            *known = Dated {
                what: Word::Left {
                    report: report.clone(),
                    ttl: *ttl,
                },
                // Who was lost before has no users on their way any more.
                at: now.min(lost_at(known)),
            };
        }
        Ok((&known.what, known.at))
    }

    /// An operator sends a server's users away, or takes that back. It holds for whatever the server reports later.
    pub fn drain(&mut self, id: &str, drained: bool, now: Instant) {
        self.hear_drain(id, drained, now);
    }

    /// A word on a server, from whomever, that was said then. False if a later one is known.
    pub fn hear(&mut self, id: &str, word: Word, at: Instant) -> bool {
        let before = self.words.get(id).map_or(0, |known| bytes(id, known.what.report()));
        let after = bytes(id, word.report());
        let newer = hear(&mut self.words, id, word, at);
        if newer {
            self.bytes = self.bytes - before + after;
        }
        newer
    }

    /// The same for an operator's drain.
    pub fn hear_drain(&mut self, id: &str, drained: bool, at: Instant) -> bool {
        hear(&mut self.drains, id, drained, at)
    }

    /// Is there a server of this name?
    pub fn knows(&self, id: &str) -> bool {
        self.words.contains_key(id)
    }

    /// Every server as it is now, by name.
    pub fn standings(&self, now: Instant) -> impl Iterator<Item = Standing<'_>> {
        let listed = move |known: &Dated<Word>| !has_left(known) || now <= lost_at(known) + AFTER_LEAVE;
        self.words
            .iter()
            .filter(move |(_, known)| listed(known))
            .map(move |(id, known)| {
                let report = known.what.report();
                let lost = now.checked_duration_since(lost_at(known));
                let counts = lost.is_none_or(|ago| ago < LAST_COUNT);
                Standing {
                    id,
                    report,
                    available: lost.is_none(),
                    users: if counts { report.users } else { Some(0) },
                    drained: self.drains.get(id).is_some_and(|drain| drain.what),
                }
            })
    }

    /// How old the counts of those are on average that have reported within their ttl.
    pub fn age(&self, now: Instant) -> Option<Duration> {
        let (mut sum, mut servers) = (Duration::ZERO, 0);
        for known in self.words.values().filter(|known| is_alive(known, now)) {
            sum += now.duration_since(known.at);
            servers += 1;
        }
        sum.checked_div(servers)
    }

    /// Whether every server that was alive then has been heard since, by this seed itself or, in touch, by others.
    pub fn has_heard_all_since(&self, then: Instant) -> bool {
        let silent = |known: &Dated<Word>| known.at < then && is_alive(known, then);
        !self.words.values().any(silent)
    }

    /// The last word on every server, and when it was said.
    pub fn words(&self) -> impl Iterator<Item = (&str, Instant, &Word)> {
        self.words
            .iter()
            .map(|(id, known)| (id.as_str(), known.at, &known.what))
    }

    /// Every drain, and when it was said.
    pub fn drains(&self) -> impl Iterator<Item = (&str, Instant, bool)> {
        self.drains
            .iter()
            .map(|(id, drain)| (id.as_str(), drain.at, drain.what))
    }

    /// Forgets who has been gone for long, but for those that are to be `kept`.
    pub fn forget(&mut self, now: Instant, kept: impl Fn(&str) -> bool) {
        let remembered = self.remembered;
        let mut freed = 0;
        self.words.retain(|id, known| {
            let stays = now < forgotten_at(known, remembered) || (kept(id) && !has_left(known));
            if !stays {
                freed += bytes(id, known.what.report());
            }
            stays
        });
        self.bytes -= freed;
        let words = &self.words;
        self.drains
            .retain(|id, drain| words.contains_key(id) || now < drain.at + KEPT_DRAIN);
        // Whoever invents servers to drain is not to fill the memory.
        let surplus = self.drains.len().saturating_sub(MOST_SERVERS);
        if surplus > 0 {
            let gone = self.drains.iter().filter(|(id, _)| !words.contains_key(*id));
            let mut gone: Vec<_> = gone.map(|(id, drain)| (drain.at, id.clone())).collect();
            gone.sort();
            for (_, id) in gone.into_iter().take(surplus) {
                self.drains.remove(&id);
            }
        }
    }
}

/// What a server's entry takes in a list, at most.
fn bytes(id: &str, report: &Report) -> usize {
    let json = |length: Result<String, serde_json::Error>| length.map_or(0, |text| text.len());
    json(serde_json::to_string(id)) + json(serde_json::to_string(report)) + OTHER_BYTES
}

fn hear<T>(map: &mut BTreeMap<String, Dated<T>>, id: &str, what: T, at: Instant) -> bool {
    let newer = map.get(id).is_none_or(|known| known.at <= at);
    if newer {
        map.insert(id.to_owned(), Dated { what, at });
    }
    newer
}

fn lost_at(known: &Dated<Word>) -> Instant {
    match known.what {
        Word::Heard { ttl, .. } => known.at + ttl,
        Word::Left { .. } => known.at,
    }
}

fn forgotten_at(known: &Dated<Word>, remembered: Duration) -> Instant {
    lost_at(known)
        + match known.what {
            Word::Left { ttl, .. } => AFTER_LEAVE.max(ttl),
            Word::Heard { .. } => remembered,
        }
}

fn has_left(known: &Dated<Word>) -> bool {
    matches!(known.what, Word::Left { .. })
}

fn is_alive(known: &Dated<Word>, now: Instant) -> bool {
    now < lost_at(known)
}

/// Nobody of this name has reported.
pub(crate) fn unknown(id: &str) -> Error {
    Error::new(
        Code::Unknown,
        format!("no server `{id}` has reported"),
        "see GET /servers for those that have; one of a file is changed in the file",
    )
}
