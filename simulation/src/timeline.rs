//! The queue of what is to happen: a radix heap (Ahuja, Mehlhorn, Orlin, Tarjan: Faster Algorithms for the Shortest Path
//! Problem, 1990), keyed by virtual microseconds.
//!
//! Time never runs backwards, which is all that a radix heap asks for. Its buckets are plain vectors that keep their
//! memory, so that nothing is allocated once a run has warmed up, and moving an event from bucket to bucket reads memory
//! in order. Events of the same instant come out in the order in which they went in.

/// A point in virtual time, in microseconds.
pub type Micros = u64;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A client's timer.
    Timer,
    /// A client arrives.
    Arrive,
    /// A client leaves for good.
    Leave,
    /// The seed's answer reaches a client.
    Answer,
    /// A client's handshake reaches a server.
    Reach,
    /// A server has served a client's handshake.
    Serve,
    /// A client hears that its connection is open.
    Opened,
    /// A client hears that its connection or attempt is over; `more` is the close code.
    Closed,
    /// The application has said, or failed to say, where an attempt goes: `more` is 0 or 1.
    Credentials,
    /// The application has prepared a connection, or failed to: `more` is 0 or 1.
    Prepared,
    /// A client's ping is answered.
    Heard,
    /// A client's page wakes up; `more` is 1 if its platform says so.
    Wake,
    /// The seed makes a list.
    Publish,
    /// The seed notices whether a server lives.
    Notice,
    /// A step of the script.
    Script,
    /// The figures are taken.
    Sample,
}

/// Something that happens at a time.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// When.
    pub at: Micros,
    /// The client, the server or the step.
    pub whom: u32,
    /// The attempt or the request.
    pub id: u32,
    /// Close code, server, or whatever else the kind of event needs.
    pub more: u16,
    /// Which of the clients that had this place one after the other.
    pub tenant: u8,
    /// What.
    pub kind: Kind,
}

/// All that is to happen.
#[derive(Debug)]
pub struct Timeline {
    /// The time of the event that came out last.
    last: Micros,
    /// In bucket 0: those of `last`, of which so many have come out. In bucket n: those whose time differs from `last` in
    /// bit n − 1 and in none above.
    buckets: Vec<Vec<Event>>,
    out: usize,
    len: usize,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            last: 0,
            buckets: (0..=Micros::BITS).map(|_| Vec::new()).collect(),
            out: 0,
            len: 0,
        }
    }
}

impl Timeline {
    /// Adds an event. One that should have happened already happens now.
    pub fn push(&mut self, mut event: Event) {
        event.at = event.at.max(self.last);
        self.len += 1;
        self.sort_in(event);
    }

    fn sort_in(&mut self, event: Event) {
        let bucket = Micros::BITS - (event.at ^ self.last).leading_zeros();
        self.buckets[bucket as usize].push(event);
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<Event> {
        if self.len == 0 {
            return None;
        }
        if self.out == self.buckets[0].len() {
            self.buckets[0].clear();
            self.out = 0;
            self.advance();
        }
        let event = self.buckets[0][self.out];
        self.out += 1;
        self.len -= 1;
        Some(event)
    }

    /// Sets `last` to the earliest time there is, and sorts what that moves.
    fn advance(&mut self) {
        let Some(bucket) = self.buckets.iter().position(|bucket| !bucket.is_empty()) else {
            return;
        };
        let mut events = std::mem::take(&mut self.buckets[bucket]);
        self.last = events.iter().map(|event| event.at).min().unwrap_or(self.last);
        for event in events.drain(..) {
            self.sort_in(event);
        }
        self.buckets[bucket] = events;
    }

    /// How much is still to happen.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing more happens.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Kind, Timeline};

    fn event(at: u64, id: u32) -> Event {
        Event {
            at,
            whom: 0,
            id,
            more: 0,
            tenant: 0,
            kind: Kind::Timer,
        }
    }

    #[test]
    fn events_come_out_by_time_and_those_of_one_instant_as_they_went_in() {
        for seed in 0..50 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut timeline = Timeline::default();
            let mut expected = Vec::new();
            let (mut now, mut id) = (0, 0);
            for _ in 0..2_000 {
                for _ in 0..random.usize(0..3) {
                    id += 1;
                    let at = now + random.u64(0..100);
                    timeline.push(event(at, id));
                    expected.push((at, id));
                }
                if let Some(next) = timeline.pop() {
                    let first = expected.iter().min().copied();
                    assert_eq!(Some((next.at, next.id)), first, "seed {seed}");
                    expected.retain(|one| Some(*one) != first);
                    now = next.at;
                }
                assert_eq!(timeline.len(), expected.len());
            }
        }
    }

    #[test]
    fn what_should_have_happened_already_happens_now() {
        let mut timeline = Timeline::default();
        timeline.push(event(100, 1));
        timeline.pop();
        timeline.push(event(5, 2));
        assert_eq!(timeline.pop().map(|event| event.at), Some(100));
        assert!(timeline.is_empty());
    }
}
