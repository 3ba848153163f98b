//! Statutory clocks: what started it, what was done, and when the next thing is due by the calendar of England and Wales.

use crate::feature::{Facts, Outputs, day_of, days};
use crate::known::Known;
use crate::model::{Due, Feature, Kind};
use crate::value::Value;
use walbrook_domain::{Day, WorkingCalendar};

/// The day something is due after `from`.
pub fn due_after(from: Day, due: Due, calendar: &WorkingCalendar) -> Day {
    match due {
        Due::WorkingDays(count) => calendar.plus_working_days(from, count),
        Due::Days(count) => from.plus(i32::try_from(count).unwrap_or(i32::MAX)),
        Due::Months(count) => plus_months(from, count),
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

/// Writes `<name>` (`DUE`, `OVERDUE`, `DONE`, `DONE_LATE`), `_started`, `_due`, `_done` and `_days_left`.
pub(crate) fn compute(feature: &Feature, facts: &Facts<'_>, outputs: &mut Outputs) {
    let Kind::Clock {
        start,
        started,
        done,
        done_on,
        steps,
        repeats,
    } = &feature.kind
    else {
        return;
    };
    let name = &feature.name;
    let mut put = |part: &str, known: Known| {
        outputs.insert(format!("{name}{part}"), known);
    };
    let began = facts
        .select(start)
        .filter_map(|event| day_of(event, *started))
        .filter(|day| *day <= facts.day)
        .max();
    let Some(began) = began else {
        let known = facts.nothing(start);
        for part in ["", "_started", "_due", "_done", "_days_left"] {
            put(part, known.clone());
        }
        return;
    };
    let mut days_done: Vec<Day> = facts
        .select(done)
        .filter_map(|event| day_of(event, *done_on))
        .filter(|day| *day >= began && *day <= facts.day)
        .collect();
    days_done.sort();
    days_done.dedup();
    let steps_done = Steps {
        began,
        days_done: &days_done,
        steps,
        repeats: *repeats,
    };
    let (due, done_day, finished) = steps_done.next(facts.calendar);
    // What is not known to be done is only overdue when its source was heard.
    let quiet = match (done_day, facts.nothing(done)) {
        (None, known @ (Known::NotKnown(_) | Known::Withheld(_))) => Some(known),
        _ => None,
    };
    let state = match (finished, done_day) {
        (true, Some(day)) if day > due => "DONE_LATE",
        (true, _) => "DONE",
        (false, _) if facts.day > due => "OVERDUE",
        (false, _) => "DUE",
    };
    put("_started", Known::Value(Value::Day(began)));
    put("_due", Known::Value(Value::Day(due)));
    put(
        "_done",
        done_day.map_or_else(
            || quiet.clone().unwrap_or(Known::Nothing),
            |day| Known::Value(Value::Day(day)),
        ),
    );
    put(
        "_days_left",
        if finished {
            Known::Nothing
        } else {
            days(due, facts.day)
        },
    );
    put(
        "",
        quiet.unwrap_or_else(|| Known::Value(Value::Text(state.into()))),
    );
}

struct Steps<'a> {
    began: Day,
    days_done: &'a [Day],
    steps: &'a [Due],
    repeats: bool,
}

impl Steps<'_> {
    /// (when the current step is or was due, the last day something was done, whether nothing more will fall due).
    fn next(&self, calendar: &WorkingCalendar) -> (Day, Option<Day>, bool) {
        let mut from = self.began;
        let mut due = from;
        let mut last_done = None;
        let mut done = self.days_done.iter();
        let mut index = 0;
        loop {
            let step = match self.steps.get(index).or(self.steps.last()) {
                Some(step) if self.repeats || index < self.steps.len() => *step,
                _ => return (due, last_done, true),
            };
            due = due_after(from, step, calendar);
            match done.next() {
                Some(day) => {
                    last_done = Some(*day);
                    from = *day;
                    index += 1;
                }
                None => return (due, last_done, false),
            }
        }
    }
}
