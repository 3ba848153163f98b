use super::*;
use crate::catalogue::SubjectKind;
use crate::facts::{FieldValue, LinkFacts, Precedence};
use crate::testing::{Log, Map, at, catalogue, golden, ground, org, shipped};
use walbrook_domain::control::{GroundFact, GroundKind, GroundState, Standing};
use walbrook_domain::{
    EventId, EventType, Handle, LinkStatus, Organisation, PersonId, Restriction,
};

mod laws;

/// One organisation of each class, and City Hall, which belongs to none.
pub(crate) const ORGANISATIONS: [&str; 7] = [
    "GSS:E09000007",
    "ODS:RRV",
    "POLICE_FORCE:metropolitan",
    "TFL:tfl",
    "CHARITY:street-outreach",
    "LANDLORD:l-1",
    "GSS:E12000007",
];
const OWN: Handle = Handle::new([1; 16]);
const OTHER: Handle = Handle::new([2; 16]);
const EVENT: u128 = 7;

/// Every shipped agreement, signed by every organisation above that is a party to it.
pub(crate) fn signed() -> Log {
    let mut log = Log::new();
    for (_, text) in shipped() {
        log.propose(&text).unwrap();
        let agreement = crate::Agreement::read(&text).unwrap();
        for organisation in ORGANISATIONS {
            if agreement.party(&org(organisation)).is_some() {
                log.sign(agreement.id.as_str(), 1, organisation).unwrap();
            }
        }
    }
    log
}

/// Everything a decision depends on beside the event's type and organisation.
#[derive(Debug, Clone)]
struct Case {
    log: Log,
    precedence: Precedence,
    status: LinkStatus,
    restrictions: Vec<Restriction>,
    adult: Option<bool>,
    occurred_days_ago: i32,
    accepted_before_signature: bool,
    fields: Map,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log at {}", self.state.next_offset())
    }
}

impl Case {
    fn new(log: &Log) -> Self {
        Self {
            log: log.clone(),
            precedence: Precedence::First,
            status: LinkStatus::Match,
            restrictions: Vec::new(),
            adult: Some(true),
            occurred_days_ago: 3,
            accepted_before_signature: false,
            fields: Map([
                ("subject_kind", FieldValue::Text("ADULT")),
                ("housing_concern", FieldValue::Bool(true)),
                ("accommodation_status", FieldValue::Text("HM01")),
            ]
            .into()),
        }
    }

