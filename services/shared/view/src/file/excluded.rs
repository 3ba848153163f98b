//! What no rule may rest on (domain reference §10.1): ethnicity and its like in any view; in a view with points, counts that only policing
//! makes. A column may show them, so that fairness can be looked at.

use crate::model::{Feature, Kind, Select};
use std::collections::BTreeMap;
use walbrook_policy::catalogue::{Catalogue, EventShape};

/// Outputs that no rule may name, each with the reason.
pub(super) type Excluded = BTreeMap<String, String>;

/// Words that a field or feature of this kind has in its name.
const WORDS: [&str; 12] = [
    "ethnic",
    "ethnicity",
    "race",
    "nationality",
    "citizenship",
    "religion",
    "religious",
    "faith",
    "belief",
    "sexuality",
    "sexual_orientation",
    "orientation",
];

/// The events of police forces.
const POLICE: &str = "police.";

/// The excluded outputs of the features, with those that rest on them.
pub(super) fn outputs(catalogue: &Catalogue, features: &[Feature], points: bool) -> Excluded {
    let mut excluded = Excluded::new();
    for feature in features {
        let reason = personal(catalogue, feature)
            .or_else(|| {
                let mut inherited = feature.kind.outputs_read().into_iter();
                inherited.find_map(|name| excluded.get(name).cloned())
            })
            .or_else(|| counts_policing(feature).filter(|_| points));
        let Some(reason) = reason else { continue };
        for output in named(feature) {
            excluded.insert(output, reason.clone());
        }
    }
    excluded
}

fn named(feature: &Feature) -> Vec<String> {
    let outputs = feature.outputs(|_, _| walbrook_policy::catalogue::FieldKind::Text);
    let mut names: Vec<String> = outputs.into_iter().map(|(name, _)| name).collect();
    // Of policing intervals only the count of them is a count.
    if matches!(feature.kind, Kind::OpenInterval { .. }) && is_police(feature) {
        names.retain(|name| name.ends_with("_count"));
    }
    names
}

fn is_police(feature: &Feature) -> bool {
    let selects = feature.kind.selects();
    !selects.is_empty()
        && selects
            .iter()
            .all(|select| select.event_type.as_str().starts_with(POLICE))
}

fn personal(catalogue: &Catalogue, feature: &Feature) -> Option<String> {
    let said = |name: &str| {
        format!("{name}: ethnicity, nationality, religion and sexual orientation are in no rule")
    };
    if is_excluded(&feature.name) {
        return Some(said(&feature.name));
    }
    feature.kind.selects().into_iter().find_map(|select| {
        let shape = catalogue.event(&select.event_type)?;
        fields(select, shape)
            .into_iter()
            .find(|field| is_excluded(field))
            .map(|field| said(&field))
    })
}

fn fields(select: &Select, shape: &EventShape) -> Vec<String> {
    let read = select.read();
    (0u8..64)
        .zip(&shape.fields)
        .filter(|(number, _)| read >> number & 1 == 1)
        .map(|(_, field)| field.name.clone())
        .collect()
}

fn is_excluded(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("sexual_orientation") || name.split('_').any(|part| WORDS.contains(&part))
}

fn counts_policing(feature: &Feature) -> Option<String> {
    let counts = matches!(
        feature.kind,
        Kind::Count(..) | Kind::Sum(..) | Kind::Change(..) | Kind::OpenInterval { .. }
    );
    (counts && is_police(feature)).then(|| {
        format!(
            "{}: a count that only policing makes carries no points",
            feature.name
        )
    })
}
