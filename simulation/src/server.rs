//! A server: it serves handshakes one after the other, at a rate, and then counts a user.

use crate::figures::Measured;
use crate::plan::ServerKind;

/// A server as it is, and as the seed knows it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) capacity: f64,
    pub(crate) capacity_untold: bool,
    pub(crate) group: u16,
    /// Handshakes a second.
    pub(crate) rate: f64,
    pub(crate) rate_told: bool,
    /// Handshakes that may wait.
    pub(crate) queue: Option<u32>,
    /// It lives.
    pub(crate) up: bool,
    /// It answers nothing where it would refuse.
    pub(crate) silent: bool,
    /// It keeps its connections and answers nothing.
    pub(crate) frozen: bool,
    /// Takes connections, and closes them after so many seconds with this code.
    pub(crate) drops: Option<(f64, u16)>,
    /// Connections being served.
    pub(crate) users: u32,
    /// When it has served all handshakes that have reached it.
    free_at: f64,
    /// The list has it.
    pub(crate) listed: bool,
    /// The seed takes it to live, since then.
    pub(crate) noticed_up: bool,
    pub(crate) noticed_at: f64,
    pub(crate) users_at_death: f64,
    pub(crate) draining: bool,
    pub(crate) lie_users: Option<f64>,
    pub(crate) lie_available: Option<bool>,
    /// Changes with every death and return, so that what is noticed late can be told.
    pub(crate) turn: u32,
    /// Whether it is where users are to come that were not there when measuring began.
    pub(crate) is_new: bool,
}

/// What becomes of a handshake that has reached a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reception {
    /// It is served at this time.
    ServedAt(f64),
    /// It is refused.
    Refused,
    /// Nothing ever answers.
    Silence,
}

impl Server {
    pub(crate) fn new(kind: &ServerKind) -> Self {
        Self {
            capacity: kind.capacity,
            capacity_untold: kind.capacity_untold,
            group: kind.group,
            rate: kind.rate,
            rate_told: kind.rate_told,
            queue: kind.queue,
            up: !kind.joins,
            silent: false,
            frozen: false,
            drops: None,
            users: 0,
            free_at: 0.0,
            listed: !kind.joins,
            noticed_up: !kind.joins,
            noticed_at: 0.0,
            users_at_death: 0.0,
            draining: false,
            lie_users: None,
            lie_available: None,
            turn: 0,
            is_new: false,
        }
    }

    /// A handshake has reached it. While `unlimited`, none takes any time.
    pub(crate) fn receive(&mut self, now: f64, unlimited: bool) -> Reception {
        if !self.up {
            return if self.silent {
                Reception::Silence
            } else {
                Reception::Refused
            };
        }
        if self.frozen {
            return Reception::Silence;
        }
        if unlimited {
            return Reception::ServedAt(now);
        }
        let waiting = (self.free_at - now).max(0.0) * self.rate;
        if self.queue.is_some_and(|most| waiting > f64::from(most)) {
            return Reception::Refused;
        }
        // Whoever gives up waiting has been queued all the same, and is served: the server cannot know.
        self.free_at = self.free_at.max(now) + 1.0 / self.rate;
        Reception::ServedAt(self.free_at)
    }

    pub(crate) fn die(&mut self, silent: bool) {
        self.up = false;
        self.silent = silent;
        self.users_at_death = f64::from(self.users);
        self.turn += 1;
    }

    pub(crate) fn revive(&mut self, now: f64) {
        self.up = true;
        self.frozen = false;
        self.free_at = now;
        self.turn += 1;
    }

    /// Nobody waits any more.
    pub(crate) fn forget_queue(&mut self, now: f64) {
        self.free_at = now;
    }
}

impl Measured for Server {
    fn users(&self) -> u32 {
        self.users
    }

    fn capacity(&self) -> f64 {
        self.capacity
    }

    fn group(&self) -> u16 {
        self.group
    }

    fn rate(&self) -> f64 {
        self.rate
    }

    fn in_service(&self) -> bool {
        self.up && self.listed && !self.draining && self.drops.is_none()
    }

    fn is_new(&self) -> bool {
        self.is_new
    }
}

#[cfg(test)]
mod tests {
    use super::{Reception, Server};
    use crate::plan::ServerKind;

    fn server(queue: Option<u32>) -> Server {
        Server::new(&ServerKind {
            count: 1,
            capacity: 100.0,
            capacity_untold: false,
            group: 0,
            rate: 10.0,
            rate_told: false,
            queue,
            joins: false,
        })
    }

    #[test]
    fn handshakes_are_served_one_after_the_other_at_the_rate() {
        let mut server = server(None);
        assert_eq!(server.receive(1.0, false), Reception::ServedAt(1.1));
        assert_eq!(server.receive(1.0, false), Reception::ServedAt(1.2000000000000002));
        assert_eq!(server.receive(5.0, false), Reception::ServedAt(5.1));
    }

    #[test]
    fn a_full_queue_refuses() {
        let mut server = server(Some(2));
        let received: Vec<_> = (0..5).map(|_| server.receive(0.0, false)).collect();
        assert_eq!(received.iter().filter(|it| **it == Reception::Refused).count(), 2);
    }

    #[test]
    fn a_dead_server_refuses_or_is_silent() {
        let mut server = server(None);
        server.die(false);
        assert_eq!(server.receive(0.0, false), Reception::Refused);
        server.die(true);
        assert_eq!(server.receive(0.0, false), Reception::Silence);
    }
}
