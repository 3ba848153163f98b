//! The lives of the city's people: what police, hospitals, landlords, councils, outreach teams and children's services see of them, for any number of
//! people and any span of days.
//!
//! People come in blocks of [`BLOCK`]: whole households, numbered through. A block and every life in it is a function of the seed, the span and the
//! block's number, so that any part of the city can be made by itself, in any order, on any number of threads.
//!
//! Each person has a hidden vulnerability, half of it shared with the household. It is in no event. It raises the chance of arrears, of
//! homelessness, of custody, of ill health, of care: what services see of one person therefore hangs together, as it does in life, while the
//! mean over all people stays the published figure. Where a course leads to the street, what stands before it (an eviction, a release, a
//! discharge, the end of care or of asylum support) is told too.

mod care;
mod chance;
mod diary;
mod health;
mod home;
mod police;
pub mod published;
mod route;
mod street;
mod transport;
mod truth;

#[cfg(test)]
mod tests;

pub use diary::Told;
pub use truth::{Known, Life, Next};

use super::residents::{Resident, Residents, mixed};
use crate::city::figures::Share;
use diary::Diary;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::rc::Rc;
use walbrook_domain::Day;

/// People of a block.
pub const BLOCK: u64 = 32;
/// Most people of a city: the range of NHS numbers that is never issued has no more.
pub const MOST_PEOPLE: u64 = 1_000_000;
/// Days past the last day through which lives go on, for the truth about what came next.
pub const BEYOND_DAYS: i32 = 180;

/// The days that are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first day. What stood open on it is told on it, as a first load.
    pub from: Day,
    /// The last day.
    pub to: Day,
}

impl Span {
    /// The last day that lives go on to.
    #[must_use]
    pub fn beyond(self) -> Day {
        self.to.plus(BEYOND_DAYS)
    }

    /// Years from the first day to the last that lives go on to.
    fn years(self) -> f64 {
        f64::from(self.beyond().0 - self.from.0 + 1) / 365.25
    }
}

/// All lives of a city.
#[derive(Debug, Clone)]
pub struct Lives {
    residents: Residents,
    seed: u64,
    people: u64,
    span: Span,
    /// How many times more often than in London somebody sleeps rough or is looked after.
    more: f64,
}

/// How a household holds its home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tenure {
    Social,
    Private,
    Owned,
}

/// A person with what nobody sees.
#[derive(Debug, Clone)]
pub(crate) struct Soul {
    /// Number in the city, from 0, without gaps.
    pub index: u64,
    /// Who it is.
    pub resident: Resident,
    /// The hidden vulnerability, around 0 with deviation 1.
    pub vulnerability: f64,
    /// Of the household.
    pub tenure: Tenure,
    /// The household's adults and children on the last day.
    pub adults: usize,
    /// Children among them.
    pub children: usize,
    /// The adult in whose name the home is held.
    pub holds_home: bool,
    /// Where they live is kept from everybody outside the responsible authority.
    pub restricted: bool,
}

impl Soul {
    /// A rate of all people as this person's: `slope` says how far the vulnerability drives it. The mean over all people stays the rate.
    pub fn risk(&self, mean: Share, slope: f64) -> f64 {
        mean.probability() * (slope * self.vulnerability - slope * slope / 2.0).exp()
    }

    /// The day on which the person is so many years old.
    pub fn birthday(&self, years: i32) -> Day {
        let (year, month, day) = self.resident.birth.ymd();
        // Somebody born on 29 February is a year older on 1 March of a common year.
        Day::from_ymd(year + years, month, day)
            .or_else(|| Day::from_ymd(year + years, 3, 1))
            .unwrap_or(self.resident.birth)
    }

    pub fn age_on(&self, day: Day) -> i32 {
        self.resident.age_on(day)
    }
}

impl Lives {
    /// The lives of so many people in a span of days; `more` times as many as in London sleep rough or are looked after.
    #[must_use]
    pub fn new(seed: u64, people: u64, span: Span, more: u32) -> Self {
        Self {
            residents: Residents::new(seed, span.to),
            seed,
            people: people.min(MOST_PEOPLE),
            span,
            more: f64::from(more.max(1)),
        }
    }

    /// The days that are told.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// People of the city.
    #[must_use]
    pub fn people(&self) -> u64 {
        self.people
    }

