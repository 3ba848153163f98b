//! What became of every row.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use walbrook_proto::common::v1::EventOutcome;
use walbrook_proto::common::v1::event_outcome::Outcome;

use crate::{Exit, Failure};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The row was accepted all the same.
    Query,
    /// The row was not accepted.
    Refuse,
    /// Nothing is made of such a row.
    NotMapped,
}

impl Severity {
    /// The word in the rejects file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Query => "query",
            Severity::Refuse => "refuse",
            Severity::NotMapped => "not mapped",
        }
    }
}

/// Something about a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The table.
    pub table: &'static str,
    /// The row, from 1.
    pub row: u64,
    /// The column, empty for the whole row.
    pub column: String,
    /// How grave.
    pub severity: Severity,
    /// The rule's id.
    pub rule: String,
    /// What is wrong, without repeating the value.
    pub sentence: String,
}

/// What became of a table's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Rows in the file.
    pub read: u64,
    /// Accepted without a remark.
    pub accepted: u64,
    /// Accepted, with a remark.
    pub queried: u64,
    /// Refused, here or by the service. A row of which one event of several is refused counts as refused.
    pub refused: u64,
    /// Of a table, or about a person, that no event is made from.
    pub not_mapped: u64,
}

impl Counts {
    fn count(&mut self, fate: Fate) {
        self.read += 1;
        match fate {
            None => self.accepted += 1,
            Some(Severity::Query) => self.queried += 1,
            Some(Severity::Refuse) => self.refused += 1,
            Some(Severity::NotMapped) => self.not_mapped += 1,
        }
    }

    /// Accepted, queried, refused and not mapped together.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.accepted + self.queried + self.refused + self.not_mapped
    }

    fn add(&mut self, other: Self) {
        self.read += other.read;
        self.accepted += other.accepted;
        self.queried += other.queried;
        self.refused += other.refused;
        self.not_mapped += other.not_mapped;
    }
}

/// The worst that was found of a row; none: nothing.
type Fate = Option<Severity>;

/// How often a rule was broken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Broken {
    /// Findings.
    pub count: u64,
    /// What the rule says (of the first finding).
    pub sentence: String,
}

/// Table, severity and rule.
pub type RuleKey = (&'static str, Severity, String);

/// The list of findings on disk.
#[derive(Debug)]
pub struct Rejects(Option<(::csv::Writer<File>, String)>);

impl Rejects {
    /// A new file with its heads.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let mut file = ::csv::Writer::from_path(path).map_err(|error| unwritten(&name, &error))?;
        file.write_record(["table", "row", "column", "rule", "severity", "sentence"])
            .map_err(|error| unwritten(&name, &error))?;
        Ok(Self(Some((file, name))))
    }

    /// None is kept.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    fn write(&mut self, finding: &Finding) -> Result<(), Failure> {
        let Some((file, name)) = &mut self.0 else {
            return Ok(());
        };
        let row = finding.row.to_string();
        let cells = [
            finding.table,
            &row,
            &finding.column,
            &finding.rule,
            finding.severity.word(),
            &finding.sentence,
        ];
        file.write_record(cells)
            .map_err(|error| unwritten(name, &error))
    }

    fn finish(&mut self) -> Result<(), Failure> {
        match &mut self.0 {
            Some((file, name)) => file.flush().map_err(|error| unwritten(name, &error.into())),
            None => Ok(()),
        }
    }
}

fn unwritten(name: &str, error: &::csv::Error) -> Failure {
    Failure::new(Exit::Input, format!("cannot write {name}: {error}"))
}

