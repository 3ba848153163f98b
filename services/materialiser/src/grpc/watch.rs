//! Rows as they change.

use super::Service;
use super::form::{Faults, case_of, viewer};
use crate::answer::{Ask, Subject};
use crate::clock;
use crate::error::ReadError;
use crate::watch::{Stream, Token, Told};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use walbrook_proto::view::v1 as proto;
use walbrook_runtime::callers::Principal;
use walbrook_runtime::task::Kind;
use walbrook_view::query::Query;

/// Answers that wait for a client.
const AHEAD: usize = 1;
const MOST_TOKEN: usize = 200;

impl Service {
    pub(super) async fn watch(
        &self,
        principal: &Principal,
        request: proto::WatchRowsRequest,
    ) -> Result<ReceiverStream<Result<Told, Status>>, ReadError> {
        let mut faults = Faults::default();
        let served = self.view(&request.view, &mut faults);
        let context = request.context.unwrap_or_default();
        faults.context(&context);
        let text = request.resume_token.as_str();
        let token = Some(text)
            .filter(|text| !text.is_empty() && text.len() <= MOST_TOKEN)
            .and_then(Token::read);
        if token.is_none() && !text.is_empty() {
            faults.add(
                "resume_token",
                "RESUME_TOKEN",
                "this is no token of a watch; begin again without one",
            );
        }
        let served = faults.end(served)?;
        let (viewer, role_held) = viewer(principal, &context)?;
        let ask = Ask {
            read_id: uuid::Uuid::new_v4().to_string(),
            viewer,
            case_reference: case_of(context.case_reference),
            operation: "WATCH",
            subject: Subject::Everyone,
            evaluated_at: clock::now(),
            query: Query::one(),
            only: None,
            role_held,
            glass: None,
        };
        if ask.refusal(&served.view).is_some() {
            // Refused on record, before anything is computed.
            self.reads.answer(&served, ask).await?;
            return Err(ReadError::Work);
        }
        let seat = self.watches.seat(&served, &ask.viewer)?;
        let (to, answers) = mpsc::channel(AHEAD);
        let asked = (ask, principal.expires_at);
        let stream = Stream::new(self.watches.clone(), seat, asked, token, to);
        let tasks = self.watches.tasks();
        tasks.spawn(Kind::finite("watch-stream"), async move {
            stream.run().await;
            Ok::<(), String>(())
        });
        Ok(ReceiverStream::new(answers))
    }
}
