//! Rules, bands and columns of a view file.

use super::Outputs;
use super::excluded::Excluded;
use crate::condition::Condition;
use crate::document::{Document, Table};
use crate::model::{Band, Column, Piece, Rule, Unit};
use walbrook_policy::catalogue::FieldKind;

pub(super) fn output_condition<'t>(
    d: &mut Document<'t>,
    table: &mut Table<'t>,
    name: &str,
    outputs: &Outputs,
) -> Option<Condition> {
    let (line, text) = table.text(d, name)?;
    Condition::over_outputs(&text, outputs)
        .map_err(|reason| d.fault(line, table.path(name), reason))
        .ok()
}

pub(super) fn rules<'t>(
    d: &mut Document<'t>,
    top: &mut Table<'t>,
    (outputs, excluded): (&Outputs, &Excluded),
    points: bool,
) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for mut table in top.tables(d, "rule") {
        let id = table.text(d, "id");
        let when_line = table.line_of("when");
        let when = output_condition(d, &mut table, "when", outputs);
        for reason in when
            .iter()
            .flat_map(Condition::names)
            .filter_map(|name| excluded.get(name))
        {
            d.fault(when_line, table.path("when"), reason.as_str());
        }
        let hundredths = hundredths(d, &mut table, points);
        let sentence = sentence(d, &mut table, (outputs, excluded));
        if let Some((line, id)) = &id
            && rules.iter().any(|rule| rule.id == *id)
        {
            d.fault(
                *line,
                table.path("id"),
                format!("the rule {id} stands twice"),
            );
        }
        table.finish(d);
        if let (Some((_, id)), Some(when), Some(points_hundredths), Some(sentence)) =
            (id, when, hundredths, sentence)
        {
            rules.push(Rule {
                id,
                when,
                points_hundredths,
                sentence,
            });
        }
    }
    rules
}

/// The points of a rule. Left out, it is a reason that is told and does not count; in a view without points they are a fault.
fn hundredths<'t>(d: &mut Document<'t>, table: &mut Table<'t>, points: bool) -> Option<i64> {
    if !table.has("points_hundredths") {
        return Some(0);
    }
    if !points {
        let (line, path) = (
            table.line_of("points_hundredths"),
            table.path("points_hundredths"),
        );
        d.fault(line, path, "the view has no points");
    }
    let number = table.number(d, "points_hundredths");
    number.map(|(_, number)| number)
}

/// The sentence of a rule; it tells nothing that no rule may rest on.
fn sentence<'t>(
    d: &mut Document<'t>,
    table: &mut Table<'t>,
    (outputs, excluded): (&Outputs, &Excluded),
) -> Option<Vec<Piece>> {
    let (line, text) = table.text(d, "sentence")?;
    let pieces = pieces(&text, outputs)
        .map_err(|reason| d.fault(line, table.path("sentence"), reason))
        .ok()?;
    let named = pieces.iter().filter_map(Piece::output);
    for reason in named.filter_map(|name| excluded.get(name)) {
        d.fault(line, table.path("sentence"), reason.as_str());
    }
    Some(pieces)
}

/// More columns than this do not fit beside the reasons on a page.
const MOST_LISTED: usize = 5;

/// `{output}`, `{output:<unit>}` and `{output:small}` stand for values.
fn pieces(text: &str, outputs: &Outputs) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((words, after)) = rest.split_once('{') {
        if !words.is_empty() {
            pieces.push(Piece::Words(words.to_owned()));
        }
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| "a `{` is not closed".to_owned())?;
        let (output, format) = name.split_once(':').unwrap_or((name, ""));
        let kind = outputs
            .get(output)
            .ok_or_else(|| format!("there is no output {output}"))?;
        pieces.push(match (format, kind) {
            ("", _) => Piece::Output(output.to_owned()),
            ("small", FieldKind::Text) => Piece::Small(output.to_owned()),
            ("small", _) => return Err(format!("{output} is no code")),
            (word, kind) => {
                let unit =
                    Unit::of_word(word).ok_or_else(|| format!("there is no format {word}"))?;
                if *kind != FieldKind::Integer {
                    return Err(format!("{output} is no whole number of {word}"));
                }
                Piece::Counted(output.to_owned(), unit)
            }
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words(rest.to_owned()));
    }
    Ok(pieces)
}

pub(super) fn bands<'t>(d: &mut Document<'t>, top: &mut Table<'t>, points: bool) -> Vec<Band> {
    let mut bands = Vec::new();
    for mut table in top.tables(d, "band") {
        if !points {
            d.fault(
                table.line,
                table.path("name"),
                "the view has no points and so no bands",
            );
        }
        let name = table.text(d, "name");
        let from = table.number(d, "from_hundredths");
        table.finish(d);
        if let (Some((_, name)), Some((_, from_hundredths))) = (name, from) {
            bands.push(Band {
                name,
                from_hundredths,
            });
        }
    }
    bands.sort_by_key(|band| std::cmp::Reverse(band.from_hundredths));
    bands
}

pub(super) fn columns<'t>(
    d: &mut Document<'t>,
    top: &mut Table<'t>,
    outputs: &Outputs,
) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for mut table in top.tables(d, "column") {
        let output = table.text(d, "output");
        let label = table.text(d, "label");
        let meaning = table.text(d, "meaning");
        let unit = shown_as(d, &mut table, output.as_ref(), outputs);
        let codes = table.optional_text(d, "codes").map(|(_, codes)| codes);
        let listed = table.flag(d, "list");
        let roles = roles(d, &mut table);
        let line = table.line;
        if listed && columns.iter().filter(|column| column.listed).count() == MOST_LISTED {
            let reason = format!("at most {MOST_LISTED} columns stand in a list");
            d.fault(table.line, table.path("list"), reason);
        }
        if let Some((line, output)) = &output {
            if !outputs.contains_key(output) {
                let reason = format!("there is no output {output}");
                d.fault(*line, table.path("output"), reason);
            }
            if columns.iter().any(|column| column.output == *output) {
                d.fault(*line, table.path("output"), "stands twice");
            }
        }
        table.finish(d);
        if let (Some((_, output)), Some((_, label)), Some((_, meaning))) = (output, label, meaning)
        {
            columns.push(Column {
                output,
                line,
                label,
                meaning,
                unit,
                codes,
                listed,
                roles,
            });
        }
    }
    if columns.is_empty() {
        d.fault(1, "column", "a view has at least one column");
    }
    columns
}

/// The unit of a column: only a whole number has one.
fn shown_as<'t>(
    d: &mut Document<'t>,
    table: &mut Table<'t>,
    output: Option<&(usize, String)>,
    outputs: &Outputs,
) -> Option<Unit> {
    if !table.has("unit") {
        return None;
    }
    let line = table.line_of("unit");
    let unit = table.choice(d, "unit", &Unit::WORDS);
    let kind = output.and_then(|(_, output)| outputs.get(output));
    if kind.is_some_and(|kind| *kind != FieldKind::Integer) {
        d.fault(line, table.path("unit"), "only a whole number has a unit");
    }
    unit
}

/// The roles that may see a column; empty when it says none: every role. Whether an agreement knows them is checked with the agreements.
fn roles<'t>(d: &mut Document<'t>, table: &mut Table<'t>) -> Vec<String> {
    if !table.has("roles") {
        return Vec::new();
    }
    let line = table.line_of("roles");
    let roles: Vec<String> = table
        .texts(d, "roles")
        .into_iter()
        .map(|(_, role)| role)
        .collect();
    if roles.is_empty() {
        let reason = "names no role: leave it out where every role may see the column";
        d.fault(line, table.path("roles"), reason);
    }
    roles
}
