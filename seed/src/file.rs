//! The operator's file: servers that do not report, and what is to hold whatever servers say.
//!
//! ```toml
//! heartbeat = 20            # every server sends each of its clients a message at least so often, in seconds
//!
//! [[servers]]
//! id = "lon-1"
//! url = "wss://lon-1.example.com/ws"
//! capacity = 2000
//!
//! [overrides.ams-1]
//! draining = true
//! priority = 2
//! ```
//!
//! JSON with the same fields will do as well.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Number;

use crate::error::Error;
use crate::registry::MOST_SERVERS;
use crate::report::{Report, check_id, check_numbers};

/// What the file says.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct File {
    /// Servers that are listed without a heartbeat, by name. One that reports is what it reports, from then on.
    pub servers: BTreeMap<String, Listed>,
    /// What holds for a server of this name, whatever is said elsewhere.
    pub overrides: BTreeMap<String, Override>,
    /// The list's `heartbeat`: seconds within which every server sends a message.
    pub heartbeat: Option<f64>,
}

/// A server of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its fields.
    pub report: Report,
    /// Whether clients may connect.
    pub available: bool,
}

/// Fields of a server's entry that an operator has the last word on.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Override {
    /// False: in no list at all.
    pub listed: Option<bool>,
    /// Whether clients may connect.
    pub available: Option<bool>,
    /// Whether its users should leave.
    pub draining: Option<bool>,
    /// Priority group.
    pub priority: Option<u8>,
    /// Users that fill it.
    pub capacity: Option<Number>,
    /// Relative size.
    pub weight: Option<Number>,
    /// Handshakes a second that it can take.
    pub connect_rate: Option<Number>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    #[serde(default)]
    servers: Vec<serde_json::Value>,
    #[serde(default)]
    overrides: BTreeMap<String, Override>,
    heartbeat: Option<f64>,
}

impl File {
    /// Reads a file, by its name's ending as TOML or JSON.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let name = path.display();
        let wrong = |what: String| Error::invalid(format!("{name}: {what}"), "correct the file; `--help` shows one");
        let written: Written = match path.extension().and_then(|ending| ending.to_str()) {
            Some("json") => serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?,
            Some("toml") => toml::from_str(text).map_err(|error| wrong(error.to_string()))?,
            _ => return Err(wrong("its name ends neither in .toml nor in .json".to_owned())),
        };
        if written.servers.len() > MOST_SERVERS {
            return Err(wrong(format!("more than {MOST_SERVERS} servers")));
        }
        if written
            .heartbeat
            .is_some_and(|seconds| !(seconds.is_finite() && seconds > 0.0))
        {
            return Err(wrong("`heartbeat` is no number of seconds".to_owned()));
        }
        let mut servers = BTreeMap::new();
        for (position, value) in written.servers.into_iter().enumerate() {
            let (id, listed) = server(value).map_err(|error| wrong(format!("server {}: {error}", position + 1)))?;
            if servers.insert(id.clone(), listed).is_some() {
                return Err(wrong(format!("two servers have the id `{id}`")));
            }
        }
        for (id, over) in &written.overrides {
            check_numbers(&over.capacity, &over.weight, &over.connect_rate)
                .map_err(|error| wrong(format!("the override of `{id}`: {error}")))?;
        }
        Ok(Self {
            servers,
            overrides: written.overrides,
            heartbeat: written.heartbeat,
        })
    }

    /// What holds for the server of this name.
    pub fn of(&self, id: &str) -> Option<&Override> {
        self.overrides.get(id)
    }

    /// The servers of the file that are not among these.
    pub fn others<'a>(&'a self, reporting: &HashSet<&str>) -> impl Iterator<Item = (&'a str, &'a Listed)> {
        (self.servers.iter())
            .filter(|(id, _)| !reporting.contains(id.as_str()))
            .map(|(id, listed)| (id.as_str(), listed))
    }
}

fn server(mut value: serde_json::Value) -> Result<(String, Listed), Error> {
    let field =
        |value: &mut serde_json::Value, name: &str| value.as_object_mut().and_then(|fields| fields.remove(name));
    let available = match field(&mut value, "available") {
        None => true,
        Some(serde_json::Value::Bool(available)) => available,
        Some(other) => {
            return Err(Error::invalid(format!("`available` is {other}"), "say true or false"));
        }
    };
    // Without a name it has that of its address, as in any list.
    let name = |value: &serde_json::Value, field: &str| value.get(field)?.as_str().map(str::to_owned);
    let id = name(&value, "id").or_else(|| name(&value, "url")).unwrap_or_default();
    check_id(&id)?;
    let report = Report::read(&id, value)?;
    Ok((id, Listed { report, available }))
}
