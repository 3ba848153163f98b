//! Look-ups by an organisation's own id: tokens and pseudonyms under keys of the key store.

use crate::error::CallError;
use crate::linkage::{Directory, Entry, Token};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant as Monotonic;
use walbrook_domain::HandlePseudonym;
use walbrook_domain::{EventId, Handle, Organisation, PersonId, Pseudonym, Purpose};
use walbrook_event::{Key, PurposeKey, lookup_token};
use walbrook_eventlog::topics;
use walbrook_proto::identity::v1::{HandleForRequest, MatchItem};
use walbrook_runtime::keystore::{FIRST_KEY_ID, KeyStore};
use walbrook_runtime::status::Violation;

/// Who a record is, for the one organisation that asks by its own id.
pub struct Lookup {
    keys: Arc<dyn KeyStore>,
    agencies: RwLock<HashMap<String, Key>>,
    purposes: RwLock<HashMap<(String, String), PurposeKey>>,
    directory: Arc<Directory>,
    allowance: Allowance,
}

impl Lookup {
    /// Look-ups in a directory; each organisation may make so many for reading in a second.
    pub fn new(keys: Arc<dyn KeyStore>, directory: Arc<Directory>, per_second: u32) -> Self {
        Self {
            keys,
            agencies: RwLock::default(),
            purposes: RwLock::default(),
            directory,
            allowance: Allowance {
                per_second: f64::from(per_second),
                left: Mutex::default(),
            },
        }
    }

    /// The lookup token of an organisation's own id.
    ///
    /// # Errors
    /// When a field is not of its form, or the agency's key cannot be had.
    pub fn token(&self, request: &HandleForRequest) -> Result<Token, CallError> {
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
                "expected police, health, housing, tfl or social-care",
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
        let key = self.agency_key(&request.agency)?;
        Ok(Token(lookup_token(
            &key,
            &organisation,
            &request.id_scheme,
            &request.local_id,
        )))
    }

    /// The handle of an organisation's own record.
    ///
    /// # Errors
    /// As [`Lookup::token`].
    pub fn handle(&self, request: &HandleForRequest) -> Result<Option<Handle>, CallError> {
        let token = self.token(request)?;
        Ok(self.directory.get(token).map(|entry| entry.handle))
    }

    /// Purpose pseudonyms of an organisation's own record. Unknown and known records cost the same work.
    ///
    /// # Errors
    /// As [`Lookup::token`], or when the organisation has made too many look-ups, or the purpose's key cannot be had.
    pub fn pseudonyms(
        &self,
        request: &HandleForRequest,
        purpose: &str,
        now: Monotonic,
    ) -> Result<Option<(Pseudonym, HandlePseudonym)>, CallError> {
        let token = self.token(request)?;
        if !self.allowance.take(&request.organisation, now) {
            return Err(CallError::TooMany);
        }
        let purpose = self.purpose_key(purpose, FIRST_KEY_ID)?;
        let entry: Option<Entry> = self.directory.get(token);
        let (handle, person) = entry
            .as_ref()
            .map_or((Handle::new([0; 16]), PersonId::new([0; 16])), |entry| {
                (entry.handle, entry.person)
            });
        let answer = (purpose.person(person), purpose.handle(handle));
        Ok(entry.is_some().then_some(answer))
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

    fn agency_key(&self, agency: &str) -> Result<Key, CallError> {
        if let Some(key) = self.agencies.read().get(agency) {
            return Ok(key.clone());
        }
        let key = Key::new(*self.keys.agency(agency).map_err(CallError::Key)?.as_bytes());
        self.agencies.write().insert(agency.to_owned(), key.clone());
        Ok(key)
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

/// A bucket for each organisation: it holds one second's look-ups.
struct Allowance {
    per_second: f64,
    left: Mutex<HashMap<String, (f64, Monotonic)>>,
}

impl Allowance {
    fn take(&self, organisation: &str, now: Monotonic) -> bool {
        let mut left = self.left.lock();
        let (tokens, since) = left
            .entry(organisation.to_owned())
            .or_insert((self.per_second, now));
        let refill = now.saturating_duration_since(*since).as_secs_f64() * self.per_second;
        *tokens = (*tokens + refill).min(self.per_second);
        *since = now;
        let allowed = *tokens >= 1.0;
        if allowed {
            *tokens -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_organisation_has_an_allowance_of_its_own() {
        let allowance = Allowance {
            per_second: 2.0,
            left: Mutex::default(),
        };
        let now = Monotonic::now();
        let taken: Vec<bool> = (0..3)
            .map(|_| allowance.take("GSS:E09000007", now))
            .collect();
        assert_eq!(taken, [true, true, false]);
        assert!(allowance.take("GSS:E09000012", now));
        assert!(allowance.take("GSS:E09000007", now + Duration::from_millis(500)));
    }
}
