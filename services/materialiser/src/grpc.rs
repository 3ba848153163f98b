//! The gRPC face: requests checked for form, answers as messages.

use crate::answer::{Ask, Reads, Served, Subject};
use crate::clock;
use crate::convert;
use crate::error::ReadError;
use crate::identity::Identity;
use crate::token::PageToken;
use prost_types::Timestamp;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use walbrook_domain::{Instant, Pseudonym};
use walbrook_proto::view::v1 as proto;
use walbrook_proto::view::v1::get_row_request::Subject as Asked;
use walbrook_proto::view::v1::views_server::Views;
use walbrook_runtime::callers::{self, Principal};
use walbrook_runtime::status::Violation;
use walbrook_view::Viewer;
use walbrook_view::query::{After, Query};

const DEFAULT_PAGE: u32 = 50;
const MOST_ROWS: u32 = 500;
const MOST_TEXT: usize = 200;

/// The service.
pub struct Service {
    reads: Arc<Reads>,
    identity: Identity,
}

impl Service {
    /// Answers through these.
    pub const fn new(reads: Arc<Reads>, identity: Identity) -> Self {
        Self { reads, identity }
    }

    async fn get(
        &self,
        principal: &Principal,
        request: proto::GetRowRequest,
    ) -> Result<proto::GetRowResponse, ReadError> {
        let mut faults = Faults::default();
        let served = self.view(&request.view, &mut faults);
        let context = request.context.unwrap_or_default();
        let evaluated_at = faults.instant(request.evaluate_at.as_ref());
        faults.context(&context);
        let pseudonym = match &request.subject {
            None => {
                faults.add("subject", "REQUIRED", "name a local record or a pseudonym");
                None
            }
            Some(Asked::Pseudonym(bytes)) => {
                let pseudonym = Pseudonym::try_from(bytes.as_slice()).ok();
                if pseudonym.is_none() {
                    faults.add("pseudonym", "LENGTH", "a pseudonym has 16 bytes");
                }
                pseudonym
            }
            Some(Asked::Local(local)) => {
                faults.local(local);
                None
            }
        };
        let (served, evaluated_at) = faults.end(served, evaluated_at)?;
        let (viewer, role_held) = viewer(principal, &context)?;
        let read_id = uuid::Uuid::new_v4().to_string();
        let subject = match (pseudonym, request.subject) {
            (Some(pseudonym), _) => Subject::Person(pseudonym),
            (None, Some(Asked::Local(local))) if role_held => self
                .identity
                .resolve(&viewer, &local, &served.view.purpose, &read_id)
                .await
                .map_err(ReadError::Identity)?,
            _ => Subject::Unknown,
        };
        let ask = Ask {
            read_id,
            viewer,
            case_reference: Some(context.case_reference).filter(|text| !text.is_empty()),
            operation: "GET",
            subject,
            evaluated_at,
            query: query(1, None),
            role_held,
        };
        let answer = self.reads.answer(&served, ask).await?;
        Ok(proto::GetRowResponse {
            row: answer.rows.first().map(convert::row),
            facts: Some(convert::facts(&answer, &served.view)),
        })
    }

    async fn list(
        &self,
        principal: &Principal,
        request: proto::ListRowsRequest,
    ) -> Result<proto::ListRowsResponse, ReadError> {
        let mut faults = Faults::default();
        let served = self.view(&request.view, &mut faults);
        let context = request.context.unwrap_or_default();
        let evaluated_at = faults.instant(request.evaluate_at.as_ref());
        faults.context(&context);
        if request.page_size > MOST_ROWS {
            faults.add("page_size", "RANGE", "a page has at most 500 rows");
        }
        let token = match (&served, request.page_token.as_str()) {
            (_, "") | (None, _) => None,
            (Some(served), text) => {
                let token = PageToken::read(text, &served.view);
                let fits = token.is_some_and(|token| {
                    request.evaluate_at.is_none() || evaluated_at == Some(token.evaluated_at)
                });
                if !fits {
                    faults.add(
                        "page_token",
                        "PAGE_TOKEN",
                        "the token is of another question; begin again without one",
                    );
                }
                token
            }
        };
        let (served, evaluated_at) = faults.end(served, evaluated_at)?;
        let (viewer, role_held) = viewer(principal, &context)?;
        let limit = if request.page_size == 0 {
            DEFAULT_PAGE
        } else {
            request.page_size
        };
        let ask = Ask {
            read_id: uuid::Uuid::new_v4().to_string(),
            viewer,
            case_reference: Some(context.case_reference).filter(|text| !text.is_empty()),
            operation: "LIST",
            subject: Subject::Everyone,
            evaluated_at: token.map_or(evaluated_at, |token| token.evaluated_at),
            query: query(limit, token.map(|token| token.after)),
            role_held,
        };
        let answer = self.reads.answer(&served, ask).await?;
        let next = answer
            .rows
            .last()
            .filter(|_| answer.more)
            .map(|last| PageToken {
                evaluated_at: answer.evaluated_at,
                after: After {
                    points_hundredths: last.points_hundredths,
                    pseudonym: last.pseudonym,
                },
            });
        Ok(proto::ListRowsResponse {
            rows: answer.rows.iter().map(convert::row).collect(),
            next_page_token: next.map(|next| next.text(&served.view)).unwrap_or_default(),
            facts: Some(convert::facts(&answer, &served.view)),
            total: u32::try_from(answer.total).unwrap_or(u32::MAX),
        })
    }

