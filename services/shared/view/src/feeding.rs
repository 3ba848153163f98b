//! Whether agreements can feed a view: a feature whose fields nobody who reads the view may have would say "withheld" for ever, of everybody.

use crate::file::Fault;
use crate::model::{Select, View};
use std::collections::BTreeSet;
use walbrook_policy::agreement::{Agreement, Flow, Reader};
use walbrook_policy::catalogue::Catalogue;

/// What one agreement grants somebody who reads a view.
struct Fed<'a> {
    agreement: &'a Agreement,
    readers: Vec<&'a Reader>,
}

impl<'a> Fed<'a> {
    fn of(view: &View, agreement: &'a Agreement) -> Option<Self> {
        let readers: Vec<&Reader> = agreement
            .readers
            .iter()
            .filter(|reader| reader.view == view.name)
            .collect();
        let feeds = agreement.purpose == view.purpose && !readers.is_empty();
        feeds.then_some(Self { agreement, readers })
    }

    /// Flows that some reader of the view sees.
    fn flows(&self, select: &Select) -> impl Iterator<Item = &'a Flow> {
        let seen = self
            .readers
            .iter()
            .any(|reader| reader.events.is_empty() || reader.events.contains(&select.event_type));
        let event_type = select.event_type.clone();
        self.agreement
            .flows
            .iter()
            .filter(move |flow| seen && flow.event_type == event_type)
    }
}

/// The agreements that can feed a select, and who reads under them, as `agreement: role, role`.
pub fn fed_by(
    view: &View,
    select: &Select,
    agreements: &[Agreement],
    catalogue: &Catalogue,
) -> Vec<String> {
    let needed = needed(select, catalogue);
    let all = agreements
        .iter()
        .filter_map(|agreement| Fed::of(view, agreement));
    all.filter(|fed| {
        fed.flows(select)
            .any(|flow| lacks(flow, &needed).is_empty())
    })
    .map(|fed| {
        let seeing = fed.readers.iter().filter(|reader| {
            reader.events.is_empty() || reader.events.contains(&select.event_type)
        });
        let roles: BTreeSet<&str> = seeing.map(|reader| reader.role.as_str()).collect();
        let roles: Vec<&str> = roles.into_iter().collect();
        format!("{}: {}", fed.agreement.id, roles.join(", "))
    })
    .collect()
}

/// The features that none of the agreements can feed, and the roles of columns in which nobody reads the view: by line and reason.
pub fn unfed(view: &View, agreements: &[Agreement], catalogue: &Catalogue) -> Vec<Fault> {
    let fed: Vec<Fed<'_>> = agreements
        .iter()
        .filter_map(|agreement| Fed::of(view, agreement))
        .collect();
    let mut faults = Vec::new();
    for feature in &view.features {
        for select in feature.kind.selects() {
            if let Some(reason) = starved(select, &fed, catalogue) {
                faults.push(Fault {
                    line: feature.line,
                    field: format!("feature {}", feature.name),
                    reason,
                });
            }
        }
    }
    let roles: BTreeSet<&str> = fed
        .iter()
        .flat_map(|fed| &fed.readers)
        .map(|reader| reader.role.as_str())
        .collect();
    for column in &view.columns {
        for role in &column.roles {
            if !roles.contains(role.as_str()) {
                faults.push(Fault {
                    line: column.line,
                    field: format!("column {}", column.output),
                    reason: format!("no agreement lets anybody read the view as {role}"),
                });
            }
        }
    }
    faults.sort();
    faults.dedup();
    faults
}

fn starved(select: &Select, fed: &[Fed<'_>], catalogue: &Catalogue) -> Option<String> {
    let needed = needed(select, catalogue);
    let missing = fed
        .iter()
        .flat_map(|fed| fed.flows(select))
        .map(|flow| lacks(flow, &needed))
        .min_by_key(Vec::len);
    match missing {
        Some(missing) if missing.is_empty() => None,
        Some(missing) => Some(format!(
            "no agreement grants a reader of the view {} of {} together with the rest of it",
            missing.join(", "),
            select.event_type
        )),
        None => Some(format!(
            "no agreement lets a reader of the view have {}",
            select.event_type
        )),
    }
}

fn lacks(flow: &Flow, needed: &[String]) -> Vec<String> {
    let missing = |name: &&String| !flow.fields.contains(name);
    needed.iter().filter(missing).cloned().collect()
}

/// The names of the fields that must be granted.
fn needed(select: &Select, catalogue: &Catalogue) -> Vec<String> {
    let fields = catalogue
        .event(&select.event_type)
        .map(|shape| shape.fields.as_slice())
        .unwrap_or_default();
    let mask = select.mask();
    (0u8..64)
        .zip(fields)
        .filter(|(number, _)| mask >> number & 1 == 1)
        .map(|(_, field)| field.name.clone())
        .collect()
}
