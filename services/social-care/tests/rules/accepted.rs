//! What is accepted keeps every refuse rule, whatever is sent; and it is read back as it was written.

use super::{book, care, need};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use walbrook_agency::conformance::Check;
use walbrook_proto::avro::AvroEvent;
use walbrook_proto::common::v1::Date;
use walbrook_proto::social_care::v1::{
    AssessmentCompleted, CareEpisode, CareLeaverContact, ChildProtection, ContactReferral,
    DeprivationOfLiberty, HealthOutcomes, MissingEpisode, PlacementChanged, ReviewHeld,
    SocialWorkerVisit,
};
use walbrook_social_care::rules;

type Parts = (i32, i32, i32);

fn parts() -> impl Strategy<Value = Parts> {
    (2025..2028_i32, 1..13_i32, 1..32_i32)
}

fn date((year, month, day): Parts) -> Date {
    Date { year, month, day }
}

/// The date exists and is not after 23 November 2026.
fn real(parts: Parts) -> bool {
    date(parts).exists() && parts <= (2026, 11, 23)
}

/// Both are real, and the end is not before the start.
fn ordered(start: Parts, end: Option<Parts>) -> bool {
    real(start) && end.is_none_or(|end| real(end) && start <= end)
}

/// Whether the event is accepted; what is accepted is read back whole.
fn accepted<M: AvroEvent + PartialEq + std::fmt::Debug>(message: &M, check: Check<M>) -> bool {
    let accepted = !book().refuses(&book().broken(message, check));
    if accepted {
        let bytes = message.to_vec().unwrap();
        assert_eq!(&M::decode_exact(&bytes).unwrap(), message);
    }
    accepted
}

