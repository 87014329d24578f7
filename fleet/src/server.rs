//! One WebSocket server on a TCP port of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::behaviour::{Behaviour, Load, check_close_code};
use crate::connection::{MAX_MESSAGE, serve, supervise};
use crate::error::{Error, ErrorKind};
use crate::line::Line;
use crate::list::{Facts, Loss};
use crate::patch::{fields_of, patched, unknown_field};

/// Connections the system may hold until they are accepted; a storm of clients must not be refused by the queue.
const BACKLOG: u32 = 4096;

/// How long accepting pauses when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A WebSocket server that echoes, and misbehaves when told to.
#[derive(Debug)]
pub struct Server {
    id: String,
    url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    // Held over a whole change, so that of two changes at once one comes after the other.
    life: tokio::sync::Mutex<Life>,
}

/// Is there a process, so to speak?
#[derive(Debug)]
enum Life {
    Alive {
        /// Ends the listener and every connection when dropped.
        stop: DropGuard,
        /// Ends the listener alone when cancelled.
        accepting: CancellationToken,
        tasks: TaskTracker,
    },
    /// The port stays bound, without listening: connections are refused, and the system gives it to nobody who wants
    /// any free port, clients included.
    Dead { port: Option<TcpSocket> },
}

/// What a server has in common with its connections.
#[derive(Debug)]
pub(crate) struct Shared {
    settings: Mutex<Settings>,
    connections: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    frozen: watch::Sender<bool>,
    feed: watch::Sender<Option<u32>>,
    sink: watch::Sender<bool>,
    burst: watch::Sender<Burst>,
    line: watch::Sender<Line>,
    close: watch::Sender<CloseOrder>,
    /// That it was told something.
    told: watch::Sender<()>,
}

#[derive(Debug)]
struct Settings {
    behaviour: Behaviour,
    load: Load,
    /// When the server died and how many users it had then.
    death: Option<(Instant, u64)>,
}

/// The close code and reason that open connections are to be closed with.
#[derive(Debug, Clone, Default)]
pub(crate) struct CloseOrder {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

/// Messages that every open connection gets at once, as fast as it takes them.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// How many.
    pub count: u32,
    /// The bytes of each.
    pub size: usize,
    /// Binary ones; else they are text.
    #[serde(default)]
    pub binary: bool,
}

impl Shared {
    pub(crate) fn behaviour(&self) -> Behaviour {
        self.settings.lock().behaviour.clone()
    }

    pub(crate) fn close_orders(&self) -> watch::Receiver<CloseOrder> {
        self.close.subscribe()
    }

    /// [`Behaviour::feed`].
    pub(crate) fn feed(&self) -> watch::Receiver<Option<u32>> {
        self.feed.subscribe()
    }

    /// [`Behaviour::sink`].
    pub(crate) fn sink(&self) -> watch::Receiver<bool> {
        self.sink.subscribe()
    }

    pub(crate) fn bursts(&self) -> watch::Receiver<Burst> {
        self.burst.subscribe()
    }

    pub(crate) fn line(&self) -> watch::Receiver<Line> {
        self.line.subscribe()
    }

    /// Has open connections behave so from now on.
    fn tell_open(&self, behaviour: &Behaviour) {
        tell(&self.line, behaviour.line());
        tell(&self.feed, behaviour.feed);
        tell(&self.sink, behaviour.sink);
        // Last: what thaws is to find the rest in order.
        tell(&self.frozen, behaviour.frozen);
    }

    pub(crate) fn count_opened(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
        self.accepted.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn count_closed(&self) {
        self.connections.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::SeqCst);
    }
}

/// Those who watch hear of it only if it is new to them: a feed must not begin anew with every change.
fn tell<T: PartialEq>(watched: &watch::Sender<T>, value: T) {
    watched.send_if_modified(|now| {
        let new = *now != value;
        *now = value;
        new
    });
}

/// The truth about a server, whatever the list says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerState {
    /// Stable name.
    pub id: String,
    /// `ws:` URL.
    pub url: String,
    /// TCP port.
    pub port: u16,
    /// Size, rank and base users.
    #[serde(flatten)]
    pub load: Load,
    /// WebSockets open at this moment.
    pub connections: u64,
    /// Connections and base users together.
    pub users: u64,
    /// Handshakes accepted since the start.
    pub accepted: u64,
    /// Handshakes answered with 503 since the start.
    pub refused: u64,
    /// How it behaves.
    pub behaviour: Behaviour,
}

