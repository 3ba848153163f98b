//! A view file, read: TOML to [`View`], checked against the shared schemas. Nothing of a faulty file is used.

use crate::condition::Condition;
use crate::document::{Document, Table};
pub use crate::document::{Fault, Faults};
use crate::model::{
    Band, Column, Due, Feature, Interval, Kind, Mode, Moment, Piece, Population, Rule, Select, View,
};
use crate::value::kind_name;
use crate::wire::SharedSchema;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
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
            ],
        );
        let points = top.flag(d, "points");
        if points && population == Some(Population::LookedAfterChildren) {
            d.fault(
                population_line,
                "points",
                "a view about children has clocks and flags, never points",
            );
        }
        let modes = modes(d, &mut top);
        let silent_after_days = self.sources(d, &mut top);
        let mut outputs = Outputs::new();
        let mut features = Vec::new();
        for table in top.tables(d, "feature") {
            features.extend(self.feature(d, table, &mut outputs));
        }
        let rules = rules(d, &mut top, &outputs, points);
        let bands = bands(d, &mut top, points);
        let columns = columns(d, &mut top, &outputs);
        self.every_source_stands(d, &features, &silent_after_days);
        top.finish(d);
        Some(View {
            name: name?,
            title: title?,
            purpose: purpose?,
            population: population?,
            modes,
            points,
            silent_after_days,
            features,
            rules,
            bands,
            columns,
            sha256: Sha256::digest(text.as_bytes()).into(),
            text: text.to_owned(),
        })
    }

    fn sources<'t>(&self, d: &mut Document<'t>, top: &mut Table<'t>) -> BTreeMap<EventType, u32> {
        let mut sources = BTreeMap::new();
        for mut table in top.tables(d, "source") {
            let shape = self.event(d, &mut table);
            let days = table.count(d, "silent_after_days");
            let line = table.line;
            if let (Some(shape), Some(days)) = (shape, days)
                && sources.insert(shape.event_type.clone(), days).is_some()
            {
                d.fault(line, table.path("event"), "stands twice");
            }
            table.finish(d);
        }
        sources
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
        shape
    }

    fn feature<'t>(
        &self,
        d: &mut Document<'t>,
        mut table: Table<'t>,
        outputs: &mut Outputs,
    ) -> Option<Feature> {
        let line = table.line_of("name");
        let path = table.path("name");
        let name = table.text(d, "name").map(|(_, name)| name);
        let kind_line = table.line_of("kind");
        let kind = match table.text(d, "kind").map(|(_, kind)| kind).as_deref() {
            Some("last") => self.valued(d, &mut table, Kind::Last),
            Some("first") => self.valued(d, &mut table, Kind::First),
            Some("count") => self
                .select(d, &mut table)
                .map(|(select, _)| Kind::Count(select, table.optional_count(d, "window_days"))),
            Some("sum") => self.sum(d, &mut table),
            Some("days-since") => self.moment(d, &mut table),
            Some("days-until") => self.days_until(d, &mut table),
            Some("open-interval") => self.open_interval(d, &mut table),
            Some("clock") => self.clock(d, &mut table),
            Some("flag") => output_condition(d, &mut table, "when", outputs).map(Kind::Flag),
            Some(_) => {
                d.fault(
                    kind_line,
                    table.path("kind"),
                    "expected one of last, first, count, sum, days-since, days-until, open-interval, clock, flag",
                );
                return None;
            }
            None => None,
        };
        table.finish(d);
        let feature = Feature {
            name: name?,
            kind: kind?,
        };
        for (output, kind) in feature.outputs(|event_type, field| self.kind(event_type, field)) {
            if outputs.insert(output.clone(), kind).is_some() {
                d.fault(
                    line,
                    path.as_str(),
                    format!("the output {output} stands twice"),
                );
            }
        }
        Some(feature)
    }

    fn kind(&self, event_type: &EventType, field: u8) -> FieldKind {
        self.catalogue
            .event(event_type)
            .and_then(|shape| shape.fields.get(usize::from(field)))
            .map_or(FieldKind::Text, |field| field.kind)
    }

    /// The event and condition of a feature, with the event's shape.
    fn select<'t>(
        &self,
        d: &mut Document<'t>,
        table: &mut Table<'t>,
    ) -> Option<(Select, &'c EventShape)> {
        let shape = self.event(d, table);
        let only = table.optional_text(d, "where");
        let shape = shape?;
        let mut select = Select {
            event_type: shape.event_type.clone(),
            only: None,
            fields: Vec::new(),
        };
        if let Some((line, text)) = only {
            match Condition::over_event(&text, shape) {
                Ok(condition) => {
                    select.needs(condition.fields());
                    select.only = Some(condition);
                }
                Err(reason) => d.fault(line, table.path("where"), reason),
            }
        }
        Some((select, shape))
    }

    /// A field of the event by name, of one of these kinds (any when none is named).
    fn field<'t>(
        &self,
        d: &mut Document<'t>,
        table: &mut Table<'t>,
        name: &str,
        (select, shape): (&mut Select, &EventShape),
        kinds: &[FieldKind],
    ) -> Option<u8> {
        let (line, field) = table.text(d, name)?;
        let Some((number, found)) = shape.field(&field) else {
            let reason = format!("{} has no field {field}", shape.event_type);
            d.fault(line, table.path(name), reason);
            return None;
        };
        if !kinds.is_empty() && !kinds.contains(&found.kind) {
            let expected: Vec<&str> = kinds.iter().map(|kind| kind_name(*kind)).collect();
            let reason = format!(
                "{field} is a {}; expected a {}",
                kind_name(found.kind),
                expected.join(" or ")
            );
            d.fault(line, table.path(name), reason);
            return None;
        }
        let number = u8::try_from(number).ok()?;
        select.needs([number]);
        Some(number)
    }

    fn valued<'t>(
        &self,
        d: &mut Document<'t>,
        table: &mut Table<'t>,
        kind: fn(Select, u8) -> Kind,
    ) -> Option<Kind> {
        let (mut select, shape) = self.select(d, table)?;
        let field = self.field(d, table, "field", (&mut select, shape), &[])?;
        Some(kind(select, field))
    }

    fn sum<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let (mut select, shape) = self.select(d, table)?;
        let only = [FieldKind::Integer];
        let field = self.field(d, table, "field", (&mut select, shape), &only);
        let window_days = table.optional_count(d, "window_days");
        Some(Kind::Sum(select, field?, window_days))
    }

    fn moment<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let (mut select, shape) = self.select(d, table)?;
        let moment = self.on(d, table, (&mut select, shape))?;
        Some(Kind::DaysSince(select, moment))
    }

    /// `on`: a date or instant of the event; when the event happened if it is left out.
    fn on<'t>(
        &self,
        d: &mut Document<'t>,
        table: &mut Table<'t>,
        of: (&mut Select, &EventShape),
    ) -> Option<Moment> {
        if !table.has("on") {
            return Some(Moment::Occurred);
        }
        let kinds = [FieldKind::Day, FieldKind::Instant];
        self.field(d, table, "on", of, &kinds).map(Moment::Field)
    }

    fn days_until<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let (mut select, shape) = self.select(d, table)?;
        let kinds = [FieldKind::Day, FieldKind::Instant];
        let field = self.field(d, table, "field", (&mut select, shape), &kinds)?;
        Some(Kind::DaysUntil(select, field))
    }

    fn open_interval<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let (mut select, shape) = self.select(d, table)?;
        let reference = self.field(
            d,
            table,
            "reference",
            (&mut select, shape),
            &[FieldKind::Text],
        );
        let interval = if table.has("opens") {
            let opens = self.phase(d, table, "opens", &mut select, shape);
            let closes = self.phase(d, table, "closes", &mut select, shape);
            opens
                .zip(closes)
                .map(|(opens, closes)| Interval::Phases { opens, closes })
        } else {
            let day = [FieldKind::Day];
            let start = self.field(d, table, "start", (&mut select, shape), &day);
            let end = self.field(d, table, "end", (&mut select, shape), &day);
            start
                .zip(end)
                .map(|(start, end)| Interval::Ends { start, end })
        };
        let window_days = table.count(d, "window_days");
        Some(Kind::OpenInterval {
            select,
            reference: reference?,
            interval: interval?,
            window_days: window_days?,
        })
    }

    fn phase<'t>(
        &self,
        d: &mut Document<'t>,
        table: &mut Table<'t>,
        name: &str,
        select: &mut Select,
        shape: &EventShape,
    ) -> Option<Condition> {
        let (line, text) = table.text(d, name)?;
        match Condition::over_event(&text, shape) {
            Ok(condition) => {
                select.needs(condition.fields());
                Some(condition)
            }
            Err(reason) => {
                d.fault(line, table.path(name), reason);
                None
            }
        }
    }

    fn clock<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let start = self.clock_end(d, table, "start");
        let done = self.clock_end(d, table, "done");
        let mut steps = Vec::new();
        for (line, text) in table.texts(d, "steps") {
            match due(&text) {
                Some(step) => steps.push(step),
                None => d.fault(
                    line,
                    table.path("steps"),
                    "expected for example `20 working days` or `6 months`",
                ),
            }
        }
        if steps.is_empty() {
            d.fault(
                table.line,
                table.path("steps"),
                "a clock has at least one step",
            );
            return None;
        }
        let repeats = table.flag(d, "repeats");
        let ((start, started), (done, done_on)) = start.zip(done)?;
        Some(Kind::Clock {
            start,
            started,
            done,
            done_on,
            steps,
            repeats,
        })
    }

    fn clock_end<'t>(
        &self,
        d: &mut Document<'t>,
        table: &mut Table<'t>,
        name: &str,
    ) -> Option<(Select, Moment)> {
        let mut table = table.table(d, name)?;
        let (mut select, shape) = self.select(d, &mut table)?;
        let moment = self.on(d, &mut table, (&mut select, shape));
        table.finish(d);
        Some((select, moment?))
    }
}

