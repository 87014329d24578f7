//! The command line.

use std::ffi::OsString;

use clap::Parser;

use crate::error::Error;
use crate::fleet::{FleetSpec, ServerSpec};
use crate::mount::Mount;
use crate::seed::SeedSpec;
use crate::service::Options;

const GROUP_KEYS: &str = "id, priority, count, capacity, weight, connect-rate, base and port";

const EXAMPLES: &str = "\
Each --group is a number of servers that are alike, as KEY=VALUE,KEY=VALUE,…
  id            first part of their names: lon gives lon-1, lon-2, … [default: s and a number]
  priority      priority group, lower is preferred [default: 0]
  count         how many [default: 1]
  capacity      users that fill one of them [default: 100]
  weight        relative size [default: not said]
  connect-rate  handshakes a second one of them can take [default: not said]
  base          users counted in addition to the open connections [default: 0]
  port          port of the first, the others follow [default: any free ports]
Without any, there are three servers in group 0 and two in group 1.

Example:
  evenkeel-fleet --group priority=0,count=3,capacity=60,base=10 --group priority=1,count=2 --serve /=www

Faults, on command:
  curl -X PATCH localhost:8090/fleets/default/servers/s1 -d '{\"alive\":false}'
  curl -X PATCH localhost:8090/fleets/default/list -d '{\"mode\":\"fail\"}'
  curl -X POST localhost:8090/fleets/default/reset";

/// WebSocket servers to choose from, with faults on command: each on its own port, a list of them over HTTP, and an
/// HTTP API to make them die, freeze, refuse, drain and lie.
#[derive(Debug, Parser)]
#[command(name = "evenkeel-fleet", version, after_help = EXAMPLES)]
struct Arguments {
    /// Name or address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,

    /// Host name in the URLs that clients get [default: that of --host].
    #[arg(long, value_name = "HOST")]
    public_host: Option<String>,

    /// Port of the list and the control API; 0: any free one.
    #[arg(long, default_value_t = 8090)]
    port: u16,

    /// Servers that are alike, as "priority=0,count=3,capacity=60"; repeatable.
    #[arg(long = "group", value_name = "KEY=VALUE,…", value_parser = group)]
    groups: Vec<ServerSpec>,

    /// Milliseconds from one making of the list to the next [default: 1000].
    #[arg(long, value_name = "MS")]
    refresh: Option<u32>,

    /// Seconds the list may be relied on [default: 2].
    #[arg(long, value_name = "S")]
    ttl: Option<u32>,

    /// Milliseconds from a server's death until it is listed as unavailable [default: 1000].
    #[arg(long, value_name = "MS")]
    detection: Option<u32>,

    /// Report to the seed with this list, as http://127.0.0.1:8080/servers, and pass its list on at /servers.
    #[arg(long, value_name = "URL")]
    seed: Option<String>,

    /// What servers show the seed that they may report.
    #[arg(long, value_name = "SECRET", env = "EVENKEEL_SEED_TOKEN", hide_env_values = true)]
    seed_token: Option<String>,

    /// Serve the files of a folder at a path, as "/=www"; repeatable.
    #[arg(long = "serve", value_name = "MOUNT=DIR")]
    mounts: Vec<Mount>,
}

/// Reads a command line, the program's name first. The error can also be the help that was asked for.
pub fn options(line: impl IntoIterator<Item = OsString>) -> Result<Options, clap::Error> {
    let arguments = Arguments::try_parse_from(line)?;
    let servers = if arguments.groups.is_empty() {
        [(0, 3), (1, 2)]
            .map(|(priority, count)| ServerSpec {
                priority,
                count,
                ..ServerSpec::default()
            })
            .into()
    } else {
        arguments.groups
    };
    Ok(Options {
        host: arguments.host,
        public_host: arguments.public_host,
        port: arguments.port,
        fleet: FleetSpec {
            name: None,
            servers,
            refresh: arguments.refresh,
            ttl: arguments.ttl,
            detection: arguments.detection,
            seed: arguments.seed.map(|url| SeedSpec {
                url,
                token: arguments.seed_token,
            }),
        },
        mounts: arguments.mounts,
    })
}

/// Reads the text of a `--group`.
fn group(text: &str) -> Result<ServerSpec, Error> {
    let mut spec = ServerSpec::default();
    for pair in text.split(',') {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Error::invalid(
                format!("`{pair}` is not KEY=VALUE"),
                "write it as priority=0,count=3",
            ));
        };
        let value = value.trim();
        match key.trim() {
            "id" => spec.id = Some(value.to_owned()),
            "priority" => spec.priority = number(key, value)?,
            "count" => spec.count = number(key, value)?,
            "capacity" => spec.capacity = Some(number(key, value)?),
            "weight" => spec.weight = Some(number(key, value)?),
            "connect-rate" => spec.connect_rate = Some(number(key, value)?),
            "base" => spec.base_users = number(key, value)?,
            "port" => spec.port = number(key, value)?,
            key => {
                return Err(Error::invalid(
                    format!("there is no key `{key}`"),
                    format!("the keys are {GROUP_KEYS}"),
                ));
            }
        }
    }
    Ok(spec)
}

fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, Error>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error| {
        Error::invalid(
            format!("`{key}` is `{value}`: {error}"),
            format!("give a number, as {key}=1"),
        )
    })
}
