//! The checks of a gateway by themselves: what is asked of one event before its subject is linked, and nothing else. For what
//! measures them.

use std::sync::Arc;

use walbrook_domain::{Instant, Organisation};
use walbrook_runtime::callers::{CallerError, Principal};

use crate::check::{Sender, validate};
use crate::head::{self, Stated};
use crate::schedule::Scheduled;
use crate::{Agency, Context, Findings, Schedules};

/// The checks of one sender's events.
#[derive(Debug)]
pub struct Checks {
    sender: Sender,
    scheduled: Option<Arc<Scheduled>>,
}

impl Checks {
    /// The checks of this caller's events, under what its organisation publishes now.
    ///
    /// # Errors
    /// When the caller may not publish.
    pub fn of(principal: Principal, schedules: &Schedules) -> Result<Self, CallerError> {
        let sender = Sender::of(Arc::new(principal))?;
        let scheduled = schedules.of(&sender.organisation);
        Ok(Self { sender, scheduled })
    }

    /// Whether an event would be accepted, given that its subject can be linked. Allocates nothing for one in which nothing is found.
    #[must_use]
    pub fn accept<A: Agency>(&self, event: &A::Event, now: Instant) -> bool {
        let Some(body) = A::body(event) else {
            return false;
        };
        let (scheduled, head) = (self.scheduled.as_deref(), A::head(event));
        let mut findings = Findings::new();
        let head = validate(&self.sender, scheduled, head, &body, now, &mut findings);
        head.is_ok() && !findings.refuses()
    }

    /// The Avro body of an event that would be accepted, and its record's name; `None` for one that would be refused.
    #[must_use]
    pub fn written<A: Agency>(
        &self,
        event: &A::Event,
        now: Instant,
    ) -> Option<(&'static str, Vec<u8>)> {
        let body = A::body(event).filter(|_| self.accept::<A>(event, now))?;
        Some((body.record, body.avro().ok()?))
    }
}

/// Everything that is found wrong with an event, by the rules for every head, for every body and of the agency; who may send what, and what is
/// published, is not asked.
#[must_use]
pub fn findings<A: Agency>(
    organisation: &Organisation,
    event: &A::Event,
    now: Instant,
) -> Findings {
    let mut findings = Findings::new();
    let Some(body) = A::body(event) else {
        findings.add(&head::BODY_MISSING, "body");
        return findings;
    };
    let head = head::read(A::head(event), body.subject, now, &mut findings);
    let context = Context {
        organisation,
        occurred: head.occurred.map(|occurred| occurred.at),
        occurred_day: head.occurred.map(|occurred| occurred.at.london_day()),
        birth_day: head.subject.as_ref().and_then(Stated::birth_day),
        datasets: None,
        today: now.london_day(),
        now,
    };
    body.check(&context, &mut findings);
    findings
}
