//! Each rule has an input that only it catches, a good event passes all of them, and what passes is sound.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use proptest::prelude::*;
use proptest::sample::select;
use walbrook_agency::conformance::Rulebook;
use walbrook_domain::Day;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::social_care::v1::{CareEpisode, ReviewHeld};
use walbrook_social_care::rules;

fn book() -> Rulebook {
    Rulebook {
        rules: rules::RULES,
        organisation: "GSS:E09000007".parse().unwrap(),
        occurred: Day::from_ymd(2026, 9, 21).unwrap(),
        today: Day::from_ymd(2026, 11, 23).unwrap(),
    }
}

fn good() -> CareEpisode {
    CareEpisode {
        episode_ref: "EP-17".to_owned(),
        decom: Date::new(2026, 9, 1),
        rne: "P".to_owned(),
        ls: "C2".to_owned(),
        cin: "N1".to_owned(),
        place: "U6".to_owned(),
        place_provider: Some("PR1".to_owned()),
        dec: Date::new(2026, 10, 30),
        rec: Some("X1".to_owned()),
        reason_place_change: Some("PLACE".to_owned()),
        pl_distance_tenths_mile: Some(41),
        in_borough: Some(true),
    }
}

fn episode(change: impl FnOnce(&mut CareEpisode)) -> Vec<&'static str> {
    let mut message = good();
    change(&mut message);
    book().broken(&message, rules::care_episode)
}

fn review(change: impl FnOnce(&mut ReviewHeld)) -> Vec<&'static str> {
    let mut message = ReviewHeld {
        reviewed_on: Date::new(2026, 9, 21),
        review_code: "PN1".to_owned(),
        due_on: Date::new(2026, 9, 25),
    };
    change(&mut message);
    book().broken(&message, rules::review_held)
}

fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    let open = |m: &mut CareEpisode| {
        m.dec = None;
        m.rec = None;
    };
    let status = |status: &'static str, day| {
        episode(move |m| {
            m.ls = status.into();
            m.dec = Date::new(2026, 9, day);
        })
    };
    let stay = |place: &'static str, month, day| {
        episode(move |m| {
            m.place = place.into();
            m.dec = Date::new(2026, month, day);
        })
    };
    vec![
        ("END_AND_REASON", episode(|m| m.rec = None)),
        ("END_AND_REASON", episode(|m| m.dec = None)),
        ("UNDER_24_HOURS", episode(|m| m.dec = m.decom)),
        ("PROVIDER_MISSING", episode(|m| m.place_provider = None)),
        (
            "PARENTS_UNDER_SECTION_20",
            episode(|m| {
                m.place = "P1".into();
                m.ls = "V2".into();
            }),
        ),
        (
            "STARTS_TEMPORARY",
            episode(|m| {
                m.place = "T2".into();
                m.rne = "S".into();
            }),
        ),
        ("STATUS_TOO_LONG", status("L1", 5)),
        ("STATUS_TOO_LONG", status("L2", 23)),
        ("STATUS_TOO_LONG", status("L3", 9)),
        ("STATUS_TOO_LONG", status("V3", 19)),
        ("TEMPORARY_TOO_LONG", stay("T1", 10, 14)),
        ("TEMPORARY_TOO_LONG", stay("T3", 9, 23)),
        ("TEMPORARY_TOO_LONG", stay("T4", 9, 9)),
        (
            "DISTANCE_NEGATIVE",
            episode(|m| m.pl_distance_tenths_mile = Some(-1)),
        ),
        (
            "DISTANCE_UNKNOWN",
            episode(|m| m.pl_distance_tenths_mile = Some(9_999)),
        ),
        (
            "REVIEW_FAR_FROM_DUE",
            review(|m| m.due_on = Date::new(2025, 9, 1)),
        ),
        (
            "ENDS_BEFORE_START",
            episode(|m| m.dec = Date::new(2026, 8, 31)),
        ),
        (
            "IN_THE_FUTURE",
            episode(|m| m.dec = Date::new(2026, 11, 24)),
        ),
        (
            "IN_THE_FUTURE",
            episode(|m| {
                open(m);
                m.decom = Date::new(2026, 11, 24);
            }),
        ),
        (
            "IN_THE_FUTURE",
            review(|m| m.reviewed_on = Date::new(2026, 11, 24)),
        ),
        ("CODE_NOT_IN_LIST", episode(|m| m.place = "H5".into())),
        ("CODE_NOT_IN_LIST", episode(|m| m.rec = Some("E9Z".into()))),
        ("CODE_NOT_IN_LIST", review(|m| m.review_code = "PN8".into())),
        ("FIELD_MISSING", episode(|m| m.episode_ref.clear())),
    ]
}

#[test]
fn good_events_pass_up_to_each_limit() {
    let nothing = Vec::<&str>::new();
    assert_eq!(
        (episode(|_| {}), review(|_| {})),
        (nothing.clone(), nothing.clone())
    );
    for (status, day) in [("L1", 4), ("L2", 22), ("L3", 8), ("V3", 18)] {
        assert_eq!(
            episode(|m| {
                m.ls = status.into();
                m.dec = Date::new(2026, 9, day);
            }),
            nothing,
            "{status}"
        );
    }
    assert_eq!(
        episode(|m| {
            m.place = "T4".into();
            m.place_provider = None;
            m.dec = Date::new(2026, 9, 8);
        }),
        nothing
    );
    assert_eq!(
        episode(|m| {
            m.dec = None;
            m.rec = None;
        }),
        nothing,
        "an open episode"
    );
    assert_eq!(review(|m| m.due_on = None), nothing);
}

proptest! {
    #[test]
    fn what_is_accepted_keeps_every_refuse_rule(
        place in select(vec!["U6", "K3", "Z13", "H5", "Z1", "u6"]),
        rec in proptest::option::of(select(vec!["X1", "E4A", "E4"])),
        decom in (2025..2027_i32, 1..13_i32, 1..32_i32),
        dec in proptest::option::of((2025..2028_i32, 1..13_i32, 1..32_i32)),
        distance in proptest::option::of(-5..20_000_i32),
    ) {
        let date = |(year, month, day)| Date { year, month, day };
        let message = CareEpisode {
            place: place.to_owned(),
            rec: rec.map(str::to_owned),
            decom: Some(date(decom)),
            dec: dec.map(date),
            pl_distance_tenths_mile: distance,
            ..good()
        };
        let accepted = !book().refuses(&book().broken(&message, rules::care_episode));
        let real = |parts| date(parts).exists() && parts <= (2026, 11, 23);
        let sound = ["U6", "K3", "Z13"].contains(&place)
            && rec != Some("E4")
            && real(decom)
            && dec.is_none_or(|dec| real(dec) && decom <= dec)
            && distance.is_none_or(|distance| distance >= 0);
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(CareEpisode::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}

#[test]
fn each_rule_has_an_input_that_only_it_catches_and_an_id_that_fits_a_header() {
    assert_eq!(book().without_own_input(&cases()), Vec::<&str>::new());
    assert_eq!(book().unfit_ids(), Vec::<&str>::new());
}
