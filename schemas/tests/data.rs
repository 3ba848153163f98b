//! The data are whole: every frozen file is locked, every list sorted and in force where its source says.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use walbrook_schemas::codelist::{self, CodeFault, check};
use walbrook_schemas::{PlainDate, all, authorities, bank_holidays, find};

const fn day(year: i32, month: u8, day: u8) -> PlainDate {
    PlainDate::of(year, month, day)
}

#[test]
fn every_schema_file_stands_in_the_lock_with_its_hash_and_nothing_else_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lock = fs::read_to_string(root.join("versions.lock")).unwrap();
    let mut locked = BTreeSet::new();
    for line in lock.lines() {
        let (hash, file) = line.split_once("  ").unwrap();
        let bytes = fs::read(root.join(file))
            .unwrap_or_else(|_| panic!("{file} is published and may not go away"));
        assert_eq!(
            hex::encode(Sha256::digest(bytes)),
            hash,
            "{file} is frozen: add a new version instead"
        );
        locked.insert(file);
    }
    let here: BTreeSet<_> = all().iter().map(|schema| schema.file).collect();
    assert_eq!(here, locked);
}

#[test]
fn schemas_are_found_by_name_in_one_line() {
    let text = find("walbrook.police.v1.MissingEpisode").unwrap();
    assert!(
        text.starts_with(
            r#"{"name":"walbrook.police.v1.MissingEpisode","type":"record","fields":["#
        )
    );
    assert!(!text.contains(char::is_whitespace));
    assert!(find("walbrook.police.v1.shared.MissingEpisode").is_some());
    assert_eq!(find("walbrook.police.v1.Nothing"), None);
    assert!(all().is_sorted_by_key(|schema| (schema.full_name, schema.version)));
}

#[test]
fn placement_codes_change_with_the_collection_year() {
    let (in_2017, in_2024, in_2025) = (day(2017, 6, 1), day(2025, 3, 31), day(2025, 4, 1));
    for (code, expected) in [
        ("U6", [true, true, true]),
        ("H5", [true, true, false]),
        ("P2", [true, true, false]),
        ("Z1", [true, true, false]),
        ("K3", [false, true, true]),
        ("Z11", [false, false, true]),
        ("Z14", [false, false, true]),
    ] {
        let found = [in_2017, in_2024, in_2025].map(|on| check("ssda903_place", code, on).is_ok());
        assert_eq!(found, expected, "{code}");
    }
    assert_eq!(
        check("ssda903_place", "Q1", in_2017),
        Err(CodeFault::NotInList)
    );
    assert_eq!(
        check("ssda903_place", "u6", in_2017),
        Err(CodeFault::NotInList),
        "letter by letter"
    );
    assert_eq!(check("ssda904", "U6", in_2017), Err(CodeFault::NoList));
    let fault = check("ssda903_place", "H5", in_2025).unwrap_err();
    assert_eq!(
        fault,
        CodeFault::NotInForce {
            first_day: None,
            last_day: Some(day(2025, 3, 31))
        }
    );
}

#[test]
fn lists_are_sorted_and_every_code_is_in_force_on_some_day() {
    assert!(codelist::lists().is_sorted_by_key(|list| list.name));
    for list in codelist::lists() {
        assert!(
            !list.codes.is_empty() && list.codes.is_sorted_by_key(|code| code.code),
            "{}",
            list.name
        );
        for code in list.codes {
            let on = code.first_day.or(code.last_day).unwrap_or(day(2026, 1, 1));
            assert_eq!(check(list.name, code.code, on), Ok(code));
        }
    }
}

#[test]
fn london_has_33_authorities() {
    assert_eq!(authorities().len(), 33);
    let camden = authorities()
        .iter()
        .find(|authority| authority.gss == "E09000007")
        .unwrap();
    assert_eq!(
        (camden.name, camden.dfe, camden.liia),
        ("Camden", "202", "CAM")
    );
    let numbers: BTreeSet<_> = authorities()
        .iter()
        .map(|authority| authority.dfe)
        .collect();
    assert_eq!(numbers.len(), 33);
}

#[test]
fn bank_holidays_are_those_that_were_proclaimed() {
    let days: Vec<_> = bank_holidays().iter().map(|holiday| holiday.day).collect();
    assert!(days.is_sorted());
    for known in [
        day(2020, 5, 8),
        day(2022, 6, 3),
        day(2022, 9, 19),
        day(2023, 5, 8),
        day(2026, 4, 6),
        day(2026, 12, 28),
    ] {
        assert!(days.contains(&known), "{known:?}");
    }
    for never in [day(2020, 5, 4), day(2022, 5, 30), day(2026, 12, 26)] {
        assert!(!days.contains(&never), "{never:?}");
    }
    for year in 2015..=2027 {
        let count = days.iter().filter(|day| day.year == year).count();
        let extra = usize::from(year == 2022) * 2 + usize::from(year == 2023);
        assert_eq!(count, 8 + extra, "{year}");
    }
}
