//! What clients have gone through, counted: a suite that never sees a kind of fault or a transition does not test it.

use std::collections::BTreeMap;

/// Something that can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Something that happened to the world, by its name in a plan.
    Fault(&'static str),
    /// A state, and the next.
    Transition(&'static str, &'static str),
    /// Something that a client had done.
    Command(&'static str),
    /// Why there was another try.
    Cause(&'static str),
    /// Why a connection was replaced.
    Move(&'static str),
}

/// How often each was.
#[derive(Clone, Debug, Default)]
pub struct Seen(BTreeMap<What, u64>);

impl Seen {
    /// It was, once more.
    pub fn count(&mut self, what: What) {
        *self.0.entry(what).or_insert(0) += 1;
    }

    /// How often it was.
    pub fn times(&self, what: What) -> u64 {
        self.0.get(&what).copied().unwrap_or(0)
    }

    /// Adds what others have seen.
    pub fn add(&mut self, other: &Self) {
        for (&what, &times) in &other.0 {
            *self.0.entry(what).or_insert(0) += times;
        }
    }

    /// All of it, kind by kind.
    pub fn iter(&self) -> impl Iterator<Item = (What, u64)> {
        self.0.iter().map(|(&what, &times)| (what, times))
    }
}
