//! `walbrook city events`: the lives of any number of people, day by day in one order, to a file or to the agencies' services; the truth about them
//! beside it. Memory does not grow with the city: people are made block by block, and their events sorted on disk.

mod make;
mod packed;
mod send;
mod sorted;
mod truth;

#[cfg(test)]
mod tests;

use super::lives::{Lives, MOST_PEOPLE, Span};
use super::{now, progress};
use crate::caller::CallerArgs;
use crate::{Exit, Failure};
use clap::Args;
use make::{HELD_BYTES, Made, Order};
use sorted::{Folder, Merge};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use walbrook_domain::Day;

/// Write or send the events of a city of any size, with the truth about its people beside them
#[derive(Debug, Clone, Args)]
pub struct EventsArgs {
    /// How many people; at most a million
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=MOST_PEOPLE))]
    pub people: u64,
    /// Another seed gives other people
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The first day (YYYY-MM-DD). Default: a year before the last
    #[arg(long, value_name = "DATE")]
    pub from: Option<String>,
    /// The last day (YYYY-MM-DD). Default: yesterday
    #[arg(long, value_name = "DATE")]
    pub to: Option<String>,
    /// How many times more often than in London people sleep rough or are looked after: a small city has few of them otherwise
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub more: u32,
    /// Only this part of the city, e.g. 2/8: all parts together are the city
    #[arg(long, value_name = "PART/PARTS", default_value = "1/1", value_parser = part)]
    pub part: (u64, u64),
    /// Where the events go: a line of JSON each, in the order of their days
    #[arg(long, value_name = "FILE", required_unless_present = "publish")]
    pub out: Option<PathBuf>,
    /// Send them to the agencies' services instead
    #[arg(long, conflicts_with = "out")]
    pub publish: bool,
    /// The folder of what is true: who.csv (whose each record is), people.csv (their lives), next.csv (who slept rough next)
    #[arg(long, value_name = "FOLDER")]
    pub truth: Option<PathBuf>,
    /// A day for which next.csv says who was met bedded down within 90 and 180 days; may be given again. Default: the last day
    #[arg(long = "index", value_name = "DATE")]
    pub index: Vec<String>,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
    /// Who calls
    #[command(flatten)]
    pub caller: CallerArgs,
}

fn part(text: &str) -> Result<(u64, u64), String> {
    let (part, parts) = text
        .split_once('/')
        .ok_or("write it as PART/PARTS, e.g. 2/8")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    let (part, parts) = (number(part)?, number(parts)?);
    if (1..=parts).contains(&part) && parts <= MOST_PEOPLE {
        Ok((part, parts))
    } else {
        Err("a part is from 1 to the number of parts".to_owned())
    }
}

impl EventsArgs {
    /// The days that are told.
    ///
    /// # Errors
    /// When one is no date, or the first is after the last.
    pub fn span(&self) -> Result<Span, Failure> {
        let to = self
            .to
            .as_deref()
            .map_or_else(|| Ok(now().london_day().plus(-1)), day)?;
        let from = self
            .from
            .as_deref()
            .map_or_else(|| Ok(to.plus(-364)), day)?;
        if from > to {
            return Err(Failure::new(Exit::Usage, "--from is after --to"));
        }
        if to.0 - from.0 > 3_660 {
            return Err(Failure::new(
                Exit::Usage,
                "at most ten years are told at once",
            ));
        }
        Ok(Span { from, to })
    }

    fn index_days(&self, span: Span) -> Result<Vec<Day>, Failure> {
        if self.index.is_empty() {
            return Ok(vec![span.to]);
        }
        let mut days = Vec::with_capacity(self.index.len());
        for text in &self.index {
            let day = day(text)?;
            if day < span.from || day > span.to {
                return Err(Failure::new(
                    Exit::Usage,
                    "an --index day lies from --from to --to: nothing is known of other days",
                ));
            }
            days.push(day);
        }
        Ok(days)
    }
}

fn day(text: &str) -> Result<Day, Failure> {
    text.parse()
        .map_err(|error| Failure::new(Exit::Usage, error))
}

