//! The compiled decision against the specification, on random states, events and grounds; and what a permit allocates.

use super::*;
use crate::decide::{RULES_VERSION, decide};
use crate::facts::{FieldValue, Fields};
use crate::testing::{Log, Map, at, catalogue, ground, org, shipped};
use proptest::prelude::*;
use walbrook_domain::control::{GroundFact, GroundKind, GroundState, Standing};
use walbrook_domain::{EventId, Handle, LinkStatus, PersonId, Purpose, Restriction};

mod allocations;

const ORGANISATIONS: [&str; 6] = [
    "GSS:E09000007",
    "GSS:E09000012",
    "ODS:RRV",
    "POLICE_FORCE:metropolitan",
    "TFL:tfl",
    "CHARITY:street-outreach",
];

/// One step in the life of a control plane, by numbers that [`Life`] reads.
#[derive(Debug, Clone)]
enum Step {
    Propose {
        agreement: usize,
        changes: u32,
    },
    Sign {
        agreement: usize,
        version: u32,
        party: usize,
    },
    Stand {
        agreement: usize,
        party: Option<usize>,
        standing: usize,
    },
    Ground {
        handle: u8,
        kind: usize,
        state: usize,
        limits: u8,
        end: Option<i32>,
        chosen: bool,
    },
    Wait {
        days: i32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..20_usize, any::<u32>()).prop_map(|(agreement, changes)| Step::Propose { agreement, changes }),
        8 => (0..20_usize, 1..4_u32, 0..ORGANISATIONS.len()).prop_map(|(agreement, version, party)| Step::Sign { agreement, version, party }),
        2 => (0..20_usize, prop::option::of(0..ORGANISATIONS.len()), 0..3_usize)
            .prop_map(|(agreement, party, standing)| Step::Stand { agreement, party, standing }),
        6 => (0..6_u8, 0..20_usize, 0..20_usize, any::<u8>(), prop::option::of(-40..400_i32), any::<bool>())
            .prop_map(|(handle, kind, state, limits, end, chosen)| Step::Ground { handle, kind, state, limits, end, chosen }),
        1 => (0..200_i32).prop_map(|days| Step::Wait { days }),
    ]
}

/// An event and what is known of its subject.
#[derive(Debug, Clone)]
struct Sent {
    organisation: usize,
    accepted_days_ago: i32,
    occurred_days_ago: i32,
    precedence: usize,
    own: u8,
    others: Vec<u8>,
    status: usize,
    restricted: bool,
    adult_days_ago: Option<i32>,
    subject: u8,
    fields: u32,
    precision: usize,
}

fn sent() -> impl Strategy<Value = Sent> {
    (
        (
            0..ORGANISATIONS.len(),
            0..500_i32,
            0..900_i32,
            0..12_usize,
            0..6_u8,
        ),
        (
            prop::collection::vec(0..6_u8, 0..12),
            0..3_usize,
            any::<bool>(),
            prop::option::of(-900..900_i32),
        ),
        (0..12_u8, any::<u32>(), 0..4_usize),
    )
        .prop_map(|(a, b, c)| Sent {
            organisation: a.0,
            // Most are of now: the plain case.
            accepted_days_ago: (a.1 - 250).max(0),
            occurred_days_ago: a.2,
            precedence: a.3,
            own: a.4,
            others: if b.0.len() > 9 {
                b.0
            } else {
                b.0.into_iter().take(2).collect()
            },
            status: b.1,
            restricted: b.2 && c.1 % 4 == 0,
            adult_days_ago: b.3,
            subject: c.0,
            fields: c.1,
            precision: c.2,
        })
}

/// A control plane with all shipped agreements in changing versions.
#[derive(Clone)]
struct Life {
    log: Log,
    ids: Vec<String>,
    texts: Vec<String>,
    versions: Vec<u32>,
}

impl Life {
    /// Every agreement proposed, and signed by all who may. Checking signatures takes most of the time: once.
    fn new() -> Self {
        static SIGNED: std::sync::OnceLock<Life> = std::sync::OnceLock::new();
        SIGNED.get_or_init(Self::signed).clone()
    }

    fn signed() -> Self {
        let texts: Vec<String> = shipped().into_iter().map(|(_, text)| text).collect();
        let ids = texts
            .iter()
            .map(|text| crate::Agreement::read(text).unwrap().id.to_string())
            .collect();
        let mut life = Self {
            log: Log::new(),
            ids,
            versions: vec![0; texts.len()],
            texts,
        };
        for agreement in 0..life.texts.len() {
            life.propose(agreement, 0);
        }
        for agreement in 0..life.texts.len() {
            for party in ORGANISATIONS {
                let _ = life.log.sign(&life.ids[agreement].clone(), 1, party);
            }
        }
        life
    }

