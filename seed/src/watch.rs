//! The list as server-sent events, for pages that want changes at once.
//!
//! Every watcher is sent the newest list there is when it can take one: a slow reader skips what it was too slow for, and
//! costs no memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::api::{Service, not_ready};
use crate::error::{Code, Error};
use crate::list::List;

/// After so long without an event a comment is sent, or proxies would take the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Those who watch.
#[derive(Debug)]
pub(crate) struct Watchers {
    places: Arc<Semaphore>,
    most: usize,
    /// From one list to the next where only users have changed.
    interval: Duration,
    /// The seed ends.
    end: CancellationToken,
}

impl Watchers {
    pub(crate) fn new(most: usize, interval: Duration, end: CancellationToken) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most)),
            most,
            interval,
            end,
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.most.saturating_sub(self.places.available_permits())
    }
}

pub(crate) async fn answer(State(service): State<Arc<Service>>) -> Response {
    let lists = service.seed.lists();
    if lists.borrow().is_none() {
        return not_ready(&service.seed);
    }
    let watchers = &service.watchers;
    let Ok(place) = watchers.places.clone().try_acquire_owned() else {
        let error = Error::new(
            Code::Full,
            format!("{} clients watch already", watchers.most),
            "poll GET /servers, or raise --watchers",
        );
        return ([(header::RETRY_AFTER, HeaderValue::from_static("60"))], error).into_response();
    };
    let events = events(lists, watchers.interval, watchers.end.clone(), place);
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // nginx would keep events back until it has some kilobytes of them.
        (
            header::HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    (headers, Sse::new(events).keep_alive(keep_alive)).into_response()
}

/// The last list that a watcher was sent.
struct Sent {
    version: String,
    shape: u64,
    at: Instant,
}

fn events(
    lists: watch::Receiver<Option<Arc<List>>>,
    interval: Duration,
    end: CancellationToken,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold((lists, None::<Sent>, place), move |(mut lists, mut sent, place)| {
        let end = end.clone();
        async move {
            loop {
                let list = lists.borrow_and_update().clone();
                let due = |list: &List| match &sent {
                    None => true,
                    Some(sent) if sent.version == list.version => false,
                    Some(sent) => sent.shape != list.shape || sent.at + interval <= Instant::now(),
                };
                if let Some(list) = list.filter(|list| due(list)) {
                    sent = Some(Sent {
                        version: list.version.clone(),
                        shape: list.shape,
                        at: Instant::now(),
                    });
                    return Some((Ok(event(&list)), (lists, sent, place)));
                }
                let later = sent.as_ref().map(|sent| sent.at + interval);
                tokio::select! {
                    changed = lists.changed() => changed.ok()?,
                    () = sleep_until(later.unwrap_or_else(Instant::now)), if later.is_some_and(|at| at > Instant::now()) => {}
                    () = end.cancelled() => return None,
                }
            }
        }
    })
}

fn event(list: &List) -> Event {
    // JSON is text.
    let text = std::str::from_utf8(&list.body).unwrap_or_default();
    Event::default().event("list").id(&list.version).data(text)
}
