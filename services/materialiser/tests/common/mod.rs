//! A materialiser on real Kafka, with everything that stands around it written directly: what a broker would release, decide and commit.

#![allow(
    dead_code,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

pub mod delivered;
pub mod made;
pub mod running;

pub use made::city;

use ed25519_dalek::{Signer, SigningKey};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;
use walbrook_domain::control::*;
use walbrook_domain::*;
use walbrook_event::{ReleaseEnvelope, control, framing};
use walbrook_eventlog::{
    Headers, InputPosition, Namespace, NewRecord, Reader, Record, TopicPartition, Transactor,
    topics,
};
use walbrook_eventlog_kafka::{Kafka, KafkaTransactor, Registry};
use walbrook_materialiser::config::Config;
use walbrook_materialiser::error::MaterialiserError;
use walbrook_policy::Agreement;
use walbrook_proto::audit::v1::{
    BreakGlassReview, Dispute, DisputeAnswer, Notice, NoticeAcknowledgement, NoticeDelivery,
    NoticesComplete, OfficerDecision, ReadRecord, Removal,
};
use walbrook_proto::avro::{AvroEvent, AvroRecord};
use walbrook_proto::housing::v1::RoughSleepingContact;
use walbrook_proto::shared::v1::{Heartbeat, Retraction, SubjectRecord};
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::*;
use walbrook_runtime::callers::{Issuer, TokenRequest};
use walbrook_runtime::config::{Arguments, Defaults, resolve};
use walbrook_runtime::keystore::{LocalKeys, create_local};
use walbrook_runtime::metrics::Metrics;
use walbrook_runtime::process::Context;
use walbrook_runtime::readiness::Readiness;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_runtime::task::Tasks;

pub const WAIT: Duration = Duration::from_secs(60);
/// Between two looks at a condition: the machine is shared.
const POLL: Duration = Duration::from_millis(10);
pub const PARTITIONS: i32 = 2;
pub const CAMDEN: &str = "GSS:E09000007";
pub const HACKNEY: &str = "GSS:E09000012";
pub const OFFICER: &str = "housing-options-officer";
pub const VIEW: &str = "rough_sleeping_risk";
const TOPIC: &str = "shared.rough-sleeping";

const AGREEMENT: &str = r#"
id = "test-rough-sleeping"
version = 1
title = "Rough sleeping, a test"
summary = "Councils see who of their own is at risk."
purpose = "rough-sleeping"
kind = "sharing"
retention_days = 3650
processor = "Walbrook operator"

[law]
gateways = ["test"]

[period]
effective = 2020-01-01
review = 2099-01-01
expiry = 2099-12-31

[[party]]
class = "london-authority"
role = "controller"
contact = "its data protection officer"

[[flow]]
class = "london-authority"
event = "housing.RoughSleepingContact"
fields = ["contact_at", "bedded_down", "derived_status"]
precision = "day"
gateways = ["test"]

[flow.person]
consent = "not-objected"
national_opt_out = "does-not-apply"
age = "adult"
restricted = "withhold"
minimum_match = "MATCH"

[[reader]]
class = "london-authority"
role = "housing-options-officer"
view = "rough_sleeping_risk"
mode = "case"
scope = ["own-subjects"]
beyond_scope = "break-glass"
"#;

pub fn views_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/views")
}

pub fn eventually<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + WAIT;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited too long until {what}");
        std::thread::sleep(POLL);
    }
}

/// One Kafka namespace with a broker's part played by the test.
pub struct Place {
    pub kafka: Kafka,
    pub namespace: Namespace,
    pub folder: tempfile::TempDir,
    cluster: walbrook_testkit::cluster::SharedCluster,
    issuer: Issuer,
    writer: KafkaTransactor,
    schema_id: i32,
    /// Next offsets of control.policy and of each control.links partition, as this broker has applied them.
    policy_next: i64,
    /// Where control.policy ends once the marker of its last transaction is written.
    policy_end: i64,
    /// How long a break-glass holds, seconds.
    pub glass_holds_s: u32,
    /// How long the agreement lets anything be kept.
    pub retention_days: u32,
    /// The agreement delivers rows to topics.
    pub delivered: bool,
    /// The generations that each p writes to.
    pub generations: [u32; 2],
}

