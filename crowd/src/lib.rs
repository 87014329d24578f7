//! Thousands of clients over real WebSockets, in one process: each of them the core that ships.
//!
//! **A plan** is the simulation's (`evenkeel_simulation::plan::Plan`): how many clients come, and what happens to the fleet
//! when. [`scenario`] makes it of what the fleet's list says, and it is carried out twice: in real time by [`run`], and in
//! virtual time by the simulation.
//!
//! **A client** ([`client`]) is one task that drives one [`evenkeel::client::Client`]: it asks the seed ([`lists`]), opens
//! connections, and says a message now and then, which the servers echo. **The fleet** ([`fleet`]) is told by its control API
//! to kill and drain its servers.
//!
//! **The account** ([`account`]) has every attempt, connection and message, and takes the simulation's figures of them, by the
//! same code. [`compare`] puts both side by side, and says what agrees; [`report`] prints it.

pub mod account;
pub mod cli;
pub mod client;
pub mod compare;
pub mod fleet;
pub mod lists;
pub mod machine;
pub mod report;
pub mod run;
pub mod scenario;
mod socket;
