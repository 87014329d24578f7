//! The line between a client and its server: the bytes of both directions, and the faults that a network has and a
//! server cannot have by itself.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, split};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// The most bytes that set out together. Small, as the buffer is allocated twice for every connection.
const CHUNK: usize = 4 << 10;

/// How many chunks of one direction may be on their way at once. A sender who is faster waits, as for a TCP window.
const ON_THEIR_WAY: usize = 256;

/// How a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    /// How long bytes are on their way.
    pub(crate) latency: Duration,
    /// Is what arrives swallowed?
    pub(crate) blackhole: bool,
}

/// What is on its way, and when it arrives: bytes, or the end of the stream as no bytes or an error.
type Parcel = (Instant, io::Result<Vec<u8>>);

/// Carries bytes between `client` and `server` until `serving`, which has the other end of `server`, is done and what
/// it wrote has arrived. The client sees the end of the connection after `serving` is dropped. If the connection
/// lost bytes, it is reset.
pub(crate) async fn carry(
    mut client: TcpStream,
    server: DuplexStream,
    line: watch::Receiver<Line>,
    serving: impl Future<Output = ()>,
) {
    let carried = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = split(server);
        let served = async {
            tokio::select! {
                () = serving => Ok(()),
                // That the client has no more to say is no end: the server has been told.
                Err(error) = carry_one_way(from_client, to_server, line.clone()) => Err(error),
            }
        };
        tokio::try_join!(served, carry_one_way(from_server, to_client, line.clone()))
    };
    if carried.is_err() {
        // It only fails if the client has gone already.
        let _ = client.set_zero_linger();
    }
}

/// Carries what comes from `from`, its end included, to `to`.
async fn carry_one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut line: watch::Receiver<Line>,
) -> io::Result<()> {
    let (departed, mut arriving) = mpsc::channel::<Parcel>(ON_THEIR_WAY);
    let way = line.clone();
    let departures = async move {
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = from.read(&mut buffer).await.map(|size| buffer[..size].to_vec());
            let last = read.as_ref().map_or(true, Vec::is_empty);
            let due = Instant::now() + way.borrow().latency;
            if departed.send((due, read)).await.is_err() || last {
                return pending::<Infallible>().await;
            }
        }
    };
    let arrivals = async {
        while let Some((due, read)) = arriving.recv().await {
            // The timer takes a millisecond at least.
            if due > Instant::now() {
                sleep_until(due).await;
            }
            if line.borrow().blackhole {
                return Err(swallow(&mut arriving, &mut line).await);
            }
            match read?.as_slice() {
                [] => return to.shutdown().await,
                bytes => to.write_all(bytes).await?,
            }
        }
        Ok(())
    };
    tokio::select! {
        never = departures => match never {},
        arrived = arrivals => arrived,
    }
}

/// Swallows what arrives, for as long as the line is a black hole. TCP would have sent it again in vain until it gave
/// the connection up: this is the error that it would give.
async fn swallow(arriving: &mut mpsc::Receiver<Parcel>, line: &mut watch::Receiver<Line>) -> io::Error {
    loop {
        tokio::select! {
            _ = line.wait_for(|line| !line.blackhole) => return io::ErrorKind::ConnectionReset.into(),
            Some(_) = arriving.recv() => {}
        }
    }
}
