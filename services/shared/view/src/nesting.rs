//! Intervals against intervals: what should lie within others and does not, and what should not overlap and does.
//! A row says so and refuses nothing: where histories come from several systems most have a fault, and the person must still be seen.

use crate::feature::Facts;
use crate::interval::{Span, spans};
use crate::known::Known;
use crate::model::Intervals;
use walbrook_domain::Day;

/// First and last day, both of them in it.
type Days = (Day, Day);

/// After every day there is: the end of what is still open.
pub(crate) const NO_END: Day = Day(i32::MAX);

/// How many intervals do not lie wholly within the others. One that is open reaches to the row's day.
pub(crate) fn outside(
    facts: &Facts<'_>,
    of: &Intervals,
    within: &Intervals,
    window_days: u32,
) -> Known {
    let inner = spans(facts, of);
    if inner.is_empty() {
        return facts.number(&of.select, false, 0);
    }
    let outer = spans(facts, within);
    if outer.is_empty() {
        match facts.nothing(&within.select) {
            Known::Nothing => {}
            unknown => return unknown,
        }
    }
    let mut recent = begun(&inner, facts.day);
    recent.retain(|span| touches(*span, facts.day, window_days));
    let until_today = recent
        .into_iter()
        .map(|(start, end)| (start, end.min(facts.day)));
    let covered = united(begun(&outer, facts.day));
    let outside = until_today.filter(|span| !lies_within(*span, &covered));
    let count = i64::try_from(outside.count()).unwrap_or(i64::MAX);
    facts.number(&of.select, true, count)
}

/// How many intervals begin before an earlier one ended. One may begin on the day another ends.
pub(crate) fn overlaps(facts: &Facts<'_>, of: &Intervals, window_days: u32) -> Known {
    let spans = spans(facts, of);
    let mut latest: Option<Day> = None;
    let mut count = 0;
    for (start, end) in begun(&spans, facts.day) {
        let early = latest.is_some_and(|latest| start < latest);
        count += i64::from(early && touches((start, end), facts.day, window_days));
        latest = latest.max(Some(end));
    }
    facts.number(&of.select, !spans.is_empty(), count)
}

/// Those that have begun, by their first day.
fn begun(spans: &[Span], today: Day) -> Vec<Days> {
    let days = |span: &Span| Some((span.start?, span.end.unwrap_or(NO_END)));
    let mut begun: Vec<Days> = spans.iter().filter_map(days).collect();
    begun.retain(|(start, _)| *start <= today);
    begun.sort_unstable();
    begun
}

pub(crate) fn lies_within((start, end): Days, united: &[Days]) -> bool {
    united
        .iter()
        .any(|(first, last)| *first <= start && end <= *last)
}

/// Intervals by their first day as those that they make together: one that begins by the day another ends goes on with it.
pub(crate) fn united(begun: Vec<Days>) -> Vec<Days> {
    let mut united: Vec<Days> = Vec::new();
    for (start, end) in begun {
        match united.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => united.push((start, end)),
        }
    }
    united
}

fn touches((_, end): Days, today: Day, window_days: u32) -> bool {
    let days = i32::try_from(window_days).unwrap_or(i32::MAX);
    end > today.plus(days.saturating_neg())
}
