//! What a client is set to.

use crate::affinity::Affinity;
use crate::time::Duration;

/// What a client is set to. [`FOREVER`] turns off what is done every so often.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The number of seeds; 0 for a fixed list, which must be given before the start: nobody else would bring one.
    pub seeds: u16,
    /// How long a seed may take to answer.
    pub seed_timeout: Duration,
    /// How often a newer list is asked for while connected, ± 20 %.
    pub refresh_interval: Duration,
    /// Whether the seeds are asked for a stream of lists while connected: changes are heard of at once.
    pub watches: bool,
    /// How long the application may take to say where and with which credentials to connect; `None` if it is not asked,
    /// and an attempt begins at once.
    pub credential_timeout: Option<Duration>,
    /// How long a connection may take to open, and to be prepared after that. An attempt that stands in line where a whole
    /// fleet comes back gets as long again, and again.
    pub connect_timeout: Duration,
    /// The platform delays attempts to servers that failed to open ([`crate::memory::Memory::dial_delay`]): that is not the
    /// server's time.
    pub dials_are_delayed: bool,
    /// Whether the application prepares each new connection (logs in, subscribes) before it is used.
    pub prepares: bool,
    /// Whether a slow first attempt gets company, when all is well otherwise.
    pub hedge: bool,
    /// How long a connection must last to count as a success.
    pub min_uptime: Duration,
    /// How long the closing handshake may take.
    pub close_timeout: Duration,
    /// How often the application's ping is sent while connected.
    pub heartbeat_interval: Duration,
    /// How long anything at all may take to arrive after it.
    pub heartbeat_timeout: Duration,
    /// After how long without any message a connection is dead; `None`: as the list says.
    pub silence_timeout: Option<Duration>,
    /// How often a sleep of the machine or the page is looked for while connected.
    pub clock_check: Duration,
    /// Whether to go back to better groups when they have room again.
    pub failback: bool,
    /// Whether to help an uneven group to even out.
    pub rebalance: bool,
    /// How long the old connection stays when there is a new one.
    pub linger: Duration,
    /// Where the clients of a key meet.
    pub affinity: Option<Affinity>,
}

/// So long that it never comes.
pub const FOREVER: Duration = Duration::from_millis(f64::INFINITY);

impl Default for Config {
    fn default() -> Self {
        Self {
            seeds: 1,
            seed_timeout: Duration::from_secs(5.0),
            refresh_interval: Duration::from_secs(60.0),
            watches: false,
            credential_timeout: None,
            connect_timeout: Duration::from_secs(10.0),
            dials_are_delayed: false,
            prepares: false,
            hedge: false,
            min_uptime: Duration::from_secs(30.0),
            close_timeout: Duration::from_secs(5.0),
            heartbeat_interval: FOREVER,
            heartbeat_timeout: FOREVER,
            silence_timeout: None,
            clock_check: FOREVER,
            failback: true,
            rebalance: false,
            linger: Duration::from_secs(5.0),
            affinity: None,
        }
    }
}
