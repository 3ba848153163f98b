//! The materialiser's own settings, beside the common ones.

use std::path::PathBuf;
use std::time::Duration;
use walbrook_runtime::config::{Section, Settings};

/// A break-glass holds half a shift where nothing else is said.
const GLASS_HOLDS_S: i64 = 4 * 3_600;

/// Resolved settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Folder of view files (`*.toml`).
    pub views_dir: PathBuf,
    /// The grounds bound: a view that cannot show that every ground was applied within this time refuses to answer.
    pub grounds_bound: Duration,
    /// Pause between two rounds that show the bound.
    pub grounds_pause: Duration,
    /// How long a break-glass holds.
    pub break_glass: Duration,
}

impl Settings for Config {
    fn read(section: &mut Section) -> Option<Self> {
        let views_dir = section
            .path("views_dir")
            .unwrap_or_else(|| PathBuf::from("deploy/views"));
        let bound = section.integer("grounds_bound_ms", 100..=600_000, 10_000);
        let pause = section.integer("grounds_pause_ms", 1..=60_000, 100);
        let break_glass = section.integer("break_glass_s", 1..=86_400, GLASS_HOLDS_S);
        let milliseconds = |number: i64| u64::try_from(number).ok().map(Duration::from_millis);
        Some(Self {
            views_dir,
            grounds_bound: milliseconds(bound?)?,
            grounds_pause: milliseconds(pause?)?,
            break_glass: u64::try_from(break_glass?).ok().map(Duration::from_secs)?,
        })
    }
}
