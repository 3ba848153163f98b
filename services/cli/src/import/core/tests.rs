//! What becomes of lettings, invented and of the sample.

use std::path::{Path, PathBuf};

use walbrook_matching::Stated as Matched;

use super::*;
use crate::import::frame::testing::events;
use crate::import::frame::{Finding, Severity};
use crate::publish::Outgoing;

/// A letting by columns, in the order of a file.
const LETTING: [(&str, &str); 24] = [
    ("status", "completed"),
    ("tenancycode", "BZ737"),
    ("propcode", "P-12"),
    ("startdate", "2026-04-03"),
    ("la", "E09000033"),
    ("prevloc", "E07000105"),
    ("needstype", "1"),
    ("renttype", "2"),
    ("tenancy", "4"),
    ("renewal", "0"),
    ("reason", "45"),
    ("prevten", "29"),
    ("homeless", "11"),
    ("armedforces", "1"),
    ("leftreg", "4"),
    ("voiddate", "2026-03-30"),
    ("tcharge", "325.05"),
    ("tshortfall", "12.0"),
    ("period", "2"),
    ("hhmemb", "2"),
    ("beds", "3"),
    ("referral_register", "1"),
    ("postcode_full", "NW1 2DB"),
    ("uprn", "100023336956"),
];

fn with(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut cells = LETTING.to_vec();
    for (column, value) in changes {
        match cells.iter_mut().find(|(name, _)| name == column) {
            Some(cell) => cell.1 = value,
            None => cells.push((column, value)),
        }
    }
    cells
}

fn file(ending: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("lettings.{ending}"));
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn csv_of(cells: &[(&str, &str)]) -> String {
    let heads: Vec<_> = cells.iter().map(|(name, _)| *name).collect();
    let questions: Vec<_> = heads
        .iter()
        .map(|name| format!("\"What is {name}, then?\""))
        .collect();
    let values: Vec<_> = cells.iter().map(|(_, value)| *value).collect();
    format!(
        "{}\n{}\n{}\n",
        questions.join(","),
        heads.join(","),
        values.join(",")
    )
}

fn xml_of(cells: &[(&str, &str)]) -> String {
    let fields: String = cells
        .iter()
        .map(|(name, value)| format!("<{name}>{value}</{name}>"))
        .collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><forms><form>{fields}</form></forms>")
}

fn read(ending: &str, text: &str) -> (Vec<Outgoing>, Vec<Finding>) {
    let (_folder, path) = file(ending, text);
    events(rows(&path, &Meter::default()).unwrap(), Lettings)
}

/// The one letting of a CSV export with these cells, and what was said of it.
fn one(changes: &[(&'static str, &'static str)]) -> (TenancyStarted, Demographics, Vec<String>) {
    let (mut sent, findings) = read("csv", &csv_of(&with(changes)));
    assert_eq!(sent.len(), 1, "{findings:?}");
    let event = sent.remove(0);
    let said = findings.into_iter().map(|finding| finding.rule).collect();
    let who = event.head.subject.unwrap().demographics.unwrap();
    match event.body {
        Body::Housing(Housing::TenancyStarted(letting)) => (letting, who, said),
        _ => panic!("a letting"),
    }
}

/// The rules that a letting with these cells breaks so that no event is made, or why it is not mapped.
fn none(changes: &[(&'static str, &'static str)]) -> Vec<(String, Severity)> {
    let (sent, findings) = read("csv", &csv_of(&with(changes)));
    assert!(sent.is_empty());
    findings
        .into_iter()
        .map(|finding| (finding.rule, finding.severity))
        .collect()
}

