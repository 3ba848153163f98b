//! The form of requests: everything that is wrong with one, at once.

use crate::answer::Subject;
use crate::clock;
use crate::error::ReadError;
use crate::identity::Identity;
use prost_types::Timestamp;
use uuid::Uuid;
use walbrook_domain::{Instant, Pseudonym, Purpose};
use walbrook_proto::view::v1 as proto;
use walbrook_runtime::callers::Principal;
use walbrook_runtime::status::Violation;
use walbrook_view::Viewer;
use walbrook_view::glass::REASONS;

const MOST_TEXT: usize = 200;

/// Whom a request names, before anybody was asked.
pub enum Named {
    /// By pseudonym.
    Person(Pseudonym),
    /// By a record of the reader's own organisation.
    Local(proto::LocalRecord),
}

impl Named {
    /// The person, asked of identity where a record is named. A reader who does not act in a role of its token has nobody asked.
    ///
    /// # Errors
    /// When identity does not answer.
    pub async fn subject(
        self,
        identity: &Identity,
        (viewer, role_held): (&Viewer, bool),
        purpose: &Purpose,
        read_id: &str,
    ) -> Result<Subject, ReadError> {
        match self {
            Named::Person(pseudonym) => Ok(Subject::Person(pseudonym)),
            Named::Local(_) if !role_held => Ok(Subject::Unknown),
            Named::Local(local) => identity
                .resolve(viewer, &local, purpose, read_id)
                .await
                .map_err(ReadError::Identity),
        }
    }
}

/// Who reads: everything from the token but the role, which must be one of the token's. Whether it is, is told: a wrong role is on record too.
pub fn viewer(
    principal: &Principal,
    context: &proto::ReadContext,
) -> Result<(Viewer, bool), ReadError> {
    let organisation = principal
        .organisation
        .parse()
        .map_err(|_| ReadError::Organisation)?;
    let role_held = principal.has_role(&context.role);
    let viewer = Viewer {
        organisation,
        role: context.role.clone(),
        reader: principal.subject.clone(),
    };
    Ok((viewer, role_held))
}

/// Who acts in a role of its token: nobody else may.
pub fn acting(principal: &Principal, context: &proto::ReadContext) -> Result<Viewer, ReadError> {
    match viewer(principal, context)? {
        (viewer, true) => Ok(viewer),
        (_, false) => Err(ReadError::RoleMissing),
    }
}

/// The case that a request names.
pub fn case_of(reference: String) -> Option<String> {
    Some(reference).filter(|text| !text.is_empty())
}

/// What is wrong with a request, all at once.
#[derive(Default)]
pub struct Faults(Vec<Violation>);

impl Faults {
    /// Notes a fault.
    pub fn add(&mut self, field: &str, rule: &str, description: &str) {
        self.0.push(Violation {
            field: field.to_owned(),
            rule_id: rule.to_owned(),
            description: description.to_owned(),
        });
    }

    /// The instant asked for; now when there is none.
    pub fn instant(&mut self, at: Option<&Timestamp>) -> Option<Instant> {
        let instant = match at {
            None => Some(clock::now()),
            Some(at) => clock::instant(at),
        };
        if instant.is_none() {
            self.add("evaluate_at", "INSTANT", "this is no instant");
        }
        instant
    }

    /// Role and case reference.
    pub fn context(&mut self, context: &proto::ReadContext) {
        self.known(context);
        if context.role.is_empty() || context.role.len() > MOST_TEXT {
            self.add(
                "context.role",
                "REQUIRED",
                "name the role you act in, one of the token's",
            );
        }
        let case = &context.case_reference;
        let plain = case
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_/.:".contains(&byte));
        if case.len() > MOST_TEXT || !plain {
            self.add(
                "context.case_reference",
                "REFERENCE",
                "letters, digits and - _ / . : only, at most 200: a reference, never a name",
            );
        }
    }

    /// How everything stands, as the reader was told it before.
    fn known(&mut self, context: &proto::ReadContext) {
        if ![0, 16].contains(&context.known_standing.len()) {
            self.add(
                "context.known_standing",
                "LENGTH",
                "`facts.standing` of an earlier answer, 16 bytes, or nothing",
            );
        }
    }

    /// The reason of a break-glass that is to be begun; a case is named with it.
    pub fn break_glass(&mut self, reason: &str, context: &proto::ReadContext) -> Option<String> {
        if reason.is_empty() {
            return None;
        }
        if !REASONS.contains(&reason) {
            let known = REASONS.join(", ");
            self.add("break_glass", "WORD_UNKNOWN", &format!("one of {known}"));
        }
        if context.case_reference.is_empty() {
            self.add(
                "context.case_reference",
                "REQUIRED",
                "the case that the glass is broken for",
            );
        }
        Some(reason.to_owned())
    }

    /// The person a request names; `None` with the fault noted.
    pub fn person(
        &mut self,
        pseudonym: Option<&[u8]>,
        local: Option<&proto::LocalRecord>,
    ) -> Option<Named> {
        match (pseudonym, local) {
            (Some(bytes), _) => self.pseudonym(bytes).map(Named::Person),
            (None, Some(local)) => {
                self.local(local);
                Some(Named::Local(local.clone()))
            }
            (None, None) => {
                self.add("subject", "REQUIRED", "name a local record or a pseudonym");
                None
            }
        }
    }

    /// A pseudonym.
    pub fn pseudonym(&mut self, bytes: &[u8]) -> Option<Pseudonym> {
        let pseudonym = Pseudonym::try_from(bytes).ok();
        if pseudonym.is_none() {
            self.add("pseudonym", "LENGTH", "a pseudonym has 16 bytes");
        }
        pseudonym
    }

    /// The read that something rests on.
    pub fn read_id(&mut self, text: &str) -> Option<Uuid> {
        let read_id = Uuid::parse_str(text).ok();
        if read_id.is_none() {
            self.add("read_id", "READ_ID", "take it from the answer of a read");
        }
        read_id
    }

    /// Whose row of that read; `None` where nobody is named.
    pub fn of_read(&mut self, pseudonym: &[u8]) -> Option<Pseudonym> {
        match pseudonym {
            [] => None,
            bytes => self.pseudonym(bytes),
        }
    }

    fn local(&mut self, local: &proto::LocalRecord) {
        for (field, text) in [
            ("local.agency", &local.agency),
            ("local.id_scheme", &local.id_scheme),
            ("local.local_id", &local.local_id),
        ] {
            if text.is_empty() || text.len() > MOST_TEXT {
                self.add(field, "REQUIRED", "1 to 200 bytes");
            }
        }
    }

    /// The parts of a request without a fault.
    ///
    /// # Errors
    /// Every fault noted.
    pub fn end<T>(self, parts: Option<T>) -> Result<T, ReadError> {
        match parts {
            Some(parts) if self.0.is_empty() => Ok(parts),
            _ => Err(ReadError::Invalid(self.0)),
        }
    }
}
