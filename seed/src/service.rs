//! A running seed: the state, its port, and the tasks that keep it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::{Access, TokenSpec};
use crate::api;
use crate::error::Error;
use crate::file::File;
use crate::metrics::Metrics;
use crate::redis::Registry;
use crate::seed::{Seed, Times};
use crate::watch::Watchers;

/// How long the other seeds may be told the last words, where requests did not end in time.
const FAREWELL: Duration = Duration::from_secs(1);
/// From one look at the operator's file to the next.
const LOOK_AT_FILE: Duration = Duration::from_secs(1);

/// All that a seed can be told.
#[derive(Debug)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who may report.
    pub tokens: Vec<TokenSpec>,
    /// Anybody may.
    pub open: bool,
    /// Reports a second that one token is good for.
    pub rate: NonZeroU32,
    /// The operator's file.
    pub file: Option<PathBuf>,
    /// The registry that it shares with other seeds.
    pub registry: Option<Registry>,
    /// Its times.
    pub times: Times,
    /// Seconds that caches may keep a list.
    pub max_age: u64,
    /// Seconds after that in which they may still serve it while they ask for a new one.
    pub stale_while_revalidate: u64,
    /// From one list to the next, for those who watch, where only users have changed.
    pub watch_interval: Duration,
    /// How many may watch.
    pub watchers: usize,
}

/// A seed that serves.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    seed: Arc<Seed>,
    end: CancellationToken,
    /// Ends what is left when nothing is served any more.
    last: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// Starts one.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let access = Access::new(options.tokens, options.open, options.rate)?;
        let file = match &options.file {
            Some(path) => read(path).await?.1,
            None => File::default(),
        };
        let (end, last) = (CancellationToken::new(), CancellationToken::new());
        let tasks = TaskTracker::new();
        let seed = Seed::new(options.times, file, access.anyone(), options.registry.is_some());
        seed.renew();
        let listener = TcpListener::bind(options.listen).await.map_err(|error| {
            Error::cannot_start(
                format!("{} cannot be listened on: {error}", options.listen),
                "give another address with --listen",
            )
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| Error::cannot_start(format!("the port has no address: {error}"), "start it again"))?;
        let cache_control = format!(
            "public, max-age={}, stale-while-revalidate={}",
            options.max_age, options.stale_while_revalidate
        );
        let service = Arc::new(api::Service {
            seed: seed.clone(),
            access,
            metrics: Metrics::new(),
            // Words and digits are always a header's value.
            cache_control: HeaderValue::try_from(cache_control).unwrap_or(HeaderValue::from_static("no-cache")),
            watchers: Watchers::new(options.watchers, options.watch_interval, end.clone()),
        });
        tasks.spawn(seed.clone().keep_list(end.clone()));
        if let Some(path) = options.file {
            tasks.spawn(follow(path, seed.clone(), end.clone()));
        }
        if let Some(registry) = options.registry {
            tasks.spawn(registry.keep(seed.clone(), last.clone()));
        }
        let listener = listener.tap_io(|stream| {
            // Else small answers would wait for more. It only fails if the client has gone again.
            let _ = stream.set_nodelay(true);
        });
        let served = axum::serve(listener, api::router(service)).with_graceful_shutdown(end.clone().cancelled_owned());
        let served_last = last.clone();
        tasks.spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "the port is lost");
            }
            // What was heard to the end is passed on.
            served_last.cancel();
        });
        tasks.close();
        Ok(Self {
            address,
            seed,
            end,
            last,
            tasks,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its state.
    pub fn seed(&self) -> &Arc<Seed> {
        &self.seed
    }

    /// Ends it: no new connections, and requests under way have `patience` to be answered.
    pub async fn stop(self, patience: Duration) {
        self.end.cancel();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            self.last.cancel();
            let _ = tokio::time::timeout(FAREWELL, self.tasks.wait()).await;
        }
    }
}

async fn read(path: &Path) -> Result<(String, File), Error> {
    let text = tokio::fs::read_to_string(path).await.map_err(|error| {
        Error::cannot_start(
            format!("{} cannot be read: {error}", path.display()),
            "name a file in TOML or JSON with --file",
        )
    })?;
    let file = File::parse(path, &text)?;
    Ok((text, file))
}

/// Takes up what the operator's file says whenever that changes. While it cannot be read, what it said last holds.
async fn follow(path: PathBuf, seed: Arc<Seed>, end: CancellationToken) {
    let mut looks = interval(LOOK_AT_FILE);
    let mut known: Option<Result<String, Error>> = None;
    while end.run_until_cancelled(looks.tick()).await.is_some() {
        let (text, file) = match read(&path).await {
            Ok((text, file)) => (Ok(text), Some(file)),
            Err(error) => (Err(error), None),
        };
        if known.as_ref() == Some(&text) {
            continue;
        }
        match (&text, file) {
            (Ok(_), Some(file)) => {
                seed.file_says(file);
                tracing::info!(file = %path.display(), "read");
            }
            (Err(error), _) => tracing::error!(%error, "what the file said before holds on"),
            (Ok(_), None) => {}
        }
        known = Some(text);
    }
}
