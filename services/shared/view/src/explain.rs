//! Why a row says what it says: the events behind each cell and each reason, as far as the viewer may see them.

use crate::canon::Writer;
use crate::feature::{Facts, day_of};
use crate::model::{Feature, Kind, Moment, Select};
use crate::row::{Asked, Row};
use crate::state::Person;
use crate::united::{Event, IntegrityError};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{
    AgreementId, Day, EventId, EventType, HandlePseudonym, Instant, LinkStatus, Organisation,
    Precision,
};
use walbrook_policy::catalogue::FieldKind;

/// What one cell or one rule rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rests {
    /// The column, or the rule's id.
    pub name: String,
    /// Places in [`Explanation::events`], ascending. Empty: on the absence of events, or nothing is known.
    pub events: Vec<u32>,
}

/// One event as far as the viewer may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Its id under the purpose.
    pub event: EventId,
    /// The record it is of, under the purpose: for whoever works with it here, and told to nobody.
    pub handle: HandlePseudonym,
    /// Its type.
    pub event_type: EventType,
    /// The organisation it is from.
    pub source: Organisation,
    /// When, cut to `precision`.
    pub occurred_at: Instant,
    /// How finely that may be known.
    pub precision: Precision,
    /// The agreements it is seen under.
    pub agreements: BTreeSet<AgreementId>,
    /// How sure it is that the source's record is this person's; `None` while the record says nothing of itself.
    pub link: Option<(LinkStatus, i32)>,
    /// The last day the source was heard about such events.
    pub last_heard_on: Option<Day>,
    /// How the source stands.
    pub standing: String,
}

/// Why a row says what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Cells in the row's order, of the columns asked for.
    pub cells: Vec<Rests>,
    /// Rules that apply, in the row's order, of those that rest on the columns asked for.
    pub rules: Vec<Rests>,
    /// What they rest on, earliest first.
    pub events: Vec<Evidence>,
}

const ENCODING: u8 = 1;

impl Explanation {
    /// The event behind a column, by its id in text; `None` when it does not stand behind it.
    pub fn behind(&self, column: &str, event_id: &str) -> Option<&Evidence> {
        let event: EventId = event_id.parse().ok()?;
        let cell = self.cells.iter().find(|cell| cell.name == column)?;
        let places = cell.events.iter();
        let mut events = places.filter_map(|place| self.events.get(usize::try_from(*place).ok()?));
        events.find(|evidence| evidence.event == event)
    }

    /// SHA-256 of the canonical encoding, with the ids of the decisions shown beside it.
    pub fn sha256<'d>(&self, decisions: impl Iterator<Item = &'d str>) -> [u8; 32] {
        let mut out = Writer::new();
        out.byte(ENCODING);
        for list in [&self.cells, &self.rules] {
            out.count(list.len());
            for rests in list {
                out.text(&rests.name).count(rests.events.len());
                for place in &rests.events {
                    out.int(i64::from(*place));
                }
            }
        }
        out.count(self.events.len());
        for event in &self.events {
            event.write(&mut out);
        }
        let decisions: Vec<&str> = decisions.collect();
        out.count(decisions.len());
        for decision in decisions {
            out.text(decision);
        }
        Sha256::digest(out.finish()).into()
    }
}

impl Evidence {
    fn write(&self, out: &mut Writer) {
        out.fixed(self.event.as_bytes())
            .text(self.event_type.as_str())
            .text(&self.source.to_string())
            .int(self.occurred_at.micros())
            .text(self.precision.as_str())
            .count(self.agreements.len());
        for agreement in &self.agreements {
            out.text(agreement.as_str());
        }
        out.option(self.link, |out, (status, score)| {
            out.text(status.as_str()).int(i64::from(score));
        })
        .option(self.last_heard_on, |out, day| {
            out.day(day);
        })
        .text(&self.standing);
    }
}

/// The events that a feature rests on, by handle and id.
pub(crate) type Keys = BTreeSet<(HandlePseudonym, EventId)>;

