//! One TCP connection, from its handshake to its end.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};
use tokio_util::sync::CancellationToken;

use crate::behaviour::Handshake;
use crate::line::carry;
use crate::server::{Burst, CloseOrder, Shared};

/// The greatest message that is echoed, in bytes. A greater one is answered with close code 1009.
pub const MAX_MESSAGE: usize = 16 << 20;

/// How long the peer has for its part of the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Small, because it is allocated for every connection and a process holds thousands of them.
const READ_BUFFER: usize = 8 << 10;

/// What the server's end of the line holds in each direction until it is taken, in bytes.
const PIPE: usize = 8 << 10;

type WebSocket = WebSocketStream<DuplexStream>;

/// Carries `connection` on until it ends or `stop` is cancelled, but for the time the server is frozen: a future that
/// is not polled reads, writes and answers nothing, loses nothing, and goes on where it was.
pub(crate) async fn supervise(
    connection: impl Future<Output = ()>,
    mut frozen: watch::Receiver<bool>,
    stop: CancellationToken,
) {
    let mut connection = std::pin::pin!(connection);
    loop {
        let thawed = !*frozen.borrow_and_update();
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = frozen.changed() => if changed.is_err() { return },
            () = &mut connection, if thawed => return,
        }
    }
}

/// Does to a new TCP connection what the server's behaviour says. Dropping this future ends the connection as the
/// end of a process would: the system closes the socket, with no close frame.
pub(crate) async fn serve(client: TcpStream, server: Arc<Shared>) {
    let (stream, far_end) = duplex(PIPE);
    let line = server.line();
    carry(client, far_end, line, respond(stream, server)).await;
}

async fn respond(mut stream: DuplexStream, server: Arc<Shared>) {
    let delay = server.behaviour().handshake_delay;
    if delay > 0 {
        sleep(Duration::from_millis(delay.into())).await;
    }
    let behaviour = server.behaviour();
    match behaviour.handshake {
        Handshake::Accept => {
            if let Some(mut accepted) = accept(stream, &server).await {
                let Accepted { socket, close, .. } = &mut accepted;
                let bursts = Bursts::new(server.bursts());
                echo(socket, close, Feed::new(server.feed()), bursts, server.sink()).await;
            }
        }
        Handshake::Refuse => refuse(stream, &server).await,
        Handshake::Drop => {
            if let Some(mut accepted) = accept(stream, &server).await
                && let Some(code) = behaviour.drop_code
            {
                close(&mut accepted.socket, code, "").await;
            }
        }
        Handshake::Hang => discard(&mut stream).await,
    }
}

/// A WebSocket that is open, and counted. The fields are dropped in this order: by the time the peer sees the end of
/// the connection, it is no longer counted.
struct Accepted {
    _counted: Counted,
    close: watch::Receiver<CloseOrder>,
    socket: WebSocket,
}

/// Counts a connection for as long as this value lives.
struct Counted(Arc<Shared>);

impl Counted {
    fn new(server: &Arc<Shared>) -> Self {
        server.count_opened();
        Self(server.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.count_closed();
    }
}

async fn accept(stream: DuplexStream, server: &Arc<Shared>) -> Option<Accepted> {
    let mut opened = None;
    #[expect(
        clippy::result_large_err,
        reason = "the signature is the library's, once a handshake"
    )]
    let answer = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        if let Some(protocol) = first_protocol(request) {
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        // Before the answer is on the wire: a client that knows it is connected must find itself counted. And the
        // order to close reaches exactly those who are counted when it is given.
        let close = server.close_orders();
        opened = Some((Counted::new(server), close));
        Ok(response)
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    // A handshake that fails is the client's affair: what it sent was no WebSocket request, or it went away.
    let socket = accept_hdr_async_with_config(stream, answer, Some(config)).await.ok()?;
    let (counted, close) = opened?;
    Some(Accepted {
        _counted: counted,
        close,
        socket,
    })
}

/// The first subprotocol the client offers.
fn first_protocol(request: &Request) -> Option<HeaderValue> {
    let offered = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL)?;
    let first = offered.to_str().ok()?.split(',').next()?.trim();
    HeaderValue::from_str(first).ok()
}

async fn refuse(stream: DuplexStream, server: &Arc<Shared>) {
    #[expect(
        clippy::result_large_err,
        reason = "the signature is the library's, once a handshake"
    )]
    let answer = |_: &Request, _: Response| -> Result<Response, ErrorResponse> {
        server.count_refused();
        let mut response = ErrorResponse::new(None);
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        Err(response)
    };
    // Always an error: this one, once it is sent, or the client's.
    let _ = accept_hdr_async_with_config(stream, answer, None).await;
}

