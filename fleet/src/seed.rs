//! The seed that a fleet reports to, like anybody's servers, and whose list it passes on.

use std::sync::Weak;
use std::time::Duration;

use reqwest::{Client, StatusCode, Url, header};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::behaviour::Listing;
use crate::error::{Error, ErrorKind};
use crate::fleet::Fleet;
use crate::list::{Facts, List};

/// How long the seed has for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it has at the end, when servers take their leave.
const FAREWELL: Duration = Duration::from_millis(300);
/// From one report to the next where the seed has not said it.
const PAUSE: Duration = Duration::from_millis(500);

/// A seed, and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedSpec {
    /// The `http:` or `https:` URL of its list, as `http://127.0.0.1:8080/servers`.
    pub url: String,
    /// What servers send as `Authorization: Bearer TOKEN`. Default: no such header.
    #[serde(default)]
    pub token: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Seed {
    http: Client,
    list: Url,
    token: Option<String>,
}

/// A heartbeat, as a seed takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Heartbeat<'a> {
    url: &'a str,
    users: u64,
    priority: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_rate: Option<f64>,
    draining: bool,
    ttl: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// Seconds until the next report is expected.
    report_after: f64,
}

/// What a server has to say.
enum Say<'a> {
    Heartbeat(Heartbeat<'a>),
    /// It takes its leave.
    Farewell,
    /// The dead say nothing.
    Nothing,
}

/// What the server of these facts says. `detection` is how long its death may go unnoticed.
fn say(facts: &Facts, detection: Duration) -> Say<'_> {
    let Facts { load, behaviour, .. } = facts;
    match behaviour.listing {
        Listing::Absent | Listing::Unavailable => Say::Farewell,
        Listing::True if facts.loss.is_some() => Say::Nothing,
        Listing::True | Listing::Available => Say::Heartbeat(Heartbeat {
            url: &facts.url,
            users: behaviour.report.unwrap_or(facts.users),
            priority: load.priority,
            capacity: load.capacity,
            weight: load.weight,
            connect_rate: load.connect_rate,
            draining: behaviour.draining,
            // Whole seconds, as seeds take them.
            ttl: detection.as_millis().div_ceil(1_000).clamp(1, 3_600) as u64,
        }),
    }
}

impl Seed {
    pub(crate) fn new(spec: &SeedSpec) -> Result<Self, Error> {
        let url = Url::parse(&spec.url).map_err(|error| unusable(&spec.url, &error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(unusable(&spec.url, "neither http: nor https:"));
        }
        let http = Client::builder().timeout(PATIENCE).build().map_err(|error| {
            let message = format!("no requests can be made: {error}");
            Error::new(ErrorKind::System, message, "see the system's certificates and limits")
        })?;
        Ok(Self {
            http,
            list: url,
            token: spec.token.clone(),
        })
    }

    /// The list as the seed has it now.
    pub(crate) async fn list(&self) -> Result<List, Error> {
        let asked = Instant::now();
        let failed = |what: String| {
            let message = format!("{} gives no list: {what}", self.list);
            Error::new(ErrorKind::System, message, "see whether the seed runs")
        };
        let answer = self.http.get(self.list.clone()).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        let age = answer.headers().get(header::AGE);
        let age = age.and_then(|age| age.to_str().ok()?.parse().ok()).unwrap_or(0);
        let body = answer.bytes().await.map_err(|error| failed(error.to_string()))?;
        List::received(&body, asked, Duration::from_secs(age)).map_err(|error| failed(error.to_string()))
    }

    fn server(&self, id: &str) -> Url {
        let mut url = self.list.clone();
        // Http URLs have segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(id);
        }
        url
    }

    fn authorized(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Reports for a server, and says when to do so again.
    async fn report(&self, id: &str, heartbeat: &Heartbeat<'_>) -> Result<Duration, String> {
        let request = self.authorized(self.http.put(self.server(id)).json(heartbeat));
        let answer = request.send().await.map_err(|error| error.to_string())?;
        match answer.status() {
            StatusCode::OK => {
                let Answer { report_after } = answer.json().await.map_err(|error| error.to_string())?;
                Duration::try_from_secs_f64(report_after).map_err(|error| error.to_string())
            }
            status => Err(format!("{status}: {}", answer.text().await.unwrap_or_default())),
        }
    }

    async fn farewell(&self, id: &str) {
        let request = self.authorized(self.http.delete(self.server(id)));
        // Whoever is not heard is lost when its ttl is over.
        let _ = request.timeout(FAREWELL).send().await;
    }
}

fn unusable(url: &str, why: &str) -> Error {
    Error::invalid(
        format!("`{url}` cannot be a seed: {why}"),
        "give the URL of its list, as http://127.0.0.1:8080/servers",
    )
}

/// Reports for one server of a fleet, whenever the seed says and whenever it is told something, until the fleet ends.
pub(crate) async fn keep_reporting(
    fleet: Weak<Fleet>,
    seed: std::sync::Arc<Seed>,
    index: usize,
    end: CancellationToken,
) {
    let Some((id, mut told)) = fleet.upgrade().and_then(|fleet| {
        let server = fleet.servers().get(index)?;
        Some((server.id().to_owned(), server.told()))
    }) else {
        return;
    };
    let mut complained = false;
    loop {
        told.mark_unchanged();
        let Some((facts, detection)) = fleet.upgrade().and_then(|fleet| {
            let detection = Duration::from_millis(fleet.list_behaviour().detection.into());
            Some((fleet.servers().get(index)?.facts(Instant::now()), detection))
        }) else {
            return;
        };
        let reported = match say(&facts, detection) {
            Say::Heartbeat(heartbeat) => seed.report(&id, &heartbeat).await,
            Say::Farewell => {
                seed.farewell(&id).await;
                Ok(PAUSE)
            }
            Say::Nothing => Ok(PAUSE),
        };
        let pause = match reported {
            Ok(pause) => {
                complained = false;
                pause
            }
            Err(error) => {
                if !std::mem::replace(&mut complained, true) {
                    eprintln!("evenkeel-fleet: {id} cannot report: {error}");
                }
                PAUSE
            }
        };
        tokio::select! {
            () = end.cancelled() => return seed.farewell(&id).await,
            () = sleep(pause) => {}
            changed = told.changed() => if changed.is_err() { return },
        }
    }
}
