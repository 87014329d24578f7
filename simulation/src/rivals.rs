//! The rules that Evenkeel is compared with, outside of the core that ships.
//!
//! Each says where it comes from. None is a copy: they are written anew from documentation, papers and observed behaviour,
//! and `tests/published.rs` holds those for which somebody has published figures to these figures.
//!
//! Rules without a notion of groups (all but [`HEED_GROUPS`]) look at the whole list, as those do who use
//! them today.

pub mod central;
pub mod choices;
pub mod envoy;
pub mod laws;
mod pool;
pub mod zookeeper;

use crate::rival::{Choice, Law};

/// The choices, by the names that `--policy` knows.
pub static CHOICES: [(&str, &dyn Choice); 12] = [
    ("uniform", &choices::Uniform),
    ("weighted", &choices::Weighted),
    ("least-users", &choices::LeastUsers { k: 1 }),
    ("k-least", &choices::LeastUsers { k: 3 }),
    ("two-choices", &choices::Mixture { beta: 1.0 }),
    ("one-plus-beta", &choices::Mixture { beta: 0.5 }),
    ("free", &choices::Free { power: 1 }),
    ("free-cubed", &choices::Free { power: 3 }),
    ("envoy", &envoy::Envoy),
    ("failover", &choices::Failover),
    ("zookeeper", &zookeeper::ZooKeeper),
    ("central", &central::Central),
];

/// The choices that fill a better group before the next.
pub const HEED_GROUPS: [&str; 3] = ["envoy", "failover", "central"];

/// The laws, by the names that `--policy` knows.
pub static LAWS: [(&str, &dyn Law); 16] = [
    ("partysocket", &laws::PARTYSOCKET),
    ("reconnecting-websocket", &laws::RECONNECTING_WEBSOCKET),
    ("nats", &laws::NATS),
    ("ably", &laws::ABLY),
    ("signalr", &laws::SIGNALR),
    ("socket.io", &laws::SOCKET_IO),
    ("centrifuge", &laws::CENTRIFUGE),
    ("phoenix", &laws::PHOENIX),
    ("mqtt", &laws::MQTT),
    ("graphql-ws", &laws::GRAPHQL_WS),
    ("grpc", &laws::GRPC),
    ("none", &laws::Backoff::aws(laws::Jitter::NoBackoff)),
    ("exponential", &laws::Backoff::aws(laws::Jitter::None)),
    ("equal-jitter", &laws::Backoff::aws(laws::Jitter::Equal)),
    ("full-jitter", &laws::Backoff::aws(laws::Jitter::Full)),
    ("decorrelated", &laws::Backoff::aws(laws::Jitter::Decorrelated)),
];

/// The choice of this name.
pub fn choice(name: &str) -> Option<&'static dyn Choice> {
    CHOICES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, choice)| *choice)
}

/// The law of this name.
pub fn law(name: &str) -> Option<&'static dyn Law> {
    LAWS.iter().find(|(known, _)| *known == name).map(|(_, law)| *law)
}

#[cfg(test)]
mod tests {
    use crate::rival::Listed;

    /// A healthy server, for the tests of the rules.
    pub(super) fn server(users: f64, capacity: f64, priority: u16) -> Listed {
        Listed {
            available: true,
            draining: false,
            users,
            capacity,
            weight: capacity,
            priority,
        }
    }
}
