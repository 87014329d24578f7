//! The fleet over loopback: real sockets, real HTTP, the real command.

mod api;
mod burst;
mod command;
mod connections;
mod faults;
mod feed;
mod line;
mod list;
mod seed;
mod support;
