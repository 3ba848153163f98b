//! What is true at any position of the control topics and the raw topics, computed from the log alone and as plainly as can be. It shares the
//! decision rules with the broker and nothing else.

use crate::sources::{KINDS, Sent, founding_end};
use crate::world::{PARTITIONS, World};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::control::ControlRecord;
use walbrook_domain::{
    AgreementId, EventType, Handle, Instant, LinkStatus, Organisation, PersonId, Precision, Purpose,
};
use walbrook_event::framing::unframe;
use walbrook_event::{PurposeKey, control, headers};
use walbrook_eventlog::{murmur2_partition, topics};
use walbrook_policy::decide::Decision;
use walbrook_policy::facts::{EventFacts, LinkFacts, NoFields, Precedence, Subject};
use walbrook_policy::outcome::Outcome;
use walbrook_policy::state::{PolicyState, StandingNow};
use walbrook_policy::{RULES_VERSION, decide};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::identity::v1::LinkRecord;
use walbrook_tests::records;
use walbrook_tests::shelf::Name;

/// Eight days of µs: within them an identity is that of a retry.
const WINDOW_MS: i64 = 8 * 24 * 3_600 * 1_000;

thread_local! {
    static FOUNDED: RefCell<Option<PolicyState>> = const { RefCell::new(None) };
}

/// What the founding of the city says, which is the same in every simulation.
fn founded(policy: &[ControlRecord]) -> PolicyState {
    let found = || {
        let mut state = PolicyState::new(records::catalogue());
        for record in policy
            .iter()
            .filter(|record| record.offset < founding_end())
        {
            state.apply(record).expect("a legal founding");
        }
        state
    };
    FOUNDED.with_borrow_mut(|kept| kept.get_or_insert_with(found).clone())
}

/// The log's control records and links, to be applied in steps.
pub struct Truth {
    policy: Vec<ControlRecord>,
    applied: usize,
    pub state: PolicyState,
    links: Vec<(i64, Handle, Linked)>,
    linked: usize,
    pub people: BTreeMap<Handle, Linked>,
    organisation: Organisation,
    types: [EventType; 2],
    key: PurposeKey,
}

/// A link record, as far as the rules of the simulation look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    pub person: PersonId,
    pub members: Vec<Handle>,
}

impl Truth {
    /// The generation of the shared topic that is in force.
    pub fn generation(&self) -> u32 {
        let stage = self.state.pins().stage(records::PURPOSE);
        stage.map_or(1, |stage| stage.in_force())
    }

    /// For one p; nothing is applied yet.
    pub fn new(world: &World, number: i32) -> Self {
        let policy: Vec<ControlRecord> = world
            .log
            .committed_records(&world.city.topic(topics::POLICY))
            .iter()
            .map(|record| {
                let name = record.headers.text(headers::TYPE).expect("a type");
                let (_, body) = unframe(record.value.as_deref()).expect("framed");
                let at = Instant(record.timestamp_ms * 1_000);
                control::read(name, body, record.offset, at).expect("a control record")
            })
            .collect();
        let links = world
            .log
            .committed_records(&world.city.topic(topics::LINKS))
            .iter()
            .filter(|record| record.at.partition == number)
            .map(|record| {
                let (_, body) = unframe(record.value.as_deref()).expect("framed");
                let link = LinkRecord::decode_exact(body).expect("a link");
                let handle = |bytes: &[u8]| Handle::try_from(bytes).expect("a handle");
                let linked = Linked {
                    person: PersonId::try_from(link.person.as_slice()).expect("a person"),
                    members: link.members.iter().map(|one| handle(&one.handle)).collect(),
                };
                (record.offset, handle(&link.handle), linked)
            })
            .collect();
        let purpose = Purpose::new(records::PURPOSE).expect("a purpose");
        let state = founded(&policy);
        Self {
            applied: policy
                .iter()
                .filter(|record| record.offset < founding_end())
                .count(),
            policy,
            state,
            links,
            linked: 0,
            people: BTreeMap::new(),
            organisation: records::organisation(records::CAMDEN),
            types: KINDS.map(|(_, name)| EventType::new(name).expect("a type")),
            key: world.setting.keys.get(&purpose).expect("a key").clone(),
        }
    }

    /// Applies everything below these positions; the handles of p that something was said about.
    pub fn advance(&mut self, policy_next: i64, links_next: i64) -> BTreeSet<Handle> {
        let mut touched = BTreeSet::new();
        let mut said = BTreeSet::new();
        while let Some(record) = self.policy.get(self.applied)
            && record.offset < policy_next
        {
            if let walbrook_domain::control::ControlFact::Ground(ground) = &record.fact {
                said.insert(ground.handle);
            }
            // What is no legal change changes nothing.
            drop(self.state.apply(record));
            self.applied += 1;
        }
        let concerned = |people: &BTreeMap<Handle, Linked>, touched: &mut BTreeSet<Handle>| {
            for (handle, linked) in people {
                if linked.members.iter().any(|member| said.contains(member)) {
                    touched.insert(*handle);
                }
            }
        };
        concerned(&self.people, &mut touched);
        while let Some((offset, handle, linked)) = self.links.get(self.linked)
            && *offset < links_next
        {
            self.people.insert(*handle, linked.clone());
            touched.insert(*handle);
            self.linked += 1;
        }
        concerned(&self.people, &mut touched);
        touched
    }

