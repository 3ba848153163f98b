//! A stream of frames: a bounded number under way, appended and answered in their order.

use std::pin::Pin;

use futures::{Stream, StreamExt, stream};
use tonic::{Request, Response, Status, Streaming};
use walbrook_proto::common::v1 as wire;
use walbrook_runtime::callers::principal;

use crate::check::Sender;
use crate::error::GatewayError;
use crate::outcome::Fate;
use crate::{Agency, Gateway};

/// Many events at once, numbered by the client.
#[derive(Debug)]
pub struct Frame<E> {
    /// 1 for the first frame of a stream, then without gaps.
    pub sequence: u64,
    /// The events.
    pub events: Vec<E>,
}

/// One answer for each frame, in their order.
pub type FrameReceipts = Pin<Box<dyn Stream<Item = Result<wire::FrameReceipt, Status>> + Send>>;

/// Why no more frames are taken: our own fault or refusal, or what the connection said.
enum Broken {
    Gateway(GatewayError),
    Connection(Status),
}

impl From<Broken> for Status {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Gateway(error) => error.into(),
            Broken::Connection(status) => status,
        }
    }
}

impl<A: Agency> Gateway<A> {
    /// Takes frames until the client ends the stream. A frame that fails as a whole ends it with a status after the
    /// answers to all frames before; frames without an answer are to be sent again.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` or `PERMISSION_DENIED`, before the first frame.
    pub async fn publish_stream<F: Send + 'static>(
        &self,
        request: Request<Streaming<F>>,
        split: fn(F) -> Frame<A::Event>,
    ) -> Result<Response<FrameReceipts>, Status> {
        let sender = Sender::of(principal(&request)?)?;
        let frames = request.into_inner().map(move |frame| frame.map(split));
        Ok(Response::new(self.answer(sender, frames)))
    }

    /// The two halves of the gateway as a pipeline. `buffered` keeps the order and bounds what is under way; the log is
    /// handed a frame when all before it were handed over; nothing is taken from the wire while the window is full.
    pub(crate) fn answer<S>(&self, sender: Sender, frames: S) -> FrameReceipts
    where
        S: Stream<Item = Result<Frame<A::Event>, Status>> + Send + 'static,
    {
        let window = self.shared.limits.frames_under_way.max(1);
        let (preparing, appending) = (self.clone(), self.clone());
        let prepared = self
            .numbered(frames)
            // One after another: a frame may rest on a subject that the frame before it introduced. What overlaps is the log's
            // acknowledgement; with the subjects known, preparing asks nobody.
            .then(move |frame| {
                let (gateway, sender) = (preparing.clone(), sender.clone());
                async move {
                    let frame = frame?;
                    let open = Open::new(&gateway);
                    let prepared = gateway
                        .prepare(&sender, frame.events)
                        .await
                        .map_err(Broken::Gateway)?;
                    Ok((frame.sequence, prepared, open))
                }
            });
        let answers = until_broken(prepared)
            .map(move |prepared| {
                // Here, not inside the future: frames are handed to the log in their order.
                let handed = prepared
                    .map(|(sequence, prepared, open)| (sequence, appending.append(prepared), open));
                async move {
                    let (sequence, appended, _open) = handed?;
                    let fates = appended.await.map_err(Broken::Gateway)?;
                    Ok(wire::FrameReceipt {
                        sequence,
                        outcomes: fates.into_iter().map(outcome).collect(),
                    })
                }
            })
            .buffered(window);
        Box::pin(until_broken(answers).map(|answer| answer.map_err(Status::from)))
    }

    /// Frames in sequence, until the client ends, the connection breaks, a number is wrong or the process stops.
    fn numbered<S>(
        &self,
        frames: S,
    ) -> impl Stream<Item = Result<Frame<A::Event>, Broken>> + Send + use<A, S>
    where
        S: Stream<Item = Result<Frame<A::Event>, Status>> + Send + 'static,
    {
        let shutdown = self.shared.shutdown.clone();
        let start = (Box::pin(frames), 1_u64);
        let taken = stream::unfold(start, move |(mut frames, expected)| {
            let shutdown = shutdown.clone();
            async move {
                let frame = tokio::select! {
                    biased;
                    () = shutdown.requested() => Some(Err(Broken::Gateway(GatewayError::Stopping))),
                    frame = frames.next() => frame.map(|frame| frame.map_err(Broken::Connection)),
                };
                let frame = frame?.and_then(|frame| {
                    let found = frame.sequence;
                    if found == expected {
                        return Ok(frame);
                    }
                    Err(Broken::Gateway(GatewayError::OutOfSequence {
                        found,
                        expected,
                    }))
                });
                Some((frame, (frames, expected.saturating_add(1))))
            }
        });
        until_broken(taken)
    }
}

/// Counts a frame as open until it is dropped.
struct Open<A>(Gateway<A>);

impl<A> Open<A> {
    fn new(gateway: &Gateway<A>) -> Self {
        gateway.shared.numbers.frame_opened();
        Self(gateway.clone())
    }
}

impl<A> Drop for Open<A> {
    fn drop(&mut self) {
        self.0.shared.numbers.frame_closed();
    }
}

/// The stream up to and with its first error: nothing after a frame that failed is appended.
fn until_broken<S, T>(frames: S) -> impl Stream<Item = Result<T, Broken>> + Send
where
    S: Stream<Item = Result<T, Broken>> + Send,
    T: Send,
{
    frames.scan(false, |broken, frame| {
        let over = std::mem::replace(broken, *broken || frame.is_err());
        futures::future::ready((!over).then_some(frame))
    })
}

fn outcome(fate: Fate) -> wire::EventOutcome {
    match fate {
        Ok(receipt) => wire::EventOutcome {
            event_id: receipt.event_id.clone(),
            outcome: Some(wire::event_outcome::Outcome::Receipt(receipt)),
        },
        Err((event_id, rejected)) => rejected.outcome(event_id),
    }
}
