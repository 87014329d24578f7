//! Affinity: clients with the same key meet on the same server, as rooms and games need, without asking each other.
//!
//! The key's hash draws the group; within it, every client works out the same score for every server from the key and the
//! server's name, and the highest wins. If a server goes, only its keys move, and they spread over all the others (weighted
//! rendezvous hashing: C. Schindelhauer and G. Schomaker, "Weighted Distributed Hash Tables", SPAA 2005).

use crate::decision::Assessment;
use crate::list::read::key_of;
use crate::list::{Group, Server, ServerKey, ServerList};

/// What an affinity key comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affinity(u64);

impl Affinity {
    /// That of a key.
    pub fn of(key: &str) -> Self {
        Self(key_of(key).0)
    }

    /// Where the key's clients meet, by an assessment of this list; `None` if nothing is eligible.
    pub(crate) fn choose(self, list: &ServerList, assessment: &Assessment) -> Option<usize> {
        let probability = |position: usize| assessment.candidates.get(position).map_or(0.0, |one| one.probability);
        let mut left = self.unit(0);
        let mut chosen = None;
        for group in list.groups() {
            let share: f64 = list.members(group).map(|(position, _)| probability(position)).sum();
            if share > 0.0 {
                chosen = Some(group);
                if left < share {
                    break;
                }
                left -= share;
            }
        }
        let group = chosen?;
        let eligible = |position: usize| {
            assessment
                .candidates
                .get(position)
                .is_some_and(|one| one.excluded.is_none())
        };
        let members = || list.members(group).filter(|&(position, _)| eligible(position));
        let has_room = |server: &Server| group.uncapped || server.users < server.capacity;
        self.highest(&mut members().filter(|(_, server)| has_room(server)))
            .or_else(|| self.highest(&mut members()))
    }

    /// Where the key's clients would meet if every server of the group that is offered had room.
    pub(crate) fn home(self, list: &ServerList, group: &Group) -> Option<ServerKey> {
        let position = self.highest(&mut list.members(group).filter(|(_, server)| server.offered()))?;
        list.servers().get(position).map(|server| server.key)
    }

    fn highest(self, servers: &mut dyn Iterator<Item = (usize, &Server)>) -> Option<usize> {
        let scored = servers.map(|(position, server)| {
            // U(0, 1)^(1/c) in logarithms: the highest of these is each server with a probability in proportion to its c.
            let score = -server.capacity / libm::log(self.unit(server.key.0));
            (position, score)
        });
        let highest = scored.reduce(|one, other| if other.1 > one.1 { other } else { one });
        highest.map(|(position, _)| position)
    }

    /// A number between 0 and 1, the same for the same key and salt on every machine (the finaliser of SplitMix64:
    /// G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
    fn unit(self, salt: u64) -> f64 {
        let mut mixed = self.0 ^ salt.rotate_left(32);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // Half a step above zero: the logarithm of zero is of no use, nor is that of one.
        ((mixed >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }
}
