//! Whether the corrected event really stands on the log, under the same id and of the same organisation.

use crate::quarantine::fold::Entry;
use crate::quarantine::place::Place;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{EventId, Organisation};
use walbrook_event::headers;
use walbrook_eventlog::{Ends, LogError, Namespace, Reader, Record, TopicPartition};
use walbrook_runtime::status::{Code, Coded, Violation};

/// How long the log may take to show one record.
const WAIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// Why a resubmission is not believed, or cannot be looked into now.
#[derive(Debug, thiserror::Error)]
pub enum CorrectedError {
    /// No such quarantined record of the caller's.
    #[error(
        "your organisation has no quarantined record at {0}; `walbrook quarantine list` shows those it has"
    )]
    Unknown(String),
    /// A field of the request.
    #[error("{field}: {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The corrected event is on another agency's topic.
    #[error(
        "the receipt is for {found}, and the quarantined record stands on {wanted}: send the corrected event to the same agency's gateway"
    )]
    OtherTopic {
        /// The quarantined record's topic.
        wanted: &'static str,
        /// The receipt's.
        found: &'static str,
    },
    /// It is the quarantined record itself, or stands before it.
    #[error(
        "the receipt is for a record that was there before: send the corrected event first, and say its own receipt"
    )]
    NotLater,
    /// There is no such record.
    #[error("there is no record at {0}: say the receipt_id that the gateway answered")]
    Absent(Place),
    /// It is not the same event.
    #[error(
        "the record at {0} is not your organisation's event {1}: a corrected event keeps its organisation and its id"
    )]
    OtherEvent(Place, EventId),
    /// It stands in quarantine too.
    #[error("the event at {0} stands in quarantine itself: correct that one")]
    AgainUnreadable(Place),
    /// The log.
    #[error("the log does not answer; say it again, nothing was written")]
    Log(#[from] LogError),
}

impl Coded for CorrectedError {
    fn code(&self) -> Code {
        match self {
            Self::Unknown(_) | Self::Absent(_) => Code::NotFound,
            Self::Field { .. } => Code::Invalid,
            Self::OtherTopic { .. }
            | Self::NotLater
            | Self::OtherEvent(..)
            | Self::AgainUnreadable(_) => Code::Stale,
            Self::Log(_) => Code::Unavailable,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "NOT_FOUND",
            Self::Absent(_) => "NO_SUCH_RECORD",
            Self::Field { .. } => "REQUEST_INVALID",
            Self::OtherTopic { .. } => "OTHER_TOPIC",
            Self::NotLater => "NOT_LATER",
            Self::OtherEvent(..) => "OTHER_EVENT",
            Self::AgainUnreadable(_) => "UNREADABLE_TOO",
            Self::Log(_) => "LOG_UNAVAILABLE",
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Field { field, problem } => vec![Violation {
                field: (*field).to_owned(),
                rule_id: self.reason().to_owned(),
                description: problem.clone(),
            }],
            _ => Vec::new(),
        }
    }
}

/// What is said of a quarantined record.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The quarantined record.
    pub entry: Entry,
    /// Whose it is.
    pub organisation: Organisation,
    /// Where the corrected event is said to stand.
    pub place: Place,
    /// Its id.
    pub event: EventId,
}

impl Claim {
    /// What can be said without looking at the log.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), CorrectedError> {
        if self.place.topic != self.entry.place.topic {
            return Err(CorrectedError::OtherTopic {
                wanted: self.entry.place.topic,
                found: self.place.topic,
            });
        }
        // Another partition may number lower: the key was what was wrong.
        if self.place.partition == self.entry.place.partition
            && self.place.offset <= self.entry.place.offset
        {
            return Err(CorrectedError::NotLater);
        }
        if self.entry.event.is_some_and(|event| event != self.event) {
            return Err(CorrectedError::OtherEvent(self.place.clone(), self.event));
        }
        Ok(())
    }

    /// Holds the record found against what is said of it.
    ///
    /// # Errors
    /// When it is another event.
    pub fn hold(&self, found: Option<&Record>) -> Result<(), CorrectedError> {
        let record = found.ok_or_else(|| CorrectedError::Absent(self.place.clone()))?;
        let event = record.headers.text(headers::ID);
        let organisation = record.headers.text(headers::ORGANISATION);
        let same = event.and_then(|text| text.parse::<EventId>().ok()) == Some(self.event)
            && organisation
                .and_then(|text| text.parse::<Organisation>().ok())
                .as_ref()
                == Some(&self.organisation);
        if same {
            Ok(())
        } else {
            Err(CorrectedError::OtherEvent(self.place.clone(), self.event))
        }
    }
}

/// The raw record at a place; `None` when there is none.
///
/// # Errors
/// When the log does not answer.
pub fn look_up(
    reader: &mut dyn Reader,
    ends: &mut dyn Ends,
    namespace: &Namespace,
    place: &Place,
) -> Result<Option<Record>, LogError> {
    let at = TopicPartition::new(namespace.name(place.topic), place.partition);
    let end = ends.high_watermarks(std::slice::from_ref(&at), WAIT)?;
    if end.first().is_none_or(|end| place.offset >= *end) {
        return Ok(None);
    }
    reader.assign(&[(at.clone(), place.offset)])?;
    let deadline = Monotonic::now() + WAIT;
    let mut records = Vec::new();
    while records.is_empty() && reader.position(&at) == Some(place.offset) {
        if Monotonic::now() > deadline {
            return Err(LogError::new(
                walbrook_eventlog::Severity::Transient,
                "read",
                at.to_string(),
                "it gave nothing in time",
            ));
        }
        reader.poll(1, POLL, &mut records)?;
    }
    Ok(records
        .into_iter()
        .next()
        .filter(|record| record.offset == place.offset))
}
