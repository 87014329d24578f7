//! The core under virtual time: what SELECTION.md and DESIGN.md say of the list, the decision, the memory and the connection,
//! tried through the public interface. Nothing here sleeps or reads a clock.
#![cfg(not(target_arch = "wasm32"))]
// Here a panic is how a test fails.
#![allow(clippy::unwrap_used)]

mod support;
mod watched;
mod world;

mod any_order;
mod closing;
mod decision;
mod list;
mod loss;
mod memory;
mod queue;
mod reference;
mod seeds;
mod selector;
mod small_fleets;
mod start;
