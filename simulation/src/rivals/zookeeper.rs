//! ZooKeeper's client: the one rule in use that moves clients when the ensemble changes.

use evenkeel::decision;
use evenkeel::random::Random;

use super::choices::Uniform;
use crate::rival::{Change, Choice, View};

/// After ZOOKEEPER-1355 (`StaticHostProvider`): each client moves with just the probability that leaves all servers with
/// the same expected number, knowing nothing but which servers there were and are. New and lost clients go to any server.
#[derive(Clone, Copy, Debug)]
pub struct ZooKeeper;

impl Choice for ZooKeeper {
    fn choose(&self, fleet: &View<'_>, lost: &[usize], random: &mut Random) -> Option<usize> {
        Uniform.choose(fleet, lost, random)
    }

    fn rebalance(&self, change: &Change<'_>, random: &mut Random) -> Option<usize> {
        let had = |position: usize| is_offered(&change.before, position);
        let has = |position: usize| is_offered(&change.now, position);
        let positions = 0..change.before.servers.len().max(change.now.servers.len());
        let number = |of: &dyn Fn(usize) -> bool| positions.clone().filter(|&position| of(position)).count() as f64;
        let (before, now) = (number(&had), number(&has));
        let staying = number(&|position| had(position) && has(position));
        let own_stays = has(change.own);

        let to_an_old_one = if now > before {
            if own_stays && random.between(0.0, 1.0) >= 1.0 - before / now {
                return None;
            }
            0.0
        } else if own_stays {
            return None;
        } else if before > staying {
            staying * (before - now) / (now * (before - staying))
        } else {
            // Our own was none of them.
            1.0
        };
        let old = random.between(0.0, 1.0) < to_an_old_one;
        let mut any_of = |old: bool| {
            let weights = positions
                .clone()
                .map(|position| f64::from(u8::from(has(position) && had(position) == old)));
            decision::draw(random, weights)
        };
        any_of(old).or_else(|| any_of(!old))
    }
}

fn is_offered(fleet: &View<'_>, position: usize) -> bool {
    fleet.servers.get(position).is_some_and(|server| server.offered())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rival::Listed;

    fn ensemble(offered: std::ops::Range<usize>) -> [Listed; 12] {
        std::array::from_fn(|position| Listed {
            available: offered.contains(&position),
            draining: false,
            users: 0.0,
            capacity: 1.0,
            weight: 1.0,
            priority: 0,
        })
    }

    #[test]
    fn who_loses_its_server_goes_to_old_and_new_ones_so_that_all_end_level() {
        // Fewer than before, as many, more: each time some go and others come, which ZooKeeper's own test leaves out.
        for (from, to) in [(0..9, 4..11), (0..6, 3..9), (0..6, 2..12)] {
            let (before, now) = (ensemble(from.clone()), ensemble(to.clone()));
            let mut random = Random::new(1355);
            let mut counts = [0.0; 12];
            let clients = 30_000;
            for client in 0..clients {
                let own = from.start + client % from.len();
                let change = Change {
                    before: View {
                        servers: &before,
                        age: 0.0,
                    },
                    now: View {
                        servers: &now,
                        age: 0.0,
                    },
                    own,
                };
                counts[ZooKeeper.rebalance(&change, &mut random).unwrap_or(own)] += 1.0;
            }
            let share = clients as f64 / to.len() as f64;
            for (position, count) in counts.iter().enumerate() {
                let expected = if to.contains(&position) { share } else { 0.0 };
                // Five standard deviations of at least 3,000 are a tenth of them.
                assert!(
                    (count - expected).abs() <= 0.1 * expected,
                    "{from:?} to {to:?}: {counts:?}"
                );
            }
        }
    }
}
