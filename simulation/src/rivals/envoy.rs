//! Envoy's priority load.
//!
//! After the documentation of Envoy, "Priority levels" and "Panic threshold"
//! (<https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority>). It goes by how many
//! hosts are healthy, not by how full they are. Where the documentation and the source differ in the last unit (healths
//! 35, 35 and 28 give 36, 36, 28 there and 37, 35, 28 here), this is the documentation.

use evenkeel::decision;
use evenkeel::random::Random;

use crate::rival::{Choice, Listed, View};

/// A level counts as whole while this many times its healthy hosts are at least its hosts, in percent (1.4).
const OVERPROVISIONING_PERCENT: u32 = 140;
/// A level with fewer healthy hosts than this, in percent, does not trust its health checks, if there are too few in all.
const PANIC_THRESHOLD_PERCENT: u32 = 50;

/// A priority level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Hosts that pass their health checks.
    pub healthy: u32,
    /// All hosts.
    pub total: u32,
}

impl Level {
    fn health(self) -> u32 {
        (OVERPROVISIONING_PERCENT * self.healthy / self.total.max(1)).min(100)
    }
}

/// What a level gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Its part of the traffic.
    pub percent: u32,
    /// Whether all of its hosts get it, healthy or not.
    pub panics: bool,
}

/// The sum of the levels' healths, 100 at most: below, there are not enough healthy hosts for the traffic.
pub fn normalized_total_health(levels: &[Level]) -> u32 {
    levels.iter().map(|level| level.health()).sum::<u32>().min(100)
}

/// What each level gets, the most preferred first; the percents add up to 100, unless there is no level.
pub fn priority_load(levels: &[Level]) -> Vec<Load> {
    let whole = normalized_total_health(levels);
    let mut left = 100;
    let mut loads: Vec<Load> = levels
        .iter()
        .map(|level| {
            let wanted = f64::from(level.health()) * 100.0 / f64::from(whole.max(1));
            let percent = (wanted.round() as u32).min(left);
            left -= percent;
            Load {
                percent,
                panics: whole < 100 && 100 * level.healthy < PANIC_THRESHOLD_PERCENT * level.total,
            }
        })
        .collect();
    // What rounding left over, or everything, if nobody is healthy.
    let first = levels.iter().position(|level| level.healthy > 0).unwrap_or(0);
    if let Some(load) = loads.get_mut(first) {
        load.percent += left;
    }
    loads
}

/// The level by its load, in it a server by its weight. Healthy is what the list offers and did not fail in this episode.
#[derive(Clone, Copy, Debug)]
pub struct Envoy;

impl Choice for Envoy {
    fn choose(&self, fleet: &View<'_>, lost: &[usize], random: &mut Random) -> Option<usize> {
        let healthy = |(position, server): (usize, &Listed)| server.offered() && !lost.contains(&position);
        let mut priorities: Vec<u16> = fleet.servers.iter().map(|server| server.priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        let mut levels = vec![Level::default(); priorities.len()];
        for (position, server) in fleet.servers.iter().enumerate() {
            if let Ok(level) = priorities.binary_search(&server.priority) {
                levels[level].total += 1;
                levels[level].healthy += u32::from(healthy((position, server)));
            }
        }
        let loads = priority_load(&levels);
        let level = decision::draw(random, loads.iter().map(|load| f64::from(load.percent)))?;
        let weights = fleet.servers.iter().enumerate().map(|(position, server)| {
            let takes = loads[level].panics || healthy((position, server));
            if server.priority == priorities[level] && takes {
                server.weight
            } else {
                0.0
            }
        });
        decision::draw(random, weights)
    }
}
