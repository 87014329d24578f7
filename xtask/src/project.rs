//! Where things are, and the two tools that everything is done with: Cargo and Node.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The project's root folder.
pub(crate) fn root() -> PathBuf {
    // Asked at run time: the folder may have been moved since this program was built.
    let xtask = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let xtask = xtask.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    xtask.parent().map(Path::to_path_buf).unwrap_or(xtask)
}

/// A folder for what the commands leave behind; git ignores it and `cargo clean` empties it.
pub(crate) fn scratch(name: &str) -> Result<PathBuf> {
    let folder = root().join("target").join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

/// Cargo, in the project's root.
pub(crate) fn cargo<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments);
    command
}

/// Node, in the project's root.
pub(crate) fn node<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new("node");
    command.current_dir(root()).args(arguments);
    command
}

/// A tool that an npm package brings along, run by Node so that no shell is needed to find it.
pub(crate) fn npm_tool(path: &str) -> Command {
    node([root().join("node_modules").join(path)])
}

/// Runs `cargo build`, or `rustc`, with these arguments and gives the file that it made for
/// `target` with the given extension (`""` for a program).
pub(crate) fn build_artifact(command: &str, arguments: &[&str], target: &str, extension: &str) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        reason: String,
        target: Option<Target>,
        profile: Option<Profile>,
        #[serde(default)]
        filenames: Vec<PathBuf>,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    #[derive(Deserialize)]
    struct Profile {
        test: bool,
    }

    let output = cargo([command, "--quiet", "--message-format=json-render-diagnostics"])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("cargo {command} {} failed", arguments.join(" "));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok());
    messages
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| message.target.as_ref().is_some_and(|it| it.name == target))
        // A program's own unit tests are a program of the same name.
        .filter(|message| message.profile.as_ref().is_some_and(|it| !it.test))
        .find_map(|message| match extension {
            "" => message.executable,
            _ => message
                .filenames
                .into_iter()
                .find(|file| file.extension().is_some_and(|it| it == extension)),
        })
        .with_context(|| format!("cargo {command} {} made no {target}", arguments.join(" ")))
}
