//! A view as a document: for whom, from what, how each thing is worked out, who sees it, and what is not known yet.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use walbrook_policy::Agreement;
use walbrook_policy::catalogue::{Catalogue, FieldKind};
use walbrook_view::View;
use walbrook_view::feeding::fed_by;
use walbrook_view::model::{Column, Feature, Mode, Piece, Population, Rule};

use super::describe::Words;
use super::sheet::points;

/// The whole view; for one role, as that role sees it.
pub fn whole(view: &View, catalogue: &Catalogue, role: Option<&str>) -> String {
    let words = Words { view, catalogue };
    let mut out = heading(view, role);
    out += "\nSOURCES\n";
    for (event_type, days) in &view.silent_after_days {
        line(
            &mut out,
            &format!(
                "{} ({event_type}): not known once silent for more than {}",
                words.events(event_type),
                counted(*days, "day")
            ),
        );
    }
    out += "\nCOLUMNS\n";
    let seen = role.map(|role| view.visibility.of(role));
    let features = by_output(view);
    for (at, column) in view.columns.iter().enumerate() {
        if seen.is_none_or(|seen| seen.column(at)) {
            column_text(&mut out, column, role.is_none());
            if let Some(feature) = features.get(&column.output) {
                let _ = writeln!(out, "      = {}", words.kind(&feature.kind));
            }
        }
    }
    out += if view.points {
        "\nREASONS, AND THE POINTS OF SOME\n"
    } else {
        "\nFLAGS\n"
    };
    for (at, rule) in view.rules.iter().enumerate() {
        if seen.is_none_or(|seen| seen.rule(at)) {
            rule_text(&mut out, rule);
        }
    }
    if !view.bands.is_empty() {
        out += "\nBANDS\n";
        for band in &view.bands {
            line(
                &mut out,
                &format!("{}: from {}", band.name, points(band.from_hundredths)),
            );
        }
    }
    counts(&mut out, view);
    out += "\nWHAT ELSE IS WORKED OUT\n";
    let shown: Vec<&str> = view
        .columns
        .iter()
        .filter_map(|column| features.get(&column.output))
        .map(|feature| feature.name.as_str())
        .collect();
    for feature in &view.features {
        if !shown.contains(&feature.name.as_str()) {
            line(
                &mut out,
                &format!("{}: {}", feature.name, words.kind(&feature.kind)),
            );
        }
    }
    if !view.not_yet.is_empty() {
        out += "\nNOT YET KNOWN\n";
        for one in &view.not_yet {
            line(&mut out, &format!("{}. {}", one.label, one.meaning));
        }
    }
    out
}

/// One column, output or rule of a view: how it is worked out, from what, under which agreements, and who sees it.
pub fn one(
    view: &View,
    catalogue: &Catalogue,
    name: &str,
    agreements: Option<&[Agreement]>,
) -> Option<String> {
    let words = Words { view, catalogue };
    let features = by_output(view);
    let mut out = String::new();
    let mut about: Vec<&Feature> = Vec::new();
    if let Some(rule) = view.rules.iter().find(|rule| rule.id == name) {
        rule_text(&mut out, rule);
        let told = rule.sentence.iter().filter_map(Piece::output);
        for output in rule.when.names().chain(told) {
            about.extend(features.get(output));
        }
    } else {
        about.push(features.get(name).copied()?);
    }
    for column in view.columns.iter().filter(|column| column.output == name) {
        column_text(&mut out, column, true);
    }
    let mut told: Vec<&str> = Vec::new();
    while let Some(feature) = about.pop() {
        if told.contains(&feature.name.as_str()) {
            continue;
        }
        told.push(&feature.name);
        feature_text(&mut out, &words, feature, agreements);
        let read = feature.kind.outputs_read().into_iter();
        about.extend(read.filter_map(|output| features.get(output)));
        let using: Vec<&str> = view
            .rules
            .iter()
            .filter(|rule| {
                rule.when.names().any(|name| {
                    features
                        .get(name)
                        .is_some_and(|used| used.name == feature.name)
                })
            })
            .map(|rule| rule.id.as_str())
            .collect();
        if !using.is_empty() {
            let _ = writeln!(out, "      read by the rules {}", using.join(", "));
        }
    }
    Some(out)
}

