//! The browsers that tests run in, and how their drivers are found.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::project;

/// The environment variable that names the browser that tests are to run in.
pub(crate) const VARIABLE: &str = "EVENKEEL_BROWSER";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Browser {
    Chromium,
    Firefox,
    /// WebKitGTK, which needs a display.
    Webkit,
}

impl Browser {
    /// The one that EVENKEEL_BROWSER names; else Chromium, unless only Firefox's driver is given.
    pub(crate) fn from_environment() -> Result<Self> {
        match env::var(VARIABLE).as_deref() {
            Ok("chromium") => Ok(Self::Chromium),
            Ok("firefox") => Ok(Self::Firefox),
            Ok("webkit") => Ok(Self::Webkit),
            Ok(other) => bail!("{VARIABLE} is {other:?}: set it to chromium, firefox or webkit"),
            Err(_) => {
                let given = |name| env::var_os(name).is_some();
                let firefox = given("GECKODRIVER") && !given("CHROMEDRIVER");
                Ok(if firefox { Self::Firefox } else { Self::Chromium })
            }
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
            Self::Webkit => "webkit",
        }
    }

    /// The environment variable that names its driver.
    pub(crate) fn driver_variable(self) -> &'static str {
        match self {
            Self::Chromium => "CHROMEDRIVER",
            Self::Firefox => "GECKODRIVER",
            // wasm-bindgen's runner knows WebKit's protocol by the name of Safari's driver.
            Self::Webkit => "SAFARIDRIVER",
        }
    }

    /// The environment variable that names the browser itself, or what it is run in.
    pub(crate) fn program_variable(self) -> &'static str {
        match self {
            Self::Chromium => "CHROME",
            Self::Firefox => "FIREFOX",
            Self::Webkit => "XVFB_RUN",
        }
    }

    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Chromium => &["chromium", "chromium-browser", "google-chrome", "chrome"],
            Self::Firefox => &["firefox-esr", "firefox"],
            Self::Webkit => &["xvfb-run"],
        }
    }

    /// The browser's program: as the environment says, else from the search path. WebKit's is found by its driver: in
    /// its place stands the program that gives it a display.
    pub(crate) fn program(self) -> Option<PathBuf> {
        given(self.program_variable()).or_else(|| self.programs().iter().find_map(|name| on_search_path(name)))
    }

    /// The driver's program: as the environment says, else from the search path, else the one
    /// that `setup` built.
    pub(crate) fn driver(self) -> Option<PathBuf> {
        match self {
            Self::Chromium => given("CHROMEDRIVER").or_else(|| on_search_path("chromedriver")),
            Self::Firefox => given("GECKODRIVER")
                .or_else(|| on_search_path("geckodriver"))
                .or_else(|| Some(built_geckodriver()).filter(|file| file.exists())),
            Self::Webkit => given("SAFARIDRIVER").or_else(|| on_search_path("WebKitWebDriver")),
        }
    }

    /// The WebDriver capabilities of xtask/browsers.json, with the browser's program.
    pub(crate) fn capabilities(self, program: &Path) -> Result<Value> {
        let file = project::root().join("xtask").join("browsers.json");
        let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let mut all: Map<String, Value> =
            serde_json::from_str(&text).with_context(|| format!("{} is no JSON object", file.display()))?;
        let mut capabilities = all.remove(self.name()).unwrap_or_default();
        let options = match self {
            Self::Chromium => "goog:chromeOptions",
            Self::Firefox => "moz:firefoxOptions",
            Self::Webkit => return Ok(capabilities),
        };
        capabilities[options]["binary"] = Value::from(program.to_string_lossy());
        Ok(capabilities)
    }
}

/// The folder that `cargo install` puts geckodriver into, and the program there.
pub(crate) fn geckodriver_root() -> PathBuf {
    project::root().join("target").join("geckodriver")
}

fn built_geckodriver() -> PathBuf {
    let file = format!("geckodriver{}", env::consts::EXE_SUFFIX);
    geckodriver_root().join("bin").join(file)
}

fn given(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn on_search_path(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(&file))
        .find(|it| it.is_file())
}
