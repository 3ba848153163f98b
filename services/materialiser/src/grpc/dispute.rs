//! Disputes as readers make them and as the organisations that events are from answer them.

use super::Service;
use super::decide::answered;
use super::form::{Faults, acting, case_of};
use super::glass::{number, organisation};
use crate::answer::{Served, Subject};
use crate::clock::{self, timestamp};
use crate::dispute::{Behind, stands};
use crate::error::ReadError;
use std::sync::Arc;
use uuid::Uuid;
use walbrook_domain::{HandlePseudonym, Precision};
use walbrook_proto::audit::v1::{Dispute, DisputeAnswer};
use walbrook_proto::common::v1::Date;
use walbrook_proto::view::v1 as proto;
use walbrook_proto::view::v1::dispute_item::Occurred;
use walbrook_runtime::callers::{Principal, role};
use walbrook_view::Viewer;
use walbrook_view::dispute::{ANSWERS, Disputed, KINDS, STANDS, WRONG_FACT, WRONG_PERSON};

/// Disputes of one answer at most.
const MOST_LISTED: usize = 500;

impl Service {
    pub(super) async fn dispute(
        &self,
        principal: &Principal,
        request: proto::DisputeCellRequest,
    ) -> Result<proto::DisputeCellResponse, ReadError> {
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
        let evaluated_at = read.evaluated_at.as_ref().and_then(clock::instant);
        let row = answered(read, named).zip(evaluated_at);
        let (row, evaluated_at) = row.ok_or(ReadError::NoSuchRead)?;
        let person = row.person_pseudonym.as_slice().try_into();
        let person = person.map_err(|_| ReadError::NoSuchRead)?;
        let behind = Behind {
            person,
            column: &request.column,
            event_id: &request.event_id,
            evaluated_at,
            case_named: !context.case_reference.is_empty(),
        };
        let said = (viewer, read_id.to_string(), row.person_pseudonym);
        self.dispute_once(&served, &request, said, &behind).await
    }

    /// Puts the dispute on record, one after another in this process: saying it twice makes one.
    async fn dispute_once(
        &self,
        served: &Arc<Served>,
        request: &proto::DisputeCellRequest,
        (viewer, read_id, person_pseudonym): (Viewer, String, Vec<u8>),
        behind: &Behind<'_>,
    ) -> Result<proto::DisputeCellResponse, ReadError> {
        let _turn = self.turn.lock().await;
        self.reads.ledger().caught_up().await?;
        let organisation = viewer.organisation.to_string();
        if let Some(open) = self.open(&organisation, served, request) {
            return Ok(open);
        }
        let now = clock::now();
        let basis = self.reads.behind(served, &viewer, behind, now)?;
        let basis = basis.ok_or(ReadError::NoSuchEvent)?;
        if basis.alone && request.kind == WRONG_PERSON {
            return Err(ReadError::NotLinked);
        }
        let context = request.context.clone().unwrap_or_default();
        let dispute = Dispute {
            dispute_id: Uuid::new_v4().to_string(),
            read_id,
            officer: viewer.reader,
            organisation,
            role: viewer.role,
            purpose: served.view.purpose.to_string(),
            view: served.view.name.clone(),
            view_sha256: served.view.sha256.to_vec(),
            case_reference: case_of(context.case_reference),
            person_pseudonym,
            kind: request.kind.clone(),
            column: request.column.clone(),
            event_id: basis.evidence.event.to_string(),
            handle_pseudonym: basis.evidence.handle.as_bytes().to_vec(),
            event_type: basis.evidence.event_type.to_string(),
            source_organisation: basis.evidence.source.to_string(),
            applied: basis.applied,
            agreements_next: basis.agreements_next,
            disputed_at: Some(timestamp(now)),
        };
        let offset = self.reads.audit().dispute(&dispute, now).await?;
        self.reads.read_through(offset).await;
        Ok(proto::DisputeCellResponse {
            dispute_id: dispute.dispute_id,
            disputed_at: dispute.disputed_at,
        })
    }

    /// The same dispute of the same organisation, while nobody has answered it.
    fn open(
        &self,
        organisation: &str,
        served: &Served,
        request: &proto::DisputeCellRequest,
    ) -> Option<proto::DisputeCellResponse> {
        let disputes = self.reads.ledger().disputes();
        let same = |one: &&Disputed| {
            let dispute = &one.dispute;
            let said = (&dispute.view, &dispute.kind, &dispute.column);
            one.waits()
                && dispute.organisation == organisation
                && said == (&request.view, &request.kind, &request.column)
                && dispute.event_id.eq_ignore_ascii_case(&request.event_id)
                && stands(served, one).is_some()
        };
        let one = disputes.all().find(same)?;
        Some(proto::DisputeCellResponse {
            dispute_id: one.dispute.dispute_id.clone(),
            disputed_at: one.dispute.disputed_at,
        })
    }

    pub(super) async fn disputes(
        &self,
        principal: &Principal,
        request: proto::ListDisputesRequest,
    ) -> Result<proto::ListDisputesResponse, ReadError> {
        let mut faults = Faults::default();
        let served = self.view(&request.view, &mut faults);
        let served = faults.end(served)?;
        let organisation = organisation(principal)?;
        let handle = match &request.local {
            None => None,
            Some(local) => Some(self.own_record(principal, &served, local).await?),
        };
        self.reads.ledger().caught_up().await?;
        let disputes = self.reads.ledger().disputes();
        let mine = |one: &&Disputed| {
            let dispute = &one.dispute;
            dispute.view == served.view.name
                && (dispute.source_organisation == organisation
                    || dispute.organisation == organisation)
                && handle.is_none_or(|handle| handle == one.handle)
        };
        let mut items: Vec<proto::DisputeItem> = disputes
            .all()
            .filter(mine)
            .map(|one| item(&served, one, &organisation))
            .collect();
        let waits = |item: &&proto::DisputeItem| {
            item.state == WAITING
                && item.kind == WRONG_FACT
                && item.source_organisation == organisation
        };
        let waiting = number(items.iter().filter(waits).count());
        items.retain(|item| !request.open_only || item.state == WAITING);
        let micros = |item: &proto::DisputeItem| {
            let at = item.disputed_at.as_ref();
            at.map(|at| std::cmp::Reverse((at.seconds, at.nanos)))
        };
        items.sort_by_key(micros);
        items.truncate(MOST_LISTED);
        Ok(proto::ListDisputesResponse {
            disputes: items,
            waiting,
        })
    }

