//! Features of a view file.

use super::rules::output_condition;
use super::{Outputs, Reading};
use crate::condition::Condition;
use crate::document::{Document, Table};
use crate::model::{Due, Feature, Interval, Intervals, Kind, Moment, Select};
use crate::value::kind_name;
use walbrook_domain::EventType;
use walbrook_policy::catalogue::{EventShape, FieldKind};

impl<'c> Reading<'c> {
    pub(super) fn feature<'t>(
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
            Some("outside") => self.outside(d, &mut table),
            Some("overlaps") => self.overlaps(d, &mut table),
            Some("clock") => self.clock(d, &mut table),
            Some("records") => self.records(d, &mut table),
            Some("flag") => output_condition(d, &mut table, "when", outputs).map(Kind::Flag),
            Some(_) => {
                d.fault(
                    kind_line,
                    table.path("kind"),
                    "expected one of last, first, count, sum, days-since, days-until, open-interval, outside, overlaps, clock, records, flag",
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
        let of = self.intervals(d, table);
        let window_days = table.count(d, "window_days");
        Some(Kind::OpenInterval {
            of: of?,
            window_days: window_days?,
        })
    }

    fn overlaps<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let of = self.intervals(d, table);
        let window_days = table.count(d, "window_days");
        Some(Kind::Overlaps {
            of: of?,
            window_days: window_days?,
        })
    }

    fn outside<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let window_days = table.count(d, "window_days");
        let mut ends = ["of", "within"].map(|name| {
            let mut table = table.table(d, name)?;
            let intervals = self.intervals(d, &mut table);
            table.finish(d);
            intervals
        });
        let [of, within] = &mut ends;
        Some(Kind::Outside {
            of: of.take()?,
            within: Box::new(within.take()?),
            window_days: window_days?,
        })
    }

    /// Intervals by a reference: both ends in one event, or events that open and close.
    fn intervals<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Intervals> {
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
        Some(Intervals {
            select,
            reference: reference?,
            interval: interval?,
        })
    }

    fn records<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let (mut select, shape) = self.select(d, table)?;
        let mut fields = Vec::new();
        for (line, name) in table.texts(d, "fields") {
            let number = shape.field(&name).and_then(|(at, _)| u8::try_from(at).ok());
            match number {
                Some(number) => fields.push((name, number)),
                None => {
                    let reason = format!("{} has no field {name}", shape.event_type);
                    d.fault(line, table.path("fields"), reason);
                }
            }
        }
        select.needs(fields.iter().map(|(_, number)| *number));
        let most = table.count(d, "most")?;
        Some(Kind::Records {
            select,
            fields,
            most,
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
                    "expected for example `20 working days`, `7 days`, `6 weeks` or `6 months`",
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
    let count: u32 = count.parse().ok().filter(|count| *count > 0)?;
    match unit {
        "days" | "day" => Some(Due::Days(count)),
        "weeks" | "week" => count.checked_mul(7).map(Due::Days),
        "working days" | "working day" => Some(Due::WorkingDays(count)),
        "months" | "month" => Some(Due::Months(count)),
        _ => None,
    }
}
