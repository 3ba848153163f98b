//! Rows: who sees whom, what the features say, how absence is said, and that the encoding tells rows apart.

pub(super) use super::setting::Setting;
use super::support::*;
use crate::Known;
use crate::facts::Contribution;
use crate::reading::Standing;
use crate::row::Row;
use crate::value::Value;
use walbrook_domain::Precision;

const CAMDEN: &str = "GSS:E09000007";
const HACKNEY: &str = "GSS:E09000012";
const CONTACT: &str = "housing.RoughSleepingContact";
const ARREARS: &str = "housing.RentArrearsChanged";

fn risk() -> Setting {
    let sources = [(CAMDEN, CONTACT), (CAMDEN, ARREARS), (HACKNEY, CONTACT)];
    let mut setting = Setting::new("rough_sleeping_risk", &sources);
    setting.add(subject_input(1, 1, subject(CAMDEN, Some("2010-01-01"))));
    setting
}

fn contact(e: u8, on: &str, bedded_down: bool) -> Contribution {
    contribution(
        (1, 1, e),
        CONTACT,
        on,
        &[("bedded_down", Value::Bool(bedded_down))],
    )
}

pub(super) fn cell<'r>(row: &'r Row, column: &str) -> &'r Known {
    &row.cells
        .iter()
        .find(|cell| cell.column == column)
        .unwrap()
        .known
}

pub(super) fn number(known: &Known) -> i64 {
    known.value().and_then(Value::int).unwrap()
}

#[test]
fn windows_are_days_back_from_the_row_s_day() {
    let mut setting = risk();
    for (e, on) in [
        (1, "2026-05-31"),
        (2, "2026-05-25"),
        (3, "2026-05-24"),
        (4, "2026-05-04"),
        (5, "2026-05-03"),
        (6, "2025-06-01"),
        (7, "2025-05-31"),
    ] {
        setting.release(contact(e, on, true));
    }
    let row = setting.row(1, CAMDEN).unwrap();
    let counts =
        ["contacts_7d", "contacts_28d", "contacts_365d"].map(|column| number(cell(&row, column)));
    assert_eq!(counts, [2, 4, 6]);
    assert_eq!(number(cell(&row, "days_since_contact")), 0);
    // Time passes without an event, and what is not yet is not seen.
    setting.at = day("2026-06-02");
    assert_eq!(
        number(cell(&setting.row(1, CAMDEN).unwrap(), "contacts_7d")),
        1
    );
    setting.at = day("2026-05-24");
    assert_eq!(
        number(cell(&setting.row(1, CAMDEN).unwrap(), "contacts_7d")),
        1
    );
}

#[test]
fn points_add_up_and_each_has_its_sentence() {
    let mut setting = risk();
    setting.release(contact(1, "2026-05-30", true));
    setting.release(contribution(
        (1, 1, 2),
        ARREARS,
        "2026-05-01",
        &[
            ("owed_weeks", Value::Int(9)),
            ("arrears_pence", Value::Int(123_456)),
        ],
    ));
    let row = setting.row(1, CAMDEN).unwrap();
    assert_eq!((row.points_hundredths, row.band.as_str()), (5_500, "high"));
    setting.release(contribution(
        (1, 1, 3),
        "housing.PossessionNotice",
        "2026-05-02",
        &[
            ("notice_type", text("S8")),
            ("stage", text("NOTICE")),
            ("expires_on", Value::Day(day("2026-06-10"))),
        ],
    ));
    setting.release(contribution(
        (1, 1, 4),
        "health.EdAttendance",
        "2026-05-03",
        &[("accommodation_status", text("HM01"))],
    ));
    let row = setting.row(1, CAMDEN).unwrap();
    assert_eq!(
        (row.points_hundredths, row.band.as_str()),
        (9_500, "urgent")
    );
    let sentences: Vec<&str> = row
        .reasons
        .iter()
        .map(|reason| reason.sentence.as_str())
        .collect();
    assert_eq!(
        sentences,
        [
            "A Section 8 notice (stage: notice) expires in 10 days.",
            "Attended an emergency department without a home once in 90 days.",
            "Seen bedded down by outreach once in the last 28 days.",
            "Owes 9 weeks of rent (£1,234.56)."
        ]
    );
    assert_eq!(
        row.reasons
            .iter()
            .map(|reason| reason.points_hundredths)
            .sum::<i64>(),
        row.points_hundredths
    );
}

