//! Rows of many.

use super::Service;
use super::form::{Faults, case_of, viewer};
use crate::answer::{Ask, Served, Subject};
use crate::convert;
use crate::error::ReadError;
use crate::token::PageToken;
use walbrook_domain::Instant;
use walbrook_proto::view::v1 as proto;
use walbrook_runtime::callers::Principal;
use walbrook_view::condition::Condition;
use walbrook_view::order::Order;
use walbrook_view::query::Query;

const DEFAULT_PAGE: u32 = 50;
const MOST_ROWS: u32 = 500;
const MOST_CONDITION: usize = 1_000;

impl Service {
    pub(super) async fn list(
        &self,
        principal: &Principal,
        request: proto::ListRowsRequest,
    ) -> Result<proto::ListRowsResponse, ReadError> {
        let mut faults = Faults::default();
        let served = self.view(&request.view, &mut faults);
        let context = request.context.clone().unwrap_or_default();
        let evaluated_at = faults.instant(request.evaluate_at.as_ref());
        faults.context(&context);
        if request.page_size > MOST_ROWS {
            faults.add("page_size", "RANGE", "a page has at most 500 rows");
        }
        let wanted = served
            .as_deref()
            .zip(evaluated_at)
            .map(|(served, at)| Wanted::read(&request, served, at, &mut faults));
        let ((served, evaluated_at), wanted) = faults.end(served.zip(evaluated_at).zip(wanted))?;
        let (viewer, role_held) = viewer(principal, &context)?;
        let limit = if request.page_size == 0 {
            DEFAULT_PAGE
        } else {
            request.page_size
        };
        let token = wanted.token;
        let query = Query {
            limit,
            order: wanted.order.clone(),
            only: request.r#where.clone(),
            ..Query::one()
        };
        let role = viewer.role.clone();
        let ask = Ask {
            read_id: uuid::Uuid::new_v4().to_string(),
            viewer,
            case_reference: case_of(context.case_reference),
            operation: "LIST",
            subject: Subject::Everyone,
            evaluated_at: token
                .as_ref()
                .map_or(evaluated_at, |token| token.evaluated_at),
            query: Query {
                after: token.map(|token| token.after),
                ..query.clone()
            },
            only: wanted.only,
            role_held,
            glass: None,
        };
        let mut answer = self.reads.answer(&served, ask).await?;
        let last = answer.rows.last().filter(|_| answer.more);
        let next = last.map(|last| {
            let token = PageToken {
                evaluated_at: answer.evaluated_at,
                after: wanted.order.after(last),
            };
            token.text(&served.view, &query)
        });
        let rows = std::mem::take(&mut answer.rows);
        Ok(proto::ListRowsResponse {
            rows: rows.into_iter().map(convert::row).collect(),
            next_page_token: next.unwrap_or_default(),
            facts: Some(convert::facts(
                &answer,
                &served.view,
                &role,
                &context.known_standing,
            )),
            total: u32::try_from(answer.total).unwrap_or(u32::MAX),
        })
    }
}

/// Which rows, in what order, from where.
struct Wanted {
    only: Option<Condition>,
    order: Order,
    token: Option<PageToken>,
}

impl Wanted {
    fn read(
        request: &proto::ListRowsRequest,
        served: &Served,
        evaluated_at: Instant,
        faults: &mut Faults,
    ) -> Self {
        let mut wanted = Self {
            only: None,
            order: Order {
                column: Some(request.order_by.clone()).filter(|column| !column.is_empty()),
                descending: request.descending,
            },
            token: None,
        };
        if request.r#where.len() > MOST_CONDITION {
            faults.add("where", "RANGE", "a condition has at most 1,000 bytes");
        } else if !request.r#where.is_empty() {
            match Condition::over_outputs(&request.r#where, &served.columns) {
                Ok(condition) => wanted.only = Some(condition),
                Err(problem) => faults.add("where", "CONDITION", &problem),
            }
        }
        match &wanted.order.column {
            Some(column) if !served.columns.contains_key(column) => {
                let known: Vec<&str> = served.columns.keys().map(String::as_str).collect();
                let known = known.join(", ");
                faults.add(
                    "order_by",
                    "COLUMN_UNKNOWN",
                    &format!("there is no such column; there are {known}"),
                );
            }
            None if wanted.order.descending => faults.add(
                "descending",
                "ORDER",
                "say order_by too: without it the most points come first",
            ),
            _ => {}
        }
        if !request.page_token.is_empty() {
            let question = Query {
                order: wanted.order.clone(),
                only: request.r#where.clone(),
                ..Query::one()
            };
            let token = PageToken::read(&request.page_token, &served.view, &question);
            wanted.token = token.filter(|token| {
                request.evaluate_at.is_none() || evaluated_at == token.evaluated_at
            });
            if wanted.token.is_none() {
                faults.add(
                    "page_token",
                    "PAGE_TOKEN",
                    "the token is of another question; begin again without one",
                );
            }
        }
        wanted
    }
}
