//! Records of an invented city, written straight onto a log: control plane, links and raw events. With them enforcement is tested without the
//! processes that write them in the running system; their form is the same.

use ed25519_dalek::{Signer, SigningKey};
use std::sync::Arc;
use walbrook_broker::enforce::control_view::{Limits, Setting};
use walbrook_broker::enforce::keys::Keys;
use walbrook_domain::control::{
    AgreementFact, AgreementProposed, AgreementSigned, ControlFact, GroundFact, GroundKind,
    GroundState, PartyKey, PinFact, PinKind,
};
use walbrook_domain::{
    EventId, EventType, Handle, Instant, Organisation, PersonId, Precision, Purpose,
};
use walbrook_event::framing::frame;
use walbrook_event::{Key, Plain, PurposeKey, RawEnvelope, control, headers};
use walbrook_eventlog::{Headers, Namespace, NewRecord, topics};
use walbrook_policy::agreement::{Agreement, sha256};
use walbrook_policy::state::ground_id;
use walbrook_policy::{Catalogue, EventShape, SubjectKind};
use walbrook_proto::avro::{AvroEvent as _, AvroRecord, SubjectOf};
use walbrook_proto::common::v1::NothingToReport;
use walbrook_proto::housing::v1::RentArrearsChanged;
use walbrook_proto::identity::v1::{LinkMember, LinkRecord};
use walbrook_proto::social_care::v1::ReviewHeld;

/// A council: source and reader.
pub const CAMDEN: &str = "GSS:E09000007";
/// Another council.
pub const ISLINGTON: &str = "GSS:E09000019";
/// The purpose of both agreements.
pub const PURPOSE: &str = "rough-sleeping";
/// The agreement that asks for consent.
pub const CONSENTED: &str = "consented";
/// The agreement that rests on a duty: only a safety hold, a recall or a restriction stops it.
pub const DUTY: &str = "duty";

/// An agreement of London's authorities: each flow an event type and the fields granted, all under the same rule of consent.
pub fn document(id: &str, version: u32, consent: &str, flows: &[(&str, &[&str])]) -> String {
    let flows: String = flows
        .iter()
        .map(|(event, fields)| {
            format!(
                r#"[[flow]]
class = "london-authority"
event = "{event}"
fields = {fields:?}
precision = "day"
gateways = ["ha1996-s213"]
[flow.person]
consent = "{consent}"
national_opt_out = "does-not-apply"
age = "any"
restricted = "withhold"
minimum_match = "NO_MATCH"
"#
            )
        })
        .collect();
    format!(
        r#"
id = "{id}"
version = {version}
title = "A test agreement"
summary = "Rent arrears and reviews, for a test."
purpose = "{PURPOSE}"
kind = "sharing"
retention_days = 3650
processor = "the test"
[law]
gateways = ["ha1996-s213"]
article_6 = ["6(1)(c)", "6(1)(e)"]
[dpia]
reference = "T-1"
outcome = "low-residual-risk"
completed = 2020-01-01
[period]
effective = 2020-01-02
review = 2098-01-01
expiry = 2099-01-01
[[party]]
class = "london-authority"
role = "controller"
contact = "its data protection officer"
{flows}[[reader]]
class = "london-authority"
role = "housing-options-officer"
view = "rough_sleeping_risk"
mode = "case"
scope = ["own-subjects"]
beyond_scope = "break-glass"
delivery = "topic"
"#
    )
}

/// The records of one namespace.
pub struct City {
    /// The namespace.
    pub namespace: Namespace,
    /// Data partitions.
    pub partitions: i32,
}

/// The registry ids of this city: the place of each schema in the list of pins, from 1. Nothing asks a registry for them.
fn schemas() -> impl Iterator<Item = (i32, &'static str, &'static str)> {
    let raw = walbrook_proto::records()
        .iter()
        .map(|info| (info.full_name, info.schema));
    let shared = walbrook_proto::records().iter().filter_map(|info| {
        info.event
            .map(|event| (event.shared_name, event.shared_schema))
    });
    (1..)
        .zip(raw.chain(shared))
        .map(|(id, (name, text))| (id, name, text))
}

/// The registry id of a record.
pub fn schema_id(full_name: &str) -> i32 {
    schemas()
        .find(|(_, name, _)| *name == full_name)
        .map(|(id, _, _)| id)
        .expect("every record has a schema")
}

/// Every event type of this build.
pub fn catalogue() -> Arc<Catalogue> {
    let shapes = walbrook_proto::records().iter().filter_map(|info| {
        let event = info.event?;
        let subject = match event.subject {
            SubjectOf::Person => SubjectKind::Person,
            SubjectOf::Area => SubjectKind::Area,
            SubjectOf::Open => SubjectKind::Open,
        };
        let event_type = EventType::new(event.event_type).expect("a type");
        Some(EventShape::from_avro(event_type, subject, info.schema).expect("a record schema"))
    });
    Arc::new(Catalogue::new(shapes).with_dataset("line-status"))
}

