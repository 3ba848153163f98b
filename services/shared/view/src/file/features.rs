//! Features of a view file.

use super::clocks::{band, window_has_a_unit};
use super::rules::output_condition;
use super::{Outputs, Reading};
use crate::condition::Condition;
use crate::document::{Document, Table};
use crate::model::{Feature, Interval, Intervals, Kind, Moment, Select};
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
            Some("last-holds") => self.last_holds(d, &mut table),
            Some("count") => self.count(d, &mut table),
            Some("sum") => self.sum(d, &mut table),
            Some("change") => self.change(d, &mut table),
            Some("distinct") => self.distinct(d, &mut table),
            Some("days-since") => self.moment(d, &mut table),
            Some("days-until") => self.days_until(d, &mut table),
            Some("open-interval") => self.open_interval(d, &mut table),
            Some("outside") => self.outside(d, &mut table),
            Some("overlaps") => self.overlaps(d, &mut table),
            Some("clock") => self.clock(d, &mut table, outputs),
            Some("limit") => self.limit(d, &mut table),
            Some("band") => band(d, &mut table, outputs),
            Some("records") => self.records(d, &mut table),
            Some("flag") => output_condition(d, &mut table, "when", outputs).map(Kind::Flag),
            Some(_) => {
                d.fault(
                    kind_line,
                    table.path("kind"),
                    "expected one of last, first, last-holds, count, sum, change, distinct, days-since, days-until, open-interval, outside, overlaps, clock, limit, band, records, flag",
                );
                return None;
            }
            None => None,
        };
        window_has_a_unit(d, &mut table);
        table.finish(d);
        let feature = Feature {
            name: name?,
            line,
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

    pub(super) fn kind(&self, event_type: &EventType, field: u8) -> FieldKind {
        self.catalogue
            .event(event_type)
            .and_then(|shape| shape.fields.get(usize::from(field)))
            .map_or(FieldKind::Text, |field| field.kind)
    }

    /// The event and condition of a feature, with the event's shape.
    pub(super) fn select<'t>(
        &self,
        d: &mut Document<'t>,
        table: &mut Table<'t>,
    ) -> Option<(Select, &'c EventShape)> {
        let shape = self.event(d, table);
        let only = table.optional_text(d, "where");
        let unless = table.optional_text(d, "unless");
        let shape = shape?;
        let mut select = Select {
            event_type: shape.event_type.clone(),
            only: None,
            unless: None,
            fields: Vec::new(),
        };
        if let Some((line, text)) = unless {
            match Condition::over_event(&text, shape) {
                Ok(condition) => select.unless = Some(condition),
                Err(reason) => d.fault(line, table.path("unless"), reason),
            }
        }
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
    pub(super) fn field<'t>(
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

    fn last_holds<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let (mut select, shape) = self.select(d, table)?;
        let holds = self.phase(d, table, "holds", &mut select, shape)?;
        Some(Kind::LastHolds(select, holds))
    }

    fn count<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let (mut select, shape) = self.select(d, table)?;
        let on = self.on(d, table, (&mut select, shape));
        let window_days = table.optional_count(d, "window_days");
        Some(Kind::Count(select, on?, window_days))
    }

    fn change<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let (mut select, shape) = self.select(d, table)?;
        let only = [FieldKind::Integer];
        let field = self.field(d, table, "field", (&mut select, shape), &only);
        let window_days = table.count(d, "window_days");
        Some(Kind::Change(select, field?, window_days?))
    }

    fn distinct<'t>(&self, d: &mut Document<'t>, table: &mut Table<'t>) -> Option<Kind> {
        let (mut select, shape) = self.select(d, table)?;
        let only = [FieldKind::Text, FieldKind::TextList];
        let field = self.field(d, table, "field", (&mut select, shape), &only);
        let window_days = table.optional_count(d, "window_days");
        Some(Kind::Distinct(select, field?, window_days))
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
    pub(super) fn on<'t>(
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
        let joined = table.flag(d, "joined");
        Some(Kind::OpenInterval {
            of: of?,
            window_days: window_days?,
            joined,
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
    pub(super) fn intervals<'t>(
        &self,
        d: &mut Document<'t>,
        table: &mut Table<'t>,
    ) -> Option<Intervals> {
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
            let day = [FieldKind::Day, FieldKind::Instant];
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
}
