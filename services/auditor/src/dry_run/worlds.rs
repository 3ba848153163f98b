//! The control plane as it is, and as it would be with the proposal signed.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{Signer, SigningKey};
use walbrook_domain::control::{
    AgreementFact, AgreementProposed, AgreementSigned, ControlFact, ControlRecord, PartyKey,
    PinKind,
};
use walbrook_domain::{AgreementVersion, Day, Instant, Organisation};
use walbrook_policy::agreement::{Agreement, sha256};
use walbrook_policy::class::Who;
use walbrook_policy::state::{History, StandingNow};
use walbrook_view::View;

use super::people::People;
use super::{Asked, DryRunError};
use crate::control::Control;

/// A key that exists in memory for the length of a dry run. What it signs is nowhere but there.
const PRETENDED_KEY: [u8; 32] = [7; 32];
const PRETENDED_KEY_ID: &str = "dry-run";

/// Both.
pub struct Worlds {
    /// As it is.
    pub before: Control,
    /// As it would be.
    pub after: Control,
    /// The proposal as it was asked about.
    pub proposal: Agreement,
    /// The version before it, where there is one.
    pub previous: Option<AgreementVersion>,
    /// Whether exactly this text is on record already, as its newest version.
    pub on_record: bool,
    /// Who is taken to sign.
    pub signatories: Vec<Organisation>,
    /// The views pinned, by name.
    pub views: BTreeMap<String, View>,
}

impl Worlds {
    /// Folds the control plane and signs the proposal in memory.
    ///
    /// # Errors
    /// When the control plane would refuse it.
    pub fn new(
        asked: &Asked,
        policy: &[ControlRecord],
        people: &People,
    ) -> Result<Self, DryRunError> {
        let (mut before, mut after) = (Control::default(), Control::default());
        for record in policy {
            before.apply(record);
            after.apply(record);
        }
        if before.rules_version().is_none() {
            return Err(DryRunError::NoRules);
        }
        let proposal = asked.agreement.clone();
        let history = before.state().book().agreement(&proposal.id);
        let current = history.map_or(AgreementVersion(0), History::latest_version);
        let on_record = history
            .and_then(History::latest)
            .is_some_and(|edition| edition.text == proposal.canonical_text());
        if !on_record && proposal.version.0 != current.0 + 1 {
            return Err(DryRunError::Version {
                agreement: proposal.id.to_string(),
                current: current.0,
            });
        }
        let signatories = signatories(asked, &before, people)?;
        let mut pretended = Pretended {
            control: &mut after,
            now: asked.now,
        };
        pretended.sign(&in_force_since(&proposal, current, asked), &signatories)?;
        let views = views(&before);
        Ok(Self {
            previous: (current.0 > 0).then_some(current),
            before,
            after,
            proposal,
            on_record,
            signatories,
            views,
        })
    }

    /// Every organisation that could be a reader or a source: those that hold records, and those that signed anything.
    pub fn organisations(&self, people: &People) -> BTreeSet<Organisation> {
        let mut known = known(&self.before, people);
        known.extend(self.signatories.iter().cloned());
        known
    }
}

/// The proposal as if it had been in force before the first event looked at: only its first day differs, and its number where that is taken.
fn in_force_since(proposal: &Agreement, current: AgreementVersion, asked: &Asked) -> Agreement {
    let mut text = proposal.clone();
    text.version = AgreementVersion(current.0 + 1);
    text.period.effective = text
        .period
        .effective
        .min(asked.since.unwrap_or(Day(0)))
        .min(asked.now.london_day());
    text
}

fn known(control: &Control, people: &People) -> BTreeSet<Organisation> {
    let mut known = people.organisations();
    for (_, history) in control.state().book().agreements() {
        known.extend(history.signatories().cloned());
    }
    known
}

