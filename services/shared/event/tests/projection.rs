//! The projection against the generated codecs: two ways to the same bytes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use walbrook_domain::{Instant, Precision};
use walbrook_event::{FieldValue, Projection};
use walbrook_proto::avro::{AvroEvent, AvroRecord};
use walbrook_proto::common::v1::Date;
use walbrook_proto::housing::v1::{RentArrearsChanged, RoughSleepingContact};
use walbrook_proto::social_care::v1::CareEpisode;

fn timestamp(micros: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000)).unwrap() * 1_000,
    }
}

prop_compose! {
    fn contact()(
        at in 0..4_000_000_000_000_000_i64,
        bedded_down: bool,
        area in "[A-Z0-9]{0,9}",
        outreach_team in ".{0,6}",
        needs in prop::collection::vec("[A-Z]{1,5}", 0..4),
        derived_status in prop::option::of("[A-Z]{4}"),
        previous_institution in prop::option::of(".{0,4}"),
    ) -> RoughSleepingContact {
        RoughSleepingContact {
            contact_at: Some(timestamp(at)),
            bedded_down, area, outreach_team, needs, derived_status, previous_institution,
        }
    }
}

prop_compose! {
    fn episode()(
        episode_ref in ".{0,8}",
        decom in 0..30_000,
        dec in prop::option::of(0..30_000),
        place_provider in prop::option::of("PR[0-5]"),
        pl_distance_tenths_mile in prop::option::of(any::<i32>()),
        in_borough: Option<bool>,
    ) -> CareEpisode {
        CareEpisode {
            episode_ref,
            decom: Date::from_days(decom),
            rne: "S".into(), ls: "C2".into(), cin: "N1".into(), place: "U4".into(),
            place_provider,
            dec: dec.and_then(Date::from_days),
            pl_distance_tenths_mile,
            in_borough,
            ..CareEpisode::default()
        }
    }
}

/// What the generated schemas say the shared body must be, written by hand from the raw body's own parts: each granted field is a union
/// branch 1 with the field's raw bytes, and each other one is branch 0. The field boundaries come from re-encoding ever longer prefixes.
fn by_fields<M: AvroEvent>(
    projection: &Projection,
    message: &M,
    mask: u64,
    precision: Precision,
) -> Vec<FieldValue> {
    projection
        .read(&message.to_vec().unwrap())
        .unwrap()
        .into_iter()
        .enumerate()
        .map(|(bit, value)| match value {
            _ if mask & (1 << bit) == 0 => FieldValue::Null,
            FieldValue::Instant(at) => FieldValue::Instant(at.truncated(precision)),
            other => other,
        })
        .collect()
}

fn check<M: AvroEvent>(message: &M, mask: u64, precision: Precision) {
    let projection = Projection::new(M::SCHEMA, M::SHARED_SCHEMA).unwrap();
    let body = projection
        .project(&message.to_vec().unwrap(), mask, precision)
        .unwrap();
    let shared = Projection::new(M::SHARED_SCHEMA, M::SHARED_SCHEMA).unwrap();
    assert_eq!(
        shared.read(&body).unwrap(),
        by_fields(&projection, message, mask, precision)
    );
    // A shared body projected with everything granted is itself: nothing is lost, nothing is added.
    assert_eq!(shared.project(&body, u64::MAX, precision).unwrap(), body);
}

