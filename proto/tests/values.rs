//! Single values: what a message says is what stands in the record, and what cannot be said is an error.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use apache_avro::schema::Schema;
use apache_avro::types::Value;
use prost_types::Timestamp;
use walbrook_proto::avro::{AvroError, AvroEvent, AvroRecord, AvroValue, Fault, Leaf};
use walbrook_proto::common::v1::Date;
use walbrook_proto::health::v1::EdAttendance;
use walbrook_proto::social_care::v1::CareEpisode;
use walbrook_proto::tfl::v1::LineStatusChanged;

fn episode() -> CareEpisode {
    CareEpisode {
        episode_ref: "EP-1".to_owned(),
        decom: Date::new(2026, 4, 1),
        rne: "S".to_owned(),
        ls: "C2".to_owned(),
        cin: "N1".to_owned(),
        place: "U6".to_owned(),
        place_provider: Some("PR1".to_owned()),
        dec: None,
        rec: None,
        reason_place_change: None,
        pl_distance_tenths_mile: Some(123),
        in_borough: Some(false),
    }
}

fn read_by_apache<R: AvroRecord>(record: &R) -> Vec<(String, Value)> {
    let schema = Schema::parse_str(R::SCHEMA).unwrap();
    let body = record.to_vec().unwrap();
    let Value::Record(fields) =
        apache_avro::from_avro_datum(&schema, &mut body.as_slice(), None).unwrap()
    else {
        panic!("a record")
    };
    fields
}

