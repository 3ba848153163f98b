//! What stands on shared topics because of one partition's pages: releases and subject records that no later retraction removed.

use std::collections::{BTreeMap, HashMap};

use walbrook_domain::{AgreementId, AgreementVersion, EventId, Handle, PersonId};
use walbrook_proto::audit::v1::{PageRetraction, PageSubject};

/// A release that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stood {
    /// First bytes of its key and of its `ce_id`.
    pub key_prefix: u64,
    /// See `key_prefix`.
    pub event_prefix: u64,
    /// The person when it was released.
    pub person: PersonId,
    /// Version and mask it was released under.
    pub version: AgreementVersion,
    /// See `version`.
    pub mask: u64,
    /// Last day it holds.
    pub not_after: Option<i32>,
    /// The raw record it is of: topic and offset.
    pub raw: (String, i64),
}

/// A subject record that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoodSubject {
    /// Its key.
    pub key: Vec<u8>,
    /// SHA-256 of its body.
    pub body_sha256: Vec<u8>,
}

/// Names a release of a handle: purpose, agreement, the producer's event id.
pub type Name = (String, AgreementId, EventId);

/// What stands of each handle.
#[derive(Debug, Default)]
pub struct Standing {
    releases: HashMap<Handle, BTreeMap<Name, Stood>>,
    subjects: HashMap<Handle, BTreeMap<String, StoodSubject>>,
}

fn prefix(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|chunk| u64::from_be_bytes(*chunk))
}

impl Standing {
    /// Puts a release up, in place of an older one of the same name.
    pub fn put(&mut self, handle: Handle, name: Name, stood: Stood) {
        self.releases.entry(handle).or_default().insert(name, stood);
    }

    /// Puts a subject record up.
    pub fn put_subject(&mut self, handle: Handle, subject: &PageSubject) {
        let stood = StoodSubject {
            key: subject.person_pseudonym.clone(),
            body_sha256: subject.body_sha256.clone(),
        };
        self.subjects
            .entry(handle)
            .or_default()
            .insert(subject.purpose.clone(), stood);
    }

    /// Removes what a retraction removes; returns how many records fell.
    pub fn retract(&mut self, handle: Handle, retraction: &PageRetraction) -> usize {
        let mut fell = 0;
        let key = prefix(&retraction.person_pseudonym);
        let event = retraction
            .event_id
            .as_deref()
            .and_then(|id| id.parse::<EventId>().ok())
            .map(|id| id.prefix());
        if let Some(releases) = self.releases.get_mut(&handle) {
            let before = releases.len();
            releases.retain(|(purpose, agreement, _), stood| {
                let named = retraction.agreement_ids.is_empty()
                    || retraction
                        .agreement_ids
                        .iter()
                        .any(|id| id == agreement.as_str());
                let meant = retraction.event_id.is_none() || event == Some(stood.event_prefix);
                !(*purpose == retraction.purpose && Some(stood.key_prefix) == key && named && meant)
            });
            fell += before - releases.len();
        }
        if retraction.subject_too
            && let Some(subjects) = self.subjects.get_mut(&handle)
            && subjects
                .get(&retraction.purpose)
                .is_some_and(|stood| stood.key == retraction.person_pseudonym)
        {
            subjects.remove(&retraction.purpose);
            fell += 1;
        }
        fell
    }

    /// Releases of a handle that stand.
    pub fn releases(&self, handle: Handle) -> impl Iterator<Item = (&Name, &Stood)> {
        self.releases.get(&handle).into_iter().flatten()
    }

    /// Subject records of a handle that stand, by purpose.
    pub fn subjects(&self, handle: Handle) -> impl Iterator<Item = (&String, &StoodSubject)> {
        self.subjects.get(&handle).into_iter().flatten()
    }
}
