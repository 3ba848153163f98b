//! Status as people read it.

use super::{Row, partitions};
use crate::table::{numbers, table};

/// The processes as a table.
pub(in crate::cluster) fn processes(rows: &[Row]) -> String {
    let mut table = table([
        "process",
        "state",
        "pid",
        "serves",
        "metrics and health",
        "log",
    ]);
    for row in rows {
        table.add_row([
            row.name.clone(),
            row.state.to_owned(),
            row.pid.to_string(),
            row.serves.clone(),
            row.metrics.clone().unwrap_or_default(),
            row.log.display().to_string(),
        ]);
    }
    table.to_string()
}

/// The partitions as a table. Counts line up by their last digit.
pub(super) fn partitions(rows: &[partitions::Row], now_ms: i64) -> String {
    let mut table = table([
        "partition",
        "undecided",
        "oldest",
        "policy behind",
        "links behind",
        "to decide again",
        "last page",
        "decided",
    ]);
    numbers(&mut table, 0..7);
    for row in rows {
        let oldest = row.oldest_undecided.as_ref();
        let page = row.last_page.as_ref();
        table.add_row([
            row.partition.to_string(),
            row.lag.to_string(),
            oldest.map_or_else(|| "–".to_owned(), |oldest| span(oldest.age_ms)),
            row.policy_behind.to_string(),
            row.links_behind.to_string(),
            row.to_decide_again.to_string(),
            page.map_or_else(|| "–".to_owned(), |page| page.sequence.to_string()),
            page.map_or_else(
                || "never".to_owned(),
                |page| {
                    format!(
                        "{} ago ({})",
                        span((now_ms - page.decided_at_ms).max(0)),
                        page.kind.to_lowercase()
                    )
                },
            ),
        ]);
    }
    table.to_string()
}

/// A span of time in the unit that says enough.
pub(super) fn span(ms: i64) -> String {
    match ms / 1_000 {
        0 => format!("{ms} ms"),
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds if seconds < 7_200 => format!("{} min", seconds / 60),
        seconds if seconds < 172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