    /// The pseudonym of a record of the caller's organisation, as identity says it: one that nobody has where it may not say.
    async fn own_record(
        &self,
        principal: &Principal,
        served: &Served,
        local: &proto::LocalRecord,
    ) -> Result<HandlePseudonym, ReadError> {
        let viewer = Viewer {
            organisation: principal
                .organisation
                .parse()
                .map_err(|_| ReadError::Organisation)?,
            role: role::CONTROL.to_owned(),
            reader: principal.subject.clone(),
        };
        let purpose = &served.view.purpose;
        let found = self.identity.resolve(&viewer, local, purpose, "").await;
        match found.map_err(ReadError::Identity)? {
            Subject::OwnRecord(_, handle) => Ok(handle),
            _ => Err(ReadError::Work),
        }
    }

    pub(super) async fn settle(
        &self,
        principal: &Principal,
        request: proto::AnswerDisputeRequest,
    ) -> Result<proto::AnswerDisputeResponse, ReadError> {
        let mut faults = Faults::default();
        let served = self.view(&request.view, &mut faults);
        if !ANSWERS.contains(&request.answer.as_str()) {
            let known = ANSWERS.join(", ");
            faults.add("answer", "WORD_UNKNOWN", &format!("one of {known}"));
        }
        let served = faults.end(served)?;
        let organisation = organisation(principal)?;
        let _turn = self.turn.lock().await;
        self.reads.ledger().caught_up().await?;
        let disputes = self.reads.ledger().disputes();
        let own = |one: &&Disputed| {
            let dispute = &one.dispute;
            dispute.view == served.view.name
                && dispute.kind == WRONG_FACT
                && dispute.source_organisation == organisation
        };
        let disputed = disputes.get(&request.dispute_id).filter(own);
        let disputed = disputed.ok_or(ReadError::NoSuchDispute)?;
        let before = disputed.answer.as_ref().map(|one| one.answer.as_str());
        if before.is_some_and(|before| before == STANDS || before == request.answer) {
            return Err(ReadError::AnsweredAlready);
        }
        let now = clock::now();
        let answer = DisputeAnswer {
            answer_id: Uuid::new_v4().to_string(),
            dispute_id: request.dispute_id,
            organisation,
            answered_by: principal.subject.clone(),
            role: role::CONTROL.to_owned(),
            purpose: served.view.purpose.to_string(),
            view: served.view.name.clone(),
            answer: request.answer,
            answered_at: Some(timestamp(now)),
        };
        let offset = self.reads.audit().answer(&answer, now).await?;
        self.reads.read_through(offset).await;
        Ok(proto::AnswerDisputeResponse {
            answered_at: answer.answered_at,
        })
    }
}

const WAITING: &str = "WAITING";

/// Closed words and names of the view alone.
fn words(request: &proto::DisputeCellRequest, served: Option<&Served>, faults: &mut Faults) {
    if !KINDS.contains(&request.kind.as_str()) {
        let known = KINDS.join(", ");
        faults.add("kind", "WORD_UNKNOWN", &format!("one of {known}"));
    }
    if Uuid::parse_str(&request.event_id).is_err() {
        faults.add(
            "event_id",
            "EVENT_ID",
            "take it from an explanation of the row",
        );
    }
    let Some(served) = served else {
        return;
    };
    let mut columns = served.view.columns.iter();
    if !columns.any(|column| column.output == request.column) {
        faults.add("column", "COLUMN_UNKNOWN", "a column of the view by name");
    }
}

/// A dispute as one of the two organisations sees it; when the event happened is said to the one it is from.
fn item(served: &Served, one: &Disputed, organisation: &str) -> proto::DisputeItem {
    let dispute = &one.dispute;
    let now = stands(served, one);
    let state = match (&one.answer, now) {
        (Some(answer), _) => format!("ANSWERED_{}", answer.answer),
        (None, None) => "GONE".to_owned(),
        (None, Some(_)) => WAITING.to_owned(),
    };
    let occurred = now.filter(|_| dispute.source_organisation == organisation);
    let occurred = occurred.and_then(|stands| match stands.precision {
        Precision::Day => Date::from_days(stands.occurred_at.london_day().0).map(Occurred::On),
        _ => Some(Occurred::At(timestamp(stands.occurred_at))),
    });
    let answer = one.answer.as_ref();
    proto::DisputeItem {
        dispute_id: dispute.dispute_id.clone(),
        kind: dispute.kind.clone(),
        column: dispute.column.clone(),
        event_id: dispute.event_id.clone(),
        event_type: dispute.event_type.clone(),
        source_organisation: dispute.source_organisation.clone(),
        disputed_by: dispute.organisation.clone(),
        disputed_at: dispute.disputed_at,
        occurred,
        state,
        answered_by: answer
            .map(|one| one.organisation.clone())
            .unwrap_or_default(),
        answered_at: answer.and_then(|one| one.answered_at),
    }
}
