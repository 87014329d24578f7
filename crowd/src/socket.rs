//! One real connection: how it opens, and the messages on it. The servers echo, in order.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use evenkeel::client::AttemptId;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::{Host, Url};

use crate::account::{Account, Failure};

/// Allocated for every connection, and there are thousands: small messages need no more.
const READ_BUFFER: usize = 4 << 10;
/// How a connection ends without a close frame, and with one that has no code.
const ABNORMAL: u16 = 1006;
const NO_CODE: u16 = 1005;
/// What the application says on a connection that it prepares.
const LOGIN: &str = "login";

type Socket = WebSocketStream<TcpStream>;

enum Stage {
    Dialing(Pin<Box<dyn Future<Output = Result<Socket, Failure>> + Send>>),
    Open(Box<Socket>),
}

/// An attempt, and the connection that comes of it.
pub(crate) struct Link {
    pub(crate) attempt: AttemptId,
    stage: Stage,
    begun: Instant,
    /// What has been written is still to be sent.
    unflushed: bool,
    /// The application waits for the answer to its login.
    prepares: bool,
    /// We have begun the closing handshake.
    closes: bool,
    sent: u32,
    echoed: u32,
    /// The close code that the peer has given.
    code: Option<u16>,
}

/// What happens to a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum News {
    /// It stands, so many milliseconds after it was begun.
    Opened { took: f32 },
    /// It did not open.
    Failed(Failure),
    /// The login has been answered.
    Prepared,
    /// A message has been echoed, or something else has come.
    Echoed { in_order: bool },
    /// It is over.
    Closed { code: u16 },
}

/// Whose connection it is, and where it goes.
pub(crate) struct Dial<'a> {
    pub(crate) account: &'a Arc<Account>,
    pub(crate) client: u32,
    pub(crate) attempt: AttemptId,
    pub(crate) url: &'a str,
    /// Where from; the system's choice, if that is `None`.
    pub(crate) source: Option<Ipv4Addr>,
}

impl Link {
    /// Begins an attempt.
    pub(crate) fn dial(dial: Dial<'_>) -> Self {
        let Dial {
            account,
            client,
            attempt,
            url,
            source,
        } = dial;
        let (account, url) = (account.clone(), url.to_owned());
        let connecting = async move {
            let stream = connect(&url, source).await?;
            account.reached(client, attempt);
            let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
            match client_async_with_config(url, stream, Some(config)).await {
                Ok((socket, _)) => Ok(socket),
                Err(WsError::Http(_)) => Err(Failure::Answered),
                Err(_) => Err(Failure::Broken),
            }
        };
        Self {
            attempt,
            stage: Stage::Dialing(Box::pin(connecting)),
            begun: Instant::now(),
            unflushed: false,
            prepares: false,
            closes: false,
            sent: 0,
            echoed: 0,
            code: None,
        }
    }

    /// Messages that have not been echoed.
    pub(crate) fn unanswered(&self) -> u32 {
        self.sent - self.echoed
    }

    /// Whether it was we who began its end.
    pub(crate) fn closes(&self) -> bool {
        self.closes
    }

    /// Writes a message of so many bytes; it goes out when the link is next polled. False if it cannot be written.
    pub(crate) fn say(&mut self, bytes: usize) -> bool {
        let text = format!("{:<bytes$}", self.sent);
        let said = self.write(Message::text(text));
        self.sent += u32::from(said);
        said
    }

    /// Says hello, as an application that prepares its connections; [`News::Prepared`] follows.
    pub(crate) fn prepare(&mut self) {
        self.prepares = self.write(Message::text(LOGIN));
    }

    /// Begins the closing handshake.
    pub(crate) fn close(&mut self) {
        self.closes = true;
        self.write(Message::Close(Some(CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        })));
    }

    fn write(&mut self, message: Message) -> bool {
        let Stage::Open(socket) = &mut self.stage else {
            return false;
        };
        // What the system does not take is kept and goes out later.
        let written = socket.start_send_unpin(message).is_ok();
        self.unflushed |= written;
        written
    }

    /// Carries it on until something happens.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        let socket = match &mut self.stage {
            Stage::Dialing(connecting) => {
                return connecting.poll_unpin(cx).map(|dialed| match dialed {
                    Ok(socket) => {
                        self.stage = Stage::Open(Box::new(socket));
                        let took = self.begun.elapsed().as_secs_f32() * 1e3;
                        News::Opened { took }
                    }
                    Err(failure) => News::Failed(failure),
                });
            }
            Stage::Open(socket) => socket,
        };
        // That writing fails, reading tells.
        self.unflushed = self.unflushed && socket.poll_flush_unpin(cx).is_pending();
        loop {
            match socket.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(Message::Text(text)))) if self.prepares => {
                    self.prepares = false;
                    if text.as_str() == LOGIN {
                        return Poll::Ready(News::Prepared);
                    }
                    return Poll::Ready(News::Echoed { in_order: false });
                }
                Poll::Ready(Some(Ok(Message::Text(text)))) => {
                    let in_order = text.trim_end().parse() == Ok(self.echoed) && self.echoed < self.sent;
                    self.echoed += u32::from(in_order);
                    return Poll::Ready(News::Echoed { in_order });
                }
                Poll::Ready(Some(Ok(Message::Binary(_)))) => return Poll::Ready(News::Echoed { in_order: false }),
                Poll::Ready(Some(Ok(Message::Close(frame)))) => {
                    self.code = Some(frame.map_or(NO_CODE, |frame| frame.code.into()));
                }
                // The library answers pings.
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => {
                    let code = self.code.unwrap_or(ABNORMAL);
                    return Poll::Ready(News::Closed { code });
                }
            }
        }
    }
}

async fn connect(url: &str, source: Option<Ipv4Addr>) -> Result<TcpStream, Failure> {
    let url = Url::parse(url).map_err(|_| Failure::Broken)?;
    let port = url.port_or_known_default().ok_or(Failure::Broken)?;
    let address: SocketAddr = match url.host().ok_or(Failure::Broken)? {
        Host::Ipv4(ip) => (ip, port).into(),
        Host::Ipv6(ip) => (ip, port).into(),
        Host::Domain(name) => {
            let mut found = lookup_host((name, port)).await.map_err(|_| Failure::Broken)?;
            found.next().ok_or(Failure::Broken)?
        }
    };
    let stream = match source.filter(|_| address.is_ipv4()) {
        Some(source) => {
            let socket = TcpSocket::new_v4().map_err(|_| Failure::Broken)?;
            socket
                .bind((IpAddr::V4(source), 0).into())
                .map_err(|_| Failure::Broken)?;
            socket.connect(address).await
        }
        None => TcpStream::connect(address).await,
    };
    let stream = stream.map_err(|error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => Failure::Refused,
        _ => Failure::Broken,
    })?;
    // Else small messages would wait for more. It only fails where the peer has gone again.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}
