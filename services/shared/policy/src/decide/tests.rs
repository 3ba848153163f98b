use super::*;
use crate::catalogue::SubjectKind;
use crate::facts::{LinkFacts, Precedence};
use crate::testing::case::{Case, ORGANISATIONS, OTHER, OWN, signed};
use crate::testing::{Log, Map, at, catalogue, ground, org, shipped};
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_domain::{EventId, LinkStatus, PersonId, Restriction};

mod laws;
mod then_and_now;

#[test]
fn every_reason_has_a_code_of_its_own_and_its_outcome() {
    let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    codes.dedup();
    assert_eq!(codes.len(), Reason::ALL.len());
    assert!(codes.is_sorted());
    for reason in Reason::ALL {
        assert_eq!(Reason::from_code(reason.code()), Some(*reason));
        assert!(reason.sentence().ends_with('.') && !reason.ask().is_empty());
        assert_eq!(
            reason.outcome() == Outcome::Permit,
            *reason == Reason::Permitted
        );
    }
}

#[test]
fn rules_that_this_build_lacks_decide_nothing() {
    let log = signed();
    let (event_type, organisation) = (
        "housing.RentArrearsChanged".parse().unwrap(),
        org(ORGANISATIONS[0]),
    );
    let event = EventFacts {
        event_type: &event_type,
        organisation: &organisation,
        event_id: EventId::new(uuid::Uuid::nil()),
        accepted_at: log.clock,
        occurred_at: log.clock,
        precision: Precision::Day,
        precedence: Precedence::First,
        fields: &Map::default(),
    };
    let decided = decide(
        &event,
        &Subject::Area,
        &log.state,
        log.clock,
        RULES_VERSION + 1,
    );
    assert_eq!(
        decided,
        Err(UnknownRules {
            wanted: RULES_VERSION + 1
        })
    );
}

#[test]
fn an_event_from_before_a_version_gets_what_both_versions_grant() {
    let document = shipped()
        .into_iter()
        .find(|(name, _)| name == "pan-london-rough-sleeping.toml")
        .unwrap()
        .1;
    let first = document.replacen("\"arrears_pence\", \"owed_weeks\"", "\"owed_weeks\"", 1);
    let camden = "GSS:E09000007";
    let mut log = Log::new();
    log.propose(&first).unwrap();
    log.sign("pan-london-rough-sleeping", 1, camden).unwrap();
    let between = Instant(log.clock.0 + 1);
    let second = document
        .replacen("version = 1", "version = 2", 1)
        .replacen("\"tenancy_ref\", \"landlord_type\"", "\"landlord_type\"", 1)
        .replacen("precision = \"day\"", "precision = \"minute\"", 1);
    log.propose(&second).unwrap();
    log.sign("pan-london-rough-sleeping", 2, camden).unwrap();
    let shape = catalogue();
    let shape = shape
        .event(&"housing.RentArrearsChanged".parse().unwrap())
        .unwrap()
        .clone();
    let decided = |accepted_at: Instant| {
        let now = Instant(log.clock.0 + 3_600_000_000);
        let event = EventFacts {
            event_type: &shape.event_type,
            organisation: &org(camden),
            event_id: EventId::new(uuid::Uuid::nil()),
            accepted_at,
            occurred_at: now,
            precision: Precision::Instant,
            precedence: Precedence::First,
            fields: &Map::default(),
        };
        let link = LinkFacts {
            handle: OWN,
            person: PersonId::new([9; 16]),
            status: LinkStatus::Match,
            restrictions: &[],
            adult_from: Some(now.london_day().plus(-1)),
            members: &[OWN],
        };
        let mut decisions = decide(&event, &Subject::Person(link), &log.state, now, 1).unwrap();
        decisions.remove(0)
    };
    let (old, new) = (decided(between), decided(log.clock));
    let fields = |names: &[&str]| shape.mask(names.iter().copied());
    assert_eq!(
        new.field_mask,
        fields(&[
            "landlord_type",
            "arrears_pence",
            "owed_weeks",
            "shortfall_pence",
            "contact_made",
            "owed_months"
        ])
    );
    assert_eq!(new.precision, Precision::Minute);
    assert_eq!(
        old.field_mask,
        fields(&[
            "landlord_type",
            "owed_weeks",
            "shortfall_pence",
            "contact_made",
            "owed_months"
        ])
    );
    assert_eq!(old.precision, Precision::Day);
    assert_eq!(
        (old.version(), new.version()),
        (Some(AgreementVersion(2)), Some(AgreementVersion(2)))
    );
    assert_eq!(
        decided(at("2025-12-01T00:00:00Z")).reason,
        Reason::AcceptedBeforeInForce
    );
}

#[test]
fn the_national_opt_out_stops_what_it_applies_to() {
    let document = shipped()
        .into_iter()
        .find(|(name, _)| name == "nhs-to-housing.toml")
        .unwrap()
        .1;
    let applies = document.replace(
        "national_opt_out = \"does-not-apply\"",
        "national_opt_out = \"applies\"",
    );
    for (text, expected) in [(document, Reason::Permitted), (applies, Reason::OptOut)] {
        let mut log = Log::new();
        log.propose(&text).unwrap();
        log.sign("nhs-to-housing", 1, "ODS:RRV").unwrap();
        let case = Case::new(&log)
            .on(OWN, GroundKind::Consent, GroundState::Given)
            .on(OTHER, GroundKind::NationalDataOptOut, GroundState::On);
        let decided = case.decide(
            &org("ODS:RRV"),
            &"health.EdAttendance".parse().unwrap(),
            SubjectKind::Person,
        );
        assert_eq!(
            decided.iter().map(|one| one.reason).collect::<Vec<_>>(),
            [expected]
        );
    }
}
