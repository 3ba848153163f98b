//! The state that a read was answered from: `shared.<purpose>` folded up to the offsets on the read record.

use std::collections::{BTreeMap, HashMap};

use walbrook_domain::control::{ControlFact, ControlRecord, PinKind};
use walbrook_domain::{Day, Instant, Pseudonym, Purpose};
use walbrook_eventlog::{Record, murmur2_partition, topics};
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_view::cohort::Groups;
use walbrook_view::explain::Explanation;
use walbrook_view::left::{left, why};
use walbrook_view::reading::BookReading;
use walbrook_view::wire::{Needs, SharedRecord, SharedSchema, read};
use walbrook_view::{Asked, Input, Partition, Row, page};

use crate::log::{Log, Place, header};

/// One partition's fold and how far it is.
#[derive(Debug, Default)]
struct Fold {
    state: Partition,
    /// Records applied, and the next offset.
    done: usize,
    next: i64,
}

/// The folds of all shared partitions, each moved to where a read had it.
pub struct Folds<'a> {
    log: &'a Log,
    needs: BTreeMap<String, Needs>,
    schemas: HashMap<i32, SharedSchema>,
    folds: BTreeMap<(String, i32), Fold>,
    purpose: String,
}

impl<'a> Folds<'a> {
    /// Nothing applied. `needs` are the fields that views of each purpose need.
    pub fn new(log: &'a Log, needs: BTreeMap<String, Needs>, policy: &[ControlRecord]) -> Self {
        Self {
            log,
            needs,
            schemas: schemas(policy),
            folds: BTreeMap::new(),
            purpose: String::new(),
        }
    }

    /// Moves every partition that a read names to where it was.
    ///
    /// # Errors
    /// In words, when an offset is of another topic, does not exist, or stands behind a record that cannot be read.
    pub fn move_to(&mut self, read: &ReadRecord, purpose: &Purpose) -> Result<(), String> {
        purpose.as_str().clone_into(&mut self.purpose);
        let topic = topics::shared(purpose.as_str());
        for applied in &read.applied {
            if applied.topic != topic && !applied.topic.ends_with(&format!(".{topic}")) {
                return Err("an offset of another topic".to_owned());
            }
            if !self
                .log
                .reaches(&topic, applied.partition, applied.next_offset)
            {
                let place = Place::new(&topic, applied.partition, applied.next_offset);
                return Err(format!("{place} is beyond the end"));
            }
            self.fold(&topic, applied.partition, applied.next_offset)?;
        }
        Ok(())
    }

    fn fold(&mut self, topic: &str, partition: i32, next: i64) -> Result<(), String> {
        let fold = self.folds.entry((topic.to_owned(), partition)).or_default();
        // Another materialiser may be behind the one that answered before.
        if next < fold.next {
            *fold = Fold::default();
        }
        let empty = Needs::new();
        let needs = self.needs.get(&self.purpose).unwrap_or(&empty);
        let mut changes = Vec::new();
        while let Some(record) = self
            .log
            .records(topic, partition)
            .get(fold.done)
            .filter(|record| record.offset < next)
        {
            fold.done += 1;
            let opened = self.log.open(record);
            opened
                .and_then(|opened| {
                    let state = &mut fold.state;
                    apply(state, record, opened, &self.schemas, needs, &mut changes)
                })
                .map_err(|problem| format!("{} cannot be read: {problem}", Place::of(record)))?;
            changes.clear();
        }
        fold.next = next;
        Ok(())
    }

    /// The rows of everyone as asked; every partition must stand where the read had it.
    ///
    /// # Errors
    /// In words, when the read did not look at every partition, or two agreements disagree.
    pub fn rows(&self, asked: &Asked<'_>, applied: &[(i32, i64)]) -> Result<Vec<Row>, String> {
        let topic = topics::shared(&self.purpose);
        let mut rows = Vec::new();
        for number in 0..self.log.partitions(&topic) {
            let fold = self.folds.get(&(topic.clone(), number));
            let fold = fold.filter(|fold| applied.contains(&(number, fold.next)));
            let fold = fold.ok_or_else(|| format!("{topic}[{number}] was not looked at"))?;
            page::collect(asked, &fold.state, None, &mut rows)
                .map_err(|error| error.to_string())?;
        }
        Ok(rows)
    }

