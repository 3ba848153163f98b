//! Linking a file of records as identity links them: its own core, one command a record, in memory.

use crate::city::now;
use crate::city::residents::mixed;
use crate::identity::file::Row;
use std::sync::Arc;
use walbrook_domain::Organisation;
use walbrook_identity::linkage::{
    Command, Core, Entropy, Index, LinkItem, MatchingCover, Rules, Token, Turn,
};
use walbrook_matching::Model;

/// Rounds of training, which usually ends before.
pub const TRAINING_ROUNDS: u32 = 25;
/// Records between which the core forgets how to undo them.
const BATCH: usize = 1_000;

/// A matching agreement of all with all.
struct Everyone;

impl MatchingCover for Everyone {
    fn covers(&self, _: &Organisation, _: &Organisation) -> bool {
        true
    }
}

/// Ids from a count: nobody has to be kept from guessing them here, and each run is the same. Spread over all bits, as identity's tables expect of
/// ids drawn by chance.
struct Counted(u64);

impl Entropy for Counted {
    fn id(&mut self) -> [u8; 16] {
        self.0 += 1;
        spread(self.0)
    }
}

fn spread(number: u64) -> [u8; 16] {
    let (high, low) = (u128::from(mixed(number)), u128::from(mixed(!number)));
    (high << 64 | low).to_be_bytes()
}

/// A linking of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linking {
    /// A number for the person of each record, in their order.
    pub persons: Vec<u64>,
}

/// Links records one by one, in the order of the file, as they would arrive, under identity's usual rules.
#[must_use]
pub fn link(rows: &[Row], model: Model) -> Linking {
    let mut core = Core::with_model(Index::default(), Rules::default(), Arc::new(model));
    let (mut entropy, at) = (Counted(0), now());
    for (number, row) in rows.iter().enumerate() {
        let item = LinkItem {
            token: token(number),
            previous: None,
            organisation: row.organisation.clone(),
            agency: row.agency.clone(),
            id_scheme: row.id_scheme.clone(),
            stated: Some(row.stated.clone()),
        };
        let turn = Turn {
            now: at,
            entropy: &mut entropy,
            cover: &Everyone,
        };
        // No two records share a token, so nothing is refused; a record that is not there below is a person of its own.
        drop(core.step(Command::Link(item), turn));
        if number % BATCH == BATCH - 1 {
            drop(core.committed());
        }
    }
    let person = |number: usize| {
        let record = core.index().by_token(token(number))?;
        // The first half alone tells ids apart: it is another one for each count.
        let half = record.person.as_bytes().get(..8)?;
        Some(u64::from_be_bytes(half.try_into().ok()?))
    };
    let alone = |number: usize| u64::MAX - u64::try_from(number).unwrap_or(0);
    Linking {
        persons: (0..rows.len())
            .map(|number| person(number).unwrap_or_else(|| alone(number)))
            .collect(),
    }
}

fn token(number: usize) -> Token {
    let half = spread(u64::try_from(number).unwrap_or(u64::MAX));
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(half.iter().chain(&half)) {
        *to = *from;
    }
    Token(bytes)
}
