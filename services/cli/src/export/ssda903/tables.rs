//! The tables on disk: readable by their owner alone.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use walbrook_domain::{Day, Organisation};
use walbrook_proto::view::v1::Row;
use walbrook_proto::view::v1::cell::Value;

use super::local::{HEADER, Local};
use super::records::{SHAPES, Shape};
use crate::{Exit, Failure};

const HEADER_FILE: &str = "header.csv";

/// What was written.
#[derive(Debug, Default)]
pub struct Written {
    /// Children with at least one row.
    pub children: u64,
    /// Children of the local file about whom nothing was told in the year.
    pub without_rows: u64,
    /// Rows by file.
    pub rows: BTreeMap<&'static str, u64>,
    /// Children whose events of a table exist and are not told, by file.
    pub untold: BTreeMap<&'static str, u64>,
    /// Children about whom the table's source said nothing for long, by file.
    pub not_heard: BTreeMap<&'static str, u64>,
}

/// One table.
struct Table {
    file: ::csv::Writer<File>,
    path: PathBuf,
}

impl Table {
    fn create(folder: &Path, name: &str, columns: &[&str]) -> Result<Self, Failure> {
        let path = folder.join(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| unwritten(&path, &error))?;
        let mut table = Self {
            file: ::csv::Writer::from_writer(file),
            path,
        };
        table.row(columns)?;
        Ok(table)
    }

    fn row<T: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = T>) -> Result<(), Failure> {
        self.file
            .write_record(cells)
            .map_err(|error| unwritten(&self.path, &error))
    }
}

fn unwritten(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let problem = format!("cannot write {}: {error}", path.display());
    Failure::new(Exit::Input, problem)
}

/// All tables of a return.
pub struct Tables {
    header: Table,
    others: Vec<(Shape, Table)>,
    authority: String,
    last_day: Day,
    written: Written,
}

impl Tables {
    /// New tables with their heads in a folder.
    ///
    /// # Errors
    /// When the folder cannot be made or is not empty.
    pub fn create(folder: &Path, authority: &Organisation, last_day: Day) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
        let mut inside = folder
            .read_dir()
            .map_err(|error| unwritten(folder, &error))?;
        if inside.next().is_some() {
            let problem = format!(
                "{} is not empty: name a new folder with --out",
                folder.display()
            );
            return Err(Failure::new(Exit::Usage, problem));
        }
        let others = SHAPES
            .into_iter()
            .map(|shape| Ok((shape, Table::create(folder, shape.file, shape.columns)?)))
            .collect::<Result<Vec<_>, Failure>>()?;
        let files = SHAPES.iter().map(|shape| (shape.file, 0));
        Ok(Self {
            header: Table::create(folder, HEADER_FILE, &HEADER)?,
            others,
            authority: authority.to_string(),
            last_day,
            written: Written {
                rows: files.chain([(HEADER_FILE, 0)]).collect(),
                ..Written::default()
            },
        })
    }

    /// Writes what is told of a child.
    ///
    /// # Errors
    /// When a table cannot be written.
    pub fn write(&mut self, local: &Local, child: &str, row: Option<&Row>) -> Result<(), Failure> {
        let mut rows = 0;
        for (shape, table) in &mut self.others {
            let cells = row.iter().flat_map(|row| &row.cells);
            let mut cells = cells.filter(|cell| cell.column == shape.output);
            let text = match cells.next().and_then(|cell| cell.value.as_ref()) {
                Some(Value::Text(text)) => text,
                Some(Value::NotKnown(words)) => {
                    let counts = match words.starts_with("not known") {
                        true => &mut self.written.not_heard,
                        false => &mut self.written.untold,
                    };
                    *counts.entry(shape.file).or_default() += 1;
                    continue;
                }
                _ => continue,
            };
            for record in shape.of_year(text, &self.authority, self.last_day) {
                let [home, placement, urn] = local.episode(child, &shape.cell(&record, "DECOM"));
                let cells = shape.columns.iter().map(|column| match *column {
                    "CHILD" => child.to_owned(),
                    "DOB" => local.birth_date(child).to_owned(),
                    "HOME_POST" => home.clone(),
                    "PL_POST" => placement.clone(),
                    "URN" => urn.clone(),
                    column => shape.cell(&record, column),
                });
                table.row(cells)?;
                rows += 1;
                *self.written.rows.entry(shape.file).or_default() += 1;
            }
        }
        if rows == 0 {
            self.written.without_rows += 1;
            return Ok(());
        }
        self.written.children += 1;
        *self.written.rows.entry(HEADER_FILE).or_default() += 1;
        self.header.row(local.header(child))
    }

    /// Everything is on disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<Written, Failure> {
        let others = self.others.iter_mut().map(|(_, table)| table);
        for table in others.chain([&mut self.header]) {
            table
                .file
                .flush()
                .map_err(|error| unwritten(&table.path, &error))?;
        }
        Ok(self.written)
    }
}
