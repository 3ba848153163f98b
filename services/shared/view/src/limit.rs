//! What may last only so long: an emergency protection order, police protection.

use crate::feature::{Facts, Outputs};
use crate::interval::{spans, together};
use crate::known::Known;
use crate::model::{Interval, Intervals, Limit, Most};
use crate::united::Event;
use crate::value::Value;
use std::collections::BTreeMap;
use walbrook_domain::{Day, Instant, Organisation, Precision};

const HOUR_MICROS: i64 = 3_600_000_000;
const MINUTE_MICROS: i64 = 60_000_000;

/// Where something stands that may last only so long.
struct Told<T> {
    started: T,
    /// The last moment at which it may stand: by the extension, once past the usual one.
    until: T,
    ended: Option<T>,
    state: &'static str,
}

impl<T: Copy + Ord> Told<T> {
    fn new(started: T, (until, extended): (T, Option<T>), ended: Option<T>, now: T) -> Self {
        let ended = ended.filter(|ended| *ended <= now);
        let last = extended.unwrap_or(until);
        let state = match ended {
            Some(ended) if ended > last => "ENDED_LATE",
            Some(_) => "ENDED",
            None if now <= until => "RUNNING",
            None if now <= last => "EXTENDED",
            None => "OVERRUN",
        };
        let reached = ended.unwrap_or(now);
        Self {
            started,
            until: if reached > until { last } else { until },
            ended,
            state,
        }
    }

    fn put(self, name: &str, outputs: &mut Outputs, value: impl Fn(T) -> Value) {
        let mut put = |part: &str, known: Known| {
            outputs.insert(format!("{name}{part}"), known);
        };
        put("", Known::Value(Value::Text(self.state.into())));
        put("_started", Known::Value(value(self.started)));
        put("_until", Known::Value(value(self.until)));
        let ended = self.ended.map(value);
        put("_ended", ended.map_or(Known::Nothing, Known::Value));
    }
}

/// Writes `<name>` (`RUNNING`, `EXTENDED`, `OVERRUN`, `ENDED`, `ENDED_LATE`), `_started`, `_until` and `_ended`.
pub(crate) fn compute(name: &str, limit: &Limit, facts: &Facts<'_>, outputs: &mut Outputs) {
    let written = match limit.most {
        Most::Days(days) => of_days(limit, days, facts).map(|told| {
            told.put(name, outputs, Value::Day);
        }),
        Most::Hours(hours) => of_hours(limit, hours, facts).map(|told| {
            told.put(name, outputs, Value::Instant);
        }),
    };
    if written.is_none() {
        let known = facts.nothing(&limit.of.select);
        for part in ["", "_started", "_until", "_ended"] {
            outputs.insert(format!("{name}{part}"), known.clone());
        }
    }
}

fn of_days(limit: &Limit, days: u32, facts: &Facts<'_>) -> Option<Told<Day>> {
    let spans = together(&spans(facts, &limit.of));
    let last = spans
        .into_iter()
        .filter_map(|span| Some((span.start?, span.end)))
        .filter(|(start, _)| *start <= facts.day)
        .max()?;
    let (start, end) = last;
    let after = |days: u32| start.plus(i32::try_from(days).unwrap_or(i32::MAX));
    let extended = match limit.extended {
        Some(Most::Days(days)) => Some(after(days)),
        _ => None,
    };
    Some(Told::new(start, (after(days), extended), end, facts.day))
}

fn of_hours(limit: &Limit, hours: u32, facts: &Facts<'_>) -> Option<Told<Instant>> {
    let mut latest: BTreeMap<(&Organisation, Option<&Value>), Stood> = BTreeMap::new();
    for event in facts.select(&limit.of.select) {
        if let Some(stood) = stood(event, &limit.of) {
            // The later event of a reference speaks for the whole.
            latest.insert((&event.source, event.field(limit.of.reference)), stood);
        }
    }
    let last = latest
        .into_values()
        .filter(|stood| stood.start <= facts.at)
        .max_by_key(|stood| stood.start)?;
    let after = |hours: u32| {
        let micros = i64::from(hours).saturating_mul(HOUR_MICROS);
        Instant(last.start_at_latest.0.saturating_add(micros))
    };
    let extended = match limit.extended {
        Some(Most::Hours(hours)) => Some(after(hours)),
        _ => None,
    };
    let limits = (after(hours), extended);
    Some(Told::new(last.start, limits, last.end, facts.at))
}

/// Every moment at which what is told of a limit in hours may turn.
pub(crate) fn turns(limit: &Limit, facts: &Facts<'_>) -> Vec<Instant> {
    let mut turns = Vec::new();
    for event in facts.select(&limit.of.select) {
        let Some(stood) = stood(event, &limit.of) else {
            continue;
        };
        turns.extend([Some(stood.start), stood.end].into_iter().flatten());
        for most in [Some(limit.most), limit.extended].into_iter().flatten() {
            if let Most::Hours(hours) = most {
                let micros = i64::from(hours).saturating_mul(HOUR_MICROS);
                let last = stood.start_at_latest.0.saturating_add(micros);
                turns.push(Instant(last.saturating_add(1)));
            }
        }
    }
    turns
}

/// When a power stood, by one event.
struct Stood {
    start: Instant,
    /// Of a start that is known only to the day, its last moment: nothing is said to be overrun that may not be.
    start_at_latest: Instant,
    end: Option<Instant>,
}

fn stood(event: &Event, of: &Intervals) -> Option<Stood> {
    let Interval::Ends { start, end } = &of.interval else {
        return None;
    };
    let instant = |field: &u8| match event.fields.get(field) {
        Some((Value::Instant(at), precision)) => Some((*at, *precision)),
        _ => None,
    };
    let (start, precision) = instant(start)?;
    let start_at_latest = match precision {
        Precision::Instant => start,
        Precision::Minute => Instant(start.0.saturating_add(MINUTE_MICROS)),
        Precision::Hour => Instant(start.0.saturating_add(HOUR_MICROS)),
        Precision::Day => start.london_day().plus(1).start(),
    };
    Some(Stood {
        start,
        start_at_latest,
        end: instant(end).map(|(at, _)| at),
    })
}
