//! The agreement half of the control plane: agreements, signatures, standings, keys, revoked readers.

use super::history::{Edition, History, StandingNow};
use super::{Illegal, PartyChange, STANDING_REASONS, Schedules};
use crate::agreement::{Agreement, Kind, sha256, verify};
use crate::catalogue::Catalogue;
use crate::outcome::Reason;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use walbrook_domain::control::{
    AgreementCommenced, AgreementFact, AgreementProposed, AgreementSigned, PartyKey, Standing,
    StandingChange,
};
use walbrook_domain::{AgreementId, AgreementVersion, Day, EventType, Instant, Organisation};

/// How a party stands, for lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartyState {
    /// The newest version signed, if any.
    pub signed: Option<AgreementVersion>,
    /// The version in force: an older one than was signed until that one's effective day.
    pub in_force: Option<AgreementVersion>,
    /// `IN_FORCE`, `NOT_SIGNED`, `SUSPENDED`, `TERMINATED`, `EXPIRED` or `NOT_YET`.
    pub word: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    public_key: [u8; 32],
    active: bool,
}

/// The fold of the agreement half.
#[derive(Debug, Clone)]
pub struct AgreementBook {
    catalogue: Arc<Catalogue>,
    agreements: BTreeMap<AgreementId, History>,
    by_event: BTreeMap<EventType, BTreeSet<AgreementId>>,
    keys: BTreeMap<(Organisation, String), Key>,
    revoked: BTreeSet<(Organisation, String)>,
    schedules: Schedules,
}