#[test]
fn a_letting_becomes_an_event_about_the_lead_tenant() {
    let (letting, who, said) = one(&[]);
    let expected = TenancyStarted {
        tenancycode: "BZ737".into(),
        propcode: Some("P-12".into()),
        la: Some("E09000033".into()),
        prevloc: Some("E07000105".into()),
        startdate: Date::new(2026, 4, 3),
        needstype: "1".into(),
        renttype: Some("2".into()),
        tenancy: Some("4".into()),
        renewal: false,
        reason: Some("45".into()),
        prevten: Some("29".into()),
        homeless: Some("11".into()),
        armedforces: Some("1".into()),
        leftreg: Some("4".into()),
        voiddate: Date::new(2026, 3, 30),
        tcharge_pence: Some(32_505),
        tshortfall_pence: Some(1_200),
        period: Some("2".into()),
        hhmemb: Some(2),
        beds: Some(3),
        referral_register: Some("1".into()),
    };
    assert_eq!(letting, expected);
    assert_eq!(
        (who.postcode.as_str(), who.uprn.as_deref()),
        ("NW1 2DB", Some("100023336956"))
    );
    assert_eq!(said, Vec::<String>::new());
}

#[test]
fn the_same_letting_in_csv_and_in_xml_is_one_event() {
    let (in_csv, _) = read("csv", &csv_of(&with(&[])));
    // The XML says the status in numbers and midnight in London as an instant.
    let xml = xml_of(&with(&[
        ("status", "2"),
        ("startdate", "2026-04-03T00:00:00+01:00"),
        ("voiddate", "2026-03-29T23:00:00Z"),
    ]));
    let (in_xml, findings) = read("xml", &xml);
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(in_csv[0].head, in_xml[0].head);
    assert_eq!(
        format!("{:?}", in_csv[0].body),
        format!("{:?}", in_xml[0].body)
    );
}

/// A letting that the log tells again with another answer is another event; told again as it was, it is the same.
#[test]
fn a_second_run_sends_the_same_ids_and_a_changed_answer_another() {
    let id = |changes: &[(&'static str, &'static str)]| {
        read("csv", &csv_of(&with(changes))).0[0]
            .head
            .event_id
            .clone()
    };
    assert_eq!(id(&[]), id(&[]));
    assert_eq!(
        id(&[]),
        id(&[("ecstat1", "4")]),
        "a column that is not read"
    );
    assert_ne!(id(&[]), id(&[("prevten", "19")]));
}

#[test]
fn nothing_that_is_not_asked_for_leaves_the_file() {
    let private = [
        "created_by",
        "assigned_to",
        "ppostcode_full",
        "address_line1",
        "age1",
        "sexrab1",
        "ethnic",
        "nationality_all",
        "gender_description2",
        "reasonother",
        "tenancyother",
        "earnings",
        "illness_type_7",
        "preg_occ",
        "scheme_service_name",
        "location_postcode",
    ];
    let changes: Vec<_> = private.iter().map(|column| (*column, "PRIVATE")).collect();
    let (sent, findings) = read("csv", &csv_of(&with(&changes)));
    assert_eq!(sent.len(), 1);
    assert!(!format!("{:?}{:?}{findings:?}", sent[0].head, sent[0].body).contains("PRIVATE"));
}

#[test]
fn what_cannot_be_read_is_left_out_with_a_remark_that_does_not_repeat_it() {
    for (column, value, rule) in [
        ("voiddate", "31/02/2026", "DATE_UNREADABLE"),
        ("voiddate", "in spring", "DATE_UNREADABLE"),
        ("tcharge", "12.345", "AMOUNT_UNREADABLE"),
        ("tcharge", "1e3", "AMOUNT_UNREADABLE"),
        ("tshortfall", "£12", "AMOUNT_UNREADABLE"),
        ("hhmemb", "two", "COUNT_UNREADABLE"),
    ] {
        let (sent, findings) = read("csv", &csv_of(&with(&[(column, value)])));
        let said: Vec<_> = findings
            .iter()
            .map(|f| (f.rule.as_str(), f.column.as_str()))
            .collect();
        assert_eq!(said, [(rule, column)], "{value}");
        assert!(!findings[0].sentence.contains(value));
        assert_eq!(sent.len(), 1);
    }
    let (letting, ..) = one(&[
        ("voiddate", "30/03/2026"),
        ("tcharge", "325"),
        ("beds", "3.0"),
    ]);
    assert_eq!(letting.voiddate, Date::new(2026, 3, 30));
    assert_eq!(
        (letting.tcharge_pence, letting.beds),
        (Some(32_500), Some(3))
    );
}

