//! What a member does between two polls of its group: whose rows are delivered now, what changed of them, and a transaction for what changed.

use super::PublishError;
use super::hold::Writer;
use super::lane::{Change, Given, Lane, Step};
use super::topic::{Topics, of_plain, plain};
use super::write::Disclosure;
use crate::answer::Served;
use crate::audit::Audit;
use crate::board::Board;
use crate::book::{Book, Known as Agreements};
use crate::bound::Through;
use crate::keeping::Clock;
use crate::metrics::Metrics;
use crate::shelf::Shelf;
use crate::watch::{Marks, Touches};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{Instant, Organisation, Purpose, WorkingCalendar};
use walbrook_eventlog_kafka::Registry;
use walbrook_policy::read::{Delivered, recipients};
use walbrook_runtime::shutdown::Shutdown;
use walbrook_view::delivered::Shape;
use walbrook_view::{BookReading, Reading as _, Viewer};

/// People of one transaction.
pub(super) const MOST_WRITTEN: usize = 500;
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
    /// The time.
    pub clock: Clock,
    /// Its numbers.
    pub metrics: Metrics,
    /// For what is asked of the log and the registry.
    pub runtime: tokio::runtime::Handle,
    /// The process stops.
    pub stop: Shutdown,
}

/// A view and an organisation.
pub(super) type Key = (String, Organisation);
/// Whose rows have a form: in which role, by which view file.
type Form = (Key, String, [u8; 32]);

/// What a member holds of the partitions assigned to it.
#[derive(Default)]
pub struct Owned {
    pub(super) numbers: BTreeSet<i32>,
    /// Everyone who has, or had, a topic of any view.
    pub(super) known: BTreeSet<Key>,
    /// Topics that are there as the table says.
    pub(super) made: BTreeSet<Key>,
    pub(super) lanes: BTreeMap<(Key, i32), Lane>,
    /// By view and partition.
    pub(super) writers: BTreeMap<(String, i32), Writer>,
    pub(super) shapes: BTreeMap<Form, (Arc<Shape>, i32)>,
    /// What a view without a file left on its topics is gone from these.
    pub(super) emptied: BTreeSet<(Key, i32)>,
    touched: Option<(Arc<Shelf>, Arc<Touches>)>,
    busy: bool,
}

impl Owned {
    /// Whether nothing waits.
    pub const fn is_idle(&self) -> bool {
        !self.busy
    }

    /// A writer whose last transaction may be there or not: what became of it is read from the topics by whoever goes on.
    pub(super) fn lose(&mut self, writer: &(String, i32)) {
        self.writers.remove(writer);
        let lost = |place: &(Key, i32)| (&place.0.0, place.1) == (&writer.0, writer.1);
        self.lanes.retain(|place, _| !lost(place));
    }
}

/// What a turn goes by.
pub(super) struct Now {
    pub(super) agreements: Arc<Agreements>,
    pub(super) at: Instant,
}

impl Publisher {
    pub(super) fn views(&self) -> Vec<Arc<Served>> {
        let mut views = self.board.views();
        views.retain(|served| served.view.purpose == self.purpose);
        views
    }

    /// Whether a topic is of one of the purpose's views, or of one that nobody computes any more.
    pub fn is_ours(&self, plain: &str) -> bool {
        let Some((view, _)) = of_plain(plain) else {
            return false;
        };
        let serves = self.views().iter().any(|served| served.view.name == view);
        serves || self.is_removed(&self.book.now(), view)
    }

    /// Whether an agreement in force delivers anything.
    pub fn is_wanted(&self) -> bool {
        let (agreements, now) = (self.book.now(), (self.clock)());
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
        let known: BTreeSet<Key> = found
            .iter()
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
            at: (self.clock)(),
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
        match self.empty_removed(owned, &now) {
            Err(error) if error.is_fenced() => return Err(error),
            Err(error) => failed = Some(error),
            Ok(()) => {}
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
            let standing = self.open(owned, (of.key, of.number), &plain)?;
            owned.lanes.insert(place.clone(), Lane::new(standing));
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
        // Rows wait for the bound; what ended or left may leave without it.
        let through = of.served.bound.check(Monotonic::now()).ok();
        let through = through.filter(|_| of.served.is_allowed(&now.agreements));
        let kept = of.role.is_none() || through.is_some();
        if lane.is_idle(kept) {
            return Ok(lane.waits_for_nothing());
        }
        if kept {
            lane.resume();
        } else if !lane.is_whole() {
            return Ok(false);
        }
        owned.busy = true;
        let step = lane.look(&given, MOST_WRITTEN, kept);
        if step.disagree > 0 {
            self.metrics.integrity();
        }
        if step.changes.is_empty() {
            lane.done(step);
            return Ok(kept);
        }
        let looked = (through, disputes.as_of());
        self.disclose(owned, now, of, (&viewer, &plain), (step, looked))?;
        Ok(kept)
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
        let mut changes = step.changes.iter();
        let rows = changes.any(|change| matches!(change, Change::Row(..)));
        if let Some(role) = of.role {
            if rows {
                shape = Some(self.shape(owned, of, plain, role)?);
            }
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
        self.make(owned, of.key, plain)?;
        let writer = (view.name.clone(), of.number);
        let ready = || self.may_commit(now, of, (rows, through));
        match self.write(owned, &writer, records, ready) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => {
                owned.lose(&writer);
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

    /// The last look before rows are visible: no newer agreement, the bound kept, the view still the one that serves.
    fn may_commit(&self, now: &Now, of: &Of<'_>, (rows, through): (bool, Option<Through>)) -> bool {
        let fresh = |through| of.served.bound.still(through, Monotonic::now()).is_ok();
        let kept = !rows || through.is_some_and(fresh);
        self.is_newest(now) && kept && self.board.serves(of.served)
    }

    /// Whether agreements and day are still those that were gone by.
    pub(super) fn is_newest(&self, now: &Now) -> bool {
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
        asked.is_some() && (self.clock)().london_day() == now.at.london_day()
    }
}

/// Which lane.
pub(super) struct Of<'a> {
    pub(super) key: &'a Key,
    number: i32,
    pub(super) served: &'a Arc<Served>,
    /// Whose rows; `None`: nothing is delivered.
    role: Option<&'a str>,
    marks: Option<&'a Marks>,
}
