//! A state from its stored items, and stored items from a state.

use super::{Packed, Partition};
use crate::canon::{CanonError, Reader};
use crate::facts::{ContributionKey, SubjectFacts};
use crate::item;
use std::ops::Bound;
use walbrook_domain::Pseudonym;

/// An item as it is stored: key and value.
pub type Stored = (Vec<u8>, Vec<u8>);

impl Partition {
    /// Puts a stored item back. Words come before what is said with them: their keys are the first in order.
    ///
    /// # Errors
    /// When the item is not of this version.
    pub fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), CanonError> {
        let mut input = Reader::new(key, "item");
        match item::read(&mut input)? {
            item::Key::Word => self.words.restore(&mut input, value)?,
            item::Key::Contribution {
                person,
                handle,
                event,
                agreement,
            } => {
                let fault = input.fault();
                let packed = Packed::restore(event, value, &self.words)?;
                if packed.agreement_number() != Some(agreement) {
                    return Err(fault);
                }
                let agreement = packed.agreement(&self.words).cloned().ok_or(fault)?;
                self.insert((person, handle), packed, &agreement);
            }
            item::Key::Subject(person, handle) => {
                let mut facts = SubjectFacts::decode(value)?;
                self.words.of_subject(&mut facts);
                self.learn(person, handle, facts);
            }
            item::Key::Heartbeat(organisation, event_type) => {
                let day = item::heartbeat_day(value)?;
                self.heartbeats.insert((organisation, event_type), day);
            }
        }
        Ok(())
    }

    /// Takes out what stands under the key of an item that was dropped. Nothing but a contribution or a subject record is ever dropped.
    ///
    /// # Errors
    /// When the key is not of this version.
    pub fn forget(&mut self, key: &[u8]) -> Result<(), CanonError> {
        let mut input = Reader::new(key, "item");
        let fault = input.fault();
        match item::read(&mut input)? {
            item::Key::Contribution {
                person,
                handle,
                event,
                agreement,
            } => {
                let agreement = self.words.agreement(agreement).cloned().ok_or(fault)?;
                let key = ContributionKey {
                    handle,
                    event,
                    agreement,
                };
                self.take(person, &key, &mut Vec::new());
            }
            item::Key::Subject(person, handle) => {
                self.drop_subject(person, handle, &mut Vec::new());
                self.tidy(person, handle);
            }
            item::Key::Word | item::Key::Heartbeat(..) => return Err(fault),
        }
        Ok(())
    }

    /// Every word that items are said with, as it is stored, in the order in which they are to be put back.
    pub fn words(&self) -> impl Iterator<Item = Stored> {
        self.words.stored()
    }

    /// When sources were heard, as it is stored.
    pub fn heard(&self) -> impl Iterator<Item = Stored> {
        self.heartbeats.iter().map(|((organisation, kind), day)| {
            let key = item::heartbeat_key(organisation, kind);
            (key, item::heartbeat_value(*day))
        })
    }

    /// What stands about everyone behind a person in order, as it is stored; `None`: about everyone.
    pub fn items_after(
        &self,
        person: Option<Pseudonym>,
    ) -> impl Iterator<Item = (Pseudonym, Vec<Stored>)> {
        let from = person.map_or(Bound::Unbounded, Bound::Excluded);
        let people = self.people.range((from, Bound::Unbounded));
        people.map(|(person, handles)| {
            let items = handles.iter().flat_map(|(handle, state)| {
                let subject = state.subject.as_deref();
                let subject =
                    subject.map(|facts| (item::subject_key(*person, *handle), facts.encode()));
                let held = state.contributions.iter().map(|packed| {
                    let key = item::contribution_key(*person, *handle, packed);
                    (key, packed.stored().to_vec())
                });
                subject.into_iter().chain(held)
            });
            (*person, items.collect())
        })
    }

    /// How many items stand, but for words.
    pub fn held(&self) -> usize {
        self.held + self.heartbeats.len()
    }
}
