//! What bad and odd files become, and that every row is accounted for.

use std::io::Write as _;
use std::path::PathBuf;

use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::event_outcome::Outcome;
use walbrook_proto::common::v1::{
    Date, Demographics, EventOutcome, QueryNote, Receipt, Refusal, Violation,
};
use walbrook_proto::social_care::v1::{ReviewHeld, event::Body as SocialCare};

use super::account::{Account, Rejects};
use super::send::{Batch, add};
use super::*;
use crate::publish::Body;

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::File::create(&path)
            .unwrap()
            .write_all(bytes)
            .unwrap();
        path
    }
}

fn csv_rows(bytes: &[u8]) -> Vec<Row> {
    let files = Files::new();
    let path = files.with("t.csv", bytes);
    let rows = csv::rows("t", &path, &["A"], &Meter::default()).unwrap();
    rows.map(Result::unwrap).collect()
}

fn cells(rows: &[Row], name: &str) -> Vec<Option<String>> {
    let cell = |row: &Row| row.cell(name).map(str::to_owned);
    rows.iter().map(cell).collect()
}

fn rule(row: &Row) -> Option<&'static str> {
    match &row.content {
        Content::Unreadable { rule, .. } => Some(rule),
        _ => None,
    }
}

#[test]
fn a_byte_order_mark_quotes_and_line_breaks_in_a_table_change_nothing() {
    let rows = csv_rows(b"\xef\xbb\xbfA,B\r\n1,\"two\nlines, \"\"quoted\"\"\"\r\n 2 ,\r\n");
    assert_eq!(cells(&rows, "A"), [Some("1".into()), Some("2".into())]);
    assert_eq!(
        cells(&rows, "B"),
        [Some("two\nlines, \"quoted\"".into()), None]
    );
    assert!(rows.iter().all(|row| row.remarks.is_empty()));
}

#[test]
fn a_latin_1_table_is_read_and_queried_where_it_matters() {
    let rows = csv_rows(b"A,B\n1,Zo\xeb\n2,Zo\xc3\xab\n3,\x80 5\n");
    assert_eq!(
        cells(&rows, "B"),
        [Some("Zoë".into()), Some("Zoë".into()), Some("€ 5".into())]
    );
    let remarked: Vec<_> = rows.iter().map(|row| row.remarks.len()).collect();
    assert_eq!(remarked, [1, 0, 1]);
    assert_eq!(rows[0].remarks[0].rule, text::RULE);
}

#[test]
fn a_row_with_another_number_of_cells_is_refused_and_the_next_is_read() {
    let rows = csv_rows(b"A,B\n1\n1,2,3\n1,2\n");
    let rules: Vec<_> = rows.iter().map(rule).collect();
    assert_eq!(
        rules,
        [Some("ROW_UNREADABLE"), Some("ROW_UNREADABLE"), None]
    );
    assert_eq!(rows[2].number, 3);
}

#[test]
fn a_quote_that_is_never_closed_does_not_take_the_file_into_memory() {
    let mut bytes = b"A,B\n1,2\n3,\"".to_vec();
    bytes.resize(3 * LARGEST_ROW, b'x');
    let rows = csv_rows(&bytes);
    let rules: Vec<_> = rows.iter().map(rule).collect();
    assert_eq!(rules, [None, Some("ROW_TOO_LARGE")]);
}

#[test]
fn utf_16_and_a_table_without_its_column_are_refused_whole() {
    let files = Files::new();
    let utf16 = files.with("u.csv", b"\xff\xfeA\0,\0B\0\n\0");
    let other = files.with("o.csv", b"Jane,Doe\n");
    for (path, word) in [(utf16, "UTF-16"), (other, "no column A")] {
        let failure = csv::rows("t", &path, &["A"], &Meter::default())
            .err()
            .unwrap();
        assert_eq!(failure.exit(), Exit::Input);
        assert!(failure.text().contains(word), "{}", failure.text());
        assert!(!failure.text().contains("Jane"), "{}", failure.text());
    }
}

