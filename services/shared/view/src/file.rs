//! A view file, read: TOML to [`View`], checked against the shared schemas. Nothing of a faulty file is used.

mod clocks;
mod cohort;
mod excluded;
mod features;
mod rules;

use crate::document::{Document, Table};
pub use crate::document::{Fault, Faults};
use crate::model::{Feature, Kind, Mode, NotYet, Population, View, Visibility};
use crate::wire::SharedSchema;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::EventType;
use walbrook_policy::catalogue::{Catalogue, EventShape, FieldKind, FieldShape, SubjectKind};
use walbrook_proto::avro::SubjectOf;

/// Outputs of the features read so far, by name, with their types.
type Outputs = BTreeMap<String, FieldKind>;

/// Reads a view file. `file` names it in faults; `catalogue` has the event types.
///
/// # Errors
/// Every fault of the file, by line and field.
pub fn read(file: &str, text: &str, catalogue: &Catalogue) -> Result<View, Faults> {
    let mut document = Document::new(text);
    let view = document
        .top()
        .and_then(|top| Reading { catalogue }.view(&mut document, top, text));
    let mut faults = document.faults;
    match view {
        Some(view) if faults.is_empty() => Ok(view),
        _ => {
            faults.sort();
            faults.dedup();
            Err(Faults {
                file: file.to_owned(),
                faults,
            })
        }
    }
}

struct Reading<'c> {
    catalogue: &'c Catalogue,
}

impl<'c> Reading<'c> {
    fn view<'t>(&self, d: &mut Document<'t>, mut top: Table<'t>, text: &str) -> Option<View> {
        let name = top.text(d, "name").map(|(_, name)| name);
        let title = top.text(d, "title").map(|(_, title)| title);
        let purpose = top.word(d, "purpose");
        let population_line = top.line_of("population");
        let population = top.choice(
            d,
            "population",
            &[
                ("adults", Population::Adults),
                ("looked-after-children", Population::LookedAfterChildren),
                (
                    "looked-after-children-and-leavers",
                    Population::LookedAfterOrLeft,
                ),
            ],
        );
        let points = top.flag(d, "points");
        if points && population.is_some_and(Population::of_children) {
            d.fault(
                population_line,
                "points",
                "a view about children has clocks and flags, never points",
            );
        }
        let modes = modes(d, &mut top);
        let (silent_after_days, source_labels) = self.sources(d, &mut top);
        let mut outputs = Outputs::new();
        let mut features = Vec::new();
        for table in top.tables(d, "feature") {
            features.extend(self.feature(d, table, &mut outputs));
        }
        let area = area(d, &mut top, (&features, &outputs));
        let excluded = excluded::outputs(self.catalogue, &features, points);
        let rules = rules::rules(d, &mut top, (&outputs, &excluded), points);
        let bands = rules::bands(d, &mut top, points);
        let columns = rules::columns(d, &mut top, &outputs);
        let cohort = cohort::dimensions(d, &mut top, &modes, (&outputs, &bands, &columns));
        let not_yet = not_yet(d, &mut top);
        let acknowledge_within_days = top.optional_count(d, "acknowledge_within_days");
        let visibility = Visibility::new(&features, &rules, &columns);
        self.every_source_stands(d, &features, &silent_after_days);
        top.finish(d);
        Some(View {
            name: name?,
            title: title?,
            purpose: purpose?,
            population: population?,
            modes,
            points,
            area,
            silent_after_days,
            source_labels,
            event_types: event_types(&features),
            features,
            rules,
            bands,
            columns,
            cohort,
            not_yet,
            acknowledge_within_days: acknowledge_within_days.unwrap_or(crate::notice::DAYS),
            visibility,
            sha256: Sha256::digest(text.as_bytes()).into(),
            text: text.to_owned(),
        })
    }

    /// The silence of each source and its words.
    fn sources<'t>(
        &self,
        d: &mut Document<'t>,
        top: &mut Table<'t>,
    ) -> (BTreeMap<EventType, u32>, BTreeMap<EventType, String>) {
        let mut sources = BTreeMap::new();
        let mut labels = BTreeMap::new();
        for mut table in top.tables(d, "source") {
            let shape = self.event(d, &mut table);
            clocks::window_has_a_unit(d, &mut table);
            let days = table.count(d, "silent_after_days");
            let label = table.optional_text(d, "label");
            let line = table.line;
            if let (Some(shape), Some((_, label))) = (shape, label) {
                labels.insert(shape.event_type.clone(), label);
            }
            if let (Some(shape), Some(days)) = (shape, days)
                && sources.insert(shape.event_type.clone(), days).is_some()
            {
                d.fault(line, table.path("event"), "stands twice");
            }
            table.finish(d);
        }
        (sources, labels)
    }

    fn every_source_stands(
        &self,
        d: &mut Document<'_>,
        features: &[Feature],
        sources: &BTreeMap<EventType, u32>,
    ) {
        let missing = features
            .iter()
            .flat_map(|feature| feature.kind.selects())
            .map(|select| &select.event_type)
            .find(|event_type| !sources.contains_key(event_type));
        if let Some(event_type) = missing {
            let reason = format!("{event_type} is used by a feature and has no [[source]]");
            d.fault(1, "source", reason);
        }
    }

    fn event<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<&'c EventShape> {
        let line = table.line_of("event");
        let event_type: EventType = table.word(d, "event")?;
        let shape = self.catalogue.event(&event_type);
        if shape.is_none() {
            let reason = format!("there is no event type {event_type}");
            d.fault(line, table.path("event"), reason);
        }
        // tfl.OutreachNotified is for outreach teams and for counts of places: nobody is in it.
        if shape.is_some_and(|shape| shape.subject != SubjectKind::Person) {
            let reason = format!("{event_type} is about no person: it never enters a person's row");
            d.fault(line, table.path("event"), reason);
        }
        shape
    }
}

