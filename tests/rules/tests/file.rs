//! The reviewed file of all rules is in step with the rules. `WALBROOK_WRITE_RULES=1 cargo test -p walbrook-rules` writes it; the difference is for the reviewer:
//! a severity that changes decides whether a child's event is taken or not.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use walbrook_rules::{Row, at_the_door, of_view, text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn all() -> Vec<Row> {
    let mut rows = at_the_door();
    let mut views: Vec<_> = fs::read_dir(root().join("deploy/views"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    views.sort();
    for view in views {
        rows.extend(of_view(&fs::read_to_string(view).unwrap()).unwrap());
    }
    rows
}

#[test]
fn the_file_is_in_step_with_the_rules() {
    let (file, fresh) = (root().join("schemas/rules.csv"), text(&all()).unwrap());
    if env::var_os("WALBROOK_WRITE_RULES").is_some() {
        fs::write(&file, &fresh).unwrap();
    }
    let reviewed = fs::read_to_string(&file).unwrap_or_default();
    let (reviewed, fresh): (Vec<_>, Vec<_>) = (reviewed.lines().collect(), fresh.lines().collect());
    let gone: Vec<_> = reviewed
        .iter()
        .filter(|line| !fresh.contains(line))
        .collect();
    let new: Vec<_> = fresh
        .iter()
        .filter(|line| !reviewed.contains(line))
        .collect();
    assert!(
        reviewed == fresh,
        "schemas/rules.csv is out of step; WALBROOK_WRITE_RULES=1 cargo test -p walbrook-rules writes it.\nonly in the file: {gone:#?}\nonly in the rules: {new:#?}"
    );
}

#[test]
fn every_rule_has_an_id_of_its_own_at_its_place_a_sentence_and_a_source() {
    let rows = all();
    assert!(rows.len() > 60, "the rules were not read: {}", rows.len());
    let mut seen = BTreeSet::new();
    for row in &rows {
        assert!(seen.insert((&row.place, &row.rule)), "twice: {row:?}");
        let said = row.sentence.len() > 10 && row.source.len() > 3 && !row.rule.is_empty();
        assert!(said, "says too little: {row:?}");
    }
    let severities: BTreeSet<_> = rows.iter().map(|row| row.severity).collect();
    assert_eq!(severities, BTreeSet::from(["refuse", "query", "history"]));
}

#[test]
fn a_rule_of_an_agency_takes_no_id_that_holds_for_every_event() {
    let rows = all();
    let common: BTreeSet<_> = rows
        .iter()
        .filter(|row| ["head", "body"].contains(&row.place.as_str()))
        .map(|row| &row.rule)
        .collect();
    let own = rows
        .iter()
        .filter(|row| !["head", "body"].contains(&row.place.as_str()));
    let taken: Vec<_> = own.filter(|row| common.contains(&row.rule)).collect();
    assert!(taken.is_empty(), "{taken:?}");
}
