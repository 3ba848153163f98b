//! Grounds by handle. A person's grounds are those of every member handle of the link.

mod change;
mod stance;
mod store;
mod stored;

pub use change::{Choice, GroundChange, SubjectGrounds};
pub(crate) use stance::Consent;
pub use store::{Ground, HandleHasher, NameId, Under};
pub use stored::{STRETCH, StoredFault};

use super::Illegal;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use store::{NO_END, Names, Store};
use walbrook_domain::control::{GroundFact, GroundKind, GroundState};
use walbrook_domain::{AgreementId, EventId, Handle, Purpose};

/// Every ground, by handle.
///
/// Hash maps for their size and speed with millions of handles; they are only ever looked up by handle, never walked towards an output.
#[derive(Debug, Clone, Default)]
pub struct Grounds {
    store: Store,
    names: Names,
    /// Few, and longer than a ground: apart.
    recalls: HashMap<Handle, Vec<Recall>>,
    erased: HashSet<Handle>,
}

/// One event of a handle, recalled or given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Recall {
    event: EventId,
    version: u32,
    on: bool,
}

/// The id of the ground with this meaning, 32 hex characters: recording it again changes it.
pub fn ground_id(
    handle: &Handle,
    kind: GroundKind,
    purpose: Option<&Purpose>,
    agreement: Option<&AgreementId>,
    event: Option<&EventId>,
) -> String {
    let mut hash = Sha256::new();
    let event = event.map(EventId::to_string);
    for part in [
        handle.to_string().as_str(),
        kind.as_str(),
        purpose.map_or("", Purpose::as_str),
        agreement.map_or("", AgreementId::as_str),
        event.as_deref().unwrap_or_default(),
    ] {
        hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    hex::encode(digest.get(..16).unwrap_or_default())
}

/// What stands of a ground before a record changes it.
struct Before {
    version: u32,
    state: GroundState,
}

impl Grounds {
    /// How many handles have a ground about their person.
    pub fn handles(&self) -> usize {
        self.store.handles()
    }

    /// How many purposes and agreements grounds have named so far: what [`Grounds::under`] answered stays right until there are more.
    pub fn names(&self) -> usize {
        self.names.count()
    }

    /// Bytes that grounds about persons take, without names.
    pub fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// The version of the ground that a record would change, 0 when it is not on record.
    pub fn version(&self, fact: &GroundFact) -> u32 {
        self.before(fact).map_or(0, |before| before.version)
    }

    fn before(&self, fact: &GroundFact) -> Option<Before> {
        match (fact.kind, fact.event) {
            (GroundKind::Recall, Some(event)) => {
                let recalls = self.recalls.get(&fact.handle)?;
                let recall = recalls.iter().find(|recall| recall.event == event)?;
                Some(Before {
                    version: recall.version,
                    state: on_or_off(recall.on),
                })
            }
            (GroundKind::Recall, None) => None,
            (GroundKind::Erasure, _) => self.erased(&fact.handle).then_some(Before {
                version: 1,
                state: GroundState::On,
            }),
            _ => self.standing(fact).map(|ground| Before {
                version: ground.version,
                state: ground.state,
            }),
        }
    }

    fn standing(&self, fact: &GroundFact) -> Option<&Ground> {
        let identity = (
            fact.kind,
            self.names.purposes.id_of(fact.purpose.as_ref()),
            self.names.agreements.id_of(fact.agreement.as_ref()),
        );
        self.of(&fact.handle)
            .iter()
            .find(|ground| ground.identity() == identity)
    }

    /// Whether a record would be legal.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, fact: &GroundFact) -> Result<(), Illegal> {
        let illegal = |problem| Err(Illegal::Ground { problem });
        if let Some(problem) = ill_formed(fact) {
            return illegal(problem);
        }
        let names = &self.names;
        if !(names.purposes.has_room()
            && names.agreements.has_room()
            && names.authorities.has_room())
        {
            return illegal(
                "is the first to name more purposes, agreements or authorities than a state can hold",
            );
        }
        let before = self.before(fact);
        let current = before.as_ref().map_or(0, |before| before.version);
        if before.is_some() && fact.kind == GroundKind::Erasure {
            return illegal(
                "is an erasure order that is on record already: it is never taken back",
            );
        }
        if fact.version != current + 1 {
            return Err(Illegal::GroundVersion {
                current,
                named: fact.version,
            });
        }
        match (before.map(|before| before.state), fact.state) {
            (None | Some(GroundState::Off), GroundState::Off) => {
                illegal("is taken off without having been on")
            }
            (None, GroundState::Upheld | GroundState::Rejected) => {
                illegal("decides an objection that was never raised")
            }
            _ => Ok(()),
        }
    }

    /// Applies a record.
    ///
    /// # Errors
    /// When it is no legal change; nothing changes.
    pub fn apply(&mut self, fact: &GroundFact) -> Result<GroundChange, Illegal> {
        self.check(fact)?;
        let mut change = GroundChange {
            handle: fact.handle,
            kind: fact.kind,
            purpose: fact.purpose.clone(),
            agreement: fact.agreement.clone(),
            event: fact.event,
            before: self.before(fact).map(|before| before.state),
            after: fact.state,
            end_moved: false,
            choice_moved: false,
        };
        match (fact.kind, fact.event) {
            (GroundKind::Recall, Some(event)) => self.recall(fact, event),
            (GroundKind::Erasure, _) => {
                self.erased.insert(fact.handle);
            }
            _ => {
                let ground = self.ground(fact);
                let before = self.store.put(fact.handle, ground);
                change.end_moved = before.is_some_and(|one| one.last_day != ground.last_day);
                let chosen = before.map_or(NameId::NONE, |one| one.chosen);
                change.choice_moved = chosen != ground.chosen;
            }
        }
        Ok(change)
    }

    fn ground(&mut self, fact: &GroundFact) -> Ground {
        Ground {
            stated_at: fact.stated_at,
            version: fact.version,
            last_day: fact.not_after.map_or(NO_END, |day| day.0),
            purpose: self.names.purposes.number(fact.purpose.as_ref()),
            agreement: self.names.agreements.number(fact.agreement.as_ref()),
            chosen: self
                .names
                .authorities
                .number(fact.chosen_authority.as_ref()),
            kind: fact.kind,
            state: fact.state,
        }
    }

    fn recall(&mut self, fact: &GroundFact, event: EventId) {
        let recall = Recall {
            event,
            version: fact.version,
            on: fact.state == GroundState::On,
        };
        let recalls = self.recalls.entry(fact.handle).or_default();
        match recalls.iter_mut().find(|one| one.event == event) {
            Some(place) => *place = recall,
            None => recalls.push(recall),
        }
    }
}

