//! A view, as its file says it: typed, checked against the shared schemas, without a line of code of its own.

use crate::condition::Condition;
use std::collections::BTreeMap;
use walbrook_domain::{EventType, Purpose};
use walbrook_policy::catalogue::FieldKind;

/// Who stands in a view. Decided from subject records alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Population {
    /// Known adults: a subject record says so. Unknown age never enters.
    Adults,
    /// Children some authority is responsible for, not known to be adults.
    LookedAfterChildren,
    /// Those, and the adults among them: care leavers stand in the same return.
    LookedAfterOrLeft,
}

impl Population {
    /// Whether children stand in it: it never carries points.
    #[must_use]
    pub const fn of_children(self) -> bool {
        matches!(self, Self::LookedAfterChildren | Self::LookedAfterOrLeft)
    }
}

/// How a view may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A named reader reads named rows; each read is on record.
    Case,
    /// Statistics without rows, k ≥ 10.
    Cohort,
}

/// Which event a feature looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// The event type.
    pub event_type: EventType,
    /// Only events for which this holds.
    pub only: Option<Condition>,
    /// Fields that must be granted for the feature to be known, as numbers.
    pub fields: Vec<u8>,
}

impl Select {
    /// The fields as a mask.
    pub fn mask(&self) -> u64 {
        self.fields
            .iter()
            .fold(0, |mask, field| mask | 1 << (field & 63))
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
        /// The date it began.
        start: u8,
        /// The date it ended; absent while it is open.
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
}

/// What a feature computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// The field's value in the last event that has one.
    Last(Select, u8),
    /// The field's value in the first event that has one.
    First(Select, u8),
    /// How many events, in the last so many days (all when absent).
    Count(Select, Option<u32>),
    /// The sum of a whole-number field over them.
    Sum(Select, u8, Option<u32>),
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
    Clock {
        /// What starts it: the date in the last such event.
        start: Select,
        /// That date.
        started: Moment,
        /// What stops it.
        done: Select,
        /// The day it was done.
        done_on: Moment,
        /// When each step is due after the one before; the first after the start.
        steps: Vec<Due>,
        /// The last step comes round again and again.
        repeats: bool,
    },
    /// Every event in order, each as its fields: `name=value` of those that have one, with semicolons between.
    Records {
        /// The events.
        select: Select,
        /// The fields by name and number, in the file's order.
        fields: Vec<(String, u8)>,
        /// A person with more events than this has none listed, and the cell says so: half a list would pass for a whole one.
        most: u32,
    },
    /// True when the condition over earlier features holds.
    Flag(Condition),
}

impl Kind {
    /// The events it looks at.
    pub fn selects(&self) -> Vec<&Select> {
        match self {
            Kind::Last(select, _)
            | Kind::First(select, _)
            | Kind::Count(select, _)
            | Kind::Sum(select, ..)
            | Kind::DaysSince(select, _)
            | Kind::DaysUntil(select, _) => vec![select],
            Kind::OpenInterval { of, .. } | Kind::Overlaps { of, .. } => vec![&of.select],
            Kind::Outside { of, within, .. } => vec![&of.select, &within.select],
            Kind::Clock { start, done, .. } => vec![start, done],
            Kind::Records { select, .. } => vec![select],
            Kind::Flag(_) => Vec::new(),
        }
    }
}

/// A feature: one or more named outputs of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Its name in rules and columns.
    pub name: String,
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
        let part = |part: &str, kind| (format!("{name}_{part}"), kind);
        match &self.kind {
            Kind::Last(select, field) | Kind::First(select, field) => {
                vec![(name.clone(), field_type(&select.event_type, *field))]
            }
            Kind::Count(..)
            | Kind::Sum(..)
            | Kind::DaysSince(..)
            | Kind::DaysUntil(..)
            | Kind::Outside { .. }
            | Kind::Overlaps { .. } => vec![(name.clone(), FieldKind::Integer)],
            Kind::OpenInterval { .. } => vec![
                (name.clone(), FieldKind::Bool),
                part("since", FieldKind::Day),
                part("days", FieldKind::Integer),
                part("count", FieldKind::Integer),
            ],
            Kind::Clock { .. } => vec![
                (name.clone(), FieldKind::Text),
                part("started", FieldKind::Day),
                part("due", FieldKind::Day),
                part("done", FieldKind::Day),
                part("days_left", FieldKind::Integer),
            ],
            Kind::Records { .. } => vec![(name.clone(), FieldKind::TextList)],
            Kind::Flag(_) => vec![(name.clone(), FieldKind::Bool)],
        }
    }
}

