//! The crowd over loopback: real sockets, a real fleet, the real command.
#![allow(clippy::unwrap_used, reason = "here a panic is how a test fails")]

mod command;
mod lists;
mod scenarios;
mod support;
