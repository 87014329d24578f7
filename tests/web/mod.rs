//! The driver and the core that it drives, tested in every place they run in. What is decided is tested natively; here it
//! is shown that the decisions are carried out, by real requests and sockets against a real fleet, and that what comes of
//! them gets back. The driver is the one in `dist/`: `npm run build` first.

mod closing;
mod connecting;
mod remains;
mod seeds;
mod selector;
pub(crate) mod support;
mod trouble;
