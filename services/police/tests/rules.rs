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
use walbrook_agency::{Context, Findings, Severity, facts};
use walbrook_domain::{Day, Organisation, Scheme};
use walbrook_police::rules;
use walbrook_proto::avro::{AvroEvent, AvroRecord};
use walbrook_proto::police::v1::{MissingEpisode, ProtectionNotification};

/// The ids that fire, of this agency's rules and of those that hold for every body.
fn ids<M: AvroEvent>(message: &M, check: fn(&M, &Context<'_>, &mut Findings)) -> Vec<&'static str> {
    let organisation = Organisation::new(Scheme::PoliceForce, "metropolitan").unwrap();
    let day = |year, month, day| Day::from_ymd(year, month, day).unwrap();
    let (occurred, today) = (day(2026, 9, 21), day(2026, 11, 23));
    let context = Context {
        organisation: &organisation,
        occurred: Some(occurred.start()),
        occurred_day: Some(occurred),
        today,
        now: today.plus(1).start(),
    };
    let mut findings = Findings::new();
    facts::check(message, context.occurred_day, context.today, &mut findings);
    check(message, &context, &mut findings);
    findings
        .refusals()
        .iter()
        .chain(findings.queries())
        .map(|finding| finding.rule.id)
        .collect()
}

fn refuses(ids: &[&str]) -> bool {
    let of_all = rules::RULES.iter().chain(facts::RULES);
    of_all
        .filter(|rule| rule.severity == Severity::Refuse)
        .any(|rule| ids.contains(&rule.id))
}

fn notice(change: impl FnOnce(&mut ProtectionNotification)) -> Vec<&'static str> {
    let mut message = ProtectionNotification {
        report_ref: "01/4471/26".to_owned(),
        legacy_report_type: Some("PAC".to_owned()),
        subject_kind: "CHILD".to_owned(),
        vaf_appearance: Some(false),
        vaf_behaviour: Some(false),
        vaf_communication: Some(false),
        vaf_danger: Some(true),
        vaf_environment: Some(false),
        brag: "AMBER".to_owned(),
        categories: vec!["NEGLECT".to_owned()],
        housing_concern: false,
        location_gss: Some("E09000007".to_owned()),
    };
    change(&mut message);
    ids(&message, rules::protection_notification)
}

fn missing(change: impl FnOnce(&mut MissingEpisode)) -> Vec<&'static str> {
    let mut message = MissingEpisode {
        episode_ref: "MIS-88".to_owned(),
        phase: "LOCATED".to_owned(),
        risk: "MEDIUM".to_owned(),
        placement_ref: None,
        whereabouts_known: Some(true),
        prevention_interview_done: Some(true),
    };
    change(&mut message);
    ids(&message, rules::missing_episode)
}

fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("CATEGORY_MISSING", notice(|m| m.categories.clear())),
        (
            "REPORT_TYPE_AND_SUBJECT",
            notice(|m| m.subject_kind = "ADULT".into()),
        ),
        (
            "REPORT_TYPE_AND_SUBJECT",
            notice(|m| m.legacy_report_type = Some("ACN".into())),
        ),
        (
            "BRAG_WITHOUT_CONCERN",
            notice(|m| m.vaf_danger = Some(false)),
        ),
        (
            "LOCATED_WHEREABOUTS_UNKNOWN",
            missing(|m| m.whereabouts_known = Some(false)),
        ),
        (
            "INTERVIEW_BEFORE_RETURN",
            missing(|m| m.phase = "REPORTED".into()),
        ),
        ("CODE_NOT_IN_LIST", notice(|m| m.brag = "PURPLE".into())),
        ("CODE_NOT_IN_LIST", missing(|m| m.risk = "EXTREME".into())),
        ("FIELD_MISSING", missing(|m| m.phase.clear())),
        (
            "NOT_A_REFERENCE",
            notice(|m| m.report_ref = "seen outside the station".into()),
        ),
    ]
}

#[test]
fn good_events_pass() {
    assert_eq!((notice(|_| {}), missing(|_| {})), (vec![], vec![]));
    let none = notice(|m| {
        m.vaf_danger = None;
        m.legacy_report_type = Some("MIS".into());
    });
    assert_eq!(
        none,
        Vec::<&str>::new(),
        "what was not assessed is no contradiction"
    );
    assert_eq!(
        notice(|m| {
            m.vaf_danger = Some(false);
            m.housing_concern = true;
        }),
        Vec::<&str>::new()
    );
}

proptest! {
    #[test]
    fn what_is_accepted_keeps_every_refuse_rule(
        phase in select(vec!["REPORTED", "REGRADED", "LOCATED", "CLOSED", "FOUND", ""]),
        risk in select(vec!["LOW", "HIGH", "high"]),
        episode_ref in select(vec!["A-1", "not a ref", ""]),
        known in any::<Option<bool>>(),
    ) {
        let message = MissingEpisode {
            episode_ref: episode_ref.to_owned(), phase: phase.to_owned(), risk: risk.to_owned(),
            whereabouts_known: known, ..Default::default()
        };
        let accepted = !refuses(&ids(&message, rules::missing_episode));
        let sound = episode_ref == "A-1" && risk != "high" && !["FOUND", ""].contains(&phase);
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(MissingEpisode::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}

#[test]
fn no_rule_is_without_its_own_input() {
    let mut caught: Vec<_> = cases()
        .into_iter()
        .map(|(id, found)| {
            assert_eq!(found, [id], "only {id} catches this input");
            id
        })
        .collect();
    caught.sort_unstable();
    caught.dedup();
    let mut all: Vec<_> = rules::RULES.iter().map(|rule| rule.id).collect();
    all.sort_unstable();
    caught.retain(|id| all.contains(id));
    assert_eq!(caught, all);
}

#[test]
fn rule_ids_are_single_and_fit_a_header() {
    let all = rules::RULES
        .iter()
        .chain(facts::RULES)
        .chain(walbrook_agency::HEAD_RULES);
    let mut ids: Vec<_> = all.map(|rule| rule.id).collect();
    for id in &ids {
        assert!(
            id.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'),
            "{id}"
        );
    }
    ids.sort_unstable();
    assert!(
        ids.windows(2).all(|pair| pair[0] != pair[1]),
        "an id names one rule: {ids:?}"
    );
}
