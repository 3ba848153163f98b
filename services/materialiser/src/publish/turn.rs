//! What a member does between two polls of its group: whose rows are delivered now, what changed of them, and a transaction for what changed.

use super::PublishError;
use super::lane::{Change, Given, Lane, Step};
use super::topic::{Topics, of_plain, plain};
use super::write::Disclosure;
use crate::answer::Served;
use crate::audit::Audit;
use crate::board::Board;
use crate::book::{Book, Known as Agreements};
use crate::bound::Through;
use crate::clock;
use crate::metrics::Metrics;
use crate::shelf::Shelf;
use crate::watch::{Marks, Touches};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{Instant, Organisation, Purpose, WorkingCalendar};
use walbrook_eventlog::{LogError, NewRecord, Severity, Transactor};
use walbrook_eventlog_kafka::{KafkaTransactor, Registry};
use walbrook_policy::read::{Delivered, recipients};
use walbrook_runtime::shutdown::Shutdown;
use walbrook_view::delivered::Shape;
use walbrook_view::{BookReading, Reading as _, Viewer, file};

/// People of one transaction.
const MOST_WRITTEN: usize = 500;
/// A dead owner holds readers of the audit log for so long at most.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(2);
const AGREEMENTS_WITHIN: Duration = Duration::from_secs(5);

/// Delivers the rows of one purpose.
pub struct Publisher {
    /// The purpose.
    pub purpose: Purpose,
    /// Its views.
    pub board: Arc<Board>,
    /// The agreements.
    pub book: Arc<Book>,
    /// How disclosures are recorded.
    pub audit: Arc<Audit>,
    /// Where schemas are.
    pub registry: Registry,
    /// Where topics are.
    pub topics: Topics,
    /// Working days.
    pub calendar: WorkingCalendar,
    /// Its numbers.
    pub metrics: Metrics,
    /// For what is asked of the log and the registry.
    pub runtime: tokio::runtime::Handle,
    /// The process stops.
    pub stop: Shutdown,
}

/// A view and an organisation.
type Key = (String, Organisation);
/// Whose rows have a form: in which role, by which view file.
type Form = (Key, String, [u8; 32]);

/// What a member holds of the partitions assigned to it.
#[derive(Default)]
pub struct Owned {
    numbers: BTreeSet<i32>,
    /// Everyone who has, or had, a topic.
    known: BTreeSet<Key>,
    /// Topics that are there as the table says.
    made: BTreeSet<Key>,
    lanes: BTreeMap<(Key, i32), Lane>,
    /// By view and partition.
    writers: BTreeMap<(String, i32), KafkaTransactor>,
    shapes: BTreeMap<Form, (Arc<Shape>, i32)>,
    touched: Option<(Arc<Shelf>, Arc<Touches>)>,
    busy: bool,
}

impl Owned {
    /// Whether nothing waits.
    pub const fn is_idle(&self) -> bool {
        !self.busy
    }
}

/// What a turn goes by.
struct Now {
    agreements: Arc<Agreements>,
    at: Instant,
}

impl Publisher {
    fn views(&self) -> Vec<Arc<Served>> {
        let mut views = self.board.views();
        views.retain(|served| served.view.purpose == self.purpose);
        views
    }

    /// Whether a topic is of one of the purpose's views.
    pub fn is_ours(&self, plain: &str) -> bool {
        let of = of_plain(plain);
        of.is_some_and(|(view, _)| self.views().iter().any(|served| served.view.name == view))
    }

    /// Whether an agreement in force delivers anything.
    pub fn is_wanted(&self) -> bool {
        let (agreements, now) = (self.book.now(), clock::now());
        self.views().iter().any(|served| {
            let of = (&self.purpose, served.view.name.as_str());
            !recipients(&agreements.book, of, now).is_empty()
        })
    }

