//! The HTTP interface.
//!
//! | request | does |
//! |---|---|
//! | `GET /servers` | the list |
//! | `GET /watch` | the list as server-sent events (`list`), at once and whenever it changes |
//! | `PUT /servers/ID` | a server's [heartbeat](crate::report::Report): `{reportAfter, ttl}` |
//! | `PUT /servers` | those of several, as `{servers: [{id, …}]}`: the same with `accepted` and `rejected` |
//! | `DELETE /servers/ID` | it takes its leave: 204 |
//! | `POST /servers/ID/drain` | its users are sent away, whatever it reports: 204 |
//! | `DELETE /servers/ID/drain` | that is taken back: 204 |
//! | `GET /healthz` | 200 while the process lives |
//! | `GET /readyz` | 200 while it serves a list |
//! | `GET /metrics` | for Prometheus |
//!
//! Whatever changes something takes a token ([`access`](crate::access)). Every error is `{error: {code, message, remedy}}`,
//! but that of a request which does not end (408).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::access::{Access, Token};
use crate::error::{Code, Error};
use crate::list::List;
use crate::metrics::Metrics;
use crate::registry::MOST_SERVERS;
use crate::report::Report;
use crate::seed::Seed;
use crate::watch;

/// Bytes that one heartbeat may have.
const MOST_OF_ONE: usize = 16 * 1_024;
/// Bytes that those of several may have together.
const MOST_OF_SEVERAL: usize = 4 * 1_024 * 1_024;
/// A request that has not been read by then is given up.
const LONGEST_REQUEST: Duration = Duration::from_secs(10);
/// A seed whose last list is so old is not ready any more: twice the longest time from one to the next.
const STUCK: Duration = Duration::from_secs(120);
/// A server reports so often within its ttl, so that two reports may go astray.
const REPORTS_IN_TTL: u32 = 3;
/// Reports are spread by so much, so that servers that started together do not report together for ever.
const SPREAD: std::ops::Range<f64> = 0.85..1.0;
/// How long a page may remember what a preflight told it.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(3_600);

/// What requests are answered from.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) seed: Arc<Seed>,
    pub(crate) access: Access,
    pub(crate) metrics: Metrics,
    pub(crate) cache_control: HeaderValue,
    pub(crate) watchers: watch::Watchers,
}

type Shared = State<Arc<Service>>;

/// Everything that a seed answers, to any origin.
pub(crate) fn router(service: Arc<Service>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET])
        // The option `request` may add any, for a proxy in between perhaps.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::AGE, header::ETAG, header::RETRY_AFTER])
        // Caches keep no preflights, and some keep nothing that varies by more than the encoding.
        .vary([])
        .max_age(PREFLIGHT_MAX_AGE);
    Router::new()
        .route("/servers", get(list))
        .route("/watch", get(watch::answer))
        .route(
            "/servers",
            put(report_several).layer(DefaultBodyLimit::max(MOST_OF_SEVERAL)),
        )
        .route(
            "/servers/{id}",
            put(report).delete(leave).layer(DefaultBodyLimit::max(MOST_OF_ONE)),
        )
        .route("/servers/{id}/drain", post(drain).delete(end_drain))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            LONGEST_REQUEST,
        ))
        // What is refused says so to whom it is refused, and does not fill the logs.
        .layer(TraceLayer::new_for_http().on_failure(()))
        .layer(cors)
        .with_state(service)
}

async fn list(State(service): Shared, request: HeaderMap) -> Response {
    let response = match service.seed.list() {
        Some(list) => listed(&list, &service.cache_control, &request),
        None => not_ready(&service.seed),
    };
    service.metrics.list_served(response.status());
    response
}

