//! CSV tables: heads in the first line, quotes and line breaks inside them, one record at a time.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::Arc;

use ::csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use super::account::{Finding, Severity};
use super::read::{LARGEST_ROW, Meter, Metered, TOO_LARGE};
use super::row::{Cells, Content, Heads, Row, Rows};
use super::text;
use crate::{Exit, Failure};

/// Lines that may stand above the line of column heads.
const MOST_TITLES: usize = 2;

/// The rows of a CSV file. The heads stand in the first line or, where it lacks one that is needed, up to two lines below.
///
/// # Errors
/// When the file cannot be read, is UTF-16, or has no column of one of the names in `needed`.
pub fn rows(
    table: &'static str,
    path: &Path,
    needed: &[&str],
    meter: &Meter,
) -> Result<Rows, Failure> {
    Ok(Box::new(Table::open(table, path, needed, meter)?))
}

struct Table {
    table: &'static str,
    reader: Reader<BufReader<Metered>>,
    heads: Arc<Heads>,
    record: ByteRecord,
    number: u64,
    over: bool,
}

impl Table {
    fn open(
        table: &'static str,
        path: &Path,
        needed: &[&str],
        meter: &Meter,
    ) -> Result<Self, Failure> {
        let failed =
            |problem: String| Failure::new(Exit::Input, format!("{}: {problem}", path.display()));
        let mut file = BufReader::new(meter.open(path)?);
        skip_mark(&mut file).map_err(|error| failed(error.to_string()))?;
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(file);
        let first = match reader.byte_headers() {
            Ok(heads) => heads_of(heads),
            Err(_) => return Err(failed("the line of column heads cannot be read".into())),
        };
        let lacks = |heads: &Heads| needed.iter().find(|name| !heads.has(name));
        let heads = match lacks(&first) {
            Some(_) => below(&mut reader, needed).unwrap_or(first),
            None => first,
        };
        if let Some(missing) = lacks(&heads) {
            let problem = format!("there is no column {missing}: is this the right table?");
            return Err(failed(problem));
        }
        Ok(Self {
            table,
            reader,
            heads: Arc::new(heads),
            record: ByteRecord::new(),
            number: 0,
            over: false,
        })
    }

    fn unreadable(&self, rule: &'static str, sentence: String) -> Row {
        Row::unreadable(self.table, self.number, rule, sentence)
    }
}

fn heads_of(record: &ByteRecord) -> Heads {
    Heads::new(record.iter().map(|head| {
        let (head, _) = text::decode(head);
        head.trim().to_owned()
    }))
}

/// The heads below the first line, where that is a title or says each column as a question.
fn below(reader: &mut Reader<BufReader<Metered>>, needed: &[&str]) -> Option<Heads> {
    let mut record = ByteRecord::new();
    for _ in 0..MOST_TITLES {
        reader.get_mut().get_mut().next_row();
        if !matches!(reader.read_byte_record(&mut record), Ok(true)) {
            return None;
        }
        let heads = heads_of(&record);
        if needed.iter().all(|name| heads.has(name)) {
            return Some(heads);
        }
    }
    None
}

fn skip_mark(file: &mut BufReader<Metered>) -> std::io::Result<()> {
    if file.fill_buf()?.starts_with(text::MARK) {
        file.consume(text::MARK.len());
    }
    Ok(())
}

impl Iterator for Table {
    type Item = Result<Row, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        self.reader.get_mut().get_mut().next_row();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => {
                self.number += 1;
                Some(Ok(match cells(&self.heads, &self.record) {
                    Ok((cells, other)) => {
                        let mut row = Row::new(self.table, self.number, Content::Cells(cells));
                        row.remarks
                            .extend(other.then(|| not_utf8(self.table, self.number)));
                        row
                    }
                    Err(sentence) => self.unreadable("ROW_UNREADABLE", sentence),
                }))
            }
            Err(error) => {
                self.number += 1;
                self.over = true;
                Some(match error.kind() {
                    ErrorKind::Io(error) if error.kind() == TOO_LARGE => Ok(self.unreadable(
                        "ROW_TOO_LARGE",
                        format!("the row takes more than {LARGEST_ROW} bytes: is a quote never closed? Nothing after it was read"),
                    )),
                    _ => Err(Failure::new(
                        Exit::Input,
                        format!("{} row {}: cannot be read", self.table, self.number),
                    )),
                })
            }
        }
    }
}

/// The query that a row in another encoding gets.
#[must_use]
pub fn not_utf8(table: &'static str, row: u64) -> Finding {
    Finding {
        table,
        row,
        column: String::new(),
        severity: Severity::Query,
        rule: text::RULE.to_owned(),
        sentence: text::SENTENCE.to_owned(),
    }
}

/// A record under its heads, and whether it was in another encoding.
pub(super) fn cells(heads: &Arc<Heads>, record: &ByteRecord) -> Result<(Cells, bool), String> {
    if record.len() != heads.count() {
        return Err(format!(
            "{} cells under {} column heads",
            record.len(),
            heads.count()
        ));
    }
    let mut other = false;
    let values = record
        .iter()
        .map(|cell| {
            let (cell, converted) = text::decode(cell);
            other |= converted;
            cell.into_owned()
        })
        .collect();
    Ok((Cells::new(Arc::clone(heads), values), other))
}
