//! Cohort mode: how many people, in groups, and never a row.
//!
//! A view's file lists the dimensions of **one** table. Every person of it stands in one of its finest groups: one category of each dimension. What is
//! told of a finest group is a function of its own number alone: nothing under [`LEAST`], zero included, and a multiple of [`ROUNDED_TO`] otherwise.
//! Everything else that can be asked, a coarser table, a total, is a sum of what is told of finest groups, never of people. So no question, and no
//! difference between answers to several, says more of a group under [`LEAST`] than that it is one: each could have any number from 0 to 9. That is
//! why there is no true margin, which is what complementary suppression would have to hide again.
//!
//! Over time: a table is stated for the end of the last whole London month, whatever the caller would like, so what happens this month changes no
//! answer this month. What is told late about earlier days, withdrawn, linked otherwise or newly restricted does change it at once (a withdrawal must),
//! by one group's step at most for each person that moves: whoever knows that one person alone changed between two answers, and sees a group step from
//! one multiple to the next or into sight, learns that the person was at that edge. This is not held, nor are several readers of different scopes who
//! put their tables together.

use crate::canon::Writer;
use crate::feature::Outputs;
use crate::known::Known;
use crate::row::Asked;
use crate::state::Partition;
use crate::united::IntegrityError;
use crate::value::Value;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use walbrook_domain::{Day, Instant};

/// Of a group with fewer people than this nothing is told.
pub const LEAST: u64 = 10;
/// Groups are told as multiples of this.
pub const ROUNDED_TO: u64 = 5;
/// Most finest groups of a table: with more of them, most would be too small to be told.
pub const MOST_GROUPS: usize = 600;

/// The words of the two categories that every dimension over an output has last.
const NONE: (&str, &str) = ("none", "none on record");
const NOT_KNOWN: (&str, &str) = ("not-known", "not known");

/// One dimension of a view's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    /// Its name in questions.
    pub name: String,
    /// Heading.
    pub label: String,
    /// What it means, in a sentence.
    pub meaning: String,
    /// What puts a person into a category.
    pub of: Of,
    /// Its categories: from the file alone, so that none tells that somebody is in it.
    pub categories: Vec<Category>,
}

/// A category of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub label: String,
}

/// What puts a person into a category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// The band of the points; categories as the view's bands.
    Band,
    /// An output that is a code: the values named, then any other, then none, then not known.
    Codes {
        /// The output.
        output: String,
        /// The codes named.
        values: Vec<String>,
    },
    /// A whole number: below the first, then from each of these to under the next, then none, then not known.
    Ranges {
        /// The output.
        output: String,
        /// Where ranges begin, ascending.
        from: Vec<i64>,
    },
    /// True or false: yes, no, none, not known.
    YesNo {
        /// The output.
        output: String,
    },
}

impl Dimension {
    /// Over the bands of a view.
    pub fn of_bands(bands: &[String]) -> (Of, Vec<Category>) {
        let categories = bands.iter().map(|band| category(band, band));
        (Of::Band, categories.collect())
    }

    /// Over codes.
    pub fn of_codes(output: String, values: Vec<String>) -> (Of, Vec<Category>) {
        let mut categories: Vec<Category> = values
            .iter()
            .map(|value| category(value, &crate::row::small(value)))
            .collect();
        categories.push(category("other", "another"));
        (Of::Codes { output, values }, with_unknown(categories))
    }

    /// Over ranges of a whole number.
    pub fn of_ranges(output: String, from: Vec<i64>) -> (Of, Vec<Category>) {
        let mut categories: Vec<Category> = from
            .first()
            .map(|first| category(&format!("under-{first}"), &format!("fewer than {first}")))
            .into_iter()
            .collect();
        let ends = from.iter().skip(1).map(Some).chain([None]);
        for (begin, end) in from.iter().zip(ends) {
            categories.push(match end.map(|end| end.saturating_sub(1)) {
                None => category(&format!("{begin}-or-more"), &format!("{begin} or more")),
                Some(last) if last == *begin => category(&begin.to_string(), &begin.to_string()),
                Some(last) => {
                    category(&format!("{begin}-to-{last}"), &format!("{begin} to {last}"))
                }
            });
        }
        (Of::Ranges { output, from }, with_unknown(categories))
    }

