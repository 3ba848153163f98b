//! Rows as sheets: a list that fits a terminal, one person from top to bottom, and what an answer rests on.

use super::gaps::gaps;
use super::words;
use crate::table::{ruled, table};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use walbrook_proto::view::v1::cell::Value;
use walbrook_proto::view::v1::{AnswerFacts, Cell, Column, Row, SourceFreshness, ViewShape};

/// What a sheet may be wide: a terminal, and a page of paper.
const WIDTH: u16 = 120;
/// What reasons get of it at least.
const SENTENCES: u16 = 44;
/// A blank on either side of a cell.
const PADDING: u16 = 2;
/// Characters of a pseudonym that tell the people of a list apart.
const SHORT: usize = 8;
/// A source all of whose organisations are silent is not spelt out by name beyond this many.
const NAMED: usize = 4;

/// Which columns stand in a list.
pub enum Columns<'a> {
    /// Those the view file marks.
    Listed,
    /// All.
    Wide,
    /// Those named.
    Named(&'a [String]),
}

/// As wide as a page; of cells of several lines where rows are ruled.
pub(super) fn sheet(mut table: Table) -> Table {
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH);
    table
}

/// A list, best fitted to [`WIDTH`]; all columns make it as wide as they are.
pub fn list(rows: &[Row], shape: &ViewShape, columns: &Columns<'_>) -> String {
    let scored = rows.iter().any(|row| !row.band.is_empty());
    let chosen: Vec<&Column> = shape
        .columns
        .iter()
        .filter(|column| match columns {
            Columns::Listed => column.listed,
            Columns::Wide => true,
            Columns::Named(names) => names.contains(&column.name),
        })
        .collect();
    let mut heads = vec!["#".to_owned(), "Person".to_owned()];
    if scored {
        heads.push("Points".to_owned());
    }
    heads.extend(chosen.iter().map(|column| column.label.clone()));
    heads.push(if scored { "Why" } else { "Flags" }.to_owned());
    let mut table = match columns {
        Columns::Wide => table([""; 0]),
        _ => sheet(ruled([""; 0])),
    };
    table.set_header(heads);
    for (number, row) in rows.iter().enumerate() {
        let mut line = vec![(number + 1).to_string(), short(&row.pseudonym)];
        if scored {
            line.push(format!("{} {}", points(row.points_hundredths), row.band));
        }
        let cells: BTreeMap<&str, &Cell> = row
            .cells
            .iter()
            .map(|cell| (cell.column.as_str(), cell))
            .collect();
        line.extend(chosen.iter().map(|column| {
            cells
                .get(column.name.as_str())
                .map_or_else(String::new, |cell| words::cell(cell, Some(column)))
        }));
        line.push(reasons(row, words::NOTHING));
        table.add_row(line);
    }
    if !matches!(columns, Columns::Wide) {
        make_room(&mut table);
    }
    lines(&table)
}

/// Sentences need the room: the other columns wrap first, but never within a word of their heads.
fn make_room(table: &mut Table) {
    let heads: Vec<u16> = table
        .header()
        .into_iter()
        .flat_map(comfy_table::Row::cell_iter)
        .map(|head| {
            let words = head.content();
            let longest = words.split(' ').map(|word| word.chars().count()).max();
            u16::try_from(longest.unwrap_or(0)).unwrap_or(u16::MAX)
        })
        .collect();
    let last = heads.len().saturating_sub(1);
    for (number, (column, head)) in table.column_iter_mut().zip(heads).enumerate() {
        let least = if number == last {
            SENTENCES
        } else {
            head + PADDING
        };
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
    }
}

pub(super) fn reasons(row: &Row, none: &str) -> String {
    if row.reasons.is_empty() {
        return none.to_owned();
    }
    let sentences: Vec<&str> = row
        .reasons
        .iter()
        .map(|reason| reason.sentence.as_str())
        .collect();
    sentences.join("\n")
}

/// One person, from top to bottom: the columns, the reasons, the sources.
pub fn person(row: &Row, facts: &AnswerFacts) -> String {
    let unknown = ViewShape::default();
    let shape = facts.view.as_ref().unwrap_or(&unknown);
    let mut parts = vec![
        shape.title.clone(),
        format!("Person {}", hex::encode(&row.pseudonym)),
    ];
    let mut table = sheet(table([""; 0]));
    table.set_header(["What", "Value", "What it means"]);
    for (cell, column) in row.cells.iter().zip(&shape.columns) {
        if matches!(cell.value, None | Some(Value::NotKnown(_))) {
            continue;
        }
        table.add_row([
            column.label.clone(),
            words::cell(cell, Some(column)),
            column.meaning.clone(),
        ]);
    }
    parts.push(lines(&table));
    parts.extend(gaps(row, shape, usize::from(WIDTH)));
    if row.band.is_empty() {
        parts.push("Flags:".to_owned());
    } else {
        parts.push(format!(
            "{} points, {}:",
            points(row.points_hundredths),
            row.band
        ));
    }
    if row.reasons.is_empty() {
        parts.push("  none".to_owned());
    }
    for reason in &row.reasons {
        let worth = match reason.points_hundredths {
            0 => String::new(),
            hundredths => format!(" ({})", points(hundredths)),
        };
        parts.push(format!("  - {}{worth}", reason.sentence));
    }
    parts.push("Sources of this person:".to_owned());
    parts.push(sources(&row.sources, shape));
    parts.join("\n")
}

