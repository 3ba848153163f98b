//! The fold of one partition of `shared.<purpose>`: what stands, by person. No I/O; every change is told, so that a store can follow.
//!
//! A contribution is keyed (handle pseudonym, event, agreement) within the partition: a later release replaces it, also when it stands under
//! another person by then. A retraction removes what stands before it. No epochs are compared and no retraction is kept.

mod contributions;
mod homes;
mod packed;
mod retention;
mod stored;
mod words;

pub use retention::{Expired, Past};
pub use stored::Stored;

use crate::facts::{Contribution, ContributionKey, Input, Retraction, SubjectFacts};
use crate::item;
use contributions::{Contributions, Few};
use homes::Homes;
pub(crate) use packed::Packed;
use std::collections::BTreeMap;
use walbrook_domain::{
    AgreementId, Day, EventId, EventType, HandlePseudonym, Organisation, Pseudonym,
};
use words::Words;

/// What one handle of a person contributed.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandleState {
    subject: Option<Box<SubjectFacts>>,
    contributions: Contributions,
}

impl HandleState {
    fn is_empty(&self) -> bool {
        self.subject.is_none() && self.contributions.is_empty()
    }
}

/// A change of the state, for the store that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The item's key and value now stand.
    Put(Vec<u8>, Vec<u8>),
    /// The item with this key is gone.
    Drop(Vec<u8>),
}

/// What a retraction took out of the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The closed word that says why.
    pub reason: Box<str>,
    /// Contributions removed.
    pub contributions: u64,
    /// People of whom no contribution is left in this partition.
    pub people: u64,
    /// Which contributions, and whose they were.
    pub fallen: Vec<(Pseudonym, ContributionKey)>,
}

type Handles = Few<HandlePseudonym, HandleState>;

/// The state of one partition.
#[derive(Debug, Clone, Default)]
pub struct Partition {
    people: BTreeMap<Pseudonym, Handles>,
    homes: Homes,
    heartbeats: BTreeMap<(Organisation, EventType), Day>,
    words: Words,
    /// Contributions and subject records.
    held: usize,
}

/// Two states are equal when the same stands in them: words may have other numbers.
impl PartialEq for Partition {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (Person<'_>, Person<'_>)| {
            a.pseudonym == b.pseudonym
                && a.handles().eq(b.handles())
                && a.subjects().eq(b.subjects())
                && a.contributions().eq(b.contributions())
        };
        self.people.len() == other.people.len()
            && self.homes == other.homes
            && self.heartbeats == other.heartbeats
            && self.held == other.held
            && self.people().zip(other.people()).all(same)
    }
}

impl Eq for Partition {}

/// All that stands about one person in a partition.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// The person under the purpose.
    pub pseudonym: Pseudonym,
    handles: &'a Handles,
    heartbeats: &'a BTreeMap<(Organisation, EventType), Day>,
    words: &'a Words,
}

impl<'a> Person<'a> {
    /// The records there are of them, ordered.
    pub fn handles(&self) -> impl Iterator<Item = HandlePseudonym> {
        self.handles.iter().map(|(handle, _)| *handle)
    }

    /// Subject facts by handle pseudonym, ordered.
    pub fn subjects(&self) -> impl Iterator<Item = (HandlePseudonym, &'a SubjectFacts)> {
        self.handles
            .iter()
            .filter_map(|(handle, state)| Some((*handle, state.subject.as_deref()?)))
    }

    /// What the subject record of a handle says.
    pub fn subject(&self, handle: &HandlePseudonym) -> Option<&'a SubjectFacts> {
        self.handles.get(handle)?.subject.as_deref()
    }

    /// Contributions, ordered by (handle, event, agreement). They are held packed: each is made for who asks.
    pub fn contributions(&self) -> impl Iterator<Item = Contribution> + use<'a> {
        let (person, words) = (self.pseudonym, self.words);
        self.handles.iter().flat_map(move |(handle, state)| {
            let held = state.contributions.iter();
            // What was packed with these words is read with them.
            held.filter_map(move |one| one.unpack((person, *handle), words))
        })
    }

    /// The last day the partition heard of events of this type from this organisation.
    pub fn last_heard(&self, organisation: &Organisation, event_type: &EventType) -> Option<Day> {
        self.heartbeats
            .get(&(organisation.clone(), event_type.clone()))
            .copied()
    }

    /// Event types from one on that the partition heard of from this organisation, with the last day of each.
    pub(crate) fn heard_from(
        &self,
        organisation: &'a Organisation,
        first: &EventType,
    ) -> impl Iterator<Item = (&'a EventType, Day)> + use<'a> {
        self.heartbeats
            .range((organisation.clone(), first.clone())..)
            .take_while(move |((one, _), _)| one == organisation)
            .map(|((_, event_type), day)| (event_type, *day))
    }

    /// Whether there is a subject record of this handle.
    pub fn has_subject(&self, handle: &HandlePseudonym) -> bool {
        self.handles
            .get(handle)
            .is_some_and(|state| state.subject.is_some())
    }
}

