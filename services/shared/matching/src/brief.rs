//! How a record's candidates are looked through: most are put aside by half a line of a processor's cache ([`Brief`]), so that the rest of them need not be
//! fetched, and most of the others by a line with the letters of their names ([`Spelling`]). What is left is scored.

mod quick;

use crate::compare;
use crate::features::{Features, NameForm, mix, parts};
use crate::frequency::{Frequencies, Value};
use crate::letters::Letters;
use crate::level::{Field, Level, Levels, MISSING, birth, email, name, place};
use crate::model::{Model, Scored};
use quick::{GONE, NOWHERE, OTHER, SAME, alike, births, of, places};

/// Date of birth, address, e-mail and names of a record in half a line of a processor's cache, in none of which it lies across two. What is a hash here
/// can be equal by chance: then the candidate is looked at more closely.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(align(32))]
pub struct Brief {
    postcode: u64,
    uprn: u32,
    email: u32,
    birth: u32,
    /// The day, in years of twelve months of 31 days.
    day: u32,
    family: u32,
    given: u32,
}

/// Never shows what it holds.
impl std::fmt::Debug for Brief {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Brief(…)")
    }
}

/// The names of a record to the letter.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Spelling {
    family: Letters,
    given: Letters,
    family_words: [u32; 3],
    given_words: [u32; 3],
}

/// Never shows what it holds.
impl std::fmt::Debug for Spelling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spelling(…)")
    }
}

/// 0 stays 0, and nothing else becomes it.
fn shortened(value: u64) -> u32 {
    if value == 0 { 0 } else { (value as u32).max(1) }
}

impl Features {
    /// What is looked at first.
    pub fn brief(&self) -> Brief {
        let birth = self.birth_said();
        let (year, month, day) = parts(birth);
        Brief {
            postcode: self.postcode,
            uprn: if self.uprn == 0 {
                0
            } else {
                shortened(mix(self.uprn))
            },
            email: shortened(self.email),
            birth,
            day: compare::day_count(year, month, day),
            family: shortened(self.family.hash),
            given: shortened(self.given.hash),
        }
    }
}

impl Features {
    /// What is looked at second.
    pub fn spelling(&self) -> Spelling {
        Spelling {
            family: self.family.letters,
            given: self.given.letters,
            family_words: self.family.words,
            given_words: self.given.words,
        }
    }
}

/// The most that what is looked at first can say. Thousandths of a bit throughout.
#[derive(Debug, Default)]
struct Most {
    births: [i32; 16],
    places: [i32; 8],
    /// Missing, the same, other.
    emails: [i32; 4],
    families: [i32; 4],
    givens: [i32; 4],
    /// Where given and family name may be swapped, whatever they are by themselves.
    swapped: i32,
    /// What all of it must come to.
    needed: i32,
}

/// A record before its candidates. Thousandths of a bit throughout.
#[derive(Debug)]
pub struct Glance<'a, F: ?Sized> {
    model: &'a Model,
    held: &'a F,
    mine: &'a Features,
    brief: Brief,
    spelling: Spelling,
    most: Most,
    prior: i32,
    /// What the rarity of these names adds at most: a commoner one on the other side only makes it less.
    family_rarity: i32,
    given_rarity: i32,
    /// The most that the town can add, where the addresses say nothing; and the given name, unless it is swapped with the family name.
    town: i32,
    given: i32,
    /// The most that both names can add.
    names: i32,
}

impl Model {
    /// Looks at candidates of a record among those held.
    pub fn glance<'a, F: Frequencies + ?Sized>(
        &'a self,
        mine: &'a Features,
        held: &'a F,
    ) -> Glance<'a, F> {
        let rarity = |field, what, hash| {
            let count = if hash == 0 { 0 } else { held.count(what, hash) };
            self.rarity_of(field, count, held.records())
        };
        let family_rarity = rarity(Field::Family, Value::Family, mine.family.hash);
        let given_rarity = rarity(Field::Given, Value::Given, mine.given.hash);
        let families = self.of_names(
            (Field::Family, name::FAMILY_DIFFERENT),
            &mine.family,
            family_rarity,
        );
        let givens = self.of_names((Field::Given, name::DIFFERENT), &mine.given, given_rarity);
        let most = |of: &[i32]| of.iter().copied().fold(0, i32::max);
        let (family, given) = (most(&families), most(&givens));
        let town = if mine.town_hash == 0 {
            0
        } else {
            self.most(Field::Town)
        };
        let prior = self.prior(held.records());
        let swapped = self.base(Field::Given, name::SWAPPED);
        Glance {
            model: self,
            held,
            mine,
            brief: mine.brief(),
            spelling: mine.spelling(),
            most: Most {
                families,
                givens,
                swapped,
                needed: self.needed_beyond(prior),
                ..self.of_the_rest(town)
            },
            prior,
            family_rarity,
            given_rarity,
            town,
            given,
            names: (family + given).max(swapped),
        }
    }

    /// The most that a name can add where the other side's is missing, the same, or another one.
    fn of_names(&self, (field, last): (Field, Level), mine: &NameForm, rarity: i32) -> [i32; 4] {
        let most = |from: Level, to: Level| {
            let each = (from..=to).map(|level| self.base(field, level) + rarer(level, rarity));
            each.fold(i32::MIN, i32::max)
        };
        // Behind a name that is missing an initial may stand, and that agrees at none of the first levels.
        let initial = most(name::INITIAL, last).max(0);
        if !mine.known() {
            return [initial; 4];
        }
        let other = most(name::CLOSE, last).max(initial);
        let mut out = [other; 4];
        for (at, value) in [
            (GONE, initial),
            (SAME, most(name::EXACT, name::EXACT).max(other)),
        ] {
            if let Some(place) = out.get_mut(at) {
                *place = value;
            }
        }
        out
    }

    /// The most that everything but names can add.
    fn of_the_rest(&self, town: i32) -> Most {
        let mut most = Most::default();
        for (level, place) in (birth::EXACT..=birth::DIFFERENT).zip(&mut most.births) {
            *place = self.base(Field::Birth, level);
        }
        for (level, kept) in (place::UPRN..=place::DIFFERENT).zip(&mut most.places) {
            *kept = unless_crowded(self.base(Field::Place, level), level <= place::POSTCODE);
        }
        if let Some(nowhere) = most.places.get_mut(NOWHERE) {
            *nowhere = town;
        }
        // The letters of an address are not at hand: two may be close.
        for (level, place) in [(SAME, email::EXACT), (OTHER, email::CLOSE)] {
            if let Some(kept) = most.emails.get_mut(level) {
                *kept = unless_crowded(self.base(Field::Email, place), place == email::EXACT);
            }
        }
        most
    }
}

