//! Other points and bands for the reasons of a view: the simple rules, or what somebody tries, to be measured and not to be read by.

use crate::{Exit, Failure};
use serde::Deserialize;
use std::collections::BTreeMap;
use walbrook_view::View;
use walbrook_view::model::Band;

/// The file of points.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Score {
    /// Hundredths of a point for every rule of the view, by id.
    points: BTreeMap<String, i64>,
    /// Lowest hundredths of each band.
    bands: BTreeMap<String, i64>,
}

/// The view as it would be if it ranked by these points.
///
/// # Errors
/// When the file is of another form, names a rule that the view does not have, or says nothing of one that it has.
pub fn scored(view: &View, name: &str, text: &str) -> Result<View, Failure> {
    let wrong = |problem: String| Failure::new(Exit::Input, format!("{name}: {problem}"));
    let Score { mut points, bands } =
        toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let mut view = view.clone();
    for rule in &mut view.rules {
        rule.points_hundredths = points.remove(&rule.id).ok_or_else(|| {
            let (rule, view) = (&rule.id, &view.name);
            wrong(format!(
                "no points for {rule}, a rule of {view}; say 0 where it does not count"
            ))
        })?;
    }
    if let Some(rule) = points.keys().next() {
        return Err(wrong(format!("{} has no rule {rule}", view.name)));
    }
    let bands = bands.into_iter();
    view.bands = bands
        .map(|(name, from_hundredths)| Band {
            name,
            from_hundredths,
        })
        .collect();
    view.bands
        .sort_by_key(|band| std::cmp::Reverse(band.from_hundredths));
    Ok(view)
}
