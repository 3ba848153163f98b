//! Builders: invented people, short ids.

use crate::facts::{Contribution, ContributionKey, Input, Retraction, SubjectFacts};
use crate::model::View;
use crate::reading::{Grant, Reading, Source, Standing};
use crate::state::Person;
use crate::value::Value;
use crate::wire::SharedSchema;
use std::collections::BTreeMap;
use std::sync::Mutex;
use walbrook_domain::*;
use walbrook_policy::catalogue::{Catalogue, EventShape, FieldKind, FieldShape, SubjectKind};
use walbrook_policy::class::Who;
use walbrook_policy::read::Admission;

pub fn catalogue() -> Catalogue {
    crate::file::catalogue()
}

/// A view of the project, read once: a property test asks for it again and again.
pub fn view(name: &str) -> View {
    static READ: Mutex<BTreeMap<String, View>> = Mutex::new(BTreeMap::new());
    let mut read = READ.lock().unwrap();
    let view = read
        .entry(name.to_owned())
        .or_insert_with(|| read_view(name));
    view.clone()
}

fn read_view(name: &str) -> View {
    let path = format!(
        "{}/../../../deploy/views/{name}.toml",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap();
    crate::file::read(&path, &text, &catalogue()).unwrap_or_else(|faults| panic!("{faults}"))
}

pub fn person(n: u8) -> Pseudonym {
    Pseudonym::new([n; 16])
}
pub fn handle(n: u8) -> HandlePseudonym {
    HandlePseudonym::new([n; 16])
}
pub fn event(n: u8) -> EventId {
    EventId::new(uuid::Uuid::from_bytes([n; 16]))
}
pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}
pub fn org(text: &str) -> Organisation {
    text.parse().unwrap()
}
pub fn agreement(name: &str) -> AgreementId {
    name.parse().unwrap()
}

/// A contribution of an event type with fields by name.
pub fn contribution(
    (p, h, e): (u8, u8, u8),
    event_type: &str,
    on: &str,
    fields: &[(&str, Value)],
) -> Contribution {
    let info = walbrook_proto::event(event_type).unwrap();
    let mut values: Vec<(u8, Value)> = fields
        .iter()
        .map(|(name, value)| {
            let number = info.fields.iter().position(|field| field == name);
            (u8::try_from(number.unwrap()).unwrap(), value.clone())
        })
        .collect();
    values.sort_by_key(|(number, _)| *number);
    Contribution {
        person: person(p),
        key: ContributionKey {
            handle: handle(h),
            event: event(e),
            agreement: agreement("one"),
        },
        version: AgreementVersion(1),
        source: org("GSS:E09000007"),
        event_type: event_type.parse().unwrap(),
        occurred_at: day(on).start(),
        precision: Precision::Day,
        not_after: None,
        released_on: day(on),
        supersedes: None,
        fields: values,
    }
}

pub fn subject(organisation: &str, adult_from: Option<&str>) -> SubjectFacts {
    SubjectFacts {
        organisation: org(organisation),
        responsible_authority: None,
        chosen_authority: None,
        area_gss: None,
        restrictions: Vec::new(),
        adult_from: adult_from.map(day),
        link_status: LinkStatus::Match,
        link_score_ten_thousandths: 10_000,
        chosen_until: None,
    }
}

pub fn subject_input(p: u8, h: u8, facts: SubjectFacts) -> Input {
    Input::Subject {
        person: person(p),
        handle: handle(h),
        facts,
    }
}

pub fn heartbeat(organisation: &str, event_type: &str, on: &str) -> Input {
    Input::Heartbeat {
        organisation: org(organisation),
        event_type: event_type.parse().unwrap(),
        last_accepted_on: day(on),
    }
}

pub fn retraction(h: u8) -> Retraction {
    Retraction {
        handle: handle(h),
        agreements: Vec::new(),
        event: None,
        reason: "WITHDRAWAL".into(),
        subject_too: false,
    }
}

/// Agreements `one` and `two` that grant everything of some sources about the reader's own subjects, each closable. Policy's own tests hold
/// the real rules; here only what a view does with the answers is tested.
pub struct Granted {
    pub reader: Organisation,
    pub sources: Vec<Source>,
    pub grant: Grant,
    pub role: String,
    pub closed: Vec<AgreementId>,
    /// Whoever is in the reader's area is within reach, too.
    pub by_area: bool,
    /// When the agreements are asked, where that is not the row's own time.
    pub asked_at: Option<Instant>,
}

pub fn granted(sources: &[(&str, &str)]) -> Granted {
    let mut sources: Vec<Source> = sources
        .iter()
        .map(|(organisation, event_type)| Source {
            event_type: event_type.parse().unwrap(),
            who: Who::Organisation(org(organisation)),
            standing: Standing::InForce,
            fields: u64::MAX,
        })
        .collect();
    sources.sort();
    Granted {
        reader: org("GSS:E09000007"),
        sources,
        grant: Grant {
            fields: u64::MAX,
            precision: Precision::Instant,
        },
        role: "social-worker".to_owned(),
        by_area: false,
        asked_at: None,
        closed: Vec::new(),
    }
}

impl Reading for Granted {
    fn role(&self) -> &str {
        &self.role
    }
    fn entitlements(&self) -> Vec<(AgreementId, AgreementVersion)> {
        ["one", "two"]
            .map(|name| (agreement(name), AgreementVersion(1)))
            .to_vec()
    }
    fn admits(
        &self,
        _agreement: &AgreementId,
        person: &Person<'_>,
        in_area: &dyn Fn() -> bool,
    ) -> Admission {
        let mut subjects = person.subjects();
        let own = subjects.any(|(_, facts)| facts.organisation == self.reader);
        if own || self.by_area && in_area() {
            Admission::Inside
        } else {
            Admission::WithCaseReference
        }
    }
    fn asked_at(&self) -> Option<Instant> {
        self.asked_at
    }
    fn holds_area(&self, place: &str) -> bool {
        walbrook_policy::read::lies_in(&self.reader, place)
    }
    fn grant(&self, _: &Person<'_>, contribution: &Contribution) -> Option<Grant> {
        (!self.closed.contains(&contribution.key.agreement)).then_some(self.grant)
    }
    fn sources(&self) -> &[Source] {
        &self.sources
    }
}

pub fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn the_catalogue_has_every_event_type_with_its_fields() {
    let catalogue = catalogue();
    let shape: &EventShape = catalogue
        .event(&"police.MissingEpisode".parse().unwrap())
        .unwrap();
    assert_eq!(shape.subject, SubjectKind::Person);
    assert_eq!(
        shape.fields[4],
        FieldShape {
            name: "whereabouts_known".into(),
            kind: FieldKind::Bool
        }
    );
    for info in walbrook_proto::records() {
        if let Some(event) = info.event {
            SharedSchema::parse(event.shared_schema).unwrap();
            let shape = catalogue.event(&event.event_type.parse().unwrap()).unwrap();
            assert_eq!(shape.fields.len(), info.fields.len());
        }
    }
}