/// What too many records share says nothing, for or against.
fn unless_crowded(weight: i32, can_be: bool) -> i32 {
    if can_be { weight.max(0) } else { weight }
}

impl<F: Frequencies + ?Sized> Glance<'_, F> {
    /// Whether the rest of a candidate has to be looked at: where not, [`Self::candidate`] finds nothing.
    #[inline]
    pub fn may_be(&self, other: &Brief) -> bool {
        let (a, b, most) = (&self.brief, other, &self.most);
        let names = of(&most.families, alike(a.family, b.family))
            + of(&most.givens, alike(a.given, b.given));
        self.suffices(names, other)
    }

    /// The same of one that may be, by the letters of its names.
    pub fn may_be_spelt(&self, other: &Brief, spelling: &Spelling) -> bool {
        let (a, b, most) = (&self.brief, other, &self.most);
        let (mine, theirs) = (&self.spelling, spelling);
        let family = match alike(a.family, b.family) {
            OTHER => {
                let level = compare::spelt(
                    (mine.family, &mine.family_words),
                    (theirs.family, &theirs.family_words),
                );
                let level = level.min(name::FAMILY_DIFFERENT);
                self.model.base(Field::Family, level) + rarer(level, self.family_rarity)
            }
            place => of(&most.families, place),
        };
        let given = match alike(a.given, b.given) {
            OTHER => {
                let level = compare::spelt(
                    (mine.given, &mine.given_words),
                    (theirs.given, &theirs.given_words),
                );
                self.model.base(Field::Given, level) + rarer(level, self.given_rarity)
            }
            place => of(&most.givens, place),
        };
        self.suffices(family + given, other)
    }

    /// Whether so much for both names is enough, with what else is looked at first.
    #[inline]
    fn suffices(&self, names: i32, other: &Brief) -> bool {
        let (a, b, most) = (&self.brief, other, &self.most);
        let crosswise =
            (a.given != 0 && a.given == b.family) || (b.given != 0 && b.given == a.family);
        let names = if crosswise {
            names.max(most.swapped)
        } else {
            names
        };
        let sum = names
            + of(&most.births, births(a, b))
            + of(&most.places, places(a, b))
            + of(&most.emails, alike(a.email, b.email));
        sum >= most.needed
    }

    /// Scores a candidate where it reaches the model's floor; `None` where it does not, which most show after a few fields.
    pub fn candidate(&self, other: &Features) -> Option<Scored> {
        let (a, b) = (self.mine, other);
        let (born, place, mail) = (
            compare::births(a, b),
            compare::place(a, b),
            compare::emails(a, b),
        );
        let town = compare::towns(a, b, place);
        let of_town = if town == MISSING { 0 } else { self.town };
        let sum = self.prior
            + self.model.base(Field::Birth, born)
            + self.model.base(Field::Place, place)
            + self.model.base(Field::Email, mail)
            + of_town;
        if !self.model.reaches_floor(sum + self.names) {
            return None;
        }
        let family = compare::family(a, b);
        if !compare::may_be_swapped(a, b) {
            let family = self.model.base(Field::Family, family) + rarer(family, self.family_rarity);
            if !self.model.reaches_floor(sum + family + self.given) {
                return None;
            }
        }
        let (family, given) = compare::names(a, b, family);
        let mut levels = Levels([MISSING; crate::level::FIELDS]);
        for (field, level) in [
            (Field::Birth, born),
            (Field::Place, place),
            (Field::Email, mail),
            (Field::Town, town),
            (Field::Family, family),
            (Field::Given, given),
        ] {
            levels.set(field, level);
        }
        let scored = self.model.score(levels, a, b, self.held);
        self.model.reaches_floor(scored.millibits).then_some(scored)
    }
}

/// What of a name's rarity counts at a level: all where it is the same, half where it is close, nothing beyond.
fn rarer(level: Level, rarity: i32) -> i32 {
    match level {
        name::EXACT => rarity,
        name::CLOSE..=name::NEAR => rarity / 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
