//! Randomness as the core knows it: one seeded generator per client, the seed handed in by the driver.
//!
//! The driver seeds it from the platform's cryptographic source, never from the time: after an outage everyone's clock
//! says the same, and clients that draw the same numbers arrive together.

use crate::time::Duration;

/// A small seeded generator (eight bytes a client).
#[derive(Clone, Debug)]
pub struct Random(fastrand::Rng);

impl Random {
    /// A generator that draws the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// U(low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.f64()
    }

    /// U(low, high) of a span of time.
    pub fn span(&mut self, low: Duration, high: Duration) -> Duration {
        low + Duration::from_millis((high.as_millis() - low.as_millis()) * self.0.f64())
    }

    /// Full jitter: U(0, high).
    pub fn jitter(&mut self, high: Duration) -> Duration {
        high * self.0.f64()
    }
}
