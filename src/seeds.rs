//! The seeds: whom to ask for the list, and when.
//!
//! The seed that answered last is asked first. One that fails is put aside for a while with full jitter, longer the longer
//! it goes on failing, and the next one is asked at once; one that keeps us waiting gets company after two seconds, and
//! whoever answers first counts.

use alloc::boxed::Box;
use alloc::vec;

use crate::backoff::Backoff;
use crate::cause::SeedFailure;
use crate::random::Random;
use crate::time::{Duration, Instant};

/// A seed that has not answered for so long gets company: slower than any healthy answer, quicker than a person's patience.
const COMPANY_AFTER: Duration = Duration::from_secs(2.0);
/// Bounds of the time that clients can be asked to stay away: never so short that they spin, never so long that they hang.
const STAY_AWAY_BOUNDS: (Duration, Duration) = (Duration::from_secs(1.0), Duration::from_secs(3_600.0));

/// Names one request to a seed, so that late answers can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub u32);

/// What is known of one seed.
#[derive(Clone, Copy, Debug)]
struct Seed {
    trouble: Backoff,
    not_before: Instant,
    /// It has failed since any of them last answered.
    failed: bool,
    /// A request to it ran into its timeout, and it has not answered since.
    silent: bool,
    /// It wants to be left alone until then.
    wished: bool,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    id: RequestId,
    seed: u16,
    deadline: Instant,
}

#[derive(Clone, Debug)]
pub(crate) struct Seeds {
    seeds: Box<[Seed]>,
    /// Asked first; after the last comes the first.
    current: u16,
    requests: u32,
    in_flight: [Option<Request>; 2],
    company_at: Instant,
}

impl Seeds {
    pub(crate) fn new(count: u16) -> Self {
        let seed = Seed {
            trouble: Backoff::new(),
            not_before: Instant::LONG_AGO,
            failed: false,
            silent: false,
            wished: false,
        };
        Self {
            seeds: vec![seed; count.into()].into(),
            current: 0,
            requests: 0,
            in_flight: [None; 2],
            company_at: Instant::NEVER,
        }
    }

    /// Whether there is any.
    pub(crate) fn exist(&self) -> bool {
        !self.seeds.is_empty()
    }

    /// Whether every seed has failed since the last answer. (A fixed list needs none.)
    pub(crate) fn all_fail(&self) -> bool {
        self.exist() && self.seeds.iter().all(|seed| seed.failed)
    }

    /// Whether no seed has answered since one let a request run into its timeout: the network may lead nowhere.
    pub(crate) fn all_silent(&self) -> bool {
        self.exist() && self.seeds.iter().all(|seed| seed.silent)
    }

    pub(crate) fn in_flight(&self) -> bool {
        self.in_flight.iter().any(Option::is_some)
    }

