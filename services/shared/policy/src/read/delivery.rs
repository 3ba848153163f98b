//! Whose rows stand on `view.<view>.<organisation>`: an organisation has one topic of a view, and one role of it sees what stands there.

use super::{ContributionFacts, Entitlement, kept_until};
use crate::agreement::{Delivery, Mode};
use crate::state::{AgreementBook, History};
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{Day, Instant, Organisation, Purpose};

/// What agreements in force say of the topic of one organisation and view.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivered {
    /// It holds the rows of this role.
    To(String),
    /// Agreements name different roles: nothing is delivered until they name one. Each agreement is checked by itself when it is proposed, and two
    /// that came at different times must not hand one role what the other sees.
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
