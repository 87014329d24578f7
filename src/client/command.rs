//! What a client says: its state, what is to be done, and why there will be another try.

use crate::cause::{Cause, SeedFailure};
use crate::seeds::RequestId;
use crate::selector::Decision;
use crate::time::Duration;

/// Names one attempt to connect, and the connection that comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptId(pub u32);

/// Where a client stands, as the application sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not told to start yet.
    Idle,
    /// On the way to its first connection.
    Connecting,
    /// Connected.
    Open,
    /// On the way back.
    Reconnecting,
    /// Connected, and on the way to another server.
    Migrating,
    /// Not connected, and the platform says that there is no network.
    Offline,
    /// The application has closed it, and the closing handshake is under way.
    Closing,
    /// Over for good.
    Closed,
}

impl State {
    /// All of them, in the order that applications know.
    pub const ALL: [Self; 8] = [
        Self::Idle,
        Self::Connecting,
        Self::Open,
        Self::Reconnecting,
        Self::Migrating,
        Self::Offline,
        Self::Closing,
        Self::Closed,
    ];

    /// The name that applications see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Reconnecting => "reconnecting",
            Self::Migrating => "migrating",
            Self::Offline => "offline",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

/// What a driver is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// Tell the application that the state is another one.
    State(State),
    /// Ask this seed for the list.
    Fetch {
        /// Comes back with the answer.
        request: RequestId,
        /// Its position among the seeds.
        seed: u16,
    },
    /// Ask this seed for a stream of lists: each is told as the answer to this request
    /// ([`handle_list`](super::Client::handle_list)), that anything arrived as
    /// [`handle_stream_heard`](super::Client::handle_stream_heard), and the end of it as its failure.
    Watch {
        /// Comes back with each list.
        request: RequestId,
        /// Its position among the seeds.
        seed: u16,
    },
    /// Abort this request or stream; what comes of it is not wanted any more.
    CancelFetch {
        /// The request.
        request: RequestId,
    },
    /// No seed answers: the list in force is now the one from an earlier visit, or the application's own.
    Resort {
        /// It is the application's own.
        fallback: bool,
    },
    /// Open a connection to the server the decision fell on; [`crate::decision::Assessment`] still holds its probabilities.
    /// If there are credentials to be had first, say when they are there (`handle_dialed`).
    Connect {
        /// Comes back with everything that happens to the connection.
        attempt: AttemptId,
        /// The decision.
        decision: Decision,
        /// There is another attempt or a connection already, which this one does not replace unless it opens.
        beside: bool,
    },
    /// Let the application prepare this connection, and say when it has (`handle_prepared`).
    Prepare {
        /// The connection.
        attempt: AttemptId,
    },
    /// Tell the application that the connection stands: it is the one to send on from now on.
    Opened {
        /// The connection.
        attempt: AttemptId,
    },
    /// Send on this connection from now on, and tell the application that it has moved. The one before goes on delivering.
    Migrated {
        /// The connection before.
        from: AttemptId,
        /// The connection from now on.
        attempt: AttemptId,
        /// Why.
        reason: MoveReason,
    },
    /// Send the application's ping.
    Beat {
        /// The connection.
        attempt: AttemptId,
    },
    /// Begin the closing handshake with what the application gave as code and reason.
    Close {
        /// The connection.
        attempt: AttemptId,
    },
    /// Begin the closing handshake of a connection that another one has replaced; until it is over it goes on delivering.
    Retire {
        /// The connection.
        attempt: AttemptId,
    },
    /// Drop this attempt or connection at once, without waiting for anything.
    Abandon {
        /// The attempt.
        attempt: AttemptId,
    },
    /// Tell the application that the connection is lost or the attempt has failed.
    Lost {
        /// The one that is over, if there was any.
        attempt: Option<AttemptId>,
        /// It is over for good.
        is_final: bool,
        /// It is not lost but left, for this reason, and [`Command::Opened`] follows: the next one stands already.
        moved: Option<MoveReason>,
    },
    /// Tell the application that there will be another try.
    Retry(Retry),
}

/// Why a connection is replaced while it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveReason {
    /// The list asks its server's clients to leave.
    Drain,
    /// A better group has room again.
    Failback,
    /// Its server has more than its part.
    Rebalance,
    /// The clients of its key meet elsewhere.
    Affinity,
    /// The application asked for it.
    Requested,
    /// After a sleep, or on another network, nobody can tell whether it still lives.
    Wake,
    /// The connection that replaced it was lost at once: back to the one before.
    Return,
}

impl MoveReason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Drain,
        Self::Failback,
        Self::Rebalance,
        Self::Affinity,
        Self::Requested,
        Self::Wake,
        Self::Return,
    ];

    /// The stable name that applications see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Failback => "failback",
            Self::Rebalance => "rebalance",
            Self::Affinity => "affinity",
            Self::Requested => "requested",
            Self::Wake => "wake",
            Self::Return => "return",
        }
    }
}

/// Another try, some time from now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// The wait before it, as far as is known now: newer lists may shorten or lengthen it.
    pub delay: Duration,
    /// What made it necessary.
    pub cause: RetryCause,
    /// The losses and failed attempts of this episode.
    pub attempt: u32,
}

/// What makes another try necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryCause {
    /// Trouble with a server.
    Server(Cause),
    /// No list from a seed.
    Seed(SeedFailure),
    /// No server is eligible.
    NothingEligible,
    /// The application gave no credentials, or the server wants others.
    Credentials,
}

impl RetryCause {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Server(Cause::Overload),
        Self::Server(Cause::SentAway),
        Self::Server(Cause::Refused),
        Self::Server(Cause::ShortLived),
        Self::Server(Cause::Crash),
        Self::Server(Cause::Local),
        Self::Seed(SeedFailure::Timeout),
        Self::Seed(SeedFailure::Unreachable),
        Self::Seed(SeedFailure::Overloaded),
        Self::Seed(SeedFailure::Expired),
        Self::Seed(SeedFailure::Forbidden),
        Self::Seed(SeedFailure::Status),
        Self::Seed(SeedFailure::BadList),
        Self::NothingEligible,
        Self::Credentials,
    ];

    /// The stable name that applications see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server(cause) => cause.name(),
            Self::Seed(failure) => failure.name(),
            Self::NothingEligible => "nothing-eligible",
            Self::Credentials => "credentials",
        }
    }
}