fn xml_rows(bytes: &[u8]) -> Vec<Row> {
    let files = Files::new();
    let path = files.with("t.xml", bytes);
    let rows = xml::rows("t", &path, &["r", "c"], &Meter::default()).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn elements_come_one_by_one_as_trees() {
    let rows = xml_rows(
        b"\xef\xbb\xbf<?xml version='1.0'?><r xmlns:p='u'><x><c>no row</c></x><p:c><a>1</a><a>&lt;2&#33;</a><e/></p:c>\n<c><![CDATA[<]]></c><c/></r>",
    );
    assert_eq!(rows.len(), 3);
    let first = rows[0].xml().unwrap();
    let texts: Vec<_> = first.all("a").map(|a| a.text.as_str()).collect();
    assert_eq!(texts, ["1", "<2!"]);
    assert_eq!(rows[0].cell("e"), None);
    assert_eq!(rows[1].xml().unwrap().text, "<");
}

#[test]
fn what_is_wrong_with_one_element_leaves_the_next_alone() {
    let deep = "<d>".repeat(200) + &"</d>".repeat(200);
    let large = "x".repeat(2 * LARGEST_ROW);
    let text = format!(
        "<!DOCTYPE r [<!ENTITY e 'eeeee'>]><r><c>{deep}</c><c><a>{large}</a></c><c>&e;</c><c><a>1</a></c></r>"
    );
    let rows = xml_rows(text.as_bytes());
    let rules: Vec<_> = rows.iter().map(rule).collect();
    // A piece that is larger than any row ends the file: what is buffered of it is bounded too.
    assert_eq!(rules, [Some("ROW_TOO_DEEP"), Some("ROW_TOO_LARGE")]);
    let text = text.replace(&large, &"<b>y</b>".repeat(LARGEST_ROW / 2));
    let rows = xml_rows(text.as_bytes());
    let rules: Vec<_> = rows.iter().map(rule).collect();
    let expected = [
        Some("ROW_TOO_DEEP"),
        Some("ROW_TOO_LARGE"),
        Some("ENTITY_UNKNOWN"),
        None,
    ];
    assert_eq!(rules, expected);
}

#[test]
fn a_document_that_ends_early_or_is_none_says_so_once() {
    for text in ["<r><c>1</c><c>2", "<r><c>1</c></d>", "<r><c>1</c><c"] {
        let rows = xml_rows(text.as_bytes());
        assert_eq!(rule(&rows[0]), None);
        assert_eq!(rule(&rows[1]), Some("XML_BROKEN"), "{text}");
        assert_eq!(rows.len(), 2, "{text}");
    }
    let rows = xml_rows("<r><c>Zo\u{eb}</c><c>".replace('\u{eb}', "e").as_bytes());
    assert_eq!(rows.len(), 2);
    let latin: Vec<u8> = "<r><c>Zoë</c></r>".chars().map(|c| c as u8).collect();
    let rows = xml_rows(&latin);
    assert_eq!(rows[0].xml().unwrap().text, "Zoë");
    assert_eq!(rows[0].remarks[0].rule, text::RULE);
}

fn json_rows(text: &str, at: &[&str]) -> Result<Vec<Row>, Failure> {
    let files = Files::new();
    let path = files.with("t.json", text.as_bytes());
    let rows = json::rows("t", &path, at, &Meter::default())?;
    Ok(rows.map(Result::unwrap).collect())
}

#[test]
fn an_array_is_found_under_names_inside_strings_and_as_an_object() {
    let one = r#"{"Data": {"x": [1, {"y": "]"}], "@Site": {"Site": {"id": "A\"B"}}}}"#;
    let rows = json_rows(one, &["Data", "@Site", "Site"]).unwrap();
    assert_eq!(cells(&rows, "id"), [Some("A\"B".into())]);
    let top = json_rows(" [ {\"id\":\"1\"} , 2,\n[3], \"s\" ]", &[]).unwrap();
    assert_eq!(top.len(), 4);
    assert!(top.iter().all(|row| rule(row).is_none()));
    assert!(json_rows("[]", &[]).unwrap().is_empty());
    assert!(json_rows("{\"a\": null}", &["a"]).unwrap().is_empty());
    let inner = r#"[{"id": "a\\b\"c\u00e9\n"}, {"id": "2"}]"#;
    let twice = serde_json::json!({ "status": 200, "content": inner }).to_string();
    let rows = json_rows(&twice, &["content"]).unwrap();
    assert_eq!(
        cells(&rows, "id"),
        [Some("a\\b\"cé".into()), Some("2".into())]
    );
}

#[test]
fn json_that_is_broken_too_deep_or_elsewhere_says_so_without_a_value() {
    let deep = format!("[{}{}, 1]", "[".repeat(100), "]".repeat(100));
    let rows = json_rows(&deep, &[]).unwrap();
    let rules: Vec<_> = rows.iter().map(rule).collect();
    assert_eq!(rules, [Some("ROW_TOO_DEEP"), None]);
    for text in ["[1, 2", "[1 2]", "[1, }", "[1, {\"a\": }]"] {
        let rows = json_rows(text, &[]).unwrap();
        assert_eq!(rule(&rows[rows.len() - 1]), Some("JSON_BROKEN"), "{text}");
    }
    for (text, at) in [
        ("{\"a\": \"Jane\"}", &["b"][..]),
        ("{\"a\": \"Jane\"}", &["a"]),
        ("17", &[]),
        ("", &[]),
    ] {
        let failure = json_rows(text, at).err().unwrap();
        assert!(!failure.text().contains("Jane"), "{}", failure.text());
    }
}

fn body(day: i32) -> Body {
    Body::SocialCare(SocialCare::ReviewHeld(ReviewHeld {
        reviewed_on: Date::new(2026, 9, day),
        review_code: "PN1".into(),
        due_on: None,
    }))
}

fn draft(child: &str, day: i32) -> Draft {
    let when = When::OccurredOn(Date::new(2026, 9, day).unwrap());
    Draft::about("LA_CHILD_ID", child, when, body(day))
}

#[test]
fn an_id_says_what_the_row_says_and_who_says_it() {
    let id = |source, organisation, table, draft: &Draft| {
        draft::event_id(source, organisation, table, draft)
    };
    let one = id("s", "GSS:E09000007", "t", &draft("7", 1));
    assert_eq!(one, id("s", "GSS:E09000007", "t", &draft("7", 1)));
    assert_eq!(
        one,
        id(
            "s",
            "GSS:E09000007",
            "t",
            &draft("7", 1).who(Demographics::default()).carrying("h", 3)
        ),
        "who the child is, is not what happened"
    );
    let others = [
        id("x", "GSS:E09000007", "t", &draft("7", 1)),
        id("s", "GSS:E09000008", "t", &draft("7", 1)),
        id("s", "GSS:E09000007", "u", &draft("7", 1)),
        id("s", "GSS:E09000007", "t", &draft("8", 1)),
        id("s", "GSS:E09000007", "t", &draft("7", 2)),
    ];
    let distinct: std::collections::BTreeSet<_> = others.iter().chain([&one]).collect();
    assert_eq!(distinct.len(), 6);
    assert_eq!(uuid::Uuid::parse_str(&one).unwrap().get_version_num(), 8);
}

/// Header rows go along; `x` is refused, `n` not mapped, `q` queried, two events of `2`.
struct Letters;

impl Mapping for Letters {
    fn map(&mut self, row: &Row, drafts: &mut Drafts) {
        match row.cell("A") {
            _ if row.table == "header" => drafts.carried(),
            Some("x") => drafts.refuse("A", "X", "x is refused"),
            Some("n") => drafts.not_mapped("N", "n is nothing"),
            Some(child) => {
                if child == "q" {
                    drafts.query("A", "Q", "q is odd");
                }
                drafts.send(draft(child, 1).carrying("header", 1));
                if child == "2" {
                    drafts.send(draft(child, 2).carrying("header", 1));
                }
            }
            None => {}
        }
    }

    fn column(_: &str, field: &str) -> String {
        format!("column of {}", field.rsplit('.').next().unwrap())
    }
}

fn receipt(field: &str) -> EventOutcome {
    let queries = vec![QueryNote {
        rule_id: "UPN".into(),
        field: field.into(),
        message: "no number".into(),
    }];
    EventOutcome {
        event_id: String::new(),
        outcome: Some(Outcome::Receipt(Receipt {
            queries: if field.is_empty() { vec![] } else { queries },
            ..Receipt::default()
        })),
    }
}

fn refusal() -> EventOutcome {
    let violations = vec![Violation {
        field: "review_held.review_code".into(),
        rule_id: "CODE".into(),
        description: "no code".into(),
    }];
    EventOutcome {
        event_id: String::new(),
        outcome: Some(Outcome::Refusal(Refusal { violations })),
    }
}

#[test]
fn the_account_adds_up_and_names_each_finding_once() {
    let files = Files::new();
    let rejects = files.with("rejects.csv", b"");
    let mut account = Account::new(Rejects::create(&rejects).unwrap());
    let mut batch = Batch::default();
    for (table, cell) in [
        ("header", "h"),
        ("header", "unused"),
        ("t", "1"),
        ("t", "2"),
        ("t", "q"),
        ("t", "x"),
        ("t", "n"),
        ("t", ""),
        ("t", "2"),
    ] {
        let number = 1 + batch.tickets.iter().filter(|t| t.table == table).count() as u64;
        let cells = row::Cells::named([("A", cell.to_owned())]);
        let row = Row::new(table, number, Content::Cells(cells));
        add(&mut batch, "s", "GSS:E09000007", &row, &mut Letters);
    }
    assert_eq!(batch.events.len(), 6);
    let who = "head.subject.demographics.upn";
    let outcomes = [
        receipt(who),
        receipt(""),
        receipt(who),
        receipt(""),
        receipt("review_held.review_code"),
        refusal(),
    ];
    let mut rest = &outcomes[..];
    account.expect(9);
    for ticket in batch.tickets {
        let (own, after) = rest.split_at(ticket.events.len());
        rest = after;
        account.settle(ticket, own, Letters::column).unwrap();
    }
    let summary = account.finish().unwrap();
    let row = |table: &str| {
        let counts = summary.tables[table];
        [
            counts.read,
            counts.accepted,
            counts.queried,
            counts.refused,
            counts.not_mapped,
        ]
    };
    assert_eq!(row("header"), [2, 0, 1, 0, 1]);
    assert_eq!(row("t"), [7, 2, 1, 2, 2]);
    let text = std::fs::read_to_string(&rejects).unwrap();
    let mut lines: Vec<_> = text.lines().skip(1).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "header,1,column of upn,UPN,query,no number",
            "t,3,A,Q,query,q is odd",
            "t,4,A,X,refuse,x is refused",
            "t,7,column of review_code,CODE,refuse,no code",
            "t,7,column of review_code,UPN,query,no number",
        ]
    );
}

