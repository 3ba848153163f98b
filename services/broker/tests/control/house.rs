//! A writer with everything around it, and what is asked of it.

use ed25519_dalek::{Signer, SigningKey};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant as Monotonic};
use walbrook_broker::control::core::{Draft, Receipt};
use walbrook_broker::control::journal::{self, Format};
use walbrook_broker::control::numbers::Numbers;
use walbrook_broker::control::registrar;
use walbrook_broker::control::writer::{self, Desk, Parts};
use walbrook_broker::error::ControlError;
use walbrook_domain::control::{
    AgreementFact, AgreementProposed, AgreementSigned, ControlFact, ControlRecord, GroundFact,
    GroundKind, GroundState, PartyKey, PinFact,
};
use walbrook_domain::{AgreementVersion, Day, Handle, Instant, Organisation};
use walbrook_eventlog::{Ends, Namespace, Reader, TopicPartition, topics};
use walbrook_eventlog_kafka::{Kafka, Registry, client_id};
use walbrook_policy::agreement::{Agreement, sha256};
use walbrook_policy::catalogue::Catalogue;
use walbrook_policy::state::{Illegal, ground_id};
use walbrook_runtime::metrics::Metrics;

pub const DEADLINE: Duration = Duration::from_secs(60);

pub struct House {
    pub kafka: Kafka,
    pub format: Format,
    pub catalogue: Arc<Catalogue>,
    pub pins: Vec<PinFact>,
    pub metrics: Metrics,
    /// By how much the writers' clock is ahead, µs.
    pub ahead: Arc<AtomicI64>,
}

pub struct Running {
    pub desk: Desk,
    pub stop: Arc<AtomicBool>,
    pub thread: std::thread::JoinHandle<()>,
}

pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

pub async fn house() -> House {
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
    let (again, same) = registrar::register(&registry, &namespace).await.unwrap();
    assert_eq!(
        (&ids, &pins),
        (&again, &same),
        "registering again changes nothing"
    );
    let views = registrar::view_files(&root().join("deploy/views")).unwrap();
    pins.extend(registrar::other_pins(&views));
    House {
        kafka,
        format: Format {
            namespace,
            schemas: Arc::new(ids),
        },
        catalogue: Arc::new(registrar::catalogue(&views).unwrap()),
        pins,
        metrics: Metrics::new(),
        ahead: Arc::default(),
    }
}

impl House {
    fn clock(&self) -> impl Fn() -> Instant + Send + 'static {
        let ahead = Arc::clone(&self.ahead);
        move || Instant(now().0 + ahead.load(Ordering::Acquire))
    }

    pub fn start(&self) -> Running {
        self.start_with(&self.kafka)
    }

    pub fn start_named(&self, address: &http::Uri) -> Running {
        self.start_with(&self.kafka.named(&client_id("control", address)))
    }

    fn start_with(&self, kafka: &Kafka) -> Running {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let (writer, desk) = writer::writer(Parts {
            snapshot: None,
            clients: Arc::new(kafka.clone()),
            format: self.format.clone(),
            catalogue: Arc::clone(&self.catalogue),
            pins: self.pins.clone(),
            clock: Box::new(self.clock()),
            stopped: Box::new(move || asked.load(Ordering::Acquire)),
            numbers: Numbers::new(&self.metrics),
        });
        let thread = std::thread::spawn(move || writer.run(&|_| {}).unwrap());
        Running { desk, stop, thread }
    }

    /// Every committed record of a control topic, by position.
    pub fn records(&self, topic: &str) -> Vec<ControlRecord> {
        let at = TopicPartition::new(self.format.namespace.name(topic), 0);
        let mut ends = self.kafka.ends().unwrap();
        let end = ends
            .high_watermarks(std::slice::from_ref(&at), DEADLINE)
            .unwrap()[0];
        let mut reader = self.kafka.reader().unwrap();
        reader.assign(&[(at.clone(), 0)]).unwrap();
        let (mut found, deadline) = (Vec::new(), Monotonic::now() + DEADLINE);
        while reader.position(&at).unwrap() < end {
            assert!(
                Monotonic::now() < deadline,
                "{topic} was not read to its end"
            );
            reader
                .poll(1_000, Duration::from_millis(100), &mut found)
                .unwrap();
        }
        found
            .iter()
            .map(|record| journal::read(record).unwrap())
            .collect()
    }
}

