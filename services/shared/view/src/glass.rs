//! Break-glass: one person beyond a reader's scope may be seen for a short time, with a reason of a closed list, and a second person judges it.
//!
//! The fold of what stands on `audit.reads`: the materialiser asks it whether a break-glass holds, the auditor holds each read against it. A
//! break-glass begins with a read whether or not that read found anything: whom it was about shows in nothing but the row.

use std::collections::BTreeMap;
use walbrook_domain::Instant;
use walbrook_proto::audit::v1::{BreakGlassReview, ReadRecord};

/// Why somebody must be seen. What there is to say beyond it stands in the case file.
pub const REASONS: [&str; 4] = [
    "RISK_TO_LIFE",
    "RISK_OF_SERIOUS_HARM",
    "CHILD_AT_RISK",
    "OUT_OF_HOURS_DUTY",
];

/// The second person accepts.
pub const ACCEPTED: &str = "ACCEPTED";
/// The second person objects: it holds no longer.
pub const OBJECTED: &str = "OBJECTED";

/// What may be said of a break-glass, each with the outcome it belongs to.
pub const VERDICTS: [(&str, &str); 5] = [
    (ACCEPTED, "NECESSARY"),
    (ACCEPTED, "NECESSARY_RECORD_INCOMPLETE"),
    (OBJECTED, "NOT_NECESSARY"),
    (OBJECTED, "WRONG_PERSON"),
    (OBJECTED, "NO_SUCH_CASE"),
];

/// A review is overdue after three days.
pub const REVIEWED_WITHIN_MICROS: i64 = 3 * 86_400_000_000;

/// No break-glass holds longer than a day, whatever a process is set to.
pub const MOST_HELD_MICROS: i64 = 86_400_000_000;

/// What a read rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The read that it began with.
    pub read_id: String,
    /// The closed word.
    pub reason: String,
    /// The last instant at which it holds.
    pub until: Instant,
}

/// The judgement of a second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// [`ACCEPTED`] or [`OBJECTED`].
    pub outcome: String,
    /// `sub` of the reviewer.
    pub by: String,
    /// When.
    pub at: Instant,
}

/// One break-glass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glass {
    /// What reads rest on.
    pub held: Held,
    /// The view and the reader's organisation.
    pub of: (String, String),
    /// `sub` of the reader, and the role.
    pub reader: (String, String),
    /// Purpose pseudonym.
    pub person: Vec<u8>,
    /// The case it was broken for.
    pub case_reference: String,
    /// When it was broken.
    pub begun_at: Instant,
    /// The first read showed nothing.
    pub empty: bool,
    /// Reads that rested on it, the first one included.
    pub reads: u32,
    /// What the second person said.
    pub verdict: Option<Verdict>,
}

impl Glass {
    /// Whether it holds at an instant.
    pub fn holds(&self, at: Instant) -> bool {
        at <= self.held.until && !self.ended(at)
    }

    /// Whether a second person had objected by an instant.
    pub fn ended(&self, at: Instant) -> bool {
        self.verdict
            .as_ref()
            .is_some_and(|verdict| verdict.outcome == OBJECTED && verdict.at <= at)
    }

    /// From when on its review is overdue.
    pub const fn review_due_at(&self) -> Instant {
        Instant(
            self.begun_at
                .micros()
                .saturating_add(REVIEWED_WITHIN_MICROS),
        )
    }
}

/// Why a review does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreviewable {
    /// The organisation has no such break-glass in the view.
    #[error("there is no such break-glass of your organisation in this view")]
    Unknown,
    /// The reviewer is the reader.
    #[error("nobody reviews their own break-glass: ask a second person of the organisation")]
    Own,
    /// It was reviewed.
    #[error("it was reviewed already")]
    Reviewed,
}

/// Every break-glass on record.
#[derive(Debug, Clone, Default)]
pub struct Glasses {
    by_read: BTreeMap<String, Glass>,
    /// Those about a person, newest last.
    of_person: BTreeMap<Vec<u8>, Vec<String>>,
}

