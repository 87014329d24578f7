//! Evenkeel's core: a WebSocket that chooses its own server and never lets go, without the WebSocket.
//!
//! **The list.** A seed tells which servers there are, how many users each serves and which priority group it belongs to.
//! [`list::read`] turns that document, garbage included, into an immutable [`list::ServerList`] that any number of clients
//! share.
//!
//! **The decision.** [`decision::weigh`] gives every server a probability, such that the fleet ends level although
//! thousands of clients decide on the same list at once. What one client knows beside the list, servers that it lost or
//! that refused it, is its [`memory`]; the two together are its [`selector`].
//!
//! **The connection.** [`client::Client`] takes the decision, has the connection opened, and comes back through the
//! selector whenever it is lost: [`cause`] says what kind of trouble it was, `queue` how long to wait, so that a fleet
//! that lost a server is not stormed by those who lost it too; `seeds` asks for newer lists meanwhile.
//!
//! **Drivers.** Nothing here reads a clock, draws from a random source of its own, or opens a socket. A driver hands in
//! what happened and when, and carries out what comes back: `web` in the browser, natively the simulation and the crowd.
//! Payloads never come here at all. If a rule lives in a driver, it is in the wrong place.

// Natively the standard library is there for the reader of JSON text; on wasm it would cost two kilobytes.
#![cfg_attr(target_arch = "wasm32", no_std)]
// On wasm a panic poisons the instance: none may be reachable from input.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable
)]

extern crate alloc;

pub mod affinity;
mod backoff;
pub mod cause;
pub mod client;
pub mod decision;
pub mod list;
pub mod memory;
mod moving;
mod queue;
pub mod random;
mod seeds;
pub mod selector;
pub mod time;
#[cfg(target_arch = "wasm32")]
pub mod web;

pub use seeds::RequestId;
