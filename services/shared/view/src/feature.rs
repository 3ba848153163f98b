//! Features: what a view computes from the events of one person on one day. A pure function of (events, sources, day, calendar).

use crate::clock;
use crate::condition::Condition;
use crate::interval;
use crate::known::{Known, Sources};
use crate::model::{Feature, Kind, Moment, Select, View};
use crate::nesting;
use crate::records;
use crate::state::Person;
use crate::united::Event;
use crate::value::Value;
use std::collections::BTreeMap;
use walbrook_domain::{Day, WorkingCalendar};

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

    fn in_window(&self, event: &Event, window_days: Option<u32>) -> bool {
        window_days
            .and_then(|days| i32::try_from(days).ok())
            .is_none_or(|days| event.day() > self.day.plus(days.saturating_neg()))
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
        Kind::Count(select, window_days) => {
            let mut any = false;
            let mut count = 0;
            for event in facts.select(select) {
                any = true;
                count += i64::from(facts.in_window(event, *window_days));
            }
            facts.number(select, any, count)
        }
        Kind::Sum(select, field, window_days) => {
            let mut any = false;
            let mut sum: i64 = 0;
            for event in facts.select(select) {
                let value = event.field(*field).and_then(Value::int);
                any |= value.is_some();
                if facts.in_window(event, *window_days) {
                    sum = sum.saturating_add(value.unwrap_or(0));
                }
            }
            facts.number(select, any, sum)
        }
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
        Kind::Clock { .. } => return clock::compute(feature, facts, outputs),
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
        Kind::Flag(condition) => condition.flag_over(outputs),
    };
    outputs.insert(feature.name.clone(), known);
}

fn last_value(facts: &Facts<'_>, select: &Select, field: u8) -> Known {
    facts
        .select(select)
        .rev()
        .find_map(|event| event.field(field))
        .map_or_else(
            || facts.nothing(select),
            |value| Known::Value(value.clone()),
        )
}

/// Days from `from` to `to`.
pub(crate) fn days(to: Day, from: Day) -> Known {
    Known::Value(Value::Int(i64::from(to.0) - i64::from(from.0)))
}

/// Whether a condition over outputs holds; one over something not known does not.
pub fn holds(condition: &Condition, outputs: &Outputs) -> bool {
    condition.holds_over(outputs)
}
