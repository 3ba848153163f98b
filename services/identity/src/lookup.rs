//! Look-ups by an organisation's own id: tokens and pseudonyms under keys of the key store.
//!
//! Not an oracle: a record that is unknown, one whose hold is not over and one that may be read cost the same reads of the state, the same record
//! on the log, and an answer of the same size. What may not be answered is answered with pseudonyms that nobody has.

mod allowance;

use crate::error::CallError;
use crate::linkage::{Directory, PersonRecord, Token};
use allowance::Allowance;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant as Monotonic;
use walbrook_domain::{
    EventId, Handle, HandlePseudonym, Instant, Organisation, PersonId, Pseudonym, Purpose,
};
use walbrook_event::pseudonym::keyed_hash;
use walbrook_event::{Key, PurposeKey, lookup_token};
use walbrook_eventlog::topics;
use walbrook_proto::identity::v1::{HandleForRequest, MatchItem};
use walbrook_runtime::keystore::{FIRST_KEY_ID, KeyStore, KeyStoreError};
use walbrook_runtime::status::Violation;

/// How look-ups are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Look-ups for reading that one organisation may make in a second.
    pub organisation_per_second: u32,
    /// Look-ups for reading that one reader may make in a minute.
    pub reader_per_minute: u32,
    /// How long after its first accepted event a record cannot be looked up, hours.
    pub hold_hours: u32,
}

/// The two keys under which an agency's records may stand.
#[derive(Clone)]
struct AgencyKeys {
    current: Key,
    before: Option<Key>,
}

/// The tokens of one local id: under the current key and, while it is being rotated, under the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// Under the current key.
    pub current: Token,
    /// Under the key before.
    pub before: Option<Token>,
}

impl Tokens {
    /// Both, the current one first.
    pub fn all(self) -> Vec<Token> {
        std::iter::once(self.current).chain(self.before).collect()
    }
}

/// A look-up for reading, checked for form: nothing was looked at yet.
#[derive(Debug, Clone)]
pub struct Question {
    tokens: Tokens,
    purpose: PurposeKey,
    reader: String,
}

impl Question {
    /// What stands on record for it: the token, whether anybody knows it or not.
    pub fn subject(&self) -> Vec<u8> {
        self.tokens.current.0.to_vec()
    }
}

/// Who a record is, for the one organisation that asks by its own id.
pub struct Lookup {
    keys: Arc<dyn KeyStore>,
    /// Identity's own: from it come pseudonyms that nobody has.
    nobody: Key,
    agencies: RwLock<HashMap<String, AgencyKeys>>,
    purposes: RwLock<HashMap<(String, String), PurposeKey>>,
    directory: Arc<Directory>,
    organisations: Allowance,
    readers: Allowance,
    hold_micros: i64,
    state_reads: AtomicU64,
    /// Under which token a record stands that somebody doubted, by purpose and pseudonym.
    doubted: RwLock<HashMap<(String, HandlePseudonym), Token>>,
}

impl Lookup {
    /// Look-ups in a directory within bounds.
    ///
    /// # Errors
    /// When identity's own key cannot be had.
    pub fn new(
        keys: Arc<dyn KeyStore>,
        directory: Arc<Directory>,
        bounds: Bounds,
    ) -> Result<Self, KeyStoreError> {
        let nobody = Key::new(*keys.identity()?.as_bytes());
        Ok(Self {
            keys,
            nobody,
            agencies: RwLock::default(),
            purposes: RwLock::default(),
            directory,
            organisations: Allowance::new(f64::from(bounds.organisation_per_second), 1.0),
            readers: Allowance::new(f64::from(bounds.reader_per_minute), 60.0),
            hold_micros: i64::from(bounds.hold_hours).saturating_mul(3_600_000_000),
            state_reads: AtomicU64::new(0),
            doubted: RwLock::default(),
        })
    }

