//! Whose rows stand on `view.<view>.<organisation>`: an organisation has one topic of a view, and one role of it sees what stands there.

use super::{ContributionFacts, Entitlement, kept_until};
use crate::agreement::{Agreement, Delivery, Mode, Reader};
use crate::state::{AgreementBook, History};
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{AgreementId, Day, Instant, Organisation, Purpose};

/// What agreements in force say of the topic of one organisation and view.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivered {
    /// It holds the rows of this role.
    To(String),
    /// Agreements name different roles: nothing is delivered until they name one. A proposal is held against the others ([`other_role`]), but two
    /// that were proposed at once must not hand one role what the other sees.
    TwoRoles,
}

/// What stands on the topic of an organisation and view on a day; `None`: no agreement in force delivers anything.
pub fn delivered(
    book: &AgreementBook,
    organisation: &Organisation,
    (purpose, view): (&Purpose, &str),
    today: Day,
) -> Option<Delivered> {
    let histories = book.agreements().map(|(_, history)| history);
    let mut roles: Vec<&str> = histories
        .flat_map(|history| roles(history, organisation, (purpose, view), today))
        .collect();
    roles.sort_unstable();
    roles.dedup();
    match roles.as_slice() {
        [] => None,
        [role] => Some(Delivered::To((*role).to_owned())),
        _ => Some(Delivered::TwoRoles),
    }
}

fn roles<'b>(
    history: &'b History,
    organisation: &'b Organisation,
    (purpose, view): (&Purpose, &str),
    today: Day,
) -> Vec<&'b str> {
    let Ok((edition, _)) = history.in_force(organisation, today) else {
        return Vec::new();
    };
    if edition.agreement.purpose != *purpose {
        return Vec::new();
    }
    let readers = edition.agreement.readers.iter().filter(|reader| {
        reader.delivery == Delivery::Topic
            && reader.mode == Mode::Case
            && reader.view == view
            && reader.who.includes(organisation)
    });
    readers.map(|reader| reader.role.as_str()).collect()
}

/// Every organisation that has a topic of a view now, in their order.
pub fn recipients(
    book: &AgreementBook,
    of: (&Purpose, &str),
    now: Instant,
) -> BTreeMap<Organisation, Delivered> {
    let today = now.london_day();
    let signed: BTreeSet<&Organisation> = book
        .agreements()
        .filter(|(_, history)| {
            let mut editions = history.editions();
            editions.any(|edition| {
                let mut readers = edition.agreement.readers.iter();
                readers.any(|reader| reader.delivery == Delivery::Topic)
            })
        })
        .flat_map(|(_, history)| history.signatories())
        .collect();
    signed
        .into_iter()
        .filter_map(|one| Some((one.clone(), delivered(book, one, of, today)?)))
        .collect()
}

/// Another agreement that has a view delivered to some of the same organisations in another role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherRole {
    /// The view.
    pub view: String,
    /// The role that a proposal names.
    pub role: String,
    /// The other agreement.
    pub agreement: AgreementId,
    /// The role that it names.
    pub other: String,
}

/// Whether a proposal would have a view delivered to an organisation in another role than the newest version of another agreement that has not
/// expired: from the moment that both were signed nothing would be delivered at all.
pub fn other_role(book: &AgreementBook, proposal: &Agreement, today: Day) -> Option<OtherRole> {
    let delivered = |agreement: &Agreement| -> Vec<Reader> {
        let mut readers = agreement.readers.clone();
        readers.retain(|reader| reader.delivery == Delivery::Topic);
        readers
    };
    let own = delivered(proposal);
    book.agreements()
        .filter(|(id, _)| **id != proposal.id && !own.is_empty())
        .filter_map(|(id, history)| Some((id, history.edition(history.latest_version())?)))
        .filter(|(_, edition)| edition.agreement.period.expiry >= today)
        .find_map(|(id, edition)| {
            let theirs = delivered(&edition.agreement);
            let mut pairs = own
                .iter()
                .flat_map(|one| theirs.iter().map(move |other| (one, other)));
            let (one, other) = pairs.find(|(one, other)| {
                one.view == other.view && one.role != other.role && one.who.overlaps(&other.who)
            })?;
            Some(OtherRole {
                view: one.view.clone(),
                role: one.role.clone(),
                agreement: id.clone(),
                other: other.role.clone(),
            })
        })
}

impl Entitlement {
    /// The last day on which a contribution may be kept, by the retention of the versions that count and its own last day; `None`: it may not be
    /// shown at all.
    pub fn keep_until(
        &self,
        book: &AgreementBook,
        contribution: &ContributionFacts<'_>,
    ) -> Option<Day> {
        self.readable(book, contribution).ok()?;
        let history = book.agreement(contribution.agreement)?;
        let released = history.edition(contribution.version)?;
        let (current, _) = history.in_force(contribution.source, self.today).ok()?;
        let kept = [&self.edition, released, current]
            .into_iter()
            .map(|edition| kept_until(&edition.agreement, contribution.occurred_on));
        kept.chain(contribution.not_after).min()
    }
}

#[cfg(test)]
mod tests;