impl Partition {
    /// Applies one record. Changes are appended in order; a retraction that removed something says what.
    pub fn apply(&mut self, input: Input, changes: &mut Vec<Change>) -> Option<Removed> {
        match input {
            Input::Release(contribution) => {
                self.release(&contribution, changes);
                None
            }
            Input::Past(contribution) => {
                self.refuse(&contribution, changes);
                None
            }
            Input::Retraction(retraction) => self.retract(&retraction, changes),
            Input::Subject {
                person,
                handle,
                facts,
            } => {
                self.subject(person, handle, facts, changes);
                None
            }
            Input::Heartbeat {
                organisation,
                event_type,
                last_accepted_on,
            } => {
                self.heartbeat((organisation, event_type), last_accepted_on, changes);
                None
            }
            Input::NotNeeded => None,
        }
    }

    fn release(&mut self, contribution: &Contribution, changes: &mut Vec<Change>) {
        let person = contribution.person;
        let key = &contribution.key;
        for home in self.homes.others(&key.handle, person) {
            self.take(home, key, changes);
        }
        let mut new_word = |(key, value)| changes.push(Change::Put(key, value));
        let packed = Packed::of(contribution, &mut self.words, &mut new_word);
        changes.push(Change::Put(
            item::contribution_key(person, key.handle, &packed),
            packed.stored().to_vec(),
        ));
        self.insert((person, key.handle), packed, &key.agreement);
    }

    fn insert(
        &mut self,
        (person, handle): (Pseudonym, HandlePseudonym),
        packed: Packed,
        agreement: &AgreementId,
    ) {
        self.homes.add(handle, person);
        let state = self.people.entry(person).or_default().or_default(handle);
        let is_new = state.contributions.insert(packed, agreement, &self.words);
        self.held += usize::from(is_new);
    }

    /// Takes out what stands under a key at a person.
    fn take(&mut self, home: Pseudonym, key: &ContributionKey, changes: &mut Vec<Change>) {
        let Some(state) = handle_mut(&mut self.people, home, key.handle) else {
            return;
        };
        let held = &mut state.contributions;
        let Some(packed) = held.get(&key.event, &key.agreement, &self.words) else {
            return;
        };
        changes.push(Change::Drop(item::contribution_key(
            home, key.handle, packed,
        )));
        held.remove(&key.event, &key.agreement, &self.words);
        self.held -= 1;
        self.tidy(home, key.handle);
    }

    fn subject(
        &mut self,
        person: Pseudonym,
        handle: HandlePseudonym,
        mut facts: SubjectFacts,
        changes: &mut Vec<Change>,
    ) {
        self.words.of_subject(&mut facts);
        for home in self.homes.others(&handle, person) {
            self.drop_subject(home, handle, changes);
            self.tidy(home, handle);
        }
        changes.push(Change::Put(
            item::subject_key(person, handle),
            facts.encode(),
        ));
        self.learn(person, handle, facts);
    }

    fn learn(&mut self, person: Pseudonym, handle: HandlePseudonym, facts: SubjectFacts) {
        self.homes.add(handle, person);
        let state = self.people.entry(person).or_default().or_default(handle);
        let before = state.subject.replace(Box::new(facts));
        self.held += usize::from(before.is_none());
    }

    fn heartbeat(
        &mut self,
        source: (Organisation, EventType),
        day: Day,
        changes: &mut Vec<Change>,
    ) {
        let last = self.heartbeats.get(&source).copied();
        // Several raw partitions report the same source; the latest day counts whatever the order.
        if last.is_none_or(|last| day > last) {
            changes.push(Change::Put(
                item::heartbeat_key(&source.0, &source.1),
                item::heartbeat_value(day),
            ));
            self.heartbeats.insert(source, day);
        }
    }

