//! What a read shows under one state of the agreements, and the record of it.

use crate::answer::{Ask, Refusal, Served, Subject};
use crate::book::Known as Agreements;
use crate::clock::timestamp;
use crate::ranked::{Ranks, Wanted};
use crate::standings::{Standings, Stood};
use std::sync::Arc;
use walbrook_domain::{AgreementId, AgreementVersion, Instant, Pseudonym, WorkingCalendar};
use walbrook_proto::audit::v1 as audit;
use walbrook_view::dispute::Disputes;
use walbrook_view::explain::Explanation;
use walbrook_view::glass::Held;
use walbrook_view::query::Query;
use walbrook_view::row::{Asked, Row};
use walbrook_view::{BookReading, Freshness, IntegrityError, Reading, Sources, page};

/// Why a row says what it says, and what was decided because of it.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The events behind the row.
    pub explanation: Explanation,
    /// What the reader's organisation decided about the person in this view, newest first.
    pub decisions: Vec<Arc<audit::OfficerDecision>>,
}

/// What was computed under one state of the agreements.
#[derive(Debug)]
pub struct Computed {
    /// The rows.
    pub page: page::Page,
    /// With EXPLAIN, when there is a row.
    pub explained: Option<Explained>,
    /// Agreements that entitle the reader.
    pub entitlements: Vec<(AgreementId, AgreementVersion)>,
    /// How sources stand and what agreements do not grant; `None`: no agreement names the reader.
    pub stood: Option<Arc<Stood>>,
    /// How far each partition that was looked at was applied.
    pub applied: Vec<(i32, i64)>,
    /// The question, with the instant that agreements were asked for.
    pub query: Query,
    /// Why there is no answer, whoever is asked about.
    pub refusal: Option<Refusal>,
    /// The break-glass that a read of one person rests on.
    pub glass: Option<Held>,
    /// Next offset of `audit.reads` that marks and decisions do not stand on.
    pub reads_next: i64,
}

/// What is kept from read to read.
#[derive(Default)]
pub struct Kept {
    /// Everyone's rank.
    pub ranks: Ranks,
    /// How sources stand.
    pub standings: Standings,
}

/// The words of a viewer whom no agreement names.
pub const NO_AGREEMENT: &str = "withheld: no agreement names this reader for this view";

/// How the sources of a view stand for a viewer, and what is withheld from them: the same whoever is asked about.
pub fn standing(
    served: &Served,
    reading: &BookReading<'_>,
    entitled: bool,
    evaluated_at: Instant,
) -> (Vec<Freshness>, Vec<String>) {
    if !entitled {
        return (Vec::new(), vec![NO_AGREEMENT.to_owned()]);
    }
    let sources = Sources::new(&served.view, reading, evaluated_at.london_day());
    (
        sources.for_answer(&served.shelf.heartbeats()),
        sources.withheld_lines(),
    )
}

