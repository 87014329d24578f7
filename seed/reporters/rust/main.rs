//! A WebSocket server that reports to seeds. It echoes; what is below the line is for any server.
//!
//! ```toml
//! fastrand = "2"
//! futures-util = { version = "0.3", features = ["sink"] }
//! reqwest = { version = "0.13", features = ["json"] }
//! serde = { version = "1", features = ["derive"] }
//! serde_json = "1"
//! tokio = { version = "1", features = ["rt-multi-thread", "macros", "net", "signal", "time"] }
//! tokio-tungstenite = "0.30"
//! tokio-util = { version = "0.7", features = ["rt"] }
//! ```

use std::env;
use std::error::Error;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::{Client, Method, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("0.0.0.0", env::var("PORT")?.parse()?)).await?;
    let (users, leave) = (TaskTracker::new(), CancellationToken::new());
    tokio::spawn({
        let (users, leave) = (users.clone(), leave.clone());
        async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(echo(stream, users.clone(), leave.clone()))),
                    // As when there are too many files open.
                    Err(_) => sleep(Duration::from_millis(100)).await,
                }
            }
        }
    });
    report_until_told_to_end(users, leave).await
}

async fn echo(stream: TcpStream, users: TaskTracker, leave: CancellationToken) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    let _user = users.token();
    loop {
        tokio::select! {
            message = socket.next() => {
                let Some(Ok(message)) = message else { return };
                if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
                    return;
                }
            }
            () = leave.cancelled() => {
                let away = CloseFrame { code: CloseCode::Away, reason: "".into() };
                let _ = socket.close(Some(away)).await;
                while let Some(Ok(_)) = socket.next().await {}
                return;
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------- reporting

#[derive(Clone)]
struct Reporter {
    client: Client,
    token: String,
    url: String,
    capacity: u64,
    users: TaskTracker,
    drain: CancellationToken,
    leave: CancellationToken,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    report_after: f64,
}

type Failure = Box<dyn Error + Send + Sync>;

impl Reporter {
    /// Tells one seed of this server until it leaves, whatever becomes of the other seeds.
    async fn report(self, seed: Url) {
        let mut complaint = String::new();
        let mut complain = |reason: String| {
            if reason != complaint && !reason.is_empty() {
                eprintln!("{seed}: {reason}");
            }
            complaint = reason;
        };
        for over in [&self.drain, &self.leave] {
            while !over.is_cancelled() {
                let pause = match self.put(&seed).await {
                    Ok(report_after) => {
                        complain(String::new());
                        report_after
                    }
                    Err(failure) => {
                        complain(innermost(&failure));
                        Duration::from_secs_f64(1.0 + fastrand::f64())
                    }
                };
                let _ = timeout(pause, over.cancelled()).await;
            }
        }
        if let Err(failure) = self.ask(Method::DELETE, &seed, None).await {
            complain(innermost(&failure));
        }
    }

    async fn put(&self, seed: &Url) -> Result<Duration, Failure> {
        let body = json!({
            "url": self.url,
            "users": self.users.len(),
            "capacity": self.capacity,
            "draining": self.drain.is_cancelled(),
        });
        let answer = self.ask(Method::PUT, seed, Some(body)).await?;
        let answer: Answer = serde_json::from_str(&answer)?;
        Ok(Duration::try_from_secs_f64(answer.report_after)?)
    }

    async fn ask(&self, method: Method, seed: &Url, body: Option<Value>) -> Result<String, Failure> {
        let mut request = self.client.request(method, seed.clone()).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            return Err(format!("{} {text:.500}", status.as_u16()).into());
        }
        Ok(text)
    }
}

/// What is around it says less.
fn innermost(failure: &Failure) -> String {
    let mut error: &dyn Error = failure.as_ref();
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

async fn report_until_told_to_end(users: TaskTracker, leave: CancellationToken) -> Result<(), Box<dyn Error>> {
    let number = |name: &str, otherwise: u64| env::var(name).map_or(Ok(otherwise), |text| text.parse());
    let reporter = Reporter {
        client: Client::builder().timeout(Duration::from_secs(2)).build()?,
        token: env::var("TOKEN")?,
        url: env::var("URL")?,
        capacity: number("CAPACITY", 1_000)?,
        users: users.clone(),
        drain: CancellationToken::new(),
        leave: leave.clone(),
    };
    let patience = Duration::from_secs(number("DRAIN_SECONDS", 120)?);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let reports = TaskTracker::new();
    for seed in env::var("SEEDS")?.split(',') {
        let mut seed: Url = seed.parse()?;
        seed.path_segments_mut()
            .map_err(|()| "SEEDS: not an http: URL")?
            .push(&env::var("ID")?);
        reports.spawn(reporter.clone().report(seed));
    }
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    reporter.drain.cancel();
    let ended = async {
        // Whose handshake is under way is counted by then.
        sleep(Duration::from_millis(100)).await;
        users.close();
        let _ = timeout(patience, users.wait()).await;
        leave.cancel();
        reports.close();
        reports.wait().await;
        // Those who are sent away answer.
        let _ = timeout(Duration::from_secs(1), users.wait()).await;
        Ok(())
    };
    tokio::select! {
        outcome = ended => outcome,
        _ = terminate.recv() => Err("told twice: at once".into()),
        _ = interrupt.recv() => Err("told twice: at once".into()),
    }
}
