use walbrook_proto::housing::v1::event::Body as Housing;
use walbrook_proto::quarantine::v1::QuarantinedEvent;

use super::of_json;
use crate::publish::Body;

const ID: &str = "5c1f8a30-97b1-4a63-9e59-0c4b7a6d2f11";

fn quarantined(event_id: Option<&str>) -> QuarantinedEvent {
    QuarantinedEvent {
        id: "raw.housing/2/17".to_owned(),
        raw_topic: "raw.housing".to_owned(),
        partition: 2,
        offset: 17,
        organisation: "GSS:E09000007".to_owned(),
        event_id: event_id.map(str::to_owned),
        ..QuarantinedEvent::default()
    }
}

fn json(id: &str) -> String {
    format!(
        r#"{{"head": {{"eventId": "{id}", "subject": {{"scheme": "LOCAL", "localId": "P-1"}}, "occurredOn": {{"year": 2026, "month": 5, "day": 1}}}},
            "rentArrearsChanged": {{"tenancyRef": "T-1", "landlordType": "LA", "arrearsPence": "1200", "contactMade": true}}}}"#
    )
}

#[test]
fn an_event_in_json_is_the_agencys_own_message_and_keeps_its_id() {
    for text in [json(ID), json("")] {
        let event = of_json(&text, &quarantined(Some(ID))).unwrap();
        assert_eq!(event.head.event_id, ID);
        assert_eq!(event.organisation, "GSS:E09000007");
        let Body::Housing(Housing::RentArrearsChanged(body)) = event.body else {
            panic!("{:?}", event.body);
        };
        assert_eq!((body.arrears_pence, body.contact_made), (1_200, true));
    }
}

#[test]
fn another_event_or_another_agencys_is_refused_with_what_to_do() {
    let other = "11111111-97b1-4a63-9e59-0c4b7a6d2f11";
    let refused = |text: &str, of: &QuarantinedEvent| of_json(text, of).err().unwrap();
    assert!(refused(&json(other), &quarantined(Some(ID))).contains("keeps its id"));
    assert!(refused(&json(""), &quarantined(None)).contains("head.eventId is missing"));
    assert!(refused(r#"{"head": {}}"#, &quarantined(Some(ID))).contains("no body"));
    let police = QuarantinedEvent {
        raw_topic: "raw.police".to_owned(),
        ..quarantined(Some(ID))
    };
    assert!(refused(&json(ID), &police).contains("no walbrook.police.v1.Event"));
    assert!(refused("{", &quarantined(Some(ID))).contains("no walbrook.housing.v1.Event"));
    assert!(refused(&format!("{} {{}}", json(ID)), &quarantined(Some(ID))).contains("trailing"));
}
