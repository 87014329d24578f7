//! Where to go: the rules that everybody knows.

use evenkeel::random::Random;

use super::pool::Pool;
use crate::rival::{Choice, Listed, View};

fn capacity(server: &Listed) -> f64 {
    server.capacity
}

fn free(server: &Listed) -> f64 {
    (server.capacity - server.users).max(0.0)
}

/// Any server, one as probable as the other: what a shuffled list of URLs does.
#[derive(Clone, Copy, Debug)]
pub struct Uniform;

impl Choice for Uniform {
    fn choose(&self, fleet: &View<'_>, lost: &[usize], random: &mut Random) -> Option<usize> {
        Pool::new(fleet, lost).draw(random, |_| 1.0)
    }
}

/// At random in proportion to capacity: DNS SRV weights (RFC 2782).
#[derive(Clone, Copy, Debug)]
pub struct Weighted;

impl Choice for Weighted {
    fn choose(&self, fleet: &View<'_>, lost: &[usize], random: &mut Random) -> Option<usize> {
        Pool::new(fleet, lost).draw(random, capacity)
    }
}

/// One of the k servers with the fewest users, each as probable as the other; of equal ones, any.
///
/// k = 1 is the `least_conn` of load balancers, and what WO 03/105439 A1 describes at its simplest. k-subset rules on
/// stale counts: M. Mitzenmacher, "How Useful Is Old Information?", IEEE TPDS 11 (1), 2000.
#[derive(Clone, Copy, Debug)]
pub struct LeastUsers {
    /// Out of so many.
    pub k: usize,
}

impl Choice for LeastUsers {
    fn choose(&self, fleet: &View<'_>, lost: &[usize], random: &mut Random) -> Option<usize> {
        let mut order: Vec<(f64, f64, usize)> = Pool::new(fleet, lost)
            .members()
            .map(|(position, server)| (server.users, random.between(0.0, 1.0), position))
            .collect();
        order.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
        order.truncate(self.k);
        let drawn = random.between(0.0, order.len() as f64) as usize;
        order.get(drawn).map(|&(_, _, position)| position)
    }
}

/// With probability β the less utilised of two servers drawn at random, else simply one drawn at random. All draws are in
/// proportion to capacity, and independent: the two may be the same.
///
/// β = 1: "the power of two choices", M. Mitzenmacher, IEEE TPDS 12 (10), 2001; draws by capacity: U. Wieder, "Balanced
/// Allocations with Heterogenous Bins", SPAA 2007. β < 1: Y. Peres, K. Talwar, U. Wieder, "The (1+β)-choice process and
/// weighted balls-into-bins", SODA 2010; which β suits stale counts: D. Los, T. Sauerwald, "Balanced Allocations in
/// Batches: The Tower of Two Choices", SPAA 2023.
#[derive(Clone, Copy, Debug)]
pub struct Mixture {
    /// How probable it is that two are drawn.
    pub beta: f64,
}

impl Mixture {
    /// How probable each server is (0 for those that are left out): what [`choose`](Choice::choose) draws, worked out. A
    /// server of weight w gets w·(1 − β + β·(W₌ + 2·W₊)), W₌ and W₊ being the weights of those as utilised and of those more
    /// utilised than it.
    pub fn probabilities(&self, fleet: &View<'_>, lost: &[usize]) -> Vec<f64> {
        let mut order: Vec<(usize, &Listed)> = Pool::new(fleet, lost).members().collect();
        order.sort_by(|one, other| one.1.utilisation().total_cmp(&other.1.utilisation()));
        let whole: f64 = order.iter().map(|(_, server)| server.capacity).sum();
        let mut probabilities = vec![0.0; fleet.servers.len()];
        let mut above = 1.0;
        for equals in order.chunk_by(|one, other| one.1.utilisation() == other.1.utilisation()) {
            let equal: f64 = equals.iter().map(|(_, server)| server.capacity / whole).sum();
            above -= equal;
            for (position, server) in equals {
                let better = self.beta * (equal + 2.0 * above);
                probabilities[*position] = server.capacity / whole * (1.0 - self.beta + better);
            }
        }
        probabilities
    }
}

impl Choice for Mixture {
    fn choose(&self, fleet: &View<'_>, lost: &[usize], random: &mut Random) -> Option<usize> {
        let pool = Pool::new(fleet, lost);
        let one = pool.draw(random, capacity)?;
        if random.between(0.0, 1.0) >= self.beta {
            return Some(one);
        }
        let other = pool.draw(random, capacity)?;
        let utilisation = |position: usize| fleet.servers[position].utilisation();
        Some(if utilisation(other) < utilisation(one) {
            other
        } else {
            one
        })
    }
}

/// At random in proportion to capacity × (free part of it)^power; where nothing is free, in proportion to capacity.
///
/// power = 1 is the "proportional to free capacity" of many a broker; 3 was the best of its kind on a half-empty fleet.
#[derive(Clone, Copy, Debug)]
pub struct Free {
    /// How much emptiness attracts.
    pub power: i32,
}

