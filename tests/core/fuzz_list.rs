//! Reading lists that no operator ever wrote: a small mutator over the documents of `corpus/`, and what must hold of whatever
//! comes out of it.
//!
//! The same cases each time. `PROPTEST_CASES` sets how many, `PROPTEST_RNG_SEED` with which to begin.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use evenkeel::decision::Assessment;
use evenkeel::list::read::{DropReason, Dropped, Envelope, ListError, MAX_REPORTED, MAX_SERVERS, MAX_URL_CHARS};
use evenkeel::list::{ServerList, json};
use evenkeel::random::Random;
use evenkeel::selector::{Overrides, Selector};
use serde_json::{Map, Value, json};

use crate::decision_properties::cases;
use crate::support::{at, secs};

#[test]
fn whatever_a_seed_answers_reading_it_gives_a_sound_list_or_an_error() {
    let corpus = corpus();
    let first =
        std::env::var("PROPTEST_RNG_SEED").map_or(0, |seed| seed.parse().expect("PROPTEST_RNG_SEED is a number"));
    let cases = u64::from(cases(5_000));
    let (mut lists, mut errors, mut unparsable) = (0, 0, 0);
    for seed in first..first + cases {
        let mut text = String::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut random = Random::new(seed);
            let bytes = mutant(&corpus, &mut random);
            let shown = bytes.get(..4_000).unwrap_or(&bytes);
            write!(text, "{}", String::from_utf8_lossy(shown)).unwrap();
            // Bytes that are no UTF-8, or nested without end, are stopped by the parser.
            let Ok(document) = serde_json::from_slice::<Value>(&bytes) else {
                unparsable += 1;
                return;
            };
            match read_and_check(&document, &mut random) {
                true => lists += 1,
                false => errors += 1,
            }
        }));
        if let Err(panic) = outcome {
            eprintln!("PROPTEST_RNG_SEED={seed} PROPTEST_CASES=1 repeats this document:\n{text}");
            resume_unwind(panic);
        }
    }
    // A mutator that makes nothing but garbage, or none, would prove nothing.
    let all = [lists, errors, unparsable];
    assert!(
        cases < 1_000 || all.iter().all(|&number| number > cases / 20),
        "{all:?} of {cases}"
    );
}

#[test]
fn every_document_of_the_corpus_is_sound_or_an_error_as_it_is() {
    let mut lists = 0;
    for (name, bytes) in corpus() {
        for seed in 0..20 {
            let mut random = Random::new(seed);
            if let Ok(document) = serde_json::from_slice::<Value>(&bytes) {
                lists += u32::from(read_and_check(&document, &mut random));
            } else {
                assert!(name.ends_with(".txt"), "{name} is no JSON");
            }
        }
    }
    assert!(lists > 100, "{lists}");
}

/// Reads the document as if it came from one of several places; true if there is a list in it.
fn read_and_check(document: &Value, random: &mut Random) -> bool {
    let base = pick(
        random,
        &[
            "https://seed.example/api/servers.json",
            "http://localhost:8090/servers",
            "http://[::1]/?q=1",
        ],
    );
    let base = url::Url::parse(base).unwrap();
    let number = |random: &mut Random| one_in(random, 2).then(|| secs(random.between(0.0, 10_000.0)));
    let envelope = Envelope {
        age: number(random),
        max_age: number(random),
        secure: one_in(random, 2),
    };
    let servers = document.get("servers").unwrap_or(document).as_array();
    match (json::from_value(document, envelope, &base), servers) {
        (Ok((list, dropped)), Some(entries)) => {
            check_report(
                &dropped,
                entries.len(),
                list.servers().iter().map(|server| server.entry),
            );
            check_servers(&list, envelope.secure);
            check_groups(&list);
            check_header(&list);
            check_decision(&list, random);
            let (again, _) = json::from_value(document, envelope, &base).unwrap();
            assert_eq!(format!("{list:?}"), format!("{again:?}"), "read twice");
            true
        }
        (Err(ListError::Empty(dropped)), Some(entries)) => {
            check_report(&dropped, entries.len(), [].into_iter());
            false
        }
        (Err(ListError::Invalid), None) => false,
        (outcome, _) => panic!("{outcome:?}"),
    }
}

