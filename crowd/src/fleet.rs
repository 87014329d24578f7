//! The fleet: what its list says at the start, what its control API does to it, and one of our own in a process beside this one.

use std::collections::HashMap;
use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use evenkeel::list::json::from_value;
use evenkeel::list::read::Envelope;
use evenkeel_fleet::cli::options;
use evenkeel_fleet::service::Service;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use url::Url;

/// The fleet of a control API that is named without one.
const DEFAULT_FLEET: &str = "fleets/default";
/// What a server takes, where nobody says: what the simulation's do.
const USUAL_RATE: f64 = 200.0;
/// How long an answer to us may take: a fleet that has ten thousand clients on a busy machine was seen to take ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// The hidden command of this program by which it is a fleet.
pub const SERVE: &str = "serve-fleet";

/// A server, as the list has it at the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its name.
    pub id: String,
    /// The users that fill it, as the core reads it, and whether the list says so itself.
    pub capacity: f64,
    /// See `capacity`.
    pub capacity_told: bool,
    /// Its priority group.
    pub group: u16,
    /// The handshakes a second that it can serve, and whether the list says so.
    pub rate: f64,
    /// See `rate`.
    pub rate_told: bool,
}

/// What is known of a fleet before anything happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Its servers, in the order of the list.
    pub servers: Vec<Listed>,
    /// How long the list may be relied on, in seconds.
    pub ttl: f64,
    /// How often a list is made, in seconds; as often as its ttl, where nobody says.
    pub refresh: f64,
    /// After how many seconds a death shows in the list; the usual, where nobody says.
    pub detection: f64,
    /// The same for a return, where that is known to be another.
    pub return_detection: Option<f64>,
}

/// Asks a seed for its list.
///
/// # Errors
///
/// If it gives none that can be used by this program.
pub async fn survey(seed: &Url) -> Result<Survey> {
    let http = http()?;
    let document: Value = get(&http, seed).await?;
    let (list, _) = from_value(&document, Envelope::default(), seed)
        .ok()
        .with_context(|| format!("what {seed} answers is no list with a usable server"))?;
    let entries = document.get("servers").unwrap_or(&document);
    let told = |entry: u32, field: &str| entries.get(entry as usize).and_then(|it| it.get(field)?.as_f64());
    let mut servers = Vec::new();
    for server in list.servers() {
        ensure!(
            server.url.starts_with("ws:"),
            "the server {} is at {}: the crowd speaks no TLS; have the list name the servers behind the proxy, by ws:",
            server.id,
            server.url
        );
        let rate = told(server.entry, "connectRate").filter(|&rate| rate > 0.0);
        servers.push(Listed {
            id: server.id.to_string(),
            capacity: server.capacity,
            capacity_told: told(server.entry, "capacity").is_some(),
            group: server.priority,
            rate: rate.unwrap_or(USUAL_RATE),
            rate_told: rate.is_some(),
        });
    }
    let ttl = list.ttl.as_secs();
    let detection = evenkeel_simulation::plan::Seed::default().detection;
    Ok(Survey {
        servers,
        ttl,
        refresh: ttl,
        detection,
        return_detection: None,
    })
}

/// A seed's URL, checked.
///
/// # Errors
///
/// If it is none that can be asked.
pub fn http_url(text: &str) -> Result<Url> {
    let url: Url = text.parse().with_context(|| format!("`{text}` is no URL"))?;
    match url.scheme() {
        "http" => Ok(url),
        "https" => bail!("`{text}`: the crowd speaks no TLS; name what is behind the proxy, by http:"),
        _ => bail!("`{text}` is no http: URL"),
    }
}

fn http() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(PATIENCE).build()?)
}

async fn get<T: DeserializeOwned>(http: &reqwest::Client, url: &Url) -> Result<T> {
    let answer = http.get(url.clone()).send().await;
    answered(url, answer).await
}

async fn answered<T: DeserializeOwned>(url: &Url, answer: reqwest::Result<reqwest::Response>) -> Result<T> {
    let answer = answer.with_context(|| format!("nobody answers at {url}"))?;
    let status = answer.status();
    let body = answer.bytes().await.with_context(|| format!("{url} broke off"))?;
    ensure!(
        status.is_success(),
        "{url} answers {status}: {}",
        String::from_utf8_lossy(&body).chars().take(200).collect::<String>()
    );
    serde_json::from_slice(&body).with_context(|| format!("what {url} answers cannot be read"))
}

