//! The tables of the return, as they stand in a folder.

use crate::{Exit, Failure};
use std::collections::BTreeMap;
use std::path::Path;

/// A table of the return (DfE, SSDA903 guide; the file names are those of the open validator).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Who the children are.
    Header,
    /// Episodes of care.
    Episodes,
    /// Reviews held.
    Reviews,
    /// Unaccompanied asylum seekers.
    Uasc,
    /// Health outcomes.
    Oc2,
    /// Care leavers.
    Oc3,
    /// Adoption.
    Ad1,
    /// Placed for adoption.
    PlacedAdoption,
    /// Previous permanence.
    PreviousPermanence,
    /// Missing periods.
    Missing,
    /// Social workers.
    SocialWorkers,
    /// Deprivation of liberty orders.
    DoLo,
}

impl Table {
    /// Every table.
    pub const ALL: [Table; 12] = [
        Table::Header,
        Table::Episodes,
        Table::Reviews,
        Table::Uasc,
        Table::Oc2,
        Table::Oc3,
        Table::Ad1,
        Table::PlacedAdoption,
        Table::PreviousPermanence,
        Table::Missing,
        Table::SocialWorkers,
        Table::DoLo,
    ];

    /// The file's name.
    pub const fn file(self) -> &'static str {
        match self {
            Table::Header => "header.csv",
            Table::Episodes => "episodes.csv",
            Table::Reviews => "reviews.csv",
            Table::Uasc => "uasc.csv",
            Table::Oc2 => "oc2.csv",
            Table::Oc3 => "oc3.csv",
            Table::Ad1 => "ad1.csv",
            Table::PlacedAdoption => "placed_for_adoption.csv",
            Table::PreviousPermanence => "previous_permanence.csv",
            Table::Missing => "missing.csv",
            Table::SocialWorkers => "sw_episodes.csv",
            Table::DoLo => "DoLo.csv",
        }
    }
}

/// A row: its number (the first row under the head is 1) and its cells by column.
#[derive(Debug, Clone)]
pub struct Row {
    /// From 1.
    pub number: u64,
    /// `None`: the row itself cannot be read (its reason).
    pub cells: Result<BTreeMap<String, String>, String>,
}

impl Row {
    /// A cell that is not empty.
    pub fn cell(&self, column: &str) -> Option<&str> {
        let cells = self.cells.as_ref().ok()?;
        cells
            .get(column)
            .map(|cell| cell.trim())
            .filter(|cell| !cell.is_empty())
    }
}

/// Reads every table that is in the folder.
pub fn read_folder(folder: &Path) -> Result<BTreeMap<Table, Vec<Row>>, Failure> {
    let mut tables = BTreeMap::new();
    for table in Table::ALL {
        let path = folder.join(table.file());
        if path.exists() {
            let bytes = std::fs::read(&path).map_err(|error| {
                Failure::new(
                    Exit::Input,
                    format!("cannot read {}: {error}", path.display()),
                )
            })?;
            tables.insert(table, read_rows(&bytes));
        }
    }
    for needed in [Table::Header, Table::Episodes] {
        if !tables.contains_key(&needed) {
            let problem = format!(
                "{} has no {}: is it an SSDA903 return as CSV?",
                folder.display(),
                needed.file()
            );
            return Err(Failure::new(Exit::Input, problem));
        }
    }
    Ok(tables)
}

/// Reads one file: with or without a byte-order mark, quoted cells and line breaks inside them.
pub fn read_rows(bytes: &[u8]) -> Vec<Row> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let heads: Vec<String> = reader
        .byte_headers()
        .map(|heads| {
            heads
                .iter()
                .map(|head| String::from_utf8_lossy(head).trim().to_owned())
                .collect()
        })
        .unwrap_or_default();
    let mut rows = Vec::new();
    for (index, record) in reader.byte_records().enumerate() {
        let cells = record
            .map_err(|error| error.to_string())
            .and_then(|record| {
                if record.len() != heads.len() {
                    return Err(format!(
                        "{} cells under {} column heads",
                        record.len(),
                        heads.len()
                    ));
                }
                heads
                    .iter()
                    .zip(record.iter())
                    .map(|(head, cell)| {
                        let cell = std::str::from_utf8(cell)
                            .map_err(|_| format!("{head} is not UTF-8 text"))?;
                        Ok((head.clone(), cell.to_owned()))
                    })
                    .collect()
            });
        rows.push(Row {
            number: index as u64 + 1,
            cells,
        });
    }
    rows
}

/// The column that a field of the contract was filled from.
pub fn column(table: Table, field: &str) -> String {
    let last = field.rsplit('.').next().unwrap_or(field);
    let column = match (table, last) {
        (_, "birth_date") => "DOB",
        (_, "upn") => "UPN",
        (_, "local_id" | "la_child_id") => "CHILD",
        (Table::Reviews, "reviewed_on" | "occurred_on") => "REVIEW",
        (Table::Episodes, "occurred_on") => "DECOM",
        (_, other) => return other.to_uppercase(),
    };
    column.to_owned()
}