impl Running {
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap();
    }

    pub fn serves(&self) -> bool {
        self.desk.read(|_| ()).is_ok()
    }
}

pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Monotonic::now() + DEADLINE;
    while !done() {
        assert!(Monotonic::now() < deadline, "{what} did not come");
        std::thread::yield_now();
    }
}

pub fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Instant(i64::try_from(since.unwrap().as_micros()).unwrap())
}

pub fn org(text: &str) -> Organisation {
    text.parse().unwrap()
}

pub fn draft(fact: ControlFact, key: &str) -> Draft {
    Draft {
        fact,
        idempotency_key: key.to_owned(),
    }
}

pub fn consent(handle: u8, state: GroundState, version: u32) -> ControlFact {
    let handle = Handle::new([handle; 16]);
    ControlFact::Ground(GroundFact {
        ground_id: ground_id(&handle, GroundKind::Consent, None, None, None),
        version,
        handle,
        kind: GroundKind::Consent,
        state,
        purpose: None,
        agreement: None,
        event: None,
        not_after: None,
        stated_at: Instant(0),
        chosen_authority: None,
        by_organisation: org("ODS:RRV"),
        by: "nurse".to_owned(),
    })
}

/// The shipped agreement of these tests.
pub fn agreement() -> Agreement {
    let document =
        std::fs::read_to_string(root().join("deploy/agreements/nhs-to-housing.toml")).unwrap();
    Agreement::read(&document).unwrap()
}

/// Proposes and signs its second version, with this effective day.
pub async fn sign_second(desk: &Desk, effective: Day) {
    let mut agreement = agreement();
    agreement.version = AgreementVersion(2);
    agreement.period.effective = effective;
    let text = agreement.canonical_text();
    let hash = sha256(&text);
    let proposed = AgreementFact::Proposed(AgreementProposed {
        agreement: agreement.id.clone(),
        version: agreement.version,
        text,
        text_sha256: hash,
        by_organisation: org("WALBROOK:local"),
        by: "operator".to_owned(),
    });
    let signed = AgreementFact::Signed(AgreementSigned {
        agreement: agreement.id,
        version: agreement.version,
        party: org("ODS:RRV"),
        key_id: "k1".to_owned(),
        signature: SigningKey::from_bytes(&[5; 32]).sign(&hash).to_bytes(),
        text_sha256: hash,
    });
    for fact in [proposed, signed] {
        let draft = draft(ControlFact::Agreement(fact), "");
        desk.submit(draft).await.unwrap();
    }
}

pub async fn sign_everything(desk: &Desk) -> (Receipt, Receipt) {
    let agreement = agreement();
    let text = agreement.canonical_text();
    let hash = sha256(&text);
    let key = SigningKey::from_bytes(&[5; 32]);
    let party_key = PartyKey {
        organisation: org("ODS:RRV"),
        key_id: "k1".to_owned(),
        public_key: key.verifying_key().to_bytes(),
        active: true,
    };
    let fact = ControlFact::Agreement(AgreementFact::PartyKey(party_key));
    desk.submit(draft(fact, "key")).await.unwrap();
    let proposed = AgreementProposed {
        agreement: agreement.id.clone(),
        version: agreement.version,
        text,
        text_sha256: hash,
        by_organisation: org("WALBROOK:local"),
        by: "operator".to_owned(),
    };
    let fact = ControlFact::Agreement(AgreementFact::Proposed(proposed));
    let proposed = desk.submit(draft(fact, "propose")).await.unwrap();
    let signed = |signature: [u8; 64]| {
        ControlFact::Agreement(AgreementFact::Signed(AgreementSigned {
            agreement: agreement.id.clone(),
            version: AgreementVersion(1),
            party: org("ODS:RRV"),
            key_id: "k1".to_owned(),
            signature,
            text_sha256: hash,
        }))
    };
    let forged = desk.submit(draft(signed([1; 64]), "forged")).await;
    assert!(
        matches!(
            forged,
            Err(ControlError::Illegal(Illegal::Signature { .. }))
        ),
        "{forged:?}"
    );
    let signed = desk
        .submit(draft(signed(key.sign(&hash).to_bytes()), "sign"))
        .await
        .unwrap();
    (proposed, signed)
}
