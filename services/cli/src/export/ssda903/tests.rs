use super::tables::Tables;
use super::*;
use crate::import::frame::testing;
use crate::import::ssda903::import;
use crate::publish::{Body, Outgoing};
use std::path::Path;
use walbrook_proto::social_care::v1::event::Body as SocialCare;
use walbrook_proto::view::v1::Cell;
use walbrook_proto::view::v1::cell::Value;

const AUTHORITY: &str = "GSS:E09000007";

fn date(date: Option<walbrook_proto::common::v1::Date>) -> String {
    date.map(|d| format!("{:04}-{:02}-{:02}", d.year, d.month, d.day))
        .unwrap_or_default()
}

/// A record as the view writes it.
fn record(fields: &[(&str, String)]) -> String {
    let fields = fields.iter().filter(|(_, value)| !value.is_empty());
    fields.fold(format!("by={AUTHORITY}"), |record, (name, value)| {
        format!("{record};{name}={value}")
    })
}

fn of_event(event: &Outgoing) -> (&'static str, String) {
    let Body::SocialCare(body) = &event.body else {
        panic!("another agency");
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let flag = |value: Option<bool>| value.map(|flag| flag.to_string()).unwrap_or_default();
    match body {
        SocialCare::CareEpisode(m) => (
            "episodes",
            record(&[
                ("decom", date(m.decom)),
                ("rne", m.rne.clone()),
                ("ls", m.ls.clone()),
                ("cin", m.cin.clone()),
                ("place", m.place.clone()),
                ("place_provider", text(&m.place_provider)),
                ("dec", date(m.dec)),
                ("rec", text(&m.rec)),
                ("reason_place_change", text(&m.reason_place_change)),
            ]),
        ),
        SocialCare::ReviewHeld(m) => (
            "reviews",
            record(&[
                ("reviewed_on", date(m.reviewed_on)),
                ("review_code", m.review_code.clone()),
            ]),
        ),
        SocialCare::MissingEpisode(m) => (
            "missing",
            record(&[
                ("missing", m.missing.clone()),
                ("mis_start", date(m.mis_start)),
                ("mis_end", date(m.mis_end)),
            ]),
        ),
        SocialCare::HealthOutcomes(m) => (
            "oc2",
            record(&[
                ("as_of", date(m.as_of)),
                (
                    "sdq_score",
                    m.sdq_score.map(|s| s.to_string()).unwrap_or_default(),
                ),
                ("sdq_reason", text(&m.sdq_reason)),
                ("convicted", flag(m.convicted)),
                ("health_check", flag(m.health_check)),
                ("immunisations", flag(m.immunisations)),
                ("teeth_check", flag(m.teeth_check)),
                ("health_assessment", flag(m.health_assessment)),
                ("substance_misuse", flag(m.substance_misuse)),
                ("intervention_received", flag(m.intervention_received)),
                ("intervention_offered", flag(m.intervention_offered)),
            ]),
        ),
        SocialCare::CareLeaverContact(m) => (
            "oc3",
            record(&[
                ("contact_on", date(m.contact_on)),
                ("in_touch", m.in_touch.clone()),
                ("activ", text(&m.activ)),
                ("accom", text(&m.accom)),
            ]),
        ),
        SocialCare::DeprivationOfLiberty(m) => (
            "dolo",
            record(&[
                ("dolo_start", date(m.dolo_start)),
                ("dolo_end", date(m.dolo_end)),
            ]),
        ),
        other => panic!("{other:?} is of no table"),
    }
}

fn events(path: &Path) -> Vec<Outgoing> {
    let import = import(path, "E09000007", "2025/26").unwrap();
    let (events, findings) = testing::events(import.rows, import.mapping);
    assert!(findings.is_empty(), "{findings:?}");
    events
}

fn row(events: &[Outgoing], child: &str) -> Row {
    let mut row = Row::default();
    for event in events {
        if event.head.subject.as_ref().unwrap().local_id != child {
            continue;
        }
        let (output, record) = of_event(event);
        let known = row.cells.iter_mut().find(|cell| cell.column == output);
        match known.and_then(|cell| cell.value.as_mut()) {
            Some(Value::Text(text)) => *text = format!("{text}, {record}"),
            _ => row.cells.push(Cell {
                column: output.to_owned(),
                value: Some(Value::Text(record)),
                disputed: false,
            }),
        }
    }
    row
}

const TABLES: [(&str, &str); 7] = [
    (
        "header.csv",
        "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB\nC7,M,27/03/2012,WBRI,UN1,,\nC8,F,01/02/2007,MWBC,UN4,0,\n",
    ),
    (
        "episodes.csv",
        "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN\n\
         C7,15/02/2025,S,C2,N1,U6,PR1,03/04/2025,X1,CARPL,NW1 1AA,N1 2BB,SC000001\n\
         C7,03/04/2025,P,C2,N1,K2,PR4,,,,NW1 1AA,E2 3CC,SC000002\n",
    ),
    (
        "reviews.csv",
        "CHILD,DOB,REVIEW,REVIEW_CODE\nC7,27/03/2012,01/05/2025,PN1\nC7,27/03/2012,30/10/2025,PN3\n",
    ),
    (
        "missing.csv",
        "CHILD,DOB,MISSING,MIS_START,MIS_END\nC7,27/03/2012,M,05/04/2025,06/04/2025\nC7,27/03/2012,A,30/03/2026,\n",
    ),
    (
        "oc2.csv",
        "CHILD,DOB,SDQ_SCORE,SDQ_REASON,CONVICTED,HEALTH_CHECK,IMMUNISATIONS,TEETH_CHECK,HEALTH_ASSESSMENT,SUBSTANCE_MISUSE,INTERVENTION_RECEIVED,INTERVENTION_OFFERED\n\
         C7,27/03/2012,17,,0,,1,1,0,1,0,1\n",
    ),
    (
        "oc3.csv",
        "CHILD,DOB,IN_TOUCH,ACTIV,ACCOM\nC8,01/02/2007,YES,F1,S2\n",
    ),
    (
        "DoLo.csv",
        "CHILD,DOB,DOLO_START,DOLO_END\nC7,27/03/2012,10/09/2025,10/12/2025\n",
    ),
];

const LOCAL: &str = "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB,DECOM,HOME_POST,PL_POST,URN\nC7,M,27/03/2012,WBRI,UN1,,,,,,\n\
    C8,F,01/02/2007,MWBC,UN4,0,,,,,\nC7,,,,,,,15/02/2025,NW1 1AA,N1 2BB,SC000001\nC7,,,,,,,03/04/2025,NW1 1AA,E2 3CC,SC000002\nC9,M,27/03/2012,WBRI,UN1,,,,,,\n";

#[test]
fn what_was_imported_comes_out_as_the_same_tables_and_imports_as_the_same_events() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in TABLES {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let imported = events(folder.path());
    assert_eq!(imported.len(), 2 + 2 + 2 + 1 + 1 + 1);
    let file = folder.path().join("local.txt");
    std::fs::write(&file, LOCAL).unwrap();
    let local = Local::read(&file).unwrap();
    let out = folder.path().join("out");
    let (authority, last_day) = of_return("E09000007", "2025/26").unwrap();
    let mut tables = Tables::create(&out, &authority, last_day).unwrap();
    for child in local.children() {
        let row = row(&imported, child);
        tables.write(&local, child, Some(&row)).unwrap();
    }
    let written = tables.finish().unwrap();
    assert_eq!((written.children, written.without_rows), (2, 1));
    for (name, text) in TABLES {
        let found = std::fs::read_to_string(out.join(name)).unwrap();
        assert_eq!(found, text, "{name}");
    }
    let ids = |events: &[Outgoing]| -> Vec<String> {
        events.iter().map(|one| one.head.event_id.clone()).collect()
    };
    assert_eq!(ids(&events(&out)), ids(&imported));
    assert!(
        Tables::create(&out, &authority, last_day).is_err(),
        "it is not empty"
    );
}

#[test]
fn another_authority_s_another_year_s_and_untold_events_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("local.csv");
    std::fs::write(&file, "CHILD,DOB\nC7,27/03/2012\n").unwrap();
    let local = Local::read(&file).unwrap();
    let cell = |column: &str, value| Cell {
        column: column.into(),
        value: Some(value),
        disputed: false,
    };
    let episodes = "by=GSS:E09000008;decom=2025-04-10, by=GSS:E09000007;decom=2024-04-10;dec=2025-03-31, \
                    by=GSS:E09000007;decom=2026-04-01, by=GSS:E09000007;decom=2025-05-01, by=GSS:E09000007;decom=2025-05-01;dec=2025-06-01";
    let row = Row {
        cells: vec![
            cell("episodes", Value::Text(episodes.into())),
            cell(
                "reviews",
                Value::NotKnown("not listed: more than 400 events".into()),
            ),
            cell("dolo", Value::NotKnown("not known".into())),
        ],
        ..Row::default()
    };
    let (authority, last_day) = of_return("E09000007", "2025/26").unwrap();
    let out = folder.path().join("out");
    let mut tables = Tables::create(&out, &authority, last_day).unwrap();
    tables.write(&local, "C7", Some(&row)).unwrap();
    let written = tables.finish().unwrap();
    let text = std::fs::read_to_string(out.join("episodes.csv")).unwrap();
    let rows: Vec<_> = text.lines().skip(1).collect();
    assert_eq!(rows, ["C7,01/05/2025,,,,,,01/06/2025,,,,,"]);
    assert_eq!(written.untold["reviews.csv"], 1);
    assert_eq!(written.not_heard["DoLo.csv"], 1);
}
