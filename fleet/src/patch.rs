//! Partial changes: a JSON object laid over what is there now.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::error::Error;

/// `current` with the fields of `changes` laid over it. A field that `current` does not have, or a value that does
/// not fit, is an error that names the field.
pub(crate) fn patched<T: Serialize + DeserializeOwned>(current: &T, changes: Map<String, Value>) -> Result<T, Error> {
    let mut merged = fields_of(current);
    for (field, value) in changes {
        match merged.get_mut(&field) {
            Some(slot) => *slot = value,
            None => return Err(unknown_field(&field, merged.keys())),
        }
    }
    read(Value::Object(merged))
}

/// The fields of a settings struct, as JSON names and values.
pub(crate) fn fields_of<T: Serialize>(settings: &T) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

pub(crate) fn unknown_field<'a>(field: &str, known: impl IntoIterator<Item = &'a String>) -> Error {
    let known: Vec<_> = known.into_iter().map(String::as_str).collect();
    Error::invalid(
        format!("there is no field `{field}`"),
        format!("the fields are {}", known.join(", ")),
    )
}

/// Reads a `T` from a JSON value; the error names the field that did not fit.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        let message = match path.as_str() {
            "." => cause.to_string(),
            path => format!("`{path}`: {cause}"),
        };
        Error::invalid(message, "correct this and send the request again")
    })
}
