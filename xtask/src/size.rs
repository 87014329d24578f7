//! What each entry costs a user's page, whether that is within the budget, and which part of it costs how much.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::bundle;
use crate::project;
use crate::wasm::{self, Part};

/// An entry may be larger than its budget by this many hundredths: a compiler's whim is not worth a failure.
const TOLERANCE: u64 = 1;

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

/// What an entry is to have, in brotli bytes.
#[derive(Deserialize)]
struct Budget {
    /// What it had last; the check fails if it has grown by more than [`TOLERANCE`]. It follows the size down.
    bytes: u64,
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
            let budget = budgets.get(entry)?.bytes;
            let over = size.brotli * 100 > budget * (100 + TOLERANCE);
            over.then(|| format!("{entry} has {} instead of {budget}", size.brotli))
        })
        .collect();
    if check && !over.is_empty() {
        bail!(
            "more than {TOLERANCE} % over the brotli budget of size-budget.json: {}",
            over.join(", ")
        );
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
            .map(|budget| format!("{:>9}{:>9}", budget.bytes, budget.target))
            .unwrap_or_default();
        println!("{entry:<22}{:>9}{:>9}{:>9}{budget}", size.raw, size.gzip, size.brotli);
        // A single file is the entry itself.
        for (file, bytes) in size.files.iter().filter(|_| size.files.len() > 1) {
            println!("  {file:<20}{:>9}{:>9}{:>9}", bytes.raw, bytes.gzip, bytes.brotli);
        }
    }
}

/// Builds, and prints where the bytes go: each function and each origin of the wasm, each file of the slim entry's script.
pub(crate) fn parts() -> Result<()> {
    bundle::build()?;
    println!(
        "What is gone from the brotli bytes of the whole if this part is left out. What looks like another part costs"
    );
    println!("little beside it, so the parts add up to less than the whole.\n");

    let script = project::scratch("size")?.join("slim.js");
    let output = project::node(["xtask/size.mjs".as_ref(), "--parts".as_ref(), script.as_os_str()])
        .stderr(Stdio::inherit())
        .output()
        .context("node cannot be started")?;
    let files: Vec<Part> = serde_json::from_slice(&output.stdout).context("xtask/size.mjs printed no parts")?;
    list("slim.js, by file", &script, by_name(files))?;

    let file = bundle::named_wasm();
    // The code is that of the wasm that ships, byte by byte; its names would hide what it costs.
    let (functions, sections) = wasm::parts(&std::fs::read(&file).context("there is no wasm with names")?)?;
    let shipped = bundle::dist().join(bundle::WASM);
    let by_origin = functions.iter().map(|it| (wasm::origin(&it.name), it.range.clone()));
    let others = sections.iter().map(|it| (it.name.clone(), it.range.clone()));
    list(
        "evenkeel.wasm, by section, crate and module",
        &shipped,
        grouped(by_origin.chain(others)),
    )?;
    list("evenkeel.wasm, by function", &shipped, by_name(functions))
}

/// What is called the same, and where in the file it is.
type Ranges = BTreeMap<String, Vec<Range<usize>>>;

fn grouped(parts: impl Iterator<Item = (String, Range<usize>)>) -> Ranges {
    let mut groups = Ranges::new();
    for (name, range) in parts {
        groups.entry(name).or_default().push(range);
    }
    for ranges in groups.values_mut() {
        ranges.sort_by_key(|range| range.start);
    }
    groups
}

fn by_name(parts: Vec<Part>) -> Ranges {
    grouped(parts.into_iter().map(|part| (part.name, part.range)))
}

/// Prints what each part of a file costs, the dearest first.
fn list(title: &str, file: &Path, parts: Ranges) -> Result<()> {
    let ranges = parts.values().map(|ranges| ranges.iter().map(|it| (it.start, it.end)));
    let ranges: Vec<Vec<_>> = ranges.map(Iterator::collect).collect();
    let question = serde_json::json!({ "file": file, "parts": ranges });
    let mut node = project::node(["xtask/without.mjs"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("node cannot be started")?;
    if let Some(mut stdin) = node.stdin.take() {
        stdin.write_all(question.to_string().as_bytes())?;
    }
    let answer = node.wait_with_output()?;
    let brotli: Vec<i64> = serde_json::from_slice(&answer.stdout).context("xtask/without.mjs printed no sizes")?;
    let (whole, without) = brotli.split_first().context("xtask/without.mjs printed no size")?;

    let raw = |ranges: &[Range<usize>]| ranges.iter().map(ExactSizeIterator::len).sum::<usize>();
    let mut lines: Vec<_> = parts.iter().zip(without).collect();
    lines.sort_by_key(|((_, ranges), without)| (**without, std::cmp::Reverse(raw(ranges))));
    println!("{:>9}{:>9}  {title}", "raw", "brotli");
    println!("{:>9}{whole:>9}  the whole", std::fs::metadata(file)?.len());
    for ((name, ranges), without) in lines {
        println!("{:>9}{:>9}  {name}", raw(ranges), whole - without);
    }
    println!();
    Ok(())
}
