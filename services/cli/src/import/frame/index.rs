//! Finds a row of a CSV table by its key without holding the table: 24 bytes a row are kept, and a row is read again when it is asked for.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use ::csv::{ByteRecord, ReaderBuilder};

use super::csv::cells;
use super::row::{Content, Heads, Row};
use super::text;
use crate::{Exit, Failure};

/// Where a row begins.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Of its key.
    hash: u64,
    /// In the file, byte-order mark included.
    offset: u64,
    /// From 1.
    number: u32,
}

/// The rows of a table by one column.
#[derive(Debug)]
pub struct Index {
    table: &'static str,
    key: &'static str,
    file: File,
    heads: Arc<Heads>,
    hasher: RandomState,
    /// By hash, then in the table's order.
    places: Vec<Place>,
    newest: Option<(String, Option<Row>)>,
}

impl Index {
    /// Reads a table through once. Rows that cannot be read are not found.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(table: &'static str, path: &Path, key: &'static str) -> Result<Self, Failure> {
        let failed = |error: String| {
            let problem = format!("cannot read {}: {error}", path.display());
            Failure::new(Exit::Input, problem)
        };
        let open = || File::open(path).map_err(|error| failed(error.to_string()));
        let mut file = open()?;
        let mut start = Vec::new();
        let marked = Read::by_ref(&mut file)
            .take(text::MARK.len() as u64)
            .read_to_end(&mut start)
            .is_ok_and(|_| start == text::MARK);
        let begin = if marked { text::MARK.len() as u64 } else { 0 };
        file.seek(SeekFrom::Start(begin))
            .map_err(|error| failed(error.to_string()))?;
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .from_reader(BufReader::new(file));
        let heads = reader
            .byte_headers()
            .map_err(|_| failed("the line of column heads is broken".to_owned()))?;
        let heads: Vec<String> = heads
            .iter()
            .map(|head| text::decode(head).0.trim().to_owned())
            .collect();
        let column = heads.iter().position(|head| head == key);
        let (hasher, mut places) = (RandomState::new(), Vec::new());
        let mut record = ByteRecord::new();
        let mut number = 0;
        while reader
            .read_byte_record(&mut record)
            .map_err(|_| failed("a row is broken".to_owned()))?
        {
            number += 1;
            let cell = column.and_then(|column| record.get(column));
            if let (Some(cell), Some(position)) = (cell, record.position()) {
                places.push(Place {
                    hash: hasher.hash_one(text::decode(cell).0.trim()),
                    offset: begin + position.byte(),
                    number,
                });
            }
        }
        places.sort_by_key(|place| (place.hash, place.number));
        Ok(Self {
            table,
            key,
            file: open()?,
            heads: Arc::new(Heads::new(heads)),
            hasher,
            places,
            newest: None,
        })
    }

    /// The first row of a key. The newest answer is kept: rows of one key often stand together.
    ///
    /// # Errors
    /// When the file can no longer be read.
    pub fn first(&mut self, key: &str) -> std::io::Result<Option<&Row>> {
        if self.newest.as_ref().is_none_or(|(held, _)| held != key) {
            let row = self.find(key)?;
            self.newest = Some((key.to_owned(), row));
        }
        Ok(self.newest.as_ref().and_then(|(_, row)| row.as_ref()))
    }

    fn find(&self, key: &str) -> std::io::Result<Option<Row>> {
        let hash = self.hasher.hash_one(key);
        let from = self.places.partition_point(|place| place.hash < hash);
        let same = self.places.iter().skip(from);
        for place in same.take_while(|place| place.hash == hash) {
            let row = self.read(*place)?;
            if row.cell(self.key) == Some(key) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn read(&self, place: Place) -> std::io::Result<Row> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(place.offset))?;
        let mut record = ByteRecord::new();
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(512)
            .from_reader(file);
        let number = u64::from(place.number);
        let broken = || Row::unreadable(self.table, number, "ROW_UNREADABLE", "cannot be read");
        if !reader.read_byte_record(&mut record)? {
            return Ok(broken());
        }
        Ok(match cells(&self.heads, &record) {
            Ok((cells, _)) => Row::new(self.table, number, Content::Cells(cells)),
            Err(_) => broken(),
        })
    }
}