proptest! {
    #[test]
    fn episodes_of_care(
        place in select(vec!["U6", "K3", "Z13", "H5", "Z1", "u6"]),
        rec in of(select(vec!["X1", "E4A", "E4"])),
        (decom, dec) in (parts(), of(parts())),
        distance in of(-5..20_000_i32),
    ) {
        let message = CareEpisode {
            place: place.to_owned(),
            rec: rec.map(str::to_owned),
            decom: Some(date(decom)),
            dec: dec.map(date),
            pl_distance_tenths_mile: distance,
            ..care::good()
        };
        let sound = ["U6", "K3", "Z13"].contains(&place)
            && rec != Some("E4")
            && ordered(decom, dec)
            && distance.is_none_or(|distance| distance >= 0);
        prop_assert_eq!(accepted(&message, rules::care_episode), sound);
    }

    #[test]
    fn moves(
        from in select(vec!["U6", "H5", "Z1", "Z11", "K3"]),
        to in select(vec!["U6", "H5", "Z14"]),
        on in parts(),
        distance in of(-5..20_000_i32),
    ) {
        let message = PlacementChanged {
            changed_on: Some(date(on)),
            from_place: from.to_owned(),
            to_place: to.to_owned(),
            pl_distance_tenths_mile: distance,
            ..care::good_move()
        };
        // The code before is one of the day before; the code after, one of the day the event occurred on.
        let before = match from {
            "H5" | "Z1" => on <= (2025, 4, 1),
            "Z11" => on > (2025, 4, 1),
            _ => true,
        };
        let sound = real(on) && before && to != "H5" && distance.is_none_or(|distance| distance >= 0);
        prop_assert_eq!(accepted(&message, rules::placement_changed), sound);
    }

    #[test]
    fn missing_periods_and_orders(
        code in select(vec!["M", "A", "m"]),
        (start, end) in (parts(), of(parts())),
        offered in of(select(vec!["Y", "N", "NA", "yes"])),
    ) {
        let message = MissingEpisode {
            missing: code.to_owned(),
            mis_start: Some(date(start)),
            mis_end: end.map(date),
            rhi_offered: offered.map(str::to_owned),
            ..need::good_missing()
        };
        let sound = code != "m" && ordered(start, end) && offered != Some("yes");
        prop_assert_eq!(accepted(&message, rules::missing_episode), sound);
        let message = DeprivationOfLiberty {
            dolo_start: Some(date(start)),
            dolo_end: end.map(date),
            ..care::good_order()
        };
        prop_assert_eq!(accepted(&message, rules::deprivation_of_liberty), ordered(start, end));
    }

    #[test]
    fn children_in_need(
        source in select(vec!["1A", "10", "6", "11"]),
        factors in proptest::collection::vec(select(vec!["21", "16A", "1B", "7B"]), 0..5),
        (start, end) in (parts(), parts()),
        plans in of(-3..9_i32),
    ) {
        let message = ContactReferral {
            contact_on: Some(date(start)),
            referral_source: source.to_owned(),
            closed_on: Some(date(end)),
            ..need::good_contact()
        };
        let dates = ordered(start, Some(end));
        prop_assert_eq!(accepted(&message, rules::contact_referral), dates && source != "11");
        let message = AssessmentCompleted {
            started_on: Some(date(start)),
            authorised_on: Some(date(end)),
            factors: factors.iter().map(|code| (*code).to_owned()).collect(),
            ..need::good_assessment()
        };
        let sound = dates && !factors.contains(&"7B");
        prop_assert_eq!(accepted(&message, rules::assessment_completed), sound);
        let message = ChildProtection {
            protection_ref: "CP-1".to_owned(),
            phase: "PLAN_END".to_owned(),
            phase_on: Some(date(start)),
            previous_plans: plans,
            ..ChildProtection::default()
        };
        let sound = real(start) && plans.is_none_or(|plans| plans >= 0);
        prop_assert_eq!(accepted(&message, rules::child_protection), sound);
    }

    #[test]
    fn a_year_s_outcomes(
        score in of(-10..60_i32),
        reason in of(select(vec!["SDQ1", "SDQ5", "SDQ9"])),
        flags in proptest::array::uniform8(of(any::<bool>())),
        on in parts(),
    ) {
        let [convicted, health_check, immunisations, teeth_check, health_assessment, substance_misuse, received, offered] = flags;
        let message = HealthOutcomes {
            as_of: Some(date(on)),
            sdq_score: score,
            sdq_reason: reason.map(str::to_owned),
            convicted,
            health_check,
            immunisations,
            teeth_check,
            health_assessment,
            substance_misuse,
            intervention_received: received,
            intervention_offered: offered,
        };
        let sound = real(on)
            && reason != Some("SDQ9")
            && score.is_none_or(|score| (0..=40).contains(&score));
        prop_assert_eq!(accepted(&message, rules::health_outcomes), sound);
    }

    #[test]
    fn reviews_visits_and_care_leavers(
        on in parts(),
        due in of((2020..2030_i32, 1..13_i32, 1..29_i32)),
        code in select(vec!["PN0", "PN7", "PN8"]),
        in_touch in select(vec!["YES", "DIED", "yes"]),
        accom in of(select(vec!["S2", "0", "S1"])),
        flags in any::<(bool, Option<bool>)>(),
    ) {
        let message = ReviewHeld {
            reviewed_on: Some(date(on)),
            review_code: code.to_owned(),
            due_on: due.map(date),
        };
        prop_assert_eq!(accepted(&message, rules::review_held), real(on) && code != "PN8");
        let message = SocialWorkerVisit {
            visited_on: Some(date(on)),
            child_seen: flags.0,
            child_seen_alone: flags.1,
            due_on: due.map(date),
        };
        prop_assert_eq!(accepted(&message, rules::social_worker_visit), real(on));
        let message = CareLeaverContact {
            contact_on: Some(date(on)),
            in_touch: in_touch.to_owned(),
            activ: None,
            accom: accom.map(str::to_owned),
            eligibility: None,
        };
        let sound = real(on) && in_touch != "yes" && accom != Some("S1");
        prop_assert_eq!(accepted(&message, rules::care_leaver_contact), sound);
    }
}
