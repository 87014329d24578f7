//! Time as the core knows it: handed in by the driver, never read.
//!
//! The standard `Instant` panics on `wasm32-unknown-unknown`, and the simulation's time is its own anyway. Both types
//! count milliseconds in an `f64`: what the browsers' clocks give, and exact to a microsecond for centuries.

use core::ops::{Add, Div, Mul, Sub};

/// A span of time in milliseconds. Never negative where the core makes one, never NaN.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Default)]
pub struct Duration(f64);

/// A point on the driver's monotonic clock, in milliseconds since an origin of the driver's choice.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Instant(f64);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0.0);

    /// A span of so many milliseconds.
    pub const fn from_millis(millis: f64) -> Self {
        Self(millis)
    }

    /// A span of so many seconds.
    pub const fn from_secs(secs: f64) -> Self {
        Self(secs * 1000.0)
    }

    /// The span in milliseconds.
    pub const fn as_millis(self) -> f64 {
        self.0
    }

    /// The span in seconds.
    pub const fn as_secs(self) -> f64 {
        self.0 / 1000.0
    }

    /// The longer of the two.
    pub const fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }

    /// The shorter of the two.
    pub const fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}

impl Instant {
    /// Before everything: what never happened, happened then.
    pub const LONG_AGO: Self = Self(f64::NEG_INFINITY);
    /// After everything: what never comes.
    pub const NEVER: Self = Self(f64::INFINITY);

    /// The point so many milliseconds after the driver's origin.
    pub const fn from_millis(millis: f64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the driver's origin.
    pub const fn as_millis(self) -> f64 {
        self.0
    }

    /// The span from `earlier` to here; zero if `earlier` is later (clocks jump).
    pub const fn since(self, earlier: Self) -> Duration {
        Duration((self.0 - earlier.0).max(0.0))
    }

    /// The later of the two.
    pub const fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }

    /// The earlier of the two.
    pub const fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0 + span.0)
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0 - span.0)
    }
}

impl Add for Duration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Mul<f64> for Duration {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self(self.0 * factor)
    }
}

impl Div<f64> for Duration {
    type Output = Self;
    fn div(self, divisor: f64) -> Self {
        Self(self.0 / divisor)
    }
}
