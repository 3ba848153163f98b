//! The return as XML: `EXPSSDA903/CHILD`, in each a `HEADER` with what is told once or nested, and `EPISODE`s. Each child becomes the rows that the
//! CSV tables would have.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::frame::draft::iso_date;
use super::super::frame::row::Cells;
use super::super::frame::xml::{self, Element};
use super::super::frame::{Content, Meter, Row, Rows};
use super::tables::Table;
use crate::Failure;

/// Where the children stand.
const AT: &[&str] = &["EXPSSDA903", "CHILD"];
/// What an element that is no row of any table is counted under.
const OTHER: &str = "other";

/// The rows of a document.
///
/// # Errors
/// When the file cannot be read.
pub fn rows(path: &Path, meter: &Meter) -> Result<Rows, Failure> {
    let mut numbers = Numbers::default();
    let children = xml::rows("child", path, AT, meter)?;
    Ok(Box::new(children.flat_map(move |child| match child {
        Ok(row) => numbers.rows(row).into_iter().map(Ok).collect(),
        Err(failure) => vec![Err(failure)],
    })))
}

/// The number of the newest row of each table.
#[derive(Debug, Default)]
struct Numbers(BTreeMap<&'static str, u64>);

impl Numbers {
    fn row(&mut self, table: &'static str, cells: Vec<(&str, String)>) -> Row {
        let number = self.0.entry(table).or_default();
        *number += 1;
        Row::new(table, *number, Content::Cells(Cells::named(cells)))
    }

    fn rows(&mut self, child: Row) -> Vec<Row> {
        let Some(element) = child.xml() else {
            return vec![child];
        };
        let header = element.child("HEADER").unwrap_or(element);
        let mut own = leaves(header);
        let shared: Vec<_> = own
            .iter()
            .filter(|(name, _)| matches!(*name, "CHILD" | "DOB" | "SEX"))
            .cloned()
            .collect();
        let mut rows = Vec::new();
        let told = |name: &str| header.text_of(name).is_some();
        let nested = [Table::Uasc, Table::Oc3, Table::Ad1];
        let in_header = [told("DUC"), told("IN_TOUCH"), told("DATE_INT")];
        for (table, _) in nested.into_iter().zip(in_header).filter(|(_, told)| *told) {
            rows.push(self.row(table.name(), own.clone()));
        }
        own.retain(|(name, _)| !matches!(*name, "IN_TOUCH" | "ACTIV" | "ACCOM"));
        let mut first = self.row(Table::Header.name(), own);
        first.remarks = child.remarks.clone();
        for remark in &mut first.remarks {
            remark.table = first.table;
            remark.row = first.number;
        }
        rows.insert(0, first);
        let below = header.children.iter();
        let beside = element.children.iter().filter(|one| one.name != "HEADER");
        let whole = std::ptr::eq(header, element);
        for part in below.chain(beside.filter(|_| !whole)) {
            if part.children.is_empty() && table_of(&part.name).is_none() {
                continue;
            }
            let table = table_of(&part.name).map_or(OTHER, Table::name);
            let mut cells = leaves(part);
            cells.extend(shared.iter().cloned());
            rows.push(self.row(table, cells));
        }
        rows
    }
}

/// The cells of an element: its children without children, under the names of the CSV tables.
fn leaves(element: &Element) -> Vec<(&str, String)> {
    let leaves = element.children.iter();
    leaves
        .filter(|leaf| leaf.children.is_empty())
        .map(|leaf| {
            let name = match leaf.name.as_str() {
                "CHILDID" => "CHILD",
                "PL" => "PLACE",
                other => other,
            };
            (name, british(&leaf.text))
        })
        .collect()
}

/// XML's own way to write a date is read too.
fn british(text: &str) -> String {
    match iso_date(text.trim()) {
        Ok(date) if text.trim().len() == 10 => {
            format!("{:02}/{:02}/{:04}", date.day, date.month, date.year)
        }
        _ => text.to_owned(),
    }
}

/// The table of a nested element.
fn table_of(name: &str) -> Option<Table> {
    Some(match name {
        "EPISODE" => Table::Episodes,
        "AREVIEW" => Table::Reviews,
        "AMISSING" => Table::Missing,
        "OC2" => Table::Oc2,
        "OC3" => Table::Oc3,
        "AD1" => Table::Ad1,
        "AD_PLACED" => Table::PlacedAdoption,
        "PERMANENCE" => Table::PreviousPermanence,
        "SW_EPISODE" => Table::SocialWorkers,
        "DOLO" => Table::DoLo,
        _ => return None,
    })
}
