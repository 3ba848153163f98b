//! What is true: who is who, and who was met on the street after each index day. Rows are made without the second.

use super::lines::handle;
use crate::{Exit, Failure};
use csv::StringRecord;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use walbrook_domain::{Day, HandlePseudonym};

/// Kinds of groups by which errors are told, as they stand in people.csv; the first is made from the day of birth.
pub const GROUPS: [&str; 3] = ["age_band", "sex", "name_origin"];

/// What came after an index day for one adult.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// Met bedded down on the day or before.
    pub before: bool,
    /// Met bedded down within 90 days after.
    pub within_90: bool,
    /// Within 180.
    pub within_180: bool,
}

/// A person of the city.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Someone {
    born: Day,
    /// The groups in people.csv, in the order of [`GROUPS`] without the first.
    groups: Vec<String>,
}

/// The files of a folder.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    records: HashMap<HandlePseudonym, u64>,
    people: HashMap<u64, Someone>,
    next: BTreeMap<Day, BTreeMap<u64, Next>>,
}

impl Truth {
    /// Reads who.csv, people.csv and next.csv.
    ///
    /// # Errors
    /// When one cannot be read, has not the columns, or a line is not what it should be. Names lines, never values.
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let mut truth = Self::default();
        each(
            &folder.join("who.csv"),
            ["agency", "organisation", "id_scheme", "local_id", "person"],
            |[agency, organisation, scheme, local_id, person]| {
                let person = person.parse().ok()?;
                let handle = handle(agency, organisation, scheme, local_id);
                truth.records.insert(handle, person);
                Some(())
            },
        )?;
        each(
            &folder.join("people.csv"),
            ["person", "born", "sex", "name_origin"],
            |[person, born, sex, name_origin]| {
                let someone = Someone {
                    born: born.parse().ok()?,
                    groups: vec![sex.to_owned(), name_origin.to_owned()],
                };
                truth.people.insert(person.parse().ok()?, someone);
                Some(())
            },
        )?;
        each(
            &folder.join("next.csv"),
            [
                "person",
                "index_date",
                "bedded_down_before",
                "within_90_days",
                "within_180_days",
            ],
            |[person, day, before, within_90, within_180]| {
                let next = Next {
                    before: before.parse().ok()?,
                    within_90: within_90.parse().ok()?,
                    within_180: within_180.parse().ok()?,
                };
                let of_day = truth.next.entry(day.parse().ok()?).or_default();
                of_day.insert(person.parse().ok()?, next);
                Some(())
            },
        )?;
        if truth.next.is_empty() {
            let problem = format!("{}: next.csv names no index day", folder.display());
            return Err(Failure::new(Exit::Input, problem));
        }
        Ok(truth)
    }

    /// Whose a record is.
    #[must_use]
    pub fn person(&self, handle: &HandlePseudonym) -> Option<u64> {
        self.records.get(handle).copied()
    }

    /// The day somebody was born.
    #[must_use]
    pub fn born(&self, person: u64) -> Option<Day> {
        self.people.get(&person).map(|someone| someone.born)
    }

    /// The index days, in order.
    pub fn index_days(&self) -> impl Iterator<Item = Day> + '_ {
        self.next.keys().copied()
    }

    /// What came next for each adult of an index day, in the order of their numbers.
    pub fn next(&self, day: Day) -> impl Iterator<Item = (u64, Next)> + '_ {
        let of_day = self.next.get(&day).into_iter().flatten();
        of_day.map(|(person, next)| (*person, *next))
    }

    /// The group of somebody on a day, for each of [`GROUPS`].
    #[must_use]
    pub fn groups(&self, person: u64, day: Day) -> Vec<String> {
        let Some(someone) = self.people.get(&person) else {
            return vec!["not said".to_owned(); GROUPS.len()];
        };
        let mut groups = vec![age_band(someone.born, day).to_owned()];
        groups.extend(someone.groups.iter().map(|group| match group.as_str() {
            "" => "not said".to_owned(),
            group => group.to_owned(),
        }));
        groups
    }
}

/// The age bands in which CHAIN reports, with the two it joins.
fn age_band(born: Day, day: Day) -> &'static str {
    let ((year, month, of_month), (born, birth_month, birth_day)) = (day.ymd(), born.ymd());
    match year - born - i32::from((month, of_month) < (birth_month, birth_day)) {
        ..26 => "18 to 25",
        26..36 => "26 to 35",
        36..46 => "36 to 45",
        46..56 => "46 to 55",
        _ => "56 and over",
    }
}

/// Hands on the named cells of every line.
fn each<const N: usize>(
    path: &Path,
    columns: [&str; N],
    mut take: impl FnMut([&str; N]) -> Option<()>,
) -> Result<(), Failure> {
    let failed =
        |problem: String| Failure::new(Exit::Input, format!("{}: {problem}", path.display()));
    let mut reader = csv::Reader::from_path(path).map_err(|error| failed(error.to_string()))?;
    let heads = reader
        .headers()
        .map_err(|error| failed(error.to_string()))?
        .clone();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        *place = heads
            .iter()
            .position(|head| head == column)
            .ok_or_else(|| failed(format!("there is no column {column}")))?;
    }
    let mut line = StringRecord::new();
    let mut number = 1;
    while reader
        .read_record(&mut line)
        .map_err(|error| failed(error.to_string()))?
    {
        number += 1;
        let cells = places.map(|place| line.get(place).unwrap_or_default());
        take(cells).ok_or_else(|| failed(format!("line {number} is not what it should be")))?;
    }
    Ok(())
}
