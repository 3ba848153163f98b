//! What this crate's tests and its golden tables share: the catalogue of the frozen schemas, the law, the shipped agreements, a signed state.

#[path = "testing/case.rs"]
pub(crate) mod case;

use crate::agreement::{Agreement, sha256};
use crate::catalogue::{Catalogue, EventShape, SubjectKind};
use crate::facts::{FieldValue, Fields};
use crate::law::Law;
use crate::state::{PolicyState, ground_id};
use ed25519_dalek::{Signer, SigningKey};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use walbrook_domain::control::{
    AgreementFact, AgreementProposed, AgreementSigned, ControlFact, ControlRecord, GroundFact,
    GroundKind, GroundState, PartyKey, Standing, StandingChange,
};
use walbrook_domain::{Handle, Instant, Organisation};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The frozen raw schemas: every event type of the build. Read once.
pub(crate) fn catalogue() -> Catalogue {
    static READ: OnceLock<Catalogue> = OnceLock::new();
    READ.get_or_init(read_catalogue).clone()
}

/// Each event type with whom it is about, as its message says it.
fn event_types() -> Vec<(String, SubjectKind)> {
    let mut packages: Vec<_> = std::fs::read_dir(root().join("proto"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("v1/events.proto"))
        .filter(|file| file.exists())
        .collect();
    packages.sort();
    let mut types = Vec::new();
    for file in packages {
        let text = std::fs::read_to_string(&file).unwrap();
        let package = text.split("package walbrook.").nth(1).unwrap();
        let package = package.split(".v1;").next().unwrap();
        for message in text.split("\nmessage ").skip(1) {
            let name = message.split(' ').next().unwrap();
            let Some(kind) = message.split("subject: SUBJECT_KIND_").nth(1) else {
                continue;
            };
            let kind = match kind.split([' ', ',', '}']).next().unwrap() {
                "PERSON" => SubjectKind::Person,
                "AREA" => SubjectKind::Area,
                "OPEN" => SubjectKind::Open,
                other => panic!("{package}.{name}: {other}"),
            };
            types.push((format!("{package}.{name}"), kind));
        }
    }
    types
}

/// The newest frozen schema of an event type.
fn schema(event: &str) -> String {
    let (package, name) = event.split_once('.').unwrap();
    let folder = root().join("schemas").join(package.replace('_', "-"));
    let versions = (1..).map(|version| folder.join(format!("{name}.v{version}.avsc")));
    let newest = versions.take_while(|file| file.exists()).last();
    let newest = newest.unwrap_or_else(|| panic!("{event} has no schema: make schemas"));
    std::fs::read_to_string(newest).unwrap()
}

fn read_catalogue() -> Catalogue {
    let shapes: Vec<_> = event_types()
        .into_iter()
        .map(|(event, subject)| {
            EventShape::from_avro(event.parse().unwrap(), subject, &schema(&event)).unwrap()
        })
        .collect();
    assert!(shapes.len() >= 13);
    let datasets = [
        "ai-register",
        "air-quality",
        "air-quality-index",
        "datasets",
        "indicators",
        "line-status",
        "planning",
    ];
    let catalogue = datasets
        .into_iter()
        .fold(Catalogue::new(shapes), Catalogue::with_dataset);
    catalogue
        .with_view("rough_sleeping_risk", "rough-sleeping".parse().unwrap())
        .with_view("children_in_care", "children-in-care".parse().unwrap())
        .with_view("ssda903_return", "children-in-care".parse().unwrap())
        .with_codes(
            "health.AccommodationStatusRecorded".parse().unwrap(),
            "code",
            codes("nhs_accommodation_status"),
        )
        .with_codes(
            "police.ProtectionNotification".parse().unwrap(),
            "subject_kind",
            codes("police_subject_kind"),
        )
        .with_law(law())
}

fn codes(list: &str) -> Vec<String> {
    let file = root().join(format!("schemas/codelists/{list}.csv"));
    let text = std::fs::read_to_string(file).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    rows.map(|row| row.split(',').next().unwrap().to_owned())
        .collect()
}

/// The law as it is shipped.
pub(crate) fn law() -> Law {
    law_with(|_, text| text)
}

/// The law with its files changed.
pub(crate) fn law_with(change: impl Fn(&str, String) -> String) -> Law {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join("schemas/law")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = change(&name, std::fs::read_to_string(&path).unwrap());
        files.push((name, text));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    Law::read(&files).unwrap()
}

/// File name and text of every shipped agreement, in the order of names.
pub(crate) fn shipped() -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(root().join("deploy/agreements"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&file).unwrap())
        })
        .collect()
}