    /// What the records below `below` make of an event. All are of one handle.
    pub fn precedence(&self, sent: &Sent, all: &[&Sent], below: i64) -> Precedence {
        let repeats = |one: &Sent| {
            all.iter()
                .find(|other| {
                    other.event == one.event
                        && other.offset < one.offset
                        && one.accepted_ms - other.accepted_ms <= WINDOW_MS
                })
                .copied()
        };
        if let Some(first) = repeats(sent) {
            let same = (first.amount, first.supersedes) == (sent.amount, sent.supersedes);
            return if same {
                Precedence::Duplicate
            } else {
                Precedence::Conflicting
            };
        }
        let corrected = all.iter().any(|other| {
            other.supersedes == Some(sent.event)
                && other.event != sent.event
                && other.offset < below
                && repeats(other).is_none()
        });
        if corrected {
            Precedence::Superseded
        } else {
            Precedence::First
        }
    }

    /// What the rules say of an event now.
    pub fn decide(&self, sent: &Sent, precedence: Precedence, now: Instant) -> Vec<Decision> {
        let Some(linked) = self.people.get(&sent.handle) else {
            return Vec::new();
        };
        let facts = EventFacts {
            event_type: &self.types[sent.kind],
            organisation: &self.organisation,
            event_id: sent.event,
            accepted_at: Instant(sent.accepted_ms * 1_000),
            occurred_at: Instant(1_780_000_000_000_000),
            precision: Precision::Minute,
            precedence,
            fields: &NoFields,
        };
        let mut members = linked.members.clone();
        members.sort_unstable();
        let subject = Subject::Person(LinkFacts {
            handle: sent.handle,
            person: linked.person,
            status: LinkStatus::Match,
            restrictions: &[],
            adult_from: walbrook_domain::Day::from_ymd(2020, 1, 1),
            members: &members,
        });
        decide(&facts, &subject, &self.state, now, RULES_VERSION).expect("rules in force")
    }

    /// The prefixes of key and event id that a page must name for a release of this event now.
    pub fn prefixes(&self, sent: &Sent) -> (i64, i64) {
        let person = self.people[&sent.handle].person;
        let event = self.key.event(&self.organisation, sent.handle, sent.event);
        (
            self.key.person(person).prefix().cast_signed(),
            event.prefix().cast_signed(),
        )
    }

    /// Everything about these events of one handle that may stand now, with the key it stands under.
    pub fn may_stand(&self, events: &[&Sent], below: i64, now: Instant) -> BTreeMap<Name, String> {
        let mut found = BTreeMap::new();
        for sent in events.iter().filter(|sent| sent.offset < below) {
            let precedence = self.precedence(sent, events, below);
            if precedence != Precedence::First {
                continue;
            }
            for decision in self.decide(sent, precedence, now) {
                if decision.outcome() == Outcome::Permit
                    && let Some(agreement) = decision.agreement()
                {
                    let (name, key) = self.name(sent, agreement);
                    found.insert(name, key);
                }
            }
        }
        found
    }

    /// Whether what was released under the agreement is hidden at every read, so that it need not have left.
    pub fn is_hidden(&self, agreement: &str) -> bool {
        let id = AgreementId::new(agreement).expect("an id");
        let history = self.state.book().agreement(&id);
        !history.is_some_and(|history| {
            matches!(history.standing(&self.organisation), StandingNow::Signed(_))
        })
    }

    /// Whether the agreement was in force for the source when the event was accepted, as far as the records applied say.
    pub fn was_in_force(&self, agreement: &str, sent: &Sent) -> bool {
        let id = AgreementId::new(agreement).expect("an id");
        let history = self.state.book().agreement(&id);
        let at = Instant(sent.accepted_ms * 1_000);
        history.is_some_and(|history| history.in_force_at(&self.organisation, at).is_some())
    }

    /// What names an event's releases: the pseudonyms of its handle and of itself.
    pub fn release_name(&self, sent: &Sent) -> (String, String) {
        let event = self.key.event(&self.organisation, sent.handle, sent.event);
        (self.key.handle(sent.handle).to_string(), event.to_string())
    }

    fn name(&self, sent: &Sent, agreement: &AgreementId) -> (Name, String) {
        let pseudonym = self.key.person(self.people[&sent.handle].person);
        let event = self.key.event(&self.organisation, sent.handle, sent.event);
        let name = (
            murmur2_partition(pseudonym.as_bytes(), PARTITIONS),
            self.key.handle(sent.handle).to_string(),
            event.to_string(),
            agreement.to_string(),
        );
        (name, pseudonym.to_string())
    }

    pub fn handle_pseudonym(&self, handle: Handle) -> String {
        self.key.handle(handle).to_string()
    }

    pub fn person_pseudonym(&self, handle: Handle) -> String {
        self.key.person(self.people[&handle].person).to_string()
    }
}
