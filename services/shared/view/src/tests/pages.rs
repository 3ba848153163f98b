//! Pages and queries: stable, whole, and read back as written.

use super::support::*;
use crate::page::cut;
use crate::query::{After, Query};
use crate::row::Row;
use walbrook_domain::Instant;

fn row(p: u8, points_hundredths: i64) -> Row {
    Row {
        pseudonym: person(p),
        cells: Vec::new(),
        reasons: Vec::new(),
        points_hundredths,
        band: String::new(),
        sources: Vec::new(),
    }
}

fn after(row: &Row) -> After {
    After {
        points_hundredths: row.points_hundredths,
        pseudonym: row.pseudonym,
    }
}

#[test]
fn pages_join_without_gap_or_overlap_and_stay_in_place_while_rows_change() {
    let rows: Vec<Row> = (0..50).map(|p| row(p, i64::from(p % 7) * 100)).collect();
    for limit in [1, 7, 49, 50, 51] {
        let mut seen = Vec::new();
        let mut from = None;
        loop {
            let page = cut(rows.clone(), from, limit);
            assert_eq!(page.total, 50);
            seen.extend(page.rows);
            if !page.more {
                break;
            }
            from = seen.last().map(after);
        }
        assert_eq!(seen, cut(rows.clone(), None, 100).rows);
    }
    // The row a page ended at has left, and a new one came before it: the next page begins where it would have.
    let first = cut(rows.clone(), None, 10);
    let last = first.rows.last().unwrap().clone();
    let expected = cut(rows.clone(), Some(after(&last)), 10).rows;
    let mut changed: Vec<Row> = rows.into_iter().filter(|row| *row != last).collect();
    changed.push(row(99, 10_000));
    assert_eq!(cut(changed, Some(after(&last)), 10).rows, expected);
}

#[test]
fn a_query_reads_back_as_written_and_nothing_else_does() {
    let query = Query {
        read_at: Instant(1_780_000_000_123_456),
        limit: 50,
        after: Some(After {
            points_hundredths: -150,
            pseudonym: person(9),
        }),
    };
    assert_eq!(query.to_string().parse(), Ok(query));
    let first = Query {
        after: None,
        ..query
    };
    assert_eq!(first.to_string().parse(), Ok(first));
    let text = first.to_string();
    for wrong in [
        String::new(),
        text.replace("v1", "v2"),
        text.replace("limit=50", "limit=x"),
        format!("{text} more"),
        text.replace("after=-", "after=1"),
    ] {
        assert!(wrong.parse::<Query>().is_err(), "{wrong}");
    }
}
