//! Features: what a view computes from the events of one person on one day. A pure function of (events, sources, day, calendar).

use crate::clock;
use crate::condition::Condition;
use crate::interval;
use crate::known::{Known, Sources};
use crate::limit;
use crate::model::{Feature, Kind, Moment, Select, View};
use crate::nesting;
use crate::records;
use crate::state::Person;
use crate::united::Event;
use crate::value::Value;
use std::collections::BTreeMap;
use walbrook_domain::{Day, Instant, WorkingCalendar};

/// Outputs of features by name.
pub type Outputs = BTreeMap<String, Known>;

/// What a feature may look at.
pub struct Facts<'a> {
    /// The person's events as the viewer may see them, in order, none after the row's time.
    pub events: &'a [Event],
    /// How sources stand.
    pub sources: &'a Sources<'a>,
    /// The person.
    pub person: &'a Person<'a>,
    /// The row's London day.
    pub day: Day,
    /// The instant the row is stated for.
    pub at: Instant,
    /// Working days.
    pub calendar: &'a WorkingCalendar,
}

impl<'a> Facts<'a> {
    /// The events a select is about, in order. An event whose needed fields are not all granted tells nothing: a missing end is no open end.
    pub fn select<'s>(
        &'s self,
        select: &'s Select,
    ) -> impl DoubleEndedIterator<Item = &'a Event> + 's {
        let mask = select.mask();
        self.events.iter().filter(move |event| {
            event.event_type == select.event_type
                && event.granted & mask == mask
                && select
                    .only
                    .as_ref()
                    .is_none_or(|only| only.holds_for(event))
                && !select
                    .unless
                    .as_ref()
                    .is_some_and(|unless| unless.holds_for(event))
        })
    }

    /// What to say when a select finds nothing.
    pub fn nothing(&self, select: &Select) -> Known {
        if let Some(words) = self.sources.withheld(select) {
            return Known::Withheld(words.into());
        }
        match self.sources.heard(&select.event_type, self.person) {
            Ok(()) => Known::Nothing,
            Err(since) => Known::NotKnown(since),
        }
    }

    /// Whether a day is past, or today, and in the window.
    pub(crate) fn in_window(&self, day: Day, window_days: Option<u32>) -> bool {
        let in_time = window_days
            .and_then(|days| i32::try_from(days).ok())
            .is_none_or(|days| day > self.day.plus(days.saturating_neg()));
        in_time && day <= self.day
    }

    /// A number when there are events or the sources were heard; what is said otherwise.
    pub(crate) fn number(&self, select: &Select, found: bool, number: i64) -> Known {
        if found {
            return Known::Value(Value::Int(number));
        }
        match self.nothing(select) {
            Known::Nothing => Known::Value(Value::Int(0)),
            other => other,
        }
    }
}

/// The day of a moment of an event, if the event has it.
pub(crate) fn day_of(event: &Event, moment: Moment) -> Option<Day> {
    match moment {
        Moment::Occurred => Some(event.day()),
        Moment::Field(field) => event.field(field)?.day(),
    }
}

/// Every output of the view for one person.
pub fn outputs(view: &View, facts: &Facts<'_>) -> Outputs {
    let mut outputs = Outputs::new();
    for feature in &view.features {
        compute(feature, facts, &mut outputs);
    }
    outputs
}