/// A row whose events are under way.
#[derive(Debug)]
pub struct Ticket {
    pub(super) table: &'static str,
    pub(super) row: u64,
    pub(super) findings: Vec<Finding>,
    pub(super) not_mapped: Option<(String, String)>,
    pub(super) carried: bool,
    /// For each event, the row whose demographics it carries.
    pub(super) events: Vec<Option<(&'static str, u64)>>,
}

/// What is known of a row that goes along with others' events: whether it did, its worst finding, which findings were written.
#[derive(Debug, Clone, Copy, Default)]
struct Carried {
    known: bool,
    used: bool,
    worst: Fate,
    written: u32,
}

/// The account of an import.
#[derive(Debug)]
pub struct Account {
    tables: BTreeMap<&'static str, Counts>,
    rules: BTreeMap<RuleKey, Broken>,
    /// By table, and there by row: eight bytes a row.
    carried: BTreeMap<&'static str, Vec<Carried>>,
    /// The kinds of findings about carried rows, so that each is written once a row.
    kinds: Vec<(String, String)>,
    rejects: Rejects,
    seen: u64,
    read: u64,
}

/// What became of rows of which nothing is sent.
pub(super) fn trial(tickets: Vec<Ticket>, made: Vec<String>) -> super::Trial {
    let rows = tickets.len();
    let findings = tickets.into_iter().flat_map(|ticket| ticket.findings);
    super::Trial {
        rows,
        made,
        findings: findings.collect(),
    }
}

/// An account that adds up.
#[derive(Debug)]
pub struct Summary {
    /// By table.
    pub tables: BTreeMap<&'static str, Counts>,
    /// By table, severity and rule.
    pub rules: BTreeMap<RuleKey, Broken>,
}

impl Summary {
    /// All tables together.
    #[must_use]
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for counts in self.tables.values() {
            total.add(*counts);
        }
        total
    }
}

impl Account {
    /// Nothing read yet.
    #[must_use]
    pub fn new(rejects: Rejects) -> Self {
        Self {
            tables: BTreeMap::new(),
            rules: BTreeMap::new(),
            carried: BTreeMap::new(),
            kinds: Vec::new(),
            rejects,
            seen: 0,
            read: 0,
        }
    }

    /// Rows were read; they are to be settled later.
    pub(super) fn expect(&mut self, rows: u64) {
        self.read += rows;
    }

    /// A row's events have their outcomes, in its order.
    pub(super) fn settle(
        &mut self,
        ticket: Ticket,
        outcomes: &[EventOutcome],
        column: fn(&str, &str) -> String,
    ) -> Result<(), Failure> {
        self.seen += 1;
        let mut fate = None;
        for finding in &ticket.findings {
            fate = fate.max(Some(finding.severity));
            self.note(finding)?;
        }
        for (place, carries) in ticket.events.iter().enumerate() {
            let missing = EventOutcome::default();
            let outcome = outcomes.get(place).unwrap_or(&missing);
            let accepted = matches!(outcome.outcome, Some(Outcome::Receipt(_)));
            if let Some((table, row)) = carries.filter(|_| accepted) {
                self.slot(table, row).used = true;
            }
            for finding in said(&ticket, outcome) {
                // What is queried in the demographics is about the row they come from; a refusal is always the refused row's own.
                match carries.filter(|_| {
                    finding.severity == Severity::Query && finding.column.starts_with(WHO)
                }) {
                    Some((table, row)) => self.note_carried(table, row, finding, column)?,
                    None => {
                        fate = fate.max(Some(finding.severity));
                        let column = column(ticket.table, &finding.column);
                        self.note(&Finding { column, ..finding })?;
                    }
                }
            }
        }
        if ticket.carried && fate != Some(Severity::Refuse) {
            let slot = self.slot(ticket.table, ticket.row);
            slot.known = true;
            slot.worst = slot.worst.max(fate);
            return Ok(());
        }
        if fate != Some(Severity::Refuse) && ticket.events.is_empty() {
            fate = Some(Severity::NotMapped);
            let (rule, sentence) = ticket
                .not_mapped
                .unwrap_or_else(|| ("NOTHING_SAID".into(), "no event is made of it".into()));
            self.rule((ticket.table, Severity::NotMapped, rule), &sentence);
        }
        self.tables.entry(ticket.table).or_default().count(fate);
        Ok(())
    }

