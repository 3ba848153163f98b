//! The row that follows from what stands at the source, worked out the slow way: no index, no fold, a list of events and a loop for each cell.

use super::super::rows::{Setting, cell};
use super::super::support::*;
use super::source::{Accepted, City, Kept, TODAY};
use crate::row::Row;
use crate::value::Value;
use crate::{Known, Partition};
use std::collections::{BTreeMap, BTreeSet};

const CAMDEN: &str = "GSS:E09000007";

/// The cells of a row that are worked out here.
type Cells = BTreeMap<&'static str, Option<i64>>;

pub(super) const COLUMNS: [&str; 6] = [
    "contacts_7d",
    "contacts_28d",
    "contacts_365d",
    "bedded_down_365d",
    "days_since_contact",
    "arrears_pence",
];

/// The row of a person for a reader of Camden to whom some agreements are closed; `None`: there is nothing to show.
fn expected((city, kept): (&City, &Kept), person: u8, closed: &[u8]) -> Option<Cells> {
    let known = city.known();
    // Handle 4 is another borough's: alone it makes nobody a subject of Camden's.
    if !known
        .iter()
        .any(|(handle, at)| *at == person && *handle != 4)
    {
        return None;
    }
    let standing = city.standing();
    let of_person = || standing.iter().filter(|(_, (at, ..))| *at == person);
    let replaced: BTreeSet<(u8, u8)> = of_person()
        .filter_map(|((handle, ..), (_, _, one))| Some((*handle, one.of?)))
        .collect();
    let mut events: BTreeMap<(u8, u8), &Accepted> = BTreeMap::new();
    for ((handle, event, a), (_, version, one)) in of_person() {
        let shown = !closed.contains(a) && !kept.is_over(*a, *version, one);
        if shown && !replaced.contains(&(*handle, *event)) {
            events.insert((*handle, *event), one);
        }
    }
    if events.is_empty() {
        return None;
    }
    let contacts = || events.values().filter(|one| one.what.arrears.is_none());
    let within = |days: u16, down: bool| {
        let counted = contacts().filter(|one| one.what.days_ago < days);
        let counted = counted.filter(|one| !down || one.what.bedded_down);
        Some(i64::try_from(counted.count()).unwrap())
    };
    // Of several on one day the one with the highest event number, then the highest handle, counts as the last.
    let arrears = events
        .iter()
        .filter_map(|((handle, event), one)| {
            let ago = std::cmp::Reverse(one.what.days_ago);
            Some(((ago, *event, *handle), one.what.arrears?))
        })
        .max();
    let since = contacts().map(|one| i64::from(one.what.days_ago)).min();
    let cells = [
        within(7, false),
        within(28, false),
        within(365, false),
        within(365, true),
        since,
        arrears.map(|(_, pence)| i64::from(pence)),
    ];
    Some(COLUMNS.into_iter().zip(cells).collect())
}

fn said(row: &Row) -> Cells {
    let number = |column: &str| match cell(row, column) {
        Known::Value(Value::Int(number)) => Some(*number),
        Known::Nothing => None,
        other => panic!("{column} is neither a number nor nothing: {other:?}"),
    };
    COLUMNS.map(|column| (column, number(column))).into()
}

/// Holds every person's row, to a reader whom both agreements name and to readers of one of them, against what must be in it.
pub(super) fn check(
    setting: &mut Setting,
    folded: Vec<Partition>,
    source: (&City, &Kept),
) -> Result<(), String> {
    setting.at = day(TODAY);
    for (number, partition) in folded.into_iter().enumerate() {
        setting.partition = partition;
        for closed in [&[][..], &[0], &[1]] {
            setting.reading.closed = closed.iter().map(|a| super::source::named(*a)).collect();
            let people =
                (1..5u8).filter(|one| usize::from(*one) % super::source::PARTITIONS == number);
            for person in people {
                let row = setting.try_row(person, CAMDEN);
                let row = row.map_err(|error| format!("row of {person}: {error}"))?;
                let (found, must) = (row.as_ref().map(said), expected(source, person, closed));
                if found != must {
                    return Err(format!(
                        "row of {person} without {closed:?}: {found:?} instead of {must:?}"
                    ));
                }
            }
        }
    }
    Ok(())
}
