//! What one client remembers of servers that gave it trouble, across lists.
//!
//! Two things are kept apart. A server is *lost* when this client's connection to it broke: it is dead as far as this
//! episode goes, and the fleet is full of clients in the same position. A server is *ejected* when it refused this client
//! or dropped it at once: then something is wrong with it that its list entry does not show, and it stays out for a time
//! that doubles. Only servers in trouble have a record, so that most clients keep nothing at all.

use crate::list::{Server, ServerKey, ServerList};
use crate::time::{Duration, Instant};
use alloc::vec::Vec;

/// A list made so long after a loss and still showing the server as available knows better.
pub(crate) const LOSS_NOTICED_AFTER: Duration = Duration::from_secs(3.0);
/// A list made so long after a first ejection and still showing the server as available lifts it.
const FIRST_EJECTION_LIFTED_AFTER: Duration = Duration::from_secs(15.0);
/// How long a first ejection lasts; each further one twice as long as the one before.
const EJECTION: Duration = Duration::from_secs(30.0);
/// The longest ejection.
const LONGEST_EJECTION: Duration = Duration::from_secs(600.0);
/// How long the number of ejections is remembered.
const EJECTIONS_REMEMBERED: Duration = Duration::from_secs(3_600.0);
/// How long after an ejection nobody moves there of their own free will; as ejections, doubled with each further one.
const DETERRED_FOR: Duration = Duration::from_secs(600.0);
/// Firefox delays a new WebSocket after failures to connect to the same host and port, by about so long after the first
/// one, by half as much again after each further one, by so long at most, and forgets them a while after that
/// (`FailDelay` in its `WebSocketChannel.cpp`).
const DIAL_DELAY: Duration = Duration::from_secs(0.4);
const DIAL_DELAY_GROWTH: f64 = 1.5;
const LONGEST_DIAL_DELAY: Duration = Duration::from_secs(60.0);
const REFUSALS_REMEMBERED: Duration = Duration::from_secs(180.0);
/// How long the users of an unavailable server are taken to be looking for a new one.
const DISPLACED_FOR: Duration = Duration::from_secs(60.0);

/// What a client remembers of one server.
#[derive(Clone, Debug)]
pub struct Record {
    key: ServerKey,
    /// Its users when it was lost.
    users: f64,
    lost_at: Instant,
    ejected_at: Instant,
    ejected_until: Instant,
    ejections: u8,
    /// Attempts to connect that failed, one after the other, and when the last one did.
    refusals: u8,
    refused_at: Instant,
}

impl Record {
    /// Lost in this episode?
    pub fn is_lost(&self) -> bool {
        self.lost_at > Instant::LONG_AGO
    }

    /// Ejected now?
    pub fn is_ejected(&self, now: Instant) -> bool {
        now < self.ejected_until
    }

    /// How long it stays ejected; zero if it is not.
    pub fn ejected_for(&self, now: Instant) -> Duration {
        self.ejected_until.since(now)
    }

    /// How often it was ejected within the last hour.
    pub fn ejections(&self) -> u8 {
        self.ejections
    }

    /// Whether it is too early to move there of our own free will.
    pub fn deters(&self, now: Instant) -> bool {
        let doublings = 1u32 << self.ejections.saturating_sub(1).min(6);
        self.ejections > 0 && now < self.ejected_at + DETERRED_FOR * f64::from(doublings)
    }

    fn forget_loss(&mut self) {
        self.lost_at = Instant::LONG_AGO;
        self.users = 0.0;
    }
}

/// A client's records.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    records: Vec<Record>,
    /// When each server that is listed as unavailable was last seen available (never: when it was first listed), in the
    /// order of [`ServerList::unavailable`].
    last_available: Vec<Instant>,
}

impl Memory {
    /// What is remembered of a server, if anything.
    pub fn record(&self, key: ServerKey) -> Option<&Record> {
        self.records.iter().find(|record| record.key == key)
    }

    /// Whether any server is lost.
    pub fn has_lost(&self) -> bool {
        self.records.iter().any(Record::is_lost)
    }

    /// The connection to this server broke, or it sent us away.
    pub fn lose(&mut self, server: &Server, now: Instant) {
        let record = self.entry(server.key);
        record.lost_at = now;
        record.users = server.users;
    }

    /// This server refused us, or dropped us soon after taking us.
    pub fn eject(&mut self, key: ServerKey, now: Instant) {
        let record = self.entry(key);
        if now.since(record.ejected_at) >= EJECTIONS_REMEMBERED {
            record.ejections = 0;
        }
        // Five doublings reach the longest.
        let doublings = 1u32 << record.ejections.min(5);
        record.ejected_at = now;
        record.ejected_until = now + (EJECTION * f64::from(doublings)).min(LONGEST_EJECTION);
        record.ejections = record.ejections.saturating_add(1);
    }

    /// An attempt to connect to this server has failed.
    pub fn refused(&mut self, key: ServerKey, now: Instant) {
        let record = self.entry(key);
        if now.since(record.refused_at) >= REFUSALS_REMEMBERED {
            record.refusals = 0;
        }
        record.refusals = record.refusals.saturating_add(1);
        record.refused_at = now;
    }

