//! What changes because time passes: windows slide, clocks fall due, sources fall silent, and no event says so.
//!
//! [`Asked::changes_at`] says of one person when the row is next to be looked at; [`Agenda`] keeps people by that moment. So what a moment
//! costs is what changes at it, and not the number of people held.

use crate::clock::due_after;
use crate::feature::{Facts, Outputs, day_of};
use crate::interval::{Span, spans, together};
use crate::known::Known;
use crate::model::{Clock, Feature, Intervals, Kind, Limit, Most, Select, View};
use crate::reading::Reading;
use crate::row::{Asked, Row};
use crate::state::Person;
use crate::united::IntegrityError;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{Day, Instant, Precision, Pseudonym};
use walbrook_policy::predicate::Literal;

/// People by the moment at which their rows are next to be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agenda {
    by_time: BTreeSet<(Instant, Pseudonym)>,
    of: BTreeMap<Pseudonym, Instant>,
}

impl Agenda {
    /// Sets when a person's row is next to be looked at; `None`: never, unless something arrives.
    pub fn set(&mut self, person: Pseudonym, at: Option<Instant>) {
        if self.of.get(&person).copied() == at {
            return;
        }
        if let Some(before) = self.of.remove(&person) {
            self.by_time.remove(&(before, person));
        }
        if let Some(at) = at {
            self.of.insert(person, at);
            self.by_time.insert((at, person));
        }
    }

    /// The next moment at which anything is to be looked at.
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out everyone to be looked at by `now`, in order of time.
    pub fn take_due(&mut self, now: Instant) -> Vec<Pseudonym> {
        let mut due = Vec::new();
        while let Some((at, person)) = self.by_time.first().copied() {
            if at > now {
                break;
            }
            self.by_time.remove(&(at, person));
            self.of.remove(&person);
            due.push(person);
        }
        due
    }

    /// People on it.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }
}

impl Asked<'_> {
    /// The first moment after the row's time at which the row may differ although nothing arrives and no agreement changes; never too late,
    /// sometimes too early. `None`: it stays as it is.
    ///
    /// # Errors
    /// When two agreements disagree about one event of the person.
    pub fn changes_at(&self, person: &Person<'_>) -> Result<Option<Instant>, IntegrityError> {
        let mut next = self.next(person);
        self.seen(person, |facts, outputs| next.seen(self, facts, outputs))?;
        Ok(next.moment())
    }

    /// The person's row and when it is next to be looked at, as [`Asked::row`] and [`Asked::changes_at`] say, from one look at what the viewer may see.
    ///
    /// # Errors
    /// When two agreements disagree about one event of the person.
    pub fn row_until(
        &self,
        person: &Person<'_>,
    ) -> Result<(Option<Row>, Option<Instant>), IntegrityError> {
        let mut next = self.next(person);
        let row = self.seen(person, |facts, outputs| {
            next.seen(self, facts, outputs);
            self.assemble(person, outputs, facts)
        })?;
        Ok((row, next.moment()))
    }

    /// What the person alone says.
    fn next(&self, person: &Person<'_>) -> Next {
        let mut next = Next::new(self.evaluated_at);
        next.person(person);
        next.sources(self.view, self.reading, person);
        next
    }
}

/// The earliest moment found so far.
struct Next {
    now: Instant,
    today: Day,
    at: Option<Instant>,
    /// The earliest day, as a day: where it begins is worked out once.
    day: Option<Day>,
}

impl Next {
    fn new(now: Instant) -> Self {
        Self {
            now,
            today: now.london_day(),
            at: None,
            day: None,
        }
    }

    fn instant(&mut self, at: Instant) {
        if at > self.now && self.at.is_none_or(|before| at < before) {
            self.at = Some(at);
        }
    }

    fn moment(mut self) -> Option<Instant> {
        if let Some(day) = self.day {
            self.instant(day.start());
        }
        self.at
    }

    /// From the start of a day; a day that has begun is past.
    fn day(&mut self, day: Day) {
        if day > self.today && self.day.is_none_or(|before| day < before) {
            self.day = Some(day);
        }
    }

    /// The day on which what counts so many days from `day` on counts no longer.
    fn leaves(&mut self, day: Day, window_days: u32) {
        self.day(day);
        self.day(day.plus(i32::try_from(window_days).unwrap_or(i32::MAX)));
    }

