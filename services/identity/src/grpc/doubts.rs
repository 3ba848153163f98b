//! Links that a reader doubts: the materialiser knows pseudonyms alone, and only here is there a key that says which record it is.

use super::Service;
use crate::error::CallError;
use crate::linkage::{Answer, Command, Doubt, Doubted};
use crate::lookup::violation;
use std::sync::Arc;
use walbrook_domain::{HandlePseudonym, Instant, Organisation, Pseudonym};
use walbrook_proto::audit::v1::LookupRecord;
use walbrook_proto::identity::v1 as proto;
use walbrook_runtime::callers::Principal;

const APART: &str = "APART";
const KEPT: &str = "KEPT";
const WAITING: &str = "WAITING";

impl Service {
    /// Lets a doubted link wait for a reviewer, or says how it stands. A new doubt is on record before it is answered.
    pub(super) async fn doubt(
        &self,
        caller: &Principal,
        request: proto::DoubtLinkRequest,
    ) -> Result<proto::DoubtLinkResponse, CallError> {
        let asked = Asked::read(&request)?;
        self.desk.fresh().await?;
        let (lookup, purpose) = (Arc::clone(&self.lookup), request.purpose.clone());
        let (organisation, named) = (asked.organisation, (asked.handle, asked.person));
        let found = tokio::task::spawn_blocking(move || {
            lookup.by_pseudonyms(&purpose, &organisation, named)
        });
        let found = found.await.map_err(|_| CallError::NotReady)??;
        let standing = match found {
            None => Doubted::Apart,
            Some(record) => {
                let doubt = Doubt {
                    handle: record.handle,
                    person: record.person,
                    by: asked.by,
                    at: asked.at,
                };
                match self.ask(Command::Doubt(Box::new(doubt))).await? {
                    Answer::Doubted(standing) => standing,
                    _ => return Err(CallError::NotWritten),
                }
            }
        };
        if standing == Doubted::Waiting(true) {
            let lookup = LookupRecord {
                operation: "DOUBT".to_owned(),
                caller: super::by(caller),
                organisation: request.disputed_by,
                purpose: request.purpose,
                subject: request.handle_pseudonym,
                items: 1,
                outcome: "ASKED".to_owned(),
                reason: request.dispute_id,
                ..LookupRecord::default()
            };
            self.lookups.record(lookup, self.clock.now()).await?;
        }
        let standing = match standing {
            Doubted::Waiting(_) => WAITING,
            Doubted::Kept => KEPT,
            Doubted::Apart => APART,
        };
        Ok(proto::DoubtLinkResponse {
            standing: standing.to_owned(),
        })
    }
}

/// What is asked, checked for form.
struct Asked {
    organisation: Organisation,
    handle: HandlePseudonym,
    person: Pseudonym,
    by: Organisation,
    at: Instant,
}

impl Asked {
    fn read(request: &proto::DoubtLinkRequest) -> Result<Self, CallError> {
        let mut violations = Vec::new();
        let mut need = |field: &str, problem: &str, there: bool| {
            if !there {
                violations.push(violation(field, problem));
            }
        };
        let organisation = request.organisation.parse().ok();
        let by = request.disputed_by.parse().ok();
        let handle = HandlePseudonym::try_from(request.handle_pseudonym.as_slice()).ok();
        let person = Pseudonym::try_from(request.person_pseudonym.as_slice()).ok();
        let at = request.disputed_at.as_ref();
        let at = at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
        need(
            "organisation",
            "expected scheme:code",
            organisation.is_some(),
        );
        need("disputed_by", "expected scheme:code", by.is_some());
        need("handle_pseudonym", "expected 16 bytes", handle.is_some());
        need("person_pseudonym", "expected 16 bytes", person.is_some());
        need("disputed_at", "expected an instant", at.is_some());
        match (organisation, by, handle, person, at) {
            (Some(organisation), Some(by), Some(handle), Some(person), Some(at)) => Ok(Self {
                organisation,
                handle,
                person,
                by,
                at,
            }),
            _ => Err(CallError::Invalid(violations)),
        }
    }
}