    fn note(&mut self, finding: &Finding) -> Result<(), Failure> {
        self.rule(
            (finding.table, finding.severity, finding.rule.clone()),
            &finding.sentence,
        );
        self.rejects.write(finding)
    }

    fn note_carried(
        &mut self,
        table: &'static str,
        row: u64,
        finding: Finding,
        column: fn(&str, &str) -> String,
    ) -> Result<(), Failure> {
        let column = column(table, &finding.column);
        let kind = (finding.rule.clone(), column.clone());
        let place = self.kinds.iter().position(|known| *known == kind);
        let place = place.unwrap_or_else(|| {
            self.kinds.push(kind);
            self.kinds.len() - 1
        });
        // More kinds than bits: the last bit stands for all further ones.
        let bit = 1 << place.min(31);
        let slot = self.slot(table, row);
        slot.worst = slot.worst.max(Some(finding.severity));
        if slot.written & bit != 0 {
            return Ok(());
        }
        slot.written |= bit;
        self.note(&Finding {
            table,
            row,
            column,
            ..finding
        })
    }

    fn slot(&mut self, table: &'static str, row: u64) -> &mut Carried {
        let slots = self.carried.entry(table).or_default();
        let place = usize::try_from(row.saturating_sub(1)).unwrap_or(0);
        if slots.len() <= place {
            slots.resize(place + 1, Carried::default());
        }
        let last = slots.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "resized above")]
        &mut slots[place.min(last)]
    }

    fn rule(&mut self, key: RuleKey, sentence: &str) {
        let broken = self.rules.entry(key).or_insert_with(|| Broken {
            count: 0,
            sentence: sentence.to_owned(),
        });
        broken.count += 1;
    }

    /// Closes the account.
    ///
    /// # Errors
    /// When rows are not accounted for, or the rejects file cannot be written.
    pub fn finish(mut self) -> Result<Summary, Failure> {
        self.rejects.finish()?;
        for (table, slots) in std::mem::take(&mut self.carried) {
            for slot in slots.iter().filter(|slot| slot.known) {
                let fate = match slot.used {
                    true => slot.worst,
                    false => Some(Severity::NotMapped),
                };
                if !slot.used {
                    let key = (table, Severity::NotMapped, "NO_EVENT_ABOUT".to_owned());
                    self.rule(
                        key,
                        "no event of another row about this person was accepted",
                    );
                }
                self.tables.entry(table).or_default().count(fate);
            }
        }
        let summary = Summary {
            tables: self.tables,
            rules: self.rules,
        };
        let total = summary.total();
        if total.read != self.read || total.settled() != self.read || self.seen != self.read {
            let problem = format!(
                "{} rows were read and {} are accounted for: not all that was read is known to have arrived",
                self.read, total.read
            );
            return Err(Failure::new(Exit::Internal, problem));
        }
        Ok(summary)
    }
}

/// Where the contract has what says who somebody is.
const WHO: &str = "head.subject.demographics";

/// What the service said of an event. The column is the field's path still.
fn said(ticket: &Ticket, outcome: &EventOutcome) -> Vec<Finding> {
    let finding = |severity, rule: &str, field: &str, sentence: &str| Finding {
        table: ticket.table,
        row: ticket.row,
        column: field.to_owned(),
        severity,
        rule: rule.to_owned(),
        sentence: sentence.to_owned(),
    };
    match &outcome.outcome {
        Some(Outcome::Receipt(receipt)) => {
            let queries = receipt.queries.iter();
            queries
                .map(|query| {
                    finding(
                        Severity::Query,
                        &query.rule_id,
                        &query.field,
                        &query.message,
                    )
                })
                .collect()
        }
        Some(Outcome::Refusal(refusal)) => {
            let violations = refusal.violations.iter();
            violations
                .map(|one| finding(Severity::Refuse, &one.rule_id, &one.field, &one.description))
                .collect()
        }
        None => vec![finding(
            Severity::Refuse,
            "NO_ANSWER",
            "",
            "the service gave no outcome; run the import again",
        )],
    }
}
