//! What a client was told and what it did, as the package's driver has it: what befalls a page, and what a page can be seen
//! to do. A page with the same behind it must do the same, step by step.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// The life of one client.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The random seed of its schedule.
    pub schedule: u64,
    /// Its place among the clients of the schedule.
    pub client: usize,
    /// How it is made.
    pub made: Made,
    /// Step by step.
    pub steps: Vec<Step>,
}

/// How a client is made; times in milliseconds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// Two halves of 32 bits, the high one first, as the platform's source of randomness gives them.
    pub random: [u32; 2],
    /// So many.
    pub seeds: u16,
    /// The platform is one that delays attempts after failures (Firefox).
    pub dials_are_delayed: bool,
    /// The platform says at the start that there is no network.
    pub offline: bool,
    /// The list of an earlier visit.
    pub cached: Option<Cached>,
    /// The application's own list: URLs.
    pub fallback: Option<Vec<String>>,
    /// The application is asked where to connect.
    pub credentials: bool,
    /// It prepares connections.
    pub prepares: bool,
    /// It is asked whether to come back, and what it says of some codes.
    pub verdicts: Option<BTreeMap<u16, bool>>,
    /// Options of the same names; what is missing has its default.
    pub options: Value,
}

/// A list that storage has kept.
#[derive(Clone, Debug, Serialize)]
pub struct Cached {
    /// The list.
    pub document: Value,
    /// For so many milliseconds.
    pub ago: f64,
}

/// What happened, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// When, in milliseconds.
    pub at: f64,
    /// What.
    pub told: Told,
    /// What the client did then.
    pub did: Vec<Did>,
    /// For when its timer is set after that.
    pub timer: Option<f64>,
    /// The id of the server that it is at or on the way to.
    pub server: Option<String>,
}

/// What happens to a page. Attempts and requests are counted from 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Told {
    /// The application connects.
    Start,
    /// Its timer fires.
    Timer,
    /// It is shown again.
    Look,
    /// It is put to sleep.
    Asleep(Sleep),
    /// It is awake.
    Awake(Sleep),
    /// The platform says that there is a network.
    Online,
    /// The platform says that there is none.
    Offline,
    /// A seed answers.
    Answer {
        /// The request.
        request: u32,
        /// Of HTTP.
        status: u16,
        /// Of HTTP.
        headers: Value,
        /// The body.
        text: String,
    },
    /// No answer comes.
    NoAnswer {
        /// The request.
        request: u32,
    },
    /// A connection stands.
    Open {
        /// The attempt.
        attempt: u32,
    },
    /// A message arrives.
    Message {
        /// The attempt.
        attempt: u32,
    },
    /// A connection has ended, or an attempt failed.
    Closed {
        /// The attempt.
        attempt: u32,
        /// The close code.
        code: u16,
    },
    /// The application says where to connect.
    Credentials {
        /// The attempt.
        attempt: u32,
    },
    /// It cannot.
    NoCredentials {
        /// The attempt.
        attempt: u32,
    },
    /// The application has prepared a connection.
    Prepared {
        /// The attempt.
        attempt: u32,
    },
    /// It could not.
    Unprepared {
        /// The attempt.
        attempt: u32,
    },
    /// The application calls `close()`.
    Close,
    /// The application calls `reconnect()`.
    Reconnect,
    /// The application calls `migrate()`.
    Migrate,
    /// The application calls `refresh()`.
    Refresh,
}

/// How a page hears that it sleeps, or has slept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "how", rename_all = "camelCase")]
pub enum Sleep {
    /// `freeze` and `resume`.
    Frozen,
    /// `pagehide` and `pageshow`.
    Hidden,
    /// Not at all, but the network is another one afterwards.
    Elsewhere,
}

/// What a page can be seen to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "did", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Did {
    /// It asks a seed.
    Ask {
        /// The request.
        request: u32,
        /// The seed, by its position.
        seed: u16,
    },
    /// It aborts a request.
    Abort {
        /// The request.
        request: u32,
    },
    /// It tells of a list that is in force.
    List {
        /// From this seed, if it is from one.
        seed: Option<u16>,
        /// So many servers.
        servers: usize,
    },
    /// It tells of a decision.
    Decision {
        /// For this server.
        server: String,
        /// Of this group.
        group: u16,
        /// So probable.
        probability: f64,
        /// For this reason.
        reason: &'static str,
    },
    /// It asks the application where to connect.
    Inquire {
        /// The attempt.
        attempt: u32,
    },
    /// It connects.
    Dial {
        /// The attempt.
        attempt: u32,
        /// The server's URL.
        url: String,
    },
    /// It has the application prepare a connection.
    Prepare {
        /// The attempt.
        attempt: u32,
    },
    /// It sends a ping.
    Ping {
        /// The attempt.
        attempt: u32,
    },
    /// It begins a closing handshake.
    Close {
        /// The attempt.
        attempt: u32,
        /// With this code, if with any.
        code: Option<u16>,
    },
    /// It lets go of a connection.
    Abandon {
        /// The attempt.
        attempt: u32,
    },
    /// It tells of a message.
    Message {
        /// The attempt.
        attempt: u32,
    },
    /// It is in another state.
    State {
        /// This one.
        state: &'static str,
    },
    /// It is open.
    Open,
    /// It has moved.
    Migrate {
        /// The server's id.
        to: String,
        /// Why.
        reason: &'static str,
    },
    /// It tells of an error.
    Error,
    /// It tells of an end.
    End {
        /// The close code.
        code: u16,
        /// A server was left for this reason: the next one stands already.
        reason: &'static str,
    },
    /// It asks the application whether to come back.
    Judge {
        /// The close code.
        code: u16,
    },
    /// There will be another try.
    Retry {
        /// In so many milliseconds.
        delay: f64,
        /// Why.
        cause: &'static str,
        /// Losses and failed attempts so far.
        attempt: u32,
    },
}
