//! `walbrook city`: a seeded synthetic city, and half a year of its events sent to the five agencies. `walbrook city people`: what services hold
//! about any number of [`residents`], with errors and the truth beside them. `walbrook city events`: the [`lives`] of up to a million people.

pub mod events;
pub mod figures;
mod life;
pub mod lives;
mod people;
pub mod residents;
mod story;

#[cfg(test)]
mod tests;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use walbrook_domain::Day;
use walbrook_proto::common::v1::event_outcome::Outcome;

use crate::caller::CallerArgs;
use crate::publish::{Outgoing, publish};
use crate::table::table;
use crate::{Exit, Failure};

pub use people::{Course, Person};
pub use story::local_id;

/// Days the calendar covers: half a year.
const CALENDAR_DAYS: i32 = 183;

/// Generate a synthetic city and send its events
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CityArgs {
    /// Something else than events
    #[command(subcommand)]
    pub command: Option<CityCommand>,
    /// How many people
    #[arg(long, default_value_t = 2_000)]
    pub people: usize,
    /// Another seed gives other people
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The calendar's last day (YYYY-MM-DD); half a year ends here. Default: yesterday
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
    /// Who calls
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// What a city gives beside events.
#[derive(Debug, Clone, Subcommand)]
pub enum CityCommand {
    /// Write records of invented people as services hold them, with errors, and the truth about them
    People(residents::command::PeopleArgs),
    /// Write or send the events of a city of any size, with the truth about its people beside them
    Events(Box<events::EventsArgs>),
}

/// A city: its people and what happened to them, in order.
#[derive(Debug)]
pub struct City {
    /// The people.
    pub people: Vec<Person>,
    /// Their events, in the order they happened.
    pub events: Vec<story::Told>,
    /// The day after the calendar's last.
    pub end: Day,
}

impl City {
    /// The city of a seed whose calendar ends before `end`.
    #[must_use]
    pub fn generate(people: usize, seed: u64, end: Day) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let people = people::people(&mut rng, people, end.plus(-1));
        let mut teller = story::Teller::new(&mut rng, end.plus(-CALENDAR_DAYS), end);
        for person in &people {
            teller.life(person);
        }
        teller.transport();
        let events = teller.finish();
        Self {
            people,
            events,
            end,
        }
    }

    /// Whether an organisation's housing service and another organisation (by the start of its name) both sent events about somebody, and both
    /// hold them under the name and postcode they have: so that identity can see that they are one person.
    #[must_use]
    pub fn seen_alike(&self, person: &Person, housing: &str, other: &str) -> bool {
        let known_to = |wanted: &dyn Fn(&Outgoing) -> bool| {
            self.events.iter().any(|told| {
                let subject = told.event.head.subject.as_ref();
                wanted(&told.event)
                    && subject.is_some_and(|subject| {
                        subject.local_id == local_id(&told.event.organisation, person.number)
                            && subject.demographics.as_ref().is_some_and(|held| {
                                held.family_name == person.family
                                    && !held.postcode.starts_with("ZZ99")
                            })
                    })
            })
        };
        known_to(&|event| event.body.agency() == "housing" && event.organisation == housing)
            && known_to(&|event| event.organisation.starts_with(other))
    }
}

impl CityArgs {
    /// A city of this size and seed that ends yesterday.
    #[must_use]
    pub fn of(people: usize, seed: u64) -> Self {
        Self {
            command: None,
            people,
            seed,
            until: None,
            json: false,
            caller: CallerArgs::here(),
        }
    }

    /// The day after the calendar's last.
    ///
    /// # Errors
    /// When `--until` is no date.
    pub fn end(&self) -> Result<Day, Failure> {
        let last = match &self.until {
            Some(text) => text
                .parse()
                .map_err(|error| Failure::new(Exit::Usage, error))?,
            None => now().london_day().plus(-1),
        };
        Ok(last.plus(1))
    }
}

pub(crate) fn now() -> walbrook_domain::Instant {
    walbrook_domain::Instant(jiff::Timestamp::now().as_microsecond())
}

/// Generates and sends.
///
/// # Errors
/// When a service does not answer.
pub async fn run(args: CityArgs) -> Result<Exit, Failure> {
    match &args.command {
        Some(CityCommand::People(people)) => return residents::command::run(people),
        Some(CityCommand::Events(events)) => return events::run(events).await,
        None => {}
    }
    let city = City::generate(args.people, args.seed, args.end()?);
    let events: Vec<Outgoing> = city.events.iter().map(|told| told.event.clone()).collect();
    let kinds: Vec<(String, &'static str)> = events
        .iter()
        .map(|event| (event.organisation.clone(), event.body.agency()))
        .collect();
    let bar = progress(events.len() as u64, "events sent");
    let started = std::time::Instant::now();
    let outcomes = publish(&args.caller, events, &bar).await?;
    bar.finish_and_clear();
    let mut counts: BTreeMap<(&'static str, String), [u64; 3]> = BTreeMap::new();
    let mut refused_rules: BTreeMap<String, u64> = BTreeMap::new();
    for ((organisation, agency), outcome) in kinds.into_iter().zip(&outcomes) {
        let row = counts.entry((agency, organisation)).or_default();
        let [accepted, queried, refused] = row;
        match &outcome.outcome {
            Some(Outcome::Receipt(receipt)) if receipt.queries.is_empty() => *accepted += 1,
            Some(Outcome::Receipt(_)) => *queried += 1,
            Some(Outcome::Refusal(refusal)) => {
                *refused += 1;
                for violation in &refusal.violations {
                    *refused_rules
                        .entry(format!("{} {}", violation.rule_id, violation.field))
                        .or_default() += 1;
                }
            }
            None => *refused += 1,
        }
    }
    report(
        &args,
        &city,
        &counts,
        &refused_rules,
        started.elapsed().as_secs_f64(),
    );
    Ok(if refused_rules.is_empty() {
        Exit::Done
    } else {
        Exit::Difference
    })
}

fn report(
    args: &CityArgs,
    city: &City,
    counts: &BTreeMap<(&'static str, String), [u64; 3]>,
    refused_rules: &BTreeMap<String, u64>,
    seconds: f64,
) {
    if args.json {
        let rows: Vec<_> = counts
            .iter()
            .map(|((agency, organisation), [accepted, queried, refused])| {
                serde_json::json!({ "agency": agency, "organisation": organisation, "accepted": accepted, "queried": queried, "refused": refused })
            })
            .collect();
        println!(
            "{}",
            serde_json::json!({ "people": city.people.len(), "events": city.events.len(), "row_time": city.end.start().rfc3339(), "sources": rows })
        );
        return;
    }
    let mut rows = table([
        "agency",
        "organisation",
        "accepted",
        "of these queried",
        "refused",
    ]);
    for ((agency, organisation), [accepted, queried, refused]) in counts {
        rows.add_row([
            (*agency).to_owned(),
            organisation.clone(),
            (accepted + queried).to_string(),
            queried.to_string(),
            refused.to_string(),
        ]);
    }
    println!("{rows}");
    for (rule, count) in refused_rules {
        println!("refused by {rule}: {count}");
    }
    let households = city
        .people
        .iter()
        .map(|person| person.household)
        .max()
        .map_or(0, |last| last + 1);
    println!(
        "{} people in {households} households, {} events from {} to {}, each with a receipt, in {seconds:.1} s",
        city.people.len(),
        city.events.len(),
        city.end.plus(-CALENDAR_DAYS),
        city.end.plus(-1),
    );
}

/// A progress bar, on a terminal only.
#[must_use]
pub fn progress(length: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}
