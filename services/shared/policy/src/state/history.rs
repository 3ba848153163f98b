//! One agreement through time: its versions, who signed which when, and standings.

mod acts;

use crate::agreement::{Agreement, Flow};
use crate::catalogue::Catalogue;
use crate::outcome::Reason;
pub use acts::PastAct;
use acts::{Act, Dated, Folded, Origin, Signature};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use walbrook_domain::control::{Standing, StandingChange};
use walbrook_domain::{AgreementVersion, Day, EventType, Instant, Organisation};

/// One version as proposed: the agreement, its text, and what follows from both.
#[derive(Debug, PartialEq, Eq)]
pub struct Edition {
    /// The agreement.
    pub agreement: Agreement,
    /// Canonical text.
    pub text: String,
    /// SHA-256 of the text.
    pub sha256: [u8; 32],
    /// Midnight in London at the start of the effective day.
    pub(crate) effective_from: Instant,
    /// Field mask of each flow, in the order of flows.
    masks: Vec<u64>,
}

impl Edition {
    pub(super) fn new(
        agreement: Agreement,
        text: String,
        sha256: [u8; 32],
        of: &Catalogue,
    ) -> Self {
        let masks = agreement
            .flows
            .iter()
            .map(|flow| {
                of.event(&flow.event_type).map_or(0, |shape| {
                    shape.mask(flow.fields.iter().map(String::as_str))
                })
            })
            .collect();
        Self {
            effective_from: agreement.period.effective.start(),
            agreement,
            text,
            sha256,
            masks,
        }
    }

    /// The flow of an event type from an organisation, with its field mask.
    pub fn flow(
        &self,
        organisation: &Organisation,
        event_type: &EventType,
    ) -> Option<(&Flow, u64)> {
        self.agreement
            .flows
            .iter()
            .zip(&self.masks)
            .find(|(flow, _)| flow.event_type == *event_type && flow.source.includes(organisation))
            .map(|(flow, mask)| (flow, *mask))
    }

    /// Its version.
    pub fn version(&self) -> AgreementVersion {
        self.agreement.version
    }
}

/// How an agreement stands for one party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandingNow {
    /// Signed (this version, the newest) and neither suspended nor terminated. Whether today is within its period is another question: until its
    /// effective day the version signed before it is in force.
    Signed(AgreementVersion),
    /// Never signed.
    NotSigned,
    /// Suspended, for the party or for all; the version resumes.
    Suspended(AgreementVersion),
    /// Terminated, for the party or for all.
    Terminated,
}

/// What differs between two versions for one organisation's own events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// The last day moved.
    pub end_moved: bool,
    /// Event types whose flow came, went, or grants or asks for something else.
    pub flows: Vec<EventType>,
}

/// One agreement through time.
#[derive(Debug, Clone, Default)]
pub struct History {
    editions: Vec<Arc<Edition>>,
    proposed: Vec<Dated>,
    /// Standings said of all parties.
    general: Vec<Dated>,
    parties: BTreeMap<Organisation, Vec<Dated>>,
    /// Versions whose effective day was put on record.
    commenced: Vec<Dated>,
    /// Cached fold of everything on record.
    now: BTreeMap<Organisation, Folded>,
    sequence: u64,
    /// Versions up to this one were terminated for all.
    terminated_through: u32,
}

impl History {
    /// The newest version proposed.
    pub fn latest(&self) -> Option<&Arc<Edition>> {
        self.editions.last()
    }

    /// The newest version number, 0 when there is none.
    pub fn latest_version(&self) -> AgreementVersion {
        self.latest()
            .map_or(AgreementVersion(0), |edition| edition.version())
    }

    /// A version.
    pub fn edition(&self, version: AgreementVersion) -> Option<&Arc<Edition>> {
        let at = usize::try_from(version.0.checked_sub(1)?).ok()?;
        self.editions.get(at)
    }

    /// Every version, oldest first.
    pub fn editions(&self) -> impl Iterator<Item = &Arc<Edition>> {
        self.editions.iter()
    }

    /// Every organisation that ever signed.
    pub fn signatories(&self) -> impl Iterator<Item = &Organisation> {
        self.parties.keys()
    }

    /// How it stands for an organisation after everything on record.
    pub fn standing(&self, organisation: &Organisation) -> StandingNow {
        self.now
            .get(organisation)
            .map_or_else(|| self.standing_of_none(), Folded::standing)
    }

