//! The browser's driver: carries out what the core decides, with the browser's own sockets, requests and timers.
//!
//! It decides nothing. What happens is handed to the [`Client`](crate::client::Client) with the time; the commands that
//! come back are carried out, and what the application should know goes to the [`face`], the JavaScript object behind
//! `BalancedWebSocket`. Messages do not pass here: they go between the browser's socket and the face.
//!
//! - [`driver`]: one connection, from its start to its end;
//! - [`selector`]: the decision alone, for `createSelector`;
//! - [`answer`]: a seed's answer, read;
//! - [`node`]: how the core reads what `JSON.parse` made;
//! - [`view`]: what the application is shown, as plain objects.

pub mod answer;
pub mod driver;
pub mod face;
pub mod node;
pub mod selector;
pub mod view;

/// A third of the size of the standard one, and its equal for the few allocations there are: lists and views.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
