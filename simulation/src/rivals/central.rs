//! The central, all-knowing balancer.

use evenkeel::random::Random;

use super::pool::Pool;
use crate::rival::{Choice, Listed, View};

/// A group takes users up to this utilisation before the next one gets any, as with us.
pub(crate) const SPILL_AT: f64 = 0.85;

/// Each to the server that is the least utilised once it has come, of the most preferred group with room; where none has
/// room, of all. Optimal if it sees every count as it is (a view of age 0, one arrival after the other); on a list it herds.
#[derive(Clone, Copy, Debug)]
pub struct Central;

impl Choice for Central {
    fn choose(&self, fleet: &View<'_>, lost: &[usize], _: &mut Random) -> Option<usize> {
        let pool = Pool::new(fleet, lost);
        let after = |server: &Listed| (server.users + 1.0) / server.capacity.max(f64::MIN_POSITIVE);
        let ranked = pool.members().map(|(position, server)| {
            let full = after(server) > SPILL_AT;
            ((full, if full { 0 } else { server.priority }), after(server), position)
        });
        ranked
            .min_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)))
            .map(|(_, _, position)| position)
    }
}

/// The lowest peak utilisation that can be had of these servers with so many arrivals, if nobody who is there moves:
/// the level L with Σ max(0, L·c − u) = arrivals, or that of the fullest server, if that is higher.
pub fn peak(servers: &[Listed], arrivals: f64) -> f64 {
    let mut open: Vec<&Listed> = servers.iter().filter(|server| server.offered()).collect();
    open.sort_by(|one, other| one.utilisation().total_cmp(&other.utilisation()));
    let fullest = open.last().map_or(0.0, |server| server.utilisation());
    let (mut volume, mut width, mut level) = (arrivals, 0.0, f64::INFINITY);
    for server in open {
        if server.utilisation() >= level {
            break;
        }
        volume += server.users;
        width += server.capacity;
        level = volume / width;
    }
    if level.is_finite() { level.max(fullest) } else { fullest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rivals::tests::server;

    fn fill(servers: &mut [Listed], arrivals: usize) {
        let mut random = Random::new(0);
        for _ in 0..arrivals {
            let view = View { servers, age: 0.0 };
            let chosen = Central.choose(&view, &[], &mut random).expect("all are offered");
            servers[chosen].users += 1.0;
        }
    }

    fn highest(servers: &[Listed]) -> f64 {
        servers.iter().map(Listed::utilisation).fold(0.0, f64::max)
    }

    #[test]
    fn seeing_everything_it_reaches_the_lowest_possible_peak() {
        // Arrivals that fill the first two to the brim of the third, and beyond.
        for (arrivals, expected) in [(0, 0.6), (500, 0.6), (1_400, 0.68)] {
            let mut servers = [
                server(400.0, 2_000.0, 0),
                server(1_000.0, 2_000.0, 0),
                server(600.0, 1_000.0, 0),
            ];
            let optimum = peak(&servers, f64::from(arrivals));
            assert!((optimum - expected).abs() < 1e-9, "{optimum} for {arrivals}");
            fill(&mut servers, arrivals as usize);
            // A user is a two-thousandth of the larger ones.
            assert!((highest(&servers) - optimum).abs() < 1e-3, "{servers:?}");
        }
    }

    #[test]
    fn a_group_gets_users_when_the_one_before_is_full_to_the_mark() {
        let mut servers = [server(0.0, 100.0, 1), server(0.0, 100.0, 0), server(0.0, 100.0, 0)];
        fill(&mut servers, 170);
        assert_eq!(servers.map(|server| server.users), [0.0, 85.0, 85.0]);
        fill(&mut servers, 10);
        assert_eq!(servers.map(|server| server.users), [10.0, 85.0, 85.0]);
    }
}
