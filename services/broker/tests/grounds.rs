//! RecordGround over gRPC, with the real writer on a real Kafka: who may record what, and what is refused and why.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use prost_types::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Monotonic};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use walbrook_broker::control::core::Draft;
use walbrook_broker::control::journal::Format;
use walbrook_broker::control::numbers::Numbers;
use walbrook_broker::control::registrar;
use walbrook_broker::control::removals::Removals;
use walbrook_broker::control::writer::{self, Desk, Parts};
use walbrook_broker::error::ControlError;
use walbrook_broker::generations::keeper::Places;
use walbrook_broker::grpc::{Handles, Service};
use walbrook_domain::control::{AgreementFact, AgreementProposed, ControlFact};
use walbrook_domain::{Handle, Instant};
use walbrook_eventlog::{Namespace, topics};
use walbrook_eventlog_kafka::{Kafka, Registry};
use walbrook_policy::agreement::{Agreement, sha256};
use walbrook_proto::control::v1::control_client::ControlClient;
use walbrook_proto::control::v1::control_server::ControlServer;
use walbrook_proto::control::v1::{ControlReceipt, GetReceiptRequest, RecordGroundRequest};
use walbrook_proto::identity::v1::HandleForRequest;
use walbrook_runtime::callers::{Credential, Issuer, TokenRequest, role};
use walbrook_runtime::metrics::Metrics;
use walbrook_runtime::readiness::Readiness;
use walbrook_runtime::server::{self, Services};
use walbrook_runtime::shutdown::Shutdown;

const DEADLINE: Duration = Duration::from_secs(60);
const TRUST: &str = "ODS:RRV";
const CAMDEN: &str = "GSS:E09000007";
const DUTY: &str = "duty-to-refer";

/// Every kind with a first state that is legal by itself, and what it needs beside it.
const KINDS: [(&str, &str); 7] = [
    ("CONSENT", "GIVEN"),
    ("OBJECTION", "RAISED"),
    ("NATIONAL_DATA_OPT_OUT", "ON"),
    ("SAFETY_HOLD", "ON"),
    ("RESTRICTION", "ON"),
    ("RECALL", "ON"),
    ("ERASURE", "ON"),
];

/// Identity, as far as this test goes: each organisation's own records.
struct Records(BTreeMap<(String, String), Handle>);

/// No dataset comes to stand anywhere here.
struct NoPlaces;

#[tonic::async_trait]
impl walbrook_broker::grpc::datasets::Admission for NoPlaces {
    async fn admit(&self, _: &str, _: &str, _: &str) -> Result<i32, ControlError> {
        Err(ControlError::NotWritten)
    }
}

#[tonic::async_trait]
impl Handles for Records {
    async fn handle(&self, record: HandleForRequest) -> Result<Option<Handle>, ControlError> {
        let known = (record.organisation, record.local_id);
        Ok(self
            .0
            .get(&known)
            .copied()
            .filter(|_| record.agency == "health"))
    }
}

struct House {
    issuer: Issuer,
    channel: Channel,
    stop: Arc<AtomicBool>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Instant(i64::try_from(since.unwrap().as_micros()).unwrap())
}

fn stamp(at: Instant) -> Timestamp {
    Timestamp {
        seconds: at.0.div_euclid(1_000_000),
        nanos: 0,
    }
}