/// The event types that features look at, ascending.
fn event_types(features: &[Feature]) -> Vec<EventType> {
    let selects = features.iter().flat_map(|feature| feature.kind.selects());
    let types: BTreeSet<EventType> = selects.map(|select| select.event_type.clone()).collect();
    types.into_iter().collect()
}

/// The feature that says where somebody is: the last word of a text field, so that only an event changes it.
fn area<'t>(
    d: &mut Document<'t>,
    top: &mut Table<'t>,
    (features, outputs): (&[Feature], &Outputs),
) -> Option<String> {
    let (line, name) = top.optional_text(d, "area")?;
    let last = features
        .iter()
        .any(|feature| feature.name == name && matches!(feature.kind, Kind::Last(..)));
    if !last || outputs.get(&name) != Some(&FieldKind::Text) {
        let reason = format!(
            "{name} is no feature of kind last over a text: where somebody was, as the last event says it"
        );
        d.fault(line, "area", reason);
    }
    Some(name)
}

/// What the view should tell and no event says yet.
fn not_yet<'t>(d: &mut Document<'t>, top: &mut Table<'t>) -> Vec<NotYet> {
    let mut all = Vec::new();
    for mut table in top.tables(d, "not-yet") {
        let label = table.text(d, "label");
        let meaning = table.text(d, "meaning");
        table.finish(d);
        if let (Some((_, label)), Some((_, meaning))) = (label, meaning) {
            all.push(NotYet { label, meaning });
        }
    }
    all
}

fn modes<'t>(d: &mut Document<'t>, top: &mut Table<'t>) -> Vec<Mode> {
    let mut modes = Vec::new();
    for (line, mode) in top.texts(d, "modes") {
        match mode.as_str() {
            "case" => modes.push(Mode::Case),
            "cohort" => modes.push(Mode::Cohort),
            _ => d.fault(line, "modes", "expected case or cohort"),
        }
    }
    modes
}

/// Every event type of this build, from its schemas.
pub fn catalogue() -> Catalogue {
    Catalogue::new(walbrook_proto::records().iter().filter_map(|info| {
        let event = info.event?;
        let schema = SharedSchema::parse(event.shared_schema).ok()?;
        let kinds: BTreeMap<u8, FieldKind> = schema.kinds().collect();
        Some(EventShape {
            event_type: EventType::new(event.event_type).ok()?,
            subject: match event.subject {
                SubjectOf::Person => SubjectKind::Person,
                SubjectOf::Area => SubjectKind::Area,
                SubjectOf::Open => SubjectKind::Open,
            },
            fields: (0u8..64)
                .zip(info.fields)
                .map(|(number, name)| FieldShape {
                    name: (*name).to_owned(),
                    kind: kinds.get(&number).copied().unwrap_or(FieldKind::Text),
                })
                .collect(),
        })
    }))
}