    /// The lookup tokens of an organisation's own id.
    ///
    /// # Errors
    /// When a field is not of its form, or the agency's key cannot be had.
    pub fn tokens(&self, request: &HandleForRequest) -> Result<Tokens, CallError> {
        let mut violations = Vec::new();
        let organisation: Option<Organisation> = request.organisation.parse().ok();
        if organisation.is_none() {
            violations.push(violation(
                "organisation",
                "expected scheme:code, for example GSS:E09000007",
            ));
        }
        if !topics::RAW.contains(&topics::raw(&request.agency).as_str()) {
            violations.push(violation(
                "agency",
                "expected police, health, housing, tfl, social-care or city",
            ));
        }
        if request.id_scheme.is_empty() || request.local_id.is_empty() {
            violations.push(violation(
                "local_id",
                "id_scheme and local_id are both needed",
            ));
        }
        let Some(organisation) = organisation.filter(|_| violations.is_empty()) else {
            return Err(CallError::Invalid(violations));
        };
        let keys = self.agency_keys(&request.agency)?;
        let token = |key: &Key| {
            let id = (&request.id_scheme, &request.local_id);
            Token(lookup_token(key, &organisation, id.0, id.1))
        };
        Ok(Tokens {
            current: token(&keys.current),
            before: keys.before.as_ref().map(token),
        })
    }

    /// The token under which an organisation's own record stands; the current one when there is none.
    ///
    /// # Errors
    /// As [`Lookup::tokens`].
    pub fn committed(&self, request: &HandleForRequest) -> Result<Token, CallError> {
        let tokens = self.tokens(request)?;
        Ok(self
            .find(tokens)
            .map_or(tokens.current, |record| record.token))
    }

    /// The handle of an organisation's own record.
    ///
    /// # Errors
    /// As [`Lookup::tokens`].
    pub fn handle(&self, request: &HandleForRequest) -> Result<Option<Handle>, CallError> {
        let tokens = self.tokens(request)?;
        Ok(self.find(tokens).map(|record| record.handle))
    }

    /// A look-up for reading: its form, its keys, and nothing else.
    ///
    /// # Errors
    /// As [`Lookup::tokens`], or when the purpose's key cannot be had.
    pub fn question(
        &self,
        request: &HandleForRequest,
        purpose: &str,
        reader: &str,
    ) -> Result<Question, CallError> {
        Ok(Question {
            tokens: self.tokens(request)?,
            purpose: self.purpose_key(purpose, FIRST_KEY_ID)?,
            reader: reader.to_owned(),
        })
    }

    /// Whether the organisation and the reader have a look-up left.
    pub fn allows(&self, organisation: &str, reader: &str, now: Monotonic) -> bool {
        let of_reader = format!("{organisation}/{reader}");
        // Both are asked: what one has used up does not spare the other.
        self.organisations.take(organisation, now) & self.readers.take(&of_reader, now)
    }

    /// Purpose pseudonyms of the record a question is about, or of nobody. Always two reads of a key at most, always two pseudonyms.
    pub fn answer(&self, question: &Question, now: Instant) -> (Pseudonym, HandlePseudonym) {
        let token = question.tokens.current;
        let nobody = self.nobody(token);
        let found = self.find(question.tokens);
        let readable = found
            .as_ref()
            .filter(|record| record.may_be_read(&question.reader, now, self.hold_micros));
        let (person, handle) = readable.map_or(nobody, |record| (record.person, record.handle));
        (
            question.purpose.person(person),
            question.purpose.handle(handle),
        )
    }

    /// A person and a handle that nobody has: the same ones each time for a token, and without the key nobody can tell.
    fn nobody(&self, token: Token) -> (PersonId, Handle) {
        let hash = keyed_hash(&self.nobody, &[b"nobody", &token.0]);
        let (mut person, mut handle) = ([0; 16], [0; 16]);
        for (to, from) in person.iter_mut().chain(handle.iter_mut()).zip(hash) {
            *to = from;
        }
        (PersonId::new(person), Handle::new(handle))
    }

    /// The committed record of a local id. As many reads for one that is known as for one that is not.
    fn find(&self, tokens: Tokens) -> Option<Arc<PersonRecord>> {
        let mut read = |token| {
            self.state_reads.fetch_add(1, Ordering::Relaxed);
            self.directory.get(token)
        };
        let current = read(tokens.current);
        let before = tokens.before.and_then(&mut read);
        current.or(before)
    }

