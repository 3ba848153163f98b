//! One register: a title, entries of named values, and the two forms it is written in.

use crate::{Exit, Failure};

/// What stands where the agreement says nothing.
pub(super) const NOT_STATED: &str = "Not stated in the agreement";

/// One register.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sheet {
    /// Its title.
    pub title: &'static str,
    /// What it is and how it came about, for people.
    pub preface: String,
    /// Names of the columns, as CSV has them; the first two name an entry.
    pub columns: Vec<&'static str>,
    /// How entries are laid out for people.
    pub layout: Layout,
    /// One row an entry, a value for each column.
    pub rows: Vec<Vec<String>>,
}

/// How entries are laid out in Markdown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Layout {
    /// Each entry under a heading of its own (the second column), with its values one below the other: for entries of long values.
    #[default]
    Entries,
    /// Each entry a heading and its last column as running text.
    Paragraphs,
    /// One table for each value of the first column.
    Tables,
}

impl Sheet {
    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut out = format!("# {}\n\n{}\n", self.title, self.preface);
        if self.rows.is_empty() {
            out.push_str("\nNothing stands in it.\n\n");
            return out;
        }
        match self.layout {
            Layout::Entries => self.entries(&mut out),
            Layout::Paragraphs => self.paragraphs(&mut out),
            Layout::Tables => self.tables(&mut out),
        }
        out.push('\n');
        out
    }

    fn entries(&self, out: &mut String) {
        for row in &self.rows {
            let heading = row.get(1).map_or("", String::as_str);
            out.push_str(&format!("\n## {heading}\n\n| | |\n|---|---|\n"));
            for (column, value) in self.columns.iter().zip(row) {
                out.push_str(&format!("| {} | {} |\n", spoken(column), cell(value)));
            }
        }
    }

    fn paragraphs(&self, out: &mut String) {
        for row in &self.rows {
            let heading = row.get(1).map_or("", String::as_str);
            let text = row.last().map_or("", String::as_str);
            out.push_str(&format!("\n## {heading}\n\n{text}\n"));
        }
    }

    fn tables(&self, out: &mut String) {
        let mut group = None;
        for row in &self.rows {
            let this = row.first();
            if group != this {
                group = this;
                let heading = this.map_or("", String::as_str);
                let columns: Vec<String> =
                    self.columns.iter().skip(1).map(|one| spoken(one)).collect();
                out.push_str(&format!(
                    "\n## {heading}\n\n| {} |\n|{}\n",
                    columns.join(" | "),
                    "---|".repeat(columns.len())
                ));
            }
            let values: Vec<String> = row.iter().skip(1).map(|value| cell(value)).collect();
            out.push_str(&format!("| {} |\n", values.join(" | ")));
        }
    }

    /// As CSV, with a line of column names.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn csv(&self) -> Result<String, Failure> {
        let fault =
            |error: Box<dyn std::error::Error + Send + Sync>| Failure::new(Exit::Internal, error);
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer
            .write_record(&self.columns)
            .map_err(|error| fault(error.into()))?;
        for row in &self.rows {
            writer
                .write_record(row.iter().map(|value| harmless(value)))
                .map_err(|error| fault(error.into()))?;
        }
        let bytes = writer
            .into_inner()
            .map_err(|error| fault(error.to_string().into()))?;
        String::from_utf8(bytes).map_err(|error| fault(error.into()))
    }
}

/// A column's name as people say it: `end-date` is `End date`.
fn spoken(column: &str) -> String {
    if column == "dpia" {
        return "DPIA".to_owned();
    }
    let words = column.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A value inside a Markdown table: one line, and no bar ends the cell.
fn cell(value: &str) -> String {
    value.replace('|', "\\|").replace('\n', "<br>")
}

/// A value that no spreadsheet takes for a formula: a title is somebody's text.
fn harmless(value: &str) -> String {
    if value.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{value}")
    } else {
        value.to_owned()
    }
}
