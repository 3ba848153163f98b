//! What the process needs before it can serve: view files, schemas, topics, a restored state.

use crate::audit::SchemaIds;
use crate::damage::unwound;
use crate::error::MaterialiserError;
use crate::follow::SchemaText;
use crate::shelf::Held;
use crate::store::{Store, StoreError};
use crate::versions::{Files, Version, Versions};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use walbrook_domain::{Day, Purpose, WorkingCalendar};
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{Committed, Ends, Namespace, TopicPartition, chain, topics};
use walbrook_eventlog_kafka::{Kafka, Registry};
use walbrook_policy::Catalogue;
use walbrook_proto::audit::v1::{
    BreakGlassReview, Dispute, DisputeAnswer, OfficerDecision, ReadRecord, Removal,
};
use walbrook_proto::avro::AvroRecord;
use walbrook_runtime::process::Context;
use walbrook_runtime::wait;
use walbrook_view::wire::Needs;
use walbrook_view::{View, file};

const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// A view file in use.
#[derive(Debug, Clone)]
pub struct ViewFile {
    /// Its file name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// What it says.
    pub view: View,
    /// The file of this name in the folder is faulty: this is the one before, which goes on.
    pub stands_in: bool,
}

/// The views of a folder, by file name. Where a file is faulty, the one that served under its name goes on; `kept` has those.
///
/// # Errors
/// When the folder or a file cannot be read, a file is faulty and none served in its place, or there is none.
pub fn views(folder: &Path, kept: &Files) -> Result<Vec<ViewFile>, MaterialiserError> {
    let unreadable = |source| MaterialiserError::Folder {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut views = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        let name = path.file_name().unwrap_or_default();
        views.push(view_file(&path, &name.to_string_lossy(), text, kept)?);
    }
    if views.is_empty() {
        return Err(MaterialiserError::NoViews {
            path: folder.to_owned(),
        });
    }
    Ok(views)
}

fn view_file(
    path: &Path,
    name: &str,
    text: String,
    kept: &Files,
) -> Result<ViewFile, MaterialiserError> {
    let catalogue = file::catalogue();
    let made = |text: String, view, stands_in| ViewFile {
        name: name.to_owned(),
        text,
        view,
        stands_in,
    };
    let faults = match file::read(&path.display().to_string(), &text, &catalogue) {
        Ok(view) => return Ok(made(text, view, false)),
        Err(faults) => faults,
    };
    let before = kept.get(name).and_then(|text| {
        let view = file::read(name, text, &catalogue).ok()?;
        Some(made(text.clone(), view, true))
    });
    if before.is_some() {
        tracing::error!(%faults, "the view file is refused, and the one before it goes on; mend it and start the process again");
    }
    before.ok_or_else(|| faults.into())
}

/// The files that served last, of every purpose: what goes on when a new one is faulty.
///
/// # Errors
/// When the disk fails.
pub fn kept(views: &Path) -> Result<Files, MaterialiserError> {
    let mut kept = Files::new();
    let Ok(purposes) = std::fs::read_dir(views) else {
        return Ok(kept);
    };
    for purpose in purposes.flatten().filter(|entry| entry.path().is_dir()) {
        let serving = Versions::open(&purpose.path())?.serving()?;
        kept.extend(
            serving
                .and_then(|version| version.files())
                .unwrap_or_default(),
        );
    }
    Ok(kept)
}

/// The files that served, to go on as they are; `None`: one of them cannot be read by this build.
pub fn stand_ins(kept: &Files) -> Option<Vec<ViewFile>> {
    let catalogue = file::catalogue();
    let read = |(name, text): (&String, &String)| {
        Some(ViewFile {
            name: name.clone(),
            text: text.clone(),
            view: file::read(name, text, &catalogue).ok()?,
            stands_in: true,
        })
    };
    kept.iter().map(read).collect()
}

/// View files by the purpose whose topic they read.
pub fn by_purpose(views: Vec<ViewFile>) -> BTreeMap<Purpose, Vec<ViewFile>> {
    let mut by_purpose: BTreeMap<Purpose, Vec<ViewFile>> = BTreeMap::new();
    for file in views {
        let of = by_purpose.entry(file.view.purpose.clone()).or_default();
        of.push(file);
    }
    by_purpose
}

/// The event types and views that agreements may name.
pub fn catalogue(views: &[ViewFile]) -> Catalogue {
    let mut catalogue = file::catalogue();
    for ViewFile { view, .. } in views {
        catalogue = catalogue.with_view(&view.name, view.purpose.clone());
    }
    for dataset in topics::DATASETS {
        catalogue = catalogue.with_dataset(dataset);
    }
    catalogue
}

