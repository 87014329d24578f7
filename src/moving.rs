//! When to move although all is well: back to a better group that has room again, or away from a server that has more
//! than its part.
//!
//! Every client of the fleet reads the same list and decides alone, so each moves with a probability such that about half
//! of the surplus moves at a time, no faster than the servers can take, and the next list shows what is left to do.

use crate::affinity::Affinity;
use crate::client::MoveReason;
use crate::decision::{Assessment, draw_position};
use crate::list::{Server, ServerKey, ServerList};
use crate::random::Random;
use crate::selector::Selector;
use crate::time::{Duration, Instant};

/// The part of what could move that does, at each list: half, so that it settles instead of swinging.
const PART: f64 = 0.5;
/// A better group is filled by those who come back up to this utilisation; newcomers may fill it further.
const FAILBACK_UP_TO: f64 = 0.75;
/// A group is uneven where its fullest server has so much more than the mean…
const UNEVEN: f64 = 1.2;
/// …or, being nearly full, so much more…
const NEARLY_FULL: f64 = 0.9;
const UNEVEN_WHEN_NEARLY_FULL: f64 = 1.03;
/// …or where its emptiest has had less than so much of the mean for so long, or is new. One empty server among many raises
/// no other far above the mean. But one that has just restarted is filled by those whose servers restart next, and whoever
/// goes there before has to go twice. (A seed that drops dead servers from its list has them come back as new ones.)
const UNDERUSED: f64 = 0.8;
const UNDERUSED_FOR: Duration = Duration::from_secs(600.0);
/// Less than so many standard deviations of a random count is chance, not unevenness.
const DEVIATIONS: f64 = 3.0;
/// Where there is room for all, the weight of servers that others would fill first: they will do where those others are out
/// of the question, and where a key meets its clients go however many are there.
const LEAST_WEIGHT: f64 = 1e-9;
/// Below so many users a server, counts stand still by themselves, and say nothing.
const FEW_USERS: f64 = 30.0;

/// What a client knows when it draws whether to move.
pub(crate) struct Occasion<'a> {
    pub(crate) selector: &'a Selector,
    pub(crate) list: &'a ServerList,
    /// Of the list in force, made now.
    pub(crate) assessment: &'a Assessment,
    /// The server that it is on.
    pub(crate) own: ServerKey,
    /// How often the others look.
    pub(crate) interval: Duration,
    pub(crate) affinity: Option<Affinity>,
    pub(crate) now: Instant,
}

/// The server of a client's group that was the emptiest at the last draw, if it had so little, and since when it is.
pub(crate) type Underused = Option<(ServerKey, Instant)>;

/// How much a server is to be preferred among those that a client may be drawn to; not at all, if that is zero. A reference
/// to a function, so that the draws by different weights are one and the same code.
type Weight<'a> = &'a dyn Fn(usize, &Server) -> f64;

/// A server to move to: its position, what is known of it, and its weight.
type Target<'a> = (usize, &'a Server, f64);

