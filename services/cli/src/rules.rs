//! `walbrook rules`: what is checked of events, where, how severely, and why. Printed from the reviewed list `schemas/rules.csv`, which a test holds to the
//! rules themselves.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::table::{self, table};
use crate::{Exit, Failure};

const LIST: &str = include_str!("../../../schemas/rules.csv");
/// Width of a sentence in the table, in letters.
const SENTENCE_WIDTH: u16 = 70;
const SOURCE_WIDTH: u16 = 34;

/// List the rules that events are checked by: id, severity, place, sentence and source
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// Only rules of this severity
    #[arg(long)]
    pub severity: Option<Severity>,
    /// Only rules of this place: head or body (of every event), schedule, an agency, view
    #[arg(long, value_name = "PLACE")]
    pub place: Option<String>,
    /// As JSON
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// As CSV
    #[arg(long)]
    pub csv: bool,
}

/// What breaking a rule means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Severity {
    /// The event is not accepted
    Refuse,
    /// The event is accepted, and the rule's id kept with it
    Query,
    /// A sentence beside the row of whoever it is about
    History,
}

/// A rule of the list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Rule {
    /// Its id.
    pub rule: String,
    /// `refuse`, `query` or `history`.
    pub severity: String,
    /// Where it is checked.
    pub place: String,
    /// What is expected.
    pub sentence: String,
    /// Where it comes from.
    pub source: String,
}

impl Rule {
    fn is_wanted(&self, args: &RulesArgs) -> bool {
        let severity = args.severity.is_none_or(|wanted| {
            let name = wanted.to_possible_value();
            name.is_some_and(|name| name.get_name() == self.severity)
        });
        let place = args.place.as_deref().is_none_or(|wanted| {
            // `view` stands for every view.
            self.place == wanted || self.place.split(' ').next() == Some(wanted)
        });
        severity && place
    }
}

/// Every rule of the list.
///
/// # Errors
/// When the list of this program cannot be read.
pub fn rules() -> Result<Vec<Rule>, Failure> {
    csv::Reader::from_reader(LIST.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(Exit::Internal, error))
}

/// Prints them.
///
/// # Errors
/// When no rule is asked for by that name of a place.
pub fn run(args: &RulesArgs) -> Result<Exit, Failure> {
    let all = rules()?;
    let wanted: Vec<Rule> = all
        .iter()
        .filter(|rule| rule.is_wanted(args))
        .cloned()
        .collect();
    if wanted.is_empty() {
        let mut places: Vec<_> = all.iter().map(|rule| rule.place.as_str()).collect();
        places.dedup();
        return Err(Failure::new(
            Exit::Usage,
            format!("no such rule; places are {}", places.join(", ")),
        ));
    }
    table::print(&shown(args, &wanted)?);
    Ok(Exit::Done)
}

fn shown(args: &RulesArgs, wanted: &[Rule]) -> Result<String, Failure> {
    let internal = |error: &dyn std::error::Error| Failure::new(Exit::Internal, error.to_string());
    if args.json {
        let text = serde_json::to_string_pretty(wanted).map_err(|error| internal(&error))?;
        return Ok(text + "\n");
    }
    if args.csv {
        let mut out = csv::Writer::from_writer(Vec::new());
        for rule in wanted {
            out.serialize(rule).map_err(|error| internal(&error))?;
        }
        let bytes = out.into_inner().map_err(|error| internal(&error))?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    let mut sheet = table(["rule", "severity", "place", "sentence", "source"]);
    for rule in wanted {
        sheet.add_row([
            rule.rule.clone(),
            rule.severity.clone(),
            rule.place.clone(),
            folded(&rule.sentence, SENTENCE_WIDTH),
            folded(&rule.source, SOURCE_WIDTH),
        ]);
    }
    Ok(format!("{sheet}\n{} rules\n", wanted.len()))
}

/// A text in lines of at most this width where its words allow.
fn folded(text: &str, width: u16) -> String {
    let mut out = String::new();
    let mut filled = 0;
    for word in text.split(' ') {
        let letters = word.chars().count();
        if filled > 0 && filled + letters >= usize::from(width) {
            out.push('\n');
            filled = 0;
        } else if filled > 0 {
            out.push(' ');
        }
        out.push_str(word);
        filled += letters + 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> RulesArgs {
        RulesArgs {
            severity: None,
            place: None,
            json: false,
            csv: false,
        }
    }

    #[test]
    fn the_list_is_read_and_sieved() {
        let all = rules().unwrap();
        assert!(all.len() > 60, "{}", all.len());
        let of = |args: RulesArgs| all.iter().filter(|rule| rule.is_wanted(&args)).count();
        let severity = |severity| RulesArgs {
            severity: Some(severity),
            ..args()
        };
        let each = [Severity::Refuse, Severity::Query, Severity::History].map(severity);
        let counts = each.map(of);
        assert!(counts.iter().all(|count| *count > 5), "{counts:?}");
        assert_eq!(counts.iter().sum::<usize>(), all.len());
        let views = RulesArgs {
            place: Some("view".into()),
            ..args()
        };
        assert!(of(views) > 0);
    }

    #[test]
    fn csv_and_json_say_what_the_file_says() {
        let all = rules().unwrap();
        let csv = RulesArgs {
            csv: true,
            ..args()
        };
        assert_eq!(shown(&csv, &all).unwrap(), LIST);
        let json = RulesArgs {
            json: true,
            ..args()
        };
        let back: Vec<Rule> = serde_json::from_str(&shown(&json, &all).unwrap()).unwrap();
        assert_eq!(back, all);
        assert!(shown(&args(), &all).unwrap().contains("CODE_NOT_IN_LIST"));
    }

    #[test]
    fn long_sentences_are_folded_between_words() {
        assert_eq!(folded("one two three", 8), "one two\nthree");
        assert_eq!(folded("word", 2), "word");
    }
}
