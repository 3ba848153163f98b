//! The whole process on real Kafka and registry: it waits for what it needs, serves, and finds everything again after a restart.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::{CAMDEN, DEADLINE, token};
use std::sync::Arc;
use std::time::SystemTime;
use tonic::transport::Channel;
use tonic::{Code, Request};
use walbrook_eventlog::{Namespace, topics};
use walbrook_eventlog_kafka::{Kafka, Registry};
use walbrook_identity::config::Config;
use walbrook_identity::error::IdentityError;
use walbrook_identity::journal::subject;
use walbrook_proto::audit::v1::LookupRecord;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_proto::identity::v1::{
    Demographics, IdentityRecord, LinkItem, LinkRecord, LinkRequest,
};
use walbrook_runtime::callers::{Issuer, TokenRequest};
use walbrook_runtime::config::{Arguments, Defaults, resolve};
use walbrook_runtime::keystore::{LocalKeys, create_local};
use walbrook_runtime::metrics::Metrics;
use walbrook_runtime::process::Context;
use walbrook_runtime::readiness::Readiness;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_runtime::task::Tasks;

struct Process {
    context: Context,
    address: String,
    running: tokio::task::JoinHandle<Result<(), IdentityError>>,
}

impl Process {
    fn start(environment: &[(&str, String)], port: u16) -> Self {
        let arguments = Arguments {
            local: true,
            ..Arguments::default()
        };
        let defaults = Defaults {
            name: "identity",
            grpc_port: port,
        };
        let (common, config) = resolve::<Config>(None, &arguments, defaults, &|name| {
            environment
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.clone())
        })
        .unwrap();
        let shutdown = Shutdown::new();
        let context = Context {
            name: "identity",
            tasks: Tasks::new(shutdown.clone()),
            readiness: Readiness::new(),
            metrics: Metrics::new(),
            common: Arc::new(common),
            shutdown,
        };
        let running = tokio::spawn(walbrook_identity::run(config, context.clone()));
        Self {
            context,
            address: format!("http://127.0.0.1:{port}"),
            running,
        }
    }

    async fn client(&self) -> IdentityClient<Channel> {
        let ready =
            tokio::time::timeout(DEADLINE, self.context.readiness.changed_from(false)).await;
        assert_eq!(ready, Ok(true), "{:?}", self.context.readiness.missing());
        IdentityClient::new(
            Channel::from_shared(self.address.clone())
                .unwrap()
                .connect()
                .await
                .unwrap(),
        )
    }

    async fn stop(self) {
        self.context.shutdown.request();
        self.running.await.unwrap().unwrap();
        assert!(self.context.tasks.drain(DEADLINE).await);
        assert_eq!(self.context.tasks.failure(), None);
    }
}

fn call(issuer: &Issuer, role: &str) -> Request<LinkRequest> {
    let demographics = Demographics {
        given_name: "Amara".into(),
        family_name: "Okafor".into(),
        ..Demographics::default()
    };
    let item = LinkItem {
        token: token(CAMDEN, "1").0.to_vec(),
        organisation: CAMDEN.into(),
        agency: "housing".into(),
        id_scheme: "LOCAL".into(),
        demographics: Some(demographics),
        previous_token: Vec::new(),
    };
    let mut request = Request::new(LinkRequest { items: vec![item] });
    let text = issuer
        .token(
            &TokenRequest::new("WALBROOK:local", "housing", role),
            SystemTime::now(),
        )
        .unwrap();
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {text}").parse().unwrap());
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_serves_and_finds_everything_again() {
    let cluster = tokio::task::spawn_blocking(walbrook_testkit::cluster::shared)
        .await
        .unwrap();
    let name = walbrook_testkit::cluster::namespace();
    let folder = tempfile::tempdir().unwrap();
    let keys_dir = folder.path().join("keys");
    let data_dir = folder.path().join("data");
    let port = walbrook_testkit::cluster::free_port().unwrap();
    let environment = [
        ("WALBROOK_KAFKA", cluster.kafka.clone()),
        ("WALBROOK_REGISTRY", cluster.registry.clone()),
        ("WALBROOK_NAMESPACE", name.clone()),
        ("WALBROOK_KEYS", keys_dir.display().to_string()),
        // Its snapshot lies beside the keys: a test leaves nothing in the tree.
        ("WALBROOK_DATA", data_dir.display().to_string()),
    ];
    // It starts before its keys, its schemas and its topics are there.
    let first = Process::start(&environment, port);
    assert!(!first.context.readiness.is_ready());
    let wanted = LocalKeys {
        agencies: &["housing"],
        purposes: &["rough-sleeping"],
        parties: &[],
    };
    let issuer = create_local(&keys_dir, &wanted)
        .unwrap()
        .issuer("walbrook-local")
        .unwrap();
    let namespace = Namespace::new(&name);
    let registry = Registry::new(&format!("{}/apis/ccompat/v7", cluster.registry));
    for (topic, full_name, schema) in [
        (
            topics::IDENTITY,
            IdentityRecord::FULL_NAME,
            IdentityRecord::SCHEMA,
        ),
        (topics::LINKS, LinkRecord::FULL_NAME, LinkRecord::SCHEMA),
        (
            topics::LOOKUPS,
            LookupRecord::FULL_NAME,
            LookupRecord::SCHEMA,
        ),
    ] {
        registry
            .register(&subject(&namespace, topic, full_name), schema)
            .await
            .unwrap();
    }
    let kafka = Kafka::new(cluster.kafka.clone(), Default::default());
    kafka
        .admin()
        .unwrap()
        .create(&topics::table(&namespace, 4), 1, 1)
        .await
        .unwrap();

    let mut client = first.client().await;
    let linked = client
        .link(call(&issuer, "service"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        client
            .link(call(&issuer, "producer"))
            .await
            .unwrap_err()
            .code(),
        Code::PermissionDenied
    );
    let numbers = first.context.metrics.text();
    assert!(numbers.contains("walbrook_identity_records 1"), "{numbers}");
    // The call's, and the note at the start that everybody was compared; the two may have gone together.
    let committed = ["1", "2"].map(|count| {
        format!("walbrook_identity_transactions_total{{outcome=\"Committed\"}} {count}\n")
    });
    let known = committed.iter().any(|line| numbers.contains(line));
    assert!(known, "{committed:?} in {numbers}");
    assert!(!numbers.contains("Okafor"));
    drop(client);
    first.stop().await;

    let second = Process::start(&environment, port);
    let again = second
        .client()
        .await
        .link(call(&issuer, "service"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again, linked);
    second.stop().await;
}