    /// Begins with an assignment: everything of another member's is read anew.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub fn take_over(&self, numbers: BTreeSet<i32>) -> Result<Owned, PublishError> {
        let found = self.topics.found()?;
        let known = found.iter().filter(|plain| self.is_ours(plain));
        let known: BTreeSet<Key> = known
            .filter_map(|plain| of_plain(plain))
            .map(|(view, organisation)| (view.to_owned(), organisation))
            .collect();
        tracing::info!(purpose = %self.purpose, partitions = ?numbers, "delivers rows of these partitions");
        Ok(Owned {
            numbers,
            known,
            ..Owned::default()
        })
    }

    /// Looks at everything once; a transaction for each lane of which something changed.
    ///
    /// # Errors
    /// When something is not delivered for now; a member that is fenced gives everything up.
    pub fn turn(&self, owned: &mut Owned) -> Result<(), PublishError> {
        owned.busy = false;
        if owned.numbers.is_empty() {
            return Ok(());
        }
        let now = Now {
            agreements: self.book.now(),
            at: clock::now(),
        };
        let marks = self.marks(owned);
        let mut failed = None;
        let mut waits = 0;
        for served in self.views() {
            let of = (&self.purpose, served.view.name.as_str());
            let grants = recipients(&now.agreements.book, of, now.at);
            let mut all: BTreeSet<Organisation> = grants.keys().cloned().collect();
            let known = owned.known.iter();
            all.extend(known.filter(|key| key.0 == of.1).map(|key| key.1.clone()));
            for organisation in all {
                let role = match grants.get(&organisation) {
                    Some(Delivered::To(role)) => Some(role.clone()),
                    Some(Delivered::TwoRoles) | None => None,
                };
                let key = (served.view.name.clone(), organisation);
                owned.known.insert(key.clone());
                for number in owned.numbers.clone() {
                    let of = Of {
                        key: &key,
                        number,
                        served: &served,
                        role: role.as_deref(),
                        marks: marks.get(&number),
                    };
                    match self.lane(owned, &now, &of) {
                        Ok(true) => {}
                        Ok(false) => waits += 1,
                        Err(error) if error.is_fenced() => return Err(error),
                        Err(error) => failed = Some(error),
                    }
                }
            }
        }
        self.metrics.delivery_waits(self.purpose.as_str(), waits);
        failed.map_or(Ok(()), Err)
    }

    /// What was touched since the last turn, of the partitions held; of the others it is forgotten.
    fn marks(&self, owned: &mut Owned) -> BTreeMap<i32, Marks> {
        let Some(shelf) = self.views().first().map(|served| Arc::clone(&served.shelf)) else {
            return BTreeMap::new();
        };
        let same = owned.touched.as_ref();
        if !same.is_some_and(|(before, _)| Arc::ptr_eq(before, &shelf)) {
            owned.touched = Some((Arc::clone(&shelf), shelf.touches()));
            owned.lanes.values_mut().for_each(Lane::forget_ground);
        }
        let Some((_, touches)) = &owned.touched else {
            return BTreeMap::new();
        };
        let numbers = 0..i32::try_from(shelf.partitions().len()).unwrap_or(0);
        let taken = numbers.map(|number| (number, touches.take(number)));
        taken.collect()
    }

    /// One lane: false when it waits for the bound.
    fn lane(&self, owned: &mut Owned, now: &Now, of: &Of<'_>) -> Result<bool, PublishError> {
        let place = (of.key.clone(), of.number);
        let (view, organisation) = of.key;
        let Some(plain) = plain(view, organisation) else {
            let topic = format!("view.{view}.{organisation}");
            return Err(PublishError::Name { topic });
        };
        if !owned.lanes.contains_key(&place) {
            self.open(owned, of, &plain)?;
        }
        let viewer = Viewer {
            organisation: organisation.clone(),
            role: of.role.unwrap_or_default().to_owned(),
            reader: plain.clone(),
        };
        let disputes = of.served.ledger.disputes();
        let given = Given {
            served: of.served,
            number: of.number,
            agreements: &now.agreements,
            viewer: of.role.map(|_| &viewer),
            calendar: &self.calendar,
            now: now.at,
            disputes: &disputes,
        };
        let Some(lane) = owned.lanes.get_mut(&place) else {
            return Ok(true);
        };
        lane.notice(&given, of.marks.unwrap_or(&Marks::default()));
        if lane.is_idle() {
            return Ok(true);
        }
        owned.busy = true;
        // Rows wait for the bound; what ended may leave without it.
        let through = of.served.bound.check(Monotonic::now());
        let allowed = of.served.is_allowed(&now.agreements);
        if of.role.is_some() && (through.is_err() || !allowed) {
            owned.busy = false;
            return Ok(false);
        }
        let step = lane.look(&given, MOST_WRITTEN);
        if step.disagree > 0 {
            self.metrics.integrity();
        }
        if step.changes.is_empty() {
            lane.done(step);
            return Ok(true);
        }
        let looked = (through.ok(), disputes.as_of());
        self.disclose(owned, now, of, (&viewer, &plain), (step, looked))?;
        Ok(true)
    }

    /// Writes what a look found with the record of its disclosure.
    fn disclose(
        &self,
        owned: &mut Owned,
        now: &Now,
        of: &Of<'_>,
        (viewer, plain): (&Viewer, &str),
        (step, (through, reads_next)): (Step, (Option<Through>, i64)),
    ) -> Result<(), PublishError> {
        let view = &of.served.view;
        let (mut shape, mut entitlements) = (None, Vec::new());
        if let Some(role) = of.role {
            shape = Some(self.shape(owned, of, plain, role)?);
            let book = &now.agreements.book;
            entitlements = BookReading::delivered(book, viewer, view, now.at).entitlements();
        }
        let at = self.topics.at(plain, of.number);
        let disclosure = Disclosure {
            served: of.served,
            viewer,
            at: (&at, plain),
            shape: shape.as_ref().map(|(shape, id)| (&**shape, *id)),
            agreements: (&now.agreements, &entitlements),
            now: now.at,
            through: through.map(|through| through.wall),
            reads_next,
        };
        let (mut records, record) = disclosure.records(&step)?;
        records.push(self.audit.read_record(&record, now.at)?);
        let writer = (view.name.clone(), of.number);
        let ready = || self.may_commit(now, of, through);
        match self.write(owned, &writer, records, ready) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => {
                // What became of it is read from the topic by whoever goes on.
                owned.writers.remove(&writer);
                let lost = |place: &(Key, i32)| place.0.0 == view.name && place.1 == of.number;
                owned.lanes.retain(|place, _| !lost(place));
                return Err(error.into());
            }
        }
        self.count(plain, &step);
        if let Some(lane) = owned.lanes.get_mut(&(of.key.clone(), of.number)) {
            lane.done(step);
        }
        Ok(())
    }

    fn count(&self, plain: &str, step: &Step) {
        let rows = |change: &&Change| matches!(change, Change::Row(..));
        let rows = step.changes.iter().filter(rows).count();
        self.metrics
            .delivered(plain, rows, step.changes.len() - rows);
    }

    /// One transaction; false when it was given up because it may not be committed.
    fn write(
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

    /// The last look before rows are visible: no newer agreement, the bound kept, the view still the one that serves.
    fn may_commit(&self, now: &Now, of: &Of<'_>, through: Option<Through>) -> bool {
        let applied = now.agreements.next_offset;
        let asked = self.runtime.block_on(async {
            let end = self.book.end().await.ok()?;
            if end > applied {
                let wait = self.book.applied_through(end);
                let _ = tokio::time::timeout(AGREEMENTS_WITHIN, wait).await;
                return None;
            }
            Some(())
        });
        let fresh = |through| of.served.bound.still(through, Monotonic::now()).is_ok();
        let kept = of.role.is_none() || through.is_some_and(fresh);
        let same_day = clock::now().london_day() == now.at.london_day();
        asked.is_some() && kept && same_day && self.board.serves(of.served)
    }

    /// Takes a topic's partition over: fences whoever wrote before, and reads what stands.
    fn open(&self, owned: &mut Owned, of: &Of<'_>, plain: &str) -> Result<(), PublishError> {
        if !owned.made.contains(of.key) {
            self.runtime.block_on(self.topics.make(plain))?;
            owned.made.insert(of.key.clone());
        }
        let writer = (of.key.0.clone(), of.number);
        if let Entry::Vacant(place) = owned.writers.entry(writer) {
            let id = format!("materialiser.view.{}.{}", of.key.0, of.number);
            let id = self.topics.namespace.name(&id);
            let mut new = self.topics.kafka.transactor(&id, TRANSACTION_TIMEOUT);
            new.init()?;
            place.insert(new);
        }
        let at = self.topics.at(plain, of.number);
        let standing = self.topics.standing(&at, &self.stop)?;
        let place = (of.key.clone(), of.number);
        owned.lanes.insert(place, Lane::new(standing));
        Ok(())
    }

    /// The form of the rows, and its id at the registry.
    fn shape(
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

/// Which lane.
struct Of<'a> {
    key: &'a Key,
    number: i32,
    served: &'a Arc<Served>,
    /// Whose rows; `None`: nothing is delivered.
    role: Option<&'a str>,
    marks: Option<&'a Marks>,
}
