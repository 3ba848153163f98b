use super::*;
use crate::publish::Body;
use std::path::Path;

const HEADER: &str = "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB\n7,1,27/03/2010,WBRI,UN1,,\n8,2,31/02/2010,WBRI,,,\n9,2,01/02/2011,WBRI,,,\n";
const EPISODES: &str = "\u{feff}CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN\n\
    7,15/02/2017,S,C2,N1,U6,PR1,,,,\"EG1\n1AA\",,\n7,2017-02-15,S,C2,N1,U6,PR1,,,,,,\n7,15/02/2018,S\n";

fn parsed(reviews: &str) -> Return {
    let tables = [
        (Table::Header, HEADER),
        (Table::Episodes, EPISODES),
        (Table::Reviews, reviews),
        (Table::Oc3, "CHILD,DOB\n7,27/03/2010\n"),
    ];
    let files = tables
        .into_iter()
        .map(|(table, text)| (table, tables::read_rows(text.as_bytes())))
        .collect();
    Return::parse(
        files,
        &"GSS:E09000007".parse().unwrap(),
        "2017/18",
        last_day("2017/18").unwrap(),
    )
}

#[test]
fn every_row_is_accounted_for_with_its_place_and_reason() {
    let parsed = parsed("CHILD,DOB,REVIEW,REVIEW_CODE\n7,27/03/2010,01/05/2018,PN1\n");
    let counts = parsed.counts();
    assert!(counts.values().all(|counts| counts.adds_up()), "{counts:?}");
    let row = |table| {
        let counts: Counts = counts[&table];
        [
            counts.read,
            counts.accepted,
            counts.queried,
            counts.refused,
            counts.not_mapped,
        ]
    };
    // Of three children one has events, one a birth date that does not exist, one no event.
    assert_eq!(row(Table::Header), [3, 1, 0, 1, 1]);
    assert_eq!(row(Table::Episodes), [3, 1, 0, 2, 0]);
    assert_eq!(row(Table::Reviews), [1, 0, 1, 0, 0]);
    assert_eq!(row(Table::Oc3), [1, 0, 0, 0, 1]);
    let places: Vec<_> = parsed
        .findings
        .iter()
        .map(|found| {
            (
                found.table,
                found.row,
                found.column.as_str(),
                found.rule.as_str(),
            )
        })
        .collect();
    assert!(places.contains(&(Table::Header, 2, "DOB", "DATE_UNREADABLE")));
    assert!(places.contains(&(Table::Episodes, 2, "DECOM", "DATE_UNREADABLE")));
    assert!(places.contains(&(Table::Episodes, 3, "", "ROW_UNREADABLE")));
    assert!(places.contains(&(Table::Reviews, 1, "REVIEW", "AFTER_COLLECTION_YEAR")));
}

#[test]
fn a_postcode_never_leaves_the_authority_and_the_same_row_keeps_its_id() {
    let (one, again) = (parsed(""), parsed(""));
    assert_eq!(
        one.events[0].outgoing.head.event_id,
        again.events[0].outgoing.head.event_id
    );
    let text = format!("{:?}", one.events);
    assert!(!text.contains("EG1"), "a postcode went along");
    let subject = one.events[0].outgoing.head.subject.as_ref().unwrap();
    assert_eq!(
        subject.demographics.as_ref().unwrap().upn,
        None,
        "UN1 is a reason, no number"
    );
    assert!(matches!(one.events[0].outgoing.body, Body::SocialCare(_)));
}

#[test]
fn a_year_is_two_years_in_a_row() {
    assert_eq!(last_day("2017/18").unwrap().to_string(), "2018-03-31");
    assert_eq!(last_day("1999/00").unwrap().to_string(), "2000-03-31");
    assert_eq!(last_day("2017/19"), None);
    assert_eq!(last_day("2017"), None);
}

#[test]
fn the_sample_return_is_read_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ssda903");
    if !folder.exists() {
        eprintln!("skipped: the sample return ../shared/data/ssda903 is not here");
        return;
    }
    let files = tables::read_folder(&folder).unwrap();
    let parsed = Return::parse(
        files,
        &"GSS:E09000007".parse().unwrap(),
        "2017/18",
        last_day("2017/18").unwrap(),
    );
    let counts = parsed.counts();
    assert!(counts.values().all(|counts| counts.adds_up()));
    assert_eq!(counts[&Table::Header].read, 2_675);
    assert_eq!(counts[&Table::Episodes].read, 5_050);
    assert_eq!(counts[&Table::Reviews].read, 12_581 + 1);
    assert_eq!(counts.len(), 12, "every table of the sample is named");
    assert!(parsed.distinct_ids() <= parsed.events.len());
}
