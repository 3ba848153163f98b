//! Every validation rule, from where it is stated: the gateway's own, each agency's, and the rules on history, which are sentences of view files.
//!
//! `schemas/rules.csv` is the same list as a file that people review and `walbrook rules` prints; a test holds the two together.

use walbrook_agency::{Agency, HEAD_RULES, Rule, SCHEDULE_RULE, Severity, facts};

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The rule's id, as refusals and query notes name it.
    pub rule: String,
    /// `refuse`, `query` or `history`.
    pub severity: &'static str,
    /// Where it is checked: `head` and `body` of every event, `schedule`, an agency, or `view <name>`.
    pub place: String,
    /// What is expected.
    pub sentence: String,
    /// Where it comes from.
    pub source: String,
}

/// Heads of the file's columns.
pub const HEADS: [&str; 5] = ["rule", "severity", "place", "sentence", "source"];

/// The rules that are checked when an event arrives, those of all events first.
#[must_use]
pub fn at_the_door() -> Vec<Row> {
    let mut rows = vec![Row {
        rule: SCHEDULE_RULE.to_owned(),
        severity: "refuse",
        place: "schedule".to_owned(),
        sentence:
            "An organisation publishes only the event types that its publication schedule names."
                .to_owned(),
        source: "walbrook: publication schedules".to_owned(),
    }];
    rows.extend(of("head", HEAD_RULES));
    rows.extend(of("body", facts::RULES));
    rows.extend(of_agency::<walbrook_police::Police>());
    rows.extend(of_agency::<walbrook_health::Health>());
    rows.extend(of_agency::<walbrook_housing::Housing>());
    rows.extend(of_agency::<walbrook_tfl::Tfl>());
    rows.extend(of_agency::<walbrook_social_care::SocialCare>());
    rows.extend(of_agency::<walbrook_city::City>());
    rows
}

fn of_agency<A: Agency>() -> Vec<Row> {
    of(A::NAME, A::rules())
}

fn of(place: &str, rules: &[&Rule]) -> Vec<Row> {
    let row = |rule: &&Rule| Row {
        rule: rule.id.to_owned(),
        severity: match rule.severity {
            Severity::Refuse => "refuse",
            Severity::Query => "query",
        },
        place: place.to_owned(),
        sentence: rule.sentence.to_owned(),
        source: rule.source.to_owned(),
    };
    rules.iter().map(row).collect()
}

/// The rules on history of a view file: those without points, each a sentence beside the row.
///
/// # Errors
/// When the text is no TOML.
pub fn of_view(text: &str) -> Result<Vec<Row>, toml::de::Error> {
    let file: toml::Table = text.parse()?;
    let string = |table: &toml::Table, key: &str| {
        let value = table.get(key).and_then(toml::Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let (name, rules) = (string(&file, "name"), file.get("rule"));
    let rules = rules.and_then(toml::Value::as_array).into_iter().flatten();
    let rules = rules.filter_map(toml::Value::as_table);
    Ok(rules
        .filter(|rule| !rule.contains_key("points"))
        .map(|rule| Row {
            rule: string(rule, "id"),
            severity: "history",
            place: format!("view {name}"),
            sentence: string(rule, "sentence"),
            source: match string(rule, "source") {
                none if none.is_empty() => format!("deploy/views/{name}.toml"),
                source => source,
            },
        })
        .collect())
}

/// The list as the text of its file.
///
/// # Errors
/// When it cannot be written as CSV.
pub fn text(rows: &[Row]) -> Result<String, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(HEADS)?;
    for row in rows {
        out.write_record([
            &row.rule,
            row.severity,
            &row.place,
            &row.sentence,
            &row.source,
        ])?;
    }
    let bytes = out
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
