//! `walbrook import ssda903`: an authority's return as a folder of CSV tables.
//!
//! Every row read is accounted for: accepted, queried, refused, or of a table that has no event type yet. A second run sends the same event ids,
//! so it adds nothing.

mod rows;
mod tables;

#[cfg(test)]
mod tests;

use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;
use walbrook_domain::{Day, Organisation, Scheme};
use walbrook_proto::common::v1::EventOutcome;
use walbrook_proto::common::v1::event_outcome::Outcome;

use crate::caller::CallerArgs;
use crate::city::progress;
use crate::publish::publish;
use crate::table::table;
use crate::{Exit, Failure};
use rows::{Finding, Return, Severity};
use tables::Table;

/// Import an SSDA903 return
#[derive(Debug, Args)]
pub struct Ssda903Args {
    /// The folder with header.csv, episodes.csv, reviews.csv and the other tables
    pub folder: PathBuf,
    /// The authority's GSS code
    #[arg(long, value_name = "GSS")]
    pub authority: String,
    /// The collection year, as 2017/18
    #[arg(long)]
    pub year: String,
    /// Where refused and queried rows are listed (table, row, column, rule, severity, reason)
    #[arg(long, value_name = "FILE", default_value = "rejects.csv")]
    pub rejects: PathBuf,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
    /// Who calls
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// What became of a table's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Rows in the file.
    pub read: u64,
    /// Accepted without a remark.
    pub accepted: u64,
    /// Accepted, with a remark.
    pub queried: u64,
    /// Refused, here or by the service.
    pub refused: u64,
    /// Of a table, or about a child, that no event is made from.
    pub not_mapped: u64,
}

impl Counts {
    fn adds_up(self) -> bool {
        self.accepted + self.queried + self.refused + self.not_mapped == self.read
    }
}

/// The collection year's last day, from `2017/18`.
fn last_day(year: &str) -> Option<Day> {
    let (first, second) = year.split_once('/')?;
    let first: i32 = first.parse().ok()?;
    let second: i32 = second.parse().ok()?;
    ((first + 1) % 100 == second)
        .then(|| Day::from_ymd(first + 1, 3, 31))
        .flatten()
}

/// Reads, sends, reports.
///
/// # Errors
/// When the folder cannot be read, an argument is wrong, or the service does not answer.
pub async fn run(args: Ssda903Args) -> Result<Exit, Failure> {
    let last_day = last_day(&args.year).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "--year: expected two years in a row, for example 2017/18",
        )
    })?;
    let authority = Organisation::new(Scheme::Gss, &args.authority)
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    if !authority.is_london_authority() {
        return Err(Failure::new(
            Exit::Usage,
            "--authority: expected a London authority's GSS code, for example E09000007",
        ));
    }
    let files = tables::read_folder(&args.folder)?;
    let mut parsed = Return::parse(files, &authority, &args.year, last_day);
    let bar = progress(parsed.events.len() as u64, "rows sent");
    let events = parsed
        .events
        .iter()
        .map(|event| event.outgoing.clone())
        .collect();
    let outcomes = publish(&args.caller, events, &bar).await?;
    bar.finish_and_clear();
    settle(&mut parsed, &outcomes);
    write_rejects(&args, &parsed.findings)?;
    let counts = parsed.counts();
    print(&args, &counts);
    if let Some((table, _)) = counts.iter().find(|(_, counts)| !counts.adds_up()) {
        return Err(Failure::new(
            Exit::Internal,
            format!("rows of {} are not all accounted for", table.file()),
        ));
    }
    let refused = counts.values().any(|counts| counts.refused > 0);
    Ok(if refused {
        Exit::Difference
    } else {
        Exit::Done
    })
}

/// What the service said of each event becomes findings about its row.
fn settle(parsed: &mut Return, outcomes: &[EventOutcome]) {
    for (event, outcome) in parsed.events.iter().zip(outcomes) {
        let finding = |severity, rule: &str, field: &str, reason: &str| {
            // What is queried in the demographics is about the child's header row; a refusal is always the refused row's own.
            let header = event
                .header_row
                .filter(|_| severity == Severity::Query && field.contains("demographics"));
            Finding {
                table: header.map_or(event.table, |_| Table::Header),
                row: header.unwrap_or(event.row),
                column: tables::column(event.table, field),
                severity,
                rule: rule.to_owned(),
                reason: reason.to_owned(),
            }
        };
        match &outcome.outcome {
            Some(Outcome::Receipt(receipt)) => {
                for query in &receipt.queries {
                    parsed.findings.push(finding(
                        Severity::Query,
                        &query.rule_id,
                        &query.field,
                        &query.message,
                    ));
                }
            }
            Some(Outcome::Refusal(refusal)) => {
                for violation in &refusal.violations {
                    parsed.findings.push(finding(
                        Severity::Refuse,
                        &violation.rule_id,
                        &violation.field,
                        &violation.description,
                    ));
                }
            }
            None => parsed.findings.push(finding(
                Severity::Refuse,
                "NO_ANSWER",
                "",
                "the service gave no outcome; send the return again",
            )),
        }
    }
    parsed
        .findings
        .sort_by_key(|finding| (finding.table, finding.row));
}

fn write_rejects(args: &Ssda903Args, findings: &[Finding]) -> Result<(), Failure> {
    let failed = |error: csv::Error| {
        Failure::new(
            Exit::Input,
            format!("cannot write {}: {error}", args.rejects.display()),
        )
    };
    let mut file = csv::Writer::from_path(&args.rejects).map_err(failed)?;
    file.write_record(["table", "row", "column", "rule", "severity", "reason"])
        .map_err(failed)?;
    for finding in findings {
        let row = finding.row.to_string();
        let severity = finding.severity.word();
        let cells = [
            finding.table.file(),
            &row,
            &finding.column,
            &finding.rule,
            severity,
            &finding.reason,
        ];
        file.write_record(cells).map_err(failed)?;
    }
    file.flush().map_err(|error| failed(error.into()))
}

fn print(args: &Ssda903Args, counts: &BTreeMap<Table, Counts>) {
    if args.json {
        let rows: BTreeMap<&str, Counts> = counts
            .iter()
            .map(|(table, counts)| (table.file(), *counts))
            .collect();
        println!(
            "{}",
            serde_json::json!({ "tables": rows, "rejects": args.rejects })
        );
        return;
    }
    let mut rows = table([
        "table",
        "read",
        "accepted",
        "queried",
        "refused",
        "not mapped",
    ]);
    let mut total = Counts::default();
    for (table, counts) in counts {
        rows.add_row(cells(table.file(), *counts));
        total.read += counts.read;
        total.accepted += counts.accepted;
        total.queried += counts.queried;
        total.refused += counts.refused;
        total.not_mapped += counts.not_mapped;
    }
    rows.add_row(cells("all", total));
    println!("{rows}");
    println!(
        "{} + {} + {} + {} = {} rows read; refused and queried rows are in {}",
        total.accepted,
        total.queried,
        total.refused,
        total.not_mapped,
        total.read,
        args.rejects.display()
    );
}

fn cells(name: &str, counts: Counts) -> [String; 6] {
    let numbers = [
        counts.read,
        counts.accepted,
        counts.queried,
        counts.refused,
        counts.not_mapped,
    ];
    let [read, accepted, queried, refused, not_mapped] = numbers.map(|number| number.to_string());
    [
        name.to_owned(),
        read,
        accepted,
        queried,
        refused,
        not_mapped,
    ]
}