impl Server {
    /// Starts a server on `address` (port 0: any free one). `host` is how clients name the machine. It is dead from
    /// the start if its behaviour says so.
    pub(crate) async fn start(
        id: String,
        address: SocketAddr,
        host: &str,
        behaviour: Behaviour,
        load: Load,
    ) -> Result<Self, Error> {
        behaviour.check()?;
        load.check()?;
        let failed = |error| cannot_listen(&format!("server {id}"), address, &error);
        let socket = bind(address).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let alive = behaviour.alive;
        let shared = Arc::new(Shared {
            frozen: watch::Sender::new(behaviour.frozen),
            feed: watch::Sender::new(behaviour.feed),
            sink: watch::Sender::new(behaviour.sink),
            burst: watch::Sender::default(),
            line: watch::Sender::new(behaviour.line()),
            close: watch::Sender::default(),
            told: watch::Sender::default(),
            connections: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            settings: Mutex::new(Settings {
                death: (!alive).then(|| (Instant::now(), load.base_users)),
                behaviour,
                load,
            }),
        });
        let life = if alive {
            live(socket.listen(BACKLOG).map_err(failed)?, &shared)
        } else {
            Life::Dead { port: Some(socket) }
        };
        Ok(Self {
            url: format!("ws://{host}:{}/", address.port()),
            id,
            address,
            shared,
            life: tokio::sync::Mutex::new(life),
        })
    }

    /// Its stable name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its `ws:` URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The priority group it is in now.
    pub fn priority(&self) -> u8 {
        self.shared.settings.lock().load.priority
    }

    /// The truth about it now.
    pub fn state(&self) -> ServerState {
        let settings = self.shared.settings.lock();
        let connections = self.shared.connections.load(Ordering::SeqCst);
        ServerState {
            id: self.id.clone(),
            url: self.url.clone(),
            port: self.address.port(),
            connections,
            users: connections + settings.load.base_users,
            accepted: self.shared.accepted.load(Ordering::SeqCst),
            refused: self.shared.refused.load(Ordering::SeqCst),
            load: settings.load.clone(),
            behaviour: settings.behaviour.clone(),
        }
    }

    /// Whenever it is told how to behave.
    pub(crate) fn told(&self) -> watch::Receiver<()> {
        self.shared.told.subscribe()
    }

    /// What a list made at `now` is made from.
    pub(crate) fn facts(&self, now: Instant) -> Facts {
        let settings = self.shared.settings.lock();
        Facts {
            id: self.id.clone(),
            url: self.url.clone(),
            users: self.shared.connections.load(Ordering::SeqCst) + settings.load.base_users,
            loss: settings.death.map(|(at, users)| Loss {
                ago: now.duration_since(at),
                users,
            }),
            load: settings.load.clone(),
            behaviour: settings.behaviour.clone(),
        }
    }

    /// Would [`Server::change`] accept these fields?
    pub(crate) fn check(&self, changes: &Map<String, Value>) -> Result<(), Error> {
        self.changed(changes).map(drop)
    }

    /// Lays `changes` (fields of [`Behaviour`] and [`Load`]) over what is in force. When this returns, they are in
    /// force: a dead server's port refuses connections and none is left, a living one's listens.
    pub async fn change(&self, changes: &Map<String, Value>) -> Result<(), Error> {
        let mut life = self.life.lock().await;
        let (behaviour, load) = self.changed(changes)?;
        if !behaviour.alive && matches!(*life, Life::Alive { .. }) {
            self.die(&mut life).await;
        }
        let listener = match &mut *life {
            Life::Dead { port } if behaviour.alive => Some(self.listen_again(port.take())?),
            _ => None,
        };
        {
            let mut settings = self.shared.settings.lock();
            if behaviour.alive {
                settings.death = None;
            }
            settings.behaviour = behaviour.clone();
            settings.load = load;
        }
        self.shared.tell_open(&behaviour);
        self.shared.told.send_replace(());
        if let Some(listener) = listener {
            *life = live(listener, &self.shared);
        }
        Ok(())
    }

    fn listen_again(&self, port: Option<TcpSocket>) -> Result<TcpListener, Error> {
        port.map_or_else(|| bind(self.address), Ok)
            .and_then(|socket| socket.listen(BACKLOG))
            .map_err(|error| cannot_listen(&format!("server {}", self.id), self.address, &error))
    }

    fn changed(&self, changes: &Map<String, Value>) -> Result<(Behaviour, Load), Error> {
        let settings = self.shared.settings.lock();
        let (of_behaviour, of_load) = (fields_of(&settings.behaviour), fields_of(&settings.load));
        let (mut behaviour, mut load) = (Map::new(), Map::new());
        for (field, value) in changes {
            let changes = if of_behaviour.contains_key(field) {
                &mut behaviour
            } else if of_load.contains_key(field) {
                &mut load
            } else {
                return Err(unknown_field(field, of_behaviour.keys().chain(of_load.keys())));
            };
            changes.insert(field.clone(), value.clone());
        }
        let behaviour = patched(&settings.behaviour, behaviour)?;
        let load = patched(&settings.load, load)?;
        behaviour.check()?;
        load.check()?;
        Ok((behaviour, load))
    }

