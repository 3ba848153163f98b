//! People of whom something fell, and the reads that may have shown it: so many as are looked at together.

use super::causes::Cause;
use super::{Book, Through};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;
use walbrook_domain::{AgreementId, Pseudonym};
use walbrook_proto::audit::v1::{AnsweredRow, Notice, ReadRecord};
use walbrook_view::notice::MOST_READS;

/// Reads of people that are gathered before any is read from the log.
const MOST_WANTED: usize = 10_000;

/// A part of those concerned by a turn.
#[derive(Default)]
pub struct Piece {
    /// With what fell of each, and the place from which reads may lack their notice of it.
    people: Vec<(Pseudonym, Vec<(i64, Cause)>)>,
    /// By the place of a read: who was shown in it, by their place in `people`, and the next offset it was computed without.
    wanted: BTreeMap<i64, Vec<(usize, i64)>>,
    /// Entries of `wanted`, and those that were in it before.
    count: usize,
    looked_up: usize,
    /// What is to be told.
    pub found: BTreeMap<Uuid, Notice>,
}

impl Piece {
    /// What is wanted from now on is this person's.
    pub fn person(&mut self, person: Pseudonym, causes: Vec<Cause>, before: &Through) {
        let from = |cause: &Cause| {
            let done = before.applied.get(&cause.0);
            let is_done = done.is_some_and(|next| cause.1 < *next);
            if is_done { before.reads_next } else { 0 }
        };
        let causes = causes.into_iter().map(|cause| (from(&cause), cause));
        self.people.push((person, causes.collect()));
    }

    /// A read that showed the last person, where it lacks a notice for all that is known.
    pub fn want(&mut self, place: i64, applied: i64) {
        let Some((index, (_, causes))) = self.people.iter().enumerate().next_back() else {
            return;
        };
        if causes.iter().any(|cause| concerns(cause, place, applied)) {
            self.wanted.entry(place).or_default().push((index, applied));
            self.count += 1;
        }
    }

    /// Whether so much is wanted that it is to be looked up.
    pub fn wants_much(&self) -> bool {
        self.count >= MOST_WANTED
    }

    /// Whether so much was gathered that it is to be written, once the last person is whole.
    pub fn is_large(&self) -> bool {
        self.count + self.looked_up >= MOST_WANTED || self.people.len() >= MOST_WANTED
    }

    /// What is wanted; from now on nothing is.
    pub fn wanted(&mut self) -> Wanted {
        self.looked_up += std::mem::take(&mut self.count);
        Wanted(std::mem::take(&mut self.wanted))
    }

    /// Hands out everyone concerned by a read, with each of their causes and the row.
    pub fn meet(
        &mut self,
        wanted: &Wanted,
        (place, read): (i64, &ReadRecord),
        notice: impl Fn(&Pseudonym, &Cause, &Shown<'_>) -> Option<Notice>,
    ) {
        let Some(concerned) = wanted.0.get(&place) else {
            return;
        };
        let mut rows = HashMap::new();
        for row in &read.answered {
            rows.entry(row.person_pseudonym.as_slice()).or_insert(row);
        }
        let under = under(read);
        for (index, applied) in concerned {
            let Some((person, causes)) = self.people.get(*index) else {
                continue;
            };
            let Some(row) = rows.get(person.as_bytes().as_slice()) else {
                continue;
            };
            let shown = Shown {
                read,
                row,
                under: &under,
            };
            let causes = causes.iter();
            for (_, cause) in causes.filter(|cause| concerns(cause, place, *applied)) {
                if let Some(notice) = notice(person, cause, &shown) {
                    add(&mut self.found, notice);
                }
            }
        }
    }
}

/// Reads to look up, and whom they concern.
pub struct Wanted(BTreeMap<i64, Vec<(usize, i64)>>);

impl Wanted {
    /// Where they stand, ascending.
    pub fn places(&self) -> Vec<i64> {
        self.0.keys().copied().collect()
    }
}

/// A row that was shown.
pub struct Shown<'r> {
    /// In this read.
    pub read: &'r ReadRecord,
    /// What it rested on.
    pub row: &'r AnsweredRow,
    /// The agreements that entitled the reader.
    pub under: &'r BTreeSet<AgreementId>,
}

/// Whether a read was made before something fell, and lacks its notice for all that is known.
fn concerns((from, (_, offset, _)): &(i64, Cause), place: i64, applied: i64) -> bool {
    place >= *from && applied <= *offset
}

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
pub fn news(book: &Book, id: Uuid, mut notice: Notice) -> Option<Notice> {
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
