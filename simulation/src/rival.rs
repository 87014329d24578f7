//! The interface of the rules that Evenkeel is compared with.
//!
//! A rival is two independent things: a [`Choice`] says to which server a client goes, a [`Law`] how long it waits before
//! it tries again. Both are shared by all clients of a run, immutable, and keep no state of their own: what differs from
//! client to client is handed in. The world (`crate::agent::Rival`) does everything else the same way for each of them:
//! it fetches lists as often as our own client does, gives up attempts that take too long, and remembers which servers
//! failed in the present episode.
//!
//! `crate::rivals` holds the implementations, and names them: `rivals::choice(name)` and `rivals::law(name)`.

use evenkeel::random::Random;

/// A server as the list has it, every default filled in. A server keeps its position through a run; one that the list
/// leaves out (a server that joins later) is not available.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listed {
    /// May clients connect?
    pub available: bool,
    /// Should existing clients leave, and no new ones come?
    pub draining: bool,
    /// Connections being served when the list was made.
    pub users: f64,
    /// The number of users that fill it.
    pub capacity: f64,
    /// Its relative size (the capacity, where the list gives none).
    pub weight: f64,
    /// Its group: lower is preferred.
    pub priority: u16,
}

impl Listed {
    /// Whether new clients may go there.
    pub fn offered(&self) -> bool {
        self.available && !self.draining
    }

    /// Users over capacity.
    pub fn utilisation(&self) -> f64 {
        self.users / self.capacity.max(1e-9)
    }
}

/// The fleet as one client sees it: the newest list it has.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The servers, by position.
    pub servers: &'a [Listed],
    /// How long ago the counts were taken, in seconds.
    pub age: f64,
}

/// What happens to a connected client's list: for rules that move clients when the list changes (ZooKeeper's).
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The list before.
    pub before: View<'a>,
    /// The list from now on.
    pub now: View<'a>,
    /// The position of the server that the client is connected to.
    pub own: usize,
}

/// Where to go.
pub trait Choice: Send + Sync {
    /// The server to connect to. `lost` are the servers that failed in the present episode, oldest first (a server that
    /// failed twice stands there once); whether a rule heeds them is its own affair. `None`: nothing to go to, and the
    /// client waits as after a failed attempt.
    fn choose(&self, fleet: &View<'_>, lost: &[usize], random: &mut Random) -> Option<usize>;

    /// The server to move to while all is well, asked once per list version and connected client. The old connection is
    /// closed when the new one stands.
    fn rebalance(&self, change: &Change<'_>, random: &mut Random) -> Option<usize> {
        let _ = (change, random);
        None
    }
}

/// What a client knows when it has to wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trouble {
    /// Failures in a row, this one counted: 1 after the loss of a connection that had lasted, or after a first attempt
    /// that failed.
    pub failures: u32,
    /// Whether it is the loss of an open connection, rather than an attempt that did not open.
    pub lost: bool,
    /// The wait before, in seconds; 0 if there was none since all was well.
    pub previous: f64,
}

/// How long to wait.
pub trait Law: Send + Sync {
    /// Seconds to wait before the next attempt.
    fn delay(&self, trouble: &Trouble, random: &mut Random) -> f64;

    /// Seconds that an attempt may take to open before it counts as failed; infinity where the library never gives up by
    /// itself (the browser does after some minutes: the world uses 240).
    fn connect_timeout(&self) -> f64 {
        10.0
    }

    /// Seconds that a connection must last before the count of failures begins anew; 0: as soon as it opens.
    fn stable_after(&self) -> f64 {
        0.0
    }

    /// After so many failures in a row the library gives up for good.
    fn gives_up_after(&self) -> Option<u32> {
        None
    }
}