async fn echo(
    socket: &mut WebSocket,
    orders: &mut watch::Receiver<CloseOrder>,
    mut feed: Feed,
    mut bursts: Bursts,
    sink: watch::Receiver<bool>,
) {
    loop {
        // None has precedence: neither an echo nor a feed that takes all the time there is may keep the others waiting.
        let message = tokio::select! {
            Ok(()) = orders.changed() => {
                let CloseOrder { code, reason } = orders.borrow_and_update().clone();
                return close(socket, code, &reason).await;
            }
            message = feed.next() => message,
            message = bursts.next() => message,
            received = socket.next() => match received {
                Some(Ok(Message::Text(text))) if *sink.borrow() && !text.is_empty() => continue,
                Some(Ok(Message::Binary(bytes))) if *sink.borrow() && !bytes.is_empty() => continue,
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => message,
                // The library answers it while it is asked for more. Nothing may be sent after that.
                Some(Ok(Message::Close(_))) => {
                    while let Some(Ok(_)) = socket.next().await {}
                    return;
                }
                // Pings: the library answers them.
                Some(Ok(_)) => continue,
                Some(Err(error)) => return reject(socket, &error).await,
                None => return,
            },
        };
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// The messages of one connection that answer nothing.
struct Feed {
    periods: watch::Receiver<Option<u32>>,
    ticks: Option<Interval>,
    number: u64,
}

impl Feed {
    fn new(mut periods: watch::Receiver<Option<u32>>) -> Self {
        let ticks = ticks(*periods.borrow_and_update());
        Self {
            periods,
            ticks,
            number: 0,
        }
    }

    /// The next message, once it is due. If this future is dropped before, nothing is lost.
    async fn next(&mut self) -> Message {
        loop {
            tokio::select! {
                biased;
                Ok(()) = self.periods.changed() => self.ticks = ticks(*self.periods.borrow_and_update()),
                Some(_) = async { Some(self.ticks.as_mut()?.tick().await) } => break,
                else => std::future::pending().await,
            }
        }
        let message = Message::text(format!(r#"{{"feed":{}}}"#, self.number));
        self.number += 1;
        message
    }
}

/// The messages that one connection gets on command.
struct Bursts {
    orders: watch::Receiver<Burst>,
    message: Message,
    left: u32,
}

impl Bursts {
    fn new(orders: watch::Receiver<Burst>) -> Self {
        Self {
            orders,
            message: Message::text(""),
            left: 0,
        }
    }

    /// The next message, while there are any. If this future is dropped before, nothing is lost.
    async fn next(&mut self) -> Message {
        while self.left == 0 {
            if self.orders.changed().await.is_err() {
                return std::future::pending().await;
            }
            let Burst { count, size, binary } = *self.orders.borrow_and_update();
            self.left = count;
            self.message = if binary {
                Message::binary(vec![b'x'; size])
            } else {
                Message::text("x".repeat(size))
            };
        }
        self.left -= 1;
        self.message.clone()
    }
}

/// The first one is at once.
fn ticks(period: Option<u32>) -> Option<Interval> {
    let mut ticks = interval(Duration::from_millis(period?.into()));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(ticks)
}

/// Closes in good order: our close frame, then the peer's, for which it has [`CLOSE_TIMEOUT`].
async fn close(socket: &mut WebSocket, code: u16, reason: &str) {
    let frame = CloseFrame {
        code: code.into(),
        reason: reason.into(),
    };
    let closing = async {
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // A peer that does not answer in time is left.
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
}

/// Tells a peer that broke a rule which one it was. What it still sends is read and thrown away: closing a socket
/// with unread data resets the connection, and the close frame might be lost.
async fn reject(socket: &mut WebSocket, error: &WsError) {
    let code = match error {
        WsError::Capacity(_) => 1009,
        WsError::Utf8(_) => 1007,
        WsError::Protocol(_) => 1002,
        _ => return,
    };
    let frame = CloseFrame {
        code: code.into(),
        reason: "".into(),
    };
    let closing = async {
        if socket.close(Some(frame)).await.is_ok() && socket.get_mut().shutdown().await.is_ok() {
            discard(socket.get_mut()).await;
        }
    };
    // A peer that does not stop in time is left.
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
}

/// Reads until the peer goes away.
async fn discard(stream: &mut DuplexStream) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}
