//! The service as it is served: the generated one, but for watches, whose answers are encoded once for many.

use super::Service;
use crate::watch::{Form, Told};
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service as Serves, http};
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic::{Request, Response, Status};
use walbrook_proto::view::v1::WatchRowsRequest;
use walbrook_proto::view::v1::views_server::ViewsServer;
use walbrook_runtime::callers;

const WATCH: &str = "/walbrook.view.v1.Views/WatchRows";

/// What is served.
#[derive(Clone)]
pub struct Face {
    service: Arc<Service>,
    generated: ViewsServer<Service>,
}

impl Face {
    /// The face of a service.
    pub fn new(service: Service) -> Self {
        let service = Arc::new(service);
        Self {
            generated: ViewsServer::from_arc(Arc::clone(&service)),
            service,
        }
    }
}

impl NamedService for Face {
    const NAME: &'static str = ViewsServer::<Service>::NAME;
}

impl Serves<http::Request<Body>> for Face {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != WATCH {
            return self.generated.call(request);
        }
        let watch = Watch(Arc::clone(&self.service));
        Box::pin(async move { Ok(Grpc::new(Form).server_streaming(watch, request).await) })
    }
}

struct Watch(Arc<Service>);

impl ServerStreamingService<WatchRowsRequest> for Watch {
    type Response = Told;
    type ResponseStream = ReceiverStream<Result<Told, Status>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<WatchRowsRequest>) -> Self::Future {
        let service = Arc::clone(&self.0);
        Box::pin(async move {
            let principal = callers::principal(&request)?;
            let told = service.watch(&principal, request.into_inner()).await?;
            Ok(Response::new(told))
        })
    }
}
