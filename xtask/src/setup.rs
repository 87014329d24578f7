//! What a fresh machine lacks: the wasm target, the npm packages, the browsers and their drivers.

use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use crate::browser::{self, Browser};
use crate::process;
use crate::project;

const WASM_TARGET: &str = "wasm32-unknown-unknown";
const GECKODRIVER_VERSION: &str = "0.37.1";

/// All of it.
pub(crate) fn everything() -> Result<()> {
    wasm_target()?;
    let work: [fn() -> Result<()>; 3] = [
        npm_packages,
        || browser(Browser::Firefox).map(drop),
        || browser(Browser::Chromium).map(drop),
    ];
    // Side by side: one compiles while the others wait for the network.
    std::thread::scope(|scope| {
        let running = work.map(|it| scope.spawn(it));
        running
            .into_iter()
            .try_for_each(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// The standard library for wasm32.
pub(crate) fn wasm_target() -> Result<()> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", WASM_TARGET])
        .current_dir(project::root())
        .output()
        .context("rustc cannot be started: install Rust by https://rustup.rs")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    process::run(
        Command::new("rustup")
            .args(["target", "add", WASM_TARGET])
            .current_dir(project::root()),
    )
    .with_context(|| format!("Rust's target {WASM_TARGET} is missing: install it with your Rust"))
}

/// The packages of package-lock.json, installed when they are missing or older than the lock.
pub(crate) fn npm_packages() -> Result<()> {
    npm_packages_of(&project::root())
}

/// The same for a folder with a lock of its own.
pub(crate) fn npm_packages_of(folder: &Path) -> Result<()> {
    let (lock, installed) = (
        folder.join("package-lock.json"),
        folder.join("node_modules/.installed-lock.json"),
    );
    let locked = fs::read(&lock).with_context(|| format!("{} cannot be read", lock.display()))?;
    // Times would mislead: npm renews its own record also where it installs nothing (`--package-lock-only`).
    if fs::read(&installed).is_ok_and(|installed| installed == locked) {
        return Ok(());
    }
    eprintln!("installing the npm packages of {}", folder.display());
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut command = Command::new(npm);
    // No package may fetch or run anything while it is installed: all that is used comes from the registry as it is.
    command
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(folder);
    process::run(command.stdout(Stdio::null()))?;
    fs::write(&installed, locked).with_context(|| format!("{} cannot be written", installed.display()))
}

/// A browser with its driver, ready to be used.
pub(crate) struct Installed {
    pub(crate) browser: Browser,
    pub(crate) program: PathBuf,
    pub(crate) driver: PathBuf,
}

/// Every browser that every change is tested in.
pub(crate) fn browsers() -> Result<Vec<Installed>> {
    [Browser::Chromium, Browser::Firefox].into_iter().map(browser).collect()
}

/// One browser and its driver, installed if they are missing.
pub(crate) fn browser(browser: Browser) -> Result<Installed> {
    let lacking: &[&str] = match browser {
        _ if browser.program().is_some() && browser.driver().is_some() => &[],
        Browser::Chromium => &["chromium", "chromium-driver"],
        Browser::Firefox if browser.program().is_some() => &[],
        Browser::Firefox => &["firefox-esr"],
        Browser::Webkit => &["webkit2gtk-driver", "xvfb", "xauth"],
    };
    // Compiled first, while the packages of another browser may be on their way.
    if browser == Browser::Firefox && browser.driver().is_none() {
        build_geckodriver().with_context(|| by_hand(browser))?;
    }
    if !lacking.is_empty() {
        install_packages(lacking).with_context(|| by_hand(browser))?;
    }
    Ok(Installed {
        browser,
        program: browser.program().with_context(|| by_hand(browser))?,
        driver: browser.driver().with_context(|| by_hand(browser))?,
    })
}

/// What network namespaces are made with. Only root can make any: others, and whoever has no such tools, do without the
/// tests that need them, which say so.
pub(crate) fn network_tools() {
    let lacking = Command::new("ip").arg("-V").output().is_err();
    if lacking
        && is_root()
        && let Err(error) = install_packages(&["iproute2"])
    {
        eprintln!("{error:#}: install iproute2 for the tests that cut networks");
    }
}

/// The brokers that other libraries' clients are tested against. As with the network's tools, only root is given them: whoever
/// has none does without the tests that need them, which say so.
pub(crate) fn brokers() {
    server("nats-server", "/usr/sbin/nats-server");
    server("rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server");
}

/// What the servers that report are built and run with, beside Node and Rust; likewise.
pub(crate) fn reporters() {
    server("golang-go", "/usr/bin/go");
    server(
        "golang-github-gorilla-websocket-dev",
        "/usr/share/gocode/src/github.com/gorilla/websocket",
    );
    server("python3-websockets", "/usr/lib/python3/dist-packages/websockets");
    server("curl", "/usr/bin/curl");
    network_tools();
}

/// The proxy that the documentation has a configuration for; likewise.
pub(crate) fn reverse_proxy() {
    server("nginx-light", "/usr/sbin/nginx");
}

/// What seeds share their fleet through: Redis, or Valkey.
pub(crate) fn redis() -> Result<()> {
    let there = |program| Command::new(program).arg("--version").output().is_ok();
    if there("redis-server") || there("valkey-server") {
        return Ok(());
    }
    install_packages(&["redis-server"]).context("the tests need redis-server or valkey-server: install one")
}

/// What the seed is measured beside, and with.
pub(crate) fn seed_rivals() -> Result<()> {
    let lacking: Vec<_> = [("nginx-light", "/usr/sbin/nginx"), ("wrk", "/usr/bin/wrk")]
        .into_iter()
        .filter_map(|(package, program)| (!Path::new(program).exists()).then_some(package))
        .collect();
    match lacking.as_slice() {
        [] => Ok(()),
        lacking => install_packages(lacking).context("the measurements need nginx and wrk: install them"),
    }
}

fn server(package: &str, program: &str) {
    if !Path::new(program).exists()
        && is_root()
        && let Err(error) = install_packages(&[package])
    {
        eprintln!("{error:#}: install {package} for the tests that need it");
    }
}

fn by_hand(browser: Browser) -> String {
    let (what, driver) = match browser {
        Browser::Chromium => ("Chromium or Chrome", "chromedriver"),
        Browser::Firefox => ("Firefox", "geckodriver"),
        Browser::Webkit => ("xvfb-run", "WebKitGTK's WebKitWebDriver"),
    };
    format!(
        "the tests need {what} and {driver}: install them, or set {} and {} to where they are",
        browser.program_variable(),
        browser.driver_variable(),
    )
}

/// Installs packages of the system: on Debian and Ubuntu, as root or with sudo.
fn install_packages(packages: &[&str]) -> Result<()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("only Debian's and Ubuntu's packages can be installed from here");
    }
    eprintln!("installing {}", packages.join(" "));
    let apt_get = |arguments: &[&str]| {
        let mut command = if is_root() {
            Command::new("apt-get")
        } else {
            let mut sudo = Command::new("sudo");
            // Never asks for a password: nobody may be there to type it.
            sudo.args(["--non-interactive", "apt-get"]);
            sudo
        };
        command.env("DEBIAN_FRONTEND", "noninteractive");
        process::run(command.arg("-qq").args(arguments).stdout(Stdio::null()))
    };
    apt_get(&["update"])?;
    apt_get(&[&["install", "--yes", "--no-install-recommends"], packages].concat())
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// Debian has no package of geckodriver, and npm's downloads from elsewhere.
fn build_geckodriver() -> Result<()> {
    eprintln!("building geckodriver {GECKODRIVER_VERSION}");
    let arguments = ["install", "geckodriver", "--version", GECKODRIVER_VERSION, "--locked"];
    // Unoptimised, and nothing in it to debug: it is built once and only passes commands on.
    process::run(
        project::cargo(arguments)
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .args(["--debug", "--quiet", "--root"])
            .arg(browser::geckodriver_root()),
    )
}