#[test]
fn logs_that_are_no_letting_or_nobodys_are_not_sent() {
    let refused = |rule: &str| vec![(rule.to_owned(), Severity::Refuse)];
    assert_eq!(none(&[("tenancycode", "")]), refused("TENANT_CODE_MISSING"));
    assert_eq!(none(&[("startdate", "")]), refused("START_MISSING"));
    assert_eq!(none(&[("status", "")]), refused("LOG_STATUS"));
    for status in ["deleted", "pending", "not_started"] {
        let (sent, _) = read("csv", &csv_of(&with(&[("status", status)])));
        assert!(sent.is_empty(), "{status}");
    }
    let (_, _, said) = one(&[("status", "in_progress")]);
    assert_eq!(said, ["LOG_IN_PROGRESS"]);
}

#[test]
fn a_town_with_a_line_break_in_its_quotes_is_one_line() {
    let (_, who, said) = one(&[("town_or_city", "\"London,\r\n  SE1\"")]);
    assert_eq!((who.town.as_deref(), said), (Some("London, SE1"), vec![]));
}

/// Trap 6 of the domain reference: ZZ99 postcodes are accepted, and say nothing about where.
#[test]
fn trap_6_a_zz99_postcode_is_taken_and_links_nobody() {
    for nowhere in ["ZZ99 3VZ", "ZZ99 3WZ", "zz993cz"] {
        let (_, who, said) = one(&[("postcode_full", nowhere)]);
        assert_eq!(said, Vec::<String>::new(), "{nowhere}");
        let matched = Matched {
            postcode: who.postcode,
            ..Matched::default()
        };
        assert_eq!(matched.known().postcode, None);
    }
}

/// Trap 16 of the domain reference: the UPRN as a text, as a number, and as what a spreadsheet makes of it.
#[test]
fn trap_16_a_uprn_is_read_as_number_and_as_text_and_a_cut_one_is_left_out() {
    for same in ["100023336956", "000100023336956", "100023336956.0"] {
        let (_, who, said) = one(&[("uprn", same)]);
        assert_eq!(who.uprn.as_deref(), Some("100023336956"), "{same}");
        assert!(said.is_empty());
    }
    for lost in ["1.00023E+11", "1000233369561", "no"] {
        let (_, who, said) = one(&[("uprn", lost)]);
        assert_eq!((who.uprn, said), (None, vec!["UPRN_UNREADABLE".to_owned()]));
    }
}

#[test]
fn a_file_that_is_no_lettings_log_is_refused_with_what_is_missing() {
    let problem = |ending: &str, text: &str| {
        let (_folder, path) = file(ending, text);
        rows(&path, &Meter::default()).err().unwrap().text()
    };
    assert!(problem("csv", "a,b\n1,2\n3,4\n5,6\n").contains("tenancycode"));
    assert!(problem("txt", "").contains(".csv"));
    // Heads in the first line are found too.
    let plain = csv_of(&with(&[]));
    let (_, below) = plain.split_once('\n').unwrap();
    assert_eq!(read("csv", below).0.len(), 1);
}

fn sample(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/core")
        .join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// Both samples are of 2026/27: one log in progress, and one that is completed.
#[test]
fn the_samples_are_read_whole() {
    for (name, started, said) in [
        (
            "lettings_log_csv_export_codes_26.csv",
            Date::new(2026, 4, 1),
            vec!["LOG_IN_PROGRESS"],
        ),
        ("general_needs_log_26_27.xml", Date::new(2026, 4, 3), vec![]),
    ] {
        let Some(path) = sample(name) else { return };
        let (sent, findings) = events(rows(&path, &Meter::default()).unwrap(), Lettings);
        assert_eq!(sent.len(), 1, "{name}: {findings:?}");
        let rules: Vec<_> = findings.iter().map(|f| f.rule.as_str()).collect();
        assert_eq!(rules, said, "{name}");
        let Body::Housing(Housing::TenancyStarted(letting)) = &sent[0].body else {
            panic!("a letting");
        };
        assert_eq!(letting.startdate, started);
        assert_eq!(letting.tcharge_pence, Some(32_500));
        assert_eq!(letting.tshortfall_pence, Some(1_200));
    }
}
