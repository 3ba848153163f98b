//! What an audit found: how much was checked, and every difference.

use std::collections::BTreeMap;
use std::fmt;

/// How many differences are kept in full; beyond it they are only counted.
const KEPT: usize = 10_000;

/// What was counted. The order is the order in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// Records of the control plane, folded and checked for legal transitions.
    ControlRecords,
    /// Agreement versions whose canonical text and hash were checked.
    Agreements,
    /// Signatures of parties.
    Signatures,
    /// Link records.
    Links,
    /// Raw records covered by pages.
    RawRecords,
    /// Raw records that no committed page covers yet.
    Undecided,
    /// Past events that are queued to be decided again: in progress, and no difference.
    Queued,
    /// Decision pages.
    Pages,
    /// Decisions derived again, live.
    Decisions,
    /// Decisions derived again after a cause.
    Redecisions,
    /// Releases paired with their permit, headers and body derived again.
    Releases,
    /// Retractions paired with a page, and demanded by its causes.
    Retractions,
    /// Subject records paired with a page and derived again.
    SubjectRecords,
    /// Heartbeats paired with a page.
    Heartbeats,
    /// Records copied to a new generation of a purpose's topic, each held against its source.
    Copies,
    /// Records of open data.
    OpenRecords,
    /// Quarantined records.
    Quarantined,
    /// Quarantined events sent again, each found on the log.
    Resubmissions,
    /// Pseudonyms found one to one with what they stand for.
    Pseudonyms,
    /// Pseudonyms confirmed by identity.
    PseudonymsConfirmed,
    /// Read records.
    Reads,
    /// Rows derived again and hashed.
    Rows,
    /// Explanations of rows derived again and hashed.
    Explanations,
    /// What officers decided, held against the read it refers to.
    OfficerDecisions,
    /// Reads that rest on a break-glass, held against the read that began it.
    BreakGlass,
    /// What second persons said of a break-glass.
    BreakGlassReviews,
    /// Break-glasses that nobody has reviewed.
    BreakGlassWaiting,
    /// Disputes, held against the row they are about.
    Disputes,
    /// Answers to disputes.
    DisputeAnswers,
    /// Disputes that nobody has answered.
    DisputesWaiting,
    /// Rows that were not derived again, because this build lacks their view file.
    RowsNotDerived,
    /// Notices, each with its cause and the reads it names; and acknowledgements and tellings of them.
    Notices,
    /// What fell of shown rows and has no notice yet: in progress, and no difference.
    NoticesOwed,
    /// Rows and tombstones on topics of organisations, each with its disclosure.
    Delivered,
    /// Removal records.
    Removals,
    /// Signed tree heads whose root was computed again.
    Checkpoints,
}

impl Checked {
    /// Words for the table.
    pub const fn label(self) -> &'static str {
        match self {
            Checked::ControlRecords => "control records",
            Checked::Agreements => "agreements",
            Checked::Signatures => "signatures",
            Checked::Links => "link records",
            Checked::RawRecords => "raw records decided",
            Checked::Undecided => "raw records not decided yet",
            Checked::Queued => "past events not decided again yet",
            Checked::Pages => "decision pages",
            Checked::Decisions => "decisions",
            Checked::Redecisions => "decisions taken again",
            Checked::Releases => "releases",
            Checked::Retractions => "retractions",
            Checked::SubjectRecords => "subject records",
            Checked::Heartbeats => "heartbeats",
            Checked::Copies => "records copied to a new generation",
            Checked::OpenRecords => "open records",
            Checked::Quarantined => "quarantined records",
            Checked::Resubmissions => "quarantined events sent again",
            Checked::Pseudonyms => "pseudonyms one to one",
            Checked::PseudonymsConfirmed => "pseudonyms confirmed by identity",
            Checked::Reads => "reads",
            Checked::Rows => "rows",
            Checked::Explanations => "explanations",
            Checked::OfficerDecisions => "decisions of officers",
            Checked::BreakGlass => "reads under break-glass",
            Checked::BreakGlassReviews => "reviews of break-glass",
            Checked::BreakGlassWaiting => "break-glasses not reviewed yet",
            Checked::Disputes => "disputes",
            Checked::DisputeAnswers => "answers to disputes",
            Checked::DisputesWaiting => "disputes not answered yet",
            Checked::RowsNotDerived => "rows not derived",
            Checked::Notices => "notices, told and acknowledged",
            Checked::NoticesOwed => "notices not written yet",
            Checked::Delivered => "rows delivered to topics",
            Checked::Removals => "removals",
            Checked::Checkpoints => "checkpoints",
        }
    }
}

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// The check that found it, for example `page`.
    pub check: &'static str,
    /// Where: topic, partition and offset, or an agreement.
    pub place: String,
    /// What must stand there. No personal data.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: expected {}, found {}",
            self.check, self.place, self.expected, self.found
        )
    }
}

/// Something that people owe and the log cannot be wrong about: it is listed, and is no difference.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Owed {
    /// What is owed, for example `review of a break-glass`.
    pub what: &'static str,
    /// Who owes it: an organisation.
    pub by: String,
    /// What it is about, by an id.
    pub about: String,
    /// Whole hours since it was begun.
    pub age_hours: i64,
    /// It is later than it may be.
    pub overdue: bool,
}

/// An audit's result.
#[derive(Debug, Clone, Default)]
pub struct Report {
    counts: BTreeMap<Checked, u64>,
    differences: Vec<Difference>,
    difference_count: u64,
    owed: Vec<Owed>,
}

impl Report {
    /// Counts `count` more of what was checked.
    pub fn count(&mut self, what: Checked, count: u64) {
        *self.counts.entry(what).or_default() += count;
    }

    /// Adds a difference.
    pub fn differ(
        &mut self,
        check: &'static str,
        place: impl fmt::Display,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) {
        self.difference_count += 1;
        if self.differences.len() < KEPT {
            self.differences.push(Difference {
                check,
                place: place.to_string(),
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
    }

    /// Adds what somebody owes.
    pub fn owe(&mut self, owed: Owed) {
        self.owed.push(owed);
    }

    /// What people owe, the oldest first.
    pub fn owed(&self) -> &[Owed] {
        &self.owed
    }

    /// Adds a difference unless the two are equal.
    pub fn equal<T: PartialEq + fmt::Display>(
        &mut self,
        check: &'static str,
        place: impl fmt::Display,
        expected: T,
        found: T,
    ) {
        if expected != found {
            self.differ(check, place, expected, found);
        }
    }

    /// How many were checked.
    pub fn checked(&self, what: Checked) -> u64 {
        self.counts.get(&what).copied().unwrap_or(0)
    }

    /// All counts, in the table's order.
    pub fn counts(&self) -> impl Iterator<Item = (Checked, u64)> {
        self.counts.iter().map(|(what, count)| (*what, *count))
    }

    /// The differences kept, in the order they were found.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// How many differences there are, kept or not.
    pub const fn difference_count(&self) -> u64 {
        self.difference_count
    }

    /// True when there is no difference.
    pub const fn is_clean(&self) -> bool {
        self.difference_count == 0
    }

    /// The report as JSON: `{"counts": {…}, "differences": [{check, place, expected, found}], "difference_count": n, "owed": [{what, by, about,
    /// age_hours, overdue}]}`.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "counts": self.counts.iter().map(|(what, count)| (what.label().replace(' ', "_"), *count)).collect::<BTreeMap<_, _>>(),
            "differences": self.differences,
            "difference_count": self.difference_count,
            "owed": self.owed,
        })
    }
}