    /// Over something true or false.
    pub fn of_flag(output: String) -> (Of, Vec<Category>) {
        let categories = vec![category("yes", "yes"), category("no", "no")];
        (Of::YesNo { output }, with_unknown(categories))
    }

    /// The category of somebody.
    fn place(&self, outputs: &Outputs, band: &str) -> usize {
        let unknown = self.categories.len().saturating_sub(1);
        let of = |output: &str, place: &dyn Fn(&Value) -> Option<usize>| match outputs.get(output) {
            Some(Known::Value(value)) => place(value).unwrap_or(unknown),
            Some(Known::Nothing) => unknown.saturating_sub(1),
            _ => unknown,
        };
        match &self.of {
            Of::Band => {
                let mut names = self.categories.iter().map(|category| &category.name);
                names.position(|name| name == band).unwrap_or(unknown)
            }
            Of::Codes { output, values } => of(output, &|value| {
                let code = value.text()?;
                let named = values.iter().position(|known| known == code);
                Some(named.unwrap_or(values.len()))
            }),
            Of::Ranges { output, from } => of(output, &|value| {
                let number = value.int()?;
                Some(from.partition_point(|begin| *begin <= number))
            }),
            Of::YesNo { output } => of(output, &|value| match value {
                Value::Bool(flag) => Some(usize::from(!flag)),
                _ => None,
            }),
        }
    }
}

fn category(name: &str, label: &str) -> Category {
    Category {
        name: name.to_owned(),
        label: label.to_owned(),
    }
}

fn with_unknown(mut categories: Vec<Category>) -> Vec<Category> {
    categories.push(category(NONE.0, NONE.1));
    categories.push(category(NOT_KNOWN.0, NOT_KNOWN.1));
    categories
}

/// The end of the last whole London month before an instant: what tables are stated for.
pub fn stated_for(now: Instant) -> Instant {
    let (year, month, _) = now.london_day().ymd();
    let first = Day::from_ymd(year, month, 1).unwrap_or(now.london_day());
    Instant(first.start().micros() - 1)
}

/// How many people stand in each finest group. It holds true numbers and is never told: [`Table::of`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups<'v> {
    dimensions: &'v [Dimension],
    people: Vec<u64>,
}

impl<'v> Groups<'v> {
    /// Nobody, in a table of these dimensions.
    pub fn new(dimensions: &'v [Dimension]) -> Self {
        let sizes = dimensions.iter().map(|one| one.categories.len());
        let groups = sizes.fold(1_usize, usize::saturating_mul);
        Self {
            dimensions,
            people: vec![0; groups.min(MOST_GROUPS)],
        }
    }

    /// So many people in each finest group, the last dimension's categories fastest.
    #[cfg(test)]
    pub(crate) fn with(dimensions: &'v [Dimension], people: &[u64]) -> Self {
        let people = people.to_vec();
        Self { dimensions, people }
    }

    /// Counts everyone of a partition whom this viewer may count.
    ///
    /// # Errors
    /// When two agreements disagree about one event of a person: nothing of the table is told.
    pub fn collect(
        &mut self,
        asked: &Asked<'_>,
        partition: &Partition,
    ) -> Result<(), IntegrityError> {
        let by_band = self.dimensions.iter().any(|one| one.of == Of::Band);
        for person in partition.people() {
            let place = asked.seen(&person, |facts, outputs| {
                let row = by_band.then(|| asked.assemble(&person, outputs, facts));
                let band = row.map_or_else(String::new, |row| row.band);
                self.dimensions.iter().fold(0, |place, dimension| {
                    place * dimension.categories.len() + dimension.place(outputs, &band)
                })
            })?;
            self.count(place);
        }
        Ok(())
    }

    fn count(&mut self, place: Option<usize>) {
        if let Some(people) = place.and_then(|place| self.people.get_mut(place)) {
            *people += 1;
        }
    }
}

/// What may be told of a finest group with so many people: a function of this number alone.
const fn told(people: u64) -> Option<u64> {
    if people < LEAST {
        return None;
    }
    Some((people + ROUNDED_TO / 2) / ROUNDED_TO * ROUNDED_TO)
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// A category of each kept dimension, by place.
    pub categories: Vec<usize>,
    /// The sum of what is told of its finest groups; `None`: nothing is told of any.
    pub people: Option<u64>,
    /// Its finest groups.
    pub groups: u32,
    /// Those of which nothing is told.
    pub withheld: u32,
}

