//! Every state of every condition, by name: what the golden tables and the laws of decisions are over.

use super::{Log, Map, at, ground, org, shipped};
use crate::agreement::Agreement;
use crate::catalogue::SubjectKind;
use crate::decide::{Decision, RULES_VERSION, decide};
use crate::facts::{EventFacts, FieldValue, LinkFacts, Precedence, Subject};
use walbrook_domain::control::{GroundFact, GroundKind, GroundState, Standing};
use walbrook_domain::{
    EventId, EventType, Handle, Instant, LinkStatus, Organisation, PersonId, Precision, Restriction,
};

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
pub(crate) const OWN: Handle = Handle::new([1; 16]);
pub(crate) const OTHER: Handle = Handle::new([2; 16]);
const EVENT: u128 = 7;

/// Every shipped agreement, signed by every organisation above that is a party to it.
pub(crate) fn signed() -> Log {
    let mut log = Log::new();
    for (_, text) in shipped() {
        log.propose(&text).unwrap();
        let agreement = Agreement::read(&text).unwrap();
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
pub(crate) struct Case {
    pub(crate) log: Log,
    pub(crate) precedence: Precedence,
    pub(crate) status: LinkStatus,
    pub(crate) restrictions: Vec<Restriction>,
    pub(crate) adult: Option<bool>,
    pub(crate) occurred_days_ago: i32,
    pub(crate) accepted_before_signature: bool,
    pub(crate) fields: Map,
    /// The authority that the person chose, as subject records say it.
    pub(crate) chosen: Option<Organisation>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log at {}", self.state.next_offset())
    }
}

impl Case {
    pub(crate) fn new(log: &Log) -> Self {
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
                ("no_fixed_abode", FieldValue::Bool(true)),
                ("homelessness_risk", FieldValue::Bool(true)),
                ("children_present", FieldValue::Bool(true)),
                ("concession_type", FieldValue::Text("CARE_LEAVER_18_25")),
                ("ls", FieldValue::Text("C2")),
            ]
            .into()),
            chosen: None,
        }
    }

    pub(crate) fn child(log: &Log) -> Self {
        let mut case = Self::new(log);
        case.adult = None;
        case.fields
            .0
            .insert("subject_kind", FieldValue::Text("CHILD"));
        case
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn on(mut self, handle: Handle, kind: GroundKind, state: GroundState) -> Self {
        self.log.ground(ground(handle, kind, state, 1)).unwrap();
        self
    }

    pub(crate) fn decide(
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

/// A consent that names the authority, and when it was said.
pub(crate) fn referral(handle: Handle, authority: &str, stated_at: &str) -> GroundFact {
    GroundFact {
        chosen_authority: Some(org(authority)),
        stated_at: at(stated_at),
        ..ground(handle, GroundKind::Consent, GroundState::Given, 1)
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

/// A second version of every agreement, signed by all: `change` says how it differs.
fn amended(log: &Log, change: impl Fn(&mut Agreement)) -> Log {
    let mut log = log.clone();
    for (_, text) in shipped() {
        let mut agreement = Agreement::read(&text).unwrap();
        agreement.version.0 = 2;
        change(&mut agreement);
        log.propose(&agreement.canonical_text()).unwrap();
        for organisation in ORGANISATIONS {
            if agreement.party(&org(organisation)).is_some() {
                log.sign(agreement.id.as_str(), 2, organisation).unwrap();
            }
        }
    }
    log
}

/// Of each flow one field is left.
fn narrow(agreement: &mut Agreement) {
    for flow in &mut agreement.flows {
        flow.fields.truncate(1);
    }
}

/// The states of every condition, by name.
pub(crate) fn cases() -> Vec<(&'static str, Case)> {
    use GroundKind::{
        Consent, Erasure, NationalDataOptOut, Objection, Restriction as Held, SafetyHold,
    };
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
    let reaching_back = amended(&log, |agreement| {
        agreement.period.backfill_from = Some(at("2025-11-01T00:00:00Z").london_day());
    });
    let narrowed = amended(&log, narrow);
    let narrowed_ahead = amended(&log, |agreement| {
        narrow(agreement);
        agreement.period.effective = at("2026-06-01T00:00:00Z").london_day();
    });
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
        (
            "accepted before signature, a second version reaches back",
            Case::new(&reaching_back).with(|case| case.accepted_before_signature = true),
        ),
        ("a narrow second version", Case::new(&narrowed)),
        (
            "a narrow second version, signed ahead of its day",
            Case::new(&narrowed_ahead),
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
        (
            "referral to Camden",
            base().with(|case| {
                let fact = referral(OWN, "GSS:E09000007", "2026-01-02T00:00:00Z");
                case.log.ground(fact).unwrap();
                case.chosen = Some(org("GSS:E09000007"));
            }),
        ),
        (
            "referral to Camden, then on another handle to Westminster",
            base().with(|case| {
                let first = referral(OWN, "GSS:E09000007", "2026-01-02T00:00:00Z");
                let second = referral(OTHER, "GSS:E09000033", "2026-01-03T00:00:00Z");
                case.log.ground(first).unwrap();
                case.log.ground(second).unwrap();
                case.chosen = Some(org("GSS:E09000033"));
            }),
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
        ("restricted by a ground", base().on(OTHER, Held, On)),
        ("erased", base().on(OWN, Erasure, On)),
        ("another handle erased", base().on(OTHER, Erasure, On)),
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
                for flag in ["housing_concern", "no_fixed_abode", "homelessness_risk"] {
                    case.fields.0.insert(flag, FieldValue::Bool(false));
                }
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
