//! What features compute, and from which events.

use crate::condition::Condition;
use walbrook_domain::EventType;
use walbrook_policy::catalogue::FieldKind;

/// Which event a feature looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// The event type.
    pub event_type: EventType,
    /// Only events for which this holds.
    pub only: Option<Condition>,
    /// Not the events for which this is seen to hold. A field of it that is not granted leaves the event in.
    pub unless: Option<Condition>,
    /// Fields that must be granted for the feature to be known, as numbers.
    pub fields: Vec<u8>,
}

impl Select {
    /// The fields that must be granted, as a mask.
    pub fn mask(&self) -> u64 {
        self.fields
            .iter()
            .fold(0, |mask, field| mask | 1 << (field & 63))
    }

    /// Every field it looks at, as a mask: those that must be granted, and those of `unless`.
    pub fn read(&self) -> u64 {
        let unless = self.unless.iter().flat_map(Condition::fields);
        unless.fold(self.mask(), |mask, field| mask | 1 << (field & 63))
    }

    /// Adds fields that must be granted.
    pub(crate) fn needs(&mut self, fields: impl IntoIterator<Item = u8>) {
        self.fields.extend(fields);
        self.fields.sort_unstable();
        self.fields.dedup();
    }
}

/// A field of an event by number, or when it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// When the event happened.
    Occurred,
    /// A date or instant in the event.
    Field(u8),
}

/// How an open interval is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Interval {
    /// One event carries both ends; the later event of a reference replaces the earlier.
    Ends {
        /// The date or instant it began.
        start: u8,
        /// The date or instant it ended; absent while it is open.
        end: u8,
    },
    /// Events of a reference open and close it.
    Phases {
        /// An event for which this holds opens it.
        opens: Condition,
        /// An event for which this holds closes it.
        closes: Condition,
    },
}

/// Intervals of one event type, paired by a reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Intervals {
    /// The events.
    pub select: Select,
    /// The field that pairs them.
    pub reference: u8,
    /// How they tell start and end.
    pub interval: Interval,
}

/// When something is due after what started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// So many working days of England and Wales after.
    WorkingDays(u32),
    /// So many days after.
    Days(u32),
    /// So many calendar months after, the last day of a shorter month.
    Months(u32),
    /// The first 31 March by which so many whole months have passed: the end of the year of a return.
    YearEnd(u32),
}

/// Another step in place of the usual one.
#[derive(Debug, Clone, PartialEq)]
pub struct Instead {
    /// When this holds over earlier outputs. What is not known never makes it hold.
    pub when: Condition,
    /// Only for steps that begin so long after the clock started; at once when absent.
    pub after: Option<Due>,
    /// The step.
    pub step: Due,
}

/// A statutory clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Clock {
    /// What starts it: the date in the last such event.
    pub start: Select,
    /// That date.
    pub started: Moment,
    /// The first start counts and not the last: a series of short breaks is one.
    pub first: bool,
    /// What stops it, and the day it was done; any of them does.
    pub done: Vec<(Select, Moment)>,
    /// When each step is due after the one before; the first after the start.
    pub steps: Vec<Due>,
    /// The last step comes round again and again.
    pub repeats: bool,
    /// Steps for some people; the first whose condition holds.
    pub instead: Vec<Instead>,
    /// It runs only while one of these is open; those that touch are one.
    pub within: Option<Intervals>,
    /// The fields of start and of what is done that pair them: a clock of its own for each reference, of which the most pressing is told.
    pub paired: Option<(u8, u8)>,
    /// Of several clocks, one that started longer ago than so many days is told only where there is no newer one.
    pub window_days: Option<u32>,
}

/// How long something may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Most {
    /// So many days; it may still stand on the last of them.
    Days(u32),
    /// So many hours, as clocks run: a change to or from summer time neither adds nor takes one.
    Hours(u32),
}

/// Something that may last only so long: an order, a power.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// When it stood. Of days, intervals that touch are one.
    pub of: Intervals,
    /// How long it may last.
    pub most: Most,
    /// How long when it is extended, which no event says.
    pub extended: Option<Most>,
}

