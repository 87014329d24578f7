//! The seed's state: what is known, what is served, and how it stands with the registry that it shares.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::file::File;
use crate::list::{Draft, List, Terms, entries};
use crate::registry::{Registry, Word};
use crate::report::Report;

/// Times of a seed.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// How long a heartbeat is good for that does not say.
    pub heartbeat_ttl: Duration,
    /// How long a list may be relied on.
    pub list_ttl: Duration,
    /// From one making of the list to the next.
    pub refresh: Duration,
    /// How long a seed that knows nothing waits for heartbeats before it answers.
    pub warm_up: Duration,
    /// How long a lost server is listed.
    pub remembered: Duration,
}

/// How it stands with the registry that is shared with other seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Link {
    /// There is none: this seed is the only one.
    Alone,
    /// In touch.
    Connected,
    /// Out of reach since then.
    CutOff(Instant),
}

/// A change on its way to the other seeds.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A word on a server.
    Word(Word),
    /// An operator's drain.
    Drain(bool),
}

/// What a change is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// What a server has said.
    Word(String),
    /// What an operator has said of it.
    Drain(String),
}

#[derive(Debug)]
struct Known {
    registry: Registry,
    file: File,
    ready_at: Instant,
    link: Link,
    /// When the registry was last heard of.
    contact: Instant,
    /// The last of each subject that has not gone out yet.
    outgoing: BTreeMap<Subject, (Instant, Change)>,
}

/// A seed without its sockets.
#[derive(Debug)]
pub struct Seed {
    times: Times,
    known: Mutex<Known>,
    /// Something is to go out.
    pub(crate) outgoing: Notify,
    list: watch::Sender<Option<Arc<List>>>,
}

