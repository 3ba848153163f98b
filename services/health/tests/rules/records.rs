//! Discharges, registrations, referrals to mental-health teams, treatment.

use crate::{ARRIVAL_SECONDS, at, book};
use proptest::prelude::*;
use proptest::sample::select;
use walbrook_health::rules;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::health::v1::{
    GpRegistrationChanged, InpatientDischarge, MentalHealthReferral, SubstanceTreatmentStarted,
};

fn discharge(change: impl FnOnce(&mut InpatientDischarge)) -> Vec<&'static str> {
    let mut message = InpatientDischarge {
        spell_ref: "S-88".to_owned(),
        planned_on: Date::new(2026, 9, 21),
        discharged_at: at(ARRIVAL_SECONDS),
        destination: Some("19".to_owned()),
        homelessness_risk: true,
    };
    change(&mut message);
    book().broken(&message, rules::inpatient_discharge)
}

fn registration(change: impl FnOnce(&mut GpRegistrationChanged)) -> Vec<&'static str> {
    let mut message = GpRegistrationChanged {
        from_ods: Some("F83004".to_owned()),
        to_ods: Some("Y02674".to_owned()),
        registered_on: Date::new(2026, 9, 21),
        no_fixed_abode: Some(true),
    };
    change(&mut message);
    book().broken(&message, rules::gp_registration_changed)
}

fn referral(change: impl FnOnce(&mut MentalHealthReferral)) -> Vec<&'static str> {
    let mut message = MentalHealthReferral {
        referral_ref: "MH-5".to_owned(),
        team_type: "A02".to_owned(),
        priority: Some("1".to_owned()),
        opened_on: Date::new(2026, 9, 21),
        closed_on: Date::new(2026, 10, 2),
        reason_code: Some("18".to_owned()),
    };
    change(&mut message);
    book().broken(&message, rules::mental_health_referral)
}

fn treatment(change: impl FnOnce(&mut SubstanceTreatmentStarted)) -> Vec<&'static str> {
    let mut message = SubstanceTreatmentStarted {
        substance_group: "OPIATE".to_owned(),
        modality: "PHARMACOLOGICAL".to_owned(),
        started_on: Date::new(2026, 9, 21),
    };
    change(&mut message);
    book().broken(&message, rules::substance_treatment_started)
}

pub fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        (
            "DISCHARGE_WITHOUT_TIME",
            discharge(|m| {
                m.planned_on = None;
                m.discharged_at = None;
            }),
        ),
        (
            "DISCHARGE_ON_ANOTHER_DAY",
            discharge(|m| m.discharged_at = at(ARRIVAL_SECONDS - 2 * 86_400)),
        ),
        (
            "DESTINATION_UNFINISHED",
            discharge(|m| m.destination = Some("98".into())),
        ),
        (
            "GP_PRACTICE_CODE",
            registration(|m| m.to_ods = Some("RRV".into())),
        ),
        ("ODS_CODE", registration(|m| m.from_ods = Some("f8".into()))),
        (
            "REGISTRATION_SAYS_NOTHING",
            registration(|m| {
                m.from_ods = None;
                m.to_ods = None;
            }),
        ),
        (
            "REGISTRATION_UNCHANGED",
            registration(|m| m.to_ods.clone_from(&m.from_ods)),
        ),
        ("PRIORITY_EXPECTED", referral(|m| m.priority = None)),
        (
            "ENDS_BEFORE_START",
            referral(|m| m.closed_on = Date::new(2026, 9, 20)),
        ),
        ("CODE_NOT_IN_LIST", referral(|m| m.team_type = "F04".into())),
        (
            "IN_THE_FUTURE",
            treatment(|m| m.started_on = Date::new(2026, 11, 24)),
        ),
        ("FIELD_MISSING", treatment(|m| m.started_on = None)),
    ]
}

#[test]
fn what_is_told_early_open_or_only_once_passes() {
    let nothing = Vec::<&str>::new();
    for broken in [
        discharge(|_| {}),
        discharge(|m| {
            m.discharged_at = None;
            m.destination = Some("98".into());
            m.planned_on = Date::new(2026, 12, 1);
        }),
        registration(|_| {}),
        registration(|m| m.from_ods = None),
        registration(|m| m.to_ods = None),
        referral(|_| {}),
        referral(|m| m.closed_on = None),
        referral(|m| {
            m.team_type = "D08".into();
            m.priority = None;
        }),
        treatment(|_| {}),
    ] {
        assert_eq!(broken, nothing);
    }
}

