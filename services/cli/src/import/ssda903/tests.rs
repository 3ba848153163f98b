use super::super::frame::{Drafts, Finding, Mapping, testing};
use super::*;
use crate::publish::{Body, Outgoing};
use std::collections::BTreeMap;
use walbrook_proto::social_care::v1::event::Body as SocialCare;

const HEADER: &str = "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB\n7,1,27/03/2010,WBRI,UN1,,\n8,2,31/02/2010,WBRI,,,\n9,3,01/02/2011,XXXX,UN9,,\n7,1,27/03/2010,WBRI,,,\n";
const EPISODES: &str = "\u{feff}CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN,PL_DISTANCE\n\
    7,15/02/2017,S,C2,N1,U6,PR1,,,,\"EG1\n1AA\",,SC123456,12.5\n7,2017-02-15,S,C2,N1,U6,PR1,,,,,,,\n7,15/02/2018,S\n\
    8,16/02/2017,S,C2,N1,U6,PR1,16/03/2017,E4A,,,,,999.9\n10,16/02/2017,S,C2,N1,U6,PR1,,,,,,,x\n7,,S,C2,N1,U6,PR1,,,,,,,\n";

fn folder_of(tables: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in tables {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn read(path: &Path) -> (Vec<Outgoing>, Vec<Finding>) {
    let import = import(path, "E09000007", "2017/18").unwrap();
    testing::events(import.rows, import.mapping)
}

fn small() -> tempfile::TempDir {
    folder_of(&[
        ("header.csv", HEADER),
        ("episodes.csv", EPISODES),
        (
            "reviews.csv",
            "CHILD,DOB,REVIEW,REVIEW_CODE\n7,27/03/2010,01/05/2018,PN1\n",
        ),
        (
            "oc2.csv",
            "CHILD,DOB,SDQ_SCORE,SDQ_REASON,CONVICTED,HEALTH_CHECK,IMMUNISATIONS,TEETH_CHECK,HEALTH_ASSESSMENT,SUBSTANCE_MISUSE,INTERVENTION_RECEIVED,INTERVENTION_OFFERED\n7,27/03/2010,17,,0,,1,1,1,0,,\n7,27/03/2010,x,SDQ2,2,,,,,,,\n",
        ),
        (
            "oc3.csv",
            "CHILD,DOB,IN_TOUCH,ACTIV,ACCOM\n20,27/03/1999,YES,F1,S2\n",
        ),
        (
            "missing.csv",
            "CHILD,DOB,MISSING,MIS_START,MIS_END\n7,27/03/2010,M,01/03/2017,\n",
        ),
        (
            "DoLo.csv",
            "CHILD,DOB,DOLO_START,DOLO_END\n7,27/03/2010,01/03/2017,02/03/2017\n",
        ),
        ("uasc.csv", "CHILD,SEX,DOB,DUC\n7,1,27/03/2010,\n"),
    ])
}

#[test]
fn every_row_has_its_event_or_its_place_and_reason() {
    let (events, findings) = read(small().path());
    let mut kinds = BTreeMap::new();
    for event in &events {
        let mut bytes = Vec::new();
        event.body.encode(&mut bytes);
        *kinds.entry(bytes[0]).or_insert(0) += 1;
    }
    assert_eq!(events.len(), 3 + 1 + 2 + 1 + 1 + 1);
    assert_eq!(kinds.values().sum::<i32>(), 9);
    let places: Vec<_> = findings
        .iter()
        .map(|found| {
            let column = found.column.as_str();
            (found.table, found.row, column, found.rule.as_str())
        })
        .collect();
    let expected = [
        ("header", 2, "DOB", "DATE_UNREADABLE"),
        ("header", 3, "SEX", "HEADER_SEX"),
        ("header", 3, "ETHNIC", "HEADER_ETHNIC"),
        ("header", 3, "UPN", "HEADER_UPN_UNKNOWN"),
        ("header", 4, "CHILD", "CHILD_TWICE"),
        ("episodes", 2, "DECOM", "DATE_UNREADABLE"),
        ("episodes", 3, "", "ROW_UNREADABLE"),
        ("episodes", 5, "PL_DISTANCE", "NUMBER_UNREADABLE"),
        ("episodes", 5, "CHILD", "CHILD_NOT_IN_HEADER"),
        ("episodes", 6, "DECOM", "DATE_MISSING"),
        ("reviews", 1, "REVIEW", "AFTER_COLLECTION_YEAR"),
        ("oc2", 2, "SDQ_SCORE", "NUMBER_UNREADABLE"),
        ("oc2", 2, "CONVICTED", "FLAG_UNREADABLE"),
        ("oc3", 1, "CHILD", "CHILD_NOT_IN_HEADER"),
    ];
    assert_eq!(places, expected);
}

fn episodes(events: &[Outgoing]) -> Vec<walbrook_proto::social_care::v1::CareEpisode> {
    let episode = |event: &Outgoing| match &event.body {
        Body::SocialCare(SocialCare::CareEpisode(episode)) => Some(episode.clone()),
        _ => None,
    };
    events.iter().filter_map(episode).collect()
}

#[test]
fn neither_postcode_nor_child_number_nor_birth_date_stands_in_an_event() {
    let folder = small();
    let (events, _) = read(folder.path());
    let (again, _) = read(folder.path());
    for (event, again) in events.iter().zip(&again) {
        assert_eq!(event.head.event_id, again.head.event_id);
        let text = format!("{:?}", event.body);
        assert!(
            !text.contains("EG1") && !text.contains("SC123456"),
            "{text}"
        );
        assert!(!text.contains("1999") && !text.contains("2010"), "{text}");
    }
    let episodes = episodes(&events);
    assert_eq!(episodes[0].episode_ref, "903-E09000007-2017-02-15");
    assert_eq!(episodes[0].pl_distance_tenths_mile, Some(125));
    assert_eq!(
        episodes[1].pl_distance_tenths_mile, None,
        "999.9 is unknown"
    );
    let subject = events[0].head.subject.as_ref().unwrap();
    let who = subject.demographics.as_ref().unwrap();
    assert_eq!(who.upn, None, "UN1 is a reason, no number");
    assert_eq!(who.birth_date.unwrap().year, 2010);
    // A birth date that does not exist hides no child; one without a header row is who its own row says.
    let second = events[1].head.subject.as_ref().unwrap();
    assert_eq!(second.demographics.as_ref().unwrap().birth_date, None);
    let leaver = events
        .iter()
        .find(|event| event.head.subject.as_ref().unwrap().local_id == "20")
        .unwrap();
    let who = leaver.head.subject.as_ref().unwrap();
    let who = who.demographics.as_ref().unwrap();
    assert_eq!(who.birth_date.unwrap().year, 1999);
}

const DOCUMENT: &str = "<?xml version='1.0'?><EXPSSDA903><CHILD><HEADER><CHILDID>7</CHILDID><UPN>UN1</UPN><SEX>1</SEX><DOB>2010-03-27</DOB><ETHNIC>WBRI</ETHNIC>\
    <AREVIEW><REVIEW>01/05/2018</REVIEW><REVIEW_CODE>PN1</REVIEW_CODE></AREVIEW><AMISSING><MISSING>M</MISSING><MIS_START>01/03/2017</MIS_START></AMISSING>\
    <OC2><SDQ_SCORE>17</SDQ_SCORE><CONVICTED>0</CONVICTED><IMMUNISATIONS>1</IMMUNISATIONS><TEETH_CHECK>1</TEETH_CHECK><HEALTH_ASSESSMENT>1</HEALTH_ASSESSMENT><SUBSTANCE_MISUSE>0</SUBSTANCE_MISUSE></OC2>\
    <PERMANENCE><PREV_PERM>Z1</PREV_PERM></PERMANENCE></HEADER>\
    <EPISODE><DECOM>15/02/2017</DECOM><RNE>S</RNE><LS>C2</LS><CIN>N1</CIN><PL>U6</PL><PLACE_PROVIDER>PR1</PLACE_PROVIDER><HOME_POST>EG1 1AA</HOME_POST><PL_DISTANCE>12.5</PL_DISTANCE></EPISODE>\
    </CHILD><CHILD><HEADER><CHILDID>20</CHILDID><DOB>27/03/1999</DOB><IN_TOUCH>YES</IN_TOUCH><ACTIV>F1</ACTIV><ACCOM>S2</ACCOM></HEADER><NEWS><A><B/></A></NEWS></CHILD></EXPSSDA903>";

#[test]
fn the_return_as_xml_makes_the_same_events_as_its_tables() {
    let folder = folder_of(&[("return.xml", DOCUMENT)]);
    let (events, findings) = read(&folder.path().join("return.xml"));
    assert_eq!(events.len(), 5, "{findings:?}");
    let (tables, _) = read(small().path());
    let ids: Vec<_> = tables.iter().map(|event| &event.head.event_id).collect();
    for event in &events {
        assert!(ids.contains(&&event.head.event_id), "{:?}", event.body);
    }
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].rule, "AFTER_COLLECTION_YEAR");
}

