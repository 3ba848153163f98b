//! An identity service that knows one person.

use tonic::{Request, Response, Status};
use walbrook_proto::identity::v1 as identity;
use walbrook_proto::identity::v1::identity_server::Identity;
use walbrook_runtime::callers::{principal, role};

use crate::HANDLE;

/// Knows one person, and answers only a service that shows itself.
pub struct One;

#[tonic::async_trait]
impl Identity for One {
    async fn link(
        &self,
        request: Request<identity::LinkRequest>,
    ) -> Result<Response<identity::LinkResponse>, Status> {
        principal(&request)?.require_role(role::SERVICE)?;
        let outcome = identity::LinkOutcome {
            handle: HANDLE.to_vec(),
            linked: true,
            problem: String::new(),
            accepted: true,
            restricted: false,
        };
        let outcomes = request
            .into_inner()
            .items
            .iter()
            .map(|_| outcome.clone())
            .collect();
        Ok(Response::new(identity::LinkResponse { outcomes }))
    }

    async fn handle_for(
        &self,
        _: Request<identity::HandleForRequest>,
    ) -> Result<Response<identity::HandleForResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn resolve_for_read(
        &self,
        _: Request<identity::ResolveForReadRequest>,
    ) -> Result<Response<identity::ResolveForReadResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn merge(
        &self,
        _: Request<identity::MergeRequest>,
    ) -> Result<Response<identity::MergeResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn unmerge(
        &self,
        _: Request<identity::UnmergeRequest>,
    ) -> Result<Response<identity::UnmergeResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn matches(
        &self,
        _: Request<identity::MatchesRequest>,
    ) -> Result<Response<identity::MatchesResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn accepted(
        &self,
        _: Request<identity::AcceptedRequest>,
    ) -> Result<Response<identity::AcceptedResponse>, Status> {
        Ok(Response::new(identity::AcceptedResponse {}))
    }

    async fn approve_lookup(
        &self,
        _: Request<identity::ApproveLookupRequest>,
    ) -> Result<Response<identity::ApproveLookupResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn list_reviews(
        &self,
        _: Request<identity::ListReviewsRequest>,
    ) -> Result<Response<identity::ListReviewsResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn explain_review(
        &self,
        _: Request<identity::ExplainReviewRequest>,
    ) -> Result<Response<identity::ExplainReviewResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn doubt_link(
        &self,
        _: Request<identity::DoubtLinkRequest>,
    ) -> Result<Response<identity::DoubtLinkResponse>, Status> {
        Err(Status::unimplemented("no reviews here"))
    }
    async fn decide_review(
        &self,
        _: Request<identity::DecideReviewRequest>,
    ) -> Result<Response<identity::DecideReviewResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }
}
