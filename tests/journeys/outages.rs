//! What the system needs and does not have: the caller is told what to do, and nothing that was acknowledged is lost.

use crate::reason;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tonic::Code;
use walbrook_event::headers;
use walbrook_proto::housing::v1::housing_events_client::HousingEventsClient;
use walbrook_testkit::cluster::{Kafka, KafkaSpec, free_port, http_ok};
use walbrook_tests::acts::contact;
use walbrook_tests::backbone::{Backbone, Options, Shared, journey};
use walbrook_tests::people::{CAMDEN, Person, event_id};

/// A door to a server that can be shut: connections through it are cut and new ones refused.
struct Door {
    address: String,
    open: Arc<AtomicBool>,
    streams: Arc<parking_lot::Mutex<Vec<TcpStream>>>,
}

impl Door {
    fn before(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (open, streams) = (
            Arc::new(AtomicBool::new(true)),
            Arc::<parking_lot::Mutex<Vec<TcpStream>>>::default(),
        );
        let (is_open, kept, target) = (Arc::clone(&open), Arc::clone(&streams), target.to_owned());
        std::thread::spawn(move || {
            for inward in listener.incoming().map_while(Result::ok) {
                if !is_open.load(Ordering::Acquire) {
                    let _ = inward.shutdown(Shutdown::Both);
                    continue;
                }
                let Ok(outward) = TcpStream::connect(&target) else {
                    continue;
                };
                for (from, to) in [(&inward, &outward), (&outward, &inward)] {
                    let (from, to) = (
                        from.try_clone().expect("a stream"),
                        to.try_clone().expect("a stream"),
                    );
                    std::thread::spawn(move || pass(from, to));
                }
                kept.lock().extend([inward, outward]);
            }
        });
        Self {
            address,
            open,
            streams,
        }
    }

