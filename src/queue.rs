//! The way back after a loss: everyone who was thrown out with us wants back in, and the list tells how many.
//!
//! So each client takes a random place in a queue and waits its turn, at the pace that the servers can take. What it
//! knows of the others is the list: before a loss shows in it, the users of the server that was lost; afterwards, the users
//! that are missing.

use crate::decision::Assessment;
use crate::list::{Server, ServerList};
use crate::memory::LOSS_NOTICED_AFTER;
use crate::random::Random;
use crate::seeds::stay_away;
use crate::selector::{InForce, Selector};
use crate::time::{Duration, Instant};

/// The shortest queue.
const SHORTEST: Duration = Duration::from_secs(1.0);
/// The longest queue of all, and the longest floor. Lower ones never recovered from a blip of slow servers or of a million
/// users, whose queues in front of the servers never got shorter; without one, users who left for good would be waited for
/// without end.
const LONGEST: Duration = Duration::from_secs(600.0);
/// As long as no list can tell, so much of the fleet's users are taken to have been thrown out with us. We see the loss of one
/// server, and all of them may be gone: who comes back at the pace that one server's users need finds every other server's
/// users there as well. More than this would hold up those who have lost a large server and nothing else
/// (`simulation/README.md` has the figures).
const PRESUMED_LOST: f64 = 0.1;
/// The shortest floor of those who were sent to the back of the queue; and the same if a list shows that no crowd is on its way.
const SHORTEST_FLOOR: Duration = Duration::from_secs(20.0);
const SHORTEST_FLOOR_ALONE: Duration = Duration::from_secs(5.0);
/// So many users at a server, and no more than it takes in a second, need no queue.
const AT_ONCE: f64 = 100.0;
/// Bounds of the time that the whole fleet takes to let everyone in.
const FLEET_BOUNDS: (f64, f64) = (5.0, 300.0);

/// One stretch of trouble: from the first loss or failed attempt until a connection has lasted.
#[derive(Clone, Debug)]
pub(crate) struct Episode {
    /// This client's place, 0 to 1: drawn once, so that asking again does not help.
    place: f64,
    /// When the queue formed.
    since: Instant,
    /// No shorter than this, once sent to the back.
    floor: Duration,
    /// The users of all servers before the loss.
    users_before: f64,
    /// Whether a server was too busy for us before.
    overloaded: bool,
    /// Whenever one was, no seed answered either.
    in_silence: bool,
    /// Rounds that ended with nothing eligible.
    rounds: u32,
    /// The wait after the last such round.
    round_wait: Duration,
}

impl Episode {
    pub(crate) fn new(now: Instant, random: &mut Random) -> Self {
        Self {
            place: random.between(0.0, 1.0),
            since: now,
            floor: Duration::ZERO,
            users_before: 0.0,
            overloaded: false,
            in_silence: true,
            rounds: 0,
            round_wait: Duration::ZERO,
        }
    }

    /// How many users there are, unless that is known from before. (An episode may begin before there is any list.)
    pub(crate) fn users_were(&mut self, users: f64) {
        if self.users_before == 0.0 {
            self.users_before = users;
        }
    }

    /// Queues from now on, at the same place.
    pub(crate) fn queue_from(&mut self, now: Instant) {
        self.since = now;
    }

    /// Goes to the back of a queue that is at least twice as long as the last time.
    pub(crate) fn send_to_back(&mut self, selector: &Selector, now: Instant, random: &mut Random) {
        let least = if self.is_alone(selector) {
            SHORTEST_FLOOR_ALONE
        } else {
            SHORTEST_FLOOR
        };
        self.since = now;
        self.place = random.between(0.5, 1.0);
        let fleet = if selector.memory.has_lost() {
            Duration::ZERO
        } else {
            self.fleet_time(selector, now)
        };
        self.floor = (self.floor * 2.0).max(fleet).max(least).min(LONGEST);
    }

    /// Whether a list made since shows that no crowd is on its way: there are about as many users as before.
    fn is_alone(&self, selector: &Selector) -> bool {
        let tells = |in_force: &&InForce| in_force.made() > self.can_be_told_from();
        selector.in_force().filter(tells).is_some_and(|in_force| {
            let change = self.users_before - selector.memory.settled_users(&in_force.list);
            time_to_let_in(change.abs(), selector) <= SHORTEST
        })
    }

    /// A server is too busy for us, not for the first time if this returns true. `silence`: no seed answers either.
    pub(crate) fn is_overloaded_again(&mut self, silence: bool) -> bool {
        self.in_silence &= silence;
        core::mem::replace(&mut self.overloaded, true)
    }

    /// A seed gives a list. If none did whenever a server seemed to be too busy for us, then it was the network that swallowed
    /// everything, and how long the queue is the list alone tells.
    pub(crate) fn silence_ends(&mut self) {
        if self.in_silence {
            self.floor = Duration::ZERO;
        }
    }

    /// When it is this client's turn in a queue of this length. Where the list asks clients to stay away for so long, that
    /// counts instead, but for the floor: a busy server is given the time that it needs.
    pub(crate) fn turn(&self, length: Duration, wish: Option<Duration>) -> Instant {
        self.since
            + match wish {
                Some(wish) => stay_away(wish, self.place).max(self.floor * self.place),
                None => length * self.place,
            }
    }

