use std::time::SystemTime;

use super::CallerError;

/// A caller, as its credential describes it. The one type that every service takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The organisation it acts for, `GSS:E09000007`.
    pub organisation: String,
    /// The person or system, by a name that the organisation gave.
    pub subject: String,
    /// What it is, within that organisation.
    pub roles: Vec<String>,
    /// Producers: the event types it may send.
    pub events: EventPatterns,
    /// The token's own id, for records of who did what.
    pub token_id: String,
    /// When the token ends. A stream that outlives it must be ended.
    pub expires_at: SystemTime,
}

impl Principal {
    /// Whether it has the role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    /// Demands that the token still holds, for calls that last.
    ///
    /// # Errors
    /// `Expired` when it does not.
    pub fn require_unexpired(&self, now: SystemTime) -> Result<(), CallerError> {
        if now < self.expires_at {
            return Ok(());
        }
        Err(CallerError::Expired)
    }

    /// Demands a role.
    ///
    /// # Errors
    /// `WrongRole` when it has not got it.
    pub fn require_role(&self, role: &str) -> Result<(), CallerError> {
        self.require_any_role(&[role])
    }

    /// Demands one of several roles.
    ///
    /// # Errors
    /// `WrongRole` when it has none of them.
    pub fn require_any_role(&self, roles: &[&str]) -> Result<(), CallerError> {
        if roles.iter().any(|role| self.has_role(role)) {
            return Ok(());
        }
        Err(CallerError::WrongRole {
            needed: roles.join(" or "),
        })
    }

    /// Demands that an organisation named in a message is the caller's own; a message that names none is fine.
    ///
    /// # Errors
    /// `WrongOrganisation` when it is another.
    pub fn require_organisation(&self, named: Option<&str>) -> Result<(), CallerError> {
        match named {
            Some(named) if named != self.organisation => Err(CallerError::WrongOrganisation),
            _ => Ok(()),
        }
    }

    /// Demands that a producer's token covers the event type.
    ///
    /// # Errors
    /// `WrongEventType` when it does not.
    pub fn require_event(&self, event_type: &str) -> Result<(), CallerError> {
        if self.events.allow(event_type) {
            return Ok(());
        }
        Err(CallerError::WrongEventType {
            event_type: event_type.to_owned(),
        })
    }
}

/// The event types a producer may send: exact names (`police.MissingEpisode`), an agency's (`police.*`), or all (`*`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventPatterns(Vec<String>);

impl EventPatterns {
    /// From the token's list.
    #[must_use]
    pub fn new(patterns: Vec<String>) -> Self {
        Self(patterns)
    }

    /// Whether a type is covered. No pattern covers nothing.
    #[must_use]
    pub fn allow(&self, event_type: &str) -> bool {
        self.0
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                // `*` alone, or `agency.*`: a star never stands within a name.
                Some("") => true,
                Some(prefix) => prefix.ends_with('.') && event_type.starts_with(prefix),
                None => pattern == event_type,
            })
    }
}
