//! An organisation says who its subjects are before there is an event about them: a patient index, a tenant list.
//!
//! What is said goes to identity as it does with an event, through the same rules, and nowhere else: no record is written. Nobody is told anything about
//! anybody: without an accepted event a record is in no view, and look-ups do not find it. An organisation that publishes nothing about persons through
//! this service has no reason to name any.

use tonic::{Request, Response, Status};
use walbrook_proto::avro::SubjectOf;
use walbrook_proto::common::v1 as wire;
use walbrook_proto::common::v1::enrol_outcome::Outcome;
use walbrook_runtime::callers::principal;
use walbrook_runtime::status::Coded as _;

use crate::check::Sender;
use crate::error::GatewayError;
use crate::head::{self, SubjectRef};
use crate::outcome::{Rejected, note};
use crate::schedule::{NotScheduled, Scheduled};
use crate::{Agency, Findings, Gateway};

/// The service that takes it, beside each agency's own.
pub struct Enrolments<A>(pub Gateway<A>);

#[tonic::async_trait]
impl<A: Agency> wire::enrolments_server::Enrolments for Enrolments<A> {
    async fn enrol(
        &self,
        request: Request<wire::EnrolRequest>,
    ) -> Result<Response<wire::EnrolResponse>, Status> {
        let sender = Sender::of(principal(&request)?)?;
        let subjects = request.into_inner().subjects;
        let enrolled = self.0.enrol(&sender, &subjects).await;
        if let Err(error) = &enrolled {
            self.0.shared.numbers.failed(error.reason());
        }
        let outcomes = enrolled?;
        Ok(Response::new(wire::EnrolResponse { outcomes }))
    }
}

impl<A: Agency> Gateway<A> {
    async fn enrol(
        &self,
        sender: &Sender,
        subjects: &[wire::Subject],
    ) -> Result<Vec<wire::EnrolOutcome>, GatewayError> {
        let shared = &self.shared;
        let most = shared.limits.events_per_frame;
        if subjects.len() > most {
            let found = subjects.len();
            return Err(GatewayError::TooManySubjects { found, most });
        }
        let now = (shared.clock)();
        sender.require_unexpired(now)?;
        // Before anything is read of a person.
        require_reason::<A>(sender, shared.schedules.of(&sender.organisation).as_deref())?;
        let mut asked: Vec<SubjectRef> = Vec::new();
        let mut fates = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let mut findings = Findings::new();
            let stated = head::enrolled(subject, now, &mut findings);
            match stated.filter(|_| !findings.refuses()) {
                Some(stated) => asked.push(stated.into()),
                None => shared.numbers.refused_all(&findings),
            }
            fates.push(findings);
        }
        // When this returns, the link record of each is acknowledged.
        let handles = shared.linker.handles(&sender.organisation, asked).await;
        let mut handles = handles.map_err(GatewayError::Identity)?.into_iter();
        let outcomes = fates.into_iter().map(|mut findings| {
            let known = findings.refuses() || handles.next().is_some_and(|answer| answer.is_ok());
            if !known {
                findings.add(&head::DEMOGRAPHICS_NEEDED, "subject.demographics");
                shared.numbers.refused(head::DEMOGRAPHICS_NEEDED.id);
            }
            outcome(findings)
        });
        let outcomes: Vec<_> = outcomes.collect();
        let enrolled =
            |one: &&wire::EnrolOutcome| matches!(one.outcome, Some(Outcome::Enrolled(_)));
        shared
            .numbers
            .enrolled(outcomes.iter().filter(enrolled).count());
        Ok(outcomes)
    }
}

/// The organisation publishes some event type about a person here, and the caller may send it.
fn require_reason<A: Agency>(
    sender: &Sender,
    scheduled: Option<&Scheduled>,
) -> Result<(), GatewayError> {
    let about_persons = |event_type: &&str| {
        let event = walbrook_proto::event(event_type).and_then(|info| info.event);
        event.is_some_and(|event| {
            event.agency == A::NAME && matches!(event.subject, SubjectOf::Person)
        })
    };
    let published = scheduled.map(Scheduled::event_types).into_iter().flatten();
    let mut denied = None;
    for event_type in published.filter(about_persons) {
        match sender.require_event(event_type) {
            Ok(()) => return Ok(()),
            Err(error) => denied = Some(error),
        }
    }
    Err(match denied {
        Some(error) => GatewayError::Caller(error),
        None => GatewayError::NotScheduled {
            cause: NotScheduled::Nobody {
                organisation: sender.organisation.clone(),
                agency: A::NAME,
            },
        },
    })
}

fn outcome(findings: Findings) -> wire::EnrolOutcome {
    let outcome = if findings.refuses() {
        Outcome::Refusal(Rejected::Rules(findings).refusal())
    } else {
        let queries = findings.queries().iter().cloned().map(note).collect();
        Outcome::Enrolled(wire::Enrolled { queries })
    };
    wire::EnrolOutcome {
        outcome: Some(outcome),
    }
}
