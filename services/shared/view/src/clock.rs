//! Statutory clocks: what started it, what was done, and when the next thing is due by the calendar of England and Wales.

use crate::feature::{Facts, Outputs, day_of, days, holds};
use crate::interval::{Span, spans, together};
use crate::known::Known;
use crate::model::{Clock, Due, Instead, Moment, Select};
use crate::value::Value;
use std::collections::BTreeMap;
use walbrook_domain::{Day, Organisation, WorkingCalendar};

/// The day something is due after `from`.
pub fn due_after(from: Day, due: Due, calendar: &WorkingCalendar) -> Day {
    match due {
        Due::WorkingDays(count) => calendar.plus_working_days(from, count),
        Due::Days(count) => from.plus(i32::try_from(count).unwrap_or(i32::MAX)),
        Due::Months(count) => plus_months(from, count),
        Due::YearEnd(months) => year_end(plus_months(from, months).plus(-1)),
    }
}

/// The same day of a later month, or that month's last day when it is shorter.
pub fn plus_months(from: Day, count: u32) -> Day {
    let (year, month, day) = from.ymd();
    let months = i64::from(year) * 12 + i64::from(month) - 1 + i64::from(count);
    let year = i32::try_from(months.div_euclid(12)).unwrap_or(year);
    let month = i32::try_from(months.rem_euclid(12)).unwrap_or(0) + 1;
    (0..4)
        .find_map(|less| Day::from_ymd(year, month, day - less))
        .unwrap_or(from)
}

/// The first 31 March that is this day or later.
fn year_end(day: Day) -> Day {
    let (year, ..) = day.ymd();
    [year, year.saturating_add(1)]
        .into_iter()
        .filter_map(|year| Day::from_ymd(year, 3, 31))
        .find(|end| *end >= day)
        .unwrap_or(day)
}

/// The outputs of a clock beside its own name.
const PARTS: [&str; 4] = ["_started", "_due", "_done", "_days_left"];

/// One run of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    /// The day it started.
    began: Day,
    /// When the current step is or was due.
    due: Day,
    /// The last day something was done.
    done: Option<Day>,
    /// Nothing more will fall due.
    finished: bool,
    /// What it ran within is over.
    ended: bool,
}

impl Told {
    const fn open(&self) -> bool {
        !self.finished && !self.ended
    }

    fn state(&self, today: Day) -> &'static str {
        match (self.finished, self.done) {
            (true, Some(day)) if day > self.due => "DONE_LATE",
            (true, _) => "DONE",
            (false, _) if self.ended => "ENDED",
            (false, _) if today > self.due => "OVERDUE",
            (false, _) => "DUE",
        }
    }
}

/// Writes `<name>` (`DUE`, `OVERDUE`, `DONE`, `DONE_LATE`, `ENDED`), `_started`, `_due`, `_done` and `_days_left`.
pub(crate) fn compute(name: &str, clock: &Clock, facts: &Facts<'_>, outputs: &mut Outputs) {
    let told = told(clock, facts, outputs);
    let mut put = |part: &str, known: Known| {
        outputs.insert(format!("{name}{part}"), known);
    };
    let Some(told) = told else {
        let known = facts.nothing(&clock.start);
        for part in PARTS.into_iter().chain([""]) {
            put(part, known.clone());
        }
        return;
    };
    // What is not known to be done is only overdue when its source was heard.
    let unheard = clock
        .done
        .first()
        .map(|(select, _)| facts.nothing(select))
        .filter(|known| told.open() && *known != Known::Nothing);
    let shown = |day: Option<Day>| day.map_or(Known::Nothing, |day| Known::Value(Value::Day(day)));
    put("_started", shown(Some(told.began)));
    put("_due", shown((!told.ended).then_some(told.due)));
    put(
        "_done",
        match (&unheard, told.done) {
            (Some(unheard), None) => unheard.clone(),
            (_, done) => shown(done),
        },
    );
    put(
        "_days_left",
        if told.open() {
            days(told.due, facts.day)
        } else {
            Known::Nothing
        },
    );
    let state = || Known::Value(Value::Text(told.state(facts.day).into()));
    put("", unheard.unwrap_or_else(state));
}

