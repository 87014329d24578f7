//! The decision: how probable each server of a list should be, so that the fleet ends level although thousands of
//! clients decide on the same list without talking to each other.
//!
//! Going to the server with the fewest users is the worst rule there is: everybody goes to the same one until the next
//! list. Instead the client asks: *how many others are deciding on this same list, and where would all of them have to go
//! for the fleet to end level?* That is water-filling ("Basic LI" in M. Dahlin, "Interpreting Stale Load Information",
//! IEEE Transactions on Parallel and Distributed Systems 11 (10), 2000), with the number of arrivals estimated from what
//! the list shows: free capacity, and the users of servers that were just lost.
//!
//! [`weigh`] works out the probabilities, [`Assessment::draw`] draws. Groups come first: a group is filled before it is
//! full, and what is beyond its room goes to the next.

use crate::list::{Group, Server, ServerList};
use crate::random::Random;
use crate::time::Duration;
use alloc::vec::Vec;

/// Arrivals between two lists, as a part of the free capacity, for each minute of the list's age.
const ARRIVALS_PER_MINUTE: f64 = 0.2;
/// Bounds of the same part: a list is never so fresh that nobody else reads it, and never so old that counts mean nothing.
const ARRIVALS_BOUNDS: (f64, f64) = (0.2, 20.0);
/// A group of which less than half is used is taken to be filling: the same part is at least what is free of its capacity, less
/// this.
const FREE_AT_REST: f64 = 0.3;
/// The same part, for the question whether a group has room: an old list must not empty the preferred group.
const ARRIVALS_FOR_ROOM: f64 = 0.35;
/// Arrivals are at least this part of the users: a full group still has some coming and going.
const TURNOVER: f64 = 0.02;
/// A group takes new users up to this utilisation; beyond, they spill to the next group.
const SPILL_AT: f64 = 0.85;
/// A server gets at most so many times its fair share: a wrong count must not draw a fleet.
const MOST_OF_FAIR_SHARE: f64 = 4.0;
/// The same, if its count has just changed, or it is new or back in service: then the count is not stuck, if it may yet be wrong.
const MOST_IF_ALIVE: f64 = 8.0;

/// Why a server is not considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// The list says that it is not available.
    Unavailable,
    /// The list says that it is draining, or gives it no capacity or no weight.
    Draining,
    /// This client lost its connection to it in the present episode.
    Lost,
    /// It refused this client, or dropped it soon after taking it.
    Ejected,
    /// It was overloaded a moment ago: left out this once.
    Overloaded,
    /// It is the one that this client is about to leave.
    Current,
}

impl Exclusion {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Unavailable,
        Self::Draining,
        Self::Lost,
        Self::Ejected,
        Self::Overloaded,
        Self::Current,
    ];

    /// The stable name that applications see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Draining => "draining",
            Self::Lost => "lost",
            Self::Ejected => "ejected",
            Self::Overloaded => "overloaded",
            Self::Current => "current",
        }
    }
}

/// One server as the decision sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Candidate {
    /// Why it is left out, if it is.
    pub excluded: Option<Exclusion>,
    /// The probability that the decision falls on it.
    pub probability: f64,
}

/// What is known beside the list when a decision is made.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The age of the list's counts.
    pub age: Duration,
    /// The users of servers that are unavailable or were lost: they are looking for a place as well.
    pub displaced: f64,
    /// How many connects failed after the first of this episode: each is a sign that more are displaced than is seen.
    pub failures: u32,
}

/// The outcome of [`weigh`], and the space it works in. Reused from decision to decision, it allocates nothing; any
/// number of clients can share one.
#[derive(Clone, Debug, Default)]
pub struct Assessment {
    /// One for each server of the list, in the list's order.
    pub candidates: Vec<Candidate>,
    groups: Vec<Tally>,
}

/// Sums over the eligible servers of a group.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    users: f64,
    capacity: f64,
    slack: f64,
    room: f64,
    share: f64,
}

impl Assessment {
    /// Draws a server by its probability; `None` if nothing is eligible.
    pub fn draw(&self, random: &mut Random) -> Option<usize> {
        draw(random, self.candidates.iter().map(|candidate| candidate.probability))
    }

    fn eligible<'a>(
        &'a self,
        list: &'a ServerList,
        group: &Group,
    ) -> impl Iterator<Item = (usize, &'a Server)> + Clone {
        list.members(group).filter(|&(position, _)| {
            self.candidates
                .get(position)
                .is_some_and(|candidate| candidate.excluded.is_none())
        })
    }
}

/// Draws a position in proportion to its weight; `None` if no weight is above zero.
pub fn draw(random: &mut Random, weights: impl Iterator<Item = f64> + Clone) -> Option<usize> {
    draw_position(random, weights.clone().sum(), &mut weights.enumerate())
}

/// The same of positions with their weights, which add up to `total`: one and the same code for all.
pub(crate) fn draw_position(
    random: &mut Random,
    total: f64,
    weights: &mut dyn Iterator<Item = (usize, f64)>,
) -> Option<usize> {
    let mut left = random.between(0.0, total);
    let mut chosen = None;
    for (position, weight) in weights {
        if weight > 0.0 {
            chosen = Some(position);
            if left < weight {
                break;
            }
            left -= weight;
        }
    }
    chosen
}

