//! What a feature computes, in sentences for people who do not read view files.

use walbrook_domain::EventType;
use walbrook_policy::catalogue::Catalogue;
use walbrook_view::condition::Condition;
use walbrook_view::model::{
    Clock, Due, Interval, Intervals, Kind, Limit, Moment, Most, Select, View,
};

/// A view's words for its features.
pub struct Words<'a> {
    /// The view.
    pub view: &'a View,
    /// Names of fields.
    pub catalogue: &'a Catalogue,
}

impl Words<'_> {
    /// What a feature computes.
    pub fn kind(&self, kind: &Kind) -> String {
        match kind {
            Kind::Last(select, field) => {
                format!(
                    "{} of the last of {}",
                    self.field(select, *field),
                    self.select(select)
                )
            }
            Kind::First(select, field) => {
                format!(
                    "{} of the first of {}",
                    self.field(select, *field),
                    self.select(select)
                )
            }
            Kind::LastHolds(select, condition) => format!(
                "whether, in the last of {}, {}",
                self.select(select),
                condition.text()
            ),
            Kind::Count(select, on, window) => format!(
                "how many of {}{}{}",
                self.select(select),
                self.on(select, *on),
                within(*window)
            ),
            Kind::Sum(select, field, window) => format!(
                "the sum of {} over {}{}",
                self.field(select, *field),
                self.select(select),
                within(*window)
            ),
            Kind::Change(select, field, days) => format!(
                "{} of the last of {}, less what the same record said {days} days before",
                self.field(select, *field),
                self.select(select)
            ),
            Kind::Distinct(select, field, window) => format!(
                "the different codes of {} in {}{}",
                self.field(select, *field),
                self.select(select),
                within(*window)
            ),
            Kind::DaysSince(select, on) => {
                format!(
                    "days since the last of {}{}",
                    self.select(select),
                    self.on(select, *on)
                )
            }
            Kind::DaysUntil(select, field) => format!(
                "days until {} of the last of {}",
                self.field(select, *field),
                self.select(select)
            ),
            other => self.composed(other),
        }
    }

    /// What is worked out from intervals, clocks or other outputs.
    fn composed(&self, kind: &Kind) -> String {
        match kind {
            Kind::OpenInterval {
                of,
                window_days,
                joined,
            } => format!(
                "whether one of {} is open, since when, and how many began in {window_days} days{}",
                self.intervals(of),
                if *joined {
                    "; those that touch are one"
                } else {
                    ""
                }
            ),
            Kind::Outside {
                of,
                within,
                window_days,
            } => format!(
                "how many of {} in {window_days} days do not lie within {}",
                self.intervals(of),
                self.intervals(within)
            ),
            Kind::Overlaps { of, window_days } => format!(
                "how many of {} in {window_days} days begin before one before ended",
                self.intervals(of)
            ),
            Kind::Clock(clock) => self.clock(clock),
            Kind::Limit(limit) => self.limit(limit),
            Kind::Records {
                select,
                fields,
                most,
            } => {
                let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                format!(
                    "every one of {}, with {}; none where there are more than {most}",
                    self.select(select),
                    names.join(", ")
                )
            }
            Kind::Band(of, bands) => {
                let bands: Vec<String> = bands
                    .iter()
                    .map(|(from, name)| format!("{name} from {from}"))
                    .collect();
                format!("the band of {of}: {}", bands.join(", "))
            }
            Kind::Flag(condition) => format!("yes when {}", condition.text()),
            // The others are told above.
            _ => String::new(),
        }
    }

    fn clock(&self, clock: &Clock) -> String {
        let steps: Vec<String> = clock.steps.iter().map(|step| due(*step)).collect();
        let again = if clock.repeats { ", and so on" } else { "" };
        let which = if clock.first { "first" } else { "last" };
        let done: Vec<String> = clock
            .done
            .iter()
            .map(|(select, on)| format!("{}{}", self.select(select), self.on(select, *on)))
            .collect();
        let mut text = format!(
            "due {}{again} after the {which} of {}{}; done by {}",
            steps.join(", then "),
            self.select(&clock.start),
            self.on(&clock.start, clock.started),
            done.join(", or ")
        );
        for one in &clock.instead {
            let after = one.after.map_or_else(String::new, |after| {
                format!(", once {} have passed", due(after))
            });
            text += &format!(
                "; {} instead when {}{after}",
                due(one.step),
                one.when.text()
            );
        }
        if let Some((start, _)) = clock.paired {
            let by = self.field(&clock.start, start);
            text += &format!("; one clock for each {by}, of which the most pressing is told");
        }
        if let Some(within) = &clock.within {
            text += &format!("; it ends with {}", self.intervals(within));
        }
        if let Some(days) = clock.window_days {
            text += &format!(
                "; one that began more than {days} days ago is told only where there is no newer one"
            );
        }
        text
    }

    fn limit(&self, limit: &Limit) -> String {
        let extended = limit.extended.map_or_else(String::new, |extended| {
            format!(", or {} when extended", most(extended))
        });
        format!(
            "one of {} may last {}{extended}",
            self.intervals(&limit.of),
            most(limit.most)
        )
    }

    fn intervals(&self, of: &Intervals) -> String {
        let told = match &of.interval {
            Interval::Ends { start, end } => format!(
                "from {} to {}",
                self.field(&of.select, *start),
                self.field(&of.select, *end)
            ),
            Interval::Phases { opens, closes } => {
                format!("opened by {}, closed by {}", opens.text(), closes.text())
            }
        };
        format!(
            "{} ({told}, by {})",
            self.select(&of.select),
            self.field(&of.select, of.reference)
        )
    }

    fn select(&self, select: &Select) -> String {
        let mut text = self.events(&select.event_type);
        let text_of = |condition: &Condition| condition.text();
        if let Some(only) = select.only.as_ref().map(text_of) {
            text += &format!(" where {only}");
        }
        if let Some(unless) = select.unless.as_ref().map(text_of) {
            text += &format!(" unless {unless}");
        }
        text
    }

    /// An event type by the view's own words.
    pub fn events(&self, event_type: &EventType) -> String {
        let label = self.view.source_labels.get(event_type);
        label.map_or_else(|| event_type.to_string(), |label| format!("“{label}”"))
    }

    fn on(&self, select: &Select, moment: Moment) -> String {
        match moment {
            Moment::Occurred => String::new(),
            Moment::Field(field) => format!(" (by {})", self.field(select, field)),
        }
    }

    /// A field by name.
    pub fn field(&self, select: &Select, field: u8) -> String {
        self.catalogue
            .event(&select.event_type)
            .and_then(|shape| shape.fields.get(usize::from(field)))
            .map_or_else(|| format!("field {field}"), |field| field.name.clone())
    }
}

fn within(window: Option<u32>) -> String {
    window.map_or_else(String::new, |days| format!(", in the last {days} days"))
}

fn due(due: Due) -> String {
    let of = |count: u32, one: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    };
    match due {
        Due::WorkingDays(count) => of(count, "working day"),
        Due::Days(count) if count % 7 == 0 && count < 56 => of(count / 7, "week"),
        Due::Days(count) => of(count, "day"),
        Due::Months(count) => of(count, "month"),
        Due::YearEnd(months) => format!("the first 31 March after {}", of(months, "month")),
    }
}

fn most(most: Most) -> String {
    match most {
        Most::Days(days) => due(Due::Days(days)),
        Most::Hours(hours) => format!("{hours} hours"),
    }
}
