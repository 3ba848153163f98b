//! What transport tells, day by day: the state of its lines, and places where somebody may be sleeping rough. No person is in it.

use super::chance::{weighted, whether};
use super::diary::event_id;
use super::{Span, Told};
use crate::publish::{Body, Outgoing};
use prost_types::Timestamp;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use walbrook_proto::common::v1::EventHead;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::tfl::v1::{LineStatusChanged, OutreachNotified, event::Body as Tfl};

/// The number of nobody: it stands last among what is told at one time.
pub(super) const NOBODY: u64 = u64::MAX;

/// Tells a span of days.
pub(super) fn told(span: Span, seed: u64, rng: &mut ChaCha8Rng) -> Vec<Told> {
    const LINES: [(&str, u32); 5] = [
        ("victoria", 1),
        ("northern", 2),
        ("central", 2),
        ("jubilee", 1),
        ("piccadilly", 1),
    ];
    const PLACES: [((&str, &str), u32); 4] = [
        (("BUS", "N29"), 4),
        (("BUS", "N8"), 3),
        (("BUS", "N25"), 2),
        (("UNDERGROUND", "940GZZLUASL"), 1),
    ];
    let mut told = Vec::new();
    let mut day = span.from;
    while day <= span.to {
        let hour = rng.random_range(6..22);
        let at = time(rng, day.0, hour);
        let severity = weighted(rng, &[("10", 60), ("9", 25), ("6", 10), ("3", 5)], "10");
        let status = LineStatusChanged {
            line_id: weighted(rng, &LINES, "central").into(),
            mode: "tube".into(),
            status_severity: severity.into(),
            disruption_category: (severity != "10").then(|| "RealTime".into()),
            valid_from: Some(at),
            valid_to: None,
        };
        tell(
            &mut told,
            seed,
            at,
            Body::Tfl(Tfl::LineStatusChanged(status)),
        );
        if whether(rng, 0.3) {
            let at = time(rng, day.0, 1);
            let (area, place) = weighted(rng, &PLACES, ("BUS", "N29"));
            let seen = OutreachNotified {
                area: area.into(),
                route_or_station: place.into(),
                seen_at: Some(at),
                streetlink_ref: None,
                immediate_danger: whether(rng, 0.02),
            };
            tell(&mut told, seed, at, Body::Tfl(Tfl::OutreachNotified(seen)));
        }
        day = day.plus(1);
    }
    told
}

fn time(rng: &mut ChaCha8Rng, day: i32, hour: i64) -> Timestamp {
    Timestamp {
        seconds: i64::from(day) * 86_400 + hour * 3_600 + rng.random_range(0..3_600),
        nanos: 0,
    }
}

fn tell(told: &mut Vec<Told>, seed: u64, at: Timestamp, body: Body) {
    let sequence = u32::try_from(told.len()).unwrap_or(u32::MAX);
    told.push(Told {
        at_micros: at.seconds * 1_000_000,
        index: NOBODY,
        sequence,
        event: Outgoing {
            organisation: "TFL:tfl".into(),
            head: EventHead {
                event_id: event_id(seed, NOBODY >> 20, sequence),
                organisation: None,
                subject: None,
                when: Some(When::OccurredAt(at)),
                supersedes_event_id: None,
            },
            body,
        },
    });
}