    /// Takes every fault back, and comes back to life if dead. Size, rank and base users stay.
    pub async fn reset(&self) -> Result<(), Error> {
        self.change(&fields_of(&Behaviour::default())).await
    }

    /// Closes every open connection with `code` and `reason` and says how many there were. A frozen server does so
    /// when it thaws.
    pub fn close_all(&self, code: u16, reason: &str) -> Result<u64, Error> {
        check_close_code(code)?;
        if reason.len() > 123 {
            return Err(Error::invalid(
                format!("the reason has {} bytes", reason.len()),
                "use one of at most 123 bytes",
            ));
        }
        let open = self.shared.connections.load(Ordering::SeqCst);
        self.shared.close.send_replace(CloseOrder {
            code,
            reason: reason.to_owned(),
        });
        Ok(open)
    }

    /// Sends every open connection a burst of messages, and says how many connections there are.
    pub fn burst(&self, burst: Burst) -> Result<u64, Error> {
        if burst.size > MAX_MESSAGE {
            return Err(Error::invalid(
                format!("`size` is {}", burst.size),
                format!("give a `size` of at most {MAX_MESSAGE}"),
            ));
        }
        let open = self.shared.connections.load(Ordering::SeqCst);
        self.shared.burst.send_replace(burst);
        Ok(open)
    }

    /// Ends the server for good: no listener, no connection, and the port is free.
    pub(crate) async fn stop(&self) {
        let mut life = self.life.lock().await;
        kill(std::mem::replace(&mut *life, Life::Dead { port: None })).await;
    }

    /// Stops listening, tells every client 1001 ("going away") and waits for them for as long as `patience`; then
    /// [stops](Server::stop).
    pub(crate) async fn retire(&self, patience: Duration) {
        if let Life::Alive { accepting, .. } = &*self.life.lock().await {
            accepting.cancel();
        }
        let order = CloseOrder {
            code: 1001,
            reason: String::new(),
        };
        self.shared.close.send_replace(order);
        let gone = async {
            while self.shared.connections.load(Ordering::SeqCst) > 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        // Those who do not answer, and those of a frozen server, are left.
        let _ = timeout(patience, gone).await;
        self.stop().await;
    }

    async fn die(&self, life: &mut Life) {
        {
            let mut settings = self.shared.settings.lock();
            let open = self.shared.connections.load(Ordering::SeqCst);
            settings.death = Some((Instant::now(), open + settings.load.base_users));
            settings.behaviour.alive = false;
        }
        kill(std::mem::replace(life, Life::Dead { port: None })).await;
        *life = Life::Dead {
            port: bind(self.address).ok(),
        };
    }
}

/// Ends a server's tasks, and waits until the last has let its socket go.
async fn kill(life: Life) {
    if let Life::Alive { stop, tasks, .. } = life {
        drop(stop);
        tasks.close();
        tasks.wait().await;
    }
}

fn live(listener: TcpListener, shared: &Arc<Shared>) -> Life {
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let accepting = stop.child_token();
    tasks.spawn(accepting.clone().run_until_cancelled_owned(accept_all(
        listener,
        shared.clone(),
        tasks.clone(),
        stop.clone(),
    )));
    Life::Alive {
        stop: stop.drop_guard(),
        accepting,
        tasks,
    }
}

async fn accept_all(listener: TcpListener, shared: Arc<Shared>, tasks: TaskTracker, stop: CancellationToken) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Else small answers would wait for more. It only fails if the client has gone again.
                let _ = stream.set_nodelay(true);
                let connection = serve(stream, shared.clone());
                let frozen = shared.frozen.subscribe();
                tasks.spawn(supervise(connection, frozen, stop.clone()));
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// A socket bound to `address`, also if connections of a listener that was there just now have not quite ended.
fn bind(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // On Windows the option would allow taking a port that another process listens on.
    socket.set_reuseaddr(cfg!(unix))?;
    socket.bind(address)?;
    Ok(socket)
}

/// A listener on `address` for anything that is not a [`Server`]; `what` names it in the error.
pub(crate) fn listen(what: &str, address: SocketAddr) -> Result<TcpListener, Error> {
    bind(address)
        .and_then(|socket| socket.listen(BACKLOG))
        .map_err(|error| cannot_listen(what, address, &error))
}

fn cannot_listen(what: &str, address: SocketAddr, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        Error::new(
            ErrorKind::Taken,
            format!("{what} cannot listen on {address}: the port is in use"),
            "stop what listens there, or choose another port (0: any free one)",
        )
    } else {
        Error::new(
            ErrorKind::System,
            format!("{what} cannot listen on {address}: {error}"),
            "check the host and the port",
        )
    }
}
