//! The gRPC face: requests checked for form, answers as messages.

mod count;
mod decide;
mod form;
mod person;
mod rows;
mod watch;

use crate::answer::{Reads, Served};
use crate::identity::Identity;
use crate::watch::Watches;
use form::Faults;
use std::sync::Arc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use walbrook_proto::view::v1 as proto;
use walbrook_proto::view::v1::views_server::Views;
use walbrook_runtime::callers;

/// The service.
pub struct Service {
    reads: Arc<Reads>,
    watches: Watches,
    identity: Identity,
}

impl Service {
    /// Answers through these.
    pub const fn new(reads: Arc<Reads>, watches: Watches, identity: Identity) -> Self {
        Self {
            reads,
            watches,
            identity,
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

    type WatchRowsStream = ReceiverStream<Result<proto::WatchRowsResponse, Status>>;

    async fn watch_rows(
        &self,
        request: Request<proto::WatchRowsRequest>,
    ) -> Result<Response<Self::WatchRowsStream>, Status> {
        let principal = callers::principal(&request)?;
        Ok(Response::new(
            self.watch(&principal, request.into_inner()).await?,
        ))
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
        _request: Request<proto::ListBreakGlassRequest>,
    ) -> Result<Response<proto::ListBreakGlassResponse>, Status> {
        Err(Status::unimplemented("list_break_glass"))
    }

    async fn review_break_glass(
        &self,
        _request: Request<proto::ReviewBreakGlassRequest>,
    ) -> Result<Response<proto::ReviewBreakGlassResponse>, Status> {
        Err(Status::unimplemented("review_break_glass"))
    }

    async fn dispute_cell(
        &self,
        _request: Request<proto::DisputeCellRequest>,
    ) -> Result<Response<proto::DisputeCellResponse>, Status> {
        Err(Status::unimplemented("dispute_cell"))
    }

    async fn list_disputes(
        &self,
        _request: Request<proto::ListDisputesRequest>,
    ) -> Result<Response<proto::ListDisputesResponse>, Status> {
        Err(Status::unimplemented("list_disputes"))
    }

    async fn answer_dispute(
        &self,
        _request: Request<proto::AnswerDisputeRequest>,
    ) -> Result<Response<proto::AnswerDisputeResponse>, Status> {
        Err(Status::unimplemented("answer_dispute"))
    }

    async fn list_notices(
        &self,
        _request: Request<proto::ListNoticesRequest>,
    ) -> Result<Response<proto::ListNoticesResponse>, Status> {
        Err(Status::unimplemented("list_notices"))
    }

    type WatchNoticesStream = ReceiverStream<Result<proto::WatchNoticesResponse, Status>>;

    async fn watch_notices(
        &self,
        _request: Request<proto::WatchNoticesRequest>,
    ) -> Result<Response<Self::WatchNoticesStream>, Status> {
        Err(Status::unimplemented("watch_notices"))
    }

    async fn acknowledge_notice(
        &self,
        _request: Request<proto::AcknowledgeNoticeRequest>,
    ) -> Result<Response<proto::AcknowledgeNoticeResponse>, Status> {
        Err(Status::unimplemented("acknowledge_notice"))
    }
}
