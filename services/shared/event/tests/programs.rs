//! The flat program against decode, edit, encode: the same bytes and the same errors, for every event type and any grant.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

use apache_avro::Schema;
use apache_avro::types::Value;
use proptest::prelude::*;
use walbrook_domain::Precision;
use walbrook_event::projection::{FieldRef, ProjectionError};
use walbrook_event::{FieldValue, Projection};

/// Schemas beyond the event types of today: every kind of field, times inside lists and records, unions of three.
const ODD: (&str, &str) = (
    r#"{"type":"record","name":"Odd","fields":[
        {"name":"a","type":["null",{"type":"long","logicalType":"timestamp-micros"}]},
        {"name":"b","type":{"type":"array","items":{"type":"long","logicalType":"timestamp-micros"}}},
        {"name":"c","type":{"type":"record","name":"In","fields":[{"name":"x","type":"string"},{"name":"y","type":["null",{"type":"long","logicalType":"timestamp-micros"}]}]}},
        {"name":"d","type":["null",{"type":"array","items":["null","string"]}]},
        {"name":"e","type":"bytes"},
        {"name":"f","type":{"type":"fixed","name":"Four","size":4}},
        {"name":"g","type":{"type":"enum","name":"Suit","symbols":["A","B","C"]}},
        {"name":"h","type":["null","int"]},
        {"name":"i","type":["null","long"]},
        {"name":"j","type":{"type":"int","logicalType":"date"}}]}"#,
    r#"{"type":"record","name":"OddShared","fields":[
        {"name":"a","type":["null",{"type":"long","logicalType":"timestamp-micros"}],"default":null},
        {"name":"b","type":["null",{"type":"array","items":{"type":"long","logicalType":"timestamp-micros"}}],"default":null},
        {"name":"c","type":["null",{"type":"record","name":"In","fields":[{"name":"x","type":"string"},{"name":"y","type":["null",{"type":"long","logicalType":"timestamp-micros"}]}]}],"default":null},
        {"name":"d","type":["null",{"type":"array","items":["null","string"]}],"default":null},
        {"name":"e","type":["null","bytes"],"default":null},
        {"name":"f","type":["null",{"type":"fixed","name":"Four","size":4}],"default":null},
        {"name":"g","type":["null",{"type":"enum","name":"Suit","symbols":["A","B","C"]}],"default":null},
        {"name":"h","type":["null","int"],"default":null},
        {"name":"i","type":["null","long"],"default":null},
        {"name":"j","type":["null",{"type":"int","logicalType":"date"}],"default":null}]}"#,
);

/// Every event type's schemas, and the odd ones.
fn schemas() -> Vec<(String, String)> {
    let events = walbrook_proto::records()
        .iter()
        .filter_map(|info| Some((info.schema.to_owned(), info.event?.shared_schema.to_owned())));
    let mut all: Vec<_> = events.collect();
    assert!(all.len() >= 13);
    all.push((ODD.0.to_owned(), ODD.1.to_owned()));
    all
}

/// Any value of a schema, from a stream of choices.
fn value(schema: &Schema, next: &mut dyn FnMut() -> u64) -> Value {
    match schema {
        Schema::Null => Value::Null,
        Schema::Boolean => Value::Boolean(next().is_multiple_of(2)),
        Schema::Int => Value::Int(number(next) as i32),
        Schema::Date => Value::Date(number(next) as i32),
        Schema::Long => Value::Long(number(next)),
        Schema::TimestampMicros => {
            Value::TimestampMicros((number(next) % 9_000_000_000_000_000).abs())
        }
        Schema::Bytes => Value::Bytes((0..next() % 9).map(|_| next() as u8).collect()),
        Schema::String => Value::String(text(next)),
        Schema::Enum(named) => {
            let at = next() as usize % named.symbols.len();
            Value::Enum(at as u32, named.symbols[at].clone())
        }
        Schema::Fixed(fixed) => {
            Value::Fixed(fixed.size, (0..fixed.size).map(|_| next() as u8).collect())
        }
        Schema::Union(union) => {
            let at = next() as usize % union.variants().len();
            Value::Union(at as u32, Box::new(value(&union.variants()[at], next)))
        }
        Schema::Array(array) => {
            Value::Array((0..next() % 4).map(|_| value(&array.items, next)).collect())
        }
        Schema::Record(record) => {
            let fields = record.fields.iter();
            Value::Record(
                fields
                    .map(|field| (field.name.clone(), value(&field.schema, next)))
                    .collect(),
            )
        }
        other => unreachable!("no schema of ours has {other:?}"),
    }
}