/// The control API of a fleet of `evenkeel-fleet`'s.
#[derive(Clone, Debug)]
pub struct Control {
    http: reqwest::Client,
    fleet: Url,
}

#[derive(Deserialize)]
struct State {
    list: OfList,
    servers: Vec<OfServer>,
}

#[derive(Deserialize)]
struct OfList {
    refresh: f64,
    detection: f64,
}

#[derive(Deserialize)]
struct OfServer {
    id: String,
    connections: u64,
}

impl Control {
    /// Of the fleet at this URL, or of the default one of the service there.
    ///
    /// # Errors
    ///
    /// If the URL is none of a fleet's.
    pub fn new(fleet: &str) -> Result<Self> {
        let mut fleet = http_url(fleet)?;
        if fleet.path() == "/" {
            fleet.set_path(DEFAULT_FLEET);
        }
        Ok(Self { http: http()?, fleet })
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.fleet.clone();
        url.set_path(&format!("{}/{path}", self.fleet.path().trim_end_matches('/')));
        url
    }

    /// Where its list is.
    pub fn list(&self) -> Url {
        self.url("servers")
    }

    /// Adds what only the fleet itself can say.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub async fn complete(&self, survey: &mut Survey) -> Result<()> {
        let state: State = get(&self.http, &self.fleet).await?;
        survey.refresh = state.list.refresh / 1e3;
        survey.detection = state.list.detection / 1e3;
        // Who is back is in the next list.
        survey.return_detection = Some(0.0);
        Ok(())
    }

    /// Lays changes over how a server behaves. They are in force when this returns.
    ///
    /// # Errors
    ///
    /// If the fleet does not take them.
    pub async fn change(&self, server: &str, changes: Value) -> Result<()> {
        let url = self.url(&format!("servers/{server}"));
        let answer = self.http.patch(url.clone()).body(changes.to_string()).send().await;
        answered::<Value>(&url, answer).await?;
        Ok(())
    }

    /// Takes everything back.
    ///
    /// # Errors
    ///
    /// If the fleet does not.
    pub async fn reset(&self) -> Result<()> {
        let url = self.url("reset");
        let answer = self.http.post(url.clone()).body(json!({}).to_string()).send().await;
        answered::<Value>(&url, answer).await?;
        Ok(())
    }

    /// How many connections each server has, by its own count.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub async fn connections(&self) -> Result<HashMap<String, u64>> {
        let state: State = get(&self.http, &self.fleet).await?;
        Ok(state.servers.into_iter().map(|it| (it.id, it.connections)).collect())
    }
}

/// A fleet in a process of its own, which ends when this is dropped: so that each has the open files of a process.
#[derive(Debug)]
pub struct Local {
    _child: Child,
    /// Its control API.
    pub control: Control,
}

impl Local {
    /// Starts one, of these arguments of `evenkeel-fleet`.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub async fn start(arguments: &[String]) -> Result<Self> {
        let program = std::env::current_exe().context("where this program is cannot be found out")?;
        let mut child = Command::new(program)
            .arg(SERVE)
            .args(["--port", "0"])
            .args(arguments)
            // Its end is the end of the fleet, however this process ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the fleet does not start")?;
        let out = child.stdout.take().context("the fleet has no output")?;
        let url = BufReader::new(out).lines().next_line().await?;
        let control = Control::new(&url.context("the fleet ended at once: see above")?)?;
        Ok(Self { _child: child, control })
    }
}

/// Is a fleet until the standard input ends: says where its control API is, in one line.
///
/// # Errors
///
/// If it cannot start.
pub async fn serve(arguments: Vec<OsString>) -> Result<()> {
    // Where the limit cannot be raised, fewer connections fit: the crowd has looked.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let line = std::iter::once(OsString::from("evenkeel-fleet")).chain(arguments);
    let service = Service::start(options(line)?).await?;
    println!("{}/", service.url());
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await?;
    service.stop().await;
    Ok(())
}
