//! How long to wait: what the libraries of PEERS.md do with their defaults, and the textbook.
//!
//! The numbers are those of PEERS.md, read in the sources of the versions named there.

use evenkeel::random::Random;

use crate::rival::{Law, Trouble};

/// The defaults of a library.
#[derive(Clone, Copy, Debug)]
pub struct Library {
    delay: fn(&Trouble, &mut Random) -> f64,
    connect_timeout: f64,
    stable_after: f64,
    gives_up_after: Option<u32>,
}

impl Library {
    const fn new(delay: fn(&Trouble, &mut Random) -> f64, connect_timeout: f64) -> Self {
        Self {
            delay,
            connect_timeout,
            stable_after: 0.0,
            gives_up_after: None,
        }
    }
}

impl Law for Library {
    fn delay(&self, trouble: &Trouble, random: &mut Random) -> f64 {
        (self.delay)(trouble, random)
    }

    fn connect_timeout(&self) -> f64 {
        self.connect_timeout
    }

    fn stable_after(&self) -> f64 {
        self.stable_after
    }

    fn gives_up_after(&self) -> Option<u32> {
        self.gives_up_after
    }
}

/// `unit` × `factor` to the number of failures before this one.
fn growing(unit: f64, factor: f64, trouble: &Trouble) -> f64 {
    let before = trouble.failures.saturating_sub(1);
    unit * factor.powi(i32::try_from(before).unwrap_or(i32::MAX))
}

/// The wait of this table for this failure, else the last one.
fn stepped(steps: &[f64], trouble: &Trouble) -> f64 {
    let index = trouble.failures.saturating_sub(1) as usize;
    steps.get(index).or(steps.last()).copied().unwrap_or(0.0)
}

/// partysocket 1.3 (`ws.ts`, `_getNextDelay`): 3 s × 1.3ⁿ up to 10 s, no jitter; 4 s to connect; up after 5 s.
pub static PARTYSOCKET: Library = Library {
    stable_after: 5.0,
    ..Library::new(|trouble, _| growing(3.0, 1.3, trouble).min(10.0), 4.0)
};

/// reconnecting-websocket 4.4 (`reconnecting-websocket.ts`, `DEFAULT`): as partysocket, but from 1 to 5 s. It draws that
/// once when its module is loaded, we once in a series of failures: the same to a fleet that fails for the first time.
pub static RECONNECTING_WEBSOCKET: Library = Library {
    stable_after: 5.0,
    ..Library::new(
        |trouble, random| {
            let first = trouble.failures <= 1 || trouble.previous <= 0.0;
            let next = if first {
                random.between(1.0, 5.0)
            } else {
                1.3 * trouble.previous
            };
            next.min(10.0)
        },
        4.0,
    )
};

/// nats-core 3.4 (`options.ts`, `protocol.ts`, `dodialLoop`): to the next server of the pool at once, and to one that was
/// dialled less than 2 s + U(0, 100 ms) ago when that is over; 10 dials to each. Here the pool is one server, the seed's
/// choice: the first dial goes out at once. 20 s to connect.
pub static NATS: Library = Library {
    gives_up_after: Some(11),
    ..Library::new(
        |trouble, random| match trouble.lost {
            true => 0.0,
            false => random.between(2.0, 2.1),
        },
        20.0,
    )
};

/// ably-js 2.28 (`connectionmanager.ts`, `notifyState`; `utils.ts`, `getRetryTime`; the RTB1 of its specification): at once
/// after the loss of a connection, then 15 s × min((n + 2)/3, 2) × U(0.8, 1); 30 s flat once it has been down for 2 min
/// ("suspended"), which is after the sixth failure. 10 s to connect.
pub static ABLY: Library = Library::new(
    |trouble, random| match trouble.failures {
        _ if trouble.lost => 0.0,
        0..=6 => 15.0 * ((f64::from(trouble.failures) + 2.0) / 3.0).min(2.0) * random.between(0.8, 1.0),
        _ => 30.0,
    },
    10.0,
);