/// What a broker of this city is set to.
pub fn setting(city: &City) -> Setting {
    let keys = topics::PURPOSES
        .iter()
        .zip(1_u8..)
        .map(|(purpose, number)| {
            (
                Purpose::new(purpose).expect("a purpose"),
                PurposeKey::new(Key::new([number; 32])),
            )
        });
    Setting {
        keys: Keys::new(keys),
        seal: Arc::new(Plain),
        namespace: city.namespace.clone(),
        partitions: city.partitions,
        limits: Limits::default(),
    }
}

impl City {
    /// A city in a namespace.
    pub fn new(namespace: &str, partitions: i32) -> Self {
        Self {
            namespace: Namespace::new(namespace),
            partitions,
        }
    }

    /// Full name of a topic.
    pub fn topic(&self, plain: &str) -> String {
        self.namespace.name(plain)
    }

    fn record(
        &self,
        plain: &str,
        key: Vec<u8>,
        value: Vec<u8>,
        pairs: headers::Pairs,
    ) -> NewRecord {
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.push(name, value);
        }
        NewRecord {
            topic: self.topic(plain).into(),
            partition: None,
            key: Some(key.into()),
            value: Some(value.into()),
            headers,
            timestamp_ms: None,
        }
    }

    /// A control record.
    pub fn control(&self, fact: &ControlFact) -> NewRecord {
        let encoded = control::write(fact, Instant(0), "").expect("a control record");
        let value = frame(schema_id(encoded.full_name), &encoded.body);
        let pairs = headers::internal(encoded.full_name, "test", Some(Instant(0)), None);
        let mut record = self.record(topics::POLICY, encoded.key.into_bytes(), value, pairs);
        record.partition = Some(0);
        record
    }

    /// Everything that has to be said before anything is decided: pins, both agreements, and both councils' signatures.
    pub fn founding(&self) -> Vec<NewRecord> {
        let mut facts = beginnings(|_| true);
        for (id, consent) in [(CONSENTED, "required"), (DUTY, "not-needed")] {
            facts.extend(agreement(id, consent));
        }
        facts.iter().map(|fact| self.control(fact)).collect()
    }

    /// A link record.
    pub fn link(
        &self,
        handle: Handle,
        person: PersonId,
        members: &[Handle],
        revision: u32,
    ) -> NewRecord {
        let record = LinkRecord {
            handle: handle.as_bytes().to_vec(),
            organisation: CAMDEN.into(),
            person: person.as_bytes().to_vec(),
            retired_persons: Vec::new(),
            status: "MATCH".into(),
            score_ten_thousandths: 10_000,
            strategy: "manual@1".into(),
            restrictions: Vec::new(),
            adult_from: walbrook_proto::common::v1::Date::new(2020, 1, 1),
            members: members
                .iter()
                .map(|member| LinkMember {
                    handle: member.as_bytes().to_vec(),
                    organisation: CAMDEN.into(),
                })
                .collect(),
            revision,
            recorded_at: Some(prost_types::Timestamp::default()),
        };
        let value = frame(
            schema_id(LinkRecord::FULL_NAME),
            &record.to_vec().expect("a link record"),
        );
        let pairs = headers::internal(LinkRecord::FULL_NAME, "test", Some(Instant(0)), None);
        self.record(topics::LINKS, handle.as_bytes().to_vec(), value, pairs)
    }

    /// A person's event: rent arrears.
    pub fn arrears(
        &self,
        handle: Handle,
        event: EventId,
        pence: i64,
        supersedes: Option<EventId>,
    ) -> NewRecord {
        let body = RentArrearsChanged {
            tenancy_ref: "T-1".into(),
            landlord_type: "LA".into(),
            arrears_pence: pence,
            owed_weeks: Some(3),
            shortfall_pence: None,
            contact_made: false,
            owed_months: None,
        };
        self.event(
            ("raw.housing", "housing.RentArrearsChanged"),
            handle,
            event,
            supersedes,
            &body,
        )
    }

    /// Another agency's event about a person: the review of a looked-after child.
    pub fn review(
        &self,
        handle: Handle,
        event: EventId,
        day: i32,
        supersedes: Option<EventId>,
    ) -> NewRecord {
        let body = ReviewHeld {
            reviewed_on: walbrook_proto::common::v1::Date::new(2026, 1, 1 + day),
            review_code: "PN1".into(),
            due_on: None,
        };
        self.event(
            ("raw.social-care", "social_care.ReviewHeld"),
            handle,
            event,
            supersedes,
            &body,
        )
    }

    /// Word on `raw.housing` that there is nothing to report of an event type.
    pub fn nothing(&self, event: EventId, event_type: &str) -> NewRecord {
        let body = NothingToReport {
            event_type: event_type.into(),
        };
        let names = ("raw.housing", NothingToReport::EVENT_TYPE);
        let mut record = self.event(names, Handle::new([0; 16]), event, None, &body);
        record.key = Some(format!("open:{event_type}").into());
        record
    }

    fn event<R: AvroRecord>(
        &self,
        (topic, event_type): (&str, &str),
        handle: Handle,
        event: EventId,
        supersedes: Option<EventId>,
        body: &R,
    ) -> NewRecord {
        let id = schema_id(R::FULL_NAME);
        let envelope = RawEnvelope {
            id: event,
            event_type: EventType::new(event_type).expect("a type"),
            organisation: organisation(CAMDEN),
            occurred_at: Instant(1_780_000_000_000_000),
            precision: Precision::Minute,
            supersedes,
            key_id: "plain".into(),
            data_schema: format!("{topic}-{}/{id}", R::FULL_NAME),
            queries: Vec::new(),
            trace_parent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        };
        let value = frame(id, &body.to_vec().expect("a body"));
        self.record(topic, handle.as_bytes().to_vec(), value, envelope.pairs())
    }
}

