//! `walbrook codelist`: the code lists that events are checked against, as of a collection year or a day.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use walbrook_schemas::codelist::{Code, CodeList, Span, list_at, lists};
use walbrook_schemas::{PlainDate, authorities};

use crate::table::{numbers, print, table};
use crate::{Exit, Failure};

/// Show the code lists that events are checked against
#[derive(Debug, Args)]
pub struct CodelistArgs {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Every list: its name, how many codes, what they are
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// The codes of one list, as in force in a collection year or on a day
    Show {
        /// The list, as ssda903/LS, ssda903/LS@2025 (the year from 1 April 2025) or ssda903/LS@2025-06-01
        #[arg(value_name = "LIST[@WHEN]")]
        list: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Prints lists.
///
/// # Errors
/// When there is no such list, or the year or day cannot be read.
pub fn run(args: &CodelistArgs) -> Result<Exit, Failure> {
    match &args.command {
        Verb::List { json } => print(&all(*json)),
        Verb::Show { list, json } => print(&one(list, *json)?),
    }
    Ok(Exit::Done)
}

fn all(as_json: bool) -> String {
    if as_json {
        let rows = lists().iter().map(|list| {
            json!({ "list": list.address(), "codes": list.codes.len(), "title": list.title,
                    "edition": list.edition, "source": list.source })
        });
        return format!("{}\n", Value::Array(rows.collect()));
    }
    let mut rows = table(["list", "codes", "what they are", "edition"]);
    numbers(&mut rows, 1..2);
    for list in lists() {
        let codes = list.codes.len().to_string();
        rows.add_row([
            list.address(),
            codes,
            list.title.to_owned(),
            list.edition.to_owned(),
        ]);
    }
    format!("{rows}\n")
}

fn one(address: &str, as_json: bool) -> Result<String, Failure> {
    let (name, when) = match address.split_once('@') {
        Some((name, when)) => (name, Some(when)),
        None => (address, None),
    };
    let list = list_at(name).ok_or_else(|| {
        let problem = format!("there is no code list {name}; `walbrook codelist list` names them");
        Failure::new(Exit::Usage, problem)
    })?;
    let span = match when {
        None => None,
        Some(when) => Some(Span::parse(when).ok_or_else(|| {
            let problem = format!(
                "{when}: expected a collection year (2025 or 2025/26) or a day (2025-06-01)"
            );
            Failure::new(Exit::Usage, problem)
        })?),
    };
    let codes: Vec<&Code> = match span {
        None => list.codes.iter().collect(),
        Some(span) => list.during(span).collect(),
    };
    Ok(if as_json {
        format!("{}\n", as_object(list, span, &codes))
    } else {
        as_text(list, span, &codes)
    })
}

fn as_text(list: &CodeList, span: Option<Span>, codes: &[&Code]) -> String {
    let mut rows = table(["code", "meaning", "from", "to"]);
    for code in codes {
        let day = |day: Option<PlainDate>| day.map(written).unwrap_or_default();
        let meaning = format!("{}{}", code.label, also(list, code));
        rows.add_row([
            code.code.to_owned(),
            meaning,
            day(code.first_day),
            day(code.last_day),
        ]);
    }
    let gone = list.codes.len() - codes.len();
    let when = match span {
        None => "every code that the list has held".to_owned(),
        Some(span) if span.first == span.last => format!("in force on {}", written(span.first)),
        Some(span) => format!(
            "in force between {} and {}",
            written(span.first),
            written(span.last)
        ),
    };
    let others = match gone {
        0 => String::new(),
        _ => format!(", {gone} of other days left out"),
    };
    format!(
        "{}: {}\n{} codes {when}{others}\n{rows}\nedition: {}\nsource: {}\n",
        list.address(),
        list.title,
        codes.len(),
        list.edition,
        list.source
    )
}

fn as_object(list: &CodeList, span: Option<Span>, codes: &[&Code]) -> Value {
    let codes = codes.iter().map(|code| {
        let mut said = json!({
            "code": code.code,
            "meaning": code.label,
            "first_day": code.first_day.map(written),
            "last_day": code.last_day.map(written),
        });
        if let (Some(others), Some(said)) = (other_codes(list, code), said.as_object_mut()) {
            said.extend(others);
        }
        said
    });
    json!({
        "list": list.address(),
        "title": list.title,
        "edition": list.edition,
        "source": list.source,
        "first_day": span.map(|span| written(span.first)),
        "last_day": span.map(|span| written(span.last)),
        "codes": codes.collect::<Vec<_>>(),
    })
}

/// What a London authority is called by others.
fn also(list: &CodeList, code: &Code) -> String {
    let known = authorities().iter().find(|one| one.gss == code.code);
    known
        .filter(|_| list.name == AUTHORITIES)
        .map_or(String::new(), |one| {
            format!(" (DfE {}, LIIA {})", one.dfe, one.liia)
        })
}

fn other_codes(list: &CodeList, code: &Code) -> Option<serde_json::Map<String, Value>> {
    let known = authorities().iter().find(|one| one.gss == code.code);
    let one = known.filter(|_| list.name == AUTHORITIES)?;
    json!({
        "dfe": one.dfe,
        "liia": one.liia,
        "gss_first_day": one.gss_first_day.map(written),
        "dfe_first_day": one.dfe_first_day.map(written),
    })
    .as_object()
    .cloned()
}

const AUTHORITIES: &str = "london_authority";

fn written(day: PlainDate) -> String {
    format!("{:04}-{:02}-{:02}", day.year, day.month, day.day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(address: &str) -> Vec<String> {
        let said: Value = serde_json::from_str(&one(address, true).unwrap()).unwrap();
        let codes = said["codes"].as_array().unwrap();
        codes
            .iter()
            .map(|code| code["code"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_list_is_shown_as_of_a_year() {
        assert_eq!(codes("ssda903/LS@2025").len(), 13);
        let (before, after) = (codes("ssda903/PLACE@2024"), codes("ssda903/PLACE@2025"));
        let holds = |codes: &[String], code: &str| codes.iter().any(|one| one == code);
        for gone in ["H5", "P2", "Z1"] {
            assert!(holds(&before, gone) && !holds(&after, gone), "{gone}");
        }
        for new in ["Z11", "Z14"] {
            assert!(!holds(&before, new) && holds(&after, new), "{new}");
        }
        let text = one("ssda903/PLACE@2025", false).unwrap();
        assert!(
            text.starts_with("ssda903/PLACE: Type of placement\n"),
            "{text}"
        );
        assert!(
            text.contains(
                "29 codes in force between 2025-04-01 and 2026-03-31, 3 of other days left out"
            ),
            "{text}"
        );
        assert!(
            text.contains("supported accommodation, registered"),
            "{text}"
        );
    }

    #[test]
    fn authorities_are_shown_with_their_other_codes() {
        let text = one("london/AUTHORITY", false).unwrap();
        assert!(text.contains("Camden (DfE 202, LIIA CAM)"), "{text}");
        let said: Value =
            serde_json::from_str(&one("london/AUTHORITY@2026", true).unwrap()).unwrap();
        let first = &said["codes"][6];
        assert_eq!(first["code"], "E09000007");
        assert_eq!(
            (&first["dfe"], &first["liia"]),
            (&json!("202"), &json!("CAM"))
        );
        assert_eq!(first["dfe_first_day"], "1990-04-01");
    }

    #[test]
    fn what_cannot_be_shown_says_what_to_do() {
        let failure = one("ssda903/LX", false).unwrap_err();
        assert!(failure.text().contains("`walbrook codelist list`"));
        let failure = one("ssda903/LS@25", false).unwrap_err();
        assert!(failure.text().contains("2025/26"));
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(all(false).contains("ssda903/LS"));
    }
}
