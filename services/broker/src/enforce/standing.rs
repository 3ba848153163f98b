//! What stands on `shared.*` because of p: the releases and subject records that no later record of p has removed.
//!
//! It follows from p's own pages, the raw records they speak of and the links at each page's stamp, and is built again from those when p is
//! assigned, as far as a snapshot does not hold it.

use super::flat::FlatMap;
use super::links::Link;
use super::shards::Shards;
use std::collections::BTreeMap;
use std::sync::Arc;
use walbrook_domain::{AgreementId, AgreementVersion, Day, EventId, Handle, Pseudonym, Purpose};

/// A release that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Its key: the person's pseudonym when it was released.
    pub key: Pseudonym,
    /// Its purpose-local id.
    pub local_event: EventId,
    /// The version it was released under.
    pub version: AgreementVersion,
    /// Fields granted, by bit.
    pub mask: u64,
    /// Last day it holds.
    pub not_after: Option<Day>,
}

/// A subject record that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectStanding {
    /// Its key.
    pub key: Pseudonym,
    /// SHA-256 of its body.
    pub body_sha256: [u8; 32],
}

/// What names a release of one handle: the same name again replaces it.
pub type ReleaseName = (Purpose, AgreementId, EventId);

/// What stands of one handle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandleStanding {
    /// Releases by purpose, agreement and the producer's event id.
    pub releases: FlatMap<ReleaseName, Released>,
    /// Subject records by purpose.
    pub subjects: FlatMap<Purpose, SubjectStanding>,
    /// What they were made from.
    pub made_from: MadeFrom,
}

/// What a handle's subject records were last made from, where grounds added nothing to them: as long as that is so and this is the same, they
/// need not be made again to be compared. It follows from the rest, so standings are equal whatever it says.
#[derive(Debug, Clone, Default)]
pub struct MadeFrom(pub Option<(Arc<Link>, bool)>);

impl PartialEq for MadeFrom {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for MadeFrom {}

/// What a retraction removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The purpose.
    pub purpose: Purpose,
    /// The key the retraction is written under.
    pub key: Pseudonym,
    /// Agreements whose releases fall; empty: all.
    pub agreements: Vec<AgreementId>,
    /// The one event that falls, by its purpose-local id.
    pub local_event: Option<EventId>,
    /// The subject record goes too.
    pub subject_too: bool,
}

impl HandleStanding {
    /// Removes what a retraction removes; returns how many releases and subject records fell.
    pub fn remove(&mut self, removal: &Removal) -> usize {
        let before = self.releases.len() + self.subjects.len();
        self.releases.retain(|(purpose, agreement, _), released| {
            let named = *purpose == removal.purpose
                && released.key == removal.key
                && (removal.agreements.is_empty() || removal.agreements.contains(agreement))
                && removal
                    .local_event
                    .is_none_or(|event| event == released.local_event);
            !named
        });
        if removal.subject_too
            && self
                .subjects
                .get(&removal.purpose)
                .is_some_and(|subject| subject.key == removal.key)
        {
            self.subjects.remove(&removal.purpose);
        }
        before - self.releases.len() - self.subjects.len()
    }

    /// Whether nothing stands.
    pub fn is_empty(&self) -> bool {
        self.releases.is_empty() && self.subjects.is_empty()
    }
}

/// What stands of every handle of p.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standings {
    handles: Shards<HandleStanding>,
    /// Releases and subject records that stand, by purpose.
    live: BTreeMap<Purpose, usize>,
}

impl Standings {
    /// What stands of a handle.
    pub fn of(&self, handle: Handle) -> Option<&HandleStanding> {
        self.handles.get(handle)
    }

    /// A release stands, in the place of one of the same name.
    pub fn release(&mut self, handle: Handle, name: ReleaseName, released: Released) {
        let purpose = &name.0;
        if !self.live.contains_key(purpose) {
            self.live.insert(purpose.clone(), 0);
        }
        let live = self.live.get_mut(purpose);
        let of = self.handles.entry(handle);
        let fresh = !of.releases.contains_key(&name);
        live.into_iter()
            .for_each(|live| *live += usize::from(fresh));
        of.releases.insert(name, released);
    }

    /// A subject record stands, in the place of one under the same purpose; what it was made from is to be said anew.
    pub fn subject(&mut self, handle: Handle, purpose: Purpose, subject: SubjectStanding) {
        let of = self.handles.entry(handle);
        of.made_from = MadeFrom::default();
        if of.subjects.insert(purpose.clone(), subject).is_none() {
            *self.live.entry(purpose).or_default() += 1;
        }
    }

    /// Removes what a retraction removes.
    pub fn remove(&mut self, handle: Handle, removal: &Removal) {
        let fell = self.handles.entry(handle).remove(removal);
        if let Some(live) = self.live.get_mut(&removal.purpose) {
            *live = live.saturating_sub(fell);
        }
    }

    /// What a handle's subject records were made from.
    pub fn made_from(&mut self, handle: Handle, made_from: MadeFrom) {
        self.handles.entry(handle).made_from = made_from;
    }

    /// Everything of a handle of which nothing stands yet.
    pub fn put(&mut self, handle: Handle, standing: HandleStanding) {
        let releases = standing.releases.iter().map(|((purpose, ..), _)| purpose);
        for purpose in releases.chain(standing.subjects.iter().map(|(purpose, _)| purpose)) {
            *self.live.entry(purpose.clone()).or_default() += 1;
        }
        *self.handles.entry(handle) = standing;
    }

    /// Releases and subject records that stand, by purpose.
    pub fn live(&self) -> impl Iterator<Item = (&Purpose, usize)> {
        self.live.iter().map(|(purpose, live)| (purpose, *live))
    }

    /// What stands of each handle, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &HandleStanding)> {
        self.handles.iter()
    }

    /// Releases that stand, all handles together.
    pub fn releases(&self) -> usize {
        self.iter()
            .map(|(_, standing)| standing.releases.len())
            .sum()
    }
}
