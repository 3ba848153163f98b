//! Grounds by handle. A person's grounds are those of every member handle of the link; where they disagree, the more
//! protective wins.

use super::{GroundChange, Illegal};
use crate::outcome::Reason;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use walbrook_domain::control::{GroundFact, GroundKind, GroundState};
use walbrook_domain::{AgreementId, Day, EventId, Handle, Purpose};

/// One ground as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// First half of its id.
    id: [u8; 16],
    /// Version on record.
    pub version: u32,
    /// What kind it is.
    pub kind: GroundKind,
    /// Its state.
    pub state: GroundState,
    /// The purpose it is limited to.
    pub purpose: Option<Purpose>,
    /// The agreement it is limited to.
    pub agreement: Option<AgreementId>,
    /// The event it is about.
    pub event: Option<EventId>,
    /// Last day of a consent.
    pub not_after: Option<Day>,
}

impl Ground {
    fn applies(&self, purpose: &Purpose, agreement: &AgreementId) -> bool {
        self.purpose.as_ref().is_none_or(|one| one == purpose)
            && self.agreement.as_ref().is_none_or(|one| one == agreement)
    }
}

/// What the grounds of a person say of consent under one agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// In force, until the day where one is named.
    Given(Option<Day>),
    /// The reason it is not.
    Not(Reason),
}

/// Every ground, by handle.
///
/// A hash map for its size and speed with millions of handles; it is only ever looked up by handle, never walked.
#[derive(Debug, Clone, Default)]
pub struct Grounds {
    by_handle: HashMap<Handle, Vec<Ground>>,
    purposes: BTreeSet<Purpose>,
    agreements: BTreeSet<AgreementId>,
}

/// The id of the ground with this meaning, 32 hex characters: recording it again changes it.
pub fn ground_id(
    handle: &Handle,
    kind: GroundKind,
    purpose: Option<&Purpose>,
    agreement: Option<&AgreementId>,
    event: Option<&EventId>,
) -> String {
    hex::encode(id_bytes(handle, kind, purpose, agreement, event))
}

fn id_bytes(
    handle: &Handle,
    kind: GroundKind,
    purpose: Option<&Purpose>,
    agreement: Option<&AgreementId>,
    event: Option<&EventId>,
) -> [u8; 16] {
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
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    id
}

impl Grounds {
    /// Every ground recorded on a handle, in the order of ids.
    pub fn of(&self, handle: &Handle) -> &[Ground] {
        self.by_handle.get(handle).map_or(&[], Vec::as_slice)
    }

    /// The version of a ground, 0 when it is not on record.
    pub fn version(&self, handle: &Handle, ground_id: &str) -> u32 {
        self.of(handle)
            .iter()
            .find(|ground| hex::encode(ground.id) == ground_id)
            .map_or(0, |ground| ground.version)
    }

    /// How many handles have a ground.
    pub fn handles(&self) -> usize {
        self.by_handle.len()
    }

    /// Whether a record would be legal.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, fact: &GroundFact) -> Result<(), Illegal> {
        let illegal = |problem| Err(Illegal::Ground { problem });
        let id = derived(fact);
        if hex::encode(id) != fact.ground_id {
            return illegal("has an id that does not follow from what it says");
        }
        if !fact.kind.admits(fact.state) {
            return illegal("is in a state that its kind does not have");
        }
        let is_recall = fact.kind == GroundKind::Recall;
        if is_recall != fact.event.is_some() {
            return illegal("must name an event when it is a recall, and only then");
        }
        if is_recall && (fact.purpose.is_some() || fact.agreement.is_some()) {
            return illegal("is a recall, which holds for every purpose and agreement");
        }
        if fact.not_after.is_some() && fact.state != GroundState::Given {
            return illegal("has a last day: only a consent given has one");
        }
        let before = self.of(&fact.handle).iter().find(|ground| ground.id == id);
        let current = before.map_or(0, |ground| ground.version);
        if fact.version != current + 1 {
            return Err(Illegal::GroundVersion {
                current,
                named: fact.version,
            });
        }
        match (before.map(|ground| ground.state), fact.state) {
            (None, GroundState::Off) => illegal("is taken off without having been on"),
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
        let ground = Ground {
            id: derived(fact),
            version: fact.version,
            kind: fact.kind,
            state: fact.state,
            purpose: interned(&mut self.purposes, fact.purpose.as_ref()),
            agreement: interned(&mut self.agreements, fact.agreement.as_ref()),
            event: fact.event,
            not_after: fact.not_after,
        };
        let of_handle = self.by_handle.entry(fact.handle).or_default();
        let found = of_handle.binary_search_by(|one| one.id.cmp(&ground.id));
        let before = match found {
            Ok(at) => of_handle
                .get_mut(at)
                .map(|place| std::mem::replace(place, ground)),
            Err(at) => {
                of_handle.insert(at, ground);
                None
            }
        };
        Ok(GroundChange {
            handle: fact.handle,
            kind: fact.kind,
            purpose: fact.purpose.clone(),
            agreement: fact.agreement.clone(),
            event: fact.event,
            before: before.as_ref().map(|ground| ground.state),
            after: fact.state,
            end_moved: before.is_some_and(|ground| ground.not_after != fact.not_after),
        })
    }

