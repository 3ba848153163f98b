//! The control plane's writer on a real Kafka and registry: one writer at a time, whole transactions, nothing forgotten.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use ed25519_dalek::{Signer, SigningKey};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant as Monotonic};
use walbrook_broker::control::core::{Draft, Receipt};
use walbrook_broker::control::journal::{self, Format};
use walbrook_broker::control::numbers::Numbers;
use walbrook_broker::control::registrar;
use walbrook_broker::control::route;
use walbrook_broker::control::writer::{self, Desk, Parts};
use walbrook_broker::error::ControlError;
use walbrook_domain::control::{
    AgreementFact, AgreementProposed, AgreementSigned, ControlFact, ControlRecord, GroundFact,
    GroundKind, GroundState, PartyKey, PinFact, PinKind, PublicationSchedule, ScheduleEntry,
};
use walbrook_domain::{AgreementVersion, Handle, Instant, Organisation};
use walbrook_eventlog::{Ends, Namespace, Reader, TopicPartition, topics};
use walbrook_eventlog_kafka::{Kafka, Registry};
use walbrook_policy::agreement::{Agreement, sha256};
use walbrook_policy::catalogue::Catalogue;
use walbrook_policy::state::{Illegal, ground_id};
use walbrook_runtime::metrics::Metrics;

const DEADLINE: Duration = Duration::from_secs(60);

struct House {
    kafka: Kafka,
    format: Format,
    catalogue: Arc<Catalogue>,
    pins: Vec<PinFact>,
    metrics: Metrics,
    /// By how much the writers' clock is ahead, µs.
    ahead: Arc<AtomicI64>,
}