/// The fields that views of one purpose need, together.
pub fn needs(files: &[ViewFile]) -> Needs {
    let mut needs = Needs::new();
    for (event_type, mask) in files.iter().flat_map(|file| file.view.needs()) {
        *needs.entry(event_type).or_default() |= mask;
    }
    needs
}

/// What the stored state of a purpose means: with another meaning it is filled again from the log.
pub fn fingerprint(namespace: &Namespace, topic: &str, needs: &Needs) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(walbrook_view::FORMAT.to_be_bytes());
    for part in [namespace.as_str(), topic] {
        hash.update([0]);
        hash.update(part);
    }
    for (event_type, mask) in needs {
        hash.update([0]);
        hash.update(event_type.as_str());
        hash.update(mask.to_be_bytes());
    }
    hash.finalize().into()
}

/// The working days of England and Wales.
pub fn calendar() -> WorkingCalendar {
    WorkingCalendar::new(
        walbrook_schemas::bank_holidays()
            .iter()
            .filter_map(|holiday| {
                let day = holiday.day;
                Day::from_ymd(day.year, day.month.into(), day.day.into())
            }),
    )
}

/// The part of readiness that stands for a purpose.
pub fn part(purpose: &Purpose) -> &'static str {
    match purpose.as_str() {
        "rough-sleeping" => "rough-sleeping",
        "children-in-care" => "children-in-care",
        _ => "purpose",
    }
}

/// The generations of a purpose's topic that partition numbers write to, by what they committed: the oldest and the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// A state begun here has everything that comes after.
    pub oldest: u32,
    /// Nothing is written beyond it.
    pub newest: u32,
}

impl Written {
    /// By the broker group's positions of every p.
    pub fn of(purpose: &str, committed: &[Committed]) -> Self {
        let each = committed.iter().map(|p| {
            let position = p.metadata.parse::<Position>();
            position.map_or(chain::FIRST, |position| position.generations.of(purpose))
        });
        Self {
            oldest: each.clone().min().unwrap_or(chain::FIRST),
            newest: each.max().unwrap_or(chain::FIRST),
        }
    }
}

/// The full name of a generation's topic; `first` is the first one's.
pub fn topic_of(first: &Arc<str>, generation: u32) -> Arc<str> {
    if generation == chain::FIRST {
        return Arc::clone(first);
    }
    format!("{first}.g{generation}").into()
}

/// Opens the store of a version and restores its states, and the generation they were begun in. A store that is ahead of the log belongs to
/// another log and is emptied; a damaged one is deleted, and filled again too.
///
/// # Errors
/// When the disk or the log fails: nothing of the purpose can be served then.
pub fn restore(
    version: &Version,
    fingerprint: &[u8; 32],
    mut ends: impl Ends,
    (shared, written): (&[TopicPartition], Written),
) -> Result<(Store, Vec<Held>, u32), MaterialiserError> {
    let path = version.store();
    let opened = unwound(|| {
        Store::open(&path, fingerprint).and_then(|store| {
            let (held, began_in) = held(&store, shared, written)?;
            Ok((store, held, began_in))
        })
    });
    match opened {
        Some(Ok((store, held, began_in))) => {
            if fits(&held, &mut ends, shared, written)? {
                return Ok((store, held, began_in));
            }
            tracing::warn!(store = %path.display(), "the view store is ahead of the log: it is another log's, and is filled again");
        }
        Some(Err(error)) if error.is_damage() => {
            let cause = walbrook_runtime::status::chain(&error);
            tracing::warn!(store = %path.display(), cause, "the view store is damaged: it is deleted, and filled again from the log");
        }
        None => {
            tracing::warn!(store = %path.display(), "the view store cannot be read: it is deleted, and filled again from the log");
        }
        Some(Err(error)) => return Err(error.into()),
    }
    version.delete_store()?;
    let store = Store::open(&path, fingerprint)?;
    let (held, began_in) = held(&store, shared, written)?;
    Ok((store, held, began_in))
}

/// Whether states stand nowhere behind the end of their partition.
fn fits(
    held: &[Held],
    ends: &mut impl Ends,
    shared: &[TopicPartition],
    written: Written,
) -> Result<bool, MaterialiserError> {
    let places: Vec<(u32, i64)> = held
        .iter()
        .map(|one| chain::split(one.next_offset))
        .collect();
    if places
        .iter()
        .any(|(generation, _)| *generation > written.newest)
    {
        return Ok(false);
    }
    let asked: Vec<TopicPartition> = shared
        .iter()
        .zip(&places)
        .map(|(at, (generation, _))| {
            TopicPartition::new(topic_of(&at.topic, *generation), at.partition)
        })
        .collect();
    let found = ends.high_watermarks(&asked, ENDS_WITHIN)?;
    Ok(places
        .iter()
        .zip(found)
        .all(|((_, offset), end)| *offset <= end))
}

