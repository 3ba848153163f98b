//! A published schema never changes: what the lock file once said of a file it says for ever.
//!
//! That the files have the hashes of the lock is the schema crate's own test; this one looks along the history, where both
//! could have been changed together.

use std::collections::BTreeMap;

use crate::workspace;
use crate::{assert_found, assert_none};

const LOCK: &str = "schemas/versions.lock";

/// Path → hash. Each line names a file under `schemas/` and its SHA-256 in hex, in either order.
fn lines(lock: &str) -> BTreeMap<String, String> {
    let is_hash = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let mut found = BTreeMap::new();
    for line in lock
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        let words: Vec<&str> = line
            .split(|c: char| c.is_whitespace() || matches!(c, '"' | '='))
            .filter(|word| !word.is_empty())
            .collect();
        let hash = words.iter().find(|word| is_hash(word));
        let path = words.iter().find(|word| word.contains(".avsc"));
        if let (Some(path), Some(hash)) = (path, hash) {
            found.insert((*path).to_owned(), (*hash).to_owned());
        }
    }
    found
}

/// Lines of an earlier lock that a later one changed or lost.
fn thawed(earlier: &str, later: &str) -> Vec<String> {
    let later = lines(later);
    lines(earlier)
        .into_iter()
        .filter_map(|(path, hash)| match later.get(&path) {
            Some(now) if *now == hash => None,
            Some(_) => Some(format!(
                "{path}: published before with another content; a new version is a new file"
            )),
            None => Some(format!("{path}: published before and gone")),
        })
        .collect()
}

/// The commit since which schemas count as published: the one that tags the first release, or the lock's last change before it.
/// Until something is tagged `schemas-published`, the newest commit is the reference: what is committed may not change in a checkout.
fn reference() -> Option<String> {
    let tag = format!("schemas-published:{LOCK}");
    let head = format!("HEAD:{LOCK}");
    workspace::git(&["show", &tag]).or_else(|| workspace::git(&["show", &head]))
}

#[test]
fn published_schemas_never_change() {
    let now = std::fs::read_to_string(workspace::root().join(LOCK))
        .expect("schemas/versions.lock is there");
    assert!(
        lines(&now).len() >= 13,
        "the lock file names fewer schemas than there are event types: {}",
        lines(&now).len()
    );
    match reference() {
        Some(before) => assert_none("frozen schemas", &thawed(&before, &now)),
        // No history (a source archive, a shallow export): said, not hidden.
        None => eprintln!(
            "frozen schemas: no git history here, only the files themselves are checked (schemas crate)"
        ),
    }
}

#[test]
fn planted_thaw_is_found() {
    let hash = |c: &str| c.repeat(64);
    let earlier = format!(
        "housing/A.v1.avsc {}\nhousing/B.v1.avsc {}\n",
        hash("a"),
        hash("b")
    );
    let later = format!(
        "housing/A.v1.avsc {}\nhousing/C.v1.avsc {}\n",
        hash("c"),
        hash("d")
    );
    let found = thawed(&earlier, &later);
    assert_found(
        &found,
        "housing/A.v1.avsc: published before with another content",
    );
    assert_found(&found, "housing/B.v1.avsc: published before and gone");
    assert_none(
        "a lock that only grew",
        &thawed(
            &earlier,
            &format!("{earlier}housing/C.v1.avsc {}\n", hash("e")),
        ),
    );
}