    /// The next version of an agreement, with each change that its bit says.
    fn propose(&mut self, agreement: usize, changes: u32) {
        let agreement = agreement % self.texts.len();
        let version = self.versions[agreement] + 1;
        let mut text =
            self.texts[agreement].replacen("version = 1", &format!("version = {version}"), 1);
        let variants = [
            ("consent = \"required\"", "consent = \"not-objected\""),
            ("consent = \"not-objected\"", "consent = \"required\""),
            ("consent = \"not-needed\"", "consent = \"required\""),
            ("consent = \"not-objected\"", "consent = \"not-needed\""),
            (
                "national_opt_out = \"does-not-apply\"",
                "national_opt_out = \"applies\"",
            ),
            ("age = \"adult\"", "age = \"child\""),
            ("age = \"child\"", "age = \"any\""),
            (
                "restricted = \"withhold\"",
                "restricted = \"responsible-authority\"",
            ),
            (
                "minimum_match = \"MATCH\"",
                "minimum_match = \"POTENTIAL_MATCH\"",
            ),
            ("precision = \"day\"", "precision = \"minute\""),
            ("max_age_days = 365", "max_age_days = 30"),
            ("expiry = 2030-03-31", "expiry = 2026-09-30"),
            ("effective = 2025-04-01", "effective = 2026-03-01"),
        ];
        for (bit, (from, to)) in variants.iter().enumerate() {
            if changes & (1 << bit) != 0 {
                text = text.replace(from, to);
            }
        }
        if changes & (1 << 20) != 0 {
            let lines: Vec<&str> = text
                .lines()
                .filter(|line| !line.starts_with("where"))
                .collect();
            text = lines.join("\n") + "\n";
        }
        if self.log.propose(&text).is_ok() {
            self.versions[agreement] = version;
        }
    }

    fn take(&mut self, step: &Step) {
        let id = |life: &Life, agreement: usize| life.ids[agreement % life.ids.len()].clone();
        match step {
            Step::Propose { agreement, changes } => self.propose(*agreement, *changes),
            Step::Sign {
                agreement,
                version,
                party,
            } => {
                let _ = self
                    .log
                    .sign(&id(self, *agreement), *version, ORGANISATIONS[*party]);
            }
            Step::Stand {
                agreement,
                party,
                standing,
            } => {
                let standing =
                    [Standing::Suspended, Standing::InForce, Standing::Terminated][*standing];
                let party = party.map(|party| ORGANISATIONS[party]);
                let _ = self.log.stand(&id(self, *agreement), party, standing);
            }
            Step::Ground {
                handle,
                kind,
                state,
                limits,
                end,
                chosen,
            } => {
                self.ground(*handle, *kind, *state, *limits, *end, *chosen);
            }
            Step::Wait { days } => {
                self.log.clock = Instant(self.log.clock.0 + i64::from(*days) * 86_400_000_000);
            }
        }
    }

    fn ground(
        &mut self,
        of: u8,
        kind: usize,
        state: usize,
        limits: u8,
        end: Option<i32>,
        chosen: bool,
    ) {
        use GroundState::{Given, Off, On, Raised, Refused, Rejected, Upheld, Withdrawn};
        const KINDS: [GroundKind; 9] = [
            GroundKind::Consent,
            GroundKind::Consent,
            GroundKind::Consent,
            GroundKind::Objection,
            GroundKind::NationalDataOptOut,
            GroundKind::SafetyHold,
            GroundKind::Restriction,
            GroundKind::Recall,
            GroundKind::Erasure,
        ];
        let kind = KINDS[kind % KINDS.len()];
        let states: Vec<GroundState> =
            [Given, Refused, Withdrawn, Raised, Upheld, Rejected, On, Off]
                .into_iter()
                .filter(|state| kind.admits(*state))
                .collect();
        let state = states[state % states.len()];
        let limited = !matches!(kind, GroundKind::Recall | GroundKind::Erasure);
        let purposes: [Purpose; 2] = [
            "rough-sleeping".parse().unwrap(),
            "children-in-care".parse().unwrap(),
        ];
        let purpose =
            (limited && limits & 1 != 0).then(|| purposes[usize::from(limits >> 1 & 1)].clone());
        let agreement =
            (limited && kind != GroundKind::Restriction && limits & 4 != 0).then(|| {
                self.ids[usize::from(limits >> 3) % self.ids.len()]
                    .parse()
                    .unwrap()
            });
        let event = (kind == GroundKind::Recall).then(event_id);
        let handle = handle(of);
        let given = kind == GroundKind::Consent && state == Given;
        let mut fact = GroundFact {
            ground_id: crate::state::ground_id(
                &handle,
                kind,
                purpose.as_ref(),
                agreement.as_ref(),
                event.as_ref(),
            ),
            purpose,
            agreement,
            event,
            not_after: end
                .filter(|_| given)
                .map(|days| self.log.clock.london_day().plus(days)),
            chosen_authority: (given && chosen)
                .then(|| org(ORGANISATIONS[usize::from(limits) % 2])),
            stated_at: self.log.clock,
            ..ground(handle, kind, state, 1)
        };
        fact.version = self.log.state.grounds().version(&fact) + 1;
        let _ = self.log.ground(fact);
    }

