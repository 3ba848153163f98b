//! `ingest.unary_vs_echo`: single calls, 64 in flight over one connection, each event about a known subject and each answered after acks=all; against a
//! bare tonic server that answers the same request with itself, called by the same client code in the same run. The gateway also checks the caller's token with
//! each call; the echo has none.

use crate::figure::{Better, Figure, Reference};
use crate::ingest::{self, House};
use crate::{NoFigure, RUNS, demand};
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use walbrook_proto::housing::v1::PublishRequest;
use walbrook_tests::people::CAMDEN;

/// Its name.
pub const NAME: &str = "ingest.unary_vs_echo";
/// Calls that wait for their answer at a time.
const IN_FLIGHT: usize = 64;
/// Calls of a run.
const CALLS: usize = 30_000;
const PATH: &str = "/bench.Echo/Echo";

/// Runs it.
///
/// # Errors
/// Why there is no figure.
pub async fn run(house: &House) -> Result<Figure, NoFigure> {
    let echo = Echo::start()?;
    let bare = Endpoint::from_shared(echo.address.clone())?
        .connect()
        .await?;
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for number in 0..=RUNS {
        let requests = house.requests(CALLS);
        let events: Vec<_> = requests
            .iter()
            .filter_map(|one| one.event.clone())
            .collect();
        let before = house.ends()?;
        let client = house.backbone.housing(CAMDEN);
        let took = calls(Arc::new(requests), move |request| {
            let mut client = client.clone();
            async move { client.publish(request).await.map(drop) }
        })
        .await?;
        ingest::verify(&house.backbone, &before, &events)?;
        let channel = bare.clone();
        let peer = calls(Arc::new(house.requests(CALLS)), move |request| {
            echo_call(channel.clone(), request)
        })
        .await?;
        let (rate, other) = (ingest::rate_of(CALLS, took), ingest::rate_of(CALLS, peer));
        eprintln!("{NAME} run {number}: {rate:.0} receipts/s beside {other:.0} echoes/s");
        if number > 0 {
            ours.push(rate);
            peers.push(other);
        }
    }
    Ok(Figure {
        name: NAME,
        unit: "calls/s",
        better: Better::Higher,
        values: ours,
        reference: Some(Reference {
            name: "tonic echo of the same message",
            values: peers,
        }),
        workload_hash: house.workload_hash.clone(),
        load_average: house.load_average,
    })
}

/// Makes every call, so many at a time; how long it took.
async fn calls<F>(
    requests: Arc<Vec<PublishRequest>>,
    call: impl Fn(PublishRequest) -> F + Clone + Send + 'static,
) -> Result<Duration, NoFigure>
where
    F: Future<Output = Result<(), Status>> + Send,
{
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (requests, next, call) = (Arc::clone(&requests), Arc::clone(&next), call.clone());
        callers.spawn(async move {
            let mut done = 0;
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                call(request.clone()).await?;
                done += 1;
            }
            Ok::<usize, Status>(done)
        });
    }
    let mut done = 0;
    while let Some(caller) = callers.join_next().await {
        done += caller??;
    }
    let took = started.elapsed();
    demand(done == requests.len(), || {
        format!("{done} answers to {} calls", requests.len())
    })?;
    Ok(took)
}

async fn echo_call(channel: Channel, request: PublishRequest) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let codec = ProstCodec::<PublishRequest, PublishRequest>::default();
    let path = http::uri::PathAndQuery::from_static(PATH);
    let answer = client.unary(Request::new(request), path, codec).await?;
    let has_event = answer.into_inner().event.is_some();
    has_event
        .then_some(())
        .ok_or_else(|| Status::internal("the echo lost the event"))
}

/// The echo, on a runtime of its own as every process has one.
struct Echo {
    address: String,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Echo {
    fn drop(&mut self) {
        // Waiting for a runtime to end is not allowed on another one's thread.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Echo {
    fn start() -> Result<Self, NoFigure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = format!("http://{}", listener.local_addr()?);
        let guard = runtime.enter();
        let incoming = tonic::transport::server::TcpIncoming::from(
            tokio::net::TcpListener::from_std(listener)?,
        )
        .with_nodelay(Some(true));
        drop(guard);
        runtime.spawn(
            Server::builder()
                .add_service(EchoServer)
                .serve_with_incoming(incoming),
        );
        Ok(Self {
            address,
            runtime: Some(runtime),
        })
    }
}

#[derive(Clone)]
struct EchoServer;

impl NamedService for EchoServer {
    const NAME: &'static str = "bench.Echo";
}

impl Service<http::Request<Body>> for EchoServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let codec = ProstCodec::<PublishRequest, PublishRequest>::default();
            Ok(Grpc::new(codec).unary(Same, request).await)
        })
    }
}

struct Same;

impl UnaryService<PublishRequest> for Same {
    type Response = PublishRequest;
    type Future = std::future::Ready<Result<Response<PublishRequest>, Status>>;

    fn call(&mut self, request: Request<PublishRequest>) -> Self::Future {
        std::future::ready(Ok(Response::new(request.into_inner())))
    }
}