const fn on_or_off(on: bool) -> GroundState {
    if on {
        GroundState::On
    } else {
        GroundState::Off
    }
}

/// What is wrong with a record whatever is on record already.
fn ill_formed(fact: &GroundFact) -> Option<&'static str> {
    let derived = ground_id(
        &fact.handle,
        fact.kind,
        fact.purpose.as_ref(),
        fact.agreement.as_ref(),
        fact.event.as_ref(),
    );
    let is_recall = fact.kind == GroundKind::Recall;
    let limited = fact.purpose.is_some() || fact.agreement.is_some();
    let given = fact.kind == GroundKind::Consent && fact.state == GroundState::Given;
    let faults = [
        (
            derived != fact.ground_id,
            "has an id that does not follow from what it says",
        ),
        (
            !fact.kind.admits(fact.state),
            "is in a state that its kind does not have",
        ),
        (
            is_recall != fact.event.is_some(),
            "must name an event when it is a recall, and only then",
        ),
        (
            is_recall && limited,
            "is a recall, which holds for every purpose and agreement",
        ),
        (
            fact.kind == GroundKind::Erasure && limited,
            "is an erasure order, which holds for every purpose and agreement",
        ),
        (
            fact.kind == GroundKind::Restriction && fact.agreement.is_some(),
            "is a restriction, which holds for every agreement of a purpose",
        ),
        (
            fact.not_after.is_some() && !given,
            "has a last day: only a consent given has one",
        ),
        (
            fact.chosen_authority.is_some() && !given,
            "names a chosen authority: only a consent given does",
        ),
        (
            fact.chosen_authority
                .as_ref()
                .is_some_and(|authority| !authority.is_london_authority()),
            "names a chosen authority that is no housing authority here",
        ),
        (
            fact.version == 0,
            "has version 0: versions are counted from 1",
        ),
    ];
    faults
        .into_iter()
        .find_map(|(wrong, problem)| wrong.then_some(problem))
}

#[cfg(test)]
mod tests;
