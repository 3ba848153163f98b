//! Pages and queries: stable, whole, and read back as written.

use super::support::*;
use crate::condition::Condition;
use crate::known::Known;
use crate::order::Order;
use crate::order::{POINTS, holds};
use crate::page::cut;
use crate::query::{After, Query};
use crate::row::{Cell, RestsOn, Row};
use crate::value::Value;
use walbrook_domain::Instant;
use walbrook_policy::catalogue::FieldKind;

fn row(p: u8, points_hundredths: i64) -> Row {
    Row {
        pseudonym: person(p),
        cells: Vec::new(),
        reasons: Vec::new(),
        points_hundredths,
        band: String::new(),
        sources: Vec::new(),
        rests_on: RestsOn::default(),
    }
}

fn by_points() -> Order {
    Order::default()
}

#[test]
fn pages_join_without_gap_or_overlap_and_stay_in_place_while_rows_change() {
    let rows: Vec<Row> = (0..50).map(|p| row(p, i64::from(p % 7) * 100)).collect();
    for limit in [1, 7, 49, 50, 51] {
        let mut seen = Vec::new();
        let mut from = None;
        loop {
            let page = cut(rows.clone(), &by_points(), from.as_ref(), limit);
            assert_eq!(page.total, 50);
            seen.extend(page.rows);
            if !page.more {
                break;
            }
            from = seen.last().map(|row| by_points().after(row));
        }
        assert_eq!(seen, cut(rows.clone(), &by_points(), None, 100).rows);
    }
    // The row a page ended at has left, and a new one came before it: the next page begins where it would have.
    let first = cut(rows.clone(), &by_points(), None, 10);
    let last = first.rows.last().unwrap().clone();
    let last_place = by_points().after(&last);
    let expected = cut(rows.clone(), &by_points(), Some(&last_place), 10).rows;
    let mut changed: Vec<Row> = rows.into_iter().filter(|row| *row != last).collect();
    changed.push(row(99, 10_000));
    assert_eq!(
        cut(changed, &by_points(), Some(&last_place), 10).rows,
        expected
    );
}

fn with_cell(p: u8, known: Known) -> Row {
    Row {
        cells: vec![Cell {
            disputed: false,
            column: "met".into(),
            known,
        }],
        ..row(p, 0)
    }
}

#[test]
fn rows_in_the_order_of_a_column_put_those_without_a_value_last_and_pages_still_join() {
    let number = |number| Known::Value(Value::Int(number));
    let rows = vec![
        with_cell(1, number(3)),
        with_cell(2, Known::NotKnown(None)),
        with_cell(3, number(-1)),
        with_cell(4, Known::Nothing),
        with_cell(5, number(3)),
    ];
    for (descending, expected) in [(false, [3, 1, 5, 2, 4]), (true, [1, 5, 3, 2, 4])] {
        let order = Order {
            column: Some("met".into()),
            descending,
        };
        for limit in 1..=6 {
            let (mut seen, mut from) = (Vec::new(), None);
            loop {
                let page = cut(rows.clone(), &order, from.as_ref(), limit);
                from = page.rows.last().map(|row| order.after(row));
                seen.extend(page.rows.iter().map(|row| row.pseudonym.as_bytes()[0]));
                if !page.more {
                    break;
                }
            }
            assert_eq!(seen, expected, "{limit} a page");
        }
    }
}

#[test]
fn a_condition_over_a_row_never_holds_for_what_is_not_known() {
    let kinds = [("met", FieldKind::Integer), (POINTS, FieldKind::Integer)];
    let kinds = kinds.map(|(name, kind)| (name.to_owned(), kind)).into();
    let over = |text: &str| Condition::over_outputs(text, &kinds).unwrap();
    let (known, unknown) = (
        with_cell(1, Known::Value(Value::Int(3))),
        with_cell(2, Known::NotKnown(None)),
    );
    assert!(holds(&over("met >= 3 and points_hundredths = 0"), &known));
    for text in ["met >= 3", "met < 3", "not (met < 3)"] {
        assert!(!holds(&over(text), &unknown), "{text}");
    }
    assert!(Condition::over_outputs("other = 1", &kinds).is_err());
}

#[test]
fn a_query_reads_back_as_written_and_nothing_else_does() {
    let query = Query {
        read_at: Instant(1_780_000_000_123_456),
        limit: 50,
        after: Some(After {
            key: Some(Value::Int(-150)),
            pseudonym: person(9),
        }),
        order: Order {
            column: Some("band".into()),
            descending: true,
        },
        only: "band = \"HIGH\" or met is absent".into(),
        columns: vec!["met".into(), "a b,c".into()],
    };
    assert_eq!(query.to_string().parse(), Ok(query.clone()));
    let keyless = Query {
        after: Some(After {
            key: None,
            pseudonym: person(9),
        }),
        ..query
    };
    assert_eq!(keyless.to_string().parse(), Ok(keyless));
    let first = Query {
        read_at: Instant(1_780_000_000_123_456),
        limit: 50,
        ..Query::one()
    };
    assert_eq!(first.to_string().parse(), Ok(first.clone()));
    let text = first.to_string();
    for wrong in [
        String::new(),
        text.replace("v1", "v2"),
        text.replace("limit=50", "limit=x"),
        format!("{text} more"),
        text.replace("after=-", "after=1"),
        text.replace("order=-,up", "order=-"),
        text.replace("where=-", "where="),
    ] {
        assert!(wrong.parse::<Query>().is_err(), "{wrong}");
    }
}
