//! Words that thousands of contributions repeat, each held once and named by a number: agreements, and who sends what. All are of registers, so they
//! are few. A number is given once and means the same for as long as the state is kept; the store keeps both.

use super::stored::Stored;
use crate::canon::{CanonError, Reader, Writer};
use crate::facts::SubjectFacts;
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{AgreementId, EventType, Organisation};

/// Who sends events of which type.
pub(crate) type Kind = (Organisation, EventType);

const AGREEMENT: u8 = b'a';
const KIND: u8 = b'k';

/// Words by number, in the order in which they were first met.
#[derive(Debug, Clone)]
struct Register<T> {
    numbers: BTreeMap<T, u32>,
    words: Vec<T>,
}

impl<T> Default for Register<T> {
    fn default() -> Self {
        Self {
            numbers: BTreeMap::new(),
            words: Vec::new(),
        }
    }
}

impl<T: Ord + Clone> Register<T> {
    fn get(&self, number: u32) -> Option<&T> {
        self.words.get(usize::try_from(number).ok()?)
    }

    /// The next number, to a word that has none.
    fn add(&mut self, word: T) -> u32 {
        // Registers have hundreds of words. Saturating keeps this total; a number that stands for another word is refused when it is restored.
        let number = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.numbers.insert(word.clone(), number);
        self.words.push(word);
        number
    }

    /// Puts a word back: in the order of numbers, as they were given.
    fn restore(&mut self, number: u32, word: T) -> bool {
        match self.get(number) {
            Some(known) => *known == word,
            None => !self.numbers.contains_key(&word) && self.add(word) == number,
        }
    }
}

/// The words met in one partition. No part of what stands: two states are equal whatever words they have met.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    agreements: Register<AgreementId>,
    kinds: Register<Kind>,
    /// Of subject records.
    organisations: BTreeSet<Organisation>,
}

fn key(register: u8, number: u32) -> Vec<u8> {
    let mut out = Writer::new();
    out.byte(crate::item::WORD)
        .byte(register)
        .fixed(&number.to_be_bytes());
    out.finish()
}

fn agreement_value(word: &AgreementId) -> Vec<u8> {
    let mut out = Writer::new();
    out.text(word.as_str());
    out.finish()
}

fn kind_value((source, event_type): &Kind) -> Vec<u8> {
    let mut out = Writer::new();
    out.text(&source.to_string()).text(event_type.as_str());
    out.finish()
}

impl Words {
    /// An agreement's number, when it was met.
    pub(crate) fn agreement_number(&self, word: &AgreementId) -> Option<u32> {
        self.agreements.numbers.get(word).copied()
    }

    /// An agreement's number; a new one is to be stored.
    pub(crate) fn number_agreement(
        &mut self,
        word: &AgreementId,
        store: &mut dyn FnMut(Stored),
    ) -> u32 {
        if let Some(known) = self.agreement_number(word) {
            return known;
        }
        let number = self.agreements.add(word.clone());
        store((key(AGREEMENT, number), agreement_value(word)));
        number
    }

    /// The number of who sends what; a new one is to be stored.
    pub(crate) fn number_kind(&mut self, word: Kind, store: &mut dyn FnMut(Stored)) -> u32 {
        if let Some(known) = self.kinds.numbers.get(&word) {
            return *known;
        }
        let value = kind_value(&word);
        let number = self.kinds.add(word);
        store((key(KIND, number), value));
        number
    }

    pub(crate) fn agreement(&self, number: u32) -> Option<&AgreementId> {
        self.agreements.get(number)
    }

    pub(crate) fn kind(&self, number: u32) -> Option<&Kind> {
        self.kinds.get(number)
    }

    /// Puts a stored word back. `key` is what follows the mark of a word.
    ///
    /// # Errors
    /// When it is not of this version, or the number stands for another word.
    pub(crate) fn restore(&mut self, key: &mut Reader<'_>, value: &[u8]) -> Result<(), CanonError> {
        let fault = key.fault();
        let register = key.byte()?;
        let number = u32::from_be_bytes(key.fixed()?);
        key.end()?;
        let mut value = Reader::new(value, "word");
        let fits = match register {
            AGREEMENT => self.agreements.restore(number, value.word()?),
            KIND => self.kinds.restore(number, (value.word()?, value.word()?)),
            _ => false,
        };
        value.end()?;
        if fits { Ok(()) } else { Err(fault) }
    }

    /// Every word as it is stored, in the order in which they are to be put back.
    pub(crate) fn stored(&self) -> impl Iterator<Item = Stored> {
        let agreements = (0..).zip(&self.agreements.words);
        let kinds = (0..).zip(&self.kinds.words);
        agreements
            .map(|(number, word)| (key(AGREEMENT, number), agreement_value(word)))
            .chain(kinds.map(|(number, word)| (key(KIND, number), kind_value(word))))
    }

    /// Has the facts of a subject share their words with those before.
    pub(crate) fn of_subject(&mut self, facts: &mut SubjectFacts) {
        share(&mut self.organisations, &mut facts.organisation);
        let others = [
            &mut facts.responsible_authority,
            &mut facts.chosen_authority,
        ];
        for other in others.into_iter().flatten() {
            share(&mut self.organisations, other);
        }
        facts.restrictions.shrink_to_fit();
    }
}

fn share(seen: &mut BTreeSet<Organisation>, word: &mut Organisation) {
    if let Some(known) = seen.get(word) {
        word.clone_from(known);
    } else {
        seen.insert(word.clone());
    }
}
