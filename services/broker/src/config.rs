//! The broker's own settings, beside the common ones.

use crate::generations::look::Rule;
use std::path::PathBuf;
use walbrook_runtime::config::{Common, Section, Settings};

/// Resolved settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Folder of the view files whose texts are pinned.
    pub views_dir: PathBuf,
    /// Members of the enforcement group in this process, one thread each.
    pub enforce_threads: usize,
    /// When a new generation of a purpose's topic is begun.
    pub generations: Rule,
    /// Under which address other broker processes reach this one, where that is not the one it listens on.
    pub advertise: Option<http::Uri>,
}

impl Config {
    /// The address under which other broker processes reach this one.
    pub fn advertise(&self, common: &Common) -> http::Uri {
        let listening = || {
            http::Uri::builder()
                .scheme("http")
                .authority(common.listen.to_string())
                .path_and_query("/")
                .build()
                .unwrap_or_default()
        };
        self.advertise.clone().unwrap_or_else(listening)
    }
}

impl Settings for Config {
    fn read(section: &mut Section) -> Option<Self> {
        let views_dir = section
            .path("views_dir")
            .unwrap_or_else(|| PathBuf::from("deploy/views"));
        let enforce_threads = section.integer("enforce_threads", 1..=64, 1);
        let percent = section.integer("generation_superseded_percent", 1..=100, 50);
        let least_offsets = section.integer("generation_least_offsets", 1..=i64::MAX, 1_000_000);
        let advertise = match section.text("advertise") {
            None => None,
            Some(text) => {
                let uri = text.parse::<http::Uri>().ok();
                let whole = uri.filter(|uri| uri.host().is_some() && uri.scheme().is_some());
                if whole.is_none() {
                    section.fault("advertise", "must be http://host:port or https://host:port");
                    return None;
                }
                whole
            }
        };
        Some(Self {
            views_dir,
            enforce_threads: usize::try_from(enforce_threads?).ok()?,
            generations: Rule {
                percent: u8::try_from(percent?).ok()?,
                least_offsets: least_offsets?,
            },
            advertise,
        })
    }
}