    /// A connection to this server stands.
    pub fn connected(&mut self, key: ServerKey) {
        if let Some(record) = self.records.iter_mut().find(|record| record.key == key) {
            record.refusals = 0;
        }
    }

    /// How long a browser that delays attempts after failures may keep the next one to this server back.
    pub fn dial_delay(&self, key: ServerKey, now: Instant) -> Duration {
        let Some(record) = self.record(key) else {
            return Duration::ZERO;
        };
        if record.refusals == 0 || now.since(record.refused_at) >= REFUSALS_REMEMBERED {
            return Duration::ZERO;
        }
        let grown = (1..record.refusals).fold(DIAL_DELAY, |delay, _| {
            (delay * DIAL_DELAY_GROWTH).min(LONGEST_DIAL_DELAY)
        });
        // What has gone by since the failure counts.
        Duration::from_millis((grown.as_millis() - now.since(record.refused_at).as_millis()).max(0.0))
    }

    /// The episode is over: nothing is lost any more.
    pub fn forget_losses(&mut self) {
        self.records.iter_mut().for_each(Record::forget_loss);
    }

    /// Nothing was eligible: every server gets another chance. Where all are in trouble it is nobody's own, so the ejections that
    /// this ends do not count among those that are remembered.
    pub fn forgive(&mut self, now: Instant) {
        for record in &mut self.records {
            record.forget_loss();
            if record.is_ejected(now) {
                record.ejections = record.ejections.saturating_sub(1);
            }
            record.ejected_until = Instant::LONG_AGO;
        }
    }

    /// Takes in a newer list, made at `made`. `before` is the one that was in force, and when it was last received.
    pub fn merge(&mut self, list: &ServerList, made: Instant, before: Option<(&ServerList, Instant)>, now: Instant) {
        let last_available = list.unavailable().map(|server| {
            before
                .and_then(|(list, received)| match list.unavailable_index(server.key) {
                    Some(index) => self.last_available.get(index).copied(),
                    None => list.server(server.key).map(|_| received),
                })
                .unwrap_or(now)
        });
        self.last_available = last_available.collect();
        self.records.retain_mut(|record| {
            let listed = list.server(record.key);
            if listed.is_some_and(|server| server.available) {
                if made > record.lost_at + LOSS_NOTICED_AFTER {
                    record.forget_loss();
                }
                if record.ejections == 1 && made >= record.ejected_at + FIRST_EJECTION_LIFTED_AFTER {
                    record.ejected_until = Instant::LONG_AGO;
                }
            }
            record.is_lost()
                || now.since(record.ejected_at) < EJECTIONS_REMEMBERED
                || record.refusals > 0 && now.since(record.refused_at) < REFUSALS_REMEMBERED
        });
    }

    /// Σ users of servers that are unavailable or lost, each once.
    pub fn displaced(&self, list: &ServerList, now: Instant) -> f64 {
        let lost: f64 = self
            .lost()
            .filter(|record| list.server(record.key).is_none_or(|server| server.available))
            .map(|record| record.users)
            .sum();
        lost + self.unavailable_users(list, now)
    }

    /// Σ users of unavailable servers, for a minute after each was last seen available: in a list, or by being connected to
    /// it. (Without the latter a loss would never count after a list that is older than a minute.)
    pub fn unavailable_users(&self, list: &ServerList, now: Instant) -> f64 {
        list.unavailable()
            .zip(&self.last_available)
            .filter(|&(server, &listed)| self.was_available(server.key, listed, now))
            .map(|(server, _)| server.users)
            .sum()
    }

    /// Whether this server's users are among those that [`unavailable_users`](Self::unavailable_users) counts.
    pub(crate) fn is_counted(&self, list: &ServerList, key: ServerKey, now: Instant) -> bool {
        let listed = list
            .unavailable_index(key)
            .and_then(|index| self.last_available.get(index));
        listed.is_some_and(|&listed| self.was_available(key, listed, now))
    }

    /// Whether a server was available within the last minute, by a list or by being connected to it.
    fn was_available(&self, key: ServerKey, listed: Instant, now: Instant) -> bool {
        let lost = self.record(key).map_or(Instant::LONG_AGO, |record| record.lost_at);
        now < listed.max(lost) + DISPLACED_FOR
    }

    /// Σ users that the lost servers had when they were lost.
    pub fn lost_users(&self) -> f64 {
        self.lost().map(|record| record.users).sum()
    }

    /// Σ users that the list shows on servers which are available, and not lost.
    pub fn settled_users(&self, list: &ServerList) -> f64 {
        let on_lost: f64 = self
            .lost()
            .filter_map(|record| list.server(record.key))
            .filter(|server| server.available)
            .map(|server| server.users)
            .sum();
        list.available_users() - on_lost
    }

    fn lost(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| record.is_lost())
    }

    fn entry(&mut self, key: ServerKey) -> &mut Record {
        let position = self.records.iter().position(|record| record.key == key);
        let position = position.unwrap_or_else(|| {
            self.records.push(Record {
                key,
                users: 0.0,
                lost_at: Instant::LONG_AGO,
                ejected_at: Instant::LONG_AGO,
                ejected_until: Instant::LONG_AGO,
                ejections: 0,
                refusals: 0,
                refused_at: Instant::LONG_AGO,
            });
            self.records.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the position was found or made just above")]
        &mut self.records[position]
    }
}
