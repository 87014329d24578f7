//! Server lists from JSON text, for native drivers: the simulation, the crowd, the tests. (The browser has a parser of
//! its own, and ours would cost a page more bytes than the whole core.)

use serde_json::Value;

use super::ServerList;
use super::read::{Address, Dropped, Entry, Envelope, Header, ListError, Scalar, read};

/// Reads a parsed document that came from `base`.
///
/// # Errors
///
/// As [`read`], and [`ListError::Invalid`] if it is neither an array nor an object with an array
/// `servers`.
pub fn from_value(
    document: &Value,
    envelope: Envelope,
    base: &url::Url,
) -> Result<(ServerList, Vec<Dropped>), ListError> {
    let servers = document.get("servers").unwrap_or(document);
    let servers = servers.as_array().ok_or(ListError::Invalid)?;
    let header = Header {
        version: scalar(document, "version"),
        age: scalar(document, "age"),
        ttl: scalar(document, "ttl"),
        retry_after: scalar(document, "retryAfter"),
        heartbeat: scalar(document, "heartbeat"),
    };
    let length = u32::try_from(servers.len()).unwrap_or(u32::MAX);
    let entries = servers.iter().map(|entry| entry.is_object().then(|| of(entry, base)));
    read(header, length, entries, envelope)
}

fn of<'a>(entry: &'a Value, base: &url::Url) -> Entry<'a> {
    Entry {
        url: match entry.get("url").and_then(Value::as_str) {
            None | Some("") => Address::Missing,
            Some(written) => base
                .join(written)
                .map_or(Address::Unparsable, |url| Address::Absolute(String::from(url).into())),
        },
        id: scalar(entry, "id"),
        available: scalar(entry, "available"),
        users: scalar(entry, "users"),
        priority: scalar(entry, "priority"),
        capacity: scalar(entry, "capacity"),
        weight: scalar(entry, "weight"),
        draining: scalar(entry, "draining"),
        connect_rate: scalar(entry, "connectRate"),
        rank: Scalar::Absent,
    }
}

fn scalar<'a>(object: &'a Value, name: &str) -> Scalar<'a> {
    match object.get(name) {
        None | Some(Value::Null) => Scalar::Absent,
        Some(Value::Bool(value)) => Scalar::Bool(*value),
        Some(Value::Number(number)) => Scalar::Number(number.as_f64().unwrap_or(f64::NAN)),
        Some(Value::String(text)) => Scalar::Text(text),
        Some(Value::Array(_) | Value::Object(_)) => Scalar::Nested,
    }
}