/// The run that is told: the one there is, or of several the most pressing.
fn told(clock: &Clock, facts: &Facts<'_>, outputs: &Outputs) -> Option<Told> {
    let instead = clock.instead.iter().find(|one| holds(&one.when, outputs));
    let Some((starts, dones)) = clock.paired else {
        return single(clock, facts, instead);
    };
    let started = moments(facts, (&clock.start, clock.started), Some(starts));
    let (select, on) = clock.done.first()?;
    let mut done = moments(facts, (select, *on), Some(dones));
    let mut runs: Vec<Told> = Vec::new();
    for (reference, starts) in &started {
        let Some(began) = starts.iter().max().copied() else {
            continue;
        };
        let days_done = done.remove(reference).unwrap_or_default();
        runs.push(run(clock, instead, began, days_done, facts.calendar));
    }
    let (recent, old): (Vec<Told>, Vec<Told>) = runs
        .into_iter()
        .partition(|run| facts.in_window(run.began, clock.window_days));
    most_pressing(&recent).or_else(|| most_pressing(&old))
}

/// What is open and due first, or else what began last.
fn most_pressing(runs: &[Told]) -> Option<Told> {
    let open = runs.iter().filter(|run| run.open());
    open.min_by_key(|run| (run.due, run.began))
        .or_else(|| runs.iter().max_by_key(|run| (run.began, run.due)))
        .copied()
}

fn single(clock: &Clock, facts: &Facts<'_>, instead: Option<&Instead>) -> Option<Told> {
    let starts = moments(facts, (&clock.start, clock.started), None);
    let starts: Vec<Day> = starts.into_values().flatten().collect();
    let last = starts.iter().max().copied()?;
    let around = clock.within.as_ref().and_then(|within| {
        let runs = together(&spans(facts, within));
        runs.into_iter().find(|span| covers(span, last))
    });
    let since = around.and_then(|span| span.start);
    let began = if clock.first {
        let counted = starts
            .into_iter()
            .filter(|day| since.is_none_or(|since| *day >= since));
        counted.min().unwrap_or(last)
    } else {
        last
    };
    let mut days_done = Vec::new();
    for (select, on) in &clock.done {
        let found = moments(facts, (select, *on), None);
        days_done.extend(found.into_values().flatten());
    }
    let ended = around
        .and_then(|span| span.end)
        .is_some_and(|end| end <= facts.day);
    let mut told = run(clock, instead, began, days_done, facts.calendar);
    told.ended = ended && !told.finished;
    Some(told)
}

fn covers(span: &Span, day: Day) -> bool {
    span.start.is_some_and(|start| start <= day) && span.end.is_none_or(|end| day <= end)
}

/// The days up to today of the events that a select finds, by source and reference where one is named.
fn moments<'f>(
    facts: &Facts<'f>,
    (select, on): (&Select, Moment),
    reference: Option<u8>,
) -> BTreeMap<(Option<&'f Organisation>, Option<&'f Value>), Vec<Day>> {
    let mut found: BTreeMap<_, Vec<Day>> = BTreeMap::new();
    for event in facts.select(select) {
        let Some(day) = day_of(event, on).filter(|day| *day <= facts.day) else {
            continue;
        };
        // References are the source's own: two organisations may use the same one.
        let key = match reference {
            Some(field) => (Some(&event.source), event.field(field)),
            None => (None, None),
        };
        found.entry(key).or_default().push(day);
    }
    found
}

fn run(
    clock: &Clock,
    instead: Option<&Instead>,
    began: Day,
    mut days_done: Vec<Day>,
    calendar: &WorkingCalendar,
) -> Told {
    days_done.retain(|day| *day >= began);
    days_done.sort_unstable();
    days_done.dedup();
    let mut told = Told {
        began,
        due: began,
        done: None,
        finished: false,
        ended: false,
    };
    let mut from = began;
    for index in 0.. {
        let usual = clock.steps.get(index).or_else(|| {
            let again = clock.steps.last();
            again.filter(|_| clock.repeats)
        });
        let Some(usual) = usual else {
            told.finished = true;
            break;
        };
        let other = instead.filter(|one| {
            one.after
                .is_none_or(|after| from >= due_after(began, after, calendar))
        });
        told.due = due_after(from, other.map_or(*usual, |one| one.step), calendar);
        let Some(day) = days_done.get(index) else {
            break;
        };
        told.done = Some(*day);
        from = *day;
    }
    told
}
