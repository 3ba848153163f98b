//! Events of invented people and things, one type for each agency: sound, and then broken in one way at a time.

use std::time::SystemTime;

use prost_types::Timestamp;
use uuid::Uuid;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Demographics, EventHead, Subject};
use walbrook_proto::{city, health, housing, police, social_care, tfl};

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

    /// A sound event about a new person or thing, half an hour ago.
    pub(crate) fn event(&mut self) -> Outgoing {
        self.people += 1;
        Outgoing {
            organisation: String::new(),
            head: EventHead {
                event_id: Uuid::new_v4().to_string(),
                organisation: None,
                subject: self.agency.is_about_people().then(|| self.subject()),
                supersedes_event_id: None,
                when: Some(at(-1_800)),
            },
            body: self.body(),
        }
    }

    /// The person of the newest event.
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            scheme: "LOCAL".into(),
            local_id: format!("CONFORMANCE-{}-{}", self.run, self.people),
            demographics: Some(self.demographics()),
        }
    }

    /// Sound events about one known person or thing.
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
            AgencyName::Tfl => Body::Tfl(tfl::v1::event::Body::LineStatusChanged(
                tfl::v1::LineStatusChanged {
                    line_id: format!("conformance-{}", self.people),
                    mode: "tube".into(),
                    status_severity: "10".into(),
                    ..Default::default()
                },
            )),
            AgencyName::City => Body::City(city::v1::event::Body::DatasetPublished(
                city::v1::DatasetPublished {
                    dataset_id: format!("conformance-{}", self.people),
                    licence: "OGL_UK_3_0".into(),
                    theme: "TRAN".into(),
                    frequency: "DAILY".into(),
                    published_on: Date::new(2026, 3, 2),
                    ..Default::default()
                },
            )),
        }
    }
}

/// The same event about a thing whose name cannot be a key.
pub(crate) fn with_bad_key(mut event: Outgoing) -> Outgoing {
    const NONE: &str = "a sentence, not a key";
    match &mut event.body {
        Body::Tfl(tfl::v1::event::Body::LineStatusChanged(m)) => m.line_id = NONE.into(),
        Body::City(city::v1::event::Body::DatasetPublished(m)) => m.dataset_id = NONE.into(),
        _ => {}
    }
    event
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
        Body::Tfl(tfl::v1::event::Body::LineStatusChanged(m)) => m.status_severity = NONE.into(),
        Body::City(city::v1::event::Body::DatasetPublished(m)) => m.licence = NONE.into(),
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
        Body::Tfl(tfl::v1::event::Body::LineStatusChanged(m)) => m.status_severity.clear(),
        Body::City(city::v1::event::Body::DatasetPublished(m)) => m.licence.clear(),
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
