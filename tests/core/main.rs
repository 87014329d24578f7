//! The core under virtual time: what SELECTION.md and DESIGN.md say of the list, the decision, the memory and the connection,
//! tried through the public interface. Nothing here sleeps or reads a clock.
#![cfg(not(target_arch = "wasm32"))]
// Here a panic is how a test fails.
#![allow(clippy::unwrap_used)]

mod support;
mod watched;
mod world;

mod affinity;
mod any_order;
mod attempt;
mod cached_list;
mod closing;
mod decision;
mod decision_properties;
mod drawing_moves;
mod fuzz_list;
mod half_open;
mod hedging;
mod list;
mod loss;
mod memory;
mod moving;
mod names;
mod network;
mod polling;
mod queue;
mod reference;
mod seeds;
mod selector;
mod singles;
mod small_fleets;
mod start;
mod watching;