const TODAY: (i32, i32, i32) = (2026, 11, 23);

proptest! {
    #[test]
    fn an_accepted_discharge_has_a_time(
        planned in proptest::option::of((2026..2028_i32, 1..13_i32, 1..32_i32)),
        left in proptest::option::of(-90..90_i64),
        destination in proptest::option::of(select(vec!["19", "98", "54"])),
    ) {
        let planned = planned.map(|(year, month, day)| Date { year, month, day });
        let message = InpatientDischarge {
            spell_ref: "S-1".to_owned(),
            planned_on: planned,
            discharged_at: left.and_then(|days| at(ARRIVAL_SECONDS + days * 86_400)),
            destination: destination.map(str::to_owned),
            homelessness_risk: false,
        };
        let accepted = !book().refuses(&book().broken(&message, rules::inpatient_discharge));
        // 21 September and 63 days are 23 November.
        let sound = (planned.is_some() || left.is_some())
            && planned.is_none_or(|day| day.exists())
            && left.is_none_or(|days| days <= 63)
            && destination != Some("54");
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(InpatientDischarge::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }

    #[test]
    fn an_accepted_registration_names_a_practice_by_a_code(
        from in proptest::option::of(select(vec!["F83004", "RRV", "x", "F 8"])),
        to in proptest::option::of(select(vec!["F83004", "Y02674", "", "f83004"])),
        since in (2025..2028_i32, 1..13_i32, 1..32_i32),
    ) {
        let date = Date { year: since.0, month: since.1, day: since.2 };
        let message = GpRegistrationChanged {
            from_ods: from.map(str::to_owned),
            to_ods: to.map(str::to_owned),
            registered_on: Some(date),
            no_fixed_abode: None,
        };
        let accepted = !book().refuses(&book().broken(&message, rules::gp_registration_changed));
        let sound = (from.is_some() || to.is_some())
            && from.is_none_or(|code| matches!(code, "F83004" | "RRV"))
            && to.is_none_or(|code| matches!(code, "F83004" | "Y02674"))
            && date.exists()
            && since <= TODAY;
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(GpRegistrationChanged::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }

    #[test]
    fn an_accepted_referral_to_a_team_closes_after_it_opens(
        team in select(vec!["A02", "D08", "A03", "X01"]),
        opened in (2025..2028_i32, 1..13_i32, 1..32_i32),
        closed in proptest::option::of((2025..2028_i32, 1..13_i32, 1..32_i32)),
    ) {
        let date = |(year, month, day)| Date { year, month, day };
        let message = MentalHealthReferral {
            referral_ref: "MH-1".to_owned(),
            team_type: team.to_owned(),
            opened_on: Some(date(opened)),
            closed_on: closed.map(date),
            ..Default::default()
        };
        let accepted = !book().refuses(&book().broken(&message, rules::mental_health_referral));
        let real = |parts| date(parts).exists() && parts <= TODAY;
        let sound = matches!(team, "A02" | "D08")
            && real(opened)
            && closed.is_none_or(|end| real(end) && opened <= end);
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(MentalHealthReferral::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }

    #[test]
    fn an_accepted_treatment_has_begun(
        group in select(vec!["OPIATE", "ALCOHOL", "CANNABIS"]),
        modality in select(vec!["PSYCHOSOCIAL", "YOGA"]),
        started in (2025..2028_i32, 1..13_i32, 1..32_i32),
    ) {
        let date = Date { year: started.0, month: started.1, day: started.2 };
        let message = SubstanceTreatmentStarted {
            substance_group: group.to_owned(),
            modality: modality.to_owned(),
            started_on: Some(date),
        };
        let accepted = !book().refuses(&book().broken(&message, rules::substance_treatment_started));
        let sound = group != "CANNABIS" && modality != "YOGA" && date.exists() && started <= TODAY;
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(SubstanceTreatmentStarted::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}
