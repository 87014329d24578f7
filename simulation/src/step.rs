//! Steps as they stand in files: `at` and `do`, and beside them the fields of what happens, all of which must belong to it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value};

use crate::plan::{Step, What};

/// What is said of a type to who writes a file.
const PLAIN: [(&str, &str); 9] = [
    ("expected f64", "expected a number"),
    ("expected u16", "expected a whole number"),
    ("expected u32", "expected a whole number"),
    ("expected usize", "expected a whole number"),
    ("floating point ", "the number "),
    ("a sequence", "a list"),
    ("type: sequence", "type: list"),
    ("a map", "an object"),
    ("type: map", "type: object"),
];

/// What is wrong with a file, and where.
pub(crate) fn problem(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let (at, message) = (error.path().to_string(), plainly(&error.inner().to_string()));
    match message.strip_prefix('`') {
        // A field of a step, which says so itself.
        Some(field) => format!("at `{at}.{field}"),
        None if at == "." => message,
        None => format!("at `{at}`: {message}"),
    }
}

/// A message of serde's without the names of types.
fn plainly(message: &str) -> String {
    let mut plain = message.to_owned();
    for (from, to) in PLAIN {
        plain = plain.replace(from, to);
    }
    match plain.split_once("expected struct ") {
        Some((before, name)) => {
            let after = name.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric());
            format!("{before}expected an object{after}")
        }
        None => plain,
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfStep)
    }
}

struct OfStep;

impl<'de> Visitor<'de> for OfStep {
    type Value = Step;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `at` and `do`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Step, A::Error> {
        let (mut at, mut name, mut fields) = (None, None, Map::new());
        while let Some(key) = map.next_key::<String>()? {
            let is_new = match key.as_str() {
                "at" => at.replace(map.next_value()?).is_none(),
                "do" => name.replace(map.next_value::<String>()?).is_none(),
                _ => fields.insert(key.clone(), map.next_value()?).is_none(),
            };
            if !is_new {
                return Err(A::Error::custom(format!("duplicate field `{key}`")));
            }
        }
        let at = at.ok_or_else(|| A::Error::missing_field("at"))?;
        let name = name.ok_or_else(|| A::Error::missing_field("do"))?;
        let prefix = format!("{name}.");
        let what = Value::Object(Map::from_iter([(name, Value::Object(fields))]));
        let what: What = serde_path_to_error::deserialize(what).map_err(|error| {
            let path = error.path().to_string();
            A::Error::custom(match path.strip_prefix(&prefix) {
                Some(field) => format!("`{field}`: {}", error.inner()),
                None => error.inner().to_string(),
            })
        })?;
        Ok(Step { at, what })
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let what = serde_json::to_value(&self.what).map_err(S::Error::custom)?;
        let fields = what.get(self.what.name()).and_then(Value::as_object);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &self.at)?;
        map.serialize_entry("do", self.what.name())?;
        for (name, value) in fields.into_iter().flatten() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
