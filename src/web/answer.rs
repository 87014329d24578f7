//! A seed's answer, read: its headers, its status, its list.

use gloo_net::http::Response;
use wasm_bindgen::prelude::*;
use web_sys::Url;

use crate::cause::SeedFailure;
use crate::list::ServerList;
use crate::list::read::{Dropped, Envelope, ListError, read};
use crate::time::Duration;

/// Reads a document against the address it came from.
pub(crate) fn read_document(
    document: &JsValue,
    envelope: Envelope,
    base: &str,
) -> Result<(ServerList, Vec<Dropped>), ListError> {
    read(document, envelope, |written| {
        // An absolute URL needs no base, and must not fail for want of one.
        let url = if base.is_empty() {
            Url::new(written)
        } else {
            Url::new_with_base(written, base)
        };
        url.ok().map(|url| url.href())
    })
}

/// What the headers of an answer say of the list in it, where the page may read them.
pub(crate) fn envelope(response: &Response) -> Envelope {
    let headers = response.headers();
    Envelope {
        age: headers.get("age").and_then(|value| seconds(&value)),
        max_age: headers.get("cache-control").and_then(|value| max_age(&value)),
    }
}

/// What an answer without success means, and how long the seed wants to be left alone.
pub(crate) fn refusal(response: &Response) -> (SeedFailure, Option<Duration>) {
    let retry_after = response.headers().get("retry-after").and_then(|value| {
        seconds(&value).or_else(|| {
            let until = js_sys::Date::parse(&value) - js_sys::Date::now();
            (until > 0.0).then(|| Duration::from_millis(until))
        })
    });
    (SeedFailure::of_status(response.status()), retry_after)
}

/// What it means that the face could not get a document.
pub(crate) fn failure(code: &str) -> SeedFailure {
    match code {
        "list-not-json" | "list-too-large" => SeedFailure::BadList,
        _ => SeedFailure::Unreachable,
    }
}

fn seconds(value: &str) -> Option<Duration> {
    let seconds: u32 = value.trim().parse().ok()?;
    Some(Duration::from_secs(f64::from(seconds)))
}

fn max_age(cache_control: &str) -> Option<Duration> {
    let mut directives = cache_control.split(',').map(str::trim);
    directives.find_map(|directive| seconds(directive.strip_prefix("max-age=")?))
}
