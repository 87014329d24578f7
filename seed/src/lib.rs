//! The seed service: servers report to it, and it serves an honest list of them.
//!
//! A heartbeat comes in by HTTP ([`api`]), is checked ([`access`], [`report`]) and becomes the last word on its server
//! ([`registry`]). Once a second the list is made from those words and from the operator's [`file`], compressed once, and
//! from then on served from memory to everyone ([`list`]), by request or as server-sent events.
//!
//! One process needs nothing else. Where there are several, they share their words through Redis or Valkey
//! ([`redis`](mod@redis)), by its clock and none of theirs. **Nothing is listed as available on a word that is older than
//! its ttl**, through whomever it came, and a list that may not be all says so and is as old as it says.

pub mod access;
pub mod api;
pub mod cli;
pub mod error;
pub mod file;
pub mod list;
mod metrics;
pub mod redis;
pub mod registry;
pub mod report;
pub mod seed;
pub mod service;
mod watch;