/// Sources by what they tell, each organisation that was heard by name, the others by how they stand.
pub fn sources(sources: &[SourceFreshness], shape: &ViewShape) -> String {
    let labels: BTreeMap<&str, &str> = shape
        .sources
        .iter()
        .map(|source| (source.event_type.as_str(), source.label.as_str()))
        .collect();
    let mut by_standing: BTreeMap<(&str, String), BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        let event_type = source.event_type.as_str();
        let label = labels.get(event_type).copied().unwrap_or(event_type);
        by_standing
            .entry((label, words::standing(source)))
            .or_default()
            .insert(words::organisation(&source.organisation));
    }
    let mut table = sheet(table([""; 0]));
    table.set_header(["Source", "From", "How it stands"]);
    for ((label, standing), who) in by_standing {
        let from = if who.len() > NAMED {
            format!("{} organisations", who.len())
        } else {
            who.into_iter().collect::<Vec<_>>().join(", ")
        };
        table.add_row([label.to_owned(), from, standing]);
    }
    lines(&table)
}

/// What an answer rests on, in sentences.
pub fn footing(facts: &AnswerFacts) -> String {
    let mut parts = vec![
        format!(
            "As of {}. Every withdrawal, objection and opt-out up to {} has reached this view.",
            words::instant(facts.evaluated_at.as_ref()),
            words::instant(facts.grounds_applied_through.as_ref()),
        ),
        format!("This read is on record as {}.", facts.read_id),
    ];
    parts.extend(facts.withheld.iter().cloned());
    parts.join("\n")
}

/// Rows and what they rest on, whole, for programs.
pub fn json(rows: &[Row], total: u32, facts: &AnswerFacts) -> Json {
    json!({
        "rows": rows.iter().map(row_json).collect::<Vec<_>>(),
        "total": total,
        "read_id": facts.read_id,
        "evaluated_at": instant_json(facts.evaluated_at.as_ref()),
        "grounds_applied_through": instant_json(facts.grounds_applied_through.as_ref()),
        "withheld": facts.withheld,
        "break_glass": facts.break_glass.as_ref().map(|glass| json!({
            "read_id": glass.read_id,
            "reason": glass.reason,
            "expires_at": instant_json(glass.expires_at.as_ref()),
        })),
        "sources": facts.sources.iter().map(source_json).collect::<Vec<_>>(),
    })
}

pub(super) fn row_json(row: &Row) -> Json {
    let cells: serde_json::Map<String, Json> = row
        .cells
        .iter()
        .map(|cell| (cell.column.clone(), cell_json(cell)))
        .collect();
    let disputed: Vec<&str> = row
        .cells
        .iter()
        .filter(|cell| cell.disputed)
        .map(|cell| cell.column.as_str())
        .collect();
    let reasons: Vec<Json> = row
        .reasons
        .iter()
        .map(|reason| {
            json!({
                "rule": reason.rule_id,
                "sentence": reason.sentence,
                "points_hundredths": reason.points_hundredths,
            })
        })
        .collect();
    json!({
        "person": hex::encode(&row.pseudonym),
        "points_hundredths": row.points_hundredths,
        "band": row.band,
        "cells": cells,
        "disputed": disputed,
        "reasons": reasons,
        "sources": row.sources.iter().map(source_json).collect::<Vec<_>>(),
    })
}

/// A value as it is; what is not known is an object, so that no program takes it for a value or for none.
fn cell_json(cell: &Cell) -> Json {
    match &cell.value {
        None => Json::Null,
        Some(Value::Number(number)) => json!(number),
        Some(Value::Text(text)) => json!(text),
        Some(Value::Flag(flag)) => json!(flag),
        Some(Value::Date(date)) => json!(iso(date)),
        Some(Value::Instant(at)) => instant_json(Some(at)),
        Some(Value::NotKnown(words)) => json!({ "not_known": words }),
    }
}

fn source_json(source: &SourceFreshness) -> Json {
    json!({
        "event_type": source.event_type,
        "organisation": source.organisation,
        "last_heard_on": source.last_heard_on.as_ref().map(iso),
        "statement": source.statement,
    })
}

pub(super) fn iso(date: &walbrook_proto::common::v1::Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

pub(super) fn instant_json(at: Option<&prost_types::Timestamp>) -> Json {
    let at = at.and_then(|at| walbrook_domain::Instant::from_seconds_nanos(at.seconds, at.nanos));
    at.map_or(Json::Null, |at| json!(at.rfc3339()))
}

pub(super) fn short(pseudonym: &[u8]) -> String {
    hex::encode(pseudonym).chars().take(SHORT).collect()
}

/// A table's lines without the blanks that only fill the last column.
pub(super) fn lines(table: &Table) -> String {
    table
        .to_string()
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Hundredths of a point as points.
pub fn points(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    let number = hundredths.unsigned_abs();
    match number % 100 {
        0 => format!("{sign}{}", number / 100),
        rest => format!("{sign}{}.{rest:02}", number / 100),
    }
}

#[cfg(test)]
mod tests;
