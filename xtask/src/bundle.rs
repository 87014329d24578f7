//! `dist/`: wasm from the root crate, its glue, and the face compiled from TypeScript.
//!
//! | file | made by |
//! |---|---|
//! | `evenkeel.wasm` | cargo, wasm-bindgen, wasm-opt |
//! | `wasm.js` | wasm-bindgen: the glue between the two |
//! | `wasm-inline.js` | this: the same wasm, deflated, as base64, for the entry that needs no file beside it |
//! | `index.js`, `slim.js` and what they import, with types | TypeScript, from `src/js` |
//! | `server-list.schema.json` | copied from `src/js` |

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wasm_bindgen_cli_support::Bindgen;

use crate::process;
use crate::project;
use crate::setup;
use crate::wasm;

/// What ships.
pub(crate) const WASM: &str = "evenkeel.wasm";
/// The same with the names of its functions.
const NAMED: &str = "named.wasm";
const GLUE: &str = "wasm.js";
const INLINE: &str = "wasm-inline.js";
/// Where it is made, in `target/`.
const SCRATCH: &str = "bindgen";
const SCHEMA: &str = "server-list.schema.json";

/// Where it is built.
pub(crate) fn dist() -> PathBuf {
    project::root().join("dist")
}

/// The wasm that was built last, with the names of its functions: what ships is this without them.
pub(crate) fn named_wasm() -> PathBuf {
    project::root().join("target").join(SCRATCH).join(NAMED)
}

/// Builds what has changed.
pub(crate) fn build() -> Result<()> {
    setup::wasm_target()?;
    setup::npm_packages()?;
    let dist = dist();
    fs::create_dir_all(&dist).with_context(|| format!("{} cannot be made", dist.display()))?;

    core(&dist)?;
    process::run(project::npm_tool("typescript/bin/tsc").arg("-p").arg("."))?;
    fs::copy(project::root().join("src/js").join(SCHEMA), dist.join(SCHEMA))
        .with_context(|| format!("src/js/{SCHEMA} cannot be copied"))?;
    remove_leftovers(&dist)?;
    modules_for_tests(&dist)
}

/// The driver and the view as one module each: the tests of the wasm can import only single files, and are to take what
/// ships.
fn modules_for_tests(dist: &Path) -> Result<()> {
    let bundles = project::scratch("web-tests")?;
    let mut command = project::npm_tool("esbuild/bin/esbuild");
    command.args([dist.join("driver.js"), dist.join("view.js")]);
    command.args(["--bundle", "--format=esm", "--log-level=warning"]);
    process::run(command.arg(format!("--outdir={}", bundles.display())))
}

/// The wasm and the two modules made from it.
fn core(dist: &Path) -> Result<()> {
    // Alone with its panic handler: the library that tests link has the standard one.
    let options = "--profile wasm --lib -p evenkeel --target wasm32-unknown-unknown \
                   --crate-type cdylib --features standalone";
    let options: Vec<&str> = options.split_whitespace().collect();
    let compiled = project::build_artifact("rustc", &options, "evenkeel", "wasm")?;

    let scratch = project::scratch(SCRATCH)?;
    // Times would mislead: cargo takes up an older build again when the source is as it was then.
    let (bytes, last) = (fs::read(&compiled)?, scratch.join("compiled.wasm"));
    let tool = std::env::current_exe()?;
    let results = [dist.join(WASM), dist.join(GLUE), dist.join(INLINE)];
    if is_newer(&results, &[tool, last.clone()]) && fs::read(&last).is_ok_and(|last| last == bytes) {
        return Ok(());
    }

    bindgen(&compiled, &scratch)?;
    let named = scratch.join(NAMED);
    optimise(&scratch.join("wasm_bg.wasm"), &named)?;
    let wasm = wasm::without_custom_sections(&fs::read(&named)?)?;
    fs::write(dist.join(WASM), &wasm).with_context(|| format!("dist/{WASM} cannot be written"))?;
    fs::copy(scratch.join("wasm_bg.js"), dist.join(GLUE)).context("the glue cannot be copied")?;
    // What a server compresses on the way, base64 would spoil; so it is compressed before. Zopfli takes
    // a second, and saves every page half a kilobyte.
    let mut deflated = Vec::new();
    zopfli::compress(zopfli::Options::default(), zopfli::Format::Zlib, &*wasm, &mut deflated)?;
    let text = STANDARD.encode(deflated);
    fs::write(&last, bytes).with_context(|| format!("{} cannot be written", last.display()))?;
    fs::write(dist.join(INLINE), format!("export const base64 = \"{text}\";\n"))
        .with_context(|| format!("dist/{INLINE} cannot be written"))
}

fn bindgen(compiled: &Path, folder: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(compiled)
        .out_name("wasm")
        // The face loads the wasm by itself: what bundlers are told to do with one (`wasm.js` beside the glue) not all of them
        // understand.
        .bundler(true)?
        // It has types of its own for these few exports.
        .typescript(false)
        .remove_producers_section(true)
        .generate(folder)
}

fn optimise(from: &Path, to: &Path) -> Result<()> {
    let mut command = project::npm_tool("binaryen/bin/wasm-opt");
    // Names are for the listing of sizes: what ships goes without.
    command.arg("-g");
    // Only the very end of the stack is there, which comes first in memory.
    command.arg("--low-memory-unused");
    // Measured after brotli, these two make it smaller by half a per cent, the second run and the order each as much again.
    command.args(["--flatten", "--rereloop"]);
    command.args(["--generate-global-effects", "-Oz", "-Oz", "--reorder-functions"]);
    process::run(command.arg(from).arg("-o").arg(to))
}

/// Are all results there, and as new as every source?
fn is_newer(results: &[PathBuf], sources: &[PathBuf]) -> bool {
    let changed = |file: &PathBuf| file.metadata().and_then(|it| it.modified()).ok();
    let oldest = results.iter().map(changed).min().flatten();
    let newest = sources.iter().map(changed).max().flatten();
    matches!((oldest, newest), (Some(oldest), Some(newest)) if oldest >= newest)
}

/// A source file that was renamed or removed must not live on in the package.
fn remove_leftovers(dist: &Path) -> Result<()> {
    let mut expected: BTreeSet<PathBuf> = [WASM, GLUE, INLINE, SCHEMA]
        .iter()
        .map(|name| dist.join(name))
        .collect();
    for source in files(&project::root().join("src/js"))? {
        let Ok(path) = source.strip_prefix(project::root().join("src/js")) else {
            continue;
        };
        expected.insert(dist.join(path.with_extension("js")));
        expected.insert(dist.join(path.with_extension("d.ts")));
    }
    for file in files(dist)? {
        if !expected.contains(&file) {
            fs::remove_file(&file).with_context(|| format!("{} stays", file.display()))?;
        }
    }
    Ok(())
}

/// Every file in a folder and the folders in it.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("no folder {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        match path.is_dir() {
            true => found.extend(files(&path)?),
            false => found.push(path),
        }
    }
    Ok(found)
}
