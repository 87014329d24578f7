//! Why a connection ended or an attempt failed: what kind of trouble it is decides who is to blame and how long to wait.

use crate::time::Duration;

/// Kinds of trouble with a server, as SELECTION's table of causes has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It has too much to do: it took too long to open, or said so (close code 1013).
    Overload,
    /// It asked us to go elsewhere (close codes 1001, 1012): it is going down on purpose.
    SentAway,
    /// Closed before it opened, other than by our own timeout.
    Refused,
    /// Closed before it had lasted the minimum uptime.
    ShortLived,
    /// Lost after it had stood: the server or the path to it died.
    Crash,
    /// Our own network was down, or we slept: no server is to blame.
    Local,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Overload,
        Self::SentAway,
        Self::Refused,
        Self::ShortLived,
        Self::Crash,
        Self::Local,
    ];

    /// The stable name that applications see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overload => "overload",
            Self::SentAway => "sent-away",
            Self::Refused => "refused",
            Self::ShortLived => "short-lived",
            Self::Crash => "crash",
            Self::Local => "local",
        }
    }

    /// The cause behind the end of a connection that had been open for `uptime`.
    pub(crate) fn of_close(code: u16, uptime: Duration, min_uptime: Duration) -> Self {
        match code {
            1013 => Self::Overload,
            1001 | 1012 => Self::SentAway,
            _ if uptime < min_uptime => Self::ShortLived,
            _ => Self::Crash,
        }
    }
}

/// Whether a close code from the peer says that coming back is pointless: a normal end (1000), a breach of the protocol
/// that would be repeated (1002, 1003, 1007–1010), forbidden (3003). Codes are those of the IANA registry "WebSocket Close
/// Code Number".
pub fn is_final(code: u16) -> bool {
    matches!(code, 1000 | 1002 | 1003 | 1007..=1010 | 3003)
}

/// Whether a close code says that the credentials are not, or no longer, good ("Unauthorized" of the same registry).
pub(crate) fn asks_for_credentials(code: u16) -> bool {
    code == 3000
}

/// Whether a connection that ended with this code ended without a word from the peer: it may be our network that died.
pub(crate) fn is_abnormal(code: u16) -> bool {
    code == 1006
}

/// Why a seed gave no usable list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedFailure {
    /// No answer within the timeout.
    Timeout,
    /// No answer at all: refused, no name, TLS, CORS.
    Unreachable,
    /// It answered 429 or 503: it has too much to do.
    Overloaded,
    /// It answered 401: our credentials are missing or have expired.
    Expired,
    /// It answered 403: it will not tell us, whatever our credentials.
    Forbidden,
    /// It answered with another status that is no success.
    Status,
    /// Its answer is no usable list.
    BadList,
}

impl SeedFailure {
    /// The stable name that applications see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timeout => "seed-timeout",
            Self::Unreachable => "seed-unreachable",
            Self::Overloaded => "seed-overloaded",
            Self::Expired => "seed-expired",
            Self::Forbidden => "seed-forbidden",
            Self::Status => "seed-status",
            Self::BadList => "seed-bad-list",
        }
    }

    /// What an HTTP status that is no success means.
    pub fn of_status(status: u16) -> Self {
        match status {
            429 | 503 => Self::Overloaded,
            401 => Self::Expired,
            403 => Self::Forbidden,
            _ => Self::Status,
        }
    }
}
