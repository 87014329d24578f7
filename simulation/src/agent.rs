//! Who acts in the world: a client, told what happens and asked what it does.
//!
//! The world knows nothing of rules. It tells an [`Agent`] what happened ([`News`]) and carries out what comes back
//! ([`Act`]), whether the agent is the core that ships ([`Core`]) or a [`Rival`](crate::rival) that it is compared with.

mod core;
mod recorded;
mod rival;
mod watched;

use std::sync::Arc;

use evenkeel::cause::SeedFailure;
use evenkeel::list::ServerList;
use evenkeel::time::Instant;

use crate::plan::Application;
use crate::rival::Listed;
use crate::seed::Written;

pub use self::core::{Core, CoreShared};
pub use recorded::{Recorded, RecordedShared};
pub use rival::{Rival, RivalShared};
pub(crate) use watched::all_there_is;
pub use watched::{Watched, WatchedShared};

/// A list as clients receive it at one instant. All who receive it then share it.
#[derive(Debug)]
pub struct Edition {
    /// As our own clients read it, its age being that of this instant.
    pub list: Arc<ServerList>,
    /// As it was written.
    pub(crate) written: Arc<Written>,
    /// The same for rivals: by position of the server in the world.
    pub listed: Arc<[Listed]>,
    /// When its counts were taken, in seconds.
    pub made: f64,
}

/// What an agent is told.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// It exists now.
    Start,
    /// The answer to a request.
    List {
        /// The request.
        request: u32,
        /// The list.
        edition: &'a Arc<Edition>,
    },
    /// There is no answer, or one of no use.
    ListFailed {
        /// The request.
        request: u32,
        /// Why.
        failure: SeedFailure,
    },
    /// A connection is open.
    Opened {
        /// The attempt that it comes from.
        attempt: u32,
    },
    /// A connection is over, or an attempt has failed.
    Closed {
        /// The attempt.
        attempt: u32,
        /// The close code.
        code: u16,
    },
    /// The application has said where an attempt goes: it is under way.
    Dialed {
        /// The attempt.
        attempt: u32,
    },
    /// The application could not say it.
    NoCredentials {
        /// The attempt.
        attempt: u32,
    },
    /// The application has prepared a connection.
    Prepared {
        /// The attempt that it comes from.
        attempt: u32,
    },
    /// The application could not prepare it.
    Unprepared {
        /// The attempt that it comes from.
        attempt: u32,
    },
    /// Something arrived on a connection.
    Heard {
        /// The attempt that it comes from.
        attempt: u32,
    },
    /// The platform says whether there is a network.
    Network {
        /// There is.
        online: bool,
    },
    /// The platform says that the page was asleep.
    Wake,
    /// The page is put to sleep, and told so ([`Agent::IS_PAGE`]).
    Asleep,
    /// The page is shown again, and its timers may be late ([`Agent::IS_PAGE`]).
    Look,
    /// The application does something.
    Application(Application),
    /// Time has passed.
    Tick,
}

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Asks for the list.
    Fetch {
        /// Comes back with the answer.
        request: u32,
    },
    /// Connects.
    Connect {
        /// Comes back with all that happens to it.
        attempt: u32,
        /// The server's position in the world.
        server: u16,
    },
    /// Has the application prepare a connection.
    Prepare {
        /// The connection.
        attempt: u32,
    },
    /// Sends the application's ping.
    Beat {
        /// The connection.
        attempt: u32,
    },
    /// Closes a connection properly.
    Close {
        /// The connection.
        attempt: u32,
    },
    /// Drops a connection or an attempt.
    Abandon {
        /// The connection.
        attempt: u32,
    },
    /// Goes over to another connection that it has opened beside the one before.
    Move,
}

/// A client.
pub trait Agent: Sized + Send {
    /// What all of them share.
    type Shared: Send;

    /// It lives in a page, and is told what only pages are told: that they are put to sleep and shown, and at their start
    /// that there is no network.
    const IS_PAGE: bool = false;

    /// A client that has not started.
    fn new(shared: &Self::Shared, random_seed: u64) -> Self;

    /// Tells it something. Afterwards all of its acts are to be asked for.
    fn tell(&mut self, shared: &mut Self::Shared, now: Instant, news: News<'_>);

    /// What it does next, if anything.
    fn act(&mut self, shared: &mut Self::Shared, now: Instant) -> Option<Act>;

    /// When it wants to be told that time has passed.
    fn due(&self) -> Instant;

    /// Whether it has a connection that it uses.
    fn is_open(&self) -> bool;
}