/// Computes a read.
///
/// # Errors
/// When two agreements disagree about an event.
pub fn compute(
    served: &Served,
    agreements: &Agreements,
    ask: &Ask,
    query: Query,
    (calendar, kept): (&WorkingCalendar, &Kept),
) -> Result<Computed, IntegrityError> {
    let times = (query.read_at, ask.evaluated_at);
    let stood = kept.standings.of(served, agreements, &ask.viewer, times);
    let mut reading = BookReading::new(&agreements.book, &ask.viewer, &served.view, query.read_at);
    if let Some(stood) = &stood {
        reading = reading.with_sources(Arc::clone(&stood.sources));
    }
    let mut refusal = ask.refusal(&served.view);
    let entitlements = match refusal {
        None => reading.entitlements(),
        Some(_) => Vec::new(),
    };
    let entitled = !entitlements.is_empty();
    if entitled && ask.glass.is_some() && !reading.may_break_glass() {
        refusal = Some(Refusal::BreakGlass);
    }
    let glass = match refusal {
        None if entitled => glass(served, ask, query.read_at),
        _ => None,
    };
    let told = told(served, ask);
    let marked = told.disputes.as_of();
    let asked = Asked {
        view: &served.view,
        reading: &reading,
        evaluated_at: ask.evaluated_at,
        case_named: ask.subject != Subject::Everyone && ask.case_reference.is_some(),
        glass_broken: glass.is_some(),
        disputes: Some(told.disputes.marks(marked)),
        calendar,
    };
    let (mut found, mut listed) = (Found::default(), None);
    if !entitled || refusal.is_some() {
        // Nothing is looked up for a viewer without an agreement.
    } else if let Some(person) = ask.subject.pseudonym() {
        found.person(served, &asked, ask, (&person, &query.columns), &told)?;
    } else if ask.subject == Subject::Everyone {
        let wanted = Wanted {
            shelf: &served.shelf,
            agreements,
            viewer: &ask.viewer,
            query: &query,
            only: ask.only.as_ref(),
        };
        listed = kept.ranks.page(&asked, &wanted)?;
        match &listed {
            Some(listed) => found.applied.clone_from(&listed.applied),
            None => found.everyone(served, &asked, ask)?,
        }
    }
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let cut = |rows| page::cut(rows, &query.order, query.after.as_ref(), limit);
    Ok(Computed {
        page: listed.map_or_else(|| cut(found.rows), |listed| listed.page),
        explained: found.explained,
        stood: stood.filter(|_| entitled),
        entitlements,
        applied: found.applied,
        query,
        refusal,
        glass,
        reads_next: told.reads_next.unwrap_or(marked),
    })
}

/// What is on record of reads, all of one moment: what is disputed, and for an explanation what was decided. The same look whoever is asked about.
struct Told {
    disputes: Arc<Disputes>,
    decisions: Vec<Arc<audit::OfficerDecision>>,
    /// The offset they all stand below, where decisions are told.
    reads_next: Option<i64>,
}

fn told(served: &Served, ask: &Ask) -> Told {
    let person = ask.subject.pseudonym().filter(|_| ask.operation == EXPLAIN);
    let Some(person) = person else {
        return Told {
            disputes: served.ledger.disputes(),
            decisions: Vec::new(),
            reads_next: None,
        };
    };
    let organisation = ask.viewer.organisation.to_string();
    let view = &served.view.name;
    let (disputes, decisions, next) = served.ledger.told(view, &organisation, &person);
    Told {
        disputes,
        decisions,
        reads_next: Some(next),
    }
}

/// The break-glass that a read begins, or rests on. As much work whoever is asked about, and whether or not anything is found.
fn glass(served: &Served, ask: &Ask, read_at: Instant) -> Option<Held> {
    let person = ask.subject.pseudonym()?;
    if let Some(glass) = &ask.glass {
        return Some(Held {
            read_id: ask.read_id.clone(),
            reason: glass.reason.clone(),
            until: Instant(read_at.micros().saturating_add(glass.holds_micros)),
        });
    }
    let view = &served.view.name;
    served.ledger.holding(view, &ask.viewer, &person, read_at)
}

/// What was found of those asked for.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    explained: Option<Explained>,
    applied: Vec<(i32, i64)>,
}

impl Found {
    /// Everyone, whole.
    fn everyone(
        &mut self,
        served: &Served,
        asked: &Asked<'_>,
        ask: &Ask,
    ) -> Result<(), IntegrityError> {
        for (held, number) in served.shelf.partitions().iter().zip(0..) {
            let held = held.read();
            self.applied.push((number, held.next_offset));
            page::collect(asked, &held.state, ask.only.as_ref(), &mut self.rows)?;
        }
        Ok(())
    }

    /// One look, whoever it is.
    fn person(
        &mut self,
        served: &Served,
        asked: &Asked<'_>,
        ask: &Ask,
        (person, columns): (&Pseudonym, &[String]),
        told: &Told,
    ) -> Result<(), IntegrityError> {
        let Some((number, held)) = served.shelf.look_up(person) else {
            return Ok(());
        };
        let held = held.read();
        self.applied.push((number, held.next_offset));
        let found = held.state.person(person).filter(|found| match ask.subject {
            Subject::OwnRecord(_, handle) => found.has_subject(&handle),
            _ => true,
        });
        let Some(found) = found else {
            return Ok(());
        };
        if ask.operation != EXPLAIN {
            self.rows.extend(asked.row(&found)?);
        } else if let Some((row, explanation)) = asked.explain(&found, columns)? {
            self.rows.push(row);
            self.explained = Some(Explained {
                explanation,
                decisions: told.decisions.clone(),
            });
        }
        Ok(())
    }
}

