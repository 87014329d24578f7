//! A fleet of real WebSocket servers to choose from, with faults on command: for the demo page, tests and benchmarks.
//!
//! A [`Service`](service::Service) is one process's worth: an HTTP port with the server lists and the control API
//! ([`api`]), and any number of named [fleets](fleet::Fleet), isolated from each other, each with its
//! [servers](server::Server). A server is a TCP listener of its own, so that dying, freezing and hanging are what they
//! are in production: a dead server's port refuses connections, a frozen one's connections stay and say nothing. Between
//! it and its clients is a line with the faults of a network: latency, and bytes that vanish.
//! A fleet may report to a real seed, and pass on what that serves ([`seed`]).
//! [`behaviour`] says what a server and a list endpoint can be told to do; [`list`] makes the list from what is true
//! and what is to be lied about, as a pure function of time.

pub mod api;
pub mod behaviour;
pub mod cli;
mod connection;
mod endpoint;
pub mod error;
pub mod fleet;
mod line;
pub mod list;
pub mod mount;
mod patch;
pub mod seed;
pub mod server;
pub mod service;

pub use connection::MAX_MESSAGE;
