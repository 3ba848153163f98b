//! From subjects to handles: a cache of acknowledged links, and identity for the rest, asked once per frame.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use walbrook_domain::{Handle, Organisation};
use walbrook_event::pseudonym::keyed_hash;
use walbrook_event::{Key, lookup_token};
use walbrook_proto::identity::v1::{Demographics, LinkItem, LinkOutcome};

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
}

/// A subject that identity would not link without knowing who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unknown;

/// Handles of one agency's subjects.
pub(crate) struct Linker {
    agency: &'static str,
    key: Key,
    identity: Arc<dyn Identity>,
    cache: Cache,
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
        key: Key,
        identity: Arc<dyn Identity>,
        cache_subjects: usize,
        numbers: Arc<Numbers>,
    ) -> Self {
        Self {
            agency,
            key,
            identity,
            cache: Cache::new(cache_subjects),
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
    ) -> Result<Vec<Result<Handle, Unknown>>, IdentityError> {
        let mut items = Vec::new();
        let mut questions: Vec<Question> = Vec::new();
        // For each subject: its handle, or the place of its question.
        let places: Vec<Result<Handle, usize>> = {
            let mut asked: HashMap<Token, usize> = HashMap::new();
            let mut places = Vec::with_capacity(subjects.len());
            for subject in subjects {
                let token =
                    lookup_token(&self.key, organisation, subject.scheme, &subject.local_id);
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
                        places.push(Ok(known.handle))
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
        let handle = |place: Result<Handle, usize>| match place {
            Ok(handle) => Ok(Ok(handle)),
            Err(place) => answers.get(place).copied().ok_or(IdentityError::Answer {
                problem: "an answer is missing",
            }),
        };
        places.into_iter().map(handle).collect()
    }

    fn item(&self, organisation: &Organisation, token: Token, subject: SubjectRef) -> LinkItem {
        LinkItem {
            token: token.to_vec(),
            organisation: organisation.to_string(),
            agency: self.agency.to_owned(),
            id_scheme: subject.scheme.to_owned(),
            demographics: subject.demographics,
            previous_token: Vec::new(),
        }
    }

    async fn ask(
        &self,
        items: Vec<LinkItem>,
        questions: &[Question],
    ) -> Result<Vec<Result<Handle, Unknown>>, IdentityError> {
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
            let answer = read(outcome)?;
            if let Ok(handle) = answer {
                let told = question
                    .demographics
                    .or_else(|| self.cache.get(&question.token)?.demographics);
                self.cache.put(
                    question.token,
                    Known {
                        handle,
                        demographics: told,
                    },
                );
            }
            answers.push(answer);
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
        keyed_hash(&self.key, &parts)
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