    /// Whether both ways say the same of an event of every type; how many of them were permitted.
    fn agrees(&self, compiled: &Compiled, sent: &Sent) -> Result<usize, TestCaseError> {
        let mut permits = 0;
        let now = self.log.clock;
        let organisation = org(ORGANISATIONS[sent.organisation]);
        let fields = fields(sent.fields);
        let members: Vec<Handle> = std::iter::once(sent.own)
            .chain(sent.others.iter().copied())
            .map(handle)
            .collect();
        for shape in self.log.state.book().catalogue().events() {
            let occurred_at = now.london_day().plus(-sent.occurred_days_ago).start();
            let event = EventFacts {
                event_type: &shape.event_type,
                organisation: &organisation,
                event_id: event_id(),
                accepted_at: Instant(now.0 - i64::from(sent.accepted_days_ago) * 86_400_000_000),
                occurred_at,
                precision: Precision::ALL[sent.precision],
                precedence: match sent.precedence {
                    0 => Precedence::Duplicate,
                    1 => Precedence::Conflicting,
                    2 => Precedence::Superseded,
                    _ => Precedence::First,
                },
                fields: &fields,
            };
            let subject = match sent.subject {
                0 => Subject::Area,
                1 => Subject::Open,
                _ => Subject::Person(LinkFacts {
                    handle: handle(sent.own),
                    person: PersonId::new([9; 16]),
                    status: [
                        LinkStatus::Match,
                        LinkStatus::PotentialMatch,
                        LinkStatus::Match,
                    ][sent.status],
                    restrictions: if sent.restricted {
                        &[Restriction::Restricted]
                    } else {
                        &[]
                    },
                    adult_from: sent.adult_days_ago.map(|days| now.london_day().plus(-days)),
                    members: &members,
                }),
            };
            let plain = decide(&event, &subject, &self.log.state, now, RULES_VERSION).unwrap();
            let mut at = 0;
            let mut same = Ok(());
            compiled
                .decide(
                    &event,
                    &subject,
                    &self.log.state,
                    now,
                    RULES_VERSION,
                    |ruling| {
                        let expected = plain.get(at).map(Ruling::from);
                        if expected != Some(ruling) && same.is_ok() {
                            same = Err(format!(
                                "{}: {ruling:?} instead of {expected:?}",
                                shape.event_type
                            ));
                        }
                        permits += usize::from(ruling.outcome() == Outcome::Permit);
                        at += 1;
                    },
                )
                .unwrap();
            prop_assert_eq!(same, Ok(()));
            prop_assert_eq!(at, plain.len(), "{}", shape.event_type);
        }
        Ok(permits)
    }
}

fn handle(number: u8) -> Handle {
    Handle::new([number + 1; 16])
}

fn event_id() -> EventId {
    EventId::new(uuid::Uuid::from_u128(7))
}

/// Values for the fields that shipped predicates ask about, each there, absent or of another kind.
fn fields(bits: u32) -> Map {
    let mut map = Map::default();
    let mut choose = |name: &'static str, values: &[FieldValue<'static>], shift: u32| {
        let at = usize::try_from(bits >> shift & 3).unwrap();
        if let Some(value) = values.get(at) {
            map.0.insert(name, value.clone());
        }
    };
    choose(
        "housing_concern",
        &[
            FieldValue::Bool(true),
            FieldValue::Bool(false),
            FieldValue::Missing,
        ],
        0,
    );
    choose(
        "accommodation_status",
        &[FieldValue::Text("HM01"), FieldValue::Text("X")],
        2,
    );
    choose(
        "subject_kind",
        &[
            FieldValue::Text("ADULT"),
            FieldValue::Text("CHILD"),
            FieldValue::Integer(3),
        ],
        4,
    );
    choose(
        "risk",
        &[FieldValue::Text("HIGH"), FieldValue::Text("LOW")],
        6,
    );
    choose(
        "needs",
        &[
            FieldValue::TextList(vec!["A", "B"]),
            FieldValue::TextList(vec![]),
        ],
        8,
    );
    map
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_table_says_what_the_specification_says(
        steps in prop::collection::vec(step(), 0..40),
        events in prop::collection::vec(sent(), 1..20),
        later in prop::collection::vec(step(), 0..4),
    ) {
        let mut life = Life::new();
        for step in &steps {
            life.take(step);
        }
        let compiled = Compiled::new(&life.log.state);
        prop_assert!(!compiled.is_stale(&life.log.state));
        for event in &events {
            life.agrees(&compiled, event)?;
        }
        // The state moves on and nobody has compiled it again: never a wrong decision.
        for step in &later {
            life.take(step);
            for event in &events {
                life.agrees(&compiled, event)?;
            }
        }
    }
}
