//! What an evaluation found, as it may be shown: groups of few people are not.

use super::groups::{self, LEAST};
use super::measure::{Measures, Quality};
use crate::identity::file::Truth;
use crate::table::{numbers, table};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

/// One line of the report: everybody, or a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Kind of group; empty for everybody.
    pub kind: String,
    /// The group.
    pub group: String,
    /// People of it; `None` when the line may not be shown.
    pub shown: Option<Figures>,
}

/// The figures of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// People.
    pub people: u64,
    /// Records.
    pub records: u64,
    /// By pairs of records.
    pub pairs: Measures,
    /// By persons, B-cubed.
    pub persons: Measures,
}

/// The lines: everybody first, then group by group in the order of the kinds asked for.
#[must_use]
pub fn lines(truth: &Truth, found: &[u64], kinds: &[String]) -> Vec<Line> {
    let everybody = counted(truth, |_| true);
    let mut lines = vec![Line {
        kind: String::new(),
        group: "everybody".to_owned(),
        shown: (everybody >= LEAST).then(|| figures(truth, found, |_| true)),
    }];
    for kind in kinds {
        let Some(place) = truth.kinds.iter().position(|known| known == kind) else {
            continue;
        };
        let value = |at: usize| {
            truth
                .groups
                .get(at)
                .and_then(|groups| groups.get(place))
                .map_or("", String::as_str)
        };
        let mut people: BTreeMap<&str, u64> = BTreeMap::new();
        for at in 0..truth.persons.len() {
            people.entry(value(at)).or_default();
        }
        for (group, count) in &mut people {
            *count = counted(truth, |at| value(at) == *group);
        }
        let mut people: Vec<(&str, u64)> = people.into_iter().collect();
        people.sort_by_key(|(group, _)| (first_number(group), *group));
        let counts: Vec<u64> = people.iter().map(|(_, count)| *count).collect();
        for ((group, _), shown) in people.iter().zip(groups::shown(&counts)) {
            lines.push(Line {
                kind: kind.clone(),
                group: if group.is_empty() { "not said" } else { group }.to_owned(),
                shown: shown.then(|| figures(truth, found, |at| value(at) == *group)),
            });
        }
    }
    lines
}

/// The number that a group's name begins with: age bands stand in the order of ages.
fn first_number(group: &str) -> Option<u32> {
    let digits = group.find(|c: char| !c.is_ascii_digit());
    group.get(..digits.unwrap_or(group.len()))?.parse().ok()
}

/// People with a record of those that count.
fn counted(truth: &Truth, counts: impl Fn(usize) -> bool) -> u64 {
    let of = truth
        .persons
        .iter()
        .enumerate()
        .filter(|(at, _)| counts(*at));
    let people: HashSet<u64> = of.map(|(_, person)| *person).collect();
    u64::try_from(people.len()).unwrap_or(u64::MAX)
}

fn figures(truth: &Truth, found: &[u64], counts: impl Fn(usize) -> bool + Clone) -> Figures {
    let records = truth.persons.iter().zip(found).enumerate();
    let people = counted(truth, counts.clone());
    let quality =
        Quality::of(records.map(|(at, (person, cluster))| (*person, *cluster, counts(at))));
    // A share of fewer pairs than this tells of them.
    let enough = |share: Option<f64>, of: u64| share.filter(|_| of >= LEAST);
    let pairs = quality.by_pairs();
    Figures {
        people,
        records: quality.records,
        pairs: Measures {
            precision: enough(pairs.precision, quality.linked_pairs),
            recall: enough(pairs.recall, quality.true_pairs),
            f1: enough(pairs.f1, quality.linked_pairs.min(quality.true_pairs)),
        },
        persons: quality.by_persons(),
    }
}

/// A share in words of this report.
#[must_use]
pub fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
}

/// The table.
#[must_use]
pub fn rendered(lines: &[Line]) -> String {
    let mut rows = table([
        "by",
        "group",
        "people",
        "records",
        "pairs: precision",
        "recall",
        "F1",
        "persons (B³): precision",
        "recall",
        "F1",
    ]);
    numbers(&mut rows, 2..10);
    let mut kind = "";
    for line in lines {
        let first = if line.kind == kind {
            ""
        } else {
            line.kind.as_str()
        };
        kind = &line.kind;
        let mut cells = vec![first.to_owned(), line.group.clone()];
        match &line.shown {
            Some(figures) => {
                cells.extend([figures.people.to_string(), figures.records.to_string()]);
                for measures in [&figures.pairs, &figures.persons] {
                    cells.extend([measures.precision, measures.recall, measures.f1].map(share));
                }
            }
            None => cells.extend(std::iter::repeat_n("not shown".to_owned(), 1)),
        }
        rows.add_row(cells);
    }
    let hidden = lines.iter().any(|line| line.shown.is_none());
    let mut text = format!("{rows}\n");
    if lines.len() > 1 {
        text.push_str("Somebody counts in each group in which they have a record.\n");
    }
    if hidden {
        let _ = writeln!(
            text,
            "Not shown: a group of fewer than {LEAST} people, or one whose figures would tell of such a group when taken from all."
        );
    }
    text
}

/// The same as JSON.
#[must_use]
pub fn json(lines: &[Line], model: &str) -> Json {
    let measures =
        |of: &Measures| json!({ "precision": of.precision, "recall": of.recall, "f1": of.f1 });
    let rows: Vec<Json> = lines
        .iter()
        .map(|line| match &line.shown {
            Some(figures) => json!({
                "kind": line.kind, "group": line.group, "shown": true, "people": figures.people, "records": figures.records,
                "pairs": measures(&figures.pairs), "persons": measures(&figures.persons),
            }),
            None => json!({ "kind": line.kind, "group": line.group, "shown": false }),
        })
        .collect();
    json!({ "model": model, "groups": rows })
}
