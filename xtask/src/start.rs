//! The demo: a fleet in two priority groups that serves the page as well.

use std::net::TcpListener;
use std::panic::resume_unwind;

use anyhow::Result;

use crate::bundle;
use crate::fleet::{self, Fleet};

const HOST: &str = "127.0.0.1";

/// Small enough that a crowd from one page (150 sockets) fills the first group to the point where it begins to spill
/// into the second.
const GROUPS: [&str; 2] = [
    "priority=0,count=3,capacity=80,base=20",
    "priority=1,count=2,capacity=80,base=5",
];

/// Builds everything, serves the page and runs until Ctrl-C.
pub(crate) fn run(port: u16) -> Result<()> {
    eprintln!("building the package and the fleet: the first time takes 3 minutes");
    // Side by side: the package's build has times in which it waits for the network, or for one processor.
    std::thread::scope(|scope| {
        let fleet = scope.spawn(fleet::program);
        bundle::build()?;
        fleet.join().unwrap_or_else(|panic| resume_unwind(panic))
    })?;
    let port = match TcpListener::bind((HOST, port)) {
        Ok(_) => port,
        Err(error) => {
            eprintln!("port {port} cannot be used ({error}): taking another");
            0
        }
    };
    let mut arguments = vec!["--host".to_owned(), HOST.to_owned()];
    arguments.extend(["--port".to_owned(), port.to_string()]);
    arguments.extend(
        GROUPS
            .iter()
            .flat_map(|group| ["--group".to_owned(), (*group).to_owned()]),
    );
    for mount in ["/=www", "/evenkeel=dist"] {
        arguments.extend(["--serve".to_owned(), mount.to_owned()]);
    }
    let fleet = Fleet::start(&arguments)?;
    let page = fleet.list.strip_suffix("servers").unwrap_or(&fleet.list);
    println!(
        "\nThe demo page: {page}\nThe server list: {}\nCtrl-C ends it.",
        fleet.list
    );
    fleet.wait()
}