impl AgreementBook {
    /// An empty book.
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            catalogue,
            agreements: BTreeMap::new(),
            by_event: BTreeMap::new(),
            keys: BTreeMap::new(),
            revoked: BTreeSet::new(),
            schedules: Schedules::default(),
        }
    }

    /// What may be named.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// One agreement.
    pub fn agreement(&self, id: &AgreementId) -> Option<&History> {
        self.agreements.get(id)
    }

    /// Every agreement, in the order of ids.
    pub fn agreements(&self) -> impl Iterator<Item = (&AgreementId, &History)> {
        self.agreements.iter()
    }

    /// Agreements any version of which has a flow of the event type, in the order of ids.
    pub fn with_flow(
        &self,
        event_type: &EventType,
    ) -> impl Iterator<Item = (&AgreementId, &History)> {
        self.by_event
            .get(event_type)
            .into_iter()
            .flatten()
            .filter_map(|id| self.agreements.get_key_value(id))
    }

    /// A version of an agreement.
    pub fn edition(&self, id: &AgreementId, version: AgreementVersion) -> Option<&Arc<Edition>> {
        self.agreements.get(id)?.edition(version)
    }

    /// Whether any version of an agreement has a flow that rests on the person's choice of an authority (Housing Act 1996 s213B).
    pub fn rests_on_choice(&self, id: &AgreementId) -> bool {
        self.agreements.get(id).is_some_and(|history| {
            history
                .editions()
                .flat_map(|edition| &edition.agreement.flows)
                .any(crate::agreement::Flow::rests_on_choice)
        })
    }

    /// Whether a reader's access was taken away.
    pub fn is_revoked(&self, organisation: &Organisation, reader: &str) -> bool {
        self.revoked
            .contains(&(organisation.clone(), reader.to_owned()))
    }

    /// What organisations publish.
    pub fn schedules(&self) -> &Schedules {
        &self.schedules
    }

    /// Whether a matching agreement is in force for both organisations, and by which strategies.
    pub fn matching(&self, a: &Organisation, b: &Organisation, today: Day) -> BTreeSet<&str> {
        let mut strategies = BTreeSet::new();
        for history in self.agreements.values() {
            let (Ok((of_a, _)), Ok((of_b, _))) =
                (history.in_force(a, today), history.in_force(b, today))
            else {
                continue;
            };
            if let (Kind::Matching { strategies: of_a }, Kind::Matching { strategies: of_b }) =
                (&of_a.agreement.kind, &of_b.agreement.kind)
            {
                strategies.extend(
                    of_a.iter()
                        .filter(|one| of_b.contains(one))
                        .map(String::as_str),
                );
            }
        }
        strategies
    }

    /// How an agreement stands for an organisation on a day, in a word.
    pub fn party_state(
        &self,
        history: &History,
        organisation: &Organisation,
        today: Day,
    ) -> PartyState {
        let (signed, word) = match history.standing(organisation) {
            StandingNow::NotSigned => (None, "NOT_SIGNED"),
            StandingNow::Terminated => (None, "TERMINATED"),
            StandingNow::Suspended(version) => (Some(version), "SUSPENDED"),
            StandingNow::Signed(version) => {
                let word = match history.in_force(organisation, today) {
                    Ok(_) => "IN_FORCE",
                    Err(Reason::Expired) => "EXPIRED",
                    Err(_) => "NOT_YET",
                };
                (Some(version), word)
            }
        };
        let in_force = history.in_force(organisation, today);
        PartyState {
            signed,
            in_force: in_force.ok().map(|(edition, _)| edition.version()),
            word,
        }
    }

    /// Whether a record would be legal.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, fact: &AgreementFact) -> Result<(), Illegal> {
        match fact {
            AgreementFact::Proposed(fact) => self.read_proposal(fact).map(|_| ()),
            AgreementFact::Signed(fact) => self.check_signature(fact),
            AgreementFact::Standing(fact) => self.check_standing(fact),
            AgreementFact::Commenced(fact) => self.check_commencement(fact),
            AgreementFact::PartyKey(fact) => self.check_key(fact),
            AgreementFact::Reader(_) => Ok(()),
            AgreementFact::Schedule(fact) => self.schedules.check(fact),
        }
    }

    /// Applies a record that the log appended at `at`.
    ///
    /// # Errors
    /// When it is no legal change; nothing changes.
    pub fn apply(&mut self, at: Instant, fact: &AgreementFact) -> Result<(), Illegal> {
        self.apply_telling(at, fact).map(drop)
    }

    /// As [`AgreementBook::apply`], and tells how parties stand differently by it.
    ///
    /// # Errors
    /// When it is no legal change; nothing changes.
    pub fn apply_telling(
        &mut self,
        at: Instant,
        fact: &AgreementFact,
    ) -> Result<Vec<PartyChange>, Illegal> {
        self.check(fact)?;
        let before = self.concerned(fact);
        self.take(at, fact)?;
        if let AgreementFact::Commenced(fact) = fact {
            return Ok(self.commenced_for(fact));
        }
        let agreement = match fact {
            AgreementFact::Signed(fact) => self.agreements.get(&fact.agreement),
            AgreementFact::Standing(fact) => self.agreements.get(&fact.agreement),
            _ => None,
        };
        let changes = before.into_iter().filter_map(|(organisation, before)| {
            let after = agreement?.standing(&organisation);
            (before != after).then_some(PartyChange {
                organisation,
                before,
                after,
            })
        });
        Ok(changes.collect())
    }

    /// The parties for which a version that commences takes the place of the one before it.
    fn commenced_for(&self, fact: &AgreementCommenced) -> Vec<PartyChange> {
        let history = self.agreements.get(&fact.agreement);
        let parties = history
            .into_iter()
            .flat_map(|of| of.newest_for(fact.version));
        let change = |(party, before): (&Organisation, Option<AgreementVersion>)| PartyChange {
            organisation: party.clone(),
            before: before.map_or(StandingNow::NotSigned, StandingNow::Signed),
            after: StandingNow::Signed(fact.version),
        };
        parties.map(change).collect()
    }

    /// The organisations whose standing a record may change, and how they stand before it.
    fn concerned(&self, fact: &AgreementFact) -> Vec<(Organisation, StandingNow)> {
        let (agreement, party) = match fact {
            AgreementFact::Signed(fact) => (&fact.agreement, Some(&fact.party)),
            AgreementFact::Standing(fact) => (&fact.agreement, fact.party.as_ref()),
            _ => return Vec::new(),
        };
        let Some(history) = self.agreements.get(agreement) else {
            return Vec::new();
        };
        let standing = |one: &Organisation| (one.clone(), history.standing(one));
        match party {
            Some(party) => vec![standing(party)],
            None => history.signatories().map(standing).collect(),
        }
    }

    fn take(&mut self, at: Instant, fact: &AgreementFact) -> Result<(), Illegal> {
        match fact {
            AgreementFact::Proposed(fact) => {
                let agreement = self.read_proposal(fact)?;
                for flow in &agreement.flows {
                    self.by_event
                        .entry(flow.event_type.clone())
                        .or_default()
                        .insert(fact.agreement.clone());
                }
                let edition = Edition::new(
                    agreement,
                    fact.text.clone(),
                    fact.text_sha256,
                    &self.catalogue,
                );
                self.agreements
                    .entry(fact.agreement.clone())
                    .or_default()
                    .propose(Arc::new(edition), at);
            }
            AgreementFact::Signed(fact) => {
                if let Some(history) = self.agreements.get_mut(&fact.agreement) {
                    history.sign(&fact.party, fact.version, at);
                }
            }
            AgreementFact::Standing(fact) => {
                if let Some(history) = self.agreements.get_mut(&fact.agreement) {
                    history.stand(fact, at);
                }
            }
            AgreementFact::Commenced(fact) => {
                if let Some(history) = self.agreements.get_mut(&fact.agreement) {
                    history.commence(fact.version, at);
                }
            }
            AgreementFact::PartyKey(fact) => {
                let key = Key {
                    public_key: fact.public_key,
                    active: fact.active,
                };
                self.keys
                    .insert((fact.organisation.clone(), fact.key_id.clone()), key);
            }
            AgreementFact::Reader(fact) => {
                let reader = (fact.organisation.clone(), fact.reader.clone());
                if fact.revoked {
                    self.revoked.insert(reader);
                } else {
                    self.revoked.remove(&reader);
                }
            }
            AgreementFact::Schedule(fact) => self.schedules.take(at, fact),
        }
        Ok(())
    }

    fn read_proposal(&self, fact: &AgreementProposed) -> Result<Agreement, Illegal> {
        let text_fault = |problem: String| Illegal::Text {
            agreement: fact.agreement.clone(),
            problem,
        };
        let history = self.agreements.get(&fact.agreement);
        let current = history.map_or(AgreementVersion(0), History::latest_version);
        if fact.version.0 != current.0 + 1 {
            return Err(Illegal::VersionNotNext {
                agreement: fact.agreement.clone(),
                current,
                proposed: fact.version,
            });
        }
        if sha256(&fact.text) != fact.text_sha256 {
            return Err(text_fault(
                "does not have the hash on its record".to_owned(),
            ));
        }
        let agreement = Agreement::read(&fact.text)
            .map_err(|faults| text_fault(format!("cannot be read: {faults}")))?;
        if agreement.canonical_text() != fact.text {
            return Err(text_fault("is not in canonical form".to_owned()));
        }
        if agreement.id != fact.agreement || agreement.version != fact.version {
            return Err(text_fault(
                "names another agreement or version than its record".to_owned(),
            ));
        }
        let before = history
            .and_then(History::latest)
            .map(|edition| &edition.agreement);
        if before.is_some_and(|before| {
            before.purpose != agreement.purpose || before.kind.as_str() != agreement.kind.as_str()
        }) {
            return Err(Illegal::PurposeChanged {
                agreement: fact.agreement.clone(),
            });
        }
        Ok(agreement)
    }

    fn known(
        &self,
        id: &AgreementId,
        version: AgreementVersion,
    ) -> Result<(&History, &Edition), Illegal> {
        let history = self.agreements.get(id);
        history
            .and_then(|history| Some((history, history.edition(version)?.as_ref())))
            .ok_or_else(|| Illegal::UnknownVersion {
                agreement: id.clone(),
                version,
            })
    }

    fn check_signature(&self, fact: &AgreementSigned) -> Result<(), Illegal> {
        let (history, edition) = self.known(&fact.agreement, fact.version)?;
        let organisation = fact.party.clone();
        let agreement = fact.agreement.clone();
        if edition.agreement.party(&fact.party).is_none() {
            return Err(Illegal::NotAParty {
                agreement,
                organisation,
            });
        }
        let from = history.signable_from(&fact.party);
        if fact.version < from {
            return Err(Illegal::VersionPast {
                agreement,
                organisation,
                from,
            });
        }
        let signed_now = match history.standing(&fact.party) {
            StandingNow::Signed(version) | StandingNow::Suspended(version) => Some(version),
            StandingNow::NotSigned | StandingNow::Terminated => None,
        };
        if signed_now == Some(fact.version) {
            return Err(Illegal::SignedAlready {
                agreement,
                organisation,
            });
        }
        let key = self
            .keys
            .get(&(fact.party.clone(), fact.key_id.clone()))
            .filter(|key| key.active)
            .ok_or_else(|| Illegal::KeyUnknown {
                organisation: organisation.clone(),
                key_id: fact.key_id.clone(),
            })?;
        if fact.text_sha256 != edition.sha256 {
            return Err(Illegal::Text {
                agreement,
                problem: "is not the text that was signed".to_owned(),
            });
        }
        verify(&key.public_key, &fact.text_sha256, &fact.signature).map_err(|source| {
            Illegal::Signature {
                agreement,
                organisation,
                source,
            }
        })
    }

    fn check_standing(&self, fact: &StandingChange) -> Result<(), Illegal> {
        let (history, _) = self.known(&fact.agreement, fact.version)?;
        let illegal = |problem| {
            Err(Illegal::Standing {
                agreement: fact.agreement.clone(),
                problem,
            })
        };
        if !STANDING_REASONS.contains(&fact.reason.as_str()) {
            return illegal("the reason is not on the closed list");
        }
        let before = match &fact.party {
            None => history.general_standing(),
            Some(party) => match history.party_standing(party, *party == fact.by_organisation) {
                Some(standing) => standing,
                None => {
                    return Err(Illegal::NotAParty {
                        agreement: fact.agreement.clone(),
                        organisation: party.clone(),
                    });
                }
            },
        };
        match (before, fact.standing) {
            (Standing::Terminated, _) => {
                illegal("is terminated: only a new signature brings it back")
            }
            (Standing::Suspended, Standing::Suspended) => illegal("is suspended already"),
            (Standing::InForce, Standing::InForce) => illegal(
                "is not suspended by whoever would resume it here: a suspension is lifted by the side that imposed it",
            ),
            _ => Ok(()),
        }
    }

    fn check_commencement(&self, fact: &AgreementCommenced) -> Result<(), Illegal> {
        let (history, _) = self.known(&fact.agreement, fact.version)?;
        if history.has_commenced(fact.version) {
            return Err(Illegal::CommencedAlready {
                agreement: fact.agreement.clone(),
                version: fact.version,
            });
        }
        Ok(())
    }

    fn check_key(&self, fact: &PartyKey) -> Result<(), Illegal> {
        let before = self
            .keys
            .get(&(fact.organisation.clone(), fact.key_id.clone()));
        let reused = match before {
            None => !fact.active,
            Some(key) => key.public_key != fact.public_key || !key.active || fact.active,
        };
        if reused || fact.key_id.is_empty() {
            return Err(Illegal::KeyReused {
                organisation: fact.organisation.clone(),
                key_id: fact.key_id.clone(),
            });
        }
        Ok(())
    }
}
