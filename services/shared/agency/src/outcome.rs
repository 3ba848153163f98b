//! What becomes of an event, and how it is told.

use walbrook_domain::Instant;
use walbrook_eventlog::TopicPartition;
use walbrook_proto::common::v1 as wire;
use walbrook_runtime::callers::CallerError;
use walbrook_runtime::status::{Coded, Violation};

use crate::schedule::{self, NotScheduled};
use crate::{Finding, Findings};

/// What became of one event.
pub(crate) type Fate = Result<wire::Receipt, RejectedEvent>;

/// An event that is not accepted: its id as far as it has one, and why.
pub(crate) type RejectedEvent = (String, Rejected);

/// Why one event is not accepted.
#[derive(Debug)]
pub(crate) enum Rejected {
    /// Its sender may not send it.
    Caller(CallerError, &'static str),
    /// Its organisation does not publish such events.
    Schedule(NotScheduled),
    /// It breaks rules.
    Rules(Findings),
}

impl Rejected {
    /// All reasons, as the caller reads them.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Caller(error, field) => vec![Violation {
                field: (*field).to_owned(),
                rule_id: error.reason().to_owned(),
                description: error.to_string(),
            }],
            Self::Schedule(error) => vec![Violation {
                field: "body".to_owned(),
                rule_id: schedule::RULE.to_owned(),
                description: error.to_string(),
            }],
            Self::Rules(findings) => findings.refusals().iter().map(violation).collect(),
        }
    }

    /// Ids of the rules broken, for counting.
    pub(crate) fn rules(&self) -> Vec<&'static str> {
        match self {
            Self::Caller(error, _) => vec![error.reason()],
            Self::Schedule(_) => vec![schedule::RULE],
            Self::Rules(findings) => findings
                .refusals()
                .iter()
                .map(|finding| finding.rule.id)
                .collect(),
        }
    }

    /// The refusal, as a message of its own.
    pub(crate) fn refusal(&self) -> wire::Refusal {
        let violation = |violation: Violation| wire::Violation {
            field: violation.field,
            rule_id: violation.rule_id,
            description: violation.description,
        };
        let violations = self.violations().into_iter().map(violation).collect();
        wire::Refusal { violations }
    }

    /// The outcome of an event in a frame.
    pub(crate) fn outcome(&self, event_id: String) -> wire::EventOutcome {
        let refusal = wire::event_outcome::Outcome::Refusal(self.refusal());
        wire::EventOutcome {
            event_id,
            outcome: Some(refusal),
        }
    }
}

fn violation(finding: &Finding) -> Violation {
    Violation {
        field: finding.field.clone(),
        rule_id: finding.rule.id.to_owned(),
        description: finding.description.to_string(),
    }
}

/// What a receipt will say once the log has acknowledged.
#[derive(Debug)]
pub(crate) struct Awaiting {
    pub(crate) event_id: String,
    pub(crate) event_type: &'static str,
    pub(crate) queries: Vec<Finding>,
}

impl Awaiting {
    /// The receipt for where the log put the event.
    pub(crate) fn receipt(
        self,
        plain_topic: &str,
        at: &TopicPartition,
        offset: i64,
        now: Instant,
    ) -> wire::Receipt {
        wire::Receipt {
            event_id: self.event_id,
            receipt_id: format!("{plain_topic}/{}/{offset}", at.partition),
            accepted_at: Some(timestamp(now)),
            queries: self.queries.into_iter().map(note).collect(),
        }
    }
}

/// What looked wrong and did not stop it.
pub(crate) fn note(finding: Finding) -> wire::QueryNote {
    wire::QueryNote {
        rule_id: finding.rule.id.to_owned(),
        field: finding.field,
        message: finding.description.into_owned(),
    }
}

pub(crate) fn timestamp(at: Instant) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.micros().div_euclid(1_000_000),
        nanos: i32::try_from(at.micros().rem_euclid(1_000_000)).unwrap_or(0) * 1_000,
    }
}

impl From<NotScheduled> for Rejected {
    fn from(error: NotScheduled) -> Self {
        Self::Schedule(error)
    }
}
