//! `walbrook import stop-search`: stop and search as forces publish it on data.police.uk, as open records about nobody.
//!
//! Coordinates are strings; an outcome may be `""`, `false` or null; most members may be null. Ethnicity is left in the file: it is no event field,
//! and nothing that is sent is derived from it.

use clap::Args;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use walbrook_domain::Organisation;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::police::v1::{StopSearch, event};

use super::feed::{instant, labelled, microdegrees};
use super::frame::{self, Draft, Drafts, Import, ImportFlags, Mapping, Meter, Row, json};
use crate::publish::Body;
use crate::{Exit, Failure};

const TABLE: &str = "stops";

/// Stop and search of a force (data.police.uk, JSON)
#[derive(Debug, Args)]
pub struct StopSearchArgs {
    /// The file, as the service answers it
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The force that publishes it
    #[arg(
        long,
        value_name = "ORGANISATION",
        default_value = "POLICE_FORCE:metropolitan"
    )]
    pub publisher: Organisation,
    /// Rejects, form and caller
    #[command(flatten)]
    pub flags: ImportFlags,
}

/// Imports a file.
///
/// # Errors
/// As every import's.
pub async fn run(args: StopSearchArgs) -> Result<Exit, Failure> {
    let import = import(&args.file, args.publisher)?;
    frame::run(import, &args.flags).await
}

/// A file as an import.
///
/// # Errors
/// When it cannot be read.
pub(super) fn import(file: &Path, publisher: Organisation) -> Result<Import<Searches>, Failure> {
    let meter = Meter::default();
    Ok(Import {
        source: "stop-search",
        agency: "police",
        rows: json::rows(TABLE, file, &[], &meter)?,
        mapping: Searches::of(&publisher),
        organisation: publisher,
        meter,
    })
}

/// Makes one open record of each search. Two records that say the same are two searches: how often a content was seen is remembered, a few dozen
/// bytes for each.
pub(super) struct Searches {
    force: String,
    seen: HashMap<[u8; 16], u32>,
}

impl Searches {
    fn of(organisation: &Organisation) -> Self {
        let text = organisation.to_string();
        let force = text.split_once(':').map_or("", |(_, code)| code);
        Self {
            force: force.to_owned(),
            seen: HashMap::new(),
        }
    }

    /// An identity made of what is published here, and of how often it was.
    fn reference(&mut self, search: &StopSearch) -> String {
        let mut bytes = Vec::new();
        event::Body::StopSearch(search.clone()).encode(&mut bytes);
        let mut hash = [0; 16];
        for (to, from) in hash.iter_mut().zip(Sha256::digest(&bytes)) {
            *to = from;
        }
        let count = self.seen.entry(hash).or_default();
        *count += 1;
        format!("{}-{count}", hex::encode(hash))
    }
}

impl Mapping for Searches {
    fn map(&mut self, row: &Row, drafts: &mut Drafts) {
        let Some(at) = row.cell("datetime").and_then(instant) else {
            let sentence = "expected an instant with its offset, as 2024-01-06T22:45:00+00:00";
            return drafts.refuse("datetime", "TIME_UNREADABLE", sentence);
        };
        let Some(kind) = row
            .cell("type")
            .and_then(|text| labelled("police_search_type", text))
        else {
            let sentence = "expected the kind of search as published, for example Person search";
            return drafts.refuse("type", "KIND_UNKNOWN", sentence);
        };
        let value = row.json();
        let flag = |name: &str| value.and_then(|value| value.get(name)?.as_bool());
        let place = value.and_then(|value| value.get("location"));
        let street = place.and_then(|place| place.get("street")?.get("id"));
        let mut search = StopSearch {
            search_ref: String::new(),
            force: self.force.clone(),
            search_type: kind,
            searched_at: Some(at),
            involved_person: flag("involved_person"),
            gender: word(row, drafts, "gender", "police_search_gender"),
            age_range: word(row, drafts, "age_range", "police_search_age_range"),
            legislation: word(row, drafts, "legislation", "police_search_power"),
            object_of_search: word(row, drafts, "object_of_search", "police_search_object"),
            outcome: word(row, drafts, "outcome", "police_search_outcome"),
            outcome_linked_to_object: flag("outcome_linked_to_object_of_search"),
            more_than_outer_clothing_removed: flag("removal_of_more_than_outer_clothing"),
            part_of_operation: flag("operation"),
            map_point: street.filter(|id| id.is_u64()).map(Value::to_string),
            latitude_microdegrees: microdegrees(place.and_then(|place| place.get("latitude"))),
            longitude_microdegrees: microdegrees(place.and_then(|place| place.get("longitude"))),
        };
        search.search_ref = self.reference(&search);
        let body = Body::Police(event::Body::StopSearch(search));
        drafts.send(Draft::open(When::OccurredAt(at), body));
    }

    fn column(_table: &str, field: &str) -> String {
        let last = field.rsplit('.').next().unwrap_or(field);
        match last {
            "searched_at" | "occurred_at" => "datetime",
            "search_type" => "type",
            "latitude_microdegrees" | "longitude_microdegrees" | "map_point" => "location",
            "outcome_linked_to_object" => "outcome_linked_to_object_of_search",
            "more_than_outer_clothing_removed" => "removal_of_more_than_outer_clothing",
            other => other,
        }
        .to_owned()
    }
}

/// The code of a published text. One that the list does not know is left out, and said; the search itself stays.
fn word(row: &Row, drafts: &mut Drafts, column: &str, list: &str) -> Option<String> {
    let text = row.cell(column)?;
    let code = labelled(list, text);
    if code.is_none() {
        let sentence = format!("the list {list} does not hold the text: it is left out");
        drafts.query(column, "TEXT_NOT_IN_LIST", sentence);
    }
    code
}

#[cfg(test)]
mod tests;
