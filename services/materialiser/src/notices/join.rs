//! What fell meets who was shown it.
//!
//! A turn takes everyone of whom something fell, or whose row was newly shown after something had fallen. It begins only when a round of the
//! grounds bound that began later is complete: then the rest of each retraction's transaction is applied too, so what was taken and given back in
//! one step is no notice. After a turn it is stated how far everything has its notice.

use super::book::Through;
use super::causes::{Cause, Causes};
use super::{Notices, NoticesError};
use crate::answer::Reads;
use crate::bound::Bound;
use crate::clock;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::shelf::Shelf;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use uuid::Uuid;
use walbrook_domain::{AgreementId, EventId, Instant, Pseudonym};
use walbrook_eventlog::Reader;
use walbrook_proto::audit::v1::{AppliedOffset, Notice, NoticesComplete, ReadRecord};
use walbrook_proto::common::v1::Date;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_view::notice::{self, DAYS, MOST_READS, To};

const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);
/// A round of the bound that takes longer is not waited for: those concerned come again with the next turn.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);
/// Records of reads held at once: people of one list have one.
const MOST_HELD: usize = 1_000;

/// What fell under one purpose, and what stands now.
pub struct Source {
    /// The purpose.
    pub purpose: String,
    /// The state.
    pub shelf: Arc<Shelf>,
    /// Its bound.
    pub bound: Arc<Bound>,
    /// What fell.
    pub causes: Arc<Causes>,
}

impl Source {
    /// Whether an event of a person stands under an agreement now.
    fn stands(&self, person: &Pseudonym, event: EventId, agreement: &AgreementId) -> bool {
        let Some((_, held)) = self.shelf.of(person) else {
            return false;
        };
        let held = held.read();
        held.state.person(person).is_some_and(|person| {
            let mut all = person.contributions();
            all.any(|one| one.key.event == event && one.key.agreement == *agreement)
        })
    }
}

/// Works notices out.
pub struct Join {
    /// What is on record.
    pub notices: Arc<Notices>,
    /// Who was shown what.
    pub ledger: Arc<Ledger>,
    /// The views served: their files say the days.
    pub reads: Arc<Reads>,
    /// Its numbers.
    pub metrics: Metrics,
    /// The reader of single records, and those read last.
    pub reader: Box<dyn Reader>,
    /// Records of reads by offset.
    pub held: HashMap<i64, Option<Arc<ReadRecord>>>,
}

impl Join {
    /// Runs until shutdown. Blocks; for a thread.
    ///
    /// # Errors
    /// When the log or the store fails for good.
    pub fn run(mut self, stop: &Shutdown) -> Result<(), NoticesError> {
        while !stop.is_requested() {
            match self.turn(stop) {
                Ok(()) => {}
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "notices wait");
                    std::thread::sleep(PAUSE_AFTER_FAILURE);
                }
                Err(error) => return Err(error),
            }
            self.numbers();
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// One turn for each purpose.
    fn turn(&mut self, stop: &Shutdown) -> Result<(), NoticesError> {
        let sources = self.notices.sources();
        let fell = sources.iter().any(|source| source.causes.is_fresh());
        if !fell && !self.ledger.shown().has_come() {
            return Ok(());
        }
        // Whatever was shown until now is named at once, and not in a second record.
        self.ledger.wait_caught_up(stop)?;
        let came = self.ledger.shown().came();
        let mut failed = Ok(());
        for source in sources {
            // Asked before those concerned are: whatever stands below has made itself known by then.
            let applied = source.shelf.applied().borrow().clone();
            let reads_next = self.ledger.next_offset();
            let fresh = source.causes.fresh();
            let began = Monotonic::now();
            self.ledger.shown().wait_for(fresh.iter().copied());
            let people: BTreeSet<Pseudonym> = fresh.union(&came).copied().collect();
            if people.is_empty() {
                continue;
            }
            let through = through(&applied, reads_next);
            if let Err(error) = self.told(&source, (&people, began), &through, stop) {
                source.causes.again(people);
                failed = Err(error);
            }
        }
        failed
    }

    /// Puts on record what these people's readers are to be told.
    fn told(
        &mut self,
        source: &Source,
        (people, began): (&BTreeSet<Pseudonym>, Monotonic),
        through: &Through,
        stop: &Shutdown,
    ) -> Result<(), NoticesError> {
        settled(&source.bound, began, stop)?;
        self.notices.wait_caught_up(stop)?;
        let purpose = source.purpose.clone();
        let before = self.notices.ask(|book| book.through(&purpose));
        let now = self.notices.now();
        let mut notices = Vec::new();
        let mut looked = false;
        for person in people {
            let causes = source.causes.of(person)?;
            looked |= !causes.is_empty();
            notices.extend(self.person(source, person, &causes, &before, now)?);
        }
        if !notices.is_empty() {
            self.notices.records().notices(&notices, now)?;
            self.metrics.notices_written(notices.len());
        }
        if looked && before != *through {
            let topic = walbrook_eventlog::topics::shared(&purpose);
            let said = complete(purpose, &topic, through, now);
            self.notices.records().complete(&said, now)?;
        }
        Ok(())
    }