fn held(
    store: &Store,
    shared: &[TopicPartition],
    written: Written,
) -> Result<(Vec<Held>, u32), StoreError> {
    let restored = shared.iter().map(|at| store.restore(at.partition));
    let restored: Vec<_> = restored.collect::<Result<_, StoreError>>()?;
    let is_fresh = restored.iter().all(|(_, next_offset)| *next_offset == 0);
    let began_in = store.began_in(if is_fresh {
        written.oldest
    } else {
        chain::FIRST
    })?;
    let first = chain::position(began_in, 0);
    let each = restored.into_iter().map(|(state, next_offset)| Held {
        state,
        next_offset: next_offset.max(first),
    });
    Ok((each.collect(), began_in))
}

/// Looks schemas up at the registry, from a thread.
pub fn schema_text(registry: Registry) -> SchemaText {
    let runtime = tokio::runtime::Handle::current();
    Box::new(move |id| {
        runtime
            .block_on(registry.schema(id))
            .map_err(|error| error.to_string())
    })
}

/// Registry ids of what the materialiser writes, once the broker has registered them.
///
/// # Errors
/// When they do not come in time.
pub async fn wait_for_schemas(
    context: &Context,
    namespace: &Namespace,
    registry: &Registry,
) -> Result<SchemaIds, MaterialiserError> {
    let id = async |topic: &str, full_name: &str, schema: &str| {
        let subject = format!("{}-{full_name}", namespace.name(topic));
        let what = format!("the schema {subject} at {}", registry.url());
        let lookup = || async {
            match registry.lookup(&subject, schema).await {
                Ok(Some(id)) => Ok(id),
                Ok(None) => Err(
                    "it is not registered yet; the broker registers it when it starts".to_owned(),
                ),
                Err(error) => Err(error.to_string()),
            }
        };
        wait::until(
            &what,
            context.common.start_timeout,
            &context.shutdown,
            lookup,
        )
        .await
    };
    Ok(SchemaIds {
        read: id(topics::READS, ReadRecord::FULL_NAME, ReadRecord::SCHEMA).await?,
        decision: id(
            topics::READS,
            OfficerDecision::FULL_NAME,
            OfficerDecision::SCHEMA,
        )
        .await?,
        review: id(
            topics::READS,
            BreakGlassReview::FULL_NAME,
            BreakGlassReview::SCHEMA,
        )
        .await?,
        dispute: id(topics::READS, Dispute::FULL_NAME, Dispute::SCHEMA).await?,
        answer: id(
            topics::READS,
            DisputeAnswer::FULL_NAME,
            DisputeAnswer::SCHEMA,
        )
        .await?,
        removal: id(topics::REMOVALS, Removal::FULL_NAME, Removal::SCHEMA).await?,
    })
}

/// The topics it reads and writes, as the table demands them.
///
/// # Errors
/// When they are not there in time.
pub async fn wait_for_topics(
    context: &Context,
    namespace: &Namespace,
    kafka: &Kafka,
) -> Result<(), MaterialiserError> {
    let common = &context.common;
    let ours = |plain: &str| {
        plain.starts_with("shared.")
            || [
                topics::AGREEMENTS,
                topics::READS,
                topics::NOTICES,
                topics::REMOVALS,
                topics::LINKS,
                topics::POLICY,
            ]
            .contains(&plain)
    };
    let table: Vec<_> = topics::table(namespace, common.partitions)
        .into_iter()
        .filter(|topic| ours(&topic.plain))
        .collect();
    let what = format!(
        "the topics of {} at {}",
        common.namespace,
        kafka.bootstrap()
    );
    let check = || async {
        let admin = kafka.admin().map_err(|error| error.to_string())?;
        let differences = admin
            .differences(&table, common.kafka.replication, common.kafka.min_insync)
            .await
            .map_err(|error| error.to_string())?;
        match differences.first() {
            None => Ok(()),
            Some(first) => Err(format!(
                "{} {}: wanted {}, found {} (and {} more differences)",
                first.topic,
                first.setting,
                first.wanted,
                first.found,
                differences.len() - 1
            )),
        }
    };
    wait::until(&what, common.start_timeout, &context.shutdown, check).await?;
    Ok(())
}