    fn retract(&mut self, retraction: &Retraction, changes: &mut Vec<Change>) -> Option<Removed> {
        let handle = retraction.handle;
        let homes = self.homes.of(&handle).to_vec();
        let mut contributions = 0;
        let mut people = 0;
        let mut fallen = Vec::new();
        for home in homes {
            let falls = |event: &EventId, agreement: &AgreementId| {
                retraction.event.is_none_or(|only| only == *event)
                    && (retraction.agreements.is_empty()
                        || retraction.agreements.contains(agreement))
            };
            let mut removed = 0;
            let words = &self.words;
            if let Some(state) = handle_mut(&mut self.people, home, handle) {
                state.contributions.retain(|one| {
                    let gone = one.agreement(words);
                    let Some(agreement) = gone.filter(|of| falls(&one.event, of)) else {
                        return true;
                    };
                    removed += u64::from(!one.is_bare());
                    self.held -= 1;
                    changes.push(Change::Drop(item::contribution_key(home, handle, one)));
                    let key = ContributionKey {
                        handle,
                        event: one.event,
                        agreement: agreement.clone(),
                    };
                    fallen.push((home, key));
                    false
                });
            }
            if retraction.subject_too {
                self.drop_subject(home, handle, changes);
            }
            self.tidy(home, handle);
            contributions += removed;
            people += u64::from(removed > 0 && !self.has_contributions(home));
        }
        (contributions > 0).then(|| Removed {
            reason: retraction.reason.clone(),
            contributions,
            people,
            fallen,
        })
    }

    fn drop_subject(
        &mut self,
        person: Pseudonym,
        handle: HandlePseudonym,
        changes: &mut Vec<Change>,
    ) {
        let gone = handle_mut(&mut self.people, person, handle)
            .is_some_and(|state| state.subject.take().is_some());
        if gone {
            self.held -= 1;
            changes.push(Change::Drop(item::subject_key(person, handle)));
        }
    }

    /// Forgets a handle, and a person, of whom nothing is left: equal facts make equal states, whatever went before.
    fn tidy(&mut self, person: Pseudonym, handle: HandlePseudonym) {
        let Some(handles) = self.people.get_mut(&person) else {
            return;
        };
        if handles.get(&handle).is_some_and(HandleState::is_empty) {
            handles.remove(&handle);
            self.homes.remove(&handle, person);
        }
        if handles.is_empty() {
            self.people.remove(&person);
        }
    }

    fn has_contributions(&self, person: Pseudonym) -> bool {
        self.people.get(&person).is_some_and(|handles| {
            handles
                .values()
                .flat_map(|state| state.contributions.iter())
                .any(|one| !one.is_bare())
        })
    }

    /// What stands about a person; `None` when nothing does.
    pub fn person(&self, pseudonym: &Pseudonym) -> Option<Person<'_>> {
        Some(Person {
            pseudonym: *pseudonym,
            handles: self.people.get(pseudonym)?,
            heartbeats: &self.heartbeats,
            words: &self.words,
        })
    }

    /// Under whom a handle's records stand: one person, but for the moment of a change of links.
    pub fn homes(&self, handle: &HandlePseudonym) -> impl Iterator<Item = Pseudonym> {
        self.homes.of(handle).iter().copied()
    }

    /// Everyone, ordered by pseudonym.
    pub fn people(&self) -> impl Iterator<Item = Person<'_>> {
        self.people.iter().map(|(pseudonym, handles)| Person {
            pseudonym: *pseudonym,
            handles,
            heartbeats: &self.heartbeats,
            words: &self.words,
        })
    }

    /// The last day each (organisation, event type) was heard.
    pub fn heartbeats(&self) -> impl Iterator<Item = (&(Organisation, EventType), Day)> {
        self.heartbeats.iter().map(|(source, day)| (source, *day))
    }

    /// Contributions and subject records held.
    pub fn size(&self) -> (usize, usize) {
        let handles = || self.people.values().flat_map(Few::values);
        (
            handles().map(|state| state.contributions.len()).sum(),
            handles().filter(|state| state.subject.is_some()).count(),
        )
    }
}

fn handle_mut(
    people: &mut BTreeMap<Pseudonym, Handles>,
    person: Pseudonym,
    handle: HandlePseudonym,
) -> Option<&mut HandleState> {
    people.get_mut(&person)?.get_mut(&handle)
}
