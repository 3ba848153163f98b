//! A row for one viewer: a function of (what stands, the agreements now, the stated time, the calendar). Its canonical encoding is what is hashed.

use crate::canon::Writer;
use crate::dispute::Marks;
use crate::explain::behind;
use crate::feature::{self, Facts, Outputs};
use crate::known::{Freshness, Known, Sources};
use crate::model::{Piece, Population, Rule, View};
use crate::reading::Reading;
use crate::state::Person;
use crate::united::{self, Event, IntegrityError};
use crate::value::{Value, day_words, instant_words};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use walbrook_domain::{AgreementId, Day, Instant, Pseudonym, WorkingCalendar};
use walbrook_policy::read::Admission;

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The column's name.
    pub column: String,
    /// What is known.
    pub known: Known,
    /// Somebody says that an event behind it is of another person or wrong, and that is not answered.
    pub disputed: bool,
}

/// A rule that applies to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The rule.
    pub rule_id: String,
    /// Its sentence with the person's values in it.
    pub sentence: String,
    /// Hundredths of a point.
    pub points_hundredths: i64,
}

/// Which events a row was computed from: the prefix of each purpose-local id, ascending. It is no part of what a row says: two rows that say the
/// same are equal, whatever they rest on.
#[derive(Debug, Clone, Default)]
pub struct RestsOn(pub Vec<u64>);

impl PartialEq for RestsOn {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for RestsOn {}

impl RestsOn {
    fn of(view: &View, events: &[Event]) -> Self {
        // Another view of the purpose may need more types than this one reads.
        let read = events
            .iter()
            .filter(|event| view.silent_after_days.contains_key(&event.event_type));
        let mut prefixes: Vec<u64> = read.map(|event| event.event.prefix()).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        Self(prefixes)
    }

    /// As a read record says it: 8 bytes each, one after another.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|one| one.to_be_bytes()).collect()
    }
}

/// One person's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The person under the purpose.
    pub pseudonym: Pseudonym,
    /// Columns in file order, as far as the viewer's role sees them.
    pub cells: Vec<Cell>,
    /// Rules that apply, in file order.
    pub reasons: Vec<Reason>,
    /// Their sum, hundredths of a point.
    pub points_hundredths: i64,
    /// The band of that sum; empty in a view without bands.
    pub band: String,
    /// How each source stands for this person.
    pub sources: Vec<Freshness>,
    /// The events it was computed from.
    pub rests_on: RestsOn,
}

/// Version of the canonical encoding.
const ENCODING: u8 = 1;
/// The bit of a disputed cell.
const DISPUTED: u8 = 4;

impl Row {
    /// The canonical encoding: ordered, no maps, no floats.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(ENCODING).fixed(self.pseudonym.as_bytes());
        out.count(self.cells.len());
        for cell in &self.cells {
            out.text(&cell.column);
            let mark = if cell.disputed { DISPUTED } else { 0 };
            match &cell.known {
                Known::Value(value) => out.byte(1 | mark).value(value),
                Known::Nothing => out.byte(mark),
                Known::NotKnown(day) => out.byte(2 | mark).option(*day, |out, day| {
                    out.day(day);
                }),
                Known::Withheld(words) => out.byte(3 | mark).text(words),
            };
        }
        out.count(self.reasons.len());
        for reason in &self.reasons {
            out.text(&reason.rule_id)
                .text(&reason.sentence)
                .int(reason.points_hundredths);
        }
        out.int(self.points_hundredths).text(&self.band);
        out.count(self.sources.len());
        for source in &self.sources {
            out.text(source.event_type.as_str())
                .option(source.source.as_deref(), |out, source| {
                    out.text(source);
                })
                .option(source.last_heard_on, |out, day| {
                    out.day(day);
                })
                .text(&source.statement);
        }
        out.finish()
    }

    /// SHA-256 of the canonical encoding.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.canonical()).into()
    }

    /// Ranks rows: most points first, then by pseudonym.
    pub fn rank(&self) -> (std::cmp::Reverse<i64>, Pseudonym) {
        (std::cmp::Reverse(self.points_hundredths), self.pseudonym)
    }
}

/// What a row is computed from beside the person.
pub struct Asked<'a> {
    /// The view.
    pub view: &'a View,
    /// The agreements as they stand now.
    pub reading: &'a dyn Reading,
    /// The instant the row is stated for.
    pub evaluated_at: Instant,
    /// One person was asked for and the read names a case: an agreement may let that reach beyond its scopes.
    pub case_named: bool,
    /// One person was asked for under a break-glass that holds: an agreement may let that reach beyond its scopes.
    pub glass_broken: bool,
    /// What is disputed; `None`: cells are not marked.
    pub disputes: Option<Marks<'a>>,
    /// Working days.
    pub calendar: &'a WorkingCalendar,
}

