//! Police protection, custody, domestic abuse, places of safety.

use proptest::prelude::*;
use proptest::sample::select;
use walbrook_police::rules;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::police::v1::{
    CustodyReleased, DomesticAbuseRiskAssessed, PoliceProtectionUsed, S136Detention,
};

use super::{at, book};

type Broken = Vec<&'static str>;
const HOUR: i64 = 3_600;
/// Beyond the day on which the event is sent.
const FUTURE: i64 = 90 * 24 * HOUR;

fn protection(change: impl FnOnce(&mut PoliceProtectionUsed)) -> Broken {
    let mut message = PoliceProtectionUsed {
        s46_ref: "PP-12/26".to_owned(),
        started_at: at(0),
        ended_at: at(20 * HOUR),
        ended_reason: Some("RELEASED_TO_CARER".to_owned()),
        receiving_la_gss: Some("E09000007".to_owned()),
    };
    change(&mut message);
    book().broken(&message, rules::police_protection_used)
}

fn custody(change: impl FnOnce(&mut CustodyReleased)) -> Broken {
    let mut message = CustodyReleased {
        custody_ref: "01CU/4471/26".to_owned(),
        release_type: "RUI".to_owned(),
        no_fixed_abode: true,
        accommodation_status: Some("HM01".to_owned()),
        referral_offered: true,
        consent_recorded_at: at(-HOUR),
        chosen_authority_gss: Some("E09000007".to_owned()),
    };
    change(&mut message);
    book().broken(&message, rules::custody_released)
}

fn abuse(change: impl FnOnce(&mut DomesticAbuseRiskAssessed)) -> Broken {
    let mut message = DomesticAbuseRiskAssessed {
        assessment_ref: "DA-88".to_owned(),
        tool: "DASH".to_owned(),
        grade: "MEDIUM".to_owned(),
        score: Some(13),
        marac_referred: false,
        children_present: true,
    };
    change(&mut message);
    book().broken(&message, rules::domestic_abuse_risk_assessed)
}

fn detention(change: impl FnOnce(&mut S136Detention)) -> Broken {
    let mut message = S136Detention {
        detention_ref: "S136-9".to_owned(),
        detained_at: at(0),
        arrived_at: at(HOUR),
        place_of_safety_ods: Some("RV504".to_owned()),
        accommodation_status: Some("HM01".to_owned()),
    };
    change(&mut message);
    book().broken(&message, rules::s136_detention)
}

/// Inputs that only the rule named catches.
pub fn cases() -> Vec<(&'static str, Broken)> {
    vec![
        (
            "PROTECTION_OVER_72_HOURS",
            protection(|m| m.ended_at = at(72 * HOUR + 1)),
        ),
        (
            "PROTECTION_END_AND_REASON",
            protection(|m| m.ended_reason = None),
        ),
        (
            "PROTECTION_END_AND_REASON",
            protection(|m| m.ended_at = None),
        ),
        ("ENDS_BEFORE_START", protection(|m| m.ended_at = at(-1))),
        (
            "IN_THE_FUTURE",
            detention(|m| {
                m.detained_at = at(FUTURE);
                m.arrived_at = None;
            }),
        ),
        (
            "REFERRAL_CONSENT_AND_CHOICE",
            custody(|m| m.consent_recorded_at = None),
        ),
        (
            "REFERRAL_CONSENT_AND_CHOICE",
            custody(|m| m.chosen_authority_gss = None),
        ),
        (
            "REFERRAL_NOT_OFFERED",
            custody(|m| m.referral_offered = false),
        ),
        (
            "NO_ABODE_BUT_SETTLED",
            custody(|m| m.accommodation_status = Some("MA04".into())),
        ),
        (
            "CODE_NOT_IN_LIST",
            custody(|m| m.release_type = "BAIL".into()),
        ),
        ("DASH_SCORE", abuse(|m| m.score = Some(-1))),
        (
            "DASH_SCORE",
            abuse(|m| {
                m.score = Some(28);
                m.marac_referred = true;
            }),
        ),
        ("SCORE_WITHOUT_DASH", abuse(|m| m.tool = "DARA".into())),
        ("MARAC_NOT_REFERRED", abuse(|m| m.score = Some(14))),
        ("MARAC_NOT_REFERRED", abuse(|m| m.grade = "HIGH".into())),
        (
            "PLACE_OF_SAFETY_ODS",
            detention(|m| m.place_of_safety_ods = Some("St-Ann".into())),
        ),
        (
            "LONG_WAY_TO_SAFETY",
            detention(|m| m.arrived_at = at(24 * HOUR + 1)),
        ),
    ]
}

