//! The keys of a local backbone, made on the first `up`.

use std::path::Path;

use walbrook_runtime::keystore::{LocalKeys, create_local};

use super::LocalError;

/// The agencies that have a service, as in the names of their topics.
pub const AGENCIES: [&str; 6] = ["police", "health", "housing", "tfl", "social-care", "city"];

/// Organisations beside the 33 London authorities that sign agreements on a local backbone.
const OTHER_PARTIES: [&str; 8] = [
    "CHARITY:street-outreach",
    "GSS:E12000007",
    "ODS:R1H",
    "ODS:RJ1",
    "ODS:RRV",
    "ODS:RYJ",
    "POLICE_FORCE:metropolitan",
    "TFL:tfl",
];

/// Every organisation that has a signing key on a local backbone.
#[must_use]
pub fn parties() -> Vec<String> {
    let authorities = (1..=33).map(|number| format!("GSS:E09{number:06}"));
    authorities
        .chain(OTHER_PARTIES.iter().map(|&party| party.to_owned()))
        .collect()
}

/// Makes what is missing before any process starts; keys that are there stay, so that handles and pseudonyms stay.
pub(super) fn prepare(folder: &Path) -> Result<(), LocalError> {
    let parties = parties();
    let parties: Vec<&str> = parties.iter().map(String::as_str).collect();
    let keys = LocalKeys {
        agencies: &AGENCIES,
        purposes: &walbrook_eventlog::topics::PURPOSES,
        parties: &parties,
    };
    create_local(folder, &keys).map_err(|source| LocalError::Keys { source })?;
    Ok(())
}
