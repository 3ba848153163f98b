//! What a list is asked for beside the view: a condition over the cells of rows, and an order.

use crate::condition::Condition;
use crate::known::Known;
use crate::model::View;
use crate::query::After;
use crate::row::Row;
use crate::value::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use walbrook_domain::Pseudonym;
use walbrook_policy::Catalogue;
use walbrook_policy::catalogue::FieldKind;

/// The name that stands for a row's points, hundredths.
pub const POINTS: &str = "points_hundredths";
/// The name that stands for a row's band.
pub const BAND: &str = "band";

/// What conditions and orders may name, with its type: the view's columns, points and band.
pub fn columns(view: &View, catalogue: &Catalogue) -> BTreeMap<String, FieldKind> {
    let field_type = |event_type: &walbrook_domain::EventType, field: u8| {
        let shape = catalogue.event(event_type);
        let field = shape.and_then(|shape| shape.fields.get(usize::from(field)));
        field.map_or(FieldKind::Text, |field| field.kind)
    };
    let outputs: BTreeMap<String, FieldKind> = view
        .features
        .iter()
        .flat_map(|feature| feature.outputs(field_type))
        .collect();
    let shown = view.columns.iter().filter_map(|column| {
        let kind = outputs.get(&column.output)?;
        Some((column.output.clone(), *kind))
    });
    let mut columns: BTreeMap<String, FieldKind> = shown.collect();
    if view.points {
        columns.insert(POINTS.to_owned(), FieldKind::Integer);
        columns.insert(BAND.to_owned(), FieldKind::Text);
    }
    columns
}

/// By what rows are put in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// A column; `None`: by points, most first.
    pub column: Option<String>,
    /// Largest first.
    pub descending: bool,
}

impl Order {
    /// What a row is ordered by; `None`: it has no value there and comes last.
    pub fn key(&self, row: &Row) -> Option<Value> {
        cell(row, self.by())?.value().cloned()
    }

    /// The column whose value a row is ordered by.
    pub fn by(&self) -> &str {
        self.column.as_deref().unwrap_or(POINTS)
    }

    /// Compares two rows by key, then by person: no two people are equal.
    pub fn compare(
        &self,
        (a, a_person): (Option<&Value>, Pseudonym),
        (b, b_person): (Option<&Value>, Pseudonym),
    ) -> Ordering {
        let descending = self.column.is_none() || self.descending;
        let keys = match (a, b) {
            (Some(a), Some(b)) if descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        keys.then(a_person.cmp(&b_person))
    }

    /// Where a page that ends with this row was cut.
    pub fn after(&self, row: &Row) -> After {
        After {
            key: self.key(row),
            pseudonym: row.pseudonym,
        }
    }
}

/// What a row says in a column; `None`: it has no such column, or the role does not see it.
pub fn cell(row: &Row, column: &str) -> Option<Known> {
    match column {
        POINTS => Some(Known::Value(Value::Int(row.points_hundredths))),
        BAND => Some(Known::Value(Value::Text(row.band.as_str().into()))),
        _ => {
            let cell = row.cells.iter().find(|cell| cell.column == column)?;
            Some(cell.known.clone())
        }
    }
}

/// Whether a condition over columns holds for a row. What is not known or not shown never makes it hold.
pub fn holds(condition: &Condition, row: &Row) -> bool {
    let points = Known::Value(Value::Int(row.points_hundredths));
    let band = Known::Value(Value::Text(row.band.as_str().into()));
    condition.holds_by(|name| match name {
        POINTS => Some(&points),
        BAND => Some(&band),
        _ => {
            let mut cells = row.cells.iter();
            cells
                .find(|cell| cell.column == name)
                .map(|cell| &cell.known)
        }
    })
}