#[test]
fn each_field_of_a_message_stands_under_its_own_name() {
    let some = |value| Value::Union(1, Box::new(value));
    let none = || Value::Union(0, Box::new(Value::Null));
    let text = |text: &str| Value::String(text.to_owned());
    let expected = [
        ("episode_ref", text("EP-1")),
        ("decom", Value::Date(20_544)),
        ("rne", text("S")),
        ("ls", text("C2")),
        ("cin", text("N1")),
        ("place", text("U6")),
        ("place_provider", some(text("PR1"))),
        ("dec", none()),
        ("rec", none()),
        ("reason_place_change", none()),
        ("pl_distance_tenths_mile", some(Value::Int(123))),
        ("in_borough", some(Value::Boolean(false))),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    assert_eq!(read_by_apache(&episode()), expected);
}

#[test]
fn a_date_that_does_not_exist_is_an_error_and_leaves_the_output_as_it_was() {
    let mut record = episode();
    record.dec = Some(Date {
        year: 2026,
        month: 2,
        day: 30,
    });
    let mut out = vec![7];
    let error = record.encode(&mut out).unwrap_err();
    assert_eq!(
        (error.fault(), error.place()),
        (Fault::Date, Some("walbrook.social_care.v1.CareEpisode.dec"))
    );
    assert_eq!(out, [7]);
    record.dec = None;
    record.decom = None;
    assert_eq!(record.to_vec().unwrap_err().fault(), Fault::Missing);
}

#[test]
fn instants_are_cut_to_the_microsecond_towards_the_past() {
    let cases = [
        ((0, 1_999), 1),
        ((-1, 999_999_999), -1),
        ((1, 0), 1_000_000),
        ((-2, 500), -2_000_000),
    ];
    for ((seconds, nanos), micros) in cases {
        let record = EdAttendance {
            arrival_at: Some(Timestamp { seconds, nanos }),
            ..Default::default()
        };
        assert_eq!(read_by_apache(&record)[0].1, Value::TimestampMicros(micros));
    }
    for (seconds, nanos) in [(0, -1), (0, 1_000_000_000), (i64::MAX, 0), (i64::MIN, 0)] {
        let record = EdAttendance {
            arrival_at: Some(Timestamp { seconds, nanos }),
            ..Default::default()
        };
        assert_eq!(record.to_vec().unwrap_err().fault(), Fault::Instant);
    }
}

#[test]
fn dates_count_days_as_the_calendar_does() {
    let known = [
        ((1970, 1, 1), 0),
        ((2000, 2, 29), 11_016),
        ((1, 1, 1), -719_162),
        ((9999, 12, 31), 2_932_896),
    ];
    for ((year, month, day), days) in known {
        assert_eq!(
            Date::new(year, month, day).and_then(|date| date.days()),
            Some(days)
        );
    }
    for (year, month, day) in [
        (1900, 2, 29),
        (2026, 2, 29),
        (2026, 13, 1),
        (2026, 0, 1),
        (2026, 4, 31),
        (0, 1, 1),
        (10_000, 1, 1),
    ] {
        assert_eq!(Date::new(year, month, day), None);
    }
    let mut before = None;
    for days in -200_000..200_000 {
        let date = Date::from_days(days).unwrap();
        assert_eq!(date.days(), Some(days));
        let parts = (date.year, date.month, date.day);
        assert!(before < Some(parts), "dates grow");
        before = Some(parts);
    }
    assert_eq!(
        (Date::from_days(-719_163), Date::from_days(2_932_897)),
        (None, None)
    );
}

fn fault<T: AvroValue + std::fmt::Debug>(mut input: &[u8]) -> Fault {
    T::take(&mut input)
        .map_err(|error: AvroError| error.fault())
        .unwrap_err()
}

#[test]
fn lengths_and_counts_beyond_the_input_are_refused_before_anything_is_allocated() {
    let huge = i64::MAX.to_vec();
    assert_eq!(fault::<String>(&huge), Fault::Length);
    assert_eq!(fault::<Vec<u8>>(&huge), Fault::Length);
    assert_eq!(fault::<String>(&(-1_i64).to_vec()), Fault::Length);
    for count in [i64::MAX, i64::MIN, -1] {
        let input = [count.to_vec(), i64::MAX.to_vec()].concat();
        let got = walbrook_proto::avro::take_array::<String>(&mut input.as_slice()).unwrap_err();
        assert_eq!(got.fault(), Fault::Length);
    }
    assert_eq!(fault::<i64>(&[0xff; 11]), Fault::NumberRange);
    assert_eq!(
        fault::<i32>(&(i64::from(i32::MAX) + 1).to_vec()),
        Fault::NumberRange
    );
    assert_eq!(fault::<u32>(&(-1_i64).to_vec()), Fault::NumberRange);
    assert_eq!(fault::<String>(&[2, 0xff]), Fault::Utf8);
    assert_eq!(fault::<bool>(&[2]), Fault::Boolean);
    assert_eq!(fault::<Option<bool>>(&[4, 1]), Fault::Branch);
    assert_eq!(fault::<i64>(&[]), Fault::Truncated);
}

#[test]
fn arrays_in_several_blocks_and_with_block_lengths_are_read() {
    // Two items after a negative count and a length in bytes, then one item, then the end.
    let input = [3, 8, 2, b'a', 2, b'b', 2, 2, b'c', 0];
    let mut rest = input.as_slice();
    let items: Vec<String> = walbrook_proto::avro::take_array(&mut rest).unwrap();
    assert_eq!((items.concat().as_str(), rest.len()), ("abc", 0));
    let wrong_length = [3, 6, 2, b'a', 2, b'b', 0];
    assert!(walbrook_proto::avro::take_array::<String>(&mut wrong_length.as_slice()).is_err());
}

#[test]
fn an_event_knows_its_codes_its_gaps_and_its_key() {
    let episode = episode();
    let (mut codes, mut dates) = (Vec::new(), 0);
    episode.each_value(&mut |field, leaf| match leaf {
        Leaf::Code { list, value } => codes.push((field, list, value)),
        Leaf::Date(_) => dates += 1,
        Leaf::Text(text) => assert_eq!((field, text), ("episode_ref", "EP-1")),
        other => panic!("{field}: {other:?}"),
    });
    assert_eq!(codes[0], ("rne", "ssda903_rne", "S"));
    assert_eq!(
        (codes.len(), dates),
        (5, 1),
        "what is absent is not visited"
    );
    let empty = CareEpisode {
        episode_ref: "x".to_owned(),
        ..Default::default()
    };
    let mut gaps = Vec::new();
    empty.each_value(&mut |field, leaf| {
        if leaf == Leaf::Missing {
            gaps.push(field);
        }
    });
    assert_eq!(gaps, ["decom", "rne", "ls", "cin", "place"]);
    let line = LineStatusChanged {
        line_id: "victoria".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        (line.open_key(), episode.open_key()),
        (Some("victoria"), None)
    );
}

/// Encodes a plain number for the inputs above.
trait ToVec {
    fn to_vec(&self) -> Vec<u8>;
}

impl ToVec for i64 {
    fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out).unwrap();
        out
    }
}