struct Running {
    desk: Desk,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

async fn house() -> House {
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

    fn start(&self) -> Running {
        self.start_with(&self.kafka)
    }

    fn start_named(&self, address: &http::Uri) -> Running {
        self.start_with(&self.kafka.named(&route::client_id(address)))
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
    fn records(&self, topic: &str) -> Vec<ControlRecord> {
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
    fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap();
    }

    fn serves(&self) -> bool {
        self.desk.read(|_| ()).is_ok()
    }
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Monotonic::now() + DEADLINE;
    while !done() {
        assert!(Monotonic::now() < deadline, "{what} did not come");
        std::thread::yield_now();
    }
}

fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Instant(i64::try_from(since.unwrap().as_micros()).unwrap())
}

fn org(text: &str) -> Organisation {
    text.parse().unwrap()
}

fn draft(fact: ControlFact, key: &str) -> Draft {
    Draft {
        fact,
        idempotency_key: key.to_owned(),
    }
}

fn consent(handle: u8, state: GroundState, version: u32) -> ControlFact {
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

async fn sign_everything(desk: &Desk) -> (Receipt, Receipt) {
    let document =
        std::fs::read_to_string(root().join("deploy/agreements/nhs-to-housing.toml")).unwrap();
    let agreement = Agreement::read(&document).unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_on_the_log_with_its_copy_and_a_repeated_call_gets_the_first_receipt() {
    let house = house().await;
    let writer = house.start();
    wait("a writer", || writer.serves());
    let (proposed, signed) = sign_everything(&writer.desk).await;
    assert!(signed.offset > proposed.offset);
    let given = writer
        .desk
        .submit(draft(consent(1, GroundState::Given, 1), "give"))
        .await
        .unwrap();
    let repeated = writer
        .desk
        .submit(draft(consent(1, GroundState::Given, 1), "give"))
        .await
        .unwrap();
    assert_eq!(
        repeated,
        Receipt {
            repeated: true,
            ..given.clone()
        }
    );
    let reused = writer
        .desk
        .submit(draft(consent(1, GroundState::Withdrawn, 2), "give"))
        .await;
    assert!(matches!(reused, Err(ControlError::KeyReused)));
    let stale = writer
        .desk
        .submit(draft(consent(1, GroundState::Withdrawn, 1), "late"))
        .await;
    assert!(matches!(
        stale,
        Err(ControlError::Illegal(Illegal::GroundVersion {
            current: 1,
            ..
        }))
    ));

    let policy = house.records(topics::POLICY);
    let at = |offset: i64| {
        policy
            .iter()
            .find(|record| record.offset == offset)
            .map(|record| &record.fact)
    };
    assert!(
        matches!(at(given.offset), Some(ControlFact::Ground(fact)) if fact.state == GroundState::Given)
    );
    assert!(matches!(
        at(signed.offset),
        Some(ControlFact::Agreement(AgreementFact::Signed(_)))
    ));
    // The copy holds the agreement half and the view files, in the same order, and nothing about anybody.
    let copied: Vec<_> = house
        .records(topics::AGREEMENTS)
        .into_iter()
        .map(|record| record.fact)
        .collect();
    let expected: Vec<_> = policy
        .iter()
        .map(|record| record.fact.clone())
        .filter(|fact| match fact {
            ControlFact::Agreement(_) => true,
            ControlFact::Ground(_) => false,
            ControlFact::Pin(pin) => pin.kind == PinKind::ViewFile,
        })
        .collect();
    assert!(copied.len() >= 5, "{copied:?}");
    assert_eq!(copied, expected);
    writer.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_at_once_are_each_acknowledged_at_their_own_offset() {
    let house = house().await;
    let writer = house.start();
    wait("a writer", || writer.serves());
    let calls = (0..100u8).map(|handle| {
        let desk = writer.desk.clone();
        tokio::spawn(async move {
            desk.submit(draft(
                consent(handle, GroundState::Given, 1),
                &format!("c{handle}"),
            ))
            .await
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut offsets = std::collections::BTreeSet::new();
    for (handle, call) in calls.into_iter().enumerate() {
        let receipt = call.await.unwrap().unwrap();
        assert!(offsets.insert(receipt.offset));
        let handle = Handle::new([u8::try_from(handle).unwrap(); 16]);
        assert_eq!(
            receipt.id,
            ground_id(&handle, GroundKind::Consent, None, None, None)
        );
    }
    let policy = house.records(topics::POLICY);
    for offset in offsets {
        assert!(policy.iter().any(|record| record.offset == offset));
    }
    writer.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_writer_goes_another_takes_over_and_knows_everything() {
    let house = house().await;
    let first = house.start();
    wait("the first writer", || first.serves());
    sign_everything(&first.desk).await;
    let given = first
        .desk
        .submit(draft(consent(1, GroundState::Given, 1), "give"))
        .await
        .unwrap();
    let pins = house
        .records(topics::POLICY)
        .iter()
        .filter(|record| matches!(record.fact, ControlFact::Pin(_)))
        .count();
    assert_eq!(pins, house.pins.len());

    let second = house.start();
    // Range assignment of one partition leaves one owner; wherever it is, the other one says so.
    first.stop();
    wait("the second writer", || second.serves());
    let repeated = second
        .desk
        .submit(draft(consent(1, GroundState::Given, 1), "give"))
        .await
        .unwrap();
    assert_eq!((repeated.offset, repeated.repeated), (given.offset, true));
    let withdrawn = second
        .desk
        .submit(draft(consent(1, GroundState::Withdrawn, 2), "withdraw"))
        .await
        .unwrap();
    assert_eq!(withdrawn.version, 2);
    let in_force = second.desk.read(|state| {
        let id = "nhs-to-housing".parse().unwrap();
        let history = state.book().agreement(&id).unwrap();
        history
            .in_force(&org("ODS:RRV"), now().london_day())
            .is_ok()
    });
    assert!(in_force.unwrap());
    let again = house
        .records(topics::POLICY)
        .iter()
        .filter(|record| matches!(record.fact, ControlFact::Pin(_)))
        .count();
    assert_eq!(again, pins, "pins that hold are not written again");
    second.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_one_writes_and_the_other_says_so() {
    let house = house().await;
    let (first, second) = (house.start(), house.start());
    wait("one writer", || first.serves() != second.serves());
    let (writer, other) = if first.serves() {
        (&first, &second)
    } else {
        (&second, &first)
    };
    let refused = other
        .desk
        .submit(draft(consent(1, GroundState::Given, 1), ""))
        .await;
    let written = writer
        .desk
        .submit(draft(consent(1, GroundState::Given, 1), ""))
        .await;
    // A rebalance between the look and the calls may have swapped them; never do both write.
    assert!(
        matches!(refused, Err(ControlError::NotTheWriter))
            != matches!(written, Err(ControlError::NotTheWriter))
    );
    first.stop();
    second.stop();
}

fn schedule(version: u32, event_types: &[&str]) -> ControlFact {
    let trust = org("ODS:RRV");
    let entry = |event_type: &&str| ScheduleEntry {
        event_type: event_type.parse().unwrap(),
        controller: trust.clone(),
        reason: "the trust's own duty".to_owned(),
        retention_days: 30,
    };
    ControlFact::Agreement(AgreementFact::Schedule(PublicationSchedule {
        version,
        entries: event_types.iter().map(entry).collect(),
        by_organisation: trust.clone(),
        by: "information-governance".to_owned(),
        organisation: trust,
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_on_record_with_its_copy_in_versions_that_follow_one_another() {
    let house = house().await;
    let writer = house.start();
    wait("a writer", || writer.serves());
    let attendances = ["health.EdAttendance"];
    let first = writer
        .desk
        .submit(draft(schedule(1, &attendances), "s"))
        .await;
    let first = first.unwrap();
    assert_eq!((first.version, first.id.as_str()), (1, "ODS:RRV"));
    let again = writer
        .desk
        .submit(draft(schedule(1, &attendances), "s"))
        .await;
    assert_eq!(
        again.unwrap(),
        Receipt {
            repeated: true,
            ..first
        }
    );
    let stale = writer.desk.submit(draft(schedule(1, &[]), "")).await;
    assert!(matches!(
        stale,
        Err(ControlError::Illegal(Illegal::ScheduleVersion {
            current: 1,
            ..
        }))
    ));
    let twice = [attendances, attendances].concat();
    let faulty = writer.desk.submit(draft(schedule(2, &twice), "")).await;
    assert!(matches!(
        faulty,
        Err(ControlError::Illegal(Illegal::Schedule { .. }))
    ));
    writer
        .desk
        .submit(draft(schedule(2, &[]), ""))
        .await
        .unwrap();
    let copied = house.records(topics::AGREEMENTS);
    let versions: Vec<u32> = copied
        .iter()
        .filter_map(|record| match &record.fact {
            ControlFact::Agreement(AgreementFact::Schedule(fact)) => Some(fact.version),
            _ => None,
        })
        .collect();
    assert_eq!(versions, [1, 2]);
    let entries = writer.desk.read(|state| {
        let schedules = state.book().schedules();
        schedules
            .of(&org("ODS:RRV"))
            .unwrap()
            .schedule
            .entries
            .len()
    });
    assert_eq!(entries.unwrap(), 0);
    let told = house.metrics.text();
    for line in [
        "walbrook_control_writer 1",
        "walbrook_control_schedules 1",
        "walbrook_control_commit_seconds_count",
        "walbrook_control_parties{standing=\"IN_FORCE\"} 0",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    writer.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_group_says_where_the_writer_is_while_it_moves() {
    let house = house().await;
    let named = |port: u16| -> http::Uri { format!("http://127.0.0.1:{port}").parse().unwrap() };
    let at = house.format.policy();
    let group = house.format.namespace.name(writer::NAME);
    let mut members = house.kafka.members();
    let mut says = || {
        let listed = members.of(&group, Duration::from_secs(10)).unwrap();
        route::address_of(&listed, &at)
    };
    assert_eq!(says(), None, "nobody yet");
    let first = house.start_named(&named(1));
    wait("the first writer", || first.serves());
    wait("its address", || says() == Some(named(1)));
    let second = house.start_named(&named(2));
    first.stop();
    wait("the second writer", || second.serves());
    wait("its address", || says() == Some(named(2)));
    second.stop();
    wait("nobody", || says().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_fall_due_and_agreements_lapse_by_the_calendar_alone() {
    let house = house().await;
    let writer = house.start();
    wait("a writer", || writer.serves());
    sign_everything(&writer.desk).await;
    let period = writer.desk.read(|state| {
        let history = state.book().agreement(&"nhs-to-housing".parse().unwrap());
        history.unwrap().latest().unwrap().agreement.period
    });
    let period = period.unwrap();
    let told = |handle: u8, day: walbrook_domain::Day| {
        // Whatever is written next, the numbers are those of that day.
        house
            .ahead
            .store(day.start().0 + 1_000_000 - now().0, Ordering::Release);
        let (desk, fact) = (writer.desk.clone(), consent(handle, GroundState::Given, 1));
        async move { desk.submit(draft(fact, "")).await.unwrap() }
    };
    let counts = |review: &str, standing: &str| {
        let text = house.metrics.text();
        let review = format!("walbrook_control_agreements{{review=\"{review}\"}} 1");
        let standing = format!("walbrook_control_parties{{standing=\"{standing}\"}} 1");
        text.contains(&review) && text.contains(&standing)
    };
    for (handle, (day, review, standing)) in [
        (period.review.plus(-31), "NOT_DUE", "IN_FORCE"),
        (period.review.plus(-30), "DUE", "IN_FORCE"),
        (period.expiry, "DUE", "IN_FORCE"),
        (period.expiry.plus(1), "EXPIRED", "EXPIRED"),
    ]
    .into_iter()
    .enumerate()
    {
        told(u8::try_from(handle).unwrap(), day).await;
        wait("the numbers of that day", || counts(review, standing));
    }
    let proposals = house.records(topics::POLICY);
    let of_agreements = proposals
        .iter()
        .filter(|record| matches!(&record.fact, ControlFact::Agreement(_)))
        .count();
    assert_eq!(
        of_agreements, 3,
        "key, proposal, signature: lapsing took no record"
    );
    writer.stop();
}