#[test]
fn rows_that_were_read_and_not_settled_are_a_fault_of_ours() {
    let mut account = Account::new(Rejects::none());
    account.expect(1);
    assert_eq!(account.finish().unwrap_err().exit(), Exit::Internal);
}

#[test]
fn trap_5_dates_are_read_as_their_forms_write_them_day_before_month_in_britain() {
    use draft::{british_date, iso_date};
    assert_eq!(
        british_date("03/04/2026"),
        Ok(Date::new(2026, 4, 3).unwrap()),
        "the third of April"
    );
    assert_eq!(
        british_date("01/02/2026"),
        Ok(Date::new(2026, 2, 1).unwrap())
    );
    assert_eq!(iso_date("2026-02-01"), Ok(Date::new(2026, 2, 1).unwrap()));
    assert_eq!(
        iso_date("2026-02-01T10:00:00Z"),
        Ok(Date::new(2026, 2, 1).unwrap())
    );
    for text in [
        "31/02/2026",
        "1/2/26",
        "+1/02/2026",
        "2026-02-01",
        "",
        "1/2/3/4",
    ] {
        assert!(british_date(text).is_err(), "{text}");
    }
    assert!(iso_date("01/02/2026").is_err());
}

#[test]
fn an_index_finds_the_first_row_of_a_key_and_reads_it_again() {
    let files = Files::new();
    let path = files.with("h.csv", b"\xef\xbb\xbfC,D\n 7,\"a\nb\"\n8,c\n7,d\n9\n");
    let mut index = index::Index::of("h", &path, "C").unwrap();
    let found = |index: &mut index::Index, key: &str| {
        let row = index.first(key).unwrap();
        row.map(|row| (row.number, row.cell("D").unwrap().to_owned()))
    };
    assert_eq!(found(&mut index, "7"), Some((1, "a\nb".into())));
    assert_eq!(found(&mut index, "8"), Some((2, "c".into())));
    assert_eq!(found(&mut index, "7"), Some((1, "a\nb".into())));
    assert_eq!(found(&mut index, "10"), None);
    assert_eq!(found(&mut index, "9"), None, "it cannot be read");
}
