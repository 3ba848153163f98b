//! What an officer decided about somebody whose row was read.

use super::Service;
use super::form::{Faults, acting, case_of};
use crate::answer::Served;
use crate::error::ReadError;
use uuid::Uuid;
use walbrook_domain::Pseudonym;
use walbrook_proto::audit::v1::{AnsweredRow, OfficerDecision, ReadRecord};
use walbrook_proto::view::v1 as proto;
use walbrook_runtime::callers::Principal;
use walbrook_view::Viewer;
use walbrook_view::decision::{DECISIONS, REASONS};

/// Columns and rules weighed at most.
const MOST_WEIGHED: usize = 64;

impl Service {
    pub(super) async fn decide(
        &self,
        principal: &Principal,
        request: proto::RecordDecisionRequest,
    ) -> Result<proto::RecordDecisionResponse, ReadError> {
        let mut faults = Faults::default();
        let served = self.view(&request.view, &mut faults);
        let context = request.context.clone().unwrap_or_default();
        faults.context(&context);
        let named = faults.of_read(&request.pseudonym);
        let read_id = faults.read_id(&request.read_id);
        words(&request, served.as_deref(), &mut faults);
        let (served, read_id) = faults.end(served.zip(read_id))?;
        let viewer = acting(principal, &context)?;
        let read = self.own_read(&served, &viewer, read_id).await?;
        let row = answered(read, named).ok_or(ReadError::NoSuchRead)?;
        let organisation = viewer.organisation.to_string();
        let decision = OfficerDecision {
            decision_id: Uuid::new_v4().to_string(),
            read_id: read_id.to_string(),
            officer: viewer.reader,
            organisation,
            role: viewer.role,
            purpose: served.view.purpose.to_string(),
            view: served.view.name.clone(),
            case_reference: case_of(context.case_reference),
            person_pseudonym: row.person_pseudonym,
            row_sha256: row.row_sha256,
            decision: request.decision,
            reason: request.reason,
            weighed: request.weighed,
            departs: request.departs,
            decided_at: None,
        };
        let decided_at = self.reads.decided(decision.clone()).await?;
        Ok(proto::RecordDecisionResponse {
            decision_id: decision.decision_id,
            decided_at: Some(decided_at),
        })
    }
}

impl Service {
    /// A read of the viewer's organisation in this view.
    pub(super) async fn own_read(
        &self,
        served: &Served,
        viewer: &Viewer,
        read_id: Uuid,
    ) -> Result<ReadRecord, ReadError> {
        let organisation = viewer.organisation.to_string();
        let read = self.reads.ledger().read(read_id).await?;
        let read = read.filter(|read| {
            read.organisation == organisation
                && read.view == served.view.name
                && read.purpose == served.view.purpose.as_str()
        });
        read.ok_or(ReadError::NoSuchRead)
    }
}

/// The row that a read answered with: of the person named, or the only one.
pub(super) fn answered(read: ReadRecord, named: Option<Pseudonym>) -> Option<AnsweredRow> {
    let mut rows = read.answered;
    match named {
        Some(person) => rows
            .into_iter()
            .find(|row| row.person_pseudonym == person.as_bytes()),
        None if rows.len() == 1 => rows.pop(),
        None => None,
    }
}

/// Closed words, and names of the view alone: no text about people.
fn words(request: &proto::RecordDecisionRequest, served: Option<&Served>, faults: &mut Faults) {
    for (field, word, known) in [
        ("decision", &request.decision, DECISIONS.as_slice()),
        ("reason", &request.reason, REASONS.as_slice()),
    ] {
        if !known.contains(&word.as_str()) {
            let known = known.join(", ");
            faults.add(field, "WORD_UNKNOWN", &format!("one of {known}"));
        }
    }
    let Some(served) = served else {
        return;
    };
    let of_view = |name: &String| {
        let mut columns = served.view.columns.iter();
        let mut rules = served.view.rules.iter();
        columns.any(|column| column.output == *name) || rules.any(|rule| rule.id == *name)
    };
    if request.weighed.len() > MOST_WEIGHED || !request.weighed.iter().all(of_view) {
        faults.add(
            "weighed",
            "NAME_UNKNOWN",
            "columns and rules of the view by name, at most 64",
        );
    }
}