impl Asked<'_> {
    /// The person's row for this viewer; `None` when there is nothing to show. Hidden, absent and not entitled are the same.
    ///
    /// # Errors
    /// When two agreements disagree about one event of the person.
    pub fn row(&self, person: &Person<'_>) -> Result<Option<Row>, IntegrityError> {
        self.seen(person, |facts, outputs| {
            self.assemble(person, outputs, facts)
        })
    }

    /// What follows from what this viewer may see of a person; `None` when that is nothing.
    pub(crate) fn seen<T>(
        &self,
        person: &Person<'_>,
        then: impl FnOnce(&Facts<'_>, &Outputs) -> T,
    ) -> Result<Option<T>, IntegrityError> {
        let day = self.evaluated_at.london_day();
        if !belongs(self.view.population, person, day) {
            return Ok(None);
        }
        let failed = std::cell::Cell::new(None);
        let entitled: BTreeSet<AgreementId> = self
            .reading
            .entitlements()
            .into_iter()
            .map(|(agreement, _)| agreement)
            .filter(|agreement| match self.admits(agreement, person, &failed) {
                Admission::Inside => true,
                Admission::WithCaseReference => self.case_named,
                Admission::WithBreakGlass => self.glass_broken,
                Admission::Outside => false,
            })
            .collect();
        if let Some(error) = failed.take() {
            return Err(error);
        }
        if entitled.is_empty() {
            return Ok(None);
        }
        let events = united::events(person, &entitled, self.reading, self.evaluated_at)?;
        if events.is_empty() {
            return Ok(None);
        }
        let sources = Sources::new(self.view, self.reading, day);
        let facts = Facts {
            events: &events,
            sources: &sources,
            person,
            day,
            at: self.evaluated_at,
            calendar: self.calendar,
        };
        let outputs = feature::outputs(self.view, &facts);
        Ok(Some(then(&facts, &outputs)))
    }

    pub(crate) fn assemble(
        &self,
        person: &Person<'_>,
        outputs: &Outputs,
        facts: &Facts<'_>,
    ) -> Row {
        let seen = self.view.visibility.of(self.reading.role());
        let reasons: Vec<Reason> = self
            .view
            .rules
            .iter()
            .enumerate()
            .filter(|(at, rule)| seen.rule(*at) && feature::holds(&rule.when, outputs))
            .map(|(_, rule)| Reason {
                rule_id: rule.id.clone(),
                sentence: sentence(rule, outputs),
                points_hundredths: rule.points_hundredths,
            })
            .collect();
        let points_hundredths = reasons.iter().fold(0i64, |sum, reason| {
            sum.saturating_add(reason.points_hundredths)
        });
        let band = self
            .view
            .bands
            .iter()
            .find(|band| points_hundredths >= band.from_hundredths)
            .map(|band| band.name.clone())
            .unwrap_or_default();
        let mut cells: Vec<Cell> = self
            .view
            .columns
            .iter()
            .enumerate()
            .filter(|(at, _)| seen.column(*at))
            .map(|(_, column)| Cell {
                column: column.output.clone(),
                known: outputs
                    .get(&column.output)
                    .cloned()
                    .unwrap_or(Known::Nothing),
                disputed: false,
            })
            .collect();
        self.mark(&mut cells, person, facts);
        Row {
            pseudonym: person.pseudonym,
            cells,
            reasons,
            points_hundredths,
            band,
            sources: facts.sources.for_person(person),
            rests_on: RestsOn::of(self.view, facts.events),
        }
    }

    /// Marks the cells that rest on what is disputed. Nothing is looked for while nothing is.
    fn mark(&self, cells: &mut [Cell], person: &Person<'_>, facts: &Facts<'_>) {
        let Some(marks) = self.disputes else {
            return;
        };
        let disputed = marks.of(&self.view.name, person);
        if disputed.is_empty() {
            return;
        }
        let behind = behind(&self.view.features, facts);
        for cell in cells {
            cell.disputed = disputed.iter().any(|one| {
                let rests = behind.get(&cell.column);
                one.column == cell.column
                    && rests.is_some_and(|events| events.contains(&(one.handle, one.event)))
            });
        }
    }
}

/// Whether a person stands in the population on a day, by subject records alone.
fn belongs(population: Population, person: &Person<'_>, day: Day) -> bool {
    // Every handle's record carries the same day; where they differ for a moment, the latest is the protective one.
    let adult_from = person
        .subjects()
        .filter_map(|(_, facts)| facts.adult_from)
        .max();
    match population {
        Population::Adults => adult_from.is_some_and(|from| from <= day),
        Population::LookedAfterChildren => {
            adult_from.is_none_or(|from| from > day)
                && person
                    .subjects()
                    .any(|(_, facts)| facts.responsible_authority.is_some())
        }
        Population::LookedAfterOrLeft => person
            .subjects()
            .any(|(_, facts)| facts.responsible_authority.is_some()),
    }
}

fn sentence(rule: &Rule, outputs: &Outputs) -> String {
    rule.sentence
        .iter()
        .map(|piece| match piece {
            Piece::Words(words) => words.clone(),
            Piece::Output(name) => plain(outputs.get(name)),
            Piece::Small(name) => small(&plain(outputs.get(name))),
            Piece::Counted(name, unit) => match outputs.get(name).and_then(Known::value) {
                Some(Value::Int(number)) => unit.counted(*number),
                _ => plain(outputs.get(name)),
            },
        })
        .collect()
}

fn plain(known: Option<&Known>) -> String {
    match known {
        None | Some(Known::Nothing) => "none".to_owned(),
        Some(Known::Value(Value::Instant(at))) => instant_words(*at),
        Some(Known::Value(value)) => words(value),
        Some(other) => other.words().unwrap_or_default(),
    }
}

/// A value in words: yes or no, digits, a code, a date, an instant, codes with commas.
pub fn words(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Day(day) => day_words(*day),
        Value::Instant(at) => at.rfc3339(),
        Value::Texts(texts) => texts.join(", "),
    }
}

/// A code written as capitals with underscores, as small words.
pub fn small(code: &str) -> String {
    code.to_lowercase().replace('_', " ")
}

/// Pence as pounds with thousands apart, for example `£2,364.00`.
pub fn pounds(pence: i64) -> String {
    let sign = if pence < 0 { "-" } else { "" };
    let pence = pence.unsigned_abs();
    let mut whole = (pence / 100).to_string();
    let mut at = whole.len();
    while at > 3 {
        at -= 3;
        whole.insert(at, ',');
    }
    format!("{sign}£{whole}.{:02}", pence % 100)
}