/// Every entry is either in the list or reported as left out, up to the limits of both.
fn check_report(dropped: &[Dropped], length: usize, kept: impl Iterator<Item = u32>) {
    assert!(dropped.len() <= MAX_REPORTED);
    let kept: Vec<u32> = kept.collect();
    assert!(kept.is_sorted_by(|one, other| one < other), "{kept:?}");
    assert!(
        kept.iter()
            .all(|&entry| (entry as usize) < length && entry < MAX_SERVERS)
    );
    let left_out: Vec<u32> = (dropped.iter())
        .filter(|dropped| dropped.why != DropReason::UrlCredentials)
        .map(|dropped| dropped.index)
        .collect();
    let unique: HashSet<u32> = left_out.iter().chain(&kept).copied().collect();
    assert_eq!(unique.len(), left_out.len() + kept.len(), "{dropped:?}, kept {kept:?}");
    assert!(unique.iter().all(|&index| (index as usize) < length));
    if dropped.len() < MAX_REPORTED {
        assert_eq!(unique.len(), length, "{dropped:?}, kept {kept:?}");
    }
}

fn check_servers(list: &ServerList, secure: bool) {
    let servers = list.servers();
    assert!((1..=MAX_SERVERS as usize).contains(&servers.len()));
    let mut users_of_available = 0.0;
    for (position, server) in servers.iter().enumerate() {
        let url = url::Url::parse(&server.url).unwrap_or_else(|error| panic!("{server:?}: {error}"));
        assert_eq!(url.as_str(), &*server.url, "it is what the parser makes of it");
        assert!(matches!(url.scheme(), "ws" | "wss"), "{server:?}");
        assert!(url.host_str().is_some_and(|host| !host.is_empty()), "{server:?}");
        assert!(url.username().is_empty() && url.password().is_none(), "{server:?}");
        assert_eq!(url.fragment(), None, "{server:?}");
        assert!(server.url.chars().count() <= MAX_URL_CHARS, "{server:?}");
        assert!(
            !secure || url.scheme() == "wss" || is_loopback(&url),
            "{server:?} on a secure page"
        );

        assert!(!server.id.is_empty());
        assert_eq!(list.position(server.key), Some(position), "{server:?}");
        assert_eq!(list.find(&server.id).map(|found| found.entry), Some(server.entry));
        assert!(server.priority <= 256, "{server:?}");
        assert!(server.users.is_finite() && server.users >= 0.0, "{server:?}");
        // What the list itself gives is bounded, so that sums are exact.
        assert!(!server.users_known || server.users <= 1e12, "{server:?}");
        assert!((1e-6..=1e12).contains(&server.weight), "{server:?}");
        for size in [server.capacity, server.weight, server.handshakes_per_second] {
            assert!(size.is_finite() && size > 0.0, "{server:?}");
        }
        assert!(server.utilisation().is_finite(), "{server:?}");
        users_of_available += if server.available { server.users } else { 0.0 };
    }
    assert!(users_of_available.is_finite());
    assert!((list.available_users() - users_of_available).abs() <= 1e-9 * users_of_available);
    assert_eq!(
        list.offers_any(),
        servers.iter().any(|server| server.available && !server.draining)
    );
    let unavailable: Vec<u32> = list.unavailable().map(|server| server.entry).collect();
    let expected = servers
        .iter()
        .filter(|server| !server.available)
        .map(|server| server.entry);
    assert_eq!(unavailable, expected.collect::<Vec<_>>());
}

fn check_groups(list: &ServerList) {
    let priorities: Vec<u16> = list.groups().iter().map(|group| group.priority).collect();
    assert!(priorities.is_sorted_by(|one, other| one < other), "{priorities:?}");
    let mut seen = HashSet::new();
    for group in list.groups() {
        let members: Vec<_> = list.members(group).collect();
        assert!(!members.is_empty());
        assert!(members.iter().all(|(_, server)| server.priority == group.priority));
        assert!(members.is_sorted_by(|one, other| one.1.utilisation() <= other.1.utilisation()));
        for (position, _) in members {
            assert!(seen.insert(position), "{position} is in two groups");
        }
    }
    assert_eq!(seen.len(), list.servers().len(), "every server is in a group");
}

