//! What Prometheus is told.

use std::sync::atomic::AtomicU64;

use axum::http::StatusCode;
use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::error::{Code, Error};
use crate::seed::{Link, Seed};

type Labels = [(&'static str, String); 1];

/// Answers to requests for the list. Each is counted, so no name is looked up for it.
#[derive(Debug)]
struct Lists {
    sent: Counter,
    unchanged: Counter,
    not_ready: Counter,
}

/// The counters and gauges, each with its help in the output.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    lists: Lists,
    reports: Family<Labels, Counter>,
    servers: Gauge,
    offered: Gauge,
    connected: Gauge,
    cut_off: Gauge<f64, AtomicU64>,
    watchers: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let by_status = Family::<Labels, Counter>::default();
        let of = |status: &str| by_status.get_or_create_owned(&[("status", status.to_owned())]);
        let lists = Lists {
            sent: of("200"),
            unchanged: of("304"),
            not_ready: of("503"),
        };
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("evenkeel_seed")),
            lists,
            reports: Family::default(),
            servers: Gauge::default(),
            offered: Gauge::default(),
            connected: Gauge::default(),
            cut_off: Gauge::default(),
            watchers: Gauge::default(),
        };
        let mut registry = metrics.registry.lock();
        registry.register("lists", "Answers to GET /servers, by status", by_status);
        registry.register("reports", "Heartbeats, by what became of them", metrics.reports.clone());
        registry.register("servers", "Servers in the list", metrics.servers.clone());
        registry.register(
            "servers_offered",
            "Those that clients may go to",
            metrics.offered.clone(),
        );
        registry.register(
            "registry_connected",
            "1 where the registry is in reach, or none is shared",
            metrics.connected.clone(),
        );
        registry.register(
            "registry_cut_off_seconds",
            "How long it has been out of reach",
            metrics.cut_off.clone(),
        );
        registry.register("watchers", "Clients on GET /watch", metrics.watchers.clone());
        drop(registry);
        metrics
    }

    pub(crate) fn list_served(&self, status: StatusCode) {
        match status {
            StatusCode::OK => self.lists.sent.inc(),
            StatusCode::NOT_MODIFIED => self.lists.unchanged.inc(),
            _ => self.lists.not_ready.inc(),
        };
    }

    pub(crate) fn reported(&self, refusal: Option<&Error>) {
        let outcome = match refusal.map(|error| error.code) {
            None => "taken",
            Some(Code::Unauthorized | Code::Forbidden) => "forbidden",
            Some(Code::Conflict) => "conflict",
            Some(Code::TooMany | Code::Full) => "too many",
            Some(_) => "invalid",
        };
        self.reports.get_or_create(&[("outcome", outcome.to_owned())]).inc();
    }

    /// All of it, as text. `watchers` is how many watch.
    pub(crate) fn text(&self, seed: &Seed, watchers: usize) -> String {
        let (servers, offered) = match seed.list() {
            Some(list) => (list.servers, list.offered),
            None => (0, 0),
        };
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.servers.set(number(servers));
        self.offered.set(number(offered));
        self.watchers.set(number(watchers));
        let link = seed.link();
        self.connected.set((!matches!(link, Link::CutOff(_))).into());
        self.cut_off.set(match link {
            Link::CutOff(since) => since.elapsed().as_secs_f64(),
            Link::Alone | Link::Connected => 0.0,
        });
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry.lock());
        text
    }
}
