//! The list endpoint: the list over HTTP, or one of the faults that such an endpoint can have.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use headers::{ETag, HeaderMapExt, IfNoneMatch, RetryAfter};
use tokio::time::{Instant, sleep};

use crate::behaviour::{ListBehaviour, ListMode};
use crate::error::{Error, ErrorKind};
use crate::fleet::Fleet;

/// What a proxy in a hotel answers to every request before one has logged in.
const CAPTIVE_PORTAL: &str = "<!doctype html>\n<html lang=\"en\"><title>Welcome</title>\
    <p>Please <a href=\"/login\">log in</a> to use this network.</p></html>\n";

/// A list of which only the beginning arrived.
const GARBAGE: &str = r#"{"version":"1","age":0,"ttl":2,"servers":[{"id":"s1","url":"ws://12"#;

const JSON: (HeaderName, &str) = (header::CONTENT_TYPE, "application/json");
const NO_STORE: (HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

/// The answer to a request for the list of `fleet`, as its [`ListBehaviour`] says.
pub(crate) async fn answer(fleet: &Fleet, request: &HeaderMap) -> Result<Response, Error> {
    let delay = fleet.list_behaviour().delay;
    if delay > 0 {
        sleep(Duration::from_millis(delay.into())).await;
    }
    let behaviour = fleet.list_behaviour();
    if let Some(url) = &behaviour.redirect {
        return Ok(([NO_STORE], Redirect::temporary(url)).into_response());
    }
    Ok(match behaviour.mode {
        ListMode::Ok | ListMode::Stale => return list(fleet, request),
        ListMode::Fail => failure(&behaviour),
        ListMode::Hang => {
            fleet.ended().await;
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        ListMode::Garbage => ([JSON, NO_STORE], GARBAGE).into_response(),
        ListMode::Html => (
            [(header::CONTENT_TYPE, "text/html; charset=utf-8"), NO_STORE],
            CAPTIVE_PORTAL,
        )
            .into_response(),
        ListMode::Empty => ([JSON, NO_STORE], r#"{"servers":[]}"#).into_response(),
    })
}

fn list(fleet: &Fleet, request: &HeaderMap) -> Result<Response, Error> {
    let list = fleet.list();
    let now = Instant::now();
    let no_form = |error: &dyn std::fmt::Display| {
        let message = format!("the list cannot be sent: {error}");
        Error::new(ErrorKind::System, message, "report this")
    };
    let etag: ETag = list.etag(now).parse().map_err(|error| no_form(&error))?;
    let unchanged = request
        .typed_get::<IfNoneMatch>()
        .is_some_and(|known| !known.precondition_passes(&etag));
    let max_age = [(header::CACHE_CONTROL, format!("max-age={}", list.ttl()))];
    let mut response = if unchanged {
        (StatusCode::NOT_MODIFIED, max_age).into_response()
    } else {
        let body = list.body(now).map_err(|error| no_form(&error))?;
        ([JSON], max_age, body).into_response()
    };
    response.headers_mut().typed_insert(etag);
    Ok(response)
}

fn failure(behaviour: &ListBehaviour) -> Response {
    // The status has been checked when it was set.
    let status = StatusCode::from_u16(behaviour.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = (
        status,
        [JSON, NO_STORE],
        r#"{"error":"the list endpoint was told to fail","remedy":"PATCH its mode to ok"}"#,
    )
        .into_response();
    if let Some(seconds) = behaviour.retry_after {
        let delay = Duration::from_secs(seconds.into());
        response.headers_mut().typed_insert(RetryAfter::delay(delay));
    }
    response
}
