use std::path::Path;
use std::sync::Arc;

use walbrook_domain::control::{AgreementFact, AgreementProposed};
use walbrook_domain::{AgreementVersion, Instant, Precision};
use walbrook_policy::agreement::{Agreement, sha256};
use walbrook_policy::state::AgreementBook;
use walbrook_view::View;

use super::{How, Learnt, Seen, of_row, outputs};
use crate::dry_run::readers::Reader;
use crate::dry_run::tally::Release;

const CAMDEN: &str = "GSS:E09000007";
const TRUST: &str = "ODS:RRV";
const ATTENDANCE: &str = "health.EdAttendance";
const STATUS: &str = "health.AccommodationStatusRecorded";

fn view(name: &str) -> View {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../deploy/views/{name}.toml"));
    let text = std::fs::read_to_string(path).unwrap();
    walbrook_view::file::read("view", &text, &walbrook_view::file::catalogue()).unwrap()
}

fn reader() -> Reader {
    Reader {
        role: "housing-options-officer".to_owned(),
        view: "rough_sleeping_risk".to_owned(),
        mode: "case",
        organisation: CAMDEN.parse().unwrap(),
    }
}

fn mask(event: &str, fields: &[&str]) -> u64 {
    let catalogue = walbrook_view::file::catalogue();
    let shape = catalogue.event(&event.parse().unwrap()).unwrap();
    shape.mask(fields.iter().copied())
}

fn release(agreement: &str, source: &str, event: &str, fields: &[&str]) -> Release {
    Release {
        agreement: agreement.parse().unwrap(),
        version: AgreementVersion(1),
        source: source.parse().unwrap(),
        event_type: event.parse().unwrap(),
        mask: mask(event, fields),
        precision: Precision::Day,
    }
}

/// A book with one flow of each agreement; a third column is its predicate.
fn book(agreements: &[(&str, &str, &str)]) -> AgreementBook {
    let mut book = AgreementBook::new(Arc::new(walbrook_view::file::catalogue()));
    for (id, event, predicate) in agreements {
        let condition = match *predicate {
            "" => String::new(),
            text => format!("where = \"{text}\"\n"),
        };
        let document = format!(
            r#"
id = "{id}"
version = 1
title = "T"
summary = "S"
purpose = "rough-sleeping"
kind = "sharing"
retention_days = 365
processor = "P"
[law]
gateways = ["ha1996-part7"]
article_6 = ["6(1)(e)"]
[period]
effective = 2025-04-01
review = 2027-03-31
expiry = 2030-03-31
[[party]]
class = "nhs-body"
role = "controller"
contact = "C"
[[flow]]
class = "nhs-body"
event = "{event}"
fields = ["arrival_at"]
precision = "day"
gateways = ["ha1996-part7"]
{condition}
[flow.person]
consent = "not-objected"
national_opt_out = "does-not-apply"
age = "adult"
restricted = "withhold"
minimum_match = "MATCH"
[[reader]]
class = "london-authority"
role = "housing-options-officer"
view = "rough_sleeping_risk"
mode = "case"
scope = ["own-subjects"]
beyond_scope = "never"
"#
        );
        let agreement = Agreement::read(&document).unwrap();
        let text = agreement.canonical_text();
        let fact = AgreementFact::Proposed(AgreementProposed {
            agreement: agreement.id.clone(),
            version: agreement.version,
            text_sha256: sha256(&text),
            text,
            by_organisation: TRUST.parse().unwrap(),
            by: "dpo".to_owned(),
        });
        book.apply(Instant(0), &fact).unwrap();
    }
    book
}

fn learnt(book: &AgreementBook, releases: &[Release]) -> Vec<Learnt> {
    learnt_in("rough_sleeping_risk", book, releases)
}

fn learnt_in(name: &str, book: &AgreementBook, releases: &[Release]) -> Vec<Learnt> {
    let seen: Vec<Seen<'_>> = releases
        .iter()
        .map(|release| Seen {
            release,
            mask: release.mask,
        })
        .collect();
    of_row(&reader(), &view(name), book, &seen)
}