/// A piece of a rule's sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Words as they are.
    Words(String),
    /// A feature's value.
    Output(String),
    /// A feature's number with its unit, for example pence as pounds.
    Counted(String, Unit),
    /// A code written as capitals with underscores, as small words.
    Small(String),
}

/// A reason: points, or a flag, with a plain sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Stable id, quoted with every row.
    pub id: String,
    /// When it applies. A feature that is not known never makes it apply.
    pub when: Condition,
    /// Hundredths of a point; 0 in a view without points.
    pub points_hundredths: i64,
    /// The sentence.
    pub sentence: Vec<Piece>,
}

/// A band of points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// Its name.
    pub name: String,
    /// Lowest points in it, in hundredths.
    pub from_hundredths: i64,
}

/// What a number in a column counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Days.
    Days,
    /// Days ahead; fewer than none is so long ago.
    DaysAhead,
    /// Weeks.
    Weeks,
    /// How often.
    Times,
    /// Pence, shown as pounds.
    Pence,
    /// Tenths of a mile, shown as miles.
    TenthsOfMile,
}

impl Unit {
    /// Every unit by its word.
    pub const WORDS: [(&str, Self); 6] = [
        ("days", Self::Days),
        ("days-ahead", Self::DaysAhead),
        ("weeks", Self::Weeks),
        ("times", Self::Times),
        ("pence", Self::Pence),
        ("tenths-of-mile", Self::TenthsOfMile),
    ];

    /// A number of it in words, for example `1 day`, `twice` or `£2,364.00`.
    pub fn counted(self, number: i64) -> String {
        let of = |one: &str| {
            let ending = if number.abs() == 1 { "" } else { "s" };
            format!("{number} {one}{ending}")
        };
        match self {
            Self::Days => of("day"),
            Self::DaysAhead => match number {
                0 => "today".to_owned(),
                ahead if ahead > 0 => format!("in {}", of("day")),
                _ => format!("{} ago", Self::Days.counted(number.saturating_neg())),
            },
            Self::Weeks => of("week"),
            Self::Times => match number {
                0 => "never".to_owned(),
                1 => "once".to_owned(),
                2 => "twice".to_owned(),
                _ => of("time"),
            },
            Self::Pence => crate::row::pounds(number),
            Self::TenthsOfMile => {
                let sign = if number < 0 { "-" } else { "" };
                let tenths = number.unsigned_abs();
                format!("{sign}{}.{} miles", tenths / 10, tenths % 10)
            }
        }
    }

    /// The unit of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        let found = Self::WORDS.iter().find(|(known, _)| *known == word);
        found.map(|(_, unit)| *unit)
    }

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::DaysAhead => "days-ahead",
            Self::Weeks => "weeks",
            Self::Times => "times",
            Self::Pence => "pence",
            Self::TenthsOfMile => "tenths-of-mile",
        }
    }
}

/// A column of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The feature output it shows; also its name.
    pub output: String,
    /// Heading.
    pub label: String,
    /// What it means, in a sentence.
    pub meaning: String,
    /// What its numbers count.
    pub unit: Option<Unit>,
    /// The code list its codes are of, for example `ssda903_ls`.
    pub codes: Option<String>,
    /// Whether it stands in a list of rows, and not only in a single row.
    pub listed: bool,
}

/// A view.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Its name, for example `rough_sleeping_risk`.
    pub name: String,
    /// A title people read.
    pub title: String,
    /// The purpose whose topic it reads.
    pub purpose: Purpose,
    /// Who stands in it.
    pub population: Population,
    /// How it may be read.
    pub modes: Vec<Mode>,
    /// Whether rules carry points. A view about children never does.
    pub points: bool,
    /// A source silent for longer than so many days is not known, by event type.
    pub silent_after_days: BTreeMap<EventType, u32>,
    /// What a source's events are called by people, by event type; the event type itself where the file has no words.
    pub source_labels: BTreeMap<EventType, String>,
    /// Features in file order; a flag sees those before it.
    pub features: Vec<Feature>,
    /// Rules in file order.
    pub rules: Vec<Rule>,
    /// Bands, highest first.
    pub bands: Vec<Band>,
    /// Columns in file order.
    pub columns: Vec<Column>,
    /// SHA-256 of the file's text.
    pub sha256: [u8; 32],
    /// The file's text, as pinned.
    pub text: String,
}

impl View {
    /// The fields the view needs of each event type, as masks over the schema's fields.
    pub fn needs(&self) -> BTreeMap<EventType, u64> {
        let mut needs = BTreeMap::new();
        let mut add = |select: &Select| {
            let mask: &mut u64 = needs.entry(select.event_type.clone()).or_default();
            *mask |= select.mask();
        };
        for feature in &self.features {
            for select in feature.kind.selects() {
                add(select);
            }
        }
        needs
    }
}