fn due(text: &str) -> Option<Due> {
    let (count, unit) = text.split_once(' ')?;
    let count = count.parse().ok().filter(|count| *count > 0)?;
    match unit {
        "working days" | "working day" => Some(Due::WorkingDays(count)),
        "months" | "month" => Some(Due::Months(count)),
        _ => None,
    }
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

fn output_condition<'t>(
    d: &mut Document<'t>,
    table: &mut Table<'t>,
    name: &str,
    outputs: &Outputs,
) -> Option<Condition> {
    let (line, text) = table.text(d, name)?;
    Condition::over_outputs(&text, outputs)
        .map_err(|reason| d.fault(line, table.path(name), reason))
        .ok()
}

fn rules<'t>(
    d: &mut Document<'t>,
    top: &mut Table<'t>,
    outputs: &Outputs,
    points: bool,
) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for mut table in top.tables(d, "rule") {
        let id = table.text(d, "id");
        let when = output_condition(d, &mut table, "when", outputs);
        let line = table.line_of("points_hundredths");
        let hundredths = match (points, table.has("points_hundredths")) {
            (true, _) => table
                .number(d, "points_hundredths")
                .map(|(_, number)| number),
            (false, false) => Some(0),
            (false, true) => {
                d.fault(
                    line,
                    table.path("points_hundredths"),
                    "the view has no points",
                );
                table
                    .number(d, "points_hundredths")
                    .map(|(_, number)| number)
            }
        };
        let sentence =
            table
                .text(d, "sentence")
                .and_then(|(line, text)| match pieces(&text, outputs) {
                    Ok(pieces) => Some(pieces),
                    Err(reason) => {
                        d.fault(line, table.path("sentence"), reason);
                        None
                    }
                });
        if let Some((line, id)) = &id
            && rules.iter().any(|rule| rule.id == *id)
        {
            d.fault(
                *line,
                table.path("id"),
                format!("the rule {id} stands twice"),
            );
        }
        table.finish(d);
        if let (Some((_, id)), Some(when), Some(points_hundredths), Some(sentence)) =
            (id, when, hundredths, sentence)
        {
            rules.push(Rule {
                id,
                when,
                points_hundredths,
                sentence,
            });
        }
    }
    rules
}

