//! What a server and a list endpoint can be told to do, with defaults that mean "be well".

use std::time::Duration;

use axum::http::Uri;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::line::Line;

/// How a server behaves. The default is a healthy server that is listed truly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Behaviour {
    /// `false`: the server is dead. Its port refuses connections and those it had end at TCP level, with no close
    /// frame, as when a process is killed. `true` again: it listens on the same port. Default `true`.
    pub alive: bool,
    /// What a client that wants to connect gets. Default [`Handshake::Accept`].
    pub handshake: Handshake,
    /// Milliseconds between a TCP connection and the beginning of its handshake. Default 0.
    pub handshake_delay: u32,
    /// The close code of [`Handshake::Drop`]; `None`: TCP just ends, with no close frame. Default 1011.
    pub drop_code: Option<u16>,
    /// `true`: nothing is read, written or answered, pings, close frames and new clients included; TCP connections
    /// stay, and count as open although the client may be gone. `false` again: everything goes on where it stopped.
    /// Default `false`.
    pub frozen: bool,
    /// Milliseconds between messages that the server sends by itself, at least 1: to every open connection the text
    /// `{"feed":N}`, where `N` counts from 0 for each connection, whatever the feed did meanwhile. The first goes out
    /// when the connection opens or the feed is changed. A server that could not send (as it was frozen) makes up for
    /// none. Default `None`: it only echoes.
    pub feed: Option<u32>,
    /// `true`: of what arrives only empty messages are echoed, and the rest is read and thrown away: a client that sends an
    /// empty one hears when all before it has arrived. Default `false`.
    pub sink: bool,
    /// Milliseconds that bytes are on their way between client and server, in each direction. A change is for those
    /// that set out from then on, and they overtake none. It does not slow down TCP's own handshake, which is the
    /// system's. Default 0.
    pub latency: u32,
    /// `true`: what arrives at either end of a connection is swallowed in silence, with the ends of connections: one
    /// that the client closes counts as open. New TCP connections are accepted and get no answer. Only a death is seen
    /// at once, and a frozen server's bytes wait. `false` again: connections that lost anything are reset, as by a TCP
    /// that has given up; the others go on. Default `false`.
    pub blackhole: bool,
    /// Is the server listed as draining? It serves on in any case. Default `false`.
    pub draining: bool,
    /// The user count to list in place of the true one. Default `None`: the true one.
    pub report: Option<u64>,
    /// What the list says of the server's availability. Default [`Listing::True`].
    pub listing: Listing,
}

/// What a client that wants to connect gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Handshake {
    /// A WebSocket that echoes, and sends the [`Behaviour::feed`].
    #[default]
    Accept,
    /// HTTP 503.
    Refuse,
    /// A WebSocket that is closed at once, as [`Behaviour::drop_code`] says.
    Drop,
    /// A TCP connection, and never an answer.
    Hang,
}

/// What the list says of a server's availability.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Listing {
    /// The truth: a dead server is listed as unavailable once its death is detected.
    #[default]
    True,
    /// Available, whatever is true.
    Available,
    /// Unavailable, whatever is true.
    Unavailable,
    /// No entry at all.
    Absent,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            alive: true,
            handshake: Handshake::default(),
            handshake_delay: 0,
            drop_code: Some(1011),
            frozen: false,
            feed: None,
            sink: false,
            latency: 0,
            blackhole: false,
            draining: false,
            report: None,
            listing: Listing::default(),
        }
    }
}

impl Behaviour {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.feed == Some(0) {
            return Err(Error::invalid(
                "`feed` is 0",
                "give a `feed` of at least 1, or null for none",
            ));
        }
        self.drop_code.map_or(Ok(()), check_close_code)
    }

    /// How the line to each of its clients is.
    pub(crate) fn line(&self) -> Line {
        Line {
            latency: Duration::from_millis(self.latency.into()),
            blackhole: self.blackhole,
        }
    }
}

/// Close codes that may be on the wire: 1000–4999 but for the three that stand for "no close frame".
pub(crate) fn check_close_code(code: u16) -> Result<(), Error> {
    if (1000..5000).contains(&code) && !matches!(code, 1005 | 1006 | 1015) {
        Ok(())
    } else {
        Err(Error::invalid(
            format!("{code} is not a close code that can be sent"),
            "use one of 1000 to 4999, except 1005, 1006 and 1015",
        ))
    }
}