    fn child(log: &Log) -> Self {
        let mut case = Self::new(log);
        case.adult = None;
        case.fields
            .0
            .insert("subject_kind", FieldValue::Text("CHILD"));
        case
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn on(mut self, handle: Handle, kind: GroundKind, state: GroundState) -> Self {
        self.log.ground(ground(handle, kind, state, 1)).unwrap();
        self
    }

    fn decide(
        &self,
        organisation: &Organisation,
        event_type: &EventType,
        kind: SubjectKind,
    ) -> Vec<Decision> {
        let now = Instant(self.log.clock.0 + 3_600_000_000);
        let occurred_at = now.london_day().plus(-self.occurred_days_ago).start();
        let event = EventFacts {
            event_type,
            organisation,
            event_id: EventId::new(uuid::Uuid::from_u128(EVENT)),
            accepted_at: if self.accepted_before_signature {
                at("2025-12-01T00:00:00Z")
            } else {
                now
            },
            occurred_at,
            precision: Precision::Minute,
            precedence: self.precedence,
            fields: &self.fields,
        };
        let members = [OWN, OTHER];
        let subject = match kind {
            SubjectKind::Person => Subject::Person(LinkFacts {
                handle: OWN,
                person: PersonId::new([9; 16]),
                status: self.status,
                restrictions: &self.restrictions,
                adult_from: self
                    .adult
                    .map(|adult| occurred_at.london_day().plus(if adult { -400 } else { 1 })),
                members: &members,
            }),
            SubjectKind::Area => Subject::Area,
            SubjectKind::Open => Subject::Open,
        };
        decide(&event, &subject, &self.log.state, now, RULES_VERSION).unwrap()
    }
}

fn recall(handle: Handle) -> GroundFact {
    let event = EventId::new(uuid::Uuid::from_u128(EVENT));
    GroundFact {
        ground_id: crate::state::ground_id(&handle, GroundKind::Recall, None, None, Some(&event)),
        event: Some(event),
        ..ground(handle, GroundKind::Recall, GroundState::On, 1)
    }
}

fn standing_of_all(log: &mut Log, standing: Standing) {
    let ids: Vec<_> = log
        .state
        .book()
        .agreements()
        .map(|(id, _)| id.to_string())
        .collect();
    for id in ids {
        log.stand(&id, None, standing).unwrap();
    }
}

/// The states of every condition, by name.
fn cases() -> Vec<(&'static str, Case)> {
    use GroundKind::{Consent, NationalDataOptOut, Objection, SafetyHold};
    use GroundState::{Given, On, Raised, Refused, Rejected, Upheld, Withdrawn};
    let log = signed();
    let unsigned = {
        let mut log = Log::new();
        for (_, text) in shipped() {
            log.propose(&text).unwrap();
        }
        log
    };
    let base = || Case::new(&log);
    let ended = {
        let mut fact = ground(OWN, Consent, Given, 1);
        fact.not_after = Some(at("2026-01-04T00:00:00Z").london_day());
        fact
    };
    let ending = {
        let mut fact = ground(OWN, Consent, Given, 1);
        fact.not_after = Some(at("2026-03-01T00:00:00Z").london_day());
        fact
    };
    vec![
        ("adult", base()),
        ("child", Case::child(&log)),
        ("not signed", Case::new(&unsigned)),
        (
            "suspended",
            base().with(|case| standing_of_all(&mut case.log, Standing::Suspended)),
        ),
        (
            "terminated",
            base().with(|case| standing_of_all(&mut case.log, Standing::Terminated)),
        ),
        (
            "expired",
            base().with(|case| case.log.clock = at("2031-01-01T00:00:00Z")),
        ),
        (
            "not yet",
            base().with(|case| case.log.clock = at("2025-01-01T00:00:00Z")),
        ),
        (
            "accepted before signature",
            base().with(|case| case.accepted_before_signature = true),
        ),
        ("consent given", base().on(OWN, Consent, Given)),
        (
            "consent given on another handle",
            base().on(OTHER, Consent, Given),
        ),
        ("consent refused", base().on(OWN, Consent, Refused)),
        ("consent withdrawn", base().on(OWN, Consent, Withdrawn)),
        (
            "consent given and withdrawn on another handle",
            base().on(OWN, Consent, Given).on(OTHER, Consent, Withdrawn),
        ),
        (
            "consent ended",
            base().with(|case| drop(case.log.ground(ended).unwrap())),
        ),
        (
            "consent ends",
            base().with(|case| drop(case.log.ground(ending).unwrap())),
        ),
        ("objection raised", base().on(OTHER, Objection, Raised)),
        (
            "objection upheld",
            base().on(OWN, Objection, Raised).with(|case| {
                case.log.ground(ground(OWN, Objection, Upheld, 2)).unwrap();
            }),
        ),
        (
            "objection rejected",
            base().on(OWN, Objection, Raised).with(|case| {
                case.log
                    .ground(ground(OWN, Objection, Rejected, 2))
                    .unwrap();
            }),
        ),
        (
            "child, objection raised",
            Case::child(&log).on(OWN, Objection, Raised),
        ),
        ("opt-out", base().on(OTHER, NationalDataOptOut, On)),
        ("safety hold", base().on(OTHER, SafetyHold, On)),
        (
            "child, safety hold",
            Case::child(&log).on(OTHER, SafetyHold, On),
        ),
        (
            "recalled",
            base().with(|case| drop(case.log.ground(recall(OWN)).unwrap())),
        ),
        (
            "same id recalled on another handle",
            base().with(|case| drop(case.log.ground(recall(OTHER)).unwrap())),
        ),
        (
            "restricted",
            base().with(|case| case.restrictions = vec![Restriction::Restricted]),
        ),
        (
            "child, adoption",
            Case::child(&log).with(|case| case.restrictions = vec![Restriction::Adoption]),
        ),
        (
            "potential match",
            base().with(|case| case.status = LinkStatus::PotentialMatch),
        ),
        ("age not known", base().with(|case| case.adult = None)),
        (
            "turns adult later",
            base().with(|case| case.adult = Some(false)),
        ),
        (
            "occurred 800 days ago",
            base().with(|case| case.occurred_days_ago = 800),
        ),
        (
            "predicate false",
            base().with(|case| {
                case.fields
                    .0
                    .insert("housing_concern", FieldValue::Bool(false));
                case.fields
                    .0
                    .insert("accommodation_status", FieldValue::Absent);
            }),
        ),
        ("predicate fails", base().with(|case| case.fields.0.clear())),
        (
            "duplicate",
            base().with(|case| case.precedence = Precedence::Duplicate),
        ),
        (
            "conflicting",
            base().with(|case| case.precedence = Precedence::Conflicting),
        ),
        (
            "superseded",
            base().with(|case| case.precedence = Precedence::Superseded),
        ),
    ]
}

#[test]
fn decisions_are_those_of_the_golden_table() {
    let catalogue = catalogue();
    let mut table =
        "organisation,event,case,agreement,reason,fields,precision,not_after\n".to_owned();
    for organisation in ORGANISATIONS {
        for shape in catalogue.events() {
            for (name, case) in cases() {
                for decision in case.decide(&org(organisation), &shape.event_type, shape.subject) {
                    let row = [
                        organisation.to_owned(),
                        shape.event_type.to_string(),
                        format!("\"{name}\""),
                        decision
                            .agreement()
                            .map_or("-".to_owned(), ToString::to_string),
                        decision.reason.to_string(),
                        format!("{:x}", decision.field_mask),
                        decision.precision.to_string(),
                        decision
                            .not_after
                            .map_or(String::new(), |day| day.to_string()),
                    ];
                    // Without a flow no case makes a difference: one row says so.
                    if decision.reason == Reason::NoAgreement && name != "adult" {
                        continue;
                    }
                    table.push_str(&row.join(","));
                    table.push('\n');
                }
            }
        }
    }
    golden("decisions.csv", &table);
}

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
            "contact_made"
        ])
    );
    assert_eq!(new.precision, Precision::Minute);
    assert_eq!(
        old.field_mask,
        fields(&[
            "landlord_type",
            "owed_weeks",
            "shortfall_pence",
            "contact_made"
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
