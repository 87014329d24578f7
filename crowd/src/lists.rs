//! Asking a seed, as a browser does for a page: with `If-None-Match`, and its last answer where nothing has changed.
//!
//! Each client has the answer that it got last, as a browser of its own would. What is the same is there once: the text of
//! an answer, and the list that the core reads from it, which depends on its age as well. Connections to the seed are kept
//! and shared by all: ten thousand browsers would have one each.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use evenkeel::cause::SeedFailure;
use evenkeel::list::ServerList;
use evenkeel::list::json::from_value;
use evenkeel::list::read::Envelope;
use evenkeel::time::Duration;
use headers::{Age, CacheControl, HeaderMap, HeaderMapExt, HeaderValue};
use parking_lot::Mutex;
use reqwest::StatusCode;
use reqwest::header::{ETAG, IF_NONE_MATCH, RETRY_AFTER};
use url::Url;

/// The most bytes that a list may have: 4 MiB.
const MAX_BYTES: usize = 4 << 20;
/// From so many texts on, or from twice as many as were found the last time, those that nobody needs any more are looked for.
const TEXTS: usize = 256;

/// All seeds, and what they have answered.
#[derive(Debug)]
pub struct Lists {
    http: reqwest::Client,
    seeds: Vec<Url>,
    texts: Mutex<Texts>,
}

/// What is known of answers: those that somebody has, or a list of.
#[derive(Debug, Default)]
struct Texts {
    known: HashMap<Bytes, Arc<Text>>,
    /// How many were needed when that was looked at last.
    needed: usize,
}

/// The text of an answer.
#[derive(Debug)]
struct Text {
    base: Url,
    body: Bytes,
    lists: Mutex<Vec<(Headers, Weak<ServerList>)>>,
}

/// What the headers of an answer say of its text, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Headers {
    age: Option<u64>,
    max_age: Option<u64>,
}

/// What one client has of a seed's last answer.
#[derive(Clone, Debug)]
pub struct Held {
    etag: HeaderValue,
    text: Arc<Text>,
}

/// What came of a request.
#[derive(Debug)]
pub struct Answer {
    /// The list, or why there is none, and for how long the seed wants to be left alone.
    pub list: Result<Arc<ServerList>, (SeedFailure, Option<Duration>)>,
    /// To be shown to the same seed the next time.
    pub held: Option<Held>,
}

impl Lists {
    /// Of these seeds.
    ///
    /// # Errors
    ///
    /// If the system has no resources for it.
    pub fn new(seeds: Vec<Url>) -> reqwest::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder().build()?,
            seeds,
            texts: Mutex::default(),
        })
    }

    /// How many seeds there are.
    pub fn seeds(&self) -> u16 {
        u16::try_from(self.seeds.len()).unwrap_or(u16::MAX)
    }

    /// Asks a seed, of which the client has this.
    pub async fn ask(&self, seed: u16, held: Option<Held>) -> Answer {
        let failed = |failure| Answer {
            list: Err((failure, None)),
            held: held.clone(),
        };
        let Some(url) = self.seeds.get(usize::from(seed)) else {
            return failed(SeedFailure::Unreachable);
        };
        let mut request = self.http.get(url.clone());
        if let Some(held) = &held {
            request = request.header(IF_NONE_MATCH, held.etag.clone());
        }
        let Ok(mut response) = request.send().await else {
            return failed(SeedFailure::Unreachable);
        };
        let (status, told) = (response.status(), Headers::of(response.headers()));
        if let Some(held) = held.as_ref().filter(|_| status == StatusCode::NOT_MODIFIED) {
            let list = held.text.read(told).ok_or((SeedFailure::BadList, None));
            return Answer {
                list,
                held: Some(held.clone()),
            };
        }
        if !status.is_success() {
            let wish = retry_after(response.headers());
            return Answer {
                list: Err((SeedFailure::of_status(status.as_u16()), wish)),
                held: held.clone(),
            };
        }
        let (etag, base) = (response.headers().get(ETAG).cloned(), response.url().clone());
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_BYTES => body.extend_from_slice(&chunk),
                Ok(Some(_)) => return failed(SeedFailure::BadList),
                Ok(None) => break,
                Err(_) => return failed(SeedFailure::Unreachable),
            }
        }
        let text = self.text(base, body.freeze());
        Answer {
            list: text.read(told).ok_or((SeedFailure::BadList, None)),
            held: etag.map(|etag| Held { etag, text }),
        }
    }

    /// The text that everybody has who was answered so.
    fn text(&self, base: Url, body: Bytes) -> Arc<Text> {
        let texts = &mut *self.texts.lock();
        if let Some(text) = texts.known.get(&body).filter(|text| text.base == base) {
            return text.clone();
        }
        if texts.known.len() >= TEXTS.max(2 * texts.needed) {
            texts.known.retain(|_, text| text.is_needed());
            texts.needed = texts.known.len();
        }
        let text = Arc::new(Text {
            base,
            body: body.clone(),
            lists: Mutex::default(),
        });
        texts.known.insert(body, text.clone());
        text
    }
}

impl Text {
    /// Whether anybody has it beside the collection, or a list of it.
    fn is_needed(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > 1 || self.lists.lock().iter().any(|(_, list)| list.strong_count() > 0)
    }

    fn read(&self, told: Headers) -> Option<Arc<ServerList>> {
        let mut lists = self.lists.lock();
        lists.retain(|(_, list)| list.strong_count() > 0);
        let known = lists.iter().find(|(headers, _)| *headers == told);
        if let Some(list) = known.and_then(|(_, list)| list.upgrade()) {
            return Some(list);
        }
        let envelope = Envelope {
            age: told.age.map(|seconds| Duration::from_secs(seconds as f64)),
            max_age: told.max_age.map(|seconds| Duration::from_secs(seconds as f64)),
            secure: false,
        };
        let document = serde_json::from_slice(&self.body).ok()?;
        let (list, _) = from_value(&document, envelope, &self.base).ok()?;
        let list = Arc::new(list);
        lists.push((told, Arc::downgrade(&list)));
        Some(list)
    }
}

impl Headers {
    fn of(headers: &HeaderMap) -> Self {
        let cache = headers.typed_get::<CacheControl>();
        Self {
            age: headers.typed_get::<Age>().map(|age| age.as_secs()),
            max_age: cache.and_then(|cache| cache.max_age()).map(|age| age.as_secs()),
        }
    }
}

/// A number of seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let wish = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = match wish.parse::<u32>() {
        Ok(seconds) => f64::from(seconds),
        Err(_) => httpdate::parse_http_date(wish)
            .ok()?
            .duration_since(SystemTime::now())
            .ok()?
            .as_secs_f64(),
    };
    Some(Duration::from_secs(seconds))
}
