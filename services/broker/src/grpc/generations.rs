//! Generations of purposes' topics: begun by an operator, shown to one.

use super::{Caller, Service, receipt_of};
use crate::error::ControlError;
use crate::generations::keeper;
use crate::generations::look::{Copy, Look, Progress};
use tonic::{Request, Response, Status};
use walbrook_eventlog::topics;
use walbrook_proto::control::v1 as proto;
use walbrook_runtime::callers::role;
use walbrook_runtime::status::status;

impl Service {
    pub(super) async fn next_generation(
        &self,
        request: Request<proto::BeginGenerationRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        Caller::of(&request, &[role::OPERATOR])?;
        let request = request.into_inner();
        let purpose = topics::PURPOSES
            .into_iter()
            .find(|one| *one == request.purpose);
        let Some(purpose) = purpose else {
            return Err(status(&ControlError::NotFound { what: "purpose" }));
        };
        let asked = (purpose, request.expected_generation);
        let begun = keeper::begin(
            (&self.desk, &self.generations),
            asked,
            request.idempotency_key,
        );
        match begun.await {
            Ok(receipt) => Ok(Response::new(receipt_of(receipt))),
            Err(error) => Err(status(&error)),
        }
    }

    pub(super) async fn all_generations(
        &self,
        request: Request<proto::ListGenerationsRequest>,
    ) -> Result<Response<proto::ListGenerationsResponse>, Status> {
        Caller::of(&request, &[role::OPERATOR, role::AUDITOR])?;
        let mut purposes = Vec::new();
        for purpose in topics::PURPOSES {
            let stage = self.desk.read(|state| state.pins().stage(purpose));
            let stage = stage.map_err(|error| status(&error))?;
            let look = keeper::look(&self.generations, purpose, stage).await;
            purposes.push(said(purpose, &look.map_err(|error| status(&error))?));
        }
        Ok(Response::new(proto::ListGenerationsResponse { purposes }))
    }
}

fn said(purpose: &str, look: &Look) -> proto::GenerationStatus {
    let copies = look
        .copies
        .iter()
        .zip(0..)
        .map(|(copy, partition)| proto::GenerationCopy {
            partition,
            copied: copy.state.map(|state| state.position),
            end: copy.end,
            switched: copy.switched,
            ended: Copy::ended(copy),
        });
    proto::GenerationStatus {
        purpose: purpose.to_owned(),
        generation: look.in_force(),
        state: look.progress().word().to_owned(),
        offsets: look.offsets,
        live: look.live,
        copies: match look.progress() {
            Progress::InUse => Vec::new(),
            _ => copies.collect(),
        },
    }
}
