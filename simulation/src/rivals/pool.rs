//! The servers that a rule considers.

use evenkeel::decision;
use evenkeel::random::Random;

use crate::rival::{Listed, View};

/// Those that are offered and did not fail in this episode; if all of these failed, those that are offered.
#[derive(Clone, Copy)]
pub(super) struct Pool<'a> {
    servers: &'a [Listed],
    lost: &'a [usize],
}

impl<'a> Pool<'a> {
    pub(super) fn new(fleet: &View<'a>, lost: &'a [usize]) -> Self {
        let pool = Self {
            servers: fleet.servers,
            lost,
        };
        if pool.members().next().is_some() {
            return pool;
        }
        Self { lost: &[], ..pool }
    }

    pub(super) fn members(self) -> impl Iterator<Item = (usize, &'a Listed)> + Clone {
        let servers = self.servers.iter().enumerate();
        servers.filter(move |(position, server)| server.offered() && !self.lost.contains(position))
    }

    /// Draws a member in proportion to its weight.
    pub(super) fn draw(self, random: &mut Random, weight: impl Fn(&Listed) -> f64 + Clone) -> Option<usize> {
        let weights = self.members().map(|(_, server)| weight(server));
        let drawn = decision::draw(random, weights)?;
        self.members().nth(drawn).map(|(position, _)| position)
    }
}