fn number(next: &mut dyn FnMut() -> u64) -> i64 {
    let bits = next() % 64;
    (next() >> bits).cast_signed() * if next().is_multiple_of(2) { 1 } else { -1 }
}

fn text(next: &mut dyn FnMut() -> u64) -> String {
    const SIGNS: [&str; 6] = ["A", "é", "7", "€", "😀", " "];
    (0..next() % 20)
        .map(|_| SIGNS[next() as usize % SIGNS.len()])
        .collect()
}

/// A body of the schema.
fn body(raw: &str, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = move || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let schema = Schema::parse_str(raw).unwrap();
    apache_avro::to_avro_datum(&schema, value(&schema, &mut next)).unwrap()
}

/// The bytes, or the error in words that tell its class and nothing else.
fn outcome(result: Result<Vec<u8>, ProjectionError>) -> Result<Vec<u8>, String> {
    result.map_err(|error| error.to_string())
}

/// A value read plainly, as conditions see it.
fn same(plain: &FieldValue, read: FieldRef<'_>) -> bool {
    match (plain, read) {
        (FieldValue::Null, FieldRef::Null) => true,
        (FieldValue::Bool(a), FieldRef::Bool(b)) => *a == b,
        (FieldValue::Int(a), FieldRef::Int(b)) => *a == b,
        (FieldValue::Text(a), FieldRef::Text(b)) => a == b,
        (FieldValue::Date(a), FieldRef::Date(b)) => *a == b,
        (FieldValue::Instant(a), FieldRef::Instant(b)) => *a == b,
        (FieldValue::List(a), FieldRef::Texts(b)) => a.iter().eq(b
            .map(|text| FieldValue::Text(text.to_owned()))
            .collect::<Vec<_>>()
            .iter()),
        (FieldValue::Bytes(_) | FieldValue::Record(_) | FieldValue::List(_), FieldRef::Missing) => {
            true
        }
        // An enum reads as text plainly; no event type has one.
        (FieldValue::Text(_), FieldRef::Missing) => true,
        _ => false,
    }
}