fn check_header(list: &ServerList) {
    assert!((1.0..=3_600.0).contains(&list.ttl.as_secs()), "{:?}", list.ttl);
    assert!(
        list.age
            .is_none_or(|age| age.as_secs().is_finite() && age.as_secs() >= 0.0),
        "{:?}",
        list.age
    );
    assert!(
        list.retry_after
            .is_none_or(|wish| (0.0..=3_600.0).contains(&wish.as_secs()))
    );
    let heartbeat = list.heartbeat.map(|heartbeat| heartbeat.as_secs());
    assert!(heartbeat.is_none_or(|heartbeat| (1.0..f64::INFINITY).contains(&heartbeat)));
}

/// A client can go by it.
fn check_decision(list: &ServerList, random: &mut Random) {
    let mut selector = Selector::default();
    assert!(selector.update(list.clone().into(), at(0.0)));
    let mut assessment = Assessment::default();
    assert!(selector.assess(at(random.between(0.0, 600.0)), Overrides::default(), &mut assessment));
    let sum: f64 = assessment
        .candidates
        .iter()
        .map(|candidate| candidate.probability)
        .sum();
    let expected = if list.offers_any() { 1.0 } else { 0.0 };
    assert!((sum - expected).abs() < 1e-6, "{sum}: {:?}", assessment.candidates);
    let drawn = selector.draw(&assessment, random);
    assert_eq!(drawn.is_some(), list.offers_any());
    assert!(drawn.is_none_or(|drawn| list.servers()[drawn.server].offered()));
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

type Corpus = Vec<(String, Vec<u8>)>;

fn corpus() -> Corpus {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/core/corpus");
    let mut corpus: Corpus = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let file = file.unwrap();
            let name = file.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(file.path()).unwrap())
        })
        .collect();
    corpus.sort();
    assert!(corpus.len() >= 10);
    corpus
}

/// A document of the corpus, changed in a few places: as a text, as what it says, or both.
fn mutant(corpus: &Corpus, random: &mut Random) -> Vec<u8> {
    let mut bytes = pick(random, corpus).1.clone();
    if let Ok(mut document) = serde_json::from_slice::<Value>(&bytes) {
        for _ in 0..below(random, 7) {
            change(&mut document, corpus, random);
        }
        if one_in(random, 300) {
            swell(&mut document, random);
        }
        bytes = serde_json::to_vec(&document).unwrap();
    }
    if one_in(random, 4) {
        for _ in 0..=below(random, 3) {
            scratch(&mut bytes, corpus, random);
        }
    }
    bytes
}

/// Changes one place of the document.
fn change(document: &mut Value, corpus: &Corpus, random: &mut Random) {
    let from = serde_json::from_slice::<Value>(&pick(random, corpus).1);
    let place = somewhere(document, random);
    match (below(random, 6), place) {
        (0, Value::Array(items)) if !items.is_empty() => {
            let copy = pick(random, items).clone();
            items.insert(below(random, items.len() + 1), copy);
        }
        (1, Value::Array(items)) if !items.is_empty() => {
            items.remove(below(random, items.len()));
        }
        (2, Value::Object(fields)) => {
            fields.insert(pick(random, &FIELDS).to_string(), hostile(random));
        }
        (3, Value::Object(fields)) if !fields.is_empty() => {
            let name = fields.keys().nth(below(random, fields.len())).unwrap().clone();
            let value = fields.remove(&name).unwrap();
            if one_in(random, 2) {
                fields.insert(pick(random, &FIELDS).to_string(), value);
            }
        }
        (4, place) => {
            if let Ok(mut from) = from {
                *place = somewhere(&mut from, random).take();
            }
        }
        (_, place @ (Value::Array(_) | Value::Object(_))) if !one_in(random, 8) => {
            let entry = json!({ "url": address(random), "id": hostile(random), "users": hostile(random) });
            if let Value::Array(items) = place {
                items.push(entry);
            }
        }
        (_, place) => *place = hostile(random),
    }
}

/// More entries than a list may have.
fn swell(document: &mut Value, random: &mut Random) {
    let many = MAX_SERVERS as usize - 20 + below(random, 1_500);
    let entries = (0..many)
        .map(|n| json!({ "url": format!("wss://{n}.example/"), "users": n }))
        .collect();
    *document = match below(random, 3) {
        0 => Value::Array(entries),
        // All of them garbage.
        1 => Value::Array(vec![Value::Null; many]),
        _ => Value::Object(Map::from_iter([("servers".to_owned(), Value::Array(entries))])),
    };
}