/// Makes the city and writes or sends its events.
///
/// # Errors
/// When a day is none, a file cannot be written or a service does not answer.
pub async fn run(args: &EventsArgs) -> Result<Exit, Failure> {
    let span = args.span()?;
    let index_days = args.index_days(span)?;
    let started = Instant::now();
    let beside = args
        .out
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join("walbrook-city"));
    let folder = Folder::beside(&beside).map_err(cannot_write(&beside))?;
    let making = args.clone();
    let (made, folder) = tokio::task::spawn_blocking(move || {
        made(&making, span, &index_days, &folder).map(|made| (made, folder))
    })
    .await
    .map_err(|error| Failure::new(Exit::Internal, error))??;
    let generated_s = started.elapsed().as_secs_f64();
    let sent = if let Some(path) = &args.out {
        let (path, runs, events) = (path.clone(), made.runs.clone(), made.events);
        tokio::task::spawn_blocking(move || write(&path, &runs, events))
            .await
            .map_err(|error| Failure::new(Exit::Internal, error))??;
        send::Counts::default()
    } else {
        let bar = progress(made.events, "events sent");
        let sent = send::send(&args.caller, &made.runs, &bar).await?;
        bar.finish_and_clear();
        sent
    };
    drop(folder);
    report(
        args,
        span,
        &made,
        &sent,
        generated_s,
        started.elapsed().as_secs_f64(),
    );
    Ok(if sent.refused() == 0 {
        Exit::Done
    } else {
        Exit::Difference
    })
}

fn made(
    args: &EventsArgs,
    span: Span,
    index_days: &[Day],
    folder: &Folder,
) -> Result<Made, Failure> {
    let lives = Lives::new(args.seed, args.people, span, args.more);
    let (part, parts) = args.part;
    let cut = |part: u64| lives.blocks() * part / parts;
    let files = match &args.truth {
        Some(path) => Some(truth::Files::create(path).map_err(cannot_write(path))?),
        None => None,
    };
    let bar = progress(args.people / parts, "people");
    let order = Order {
        lives: &lives,
        blocks: cut(part - 1)..cut(part),
        transport: part == 1,
        index_days,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        held_bytes: HELD_BYTES,
        bar: &bar,
    };
    let made = make::make(&order, folder, files).map_err(|error| {
        Failure::new(
            Exit::Input,
            format!("the events cannot be sorted on disk: {error}"),
        )
    });
    bar.finish_and_clear();
    made
}

/// Writes the runs, side by side, as lines.
fn write(path: &Path, runs: &[PathBuf], events: u64) -> Result<(), Failure> {
    let failed = cannot_write(path);
    let lines = packed::Lines::new()
        .ok_or_else(|| Failure::new(Exit::Internal, "the contracts describe no events"))?;
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(&failed)?);
    let mut merge = Merge::open(runs).map_err(&failed)?;
    let bar = progress(events, "events written");
    let (mut content, mut line) = (Vec::new(), Vec::new());
    while let Some((at_micros, ..)) = merge.next(&mut content).map_err(&failed)? {
        line.clear();
        let told_at = walbrook_domain::Instant(at_micros);
        if !lines.write(told_at, &content, &mut line) {
            return Err(Failure::new(Exit::Internal, "a run holds what is no event"));
        }
        file.write_all(&line).map_err(&failed)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    file.flush().map_err(&failed)
}

fn cannot_write(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| Failure::new(Exit::Input, format!("cannot write {path}: {error}"))
}

fn report(
    args: &EventsArgs,
    span: Span,
    made: &Made,
    sent: &send::Counts,
    generated_s: f64,
    whole_s: f64,
) {
    let per_second = made.events as f64 / whole_s.max(0.001);
    if args.json {
        let rules: serde_json::Map<String, serde_json::Value> = sent
            .rules
            .iter()
            .map(|(rule, count)| (rule.clone(), (*count).into()))
            .collect();
        println!(
            "{}",
            serde_json::json!({
                "people": made.people, "events": made.events, "from": span.from.to_string(), "to": span.to.to_string(),
                "accepted": sent.accepted, "queried": sent.queried, "refused": sent.refused(), "rules": rules,
                "generated_s": generated_s, "seconds": whole_s, "events_per_s": per_second,
            })
        );
        return;
    }
    for (rule, count) in &sent.rules {
        println!("{rule}: {count}");
    }
    let done = if args.publish {
        "sent, each with a receipt,"
    } else {
        "written"
    };
    println!(
        "{} people, {} events from {} to {} {done} in {whole_s:.1} s ({per_second:.0}/s; made and sorted in {generated_s:.1} s); the same for seed {} and \
         these days, however it is divided",
        made.people, made.events, span.from, span.to, args.seed
    );
    if args.publish {
        println!(
            "accepted {}, of these queried {}, refused {}",
            sent.accepted + sent.queried,
            sent.queried,
            sent.refused()
        );
    }
}
