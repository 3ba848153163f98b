//! What a person's grounds come to: asked by decisions and for subject records. Where they disagree, the more protective wins.

use super::store::{Ground, NO_END, NameId, Under};
use super::{Choice, Grounds, SubjectGrounds};
use crate::outcome::Reason;
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_domain::{AgreementId, Day, EventId, Handle, Purpose};

/// What the grounds of a person say of consent under one agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// In force, until the day where one is named.
    Given(Option<Day>),
    /// The reason it is not.
    Not(Reason),
}

impl Grounds {
    /// Every ground about the person that was recorded on a handle. Recalls and erasures, which are about the record, are not among them.
    pub fn of(&self, handle: &Handle) -> &[Ground] {
        self.store.of(handle)
    }

    /// Brings the grounds of many handles into the processor's caches, for decisions that follow; returns how many of the handles have any.
    ///
    /// With millions of people each look-up at random misses the caches two or three times. A decision waits for its misses one after another;
    /// here nothing depends on the look-up before, so the processor fetches several at once. About a hundred handles at a time still fit its nearest
    /// cache when they are decided.
    pub fn warm<'a>(&self, handles: impl IntoIterator<Item = &'a Handle>) -> usize {
        handles
            .into_iter()
            // A ground's bytes may lie behind the line that its handle is found in.
            .filter(|handle| self.of(handle).last().is_some_and(|one| one.version > 0))
            .count()
    }

    /// The numbers of a purpose and an agreement, for [`Ground::applies`]. They stay the same in this state for ever.
    pub fn under(&self, purpose: &Purpose, agreement: &AgreementId) -> Under {
        self.names.under(purpose, agreement)
    }

    pub(super) fn of_person<'a>(
        &'a self,
        members: &'a [Handle],
    ) -> impl Iterator<Item = &'a Ground> {
        members.iter().flat_map(|handle| self.of(handle))
    }

    /// Whether a ground of the kind stands against the agreement for the person.
    pub fn stands(&self, members: &[Handle], kind: GroundKind, under: Under) -> bool {
        self.of_person(members).any(|ground| {
            ground.kind == kind && ground.state.stands_against() && ground.applies(under)
        })
    }

    /// Whether the handle's own event was recalled. The event id is the producer's, so it means something on that handle only.
    pub fn recalled(&self, handle: &Handle, event: &EventId) -> bool {
        !self.recalls.is_empty()
            && self.recalls.get(handle).is_some_and(|recalls| {
                recalls
                    .iter()
                    .any(|recall| recall.on && recall.event == *event)
            })
    }

    /// Whether the handle's record is under an erasure order.
    pub fn erased(&self, handle: &Handle) -> bool {
        !self.erased.is_empty() && self.erased.contains(handle)
    }

    /// What the person's grounds say of consent: any refusal or withdrawal beats every consent.
    pub(crate) fn consent(&self, members: &[Handle], under: Under, today: Day) -> Consent {
        self.consent_of(members, under, today, |_| true)
    }

    /// The same for a referral (s213B): a consent counts when it names the one authority that the person's newest choice names.
    pub(crate) fn referral(&self, members: &[Handle], under: Under, today: Day) -> Consent {
        let plain = self.consent(members, under, today);
        if matches!(plain, Consent::Not(_)) {
            return plain;
        }
        let Some(newest) = self.newest_choice(members, under.purpose) else {
            return Consent::Not(Reason::NoChosenAuthority);
        };
        match self.consent_of(members, under, today, |ground| {
            ground.chosen == newest.chosen
        }) {
            Consent::Not(_) => Consent::Not(Reason::NoChosenAuthority),
            given => given,
        }
    }

    fn consent_of(
        &self,
        members: &[Handle],
        under: Under,
        today: Day,
        counts: impl Fn(&Ground) -> bool,
    ) -> Consent {
        let mut answer = Consent::Not(Reason::ConsentMissing);
        let mut withdrawn = false;
        let mut refused = false;
        for ground in self.of_person(members) {
            if ground.kind != GroundKind::Consent || !ground.applies(under) {
                continue;
            }
            match ground.state {
                GroundState::Given if !counts(ground) => {}
                GroundState::Given if ground.last_day < today.0 => {
                    if answer == Consent::Not(Reason::ConsentMissing) {
                        answer = Consent::Not(Reason::ConsentExpired);
                    }
                }
                GroundState::Given => answer = longest(answer, ground.not_after()),
                GroundState::Refused => refused = true,
                _ => withdrawn = true,
            }
        }
        match (withdrawn, refused) {
            (true, _) => Consent::Not(Reason::ConsentWithdrawn),
            (false, true) => Consent::Not(Reason::ConsentRefused),
            (false, false) => answer,
        }
    }

    /// The newest consent for the purpose that names an authority and that no refusal or withdrawal takes back. One that has ended counts
    /// still: an older choice does not come back because a newer one lapsed.
    fn newest_choice<'a>(&'a self, members: &'a [Handle], purpose: NameId) -> Option<&'a Ground> {
        self.choices(members, purpose)
            .max_by_key(|ground| (ground.stated_at, self.names.authorities.name(ground.chosen)))
    }

    fn choices<'a>(
        &'a self,
        members: &'a [Handle],
        purpose: NameId,
    ) -> impl Iterator<Item = &'a Ground> {
        self.of_person(members).filter(move |ground| {
            ground.kind == GroundKind::Consent
                && ground.state == GroundState::Given
                && ground.chosen != NameId::NONE
                && ground.applies_to_purpose(purpose)
                && !self.taken_back(members, purpose, ground)
        })
    }

    fn taken_back(&self, members: &[Handle], purpose: NameId, consent: &Ground) -> bool {
        self.of_person(members).any(|ground| {
            ground.kind == GroundKind::Consent
                && ground.state.stands_against()
                && ground.applies_to_purpose(purpose)
                && (ground.agreement == NameId::NONE || ground.agreement == consent.agreement)
        })
    }

    /// The authority the person chose for a purpose.
    pub fn choice(&self, members: &[Handle], purpose: &Purpose) -> Option<Choice> {
        let purpose = self.names.purposes.id(purpose);
        let newest = self.newest_choice(members, purpose)?;
        let last_day = self
            .choices(members, purpose)
            .filter(|ground| ground.chosen == newest.chosen)
            .map(|ground| ground.last_day)
            .max()
            .unwrap_or(NO_END);
        Some(Choice {
            authority: self.names.authorities.name(newest.chosen)?.clone(),
            until: (last_day != NO_END).then_some(Day(last_day)),
        })
    }

    /// What grounds add to a handle's subject record on the topic of a purpose; `None`: it has none, for its record is erased.
    pub fn subject(
        &self,
        handle: &Handle,
        members: &[Handle],
        purpose: &Purpose,
    ) -> Option<SubjectGrounds> {
        if self.erased(handle) {
            return None;
        }
        let id = self.names.purposes.id(purpose);
        let restricted = self.of_person(members).any(|ground| {
            ground.kind == GroundKind::Restriction
                && ground.state.stands_against()
                && ground.applies_to_purpose(id)
        });
        Some(SubjectGrounds {
            restricted,
            choice: self.choice(members, purpose),
        })
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
