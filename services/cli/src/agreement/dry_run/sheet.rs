//! A forecast as people read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use walbrook_auditor::dry_run::Forecast;
use walbrook_auditor::dry_run::forecast::{FlowChange, Inferable, ReaderChange};

use crate::table::{numbers, ruled, table};
use crate::view::words;

/// How many readers stand in the table one by one; more are added up by role and view.
const READERS_SHOWN: usize = 12;

/// The whole answer.
pub(super) fn render(forecast: &Forecast) -> String {
    let mut out = String::new();
    head(&mut out, forecast);
    match forecast.kind.as_str() {
        "matching" => out.push_str(
            "\nA matching agreement releases nothing: it lets identity compare its parties' records.\n",
        ),
        _ => {
            flows(&mut out, forecast);
            people(&mut out, forecast);
            readers(&mut out, &forecast.readers);
            inferable(&mut out, &forecast.inferable);
            at_once(&mut out, forecast);
        }
    }
    out.push_str("\nNothing was written: the signatures existed in memory only.\n");
    out
}

/// A line of the answer; writing into a String cannot fail.
macro_rules! line {
    ($out:expr, $($words:tt)*) => {
        let _ = writeln!($out, $($words)*);
    };
}

fn head(out: &mut String, forecast: &Forecast) {
    line!(
        out,
        "Dry run of {} version {}: {}",
        forecast.agreement,
        forecast.version,
        forecast.title
    );
    let standing = match (forecast.on_record, forecast.previous_version) {
        (true, _) => "it is on record, word for word".to_owned(),
        (false, Some(version)) => format!("it follows version {version}"),
        (false, None) => "it is not on record".to_owned(),
    };
    let purpose = if forecast.purpose_is_new {
        ", for which nothing is shared now"
    } else {
        ""
    };
    line!(out, "Purpose {}{purpose}; {standing}.", forecast.purpose);
    let parties: Vec<String> = forecast
        .signatories
        .iter()
        .map(|party| words::organisation(party))
        .collect();
    line!(
        out,
        "As if signed by {}: {}.",
        counted(size(parties.len()), "party", "parties"),
        some_of(&parties, 6)
    );
    let since = forecast
        .since
        .as_ref()
        .map_or_else(String::new, |day| format!(" accepted since {day}"));
    line!(
        out,
        "Replayed {} ({}{since}), {} of types it speaks of, under today's consents, objections and links.",
        counted(forecast.replayed.records, "record", "records"),
        counted(forecast.replayed.events, "event", "events"),
        grouped(forecast.replayed.concerned)
    );
    if forecast.replayed.unreadable > 0 {
        line!(
            out,
            "Left out: {} that cannot be read (`walbrook quarantine list` shows them to their owners).",
            counted(forecast.replayed.unreadable, "record", "records")
        );
    }
}

fn heading(out: &mut String, words: &str) {
    line!(out, "\n{words}");
}

fn flows(out: &mut String, forecast: &Forecast) {
    heading(out, "What would be shared from then on");
    if forecast.flows.is_empty() {
        line!(
            out,
            "No event on this log is of a type and source that it speaks of."
        );
        return;
    }
    let mut rows = table([
        "Event",
        "From",
        "Events",
        "Under it now",
        "Would be",
        "People",
    ]);
    numbers(&mut rows, 2..6);
    for flow in &forecast.flows {
        rows.add_row([
            flow.event_type.clone(),
            format!(
                "{} ({})",
                words::organisation(&flow.source),
                flow.organisations
            ),
            grouped(flow.events),
            grouped(flow.released_before),
            grouped(flow.released_after),
            grouped(flow.people),
        ]);
    }
    line!(out, "{rows}");
    for flow in &forecast.flows {
        fields(out, flow);
    }
}

fn fields(out: &mut String, flow: &FlowChange) {
    line!(
        out,
        "\n{} from {}",
        flow.event_type,
        words::organisation(&flow.source)
    );
    for (words, fields) in [
        ("new for this purpose", &flow.fields_new_to_purpose),
        (
            "new here, shared for this purpose by another agreement already",
            &flow.fields_new_here,
        ),
        ("no longer shared here", &flow.fields_no_longer),
        ("as before", &flow.fields_as_before),
    ] {
        if !fields.is_empty() {
            line!(out, "  {words}: {}", fields.join(", "));
        }
    }
    for withheld in &flow.withheld {
        line!(
            out,
            "  withheld {}: {}",
            counted(withheld.events, "event", "events"),
            withheld.sentence
        );
    }
}

fn people(out: &mut String, forecast: &Forecast) {
    heading(out, "About whom");
    let people = &forecast.people;
    let known = match people.new_to_purpose {
        0 => "about each of them something is shared for this purpose already".to_owned(),
        some if some == people.under_agreement => {
            "about none of them is anything shared for this purpose now".to_owned()
        }
        some => format!(
            "about {} of them nothing is shared for this purpose now",
            grouped(some)
        ),
    };
    line!(
        out,
        "It would share something about {}; {known}.",
        counted(people.under_agreement, "person", "people")
    );
    if people.no_longer > 0 {
        line!(
            out,
            "About {} nothing would be shared for this purpose any more.",
            counted(people.no_longer, "person", "people")
        );
    }
}

