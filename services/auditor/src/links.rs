//! The links of one partition, folded from `control.links[p]`.

use std::collections::{BTreeSet, HashMap};

use walbrook_domain::{Day, Handle, LinkStatus, Organisation, PersonId, Restriction, WordError};
use walbrook_proto::identity::v1::LinkRecord;

/// What a handle is linked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The organisation that holds the record.
    pub organisation: Organisation,
    /// The person.
    pub person: PersonId,
    /// How sure the link is.
    pub status: LinkStatus,
    /// The score in ten-thousandths.
    pub score: i32,
    /// Restrictions, ordered.
    pub restrictions: Vec<Restriction>,
    /// First day as an adult, once it is past.
    pub adult_from: Option<Day>,
    /// Every member of the person, ordered.
    pub members: Vec<Handle>,
}

impl Link {
    /// Reads a record.
    ///
    /// # Errors
    /// When a word, id or date of it is not one.
    pub fn read(record: &LinkRecord) -> Result<(Handle, Self), WordError> {
        let mut members = Vec::new();
        for member in &record.members {
            members.push(Handle::try_from(member.handle.as_slice())?);
        }
        members.sort_unstable();
        let mut restrictions = record
            .restrictions
            .iter()
            .map(|word| word.parse())
            .collect::<Result<Vec<_>, _>>()?;
        restrictions.sort_unstable();
        restrictions.dedup();
        let adult_from = match &record.adult_from {
            None => None,
            Some(date) => Some(Day(date.days().ok_or(WordError {
                what: "adult_from",
                problem: "no such date".to_owned(),
            })?)),
        };
        let link = Self {
            organisation: record.organisation.parse()?,
            person: PersonId::try_from(record.person.as_slice())?,
            status: record.status.parse()?,
            score: record.score_ten_thousandths,
            restrictions,
            adult_from,
            members,
        };
        Ok((Handle::try_from(record.handle.as_slice())?, link))
    }

    /// Whether a decision or a key can differ under `other`: anything but the list of members.
    fn decides_like(&self, other: &Self) -> bool {
        let facts = |link: &Self| {
            (
                link.person,
                link.status,
                link.restrictions.clone(),
                link.adult_from,
                link.organisation.clone(),
            )
        };
        facts(self) == facts(other)
    }
}

/// All links of a partition at one position.
#[derive(Debug, Default)]
pub struct Links {
    by_handle: HashMap<Handle, Link>,
    about: HashMap<Handle, BTreeSet<Handle>>,
}

/// What one link record changed about its handle.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// A handle seen for the first time: nothing stands of it yet.
    New,
    /// Nothing that a decision looks at, but for these members that came or went.
    Members(Vec<Handle>),
    /// Person, status, restriction or age.
    Facts,
}

impl Links {
    /// The link of a handle.
    pub fn get(&self, handle: Handle) -> Option<&Link> {
        self.by_handle.get(&handle)
    }

    /// Handles of this partition whose person has `member`.
    pub fn concerned(&self, member: Handle) -> impl Iterator<Item = Handle> + '_ {
        self.about.get(&member).into_iter().flatten().copied()
    }

    /// Applies a record.
    pub fn apply(&mut self, handle: Handle, link: Link) -> Change {
        for member in &link.members {
            self.about.entry(*member).or_default().insert(handle);
        }
        let members = link.members.clone();
        let facts = self
            .by_handle
            .get(&handle)
            .map(|before| before.decides_like(&link));
        let Some(before) = self.by_handle.insert(handle, link) else {
            return Change::New;
        };
        let gone: Vec<Handle> = before
            .members
            .iter()
            .filter(|member| !members.contains(member))
            .copied()
            .collect();
        for member in &gone {
            if let Some(handles) = self.about.get_mut(member) {
                handles.remove(&handle);
            }
        }
        if facts == Some(false) {
            return Change::Facts;
        }
        let came = members
            .iter()
            .filter(|member| !before.members.contains(member))
            .copied();
        Change::Members(gone.into_iter().chain(came).collect())
    }
}
