//! The command line.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::access::{TokenSpec, parse};
use crate::error::Error;
use crate::redis::Registry;
use crate::seed::Times;
use crate::service::Options;

const MORE: &str = "\
Servers report like this, again whenever the answer's `reportAfter` (seconds) is over:
  curl -X PUT localhost:8080/servers/lon-1 -H 'authorization: Bearer SECRET' \\
    -d '{\"url\":\"wss://lon-1.example.com/ws\",\"users\":812,\"capacity\":2000}'
Also: priority, weight, connectRate, draining, ttl (seconds), and fields of your own, which clients are handed.
Several in one request: PUT /servers with {\"servers\":[{\"id\":\"lon-1\",…},…]}.
A server that ends says so with DELETE /servers/lon-1, or is listed as unavailable once its ttl is over.

Operators:
  POST, DELETE /servers/lon-1/drain  send its users away, take that back
  GET /healthz, /readyz, /metrics    for the supervisor, the load balancer, Prometheus

Pages: GET /servers, or GET /watch for server-sent events.

The file of --file (TOML, or JSON with the same fields; read again when it changes):
  [[servers]]                        # listed without reporting
  id = \"ams-1\"
  url = \"wss://ams-1.example.com/ws\"
  capacity = 2000
  [overrides.lon-1]                  # holds whatever the server says: listed, available, draining,
  draining = true                    # priority, capacity, weight, connectRate

The file of --tokens (TOML):
  [[tokens]]
  name = \"london\"
  secret = \"…\"                       # 16 characters or more
  ids = [\"lon-*\"]                    # all, where none is said
  hosts = [\"*.example.com\"]

TLS is for a proxy in front.";

/// Servers report to it, and it serves an honest list of them: which are available, and how many users each has.
#[derive(Debug, Parser)]
#[command(name = "evenkeel-seed", version, after_help = MORE)]
pub struct Arguments {
    /// Address and port, as 127.0.0.1:8081 or 0.0.0.0:8080.
    #[arg(long, default_value = "127.0.0.1:8080", env = "EVENKEEL_SEED_LISTEN")]
    listen: SocketAddr,

    /// The secret with which every server may report.
    #[arg(long, value_name = "SECRET", env = "EVENKEEL_SEED_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// A file of tokens, each limited to ids and hosts.
    #[arg(long, value_name = "FILE", env = "EVENKEEL_SEED_TOKENS")]
    tokens: Option<PathBuf>,

    /// Take reports from anybody.
    #[arg(long, conflicts_with_all = ["token", "tokens"])]
    no_auth: bool,

    /// A file of servers that do not report, and of what holds whatever they say.
    #[arg(long, value_name = "FILE", env = "EVENKEEL_SEED_FILE")]
    file: Option<PathBuf>,

    /// memory, or redis://HOST:6379 (Redis or Valkey) for any number of seeds on any number of machines.
    #[arg(
        long,
        value_name = "URL",
        default_value = "memory",
        env = "EVENKEEL_SEED_REGISTRY",
        hide_env_values = true
    )]
    registry: String,

    /// Seeds with the same name share a fleet in Redis.
    #[arg(long, value_name = "NAME", default_value = "default", env = "EVENKEEL_SEED_FLEET")]
    fleet: String,

    /// Seconds that a heartbeat is good for, if it does not say.
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    ttl: u64,

    /// Seconds that clients may rely on a list.
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    list_ttl: u64,

    /// Milliseconds from one making of the list to the next.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    refresh: u64,

    /// Seconds that a seed which knows nothing waits for heartbeats before it answers: half a list would send all clients
    /// to the servers that are in it.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=3600))]
    warm_up: u64,

    /// Seconds that a lost server is listed as unavailable before it is forgotten.
    #[arg(long, value_name = "S", default_value_t = 600, value_parser = clap::value_parser!(u64).range(60..=604_800))]
    forget_after: u64,

    /// Reports a second that one token is good for.
    #[arg(long, value_name = "N", default_value_t = NonZeroU32::new(10_000).unwrap_or(NonZeroU32::MAX))]
    rate: NonZeroU32,

    /// Seconds that a CDN may keep a list.
    #[arg(long, value_name = "S", default_value_t = 1)]
    max_age: u64,

    /// Seconds after that in which it may serve it while it asks for a new one.
    #[arg(long, value_name = "S", default_value_t = 5)]
    stale_while_revalidate: u64,

    /// Seconds from one list to the next for those on /watch, where only counts have changed.
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=3600))]
    watch_interval: u64,

    /// Clients that /watch takes.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    watchers: u32,

    /// How logs are written, to standard error. RUST_LOG says how much.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log: LogFormat,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

impl Arguments {
    /// What it says, with the files that it names read.
    pub fn options(self) -> Result<Options, Error> {
        let mut tokens: Vec<TokenSpec> = Vec::new();
        if let Some(secret) = self.token {
            tokens.push(TokenSpec {
                name: "--token".to_owned(),
                secret,
                ids: Vec::new(),
                hosts: Vec::new(),
            });
        }
        if let Some(path) = self.tokens {
            let text = std::fs::read_to_string(&path).map_err(|error| {
                let message = format!("{} cannot be read: {error}", path.display());
                Error::cannot_start(message, "name a file of tokens with --tokens")
            })?;
            let specs = parse(&text).map_err(|error| Error {
                message: format!("{}: {}", path.display(), error.message),
                ..error
            })?;
            tokens.extend(specs);
        }
        if tokens.is_empty() && self.file.is_none() && !self.no_auth {
            return Err(Error::cannot_start(
                "there is nobody who may report, and no file of servers",
                "give --token SECRET, --tokens FILE or --file FILE, or, to try it out, --no-auth",
            ));
        }
        let registry = match self.registry.as_str() {
            "memory" => None,
            url => Some(Registry::new(url, &self.fleet)?),
        };
        Ok(Options {
            listen: self.listen,
            tokens,
            open: self.no_auth,
            rate: self.rate,
            file: self.file,
            registry,
            times: Times {
                heartbeat_ttl: Duration::from_secs(self.ttl),
                list_ttl: Duration::from_secs(self.list_ttl),
                refresh: Duration::from_millis(self.refresh),
                warm_up: Duration::from_secs(self.warm_up),
                remembered: Duration::from_secs(self.forget_after),
            },
            max_age: self.max_age,
            stale_while_revalidate: self.stale_while_revalidate,
            watch_interval: Duration::from_secs(self.watch_interval),
            watchers: usize::try_from(self.watchers).unwrap_or(usize::MAX),
        })
    }
}
