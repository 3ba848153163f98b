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
use walbrook_schemas::codelist::{self, CodeFault, Span, check};
use walbrook_schemas::{PlainDate, all, authorities, authority, bank_holidays, find};

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

/// Domain reference §11, trap 1.
#[test]
fn trap_1_placement_codes_change_with_the_collection_year() {
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
fn a_list_is_shown_as_of_a_collection_year_or_a_day() {
    let list = codelist::list_at("ssda903/PLACE").unwrap();
    assert_eq!(
        (list.name, list.address().as_str()),
        ("ssda903_place", "ssda903/PLACE")
    );
    let codes = |span: &str| -> Vec<&str> {
        let codes = list.during(Span::parse(span).unwrap());
        codes.map(|code| code.code).collect()
    };
    let changes = ["H5", "K3", "P2", "Z1", "Z11", "Z12", "Z13", "Z14"];
    let among = |span| -> Vec<&str> {
        let codes = codes(span);
        changes
            .into_iter()
            .filter(|code| codes.contains(code))
            .collect()
    };
    assert_eq!(among("2023/24"), ["H5", "P2", "Z1"]);
    assert_eq!(among("2024"), ["H5", "K3", "P2", "Z1"]);
    assert_eq!(among("2025"), ["K3", "Z11", "Z12", "Z13", "Z14"]);
    assert_eq!(among("2025-03-31"), among("2024"));
    assert_eq!(among("2025-04-01"), among("2025/26"));
    assert_eq!(codes("2025").len(), codes("2024").len() + 1);
    for wrong in [
        "",
        "25",
        "2025/27",
        "2025/",
        "2025/6",
        "2025-6-1",
        "2025-13-01",
        "-2025",
        "2025-26",
    ] {
        assert_eq!(Span::parse(wrong), None, "{wrong}");
    }
    assert!(Span::parse("1999/00").is_some());
}

#[test]
fn every_list_is_found_again_by_its_address() {
    for list in codelist::lists() {
        let address = list.address();
        assert_eq!(address.matches('/').count(), 1, "{address}");
        assert_eq!(codelist::list_at(&address).unwrap().name, list.name);
    }
    let known = codelist::list_at("social-care/PROTECTION_PHASE").unwrap();
    assert_eq!(known.address(), "social-care/PROTECTION_PHASE");
}

#[test]
fn every_code_of_the_returns_that_the_domain_reference_names_is_there() {
    let codes = |name: &str| -> Vec<&str> {
        let list = codelist::list_at(name).unwrap();
        list.codes.iter().map(|code| code.code).collect()
    };
    for (name, count) in [
        ("ssda903/RNE", 6),
        ("ssda903/LS", 13),
        ("ssda903/CIN", 8),
        ("ssda903/PLACE", 32),
        ("ssda903/PLACE_PROVIDER", 6),
        ("ssda903/REASON_PLACE_CHANGE", 12),
        ("ssda903/REC", 22),
        ("ssda903/MISSING", 2),
        ("ssda903/REVIEW_CODE", 8),
        ("ssda903/SDQ_REASON", 5),
        ("ssda903/IN_TOUCH", 6),
        ("ssda903/ACTIV", 12),
        ("ssda903/ACCOM", 31),
        ("ssda903/ETHNIC", 20),
        ("ssda903/SW_REASON", 10),
        ("cin/REFERRAL_SOURCE", 22),
        ("cin/ABUSE_CATEGORY", 5),
        ("cin/CLOSURE_REASON", 9),
        ("cin/DISABILITY", 13),
        ("cin/PRIMARY_NEED", 10),
    ] {
        assert_eq!(codes(name).len(), count, "{name}");
    }
    let factors = codes("cin/ASSESSMENT_FACTOR");
    for factor in [
        "1A", "3B", "6C", "7A", "8F", "9A", "18B", "19C", "21", "24A",
    ] {
        assert!(factors.contains(&factor), "{factor}");
    }
    assert!(!factors.contains(&"7B") && !factors.contains(&"16B"));
}

/// Domain reference §11, trap 12.
#[test]
fn trap_12_the_code_of_a_body_that_was_merged_holds_on_the_days_before_and_not_after() {
    for merged in ["QMJ", "QRV"] {
        assert!(
            check("nhs_icb", merged, day(2026, 3, 31)).is_ok(),
            "{merged}"
        );
        let fault = check("nhs_icb", merged, day(2026, 4, 1)).unwrap_err();
        assert!(
            matches!(fault, CodeFault::NotInForce { last_day: Some(last), .. } if last == day(2026, 3, 31))
        );
        let before = check("nhs_icb", merged, day(2022, 6, 30));
        assert!(before.is_err(), "there were no boards before July 2022");
    }
    assert!(check("nhs_icb", "QMF", day(2026, 11, 23)).is_ok());
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
    assert_eq!(camden.gss_first_day, Some(day(2011, 1, 1)));
    let keys: [fn(&walbrook_schemas::Authority) -> &'static str; 3] =
        [|one| one.gss, |one| one.dfe, |one| one.liia];
    for by in keys {
        let codes: BTreeSet<_> = authorities().iter().map(by).collect();
        assert_eq!(codes.len(), 33);
    }
    let today = day(2026, 11, 23);
    for code in ["E09000007", "202", "CAM"] {
        assert_eq!(authority(code, today), Some(camden), "{code}");
    }
    assert_eq!(
        authority("202", day(1965, 3, 31)),
        None,
        "boroughs since 1965"
    );
    assert_eq!(authority("E08000035", today), None, "Leeds");
    let inner = authorities()
        .iter()
        .filter(|authority| authority.dfe_first_day == Some(day(1990, 4, 1)));
    assert_eq!(inner.count(), 13, "the City and twelve boroughs");
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
