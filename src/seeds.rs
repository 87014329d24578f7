//! The seeds: whom to ask for the list, and when.
//!
//! Seeds are tried in turn, each at once after the one before has failed; after a whole turn without an answer comes a
//! pause with full jitter, longer the longer the outage lasts. The seed that answered is asked first the next time. One
//! request at a time.

use crate::random::Random;
use crate::time::{Duration, Instant};

/// The first pause after a whole turn has failed is drawn from zero up to this; each further one up to twice as much, but
/// no more than the outage has lasted: who drew short ones is not to wait long for a seed that was away for seconds.
const FIRST_PAUSE: Duration = Duration::from_secs(1.0);
/// The longest pause is drawn from zero up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60.0);
/// Bounds of the time that clients can be asked to stay away: never so short that they spin, never so long that they hang.
const STAY_AWAY_BOUNDS: (Duration, Duration) = (Duration::from_secs(1.0), Duration::from_secs(3_600.0));

/// Names one request to a seed, so that late answers can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub u32);

#[derive(Clone, Debug)]
pub(crate) struct Seeds {
    count: u16,
    current: u16,
    /// How many failed in this turn.
    failed: u16,
    /// How many whole turns failed one after the other.
    turns: u8,
    /// When the first of these turns failed.
    failing_since: Instant,
    requests: u32,
    in_flight: Option<(RequestId, Instant)>,
    not_before: Instant,
}

impl Seeds {
    pub(crate) fn new(count: u16) -> Self {
        Self {
            count,
            current: 0,
            failed: 0,
            turns: 0,
            failing_since: Instant::LONG_AGO,
            requests: 0,
            in_flight: None,
            not_before: Instant::LONG_AGO,
        }
    }

    /// Whether the last turn gave an answer. (A fixed list needs none.)
    pub(crate) fn answer(&self) -> bool {
        self.turns == 0
    }

    pub(crate) fn in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// When the request in flight has taken too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.in_flight.map(|(_, deadline)| deadline)
    }

    /// When a request may be made; never while there is one in flight, or no seed.
    pub(crate) fn ready_at(&self) -> Option<Instant> {
        (self.count > 0 && !self.in_flight()).then_some(self.not_before)
    }

    /// Asks the seed whose turn it is, unless there is none, one is being asked, or this is a pause.
    pub(crate) fn ask(&mut self, now: Instant, timeout: Duration) -> Option<(RequestId, u16)> {
        if self.ready_at()? > now {
            return None;
        }
        self.requests = self.requests.wrapping_add(1);
        let request = RequestId(self.requests);
        self.in_flight = Some((request, now + timeout));
        Some((request, self.current))
    }

    /// Ends the request if it is the one in flight. False for a late answer.
    pub(crate) fn settle(&mut self, request: RequestId) -> bool {
        let current = self.in_flight.is_some_and(|(in_flight, _)| in_flight == request);
        if current {
            self.in_flight = None;
        }
        current
    }

    /// Gives up the request in flight.
    pub(crate) fn abandon(&mut self) -> Option<RequestId> {
        self.in_flight.take().map(|(request, _)| request)
    }

    /// Ends a pause: the application wants to know now.
    pub(crate) fn end_pause(&mut self) {
        self.not_before = Instant::LONG_AGO;
    }

    /// The seed gave a list.
    pub(crate) fn succeeded(&mut self) {
        self.failed = 0;
        self.turns = 0;
        self.not_before = Instant::LONG_AGO;
    }

    /// The seed gave none; `retry_after` is its wish. True if that ends a turn.
    pub(crate) fn failed(&mut self, now: Instant, retry_after: Option<Duration>, random: &mut Random) -> bool {
        self.failed += 1;
        self.current = (self.current + 1) % self.count.max(1);
        let turn_over = self.failed >= self.count;
        if turn_over {
            self.failed = 0;
            if self.turns == 0 {
                self.failing_since = now;
            }
            let lasted = now.since(self.failing_since).max(FIRST_PAUSE);
            let most = (FIRST_PAUSE * f64::from(1u32 << self.turns.min(6)))
                .min(lasted)
                .min(LONGEST_PAUSE);
            self.turns = self.turns.saturating_add(1);
            self.not_before = now
                + match retry_after {
                    Some(wish) => stay_away(wish, random.between(0.0, 1.0)),
                    None => random.jitter(most),
                };
        }
        turn_over
    }
}

/// What clients are asked for, within bounds. Zero asks for nothing: the usual waits stay in force.
pub(crate) fn wish_to_stay_away(wish: Duration) -> Option<Duration> {
    let (least, most) = STAY_AWAY_BOUNDS;
    (wish > Duration::ZERO).then(|| wish.max(least).min(most))
}

/// How long to stay away when somebody asked for it: everyone was given the same number, so up to half as long again, by a
/// place from 0 to 1 drawn at random.
pub(crate) fn stay_away(wish: Duration, place: f64) -> Duration {
    wish * (1.0 + place / 2.0)
}
