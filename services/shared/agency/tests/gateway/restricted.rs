//! Trap 7 of the domain reference: a record with `security=R` loses address, GP and contact at the door, wherever they would go: to identity, onto the log,
//! into a receipt, a refusal or a log line.

use std::sync::Arc;

use parking_lot::Mutex;
use tracing_subscriber::layer::SubscriberExt as _;
use walbrook_event::framing::unframe;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::{Date, Demographics};
use walbrook_proto::housing::v1::{Event, HostelStay, event as bodies};

use crate::house::{House, demographics, event, head, id, publish, subject, violations};

/// What says where somebody is, in the demographics and in the body.
const WHEREABOUTS: [&str; 5] = [
    "NW1 0XX",
    "aveline@example.org",
    "Camden Town",
    "100023336956",
    "HOSTEL-17",
];

fn telling(restricted: bool) -> Demographics {
    Demographics {
        restricted,
        email: Some("aveline@example.org".into()),
        town: Some("Camden Town".into()),
        uprn: Some("100023336956".into()),
        ..demographics()
    }
}

/// A stay in a hostel: the body itself says where.
fn stay(number: u128, restricted: bool) -> Event {
    let mut sent = event(number, "P-1");
    subject(&mut sent).demographics = Some(telling(restricted));
    sent.body = Some(bodies::Body::HostelStay(HostelStay {
        stay_ref: "STAY-1".into(),
        project_ref: Some("HOSTEL-17".into()),
        arrived_on: Date::new(2026, 4, 1),
        ..HostelStay::default()
    }));
    sent
}

fn on_the_log(house: &House, number: usize) -> HostelStay {
    let records = house.log.records();
    let (_, body) = unframe(records[number].value.as_deref()).expect("framed");
    HostelStay::decode_exact(body).expect("a stay")
}

#[tokio::test]
async fn trap_7_a_restricted_record_loses_address_gp_and_contact_at_the_door() {
    let house = House::open().await;
    let receipt = publish(&mut house.client(), stay(1, true))
        .await
        .expect("accepted all the same");
    let told: Vec<_> = receipt
        .queries
        .iter()
        .map(|note| (note.rule_id.as_str(), note.field.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("RESTRICTED_LEFT_OUT", "head.subject.demographics"),
            ("RESTRICTED_LEFT_OUT", "body")
        ],
        "the sender is told"
    );

    let asked = house.people.asked.lock()[0]
        .demographics
        .clone()
        .expect("asked");
    let gone = [&asked.postcode, &asked.email, &asked.town, &asked.uprn];
    assert!(
        gone.iter().all(|text| text.is_empty()),
        "identity is not told"
    );
    assert!(asked.restricted && asked.nhs_number == "9990000018");
    assert_eq!(on_the_log(&house, 0).project_ref, None);
    assert_eq!(on_the_log(&house, 0).stay_ref, "STAY-1", "the rest stays");
    let everything = format!("{:?} {receipt:?}", house.log.records());
    for text in WHEREABOUTS {
        assert!(!everything.contains(text), "{text} went further");
    }
}

#[tokio::test]
async fn trap_7_it_holds_for_later_events_that_do_not_say_who_it_is_and_ends_when_it_is_lifted() {
    let house = House::open().await;
    let mut client = house.client();
    publish(&mut client, stay(1, true)).await.expect("accepted");
    let mut later = stay(2, true);
    subject(&mut later).demographics = None;
    let receipt = publish(&mut client, later).await.expect("accepted");
    assert_eq!(receipt.queries.len(), 1, "{:?}", receipt.queries);
    assert_eq!(on_the_log(&house, 1).project_ref, None);

    let receipt = publish(&mut client, stay(3, false))
        .await
        .expect("accepted");
    assert!(receipt.queries.is_empty(), "{:?}", receipt.queries);
    let open = on_the_log(&house, 2).project_ref;
    assert_eq!(open.as_deref(), Some("HOSTEL-17"));
}

#[tokio::test]
async fn trap_7_an_open_record_keeps_everything() {
    let house = House::open().await;
    let receipt = publish(&mut house.client(), stay(1, false))
        .await
        .expect("accepted");
    assert!(receipt.queries.is_empty());
    let asked = house.people.asked.lock()[0]
        .demographics
        .clone()
        .expect("asked");
    assert_eq!(
        (asked.postcode.as_str(), asked.uprn.as_str()),
        ("NW1 0XX", "100023336956")
    );
    let open = on_the_log(&house, 0).project_ref;
    assert_eq!(open.as_deref(), Some("HOSTEL-17"));
}

/// What is written to the log of this process, of every level.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn trap_7_neither_a_refusal_nor_a_log_line_says_where_a_restricted_person_is() {
    let lines = Lines::default();
    let writer = lines.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(move || writer.clone())
        .with_ansi(false);
    let _logged = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let house = House::open().await;
    let mut broken = stay(1, true);
    head(&mut broken).event_id = "broken".into();
    let refused = publish(&mut house.client(), broken)
        .await
        .expect_err("refused");
    assert_eq!(violations(&refused).len(), 1);
    house.log.set_down(true);
    let failed = publish(&mut house.client(), stay(2, true))
        .await
        .expect_err("the log is away");
    house.log.set_down(false);
    let text = String::from_utf8_lossy(&lines.0.lock()).into_owned();
    assert!(!text.is_empty(), "nothing was logged at all");
    let said = format!("{refused:?} {failed:?} {text} {}", id(1));
    for text in WHEREABOUTS {
        assert!(!said.contains(text), "{text} is told");
    }
}