    fn shut(&self) {
        self.open.store(false, Ordering::Release);
        for stream in self.streams.lock().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn open(&self) {
        self.open.store(true, Ordering::Release);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0_u8; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn with_the_registry_down_what_runs_goes_on_and_what_starts_waits_and_says_for_what() {
    journey(async {
        let shared = Shared::or(None, None);
        let base = shared.registry.trim_end_matches("/apis/ccompat/v7");
        let door = Door::before(base.trim_start_matches("http://"));
        let mut options = Options::river();
        options.kafka = Some(shared.kafka);
        options.registry = Some(door.address.clone());
        let backbone = Backbone::start(options).await;
        backbone.agree_on_rough_sleeping(&[CAMDEN]).await;
        let person = Person::number(901);
        backbone
            .publish(CAMDEN, contact(&event_id(), &person, 6))
            .await
            .expect("a receipt");
        backbone.await_contacts(CAMDEN, &person, 1).await;

        door.shut();
        let known = backbone
            .publish(CAMDEN, contact(&event_id(), &person, 5))
            .await;
        known.expect("ids once known are known: schemas never change");
        backbone.await_contacts(CAMDEN, &person, 2).await;
        backbone.launch("police", "police");
        let log = || backbone.whole_log_of("police");
        backbone
            .until("the new gateway to say what it waits for", || async {
                let said = log();
                let waits = said.contains("\"message\":\"waiting\"")
                    && said.contains("the schemas of police in the registry");
                if waits { Ok(()) } else { Err(said) }
            })
            .await;
        let health = backbone
            .metrics_url("police")
            .replace("/metrics", "/healthz");
        assert!(!http_ok(&health), "ready without schemas");

        door.open();
        backbone.await_ready("police");
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn with_identity_down_a_new_subject_is_not_accepted_and_a_known_one_is() {
    journey(async {
        let backbone = Backbone::start(Options::river()).await;
        backbone.agree_on_rough_sleeping(&[CAMDEN]).await;
        let (known, new) = (Person::number(911), Person::number(912));
        backbone
            .publish(CAMDEN, contact(&event_id(), &known, 6))
            .await
            .expect("a receipt");
        backbone.await_contacts(CAMDEN, &known, 1).await;
        backbone.kill_9("identity");
        let id = event_id();
        let refused = backbone
            .publish(CAMDEN, contact(&id, &new, 5))
            .await
            .expect_err("nobody can link it");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::Unavailable, "IDENTITY_UNAVAILABLE")
        );
        assert!(
            refused
                .message()
                .contains("send it again, with the same event ids"),
            "{refused}"
        );
        backbone
            .publish(CAMDEN, contact(&event_id(), &known, 5))
            .await
            .expect("a known subject goes on");
        let raw = backbone.records("raw.housing");
        assert!(
            raw.iter()
                .all(|record| record.headers.text(headers::ID) != Some(&id)),
            "no event without a link"
        );
        // Reading by one's own number needs identity too, and says so.
        let refused = backbone
            .row(CAMDEN, &known.local_id)
            .await
            .expect_err("cannot be looked up");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::Unavailable, "IDENTITY_UNAVAILABLE")
        );
        assert!(refused.message().contains("try again"), "{refused}");

        backbone.restart("identity");
        backbone
            .until("a receipt for the same event", || async {
                let answer = backbone.publish(CAMDEN, contact(&id, &new, 5)).await;
                answer.map(|_| ()).map_err(|refused| refused.to_string())
            })
            .await;
        backbone.await_contacts(CAMDEN, &new, 1).await;
        backbone.await_contacts(CAMDEN, &known, 2).await;
        backbone.decided().await;
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn with_kafka_down_there_is_no_receipt_and_nothing_that_had_one_is_lost() {
    journey(async {
        let folder = tempfile::tempdir().expect("a folder");
        let spec = KafkaSpec {
            folder: folder.path().to_owned(),
            port: free_port().expect("a port"),
            controller_port: free_port().expect("a port"),
        };
        let mut kafka =
            Kafka::start(&spec, &|line| eprintln!("{line}")).expect("a Kafka of its own");
        let mut options = Options::river();
        options.kafka = Some(format!("127.0.0.1:{}", spec.port));
        let backbone = Backbone::start(options).await;
        backbone.agree_on_rough_sleeping(&[CAMDEN]).await;
        let person = Person::number(921);
        backbone
            .publish(CAMDEN, contact(&event_id(), &person, 6))
            .await
            .expect("a receipt");
        backbone.await_contacts(CAMDEN, &person, 1).await;
        // Acknowledged, and perhaps not decided yet.
        backbone
            .publish(CAMDEN, contact(&event_id(), &person, 5))
            .await
            .expect("a receipt");
        kafka.process.kill().expect("killed");

        let id = event_id();
        let event = contact(&id, &person, 4);
        let mut request = tonic::Request::new(walbrook_proto::housing::v1::PublishRequest {
            event: Some(event.clone()),
        });
        request.set_timeout(std::time::Duration::from_secs(60));
        let caller =
            walbrook_runtime::callers::TokenRequest::new(CAMDEN, "housing-system", "producer")
                .events(&["housing.*"]);
        let mut client = HousingEventsClient::new(backbone.connect_patiently("housing", caller));
        let refused = client
            .publish(request)
            .await
            .expect_err("no receipt without the log");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::Unavailable, "LOG_UNAVAILABLE"),
            "{refused}"
        );
        assert!(
            refused
                .message()
                .contains("send them again, with the same event ids"),
            "{refused}"
        );
        // A view that cannot put a read on record, or show its bound, does not answer.
        let refused = backbone
            .row(CAMDEN, &person.local_id)
            .await
            .expect_err("no answer without the log");
        assert!(
            matches!(
                refused.code(),
                Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled
            ),
            "{refused}"
        );

        let _kafka =
            Kafka::start(&spec, &|line| eprintln!("{line}")).expect("the same Kafka again");
        backbone
            .until("a receipt for the same event", || async {
                let answer = backbone.publish(CAMDEN, event.clone()).await;
                answer.map(|_| ()).map_err(|refused| refused.to_string())
            })
            .await;
        backbone.await_contacts(CAMDEN, &person, 3).await;
        backbone.decided().await;
        backbone.assert_audit_is_clean();
    });
}