/// Changes the text, whatever it means.
fn scratch(bytes: &mut Vec<u8>, corpus: &Corpus, random: &mut Random) {
    let at = below(random, bytes.len() + 1);
    let end = (at + below(random, 20)).min(bytes.len());
    let signs = b"{}[]\",:\\0-.eE \x00\x7f\xc3\xff";
    match below(random, 5) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => bytes.insert(at, *pick(random, signs)),
        3 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        _ => {
            let other = &pick(random, corpus).1;
            let from = below(random, other.len() + 1);
            let piece = &other[from..(from + 30).min(other.len())];
            bytes.splice(at..end, piece.iter().copied());
        }
    }
}

/// A value somewhere in the document, the whole of it included.
fn somewhere<'a>(value: &'a mut Value, random: &mut Random) -> &'a mut Value {
    let inside = match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    if inside == 0 || one_in(random, 6) {
        return value;
    }
    let next = below(random, inside);
    let inner = match value {
        Value::Array(items) => items.get_mut(next),
        Value::Object(fields) => fields.values_mut().nth(next),
        _ => None,
    };
    somewhere(inner.unwrap(), random)
}

const FIELDS: [&str; 17] = [
    "servers",
    "url",
    "id",
    "available",
    "users",
    "priority",
    "capacity",
    "weight",
    "draining",
    "connectRate",
    "version",
    "age",
    "ttl",
    "retryAfter",
    "heartbeat",
    "",
    "__proto__",
];

fn hostile(random: &mut Random) -> Value {
    const NUMBERS: [f64; 18] = [
        0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 255.0, 256.0, 1e-6, 9e-7, 5e-324, 1e12, 1.1e12, 1e15, 1e300, -1e300, 3_600.0,
        1e-300,
    ];
    const TEXTS: [&str; 10] = [
        "",
        " ",
        "a",
        "true",
        "false",
        "0",
        "12",
        "\u{0}",
        "\u{202e}",
        "constructor",
    ];
    match below(random, 10) {
        0 => Value::Null,
        1 => json!(one_in(random, 2)),
        2..=4 => json!(pick(random, &NUMBERS)),
        5 => json!([u64::MAX, 1 << 53, 10_001][below(random, 3)]),
        6 => json!(pick(random, &TEXTS)),
        7 => json!(address(random)),
        8 => (0..below(random, 100)).fold(Value::Null, |inner, depth| match depth % 2 {
            0 => json!([inner]),
            _ => json!({ "servers": inner }),
        }),
        _ => json!("x".repeat(below(random, 3_000))),
    }
}

/// Something that may look like a URL to somebody.
fn address(random: &mut Random) -> String {
    const SCHEMES: [&str; 15] = [
        "wss://",
        "wss://",
        "ws://",
        "https://",
        "http:",
        "//",
        "",
        "wss:\\\\",
        "WSS://",
        "ftp://",
        "javascript:",
        " wss://",
        "ws://localhost",
        "ws://127.0.0.1",
        "ws://[::1]",
    ];
    const PIECES: [&str; 24] = [
        "a.example",
        "b.example",
        "localhost",
        ".localhost",
        "127.0.0.1",
        "127.",
        "0x7f000001",
        "[::1]",
        "[::",
        "@",
        "@",
        ":",
        ":80",
        ":99999",
        "/",
        "\\",
        "?",
        "#",
        "..",
        "%2f",
        "%",
        "ä",
        "\u{202e}",
        "xn--",
    ];
    let mut url = pick(random, &SCHEMES).to_string();
    for _ in 0..below(random, 6) {
        url.push_str(pick::<&str>(random, &PIECES));
    }
    if one_in(random, 30) {
        url += &"x".repeat(MAX_URL_CHARS - below(random, 40));
    }
    url
}

/// A whole number from 0 to below this.
fn below(random: &mut Random, end: usize) -> usize {
    (random.between(0.0, end as f64) as usize).min(end.saturating_sub(1))
}

fn one_in(random: &mut Random, times: usize) -> bool {
    below(random, times) == 0
}

fn pick<'a, T>(random: &mut Random, of: &'a [T]) -> &'a T {
    &of[below(random, of.len())]
}