/// @microsoft/signalr 10, `withAutomaticReconnect()` (`DefaultReconnectPolicy.ts`): 0, 2, 10 and 30 s, and no more. No
/// timeout of its own.
pub static SIGNALR: Library = Library {
    gives_up_after: Some(5),
    ..Library::new(|trouble, _| stepped(&[0.0, 2.0, 10.0, 30.0], trouble), f64::INFINITY)
};

/// socket.io-client 4.8 (`manager.ts`, `contrib/backo2.ts`): 1 s × 2ⁿ, half of it more or less, up to 5 s: all the same
/// from the fifth on. The first decimal of the one draw says whether more (odd) or less: never below 0.55 s. 20 s to connect.
pub static SOCKET_IO: Library = Library::new(
    |trouble, random| {
        let draw = random.between(0.0, 1.0);
        let sign = if (10.0 * draw) as u32 % 2 == 1 { 1.0 } else { -1.0 };
        (growing(1.0, 2.0, trouble) * (1.0 + sign * 0.5 * draw)).min(5.0)
    },
    20.0,
);

/// centrifuge 5.8 (`utils.ts`, `backoff`): 500 ms + U(0, 500 ms × 2ⁿ), both up to 20 s. 5 s to connect.
pub static CENTRIFUGE: Library = Library::new(
    |trouble, random| (0.5 + random.between(0.0, growing(0.5, 2.0, trouble).min(20.0))).min(20.0),
    5.0,
);

/// phoenix 1.8 (`socket.js`, `reconnectAfterMs`): a table from 10 ms to 5 s, no jitter. No timeout of its own.
pub static PHOENIX: Library = Library::new(
    |trouble, _| stepped(&[0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0], trouble),
    f64::INFINITY,
);

/// mqtt 5.16 (`client.ts`, `reconnectPeriod`): every second, no jitter. 30 s to connect.
pub static MQTT: Library = Library::new(|_, _| 1.0, 30.0);

/// graphql-ws 6.4 (`client.ts`, `randomisedExponentialBackoff`): 1 s × 2ⁿ + U(0.3 s, 3 s), five times. No timeout of its own.
pub static GRAPHQL_WS: Library = Library {
    gives_up_after: Some(6),
    ..Library::new(
        |trouble, random| growing(1.0, 2.0, trouble) + random.between(0.3, 3.0),
        f64::INFINITY,
    )
};

/// gRPC's connection backoff (`doc/connection-backoff.md`): at once after the loss of a connection, then 1 s × 1.6ⁿ up to
/// 120 s, a fifth of it more or less (the first without). The document counts from the start of an attempt, we from its
/// failure. 20 s to connect.
pub static GRPC: Library = Library::new(
    |trouble, random| match trouble.failures {
        _ if trouble.lost => 0.0,
        0..=2 => 1.0,
        failures => {
            let exponent = i32::try_from(failures - 2).unwrap_or(i32::MAX);
            1.6f64.powi(exponent).min(120.0) * random.between(0.8, 1.2)
        }
    },
    20.0,
);

/// Where chance comes into an exponential backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// There is no backoff at all.
    NoBackoff,
    /// Nowhere.
    None,
    /// U(half of it, all of it).
    Equal,
    /// U(0, all of it).
    Full,
    /// U(base, 3 × the wait before).
    Decorrelated,
}

/// M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: min(cap, base × 2ⁿ), n counted from 1, and
/// the jitters that it compares.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Its jitter.
    pub jitter: Jitter,
    /// Seconds.
    pub base: f64,
    /// Seconds.
    pub cap: f64,
}

impl Backoff {
    /// As the AWS SDKs have it ("standard" retry mode): waits of up to 1, 2, 4 … 20 s.
    pub const fn aws(jitter: Jitter) -> Self {
        Self {
            jitter,
            base: 0.5,
            cap: 20.0,
        }
    }
}

