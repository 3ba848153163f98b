//! The authority's own file: what the tables need and the backbone does not have.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::import::frame::{Meter, Row, csv};
use crate::{Exit, Failure};

/// The columns of the header table, as the Department names them.
pub const HEADER: [&str; 7] = ["CHILD", "SEX", "DOB", "ETHNIC", "UPN", "MOTHER", "MC_DOB"];
/// Of an episode.
pub const EPISODE: [&str; 3] = ["HOME_POST", "PL_POST", "URN"];

/// The file, held in memory.
#[derive(Debug, Default)]
pub struct Local {
    /// In the file's order, each once.
    children: Vec<String>,
    headers: HashMap<String, [String; 7]>,
    episodes: HashMap<(String, String), [String; 3]>,
}

impl Local {
    /// Reads it.
    ///
    /// # Errors
    /// When it cannot be read, or a row of it.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let mut local = Self::default();
        let mut seen = HashSet::new();
        let meter = Meter::default();
        for row in csv::rows("local", path, &["CHILD", "DOB"], &meter)? {
            let row = row?;
            let Some(child) = row.cell("CHILD") else {
                let problem = format!(
                    "{} row {}: it cannot be read or has no CHILD",
                    path.display(),
                    row.number
                );
                return Err(Failure::new(Exit::Input, problem));
            };
            if seen.insert(child.to_owned()) {
                local.children.push(child.to_owned());
            }
            match row.cell("DECOM") {
                Some(decom) => {
                    let key = (child.to_owned(), decom.to_owned());
                    local.episodes.insert(key, cells(&row, EPISODE));
                }
                None => {
                    let known = local.headers.entry(child.to_owned());
                    known.or_insert_with(|| cells(&row, HEADER));
                }
            }
        }
        meter.finish();
        Ok(local)
    }

    /// The children's numbers.
    pub fn children(&self) -> &[String] {
        &self.children
    }

    /// A child's row of the header table; only the number, where the file has no row of the child's own.
    pub fn header(&self, child: &str) -> [String; 7] {
        self.headers.get(child).cloned().unwrap_or_else(|| {
            let mut cells: [String; 7] = std::array::from_fn(|_| String::new());
            if let Some(first) = cells.first_mut() {
                child.clone_into(first);
            }
            cells
        })
    }

    /// A child's birth date as the file writes it.
    pub fn birth_date(&self, child: &str) -> &str {
        self.headers
            .get(child)
            .map_or("", |[_, _, birth_date, ..]| birth_date)
    }

    /// What stands of an episode that began on a day, dd/mm/yyyy.
    pub fn episode(&self, child: &str, decom: &str) -> [String; 3] {
        let key = (child.to_owned(), decom.to_owned());
        self.episodes.get(&key).cloned().unwrap_or_default()
    }
}

fn cells<const N: usize>(row: &Row, names: [&str; N]) -> [String; N] {
    names.map(|name| row.cell(name).unwrap_or_default().to_owned())
}
