//! Identity's own settings, beside the common ones: the table `[linkage]`.

use crate::linkage::Rules;
use walbrook_runtime::config::{Section, Settings};

/// Resolved settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Bounds and switches of the rules.
    pub rules: Rules,
    /// Look-ups for reading that one organisation may make in a second.
    pub lookups_per_second: u32,
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
        let without = section.texts("linkage.without_demographics");
        let lookups = section.integer("linkage.lookups_per_second", 1..=1_000_000, 500);
        Some(Self {
            rules: Rules {
                members_cap: usize::try_from(members_cap?).ok()?,
                postcode_records: usize::try_from(postcode?).ok()?,
                without_demographics: without.into_iter().collect(),
            },
            lookups_per_second: u32::try_from(lookups?).ok()?,
        })
    }
}
