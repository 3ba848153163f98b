//! Clocks, limits and bands of a view file, and durations, which have a unit always.

use super::rules::output_condition;
use super::{Outputs, Reading};
use crate::document::{Document, Table};
use crate::model::{Clock, Due, Instead, Interval, Kind, Limit, Moment, Most, Select};
use walbrook_policy::catalogue::{EventShape, FieldKind};

/// One end of a clock: its events, their day, and the field that pairs it with the other end.
struct End {
    select: Select,
    on: Moment,
    reference: Option<u8>,
}

impl<'c> Reading<'c> {
    pub(super) fn clock<'t>(
        &self,
        d: &mut Document<'t>,
        table: &mut Table<'t>,
        outputs: &Outputs,
    ) -> Option<Kind> {
        let start = self.end(d, table, "start");
        let done = self.end(d, table, "done");
        let or_done = table
            .has("or_done")
            .then(|| self.end(d, table, "or_done"))
            .flatten();
        let within = table.has("within").then(|| {
            let mut inner = table.table(d, "within")?;
            let within = self.intervals(d, &mut inner);
            inner.finish(d);
            within
        });
        let first = table.has("from")
            && table
                .choice(d, "from", &[("first", true), ("last", false)])
                .unwrap_or(false);
        let mut steps = Vec::new();
        for (line, text) in table.texts(d, "steps") {
            steps.extend(duration(d, table, (line, "steps"), &text));
        }
        if steps.is_empty() {
            let reason = "a clock has at least one step";
            d.fault(table.line, table.path("steps"), reason);
        }
        let repeats = table.flag(d, "repeats");
        let instead = instead(d, table, outputs);
        let window_line = table.line_of("window_days");
        let window_days = table.optional_count(d, "window_days");
        let (start, done) = start.zip(done)?;
        if window_days.is_some() && start.reference.is_none() {
            let reason = "tells old clocks from new ones where a reference pairs several";
            d.fault(window_line, table.path("window_days"), reason);
        }
        let paired = match (start.reference, done.reference, &or_done) {
            (None, None, _) => None,
            (Some(a), Some(b), None) => Some((a, b)),
            _ => {
                let reason = "start and done both name the reference that pairs them, and there is no or_done, or neither does";
                d.fault(table.line, table.path("start.reference"), reason);
                None
            }
        };
        let within = match within {
            Some(within) => Some(within?),
            None => None,
        };
        (!steps.is_empty()).then(|| {
            Kind::Clock(Box::new(Clock {
                started: start.on,
                start: start.select,
                first,
                done: std::iter::once(done)
                    .chain(or_done)
                    .map(|end| (end.select, end.on))
                    .collect(),
                steps,
                repeats,
                instead,
                within,
                paired,
                window_days,
            }))
        })
    }

    fn end<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>, name: &str) -> Option<End> {
        let mut table = table.table(d, name)?;
        let (mut select, shape) = self.select(d, &mut table)?;
        let on = self.on(d, &mut table, (&mut select, shape));
        let reference = self.reference(d, &mut table, (&mut select, shape));
        table.finish(d);
        Some(End {
            select,
            on: on?,
            reference,
        })
    }

    fn reference<'t>(
        &self,
        d: &mut Document<'t>,
        table: &mut Table<'t>,
        of: (&mut Select, &EventShape),
    ) -> Option<u8> {
        table
            .has("reference")
            .then(|| self.field(d, table, "reference", of, &[FieldKind::Text]))
            .flatten()
    }

    pub(super) fn limit<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let of = self.intervals(d, table);
        let limit = most(d, table, "most");
        let extended = table
            .has("extended")
            .then(|| most(d, table, "extended"))
            .flatten();
        let (of, most) = of.zip(limit)?;
        let instants = match &of.interval {
            Interval::Ends { start, end } => [start, end]
                .iter()
                .all(|field| self.kind(&of.select.event_type, **field) == FieldKind::Instant),
            Interval::Phases { .. } => {
                let reason = "start and end of what may last only so long are fields of one event";
                d.fault(table.line, table.path("opens"), reason);
                return None;
            }
        };
        let hours = matches!(most, Most::Hours(_));
        if hours && !instants {
            let reason = "hours are counted from instants; of dates so many days can be said";
            d.fault(table.line, table.path("most"), reason);
        }
        if extended.is_some_and(|extended| matches!(extended, Most::Hours(_)) != hours) {
            let reason = "both in days, or both in hours";
            d.fault(table.line, table.path("extended"), reason);
        }
        Some(Kind::Limit(Limit { of, most, extended }))
    }
}