impl Asked<'_> {
    /// The person's row and why it says what it says, of these columns (all when there are none); `None` when there is nothing to show.
    ///
    /// # Errors
    /// When two agreements disagree about one event of the person.
    pub fn explain(
        &self,
        person: &Person<'_>,
        columns: &[String],
    ) -> Result<Option<(Row, Explanation)>, IntegrityError> {
        self.seen(person, |facts, outputs| {
            let row = self.assemble(person, outputs, facts);
            let explanation = self.evidence(&row, facts, columns);
            (row, explanation)
        })
    }

    fn evidence(&self, row: &Row, facts: &Facts<'_>, columns: &[String]) -> Explanation {
        let behind = behind(&self.view.features, facts);
        let nothing = Keys::new();
        let keys = |name: &str| behind.get(name).unwrap_or(&nothing);
        let wanted = |name: &str| columns.is_empty() || columns.iter().any(|column| column == name);
        let shown: Vec<(&str, &Keys)> = row
            .cells
            .iter()
            .filter(|cell| wanted(&cell.column))
            .map(|cell| (cell.column.as_str(), keys(&cell.column)))
            .collect();
        let applied = self.view.rules.iter().filter(|rule| {
            let stands = row.reasons.iter().any(|reason| reason.rule_id == rule.id);
            stands && rule.when.names().any(wanted)
        });
        let hidden = |name: &str| {
            let column = self.view.columns.iter().any(|column| column.output == name);
            column && row.cells.iter().all(|cell| cell.column != name)
        };
        let applied: Vec<(&str, Keys)> = applied
            .map(|rule| {
                let names = rule.when.names().filter(|name| !hidden(name));
                let all = names.flat_map(|name| keys(name).iter().copied());
                (rule.id.as_str(), all.collect())
            })
            .collect();
        let used: Keys = shown
            .iter()
            .map(|(_, keys)| *keys)
            .chain(applied.iter().map(|(_, keys)| keys))
            .flatten()
            .copied()
            .collect();
        let events: Vec<&Event> = facts
            .events
            .iter()
            .filter(|event| used.contains(&(event.handle, event.event)))
            .collect();
        let places: BTreeMap<(HandlePseudonym, EventId), u32> = events
            .iter()
            .zip(0..)
            .map(|(event, place)| ((event.handle, event.event), place))
            .collect();
        let rests = |name: &str, keys: &Keys| {
            let mut events: Vec<u32> = keys
                .iter()
                .filter_map(|key| places.get(key))
                .copied()
                .collect();
            events.sort_unstable();
            Rests {
                name: name.to_owned(),
                events,
            }
        };
        Explanation {
            cells: shown.iter().map(|(name, keys)| rests(name, keys)).collect(),
            rules: applied
                .iter()
                .map(|(name, keys)| rests(name, keys))
                .collect(),
            events: events
                .into_iter()
                .map(|event| evidence(event, facts))
                .collect(),
        }
    }
}

fn evidence(event: &Event, facts: &Facts<'_>) -> Evidence {
    let subject = facts.person.subject(&event.handle);
    let sources = facts.sources;
    let line = sources.of_source(&event.event_type, &event.source, facts.person);
    Evidence {
        event: event.event,
        handle: event.handle,
        event_type: event.event_type.clone(),
        source: event.source.clone(),
        occurred_at: event.occurred_at,
        precision: event.precision,
        agreements: event.agreements.clone(),
        link: subject.map(|facts| (facts.link_status, facts.link_score_ten_thousandths)),
        last_heard_on: line.as_ref().and_then(|line| line.last_heard_on),
        standing: line.map(|line| line.statement).unwrap_or_default(),
    }
}

/// The events behind each output, by its name.
pub(crate) fn behind(features: &[Feature], facts: &Facts<'_>) -> BTreeMap<String, Keys> {
    let mut behind: BTreeMap<String, Keys> = BTreeMap::new();
    for feature in features {
        let own = of_kind(&feature.kind, facts).into_iter();
        let mut keys: Keys = own.map(|event| (event.handle, event.event)).collect();
        let read = feature.kind.outputs_read().into_iter();
        keys.extend(read.filter_map(|name| behind.get(name)).flatten().copied());
        for (output, _) in feature.outputs(|_, _| FieldKind::Text) {
            behind.insert(output, keys.clone());
        }
    }
    behind
}

/// The events of a select that are counted.
fn in_window<'e>(
    facts: &Facts<'e>,
    select: &Select,
    on: Moment,
    window_days: Option<u32>,
) -> Vec<&'e Event> {
    let days = window_days.and_then(|days| i32::try_from(days).ok());
    let counted = |event: &&Event| match days {
        None => true,
        Some(days) => day_of(event, on).is_some_and(|day| day > facts.day.plus(-days)),
    };
    facts.select(select).filter(counted).collect()
}

/// The events that decide a feature's value: those that could not be left out without a chance of another value.
fn of_kind<'e>(kind: &Kind, facts: &Facts<'e>) -> Vec<&'e Event> {
    let with = |select: &Select, field: u8| -> Vec<&'e Event> {
        let all = facts
            .select(select)
            .filter(|event| event.field(field).is_some());
        all.collect()
    };
    match kind {
        Kind::Last(select, field) | Kind::DaysUntil(select, field) => {
            with(select, *field).last().copied().into_iter().collect()
        }
        Kind::First(select, field) => with(select, *field).first().copied().into_iter().collect(),
        Kind::DaysSince(select, moment) => {
            let day = |event: &Event| day_of(event, *moment).filter(|day| *day <= facts.day);
            let last = facts.select(select).filter_map(day).max();
            let all = facts
                .select(select)
                .filter(|event| last.is_some() && day(event) == last);
            all.collect()
        }
        Kind::LastHolds(select, _) => facts.select(select).next_back().into_iter().collect(),
        Kind::Count(select, on, window) => in_window(facts, select, *on, *window),
        Kind::Sum(select, _, window) => in_window(facts, select, Moment::Occurred, *window),
        kind => {
            let selects = kind.selects().into_iter();
            selects
                .flat_map(|select| facts.select(select).collect::<Vec<_>>())
                .collect()
        }
    }
}