#[test]
fn nobody_outside_the_scope_has_a_row_and_the_two_lists_are_disjoint() {
    let mut setting = risk();
    setting.add(subject_input(2, 2, subject(HACKNEY, Some("2010-01-01"))));
    setting.release(contact(1, "2026-05-30", true));
    setting.release(contribution(
        (2, 2, 2),
        CONTACT,
        "2026-05-30",
        &[("bedded_down", Value::Bool(true))],
    ));
    for p in [1, 2] {
        let seen = [CAMDEN, HACKNEY, "ODS:RRV"].map(|reader| setting.row(p, reader).is_some());
        assert_eq!(seen, [p == 1, p == 2, false]);
    }
}

#[test]
fn a_contribution_counts_only_under_an_agreement_that_still_stands() {
    let mut setting = risk();
    setting.release(contact(1, "2026-05-30", true));
    let mut second = contact(1, "2026-05-30", true);
    second.key.agreement = agreement("two");
    setting.release(second);
    let before = setting.row(1, CAMDEN).unwrap();
    assert_eq!(
        number(cell(&before, "contacts_7d")),
        1,
        "one event under two agreements counts once"
    );
    setting.reading.closed = vec![agreement("one")];
    assert_eq!(
        setting.row(1, CAMDEN).unwrap(),
        before,
        "what one agreement loses, another still grants"
    );
    setting.reading.closed.push(agreement("two"));
    assert_eq!(setting.row(1, CAMDEN), None);
}

#[test]
fn two_agreements_that_disagree_are_an_integrity_error() {
    let mut setting = risk();
    setting.release(contact(1, "2026-05-30", true));
    let mut second = contact(1, "2026-05-30", false);
    second.key.agreement = agreement("two");
    setting.release(second);
    let error = setting.try_row(1, CAMDEN).unwrap_err();
    assert_eq!(error.event, event(1));
}

#[test]
fn fields_unite_and_the_finer_time_wins() {
    let mut setting = risk();
    setting.release(contribution(
        (1, 1, 1),
        ARREARS,
        "2026-05-30",
        &[("owed_weeks", Value::Int(8))],
    ));
    let mut second = contribution(
        (1, 1, 1),
        ARREARS,
        "2026-05-30",
        &[("arrears_pence", Value::Int(100))],
    );
    second.key.agreement = agreement("two");
    second.occurred_at = walbrook_domain::Instant(day("2026-05-30").start().0 + 3_600_000_000);
    second.precision = Precision::Hour;
    setting.release(second.clone());
    let row = setting.row(1, CAMDEN).unwrap();
    assert_eq!(
        (
            number(cell(&row, "arrears_weeks")),
            number(cell(&row, "arrears_pence"))
        ),
        (8, 100)
    );
    // Another day is a disagreement.
    second.occurred_at = day("2026-05-29").start();
    setting.release(second);
    assert!(setting.try_row(1, CAMDEN).is_err());
}

#[test]
fn a_field_no_longer_granted_is_gone_and_says_whom_to_ask() {
    let mut setting = risk();
    setting.release(contact(1, "2026-05-30", true));
    setting.release(contribution(
        (1, 1, 2),
        ARREARS,
        "2026-05-30",
        &[("owed_weeks", Value::Int(9))],
    ));
    let weeks = 1 << 3;
    setting.reading.grant.fields = !weeks;
    for source in &mut setting.reading.sources {
        source.fields = !weeks;
    }
    let row = setting.row(1, CAMDEN).unwrap();
    assert_eq!(
        *cell(&row, "arrears_weeks"),
        Known::Withheld("withheld: ask GSS:E09000007".into())
    );
    assert!(row.reasons.iter().all(|reason| reason.rule_id != "arrears"));
}

#[test]
fn a_superseded_event_is_not_seen_whoever_may_see_the_later_one() {
    let mut setting = risk();
    setting.release(contact(1, "2026-05-30", true));
    let mut later = contact(2, "2026-05-30", false);
    later.supersedes = Some(event(1));
    later.key.agreement = agreement("not-mine");
    setting.release(later);
    assert_eq!(setting.row(1, CAMDEN), None);
    // Of another handle, it is another's event.
    let mut setting = risk();
    setting.release(contact(1, "2026-05-30", true));
    let mut other = contribution(
        (1, 9, 2),
        CONTACT,
        "2026-05-30",
        &[("bedded_down", Value::Bool(false))],
    );
    other.supersedes = Some(event(1));
    setting.release(other);
    assert_eq!(
        number(cell(&setting.row(1, CAMDEN).unwrap(), "contacts_7d")),
        2
    );
}

