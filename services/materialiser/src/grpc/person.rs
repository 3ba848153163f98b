//! One person's row, and why it says what it says.

use super::Service;
use super::form::{Faults, case_of, viewer};
use crate::answer::{Answer, Ask, BreakGlass, Served};
use crate::compute::EXPLAIN;
use crate::convert;
use crate::error::ReadError;
use std::sync::Arc;
use walbrook_proto::view::v1 as proto;
use walbrook_proto::view::v1::{explain_row_request, get_row_request};
use walbrook_runtime::callers::Principal;
use walbrook_view::query::Query;

/// What every request about one person says.
struct OnePerson {
    operation: &'static str,
    view: String,
    context: Option<proto::ReadContext>,
    pseudonym: Option<Vec<u8>>,
    local: Option<proto::LocalRecord>,
    evaluate_at: Option<prost_types::Timestamp>,
    columns: Vec<String>,
    break_glass: String,
}

/// An answer, from where, and to whom.
struct Answered {
    answer: Answer,
    served: Arc<Served>,
    role: String,
    known: Vec<u8>,
}

impl Answered {
    fn facts(&self) -> proto::AnswerFacts {
        convert::facts(&self.answer, &self.served.view, &self.role, &self.known)
    }
}

impl Service {
    pub(super) async fn get(
        &self,
        principal: &Principal,
        request: proto::GetRowRequest,
    ) -> Result<proto::GetRowResponse, ReadError> {
        use get_row_request::Subject;
        let (pseudonym, local) = match request.subject {
            Some(Subject::Pseudonym(bytes)) => (Some(bytes), None),
            Some(Subject::Local(local)) => (None, Some(local)),
            None => (None, None),
        };
        let asked = OnePerson {
            operation: "GET",
            view: request.view,
            context: request.context,
            pseudonym,
            local,
            evaluate_at: request.evaluate_at,
            columns: Vec::new(),
            break_glass: request.break_glass,
        };
        let mut answered = self.one(principal, asked).await?;
        let rows = std::mem::take(&mut answered.answer.rows);
        Ok(proto::GetRowResponse {
            row: rows.into_iter().next().map(convert::row),
            facts: Some(answered.facts()),
        })
    }

    pub(super) async fn explain(
        &self,
        principal: &Principal,
        request: proto::ExplainRowRequest,
    ) -> Result<proto::ExplainRowResponse, ReadError> {
        use explain_row_request::Subject;
        let (pseudonym, local) = match request.subject {
            Some(Subject::Pseudonym(bytes)) => (Some(bytes), None),
            Some(Subject::Local(local)) => (None, Some(local)),
            None => (None, None),
        };
        let asked = OnePerson {
            operation: EXPLAIN,
            view: request.view,
            context: request.context,
            pseudonym,
            local,
            evaluate_at: request.evaluate_at,
            columns: request.columns,
            break_glass: request.break_glass,
        };
        let answered = self.one(principal, asked).await?;
        Ok(convert::explained(&answered.answer, answered.facts()))
    }

    async fn one(&self, principal: &Principal, asked: OnePerson) -> Result<Answered, ReadError> {
        let mut faults = Faults::default();
        let served = self.view(&asked.view, &mut faults);
        let context = asked.context.unwrap_or_default();
        let evaluated_at = faults.instant(asked.evaluate_at.as_ref());
        faults.context(&context);
        let named = faults.person(asked.pseudonym.as_deref(), asked.local.as_ref());
        if let Some(served) = &served {
            columns(served, &asked.columns, &mut faults);
        }
        let glass = faults.break_glass(&asked.break_glass, &context);
        let ((served, evaluated_at), named) = faults.end(served.zip(evaluated_at).zip(named))?;
        let (viewer, role_held) = viewer(principal, &context)?;
        let read_id = uuid::Uuid::new_v4().to_string();
        let asking = (&viewer, role_held);
        let subject = named
            .subject(&self.identity, asking, &served.view.purpose, &read_id)
            .await?;
        let role = viewer.role.clone();
        let ask = Ask {
            read_id,
            viewer,
            case_reference: case_of(context.case_reference),
            operation: asked.operation,
            subject,
            evaluated_at,
            query: Query {
                columns: asked.columns,
                ..Query::one()
            },
            only: None,
            role_held,
            glass: glass.map(|reason| BreakGlass {
                reason,
                holds_micros: self.reads.glass_holds_micros(),
            }),
        };
        let answer = self.reads.answer(&served, ask).await?;
        Ok(Answered {
            answer,
            served,
            role,
            known: context.known_standing,
        })
    }
}

fn columns(served: &Served, asked: &[String], faults: &mut Faults) {
    let known = || {
        served
            .view
            .columns
            .iter()
            .map(|column| column.output.as_str())
    };
    let unknown = asked
        .iter()
        .any(|asked| known().all(|known| known != asked));
    if unknown || asked.len() > served.view.columns.len() {
        let known: Vec<&str> = known().collect();
        faults.add(
            "columns",
            "COLUMN_UNKNOWN",
            &format!("columns of the view, each once: {}", known.join(", ")),
        );
    }
}
