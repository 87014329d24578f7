//! Server lists from JSON text, for native drivers: the simulation, the crowd, the tests. (The browser has a parser of
//! its own, and ours would cost a page more bytes than the whole core.)

use serde_json::Value;

use super::ServerList;
use super::read::{Dropped, Envelope, ListError, Name, Node, Scalar, read};

impl Node for Option<&Value> {
    fn scalar(&self) -> Scalar {
        match self {
            None | Some(Value::Null) => Scalar::Absent,
            Some(Value::Bool(value)) => Scalar::Bool(*value),
            Some(Value::Number(number)) => Scalar::Number(number.as_f64().unwrap_or(f64::NAN)),
            Some(Value::String(text)) => Scalar::Text(text.clone()),
            Some(Value::Array(_) | Value::Object(_)) => Scalar::Nested,
        }
    }

    fn length(&self) -> Option<u32> {
        self.and_then(Value::as_array)
            .map(|items| u32::try_from(items.len()).unwrap_or(u32::MAX))
    }

    fn item(&self, index: u32) -> Self {
        self.and_then(|array| array.get(index as usize))
    }

    fn member(&self, name: Name) -> Self {
        let name = match name {
            Name::Servers => "servers",
            Name::Version => "version",
            Name::Age => "age",
            Name::Ttl => "ttl",
            Name::RetryAfter => "retryAfter",
            Name::Id => "id",
            Name::Url => "url",
            Name::Available => "available",
            Name::Users => "users",
            Name::Priority => "priority",
            Name::Capacity => "capacity",
            Name::Weight => "weight",
            Name::Draining => "draining",
            Name::ConnectRate => "connectRate",
        };
        self.and_then(|object| object.get(name))
    }

    fn is_object(&self) -> bool {
        self.is_some_and(|value| value.is_object() || value.is_array())
    }
}

/// Reads a parsed document that came from `base`.
///
/// # Errors
///
/// As [`read`](super::read::read).
pub fn from_value(
    document: &Value,
    envelope: Envelope,
    base: &url::Url,
) -> Result<(ServerList, Vec<Dropped>), ListError> {
    read(&Some(document), envelope, |written| {
        base.join(written).ok().map(String::from)
    })
}
