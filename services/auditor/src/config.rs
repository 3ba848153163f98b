//! What only the auditor is told.

use std::time::Duration;

use walbrook_runtime::config::{Section, Settings};

/// The auditor's settings.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// How often new pages and reads are put under a signed head.
    pub checkpoint_every: Duration,
    /// How often the whole log is verified.
    pub verify_every: Duration,
}

impl Settings for Config {
    fn read(section: &mut Section) -> Option<Self> {
        let checkpoint = section.integer("checkpoint_every_seconds", 1..=3_600, 5);
        let verify = section.integer("verify_every_seconds", 10..=86_400, 3_600);
        let seconds = |value: i64| u64::try_from(value).unwrap_or(60);
        Some(Self {
            checkpoint_every: Duration::from_secs(seconds(checkpoint?)),
            verify_every: Duration::from_secs(seconds(verify?)),
        })
    }
}
