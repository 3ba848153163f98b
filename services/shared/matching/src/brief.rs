//! The little of a record by which nearly all candidates are put aside, so that the rest of them need not be fetched.

use crate::compare;
use crate::features::Features;
use crate::level::{Field, email};
use crate::model::Model;

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

/// A record before its candidates.
#[derive(Debug)]
pub struct Glance<'a> {
    model: &'a Model,
    prior: i32,
    mine: Brief,
}

impl Model {
    /// Looks at candidates of a record, where so many records are held.
    pub fn glance(&self, mine: &Features, records: u32) -> Glance<'_> {
        Glance {
            model: self,
            prior: self.prior(records),
            mine: mine.brief(),
        }
    }
}

impl Glance<'_> {
    /// Whether [`Model::candidate`] has to be asked: where not, it finds nothing, whatever names and town are.
    pub fn may_be(&self, other: &Brief) -> bool {
        let (a, b) = (&self.mine, other);
        let born = compare::births_said(a.birth, b.birth);
        let place = compare::places((a.uprn, a.postcode), (b.uprn, b.postcode));
        let mail = if a.email == 0 || b.email == 0 {
            0
        } else {
            // Of two that differ the letters are not at hand: they may be close.
            let level = if a.email == b.email {
                email::EXACT
            } else {
                email::CLOSE
            };
            self.model.base(Field::Email, level)
        };
        let sum = self.prior
            + self.model.base(Field::Birth, born)
            + self.model.base(Field::Place, place)
            + mail;
        self.model.may_reach_floor(sum, Field::Town)
    }
}
