//! Fleets of up to a million clients in virtual time, each of them the core that ships.
//!
//! **A plan** ([`plan::Plan`]) says which servers there are, how many clients come, and what happens to them when. The
//! scenarios by name ([`scenario`]) are plans; a file can hold one too.
//!
//! **The world** ([`world::World`]) carries it out: servers that serve handshakes one after the other, a seed that lists
//! them every so often and notices deaths late, caches that age the list, and clients. It is one thread and one queue of
//! events ([`timeline`]); the same plan, policy and random seed give the same figures to the last bit. Several seeds run
//! side by side ([`runs`]).
//!
//! **The clients** are [`agent::Core`], the very `evenkeel::client::Client` that ships, or [`agent::Rival`], which acts by
//! one of the rules it is compared with ([`rival`], [`rivals`]). The world does not know which.
//!
//! **Schedules** ([`schedules`]) are plans too, full of faults, under which each client is under watch ([`agent::Watched`]),
//! or lives as in a page, which is written down ([`record`]) for the tests of the package's driver.
//!
//! **The figures** ([`figures::Figures`]) are what the targets ([`targets`]) are stated in.

pub mod agent;
pub mod figures;
pub mod plan;
pub mod plot;
pub mod policy;
pub mod record;
pub mod report;
pub mod rival;
pub mod rivals;
pub mod runs;
pub mod scenario;
pub mod schedules;
mod seed;
pub mod seen;
mod server;
mod step;
pub mod targets;
pub mod timeline;
// The same watch that the core's own tests are under.
#[path = "../../tests/core/watched.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod watched;
pub mod world;
