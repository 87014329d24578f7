//! The seed service, as its clients and its servers see it.

mod access;
mod file;
mod heartbeats;
mod list;
mod program;
mod registry;
mod shared;
mod support;
mod watch;
