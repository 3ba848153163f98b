//! `walbrook conformance`: an organisation's credential and its way to an agency service, tried against what the contract promises.
//!
//! It sends invented people's events of one type, as the organisation would, and demands of each answer what `proto/README.md` says: receipts, retries,
//! refusals with their rules, windows of a stream, back-pressure, clocks. It leaves events behind, so it is for a sandbox organisation.

mod calls;
mod sample;
mod service;
mod stream;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::caller::CallerArgs;
use crate::table::table;
use crate::{Exit, Failure};
use sample::Sample;
use service::Service;

/// Try a sandbox organisation's credential and connection: receipts, retries, refusals, back-pressure, clocks; leaves invented events behind
#[derive(Debug, Args)]
pub struct ConformanceArgs {
    /// The service that is tried
    #[arg(long, value_enum, default_value_t = AgencyName::Housing)]
    pub agency: AgencyName,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Who calls
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// The agencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AgencyName {
    /// Housing services, landlords and outreach
    Housing,
    /// Police forces
    Police,
    /// NHS bodies
    Health,
    /// Children's social care
    SocialCare,
    /// Transport: open data, about nobody
    Tfl,
    /// The city's open data, about nobody
    City,
}

impl AgencyName {
    /// As services are called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Housing => "housing",
            Self::Police => "police",
            Self::Health => "health",
            Self::SocialCare => "social-care",
            Self::Tfl => "tfl",
            Self::City => "city",
        }
    }

    /// Whether the events that are tried are about people.
    pub(crate) const fn is_about_people(self) -> bool {
        !matches!(self, Self::Tfl | Self::City)
    }
}

/// What one rule of the contract came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The rule's id.
    pub rule: &'static str,
    /// What is demanded.
    pub demands: &'static str,
    /// Whether it is so.
    pub passed: bool,
    /// What was found.
    pub found: String,
}

/// What was found: as demanded, or not.
pub(crate) type Found = Result<String, String>;

/// Verdicts so far.
#[derive(Debug, Default)]
pub(crate) struct Book(Vec<Verdict>);

impl Book {
    pub(crate) fn note(&mut self, rule: &'static str, demands: &'static str, found: Found) {
        let passed = found.is_ok();
        self.0.push(Verdict {
            rule,
            demands,
            passed,
            found: found.unwrap_or_else(|found| found),
        });
    }
}

/// Tries everything and prints a line for each rule.
///
/// # Errors
/// When nobody answers at all.
pub async fn run(args: ConformanceArgs) -> Result<Exit, Failure> {
    let verdicts = verdicts(&args).await?;
    let failed = verdicts.iter().filter(|verdict| !verdict.passed).count();
    if args.json {
        let text = serde_json::to_string_pretty(&verdicts)
            .map_err(|error| Failure::new(Exit::Internal, error))?;
        println!("{text}");
    } else {
        let mut sheet = table(["rule", "verdict", "demanded", "found"]);
        for verdict in &verdicts {
            let word = if verdict.passed { "pass" } else { "FAIL" };
            sheet.add_row([verdict.rule, word, verdict.demands, &verdict.found]);
        }
        println!(
            "{sheet}\n{} passed, {failed} failed",
            verdicts.len() - failed
        );
    }
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::Difference
    })
}

/// Tries everything.
///
/// # Errors
/// When nobody answers at all.
pub async fn verdicts(args: &ConformanceArgs) -> Result<Vec<Verdict>, Failure> {
    let service = Service::connect(args).await?;
    let mut sample = Sample::new(args.agency);
    let mut book = Book::default();
    calls::credentials(&service, &mut sample, &mut book).await;
    calls::receipts(&service, &mut sample, &mut book).await;
    calls::clocks(&service, &mut sample, &mut book).await;
    calls::refusals(&service, &mut sample, &mut book).await;
    stream::frames(&service, &mut sample, &mut book).await;
    stream::resumed(&service, &mut sample, &mut book).await;
    stream::back_pressure(&service, &mut sample, &mut book).await;
    Ok(book.0)
}