    /// What subject records and the times of events say.
    fn person(&mut self, person: &Person<'_>) {
        for (_, facts) in person.subjects() {
            if let Some(day) = facts.adult_from {
                self.day(day);
            }
        }
        for one in person.contributions() {
            // However finely the viewer may know it: from its day on, or from the moment itself.
            if one.occurred_at <= self.now {
                continue;
            }
            self.day(one.occurred_at.london_day());
            for precision in Precision::ALL {
                self.instant(one.occurred_at.truncated(precision));
            }
        }
    }

    fn sources(&mut self, view: &View, reading: &dyn Reading, person: &Person<'_>) {
        let Some((first, _)) = view.silent_after_days.first_key_value() else {
            return;
        };
        for (_, facts) in person.subjects() {
            for (event_type, heard) in person.heard_from(&facts.organisation, first) {
                let Some(silent) = view.silent_after_days.get(event_type) else {
                    continue;
                };
                // Types ascend.
                let of_type = reading
                    .sources()
                    .binary_search_by(|source| source.event_type.cmp(event_type));
                if of_type.is_ok() {
                    let days = i32::try_from(*silent).unwrap_or(i32::MAX);
                    self.day(heard.plus(days).plus(1));
                }
            }
        }
    }

    /// What follows from what the viewer may see.
    fn seen(&mut self, asked: &Asked<'_>, facts: &Facts<'_>, outputs: &Outputs) {
        let watched = Watched::of(asked, outputs);
        for feature in &asked.view.features {
            self.feature(feature, facts, outputs, &watched);
        }
    }

    fn feature(
        &mut self,
        feature: &Feature,
        facts: &Facts<'_>,
        outputs: &Outputs,
        watched: &Watched<'_>,
    ) {
        let name = feature.name.as_str();
        match &feature.kind {
            Kind::Count(select, on, window_days) => {
                for day in facts.select(select).filter_map(|event| day_of(event, *on)) {
                    self.leaves(day, window_days.unwrap_or(0));
                }
            }
            Kind::Sum(select, _, Some(window_days))
            | Kind::Distinct(select, _, Some(window_days))
            | Kind::Change(select, _, window_days) => self.events(facts, select, *window_days),
            Kind::DaysSince(select, moment) => {
                for day in facts
                    .select(select)
                    .filter_map(|event| day_of(event, *moment))
                {
                    self.day(day);
                }
                self.counted(name, 1, outputs, watched);
            }
            Kind::DaysUntil(..) => self.counted(name, -1, outputs, watched),
            Kind::OpenInterval {
                of, window_days, ..
            } => {
                self.spans(&both(facts, of), *window_days);
                self.counted(&format!("{name}_days"), 1, outputs, watched);
            }
            Kind::Outside {
                of,
                within,
                window_days,
            } => {
                self.spans(&both(facts, of), *window_days);
                self.spans(&both(facts, within), *window_days);
            }
            Kind::Overlaps { of, window_days } => self.spans(&both(facts, of), *window_days),
            Kind::Clock(clock) => {
                self.clock(clock, facts);
                if let Some(known) = outputs.get(&format!("{name}_due")) {
                    self.after_day(known);
                }
                self.counted(&format!("{name}_days_left"), -1, outputs, watched);
            }
            Kind::Limit(limit) => self.limit(limit, facts),
            Kind::Last(..)
            | Kind::First(..)
            | Kind::LastHolds(..)
            | Kind::Sum(_, _, None)
            | Kind::Distinct(_, _, None)
            | Kind::Records { .. }
            | Kind::Band(..)
            | Kind::Flag(_) => {}
        }
    }

    fn events(&mut self, facts: &Facts<'_>, select: &Select, window_days: u32) {
        for event in facts.select(select) {
            self.leaves(event.day(), window_days);
        }
    }

    fn spans(&mut self, spans: &[Span], window_days: u32) {
        for day in spans
            .iter()
            .flat_map(|span| [span.start, span.end])
            .flatten()
        {
            self.leaves(day, window_days);
            self.day(day.plus(1));
        }
    }

    fn after_day(&mut self, known: &Known) {
        if let Some(day) = known.value().and_then(Value::day) {
            self.day(day.plus(1));
        }
    }