impl House {
    async fn start() -> Self {
        let cluster = walbrook_testkit::cluster::shared();
        let namespace = Namespace::new(&walbrook_testkit::cluster::namespace());
        let kafka = Kafka::new(cluster.kafka.clone(), Default::default());
        let table: Vec<_> = topics::table(&namespace, 1)
            .into_iter()
            .filter(|topic| topic.plain.starts_with("control."))
            .collect();
        kafka.admin().unwrap().create(&table, 1, 1).await.unwrap();
        let registry = Registry::new(&format!("{}/apis/ccompat/v7", cluster.registry));
        let (ids, mut pins) = registrar::register(&registry, &namespace).await.unwrap();
        let views = registrar::view_files(&root().join("deploy/views")).unwrap();
        pins.extend(registrar::other_pins(&views));
        let catalogue = Arc::new(registrar::catalogue(&views).unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let (writer, desk) = writer::writer(Parts {
            snapshot: None,
            clients: Arc::new(kafka.clone()),
            format: Format {
                namespace: namespace.clone(),
                schemas: Arc::new(ids),
            },
            catalogue: Arc::clone(&catalogue),
            pins,
            clock: Box::new(now),
            stopped: Box::new(move || asked.load(Ordering::Acquire)),
            numbers: Numbers::new(&Metrics::new()),
        });
        let writer = std::thread::spawn(move || writer.run(&|_| {}).unwrap());
        let deadline = Monotonic::now() + DEADLINE;
        while desk.read(|_| ()).is_err() {
            assert!(Monotonic::now() < deadline, "no writer came");
            std::thread::yield_now();
        }
        propose(&desk, DUTY).await;
        let known = [(TRUST, "P-1", 1), (TRUST, "P-2", 2), (CAMDEN, "C-1", 3)];
        let records = known.into_iter().map(|(organisation, id, handle)| {
            let key = (organisation.to_owned(), id.to_owned());
            (key, Handle::new([handle; 16]))
        });
        let service = Service {
            desk,
            catalogue,
            handles: Arc::new(Records(records.collect())),
            datasets: Arc::new(NoPlaces),
            generations: Arc::new(Places {
                kafka,
                namespace,
                partitions: 1,
                copies: (1, 1),
            }),
            removals: Removals::default(),
            clock: now,
        };
        let issuer = Issuer::ephemeral("walbrook-local");
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let services = Services::new(Arc::new(issuer.verifier())).with(ControlServer::new(service));
        tokio::spawn(services.serve(
            walbrook_proto::FILE_DESCRIPTOR_SET,
            listener,
            Readiness::new(),
            Shutdown::new(),
        ));
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self {
            issuer,
            channel: endpoint.connect().await.unwrap(),
            stop,
            writer: Some(writer),
        }
    }

    fn client(
        &self,
        organisation: &str,
        role: &str,
    ) -> ControlClient<InterceptedService<Channel, Credential>> {
        let caller = TokenRequest::new(organisation, "somebody", role);
        let credential = Credential::minted(self.issuer.clone(), caller);
        ControlClient::new(InterceptedService::new(self.channel.clone(), credential))
    }

    async fn record(&self, request: RecordGroundRequest) -> Result<ControlReceipt, Status> {
        let mut trust = self.client(TRUST, role::CONTROL);
        Ok(trust.record_ground(request).await?.into_inner())
    }
}

async fn propose(desk: &Desk, name: &str) {
    let path = root()
        .join("deploy/agreements")
        .join(format!("{name}.toml"));
    let agreement = Agreement::read(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = agreement.canonical_text();
    let fact = AgreementProposed {
        agreement: agreement.id.clone(),
        version: agreement.version,
        text_sha256: sha256(&text),
        text,
        by_organisation: "WALBROOK:local".parse().unwrap(),
        by: "operator".to_owned(),
    };
    let draft = Draft {
        fact: ControlFact::Agreement(AgreementFact::Proposed(fact)),
        idempotency_key: String::new(),
    };
    desk.submit(draft).await.unwrap();
}

fn ground(kind: &str, state: &str) -> RecordGroundRequest {
    RecordGroundRequest {
        agency: "health".into(),
        id_scheme: "LOCAL".into(),
        local_id: "P-1".into(),
        kind: kind.into(),
        state: state.into(),
        event_id: (kind == "RECALL").then(|| "6f9c2f2e-8c54-4f2b-9a35-0d4f7a3f0c11".into()),
        ..RecordGroundRequest::default()
    }
}

/// (code, reason) of a refusal.
fn refusal(answer: Result<ControlReceipt, Status>) -> (Code, String) {
    let status = answer.expect_err("refused");
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    (status.code(), reason.unwrap_or_default())
}

/// Rule ids of a refusal's violations.
fn rules(answer: Result<ControlReceipt, Status>) -> BTreeSet<String> {
    let status = answer.expect_err("refused");
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_error_details();
    let found = details
        .bad_request()
        .map(|bad| bad.field_violations.clone());
    let found = found.unwrap_or_default().into_iter();
    found.map(|violation| violation.reason).collect()
}

fn set<const N: usize>(rules: [&str; N]) -> BTreeSet<String> {
    rules.into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_ground_is_recorded_once_by_its_organisation_at_its_version() {
    let house = House::start().await;
    for (kind, state) in KINDS {
        let request = ground(kind, state);
        // A wrong role, whatever the organisation.
        for wrong in [role::OPERATOR, role::PRODUCER, "housing-options-officer"] {
            let answer = house
                .client(TRUST, wrong)
                .record_ground(request.clone())
                .await
                .map(tonic::Response::into_inner);
            assert_eq!(
                refusal(answer),
                (Code::PermissionDenied, "ROLE_MISSING".into()),
                "{kind} as {wrong}"
            );
        }
        // Nobody's record, and another organisation's, look alike.
        let unknown = RecordGroundRequest {
            local_id: "P-9".into(),
            ..request.clone()
        };
        let others = RecordGroundRequest {
            local_id: "C-1".into(),
            ..request.clone()
        };
        let unknown = house.record(unknown).await.expect_err("refused");
        let others = house.record(others).await.expect_err("refused");
        assert_eq!(unknown.code(), Code::NotFound, "{kind}: {unknown:?}");
        assert_eq!(
            (unknown.code(), unknown.message(), unknown.details()),
            (others.code(), others.message(), others.details()),
            "{kind}"
        );
        let tomorrow = RecordGroundRequest {
            stated_at: Some(stamp(Instant(now().0 + 86_400_000_000))),
            ..request.clone()
        };
        assert_eq!(
            rules(house.record(tomorrow).await),
            set(["IN_FUTURE"]),
            "{kind}"
        );
        let stateless = RecordGroundRequest {
            state: "PERHAPS".into(),
            ..request.clone()
        };
        assert_eq!(
            rules(house.record(stateless).await),
            set(["WORD"]),
            "{kind}"
        );

        let keyed = RecordGroundRequest {
            idempotency_key: format!("first-{kind}"),
            ..request.clone()
        };
        let early = RecordGroundRequest {
            expected_version: 7,
            ..request.clone()
        };
        assert_eq!(
            refusal(house.record(early).await),
            (Code::FailedPrecondition, "VERSION_STALE".into()),
            "{kind}"
        );
        let receipt = house.record(keyed.clone()).await.expect("recorded");
        assert_eq!(
            (receipt.version, receipt.repeated_call),
            (1, false),
            "{kind}"
        );
        let again = house.record(keyed.clone()).await.expect("the same receipt");
        assert_eq!(
            (again.offset, again.version, again.id, again.repeated_call),
            (receipt.offset, 1, receipt.id, true),
            "{kind}"
        );
        let other_content = RecordGroundRequest {
            local_id: "P-2".into(),
            ..keyed
        };
        assert_eq!(
            refusal(house.record(other_content).await),
            (Code::FailedPrecondition, "IDEMPOTENCY_KEY_REUSED".into()),
            "{kind}"
        );
        // Somebody else wrote meanwhile.
        let stale = house.record(request).await;
        if kind == "ERASURE" {
            assert_eq!(refusal(stale).0, Code::InvalidArgument);
        } else {
            let stale = stale.expect_err("refused");
            let details = stale.get_error_details();
            let facts = &details.error_info().expect("facts").metadata;
            assert_eq!(facts["current_version"], "1", "{kind}");
        }
    }
    let mut operator = house.client("WALBROOK:local", role::OPERATOR);
    let open = operator.get_receipt(GetReceiptRequest { offset: 0 }).await;
    let open = open.expect("an answer").into_inner();
    assert!(!open.complete && open.complete_at.is_none() && !open.views.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn states_follow_each_other_and_limits_belong_to_their_kinds() {
    let house = House::start().await;
    for (kind, states) in [
        (
            "CONSENT",
            &["GIVEN", "GIVEN", "WITHDRAWN", "GIVEN", "REFUSED"][..],
        ),
        ("OBJECTION", &["RAISED", "UPHELD", "REJECTED", "RAISED"]),
        ("NATIONAL_DATA_OPT_OUT", &["ON", "OFF", "ON"]),
        ("SAFETY_HOLD", &["ON", "OFF"]),
        ("RESTRICTION", &["ON", "OFF"]),
        ("RECALL", &["ON", "OFF"]),
        ("ERASURE", &["ON"]),
    ] {
        for (expected_version, state) in (0..).zip(states) {
            let request = RecordGroundRequest {
                expected_version,
                ..ground(kind, state)
            };
            let receipt = house.record(request).await;
            let receipt = receipt.unwrap_or_else(|refused| panic!("{kind} {state}: {refused}"));
            assert_eq!(receipt.version, expected_version + 1);
        }
    }
    let elsewhere = |kind, state| RecordGroundRequest {
        local_id: "P-2".into(),
        ..ground(kind, state)
    };
    for (kind, state) in [
        ("OBJECTION", "UPHELD"),
        ("OBJECTION", "REJECTED"),
        ("SAFETY_HOLD", "OFF"),
        ("RECALL", "OFF"),
        ("ERASURE", "OFF"),
        ("CONSENT", "ON"),
    ] {
        let answer = house.record(elsewhere(kind, state)).await;
        assert_eq!(refusal(answer).0, Code::InvalidArgument, "{kind} {state}");
    }
    let purpose = |request| RecordGroundRequest {
        purpose: Some("rough-sleeping".into()),
        ..request
    };
    assert_eq!(
        refusal(house.record(purpose(elsewhere("ERASURE", "ON"))).await).0,
        Code::InvalidArgument
    );
    house
        .record(purpose(elsewhere("SAFETY_HOLD", "ON")))
        .await
        .expect("a hold for one purpose");
    let nowhere = RecordGroundRequest {
        purpose: Some("gossip".into()),
        ..elsewhere("SAFETY_HOLD", "ON")
    };
    assert_eq!(refusal(house.record(nowhere).await).0, Code::NotFound);
    let nothing = RecordGroundRequest {
        agreement_id: Some("no-such-agreement".into()),
        ..elsewhere("OBJECTION", "RAISED")
    };
    assert_eq!(refusal(house.record(nothing).await).0, Code::NotFound);
    let no_event = RecordGroundRequest {
        event_id: None,
        ..elsewhere("RECALL", "ON")
    };
    assert_eq!(
        rules(house.record(no_event).await),
        set(["RECALL_NAMES_AN_EVENT"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_to_refer_says_when_and_to_which_one_authority() {
    let house = House::start().await;
    let said = stamp(Instant(now().0 - 3_600_000_000));
    let refer = RecordGroundRequest {
        agreement_id: Some(DUTY.into()),
        chosen_authority: Some(CAMDEN.into()),
        stated_at: Some(said),
        ..ground("CONSENT", "GIVEN")
    };
    let change = |edit: fn(&mut RecordGroundRequest)| {
        let mut request = refer.clone();
        edit(&mut request);
        request
    };
    let both_missing = change(|one| (one.chosen_authority, one.stated_at) = (None, None));
    assert_eq!(
        rules(house.record(both_missing).await),
        set(["CHOSEN_AUTHORITY_MISSING", "STATED_AT_MISSING"])
    );
    for (edit, rule) in [
        (
            (|one| one.stated_at = None) as fn(&mut RecordGroundRequest),
            "STATED_AT_MISSING",
        ),
        (
            |one| one.chosen_authority = Some(TRUST.into()),
            "NOT_A_HOUSING_AUTHORITY",
        ),
        (|one| one.chosen_authority = Some("Camden".into()), "WORD"),
        (|one| one.state = "REFUSED".into(), "NOT_A_CONSENT"),
        (|one| one.not_after_day = Some(0), "IN_PAST"),
    ] {
        assert_eq!(rules(house.record(change(edit)).await), set([rule]));
    }
    // Camden's own record of somebody, but Camden does not refer under this agreement.
    let mut camden = house.client(CAMDEN, role::CONTROL);
    let answer = camden
        .record_ground(change(|one| one.local_id = "C-1".into()))
        .await;
    let refused = answer.expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(
        house.record(refer.clone()).await.expect("recorded").version,
        1
    );
    let again = change(|one| {
        one.chosen_authority = Some("GSS:E09000012".into());
        one.expected_version = 1;
    });
    assert_eq!(house.record(again).await.expect("recorded").version, 2);
}
