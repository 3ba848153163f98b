//! Hands a call on to the writer where this process is not it, byte for byte: with the caller's own token, so that the writer judges the caller itself.
//!
//! What can be answered from what is committed is answered here; a call is handed on only when its answer says that it takes the writer. Handing on
//! rather than sending the caller away: a gateway knows one address of identity, and whether it is the writer's changes with every failover.

use crate::writer::Desk;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use std::convert::Infallible;
use std::task::{Context, Poll};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::NamedService;
use tracing::Instrument;
use walbrook_runtime::route::Route;
use walbrook_runtime::server::MAX_MESSAGE_BYTES;
use walbrook_runtime::telemetry;

/// Marks a call that was handed on: it is never handed on again.
const FORWARDED: HeaderName = HeaderName::from_static("wb-forwarded");
/// Marks an answer that only the writer can give.
const NEEDS_WRITER: &str = "wb-needs-writer";
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// A frame's five bytes before the message.
const FRAME_BYTES: usize = 5;

/// Says on a refusal that the writer would not have refused.
pub(crate) fn needs_writer(mut refused: Status) -> Status {
    let mark = tonic::metadata::MetadataValue::from_static("1");
    refused.metadata_mut().insert(NEEDS_WRITER, mark);
    refused
}

/// The service of a process that may or may not be the writer.
#[derive(Clone)]
pub struct Relay<S> {
    inner: S,
    desk: Desk,
    route: Route,
}

impl<S> Relay<S> {
    /// `inner` answers what can be answered here.
    pub fn new(inner: S, desk: Desk, route: Route) -> Self {
        Self { inner, desk, route }
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
        let (mut inner, route) = (self.inner.clone(), self.route.clone());
        let here = self.desk.is_serving() || request.headers().contains_key(&FORWARDED);
        Box::pin(async move {
            if here {
                return inner.call(request).await;
            }
            let (parts, body) = request.into_parts();
            let whole = Limited::new(body, MAX_MESSAGE_BYTES + FRAME_BYTES);
            let Ok(whole) = whole.collect().await else {
                let refused = Status::resource_exhausted("the message is longer than 4 MiB");
                return Ok(refused.into_http());
            };
            let whole: Bytes = whole.to_bytes();
            let mut onward = Request::new(Body::new(Full::new(whole.clone())));
            *onward.method_mut() = parts.method.clone();
            *onward.uri_mut() = parts.uri.clone();
            *onward.version_mut() = parts.version;
            *onward.headers_mut() = parts.headers.clone();
            let local = Request::from_parts(parts, Body::new(Full::new(whole)));
            let answer = inner.call(local).await?;
            if !answer.headers().contains_key(NEEDS_WRITER) {
                return Ok(answer);
            }
            let span = tracing::info_span!("forward", otel.kind = "client", rpc.system = "grpc");
            mark(onward.headers_mut(), &span);
            let forwarded = forward(&route, onward).instrument(span).await;
            Ok(forwarded.unwrap_or(answer))
        })
    }
}

fn mark(headers: &mut HeaderMap, span: &tracing::Span) {
    headers.insert(FORWARDED, HeaderValue::from_static("1"));
    let parent = telemetry::traceparent(span).map(|parent| HeaderValue::from_str(&parent));
    if let Some(Ok(parent)) = parent {
        headers.insert(TRACE_PARENT, parent);
    }
}

/// What the writer answers; `None` when it cannot be reached. Then it may have been done all the same: whoever asks again is answered from the log.
async fn forward(route: &Route, request: Request<Body>) -> Option<Response<Body>> {
    let mut channel = route.channel().await?;
    let sent = match std::future::poll_fn(|context| channel.poll_ready(context)).await {
        Ok(()) => channel.call(request).await,
        Err(cause) => Err(cause),
    };
    match sent {
        Ok(answer) => {
            if answer.headers().contains_key(NEEDS_WRITER) {
                route.forget();
            }
            Some(answer)
        }
        Err(cause) => {
            route.forget();
            tracing::warn!(
                error = walbrook_runtime::status::chain(&cause),
                "the identity process that writes did not answer"
            );
            None
        }
    }
}
