//! An organisation with nothing to say says so: silence is then not mistaken for absence.
//!
//! Its word stands on the agency's raw topic like an event, checked like one, under the same publication schedule. What views are told of it is the
//! day on which the source was last heard, the same that an event tells them.

use tonic::{Request, Response, Status};
use walbrook_proto::common::v1 as wire;
use walbrook_runtime::callers::principal;

use crate::check::{Sender, check_heartbeat};
use crate::error::GatewayError;
use crate::{Agency, Gateway};

/// The service that takes it, beside each agency's own.
pub struct Heartbeats<A>(pub Gateway<A>);

#[tonic::async_trait]
impl<A: Agency> wire::heartbeats_server::Heartbeats for Heartbeats<A> {
    async fn say(
        &self,
        request: Request<wire::HeartbeatRequest>,
    ) -> Result<Response<wire::Receipt>, Status> {
        let sender = Sender::of(principal(&request)?)?;
        let receipt = self.0.say(&sender, &request.into_inner()).await?;
        Ok(Response::new(receipt))
    }
}

impl<A: Agency> Gateway<A> {
    async fn say(
        &self,
        sender: &Sender,
        said: &wire::HeartbeatRequest,
    ) -> Result<wire::Receipt, GatewayError> {
        let received = std::time::Instant::now();
        let shared = &self.shared;
        let now = (shared.clock)();
        sender.require_unexpired(now)?;
        let scheduled = shared.schedules.of(&sender.organisation);
        let checked = check_heartbeat(
            sender,
            scheduled.as_deref(),
            A::NAME,
            said,
            now,
            &shared.numbers,
        );
        let prepared = shared.write(sender, vec![checked], received).await?;
        let fates = self.append(prepared).await?;
        match fates.into_iter().next() {
            Some(Ok(receipt)) => Ok(receipt),
            Some(Err((_, rejected))) => Err(rejected.into()),
            None => Err(GatewayError::Log(shared.incomplete())),
        }
    }
}
