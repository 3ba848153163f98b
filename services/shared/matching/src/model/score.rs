//! The score of a pair.

use super::{BILLION, Held, Model};
use crate::bits::{against_both, log2_millibits, probability_ten_thousandths, ratio_millibits};
use crate::compare;
use crate::features::Features;
use crate::frequency::{Frequencies, Value};
use crate::level::{Field, Level, Levels, MISSING, birth, email, name, place, town};

/// How sure it is that two records are the same person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scored {
    /// Logarithm of the odds, thousandths of a bit.
    pub millibits: i32,
    /// The probability, in ten-thousandths; never 10,000.
    pub probability_ten_thousandths: i32,
    /// What the fields showed.
    pub levels: Levels,
    /// What keeps the pair from being linked without a person's look, whatever the score.
    pub held: Option<Held>,
}

/// Logarithms of the odds of one person, thousandths of a bit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Odds {
    /// Against two people who have nothing to do with each other.
    pub(crate) strangers: i32,
    /// Against two people of one family or household.
    pub(crate) relatives: i32,
    /// The most that date of birth, address or e-mail added against strangers.
    beyond_names: i32,
}

impl Odds {
    /// Against either.
    pub(crate) fn together(self) -> i32 {
        against_both(self.strangers, self.relatives)
    }

    /// The odds that the two are of one family, against one person and against strangers.
    pub(crate) fn of_one_family(self) -> i32 {
        against_both(self.strangers - self.relatives, -self.relatives)
    }
}

impl Scored {
    /// What odds come to.
    pub(crate) fn of(levels: Levels, odds: Odds) -> Self {
        let millibits = odds.together();
        Self {
            millibits,
            probability_ten_thousandths: probability_ten_thousandths(millibits),
            levels,
            held: holding(levels, odds.beyond_names > 0),
        }
    }
}

impl Model {
    /// Scores two records. The same both ways round.
    pub fn compare<F: Frequencies + ?Sized>(&self, a: &Features, b: &Features, held: &F) -> Scored {
        self.score(compare::levels(a, b), a, b, held)
    }

    /// Scores two records where they reach the model's floor; `None` where they do not. For many candidates of one record: [`Model::glance`].
    pub fn candidate<F: Frequencies + ?Sized>(
        &self,
        a: &Features,
        b: &Features,
        held: &F,
    ) -> Option<Scored> {
        self.glance(a, held).candidate(b)
    }

    /// Scores two records whose levels are known.
    pub(crate) fn score<F: Frequencies + ?Sized>(
        &self,
        levels: Levels,
        a: &Features,
        b: &Features,
        held: &F,
    ) -> Scored {
        Scored::of(levels, self.odds(levels, a, b, held))
    }

    /// The odds of one person against two strangers, and against two people of one family.
    pub(crate) fn odds<F: Frequencies + ?Sized>(
        &self,
        levels: Levels,
        a: &Features,
        b: &Features,
        held: &F,
    ) -> Odds {
        let mut odds = Odds {
            strangers: self.prior(held.records()),
            relatives: self.relatives_prior,
            beyond_names: 0,
        };
        for field in Field::ALL {
            let (base, rarity) = self.weights_of(field, levels, a, b, held);
            odds.strangers += base + rarity;
            if (base, rarity) != (0, 0) {
                let row = self.against_relatives.get(field.index());
                let level = usize::from(levels.at(field));
                odds.relatives += row.and_then(|row| row.get(level)).copied().unwrap_or(0);
            }
            match field {
                // Relatives share the family name because they are; the given name only as strangers do.
                Field::Given => odds.relatives += rarity,
                Field::Birth | Field::Place | Field::Email => {
                    odds.beyond_names = odds.beyond_names.max(base);
                }
                Field::Town | Field::Family => {}
                Field::Relatives => {}
            }
        }
        odds
    }

    /// The odds, in thousandths of a bit, that a newcomer and one of the records held are the same person, before anything is compared. Falls as more
    /// records are held; never better than among `least_records`, so that few records make nobody easy to link.
    pub(crate) fn prior(&self, records: u32) -> i32 {
        let records = records.max(self.parameters.least_records).max(2);
        let others = self.parameters.others_millionths.max(1);
        log2_millibits(others) - log2_millibits(1_000_000) - log2_millibits(u64::from(records))
    }

