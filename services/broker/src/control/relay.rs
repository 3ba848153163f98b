//! Hands a control call on to the writer where this process is not it, byte for byte: with the caller's own token, so that the
//! writer judges the caller itself. And counts what became of each call.

use crate::control::numbers::Numbers;
use crate::control::writer::Desk;
use crate::error::ControlError;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, header::HeaderName};
use http_body_util::{BodyExt, Full, Limited};
use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Instant;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::NamedService;
use tonic::{Code, Status};
use tracing::Instrument;
use walbrook_runtime::route::Route;
use walbrook_runtime::server::MAX_MESSAGE_BYTES;
use walbrook_runtime::status::status;
use walbrook_runtime::telemetry;

/// Marks a call that was handed on: it is never handed on again.
const FORWARDED: HeaderName = HeaderName::from_static("wb-forwarded");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// A frame's five bytes before the message.
const FRAME_BYTES: usize = 5;

/// The control service of a process that may or may not be the writer.
#[derive(Clone)]
pub struct Relay<S> {
    inner: S,
    desk: Desk,
    route: Route,
    numbers: Numbers,
}

impl<S> Relay<S> {
    /// `inner` answers where this process is the writer.
    pub fn new(inner: S, desk: Desk, route: Route, numbers: Numbers) -> Self {
        Self {
            inner,
            desk,
            route,
            numbers,
        }
    }
}

impl<S: NamedService> NamedService for Relay<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Relay<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = method(request.uri().path());
        let (mut inner, numbers) = (self.inner.clone(), self.numbers.clone());
        let onward = Onward {
            route: self.route.clone(),
            numbers: self.numbers.clone(),
        };
        let began = Instant::now();
        let here = self.desk.serves() || request.headers().contains_key(&FORWARDED);
        Box::pin(async move {
            let answer = if here {
                inner.call(request).await?
            } else {
                onward.forward(request).await
            };
            numbers.call(method, outcome(&answer), began.elapsed());
            Ok(answer)
        })
    }
}

/// The way on from here.
struct Onward {
    route: Route,
    numbers: Numbers,
}

impl Onward {
    async fn forward(&self, request: Request<Body>) -> Response<Body> {
        let span = tracing::info_span!("forward", otel.kind = "client", rpc.system = "grpc");
        let answer = self.hand_on(request, &span).instrument(span.clone()).await;
        self.numbers.forwarded(answer.is_ok());
        answer.unwrap_or_else(|refused| refused.into_http())
    }

    async fn hand_on(
        &self,
        request: Request<Body>,
        span: &tracing::Span,
    ) -> Result<Response<Body>, Status> {
        let (mut parts, body) = request.into_parts();
        let whole = Limited::new(body, MAX_MESSAGE_BYTES + FRAME_BYTES)
            .collect()
            .await
            .map_err(|_| Status::resource_exhausted("the message is longer than 4 MiB"))?
            .to_bytes();
        let Some(mut channel) = self.route.channel().await else {
            return Err(status(&ControlError::NotTheWriter));
        };
        parts.extensions = http::Extensions::new();
        parts
            .headers
            .insert(FORWARDED, HeaderValue::from_static("1"));
        if let Some(Ok(parent)) =
            telemetry::traceparent(span).map(|parent| HeaderValue::from_str(&parent))
        {
            parts.headers.insert(TRACE_PARENT, parent);
        }
        let request = Request::from_parts(parts, Body::new(Full::<Bytes>::new(whole)));
        let sent = match std::future::poll_fn(|context| channel.poll_ready(context)).await {
            Ok(()) => channel.call(request).await,
            Err(cause) => Err(cause),
        };
        match sent {
            Ok(answer) => {
                if outcome(&answer) == Code::Unavailable {
                    self.route.forget();
                }
                Ok(answer)
            }
            Err(cause) => {
                self.route.forget();
                tracing::warn!(
                    error = walbrook_runtime::status::chain(&cause),
                    "the writer of the control plane did not answer"
                );
                // It may have been done: the caller's key tells.
                Err(status(&ControlError::NotWritten))
            }
        }
    }
}

/// What became of a call. A refusal stands in the headers; what ends well says so behind its message.
fn outcome(answer: &Response<Body>) -> Code {
    answer
        .headers()
        .get("grpc-status")
        .map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

/// The method's name, as the service spells it; every other name is one.
fn method(path: &str) -> &'static str {
    let asked = path.rsplit('/').next().unwrap_or_default();
    METHODS
        .into_iter()
        .find(|known| *known == asked)
        .unwrap_or("unknown")
}

/// The methods of the control service: what calls are counted by.
const METHODS: [&str; 15] = [
    "Propose",
    "Sign",
    "SetStanding",
    "RegisterPartyKey",
    "RecordGround",
    "RevokeReader",
    "ListAgreements",
    "GetReceipt",
    "GetAgreement",
    "PublishSchedule",
    "ListSchedules",
    "RegisterDataset",
    "ListDatasets",
    "BeginGeneration",
    "ListGenerations",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_service_is_counted_under_its_name() {
        let file = include_str!("../../../../proto/control/v1/service.proto");
        let named: Vec<&str> = file
            .lines()
            .filter_map(|line| line.trim().strip_prefix("rpc "))
            .filter_map(|rest| rest.split('(').next())
            .collect();
        assert_eq!(named, METHODS);
        assert_eq!(method("/walbrook.control.v1.Control/Sign"), "Sign");
        assert_eq!(method("/walbrook.control.v1.Control/Other"), "unknown");
    }

    #[test]
    fn a_refusal_is_seen_and_an_answer_counts_as_ok() {
        let refused = Status::not_found("nothing").into_http::<Body>();
        assert_eq!(outcome(&refused), Code::NotFound);
        assert_eq!(outcome(&Response::new(Body::empty())), Code::Ok);
    }
}