fn agree(projection: &Projection, body: &[u8], mask: u64, precision: Precision) {
    assert_eq!(
        outcome(projection.project(body, mask, precision)),
        outcome(projection.project_plainly(body, mask, precision)),
    );
    match (projection.layout(body), projection.read(body)) {
        (Ok(layout), Ok(values)) => {
            for (at, plain) in values.iter().enumerate() {
                let read = projection.value(body, &layout, at);
                assert!(same(plain, read), "field {at}: {plain:?}, {read:?}");
            }
            let beyond = projection.value(body, &layout, values.len());
            assert_eq!(beyond, FieldRef::Missing);
        }
        (Err(quick), Err(plain)) => assert_eq!(quick, plain),
        (quick, plain) => panic!("{quick:?}, {plain:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_event_type_projects_as_the_plain_way_does(seed: u64, mask: u64, precision in 0..4_usize) {
        for (raw, shared) in schemas() {
            let projection = Projection::new(&raw, &shared).unwrap();
            let body = body(&raw, seed);
            for mask in [mask, 0, u64::MAX] {
                agree(&projection, &body, mask, Precision::ALL[precision]);
            }
        }
    }

    #[test]
    fn hostile_bodies_meet_the_same_error(seed: u64, mask: u64, at: prop::sample::Index, to: u8, cut: prop::sample::Index, more in prop::collection::vec(any::<u8>(), 0..3)) {
        for (raw, shared) in schemas() {
            let projection = Projection::new(&raw, &shared).unwrap();
            let body = body(&raw, seed);
            agree(&projection, &body[..cut.index(body.len())], mask, Precision::Day);
            agree(&projection, &[body.as_slice(), &more].concat(), mask, Precision::Hour);
            let mut changed = body.clone();
            changed[at.index(body.len())] = to;
            agree(&projection, &changed, mask, Precision::Minute);
            // A number in a longer form than needed, a list in blocks: what no encoder writes and every decoder takes.
            let mut longer = body;
            let place = at.index(longer.len());
            longer[place] |= 0x80;
            longer.insert(place + 1, 0);
            agree(&projection, &longer, mask, Precision::Day);
        }
    }

    #[test]
    fn garbage_meets_the_same_error(garbage in prop::collection::vec(any::<u8>(), 0..80), mask: u64) {
        for (raw, shared) in schemas() {
            agree(&Projection::new(&raw, &shared).unwrap(), &garbage, mask, Precision::Day);
        }
    }
}

#[test]
fn what_no_encoder_writes_is_released_as_an_encoder_writes_it() {
    let raw = r#"{"type":"record","name":"R","fields":[{"name":"n","type":"long"},{"name":"l","type":{"type":"array","items":"string"}}]}"#;
    let shared = r#"{"type":"record","name":"S","fields":[{"name":"n","type":["null","long"],"default":null},{"name":"l","type":["null",{"type":"array","items":"string"}],"default":null}]}"#;
    let projection = Projection::new(raw, shared).unwrap();
    // 1 in two bytes; a list of one in a block with its length; a list of two in two blocks.
    for body in [
        &[0x82, 0x00, 0x00][..],
        &[0x02, 0x01, 0x04, 0x02, b'a', 0x00],
        &[0x02, 0x02, 0x02, b'a', 0x02, 0x02, b'b', 0x00],
    ] {
        let plain = projection.project_plainly(body, 3, Precision::Day).unwrap();
        assert_eq!(projection.project(body, 3, Precision::Day).unwrap(), plain);
        assert_ne!(plain.get(3..), body.get(1..), "{body:?}");
    }
    let layout = projection
        .layout(&[0x02, 0x02, 0x02, b'a', 0x01, 0x04, 0x02, b'b', 0x00])
        .unwrap();
    let body = [0x02, 0x02, 0x02, b'a', 0x01, 0x04, 0x02, b'b', 0x00];
    match projection.value(&body, &layout, 1) {
        FieldRef::Texts(texts) => assert!(texts.eq(["a", "b"])),
        other => panic!("{other:?}"),
    }
}

/// Texts are ASCII here, so it is the count of high bits that says that they are texts: any one byte changed to any other is seen for what it is.
#[test]
fn any_other_byte_in_an_ascii_body_is_taken_as_the_plain_way_takes_it() {
    let field = |name: &str, kind: &str| format!(r#"{{"name":"{name}","type":{kind}}}"#);
    let kinds = [
        r#""string""#,
        r#""long""#,
        r#"{"type":"int","logicalType":"date"}"#,
        r#"{"type":"array","items":"string"}"#,
        r#""bytes""#,
    ];
    let nullable = |kind: &str| format!(r#"["null",{kind}]"#);
    let (mut raw, mut shared) = (Vec::new(), Vec::new());
    for (at, kind) in kinds.iter().enumerate() {
        let (plain, other) = (format!("a{at}"), format!("b{at}"));
        raw.extend([field(&plain, kind), field(&other, &nullable(kind))]);
        shared.extend([plain, other].map(|name| field(&name, &nullable(kind))));
    }
    let record = |name: &str, fields: &[String]| {
        format!(
            r#"{{"type":"record","name":"{name}","fields":[{}]}}"#,
            fields.join(",")
        )
    };
    let projection = Projection::new(&record("R", &raw), &record("S", &shared)).unwrap();
    let short: &[u8] = b"\x06abc\x02\x04de\xa6\x0b\x02\xff\x01\xc8\x8c\x02\x02\x0b\x02\x02f\x00\x02\x02\x04gh\x00\x04\xfe\x80\x02\x02\x99";
    assert!(projection.layout(short).is_ok());
    for at in 0..short.len() {
        for to in 0..=u8::MAX {
            let mut changed = short.to_vec();
            changed[at] = to;
            agree(&projection, &changed, 0x2aa, Precision::Day);
            agree(&projection, &changed, u64::MAX, Precision::Day);
        }
    }
    // Longer than a lane of the count can hold; 256 bytes of it are high, and none.
    let rest = &short[4..];
    for high in [0, 1, 128, 256] {
        let mut long = vec![0xc0, 0x44];
        long.extend(vec![b'x'; 4_384 - 2 * high]);
        long.extend("é".repeat(high).bytes());
        long.extend(rest);
        agree(&projection, &long, u64::MAX, Precision::Day);
        assert!(projection.layout(&long).is_ok());
        let last = long.len() - rest.len() - 1;
        long[last] = 0xc3;
        agree(&projection, &long, u64::MAX, Precision::Day);
        assert!(projection.layout(&long).is_err());
    }
}