    /// What one person's readers are to be told and were not.
    fn person(
        &mut self,
        source: &Source,
        person: &Pseudonym,
        causes: &[Cause],
        before: &Through,
        now: Instant,
    ) -> Result<Vec<Notice>, NoticesError> {
        let mut found: BTreeMap<Uuid, Notice> = BTreeMap::new();
        if causes.is_empty() {
            return Ok(Vec::new());
        }
        let shown = self.ledger.shown().of(person)?;
        for cause in causes {
            let (partition, offset, _) = cause;
            let done = before.applied.get(partition);
            let done = done
                .filter(|next| *offset < **next)
                .map_or(0, |_| before.reads_next);
            for (place, applied) in &shown {
                if *place < done || *applied > *offset {
                    continue;
                }
                let Some(read) = self.read(*place)? else {
                    continue;
                };
                if let Some(notice) = self.notice(source, person, cause, &read, now) {
                    add(&mut found, notice);
                }
            }
        }
        let new = |book: &super::Book| {
            found
                .into_iter()
                .filter_map(|(id, notice)| news(book, id, notice))
                .collect()
        };
        Ok(self.notices.ask(new))
    }

    /// What one read's organisation is to be told of one cause.
    fn notice(
        &self,
        source: &Source,
        person: &Pseudonym,
        (partition, offset, fallen): &Cause,
        read: &ReadRecord,
        now: Instant,
    ) -> Option<Notice> {
        let mut rows = read.answered.iter();
        let row = rows.find(|row| row.person_pseudonym == person.as_bytes())?;
        let under = under(read);
        let touched = fallen.touched(&row.events, &under, |event, agreement| {
            source.stands(person, event, agreement)
        });
        if touched.is_empty() {
            return None;
        }
        let to = To {
            view: read.view.clone(),
            organisation: read.organisation.clone(),
            role: read.role.clone(),
        };
        let topic = walbrook_eventlog::topics::shared(&source.purpose);
        let id = notice::id((&topic, *partition, *offset), &to, person);
        let (days, view_sha256) = match self.reads.view(&read.view) {
            Some(served) => (
                served.view.acknowledge_within_days,
                served.view.sha256.to_vec(),
            ),
            // A view that is served no more: its readers still hold what they were shown.
            None => (DAYS, Vec::new()),
        };
        Some(Notice {
            notice_id: id.to_string(),
            organisation: to.organisation,
            role: to.role,
            purpose: read.purpose.clone(),
            view: to.view,
            view_sha256,
            person_pseudonym: person.as_bytes().to_vec(),
            cause: notice::Cause::of(&fallen.reason).word().to_owned(),
            cause_topic: topic,
            cause_partition: *partition,
            cause_offset: *offset,
            event_ids: touched.iter().map(ToString::to_string).collect(),
            read_ids: vec![read.read_id.clone()],
            noticed_at: Some(clock::timestamp(now)),
            due_on: Date::from_days(notice::due_on(now, days).0),
        })
    }

    /// The record of a read, when it is an answer's.
    fn read(&mut self, place: i64) -> Result<Option<Arc<ReadRecord>>, NoticesError> {
        if let Some(read) = self.held.get(&place) {
            return Ok(read.clone());
        }
        let read = self
            .ledger
            .answered(self.reader.as_mut(), place)?
            .map(Arc::new);
        if self.held.len() >= MOST_HELD {
            self.held.clear();
        }
        self.held.insert(place, read.clone());
        Ok(read)
    }

    fn numbers(&self) {
        let now = self.notices.now();
        let (open, overdue) = self.notices.ask(|book| book.open(now));
        self.metrics.notices(open, overdue);
    }
}

/// Waits until a round of the bound that began later is complete.
fn settled(bound: &Bound, began: Monotonic, stop: &Shutdown) -> Result<(), NoticesError> {
    let deadline = began + SETTLES_WITHIN;
    while Monotonic::now() < deadline && !stop.is_requested() {
        let through = bound.check(Monotonic::now());
        if through.is_ok_and(|through| through.monotonic >= began) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(NoticesError::Late)
}

fn through(applied: &[i64], reads_next: i64) -> Through {
    Through {
        applied: (0..).zip(applied.iter().copied()).collect(),
        reads_next,
    }
}

fn complete(purpose: String, topic: &str, through: &Through, now: Instant) -> NoticesComplete {
    let applied = through.applied.iter();
    NoticesComplete {
        purpose,
        applied: applied
            .map(|(partition, next_offset)| AppliedOffset {
                topic: topic.to_owned(),
                partition: *partition,
                next_offset: *next_offset,
            })
            .collect(),
        reads_next: through.reads_next,
        recorded_at: Some(clock::timestamp(now)),
    }
}

/// The agreements that entitled a reader.
fn under(read: &ReadRecord) -> BTreeSet<AgreementId> {
    let agreements = read.agreements.iter();
    agreements
        .filter_map(|agreement| agreement.agreement_id.parse().ok())
        .collect()
}

/// Events and reads of one notice, together.
fn add(found: &mut BTreeMap<Uuid, Notice>, notice: Notice) {
    let Ok(id) = Uuid::parse_str(&notice.notice_id) else {
        return;
    };
    let Some(known) = found.get_mut(&id) else {
        found.insert(id, notice);
        return;
    };
    let events: BTreeSet<String> = known.event_ids.drain(..).chain(notice.event_ids).collect();
    known.event_ids.extend(events);
    if known.read_ids.len() < MOST_READS {
        known.read_ids.extend(notice.read_ids);
    }
}

/// What a notice says that is not on record yet.
fn news(book: &super::Book, id: Uuid, mut notice: Notice) -> Option<Notice> {
    let Some(standing) = book.get(&id) else {
        return Some(notice);
    };
    let known = &standing.notice;
    let more_events = notice
        .event_ids
        .iter()
        .any(|event| !known.event_ids.contains(event));
    notice
        .read_ids
        .retain(|read| !known.read_ids.contains(read));
    let more_reads = !notice.read_ids.is_empty() && known.read_ids.len() < MOST_READS;
    // An addition names a read, so that its ground can be looked up.
    ((more_events || more_reads) && !notice.read_ids.is_empty()).then_some(notice)
}