    /// The record of an organisation that has a pseudonym under a purpose, while it is of the person that has the other one. Every record of the
    /// organisation is looked at, once for each pseudonym: nobody keeps a list of pseudonyms, and this is asked when a reader doubts a link.
    ///
    /// # Errors
    /// When the purpose is none, or its key cannot be had.
    pub fn by_pseudonyms(
        &self,
        purpose: &str,
        organisation: &Organisation,
        (handle, person): (HandlePseudonym, Pseudonym),
    ) -> Result<Option<Arc<PersonRecord>>, CallError> {
        let key = self.purpose_key(purpose, FIRST_KEY_ID)?;
        let is = |record: &PersonRecord| {
            record.organisation == *organisation && key.handle(record.handle) == handle
        };
        let named = (purpose.to_owned(), handle);
        let known = self.doubted.read().get(&named).copied();
        let known = known.and_then(|token| self.directory.get(token));
        let found = known
            .filter(|record| is(record))
            .or_else(|| self.directory.find(is));
        if let Some(record) = &found {
            self.doubted.write().insert(named, record.token);
        }
        Ok(found.filter(|record| key.person(record.person) == person))
    }

    /// Reads of the directory so far.
    pub fn state_reads(&self) -> u64 {
        self.state_reads.load(Ordering::Relaxed)
    }

    /// Whether a pseudonym is the subject's.
    ///
    /// # Errors
    /// When a field is not of its form or the purpose's key cannot be had.
    pub fn matches(&self, item: &MatchItem) -> Result<bool, CallError> {
        let wrong =
            |field: &str, problem: &str| CallError::Invalid(vec![violation(field, problem)]);
        let subject: [u8; 16] = item
            .subject
            .as_slice()
            .try_into()
            .map_err(|_| wrong("subject", "expected 16 bytes"))?;
        let key = self.purpose_key(&item.purpose, &item.key_id)?;
        let expected: [u8; 16] = match item.kind.as_str() {
            "PERSON" => key.person(PersonId::new(subject)).to_bytes(),
            "HANDLE" => key.handle(Handle::new(subject)).to_bytes(),
            "EVENT" => {
                let organisation = item
                    .organisation
                    .parse()
                    .map_err(|_| wrong("organisation", "expected scheme:code"))?;
                let event: EventId = item
                    .event_id
                    .parse()
                    .map_err(|_| wrong("event_id", "expected a UUID"))?;
                *key.event(&organisation, Handle::new(subject), event)
                    .as_bytes()
            }
            _ => return Err(wrong("kind", "expected PERSON, HANDLE or EVENT")),
        };
        Ok(expected.as_slice() == item.pseudonym)
    }

    fn agency_keys(&self, agency: &str) -> Result<AgencyKeys, CallError> {
        if let Some(keys) = self.agencies.read().get(agency) {
            return Ok(keys.clone());
        }
        let current = self.keys.agency(agency).map_err(CallError::Key)?;
        let before = self.keys.agency_before(agency).map_err(CallError::Key)?;
        let keys = AgencyKeys {
            current: Key::new(*current.as_bytes()),
            before: before.map(|key| Key::new(*key.as_bytes())),
        };
        self.agencies
            .write()
            .insert(agency.to_owned(), keys.clone());
        Ok(keys)
    }

    fn purpose_key(&self, purpose: &str, key_id: &str) -> Result<PurposeKey, CallError> {
        let name = (purpose.to_owned(), key_id.to_owned());
        if let Some(key) = self.purposes.read().get(&name) {
            return Ok(key.clone());
        }
        if Purpose::new(purpose).is_err() || !topics::PURPOSES.contains(&purpose) {
            let known = topics::PURPOSES.join(" or ");
            return Err(CallError::Invalid(vec![violation(
                "purpose",
                &format!("expected {known}"),
            )]));
        }
        let secret = self.keys.purpose(purpose, key_id).map_err(CallError::Key)?;
        let key = PurposeKey::new(Key::new(*secret.as_bytes()));
        self.purposes.write().insert(name, key.clone());
        Ok(key)
    }
}

pub(crate) fn violation(field: &str, description: &str) -> Violation {
    Violation {
        field: field.to_owned(),
        rule_id: "FIELD_UNREADABLE".to_owned(),
        description: description.to_owned(),
    }
}
