//! Reads: who asks, the row computed for them, the record that is durable before the answer.
//!
//! The order is: the bound, the row under the agreements applied so far, then at once the record of the read and the end of `control.agreements`
//! (asked for after the request arrived). When nothing newer stands there, the bound is checked again and the answer goes out. Otherwise the
//! newer agreements are applied and the row is computed and recorded again under the same read id: the last record of a read is the answer's.

use crate::audit::Audit;
use crate::book::{Book, Known as Agreements};
use crate::bound::Bound;
use crate::clock::{self, timestamp};
use crate::error::ReadError;
use crate::metrics::Metrics;
use crate::shelf::Shelf;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant as Monotonic;
use walbrook_domain::{
    AgreementId, AgreementVersion, HandlePseudonym, Instant, Pseudonym, WorkingCalendar,
};
use walbrook_proto::audit::v1 as audit;
use walbrook_view::query::Query;
use walbrook_view::row::{Asked, Row};
use walbrook_view::{BookReading, Freshness, IntegrityError, Reading, Sources, View, Viewer, page};

/// How often a row is computed again because agreements changed meanwhile.
const MOST_ROUNDS: usize = 5;

/// A view with what it stands on.
pub struct Served {
    /// The view.
    pub view: View,
    /// The state of its purpose.
    pub shelf: Arc<Shelf>,
    /// Its bound.
    pub bound: Arc<Bound>,
}

/// Whom a read is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Everyone within scope.
    Everyone,
    /// One person by pseudonym.
    Person(Pseudonym),
    /// One person, found by the reader's own record: answered only where the view holds a subject record of that handle. Identity answers with
    /// pseudonyms that nobody has when it may not say, so this looks the same from here.
    OwnRecord(Pseudonym, HandlePseudonym),
    /// A record of the reader's own organisation for which nobody was asked, because the reader does not act in a role of its token.
    Unknown,
}

impl Subject {
    const fn pseudonym(&self) -> Option<Pseudonym> {
        match self {
            Subject::Person(person) | Subject::OwnRecord(person, _) => Some(*person),
            Subject::Everyone | Subject::Unknown => None,
        }
    }
}

/// A read, checked for form.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The read's id: identity puts it on record with the look-up that comes before.
    pub read_id: String,
    /// Who reads.
    pub viewer: Viewer,
    /// The case, where the reader names one.
    pub case_reference: Option<String>,
    /// `GET` or `LIST`.
    pub operation: &'static str,
    /// Whom it is about.
    pub subject: Subject,
    /// The row's stated time.
    pub evaluated_at: Instant,
    /// Most rows, and where they begin. `read_at` is set when the agreements are asked.
    pub query: Query,
    /// The role is one of the token's.
    pub role_held: bool,
}

/// What a read is answered with.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The read's id.
    pub read_id: String,
    /// The rows.
    pub rows: Vec<Row>,
    /// Rows within scope in all.
    pub total: usize,
    /// Whether rows come after these.
    pub more: bool,
    /// How sources stand.
    pub sources: Vec<Freshness>,
    /// What agreements do not grant.
    pub withheld: Vec<String>,
    /// The row's stated time.
    pub evaluated_at: Instant,
    /// Through when grounds are applied.
    pub grounds_applied_through: Instant,
}

/// What was computed under one state of the agreements.
struct Computed {
    page: page::Page,
    entitlements: Vec<(AgreementId, AgreementVersion)>,
    sources: Vec<Freshness>,
    withheld: Vec<String>,
    applied: Vec<(i32, i64)>,
    query: Query,
}

/// Answers reads.
pub struct Reads {
    views: BTreeMap<String, Arc<Served>>,
    book: Arc<Book>,
    audit: Arc<Audit>,
    calendar: Arc<WorkingCalendar>,
    metrics: Metrics,
}

impl Reads {
    /// Reads of these views.
    pub fn new(
        views: BTreeMap<String, Arc<Served>>,
        book: Arc<Book>,
        audit: Arc<Audit>,
        calendar: WorkingCalendar,
        metrics: Metrics,
    ) -> Self {
        Self {
            views,
            book,
            audit,
            calendar: Arc::new(calendar),
            metrics,
        }
    }

    /// A view by name.
    pub fn view(&self, name: &str) -> Option<&Arc<Served>> {
        self.views.get(name)
    }

    /// Every view, by name.
    pub fn views(&self) -> impl Iterator<Item = &View> {
        self.views.values().map(|served| &served.view)
    }

    /// Answers a read, once it is on record.
    ///
    /// # Errors
    /// Why nothing is answered.
    pub async fn answer(&self, served: &Arc<Served>, ask: Ask) -> Result<Answer, ReadError> {
        let began = Monotonic::now();
        let operation = ask.operation;
        let answered = self.rounds(served, ask).await;
        let outcome = match &answered {
            Ok(answer) if answer.rows.is_empty() => "empty",
            Ok(_) => "answered",
            Err(ReadError::Integrity(_)) => {
                self.metrics.integrity();
                "failed"
            }
            Err(ReadError::WrongRole) => "refused",
            Err(_) => "failed",
        };
        self.metrics
            .read(&served.view.name, operation, outcome, began.elapsed());
        answered
    }