#[test]
fn a_year_is_two_years_in_a_row() {
    assert_eq!(last_day("2017/18").unwrap().to_string(), "2018-03-31");
    assert_eq!(last_day("1999/00").unwrap().to_string(), "2000-03-31");
    for text in ["2017/19", "2017", "+017/18", "2017/018"] {
        assert_eq!(last_day(text), None, "{text}");
    }
}

#[test]
fn a_folder_without_episodes_is_no_return() {
    let folder = folder_of(&[("header.csv", HEADER)]);
    let failure = import(folder.path(), "E09000007", "2017/18").err().unwrap();
    assert!(failure.text().contains("episodes.csv"));
}

#[test]
fn the_sample_return_is_read_whole_and_every_row_is_accounted_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ssda903");
    if !folder.exists() {
        eprintln!("skipped: the sample return ../shared/data/ssda903 is not here");
        return;
    }
    let import = import(&folder, "E09000007", "2017/18").unwrap();
    let mut mapping = import.mapping;
    let mut read: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for row in import.rows {
        let row = row.unwrap();
        let mut drafts = Drafts::of(&row);
        mapping.map(&row, &mut drafts);
        let [rows, events] = read.entry(row.table).or_default();
        *rows += 1;
        *events += drafts.len();
    }
    let rows = |table: &str| read[table][0];
    assert_eq!(read.len(), 12, "every table of the sample is named");
    assert_eq!(rows("header"), 2_675);
    assert_eq!(rows("episodes"), 5_050);
    assert_eq!(rows("reviews"), 12_582);
    assert_eq!(rows("dolo"), 1);
    assert_eq!(read.values().map(|[rows, _]| rows).sum::<usize>(), 25_945);
    let events = read.values().map(|[_, events]| events).sum::<usize>();
    assert_eq!(events, 5_050 + 12_582 + 2_675 + 53 + 43 + 1);
}
