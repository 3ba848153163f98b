//! What the operator's trace backend is told. A release carries a new trace (P2): only here is it tied to the raw one.

use std::collections::BTreeSet;
use tracing::Span;
use walbrook_event::headers;
use walbrook_eventlog::Record;
use walbrook_runtime::telemetry;

/// Links of one span; the exporter drops more unless `OTEL_SPAN_LINK_COUNT_LIMIT` allows them.
const MOST_LINKS: usize = 128;

/// The span of a batch, linked with the calls whose events are in it.
pub(super) fn batch(partition: i32, records: &[Record]) -> Span {
    let events = records.len();
    let span = tracing::info_span!("enforce", otel.kind = "consumer", partition, events);
    if telemetry::traceparent(&span).is_some() {
        // The events of a frame share their trace.
        let raw: BTreeSet<&str> = records
            .iter()
            .filter_map(|record| record.headers.text(headers::TRACE_PARENT))
            .collect();
        for raw in raw.into_iter().take(MOST_LINKS) {
            telemetry::link(&span, raw);
        }
    }
    span
}

/// Whether the batch being decided is exported: otherwise nobody hears which traces belong together.
pub(super) fn is_heard() -> bool {
    telemetry::traceparent(&Span::current()).is_some()
}

/// One span for each committed release, in the trace that the release carries, linked with the raw trace and the batch.
pub(super) fn releases(batch: &Span, traces: &[(String, String)]) {
    // Not exported: nobody would hear of them.
    let Some(batch) = telemetry::traceparent(batch) else {
        return;
    };
    for (raw, new) in traces {
        let span = tracing::info_span!(parent: None, "release", otel.kind = "producer");
        telemetry::set_parent(&span, new);
        telemetry::link(&span, raw);
        telemetry::link(&span, &batch);
    }
}
