//! The broker's own settings, beside the common ones.

use std::path::PathBuf;
use walbrook_runtime::config::{Section, Settings};

/// Resolved settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Folder of the view files whose texts are pinned.
    pub views_dir: PathBuf,
}

impl Settings for Config {
    fn read(section: &mut Section) -> Option<Self> {
        let views_dir = section
            .path("views_dir")
            .unwrap_or_else(|| PathBuf::from("deploy/views"));
        Some(Self { views_dir })
    }
}