    fn view(&self, name: &str, faults: &mut Faults) -> Option<Arc<Served>> {
        let served = self.reads.view(name).cloned();
        if served.is_none() {
            let names: Vec<&str> = self.reads.views().map(|view| view.name.as_str()).collect();
            faults.add(
                "view",
                "VIEW_UNKNOWN",
                &format!("there is no such view; there are {}", names.join(", ")),
            );
        }
        served
    }
}

fn query(limit: u32, after: Option<After>) -> Query {
    Query {
        read_at: Instant(0),
        limit,
        after,
    }
}

/// Who reads: everything from the token but the role, which must be one of the token's. Whether it is, is told: a wrong role is on record too.
fn viewer(
    principal: &Principal,
    context: &proto::ReadContext,
) -> Result<(Viewer, bool), ReadError> {
    let organisation = principal
        .organisation
        .parse()
        .map_err(|_| ReadError::Organisation)?;
    let role_held = principal.has_role(&context.role);
    let viewer = Viewer {
        organisation,
        role: context.role.clone(),
        reader: principal.subject.clone(),
    };
    Ok((viewer, role_held))
}

/// What is wrong with a request, all at once.
#[derive(Default)]
struct Faults(Vec<Violation>);

impl Faults {
    fn add(&mut self, field: &str, rule: &str, description: &str) {
        self.0.push(Violation {
            field: field.to_owned(),
            rule_id: rule.to_owned(),
            description: description.to_owned(),
        });
    }

    fn instant(&mut self, at: Option<&Timestamp>) -> Option<Instant> {
        let instant = match at {
            None => Some(clock::now()),
            Some(at) => clock::instant(at),
        };
        if instant.is_none() {
            self.add("evaluate_at", "INSTANT", "this is no instant");
        }
        instant
    }

    fn context(&mut self, context: &proto::ReadContext) {
        if context.role.is_empty() || context.role.len() > MOST_TEXT {
            self.add(
                "context.role",
                "REQUIRED",
                "name the role you act in, one of the token's",
            );
        }
        let case = &context.case_reference;
        let plain = case
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_/.:".contains(&byte));
        if case.len() > MOST_TEXT || !plain {
            self.add(
                "context.case_reference",
                "REFERENCE",
                "letters, digits and - _ / . : only, at most 200: a reference, never a name",
            );
        }
    }

    fn local(&mut self, local: &proto::LocalRecord) {
        for (field, text) in [
            ("local.agency", &local.agency),
            ("local.id_scheme", &local.id_scheme),
            ("local.local_id", &local.local_id),
        ] {
            if text.is_empty() || text.len() > MOST_TEXT {
                self.add(field, "REQUIRED", "1 to 200 bytes");
            }
        }
    }

    fn end<A, B>(self, a: Option<A>, b: Option<B>) -> Result<(A, B), ReadError> {
        match (a, b) {
            (Some(a), Some(b)) if self.0.is_empty() => Ok((a, b)),
            _ => Err(ReadError::Invalid(self.0)),
        }
    }
}

#[tonic::async_trait]
impl Views for Service {
    async fn get_row(
        &self,
        request: Request<proto::GetRowRequest>,
    ) -> Result<Response<proto::GetRowResponse>, Status> {
        let principal = callers::principal(&request)?;
        Ok(Response::new(
            self.get(&principal, request.into_inner()).await?,
        ))
    }

    async fn list_rows(
        &self,
        request: Request<proto::ListRowsRequest>,
    ) -> Result<Response<proto::ListRowsResponse>, Status> {
        let principal = callers::principal(&request)?;
        Ok(Response::new(
            self.list(&principal, request.into_inner()).await?,
        ))
    }

    async fn explain_row(
        &self,
        _request: Request<proto::ExplainRowRequest>,
    ) -> Result<Response<proto::ExplainRowResponse>, Status> {
        Err(Status::unimplemented("not served yet"))
    }

    type WatchRowsStream =
        tokio_stream::wrappers::ReceiverStream<Result<proto::WatchRowsResponse, Status>>;

    async fn watch_rows(
        &self,
        _request: Request<proto::WatchRowsRequest>,
    ) -> Result<Response<Self::WatchRowsStream>, Status> {
        Err(Status::unimplemented("not served yet"))
    }

    async fn record_decision(
        &self,
        _request: Request<proto::RecordDecisionRequest>,
    ) -> Result<Response<proto::RecordDecisionResponse>, Status> {
        Err(Status::unimplemented("not served yet"))
    }

    async fn count_rows(
        &self,
        request: Request<proto::CountRowsRequest>,
    ) -> Result<Response<proto::CountRowsResponse>, Status> {
        callers::principal(&request)?;
        Err(Status::unimplemented(
            "no view is offered in cohort mode yet",
        ))
    }
}