    /// When one of the requests in flight will have taken too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.in_flight
            .iter()
            .flatten()
            .map(|request| request.deadline)
            .reduce(Instant::min)
    }

    /// When a request may be made; never while there is one in flight, or no seed.
    pub(crate) fn ready_at(&self) -> Option<Instant> {
        self.pause_ends().filter(|_| !self.in_flight())
    }

    /// When there is a seed that is not to be left alone, whatever is in flight.
    pub(crate) fn pause_ends(&self) -> Option<Instant> {
        self.seeds.iter().map(|seed| seed.not_before).reduce(Instant::min)
    }

    /// When the request in flight is to get company; never if there is nobody to keep it.
    pub(crate) fn company_at(&self) -> Option<Instant> {
        let [Some(alone), None] = self.in_flight else {
            return None;
        };
        self.others(alone.seed)
            .map(|seed| seed.not_before.max(self.company_at))
            .reduce(Instant::min)
    }

    fn others(&self, seed: u16) -> impl Iterator<Item = &Seed> {
        let seeds = self.seeds.iter().enumerate();
        seeds
            .filter(move |&(at, _)| at != usize::from(seed))
            .map(|(_, seed)| seed)
    }

    /// Asks the seed whose turn it is, unless there is none, enough are being asked, or this is a pause.
    pub(crate) fn ask(&mut self, now: Instant, timeout: Duration) -> Option<(RequestId, u16)> {
        if self.ready_at().or(self.company_at())? > now {
            return None;
        }
        let [first, _] = self.in_flight;
        let seed = self.turn(now, 0, first.map(|first| first.seed))?;
        let id = self.next_id();
        let deadline = now + timeout;
        self.in_flight = [first, Some(Request { id, seed, deadline })];
        if first.is_none() {
            self.in_flight.rotate_left(1);
            self.company_at = now + COMPANY_AFTER;
        }
        Some((id, seed))
    }

    /// Asks the seed whose turn it is for a stream of lists: `further` ones on from the one that is asked first, as often as
    /// streams have failed. It is not among the requests in flight.
    pub(crate) fn ask_for_stream(&mut self, now: Instant, further: u16) -> Option<(RequestId, u16)> {
        let seed = self.turn(now, further, None)?;
        Some((self.next_id(), seed))
    }

    /// The first that is not to be left alone, `further` ones on from the one that is asked first.
    fn turn(&self, now: Instant, further: u16, without: Option<u16>) -> Option<u16> {
        let count = self.seeds.len() as u16;
        (0..count)
            .map(|step| ((u32::from(self.current) + u32::from(further) + u32::from(step)) % u32::from(count)) as u16)
            .filter(|&seed| without != Some(seed))
            .find(|&seed| {
                self.seeds
                    .get(usize::from(seed))
                    .is_some_and(|seed| seed.not_before <= now)
            })
    }

    fn next_id(&mut self) -> RequestId {
        self.requests = self.requests.wrapping_add(1);
        RequestId(self.requests)
    }

    /// Ends the request if it is in flight, and says which seed it went to. `None` for a late answer.
    pub(crate) fn settle(&mut self, request: RequestId) -> Option<u16> {
        self.end(|in_flight| in_flight.id == request).map(|(_, seed)| seed)
    }

    /// Ends a request that has taken too long.
    pub(crate) fn overdue(&mut self, now: Instant) -> Option<(RequestId, u16)> {
        self.end(|request| now >= request.deadline)
    }

    /// Gives up a request in flight.
    pub(crate) fn abandon(&mut self) -> Option<RequestId> {
        self.end(|_| true).map(|(request, _)| request)
    }

    fn end(&mut self, which: impl Fn(&Request) -> bool) -> Option<(RequestId, u16)> {
        let ended = self
            .in_flight
            .iter_mut()
            .find_map(|request| request.take_if(|it| which(it)))?;
        if self.in_flight[0].is_none() {
            self.in_flight.rotate_left(1);
        }
        Some((ended.id, ended.seed))
    }

    /// After a sleep or on another network all pauses end `soon`, but for those that seeds asked for.
    pub(crate) fn wake(&mut self, soon: Instant) {
        for seed in self.seeds.iter_mut().filter(|seed| !seed.wished) {
            seed.not_before = seed.not_before.min(soon);
        }
    }

    /// Ends all pauses: the application wants to know now.
    pub(crate) fn end_pauses(&mut self) {
        for seed in &mut self.seeds {
            seed.not_before = Instant::LONG_AGO;
        }
    }

    /// The seed gave a list.
    pub(crate) fn succeeded(&mut self, seed: u16) {
        self.current = seed;
        for seed in &mut self.seeds {
            seed.failed = false;
            seed.silent = false;
        }
        if let Some(seed) = self.seeds.get_mut(usize::from(seed)) {
            seed.trouble = Backoff::new();
            seed.not_before = Instant::LONG_AGO;
        }
    }

    /// The seed gave none; `retry_after` is its wish. `hurry`: the client has no connection, and waits for the list.
    pub(crate) fn failed(
        &mut self,
        now: Instant,
        seed: u16,
        failure: SeedFailure,
        retry_after: Option<Duration>,
        hurry: bool,
        random: &mut Random,
    ) {
        self.current = seed.saturating_add(1);
        let Some(seed) = self.seeds.get_mut(usize::from(seed)) else {
            return;
        };
        // Whoever asks makes new credentials for each request: once, they are worth a try at once.
        let at_once = failure == SeedFailure::Expired && retry_after.is_none() && !seed.trouble.is_failing();
        seed.failed = !at_once;
        seed.silent = match failure {
            SeedFailure::Timeout => true,
            // Where packets vanish, a browser may call it either.
            SeedFailure::Unreachable => seed.silent,
            _ => false,
        };
        seed.wished = retry_after.is_some();
        let pause = seed.trouble.failed(now, hurry, random);
        seed.not_before = now
            + match retry_after {
                Some(wish) => stay_away(wish, random.between(0.0, 1.0)),
                None if at_once => Duration::ZERO,
                None => pause,
            };
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