proptest! {
    #[test]
    fn a_contact_keeps_exactly_what_is_granted(message in contact(), mask: u64, precision in 0..4_usize) {
        check(&message, mask, Precision::ALL[precision]);
    }

    #[test]
    fn an_episode_keeps_exactly_what_is_granted(message in episode(), mask: u64) {
        check(&message, mask, Precision::Day);
    }

    /// Byte for byte against the generated codec's own encoding of each field.
    #[test]
    fn arrears_match_bytes_written_by_hand(pence: i64, weeks: Option<i32>, made: bool, months: Option<i32>, mask in 0..128_u64) {
        let message = RentArrearsChanged {
            tenancy_ref: "T-1".into(),
            landlord_type: "LA".into(),
            arrears_pence: pence,
            owed_weeks: weeks,
            shortfall_pence: None,
            contact_made: made,
            owed_months: months,
        };
        let mut expected = Vec::new();
        let mut field = |bit: u32, written: &dyn Fn(&mut Vec<u8>)| {
            if mask & (1 << bit) == 0 { expected.push(0) } else { written(&mut expected) }
        };
        use walbrook_proto::avro::AvroValue;
        field(0, &|out| { Some("T-1".to_owned()).put(out).unwrap() });
        field(1, &|out| { Some("LA".to_owned()).put(out).unwrap() });
        field(2, &|out| { Some(pence).put(out).unwrap() });
        field(3, &|out| { weeks.put(out).unwrap() });
        field(4, &|out| { None::<i64>.put(out).unwrap() });
        field(5, &|out| { Some(made).put(out).unwrap() });
        field(6, &|out| { months.put(out).unwrap() });
        let projection = Projection::new(RentArrearsChanged::SCHEMA, RentArrearsChanged::SHARED_SCHEMA).unwrap();
        let body = projection.project(&message.to_vec().unwrap(), mask, Precision::Day).unwrap();
        prop_assert_eq!(body, expected);
    }

    /// No prefix and no extension of a body is a body, and garbage never panics.
    #[test]
    fn only_whole_bodies_are_read(message in contact(), cut in 0..100_usize, garbage in prop::collection::vec(any::<u8>(), 0..64)) {
        let projection = Projection::new(RoughSleepingContact::SCHEMA, RoughSleepingContact::SHARED_SCHEMA).unwrap();
        let body = message.to_vec().unwrap();
        let shorter = &body[..body.len() * cut / 100];
        prop_assert!(projection.read(shorter).is_err());
        let longer = [body.as_slice(), &[0]].concat();
        prop_assert!(projection.read(&longer).is_err());
        let _ = projection.project(&garbage, u64::MAX, Precision::Day);
    }
}

#[test]
fn every_event_type_pairs_with_its_shared_form() {
    let mut count = 0;
    for info in walbrook_proto::records() {
        if let Some(event) = info.event {
            let projection = Projection::new(info.schema, event.shared_schema).unwrap();
            assert!(
                projection.fields().eq(info.fields.iter().copied()),
                "{}",
                info.full_name
            );
            count += 1;
        }
    }
    // Fifty-six event types and the heartbeat.
    assert_eq!(count, 57);
}

#[test]
fn schemas_that_do_not_pair_are_refused() {
    assert!(Projection::new(RentArrearsChanged::SCHEMA, CareEpisode::SHARED_SCHEMA).is_err());
    assert!(Projection::new(RentArrearsChanged::SCHEMA, RentArrearsChanged::SCHEMA).is_err());
    assert!(Projection::new("\"string\"", "\"string\"").is_err());
}

#[test]
fn an_instant_inside_a_body_is_cut_to_the_day_in_london() {
    let message = RoughSleepingContact {
        // 00:30 on 2 July 2026 in London is still 1 July in UTC.
        contact_at: Some(timestamp(
            Instant::parse_rfc3339("2026-07-01T23:30:00Z")
                .unwrap()
                .micros(),
        )),
        ..RoughSleepingContact::default()
    };
    let projection = Projection::new(
        RoughSleepingContact::SCHEMA,
        RoughSleepingContact::SHARED_SCHEMA,
    )
    .unwrap();
    let body = projection
        .project(&message.to_vec().unwrap(), 1, Precision::Day)
        .unwrap();
    let shared = Projection::new(
        RoughSleepingContact::SHARED_SCHEMA,
        RoughSleepingContact::SHARED_SCHEMA,
    )
    .unwrap();
    let midnight = Instant::parse_rfc3339("2026-07-01T23:00:00Z").unwrap();
    assert_eq!(
        shared.read(&body).unwrap()[0],
        FieldValue::Instant(midnight)
    );
}