impl Place {
    pub async fn new() -> Self {
        let cluster = tokio::task::spawn_blocking(walbrook_testkit::cluster::shared)
            .await
            .unwrap();
        let kafka = Kafka::new(&cluster.kafka, Default::default());
        let namespace = Namespace::new(&walbrook_testkit::cluster::namespace());
        let admin = kafka.admin().unwrap();
        admin
            .create(&topics::table(&namespace, PARTITIONS), 1, 1)
            .await
            .unwrap();
        let registry = Registry::new(&format!("{}/apis/ccompat/v7", cluster.registry));
        let register = async |topic: &str, name: &str, schema: &str| {
            let subject = format!("{}-{name}", namespace.name(topic));
            registry.register(&subject, schema).await.unwrap()
        };
        register(topics::READS, ReadRecord::FULL_NAME, ReadRecord::SCHEMA).await;
        register(
            topics::READS,
            OfficerDecision::FULL_NAME,
            OfficerDecision::SCHEMA,
        )
        .await;
        for (name, schema) in [
            (BreakGlassReview::FULL_NAME, BreakGlassReview::SCHEMA),
            (Dispute::FULL_NAME, Dispute::SCHEMA),
            (DisputeAnswer::FULL_NAME, DisputeAnswer::SCHEMA),
        ] {
            register(topics::READS, name, schema).await;
        }
        for (name, schema) in [
            (Notice::FULL_NAME, Notice::SCHEMA),
            (
                NoticeAcknowledgement::FULL_NAME,
                NoticeAcknowledgement::SCHEMA,
            ),
            (NoticeDelivery::FULL_NAME, NoticeDelivery::SCHEMA),
            (NoticesComplete::FULL_NAME, NoticesComplete::SCHEMA),
        ] {
            register(topics::NOTICES, name, schema).await;
        }
        register(topics::REMOVALS, Removal::FULL_NAME, Removal::SCHEMA).await;
        let (name, schema) = (
            RoughSleepingContact::SHARED_NAME,
            RoughSleepingContact::SHARED_SCHEMA,
        );
        let schema_id = register(TOPIC, name, schema).await;
        let folder = tempfile::tempdir().unwrap();
        let keys = LocalKeys {
            agencies: &[],
            purposes: &[],
            parties: &[],
        };
        let issuer = create_local(&folder.path().join("keys"), &keys)
            .unwrap()
            .issuer("walbrook-local")
            .unwrap();
        let mut writer = kafka.transactor(&namespace.name("broker.0"), Duration::from_secs(10));
        writer = tokio::task::spawn_blocking(move || {
            writer.init().unwrap();
            writer
        })
        .await
        .unwrap();
        Self {
            kafka,
            namespace,
            folder,
            cluster,
            issuer,
            writer,
            schema_id,
            policy_next: 0,
            policy_end: 0,
            glass_holds_s: 3_600,
            retention_days: 3_650,
            delivered: false,
            generations: [1; 2],
        }
    }

    fn record(
        &self,
        topic: &str,
        partition: i32,
        key: &[u8],
        value: Vec<u8>,
        headers: Headers,
    ) -> NewRecord {
        NewRecord {
            topic: self.namespace.name(topic).into(),
            partition: Some(partition),
            key: Some(key.to_vec().into()),
            value: Some(value.into()),
            headers,
            timestamp_ms: None,
        }
    }

    /// How far p is, and on which generation.
    fn metadata(&self, p: i32) -> String {
        let position = format!("v1 policy={} page=0 cursor=-", self.policy_next);
        match self.generations[usize::try_from(p).unwrap()] {
            1 => position,
            later => format!("{position} generations=rough-sleeping:{later}"),
        }
    }

