//! The demo: a seed, and a fleet in two priority groups that reports to it and serves the page as well.

use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::panic::resume_unwind;

use anyhow::Result;

use crate::bundle;
use crate::service::{FLEET, SEED};

const HOST: &str = "127.0.0.1";

/// Small enough that a crowd from one page (150 sockets) fills the first group to the point where it begins to spill
/// into the second.
const GROUPS: [&str; 2] = [
    "priority=0,count=3,capacity=80,base=20",
    "priority=1,count=2,capacity=80,base=5",
];

/// The list is to follow what one clicks on: it is made five times a second, and who is silent for two seconds is lost.
const SEED_OPTIONS: [&str; 6] = ["--refresh", "200", "--list-ttl", "2", "--warm-up", "1"];
const FLEET_OPTIONS: [&str; 4] = ["--refresh", "200", "--detection", "2000"];

/// Builds everything, serves the page and runs until Ctrl-C.
pub(crate) fn run(port: u16) -> Result<()> {
    eprintln!("building the package, the seed and the fleet: the first time takes some minutes");
    // Side by side: the package's build has times in which it waits for the network, or for one processor.
    std::thread::scope(|scope| {
        let programs = scope.spawn(|| SEED.path().and_then(|_| FLEET.path()));
        bundle::build()?;
        programs.join().unwrap_or_else(|panic| resume_unwind(panic))
    })?;
    let secret = secret();
    let listen = format!("{HOST}:0");
    let seed = SEED.start(&[&["--listen", &listen], &SEED_OPTIONS[..]].concat(), Some(&secret))?;
    let port = match TcpListener::bind((HOST, port)) {
        Ok(_) => port,
        Err(error) => {
            eprintln!("port {port} cannot be used ({error}): taking another");
            0
        }
    }
    .to_string();
    let mut arguments = vec!["--host", HOST, "--port", &port, "--seed", &seed.list];
    arguments.extend(FLEET_OPTIONS);
    arguments.extend(GROUPS.iter().flat_map(|group| ["--group", group]));
    arguments.extend(["/=www", "/evenkeel=dist"].iter().flat_map(|mount| ["--serve", mount]));
    let fleet = FLEET.start(&arguments, Some(&secret))?;
    let page = fleet.list.strip_suffix("servers").unwrap_or(&fleet.list);
    println!(
        "\nThe demo page: {page}\nThe seed's list: {}\nThe list by way of the fleet, which can break it: {}\nCtrl-C ends all.",
        seed.list, fleet.list
    );
    fleet.wait()
}

/// What the fleet shows the seed. The standard library's hashers are seeded at random.
fn secret() -> String {
    (0..2)
        .map(|part| format!("{:016x}", RandomState::new().hash_one(part)))
        .collect()
}
