//! The auditor's call: what was proved last.

use tokio::sync::{mpsc, oneshot, watch};
use tonic::{Request, Response, Status};
use walbrook_domain::Instant;
use walbrook_proto::audit::v1::audit_server::Audit;
use walbrook_proto::audit::v1::{AuditDifference, CheckedCount, VerifyRequest, VerifyResponse};
use walbrook_runtime::callers::principal;
use walbrook_runtime::status::status;

use crate::report::Report;

/// Differences that one answer carries.
const LISTED: usize = 1_000;

/// The last verification.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// When it began; `None` while there was none.
    pub at: Option<Instant>,
    /// What it found.
    pub report: Report,
}

/// Asks for a verification now; answered when it is done.
pub type Ask = oneshot::Sender<()>;

/// The service.
#[derive(Debug)]
pub struct Service {
    last: watch::Receiver<Verified>,
    asks: mpsc::Sender<Ask>,
}

impl Service {
    /// Answers from `last`; asks for new ones through `asks`.
    pub const fn new(last: watch::Receiver<Verified>, asks: mpsc::Sender<Ask>) -> Self {
        Self { last, asks }
    }
}

#[tonic::async_trait]
impl Audit for Service {
    async fn verify(
        &self,
        request: Request<VerifyRequest>,
    ) -> Result<Response<VerifyResponse>, Status> {
        let caller = principal(&request).map_err(|error| status(&error))?;
        caller
            .require_any_role(&["auditor", "operator"])
            .map_err(|error| status(&error))?;
        if request.get_ref().now {
            let (done, wait) = oneshot::channel();
            let busy = |_| {
                Status::unavailable("a verification could not be made; the auditor's log says why")
            };
            self.asks
                .send(done)
                .await
                .map_err(|_| Status::unavailable("the auditor is stopping"))?;
            wait.await.map_err(busy)?;
        }
        Ok(Response::new(answer(&self.last.borrow())))
    }
}

fn answer(verified: &Verified) -> VerifyResponse {
    let report = &verified.report;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    VerifyResponse {
        verified_at: verified.at.map(|at| prost_types::Timestamp {
            seconds: at.micros().div_euclid(1_000_000),
            nanos: i32::try_from(at.micros().rem_euclid(1_000_000) * 1_000).unwrap_or(0),
        }),
        counts: report
            .counts()
            .map(|(what, count)| CheckedCount {
                what: what.label().to_owned(),
                count: number(count),
            })
            .collect(),
        difference_count: number(report.difference_count()),
        differences: report
            .differences()
            .iter()
            .take(LISTED)
            .map(|one| AuditDifference {
                check: one.check.to_owned(),
                place: one.place.clone(),
                expected: one.expected.clone(),
                found: one.found.clone(),
            })
            .collect(),
    }
}