    /// The version in force for an organisation on a day, with the instant since which it has been.
    ///
    /// # Errors
    /// Why none is.
    pub fn in_force(
        &self,
        organisation: &Organisation,
        today: Day,
    ) -> Result<(&Arc<Edition>, Instant), Reason> {
        let party = self.now.get(organisation);
        match party.map(Folded::standing) {
            Some(StandingNow::Signed(_)) => {}
            Some(StandingNow::Suspended(_)) => return Err(Reason::Suspended),
            Some(StandingNow::Terminated) => return Err(Reason::Terminated),
            Some(StandingNow::NotSigned) | None => {
                return Err(match self.standing_of_none() {
                    StandingNow::Terminated => Reason::Terminated,
                    _ => Reason::NotSignedBySource,
                });
            }
        }
        let signatures = party.map_or(&[][..], Folded::signatures);
        let (edition, signature) = self
            .effective(signatures, today)
            .ok_or(Reason::NotYetInForce)?;
        if today > edition.agreement.period.expiry {
            return Err(Reason::Expired);
        }
        Ok((edition, signature.since.max(edition.effective_from)))
    }

    /// The newest of the versions signed whose effective day has come.
    fn effective(
        &self,
        signatures: &[Signature],
        today: Day,
    ) -> Option<(&Arc<Edition>, Signature)> {
        let newest_first = signatures.iter().rev();
        let mut known = newest_first.filter_map(|one| Some((self.edition(one.version)?, *one)));
        known.find(|(edition, _)| edition.agreement.period.effective <= today)
    }

    /// The version that was in force for an organisation at an instant, as the log had it then.
    pub fn in_force_at(&self, organisation: &Organisation, at: Instant) -> Option<&Arc<Edition>> {
        let then = self.fold(organisation, |dated| dated.at <= at);
        let StandingNow::Signed(_) = then.standing() else {
            return None;
        };
        let today = at.london_day();
        let (edition, _) = self.effective(then.signatures(), today)?;
        (today <= edition.agreement.period.expiry).then_some(edition)
    }

    /// Versions that parties signed ahead of their effective day, which has come by now and is not on record.
    pub fn to_commence(&self, now: Instant) -> Vec<AgreementVersion> {
        let ahead = |edition: &&Arc<Edition>| {
            self.now.values().any(|party| {
                party.signatures().iter().any(|signature| {
                    signature.version == edition.version()
                        && signature.since < edition.effective_from
                })
            })
        };
        let due = |edition: &&Arc<Edition>| {
            edition.effective_from <= now && !self.has_commenced(edition.version())
        };
        let editions = self.editions.iter();
        let found = editions.filter(due).filter(ahead);
        found.map(|edition| edition.version()).collect()
    }

    /// Whether the effective day of a version is on record.
    pub(super) fn has_commenced(&self, version: AgreementVersion) -> bool {
        self.commenced.iter().any(|dated| dated.version == version)
    }

    /// Parties for which a version is the newest that was signed, with the one signed before it.
    pub(super) fn newest_for(
        &self,
        version: AgreementVersion,
    ) -> impl Iterator<Item = (&Organisation, Option<AgreementVersion>)> {
        self.now.iter().filter_map(move |(party, folded)| {
            let StandingNow::Signed(_) = folded.standing() else {
                return None;
            };
            let signatures = folded.signatures();
            let at = signatures.iter().position(|one| one.version == version)?;
            let before = at.checked_sub(1).and_then(|at| signatures.get(at));
            Some((party, before.map(|one| one.version)))
        })
    }

    /// The first version an organisation may sign now.
    pub(super) fn signable_from(&self, organisation: &Organisation) -> AgreementVersion {
        let signed = match self.standing(organisation) {
            StandingNow::Signed(version) | StandingNow::Suspended(version) => version.0,
            StandingNow::NotSigned | StandingNow::Terminated => 1,
        };
        AgreementVersion(signed.max(self.terminated_through + 1))
    }

    /// The standing said of all parties, by the newest record about all; in force when none was.
    pub(super) fn general_standing(&self) -> Standing {
        if self.terminated_through > 0 && self.latest_version().0 <= self.terminated_through {
            return Standing::Terminated;
        }
        match self.general.last() {
            Some(Dated {
                act: Act::Standing(Standing::Suspended, _),
                ..
            }) => Standing::Suspended,
            _ => Standing::InForce,
        }
    }

