//! A broker that holds many grounds starts from its snapshot, and knows all of them and what was said since.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use walbrook_broker::control::journal::Format;
use walbrook_domain::Handle;
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_eventlog::{Appender, topics};
use walbrook_eventlog_kafka::Registry;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::control::v1::GroundRecorded;
use walbrook_tests::acts::contact;
use walbrook_tests::backbone::{Backbone, Options, journey};
use walbrook_tests::people::{CAMDEN, Person, event_id};
use walbrook_tests::records;

/// More than a snapshot is written for.
const GROUNDS: u32 = 12_000;

/// Pours consents of people nobody else speaks of onto `control.policy`, as the writer writes them.
async fn pour(backbone: &Backbone) {
    let subject = format!(
        "{}-{}",
        backbone.namespace.name(topics::POLICY),
        GroundRecorded::FULL_NAME
    );
    let registry = Registry::new(backbone.registry());
    let found = registry.lookup(&subject, GroundRecorded::SCHEMA).await;
    let id = found.expect("the registry").expect("registered");
    let format = Format {
        namespace: backbone.namespace.clone(),
        schemas: Arc::new(BTreeMap::from([(GroundRecorded::FULL_NAME.to_owned(), id)])),
    };
    let consents = (0..GROUNDS).map(|number| {
        let mut bytes = [0xee; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        let fact = records::ground(
            Handle::new(bytes),
            GroundKind::Consent,
            GroundState::Given,
            1,
        );
        let now = walbrook_domain::Instant(1_780_000_000_000_000);
        format.records(&fact, "", now).expect("a record").remove(0)
    });
    let appender = backbone
        .kafka
        .appender(Duration::from_millis(5))
        .expect("an appender");
    let (done, acknowledged) = tokio::sync::oneshot::channel();
    appender.append(
        consents.collect(),
        Box::new(move |result| drop(done.send(result))),
    );
    let places = acknowledged.await.expect("an answer").expect("appended");
    assert_eq!(places.len(), usize::try_from(GROUNDS).expect("few"));
}

#[test]
fn a_broker_with_many_grounds_starts_from_its_snapshot_and_forgets_nothing() {
    journey(async {
        let backbone = Backbone::start(Options::only(&[
            "identity",
            "broker",
            "materialiser",
            "housing",
            "auditor",
        ]))
        .await;
        backbone.agree_on_rough_sleeping(&[CAMDEN]).await;
        let person = Person::number(921);
        let sent = backbone.publish(CAMDEN, contact(&event_id(), &person, 5));
        sent.await.expect("a receipt");
        backbone.await_contacts(CAMDEN, &person, 1).await;
        let withdrawn = backbone.consent(CAMDEN, &person, "WITHDRAWN", 0).await;
        let withdrawn = withdrawn.expect("acknowledged");
        backbone.await_removal(&withdrawn).await;

        // The writer reads its log only when it takes over: it is started again behind what is poured past it.
        backbone.stop("broker");
        pour(&backbone).await;
        backbone.relaunch("broker");
        backbone.await_ready("broker");
        let said = |line: &str| {
            let wanted = line.to_owned();
            let backbone = &backbone;
            async move {
                backbone
                    .until(&wanted, || async {
                        match backbone.whole_log_of("broker").contains(&wanted) {
                            true => Ok(()),
                            false => Err("not yet".to_owned()),
                        }
                    })
                    .await;
            }
        };
        said("the control plane's snapshot is written").await;
        // Every p has come past it: what is said now is complete only then.
        let hold = backbone.consent(CAMDEN, &person, "REFUSED", withdrawn.version);
        let refused = hold.await.expect("acknowledged");
        backbone.await_removal(&refused).await;

        backbone.stop("broker");
        backbone.relaunch("broker");
        backbone.await_ready("broker");
        said("starting from the snapshot of the control plane").await;
        // What stood in the snapshot and what came after it, in the writer and in enforcement.
        let stale = backbone.consent(CAMDEN, &person, "GIVEN", withdrawn.version);
        assert_eq!(
            crate::reason(&stale.await.expect_err("stale")),
            "VERSION_STALE"
        );
        let sent = backbone.publish(CAMDEN, contact(&event_id(), &person, 4));
        sent.await.expect("a receipt");
        backbone.decided().await;
        let row = backbone.row(CAMDEN, &person.local_id).await;
        assert_eq!(row.expect("an answer"), None);
        let given = backbone.consent(CAMDEN, &person, "GIVEN", refused.version);
        given.await.expect("acknowledged");
        backbone.await_contacts(CAMDEN, &person, 2).await;
        backbone.assert_audit_is_clean();
    });
}
