//! Changes of the list as they happen: a stream of lists from a seed, beside the requests and never in place of them.
//!
//! It is begun once a connection stands, goes on while the way back to one is looked for, and pauses while nobody sees the
//! page. Each list of it counts as the answer to a request would, and puts the next request off; a stream that is silent,
//! or not to be had, costs its client nothing but that it hears of changes later.

use super::{Client, Command};
use crate::backoff::Backoff;
use crate::cause::SeedFailure;
use crate::client::command::RetryCause;
use crate::random::Random;
use crate::seeds::{RequestId, stay_away};
use crate::time::{Duration, Instant};

/// A stream in which nothing has arrived for so long is dead: servers are advised to send a comment every 15 s
/// (HTML, "Server-sent events").
const SILENT_AFTER: Duration = Duration::from_secs(60.0);
/// The waits of [`Backoff`] so many times as long: up to 10 s at first, 10 minutes in the end. A stream is lost for all who
/// watch it in the same instant, nobody waits for it, and who is refused for want of room is to ask more rarely than polls do.
const PATIENCE: f64 = 10.0;

/// A stream that is being asked for, or stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    request: RequestId,
    seed: u16,
    since: Instant,
    /// When something must have arrived.
    deadline: Instant,
}

/// What is known of streams.
#[derive(Debug)]
pub(super) struct Watch {
    stream: Option<Stream>,
    /// None is asked for before this.
    not_before: Instant,
    /// A seed wants that.
    wished: bool,
    trouble: Backoff,
    /// How many have failed since one last brought a list: each leads to the next seed.
    further: u16,
    visible: bool,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            stream: None,
            not_before: Instant::LONG_AGO,
            wished: false,
            trouble: Backoff::new(),
            further: 0,
            visible: true,
        }
    }
}

impl Watch {
    /// A list came by this stream: its seed, if it is the present one.
    pub(super) fn brings(&mut self, now: Instant, request: RequestId) -> Option<u16> {
        let seed = self.hears(now, request)?;
        self.further = 0;
        Some(seed)
    }

    fn hears(&mut self, now: Instant, request: RequestId) -> Option<u16> {
        let stream = self.stream.as_mut().filter(|stream| stream.request == request)?;
        stream.deadline = now + SILENT_AFTER;
        Some(stream.seed)
    }

    /// The stream has ended, if it is the present one.
    pub(super) fn end(&mut self, request: RequestId) -> Option<Stream> {
        self.stream.take_if(|stream| stream.request == request)
    }

    /// How long to wait after a stream that ended. One that lasted was no failure, but for those who lost it together.
    fn pause(&mut self, now: Instant, lasted: bool, wish: Option<Duration>, random: &mut Random) -> Duration {
        if lasted {
            self.trouble = Backoff::new();
        }
        self.further = self.further.wrapping_add(1);
        self.wished = wish.is_some();
        let pause = self.trouble.failed(now, false, random) * PATIENCE;
        let pause = wish.map_or(pause, |wish| stay_away(wish, random.between(0.0, 1.0)));
        self.not_before = now + pause;
        pause
    }
}

impl Client {
    /// Something arrived in this stream, if only a sign of life. Each list of it is told by
    /// [`handle_list`](Self::handle_list).
    pub fn handle_stream_heard(&mut self, now: Instant, request: RequestId) {
        self.notice(now);
        if let Some(watch) = &mut self.watch {
            watch.hears(now, request);
        }
    }

    /// Whether anybody sees the page. Where nobody does, the next request brings the changes soon enough, and a browser's
    /// few connections to a seed are for others.
    pub fn handle_visibility(&mut self, now: Instant, visible: bool) {
        self.notice(now);
        if let Some(watch) = &mut self.watch {
            watch.visible = visible;
        }
        if !visible {
            self.unwatch();
        }
    }

    /// When there is something to do for a stream.
    pub(super) fn watch_due(&self) -> Instant {
        let Some(watch) = &self.watch else {
            return Instant::NEVER;
        };
        match (watch.stream, self.seeds.pause_ends()) {
            (Some(stream), _) => stream.deadline,
            (None, Some(ready_at)) if watch.visible && self.link().is_some() => watch.not_before.max(ready_at),
            _ => Instant::NEVER,
        }
    }

    /// Gives up a stream that has died, or asks for one. False if there is none to be asked for.
    pub(super) fn watch(&mut self, now: Instant) -> bool {
        if let Some(stream) = self.unwatch() {
            self.stream_failed(now, stream, SeedFailure::Timeout, None);
            return true;
        }
        let Some(watch) = &mut self.watch else { return false };
        let asked = self.seeds.ask_for_stream(now, watch.further);
        if let Some((request, seed)) = asked {
            watch.stream = Some(Stream {
                request,
                seed,
                since: now,
                deadline: now + self.config.seed_timeout,
            });
            self.outbox.push(Command::Watch { request, seed });
        }
        asked.is_some()
    }

    /// Leaves the stream that there is, if there is one.
    pub(super) fn unwatch(&mut self) -> Option<Stream> {
        let stream = self.watch.as_mut().and_then(|watch| watch.stream.take());
        if let Some(Stream { request, .. }) = stream {
            self.outbox.push(Command::CancelFetch { request });
        }
        stream
    }

    /// After a sleep or on another network: nobody knows what has become of the stream, nor whether what kept it away still
    /// does.
    pub(super) fn watch_again(&mut self, soon: Instant) {
        self.unwatch();
        if let Some(watch) = self.watch.as_mut().filter(|watch| !watch.wished) {
            watch.not_before = soon;
        }
    }

    /// A stream has ended, or could not be had.
    pub(super) fn stream_failed(
        &mut self,
        now: Instant,
        stream: Stream,
        failure: SeedFailure,
        retry_after: Option<Duration>,
    ) {
        let lasted = now >= stream.since + self.config.min_uptime;
        let Some(watch) = &mut self.watch else { return };
        let pause = watch.pause(now, lasted, retry_after, &mut self.random);
        // Whoever waits for a connection does not wait for this.
        if self.link().is_some() {
            self.retry(pause, RetryCause::Seed(failure));
        }
    }
}
