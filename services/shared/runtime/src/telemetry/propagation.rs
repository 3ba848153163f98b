//! W3C trace context between processes: in HTTP headers, gRPC metadata and record headers.

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";

/// The span's `traceparent`, when spans are exported.
#[must_use]
pub fn traceparent(span: &Span) -> Option<String> {
    let mut carrier = One(None);
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.0
}

/// Makes the span a child of the one that `traceparent` names. Text that is none changes nothing.
pub fn set_parent(span: &Span, traceparent: &str) {
    let parent = TraceContextPropagator::new().extract(&One(Some(traceparent.to_owned())));
    set_parent_context(span, parent);
}

/// Makes the span a child of the request's trace.
pub fn parent_from(span: &Span, headers: &http::HeaderMap) {
    if let Some(text) = headers
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok())
    {
        set_parent(span, text);
    }
}

/// Notes that the span belongs with the one that `traceparent` names, without being its child: for the operator's
/// backend where the trace itself must not be carried on.
pub fn link(span: &Span, traceparent: &str) {
    let other = TraceContextPropagator::new().extract(&One(Some(traceparent.to_owned())));
    let other = other.span().span_context().clone();
    if other.is_valid() {
        span.add_link(other);
    }
}

/// Puts the current span's context into the metadata of a call.
pub fn inject(metadata: &mut tonic::metadata::MetadataMap) {
    if let Some(value) = traceparent(&Span::current()).and_then(|text| text.parse().ok()) {
        metadata.insert(TRACEPARENT, value);
    }
}

fn set_parent_context(span: &Span, parent: Context) {
    if parent.span().span_context().is_valid() {
        // Refused only when spans are not exported: then there is nothing to belong to.
        let _ = span.set_parent(parent);
    }
}

/// A carrier that knows only `traceparent`: trace state and baggage are nobody's business here.
struct One(Option<String>);

impl Extractor for One {
    fn get(&self, key: &str) -> Option<&str> {
        if key == TRACEPARENT {
            self.0.as_deref()
        } else {
            None
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

impl Injector for One {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}