#[test]
fn good_events_pass() {
    let nothing = Broken::new();
    for found in [
        protection(|_| {}),
        protection(|m| m.ended_at = at(72 * HOUR)),
        protection(|m| {
            m.ended_at = None;
            m.ended_reason = None;
        }),
        custody(|_| {}),
        custody(|m| {
            m.consent_recorded_at = None;
            m.chosen_authority_gss = None;
        }),
        abuse(|_| {}),
        abuse(|m| m.score = None),
        detention(|_| {}),
        detention(|m| m.place_of_safety_ods = None),
    ] {
        assert_eq!(found, nothing);
    }
}

/// Trap 14: the police are no body of the duty to refer. What they send is no referral under it, none of their types can be cited for it, and what
/// they do of their own accord keeps its preconditions: the person's consent, the authority that the person chose.
#[test]
fn a_referral_by_the_police_is_none_under_the_duty_and_needs_consent_and_choice() {
    let gateways = include_str!("../../../../schemas/law/gateways.toml");
    let duty = gateways
        .split("[[gateway]]")
        .find(|entry| entry.contains("\"ha1996-s213b\""))
        .unwrap();
    let discloses = duty
        .lines()
        .find(|line| line.starts_with("discloses"))
        .unwrap();
    assert!(!discloses.contains("police-force"), "{discloses}");
    let referral = |file: &str| file.contains("DutyToRefer");
    assert!(!referral(include_str!(
        "../../../../proto/police/v1/service.proto"
    )));
    assert!(!referral(include_str!(
        "../../../../deploy/schedules/metropolitan-police.toml"
    )));

    for (consent, chosen) in [(true, false), (false, true)] {
        let broken = custody(|m| {
            m.consent_recorded_at = m.consent_recorded_at.take().filter(|_| consent);
            m.chosen_authority_gss = m.chosen_authority_gss.take().filter(|_| chosen);
        });
        assert!(book().refuses(&broken), "{consent} {chosen}");
    }
}

proptest! {
    #[test]
    fn an_accepted_release_has_consent_and_choice_or_neither(
        release_type in select(vec!["NFA", "RUI", "OUT"]),
        reference in select(vec!["C-1", "no record"]),
        consent in proptest::option::of(-100..100_i64),
        chosen in proptest::option::of(select(vec!["E09000007", "E99999999"])),
        (offered, nfa) in any::<(bool, bool)>(),
    ) {
        let message = CustodyReleased {
            custody_ref: reference.to_owned(),
            release_type: release_type.to_owned(),
            no_fixed_abode: nfa,
            referral_offered: offered,
            consent_recorded_at: consent.and_then(|days| at(days * 24 * HOUR)),
            chosen_authority_gss: chosen.map(str::to_owned),
            ..Default::default()
        };
        let accepted = !book().refuses(&book().broken(&message, rules::custody_released));
        let sound = reference == "C-1"
            && release_type != "OUT"
            && chosen != Some("E99999999")
            && consent.is_some() == chosen.is_some()
            && consent.is_none_or(|days| days <= 63);
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(CustodyReleased::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }

    #[test]
    fn accepted_facts_of_people_are_in_order_and_counted(
        days in -40..100_i64, later in -3..5_i64, score in -5..40, tool in select(vec!["DASH", "DARA", "dash"]),
    ) {
        let (from, to) = (days * 24 * HOUR, (days + later) * 24 * HOUR);
        let sound = later >= 0 && days + later <= 63;
        let held = PoliceProtectionUsed {
            s46_ref: "P-1".into(), started_at: at(from), ended_at: at(to), ..Default::default()
        };
        prop_assert_eq!(!book().refuses(&book().broken(&held, rules::police_protection_used)), sound);
        let held = S136Detention {
            detention_ref: "S-1".into(), detained_at: at(from), arrived_at: at(to), ..Default::default()
        };
        prop_assert_eq!(!book().refuses(&book().broken(&held, rules::s136_detention)), sound);
        let assessed = DomesticAbuseRiskAssessed {
            assessment_ref: "D-1".into(), tool: tool.into(), grade: "HIGH".into(), score: Some(score), ..Default::default()
        };
        let accepted = !book().refuses(&book().broken(&assessed, rules::domestic_abuse_risk_assessed));
        prop_assert_eq!(accepted, tool != "dash" && (0..=27).contains(&score));
    }
}
