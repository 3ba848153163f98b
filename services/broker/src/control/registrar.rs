//! Schemas registered and pins made: what this build, its view files and its keys are.

use crate::control::journal::{SchemaIds, subject};
use crate::error::StartError;
use futures::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use walbrook_domain::control::{PinFact, PinKind};
use walbrook_domain::{EventType, Purpose};
use walbrook_event::raw::ANY_AGENCY;
use walbrook_eventlog::{Namespace, topics};
use walbrook_eventlog_kafka::{Registry, RegistryError};
use walbrook_policy::Law;
use walbrook_policy::agreement::sha256;
use walbrook_policy::catalogue::{Catalogue, EventShape, SubjectKind};
use walbrook_proto::avro::SubjectOf;
use walbrook_schemas::{codelist, law};

/// Projection rules of this build.
const PROJECTION_RULES: u32 = 1;
/// Id of the first key of a purpose.
const FIRST_KEY_ID: &str = "k1";

/// What agreements and predicates may name: the event types of this build with their code lists, the views of the folder, the open
/// datasets; and the law that proposals are checked against.
///
/// # Errors
/// When a schema or a view file cannot be used.
pub fn catalogue(views: &[ViewFile]) -> Result<Catalogue, StartError> {
    let mut shapes = Vec::new();
    for info in walbrook_proto::records() {
        let Some(event) = &info.event else {
            continue;
        };
        let event_type = EventType::new(event.event_type)
            .map_err(|error| StartError::Shape(error.to_string()))?;
        let subject = match event.subject {
            SubjectOf::Person => SubjectKind::Person,
            SubjectOf::Area => SubjectKind::Area,
            SubjectOf::Open => SubjectKind::Open,
        };
        let shape = EventShape::from_avro(event_type, subject, info.schema)
            .map_err(|error| StartError::Shape(error.to_string()))?;
        shapes.push(shape);
    }
    let mut catalogue = Catalogue::new(shapes);
    for view in views {
        catalogue = catalogue.with_view(&view.name, view.purpose.clone());
    }
    for dataset in topics::DATASETS {
        catalogue = catalogue.with_dataset(dataset);
    }
    for event in walbrook_proto::records()
        .iter()
        .filter_map(|info| info.event)
    {
        let event_type = EventType::new(event.event_type)
            .map_err(|error| StartError::Shape(error.to_string()))?;
        for (field, list) in event.codes {
            let codes = codelist::list(list).into_iter().flat_map(|list| list.codes);
            let codes = codes.map(|code| code.code.to_owned());
            catalogue = catalogue.with_codes(event_type.clone(), field, codes);
        }
    }
    let law = Law::read(&law::FILES).map_err(|error| StartError::Law(error.to_string()))?;
    Ok(catalogue.with_law(law))
}

/// A view file: its text is pinned, and its name and purpose are what agreements refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewFile {
    /// Name of the view.
    pub name: String,
    /// Its purpose.
    pub purpose: Purpose,
    /// The whole text.
    pub text: String,
}

/// Reads every view file of a folder, in the order of file names. What is in them beyond name and purpose is the view crate's.
///
/// # Errors
/// When the folder or a file cannot be read, or a file names no view and purpose.
pub fn view_files(folder: &Path) -> Result<Vec<ViewFile>, StartError> {
    let unusable = |problem: String| StartError::Views {
        folder: folder.to_owned(),
        problem,
    };
    let listed = std::fs::read_dir(folder).map_err(|error| unusable(error.to_string()))?;
    let mut paths = Vec::new();
    for entry in listed {
        let path = entry.map_err(|error| unusable(error.to_string()))?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut views = Vec::with_capacity(paths.len());
    for path in paths {
        let named = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| unusable(format!("{named}: {error}")))?;
        let table: toml::Table = text
            .parse()
            .map_err(|_| unusable(format!("{named} is not TOML")))?;
        let word = |field: &str| {
            table
                .get(field)
                .and_then(toml::Value::as_str)
                .map(str::to_owned)
                .ok_or_else(|| unusable(format!("{named} names no {field}")))
        };
        let purpose = Purpose::new(&word("purpose")?)
            .map_err(|error| unusable(format!("{named}: {error}")))?;
        views.push(ViewFile {
            name: word("name")?,
            purpose,
            text,
        });
    }
    Ok(views)
}

