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

/// What an entry may have, in brotli bytes.
#[derive(Deserialize)]
struct Budget {
    /// More fails the check. It follows the size down, so that nothing grows unnoticed.
    most: u64,
    /// What the contract asks for.
    target: u64,
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
        .filter_map(|(entry, size)| {
            let over = size.brotli.checked_sub(budgets.get(entry)?.most)?;
            (over > 0).then(|| format!("{entry} by {over} bytes"))
        })
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

fn budgets() -> Result<BTreeMap<String, Budget>> {
    let text =
        std::fs::read_to_string(project::root().join("size-budget.json")).context("size-budget.json cannot be read")?;
    serde_json::from_str(&text).context("size-budget.json maps entries to their budgets")
}

fn print(sizes: &BTreeMap<String, Size>, budgets: &BTreeMap<String, Budget>) {
    let columns = ["bytes", "raw", "gzip", "brotli", "budget", "target"];
    let [name, numbers @ ..] = columns;
    println!("{name:<22}{}", numbers.map(|column| format!("{column:>9}")).concat());
    for (entry, size) in sizes {
        let budget = budgets
            .get(entry)
            .map(|budget| format!("{:>9}{:>9}", budget.most, budget.target))
            .unwrap_or_default();
        println!("{entry:<22}{:>9}{:>9}{:>9}{budget}", size.raw, size.gzip, size.brotli);
        // A single file is the entry itself.
        for (file, bytes) in size.files.iter().filter(|_| size.files.len() > 1) {
            println!("  {file:<20}{:>9}{:>9}{:>9}", bytes.raw, bytes.gzip, bytes.brotli);
        }
    }
}