/// What a feature computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// The field's value in the last event that has one.
    Last(Select, u8),
    /// The field's value in the first event that has one.
    First(Select, u8),
    /// Whether a condition holds for the last event.
    LastHolds(Select, Condition),
    /// How many events, by this moment of theirs, in the last so many days (all when absent).
    Count(Select, Moment, Option<u32>),
    /// The sum of a whole-number field over them.
    Sum(Select, u8, Option<u32>),
    /// How much a whole number grew in so many days: the last value, less what the same record said then.
    Change(Select, u8, u32),
    /// The different codes of a field, in the order in which they first appear, in the last so many days (all when absent).
    Distinct(Select, u8, Option<u32>),
    /// Days from the last such moment to the row's day; never negative.
    DaysSince(Select, Moment),
    /// Days from the row's day to a date in the last event that has one; negative once past.
    DaysUntil(Select, u8),
    /// Whether an interval is open, since when, and how many began in a window.
    OpenInterval {
        /// The intervals.
        of: Intervals,
        /// Days of the window in which beginnings are counted.
        window_days: u32,
        /// Those that touch are one: a child who moves stays in care.
        joined: bool,
    },
    /// How many intervals do not lie wholly within others: missing from care outside of care.
    Outside {
        /// What should lie within.
        of: Intervals,
        /// What it should lie within; those that touch are one.
        within: Box<Intervals>,
        /// Only intervals that touch the last so many days.
        window_days: u32,
    },
    /// How many intervals begin before an earlier one of the same kind ended.
    Overlaps {
        /// The intervals.
        of: Intervals,
        /// Only intervals that touch the last so many days.
        window_days: u32,
    },
    /// A statutory clock.
    Clock(Box<Clock>),
    /// Something that may last only so long.
    Limit(Limit),
    /// Every event in order, each as its fields: `name=value` of those that have one, with semicolons between.
    Records {
        /// The events.
        select: Select,
        /// The fields by name and number, in the file's order.
        fields: Vec<(String, u8)>,
        /// A person with more events than this has none listed, and the cell says so: half a list would pass for a whole one.
        most: u32,
    },
    /// The name of the band that an earlier whole number lies in; bands by their lowest number, ascending.
    Band(String, Vec<(i64, String)>),
    /// True when the condition over earlier features holds.
    Flag(Condition),
}

impl Kind {
    /// The events it looks at.
    pub fn selects(&self) -> Vec<&Select> {
        match self {
            Kind::Last(select, _)
            | Kind::First(select, _)
            | Kind::LastHolds(select, _)
            | Kind::Count(select, ..)
            | Kind::Sum(select, ..)
            | Kind::Change(select, ..)
            | Kind::Distinct(select, ..)
            | Kind::DaysSince(select, _)
            | Kind::DaysUntil(select, _)
            | Kind::Records { select, .. } => vec![select],
            Kind::OpenInterval { of, .. } | Kind::Overlaps { of, .. } => vec![&of.select],
            Kind::Limit(limit) => vec![&limit.of.select],
            Kind::Outside { of, within, .. } => vec![&of.select, &within.select],
            Kind::Clock(clock) => {
                let mut selects = vec![&clock.start];
                selects.extend(clock.done.iter().map(|(select, _)| select));
                selects.extend(clock.within.iter().map(|within| &within.select));
                selects
            }
            Kind::Band(..) | Kind::Flag(_) => Vec::new(),
        }
    }

    /// The earlier outputs it looks at.
    pub fn outputs_read(&self) -> Vec<&str> {
        match self {
            Kind::Flag(condition) => condition.names().collect(),
            Kind::Band(of, _) => vec![of],
            Kind::Clock(clock) => {
                let instead = clock.instead.iter();
                instead.flat_map(|one| one.when.names()).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A feature: one or more named outputs of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Its name in rules and columns.
    pub name: String,
    /// The line of the file it stands on.
    pub line: usize,
    /// What it computes.
    pub kind: Kind,
}

impl Feature {
    /// The outputs by name and type, first the feature's own name. Rules and columns refer to these.
    pub fn outputs(
        &self,
        field_type: impl Fn(&EventType, u8) -> FieldKind,
    ) -> Vec<(String, FieldKind)> {
        let name = &self.name;
        let own = |kind| vec![(name.clone(), kind)];
        let parts = |kind, parts: &[(&str, FieldKind)]| {
            let parts = parts
                .iter()
                .map(|(part, kind)| (format!("{name}_{part}"), *kind));
            own(kind).into_iter().chain(parts).collect()
        };
        match &self.kind {
            Kind::Last(select, field) | Kind::First(select, field) => {
                own(field_type(&select.event_type, *field))
            }
            Kind::Count(..)
            | Kind::Sum(..)
            | Kind::Change(..)
            | Kind::DaysSince(..)
            | Kind::DaysUntil(..)
            | Kind::Outside { .. }
            | Kind::Overlaps { .. } => own(FieldKind::Integer),
            Kind::OpenInterval { .. } => parts(
                FieldKind::Bool,
                &[
                    ("since", FieldKind::Day),
                    ("days", FieldKind::Integer),
                    ("count", FieldKind::Integer),
                ],
            ),
            Kind::Clock(_) => parts(
                FieldKind::Text,
                &[
                    ("started", FieldKind::Day),
                    ("due", FieldKind::Day),
                    ("done", FieldKind::Day),
                    ("days_left", FieldKind::Integer),
                ],
            ),
            Kind::Limit(limit) => {
                let moment = match limit.most {
                    Most::Days(_) => FieldKind::Day,
                    Most::Hours(_) => FieldKind::Instant,
                };
                parts(
                    FieldKind::Text,
                    &[("started", moment), ("until", moment), ("ended", moment)],
                )
            }
            Kind::Records { .. } | Kind::Distinct(..) => own(FieldKind::TextList),
            Kind::Band(..) => own(FieldKind::Text),
            Kind::Flag(_) | Kind::LastHolds(..) => own(FieldKind::Bool),
        }
    }
}
