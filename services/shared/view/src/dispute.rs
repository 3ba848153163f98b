//! Disputes: somebody who was shown a row says that an event behind a cell is of another person, or wrong. The cell is marked wherever the row is
//! shown and rests on that event, until it is answered. When the event is corrected, taken back, or no longer this person's, nothing rests on it
//! any more, and the mark goes without a word.
//!
//! The fold of what stands on `audit.reads`, by offset, so that a row can be computed again as somebody was shown it.

use crate::state::Person;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use walbrook_domain::{EventId, HandlePseudonym, Pseudonym};
use walbrook_proto::audit::v1::{Dispute, DisputeAnswer};

/// The event is of another person: a reviewer of links decides.
pub const WRONG_PERSON: &str = "WRONG_PERSON";
/// The event says what is wrong: the organisation it is from decides.
pub const WRONG_FACT: &str = "WRONG_FACT";
/// What can be said of an event.
pub const KINDS: [&str; 2] = [WRONG_PERSON, WRONG_FACT];

/// A corrected event was sent: the mark stays while the old one stands.
pub const CORRECTED: &str = "CORRECTED";
/// It was checked and is right: the mark goes.
pub const STANDS: &str = "STANDS";
/// What can be answered.
pub const ANSWERS: [&str; 2] = [CORRECTED, STANDS];

/// Who answers where a reviewer of links kept one.
pub const IDENTITY: &str = "WALBROOK:identity";

/// A cell of whoever holds a record that rests on an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    view: String,
    /// Only while the record is this person's; `None`: whosever it is.
    person: Option<Pseudonym>,
    /// The column.
    pub column: String,
    /// The record, and the event.
    pub handle: HandlePseudonym,
    /// The event.
    pub event: EventId,
    /// The offset of the dispute, and of the answer that ends it.
    from: i64,
    until: Option<i64>,
}

/// One dispute on record.
#[derive(Debug, Clone, PartialEq)]
pub struct Disputed {
    /// What was said.
    pub dispute: Arc<Dispute>,
    /// The record, and the event.
    pub handle: HandlePseudonym,
    /// The event.
    pub event: EventId,
    /// What was answered: the first answer, or the one that ended it.
    pub answer: Option<Arc<DisputeAnswer>>,
}

impl Disputed {
    /// Nobody has answered it.
    pub const fn waits(&self) -> bool {
        self.answer.is_none()
    }
}

/// Every dispute on record.
#[derive(Debug, Clone, Default)]
pub struct Disputes {
    by_id: BTreeMap<String, Disputed>,
    marks: BTreeMap<HandlePseudonym, Vec<(String, Mark)>>,
    /// Which records were touched at which offset.
    touched: Vec<(i64, HandlePseudonym)>,
}

impl Disputes {
    /// Takes in a dispute that stands behind all taken in before. One that names no record and no event is the auditor's to report.
    pub fn dispute(&mut self, dispute: Dispute, offset: i64) {
        let handle = HandlePseudonym::try_from(dispute.handle_pseudonym.as_slice());
        let person = Pseudonym::try_from(dispute.person_pseudonym.as_slice());
        let event: Result<EventId, _> = dispute.event_id.parse();
        let (Ok(handle), Ok(person), Ok(event)) = (handle, person, event) else {
            return;
        };
        let id = dispute.dispute_id.clone();
        if self.by_id.contains_key(&id) {
            return;
        }
        let mark = Mark {
            view: dispute.view.clone(),
            person: (dispute.kind == WRONG_PERSON).then_some(person),
            column: dispute.column.clone(),
            handle,
            event,
            from: offset,
            until: None,
        };
        self.marks
            .entry(handle)
            .or_default()
            .push((id.clone(), mark));
        self.touched.push((offset, handle));
        let disputed = Disputed {
            dispute: Arc::new(dispute),
            handle,
            event,
            answer: None,
        };
        self.by_id.insert(id, disputed);
    }

    /// Takes in an answer. The first counts, but that an event said to be corrected may be said to stand afterwards.
    pub fn answer(&mut self, answer: DisputeAnswer, offset: i64) {
        let Some(disputed) = self.by_id.get_mut(&answer.dispute_id) else {
            return;
        };
        let ended = |one: &Arc<DisputeAnswer>| one.answer == STANDS;
        if disputed.answer.as_ref().is_some_and(ended) {
            return;
        }
        if answer.answer == STANDS {
            self.touched.push((offset, disputed.handle));
            for (id, mark) in self.marks.entry(disputed.handle).or_default() {
                if *id == answer.dispute_id {
                    mark.until = Some(offset);
                }
            }
        }
        disputed.answer = Some(Arc::new(answer));
    }

    /// The offset behind the last that changed a mark.
    pub fn as_of(&self) -> i64 {
        self.touched.last().map_or(0, |(offset, _)| offset + 1)
    }

    /// The records of which marks changed at or behind an offset.
    pub fn touched_since(&self, offset: i64) -> BTreeSet<HandlePseudonym> {
        let from = self.touched.partition_point(|(at, _)| *at < offset);
        let since = self.touched.get(from..).unwrap_or_default();
        since.iter().map(|(_, handle)| *handle).collect()
    }

    /// Offsets at which marks changed, ascending.
    pub fn changes(&self) -> impl Iterator<Item = i64> {
        self.touched.iter().map(|(offset, _)| *offset)
    }

    /// One by its id.
    pub fn get(&self, id: &str) -> Option<&Disputed> {
        self.by_id.get(id)
    }

    /// All, by id.
    pub fn all(&self) -> impl Iterator<Item = &Disputed> {
        self.by_id.values()
    }

    /// The marks as they stood below an offset.
    pub const fn marks(&self, as_of: i64) -> Marks<'_> {
        Marks {
            disputes: self,
            as_of,
        }
    }
}

/// What was disputed below an offset of `audit.reads`.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'a> {
    disputes: &'a Disputes,
    as_of: i64,
}

impl<'a> Marks<'a> {
    /// What is disputed of a person's records in a view.
    pub fn of(&self, view: &str, person: &Person<'_>) -> Vec<&'a Mark> {
        if self.disputes.marks.is_empty() {
            return Vec::new();
        }
        let stands = |mark: &&Mark| {
            mark.view == view
                && mark.person.is_none_or(|one| one == person.pseudonym)
                && mark.from < self.as_of
                && mark.until.is_none_or(|until| until >= self.as_of)
        };
        let of_handle = |handle| self.disputes.marks.get(&handle).into_iter().flatten();
        let marks = person.handles().flat_map(of_handle).map(|(_, mark)| mark);
        marks.filter(stands).collect()
    }
}
