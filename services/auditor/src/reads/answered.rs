//! The rows of one read, computed again.

use std::sync::Arc;

use walbrook_domain::{Instant, Pseudonym};
use walbrook_proto::audit::v1::{AnsweredRow, ReadRecord};
use walbrook_view::condition::Condition;
use walbrook_view::model::Mode;
use walbrook_view::query::Query;
use walbrook_view::reading::BookReading;
use walbrook_view::{Asked, Reading as _, Row, View, order, page};

use super::{ANSWERED, Reads};
use crate::log::Place;
use crate::report::Checked;

/// The record of a read stands this long after the agreements were asked, at most: a materialiser that works on old ones is found.
pub(super) const RECORDED_WITHIN_MICROS: i64 = 600_000_000;
/// How far the clocks of log and materialiser may differ.
pub(super) const CLOCKS_WITHIN_MICROS: i64 = 60_000_000;

/// Of which question the rows of a list are: all but condition, order and page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    viewer: (String, String, String),
    view_sha256: Vec<u8>,
    applied: Vec<(i32, i64)>,
    agreements_next: i64,
    reads_next: i64,
    evaluated_at: Instant,
    read_on: i32,
}

impl Reads<'_> {
    /// The question of a read, asked when its record says.
    pub(super) fn query(
        &mut self,
        place: &Place,
        read: &ReadRecord,
        recorded_at: Instant,
    ) -> Option<Query> {
        let Ok(query) = read.query.parse::<Query>() else {
            self.report.differ(
                "read",
                place,
                "a question that this build can read",
                "another",
            );
            return None;
        };
        self.asked_in_time(place, query.read_at, recorded_at);
        Some(query)
    }

    /// That the agreements were asked when the record was made.
    pub(super) fn asked_in_time(&mut self, place: &Place, read_at: Instant, recorded_at: Instant) {
        let late = recorded_at.micros() - read_at.micros();
        if !(-CLOCKS_WITHIN_MICROS..=RECORDED_WITHIN_MICROS).contains(&late) {
            self.report.differ(
                "read",
                place,
                "agreements asked for when it was put on record",
                read_at.rfc3339(),
            );
        }
    }

    /// Holds entitlement and rows against what follows from the log.
    pub(super) fn answer(
        &mut self,
        place: &Place,
        read: &ReadRecord,
        view: &View,
        (reading, query): (&BookReading<'_>, &Query),
    ) {
        self.entitled(place, read, reading);
        let glass_broken = self.glass(place, read, (reading, query));
        if !read.answered.is_empty() && !view.modes.contains(&Mode::Case) {
            self.report
                .differ("read", place, "a view that is read by rows", "another");
        }
        let evaluated_at = read
            .evaluated_at
            .as_ref()
            .and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
        let Some(evaluated_at) = evaluated_at else {
            self.report
                .differ("read", place, "the instant its rows are stated for", "none");
            return;
        };
        let of_one = matches!(read.operation.as_str(), "GET" | "EXPLAIN");
        let case = read.case_reference.as_ref();
        let calendar = self.calendar.clone();
        let disputes = Arc::clone(&self.disputes);
        self.marked_in_time(place, read, query.read_at);
        let asked = Asked {
            view,
            reading,
            evaluated_at,
            case_named: of_one && case.is_some_and(|case| !case.is_empty()),
            glass_broken,
            disputes: Some(disputes.marks(read.reads_next)),
            calendar: &calendar,
        };
        if let Err(problem) = self.folds.move_to(read, &view.purpose) {
            self.report.differ(
                "read",
                place,
                "applied offsets of the view's own topic",
                problem,
            );
            return;
        }
        match read.operation.as_str() {
            "GET" | "WATCH" => {
                for answered in &read.answered {
                    self.row(place, &asked, answered);
                }
                self.left(place, read, &asked);
            }
            "EXPLAIN" => {
                for answered in &read.answered {
                    self.row(place, &asked, answered);
                    self.explanation(place, read, (&asked, query), answered);
                }
            }
            "LIST" => self.list(place, read, (&asked, query)),
            _ => self.report.differ(
                "read",
                place,
                "GET, LIST, EXPLAIN or WATCH",
                "another operation",
            ),
        }
    }

    pub(super) fn entitled(&mut self, place: &Place, read: &ReadRecord, reading: &BookReading<'_>) {
        let entitled: Vec<String> = reading
            .entitlements()
            .iter()
            .map(|(id, version)| format!("{id}@{version}"))
            .collect();
        let said: Vec<String> = read
            .agreements
            .iter()
            .map(|one| format!("{}@{}", one.agreement_id, one.version))
            .collect();
        let shown = read.outcome == ANSWERED || !read.left.is_empty();
        if shown && entitled.is_empty() {
            self.report.differ(
                "read",
                place,
                "an agreement that names the reader's organisation and role",
                "none in force",
            );
        }
        if shown && said != entitled {
            self.report.differ(
                "read",
                place,
                format!("entitled by {}", entitled.join(", ")),
                said.join(", "),
            );
        }
    }

    pub(super) fn row(&mut self, place: &Place, asked: &Asked<'_>, answered: &AnsweredRow) {
        self.report.count(Checked::Rows, 1);
        let row = Pseudonym::try_from(answered.person_pseudonym.as_slice())
            .ok()
            .and_then(|pseudonym| self.folds.row(asked, &pseudonym));
        match row {
            None => self
                .report
                .differ("row", place, "no row for this viewer", "one was answered"),
            Some(row) if row.sha256().as_slice() == answered.row_sha256 => {
                if row.rests_on.bytes() != answered.events {
                    self.report
                        .differ("row", place, "the events that the row rests on", "others");
                }
            }
            Some(_) => self.report.differ(
                "row",
                place,
                "the row that follows from what was applied",
                "another hash",
            ),
        }
    }

    /// Nobody is told that a row left which stands.
    pub(super) fn left(&mut self, place: &Place, read: &ReadRecord, asked: &Asked<'_>) {
        for person in &read.left {
            let person = Pseudonym::try_from(person.as_slice()).ok();
            if person.is_none_or(|person| self.folds.row(asked, &person).is_some()) {
                self.report.differ(
                    "row",
                    place,
                    "people whose row left",
                    "one whose row stands",
                );
            }
        }
    }

    fn explanation(
        &mut self,
        place: &Place,
        read: &ReadRecord,
        (asked, query): (&Asked<'_>, &Query),
        answered: &AnsweredRow,
    ) {
        self.report.count(Checked::Explanations, 1);
        let person = Pseudonym::try_from(answered.person_pseudonym.as_slice()).ok();
        let explanation =
            person.and_then(|person| self.folds.explanation(asked, &person, &query.columns));
        let decisions = self.decided.shown(read, &answered.person_pseudonym);
        let hash = explanation.map(|explanation| {
            explanation
                .sha256(decisions.iter().map(String::as_str))
                .to_vec()
        });
        if hash.is_none() || hash != answered.explanation_sha256 {
            self.report.differ(
                "explanation",
                place,
                "the events, links and decisions that stand behind the row",
                "another hash",
            );
        }
    }

    /// A list is whole: every row of the page that follows from its question, in order, and no other.
    fn list(&mut self, place: &Place, read: &ReadRecord, (asked, query): (&Asked<'_>, &Query)) {
        if read.outcome == "REFUSED" {
            return;
        }
        let hash = asked.view.sha256;
        let columns = self.columns.get(&hash).cloned().unwrap_or_default();
        let only = match query.only.as_str() {
            "" => None,
            text => match Condition::over_outputs(text, &columns) {
                Ok(condition) => Some(condition),
                Err(_) => {
                    self.report.differ(
                        "read",
                        place,
                        "a condition over the view's columns",
                        "another",
                    );
                    return;
                }
            },
        };
        let Some(rows) = self.rows(place, read, asked, query) else {
            return;
        };
        let chosen = rows
            .iter()
            .filter(|row| only.as_ref().is_none_or(|only| order::holds(only, row)));
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let chosen: Vec<Row> = chosen.cloned().collect();
        let page = page::cut(chosen, &query.order, query.after.as_ref(), limit);
        self.report.count(
            Checked::Rows,
            u64::try_from(read.answered.len()).unwrap_or(u64::MAX),
        );
        let same = page.rows.len() == read.answered.len()
            && page.rows.iter().zip(&read.answered).all(|(row, answered)| {
                answered.person_pseudonym == row.pseudonym.as_bytes()
                    && answered.row_sha256 == row.sha256()
                    && answered.events == row.rests_on.bytes()
            });
        if !same {
            self.report.differ(
                "row",
                place,
                format!("the {} rows that follow from the question", page.rows.len()),
                format!("{} rows, of which not all are those", read.answered.len()),
            );
        }
    }

    /// The rows of everybody within scope, kept for the next page.
    fn rows(
        &mut self,
        place: &Place,
        read: &ReadRecord,
        asked: &Asked<'_>,
        query: &Query,
    ) -> Option<Vec<Row>> {
        let applied = read.applied.iter();
        let listing = Listing {
            viewer: (
                read.organisation.clone(),
                read.role.clone(),
                read.reader.clone(),
            ),
            view_sha256: read.view_sha256.clone(),
            applied: applied
                .map(|one| (one.partition, one.next_offset))
                .collect(),
            agreements_next: read.agreements_next,
            reads_next: read.reads_next,
            evaluated_at: asked.evaluated_at,
            read_on: query.read_at.london_day().0,
        };
        if let Some((of, rows)) = &self.listed
            && *of == listing
        {
            return Some(rows.clone());
        }
        // A viewer without an agreement is shown nobody, and nothing is looked up.
        let rows = if asked.reading.entitlements().is_empty() {
            Ok(Vec::new())
        } else {
            self.folds.rows(asked, &listing.applied)
        };
        match rows {
            Ok(rows) => {
                self.listed = Some((listing, rows.clone()));
                Some(rows)
            }
            Err(problem) => {
                self.report
                    .differ("read", place, "every partition, applied", problem);
                None
            }
        }
    }
}
