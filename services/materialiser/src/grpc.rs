//! The gRPC face: requests checked for form, answers as messages.

mod count;
mod decide;
mod dispute;
mod face;
mod form;
mod glass;
mod notices;
mod person;
mod rows;
mod topics;
mod watch;

use crate::answer::{Reads, Served};
use crate::identity::Identity;
use crate::notices::Notices;
use crate::publish::topic::Topics;
use crate::watch::{Told, Watches};
pub use face::Face;
use form::Faults;
use std::sync::Arc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use walbrook_proto::view::v1 as proto;
use walbrook_proto::view::v1::views_server::Views;
use walbrook_runtime::callers;

/// Answers of a watch as messages.
type Messages = std::pin::Pin<
    Box<dyn tokio_stream::Stream<Item = Result<proto::WatchRowsResponse, Status>> + Send>,
>;

/// The service.
pub struct Service {
    reads: Arc<Reads>,
    watches: Watches,
    identity: Identity,
    notices: Arc<Notices>,
    topics: Arc<Topics>,
    /// Held from looking at what is on record to the record that rests on it.
    turn: tokio::sync::Mutex<()>,
}

impl Service {
    /// Answers through these.
    pub fn new(
        reads: Arc<Reads>,
        watches: Watches,
        identity: Identity,
        (notices, topics): (Arc<Notices>, Arc<Topics>),
    ) -> Self {
        Self {
            reads,
            watches,
            identity,
            notices,
            topics,
            turn: tokio::sync::Mutex::default(),
        }
    }

    fn view(&self, name: &str, faults: &mut Faults) -> Option<Arc<Served>> {
        let served = self.reads.view(name);
        if served.is_none() {
            let views = self.reads.board().views();
            let names: Vec<&str> = views.iter().map(|one| one.view.name.as_str()).collect();
            faults.add(
                "view",
                "VIEW_UNKNOWN",
                &format!("there is no such view; there are {}", names.join(", ")),
            );
        }
        served
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
        request: Request<proto::ExplainRowRequest>,
    ) -> Result<Response<proto::ExplainRowResponse>, Status> {
        let principal = callers::principal(&request)?;
        Ok(Response::new(
            self.explain(&principal, request.into_inner()).await?,
        ))
    }

    type WatchRowsStream = Messages;

    /// The same that [`Face`] tells, answer by answer as messages.
    async fn watch_rows(
        &self,
        request: Request<proto::WatchRowsRequest>,
    ) -> Result<Response<Self::WatchRowsStream>, Status> {
        let principal = callers::principal(&request)?;
        let told = self.watch(&principal, request.into_inner()).await?;
        let read = |told: Result<Told, Status>| {
            let message = told?.message();
            message.map_err(|error| Status::internal(error.to_string()))
        };
        Ok(Response::new(Box::pin(told.map(read))))
    }

    async fn record_decision(
        &self,
        request: Request<proto::RecordDecisionRequest>,
    ) -> Result<Response<proto::RecordDecisionResponse>, Status> {
        let principal = callers::principal(&request)?;
        Ok(Response::new(
            self.decide(&principal, request.into_inner()).await?,
        ))
    }

    async fn count_rows(
        &self,
        request: Request<proto::CountRowsRequest>,
    ) -> Result<Response<proto::CountRowsResponse>, Status> {
        let principal = callers::principal(&request)?;
        Ok(Response::new(
            self.count(&principal, request.into_inner()).await?,
        ))
    }

    async fn list_break_glass(
        &self,
        request: Request<proto::ListBreakGlassRequest>,
    ) -> Result<Response<proto::ListBreakGlassResponse>, Status> {
        let principal = callers::principal(&request)?;
        principal.require_role(callers::role::SUPERVISOR)?;
        Ok(Response::new(
            self.glasses(&principal, request.into_inner()).await?,
        ))
    }

    async fn review_break_glass(
        &self,
        request: Request<proto::ReviewBreakGlassRequest>,
    ) -> Result<Response<proto::ReviewBreakGlassResponse>, Status> {
        let principal = callers::principal(&request)?;
        principal.require_role(callers::role::SUPERVISOR)?;
        Ok(Response::new(
            self.review(&principal, request.into_inner()).await?,
        ))
    }

    async fn dispute_cell(
        &self,
        request: Request<proto::DisputeCellRequest>,
    ) -> Result<Response<proto::DisputeCellResponse>, Status> {
        let principal = callers::principal(&request)?;
        Ok(Response::new(
            self.dispute(&principal, request.into_inner()).await?,
        ))
    }

    async fn list_disputes(
        &self,
        request: Request<proto::ListDisputesRequest>,
    ) -> Result<Response<proto::ListDisputesResponse>, Status> {
        let principal = callers::principal(&request)?;
        principal.require_role(callers::role::CONTROL)?;
        Ok(Response::new(
            self.disputes(&principal, request.into_inner()).await?,
        ))
    }

    async fn answer_dispute(
        &self,
        request: Request<proto::AnswerDisputeRequest>,
    ) -> Result<Response<proto::AnswerDisputeResponse>, Status> {
        let principal = callers::principal(&request)?;
        principal.require_role(callers::role::CONTROL)?;
        Ok(Response::new(
            self.settle(&principal, request.into_inner()).await?,
        ))
    }

    async fn list_notices(
        &self,
        request: Request<proto::ListNoticesRequest>,
    ) -> Result<Response<proto::ListNoticesResponse>, Status> {
        let principal = callers::principal(&request)?;
        Ok(Response::new(
            self.notices(&principal, request.into_inner()).await?,
        ))
    }

    type WatchNoticesStream = ReceiverStream<Result<proto::WatchNoticesResponse, Status>>;

    async fn watch_notices(
        &self,
        request: Request<proto::WatchNoticesRequest>,
    ) -> Result<Response<Self::WatchNoticesStream>, Status> {
        let principal = callers::principal(&request)?;
        Ok(Response::new(
            self.watch_told(&principal, request.into_inner()).await?,
        ))
    }

    async fn list_topics(
        &self,
        request: Request<proto::ListTopicsRequest>,
    ) -> Result<Response<proto::ListTopicsResponse>, Status> {
        let principal = callers::principal(&request)?;
        Ok(Response::new(self.topics(&principal).await?))
    }

    async fn acknowledge_notice(
        &self,
        request: Request<proto::AcknowledgeNoticeRequest>,
    ) -> Result<Response<proto::AcknowledgeNoticeResponse>, Status> {
        let principal = callers::principal(&request)?;
        Ok(Response::new(
            self.acknowledge(&principal, request.into_inner()).await?,
        ))
    }
}
