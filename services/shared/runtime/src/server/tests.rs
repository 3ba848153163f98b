use tonic::transport::Channel;
use tonic_health::pb::health_check_response::ServingStatus as Status;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use super::*;
use crate::callers::{Credential, Issuer, TokenRequest, principal, role};

/// A service of this crate's tests: any generated one would do, and health's is at hand under another name.
#[derive(Clone)]
struct Guarded(HealthServer<Answer>);

struct Answer;

#[tonic::async_trait]
impl Health for Answer {
    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, tonic::Status> {
        principal(&request)?.require_role(role::OPERATOR)?;
        Ok(tonic::Response::new(HealthCheckResponse {
            status: Status::Serving.into(),
        }))
    }

    type WatchStream = futures::stream::Empty<Result<HealthCheckResponse, tonic::Status>>;

    async fn watch(
        &self,
        _: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, tonic::Status> {
        Err(tonic::Status::unimplemented("watch"))
    }
}

impl Service<http::Request<Body>> for Guarded {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = <HealthServer<Answer> as Service<http::Request<Body>>>::Future;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        Service::<http::Request<Body>>::poll_ready(&mut self.0, context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        *request.uri_mut() = http::Uri::from_static("/grpc.health.v1.Health/Check");
        self.0.call(request)
    }
}

impl NamedService for Guarded {
    const NAME: &'static str = "test.Guarded";
}

async fn guarded(channel: Channel, credential: Option<Credential>) -> Result<(), tonic::Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.expect("ready");
    let mut request = tonic::Request::new(HealthCheckRequest::default());
    if let Some(mut credential) = credential {
        let checked = tonic::service::Interceptor::call(&mut credential, tonic::Request::new(()))?;
        *request.metadata_mut() = checked.metadata().clone();
    }
    let codec = tonic_prost::ProstCodec::default();
    let path = http::uri::PathAndQuery::from_static("/test.Guarded/Check");
    client
        .unary(request, path, codec)
        .await
        .map(|_: tonic::Response<HealthCheckResponse>| ())
}

#[tokio::test]
async fn a_server_checks_callers_and_answers_health_and_reflection() {
    let issuer = Issuer::ephemeral("walbrook-local");
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .expect("bind");
    let address = listener.local_addr().expect("address");
    let taken = bind(address).await.expect_err("taken").to_string();
    assert!(taken.contains(&address.to_string()), "{taken}");

    let (readiness, shutdown) = (Readiness::new(), Shutdown::new());
    readiness.not_ready("kafka", "starting");
    let services =
        Services::new(Arc::new(issuer.verifier())).with(Guarded(HealthServer::new(Answer)));
    let served = tokio::spawn({
        let (readiness, shutdown) = (readiness.clone(), shutdown.clone());
        async move {
            services
                .serve(
                    tonic_health::pb::FILE_DESCRIPTOR_SET,
                    listener,
                    readiness,
                    shutdown,
                )
                .await
        }
    });
    let channel = Channel::from_shared(format!("http://{address}"))
        .expect("uri")
        .connect()
        .await
        .expect("connect");

    assert_eq!(
        guarded(channel.clone(), None)
            .await
            .expect_err("no token")
            .code(),
        tonic::Code::Unauthenticated
    );
    let viewer = Credential::minted(
        issuer.clone(),
        TokenRequest::new("GSS:E09000007", "x", "outreach-worker"),
    );
    assert_eq!(
        guarded(channel.clone(), Some(viewer))
            .await
            .expect_err("role")
            .code(),
        tonic::Code::PermissionDenied
    );
    let operator = Credential::minted(
        issuer,
        TokenRequest::new("GSS:E09000007", "x", role::OPERATOR),
    );
    guarded(channel.clone(), Some(operator))
        .await
        .expect("allowed");

    let mut health = HealthClient::new(channel.clone());
    let watched = HealthCheckRequest {
        service: "test.Guarded".into(),
    };
    let mut changes = health.watch(watched).await.expect("watch").into_inner();
    let mut seen = changes
        .message()
        .await
        .expect("stream")
        .expect("status")
        .status();
    assert_ne!(seen, Status::Serving, "kafka is not ready");
    readiness.ready("kafka");
    while seen != Status::Serving {
        seen = changes
            .message()
            .await
            .expect("stream")
            .expect("status")
            .status();
    }

    let mut reflection = ServerReflectionClient::new(channel);
    let list = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let mut answers = reflection
        .server_reflection_info(futures::stream::iter([list]))
        .await
        .expect("call")
        .into_inner();
    assert!(answers.message().await.expect("stream").is_some());
    drop((answers, reflection, changes, health));

    shutdown.request();
    tokio::time::timeout(Duration::from_secs(10), served)
        .await
        .expect("drained")
        .expect("joined")
        .expect("served");
}