fn listed(list: &List, cache_control: &HeaderValue, request: &HeaderMap) -> Response {
    let unchanged = request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|known| names(known, &list.etag));
    let age = Instant::now().duration_since(list.made).as_secs();
    let headers = [
        (header::CACHE_CONTROL, cache_control.clone()),
        (header::ETAG, list.etag.clone()),
        (header::AGE, HeaderValue::from(age)),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if unchanged {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let encoded = |encoding| {
        [
            json.clone(),
            (header::CONTENT_ENCODING, HeaderValue::from_static(encoding)),
        ]
    };
    if accepts(request, "br") {
        (headers, encoded("br"), list.brotli.clone()).into_response()
    } else if accepts(request, "gzip") {
        (headers, encoded("gzip"), list.gzip.clone()).into_response()
    } else {
        (headers, [json], list.body.clone()).into_response()
    }
}

/// Does an `If-None-Match` name this tag? Caches may have made a weak one strong, or the other way.
fn names(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    match (known.to_str(), etag.to_str()) {
        (Ok(known), Ok(etag)) => known.split(',').any(|tag| tag.trim() == "*" || bare(tag) == bare(etag)),
        _ => false,
    }
}

/// Does the request take this encoding? Preferences between them are not asked for: the smallest is sent.
fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    let mut offers = request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    offers.any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let refused = |part: &str| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding)) && !parts.any(refused)
    })
}

/// The seed has not heard from everyone yet, and half a list would send all clients to the servers that are in it.
pub(crate) fn not_ready(seed: &Seed) -> Response {
    let error = Error::new(
        Code::NotReady,
        "this seed has just started and waits for its servers to report",
        "ask again when Retry-After says",
    );
    let seconds = seed.not_ready_for().as_secs() + 1;
    ([(header::RETRY_AFTER, HeaderValue::from(seconds))], error).into_response()
}

/// A JSON body. What does not fit is told in the seed's own words.
struct Body(Value);

impl FromRequest<Arc<Service>> for Body {
    type Rejection = Error;