/// `{output}` and `{output:pounds}` stand for values.
fn pieces(text: &str, outputs: &Outputs) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((words, after)) = rest.split_once('{') {
        if !words.is_empty() {
            pieces.push(Piece::Words(words.to_owned()));
        }
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| "a `{` is not closed".to_owned())?;
        let (output, pounds) = match name.split_once(':') {
            None => (name, false),
            Some((output, "pounds")) => (output, true),
            Some((_, format)) => return Err(format!("there is no format {format}")),
        };
        let kind = outputs
            .get(output)
            .ok_or_else(|| format!("there is no output {output}"))?;
        pieces.push(if pounds {
            if *kind != FieldKind::Integer {
                return Err(format!("{output} is no whole number of pence"));
            }
            Piece::Pounds(output.to_owned())
        } else {
            Piece::Output(output.to_owned())
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words(rest.to_owned()));
    }
    Ok(pieces)
}

fn bands<'t>(d: &mut Document<'t>, top: &mut Table<'t>, points: bool) -> Vec<Band> {
    let mut bands = Vec::new();
    for mut table in top.tables(d, "band") {
        if !points {
            d.fault(
                table.line,
                table.path("name"),
                "the view has no points and so no bands",
            );
        }
        let name = table.text(d, "name");
        let from = table.number(d, "from_hundredths");
        table.finish(d);
        if let (Some((_, name)), Some((_, from_hundredths))) = (name, from) {
            bands.push(Band {
                name,
                from_hundredths,
            });
        }
    }
    bands.sort_by_key(|band| std::cmp::Reverse(band.from_hundredths));
    bands
}

fn columns<'t>(d: &mut Document<'t>, top: &mut Table<'t>, outputs: &Outputs) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for mut table in top.tables(d, "column") {
        let output = table.text(d, "output");
        let label = table.text(d, "label");
        let meaning = table.text(d, "meaning");
        if let Some((line, output)) = &output {
            if !outputs.contains_key(output) {
                let reason = format!("there is no output {output}");
                d.fault(*line, table.path("output"), reason);
            }
            if columns.iter().any(|column| column.output == *output) {
                d.fault(*line, table.path("output"), "stands twice");
            }
        }
        table.finish(d);
        if let (Some((_, output)), Some((_, label)), Some((_, meaning))) = (output, label, meaning)
        {
            columns.push(Column {
                output,
                label,
                meaning,
            });
        }
    }
    if columns.is_empty() {
        d.fault(1, "column", "a view has at least one column");
    }
    columns
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
