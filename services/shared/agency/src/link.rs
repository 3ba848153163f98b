//! From subjects to handles: a cache of acknowledged links, and identity for the rest, asked once per frame.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use walbrook_domain::{Handle, Organisation};
use walbrook_event::pseudonym::keyed_hash;
use walbrook_event::{Key, lookup_token};
use walbrook_proto::identity::v1::{Demographics, LinkItem, LinkOutcome};
use walbrook_runtime::shutdown::Shutdown;

use crate::accepted::Accepted;
use crate::cache::{Cache, Digest, Known, Token};
use crate::head::SubjectRef;
use crate::numbers::Numbers;

/// What identity says instead of a handle when it does not know the subject.
const DEMOGRAPHICS_NEEDED: &str = "demographics-needed";

/// Identity could not be asked, or gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It did not answer; the links may or may not be made. Asking again is harmless.
    #[error("the identity service at {address} does not answer: {message}")]
    Unavailable {
        /// Where it is.
        address: String,
        /// What the connection said.
        message: String,
    },
    /// It refused the question.
    #[error(
        "the identity service at {address} refused: {message}; check the credential of this process and the versions of both"
    )]
    Refused {
        /// Where it is.
        address: String,
        /// What it said.
        message: String,
    },
    /// Its answer does not fit the question.
    #[error("the identity service gave an answer that does not fit the question: {problem}")]
    Answer {
        /// What does not fit.
        problem: &'static str,
    },
}

impl IdentityError {
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// The identity service, as the gateway uses it.
pub trait Identity: Send + Sync {
    /// Handles for lookup tokens, in their order. When this returns, the link records of all of them are acknowledged.
    fn link(&self, items: Vec<LinkItem>) -> BoxFuture<'_, Result<Vec<LinkOutcome>, IdentityError>>;

    /// Says that events about these subjects were accepted; saying it again changes nothing.
    fn accepted(&self, handles: Vec<Handle>) -> BoxFuture<'_, Result<(), IdentityError>>;
}

/// A subject with its handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Linked {
    /// Its handle.
    pub(crate) handle: Handle,
    /// Its token, when identity does not know yet that an event about it was accepted.
    pub(crate) untold: Option<Token>,
    /// The organisation's own record of it is restricted: what says where it is goes no further.
    pub(crate) restricted: bool,
}

/// Keys of an agency's lookup tokens.
#[derive(Debug, Clone)]
pub struct AgencyKeys {
    /// The one that counts.
    pub current: Key,
    /// The one before it, while it is being rotated: identity is shown both tokens of whom it is asked about.
    pub before: Option<Key>,
}

impl From<Key> for AgencyKeys {
    fn from(current: Key) -> Self {
        Self {
            current,
            before: None,
        }
    }
}

/// A subject that identity would not link without knowing who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unknown;

/// Handles of one agency's subjects.
pub(crate) struct Linker {
    agency: &'static str,
    keys: AgencyKeys,
    identity: Arc<dyn Identity>,
    cache: Cache,
    accepted: Accepted,
    numbers: Arc<Numbers>,
}

/// A question to identity: its place in the request and what to remember when it is answered.
struct Question {
    token: Token,
    demographics: Option<Digest>,
}

impl Linker {
    pub(crate) fn new(
        agency: &'static str,
        keys: AgencyKeys,
        identity: Arc<dyn Identity>,
        cache_subjects: usize,
        numbers: Arc<Numbers>,
    ) -> Self {
        Self {
            agency,
            keys,
            identity,
            cache: Cache::new(cache_subjects),
            accepted: Accepted::default(),
            numbers,
        }
    }

    /// The handle of each subject, in their order. Returns only when every link record is acknowledged.
    ///
    /// # Errors
    /// When identity cannot be asked or its answer does not fit.
    pub(crate) async fn handles(
        &self,
        organisation: &Organisation,
        subjects: Vec<SubjectRef>,
    ) -> Result<Vec<Result<Linked, Unknown>>, IdentityError> {
        let mut items = Vec::new();
        let mut questions: Vec<Question> = Vec::new();
        // For each subject: its handle, or the place of its question.
        let places: Vec<Result<Linked, usize>> = {
            let mut asked: HashMap<Token, usize> = HashMap::new();
            let mut places = Vec::with_capacity(subjects.len());
            for subject in subjects {
                let token = self.token(&self.keys.current, organisation, &subject);
                let digest = subject
                    .demographics
                    .as_ref()
                    .map(|stated| self.digest(stated));
                let known = self.cache.get(&token);
                let told_before = asked.get(&token).copied();
                let news = |told: Option<Digest>| digest.is_some() && digest != told;
                match (known, told_before) {
                    // The same question again, or one that adds nothing to it.
                    (_, Some(place))
                        if !news(questions.get(place).and_then(|asked| asked.demographics)) =>
                    {
                        places.push(Err(place));
                    }
                    (Some(known), None) if !news(known.demographics) => {
                        places.push(Ok(known.linked(token)))
                    }
                    _ => {
                        asked.insert(token, questions.len());
                        places.push(Err(questions.len()));
                        questions.push(Question {
                            token,
                            demographics: digest,
                        });
                        items.push(self.item(organisation, token, subject));
                    }
                }
            }
            places
        };
        self.numbers.looked_up(places.len(), questions.len());
        let answers = self.ask(items, &questions).await?;
        let linked = |place: Result<Linked, usize>| match place {
            Ok(linked) => Ok(Ok(linked)),
            Err(place) => answers.get(place).copied().ok_or(IdentityError::Answer {
                problem: "an answer is missing",
            }),
        };
        places.into_iter().map(linked).collect()
    }