    /// One transaction of these records, with the broker's positions behind it.
    pub fn commit(&mut self, records: Vec<NewRecord>) {
        let links = self.namespace.name(topics::LINKS);
        let positions: Vec<_> = (0..PARTITIONS)
            .map(|p| InputPosition {
                at: TopicPartition::new(links.as_str(), p),
                next_offset: 0,
                metadata: self.metadata(p),
            })
            .collect();
        self.writer.begin().unwrap();
        for record in records {
            self.writer.send(record).unwrap();
        }
        self.writer.drain().unwrap();
        self.writer
            .send_positions(&self.namespace.name("broker"), &positions, None)
            .unwrap();
        self.writer.commit().unwrap();
    }

    /// Control facts on both topics, as the control plane writes them. The enforcing side has not seen them yet.
    pub fn control(&mut self, facts: &[ControlFact]) {
        let mut records = Vec::new();
        for fact in facts {
            let encoded = control::write(fact, now(), "").unwrap();
            for topic in [topics::POLICY, topics::AGREEMENTS] {
                if topic == topics::POLICY || encoded.copied {
                    let headers = Headers::new().with("ce_type", encoded.full_name);
                    records.push(self.record(
                        topic,
                        0,
                        encoded.key.as_bytes(),
                        framing::frame(1, &encoded.body),
                        headers,
                    ));
                }
            }
        }
        self.writer.begin().unwrap();
        for record in records {
            self.writer.send(record).unwrap();
        }
        let policy = self.namespace.name(topics::POLICY);
        let last = self.writer.drain().unwrap();
        let last = last.iter().filter(|sent| *sent.0.topic == *policy);
        self.policy_end = last.map(|sent| sent.1).max().unwrap() + 2;
        self.writer.commit().unwrap();
    }

    /// The enforcing side applies what stands on control.policy, its last marker too: a commit is acknowledged before the marker is written,
    /// and an enforcing side that stood still before the marker would never be past the end of the topic.
    pub fn catch_up(&mut self) {
        use walbrook_eventlog::Ends;
        let at = TopicPartition::new(self.namespace.name(topics::POLICY), 0);
        let mut ends = self.kafka.ends().unwrap();
        self.policy_next = eventually("the marker is written", || {
            let end = ends.high_watermarks(std::slice::from_ref(&at), WAIT);
            Some(end.unwrap()[0]).filter(|end| *end >= self.policy_end)
        });
        self.commit(Vec::new());
    }

    /// The agreement signed by these, and the view file pinned.
    pub fn agree(&mut self, parties: &[&str]) {
        let retention = format!("retention_days = {}", self.retention_days);
        let mut document = AGREEMENT.replace("retention_days = 3650", &retention);
        if self.delivered {
            document.push_str("delivery = \"topic\"\n");
        }
        let text = Agreement::read(&document).unwrap().canonical_text();
        let sha256 = walbrook_policy::agreement::sha256(&text);
        let view = std::fs::read_to_string(views_dir().join("rough_sleeping_risk.toml")).unwrap();
        let mut facts = vec![
            pinned(view),
            ControlFact::Agreement(AgreementFact::Proposed(AgreementProposed {
                agreement: agreement(),
                version: AgreementVersion(1),
                text,
                text_sha256: sha256,
                by_organisation: org(CAMDEN),
                by: "dpo".into(),
            })),
        ];
        for party in parties {
            let key = SigningKey::from_bytes(&[7; 32]);
            facts.push(ControlFact::Agreement(AgreementFact::PartyKey(PartyKey {
                organisation: org(party),
                key_id: "p1".into(),
                public_key: key.verifying_key().to_bytes(),
                active: true,
            })));
            facts.push(ControlFact::Agreement(AgreementFact::Signed(
                AgreementSigned {
                    agreement: agreement(),
                    version: AgreementVersion(1),
                    party: org(party),
                    key_id: "p1".into(),
                    signature: key.sign(&sha256).to_bytes(),
                    text_sha256: sha256,
                },
            )));
        }
        self.control(&facts);
        self.catch_up();
    }

