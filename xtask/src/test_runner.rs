//! Cargo's runner for wasm32 tests. wasm-bindgen's own runner does the work, with exactly one driver in its environment:
//! given two, it would choose by itself.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::browser::Browser;
use crate::process::Group;
use crate::project;
use crate::service::{FLEET, Service};
use crate::setup;

/// Every variable by which wasm-bindgen's runner would find a driver.
const DRIVER_VARIABLES: [&str; 4] = ["CHROMEDRIVER", "GECKODRIVER", "SAFARIDRIVER", "MSEDGEDRIVER"];

/// Seconds for a whole test program; each test has a shorter limit of its own.
const TIMEOUT: &str = "300";

/// As long as a test program may take.
const OTHER_RUN: Duration = Duration::from_secs(300);

/// Runs one test program in one browser, with a fleet at EVENKEEL_FLEET.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let browser = setup::browser(Browser::from_environment()?)?;
    let _fleet = fleet()?;

    let name = browser.browser.name();
    let capabilities = project::scratch("webdriver")?.join(format!("{name}.json"));
    fs::write(
        &capabilities,
        browser.browser.capabilities(&browser.program)?.to_string(),
    )
    .with_context(|| format!("{} cannot be written", capabilities.display()))?;

    let package = ["--profile", "tools", "-p", "wasm-test-runner"];
    let runner = project::build_artifact("build", &package, "wasm-test-runner", "")?;
    let mut command = match browser.browser {
        Browser::Webkit => {
            let mut with_display = Command::new(&browser.program);
            with_display.arg("--auto-servernum").arg(runner);
            with_display
        }
        _ => Command::new(runner),
    };
    for variable in DRIVER_VARIABLES {
        command.env_remove(variable).env_remove(format!("{variable}_REMOTE"));
    }
    command
        .env(browser.browser.driver_variable(), &browser.driver)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities)
        .args(arguments);
    if env::var_os("WASM_BINDGEN_TEST_TIMEOUT").is_none() {
        command.env("WASM_BINDGEN_TEST_TIMEOUT", TIMEOUT);
    }
    let status = Group::spawn(&mut command)?.wait()?;
    if !status.success() {
        bail!("tests failed in {name}");
    }
    Ok(())
}

/// The fleet that the tests talk to. Its address is compiled into them, so it is
/// fixed: .cargo/config.toml gives it, and the environment may give another.
fn fleet() -> Result<Service> {
    let address = env::var("EVENKEEL_FLEET").context("EVENKEEL_FLEET is not set")?;
    let port = address.strip_prefix("http://127.0.0.1:").unwrap_or_default();
    let port: u16 = port
        .parse()
        .with_context(|| format!("EVENKEEL_FLEET is {address:?}: it must be http://127.0.0.1:PORT, without a path"))?;
    wait_for(port);
    FLEET.start(&["--port", &port.to_string()], None).with_context(|| {
        format!("no fleet for the tests at {address}: set EVENKEEL_FLEET to one with another port if this is taken")
    })
}

/// Waits while another test run has the port, of this checkout or of another one. If it stays taken, the fleet says so.
fn wait_for(port: u16) {
    let deadline = Instant::now() + OTHER_RUN;
    let mut waiting = false;
    while TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() && Instant::now() < deadline {
        if !waiting {
            eprintln!("port {port} is in use: waiting for the end of what may be another test run");
            waiting = true;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
