//! The table of one count, computed again: cohort mode.

use walbrook_domain::Instant;
use walbrook_policy::agreement::Mode;
use walbrook_policy::state::AgreementBook;
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_view::cohort::{CountQuery, Groups, Table, stated_for};
use walbrook_view::model::Mode as Offered;
use walbrook_view::reading::{BookReading, Viewer};
use walbrook_view::{Asked, Reading as _, View};

use super::{ANSWERED, Reads};
use crate::log::Place;
use crate::report::Checked;

/// The operation of a count.
pub(super) const COUNT: &str = "COUNT";

/// The outcome of a count that was refused; any other was told, if only that every group is small.
const REFUSED: &str = "REFUSED";

impl Reads<'_> {
    /// Holds a count against what follows from the log: no row, a reader whom an agreement names in cohort mode, the month's end, the table's hash.
    pub(super) fn counted(
        &mut self,
        place: &Place,
        read: &ReadRecord,
        view: &View,
        (book, viewer): (&AgreementBook, &Viewer),
        recorded_at: Instant,
    ) {
        let Ok(query) = read.query.parse::<CountQuery>() else {
            return self.report.differ(
                "read",
                place,
                "a question that this build can read",
                "another",
            );
        };
        self.asked_in_time(place, query.read_at, recorded_at);
        if !read.answered.is_empty() || !read.asked.is_empty() || !read.left.is_empty() {
            self.report
                .differ("read", place, "a count without a row", "rows");
        }
        let told = read.outcome != REFUSED;
        if told != read.table_sha256.is_some() {
            self.report.differ(
                "read",
                place,
                "a table's hash where a table was told",
                "another",
            );
        }
        if !told {
            return;
        }
        if !view.modes.contains(&Offered::Cohort) {
            self.report.differ(
                "read",
                place,
                "a view that is read by counts",
                "one that is not",
            );
        }
        let reading = BookReading::in_mode(book, viewer, view, Mode::Cohort, query.read_at);
        self.entitled(place, read, &reading);
        if reading.entitlements().is_empty() {
            return self.report.differ(
                "read",
                place,
                "an agreement that names the reader in cohort mode",
                "none in force",
            );
        }
        let evaluated_at = read
            .evaluated_at
            .as_ref()
            .and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
        let due = stated_for(query.read_at);
        if evaluated_at != Some(due) {
            self.report.differ(
                "read",
                place,
                format!("a table stated for {}", due.rfc3339()),
                "another time",
            );
        }
        let calendar = self.calendar.clone();
        let asked = Asked {
            view,
            reading: &reading,
            evaluated_at: due,
            case_named: false,
            glass_broken: false,
            disputes: None,
            calendar: &calendar,
        };
        self.table(place, read, &asked, &query.by);
    }

    fn table(&mut self, place: &Place, read: &ReadRecord, asked: &Asked<'_>, by: &[String]) {
        if let Err(problem) = self.folds.move_to(read, &asked.view.purpose) {
            return self.report.differ(
                "read",
                place,
                "applied offsets of the view's own topic",
                problem,
            );
        }
        self.report.count(Checked::Rows, 1);
        let applied: Vec<(i32, i64)> = read
            .applied
            .iter()
            .map(|applied| (applied.partition, applied.next_offset))
            .collect();
        let mut groups = Groups::new(&asked.view.cohort);
        if let Err(problem) = self.folds.count(asked, &applied, &mut groups) {
            return self
                .report
                .differ("read", place, "a table over every partition", problem);
        }
        let table = Table::of(&groups, by);
        let (outcome, hash) = (read.outcome.as_str(), table.sha256());
        if table.is_empty() == (outcome == ANSWERED) {
            self.report.differ(
                "read",
                place,
                "ANSWERED when some group is told, EMPTY when none is",
                outcome,
            );
        }
        if read.table_sha256.as_deref() != Some(hash.as_slice()) {
            self.report.differ(
                "read",
                place,
                "the table that follows from what was applied",
                "another hash",
            );
        }
    }
}