    /// Another view file is pinned.
    pub fn pin(&mut self, view: &str) {
        self.control(&[pinned(view.to_owned())]);
        self.catch_up();
    }

    pub fn standing(&mut self, party: &str, standing: Standing) {
        self.control(&[ControlFact::Agreement(AgreementFact::Standing(
            StandingChange {
                agreement: agreement(),
                version: AgreementVersion(1),
                party: Some(org(party)),
                standing,
                reason: walbrook_policy::state::STANDING_REASONS[0].into(),
                by_organisation: org(party),
                by: "dpo".into(),
            },
        ))]);
    }

    /// Every committed record of this type of a topic of one partition.
    pub fn read<R: AvroRecord>(&self, topic: &str) -> Vec<R> {
        let bodies = self.bodies(topic, R::FULL_NAME);
        bodies
            .iter()
            .map(|body| R::decode_exact(body).unwrap())
            .collect()
    }

    /// Every committed record of a partition of a topic.
    pub fn records_of(&self, topic: &str, partition: i32) -> Vec<Record> {
        use walbrook_eventlog::Ends;
        let at = TopicPartition::new(self.namespace.name(topic), partition);
        let end = self
            .kafka
            .ends()
            .unwrap()
            .high_watermarks(std::slice::from_ref(&at), WAIT)
            .unwrap()[0];
        let mut reader = self.kafka.reader().unwrap();
        reader.assign(&[(at.clone(), 0)]).unwrap();
        let mut records: Vec<Record> = Vec::new();
        eventually("the topic is read", || {
            reader
                .poll(1_000, Duration::from_millis(50), &mut records)
                .unwrap();
            (reader.position(&at).unwrap_or(0) >= end).then_some(())
        });
        records
    }

    /// Their bodies.
    pub fn bodies(&self, topic: &str, full_name: &str) -> Vec<Vec<u8>> {
        let records = self.records_of(topic, 0);
        let body = |record: &Record| {
            framing::unframe(record.value.as_deref())
                .unwrap()
                .1
                .to_vec()
        };
        let of_type = records
            .iter()
            .filter(|record| record.headers.text("ce_type") == Some(full_name));
        of_type.map(body).collect()
    }
}

/// The pin of the view file.
pub fn pinned(view: String) -> ControlFact {
    pinned_as(VIEW, view)
}

/// The pin of a view file.
pub fn pinned_as(name: &str, view: String) -> ControlFact {
    ControlFact::Pin(PinFact {
        kind: PinKind::ViewFile,
        name: name.into(),
        schema_id: 0,
        sha256: walbrook_policy::agreement::sha256(&view),
        content: view,
    })
}

/// Work on the place that blocks, off the test's own threads.
pub async fn blocking<T: Send + 'static>(
    mut place: Place,
    work: impl FnOnce(&mut Place) -> T + Send + 'static,
) -> (Place, T) {
    tokio::task::spawn_blocking(move || {
        let out = work(&mut place);
        (place, out)
    })
    .await
    .unwrap()
}

pub fn people(answer: &ListRowsResponse) -> Vec<u8> {
    answer.rows.iter().map(|row| row.pseudonym[0]).collect()
}

pub fn evaluate_at() -> prost_types::Timestamp {
    let at: Day = "2026-05-31".parse().unwrap();
    walbrook_materialiser::clock::timestamp(at.start())
}

pub fn now() -> walbrook_domain::Instant {
    walbrook_materialiser::clock::now()
}

pub fn org(text: &str) -> Organisation {
    text.parse().unwrap()
}

pub fn agreement() -> AgreementId {
    "test-rough-sleeping".parse().unwrap()
}