fn instead<'t>(d: &mut Document<'t>, table: &mut Table<'t>, outputs: &Outputs) -> Vec<Instead> {
    let mut all = Vec::new();
    for mut one in table.tables(d, "instead") {
        let when = output_condition(d, &mut one, "when", outputs);
        let after = one
            .optional_text(d, "after")
            .map(|(line, text)| duration(d, &one, (line, "after"), &text));
        let step = one
            .text(d, "step")
            .and_then(|(line, text)| duration(d, &one, (line, "step"), &text));
        one.finish(d);
        if let (Some(when), Some(step)) = (when, step) {
            let after = after.flatten();
            all.push(Instead { when, after, step });
        }
    }
    all
}

/// `kind = "band"`: `of` an earlier whole number, `bands` by their lowest number, for example `14 BORDERLINE`.
pub(super) fn band<'t>(
    d: &mut Document<'t>,
    table: &mut Table<'t>,
    outputs: &Outputs,
) -> Option<Kind> {
    let of = table.text(d, "of");
    let mut bands = Vec::new();
    for (line, text) in table.texts(d, "bands") {
        let parsed = text
            .split_once(' ')
            .and_then(|(from, name)| Some((from.parse::<i64>().ok()?, name.to_owned())));
        match parsed {
            Some(band) => bands.push(band),
            None => d.fault(
                line,
                table.path("bands"),
                "expected for example `14 BORDERLINE`",
            ),
        }
    }
    bands.sort();
    let (line, of) = of?;
    match outputs.get(&of) {
        Some(FieldKind::Integer) if !bands.is_empty() => Some(Kind::Band(of, bands)),
        Some(FieldKind::Integer) => {
            let reason = "there is at least one band";
            d.fault(line, table.path("bands"), reason);
            None
        }
        Some(_) => {
            d.fault(line, table.path("of"), format!("{of} is no whole number"));
            None
        }
        None => {
            let reason = format!("{of}: there is no such output before this line");
            d.fault(line, table.path("of"), reason);
            None
        }
    }
}

/// A window says what it counts: a bare number could be days or weeks, and half of all readers would take it for the other.
pub(super) fn window_has_a_unit<'t>(d: &mut Document<'t>, table: &mut Table<'t>) {
    for name in ["window", "silent_after"] {
        if table.has(name) {
            let (line, path) = (table.line_of(name), table.path(name));
            let reason = format!("has no unit: say {name}_days and how many days");
            d.fault(line, path, reason);
            table.forget(name);
        }
    }
}

fn duration<'t>(
    d: &mut Document<'t>,
    table: &Table<'t>,
    (line, field): (usize, &str),
    text: &str,
) -> Option<Due> {
    let found = due(text);
    if found.is_none() {
        let reason = if text.parse::<u32>().is_ok() {
            format!("{text} of what? say for example `{text} working days` or `{text} months`")
        } else {
            "expected for example `20 working days`, `7 days`, `6 weeks`, `6 months` or `31 March after 12 months`"
                .to_owned()
        };
        d.fault(line, table.path(field), reason);
    }
    found
}

fn most<'t>(d: &mut Document<'t>, table: &mut Table<'t>, name: &str) -> Option<Most> {
    let (line, text) = table.text(d, name)?;
    let hours = text
        .strip_suffix(" hours")
        .and_then(|count| count.parse().ok())
        .filter(|count| *count > 0);
    let found = match (hours, due(&text)) {
        (Some(hours), _) => Some(Most::Hours(hours)),
        (None, Some(Due::Days(days))) => Some(Most::Days(days)),
        _ => None,
    };
    if found.is_none() {
        let reason = "expected for example `8 days`, `3 weeks` or `72 hours`";
        d.fault(line, table.path(name), reason);
    }
    found
}

fn due(text: &str) -> Option<Due> {
    if let Some(rest) = text.strip_prefix("31 March after ") {
        let Due::Months(months) = due(rest)? else {
            return None;
        };
        return Some(Due::YearEnd(months));
    }
    let (count, unit) = text.split_once(' ')?;
    let count: u32 = count.parse().ok().filter(|count| *count > 0)?;
    match unit {
        "days" | "day" => Some(Due::Days(count)),
        "weeks" | "week" => count.checked_mul(7).map(Due::Days),
        "working days" | "working day" => Some(Due::WorkingDays(count)),
        "months" | "month" => Some(Due::Months(count)),
        _ => None,
    }
}
