//! Events about invented people.

use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Demographics, EventHead, Subject};
use walbrook_proto::housing::v1::{Event, RentArrearsChanged, event};

pub fn id(number: u128) -> String {
    uuid::Uuid::from_u128(0x0192_d3f4_7c1e_7d2a_9b1c_0000_0000_0000 + number).to_string()
}

pub fn demographics() -> Demographics {
    Demographics {
        given_name: "Aveline".into(),
        family_name: "Quillfeather".into(),
        birth_date: Date::new(1987, 3, 14),
        postcode: "NW1 0XX".into(),
        nhs_number: Some("999 000 0018".into()),
        nhs_number_verified: true,
        upn: None,
        la_child_id: None,
        restricted: false,
        ..Demographics::default()
    }
}

/// An event about a person, with who it is.
pub fn event(number: u128, local_id: &str) -> Event {
    Event {
        head: Some(EventHead {
            event_id: id(number),
            organisation: None,
            subject: Some(Subject {
                scheme: "LOCAL".into(),
                local_id: local_id.into(),
                demographics: Some(demographics()),
            }),
            supersedes_event_id: None,
            when: Some(When::OccurredOn(Date::new(2026, 4, 7).expect("date"))),
        }),
        body: Some(event::Body::RentArrearsChanged(RentArrearsChanged {
            tenancy_ref: "T-100".into(),
            landlord_type: "LA".into(),
            arrears_pence: 123_400,
            owed_weeks: Some(8),
            shortfall_pence: None,
            contact_made: true,
            owed_months: None,
        })),
    }
}

pub fn head(event: &mut Event) -> &mut EventHead {
    event.head.as_mut().expect("head")
}

pub fn subject(event: &mut Event) -> &mut Subject {
    head(event).subject.as_mut().expect("subject")
}

pub fn body(event: &mut Event) -> &mut RentArrearsChanged {
    match event.body.as_mut() {
        Some(event::Body::RentArrearsChanged(body)) => body,
        _ => panic!("another body"),
    }
}