/// The operation of a read that asks why.
pub const EXPLAIN: &str = "EXPLAIN";

/// The record of a read.
pub fn record(
    served: &Served,
    ask: &Ask,
    agreements: &Agreements,
    computed: &Computed,
    through: Instant,
) -> audit::ReadRecord {
    let (outcome, reason) = if let Some(refusal) = computed.refusal {
        ("REFUSED", refusal.reason())
    } else if computed.entitlements.is_empty() {
        ("REFUSED", "NO_AGREEMENT")
    } else if computed.page.rows.is_empty() {
        ("EMPTY", "NOTHING_TO_SHOW")
    } else {
        ("ANSWERED", "ENTITLED")
    };
    let explained = computed.explained.as_ref();
    let explanation_sha256 = explained.map(|explained| {
        let decisions = explained.decisions.iter();
        let ids = decisions.map(|one| one.decision_id.as_str());
        explained.explanation.sha256(ids).to_vec()
    });
    audit::ReadRecord {
        asked: ask
            .subject
            .pseudonym()
            .map(|person| person.as_bytes().to_vec())
            .into_iter()
            .collect(),
        answered: computed
            .page
            .rows
            .iter()
            .map(|row| audit::AnsweredRow {
                explanation_sha256: explanation_sha256.clone(),
                ..answered(row)
            })
            .collect(),
        reads_next: computed.reads_next,
        query: computed.query.to_string(),
        break_glass_reason: ask.glass.as_ref().map(|glass| glass.reason.clone()),
        break_glass_read_id: computed.glass.as_ref().map(|glass| glass.read_id.clone()),
        break_glass_until: computed.glass.as_ref().map(|glass| timestamp(glass.until)),
        ..basis(
            served,
            ask,
            (outcome, reason),
            agreements,
            (&computed.entitlements, &computed.applied),
            through,
        )
    }
}

/// A row on record.
pub fn answered(row: &Row) -> audit::AnsweredRow {
    audit::AnsweredRow {
        person_pseudonym: row.pseudonym.as_bytes().to_vec(),
        row_sha256: row.sha256().to_vec(),
        explanation_sha256: None,
        events: row.rests_on.bytes(),
    }
}

/// The agreements that entitle a reader, and how far each partition that was looked at was applied.
pub type Under<'a> = (&'a [(AgreementId, AgreementVersion)], &'a [(i32, i64)]);

/// What every read record says: who read in what role, under which agreements, from which state.
pub fn basis(
    served: &Served,
    ask: &Ask,
    (outcome, reason): (&str, &str),
    agreements: &Agreements,
    (entitlements, applied): Under<'_>,
    through: Instant,
) -> audit::ReadRecord {
    let entitlements = entitlements
        .iter()
        .map(|(id, version)| audit::PageAgreement {
            agreement_id: id.to_string(),
            version: version.0,
        });
    let applied = applied
        .iter()
        .map(|(partition, next_offset)| audit::AppliedOffset {
            topic: served.shelf.topic.clone(),
            partition: *partition,
            next_offset: *next_offset,
        });
    audit::ReadRecord {
        read_id: ask.read_id.clone(),
        reader: ask.viewer.reader.clone(),
        organisation: ask.viewer.organisation.to_string(),
        role: ask.viewer.role.clone(),
        purpose: served.view.purpose.to_string(),
        view: served.view.name.clone(),
        operation: ask.operation.to_owned(),
        case_reference: ask.case_reference.clone(),
        outcome: outcome.to_owned(),
        reason: reason.to_owned(),
        view_sha256: served.view.sha256.to_vec(),
        pins_epoch: agreements.pins.epoch(),
        applied: applied.collect(),
        agreements_next: agreements.next_offset,
        evaluated_at: Some(timestamp(ask.evaluated_at)),
        grounds_applied_through: Some(timestamp(through)),
        agreements: entitlements.collect(),
        ..audit::ReadRecord::default()
    }
}