impl Choice for Free {
    fn choose(&self, fleet: &View<'_>, lost: &[usize], random: &mut Random) -> Option<usize> {
        let pool = Pool::new(fleet, lost);
        let attraction = |server: &Listed| {
            let part = free(server) / server.capacity.max(f64::MIN_POSITIVE);
            server.capacity * part.powi(self.power)
        };
        pool.draw(random, attraction).or_else(|| pool.draw(random, capacity))
    }
}

/// Everybody to the most preferred group that has a server left, at random by capacity: SRV priorities (RFC 2782).
#[derive(Clone, Copy, Debug)]
pub struct Failover;

impl Choice for Failover {
    fn choose(&self, fleet: &View<'_>, lost: &[usize], random: &mut Random) -> Option<usize> {
        let pool = Pool::new(fleet, lost);
        let best = pool.members().map(|(_, server)| server.priority).min()?;
        pool.draw(
            random,
            |server| if server.priority == best { server.capacity } else { 0.0 },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rivals::tests::server;

    /// Three that are offered (two of them equally utilised), one that is not, one that failed.
    fn fleet() -> [Listed; 5] {
        let gone = Listed {
            available: false,
            ..server(0.0, 1_000.0, 0)
        };
        [
            server(50.0, 100.0, 1),
            gone,
            server(20.0, 200.0, 1),
            server(0.0, 500.0, 0),
            server(10.0, 100.0, 2),
        ]
    }

    const LOST: [usize; 1] = [3];

    /// How often each of the fleet was chosen, of so many times.
    fn chosen(choice: &dyn Choice, lost: &[usize], times: u32) -> [f64; 5] {
        let servers = fleet();
        let view = View {
            servers: &servers,
            age: 0.0,
        };
        let mut random = Random::new(2026);
        let mut counts = [0.0; 5];
        for _ in 0..times {
            counts[choice.choose(&view, lost, &mut random).expect("some are offered")] += 1.0;
        }
        counts
    }

    /// That these are the probabilities, to five standard deviations of the binomial distribution.
    #[track_caller]
    fn assert_draws(choice: &dyn Choice, lost: &[usize], expected: [f64; 5]) {
        assert!((expected.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{expected:?}");
        let times = 20_000;
        for (count, p) in chosen(choice, lost, times).into_iter().zip(expected) {
            let times = f64::from(times);
            let tolerance = 5.0 * (times * p * (1.0 - p)).sqrt() + 1e-9;
            assert!(
                (count - times * p).abs() <= tolerance,
                "{count} of {times}, expected {p} of them"
            );
        }
    }

    #[test]
    fn every_rule_leaves_out_what_is_not_offered_or_failed_and_draws_as_it_says() {
        let third = 1.0 / 3.0;
        assert_draws(&Uniform, &LOST, [third, 0.0, third, 0.0, third]);
        assert_draws(&Weighted, &LOST, [0.25, 0.0, 0.5, 0.0, 0.25]);
        assert_draws(&LeastUsers { k: 1 }, &LOST, [0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_draws(&LeastUsers { k: 2 }, &LOST, [0.0, 0.0, 0.5, 0.0, 0.5]);
        assert_draws(&LeastUsers { k: 9 }, &LOST, [third, 0.0, third, 0.0, third]);
        // Free: 50, 180 and 90.
        assert_draws(
            &Free { power: 1 },
            &LOST,
            [50.0 / 320.0, 0.0, 180.0 / 320.0, 0.0, 90.0 / 320.0],
        );
        // 100/8, 200 · 0.729, 100 · 0.729.
        assert_draws(
            &Free { power: 3 },
            &LOST,
            [12.5 / 231.2, 0.0, 145.8 / 231.2, 0.0, 72.9 / 231.2],
        );
        assert_draws(&Failover, &LOST, [third, 0.0, 2.0 * third, 0.0, 0.0]);
        assert_draws(&Failover, &[], [0.0, 0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn of_two_choices_the_less_utilised_is_taken() {
        // Weights 1/4, 1/2, 1/4; the first is the fuller one: 1/16 for both draws, the others share the rest by weight.
        assert_draws(&Mixture { beta: 1.0 }, &LOST, [0.0625, 0.0, 0.625, 0.0, 0.3125]);
        assert_draws(&Mixture { beta: 0.0 }, &LOST, [0.25, 0.0, 0.5, 0.0, 0.25]);
        let servers = fleet();
        let view = View {
            servers: &servers,
            age: 0.0,
        };
        for beta in [0.0, 0.3, 1.0] {
            for lost in [&[][..], &LOST] {
                let expected = Mixture { beta }.probabilities(&view, lost);
                assert_draws(&Mixture { beta }, lost, expected.try_into().expect("five servers"));
            }
        }
    }

    #[test]
    fn when_all_have_failed_they_are_tried_again_and_without_any_there_is_none() {
        let third = 1.0 / 3.0;
        assert_draws(&Failover, &[0, 2, 3, 4], [0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_draws(&LeastUsers { k: 3 }, &[0, 2, 3, 4], [0.0, 0.0, third, third, third]);
        let gone = [fleet()[1]; 2];
        let view = View {
            servers: &gone,
            age: 0.0,
        };
        for (name, choice) in super::super::CHOICES {
            if name != "envoy" {
                assert_eq!(choice.choose(&view, &[], &mut Random::new(1)), None, "{name}");
            }
        }
    }
}
