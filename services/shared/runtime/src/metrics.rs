//! Numbers about this process, as Prometheus text, with `/healthz` beside them.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::readiness::Readiness;
use crate::shutdown::Shutdown;

const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Connections served at a time; more wait.
const MOST_CONNECTIONS: usize = 32;

/// Upper bounds of latency histograms, in seconds: 0.1 ms to 30 s.
pub const LATENCY_BOUNDS_S: [f64; 16] = [
    1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    30.0,
];

/// The registry of one process, every name beginning with `walbrook_`. Clones share it.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self {
            registry: Arc::new(Mutex::new(Registry::with_prefix("walbrook"))),
        }
    }

    /// Adds metrics: families are registered here once, then kept by whoever counts.
    pub fn register<T>(&self, add: impl FnOnce(&mut Registry) -> T) -> T {
        add(&mut self.registry.lock())
    }

    /// Everything as OpenMetrics text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, &self.registry.lock()).is_err() {
            // Writing to a string cannot fail.
            text.clear();
        }
        text
    }
}

/// Serves `/metrics` and `/healthz` until shutdown. 200 and `ready` when every part serves, else 503 with what is
/// missing.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    readiness: Readiness,
    shutdown: Shutdown,
) -> std::io::Result<()> {
    let seats = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let (socket, _) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // One connection's fault, or no descriptors for now: the next may work.
                Err(cause) => {
                    tracing::debug!(%cause, "metrics connection not accepted");
                    tokio::task::yield_now().await;
                    continue;
                }
            },
            () = shutdown.requested() => return Ok(()),
        };
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else {
            return Ok(());
        };
        let (metrics, readiness, stop) = (metrics.clone(), readiness.clone(), shutdown.clone());
        tokio::spawn(async move {
            let _seat = seat;
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let answer = answer(request.method(), request.uri().path(), &metrics, &readiness);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut builder =
                hyper_util::server::conn::auto::Builder::new(TokioExecutor::new()).http1_only();
            builder
                .http1()
                .timer(TokioTimer::new())
                .header_read_timeout(std::time::Duration::from_secs(10));
            let connection = builder.serve_connection(TokioIo::new(socket), service);
            tokio::select! {
                _ = connection => {}
                () = stop.requested() => {}
            }
        });
    }
}

fn answer(
    method: &Method,
    path: &str,
    metrics: &Metrics,
    readiness: &Readiness,
) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (method, path) {
        (&Method::GET, "/metrics") => (StatusCode::OK, TEXT, metrics.text()),
        (&Method::GET, "/healthz") => health(readiness),
        _ => (
            StatusCode::NOT_FOUND,
            "text/plain",
            "only GET /metrics and GET /healthz\n".to_owned(),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

fn health(readiness: &Readiness) -> (StatusCode, &'static str, String) {
    if readiness.is_ready() {
        return (StatusCode::OK, "text/plain", "ready\n".to_owned());
    }
    let mut text = "not ready\n".to_owned();
    for (part, reason) in readiness.missing() {
        text.push_str(part);
        text.push_str(": ");
        text.push_str(&reason);
        text.push('\n');
    }
    (StatusCode::SERVICE_UNAVAILABLE, "text/plain", text)
}

#[cfg(test)]
mod tests;
