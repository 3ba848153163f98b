//! What is true of a person and stands in no event.

use super::Told;
use walbrook_domain::Day;

/// One person's life.
#[derive(Debug, Clone)]
pub struct Life {
    /// The person's number in the city.
    pub index: u64,
    /// The household's number.
    pub household: u64,
    /// Day of birth.
    pub born: Day,
    /// The 18th birthday.
    pub adult_from: Day,
    /// The hidden vulnerability, around 0 with deviation 1,000.
    pub vulnerability_thousandths: i64,
    /// Male, as services record it.
    pub male: bool,
    /// Where the name comes from.
    pub name_origin: &'static str,
    /// What the life went through.
    pub courses: Vec<&'static str>,
    /// The days on which the person was met bedded down, also those past the last day told.
    pub bedded_down: Vec<Day>,
    /// The events, in their order.
    pub told: Vec<Told>,
    /// As what organisations know the person.
    pub known: Vec<Known>,
}

/// An organisation's record of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The agency.
    pub agency: &'static str,
    /// The organisation.
    pub organisation: String,
    /// Kind of its number.
    pub scheme: String,
    /// Its number for the person.
    pub local_id: String,
    /// What is wrong in the record, by the words of [`super::super::residents::rates`].
    pub errors: Vec<&'static str>,
}

/// Who slept rough next: the label of one person on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// The first day after the index day on which the person was met bedded down, at most 180 days after it.
    pub bedded_down_on: Option<Day>,
    /// Within 90 days.
    pub within_90_days: bool,
    /// Within 180 days.
    pub within_180_days: bool,
    /// Met bedded down on or before the index day: a return to the street, not a beginning.
    pub before: bool,
}

impl Life {
    /// The label on an index day: none of somebody who is not an adult on it.
    #[must_use]
    pub fn next(&self, index: Day) -> Option<Next> {
        if index < self.adult_from {
            return None;
        }
        let first = self
            .bedded_down
            .iter()
            .copied()
            .filter(|day| *day > index && day.0 - index.0 <= 180)
            .min();
        Some(Next {
            bedded_down_on: first,
            within_90_days: first.is_some_and(|day| day.0 - index.0 <= 90),
            within_180_days: first.is_some(),
            before: self.bedded_down.iter().any(|day| *day <= index),
        })
    }
}