    async fn rounds(&self, served: &Arc<Served>, ask: Ask) -> Result<Answer, ReadError> {
        let ask = Arc::new(ask);
        for _ in 0..MOST_ROUNDS {
            let through = served.bound.check(Monotonic::now())?;
            let agreements = self.book.now();
            if !agreements.pins_view(&served.view.sha256) {
                return Err(ReadError::NotPinned);
            }
            let computed = self.compute(served, &agreements, &ask).await?;
            let record = record(served, &ask, &agreements, &computed, through.wall);
            let asked = Monotonic::now();
            let (recorded, end) =
                tokio::join!(self.audit.read(&record, clock::now()), self.book.end());
            self.metrics.barrier(asked.elapsed());
            recorded?;
            let end = end.map_err(ReadError::Barrier)?;
            if end > agreements.next_offset {
                self.book.applied_through(end).await;
                let newer = self.book.now();
                // Only a marker, or records that a read before this one waited for.
                if newer.next_offset > agreements.next_offset {
                    continue;
                }
            }
            if !ask.role_held {
                return Err(ReadError::WrongRole);
            }
            let through = served.bound.check(Monotonic::now())?;
            return Ok(Answer {
                read_id: ask.read_id.clone(),
                rows: computed.page.rows,
                total: computed.page.total,
                more: computed.page.more,
                sources: computed.sources,
                withheld: computed.withheld,
                evaluated_at: ask.evaluated_at,
                grounds_applied_through: through.wall,
            });
        }
        Err(ReadError::Changing)
    }

    async fn compute(
        &self,
        served: &Arc<Served>,
        agreements: &Arc<Agreements>,
        ask: &Arc<Ask>,
    ) -> Result<Computed, ReadError> {
        let (served, agreements, ask) =
            (Arc::clone(served), Arc::clone(agreements), Arc::clone(ask));
        let calendar = Arc::clone(&self.calendar);
        let query = Query {
            read_at: clock::now(),
            ..ask.query
        };
        if ask.subject == Subject::Everyone {
            // A list walks everyone: off the threads that serve.
            let work = move || compute(&served, &agreements, &ask, query, &calendar);
            return Ok(tokio::task::spawn_blocking(work)
                .await
                .map_err(|_| ReadError::Work)??);
        }
        Ok(compute(&served, &agreements, &ask, query, &calendar)?)
    }
}

fn compute(
    served: &Served,
    agreements: &Agreements,
    ask: &Ask,
    query: Query,
    calendar: &WorkingCalendar,
) -> Result<Computed, IntegrityError> {
    let reading = BookReading::new(&agreements.book, &ask.viewer, &served.view, query.read_at);
    let entitlements = if ask.role_held {
        reading.entitlements()
    } else {
        Vec::new()
    };
    let asked = Asked {
        view: &served.view,
        reading: &reading,
        evaluated_at: ask.evaluated_at,
        case_named: ask.operation == "GET" && ask.case_reference.is_some(),
        calendar,
    };
    let mut rows = Vec::new();
    let mut applied = Vec::new();
    if entitlements.is_empty() {
        // Nothing is looked up for a viewer without an agreement.
    } else if let Some(person) = ask.subject.pseudonym() {
        if let Some((number, held)) = served.shelf.of(&person) {
            let held = held.read();
            applied.push((number, held.next_offset));
            let found = held
                .state
                .person(&person)
                .filter(|found| match ask.subject {
                    Subject::OwnRecord(_, handle) => found.has_subject(&handle),
                    _ => true,
                });
            if let Some(found) = found {
                rows.extend(asked.row(&found)?);
            }
        }
    } else if ask.subject == Subject::Everyone {
        for (held, number) in served.shelf.partitions().iter().zip(0..) {
            let held = held.read();
            applied.push((number, held.next_offset));
            page::collect(&asked, &held.state, &mut rows)?;
        }
    }
    let sources = Sources::new(&served.view, &reading, ask.evaluated_at.london_day());
    let entitled = !entitlements.is_empty();
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    Ok(Computed {
        page: page::cut(rows, query.after, limit),
        sources: if entitled {
            sources.for_answer(&served.shelf.heartbeats())
        } else {
            Vec::new()
        },
        withheld: if entitled {
            sources.withheld_lines()
        } else {
            vec!["withheld: no agreement names this reader for this view".to_owned()]
        },
        entitlements,
        applied,
        query,
    })
}

fn record(
    served: &Served,
    ask: &Ask,
    agreements: &Agreements,
    computed: &Computed,
    through: Instant,
) -> audit::ReadRecord {
    let (outcome, reason) = if !ask.role_held {
        ("REFUSED", "ROLE_NOT_HELD")
    } else if computed.entitlements.is_empty() {
        ("REFUSED", "NO_AGREEMENT")
    } else if computed.page.rows.is_empty() {
        ("EMPTY", "NOTHING_TO_SHOW")
    } else {
        ("ANSWERED", "ENTITLED")
    };
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
                person_pseudonym: row.pseudonym.as_bytes().to_vec(),
                row_sha256: row.sha256().to_vec(),
                explanation_sha256: None,
            })
            .collect(),
        view_sha256: served.view.sha256.to_vec(),
        pins_epoch: agreements.pins.epoch(),
        applied: computed
            .applied
            .iter()
            .map(|(partition, next_offset)| audit::AppliedOffset {
                topic: served.shelf.topic.clone(),
                partition: *partition,
                next_offset: *next_offset,
            })
            .collect(),
        agreements_next: agreements.next_offset,
        evaluated_at: Some(timestamp(ask.evaluated_at)),
        grounds_applied_through: Some(timestamp(through)),
        agreements: computed
            .entitlements
            .iter()
            .map(|(id, version)| audit::PageAgreement {
                agreement_id: id.to_string(),
                version: version.0,
            })
            .collect(),
        query: computed.query.to_string(),
        left: Vec::new(),
        reads_next: 0,
        table_sha256: None,
    }
}