impl Glasses {
    /// Takes in a read that stands behind all taken in before. A read that was put on record again, because agreements had changed meanwhile,
    /// counts once, as it stands last.
    pub fn read(&mut self, read: &ReadRecord, read_at: Instant) {
        let Some(glass_id) = &read.break_glass_read_id else {
            self.forget(&read.read_id);
            return;
        };
        if read.break_glass_reason.is_none() {
            if let Some(glass) = self.by_read.get_mut(glass_id) {
                glass.reads = glass.reads.saturating_add(1);
            }
            return;
        }
        let until = read.break_glass_until.as_ref();
        let until = until.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
        let (Some(person), Some(until)) = (read.asked.first(), until) else {
            return;
        };
        let glass = Glass {
            held: Held {
                read_id: glass_id.clone(),
                reason: read.break_glass_reason.clone().unwrap_or_default(),
                until,
            },
            of: (read.view.clone(), read.organisation.clone()),
            reader: (read.reader.clone(), read.role.clone()),
            person: person.clone(),
            case_reference: read.case_reference.clone().unwrap_or_default(),
            begun_at: read_at,
            empty: read.answered.is_empty(),
            reads: 1,
            verdict: None,
        };
        let of_person = self.of_person.entry(person.clone()).or_default();
        if !of_person.contains(glass_id) {
            of_person.push(glass_id.clone());
        }
        self.by_read.insert(glass_id.clone(), glass);
    }

    /// A read that asked for one was refused, perhaps after it was on record as begun, under older agreements: the last record counts.
    fn forget(&mut self, read_id: &str) {
        if let Some(glass) = self.by_read.remove(read_id)
            && let Some(ids) = self.of_person.get_mut(&glass.person)
        {
            ids.retain(|id| id != read_id);
        }
    }

    /// Takes in a review; the first one of each counts.
    pub fn review(&mut self, review: &BreakGlassReview, at: Instant) {
        if let Some(glass) = self.by_read.get_mut(&review.read_id)
            && glass.verdict.is_none()
        {
            glass.verdict = Some(Verdict {
                outcome: review.outcome.clone(),
                by: review.reviewer.clone(),
                at,
            });
        }
    }

    /// The break-glass that holds for a reader and a person, the newest of several. The same look whoever is asked about.
    pub fn holding(
        &self,
        (view, organisation): (&str, &str),
        (reader, role): (&str, &str),
        person: &[u8],
        at: Instant,
    ) -> Option<&Held> {
        let named = self.of_person.get(person)?.iter().rev();
        let mut glasses = named.filter_map(|id| self.by_read.get(id));
        let own = |glass: &&Glass| {
            (glass.of.0.as_str(), glass.of.1.as_str()) == (view, organisation)
                && (glass.reader.0.as_str(), glass.reader.1.as_str()) == (reader, role)
        };
        let glass = glasses.find(|glass| own(glass) && glass.holds(at))?;
        Some(&glass.held)
    }

    /// Whether there never was one.
    pub fn is_empty(&self) -> bool {
        self.by_read.is_empty()
    }

    /// The break-glass that began with a read.
    pub fn begun_with(&self, read_id: &str) -> Option<&Glass> {
        self.by_read.get(read_id)
    }

    /// One that a person of an organisation may review.
    ///
    /// # Errors
    /// Why not.
    pub fn reviewable(
        &self,
        (view, organisation): (&str, &str),
        reviewer: &str,
        read_id: &str,
    ) -> Result<&Glass, Unreviewable> {
        let glass = self.by_read.get(read_id);
        let own =
            |glass: &&Glass| (glass.of.0.as_str(), glass.of.1.as_str()) == (view, organisation);
        let glass = glass.filter(own).ok_or(Unreviewable::Unknown)?;
        if glass.reader.0 == reviewer {
            return Err(Unreviewable::Own);
        }
        match glass.verdict {
            Some(_) => Err(Unreviewable::Reviewed),
            None => Ok(glass),
        }
    }

    /// Those of an organisation in a view: what waits first, longest first; then what was reviewed, newest first.
    pub fn of(&self, view: &str, organisation: &str) -> Vec<&Glass> {
        let own =
            |glass: &&Glass| (glass.of.0.as_str(), glass.of.1.as_str()) == (view, organisation);
        let mut own: Vec<&Glass> = self.by_read.values().filter(own).collect();
        own.sort_by_key(|glass| {
            let reviewed_at = glass.verdict.as_ref().map(|verdict| verdict.at);
            (reviewed_at.map(std::cmp::Reverse), glass.begun_at)
        });
        own
    }

    /// All that nobody reviewed.
    pub fn waiting(&self) -> impl Iterator<Item = &Glass> {
        self.by_read
            .values()
            .filter(|glass| glass.verdict.is_none())
    }
}

/// Whether an outcome and its reason are of the closed lists and belong together.
pub fn is_verdict(outcome: &str, reason: &str) -> bool {
    VERDICTS.contains(&(outcome, reason))
}
