//! A service of its own for every test, and what its clients do.

use std::time::Duration;

use evenkeel_fleet::service::{Options, Service};
use futures_util::{SinkExt, StreamExt};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

pub(crate) type Client = WebSocketStream<TcpStream>;

/// Long enough for anything that is to happen, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Long enough to notice what is not to happen.
pub(crate) const A_WHILE: Duration = Duration::from_millis(150);

pub(crate) struct Harbour {
    pub(crate) service: Service,
    http: reqwest::Client,
}

impl Harbour {
    /// A service whose default fleet has `servers`, and makes its list anew every 20 ms.
    pub(crate) async fn with(servers: Value) -> Self {
        Self::of(json!({ "servers": servers, "refresh": 20 })).await
    }

    pub(crate) async fn of(fleet: Value) -> Self {
        let fleet = serde_json::from_value(fleet).expect("the fleet of a test is well written");
        let options = Options {
            host: "127.0.0.1".to_owned(),
            public_host: None,
            port: 0,
            fleet,
            mounts: Vec::new(),
        };
        Self::start(options).await
    }

    pub(crate) async fn start(options: Options) -> Self {
        Self {
            service: Service::start(options).await.expect("a free port can be listened on"),
            http: reqwest::Client::new(),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.service.url())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path)).timeout(SOON)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Response {
        let request = self.request(method, path).json(body);
        request.send().await.expect("an answer")
    }

    /// Sends `body` and expects success.
    pub(crate) async fn tell(&self, method: Method, path: &str, body: Value) -> Value {
        let response = self.send(method, path, &body).await;
        let status = response.status();
        let text = response.text().await.expect("a body");
        assert!(status.is_success(), "{path} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Changes a server of the default fleet.
    pub(crate) async fn server(&self, id: &str, changes: Value) -> Value {
        let path = format!("/fleets/default/servers/{id}");
        self.tell(Method::PATCH, &path, changes).await
    }

    /// Changes the list of the default fleet.
    pub(crate) async fn list_is(&self, changes: Value) {
        self.tell(Method::PATCH, "/fleets/default/list", changes).await;
    }

    /// The truth about a server of the default fleet.
    pub(crate) async fn truth(&self, id: &str) -> Value {
        let path = format!("/fleets/default/servers/{id}");
        self.get(&path).await.json().await.expect("JSON")
    }

    pub(crate) async fn list(&self) -> Value {
        self.get("/servers").await.json().await.expect("JSON")
    }

    /// What the list says of a server; null if nothing.
    pub(crate) async fn listed(&self, id: &str) -> Value {
        let list = self.list().await;
        let servers = list["servers"].as_array().expect("servers").clone();
        servers
            .into_iter()
            .find(|server| server["id"] == id)
            .unwrap_or_default()
    }

    /// Waits until a server is listed with `field` being `value`.
    pub(crate) async fn until_listed(&self, id: &str, field: &str, value: Value) {
        eventually(&format!("{id} is listed with {field} {value}"), async || {
            self.listed(id).await[field] == value
        })
        .await;
    }

    pub(crate) async fn until_connections(&self, id: &str, count: u64) {
        eventually(&format!("{id} has {count} connections"), async || {
            self.truth(id).await["connections"] == count
        })
        .await;
    }

    pub(crate) fn address(&self, id: &str) -> String {
        let server = self.service.default_fleet().server(id).expect("the server exists");
        let url = server.url();
        url.trim_start_matches("ws://").trim_end_matches('/').to_owned()
    }

    pub(crate) async fn connect(&self, id: &str) -> Client {
        self.try_connect(id).await.expect("the server accepts")
    }

    pub(crate) async fn try_connect(&self, id: &str) -> Result<Client, WsError> {
        let address = self.address(id);
        let stream = TcpStream::connect(&address).await?;
        shake_hands(format!("ws://{address}/"), stream).await
    }
}

pub(crate) async fn shake_hands(request: impl IntoClientRequest + Unpin, stream: TcpStream) -> Result<Client, WsError> {
    let shaking = client_async(request, stream);
    Ok(timeout(SOON, shaking).await.expect("an answer to the handshake")?.0)
}

/// Waits until `condition` holds; `what` says in the failure what never happened.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition().await {
        assert!(Instant::now() < deadline, "it never happened that {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// What comes next: a message, an error, or `None` for the end.
pub(crate) async fn next(client: &mut Client) -> Option<Result<Message, WsError>> {
    timeout(SOON, client.next())
        .await
        .expect("something comes, be it the end")
}

/// Nothing comes for a while.
pub(crate) async fn assert_silent(client: &mut Client) {
    let received = timeout(A_WHILE, client.next()).await;
    assert!(received.is_err(), "expected silence, got {received:?}");
}

pub(crate) async fn say(client: &mut Client, text: &str) {
    client.send(Message::text(text)).await.expect("the client can send");
}

pub(crate) async fn assert_echo(client: &mut Client, text: &str) {
    say(client, text).await;
    assert_hears(client, text).await;
}

pub(crate) async fn assert_hears(client: &mut Client, text: &str) {
    let received = next(client).await.expect("not the end").expect("a message");
    assert_eq!(received, Message::text(text));
}

/// The server closes in good order, with this code and reason.
pub(crate) async fn assert_closed(client: &mut Client, code: u16, reason: &str) {
    match next(client).await {
        Some(Ok(Message::Close(Some(frame)))) => {
            assert_eq!((u16::from(frame.code), frame.reason.as_str()), (code, reason));
        }
        other => panic!("expected a close frame with {code}, got {other:?}"),
    }
    assert!(next(client).await.is_none(), "nothing comes after a close frame");
}

/// TCP ends, and no close frame came.
pub(crate) async fn assert_torn_down(client: &mut Client) {
    let received = next(client).await;
    let torn = matches!(received, Some(Err(WsError::Protocol(_) | WsError::Io(_))));
    assert!(torn, "expected an end without a close frame, got {received:?}");
}