    /// Blocks of the city.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.people.div_ceil(BLOCK)
    }

    /// Chance of its own for one purpose of one person or household.
    fn chance(&self, purpose: u64, number: u64) -> ChaCha8Rng {
        let mut chance = ChaCha8Rng::seed_from_u64(mixed(self.seed ^ purpose));
        chance.set_stream(number);
        chance
    }

    /// The people of a block with their households.
    fn souls(&self, block: u64) -> Vec<(Soul, Rc<[Resident]>)> {
        let first = block * BLOCK;
        let room = usize::try_from(BLOCK.min(self.people.saturating_sub(first))).unwrap_or(0);
        let mut souls = Vec::with_capacity(room);
        for place in 0..BLOCK {
            let left = room.saturating_sub(souls.len());
            if left == 0 {
                break;
            }
            // A household that does not fit whole is cut: its youngest are not of this city.
            let mut members = self.residents.household(first + place);
            members.truncate(left);
            self.household(first + place, members, first, &mut souls);
        }
        souls
    }

    fn household(
        &self,
        number: u64,
        members: Vec<Resident>,
        first: u64,
        souls: &mut Vec<(Soul, Rc<[Resident]>)>,
    ) {
        let mut rng = self.chance(0x0a11, number);
        let shared = chance::normal(&mut rng);
        // The poorer half of the city rents, and the poorest from a council or a registered provider: 23 % and 30 % of households.
        let hardship = 0.7 * shared + 0.714 * chance::normal(&mut rng);
        let tenure = match hardship {
            0.739.. => Tenure::Social,
            -0.075..0.739 => Tenure::Private,
            _ => Tenure::Owned,
        };
        let restricted = rng.random_range(0..1_000) < 3;
        let adult = |member: &&Resident| member.age_on(self.span.to) >= 18;
        let adults = members.iter().filter(adult).count();
        // One for all of them: a life looks at the household, and changes nothing there.
        let members: Rc<[Resident]> = members.into();
        for (place, member) in members.iter().enumerate() {
            let index = first + u64::try_from(souls.len()).unwrap_or(0);
            let own = chance::normal(&mut rng);
            let mut resident = member.clone();
            resident.nhs_number = nhs_number(self.seed, index);
            let soul = Soul {
                index,
                vulnerability: 0.707 * shared + 0.707 * own,
                tenure,
                adults,
                children: members.len() - adults,
                holds_home: place == 0,
                restricted,
                resident,
            };
            souls.push((soul, Rc::clone(&members)));
        }
    }

    /// The lives of a block's people, in their order.
    #[must_use]
    pub fn block(&self, block: u64) -> Vec<Life> {
        let souls = self.souls(block);
        souls
            .iter()
            .map(|(soul, household)| self.life(soul, household))
            .collect()
    }

    fn life(&self, soul: &Soul, household: &[Resident]) -> Life {
        let mut diary = Diary::new(soul, self.span, self.seed, self.chance(0x11fe, soul.index));
        let rough = street::course(&mut diary, self.more);
        let care = care::course(&mut diary, self.more);
        home::course(&mut diary, rough.as_ref());
        police::course(&mut diary);
        health::course(&mut diary, rough.as_ref(), care.as_ref());
        let nights = rough.map(|rough| rough.bedded_down).unwrap_or_default();
        let courses = diary.courses.clone();
        let (told, known) = diary.finish(household, &self.chance(0x9e40, 0));
        Life {
            index: soul.index,
            household: soul.resident.number / super::residents::MOST_MEMBERS,
            adult_from: soul.birthday(18),
            born: soul.resident.birth,
            vulnerability_thousandths: thousandths(soul.vulnerability),
            male: soul.resident.male,
            name_origin: soul.resident.origin,
            courses,
            bedded_down: nights,
            told,
            known,
        }
    }

    /// What transport tells, day by day: no person is in it.
    #[must_use]
    pub fn transport(&self) -> Vec<Told> {
        transport::told(self.span, self.seed, &mut self.chance(0x7f1, 0))
    }
}

fn thousandths(value: f64) -> i64 {
    (value * 1_000.0).round() as i64
}

/// A number of the test range with a right check digit: a million bodies, each person of the city their own, so that one in eleven, whose check
/// digit would be 10, was never registered.
fn nhs_number(seed: u64, index: u64) -> Option<String> {
    let body = 999_000_000 + (index * 382_901 + seed % 1_000_000) % 1_000_000;
    let sum: u64 = format!("{body}")
        .bytes()
        .zip((2..=10_u64).rev())
        .map(|(byte, weight)| u64::from(byte - b'0') * weight)
        .sum();
    match 11 - sum % 11 {
        10 => None,
        11 => Some(format!("{body}0")),
        check => Some(format!("{body}{check}")),
    }
}