/// The topics (without the namespace) whose subjects hold a record; empty when this build does not know where it stands.
pub fn places(full_name: &str) -> Vec<String> {
    let shared = || {
        topics::PURPOSES
            .iter()
            .map(|purpose| topics::shared(purpose))
            .collect()
    };
    for info in walbrook_proto::records() {
        let Some(event) = &info.event else {
            continue;
        };
        if info.full_name == full_name {
            // What every agency's service takes stands on every raw topic.
            if event.agency == ANY_AGENCY {
                return topics::RAW.map(str::to_owned).to_vec();
            }
            return vec![topics::raw(event.agency)];
        }
        if event.shared_name == full_name {
            return match event.subject {
                SubjectOf::Open => topics::DATASETS
                    .iter()
                    .map(|dataset| topics::open(dataset))
                    .collect(),
                SubjectOf::Person | SubjectOf::Area => shared(),
            };
        }
    }
    let Some((package, name)) = full_name.rsplit_once('.') else {
        return Vec::new();
    };
    match (package, name) {
        ("walbrook.control.v1", "GroundRecorded") => vec![topics::POLICY.to_owned()],
        ("walbrook.control.v1", _) => {
            vec![topics::POLICY.to_owned(), topics::AGREEMENTS.to_owned()]
        }
        ("walbrook.identity.v1", "LinkRecord") => vec![topics::LINKS.to_owned()],
        ("walbrook.identity.v1", "IdentityRecord") => vec![topics::IDENTITY.to_owned()],
        ("walbrook.shared.v1", _) => shared(),
        ("walbrook.audit.v1", "DecisionPage") => vec![topics::DECISIONS.to_owned()],
        (
            "walbrook.audit.v1",
            "ReadRecord" | "OfficerDecision" | "BreakGlassReview" | "Dispute" | "DisputeAnswer",
        ) => vec![topics::READS.to_owned()],
        ("walbrook.audit.v1", "LookupRecord") => vec![topics::LOOKUPS.to_owned()],
        (
            "walbrook.audit.v1",
            "Notice" | "NoticeAcknowledgement" | "NoticeDelivery" | "NoticesComplete",
        ) => vec![topics::NOTICES.to_owned()],
        ("walbrook.audit.v1", "Removal") => vec![topics::REMOVALS.to_owned()],
        ("walbrook.audit.v1", "Checkpoint") => vec![topics::CHECKPOINTS.to_owned()],
        ("walbrook.audit.v1", "Quarantined" | "Resubmission") => topics::RAW
            .iter()
            .map(|raw| topics::quarantine(raw.trim_start_matches("raw.")))
            .collect(),
        _ => Vec::new(),
    }
}

/// Schemas registered side by side. A registry that has just started is slow with each call, and answers several at a time.
const AT_A_TIME: usize = 8;

/// Registers every schema of the frozen files under each of its subjects; looks up before it registers, so doing it again
/// changes nothing. Returns the ids of the newest versions, and the pin of each version.
///
/// # Errors
/// When the registry does not answer or refuses, or a schema has no place.
pub async fn register(
    registry: &Registry,
    namespace: &Namespace,
) -> Result<(SchemaIds, Vec<PinFact>), StartError> {
    let known: BTreeSet<String> = registry.subjects().await?.into_iter().collect();
    let mut of_record: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for schema in walbrook_schemas::all() {
        of_record.entry(schema.full_name).or_default().push(schema);
    }
    let registered = of_record
        .into_values()
        .map(|versions| register_record(registry, namespace, &known, versions));
    let registered: Vec<_> = futures::stream::iter(registered)
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let (mut ids, mut pins) = (SchemaIds::new(), Vec::new());
    for record in registered {
        for pin in record? {
            ids.insert(pin.name.clone(), pin.schema_id);
            pins.push(pin);
        }
    }
    Ok((ids, pins))
}

/// Registers the versions of one record, in their order, under each subject, one after the other: so that the same text gets
/// the same id everywhere.
async fn register_record(
    registry: &Registry,
    namespace: &Namespace,
    known: &BTreeSet<String>,
    versions: Vec<&walbrook_schemas::Schema>,
) -> Result<Vec<PinFact>, StartError> {
    let mut pins = BTreeMap::new();
    for (number, schema) in versions.iter().enumerate() {
        let places = places(schema.full_name);
        if places.is_empty() {
            return Err(StartError::Shape(format!(
                "{} stands on no topic",
                schema.full_name
            )));
        }
        for topic in places {
            let subject = subject(namespace, &topic, schema.full_name);
            let id = if number == 0 && !known.contains(&subject) {
                registry.register_first(&subject, schema.text).await?
            } else {
                registry.register(&subject, schema.text).await?
            };
            let pin = PinFact {
                kind: PinKind::Schema,
                name: schema.full_name.to_owned(),
                schema_id: id,
                sha256: sha256(schema.text),
                content: schema.text.to_owned(),
            };
            pins.insert((schema.version, id), pin);
        }
    }
    Ok(pins.into_values().collect())
}

/// The pins beside schemas: rules, raw topics, code lists, calendar, view files, ids of purpose keys.
pub fn other_pins(views: &[ViewFile]) -> Vec<PinFact> {
    let mut pins = vec![
        pin(
            PinKind::DecisionRules,
            "decision",
            &walbrook_policy::RULES_VERSION.to_string(),
        ),
        pin(
            PinKind::ProjectionRules,
            "projection",
            &PROJECTION_RULES.to_string(),
        ),
        pin(PinKind::RawTopics, "raw", &topics::RAW.join("\n")),
        hashed(
            PinKind::Calendar,
            "bank_holidays_england_and_wales",
            walbrook_schemas::bank_holidays_text(),
        ),
    ];
    for list in walbrook_schemas::codelist::lists() {
        pins.push(hashed(PinKind::CodeList, list.name, list.text));
    }
    for view in views {
        pins.push(pin(PinKind::ViewFile, &view.name, &view.text));
    }
    for purpose in topics::PURPOSES {
        pins.push(pin(PinKind::PurposeKey, purpose, FIRST_KEY_ID));
    }
    pins
}

fn pin(kind: PinKind, name: &str, content: &str) -> PinFact {
    PinFact {
        content: content.to_owned(),
        ..hashed(kind, name, content)
    }
}

/// A pin by hash alone: decisions do not need the content.
fn hashed(kind: PinKind, name: &str, content: &str) -> PinFact {
    PinFact {
        kind,
        name: name.to_owned(),
        schema_id: 0,
        sha256: sha256(content),
        content: String::new(),
    }
}

impl From<RegistryError> for StartError {
    fn from(error: RegistryError) -> Self {
        StartError::Registry(error)
    }
}
