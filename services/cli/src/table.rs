//! Tables and long texts on the terminal.

use std::io::Write as _;
use std::ops::Range;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table, TableComponent};

/// A table of short lines with these column heads, in the one style of this program.
#[must_use]
pub fn table<const N: usize>(heads: [&str; N]) -> Table {
    let mut table = ruled(heads);
    for rule in [
        TableComponent::HorizontalLines,
        TableComponent::MiddleIntersections,
        TableComponent::LeftBorderIntersections,
        TableComponent::RightBorderIntersections,
    ] {
        table.remove_style(rule);
    }
    table
}

/// The same with a rule between rows, for cells of several lines.
#[must_use]
pub fn ruled<const N: usize>(heads: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header(heads);
    table
}

/// Sets the columns of these places to the right: numbers line up by their last digit.
pub fn numbers(table: &mut Table, columns: Range<usize>) {
    for place in columns {
        if let Some(column) = table.column_mut(place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Prints a long text. A reader that has seen enough (`| head`) is no fault of ours.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
