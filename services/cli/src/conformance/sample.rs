//! Invented people's events, one type for each agency: sound, and then broken in one way at a time.

use std::time::SystemTime;

use prost_types::Timestamp;
use uuid::Uuid;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Demographics, EventHead, Subject};
use walbrook_proto::{health, housing, police, social_care};

use super::AgencyName;
use crate::publish::{Body, Outgoing};

/// Makes events about people nobody has sent before.
#[derive(Debug)]
pub(crate) struct Sample {
    agency: AgencyName,
    /// Local ids of this run begin with it.
    run: String,
    people: u32,
}

impl Sample {
    pub(crate) fn new(agency: AgencyName) -> Self {
        Self {
            agency,
            run: Uuid::new_v4().simple().to_string(),
            people: 0,
        }
    }

    pub(crate) fn agency(&self) -> AgencyName {
        self.agency
    }

    /// A sound event about a new person, half an hour ago.
    pub(crate) fn event(&mut self) -> Outgoing {
        self.people += 1;
        Outgoing {
            organisation: String::new(),
            head: EventHead {
                event_id: Uuid::new_v4().to_string(),
                organisation: None,
                subject: Some(Subject {
                    scheme: "LOCAL".into(),
                    local_id: format!("CONFORMANCE-{}-{}", self.run, self.people),
                    demographics: Some(self.demographics()),
                }),
                supersedes_event_id: None,
                when: Some(at(-1_800)),
            },
            body: self.body(),
        }
    }

    /// Sound events about one known person.
    pub(crate) fn about_one(&mut self, count: usize) -> Vec<Outgoing> {
        let first = self.event();
        let again = |_| {
            let mut event = first.clone();
            event.head.event_id = Uuid::new_v4().to_string();
            event
        };
        (0..count).map(again).collect()
    }

    fn demographics(&self) -> Demographics {
        let years = i32::try_from(self.people % 40).unwrap_or(0);
        Demographics {
            given_name: format!("Sandbox{}", self.people),
            family_name: "Conformance".into(),
            birth_date: Date::new(1960 + years, 3, 14),
            postcode: "ZZ99 3VZ".into(),
            ..Demographics::default()
        }
    }

    fn body(&self) -> Body {
        let reference = || format!("CONF-{}", self.people);
        match self.agency {
            AgencyName::Housing => Body::Housing(housing::v1::event::Body::RentArrearsChanged(
                housing::v1::RentArrearsChanged {
                    tenancy_ref: reference(),
                    landlord_type: "LA".into(),
                    arrears_pence: 12_000,
                    ..Default::default()
                },
            )),
            AgencyName::Police => Body::Police(police::v1::event::Body::MissingEpisode(
                police::v1::MissingEpisode {
                    episode_ref: reference(),
                    phase: "REPORTED".into(),
                    risk: "MEDIUM".into(),
                    ..Default::default()
                },
            )),
            AgencyName::Health => {
                Body::Health(health::v1::event::Body::AccommodationStatusRecorded(
                    health::v1::AccommodationStatusRecorded {
                        code: "MA01".into(),
                        recorded_in: "ED".into(),
                        ..Default::default()
                    },
                ))
            }
            AgencyName::SocialCare => Body::SocialCare(social_care::v1::event::Body::ReviewHeld(
                social_care::v1::ReviewHeld {
                    reviewed_on: Date::new(2026, 3, 2),
                    review_code: "PN1".into(),
                    due_on: None,
                },
            )),
        }
    }
}

/// The same event with a code that stands in no list.
pub(crate) fn with_unknown_code(mut event: Outgoing) -> Outgoing {
    const NONE: &str = "NOT-A-CODE";
    match &mut event.body {
        Body::Housing(housing::v1::event::Body::RentArrearsChanged(m)) => {
            m.landlord_type = NONE.into();
        }
        Body::Police(police::v1::event::Body::MissingEpisode(m)) => m.phase = NONE.into(),
        Body::Health(health::v1::event::Body::AccommodationStatusRecorded(m)) => {
            m.code = NONE.into();
        }
        Body::SocialCare(social_care::v1::event::Body::ReviewHeld(m)) => {
            m.review_code = NONE.into();
        }
        _ => {}
    }
    event
}

/// The same event without a field that must be set.
pub(crate) fn with_missing_field(mut event: Outgoing) -> Outgoing {
    match &mut event.body {
        Body::Housing(housing::v1::event::Body::RentArrearsChanged(m)) => m.landlord_type.clear(),
        Body::Police(police::v1::event::Body::MissingEpisode(m)) => m.phase.clear(),
        Body::Health(health::v1::event::Body::AccommodationStatusRecorded(m)) => m.code.clear(),
        Body::SocialCare(social_care::v1::event::Body::ReviewHeld(m)) => m.review_code.clear(),
        _ => {}
    }
    event
}

/// An instant some seconds from now by this machine's clock.
pub(crate) fn at(seconds: i64) -> When {
    When::OccurredAt(Timestamp {
        seconds: now_s() + seconds,
        nanos: 0,
    })
}

/// Seconds since 1970 by this machine's clock.
pub(crate) fn now_s() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