    async fn from_request(request: Request, state: &Arc<Service>) -> Result<Self, Error> {
        // Nothing is read of who may not report: it may be megabytes.
        state
            .access
            .token(request.headers())
            .inspect_err(|error| state.metrics.reported(Some(error)))?;
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let message =
                    format!("a heartbeat has at most {MOST_OF_ONE} bytes, those of several {MOST_OF_SEVERAL}");
                Error::new(Code::TooLarge, message, "send less, or several requests")
            } else {
                Error::invalid(
                    format!("the body cannot be read: {rejection}"),
                    "send the request again",
                )
            }
        })?;
        let value = serde_json::from_slice(&bytes);
        value.map(Self).map_err(|error| {
            let remedy = "send JSON, as {\"url\": \"wss://lon-1.example.com/ws\", \"users\": 812}";
            Error::invalid(format!("the body is no JSON: {error}"), remedy)
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    /// Seconds until the next report is expected.
    report_after: f64,
    /// Seconds that this one is good for.
    ttl: f64,
}

impl Accepted {
    fn new(ttl: Duration) -> Self {
        let pause = ttl / REPORTS_IN_TTL;
        let spread = SPREAD.start + (SPREAD.end - SPREAD.start) * fastrand::f64();
        Self {
            report_after: (pause.as_secs_f64() * spread * 1_000.0).round() / 1_000.0,
            ttl: ttl.as_secs_f64(),
        }
    }
}

async fn report(
    State(service): Shared,
    Path(id): Path<String>,
    request: HeaderMap,
    Body(body): Body,
) -> Result<Json<Accepted>, Error> {
    let outcome = service.access.token(&request).and_then(|token| {
        token.check_rate(1)?;
        take_report(&service.seed, token, &id, body)
    });
    service.metrics.reported(outcome.as_ref().err());
    outcome.map(|ttl| Json(Accepted::new(ttl)))
}

fn take_report(seed: &Seed, token: &Token, id: &str, body: Value) -> Result<Duration, Error> {
    token.check_id(id)?;
    let report = Report::read(id, body)?;
    token.check_url(&report.url)?;
    seed.report(id, report)
}

#[derive(Deserialize)]
struct Several {
    servers: Vec<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AcceptedSeveral {
    #[serde(flatten)]
    accepted_until: Accepted,
    /// How many were taken.
    accepted: usize,
    /// Those that were not, and why.
    rejected: Vec<Rejected>,
}

#[derive(Serialize)]
struct Rejected {
    /// Its place in the request.
    index: usize,
    error: Error,
}

async fn report_several(
    State(service): Shared,
    request: HeaderMap,
    Body(body): Body,
) -> Result<Json<AcceptedSeveral>, Error> {
    let token = service.access.token(&request)?;
    let Several { servers } = serde_json::from_value(body).map_err(|error| {
        Error::invalid(
            format!("no heartbeats: {error}"),
            "send {\"servers\": [{\"id\": …}, …]}",
        )
    })?;
    if servers.len() > MOST_SERVERS {
        return Err(Error::new(
            Code::TooLarge,
            format!("{} heartbeats in one request", servers.len()),
            format!("send at most {MOST_SERVERS}"),
        ));
    }
    token.check_rate(servers.len())?;
    let (mut shortest, mut accepted, mut rejected) = (None::<Duration>, 0, Vec::new());
    for (index, body) in servers.into_iter().enumerate() {
        let id = body.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let outcome = take_report(&service.seed, token, &id, body);
        service.metrics.reported(outcome.as_ref().err());
        match outcome {
            Ok(ttl) => {
                shortest = Some(shortest.map_or(ttl, |shortest| shortest.min(ttl)));
                accepted += 1;
            }
            Err(error) => rejected.push(Rejected { index, error }),
        }
    }
    Ok(Json(AcceptedSeveral {
        accepted_until: Accepted::new(shortest.unwrap_or(service.seed.times().heartbeat_ttl)),
        accepted,
        rejected,
    }))
}

/// Whatever is said of a server counts towards its token's rate.
fn may_speak_for(service: &Service, id: &str, request: &HeaderMap) -> Result<(), Error> {
    let token = service.access.token(request)?;
    token.check_rate(1)?;
    token.check_id(id)
}

async fn leave(State(service): Shared, Path(id): Path<String>, request: HeaderMap) -> Result<StatusCode, Error> {
    may_speak_for(&service, &id, &request)?;
    service.seed.leave(&id)?;
    tracing::info!(id, "left");
    Ok(StatusCode::NO_CONTENT)
}

async fn drain(State(service): Shared, Path(id): Path<String>, request: HeaderMap) -> Result<StatusCode, Error> {
    set_drain(&service, &id, &request, true)
}

async fn end_drain(State(service): Shared, Path(id): Path<String>, request: HeaderMap) -> Result<StatusCode, Error> {
    set_drain(&service, &id, &request, false)
}

fn set_drain(service: &Service, id: &str, request: &HeaderMap, drained: bool) -> Result<StatusCode, Error> {
    may_speak_for(service, id, request)?;
    service.seed.drain(id, drained)?;
    tracing::info!(id, drained, "an operator has spoken");
    Ok(StatusCode::NO_CONTENT)
}

async fn ready(State(service): Shared) -> Response {
    match service.seed.list() {
        None => not_ready(&service.seed),
        Some(list) if list.made.elapsed() > STUCK => Error::new(
            Code::NotReady,
            "no list has been made for a while",
            "see the logs, and start this seed anew",
        )
        .into_response(),
        Some(_) => "ready\n".into_response(),
    }
}

async fn metrics(State(service): Shared) -> Response {
    let text = service.metrics.text(&service.seed, service.watchers.count());
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, media)], text).into_response()
}

async fn unknown_path() -> Error {
    Error::new(
        Code::Unknown,
        "there is nothing at this path",
        "the list is at /servers; `evenkeel-seed --help` names the others",
    )
}

async fn wrong_method() -> Error {
    Error::new(
        Code::MethodNotAllowed,
        "this path takes other methods",
        "heartbeats are PUT /servers/ID; `evenkeel-seed --help` names the others",
    )
}