pub(crate) fn org(text: &str) -> Organisation {
    text.parse().unwrap()
}

pub(crate) fn key_of(organisation: &Organisation) -> SigningKey {
    SigningKey::from_bytes(&sha256(&organisation.to_string()))
}

pub(crate) fn at(text: &str) -> Instant {
    Instant::parse_rfc3339(text).unwrap()
}

/// A state under construction: each call appends one record, a minute after the one before.
#[derive(Clone)]
pub(crate) struct Log {
    pub state: PolicyState,
    pub clock: Instant,
    keys: std::collections::BTreeSet<Organisation>,
}

impl Log {
    pub fn new() -> Self {
        Self {
            state: PolicyState::new(Arc::new(catalogue())),
            clock: at("2026-01-05T09:00:00Z"),
            keys: Default::default(),
        }
    }

    pub fn say(
        &mut self,
        fact: ControlFact,
    ) -> Result<crate::state::Change, crate::state::Illegal> {
        self.clock = Instant(self.clock.0 + 60_000_000);
        self.state.apply(&ControlRecord {
            offset: self.state.next_offset(),
            appended_at: self.clock,
            idempotency_key: String::new(),
            fact,
        })
    }

    pub fn propose(
        &mut self,
        document: &str,
    ) -> Result<crate::state::Change, crate::state::Illegal> {
        let agreement = Agreement::read(document).unwrap();
        let text = agreement.canonical_text();
        self.say(ControlFact::Agreement(AgreementFact::Proposed(
            AgreementProposed {
                agreement: agreement.id,
                version: agreement.version,
                text_sha256: sha256(&text),
                text,
                by_organisation: org("GSS:E12000007"),
                by: "dpo".to_owned(),
            },
        )))
    }

    pub fn key(&mut self, party: &Organisation) {
        if self.keys.insert(party.clone()) {
            self.say(ControlFact::Agreement(AgreementFact::PartyKey(PartyKey {
                organisation: party.clone(),
                key_id: "k1".to_owned(),
                public_key: key_of(party).verifying_key().to_bytes(),
                active: true,
            })))
            .unwrap();
        }
    }

    pub fn sign(
        &mut self,
        agreement: &str,
        version: u32,
        party: &str,
    ) -> Result<crate::state::Change, crate::state::Illegal> {
        let party = org(party);
        self.key(&party);
        let id = agreement.parse().unwrap();
        let version = walbrook_domain::AgreementVersion(version);
        let hash = self
            .state
            .book()
            .edition(&id, version)
            .map_or([0; 32], |edition| edition.sha256);
        self.say(ControlFact::Agreement(AgreementFact::Signed(
            AgreementSigned {
                agreement: id,
                version,
                signature: key_of(&party).sign(&hash).to_bytes(),
                party,
                key_id: "k1".to_owned(),
                text_sha256: hash,
            },
        )))
    }

    pub fn stand(
        &mut self,
        agreement: &str,
        party: Option<&str>,
        standing: Standing,
    ) -> Result<crate::state::Change, crate::state::Illegal> {
        self.say(ControlFact::Agreement(AgreementFact::Standing(
            StandingChange {
                agreement: agreement.parse().unwrap(),
                version: walbrook_domain::AgreementVersion(1),
                party: party.map(org),
                standing,
                reason: "incident".to_owned(),
                by_organisation: org("GSS:E12000007"),
                by: "dpo".to_owned(),
            },
        )))
    }

    pub fn ground(
        &mut self,
        ground: GroundFact,
    ) -> Result<crate::state::Change, crate::state::Illegal> {
        self.say(ControlFact::Ground(ground))
    }
}

/// A ground with no limits, at the version given.
pub(crate) fn ground(
    handle: Handle,
    kind: GroundKind,
    state: GroundState,
    version: u32,
) -> GroundFact {
    GroundFact {
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
        stated_at: at("2026-01-01T00:00:00Z"),
        by_organisation: org("GSS:E09000007"),
        by: "officer".to_owned(),
    }
}

/// Fields by name.
#[derive(Debug, Default, Clone)]
pub(crate) struct Map(pub BTreeMap<&'static str, FieldValue<'static>>);

impl Fields for Map {
    fn value(&self, name: &str) -> FieldValue<'_> {
        self.0.get(name).cloned().unwrap_or(FieldValue::Absent)
    }
}