    fn of_person<'a>(&'a self, members: &'a [Handle]) -> impl Iterator<Item = &'a Ground> {
        members.iter().flat_map(|handle| self.of(handle))
    }

    /// Whether a ground of the kind stands against the agreement for the person.
    pub(crate) fn stands(
        &self,
        members: &[Handle],
        kind: GroundKind,
        purpose: &Purpose,
        agreement: &AgreementId,
    ) -> bool {
        self.of_person(members).any(|ground| {
            ground.kind == kind
                && ground.state.stands_against()
                && ground.applies(purpose, agreement)
        })
    }

    /// Whether the handle's own event was recalled. The event id is the producer's, so it means something on that handle only.
    pub(crate) fn recalled(&self, handle: &Handle, event: &EventId) -> bool {
        self.of(handle).iter().any(|ground| {
            ground.kind == GroundKind::Recall
                && ground.state == GroundState::On
                && ground.event.as_ref() == Some(event)
        })
    }

    /// What the person's grounds say of consent: any refusal or withdrawal beats every consent.
    pub(crate) fn consent(
        &self,
        members: &[Handle],
        purpose: &Purpose,
        agreement: &AgreementId,
        today: Day,
    ) -> Consent {
        let mut answer = Consent::Not(Reason::ConsentMissing);
        let mut withdrawn = false;
        let mut refused = false;
        for ground in self.of_person(members) {
            if ground.kind != GroundKind::Consent || !ground.applies(purpose, agreement) {
                continue;
            }
            match (ground.state, ground.not_after) {
                (GroundState::Given, Some(day)) if day < today => {
                    if answer == Consent::Not(Reason::ConsentMissing) {
                        answer = Consent::Not(Reason::ConsentExpired);
                    }
                }
                (GroundState::Given, end) => answer = longest(answer, end),
                (GroundState::Refused, _) => refused = true,
                _ => withdrawn = true,
            }
        }
        match (withdrawn, refused) {
            (true, _) => Consent::Not(Reason::ConsentWithdrawn),
            (false, true) => Consent::Not(Reason::ConsentRefused),
            (false, false) => answer,
        }
    }
}

/// Of several consents given, any one suffices: the one that lasts longest counts.
fn longest(so_far: Consent, end: Option<Day>) -> Consent {
    match (so_far, end) {
        (Consent::Given(Some(a)), Some(b)) => Consent::Given(Some(a.max(b))),
        (Consent::Given(None), _) | (_, None) => Consent::Given(None),
        (Consent::Not(_), end) => Consent::Given(end),
    }
}

fn derived(fact: &GroundFact) -> [u8; 16] {
    id_bytes(
        &fact.handle,
        fact.kind,
        fact.purpose.as_ref(),
        fact.agreement.as_ref(),
        fact.event.as_ref(),
    )
}

/// Names are shared between grounds: there are few of them and millions of grounds.
fn interned<T: Ord + Clone>(known: &mut BTreeSet<T>, name: Option<&T>) -> Option<T> {
    let name = name?;
    if let Some(found) = known.get(name) {
        return Some(found.clone());
    }
    known.insert(name.clone());
    Some(name.clone())
}
