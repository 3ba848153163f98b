//! A view, as its file says it: typed, checked against the shared schemas, without a line of code of its own.

mod features;
mod visibility;

pub use features::{
    Clock, Due, Feature, Instead, Interval, Intervals, Kind, Limit, Moment, Most, Select,
};
pub use visibility::{Seen, Visibility};

use crate::cohort::Dimension;
use crate::condition::Condition;
use std::collections::BTreeMap;
use walbrook_domain::{EventType, Purpose};

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

impl Piece {
    /// The output it shows.
    pub fn output(&self) -> Option<&str> {
        match self {
            Piece::Words(_) => None,
            Piece::Output(name) | Piece::Counted(name, _) | Piece::Small(name) => Some(name),
        }
    }
}

/// A reason: points, or a flag, with a plain sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Stable id, quoted with every row.
    pub id: String,
    /// When it applies. A feature that is not known never makes it apply.
    pub when: Condition,
    /// Hundredths of a point; 0: a reason that does not count.
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
    /// The line of the file it stands on.
    pub line: usize,
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
    /// The roles that may see it; empty: every role that may read the view. For others it is not there.
    pub roles: Vec<String>,
}

impl Column {
    /// Whether a reader in this role sees it.
    pub fn shown_to(&self, role: &str) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|one| one == role)
    }
}

/// Something the view should tell and cannot: no event says it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotYet {
    /// Heading.
    pub label: String,
    /// What is missing, and what stands in its place until then, in a sentence.
    pub meaning: String,
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
    /// The feature that says where somebody is, for who reads by area.
    pub area: Option<String>,
    /// A source silent for longer than so many days is not known, by event type.
    pub silent_after_days: BTreeMap<EventType, u32>,
    /// What a source's events are called by people, by event type; the event type itself where the file has no words.
    pub source_labels: BTreeMap<EventType, String>,
    /// The event types that its features look at, ascending.
    pub event_types: Vec<EventType>,
    /// Features in file order; a flag sees those before it.
    pub features: Vec<Feature>,
    /// Rules in file order.
    pub rules: Vec<Rule>,
    /// Bands, highest first.
    pub bands: Vec<Band>,
    /// Columns in file order.
    pub columns: Vec<Column>,
    /// The dimensions of its one table in cohort mode; empty in a view that is not read so.
    pub cohort: Vec<Dimension>,
    /// What no event says yet.
    pub not_yet: Vec<NotYet>,
    /// Days to acknowledge that something fell of a row that was shown.
    pub acknowledge_within_days: u32,
    /// Which columns and rules each role sees.
    pub visibility: Visibility,
    /// SHA-256 of the file's text.
    pub sha256: [u8; 32],
    /// The file's text, as pinned.
    pub text: String,
}

impl View {
    /// The fields the view reads of each event type, as masks over the schema's fields.
    pub fn needs(&self) -> BTreeMap<EventType, u64> {
        let mut needs = BTreeMap::new();
        let mut add = |select: &Select| {
            let mask: &mut u64 = needs.entry(select.event_type.clone()).or_default();
            *mask |= select.read();
        };
        for feature in &self.features {
            for select in feature.kind.selects() {
                add(select);
            }
        }
        needs
    }
}