/// A table as it may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The dimensions kept, by place in the file, ascending.
    pub kept: Vec<usize>,
    /// Every combination of their categories, the last dimension's fastest.
    pub cells: Vec<Cell>,
}

/// Version of the canonical encoding.
const ENCODING: u8 = 1;

impl Table {
    /// The finest groups' told numbers, added up over the dimensions that are not named.
    pub fn of(groups: &Groups<'_>, by: &[String]) -> Self {
        let kept: Vec<usize> = (0..)
            .zip(groups.dimensions)
            .filter(|(_, dimension)| by.contains(&dimension.name))
            .map(|(place, _)| place)
            .collect();
        let sizes: Vec<usize> = groups
            .dimensions
            .iter()
            .map(|dimension| dimension.categories.len())
            .collect();
        let size = |place: &usize| sizes.get(*place).copied().unwrap_or(1);
        let mut cells = cells(&kept.iter().map(size).collect::<Vec<_>>());
        for (place, people) in groups.people.iter().enumerate() {
            let categories = categories(place, &sizes);
            let of_kept = kept
                .iter()
                .filter_map(|kept| Some((size(kept), *categories.get(*kept)?)));
            let at = of_kept.fold(0, |at, (size, category)| at * size + category);
            if let Some(cell) = cells.get_mut(at) {
                cell.groups += 1;
                match told(*people) {
                    Some(people) => cell.people = Some(cell.people.unwrap_or(0) + people),
                    None => cell.withheld += 1,
                }
            }
        }
        Self { kept, cells }
    }

    /// The canonical encoding, of which the hash is on the read's record.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(ENCODING).count(self.kept.len());
        for place in &self.kept {
            out.count(*place);
        }
        out.count(self.cells.len());
        for cell in &self.cells {
            for category in &cell.categories {
                out.count(*category);
            }
            out.option(cell.people, |out, people| {
                out.fixed(&people.to_be_bytes());
            })
            .fixed(&cell.groups.to_be_bytes())
            .fixed(&cell.withheld.to_be_bytes());
        }
        out.finish()
    }

    /// SHA-256 of the canonical encoding.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.canonical()).into()
    }

    /// Whether nothing is told in any cell.
    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(|cell| cell.people.is_none())
    }
}

/// The categories of a finest group by its place.
fn categories(mut place: usize, sizes: &[usize]) -> Vec<usize> {
    let mut categories: Vec<usize> = sizes
        .iter()
        .rev()
        .map(|size| {
            let size = (*size).max(1);
            let category = place % size;
            place /= size;
            category
        })
        .collect();
    categories.reverse();
    categories
}

/// Empty cells of every combination.
fn cells(sizes: &[usize]) -> Vec<Cell> {
    let all = sizes.iter().product();
    let cell = |place| Cell {
        categories: categories(place, sizes),
        people: None,
        groups: 0,
        withheld: 0,
    };
    (0..all).map(cell).collect()
}

/// The question of a count in canonical text, as it stands on its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountQuery {
    /// The wall clock when the agreements were asked; the table is stated by it.
    pub read_at: Instant,
    /// The dimensions kept, by name, in the file's order.
    pub by: Vec<String>,
}

impl fmt::Display for CountQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (read_at, by) = (self.read_at.rfc3339(), self.by.join(","));
        write!(f, "count v1 read_at={read_at} by={by}")
    }
}

/// A text that is no question of a count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the query of a count's record cannot be read: expected `count v1 read_at=… by=…`")]
pub struct CountQueryError;

impl FromStr for CountQuery {
    type Err = CountQueryError;
    fn from_str(text: &str) -> Result<Self, CountQueryError> {
        let rest = text
            .strip_prefix("count v1 read_at=")
            .ok_or(CountQueryError)?;
        let (read_at, by) = rest.split_once(" by=").ok_or(CountQueryError)?;
        let read_at = Instant::parse_rfc3339(read_at).map_err(|_| CountQueryError)?;
        let names = by.split(',').filter(|name| !name.is_empty());
        Ok(Self {
            read_at,
            by: names.map(str::to_owned).collect(),
        })
    }
}
