//! Rows as records that stock tools read: every state of a cell can be told from the others, and only what the role sees is there.

use super::support::*;
use crate::delivered::{Shape, ShapeError, Stated};
use crate::known::{Freshness, Known};
use crate::row::{Cell, Reason, RestsOn, Row};
use crate::value::Value;
use apache_avro::types::Value as Avro;
use apache_avro::{Schema, from_avro_datum};
use proptest::prelude::*;
use walbrook_domain::{AgreementVersion, Instant};
use walbrook_policy::catalogue::FieldKind;

const ROLE: &str = "housing-options-officer";

fn shape(name: &str, role: &str) -> Shape {
    Shape::new(&view(name), role, &catalogue()).unwrap()
}

/// A row of the view with these cells, everything else of its columns known to be nothing.
fn row(name: &str, role: &str, cells: &[(&str, Known, bool)]) -> Row {
    let view = view(name);
    let seen = view.visibility.of(role);
    let columns = view.columns.iter().enumerate();
    let cells = columns
        .filter(|(at, _)| seen.column(*at))
        .map(|(_, column)| {
            let found = cells.iter().find(|cell| cell.0 == column.output);
            Cell {
                column: column.output.clone(),
                known: found.map_or(Known::Nothing, |cell| cell.1.clone()),
                disputed: found.is_some_and(|cell| cell.2),
            }
        });
    Row {
        pseudonym: person(7),
        cells: cells.collect(),
        reasons: vec![Reason {
            rule_id: "r1".into(),
            sentence: "seen twice".into(),
            points_hundredths: 150,
        }],
        points_hundredths: 150,
        band: "HIGH".into(),
        sources: vec![Freshness {
            event_type: "housing.RoughSleepingContact".parse().unwrap(),
            source: None,
            last_heard_on: Some(day("2026-05-31")),
            statement: "heard".into(),
        }],
        rests_on: RestsOn::default(),
    }
}

fn fields(shape: &Shape, row: &Row) -> std::collections::BTreeMap<String, Avro> {
    let agreements = [(agreement("one"), AgreementVersion(2))];
    let stated = Stated {
        at: Instant(1_000_000),
        through: Instant(900_000),
        agreements: &agreements,
        read_id: "5b1f",
        keep_until: Some(day("2027-05-31")),
    };
    let schema = Schema::parse_str(shape.schema()).unwrap();
    let body = shape.body(row, &stated);
    let mut rest = body.as_slice();
    let Avro::Record(fields) = from_avro_datum(&schema, &mut rest, None).unwrap() else {
        panic!("no record")
    };
    assert!(rest.is_empty());
    fields.into_iter().collect()
}

fn some(value: Avro) -> Avro {
    Avro::Union(1, Box::new(value))
}

fn none() -> Avro {
    Avro::Union(0, Box::new(Avro::Null))
}

fn text(text: &str) -> Avro {
    some(Avro::String(text.into()))
}

#[test]
fn what_is_known_not_known_withheld_and_disputed_is_told_apart() {
    let name = "rough_sleeping_risk";
    let since = Known::NotKnown(Some(day("2026-05-01")));
    let row = row(
        name,
        ROLE,
        &[
            ("contacts_7d", Known::Value(Value::Int(3)), true),
            ("contacts_28d", since, false),
        ],
    );
    let shape = shape(name, ROLE);
    assert_eq!(shape.full_name(), "walbrook.view.rows.rough_sleeping_risk");
    let found = fields(&shape, &row);
    assert_eq!(found["person"], Avro::String("07".repeat(16)));
    assert_eq!(found["contacts_7d"], some(Avro::Long(3)));
    assert_eq!(found["contacts_7d_state"], text("KNOWN"));
    assert_eq!(found["contacts_7d_note"], none());
    assert_eq!(found["contacts_28d"], none());
    assert_eq!(found["contacts_28d_state"], text("NOT_KNOWN"));
    assert_eq!(
        found["contacts_28d_note"],
        text("not known since 1 May 2026")
    );
    let disputed = Avro::Array(vec![Avro::String("contacts_7d".into())]);
    assert_eq!(found["disputed"], disputed);
    let under = Avro::Array(vec![Avro::String("one@2".into())]);
    assert_eq!(found["agreements"], under);
    assert_eq!(found["stated_at"], some(Avro::TimestampMicros(1_000_000)));
    assert_eq!(found["keep_until"], some(Avro::Date(day("2027-05-31").0)));
    assert_eq!(found["points_hundredths"], some(Avro::Long(150)));
    assert_eq!(found["band"], text("HIGH"));
}

#[test]
fn a_column_that_the_role_does_not_see_is_not_in_the_schema() {
    let of = |role| {
        let shape = shape("children_in_care", role);
        let text = shape.schema().to_owned();
        Schema::parse_str(&text).unwrap();
        text
    };
    let (all, fewer) = (of("social-worker"), of("looked-after-nurse"));
    let view = view("children_in_care");
    let hidden = view
        .columns
        .iter()
        .find(|column| column.roles == ["social-worker"])
        .unwrap();
    let field = format!("\"name\":\"{}\"", hidden.output);
    assert!(all.contains(&field) && !fewer.contains(&field));
    for name in ["ssda903_return", "rough_sleeping_risk"] {
        Schema::parse_str(shape(name, "returns-officer").schema()).unwrap();
    }
}

#[test]
fn a_name_that_stands_for_two_fields_or_none_is_refused() {
    let renamed = |to: &str| {
        let mut view = view("rough_sleeping_risk");
        view.columns[0].output = to.to_owned();
        Shape::new(&view, ROLE, &catalogue())
    };
    assert!(matches!(renamed("band"), Err(ShapeError::Twice { .. })));
    assert!(matches!(renamed("1st"), Err(ShapeError::Name { .. })));
    assert!(matches!(renamed("a-b"), Err(ShapeError::Name { .. })));
    assert!(renamed("fine").is_ok());
}

proptest! {
    #[test]
    fn any_number_and_text_come_back(number in any::<i64>(), points in any::<i64>(), words in "\\PC{0,40}") {
        let name = "rough_sleeping_risk";
        let view = view(name);
        let kinds = crate::order::columns(&view, &catalogue());
        let of = |kind: FieldKind| {
            let mut columns = view.columns.iter();
            let found = columns.find(|column| kinds.get(&column.output) == Some(&kind));
            found.unwrap().output.clone()
        };
        let (count, code) = (of(FieldKind::Integer), of(FieldKind::Text));
        let mut row = row(name, ROLE, &[
            (&count, Known::Value(Value::Int(number)), false),
            (&code, Known::Value(Value::Text(words.as_str().into())), false),
        ]);
        row.points_hundredths = points;
        let found = fields(&shape(name, ROLE), &row);
        prop_assert_eq!(&found[&count], &some(Avro::Long(number)));
        prop_assert_eq!(&found[&code], &text(&words));
        prop_assert_eq!(&found["points_hundredths"], &some(Avro::Long(points)));
    }
}
