//! Tables on the terminal.

use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;

/// A table with these column heads, in the one style of this program.
#[must_use]
pub fn table<const N: usize>(heads: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header(heads);
    table
}
