//! What the documents of the workshop say of the repository, held against it.
#![allow(clippy::unwrap_used, reason = "here a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const DOCUMENTS: [&str; 2] = ["ARCHITECTURE.md", "CONTRIBUTING.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn text(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap()
}

/// The names of folders in a folder, those that git ignores or keeps for itself left out.
fn folders(of: &str) -> Vec<String> {
    let ignored = ["target", "dist", "node_modules", "artifacts"];
    let entries = fs::read_dir(root().join(of)).unwrap().map(Result::unwrap);
    let names = entries
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap());
    names
        .filter(|name| !name.starts_with('.') && !ignored.contains(&name.as_str()))
        .collect()
}

/// The paths of the tree in ARCHITECTURE.md: what is indented is in the folder above it.
fn tree() -> BTreeSet<String> {
    let text = text("ARCHITECTURE.md");
    let tree = text.split("```\n").find(|block| block.starts_with("src/ ")).unwrap();
    let mut folder = "";
    let mut paths = BTreeSet::new();
    for line in tree.lines() {
        let name = line.split_whitespace().next().unwrap();
        match line.len() - line.trim_start().len() {
            0 => {
                folder = name;
                paths.insert(name.to_owned());
            }
            2 => {
                paths.insert(format!("{folder}{name}"));
            }
            // What is said of the line before goes on.
            _ => {}
        }
    }
    paths
}

/// What is set as code in a document and is a path of this repository, `{a,b}` being two of them.
fn named(document: &str) -> BTreeSet<String> {
    let text = text(document);
    let prose = text.split("```").step_by(2);
    let code = prose.flat_map(|prose| prose.split('`').skip(1).step_by(2));
    let top: BTreeSet<_> = folders("").into_iter().collect();
    code.filter(|code| code.split_once('/').is_some_and(|(first, _)| top.contains(first)))
        .filter(|code| !code.contains(['*', ' ']))
        .flat_map(|code| match code.split_once('{').zip(code.rsplit_once('}')) {
            Some(((before, rest), (_, after))) => {
                let choices = rest.split_once('}').unwrap().0;
                choices
                    .split(',')
                    .map(|choice| format!("{before}{choice}{after}"))
                    .collect()
            }
            None => vec![code.to_owned()],
        })
        .collect()
}

#[test]
fn every_path_that_the_documents_name_is_there() {
    let mut paths = tree();
    for document in DOCUMENTS {
        paths.extend(named(document));
    }
    assert!(paths.len() > 50, "only {} paths were found", paths.len());
    let gone: Vec<_> = paths.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(gone.is_empty(), "named, and not there: {gone:?}");
}

#[test]
fn the_tree_has_every_folder_that_there_is() {
    let tests = folders("tests").into_iter().map(|name| format!("tests/{name}/"));
    let others = folders("")
        .into_iter()
        .filter(|name| name != "tests")
        .map(|name| format!("{name}/"));
    let tree = tree();
    let missing: Vec<_> = tests.chain(others).filter(|folder| !tree.contains(folder)).collect();
    assert!(missing.is_empty(), "in no line of ARCHITECTURE.md: {missing:?}");
}