    /// Events about these were accepted: identity is told, behind the receipts.
    pub(crate) fn accepted(&self, untold: Vec<(Token, Handle)>) {
        self.accepted.add(untold);
    }

    /// Tells identity of accepted events until it is time to stop.
    pub(crate) async fn tell(&self, stop: &Shutdown) {
        self.accepted.run(&self.identity, &self.cache, stop).await;
    }

    fn token(&self, key: &Key, organisation: &Organisation, subject: &SubjectRef) -> Token {
        lookup_token(key, organisation, subject.scheme, &subject.local_id)
    }

    fn item(&self, organisation: &Organisation, token: Token, subject: SubjectRef) -> LinkItem {
        let before = self.keys.before.as_ref();
        let before = before.map(|key| self.token(key, organisation, &subject).to_vec());
        LinkItem {
            token: token.to_vec(),
            organisation: organisation.to_string(),
            agency: self.agency.to_owned(),
            id_scheme: subject.scheme.to_owned(),
            demographics: subject.demographics,
            previous_token: before.unwrap_or_default(),
        }
    }

    async fn ask(
        &self,
        items: Vec<LinkItem>,
        questions: &[Question],
    ) -> Result<Vec<Result<Linked, Unknown>>, IdentityError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let outcomes = self.identity.link(items).await?;
        if outcomes.len() != questions.len() {
            return Err(IdentityError::Answer {
                problem: "another number of answers than of questions",
            });
        }
        let mut answers = Vec::with_capacity(outcomes.len());
        for (outcome, question) in outcomes.iter().zip(questions) {
            answers.push(read(outcome)?.map(|handle| {
                let before = self.cache.get(&question.token);
                let known = Known {
                    handle,
                    demographics: question
                        .demographics
                        .or_else(|| before.as_ref()?.demographics),
                    told: outcome.accepted || before.is_some_and(|known| known.told),
                    restricted: outcome.restricted,
                };
                self.cache.put(question.token, known);
                known.linked(question.token)
            }));
        }
        Ok(answers)
    }

    /// Under the agency's key: the cache holds nothing from which a name could be guessed.
    fn digest(&self, stated: &Demographics) -> Digest {
        let birth_date = stated.birth_date.map_or([0; 12], |date| {
            let [a, b, c, d] = date.year.to_be_bytes();
            let [e, f, g, h] = date.month.to_be_bytes();
            let [i, j, k, l] = date.day.to_be_bytes();
            [a, b, c, d, e, f, g, h, i, j, k, l]
        });
        let parts: [&[u8]; 12] = [
            b"demographics",
            stated.given_name.as_bytes(),
            stated.family_name.as_bytes(),
            &birth_date,
            stated.postcode.as_bytes(),
            stated.nhs_number.as_bytes(),
            stated.upn.as_bytes(),
            stated.la_child_id.as_bytes(),
            if stated.restricted { b"R" } else { b"-" },
            stated.email.as_bytes(),
            stated.town.as_bytes(),
            stated.uprn.as_bytes(),
        ];
        keyed_hash(&self.keys.current, &parts)
    }
}

impl Known {
    fn linked(self, token: Token) -> Linked {
        Linked {
            handle: self.handle,
            untold: (!self.told).then_some(token),
            restricted: self.restricted,
        }
    }
}

fn read(outcome: &LinkOutcome) -> Result<Result<Handle, Unknown>, IdentityError> {
    match outcome.problem.as_str() {
        "" if outcome.linked => Handle::try_from(outcome.handle.as_slice())
            .map(Ok)
            .map_err(|_| IdentityError::Answer {
                problem: "a handle is not 16 bytes",
            }),
        "" => Err(IdentityError::Answer {
            problem: "neither linked nor a problem",
        }),
        DEMOGRAPHICS_NEEDED => Ok(Err(Unknown)),
        _ => Err(IdentityError::Answer {
            problem: "a problem that this version does not know",
        }),
    }
}