impl Law for Backoff {
    fn delay(&self, trouble: &Trouble, random: &mut Random) -> f64 {
        let whole = growing(2.0 * self.base, 2.0, trouble).min(self.cap);
        match self.jitter {
            Jitter::NoBackoff => 0.0,
            Jitter::None => whole,
            Jitter::Equal => random.between(whole / 2.0, whole),
            Jitter::Full => random.between(0.0, whole),
            Jitter::Decorrelated => {
                let before = trouble.previous.max(self.base);
                random.between(self.base, 3.0 * before).min(self.cap)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lowest and highest wait after so many failures in a row, the first of them a loss.
    fn range(law: &dyn Law, failures: u32) -> (f64, f64) {
        let (mut low, mut high) = (f64::INFINITY, 0f64);
        for seed in 0..2_000 {
            let mut random = Random::new(seed);
            let mut trouble = Trouble {
                failures: 1,
                lost: true,
                previous: 0.0,
            };
            for failure in 1..=failures {
                trouble.failures = failure;
                trouble.lost = failure == 1;
                trouble.previous = law.delay(&trouble, &mut random);
            }
            low = low.min(trouble.previous);
            high = high.max(trouble.previous);
        }
        (low, high)
    }

    #[test]
    fn the_waits_are_those_of_the_table_in_peers() {
        for (name, failures, low, high) in [
            ("partysocket", 1, 3.0, 3.0),
            ("partysocket", 2, 3.9, 3.9),
            ("partysocket", 9, 10.0, 10.0),
            ("reconnecting-websocket", 1, 1.0, 5.0),
            ("reconnecting-websocket", 2, 1.3, 6.5),
            ("reconnecting-websocket", 10, 10.0, 10.0),
            ("nats", 1, 0.0, 0.0),
            ("nats", 2, 2.0, 2.1),
            ("ably", 1, 0.0, 0.0),
            ("ably", 2, 16.0, 20.0),
            ("ably", 5, 24.0, 30.0),
            ("ably", 9, 30.0, 30.0),
            ("signalr", 1, 0.0, 0.0),
            ("signalr", 4, 30.0, 30.0),
            ("socket.io", 1, 0.55, 1.5),
            ("socket.io", 5, 5.0, 5.0),
            ("centrifuge", 1, 0.5, 1.0),
            ("centrifuge", 9, 0.5, 20.0),
            ("phoenix", 1, 0.01, 0.01),
            ("phoenix", 10, 5.0, 5.0),
            ("phoenix", 99, 5.0, 5.0),
            ("mqtt", 1, 1.0, 1.0),
            ("mqtt", 99, 1.0, 1.0),
            ("graphql-ws", 1, 1.3, 4.0),
            ("graphql-ws", 3, 4.3, 7.0),
            ("grpc", 1, 0.0, 0.0),
            ("grpc", 2, 1.0, 1.0),
            ("grpc", 3, 1.28, 1.92),
            ("grpc", 99, 96.0, 144.0),
            ("none", 3, 0.0, 0.0),
            ("exponential", 3, 4.0, 4.0),
            ("equal-jitter", 3, 2.0, 4.0),
            ("full-jitter", 1, 0.0, 1.0),
            ("full-jitter", 99, 0.0, 20.0),
            ("decorrelated", 1, 0.5, 1.5),
            ("decorrelated", 30, 0.5, 20.0),
        ] {
            let found = range(super::super::law(name).expect(name), failures);
            // Of 2,000 draws the lowest and the highest come so near to the ends.
            let tolerance = 0.02 * (high - low) + 1e-9;
            assert!(
                (found.0 - low).abs() <= tolerance
                    && (found.1 - high).abs() <= tolerance
                    && found.0 >= low
                    && found.1 <= high + 1e-9,
                "{name}, failure {failures}: {found:?}, expected {low} to {high}"
            );
        }
    }
}