impl Seed {
    /// One that knows what the file says. It is ready at once if nobody is to report.
    pub fn new(times: Times, file: File, reports: bool, shared: bool) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            times,
            known: Mutex::new(Known {
                registry: Registry::new(times.remembered),
                file,
                ready_at: if reports { now + times.warm_up } else { now },
                link: if shared { Link::CutOff(now) } else { Link::Alone },
                contact: now,
                outgoing: BTreeMap::new(),
            }),
            outgoing: Notify::new(),
            list: watch::Sender::new(None),
        })
    }

    /// Its times.
    pub fn times(&self) -> &Times {
        &self.times
    }

    /// The list in force. None until the seed has heard from everyone.
    pub fn list(&self) -> Option<Arc<List>> {
        self.list.borrow().clone()
    }

    /// The list in force, and those that follow.
    pub fn lists(&self) -> watch::Receiver<Option<Arc<List>>> {
        self.list.subscribe()
    }

    /// How it stands with the registry.
    pub fn link(&self) -> Link {
        self.known.lock().link
    }

    /// How long it will not answer yet.
    pub fn not_ready_for(&self) -> Duration {
        self.known.lock().ready_at.saturating_duration_since(Instant::now())
    }

    /// A server has reported: how long that is good for.
    pub fn report(&self, id: &str, report: Report) -> Result<Duration, Error> {
        let ttl = report.ttl(self.times.heartbeat_ttl);
        let now = Instant::now();
        let mut known = self.known.lock();
        known.registry.report(id, report.clone(), ttl, now)?;
        self.tell(&mut known, Subject::Word(id.to_owned()), now, || {
            Change::Word(Word::Heard { report, ttl })
        });
        Ok(ttl)
    }

    /// A server takes its leave.
    pub fn leave(&self, id: &str) -> Result<(), Error> {
        let now = Instant::now();
        let mut known = self.known.lock();
        let (word, at) = known.registry.leave(id, now)?;
        let word = word.clone();
        self.tell(&mut known, Subject::Word(id.to_owned()), at, || Change::Word(word));
        Ok(())
    }

    /// An operator sends a server's users away, or takes that back.
    pub fn drain(&self, id: &str, drained: bool) -> Result<(), Error> {
        let now = Instant::now();
        let mut known = self.known.lock();
        if !known.registry.knows(id) {
            return Err(crate::registry::unknown(id));
        }
        known.registry.drain(id, drained, now);
        self.tell(&mut known, Subject::Drain(id.to_owned()), now, || {
            Change::Drain(drained)
        });
        Ok(())
    }

    fn tell(&self, known: &mut Known, subject: Subject, now: Instant, change: impl FnOnce() -> Change) {
        if known.link != Link::Alone {
            known.outgoing.insert(subject, (now, change()));
            self.outgoing.notify_one();
        }
    }

    /// Has all that is known go out once more.
    pub(crate) fn tell_all(&self) {
        let mut known = self.known.lock();
        let Known { registry, outgoing, .. } = &mut *known;
        for (id, at, word) in registry.words() {
            let told = outgoing.entry(Subject::Word(id.to_owned()));
            told.or_insert_with(|| (at, Change::Word(word.clone())));
        }
        for (id, at, drained) in registry.drains() {
            let told = outgoing.entry(Subject::Drain(id.to_owned()));
            told.or_insert((at, Change::Drain(drained)));
        }
    }

    /// Takes what is to go out to the other seeds.
    pub(crate) fn take_outgoing(&self) -> BTreeMap<Subject, (Instant, Change)> {
        std::mem::take(&mut self.known.lock().outgoing)
    }

    /// Puts back what could not be sent, but for what has been overtaken meanwhile.
    pub(crate) fn put_back(&self, unsent: BTreeMap<Subject, (Instant, Change)>) {
        let mut known = self.known.lock();
        for (subject, change) in unsent {
            known.outgoing.entry(subject).or_insert(change);
        }
    }

    /// What others have heard.
    pub(crate) fn hear(&self, heard: impl IntoIterator<Item = (Subject, Instant, Change)>) {
        let mut known = self.known.lock();
        for (subject, at, change) in heard {
            match (subject, change) {
                (Subject::Word(id), Change::Word(word)) => known.registry.hear(&id, word, at),
                (Subject::Drain(id), Change::Drain(drained)) => known.registry.hear_drain(&id, drained, at),
                _ => false,
            };
        }
        known.contact = Instant::now();
    }

    /// All that the others know has been heard. Whoever has heard of a server need not wait for heartbeats.
    pub(crate) fn caught_up(&self) {
        let mut known = self.known.lock();
        let now = Instant::now();
        if known.registry.standings(now).next().is_some() {
            known.ready_at = known.ready_at.min(now);
        }
    }

    /// The registry has answered.
    pub(crate) fn in_touch(&self) {
        let mut known = self.known.lock();
        known.contact = Instant::now();
        known.link = Link::Connected;
    }

    /// It does not answer any more.
    pub(crate) fn cut_off(&self) {
        let mut known = self.known.lock();
        known.link = Link::CutOff(known.contact);
    }

    /// The operator's file says this now.
    pub(crate) fn file_says(&self, file: File) {
        self.known.lock().file = file;
    }

    /// Makes the list as it is now.
    pub fn renew(&self) {
        let now = Instant::now();
        let (draft, terms) = {
            let mut known = self.known.lock();
            if now < known.ready_at {
                return;
            }
            let Known {
                registry, file, link, ..
            } = &mut *known;
            registry.forget(now, |id| file.servers.contains_key(id));
            let age = registry.age(now).unwrap_or_default();
            let terms = Terms {
                ttl: self.times.list_ttl.as_secs(),
                heartbeat: file.heartbeat,
                age: match *link {
                    // Others may have heard what this seed has not since then.
                    Link::CutOff(since) if !registry.has_heard_all_since(since) => now.duration_since(since).max(age),
                    Link::Alone | Link::Connected | Link::CutOff(_) => age,
                },
                stale: matches!(link, Link::CutOff(_)),
            };
            (Draft::new(&entries(file, registry, now)), terms)
        };
        let before = self.list.borrow().clone();
        match draft.and_then(|draft| List::new(&draft, terms, before.as_deref(), now)) {
            Ok(list) => {
                self.list.send_replace(Some(Arc::new(list)));
            }
            // Numbers and strings always have a JSON form.
            Err(error) => tracing::error!(%error, "the list cannot be made"),
        }
    }

    /// Makes the list anew at every refresh, until it ends.
    pub async fn keep_list(self: Arc<Self>, end: CancellationToken) {
        let mut due = tokio::time::interval(self.times.refresh);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while end.run_until_cancelled(due.tick()).await.is_some() {
            let seed = self.clone();
            // Ten thousand servers take a tenth of a second to compress, which nobody is to wait for.
            if let Err(error) = tokio::task::spawn_blocking(move || seed.renew()).await {
                tracing::error!(%error, "no list has been made");
            }
        }
    }
}