#[test]
fn a_child_or_someone_of_unknown_age_never_enters_the_risk_view() {
    for adult_from in [None, Some("2026-06-01")] {
        let mut setting = risk();
        setting.release(contact(1, "2026-05-30", true));
        assert!(setting.row(1, CAMDEN).is_some());
        setting.add(subject_input(1, 1, subject(CAMDEN, adult_from)));
        assert_eq!(setting.row(1, CAMDEN), None, "{adult_from:?}");
    }
}

#[test]
fn silence_is_not_none() {
    let mut setting = risk();
    setting.release(contribution(
        (1, 1, 2),
        ARREARS,
        "2026-05-01",
        &[("owed_weeks", Value::Int(1))],
    ));
    assert_eq!(
        number(cell(&setting.row(1, CAMDEN).unwrap(), "contacts_28d")),
        0
    );
    // 14 days without a word from outreach, and nothing may be said to be none.
    setting.at = day("2026-06-15");
    let row = setting.row(1, CAMDEN).unwrap();
    assert_eq!(
        *cell(&row, "contacts_28d"),
        Known::NotKnown(Some(day("2026-05-31")))
    );
    assert_eq!(
        cell(&row, "contacts_28d").words().unwrap(),
        "not known since 31 May 2026"
    );
    let statement = |row: &Row| {
        row.sources
            .iter()
            .find(|one| one.event_type.as_str() == CONTACT)
            .unwrap()
            .statement
            .clone()
    };
    assert_eq!(statement(&row), "not known since 31 May 2026");
    // An unsigned source is not heard, whatever it once sent.
    for source in &mut setting.reading.sources {
        if source.event_type.as_str() == CONTACT {
            source.standing = Standing::NotSigned;
            source.fields = 0;
        }
    }
    assert_eq!(statement(&setting.row(1, CAMDEN).unwrap()), "not signed");
}

#[test]
fn the_canonical_encoding_tells_every_difference() {
    let mut setting = risk();
    setting.release(contact(1, "2026-05-30", true));
    let row = setting.row(1, CAMDEN).unwrap();
    assert_eq!(row.sha256(), setting.row(1, CAMDEN).unwrap().sha256());
    let mut others = vec![row.clone(); 6];
    others[0].points_hundredths += 1;
    others[1].band.clear();
    others[2].cells[0].known = Known::Nothing;
    others[3].reasons[0].sentence.push('.');
    others[4].sources[0].statement.push('.');
    others[5].pseudonym = person(2);
    for other in others {
        assert_ne!(other.sha256(), row.sha256());
    }
}

#[test]
fn a_column_with_roles_is_not_there_for_others_nor_a_rule_that_tells_it() {
    let mut setting = risk();
    let health = "health.InpatientDischarge";
    setting.reading = granted(&[(CAMDEN, CONTACT), (CAMDEN, health)]);
    setting.release(contact(1, "2026-05-30", true));
    setting.release(contribution(
        (1, 1, 2),
        health,
        "2026-05-20",
        &[
            ("homelessness_risk", Value::Bool(true)),
            ("discharged_at", Value::Instant(day("2026-05-20").start())),
        ],
    ));
    let mut seen = |role: &str| {
        setting.reading.role = role.to_owned();
        let row = setting.row(1, CAMDEN).unwrap();
        let column = row
            .cells
            .iter()
            .any(|cell| cell.column == "discharged_days");
        let rule = row
            .reasons
            .iter()
            .any(|one| one.rule_id == "discharged-without-a-home");
        (column, rule, row.points_hundredths, row.cells.len())
    };
    let officer = seen("housing-options-officer");
    let outreach = seen("outreach-worker");
    assert_eq!((officer.0, officer.1, officer.2), (true, true, 6_000));
    assert_eq!((outreach.0, outreach.1, outreach.2), (false, false, 4_000));
    assert!(outreach.3 < officer.3);
    assert_eq!(seen("somebody-else"), outreach, "whoever no column names");
}
