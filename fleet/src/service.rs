//! The whole of it: fleets, their lists and the control API on one port.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::lookup_host;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::api::{DEFAULT_FLEET, router};
use crate::error::{Error, ErrorKind};
use crate::fleet::{Fleet, FleetSpec, Fleets, Host};
use crate::mount::Mount;
use crate::server::listen;

/// How long clients and requests have at the end.
const PATIENCE: Duration = Duration::from_millis(500);

/// What to start.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Name or address to listen on.
    pub host: String,
    /// How clients name the machine. Default: `host`, or the loopback address if that is "every address".
    pub public_host: Option<String>,
    /// Port of the lists and the control API; 0: any free one.
    pub port: u16,
    /// The fleet `default`.
    pub fleet: FleetSpec,
    /// Folders to serve beside the API.
    pub mounts: Vec<Mount>,
}

/// Fleets at work, until [stopped](Service::stop) or dropped.
#[derive(Debug)]
pub struct Service {
    fleets: Arc<Fleets>,
    default: Arc<Fleet>,
    address: SocketAddr,
    host: String,
    ending: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Service {
    /// Listens, makes the default fleet and its list; then everything is ready.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let mut paths = HashSet::new();
        if let Some(twice) = options.mounts.iter().find(|mount| !paths.insert(mount.path())) {
            return Err(Error::invalid(
                format!("two folders are to be served at {}", twice.path()),
                "give each a path of its own",
            ));
        }
        let address = resolve(&options.host, options.port).await?;
        let host = options
            .public_host
            .unwrap_or_else(|| public_name(&options.host, address.ip()));
        let listener = listen("the control API", address)?;
        let address = listener.local_addr().map_err(|error| {
            Error::new(
                ErrorKind::System,
                format!("the control API has no address: {error}"),
                "try again",
            )
        })?;
        let fleets = Arc::new(Fleets::new(Host {
            ip: address.ip(),
            name: host.clone(),
        }));
        let default = fleets
            .create(FleetSpec {
                name: Some(DEFAULT_FLEET.to_owned()),
                ..options.fleet
            })
            .await?;
        let ending = CancellationToken::new();
        let router = router(fleets.clone(), address, &options.mounts);
        let listener = listener.tap_io(|stream| {
            // Else small answers would wait for more. It only fails if the client has gone again.
            let _ = stream.set_nodelay(true);
        });
        let serving = axum::serve(listener, router).with_graceful_shutdown(ending.clone().cancelled_owned());
        Ok(Self {
            serving: tokio::spawn(serving.into_future()),
            fleets,
            default,
            address,
            host,
            ending,
        })
    }

    /// Where the lists and the control API are, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}:{}", self.host, self.address.port())
    }

    /// The fleet made at the start.
    pub fn default_fleet(&self) -> &Fleet {
        &self.default
    }

    /// All fleets.
    pub fn fleets(&self) -> &Fleets {
        &self.fleets
    }

    /// Ends in good order, within a second: WebSocket clients are told 1001, requests under way are answered if they
    /// can be.
    pub async fn stop(mut self) {
        self.ending.cancel();
        self.fleets.retire(PATIENCE).await;
        // Requests that hang on purpose have been let go by their fleets; a client that does not read is left.
        let _ = timeout(PATIENCE, &mut self.serving).await;
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn resolve(host: &str, port: u16) -> Result<SocketAddr, Error> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let unknown = |cause: String| {
        Error::invalid(
            format!("there is no host `{host}` to listen on{cause}"),
            "use 127.0.0.1, or an address of this machine",
        )
    };
    lookup_host((bare, port))
        .await
        .map_err(|error| unknown(format!(" ({error})")))?
        .next()
        .ok_or_else(|| unknown(String::new()))
}

fn public_name(host: &str, ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V6(_) if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
        _ => host.to_owned(),
    }
}
