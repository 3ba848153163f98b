//! What one person's page has no value for, in a few lines: a page of forty empty cells hides the ten that say something.

use std::collections::BTreeMap;

use walbrook_proto::view::v1::cell::Value;
use walbrook_proto::view::v1::{Row, ViewShape};

/// Columns that the sources were heard about and have nothing; those that are not known, by why; and what no event says yet.
pub fn gaps(row: &Row, shape: &ViewShape, width: usize) -> Vec<String> {
    let mut nothing = Vec::new();
    let mut unknown: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (cell, column) in row.cells.iter().zip(&shape.columns) {
        match &cell.value {
            None => nothing.push(column.label.as_str()),
            Some(Value::NotKnown(words)) => unknown.entry(words).or_default().push(&column.label),
            Some(_) => {}
        }
    }
    let mut parts = Vec::new();
    if !nothing.is_empty() {
        parts.push(wrapped("Heard of, and nothing on record", &nothing, width));
    }
    for (words, labels) in unknown {
        parts.push(wrapped(&capital(words), &labels, width));
    }
    let not_yet: Vec<&str> = shape.not_yet.iter().map(|one| one.label.as_str()).collect();
    if !not_yet.is_empty() {
        parts.push(wrapped("No event says yet", &not_yet, width));
    }
    parts
}

/// A heading and its labels in lines that fit.
fn wrapped(heading: &str, labels: &[&str], width: usize) -> String {
    let text = format!("{heading}: {}.", labels.join("; "));
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("  {word}")),
            None => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbrook_proto::view::v1::{Cell, Column, NotYet};

    #[test]
    fn what_has_no_value_is_told_by_why_in_lines_that_fit() {
        let names: Vec<String> = (0..30)
            .map(|at| format!("A column with number {at}"))
            .collect();
        let shape = ViewShape {
            columns: names
                .iter()
                .map(|label| Column {
                    label: label.clone(),
                    ..Column::default()
                })
                .collect(),
            not_yet: vec![NotYet {
                label: "School attendance".into(),
                meaning: String::new(),
            }],
            ..ViewShape::default()
        };
        let value = |at: usize| match at {
            0 => Some(Value::Number(1)),
            1..20 => Some(Value::NotKnown("not known since 3 Nov 2026".into())),
            _ => None,
        };
        let row = Row {
            cells: (0..30)
                .map(|at| Cell {
                    column: String::new(),
                    value: value(at),
                    disputed: false,
                })
                .collect(),
            ..Row::default()
        };
        let text = gaps(&row, &shape, 80).join("\n");
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(text.starts_with("Heard of, and nothing on record: A column with number 20;"));
        assert!(text.contains("Not known since 3 Nov 2026: A column with number 1;"));
        assert!(text.ends_with("No event says yet: School attendance."));
        assert!(!text.contains("number 0;"));
    }
}