    /// The standing said of one party alone, as far as one side said it: the party itself, or the operator. `None`: nothing
    /// was ever said, or signed.
    pub(super) fn party_standing(
        &self,
        organisation: &Organisation,
        by_itself: bool,
    ) -> Option<Standing> {
        let acts = self.parties.get(organisation)?;
        let mut folded = Folded::default();
        for dated in acts {
            folded.act(dated.act, dated.at);
        }
        Some(folded.said_by(Origin::of_party(by_itself)))
    }

    /// Everything that happened, in the order of the log.
    pub fn acts(&self) -> Vec<PastAct> {
        let of_parties = self
            .parties
            .iter()
            .flat_map(|(party, acts)| acts.iter().map(move |dated| (dated, Some(party))));
        let of_all = self
            .proposed
            .iter()
            .chain(&self.general)
            .chain(&self.commenced);
        let mut all: Vec<_> = of_all
            .map(|dated| (dated, None))
            .chain(of_parties)
            .collect();
        all.sort_by_key(|(dated, _)| dated.sequence);
        all.into_iter()
            .map(|(dated, party)| PastAct {
                at: dated.at,
                word: dated.act.word(),
                version: dated.version,
                party: party.cloned(),
            })
            .collect()
    }

    /// What differs for an organisation's own events between two versions.
    pub fn difference(
        &self,
        organisation: &Organisation,
        before: AgreementVersion,
        after: AgreementVersion,
    ) -> Difference {
        let (Some(before), Some(after)) = (self.edition(before), self.edition(after)) else {
            return Difference::default();
        };
        let types: BTreeSet<&EventType> = before
            .agreement
            .flows
            .iter()
            .chain(&after.agreement.flows)
            .map(|flow| &flow.event_type)
            .collect();
        let differs = |event: &&EventType| {
            before.flow(organisation, event) != after.flow(organisation, event)
        };
        Difference {
            end_moved: before.agreement.period.expiry != after.agreement.period.expiry,
            flows: types.into_iter().filter(differs).cloned().collect(),
        }
    }

    pub(super) fn propose(&mut self, edition: Arc<Edition>, at: Instant) {
        let dated = self.dated(at, edition.version(), Act::Proposed);
        self.proposed.push(dated);
        self.editions.push(edition);
    }

    pub(super) fn sign(&mut self, party: &Organisation, version: AgreementVersion, at: Instant) {
        let dated = self.dated(at, version, Act::Signed(version));
        self.parties.entry(party.clone()).or_default().push(dated);
        self.refresh(party);
    }

    pub(super) fn commence(&mut self, version: AgreementVersion, at: Instant) {
        let dated = self.dated(at, version, Act::Commenced);
        self.commenced.push(dated);
    }

    pub(super) fn stand(&mut self, change: &StandingChange, at: Instant) {
        let origin = change.party.as_ref().map_or(Origin::All, |party| {
            Origin::of_party(*party == change.by_organisation)
        });
        let act = Act::Standing(change.standing, origin);
        let dated = self.dated(at, change.version, act);
        match &change.party {
            Some(party) => {
                self.parties.entry(party.clone()).or_default().push(dated);
                self.refresh(party);
            }
            None => {
                self.general.push(dated);
                if change.standing == Standing::Terminated {
                    self.terminated_through = self.latest_version().0;
                }
                let parties: Vec<_> = self.parties.keys().cloned().collect();
                for party in &parties {
                    self.refresh(party);
                }
            }
        }
    }

    fn dated(&mut self, at: Instant, version: AgreementVersion, act: Act) -> Dated {
        self.sequence += 1;
        Dated {
            sequence: self.sequence,
            at,
            version,
            act,
        }
    }

    fn refresh(&mut self, party: &Organisation) {
        let folded = self.fold(party, |_| true);
        self.now.insert(party.clone(), folded);
    }

    fn standing_of_none(&self) -> StandingNow {
        match self.general_standing() {
            Standing::Terminated => StandingNow::Terminated,
            _ => StandingNow::NotSigned,
        }
    }

    /// How a party stands after the acts that `counts` lets through.
    fn fold(&self, organisation: &Organisation, counts: impl Fn(&Dated) -> bool) -> Folded {
        let own = self.parties.get(organisation).into_iter().flatten();
        let mut acts: Vec<&Dated> = own
            .chain(&self.general)
            .filter(|dated| counts(dated))
            .collect();
        acts.sort_by_key(|dated| dated.sequence);
        let mut state = Folded::default();
        for dated in acts {
            state.act(dated.act, dated.at);
        }
        state
    }
}

#[cfg(test)]
mod tests;
