//! How a record's candidates are looked through: nearly all are put aside by their date of birth, address and e-mail, so that the rest of them need not be
//! fetched, and most of the others by the family name. What is left is scored.

use crate::compare;
use crate::features::Features;
use crate::frequency::{Frequencies, Value};
use crate::level::{Field, Level, Levels, MISSING, email, name};
use crate::model::{Model, Scored};

/// Date of birth, address and e-mail of a record in half a line of a processor's cache.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Brief {
    postcode: u64,
    uprn: u64,
    email: u64,
    birth: u32,
}

/// Never shows what it holds.
impl std::fmt::Debug for Brief {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Brief(…)")
    }
}

impl Features {
    /// What is looked at first.
    pub fn brief(&self) -> Brief {
        Brief {
            postcode: self.postcode,
            uprn: self.uprn,
            email: self.email,
            birth: self.birth_said(),
        }
    }
}

/// A record before its candidates. Thousandths of a bit throughout.
#[derive(Debug)]
pub struct Glance<'a, F: ?Sized> {
    model: &'a Model,
    held: &'a F,
    mine: &'a Features,
    brief: Brief,
    prior: i32,
    /// What the rarity of this family name adds at most: a commoner one on the other side only makes it less.
    family_rarity: i32,
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
        let most = |field, from: Level, to: Level, rarity| {
            let each = (from..=to).map(|level| self.base(field, level) + rarer(level, rarity));
            each.fold(0, i32::max)
        };
        // A name that is missing, or an initial, agrees at none of the first levels.
        let from = |known| if known { name::EXACT } else { name::INITIAL };
        let family = most(
            Field::Family,
            from(mine.family.known()),
            name::FAMILY_DIFFERENT,
            family_rarity,
        );
        let given = most(
            Field::Given,
            from(mine.given.known()),
            name::DIFFERENT,
            given_rarity,
        );
        let town = if mine.town_hash == 0 {
            0
        } else {
            self.most(Field::Town)
        };
        Glance {
            model: self,
            held,
            mine,
            brief: mine.brief(),
            prior: self.prior(held.records()),
            family_rarity,
            town,
            given,
            names: (family + given).max(self.base(Field::Given, name::SWAPPED)),
        }
    }
}

impl<F: Frequencies + ?Sized> Glance<'_, F> {
    /// Whether [`Self::candidate`] has to be asked: where not, it finds nothing, whatever names and town are.
    pub fn may_be(&self, other: &Brief) -> bool {
        let (a, b) = (&self.brief, other);
        let born = compare::births_said(a.birth, b.birth);
        let place = compare::places((a.uprn, a.postcode), (b.uprn, b.postcode));
        let mail = if a.email == 0 || b.email == 0 {
            MISSING
        } else if a.email == b.email {
            email::EXACT
        } else {
            // The letters are not at hand: they may be close.
            email::CLOSE
        };
        let sum = self.prior
            + self.model.base(Field::Birth, born)
            + self.model.base(Field::Place, place)
            + self.model.base(Field::Email, mail)
            + if place == MISSING { self.town } else { 0 };
        self.model.reaches_floor(sum + self.names)
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
