//! What each entry costs a user's page, and whether that is within the budget.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::bundle;
use crate::project;

/// Bytes of one entry: its script as a bundler leaves it, and the wasm beside it if it has one.
#[derive(Serialize, Deserialize)]
struct Size {
    raw: u64,
    gzip: u64,
    brotli: u64,
    files: BTreeMap<String, Bytes>,
}

#[derive(Serialize, Deserialize)]
struct Bytes {
    raw: u64,
    gzip: u64,
    brotli: u64,
}

/// Builds, measures and prints; with `check` fails when an entry is over its budget.
pub(crate) fn report(json: bool, check: bool) -> Result<()> {
    bundle::build()?;
    let sizes = measure()?;
    let budgets = budgets()?;
    if json {
        println!("{}", serde_json::to_string_pretty(&sizes)?);
    } else {
        print(&sizes, &budgets);
    }
    let over: Vec<_> = sizes
        .iter()
        .filter(|(entry, size)| budgets.get(*entry).is_some_and(|most| size.brotli > *most))
        .map(|(entry, size)| format!("{entry} by {} bytes", size.brotli - budgets[entry]))
        .collect();
    if check && !over.is_empty() {
        bail!("over the brotli budget of size-budget.json: {}", over.join(", "));
    }
    Ok(())
}

fn measure() -> Result<BTreeMap<String, Size>> {
    let output = project::node(["xtask/size.mjs"])
        .stderr(Stdio::inherit())
        .output()
        .context("node cannot be started")?;
    if !output.status.success() {
        bail!("the entries cannot be bundled");
    }
    serde_json::from_slice(&output.stdout).context("xtask/size.mjs printed no sizes")
}

/// The most brotli bytes an entry may have.
fn budgets() -> Result<BTreeMap<String, u64>> {
    let text =
        std::fs::read_to_string(project::root().join("size-budget.json")).context("size-budget.json cannot be read")?;
    serde_json::from_str(&text).context("size-budget.json maps entries to bytes")
}

fn print(sizes: &BTreeMap<String, Size>, budgets: &BTreeMap<String, u64>) {
    println!("{:<22}{:>9}{:>9}{:>9}{:>9}", "bytes", "raw", "gzip", "brotli", "budget");
    for (entry, size) in sizes {
        let budget = budgets.get(entry).map(u64::to_string).unwrap_or_default();
        println!(
            "{entry:<22}{:>9}{:>9}{:>9}{budget:>9}",
            size.raw, size.gzip, size.brotli
        );
        // A single file is the entry itself.
        for (file, bytes) in size.files.iter().filter(|_| size.files.len() > 1) {
            println!("  {file:<20}{:>9}{:>9}{:>9}", bytes.raw, bytes.gzip, bytes.brotli);
        }
    }
}