    /// Counts everyone as asked; every partition must stand where the read had it.
    ///
    /// # Errors
    /// In words, when the read did not look at every partition, or two agreements disagree.
    pub fn count(
        &self,
        asked: &Asked<'_>,
        applied: &[(i32, i64)],
        groups: &mut Groups<'_>,
    ) -> Result<(), String> {
        let topic = topics::shared(&self.purpose);
        for number in 0..self.log.partitions(&topic) {
            let fold = self.folds.get(&(topic.clone(), number));
            let fold = fold.filter(|fold| applied.contains(&(number, fold.next)));
            let fold = fold.ok_or_else(|| format!("{topic}[{number}] was not looked at"))?;
            groups
                .collect(asked, &fold.state)
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Why a person's row says what it says; `None` when there is nothing to show.
    pub fn explanation(
        &self,
        asked: &Asked<'_>,
        pseudonym: &Pseudonym,
        columns: &[String],
    ) -> Option<Explanation> {
        let state = self.state(pseudonym)?;
        let explained = asked.explain(&state.person(pseudonym)?, columns).ok()?;
        explained.map(|(_, explanation)| explanation)
    }

    fn state(&self, pseudonym: &Pseudonym) -> Option<&Partition> {
        let topic = topics::shared(&self.purpose);
        let partition = murmur2_partition(pseudonym.as_bytes(), self.log.partitions(&topic));
        Some(&self.folds.get(&(topic, partition))?.state)
    }

    /// The last day on which anything of a person may be kept, as agreements have it.
    pub fn keep_until(&self, reading: &BookReading<'_>, pseudonym: &Pseudonym) -> Option<Day> {
        reading.keep_until(&self.state(pseudonym)?.person(pseudonym)?)
    }

    /// Why a person has no row as asked, of whom one stood that was to be kept until a day; `None`: there is one.
    pub fn left(
        &self,
        asked: &Asked<'_>,
        pseudonym: &Pseudonym,
        (until, now): (Option<Day>, Instant),
    ) -> Option<&'static str> {
        let person = self
            .state(pseudonym)
            .and_then(|state| state.person(pseudonym));
        match person.as_ref().map(|person| asked.row(person)) {
            Some(Ok(Some(_))) => None,
            Some(Err(_)) => Some(why::DISAGREE),
            Some(Ok(None)) | None => {
                let lapses = (until, now.london_day());
                Some(left(asked.reading, person.as_ref(), lapses))
            }
        }
    }

    /// A person's row as asked; `None` when there is nothing to show.
    pub fn row(&self, asked: &Asked<'_>, pseudonym: &Pseudonym) -> Option<Row> {
        asked.row(&self.state(pseudonym)?.person(pseudonym)?).ok()?
    }
}

fn apply(
    state: &mut Partition,
    record: &Record,
    opened: (i32, Vec<u8>),
    schemas: &HashMap<i32, SharedSchema>,
    needs: &Needs,
    changes: &mut Vec<walbrook_view::Change>,
) -> Result<(), String> {
    state.apply(input(record, opened, schemas, needs)?, changes);
    Ok(())
}

/// What a record of a shared topic says to a fold.
///
/// # Errors
/// In words, when it cannot be read.
pub(crate) fn input(
    record: &Record,
    (schema_id, body): (i32, Vec<u8>),
    schemas: &HashMap<i32, SharedSchema>,
    needs: &Needs,
) -> Result<Input, String> {
    let shared = SharedRecord {
        key: record.key.as_deref().unwrap_or_default(),
        header: &|name| header(record, name),
        timestamp_ms: record.timestamp_ms,
        body: &body,
        schema: schemas.get(&schema_id),
    };
    read(&shared, needs).map_err(|error| error.to_string())
}

/// Every shared schema that was ever pinned, by its registry id.
pub(crate) fn schemas(policy: &[ControlRecord]) -> HashMap<i32, SharedSchema> {
    let pinned = policy.iter().filter_map(|record| match &record.fact {
        ControlFact::Pin(pin) if pin.kind == PinKind::Schema => {
            Some((pin.schema_id, SharedSchema::parse(&pin.content).ok()?))
        }
        _ => None,
    });
    pinned.collect()
}
