//! What a member holds to write with: a writer for each view and partition, topics as the table says, and the form of rows.

use super::PublishError;
use super::topic::Standings;
use super::turn::{Key, Of, Owned, Publisher};
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;
use walbrook_eventlog::{LogError, NewRecord, Severity, Transactor as _};
use walbrook_eventlog_kafka::KafkaTransactor;
use walbrook_view::delivered::Shape;
use walbrook_view::file;

/// A dead owner holds readers of the audit log for so long at most.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(2);

/// Writes one partition of every topic of a view.
pub struct Writer {
    transactor: KafkaTransactor,
    /// The topics that were there once nobody else could write this partition of them any more.
    found: BTreeSet<String>,
}

impl Publisher {
    /// Takes a topic's partition over: fences whoever wrote before, and reads what stands. A topic that is not there then holds nothing of this
    /// partition; it is made with the first that is written.
    pub(super) fn open(
        &self,
        owned: &mut Owned,
        (key, number): (&Key, i32),
        plain: &str,
    ) -> Result<Standings, PublishError> {
        let writer = (key.0.clone(), number);
        let is_there = match owned.writers.entry(writer) {
            Entry::Occupied(held) => held.get().found.contains(plain),
            Entry::Vacant(place) => {
                let id = format!("materialiser.view.{}.{number}", key.0);
                let id = self.topics.namespace.name(&id);
                let mut transactor = self.topics.kafka.transactor(&id, TRANSACTION_TIMEOUT);
                transactor.init()?;
                let found = self.topics.found()?;
                let is_there = found.contains(plain);
                place.insert(Writer { transactor, found });
                is_there
            }
        };
        if !is_there {
            return Ok(Standings::default());
        }
        self.make(owned, key, plain)?;
        self.topics
            .standing(&self.topics.at(plain, number), &self.stop)
    }

    /// Sees to it that the topic is there, as the table says.
    pub(super) fn make(
        &self,
        owned: &mut Owned,
        key: &Key,
        plain: &str,
    ) -> Result<(), PublishError> {
        if !owned.made.contains(key) {
            self.runtime.block_on(self.topics.make(plain))?;
            owned.made.insert(key.clone());
        }
        Ok(())
    }

    /// One transaction; false when it was given up because it may not be committed.
    pub(super) fn write(
        &self,
        owned: &mut Owned,
        writer: &(String, i32),
        records: Vec<NewRecord>,
        may_commit: impl Fn() -> bool,
    ) -> Result<bool, LogError> {
        let gone = || {
            LogError::new(
                Severity::Fenced,
                "write rows",
                writer.0.as_str(),
                "the partition is another's",
            )
        };
        let writer = owned.writers.get_mut(writer).ok_or_else(gone)?;
        let writer = &mut writer.transactor;
        writer.begin()?;
        for record in records {
            writer.send(record)?;
        }
        writer.drain()?;
        if !may_commit() {
            writer.abort()?;
            return Ok(false);
        }
        writer.commit()?;
        Ok(true)
    }

    /// The form of the rows, and its id at the registry.
    pub(super) fn shape(
        &self,
        owned: &mut Owned,
        of: &Of<'_>,
        plain: &str,
        role: &str,
    ) -> Result<(Arc<Shape>, i32), PublishError> {
        let key = (of.key.clone(), role.to_owned(), of.served.view.sha256);
        if let Some((shape, id)) = owned.shapes.get(&key) {
            return Ok((Arc::clone(shape), *id));
        }
        let shape = Shape::new(&of.served.view, role, &file::catalogue())?;
        let topic = self.topics.namespace.name(plain);
        let subject = format!("{topic}-{}", shape.full_name());
        let asked = self.registry.register(&subject, shape.schema());
        let id = self.runtime.block_on(asked)?;
        let shape = Arc::new(shape);
        owned.shapes.insert(key, (Arc::clone(&shape), id));
        Ok((shape, id))
    }
}
