//! One gRPC server: the process's services behind the caller check, with health and reflection beside them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::NamedService;
use tonic::service::RoutesBuilder;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::callers::{CallerCheck, Verifier};
use crate::readiness::Readiness;
use crate::shutdown::Shutdown;
use crate::telemetry;

/// Most bytes of one message, both ways. Give it to each generated server and client:
/// `.max_decoding_message_size(MAX_MESSAGE_BYTES)`.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

const MAX_STREAMS_PER_CONNECTION: u32 = 256;
const WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
const MAX_HEADER_BYTES: u32 = 16 * 1024;
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The name under which the gRPC port stands in [`Readiness`].
pub const PART: &str = "grpc";

/// The server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The port cannot be had.
    #[error(
        "cannot listen on {address}: {cause}; another process may have the port, choose one in the configuration"
    )]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// The descriptor set is not one.
    #[error("the descriptor set for reflection cannot be read")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The server ended with an error.
    #[error("the gRPC server failed")]
    Serve(#[source] tonic::transport::Error),
}

/// Listens, naming the port when it is taken.
///
/// # Errors
/// When the address cannot be had.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address)
        .await
        .map_err(|cause| ServerError::Bind { address, cause })
}

/// The services of one process, before it listens.
#[derive(Debug)]
pub struct Services {
    verifier: Arc<Verifier>,
    routes: RoutesBuilder,
    names: Vec<&'static str>,
}

impl Services {
    /// No services yet; callers are checked by `verifier`.
    #[must_use]
    pub fn new(verifier: Arc<Verifier>) -> Self {
        Self {
            verifier,
            routes: RoutesBuilder::default(),
            names: Vec::new(),
        }
    }

    /// Adds a generated server. Every call of it must carry a valid token; its handlers find the
    /// [`crate::callers::Principal`] in the request's extensions.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        let check = CallerCheck::new(Arc::clone(&self.verifier));
        self.routes
            .add_service(InterceptedService::new(service, check));
        self.names.push(S::NAME);
        self
    }

    /// Serves until shutdown, then lets open calls end. The port counts as ready from here on; gRPC health follows
    /// `readiness`, which may name other parts too.
    ///
    /// # Errors
    /// When the descriptor set cannot be read or the server fails.
    pub async fn serve(
        mut self,
        descriptor_set: &[u8],
        listener: TcpListener,
        readiness: Readiness,
        shutdown: Shutdown,
    ) -> Result<(), ServerError> {
        let (reporter, health) = tonic_health::server::health_reporter();
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(descriptor_set)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // Details of errors, so that stock tools can show them.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(ServerError::Reflection)?;
        self.routes.add_service(health);
        self.routes.add_service(reflection);

        readiness.ready(PART);
        let watched = tokio::spawn(report(reporter, self.names, readiness, shutdown.clone()));
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let served = Server::builder()
            .max_concurrent_streams(MAX_STREAMS_PER_CONNECTION)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .trace_fn(span)
            .add_routes(self.routes.routes())
            .serve_with_incoming_shutdown(incoming, shutdown.requested_owned())
            .await;
        watched.abort();
        served.map_err(ServerError::Serve)
    }
}

/// Keeps gRPC health equal to readiness; a draining process serves no more.
async fn report(
    reporter: HealthReporter,
    names: Vec<&'static str>,
    readiness: Readiness,
    shutdown: Shutdown,
) {
    let mut known = readiness.is_ready();
    loop {
        let serving = known && !shutdown.is_requested();
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for name in std::iter::once(&"").chain(&names) {
            reporter.set_service_status(*name, status).await;
        }
        if shutdown.is_requested() {
            return;
        }
        tokio::select! {
            now = readiness.changed_from(known) => known = now,
            () = shutdown.requested() => {}
        }
    }
}

fn span(request: &http::Request<()>) -> tracing::Span {
    let path = request.uri().path();
    let quiet = path.starts_with("/grpc.health.") || path.starts_with("/grpc.reflection.");
    if quiet {
        return tracing::Span::none();
    }
    let span = tracing::info_span!(
        "rpc",
        otel.name = path,
        otel.kind = "server",
        rpc.system = "grpc"
    );
    telemetry::parent_from(&span, request.headers());
    span
}

#[cfg(test)]
mod tests;