    pub(crate) fn reaches_floor(&self, millibits: i32) -> bool {
        millibits >= self.floor_millibits
    }

    /// What fields must add to a prior to reach the floor.
    pub(crate) fn needed_beyond(&self, prior: i32) -> i32 {
        self.floor_millibits - prior
    }

    pub(crate) fn base(&self, field: Field, level: Level) -> i32 {
        let row = self.weights.get(field.index());
        row.and_then(|row| row.get(usize::from(level)))
            .copied()
            .unwrap_or(0)
    }

    /// The weight of a field's level, and what the rarity of the value adds to it.
    pub(crate) fn weights_of<F: Frequencies + ?Sized>(
        &self,
        field: Field,
        levels: Levels,
        a: &Features,
        b: &Features,
        held: &F,
    ) -> (i32, i32) {
        let level = levels.at(field);
        if level == MISSING {
            return (0, 0);
        }
        let crowded = |what, value, most: u32| held.count(what, value) > most;
        let p = &self.parameters;
        let says_nothing = match (field, level) {
            (Field::Place, place::UPRN) => crowded(Value::Uprn, a.uprn, p.crowded_uprn),
            (Field::Place, place::POSTCODE) => {
                crowded(Value::Postcode, a.postcode, p.crowded_postcode)
            }
            (Field::Email, email::EXACT) => crowded(Value::Email, a.email, p.crowded_email),
            _ => false,
        };
        if says_nothing {
            return (0, 0);
        }
        let rarity = match (field, level) {
            (Field::Given, name::EXACT..=name::NEAR) => {
                self.rarity(field, Value::Given, a.given.hash, b.given.hash, level, held)
            }
            (Field::Family, name::EXACT..=name::NEAR) => self.rarity(
                field,
                Value::Family,
                a.family.hash,
                b.family.hash,
                level,
                held,
            ),
            (Field::Town, town::EXACT..=town::CLOSE) => {
                self.rarity(field, Value::Town, a.town_hash, b.town_hash, level, held)
            }
            _ => 0,
        };
        (self.base(field, level), rarity)
    }

    /// What the rarity of a value adds: the average commonness of values that agree, over how common the commoner one of the two is among the records
    /// of other people.
    fn rarity<F: Frequencies + ?Sized>(
        &self,
        field: Field,
        what: Value,
        a: u64,
        b: u64,
        level: Level,
        held: &F,
    ) -> i32 {
        let count = held
            .count(what, a)
            .max(if a == b { 0 } else { held.count(what, b) });
        let rarity = self.rarity_of(field, count, held.records());
        if level == 0 { rarity } else { rarity / 2 }
    }

    /// The same of a value that so many of the records held have. The more have it, the less.
    pub(crate) fn rarity_of(&self, field: Field, count: u32, records: u32) -> i32 {
        let average = self.u(field, 0);
        if average == 0 {
            return 0;
        }
        // The record that is compared with, and what that person's other records would add.
        let agree = self.m(field, 0);
        let own = BILLION
            + self.parameters.others_millionths.saturating_sub(1_000_000) * agree / 1_000_000;
        let others = (u64::from(count) * BILLION).saturating_sub(own);
        let pseudo = u64::from(self.parameters.pseudo_records);
        let frequency = (others + pseudo * average) / (u64::from(records) + pseudo).max(1);
        ratio_millibits(average, frequency.max(self.parameters.rarest_name))
    }
}

/// What keeps a pair from being linked without a person's look. `beyond_names`: whether date of birth, address or e-mail speak for it.
fn holding(levels: Levels, beyond_names: bool) -> Option<Held> {
    let (birth, given) = (levels.at(Field::Birth), levels.at(Field::Given));
    let brothers = birth == birth::WITHIN_TWELVE_YEARS
        && !matches!(levels.at(Field::Email), email::EXACT..=email::MAILBOX);
    if birth == birth::DIFFERENT || brothers {
        Some(Held::BirthsDiffer)
    } else if matches!(given, name::SAME_INITIAL | name::DIFFERENT) {
        Some(Held::GivenNamesDiffer)
    } else if beyond_names {
        None
    } else {
        Some(Held::NamesAlone)
    }
}
