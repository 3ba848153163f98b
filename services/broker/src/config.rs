//! The broker's own settings, beside the common ones.

use std::path::PathBuf;
use walbrook_runtime::config::{Section, Settings};

/// Resolved settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Folder of the view files whose texts are pinned.
    pub views_dir: PathBuf,
    /// Members of the enforcement group in this process, one thread each.
    pub enforce_threads: usize,
}

impl Settings for Config {
    fn read(section: &mut Section) -> Option<Self> {
        let views_dir = section
            .path("views_dir")
            .unwrap_or_else(|| PathBuf::from("deploy/views"));
        let enforce_threads = section.integer("enforce_threads", 1..=64, 1);
        Some(Self {
            views_dir,
            enforce_threads: usize::try_from(enforce_threads?).ok()?,
        })
    }
}
