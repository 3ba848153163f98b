use super::*;
use walbrook_proto::view::v1::{Reason, SourceLabel};

fn shape() -> ViewShape {
    let column = |name: &str, label: &str, unit: &str, listed| {
        Column {
        name: name.into(),
        label: label.into(),
        meaning: "What this says, in a sentence that is long enough to be wrapped when the sheet is narrow, and so it is.".into(),
        unit: unit.into(),
        codes: String::new(),
        listed,
    }
    };
    ViewShape {
        title: "A view".into(),
        columns: vec![
            column("met", "Last met, days ago", "days", true),
            column("owed", "Rent owed", "pence", false),
        ],
        sources: vec![SourceLabel {
            event_type: "housing.RentArrearsChanged".into(),
            label: "Rent arrears".into(),
            silent_after_days: 35,
        }],
        not_yet: Vec::new(),
    }
}

fn row() -> Row {
    let cell = |column: &str, value| Cell {
        column: column.into(),
        value: Some(value),
        disputed: false,
    };
    Row {
        pseudonym: vec![0xab; 16],
        cells: vec![
            cell("met", Value::NotKnown("not known since 3 Nov 2026".into())),
            cell("owed", Value::Number(236_400)),
        ],
        reasons: (0..3)
            .map(|number| Reason {
                rule_id: format!("r{number}"),
                sentence: "A sentence of the view that says in plain words why this person should be looked at before another one.".into(),
                points_hundredths: 1_550,
            })
            .collect(),
        points_hundredths: 4_650,
        band: "high".into(),
        sources: Vec::new(),
    }
}

fn fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= usize::from(WIDTH), "{line}");
    }
}

#[test]
fn a_list_fits_and_shows_the_listed_columns_alone() {
    let text = list(&[row(), row()], &shape(), &Columns::Listed);
    fits(&text);
    assert!(text.contains("not known since 3 Nov 2026") || text.contains("not known"));
    assert!(text.contains("abababab") && text.contains("46.50 high"));
    assert!(!text.contains("Rent owed"));
    let wide = list(&[row()], &shape(), &Columns::Wide);
    assert!(wide.contains("£2,364.00"));
    let named = list(&[row()], &shape(), &Columns::Named(&["owed".to_owned()]));
    assert!(named.contains("£2,364.00") && !named.contains("Last met"));
}

#[test]
fn one_person_fits_with_meanings_reasons_and_sources() {
    let mut one = row();
    one.sources = ["heard", "not known since 3 Nov 2026"]
        .map(|statement| SourceFreshness {
            organisation: "GSS:E09000007".into(),
            event_type: "housing.RentArrearsChanged".into(),
            last_heard_on: walbrook_proto::common::v1::Date::new(2026, 11, 3),
            statement: statement.into(),
        })
        .to_vec();
    let facts = AnswerFacts {
        view: Some(shape()),
        ..AnswerFacts::default()
    };
    let text = person(&one, &facts);
    fits(&text);
    for words in [
        "A view",
        "Rent owed",
        "46.50 points, high",
        "(15.50)",
        "Rent arrears",
        "Camden council",
        "last heard 3 Nov 2026",
        "Not known since 3 Nov 2026: Last met, days ago.",
        "not known since 3 Nov 2026",
    ] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
}

#[test]
fn what_is_not_known_is_no_value_in_json() {
    let value = json(&[row()], 1, &AnswerFacts::default());
    let cells = &value["rows"][0]["cells"];
    assert_eq!(cells["owed"], 236_400);
    assert_eq!(cells["met"]["not_known"], "not known since 3 Nov 2026");
}
