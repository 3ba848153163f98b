//! Why a row says what it says.

use super::Service;
use super::form::{Faults, viewer};
use crate::answer::{Ask, Served};
use crate::compute::EXPLAIN;
use crate::convert;
use crate::error::ReadError;
use walbrook_proto::view::v1 as proto;
use walbrook_proto::view::v1::explain_row_request::Subject as Asked;
use walbrook_runtime::callers::Principal;
use walbrook_view::query::Query;

impl Service {
    pub(super) async fn explain(
        &self,
        principal: &Principal,
        request: proto::ExplainRowRequest,
    ) -> Result<proto::ExplainRowResponse, ReadError> {
        let mut faults = Faults::default();
        let served = self.view(&request.view, &mut faults);
        let context = request.context.unwrap_or_default();
        let evaluated_at = faults.instant(request.evaluate_at.as_ref());
        faults.context(&context);
        let named = match &request.subject {
            Some(Asked::Pseudonym(bytes)) => faults.person(Some(bytes), None),
            Some(Asked::Local(local)) => faults.person(None, Some(local)),
            None => faults.person(None, None),
        };
        if let Some(served) = &served {
            columns(served, &request.columns, &mut faults);
        }
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
            case_reference: Some(context.case_reference).filter(|text| !text.is_empty()),
            operation: EXPLAIN,
            subject,
            evaluated_at,
            query: Query {
                columns: request.columns,
                ..Query::one()
            },
            only: None,
            role_held,
        };
        let answer = self.reads.answer(&served, ask).await?;
        Ok(convert::explained(&answer, &served.view, &role))
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