    /// W: how long the queue is, as far as the list in force tells. `assessment` is the list's, made now.
    pub(crate) fn length(&self, selector: &Selector, assessment: &Assessment, now: Instant) -> Duration {
        let Some(in_force) = selector.in_force() else {
            return self.floor.max(SHORTEST);
        };
        let list = &*in_force.list;
        let missing = self.users_before - selector.memory.settled_users(list);
        let length = if in_force.made() > self.can_be_told_from() {
            in_force.made().since(self.since) + seconds_to_take(missing, list, assessment)
        } else {
            let eligible: f64 = eligible(list, assessment).map(|(server, _)| server.users).sum();
            let failures = f64::from(selector.failures_after_first());
            let unseen = failures / (failures + 1.0) * eligible;
            let gone = self.users_before - selector.listed_users(now);
            let seen = seconds_to_take(selector.memory.lost_users().max(gone) + unseen, list, assessment);
            let all = seconds_to_take(self.users_before, list, assessment);
            seen.max(all * PRESUMED_LOST)
        };
        length.max(self.floor).max(SHORTEST).min(LONGEST)
    }

    /// Counts a round that ended with nothing eligible. True for every second one.
    pub(crate) fn next_round(&mut self) -> bool {
        self.rounds = self.rounds.wrapping_add(1);
        self.rounds.is_multiple_of(2)
    }

    /// The wait after such a round: longer by two fifths than after the one before.
    pub(crate) fn round_wait(&mut self, selector: &Selector, now: Instant, random: &mut Random) -> Duration {
        self.round_wait = if self.round_wait == Duration::ZERO {
            SHORTEST
        } else {
            let most = self.fleet_time(selector, now);
            (self.round_wait * 1.4).min(most)
        };
        random.span(self.round_wait / 2.0, self.round_wait)
    }

    /// How long the servers that are well take to let in all users that the list lacks: those of servers that died a moment
    /// ago are not lacking.
    pub(crate) fn time_for_lacking(&self, selector: &Selector, now: Instant) -> Duration {
        time_to_let_in(self.users_before - selector.listed_users(now), selector)
    }

    /// How long they take to let in all who are not on one of them.
    pub(crate) fn time_for_missing(&self, selector: &Selector) -> Duration {
        let list = selector.in_force().map(|in_force| &in_force.list);
        let settled = list.map_or(self.users_before, |list| selector.memory.settled_users(list));
        time_to_let_in(self.users_before - settled, selector)
    }

    /// When the last who was thrown out with us would be in, if every user there was had been.
    pub(crate) fn last_turn(&self, list: &ServerList, assessment: &Assessment) -> Instant {
        self.since + seconds_to_take(self.users_before, list, assessment).min(LONGEST)
    }

    /// A list made after this shows what happened.
    pub(crate) fn can_be_told_from(&self) -> Instant {
        self.since + LOSS_NOTICED_AFTER
    }

    /// The place in the queue as a part of this time.
    pub(crate) fn part_of(&self, time: Duration) -> Duration {
        time * self.place
    }

    /// W_fleet: how long the fleet takes to let in all users there are: those it shows, or those it lacks.
    fn fleet_time(&self, selector: &Selector, now: Instant) -> Duration {
        let Some(in_force) = selector.in_force() else {
            return Duration::from_secs(FLEET_BOUNDS.0);
        };
        let sums = |counts: &dyn Fn(&&Server) -> bool| {
            in_force
                .list
                .servers()
                .iter()
                .filter(counts)
                .fold((0.0, 0.0), |(users, rate), server| {
                    (users + server.users, rate + server.handshakes_per_second)
                })
        };
        let (mut users, mut rate) = sums(&|server| {
            server.offered()
                && selector
                    .memory
                    .record(server.key)
                    .is_none_or(|record| !record.is_lost() && !record.is_ejected(now))
        });
        if rate == 0.0 {
            (users, rate) = sums(&|_| true);
        }
        let seconds = users.max(self.users_before - users) / rate.max(1.0);
        Duration::from_secs(seconds.clamp(FLEET_BOUNDS.0, FLEET_BOUNDS.1))
    }
}

/// How long all servers that are well take to let so many users in, anywhere.
fn time_to_let_in(users: f64, selector: &Selector) -> Duration {
    let servers = selector.in_force().into_iter().flat_map(|it| it.list.servers());
    let rate: f64 = servers
        .filter(|server| server.offered())
        .map(|server| server.handshakes_per_second)
        .sum();
    Duration::from_secs(users.max(0.0) / rate.max(1.0))
}

/// O/R: how long the servers take to let so many users in, if they come as the decision sends them.
fn seconds_to_take(users: f64, list: &ServerList, assessment: &Assessment) -> Duration {
    let longest = eligible(list, assessment)
        .map(|(server, probability)| {
            let rate = server.handshakes_per_second;
            (users * probability - rate.min(AT_ONCE)) / rate
        })
        .fold(0.0, f64::max);
    Duration::from_secs(longest)
}

fn eligible<'a>(list: &'a ServerList, assessment: &'a Assessment) -> impl Iterator<Item = (&'a Server, f64)> {
    list.servers()
        .iter()
        .zip(&assessment.candidates)
        .filter(|(_, candidate)| candidate.excluded.is_none())
        .map(|(server, candidate)| (server, candidate.probability))
}