fn signatories(
    asked: &Asked,
    before: &Control,
    people: &People,
) -> Result<Vec<Organisation>, DryRunError> {
    let proposal = &asked.agreement;
    if let Some(named) = &asked.parties {
        if let Some(stranger) = named.iter().find(|one| proposal.party(one).is_none()) {
            return Err(DryRunError::NoParty(stranger.clone()));
        }
        let named: BTreeSet<_> = named.iter().cloned().collect();
        return Ok(named.into_iter().collect());
    }
    let history = before.state().book().agreement(&proposal.id);
    let stand: Vec<Organisation> = history
        .into_iter()
        .flat_map(|history| {
            history.signatories().filter(|one| {
                matches!(
                    history.standing(one),
                    StandingNow::Signed(_) | StandingNow::Suspended(_)
                )
            })
        })
        .filter(|one| proposal.party(one).is_some())
        .cloned()
        .collect();
    if !stand.is_empty() {
        return Ok(stand);
    }
    let mut all = known(before, people);
    all.extend(
        proposal
            .parties
            .iter()
            .filter_map(|party| match &party.who {
                Who::Organisation(one) => Some(one.clone()),
                Who::Class(_) => None,
            }),
    );
    all.retain(|one| proposal.party(one).is_some());
    if all.is_empty() {
        return Err(DryRunError::Nobody);
    }
    Ok(all.into_iter().collect())
}

/// Records that are applied and never written.
struct Pretended<'a> {
    control: &'a mut Control,
    now: Instant,
}

impl Pretended<'_> {
    fn sign(
        &mut self,
        agreement: &Agreement,
        signatories: &[Organisation],
    ) -> Result<(), DryRunError> {
        let key = SigningKey::from_bytes(&PRETENDED_KEY);
        let text = agreement.canonical_text();
        let text_sha256 = sha256(&text);
        let by = agreement.parties.first().map(|party| &party.who);
        let by_organisation = match (by, signatories.first()) {
            (Some(Who::Organisation(one)), _) | (_, Some(one)) => one.clone(),
            _ => return Err(DryRunError::Nobody),
        };
        let (id, version) = (agreement.id.clone(), agreement.version);
        self.say(
            &format!("{id} version {version}"),
            AgreementFact::Proposed(AgreementProposed {
                agreement: id.clone(),
                version,
                text,
                text_sha256,
                by_organisation,
                by: PRETENDED_KEY_ID.to_owned(),
            }),
        )?;
        for party in signatories {
            self.say(
                &format!("a key of {party}"),
                AgreementFact::PartyKey(PartyKey {
                    organisation: party.clone(),
                    key_id: PRETENDED_KEY_ID.to_owned(),
                    public_key: key.verifying_key().to_bytes(),
                    active: true,
                }),
            )?;
            self.say(
                &format!("the signature of {party}"),
                AgreementFact::Signed(AgreementSigned {
                    agreement: id.clone(),
                    version,
                    party: party.clone(),
                    key_id: PRETENDED_KEY_ID.to_owned(),
                    signature: key.sign(&text_sha256).to_bytes(),
                    text_sha256,
                }),
            )?;
        }
        Ok(())
    }

    fn say(&mut self, what: &str, fact: AgreementFact) -> Result<(), DryRunError> {
        let fact = ControlFact::Agreement(fact);
        let state = self.control.state();
        state.check(&fact).map_err(|why| DryRunError::Refused {
            what: what.to_owned(),
            why,
        })?;
        let record = ControlRecord {
            offset: state.next_offset(),
            appended_at: self.now,
            idempotency_key: String::new(),
            fact,
        };
        self.control.apply(&record);
        Ok(())
    }
}

/// The view files pinned; one that this build cannot read is left out.
fn views(control: &Control) -> BTreeMap<String, View> {
    let catalogue = walbrook_view::file::catalogue();
    let pins = control.state().pins();
    pins.of(PinKind::ViewFile)
        .filter_map(|(name, pin)| {
            let view = walbrook_view::file::read(name, &pin.content, &catalogue).ok()?;
            Some((view.name.clone(), view))
        })
        .collect()
}