fn feature_text(
    out: &mut String,
    words: &Words<'_>,
    feature: &Feature,
    agreements: Option<&[Agreement]>,
) {
    line(
        out,
        &format!(
            "{} (line {}) = {}",
            feature.name,
            feature.line,
            words.kind(&feature.kind)
        ),
    );
    for select in feature.kind.selects() {
        let fields: Vec<String> = select
            .fields
            .iter()
            .map(|field| words.field(select, *field))
            .collect();
        let fields = match fields.as_slice() {
            [] => "that it happened".to_owned(),
            fields => fields.join(", "),
        };
        let silent = words.view.silent_after_days.get(&select.event_type);
        let _ = writeln!(
            out,
            "      from {}: {fields}; not known once silent for more than {}",
            select.event_type,
            counted(silent.copied().unwrap_or(0), "day")
        );
        let Some(agreements) = agreements else {
            continue;
        };
        let fed = fed_by(words.view, select, agreements, words.catalogue);
        let _ = match fed.as_slice() {
            [] => writeln!(out, "      no agreement feeds it"),
            fed => writeln!(out, "      under {}", fed.join("; under ")),
        };
    }
}

/// The one table of cohort mode, and the rule by which it is told.
fn counts(out: &mut String, view: &View) {
    if view.cohort.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\nCOUNTS, WITHOUT A ROW\n  One table of these dimensions, as of the end of the last whole month. A group of one category of each is told from {} people \
         on, in multiples of {}; everything else is a sum of what is told.",
        walbrook_view::cohort::LEAST,
        walbrook_view::cohort::ROUNDED_TO
    );
    for dimension in &view.cohort {
        let labels = dimension.categories.iter().map(|category| &category.label);
        let labels: Vec<&str> = labels.map(String::as_str).collect();
        let (name, meaning) = (&dimension.name, &dimension.meaning);
        line(out, &format!("{name}: {meaning} ({})", labels.join(", ")));
    }
}

fn heading(view: &View, role: Option<&str>) -> String {
    let population = match view.population {
        Population::Adults => "known adults; nobody under 18, and nobody whose age is not known",
        Population::LookedAfterChildren => {
            "children whom an authority is responsible for, not known to be adults"
        }
        Population::LookedAfterOrLeft => {
            "children whom an authority is responsible for, and those who have left care"
        }
    };
    let modes: Vec<&str> = view
        .modes
        .iter()
        .map(|mode| match mode {
            Mode::Case => "case (a named reader, named rows, every read on record)",
            Mode::Cohort => "cohort (counts in groups of ten or more, no rows)",
        })
        .collect();
    let mut out = format!(
        "{}\n{}\n\n",
        view.title,
        "=".repeat(view.title.chars().count())
    );
    let _ = writeln!(out, "View       {}", view.name);
    let _ = writeln!(out, "Purpose    {}", view.purpose);
    let _ = writeln!(out, "Who        {population}");
    if let Some(area) = &view.area {
        let _ = writeln!(
            out,
            "Where      by {area}: who reads by area is shown those of whom it lies in the reader's own"
        );
    }
    let _ = writeln!(out, "How        {}", modes.join(", "));
    let _ = writeln!(
        out,
        "Notices    of what fell of a row that was shown are acknowledged within {} days",
        view.acknowledge_within_days
    );
    if let Some(role) = role {
        let _ = writeln!(out, "As         {role} sees it");
    }
    let scored = if view.points {
        "points for some reasons; they say whom to look at first and decide nothing"
    } else {
        "none: what follows from dates and codes alone"
    };
    let _ = writeln!(out, "Score      {scored}");
    out
}

fn column_text(out: &mut String, column: &Column, with_roles: bool) {
    let roles = match column.roles.as_slice() {
        [] => String::new(),
        _ if !with_roles => String::new(),
        roles => format!(" [only {}]", roles.join(", ")),
    };
    let listed = if column.listed { " [in lists]" } else { "" };
    line(
        out,
        &format!(
            "{} ({}): {}{listed}{roles}",
            column.label, column.output, column.meaning
        ),
    );
}

fn rule_text(out: &mut String, rule: &Rule) {
    let of = match rule.points_hundredths {
        0 => String::new(),
        hundredths => format!(" ({} points)", points(hundredths)),
    };
    let sentence: String = rule
        .sentence
        .iter()
        .map(|piece| match (piece, piece.output()) {
            (Piece::Words(words), _) => words.clone(),
            (_, Some(output)) => format!("‹{output}›"),
            (_, None) => String::new(),
        })
        .collect();
    line(out, &format!("{}{of}: {sentence}", rule.id));
    let _ = writeln!(out, "      when {}", rule.when.text());
}

fn by_output(view: &View) -> BTreeMap<String, &Feature> {
    let outputs = view.features.iter().flat_map(|feature| {
        let outputs = feature.outputs(|_, _| FieldKind::Text);
        outputs
            .into_iter()
            .map(move |(output, _)| (output, feature))
    });
    outputs.collect()
}

fn counted(count: u32, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}

fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "  • {text}");
}
