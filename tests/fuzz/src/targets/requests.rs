//! What arrives over gRPC: frames of events, and tokens.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use prost::Message;
use walbrook_agency::conformance::Checks;
use walbrook_agency::{Agency, Schedules};
use walbrook_domain::control::{PublicationSchedule, ScheduleEntry};
use walbrook_domain::{Instant, Organisation};
use walbrook_health::Health;
use walbrook_housing::Housing;
use walbrook_police::Police;
use walbrook_proto::{health, housing, police, social_care};
use walbrook_runtime::callers::{EventPatterns, Issuer, Principal, role};
use walbrook_social_care::SocialCare;

/// 2026-11-23, 12:00 UTC.
const NOW: Instant = Instant(1_795_435_200_000_000);
const CAMDEN: &str = "GSS:E09000007";

/// Camden's system, which may send and publishes everything.
static CHECKS: LazyLock<Option<Checks>> = LazyLock::new(|| {
    let organisation: Organisation = CAMDEN.parse().ok()?;
    let events = walbrook_proto::records()
        .iter()
        .filter_map(|info| info.event);
    let entries = events.filter_map(|event| {
        Some(ScheduleEntry {
            event_type: event.event_type.parse().ok()?,
            controller: organisation.clone(),
            reason: "the organisation's own duty".to_owned(),
            retention_days: 30,
        })
    });
    let schedules = Schedules::default();
    schedules.take(&PublicationSchedule {
        version: 1,
        entries: entries.collect(),
        by_organisation: organisation.clone(),
        by: "fuzz".to_owned(),
        organisation,
    });
    let principal = Principal {
        organisation: CAMDEN.to_owned(),
        subject: "fuzz".to_owned(),
        roles: vec![role::PRODUCER.to_owned()],
        events: EventPatterns::new(vec!["*".to_owned()]),
        token_id: "fuzz".to_owned(),
        expires_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40),
    };
    Checks::of(principal, &schedules).ok()
});

/// A frame as each agency reads it. What is accepted is written, and what is written is read again as it stands.
pub(super) fn frames(input: &[u8]) {
    if let Ok(frame) = housing::v1::PublishFrame::decode(input) {
        frame.events.iter().for_each(event::<Housing>);
    }
    if let Ok(frame) = health::v1::PublishFrame::decode(input) {
        frame.events.iter().for_each(event::<Health>);
    }
    if let Ok(frame) = police::v1::PublishFrame::decode(input) {
        frame.events.iter().for_each(event::<Police>);
    }
    if let Ok(frame) = social_care::v1::PublishFrame::decode(input) {
        frame.events.iter().for_each(event::<SocialCare>);
    }
}

fn event<A: Agency>(event: &A::Event) {
    let checks = CHECKS.as_ref();
    let Some((name, body)) = checks.and_then(|checks| checks.written::<A>(event, NOW)) else {
        return;
    };
    let again = walbrook_proto::record(name).and_then(|record| (record.recode)(&body).ok());
    assert_eq!(
        again.as_deref(),
        Some(body.as_slice()),
        "{name} is not read as written"
    );
}

/// A token: only the one that was signed is taken.
pub(super) fn tokens(input: &[u8]) {
    static ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::ephemeral("walbrook-local"));
    if let Ok(text) = std::str::from_utf8(input) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_435_200);
        let taken = ISSUER.verifier().verify(text, now);
        assert!(taken.is_err(), "a token of nobody was taken");
    }
}
