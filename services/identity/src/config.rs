//! Identity's own settings, beside the common ones: the tables `[linkage]` and `[lookups]`.

use crate::linkage::Rules;
use crate::lookup::Bounds;
use std::path::Path;
use std::sync::Arc;
use walbrook_matching::Model;
use walbrook_runtime::config::{Common, Section, Settings};

/// Resolved settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Bounds and switches of the rules.
    pub rules: Rules,
    /// How look-ups for reading are bounded.
    pub bounds: Bounds,
    /// Where other identity processes reach this one, when that is not where it listens.
    pub advertise: Option<http::Uri>,
}

impl Config {
    /// The address under which other identity processes reach this one.
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

/// The address that is set, if one is; `None` when it cannot be used, which the section then says.
fn advertised(section: &mut Section) -> Option<Option<http::Uri>> {
    let Some(text) = section.text("advertise") else {
        return Some(None);
    };
    let uri = text.parse::<http::Uri>().ok();
    let whole = uri.filter(|uri| uri.host().is_some() && uri.scheme().is_some());
    if whole.is_none() {
        section.fault("advertise", "must be http://host:port or https://host:port");
        return None;
    }
    Some(whole)
}

impl Settings for Config {
    fn read(section: &mut Section) -> Option<Self> {
        let defaults = Rules::default();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let members_cap = section.integer(
            "linkage.members_cap",
            2..=1_000,
            count(defaults.members_cap),
        );
        let postcode = section.integer(
            "linkage.postcode_records",
            1..=1_000_000,
            count(defaults.postcode_records),
        );
        let block = section.integer(
            "linkage.block_records",
            2..=100_000,
            count(defaults.block_records),
        );
        let comparisons = section.integer(
            "linkage.comparisons",
            1..=100_000,
            count(defaults.comparisons),
        );
        let advertise = advertised(section);
        let model = match section.path("linkage.model") {
            None => Some(defaults.model),
            Some(path) => model(&path)
                .map_err(|problem| section.fault("linkage.model", problem))
                .ok(),
        };
        let without = section.texts("linkage.without_demographics");
        let organisation = section.integer("lookups.organisation_per_second", 1..=1_000_000, 500);
        let reader = section.integer("lookups.reader_per_minute", 1..=1_000_000, 120);
        let hold = section.integer("lookups.hold_hours", 0..=8_784, 24);
        Some(Self {
            advertise: advertise?,
            rules: Rules {
                members_cap: usize::try_from(members_cap?).ok()?,
                postcode_records: usize::try_from(postcode?).ok()?,
                block_records: usize::try_from(block?).ok()?,
                model: model?,
                comparisons: usize::try_from(comparisons?).ok()?,
                without_demographics: without.into_iter().collect(),
            },
            bounds: Bounds {
                organisation_per_second: u32::try_from(organisation?).ok()?,
                reader_per_minute: u32::try_from(reader?).ok()?,
                hold_hours: u32::try_from(hold?).ok()?,
            },
        })
    }
}

/// The matching model of a file.
fn model(path: &Path) -> Result<Arc<Model>, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let model = Model::read(&text)
        .map_err(|error| format!("{} is no matching model: {error}", path.display()))?;
    Ok(Arc::new(model))
}