/// A pin.
pub fn pin(kind: PinKind, name: &str, schema_id: i32, content: &str) -> ControlFact {
    ControlFact::Pin(PinFact {
        kind,
        name: name.into(),
        schema_id,
        sha256: sha256(content),
        content: content.into(),
    })
}

/// Pins and the parties' keys. `wanted` says which schemas are pinned, by full name.
pub fn beginnings(wanted: impl Fn(&str) -> bool) -> Vec<ControlFact> {
    let mut facts = vec![pin(PinKind::DecisionRules, "decision", 0, "1")];
    facts.extend(
        schemas()
            .filter(|(_, name, _)| wanted(name))
            .map(|(id, name, text)| pin(PinKind::Schema, name, id, text)),
    );
    for (number, party) in [(1_u8, CAMDEN), (2, ISLINGTON)] {
        facts.push(ControlFact::Agreement(AgreementFact::PartyKey(PartyKey {
            organisation: organisation(party),
            key_id: "k1".into(),
            public_key: SigningKey::from_bytes(&[number; 32])
                .verifying_key()
                .to_bytes(),
            active: true,
        })));
    }
    facts
}

fn agreement(id: &str, consent: &str) -> Vec<ControlFact> {
    let fields: &[&str] = &["landlord_type", "arrears_pence"];
    let text = document(id, 1, consent, &[("housing.RentArrearsChanged", fields)]);
    let agreement = Agreement::read(&text).expect("a readable agreement");
    let mut facts = vec![proposed(&agreement)];
    facts.extend([CAMDEN, ISLINGTON].map(|party| signed(&agreement, party)));
    facts
}

/// An agreement, proposed by the first council.
pub fn proposed(agreement: &Agreement) -> ControlFact {
    let text = agreement.canonical_text();
    ControlFact::Agreement(AgreementFact::Proposed(AgreementProposed {
        agreement: agreement.id.clone(),
        version: agreement.version,
        text_sha256: sha256(&text),
        text,
        by_organisation: organisation(CAMDEN),
        by: "operator".into(),
    }))
}

/// Its signature by one of the councils.
pub fn signed(agreement: &Agreement, party: &str) -> ControlFact {
    let text_sha256 = sha256(&agreement.canonical_text());
    let number = if party == CAMDEN { 1 } else { 2 };
    ControlFact::Agreement(AgreementFact::Signed(AgreementSigned {
        agreement: agreement.id.clone(),
        version: agreement.version,
        party: organisation(party),
        key_id: "k1".into(),
        signature: SigningKey::from_bytes(&[number; 32])
            .sign(&text_sha256)
            .to_bytes(),
        text_sha256,
    }))
}

/// A ground on a handle, for every purpose.
pub fn ground(handle: Handle, kind: GroundKind, state: GroundState, version: u32) -> ControlFact {
    ControlFact::Ground(GroundFact {
        ground_id: ground_id(&handle, kind, None, None, None),
        version,
        handle,
        kind,
        state,
        purpose: None,
        agreement: None,
        event: None,
        not_after: None,
        chosen_authority: None,
        stated_at: Instant(0),
        by_organisation: organisation(CAMDEN),
        by: "officer".into(),
    })
}

/// An organisation by its text.
pub fn organisation(text: &str) -> Organisation {
    text.parse().expect("an organisation")
}

/// An invented event id.
pub fn event_id(number: u128) -> EventId {
    EventId::new(uuid::Uuid::from_u128(number))
}
