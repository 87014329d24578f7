//! Looking into a wasm file: its sections, its functions, and what they are called.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::Result;
use serde::Deserialize;
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

/// A stretch of a file, and what it is.
#[derive(Deserialize)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) range: Range<usize>,
}

/// The file without names, and whatever else a browser does not read.
pub(crate) fn without_custom_sections(bytes: &[u8]) -> Result<Vec<u8>> {
    let (mut kept, mut end) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        let range = match &payload {
            Payload::Version { range, .. } => range.clone(),
            _ => match payload.as_section() {
                Some((_, range)) => range,
                None => continue,
            },
        };
        // What stands between two contents is the head of the second.
        if !matches!(payload, Payload::CustomSection(_)) {
            kept.extend_from_slice(&bytes[end..range.end]);
        }
        end = range.end;
    }
    Ok(kept)
}

/// Its functions, by the names that it brings along, and its other sections.
pub(crate) fn parts(bytes: &[u8]) -> Result<(Vec<Part>, Vec<Part>)> {
    let (mut names, mut imports) = (BTreeMap::new(), 0);
    let (mut functions, mut sections) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        let section = match &payload {
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    imports += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
                "imports"
            }
            Payload::CodeSectionEntry(body) => {
                let index = imports + functions.len() as u32;
                functions.push(Part {
                    name: format!("function {index}"),
                    range: body.range(),
                });
                continue;
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(reader) = section.as_known() {
                    for name in reader {
                        if let Name::Function(map) = name? {
                            for naming in map {
                                let naming = naming?;
                                names.insert(naming.index, naming.name.to_owned());
                            }
                        }
                    }
                }
                continue;
            }
            Payload::TypeSection(_) => "types",
            Payload::FunctionSection(_) => "types of functions",
            Payload::ElementSection(_) => "table of functions",
            Payload::ExportSection(_) => "exports",
            Payload::DataSection(_) => "data",
            Payload::CodeSectionStart { .. } => continue,
            _ => "other sections",
        };
        if let Some((_, range)) = payload.as_section() {
            sections.push(Part {
                name: section.to_owned(),
                range,
            });
        }
    }
    for (function, index) in functions.iter_mut().zip(imports..) {
        if let Some(name) = names.get(&index) {
            function.name = readable(name);
        }
    }
    Ok((functions, sections))
}

/// Without the hashes of the compiler's mangling.
fn readable(name: &str) -> String {
    let is_hash = |hash: &str| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = match name.rsplit_once("::h") {
        Some((name, hash)) if is_hash(hash) => name,
        _ => name,
    };
    let mut pieces = name.split('[');
    let mut readable = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once(']') {
            Some((hash, rest)) if is_hash(hash) => readable.push_str(rest),
            _ => readable.extend(["[", piece]),
        }
    }
    readable
}

/// The crate that a function is from; of our own the module.
pub(crate) fn origin(function: &str) -> String {
    if function.starts_with("core_") {
        return "evenkeel::web::core".to_owned();
    }
    let path = function.trim_start_matches(['<', '&', '[']);
    let segments: Vec<_> = path.split("::").collect();
    let is_module = |segment: &&&str| {
        segment
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    match segments.split_last() {
        Some((_, modules)) if modules.first().is_some_and(|first| *first == "evenkeel") => {
            let modules: Vec<_> = modules.iter().take_while(is_module).copied().collect();
            modules.join("::")
        }
        Some((_, [first, ..])) => (*first).to_owned(),
        _ => "glue".to_owned(),
    }
}
