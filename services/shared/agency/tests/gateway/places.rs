//! Events about no person: no link, no handle, a key that anybody may read.

use std::sync::Arc;
use std::time::SystemTime;

use tonic::Request;
use walbrook_agency::{Agency, Body, Gateway, Rule};
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, EventHead, Receipt, Subject};
use walbrook_proto::tfl::v1::{Event, LineStatusChanged, OutreachNotified, event};
use walbrook_runtime::callers::{TokenRequest, role};

use crate::house::{House, Step, id, schedule, violations};

struct Places;

impl Agency for Places {
    const NAME: &'static str = "example";
    const GRPC_PORT: u16 = 7199;
    type Event = Event;

    fn rules() -> &'static [&'static Rule] {
        &[]
    }

    fn head(event: &Event) -> Option<&EventHead> {
        event.head.as_ref()
    }

    fn body(event: &Event) -> Option<Body<'_>> {
        Some(match event.body.as_ref()? {
            event::Body::OutreachNotified(m) => Body::of("outreach_notified", m, |_, _, _| {}),
            event::Body::LineStatusChanged(m) => Body::of("line_status_changed", m, |_, _, _| {}),
            _ => return None,
        })
    }
}

fn sighting() -> Event {
    let body = OutreachNotified {
        area: "BUS".into(),
        route_or_station: "N29".into(),
        seen_at: Some(prost_types::Timestamp {
            seconds: 1_790_000_000,
            nanos: 0,
        }),
        ..Default::default()
    };
    Event {
        head: Some(head(1)),
        body: Some(event::Body::OutreachNotified(body)),
    }
}

fn line(line_id: &str) -> Event {
    let body = LineStatusChanged {
        line_id: line_id.into(),
        mode: "tube".into(),
        status_severity: "10".into(),
        valid_from: Some(prost_types::Timestamp {
            seconds: 1_790_000_000,
            nanos: 0,
        }),
        ..Default::default()
    };
    Event {
        head: Some(head(2)),
        body: Some(event::Body::LineStatusChanged(body)),
    }
}

fn head(number: u128) -> EventHead {
    EventHead {
        event_id: id(number),
        when: Some(When::OccurredOn(Date::new(2026, 9, 21).expect("date"))),
        ..Default::default()
    }
}

/// The house's own log and identity behind a gateway of the other agency.
async fn publish(house: &House, event: Event) -> Result<Receipt, tonic::Status> {
    let parts = house.parts();
    let published = ["tfl.OutreachNotified", "tfl.LineStatusChanged"];
    assert!(
        parts
            .schedules
            .take(&schedule("TFL:surface", 1, &published))
    );
    let gateway = Gateway::<Places>::new(parts);
    let request = TokenRequest::new("TFL:surface", "feed", role::PRODUCER).events(&["tfl.*"]);
    let now = SystemTime::now();
    let token = house.issuer.token(&request, now).expect("token");
    let principal = house.issuer.verifier().verify(&token, now).expect("caller");
    let mut request = Request::new(Some(event));
    request.extensions_mut().insert(Arc::clone(&principal));
    Ok(gateway.publish(request).await?.into_inner())
}

#[tokio::test]
async fn areas_and_lines_are_keyed_by_their_codes() {
    let house = House::open().await;
    publish(&house, sighting()).await.expect("receipt");
    publish(&house, line("victoria")).await.expect("receipt");
    let steps = house.journal.lock().clone();
    assert_eq!(
        steps,
        [
            Step::Appended(b"area:BUS".to_vec()),
            Step::Appended(b"open:victoria".to_vec())
        ]
    );
    assert!(house.people.asked.lock().is_empty(), "no person, no link");
    let records = house.log.records();
    assert!(
        records
            .iter()
            .all(|record| record.headers.text("wb_org") == Some("TFL:surface"))
    );
}

#[tokio::test]
async fn they_name_nobody_and_need_their_code() {
    let house = House::open().await;
    let mut named = sighting();
    let subject = Subject {
        scheme: "LOCAL".into(),
        local_id: "P-1".into(),
        demographics: None,
    };
    named.head.as_mut().expect("head").subject = Some(subject);
    let found = violations(&publish(&house, named).await.expect_err("refused"));
    assert_eq!(
        found,
        [("head.subject".to_owned(), "SUBJECT_NOT_EXPECTED".to_owned())]
    );

    let found = violations(&publish(&house, line("")).await.expect_err("refused"));
    assert!(
        found.contains(&("line_status_changed".to_owned(), "KEY_FORM".to_owned())),
        "{found:?}"
    );
    let found = violations(&publish(&house, line("a:b c")).await.expect_err("refused"));
    assert!(
        found.contains(&("line_status_changed".to_owned(), "KEY_FORM".to_owned())),
        "{found:?}"
    );
    assert!(house.journal.lock().is_empty());
}