/// Gives every candidate that is not excluded its probability; the excluded get 0. They add up to 1, or to 0 if nothing is
/// eligible. What is excluded has been entered in [`Assessment::candidates`] before, one for each server of the list.
/// `is_alive`: whether a server's count is not stuck; it is asked about those that would get more than four times their share.
///
/// O(S), since the list keeps the servers of a group in order of their utilisation, and as many calls of `is_alive`: for a quarter of
/// the capacity at most.
pub fn weigh(
    list: &ServerList,
    circumstances: Circumstances,
    is_alive: impl Fn(&Server) -> bool,
    assessment: &mut Assessment,
) {
    tally(list, assessment);
    let psi = (ARRIVALS_PER_MINUTE * circumstances.age.as_secs() / 60.0).clamp(ARRIVALS_BOUNDS.0, ARRIVALS_BOUNDS.1);
    let displaced = displaced(&assessment.groups, circumstances);
    share_out(&mut assessment.groups, psi, displaced);

    for candidate in &mut assessment.candidates {
        candidate.probability = 0.0;
    }
    for (index, group) in list.groups().iter().enumerate() {
        let Some(&tally) = assessment.groups.get(index) else {
            continue;
        };
        if tally.share > 0.0 {
            let psi = psi.max(tally.slack / tally.capacity - FREE_AT_REST);
            let arrivals = 1f64.max(psi * tally.slack).max(TURNOVER * tally.users) + displaced * tally.share;
            fill(list, group, tally, arrivals, &is_alive, assessment);
        }
    }
}

fn tally(list: &ServerList, assessment: &mut Assessment) {
    let mut groups = core::mem::take(&mut assessment.groups);
    groups.clear();
    groups.extend(list.groups().iter().map(|group| {
        let mut sums = Tally::default();
        for (_, server) in assessment.eligible(list, group) {
            sums.users += server.users;
            sums.capacity += server.capacity;
            sums.slack += (server.capacity - server.users).max(0.0);
            sums.room += if group.uncapped {
                f64::INFINITY
            } else {
                (SPILL_AT * server.capacity - server.users).max(0.0)
            };
        }
        sums
    }));
    assessment.groups = groups;
}

/// D: how many users are looking for a place because they lost theirs.
fn displaced(groups: &[Tally], circumstances: Circumstances) -> f64 {
    let capacity: f64 = groups.iter().map(|group| group.capacity).sum();
    let users: f64 = groups.iter().map(|group| group.users).sum();
    let failures = f64::from(circumstances.failures);
    (circumstances.displaced + failures / (failures + 1.0) * users).min(capacity)
}

/// Gives each group its share: the most preferred as much as its room allows, and so on; what is left when all have had
/// theirs goes to the groups in proportion to what is free in them, or to their size if nothing is.
fn share_out(groups: &mut [Tally], psi: f64, displaced: f64) {
    let (mut remaining, mut homeless) = (1.0, displaced);
    for group in groups.iter_mut() {
        let expected = 1f64
            .max(psi.min(ARRIVALS_FOR_ROOM) * group.slack)
            .max(TURNOVER * group.users)
            + homeless;
        group.share = remaining * (group.room / expected).min(1.0);
        remaining -= group.share;
        homeless = (homeless - group.room).max(0.0);
    }
    let slack: f64 = groups.iter().map(|group| group.slack).sum();
    let capacity: f64 = groups.iter().map(|group| group.capacity).sum();
    if capacity > 0.0 {
        for group in groups {
            group.share += remaining
                * if slack > 0.0 {
                    group.slack / slack
                } else {
                    group.capacity / capacity
                };
        }
    }
}

/// Fills the group's servers with the arrivals, as water would: the emptiest rise first, until all that got any are level.
/// Then no server keeps more than a few times its fair share, and what it loses goes to the others by their free capacity.
fn fill(
    list: &ServerList,
    group: &Group,
    tally: Tally,
    arrivals: f64,
    is_alive: &impl Fn(&Server) -> bool,
    assessment: &mut Assessment,
) {
    let level = level(assessment.eligible(list, group).map(|(_, server)| server), arrivals);
    let wanted = |server: &Server| (level * server.capacity - server.users).max(0.0) / arrivals;
    let most = |server: &Server| {
        let fair = server.capacity / tally.capacity;
        if wanted(server) > MOST_OF_FAIR_SHARE * fair && is_alive(server) {
            MOST_IF_ALIVE * fair
        } else {
            MOST_OF_FAIR_SHARE * fair
        }
    };
    let (mut excess, mut free) = (0.0, 0.0);
    for (_, server) in assessment.eligible(list, group) {
        let over = wanted(server) - most(server);
        if over > 0.0 {
            excess += over;
        } else {
            free += (server.capacity - server.users).max(0.0);
        }
    }
    let clipped = excess > 0.0 && free > 0.0;
    for (position, server) in list.members(group) {
        if let Some(candidate) = assessment.candidates.get_mut(position)
            && candidate.excluded.is_none()
        {
            let mut probability = wanted(server);
            if clipped {
                let most = most(server);
                probability = if probability > most {
                    most
                } else {
                    probability + excess * (server.capacity - server.users).max(0.0) / free
                };
            }
            candidate.probability = tally.share * probability;
        }
    }
}

/// The level L at which Σ max(0, L·c − u) = `amount`, for servers in order of utilisation.
fn level<'a>(servers: impl Iterator<Item = &'a Server>, amount: f64) -> f64 {
    let (mut volume, mut width, mut level) = (amount, 0.0, f64::INFINITY);
    for server in servers {
        if server.users >= level * server.capacity {
            break;
        }
        volume += server.users;
        width += server.capacity;
        level = volume / width;
    }
    level
}