fn compute(feature: &Feature, facts: &Facts<'_>, outputs: &mut Outputs) {
    let known = match &feature.kind {
        Kind::Last(select, field) => last_value(facts, select, *field),
        Kind::First(select, field) => facts
            .select(select)
            .find_map(|event| event.field(*field))
            .map_or_else(
                || facts.nothing(select),
                |value| Known::Value(value.clone()),
            ),
        Kind::LastHolds(select, condition) => facts.select(select).next_back().map_or_else(
            || facts.nothing(select),
            |event| Known::Value(Value::Bool(condition.holds_for(event))),
        ),
        Kind::Count(select, on, window_days) => {
            let mut any = false;
            let mut count = 0;
            for event in facts.select(select) {
                any = true;
                let day = day_of(event, *on);
                count += i64::from(day.is_some_and(|day| facts.in_window(day, *window_days)));
            }
            facts.number(select, any, count)
        }
        Kind::Sum(select, field, window_days) => {
            let mut any = false;
            let mut sum: i64 = 0;
            for event in facts.select(select) {
                let value = event.field(*field).and_then(Value::int);
                any |= value.is_some();
                if facts.in_window(event.day(), *window_days) {
                    sum = sum.saturating_add(value.unwrap_or(0));
                }
            }
            facts.number(select, any, sum)
        }
        Kind::Change(select, field, days) => change(facts, select, *field, *days),
        Kind::Distinct(select, field, window_days) => distinct(facts, select, *field, *window_days),
        Kind::DaysSince(select, moment) => facts
            .select(select)
            .filter_map(|event| day_of(event, *moment))
            .filter(|day| *day <= facts.day)
            .max()
            .map_or_else(|| facts.nothing(select), |day| days(facts.day, day)),
        Kind::DaysUntil(select, field) => match last_value(facts, select, *field) {
            Known::Value(value) => match value.day() {
                Some(day) => days(day, facts.day),
                None => Known::Nothing,
            },
            other => other,
        },
        Kind::OpenInterval { .. } => return interval::compute(feature, facts, outputs),
        Kind::Clock(of) => return clock::compute(&feature.name, of, facts, outputs),
        Kind::Limit(of) => return limit::compute(&feature.name, of, facts, outputs),
        Kind::Outside {
            of,
            within,
            window_days,
        } => nesting::outside(facts, of, within, *window_days),
        Kind::Overlaps { of, window_days } => nesting::overlaps(facts, of, *window_days),
        Kind::Records {
            select,
            fields,
            most,
        } => records::list(facts, select, fields, *most),
        Kind::Band(of, bands) => band(outputs.get(of), bands),
        Kind::Flag(condition) => condition.flag_over(outputs),
    };
    outputs.insert(feature.name.clone(), known);
}

pub(crate) fn last_value(facts: &Facts<'_>, select: &Select, field: u8) -> Known {
    facts
        .select(select)
        .rev()
        .find_map(|event| event.field(field))
        .map_or_else(
            || facts.nothing(select),
            |value| Known::Value(value.clone()),
        )
}

/// How much a number grew since so many days ago, as the record that was heard last has it: another landlord's arrears are no trend.
fn change(facts: &Facts<'_>, select: &Select, field: u8, days: u32) -> Known {
    let number = |event: &Event| event.field(field).and_then(Value::int);
    let mut events = facts.select(select).rev();
    let Some((last, now)) = events.find_map(|event| Some((event, number(event)?))) else {
        return facts.nothing(select);
    };
    let before = facts
        .day
        .plus(i32::try_from(days).unwrap_or(i32::MAX).saturating_neg());
    let same = |event: &&Event| event.handle == last.handle && event.source == last.source;
    facts
        .select(select)
        .rev()
        .filter(|event| event.day() <= before)
        .filter(same)
        .find_map(number)
        .map_or(Known::Nothing, |then| {
            Known::Value(Value::Int(now.saturating_sub(then)))
        })
}

fn distinct(facts: &Facts<'_>, select: &Select, field: u8, window_days: Option<u32>) -> Known {
    let mut codes: Vec<Box<str>> = Vec::new();
    let mut any = false;
    for event in facts.select(select) {
        any = true;
        if !facts.in_window(event.day(), window_days) {
            continue;
        }
        let of = match event.field(field) {
            Some(Value::Text(code)) => std::slice::from_ref(code),
            Some(Value::Texts(codes)) => codes.as_slice(),
            _ => &[],
        };
        for code in of {
            if !codes.contains(code) {
                codes.push(code.clone());
            }
        }
    }
    match (any, codes.is_empty()) {
        (true, false) => Known::Value(Value::Texts(codes)),
        (true, true) => Known::Nothing,
        (false, _) => facts.nothing(select),
    }
}

fn band(known: Option<&Known>, bands: &[(i64, String)]) -> Known {
    match known {
        Some(Known::Value(Value::Int(number))) => bands
            .iter()
            .rev()
            .find(|(from, _)| from <= number)
            .map_or(Known::Nothing, |(_, name)| {
                Known::Value(Value::Text(name.as_str().into()))
            }),
        Some(other) => other.clone(),
        None => Known::Nothing,
    }
}

/// Days from `from` to `to`.
pub(crate) fn days(to: Day, from: Day) -> Known {
    Known::Value(Value::Int(i64::from(to.0) - i64::from(from.0)))
}

/// Whether a condition over outputs holds; one over something not known does not.
pub fn holds(condition: &Condition, outputs: &Outputs) -> bool {
    condition.holds_over(outputs)
}
