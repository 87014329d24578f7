//! Evenkeel's core: a WebSocket that chooses its own server and never lets go, without the WebSocket.
//!
//! This page is the design; the modules have the rules, each with its reasons.
//!
//! # The list
//!
//! A seed tells which servers there are, how many users each serves and which priority group it belongs to.
//! [`list::read`] turns that document, garbage included, into a [`list::ServerList`], or into a
//! [`list::read::ListError`] that leaves the last good one in force. All that depends on the list alone is worked out
//! once, there: defaults, groups in order of preference, servers in order of utilisation. It never changes, so any
//! number of clients can share one.
//!
//! # The decision
//!
//! [`decision::weigh`] gives every server a probability, such that the fleet ends level although thousands of clients
//! decide on the same list at once. What one client knows beside the list is its [`memory`]: servers that it lost
//! ([`memory::Memory::lose`]) or that refused it ([`memory::Memory::eject`]). The two together are its
//! [`selector::Selector`], which is also what is used alone, without a connection. Where the clients of a key are to
//! meet, [`affinity`] says where, in place of the last draw.
//!
//! # The connection
//!
//! [`client::Client`] goes round in a circle, from [`client::State::Idle`] on:
//!
//! 1. **A list.** `seeds` says which seed to ask and when: [`client::Command::Fetch`]. One from an earlier visit
//!    ([`client::Client::handle_cached_list`]) does at once if it is fresh.
//! 2. **A decision**, and an attempt at the server that it fell on: [`client::Command::Connect`]. Each has an
//!    [`client::AttemptId`], and what comes late for one that is over is ignored.
//! 3. **A connection**: [`client::Command::Opened`]. While it stands (`client::standing`) it is asked whether it lives
//!    (`client::liveness`), and newer lists say whether to leave it (`moving`): the next one is opened beside it first.
//!    Where it watches, those come as they are made ([`client::Command::Watch`], `client::watching`).
//! 4. **Trouble**: [`cause::Cause`] says of which kind it was, and so who is to blame; `queue` how long to wait, so
//!    that a fleet that lost a server is not stormed by those who lost it too. [`client::Command::Retry`] announces the
//!    wait, and it begins anew.
//!
//! It ends by the application's word ([`client::Client::handle_close`]), or by a close code that says that no other
//! server will fare better ([`cause::is_final`]): [`client::State::Closed`].
//!
//! # Drivers
//!
//! Nothing here reads a clock, draws from a random source of its own, or opens a socket. A driver hands in what
//! happened and when (`handle_*`), then takes out what is to be done until there is nothing left
//! ([`client::Client::poll`]), and comes back at [`client::Client::poll_timeout`]: `web` in the browser, natively the
//! simulation and the crowd. Time is a number of milliseconds ([`time::Instant`]), randomness a seed
//! ([`random::Random`]). Payloads never come here at all. If a rule lives in a driver, it is in the wrong place.
//!
//! A life in short, with a driver made of assertions:
//!
//! ```
//! use evenkeel::client::{Client, Command, Config, RetryCause};
//! use evenkeel::cause::{Cause, SeedFailure};
//! use evenkeel::decision::Assessment;
//! use evenkeel::list::{json, read::Envelope};
//! use evenkeel::time::{Duration, Instant};
//!
//! let document = serde_json::json!([
//!     { "id": "one", "url": "wss://one.example.com/", "users": 500, "capacity": 1000 },
//!     { "id": "two", "url": "wss://two.example.com/", "users": 500, "capacity": 1000 },
//! ]);
//! let base = "https://api.example.com/servers".parse()?;
//! let (list, dropped) = json::from_value(&document, Envelope::default(), &base).expect("a usable list");
//! assert!(dropped.is_empty());
//!
//! let mut client = Client::new(Config::default(), 7);
//! let mut assessment = Assessment::default();
//! let mut drain = |client: &mut Client, now| std::iter::from_fn(|| client.poll(now, &mut assessment)).collect::<Vec<_>>();
//! let mut now = Instant::from_millis(0.0);
//!
//! client.handle_start();
//! let request = drain(&mut client, now).into_iter().find_map(|command| match command {
//!     Command::Fetch { request, .. } => Some(request),
//!     _ => None,
//! });
//! client.handle_list(now, request.expect("a seed is asked"), list.into());
//!
//! let connect = |commands: Vec<Command>| {
//!     commands.into_iter().find_map(|command| match command {
//!         Command::Connect { attempt, decision, .. } => Some((attempt, decision.server)),
//!         _ => None,
//!     })
//! };
//! let (attempt, first) = connect(drain(&mut client, now)).expect("a server is chosen");
//! client.handle_open(now, attempt);
//! assert!(drain(&mut client, now).contains(&Command::Opened { attempt }));
//!
//! // A minute later it breaks without a word.
//! now = now + Duration::from_secs(60.0);
//! client.handle_closed(now, attempt, 1006, true);
//! let retry = drain(&mut client, now).into_iter().find_map(|command| match command {
//!     Command::Retry(retry) => Some(retry),
//!     _ => None,
//! });
//! let retry = retry.expect("there will be another try");
//! assert_eq!(retry.cause, RetryCause::Server(Cause::Crash));
//!
//! // Its turn comes; no seed answers, so the last list serves on, and the decision falls on the other server.
//! now = now + retry.delay;
//! let mut commands = drain(&mut client, now);
//! if let Some(Command::Fetch { request, .. }) = commands.pop() {
//!     client.handle_list_failed(now, request, SeedFailure::Unreachable, None);
//! }
//! let (_, second) = connect(drain(&mut client, now)).expect("another server is chosen");
//! assert_ne!(first, second);
//! # Ok::<(), url::ParseError>(())
//! ```

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
