//! Logs as JSON lines on stderr, and spans to an OpenTelemetry collector when the standard `OTEL_…` variables name one.

mod propagation;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use propagation::{inject, link, parent_from, set_parent, traceparent};

/// What is logged unless `WALBROOK_LOG` says otherwise. Libraries below us speak only when something is wrong.
const DEFAULT_FILTER: &str = "info,h2=warn,hyper=warn,hyper_util=warn,tower=warn,tonic=warn,opentelemetry=warn,\
                              opentelemetry_sdk=warn,opentelemetry-otlp=warn,fjall=warn,lsm_tree=warn";

/// What is exported as spans. The exporter's own calls must not be.
const SPAN_FILTER: &str = "info,h2=off,hyper=off,hyper_util=off,tower=off,tonic=off,opentelemetry=off,\
                           opentelemetry_sdk=off,opentelemetry-otlp=off";

/// Telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `WALBROOK_LOG` cannot be read.
    #[error("WALBROOK_LOG cannot be read as a log filter")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// The collector named by the `OTEL_…` variables cannot be used.
    #[error("the OTLP exporter cannot be built from the OTEL_… variables")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// Somebody has installed a subscriber before.
    #[error("logging is already set up in this process")]
    Installed(#[source] tracing_subscriber::util::TryInitError),
}

/// Telemetry of this process; `finish` sends what is still held.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts logging, and exporting where the environment says so. Must run inside a tokio runtime: the exporter's
    /// channel belongs to one.
    ///
    /// # Errors
    /// When the filter or the exporter cannot be made, or logging stands already.
    pub fn start(
        process: &'static str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, TelemetryError> {
        let wanted = environment("WALBROOK_LOG").unwrap_or_else(|| DEFAULT_FILTER.to_owned());
        let filter = EnvFilter::builder()
            .parse(wanted)
            .map_err(TelemetryError::Filter)?;
        let logs = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(std::io::stderr)
            .with_filter(filter);
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let provider = exports(environment)
            .then(|| provider(process, environment))
            .transpose()?;
        let spans = provider.as_ref().map(|provider| {
            let filter = EnvFilter::new(SPAN_FILTER);
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("walbrook"))
                .with_filter(filter)
        });
        tracing_subscriber::registry()
            .with(logs)
            .with(spans)
            .try_init()
            .map_err(TelemetryError::Installed)?;
        Ok(Self { provider })
    }

    /// Sends what is still held.
    pub fn finish(self) {
        if let Some(provider) = self.provider
            && let Err(cause) = provider.shutdown()
        {
            tracing::debug!(%cause, "spans that were still held are lost");
        }
    }
}

/// Whether the standard variables ask for spans.
fn exports(environment: &dyn Fn(&str) -> Option<String>) -> bool {
    let given = |name: &str| environment(name).filter(|text| !text.is_empty());
    let disabled = given("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let none = given("OTEL_TRACES_EXPORTER").is_some_and(|text| text == "none");
    let endpoint = given("OTEL_EXPORTER_OTLP_ENDPOINT")
        .or_else(|| given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"));
    endpoint.is_some() && !disabled && !none
}

fn provider(
    process: &'static str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .build()
        .map_err(TelemetryError::Exporter)?;
    let mut resource = Resource::builder();
    if environment("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(format!("walbrook-{process}"));
    }
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource.build())
        .build())
}

#[cfg(test)]
mod tests;
