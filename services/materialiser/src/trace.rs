//! What the operator's trace backend is told of applying: one span for each release, in the trace that the release carries.

use tracing::Span;
use walbrook_event::{Found, headers};
use walbrook_runtime::telemetry;

/// The applying of a shared record, in the trace of its release. No field of it names a person or an event.
pub(crate) fn applying(found: &Found<'_>) -> Span {
    let Some(release) = found.text(headers::TRACE_PARENT) else {
        return Span::none();
    };
    let span = tracing::info_span!(parent: None, "apply", otel.kind = "consumer");
    // First of all: a span that was asked for its own trace has one and keeps it.
    telemetry::set_parent(&span, release);
    span
}
