//! The wall clock, at the edge.

use prost_types::Timestamp;
use std::time::SystemTime;
use walbrook_domain::Instant;

/// Now.
pub fn now() -> Instant {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Instant(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// An instant as protobuf says it.
pub fn timestamp(at: Instant) -> Timestamp {
    let micros = at.micros();
    Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    }
}

/// A protobuf instant, to the microsecond; `None` when it is none.
pub fn instant(at: &Timestamp) -> Option<Instant> {
    (0..1_000_000_000)
        .contains(&at.nanos)
        .then(|| Instant::from_seconds_nanos(at.seconds, at.nanos))
        .flatten()
}