/// What a server says of its size and rank in the list, and the users it claims beside its connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Load {
    /// Priority group, lower is preferred. Default 0.
    pub priority: u8,
    /// Users that fill the server; `None`: the list does not say. Default 100.
    pub capacity: Option<u32>,
    /// Relative size; `None`: the list does not say. Default `None`.
    pub weight: Option<f64>,
    /// Handshakes a second the server can take; `None`: the list does not say. Default `None`.
    pub connect_rate: Option<f64>,
    /// Users counted in addition to the connections that are open. Default 0.
    pub base_users: u64,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            priority: 0,
            capacity: Some(100),
            weight: None,
            connect_rate: None,
            base_users: 0,
        }
    }
}

impl Load {
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (name, value) in [("weight", self.weight), ("connectRate", self.connect_rate)] {
            if value.is_some_and(|value| !value.is_finite() || value < 0.0) {
                return Err(Error::invalid(
                    format!("`{name}` must be a number of at least 0"),
                    format!("give a greater `{name}`, or null for none"),
                ));
            }
        }
        Ok(())
    }
}

/// How a fleet's list endpoint behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ListBehaviour {
    /// What a request gets. Default [`ListMode::Ok`].
    pub mode: ListMode,
    /// The HTTP status of [`ListMode::Fail`]. Default 503.
    pub status: u16,
    /// Seconds to say in the `Retry-After` header of [`ListMode::Fail`]. Default `None`: no such header.
    pub retry_after: Option<u32>,
    /// The absolute `http:` or `https:` URL that a request is sent on to with 307, whatever the mode. Default `None`:
    /// the mode decides.
    pub redirect: Option<String>,
    /// Milliseconds before a request is answered. Default 0.
    pub delay: u32,
    /// Milliseconds from a server's death until it is listed as unavailable. Default 1000.
    pub detection: u32,
    /// Seconds the list says it may be relied on, 1 to 3600. Default 2.
    pub ttl: u32,
    /// Seconds within which every server sends a data message, as the list says, more than 0; see [`Behaviour::feed`]
    /// for the truth. Default `None`: the list does not say.
    pub heartbeat: Option<f64>,
    /// Milliseconds from one making of the list to the next, at least 10. Default 1000.
    pub refresh: u32,
}

/// What a request for the list gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ListMode {
    /// The list.
    #[default]
    Ok,
    /// An HTTP error.
    Fail,
    /// No answer, ever.
    Hang,
    /// 200 with JSON that ends in the middle.
    Garbage,
    /// 200 with the web page of a captive portal.
    Html,
    /// The list as it was when this mode began, its age growing.
    Stale,
    /// 200 with a list of no servers.
    Empty,
}

impl Default for ListBehaviour {
    fn default() -> Self {
        Self {
            mode: ListMode::default(),
            status: 503,
            retry_after: None,
            redirect: None,
            delay: 0,
            detection: 1000,
            ttl: 2,
            heartbeat: None,
            refresh: 1000,
        }
    }
}

impl ListBehaviour {
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (name, value, least, most) in [
            ("status", u32::from(self.status), 200, 599),
            ("ttl", self.ttl, 1, 3600),
            ("refresh", self.refresh, 10, 3_600_000),
        ] {
            if !(least..=most).contains(&value) {
                return Err(Error::invalid(
                    format!("`{name}` is {value}"),
                    format!("give a `{name}` of {least} to {most}"),
                ));
            }
        }
        if let Some(heartbeat) = self.heartbeat
            && !(heartbeat.is_finite() && heartbeat > 0.0)
        {
            return Err(Error::invalid(
                format!("`heartbeat` is {heartbeat}"),
                "give a `heartbeat` of more than 0, or null for none",
            ));
        }
        match &self.redirect {
            Some(url) if !is_absolute(url) => Err(Error::invalid(
                format!("`redirect` is `{url}`"),
                "give an absolute URL that begins with http: or https:, or null for none",
            )),
            _ => Ok(()),
        }
    }
}

/// Is this an absolute URL that a list can be asked for at?
fn is_absolute(url: &str) -> bool {
    url.parse()
        .is_ok_and(|uri: Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some())
}