fn whats(found: &[Learnt], how: How) -> Vec<&str> {
    let of = found.iter().filter(|one| one.how == how);
    of.map(|one| one.what.as_str()).collect()
}

#[test]
fn a_withheld_code_is_learnt_from_another_of_the_same_list() {
    let empty = book(&[]);
    let releases = [
        release("a", TRUST, ATTENDANCE, &["arrival_at"]),
        release("b", TRUST, STATUS, &["code"]),
    ];
    let found = learnt(&empty, &releases);
    assert_eq!(
        whats(&found, How::SameCodes),
        ["health.EdAttendance.accommodation_status"]
    );
    assert!(
        found[0]
            .from
            .contains("health.AccommodationStatusRecorded.code")
    );
    // Granted anyway: nothing is learnt.
    let granted = [
        release(
            "a",
            TRUST,
            ATTENDANCE,
            &["arrival_at", "accommodation_status"],
        ),
        release("b", TRUST, STATUS, &["code"]),
    ];
    assert!(whats(&learnt(&empty, &granted), How::SameCodes).is_empty());
    // By one agreement alone: two do not meet.
    let alone = [
        release("a", TRUST, ATTENDANCE, &["arrival_at"]),
        release("a", TRUST, STATUS, &["code"]),
    ];
    assert!(learnt(&empty, &alone).is_empty());
}

#[test]
fn what_an_organisation_sent_itself_teaches_it_nothing() {
    let own = [
        release("a", CAMDEN, ATTENDANCE, &["arrival_at"]),
        release("b", TRUST, STATUS, &["code"]),
    ];
    assert!(whats(&learnt(&book(&[]), &own), How::SameCodes).is_empty());
    let joined = [
        release("a", CAMDEN, ATTENDANCE, &["arrival_at"]),
        release("b", CAMDEN, ATTENDANCE, &["self_discharged"]),
    ];
    assert!(learnt(&book(&[]), &joined).is_empty());
}

#[test]
fn an_event_that_comes_always_and_one_that_comes_on_a_condition_tell_the_condition() {
    let book = book(&[
        ("always", ATTENDANCE, ""),
        ("sometimes", ATTENDANCE, "safeguarding_concern = true"),
    ]);
    let releases = [
        release("always", TRUST, ATTENDANCE, &["arrival_at"]),
        release("sometimes", TRUST, ATTENDANCE, &["arrival_at"]),
    ];
    let found = learnt(&book, &releases);
    assert_eq!(
        whats(&found, How::ByCondition),
        ["health.EdAttendance.safeguarding_concern"]
    );
    let shown = [
        release(
            "always",
            TRUST,
            ATTENDANCE,
            &["arrival_at", "safeguarding_concern"],
        ),
        release("sometimes", TRUST, ATTENDANCE, &["arrival_at"]),
    ];
    assert!(whats(&learnt(&book, &shown), How::ByCondition).is_empty());
}

#[test]
fn a_rule_over_two_sources_is_computed_only_where_their_agreements_meet() {
    // A clock that one agency starts and another stops, for example.
    const VIEW: &str = "children_in_care";
    let view = view(VIEW);
    let several: Vec<_> = outputs(&view)
        .into_iter()
        .filter(|(_, needs)| needs.len() == 2)
        .collect();
    assert!(!several.is_empty(), "an output over two event types");
    let empty = book(&[]);
    for (output, needs) in &several {
        let of = |agreements: [&str; 2]| -> Vec<Release> {
            needs
                .iter()
                .zip(agreements)
                .map(|((event, mask), agreement)| Release {
                    mask: *mask,
                    ..release(agreement, TRUST, event.as_str(), &[])
                })
                .collect()
        };
        let found = learnt_in(VIEW, &empty, &of(["a", "b"]));
        assert!(
            whats(&found, How::Computed).contains(&output.as_str()),
            "{output}: {found:?}"
        );
        let alone = learnt_in(VIEW, &empty, &of(["a", "a"]));
        assert!(whats(&alone, How::Computed).is_empty(), "{output}");
    }
}
