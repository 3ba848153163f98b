//! The links of p: the fold of `control.links[p]`, and who is concerned when something is said about a member.

use super::shards::Shards;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use walbrook_domain::{Day, Handle, LinkStatus, Organisation, PersonId, Restriction, WordError};
use walbrook_policy::state::HandleHasher;
use walbrook_proto::identity::v1::LinkRecord;

/// The link of one handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The organisation that holds the record.
    pub organisation: Organisation,
    /// The person it is linked to.
    pub person: PersonId,
    /// How sure the link is.
    pub status: LinkStatus,
    /// The score in ten-thousandths.
    pub score_ten_thousandths: i32,
    /// Restrictions of the person, ordered.
    pub restrictions: Vec<Restriction>,
    /// First day as an adult, where that day is past.
    pub adult_from: Option<Day>,
    /// Every member handle of the person, this one included, ordered.
    pub members: Vec<Handle>,
}

/// A link record that cannot be used: an integrity stop of p.
#[derive(Debug, thiserror::Error)]
#[error(
    "the link record at control.links[{partition}] offset {offset} cannot be used: {problem}; identity wrote it, and p cannot go on without it"
)]
pub struct LinkFault {
    /// The partition.
    pub partition: i32,
    /// The record's offset.
    pub offset: i64,
    /// What is wrong.
    pub problem: String,
}

impl Link {
    /// Reads a link record.
    ///
    /// # Errors
    /// When an id, a word or a date of it cannot be read, or the handle is not among its own members.
    pub fn read(record: &LinkRecord) -> Result<(Handle, Self), WordError> {
        let handle = Handle::try_from(record.handle.as_slice())?;
        let adult_from = match &record.adult_from {
            None => None,
            Some(date) => Some(
                Day::from_ymd(date.year, date.month, date.day)
                    .ok_or_else(|| unreadable("adult_from"))?,
            ),
        };
        let mut members = record
            .members
            .iter()
            .map(|member| Handle::try_from(member.handle.as_slice()))
            .collect::<Result<Vec<_>, _>>()?;
        members.sort_unstable();
        members.dedup();
        if !members.contains(&handle) {
            return Err(unreadable("members"));
        }
        let mut restrictions = record
            .restrictions
            .iter()
            .map(|word| word.parse())
            .collect::<Result<Vec<Restriction>, _>>()?;
        restrictions.sort_unstable();
        restrictions.dedup();
        let link = Self {
            organisation: record.organisation.parse()?,
            person: PersonId::try_from(record.person.as_slice())?,
            status: record.status.parse()?,
            score_ten_thousandths: record.score_ten_thousandths,
            restrictions,
            adult_from,
            members,
        };
        Ok((handle, link))
    }
}

fn unreadable(what: &'static str) -> WordError {
    WordError {
        what,
        problem: "the record names a value that cannot be".to_owned(),
    }
}

/// The links of p, applied exactly up to [`next_offset`](Links::next_offset).
#[derive(Debug, Default)]
pub struct Links {
    by_handle: Shards<Arc<Link>>,
    /// Member handle (of any partition) to the other handles of p that have it among their members. Most people have one record.
    about: HashMap<Handle, BTreeSet<Handle>, BuildHasherDefault<HandleHasher>>,
    next_offset: i64,
}

/// What a link record changed.
#[derive(Debug, Clone)]
pub struct LinkChange {
    /// The handle.
    pub handle: Handle,
    /// The link before, `None` for a new handle.
    pub before: Option<Arc<Link>>,
}

impl Links {
    /// No links, nothing applied.
    pub fn new() -> Self {
        Self::default()
    }

    /// Next unapplied offset of `control.links[p]`.
    pub const fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The link of a handle.
    pub fn get(&self, handle: Handle) -> Option<&Arc<Link>> {
        self.by_handle.get(handle)
    }

    /// The handles of p whose person has this member now.
    pub fn concerned(&self, member: Handle) -> impl Iterator<Item = Handle> + '_ {
        let itself = self.by_handle.get(member).map(|_| member);
        let others = self.about.get(&member).into_iter().flatten().copied();
        itself.into_iter().chain(others)
    }

    /// Every handle of p with its link, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &Arc<Link>)> {
        self.by_handle.iter()
    }

    /// Every handle with its link, as they are now.
    pub fn copied(&self) -> Shards<Arc<Link>> {
        self.by_handle.clone()
    }

    /// Applies the record at `offset`; records below the position are known already. `None` when nothing changed.
    pub fn apply(&mut self, offset: i64, handle: Handle, link: Link) -> Option<LinkChange> {
        if offset < self.next_offset {
            return None;
        }
        self.next_offset = offset + 1;
        let (before, link) = self.restore(handle, link);
        if before.as_ref() == Some(&link) {
            return None;
        }
        Some(LinkChange { handle, before })
    }

    /// Puts a link in the place of the one before; returns both.
    pub(super) fn restore(&mut self, handle: Handle, link: Link) -> (Option<Arc<Link>>, Arc<Link>) {
        let link = Arc::new(link);
        let before = self.by_handle.insert(handle, Arc::clone(&link));
        if before.as_ref() == Some(&link) {
            return (before, link);
        }
        for member in before.iter().flat_map(|before| &before.members) {
            if let Some(handles) = self.about.get_mut(member) {
                handles.remove(&handle);
                if handles.is_empty() {
                    self.about.remove(member);
                }
            }
        }
        for member in link.members.iter().filter(|member| **member != handle) {
            self.about.entry(*member).or_default().insert(handle);
        }
        (before, link)
    }

    /// Says that everything below `offset` was applied: markers and other people's aborted records take offsets too.
    pub fn applied_below(&mut self, offset: i64) {
        self.next_offset = self.next_offset.max(offset);
    }
}
