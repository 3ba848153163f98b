//! Open intervals: a care episode, a missing episode. Starts and ends are paired by a reference.

use crate::feature::{Facts, Outputs, day_of, days};
use crate::known::Known;
use crate::model::{Feature, Interval, Intervals, Kind, Moment};
use crate::nesting::{self, NO_END};
use crate::united::Event;
use crate::value::Value;
use std::collections::BTreeMap;
use walbrook_domain::{Day, Organisation};

/// One interval as far as its events tell.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: Option<Day>,
    pub(crate) end: Option<Day>,
}

/// Every interval of a person, in no order that matters.
pub(crate) fn spans(facts: &Facts<'_>, of: &Intervals) -> Vec<Span> {
    let mut spans: BTreeMap<(&Organisation, Option<&Value>), Span> = BTreeMap::new();
    for event in facts.select(&of.select) {
        // References are the source's own: two organisations may use the same one.
        let span = spans
            .entry((&event.source, event.field(of.reference)))
            .or_default();
        tell(span, event, &of.interval);
    }
    spans.into_values().collect()
}

/// Writes `<name>` (open), `_since`, `_days` and `_count`.
pub(crate) fn compute(feature: &Feature, facts: &Facts<'_>, outputs: &mut Outputs) {
    let Kind::OpenInterval {
        of,
        window_days,
        joined,
    } = &feature.kind
    else {
        return;
    };
    let mut spans = spans(facts, of);
    if *joined {
        spans = together(&spans);
    }
    let name = &feature.name;
    let mut put = |part: &str, known: Known| {
        outputs.insert(format!("{name}{part}"), known);
    };
    if spans.is_empty() {
        let known = facts.nothing(&of.select);
        let none = |value: Value| match &known {
            Known::Nothing => Known::Value(value),
            other => other.clone(),
        };
        put("", none(Value::Bool(false)));
        put("_count", none(Value::Int(0)));
        put("_since", known.clone());
        put("_days", known);
        return;
    }
    let open_since = spans
        .iter()
        .filter(|span| span.end.is_none_or(|end| end > facts.day))
        .filter_map(|span| span.start.filter(|start| *start <= facts.day))
        .min();
    let first = facts.day.plus(
        i32::try_from(*window_days)
            .unwrap_or(i32::MAX)
            .saturating_neg(),
    );
    let begun = spans
        .iter()
        .filter_map(|span| span.start)
        .filter(|start| *start > first && *start <= facts.day)
        .count();
    put("", Known::Value(Value::Bool(open_since.is_some())));
    put(
        "_count",
        Known::Value(Value::Int(i64::try_from(begun).unwrap_or(i64::MAX))),
    );
    put(
        "_since",
        open_since.map_or(Known::Nothing, |day| Known::Value(Value::Day(day))),
    );
    put(
        "_days",
        open_since.map_or(Known::Nothing, |day| days(facts.day, day)),
    );
}

/// Spans that touch as one; one without a start stands alone and tells nothing.
pub(crate) fn together(spans: &[Span]) -> Vec<Span> {
    let mut known: Vec<(Day, Day)> = spans
        .iter()
        .filter_map(|span| Some((span.start?, span.end.unwrap_or(NO_END))))
        .collect();
    known.sort_unstable();
    let joined = nesting::united(known).into_iter().map(|(start, end)| Span {
        start: Some(start),
        end: (end != NO_END).then_some(end),
    });
    let unknown = spans.iter().filter(|span| span.start.is_none());
    joined.chain(unknown.copied()).collect()
}

fn tell(span: &mut Span, event: &Event, interval: &Interval) {
    match interval {
        Interval::Ends { start, end } => {
            // The later event of a reference speaks for the whole interval.
            *span = Span {
                start: day_of(event, Moment::Field(*start)),
                end: day_of(event, Moment::Field(*end)),
            };
        }
        Interval::Phases { opens, closes } => {
            if opens.holds_for(event) {
                if span.start.is_none() || span.end.is_some() {
                    span.start = Some(event.day());
                }
                span.end = None;
            } else if closes.holds_for(event) {
                // An end without a known start still says that it is over.
                span.end = span.end.or(Some(event.day()));
            }
        }
    }
}