fn readers(out: &mut String, readers: &[ReaderChange]) {
    heading(out, "Who would see it");
    let changed: Vec<&ReaderChange> = readers
        .iter()
        .filter(|one| {
            one.entitled_before != one.entitled_after
                || one.people_new + one.people_no_longer > 0
                || !one.fields_new.is_empty()
                || !one.fields_no_longer.is_empty()
        })
        .collect();
    if changed.is_empty() {
        line!(out, "Nobody would see more or less than now.");
        return;
    }
    let mut rows = table(["Who", "As", "View", "People now", "Would be", "New", "Gone"]);
    numbers(&mut rows, 3..7);
    for one in changed.iter().take(READERS_SHOWN) {
        rows.add_row([
            words::organisation(&one.organisation),
            one.role.clone(),
            match one.mode.as_str() {
                "cohort" => format!("{} (counts only)", one.view),
                _ => one.view.clone(),
            },
            grouped(one.people_before),
            grouped(one.people_after),
            grouped(one.people_new),
            grouped(one.people_no_longer),
        ]);
    }
    line!(out, "{rows}");
    if let Some(rest) = changed.get(READERS_SHOWN..).filter(|rest| !rest.is_empty()) {
        line!(
            out,
            "and {}, with {} within their scopes (--json names them)",
            counted(size(rest.len()), "reader more", "readers more"),
            counted(rest.iter().map(|one| one.people_after).sum(), "row", "rows")
        );
    }
    seen(out, &changed);
    if changed.iter().any(|one| one.with_case_reference) {
        line!(
            out,
            "  Some may also ask for one person beyond their scope, with a case reference on record."
        );
    }
}

/// What each role would see of somebody within its scope, and would not any more: an event a line.
fn seen(out: &mut String, changed: &[&ReaderChange]) {
    let mut roles: BTreeMap<(&str, &str, bool), BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for one in changed {
        for (less, fields) in [(false, &one.fields_new), (true, &one.fields_no_longer)] {
            let events = roles.entry((&one.role, &one.view, less)).or_default();
            for field in fields {
                let (event, field) = field.rsplit_once('.').unwrap_or((field, ""));
                let of_event = events.entry(event).or_default();
                if !of_event.contains(&field) {
                    of_event.push(field);
                }
            }
        }
    }
    for ((role, view, less), events) in roles {
        if events.is_empty() {
            continue;
        }
        let words = if less {
            "would no longer see"
        } else {
            "would see"
        };
        line!(out, "  {role} in {view} {words}");
        for (event, fields) in events {
            line!(out, "    {event}: {}", fields.join(", "));
        }
    }
}

fn inferable(out: &mut String, inferable: &[Inferable]) {
    heading(
        out,
        "What a reader could learn because two agreements meet in one view",
    );
    if inferable.is_empty() {
        line!(
            out,
            "Nothing about third parties that it could not learn now."
        );
        return;
    }
    let mut rows = ruled(["What", "How", "View", "Agreements", "Readers", "Rows"]);
    numbers(&mut rows, 4..6);
    for one in inferable {
        rows.add_row([
            one.what.clone(),
            one.how.as_str().to_owned(),
            one.view.clone(),
            one.agreements.join("\n"),
            grouped(one.organisations),
            grouped(one.rows),
        ]);
    }
    line!(out, "{rows}");
    let mut said: Vec<String> = Vec::new();
    for one in inferable {
        let text = format!("  {}: from {}", one.what, one.from);
        if !said.contains(&text) {
            line!(out, "{text}");
            said.push(text);
        }
    }
}

fn at_once(out: &mut String, forecast: &Forecast) {
    heading(out, "At once, of what stands on the log already");
    let at_once = &forecast.at_once;
    if at_once.released == 0 && at_once.narrowed == 0 {
        line!(
            out,
            "Nothing: what was accepted before stays as it was decided (a document reaches back only with `backfill_from`)."
        );
        return;
    }
    if at_once.released > 0 {
        line!(
            out,
            "{} of {} would be released, or released with more fields.",
            counted(at_once.released, "past event", "past events"),
            counted(at_once.released_people, "person", "people")
        );
    }
    if at_once.narrowed > 0 {
        line!(
            out,
            "{} of {} would be taken back, or lose fields.",
            counted(at_once.narrowed, "past event", "past events"),
            counted(at_once.narrowed_people, "person", "people")
        );
    }
}

/// A number and what it counts.
fn counted(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// A number with thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn some_of(all: &[String], most: usize) -> String {
    match all.get(most..) {
        Some(rest) if !rest.is_empty() => format!(
            "{} and {} more",
            all.get(..most).unwrap_or_default().join(", "),
            rest.len()
        ),
        _ => all.join(", "),
    }
}

fn size(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
