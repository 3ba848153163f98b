//! The one table of a view's cohort mode: its dimensions.

use super::Outputs;
use crate::cohort::{Dimension, MOST_GROUPS};
use crate::document::{Document, Table};
use crate::model::{Band, Column, Mode};
use walbrook_policy::catalogue::FieldKind;

/// Reads every `[[cohort]]`, and holds it against the modes.
pub(super) fn dimensions<'t>(
    d: &mut Document<'t>,
    top: &mut Table<'t>,
    modes: &[Mode],
    (outputs, bands, columns): (&Outputs, &[Band], &[Column]),
) -> Vec<Dimension> {
    let mut dimensions: Vec<Dimension> = Vec::new();
    let mut first_line = 1;
    for table in top.tables(d, "cohort") {
        let line = table.line;
        if let Some(dimension) = dimension(d, table, (outputs, bands, columns)) {
            if dimensions.iter().any(|other| other.name == dimension.name) {
                d.fault(
                    line,
                    "cohort.name",
                    format!("{} stands twice", dimension.name),
                );
            }
            first_line = if dimensions.is_empty() {
                line
            } else {
                first_line
            };
            dimensions.push(dimension);
        }
    }
    let cohort = modes.contains(&Mode::Cohort);
    if cohort && dimensions.is_empty() {
        d.fault(
            1,
            "cohort",
            "a view in cohort mode has a [[cohort]] for each dimension of its table",
        );
    }
    if !cohort && !dimensions.is_empty() {
        d.fault(
            first_line,
            "cohort",
            "the view is not read in cohort mode: add it to modes",
        );
    }
    let sizes = dimensions.iter().map(|one| one.categories.len());
    let groups = sizes.fold(1_usize, usize::saturating_mul);
    if groups > MOST_GROUPS {
        let reason = format!(
            "the table has {groups} groups, at most {MOST_GROUPS}: with more, most are too small to be told"
        );
        d.fault(first_line, "cohort", reason);
    }
    dimensions
}

fn dimension<'t>(
    d: &mut Document<'t>,
    mut table: Table<'t>,
    (outputs, bands, columns): (&Outputs, &[Band], &[Column]),
) -> Option<Dimension> {
    let name = table.text(d, "name");
    let label = table.text(d, "label").map(|(_, label)| label);
    let meaning = table.text(d, "meaning").map(|(_, meaning)| meaning);
    let output = table.optional_text(d, "output");
    let named = table.has("values").then(|| table.texts(d, "values"));
    let named = named.into_iter().flatten();
    let values: Vec<String> = named.map(|(_, value)| value).collect();
    let from = table.numbers(d, "from");
    let line = table.line;
    let field = table.path("output");
    table.finish(d);
    let (name_line, name) = name?;
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    {
        d.fault(name_line, "cohort.name", "letters, digits, - and _ only");
    }
    let made = match output {
        None if bands.is_empty() => Err("name an output: the view has no bands".to_owned()),
        None => {
            let names: Vec<String> = bands.iter().map(|band| band.name.clone()).collect();
            Ok(Dimension::of_bands(&names))
        }
        Some((_, output)) => over(&output, values, from, outputs, columns),
    };
    match made {
        Ok((of, categories)) => Some(Dimension {
            name,
            label: label?,
            meaning: meaning?,
            of,
            categories,
        }),
        Err(reason) => {
            d.fault(line, field, reason);
            None
        }
    }
}

fn over(
    output: &str,
    values: Vec<String>,
    from: Vec<i64>,
    outputs: &Outputs,
    columns: &[Column],
) -> Result<(crate::cohort::Of, Vec<crate::cohort::Category>), String> {
    let column = columns.iter().find(|column| column.output == output);
    // What only some roles see in a row is not counted for others; what nobody sees was never explained to anybody.
    if column.is_none_or(|column| !column.roles.is_empty()) {
        return Err(format!("{output} is no column that every role sees"));
    }
    let ascending = from.windows(2).all(|pair| pair.first() < pair.last());
    match outputs.get(output) {
        Some(FieldKind::Text) if !values.is_empty() && from.is_empty() => {
            Ok(Dimension::of_codes(output.to_owned(), values))
        }
        Some(FieldKind::Integer) if !from.is_empty() && ascending && values.is_empty() => {
            Ok(Dimension::of_ranges(output.to_owned(), from))
        }
        Some(FieldKind::Bool) if values.is_empty() && from.is_empty() => {
            Ok(Dimension::of_flag(output.to_owned()))
        }
        Some(FieldKind::Text) => Err(format!("{output} is a code: name its `values`")),
        Some(FieldKind::Integer) => Err(format!(
            "{output} is a whole number: say where ranges begin, `from`, ascending"
        )),
        _ => Err(format!(
            "{output} is neither a code, a whole number nor true or false"
        )),
    }
}