    /// Days of what starts and stops it, and what is due after each: of several clocks another may become the most pressing one.
    fn clock(&mut self, clock: &Clock, facts: &Facts<'_>) {
        let ends = std::iter::once((&clock.start, clock.started))
            .chain(clock.done.iter().map(|(select, on)| (select, *on)));
        let steps: Vec<_> = clock
            .steps
            .iter()
            .copied()
            .chain(clock.instead.iter().map(|one| one.step))
            .collect();
        for (select, on) in ends {
            for day in facts.select(select).filter_map(|event| day_of(event, on)) {
                self.leaves(day, clock.window_days.unwrap_or(0));
                for step in &steps {
                    self.day(due_after(day, *step, facts.calendar).plus(1));
                }
            }
        }
        if let Some(within) = &clock.within {
            self.spans(&both(facts, within), 0);
        }
    }

    fn limit(&mut self, limit: &Limit, facts: &Facts<'_>) {
        match limit.most {
            Most::Days(days) => {
                for span in both(facts, &limit.of) {
                    for day in [span.start, span.end].into_iter().flatten() {
                        self.day(day);
                    }
                    let all = [Some(Most::Days(days)), limit.extended];
                    for most in all.into_iter().flatten() {
                        if let (Most::Days(days), Some(start)) = (most, span.start) {
                            let days = i32::try_from(days).unwrap_or(i32::MAX);
                            self.day(start.plus(days).plus(1));
                        }
                    }
                }
            }
            Most::Hours(_) => {
                for at in crate::limit::turns(limit, facts) {
                    self.instant(at);
                }
            }
        }
    }

    /// A number that is one more, or one less, every day: when it is shown, tomorrow; when it is only compared, once it reaches what it is
    /// compared with, and once it is past that.
    fn counted(&mut self, name: &str, step: i64, outputs: &Outputs, watched: &Watched<'_>) {
        let Some(Known::Value(Value::Int(number))) = outputs.get(name) else {
            return;
        };
        if watched.shown.contains(name) {
            self.day(self.today.plus(1));
            return;
        }
        for literal in watched.compared.get(name).into_iter().flatten() {
            let ahead = literal.saturating_sub(*number).saturating_mul(step);
            for ahead in [ahead, ahead.saturating_add(1)] {
                if let Ok(days) = i32::try_from(ahead) {
                    self.day(self.today.plus(days));
                }
            }
        }
    }
}

/// Intervals by themselves, and as those that they make together.
fn both(facts: &Facts<'_>, of: &Intervals) -> Vec<Span> {
    let mut all = spans(facts, of);
    let joined = together(&all);
    all.extend(joined);
    all
}

/// What the viewer sees of each output: its value, or only how it compares.
struct Watched<'v> {
    shown: BTreeSet<&'v str>,
    compared: BTreeMap<&'v str, Vec<i64>>,
}

impl<'v> Watched<'v> {
    fn of(asked: &Asked<'v>, outputs: &Outputs) -> Self {
        let view = asked.view;
        let seen = view.visibility.of(asked.reading.role());
        let mut shown: BTreeSet<&str> = view
            .columns
            .iter()
            .enumerate()
            .filter(|(at, _)| seen.column(*at))
            .map(|(_, column)| column.output.as_str())
            .collect();
        let mut compared: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for (at, rule) in view.rules.iter().enumerate() {
            if !seen.rule(at) {
                continue;
            }
            // What a rule tells is seen while it applies; when it begins to apply, the row is looked at.
            if crate::feature::holds(&rule.when, outputs) {
                shown.extend(rule.sentence.iter().filter_map(|piece| piece.output()));
            }
            compare(&mut compared, rule.when.literals());
        }
        for feature in &view.features {
            match &feature.kind {
                Kind::Flag(condition) => compare(&mut compared, condition.literals()),
                Kind::Clock(clock) => {
                    for one in &clock.instead {
                        compare(&mut compared, one.when.literals());
                    }
                }
                Kind::Band(of, bands) => {
                    let bounds = bands.iter().flat_map(|(from, _)| [*from, from - 1]);
                    compared.entry(of.as_str()).or_default().extend(bounds);
                }
                _ => {}
            }
        }
        Self { shown, compared }
    }
}

fn compare<'v>(into: &mut BTreeMap<&'v str, Vec<i64>>, literals: Vec<(&'v str, &'v Literal)>) {
    for (name, literal) in literals {
        if let Literal::Integer(number) = literal {
            into.entry(name).or_default().push(*number);
        }
    }
}
