//! The duty to refer: who, with which consent, to whom.

use crate::{ARRIVAL_SECONDS, at, book};
use proptest::prelude::*;
use proptest::sample::select;
use prost_types::Timestamp;
use walbrook_agency::conformance::Rulebook;
use walbrook_agency::{Context, Findings};
use walbrook_domain::{Day, Instant, Organisation};
use walbrook_health::rules;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::health::v1::DutyToReferSent;

const DAY_SECONDS: i64 = 86_400;

fn good() -> DutyToReferSent {
    DutyToReferSent {
        referral_ref: "DTR-0417".to_owned(),
        body_type: "ED".to_owned(),
        reason: "HOMELESS".to_owned(),
        consent_recorded_at: at(ARRIVAL_SECONDS - 3_600),
        chosen_authority_gss: "E09000007".to_owned(),
        accommodation_status: Some("HM01".to_owned()),
    }
}

fn sent(change: impl FnOnce(&mut DutyToReferSent)) -> Vec<&'static str> {
    sent_by("ODS:RRV", change)
}

fn sent_by(sender: &str, change: impl FnOnce(&mut DutyToReferSent)) -> Vec<&'static str> {
    let mut message = good();
    change(&mut message);
    let book = Rulebook {
        organisation: sender.parse().unwrap(),
        ..book()
    };
    book.broken(&message, rules::duty_to_refer_sent)
}

pub fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("REFERRER_NOT_LISTED", sent_by("ODS:RRU", |_| {})),
        (
            "CONSENT_AFTER_REFERRAL",
            sent(|m| m.consent_recorded_at = at(ARRIVAL_SECONDS + DAY_SECONDS)),
        ),
        (
            "HOMELESS_IN_SETTLED_HOME",
            sent(|m| m.accommodation_status = Some("MA04".into())),
        ),
    ]
}

/// Trap 14 of the domain reference.
#[test]
fn trap_14_a_referral_without_consent_or_chosen_authority_or_from_a_body_not_listed_is_refused() {
    assert_eq!(sent(|_| {}), Vec::<&str>::new());
    assert_eq!(sent(|m| m.consent_recorded_at = None), ["FIELD_MISSING"]);
    let chosen = |text: &str| sent(|m| m.chosen_authority_gss = text.to_owned());
    assert_eq!(chosen(""), ["FIELD_MISSING"]);
    for no_authority_or_many in [
        "E09000007,E09000012",
        "E09000007 E09000012",
        "GSS:E09000007",
        "E12000007",
        "Camden",
    ] {
        assert_eq!(
            chosen(no_authority_or_many),
            ["CODE_NOT_IN_LIST"],
            "{no_authority_or_many:?}"
        );
    }
    for not_listed in [
        "POLICE_FORCE:metropolitan",
        "TFL:tfl",
        "LANDLORD:river-homes",
        "CHARITY:street-outreach",
        "GSS:E09000007",
        "ODS:F83004",
        "ODS:RRU",
        "ODS:QMJ",
    ] {
        let broken = sent_by(not_listed, |_| {});
        assert_eq!(broken, ["REFERRER_NOT_LISTED"], "{not_listed}");
        assert!(book().refuses(&broken));
    }
    for listed in ["ODS:RRV", "ODS:R1H", "ODS:RWK", "ODS:RJ1"] {
        assert_eq!(sent_by(listed, |_| {}), Vec::<&str>::new(), "{listed}");
    }
    assert_eq!(sent(|m| m.body_type = "GP".into()), ["CODE_NOT_IN_LIST"]);
}

/// The instants of one day are compared where the sender gave them; of a bare day only the day is.
#[test]
fn consent_comes_before_the_referral_to_the_second_where_it_is_known() {
    let organisation: Organisation = "ODS:RRV".parse().unwrap();
    let consent = Instant::from_seconds_nanos(ARRIVAL_SECONDS - 3_600, 0).unwrap();
    let broken = |occurred: Instant| {
        let context = Context {
            organisation: &organisation,
            occurred: Some(occurred),
            occurred_day: Some(occurred.london_day()),
            today: Day::from_ymd(2026, 11, 23).unwrap(),
            now: Day::from_ymd(2026, 11, 24).unwrap().start(),
            birth_day: None,
            datasets: None,
        };
        let mut findings = Findings::new();
        rules::duty_to_refer_sent(&good(), &context, &mut findings);
        findings.refuses()
    };
    let second_before = Instant::from_seconds_nanos(ARRIVAL_SECONDS - 3_601, 0).unwrap();
    assert!(broken(second_before));
    assert!(!broken(consent));
    assert!(!broken(consent.london_day().start()), "a bare day");
    assert!(broken(consent.london_day().plus(-1).start()));
}

proptest! {
    #[test]
    fn an_accepted_referral_has_consent_and_one_authority_and_comes_from_a_listed_body(
        body in select(vec!["ED", "UTC", "INPATIENT", "GP", ""]),
        reason in select(vec!["HOMELESS", "THREATENED_WITHIN_56_DAYS", "RENT"]),
        authority in select(vec!["E09000001", "E09000033", "E09000034", "E09000007;E09000008", ""]),
        consent in proptest::option::of(-3..3_i64),
        sender in select(vec!["ODS:RRV", "ODS:RRU", "ODS:A81001", "POLICE_FORCE:metropolitan"]),
    ) {
        let message = DutyToReferSent {
            body_type: body.to_owned(),
            reason: reason.to_owned(),
            chosen_authority_gss: authority.to_owned(),
            consent_recorded_at: consent.map(|days| Timestamp {
                seconds: ARRIVAL_SECONDS + days * DAY_SECONDS,
                nanos: 0,
            }),
            ..good()
        };
        let book = Rulebook { organisation: sender.parse().unwrap(), ..book() };
        let accepted = !book.refuses(&book.broken(&message, rules::duty_to_refer_sent));
        let sound = matches!(body, "ED" | "UTC" | "INPATIENT")
            && reason != "RENT"
            && matches!(authority, "E09000001" | "E09000033")
            && consent.is_some_and(|days| days <= 0)
            && sender == "ODS:RRV";
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(DutyToReferSent::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}
