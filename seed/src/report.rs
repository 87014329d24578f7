//! What a server says of itself: a heartbeat.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use url::Url;

use crate::error::Error;

/// Longest id, in bytes.
pub const LONGEST_ID: usize = 256;
/// Longest URL, in bytes: clients read none that is longer.
pub const LONGEST_URL: usize = 2_048;
/// Bytes of JSON that the fields of the operator's own may have together.
pub const MOST_EXTRA: usize = 2_048;
/// Seconds that a heartbeat may be good for.
pub const TTL: std::ops::RangeInclusive<u64> = 1..=3_600;

/// A heartbeat: the server's entry in the list as the server sees it, and how long it is good for.
///
/// Every field is that of the list. What a heartbeat leaves out is left out of the list too, where the client's defaults
/// are in force: each heartbeat stands for itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Where clients reach it: `ws:`, `wss:`, `http:` or `https:`.
    pub url: String,
    /// Connections that it serves now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<u64>,
    /// Users that fill it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Number>,
    /// Priority group; lower is preferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Relative size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Number>,
    /// Handshakes a second that it can take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_rate: Option<Number>,
    /// Whether its users should leave, and nobody else come.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draining: bool,
    /// Seconds without another heartbeat after which it counts as lost; the seed's own where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// Fields of the operator's own, handed on to clients as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Report {
    /// Reads and checks the heartbeat of the server `id`.
    pub fn read(id: &str, value: Value) -> Result<Self, Error> {
        check_id(id)?;
        let mut report: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            let at = error.path().to_string();
            let place = if at == "." { String::new() } else { format!("`{at}`: ") };
            Error::invalid(
                format!("no heartbeat: {place}{}", error.inner()),
                "send an object with at least `url`; the fields are those of the list",
            )
        })?;
        report.check(id)?;
        Ok(report)
    }

    /// How long it is good for, if nothing else is said.
    pub fn ttl(&self, default: Duration) -> Duration {
        self.ttl.map_or(default, Duration::from_secs)
    }

    fn check(&mut self, id: &str) -> Result<(), Error> {
        match self.extra.remove("id") {
            Some(said) if said != id => {
                return Err(Error::invalid(
                    format!("the heartbeat says that its id is {said}, the request that it is \"{id}\""),
                    "leave it out of the heartbeat, or make them agree",
                ));
            }
            _ => {}
        }
        if self.extra.contains_key("available") {
            return Err(Error::invalid(
                "`available` is nothing that a heartbeat says",
                "leave it out: whoever reports is available; `draining: true` keeps clients away",
            ));
        }
        check_url(&self.url)?;
        check_numbers(&self.capacity, &self.weight, &self.connect_rate)?;
        if self.ttl.is_some_and(|ttl| !TTL.contains(&ttl)) {
            return Err(Error::invalid(
                format!("`ttl` is {}", self.ttl.unwrap_or_default()),
                format!("give {} to {} seconds, or leave it out", TTL.start(), TTL.end()),
            ));
        }
        let extra = serde_json::to_string(&self.extra).map_or(usize::MAX, |text| text.len());
        if extra > MOST_EXTRA {
            return Err(Error::invalid(
                format!("the fields of your own have {extra} bytes"),
                format!("keep them within {MOST_EXTRA}: every client reads them with every list"),
            ));
        }
        Ok(())
    }
}

/// Whether this can be a server's id: what a path segment and a log line can hold.
pub fn check_id(id: &str) -> Result<(), Error> {
    if id.is_empty() || id.len() > LONGEST_ID || id.chars().any(char::is_control) {
        return Err(Error::invalid(
            format!("an id of {} bytes, or one with control characters", id.len()),
            format!("use 1 to {LONGEST_ID} bytes of text, as \"lon-1\""),
        ));
    }
    Ok(())
}

/// Whether these can be a server's, in a heartbeat as in an operator's file.
pub(crate) fn check_numbers(
    capacity: &Option<Number>,
    weight: &Option<Number>,
    connect_rate: &Option<Number>,
) -> Result<(), Error> {
    let numbers = [
        ("capacity", capacity, 0.0),
        ("weight", weight, 0.0),
        ("connectRate", connect_rate, f64::MIN_POSITIVE),
    ];
    for (name, value, least) in numbers {
        if let Some(number) = value
            && !number
                .as_f64()
                .is_some_and(|number| number.is_finite() && number >= least)
        {
            return Err(Error::invalid(
                format!("`{name}` is {number}"),
                "give a number that is not negative, or leave it out; a rate of 0 would let nobody in",
            ));
        }
    }
    Ok(())
}

/// The host that a server's URL names.
pub fn host(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

fn check_url(text: &str) -> Result<(), Error> {
    let wrong = |what: String| Error::invalid(what, "give the server's own, as \"wss://lon-1.example.com/ws\"");
    if text.len() > LONGEST_URL {
        return Err(wrong(format!("`url` has {} bytes, {LONGEST_URL} are read", text.len())));
    }
    let url = Url::parse(text).map_err(|error| wrong(format!("`url` cannot be read: {error}")))?;
    if !matches!(url.scheme(), "ws" | "wss" | "http" | "https") {
        return Err(wrong(format!("`url` begins with `{}:`", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "`url` has a user name or a password, which every client would read".to_owned(),
        ));
    }
    Ok(())
}
