use super::*;
use apache_avro::types::Value as Avro;
use apache_avro::{Schema as AvroSchema, to_avro_datum};
use proptest::prelude::*;

const LEVELS: &str = r#"{
  "type": "record", "name": "Level", "namespace": "org.rivers",
  "fields": [
    {"name": "gauge", "type": "string"},
    {"name": "metres", "type": "double"},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["TIDAL", "FLUVIAL"]}},
    {"name": "visitors", "type": ["null", "long"], "default": null},
    {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
    {"name": "extra", "type": {"type": "map", "values": {"type": "record", "name": "Part", "fields": [{"name": "deep", "type": "int"}]}}, "default": {}}
  ]
}"#;

fn text() -> String {
    registered_text("river-levels", LEVELS, &["visitors".to_owned()]).unwrap()
}

fn body(visitors: Option<i64>, tags: &[&str], deep: i32) -> Vec<u8> {
    let count = match visitors {
        None => Avro::Union(0, Box::new(Avro::Null)),
        Some(count) => Avro::Union(1, Box::new(Avro::Long(count))),
    };
    let tags = tags
        .iter()
        .map(|tag| Avro::String((*tag).to_owned()))
        .collect();
    let part = Avro::Record(vec![("deep".to_owned(), Avro::Int(deep))]);
    let value = Avro::Record(vec![
        ("gauge".to_owned(), Avro::String("T-1".to_owned())),
        ("metres".to_owned(), Avro::Double(1.5)),
        ("kind".to_owned(), Avro::Enum(1, "FLUVIAL".to_owned())),
        ("visitors".to_owned(), count),
        ("tags".to_owned(), Avro::Array(tags)),
        (
            "extra".to_owned(),
            Avro::Map([("a".to_owned(), part)].into()),
        ),
    ]);
    to_avro_datum(&AvroSchema::parse_str(LEVELS).unwrap(), value).unwrap()
}

#[test]
fn a_record_of_the_schema_is_taken_and_a_small_number_of_people_is_not() {
    let schema = DatasetSchema::read(&text()).unwrap();
    assert_eq!(
        (schema.dataset(), schema.full_name()),
        ("river-levels", "org.rivers.Level")
    );
    assert_eq!(schema.check(&body(Some(10), &["a", "b"], -3)), Ok(()));
    assert_eq!(schema.check(&body(None, &[], 0)), Ok(()));
    assert_eq!(
        schema.check(&body(Some(9), &[], 0)),
        Err(RecordFault::SmallNumber)
    );
    let mut longer = body(None, &[], 0);
    longer.push(0);
    assert_eq!(schema.check(&longer), Err(RecordFault::NotOfSchema));
    assert_eq!(
        schema.check(&vec![0; MOST_RECORD_BYTES + 1]),
        Err(RecordFault::TooLarge)
    );
    // The same schema, laid out otherwise, is the same text; another count is another.
    let one_line: String = LEVELS.lines().map(str::trim).collect();
    assert_eq!(
        registered_text("river-levels", &one_line, &["visitors".to_owned()]).unwrap(),
        text()
    );
    assert_ne!(
        registered_text("river-levels", LEVELS, &[]).unwrap(),
        text()
    );
}

#[test]
fn what_cannot_be_registered_is_refused() {
    let deep = (0..40).fold("\"int\"".to_owned(), |inner, _| {
        format!("{{\"type\":\"array\",\"items\":{inner}}}")
    });
    let record = |name: &str, field: &str| {
        format!(
            "{{\"type\":\"record\",\"name\":\"{name}\",\"fields\":[{{\"name\":\"f\",\"type\":{field}}}]}}"
        )
    };
    let itself = record("Node", "[\"null\",\"Node\"]");
    let bomb = "[".repeat(100_000);
    for schema in [
        "no json",
        "\"string\"",
        "[\"null\",\"int\"]",
        "{\"type\":\"array\",\"items\":\"int\"}",
        &record("walbrook.housing.v1.RentArrearsChanged", "\"int\""),
        &record("R", &deep),
        &record("R", "\"Unknown\""),
        &itself,
        &bomb,
        &record(
            "R",
            &format!("\"int\",\"doc\":\"{}\"", "x".repeat(MOST_SCHEMA_BYTES)),
        ),
    ] {
        assert!(
            registered_text("d", schema, &[]).is_err(),
            "{}",
            &schema[..schema.len().min(80)]
        );
    }
    // What counts people must be a number at the top.
    let texts = record("R", "\"string\"");
    for counted in ["f", "g"] {
        assert!(registered_text("d", &texts, &[counted.to_owned()]).is_err());
    }
}

#[test]
fn a_count_that_the_body_does_not_hold_ends_the_walk() {
    let nulls = r#"{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"array","items":"null"}}]}"#;
    let schema = DatasetSchema::read(&registered_text("d", nulls, &[]).unwrap()).unwrap();
    // A billion nulls in five bytes, and as many as there can be.
    assert_eq!(
        schema.check(&[0x80, 0xa8, 0xd6, 0xb9, 0x07, 0]),
        Err(RecordFault::NotOfSchema)
    );
    let most = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0,
    ];
    assert_eq!(schema.check(&most), Err(RecordFault::NotOfSchema));
    assert_eq!(schema.check(&[4, 0]), Ok(()));
}

proptest! {
    #[test]
    fn what_the_walk_takes_an_independent_decoder_takes_too(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        cut in 0usize..64,
        at in 0usize..64,
        byte in any::<u8>(),
    ) {
        let schema = DatasetSchema::read(&text()).unwrap();
        let avro = AvroSchema::parse_str(LEVELS).unwrap();
        let mut near = body(Some(12), &["one", "two"], 7);
        let last = near.len() - 1;
        near[at.min(last)] = byte;
        near.truncate(last + 1 - cut.min(last));
        for input in [bytes, near] {
            if schema.check(&input).is_ok() {
                let mut rest = input.as_slice();
                prop_assert!(apache_avro::from_avro_datum(&avro, &mut rest, None).is_ok());
                prop_assert!(rest.is_empty());
            }
        }
    }
}