impl Occasion<'_> {
    /// The priority of this client's group; a server that the list has forgotten is behind all of them.
    fn own_priority(&self) -> u16 {
        self.list.server(self.own).map_or(u16::MAX, |own| own.priority)
    }

    /// Σ users of this client's group and those behind it, and whether they are few.
    fn behind(&self) -> (f64, bool) {
        let priority = self.own_priority();
        let behind = self.list.servers().iter();
        let (users, servers) = behind
            .filter(|server| server.available && server.priority >= priority)
            .fold((0.0, 0.0), |(users, servers), server| {
                (users + server.users, servers + 1.0)
            });
        if servers > 0.0 {
            (users, users < FEW_USERS * servers)
        } else {
            (self.selector.last_users(self.own).unwrap_or(0.0), true)
        }
    }

    /// Whether there are so few users that standing counts say nothing.
    pub(crate) fn is_of_few(&self) -> bool {
        self.behind().1
    }

    /// Those that this client may be drawn to, with a weight above zero.
    fn targets(&self, weight: Weight<'_>) -> impl Iterator<Item = Target<'_>> {
        let (_, few) = self.behind();
        let memory = &self.selector.memory;
        self.list
            .servers()
            .iter()
            .enumerate()
            .filter(move |&(position, server)| {
                let candidate = self.assessment.candidates.get(position);
                server.key != self.own
                    && candidate.is_some_and(|candidate| candidate.excluded.is_none())
                    && (few || self.selector.is_alive(server))
                    && memory.record(server.key).is_none_or(|record| !record.deters(self.now))
            })
            .map(move |(position, server)| (position, server, weight(position, server)))
            .filter(|&(_, _, weight)| weight > 0.0)
    }

    /// Draws whether to move back to a better group, and to which server.
    pub(crate) fn failback(&self, random: &mut Random) -> Option<(ServerKey, MoveReason)> {
        let priority = self.own_priority();
        let (behind, _) = self.behind();
        let probability = |position: usize| {
            self.assessment
                .candidates
                .get(position)
                .map_or(0.0, |one| one.probability)
        };
        let is_better = |server: &Server| server.priority < priority;
        let is_uncapped = |server: &Server| {
            let mut groups = self.list.groups().iter();
            groups.any(|group| group.priority == server.priority && group.uncapped)
        };
        // A group without capacities has room for all, and then it is water-filling that says where.
        let endless = self
            .targets(&|_, server| f64::from(u8::from(is_better(server) && is_uncapped(server))))
            .next()
            .is_some();
        let weight = |position: usize, server: &Server| {
            if !is_better(server) {
                0.0
            } else if endless {
                probability(position).max(if is_uncapped(server) { LEAST_WEIGHT } else { 0.0 })
            } else {
                (FAILBACK_UP_TO * server.capacity - server.users).max(0.0)
            }
        };
        let room = self.total(&weight);
        let room = if endless { f64::INFINITY } else { room };
        let chance = PART * (room / behind.max(1.0)).min(1.0);
        let target = self.drawn(&weight, chance, PART * room.min(behind), random)?;
        Some((target, MoveReason::Failback))
    }

    /// Draws whether to leave a server that has more than its part of the group, and for which. `underused` is kept from one
    /// draw to the next.
    pub(crate) fn rebalance(&self, underused: &mut Underused, random: &mut Random) -> Option<(ServerKey, MoveReason)> {
        let own = self.list.server(self.own)?;
        let group = self.list.groups().iter().find(|group| group.priority == own.priority)?;
        let members = || {
            self.list
                .members(group)
                .map(|(_, server)| server)
                .filter(|server| server.offered())
        };
        let (users, capacity, count) = members().fold((0.0, 0.0, 0.0), |(users, capacity, count), server| {
            (users + server.users, capacity + server.capacity, count + 1.0)
        });
        let level = users / f64::max(capacity, 1e-6);
        let of_level = |server: &Server, part: f64| level * part * server.capacity;
        let lack = |server: &Server, part: f64| {
            if server.priority == own.priority {
                (of_level(server, part) - server.users).max(0.0)
            } else {
                0.0
            }
        };
        let chance = DEVIATIONS / libm::sqrt(f64::max(users / count, 1.0));
        let fullest = members().reduce(|one, other| {
            if other.utilisation() >= one.utilisation() {
                other
            } else {
                one
            }
        })?;
        let exceeds = |factor: f64| fullest.users > of_level(fullest, f64::max(1.0 + chance, factor)) + 1.0;
        let nearly_full = !group.uncapped && fullest.utilisation() > NEARLY_FULL;
        let uneven = exceeds(UNEVEN) || nearly_full && exceeds(UNEVEN_WHEN_NEARLY_FULL);

        let emptiest = self
            .targets(&|_, server| lack(server, f64::min(1.0 - chance, UNDERUSED)))
            .filter(|&(.., lack)| lack > 1.0)
            .map(|(_, server, _)| server)
            .reduce(|one, other| {
                if other.utilisation() < one.utilisation() {
                    other
                } else {
                    one
                }
            });
        *underused = emptiest.map(|server| match *underused {
            Some((key, since)) if key == server.key => (key, since),
            _ => (server.key, self.now),
        });
        let neglected = emptiest.is_some_and(|server| self.selector.is_new(server))
            || underused.is_some_and(|(_, since)| self.now >= since + UNDERUSED_FOR);
        if !uneven && !neglected {
            return None;
        }
        let weight = |_: usize, server: &Server| lack(server, 1.0);
        let deficits = self.total(&weight);
        let excesses: f64 = members()
            .map(|server| (server.users - of_level(server, 1.0)).max(0.0))
            .sum();
        let excess = (own.users - of_level(own, 1.0)).max(0.0);
        let chance = PART * excess / own.users.max(1.0) * (deficits / excesses.max(1.0)).min(1.0);
        let target = self.drawn(&weight, chance, PART * excesses, random)?;
        Some((target, MoveReason::Rebalance))
    }

    /// Draws whether to move to where this client's key meets, in its own group: its server was away, or full, and is not
    /// any more. All go at once, as fast as it can take them: where a key belongs does not change by going there, and until
    /// the last one has gone its clients are parted.
    pub(crate) fn homecoming(&self, random: &mut Random) -> Option<(ServerKey, MoveReason)> {
        let priority = self.own_priority();
        let group = self.list.groups().iter().find(|group| group.priority == priority)?;
        let home = self.affinity?.home(self.list, group)?;
        let weight = |_: usize, server: &Server| {
            let has_room = group.uncapped || server.users < FAILBACK_UP_TO * server.capacity;
            f64::from(u8::from(server.key == home && has_room))
        };
        let sums = self
            .list
            .members(group)
            .fold((0.0, 0.0), |(users, capacity), (_, server)| {
                (users + server.users, capacity + server.capacity)
            });
        let expected = sums.0 * self.list.server(home)?.capacity / f64::max(sums.1, f64::MIN_POSITIVE);
        let target = self.drawn(&weight, 1.0, expected, random)?;
        Some((target, MoveReason::Affinity))
    }

    fn total(&self, weight: Weight<'_>) -> f64 {
        self.targets(weight).map(|(.., weight)| weight).sum()
    }

    /// Draws whether to move, no faster than the targets can take those who are expected to, and where to.
    fn drawn(&self, weight: Weight<'_>, chance: f64, expected: f64, random: &mut Random) -> Option<ServerKey> {
        let total = self.total(weight);
        if total <= 0.0 {
            return None;
        }
        let per_second = expected / self.interval.as_secs();
        // The pace of the target that is the first to be too busy.
        let pace = self
            .targets(weight)
            .map(|(_, server, weight)| server.handshakes_per_second * total / weight)
            .fold(f64::INFINITY, f64::min);
        if random.between(0.0, 1.0) >= chance * (pace / per_second.max(f64::MIN_POSITIVE)).min(1.0) {
            return None;
        }
        let position = match self.affinity {
            // Where the key's clients meet, if that is one of them.
            Some(affinity) => {
                let meeting = affinity.choose(self.list, self.assessment)?;
                self.targets(weight).find(|&(position, ..)| position == meeting)?.0
            }
            None => draw_position(
                random,
                total,
                &mut self.targets(weight).map(|(position, _, weight)| (position, weight)),
            )?,
        };
        self.list.servers().get(position).map(|server| server.key)
    }
}
