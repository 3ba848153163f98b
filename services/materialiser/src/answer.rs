//! Reads: who asks, the row computed for them, the record that is durable before the answer.
//!
//! The order is: the bound, the row under the agreements applied so far, then at once the record of the read and the end of `control.agreements`
//! (asked for after the request arrived). When nothing newer stands there, the bound is checked again and the answer goes out. Otherwise the
//! newer agreements are applied and the row is computed and recorded again under the same read id: the last record of a read is the answer's.

use crate::audit::{Audit, AuditError};
use crate::board::Board;
use crate::book::{Book, Known as Agreements};
use crate::bound::Bound;
use crate::clock;
use crate::compute::{Computed, EXPLAIN, Explained, Kept, compute, record};
use crate::convert;
use crate::error::ReadError;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::shelf::Shelf;
use crate::standings::Stood;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{HandlePseudonym, Instant, Pseudonym, WorkingCalendar};
use walbrook_policy::catalogue::FieldKind;
use walbrook_proto::audit::v1 as audit;
use walbrook_proto::view::v1::Basis;
use walbrook_view::condition::Condition;
use walbrook_view::glass::{Held, MOST_HELD_MICROS};
use walbrook_view::model::Mode;
use walbrook_view::query::Query;
use walbrook_view::row::Row;
use walbrook_view::{View, Viewer};

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
    /// What is on record of reads, and of decisions that rest on them.
    pub ledger: Arc<Ledger>,
    /// What conditions over its rows and orders of them may name, with its type.
    pub columns: BTreeMap<String, FieldKind>,
    /// It goes on in the place of another file, although that one may be pinned already.
    pub goes_on: bool,
}

impl Served {
    /// Whether its file may be read by: it is pinned, or was and goes on.
    pub fn is_allowed(&self, agreements: &Agreements) -> bool {
        let file = &self.view.sha256;
        agreements.pins_view(file) || (self.goes_on && agreements.pinned_view(file))
    }
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
    /// The person, where one is named.
    pub const fn pseudonym(&self) -> Option<Pseudonym> {
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
    /// `GET`, `LIST`, `EXPLAIN` or `WATCH`.
    pub operation: &'static str,
    /// Whom it is about.
    pub subject: Subject,
    /// The row's stated time.
    pub evaluated_at: Instant,
    /// Most rows, their order, and where they begin. `read_at` is set when the agreements are asked.
    pub query: Query,
    /// Only rows for which this holds.
    pub only: Option<Condition>,
    /// The role is one of the token's.
    pub role_held: bool,
    /// The break-glass that it begins.
    pub glass: Option<BreakGlass>,
}

/// A break-glass to be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakGlass {
    /// Why, of a closed list.
    pub reason: String,
    /// How long it holds.
    pub holds_micros: i64,
}

/// Why a reader gets no answer whoever is asked about; on record all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The role is none of the token's.
    RoleNotHeld,
    /// The view's file does not let it be read by rows.
    Mode,
    /// No agreement lets this reader break the glass.
    BreakGlass,
}

impl Refusal {
    /// The word on record.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::RoleNotHeld => "ROLE_NOT_HELD",
            Self::Mode => "MODE",
            Self::BreakGlass => "BREAK_GLASS_NOT_ALLOWED",
        }
    }
}

impl From<Refusal> for ReadError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::RoleNotHeld => ReadError::WrongRole,
            Refusal::Mode => ReadError::NotByRows,
            Refusal::BreakGlass => ReadError::BreakGlassNotAllowed,
        }
    }
}

impl Ask {
    /// Why it is refused, if it is, before any agreement is asked.
    pub fn refusal(&self, view: &View) -> Option<Refusal> {
        if !self.role_held {
            return Some(Refusal::RoleNotHeld);
        }
        (!view.modes.contains(&Mode::Case)).then_some(Refusal::Mode)
    }
}

/// What a read is answered with.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The read's id.
    pub read_id: String,
    /// The rows.
    pub rows: Vec<Row>,
    /// With EXPLAIN, when there is a row.
    pub explained: Option<Explained>,
    /// What the events of an explanation were shared under.
    pub bases: Vec<Basis>,
    /// Rows in all.
    pub total: usize,
    /// Whether rows come after these.
    pub more: bool,
    /// How sources stand and what agreements do not grant; `None`: no agreement names the reader.
    pub stood: Option<Arc<Stood>>,
    /// The row's stated time.
    pub evaluated_at: Instant,
    /// Through when grounds are applied.
    pub grounds_applied_through: Instant,
    /// The break-glass that it rests on.
    pub glass: Option<Held>,
}

/// Answers reads.
pub struct Reads {
    board: Arc<Board>,
    book: Arc<Book>,
    audit: Arc<Audit>,
    calendar: Arc<WorkingCalendar>,
    metrics: Metrics,
    ledger: Arc<Ledger>,
    glass_holds_micros: i64,
    kept: Arc<Kept>,
}

impl Reads {
    /// Reads of these views.
    pub fn new(
        board: Arc<Board>,
        book: Arc<Book>,
        audit: Arc<Audit>,
        calendar: WorkingCalendar,
        metrics: Metrics,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            board,
            book,
            audit,
            calendar: Arc::new(calendar),
            metrics,
            ledger,
            glass_holds_micros: 0,
            kept: Arc::default(),
        }
    }

    /// The views that serve.
    pub const fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// A view by name.
    pub fn view(&self, name: &str) -> Option<Arc<Served>> {
        self.board.view(name)
    }

    /// The agreements.
    pub const fn book(&self) -> &Arc<Book> {
        &self.book
    }

    /// Working days.
    pub const fn calendar(&self) -> &Arc<WorkingCalendar> {
        &self.calendar
    }

    /// Its numbers.
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What is on record of reads.
    pub const fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Puts on record what an officer decided; returns when, once it is durable and shown in explanations of this process.
    ///
    /// # Errors
    /// When it is not known to be on record.
    pub async fn decided(
        &self,
        mut decision: audit::OfficerDecision,
    ) -> Result<prost_types::Timestamp, ReadError> {
        let now = clock::now();
        let decided_at = clock::timestamp(now);
        decision.decided_at = Some(decided_at);
        let offset = self.audit.decision(&decision, now).await?;
        self.read_through(offset).await;
        Ok(decided_at)
    }

    /// Waits until what was put on record is read back.
    pub async fn read_through(&self, offset: i64) {
        // It is on record whether or not this process has read it back by now.
        if let Err(error) = self.ledger.applied_through(offset + 1).await {
            tracing::warn!(%error, "what is on record of reads is not read back yet");
        }
    }

    async fn read_back(&self) {
        if let Err(error) = self.ledger.caught_up().await {
            tracing::warn!(%error, "what is on record of reads is not read back yet");
        }
    }

    /// The writer of records.
    pub const fn audit(&self) -> &Arc<Audit> {
        &self.audit
    }

    /// How long a break-glass holds.
    #[must_use]
    pub const fn glass_holds_micros(&self) -> i64 {
        self.glass_holds_micros
    }

    /// The same, with break-glass held so long.
    #[must_use]
    pub fn with_glass_held(self, holds: Duration) -> Self {
        let micros = i64::try_from(holds.as_micros()).unwrap_or(MOST_HELD_MICROS);
        Self {
            glass_holds_micros: micros.min(MOST_HELD_MICROS),
            ..self
        }
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
            Err(ReadError::WrongRole | ReadError::NotByRows | ReadError::BreakGlassNotAllowed) => {
                "refused"
            }
            Err(_) => "failed",
        };
        self.metrics
            .read(&served.view.name, operation, outcome, began.elapsed());
        answered
    }

    async fn rounds(&self, served: &Arc<Served>, ask: Ask) -> Result<Answer, ReadError> {
        if ask.operation == EXPLAIN {
            // It tells of every decision acknowledged before it was asked, whichever process took it.
            self.ledger.caught_up().await?;
        }
        let ask = Arc::new(ask);
        let (computed, through) = self
            .recorded(served, |agreements, through| {
                let ask = Arc::clone(&ask);
                async move {
                    let computed = self.compute(served, &agreements, &ask).await?;
                    let record = record(served, &ask, &agreements, &computed, through);
                    Ok((record, (computed, agreements)))
                }
            })
            .await?;
        let (computed, agreements) = computed;
        if let Some(refusal) = computed.refusal {
            return Err(refusal.into());
        }
        if ask.glass.is_some() {
            // It holds for the next read from here on, which need not wait for it.
            self.read_back().await;
        }
        let bases = computed
            .explained
            .as_ref()
            .map_or_else(Vec::new, |explained| {
                convert::bases(
                    &agreements.book,
                    &explained.explanation,
                    computed.query.read_at,
                )
            });
        Ok(Answer {
            read_id: ask.read_id.clone(),
            rows: computed.page.rows,
            explained: computed.explained,
            bases,
            total: computed.page.total,
            more: computed.page.more,
            stood: computed.stood,
            evaluated_at: ask.evaluated_at,
            grounds_applied_through: through,
            glass: computed.glass,
        })
    }

    /// Works out something under the agreements applied so far, puts the record of it on the log, and does both again for as long as the
    /// agreements were newer than that: the last record of a read is the answer's. Returns the instant through which grounds are applied.
    ///
    /// # Errors
    /// When the bound, the record or the newest agreements cannot be had, or `work` fails.
    pub async fn recorded<T, W>(
        &self,
        served: &Served,
        work: impl Fn(Arc<Agreements>, Instant) -> W,
    ) -> Result<(T, Instant), ReadError>
    where
        W: Future<Output = Result<(audit::ReadRecord, T), ReadError>>,
    {
        for _ in 0..MOST_ROUNDS {
            let through = served.bound.check(Monotonic::now())?;
            let agreements = self.book.now();
            if !served.is_allowed(&agreements) {
                return Err(ReadError::NotPinned);
            }
            let (record, done) = work(Arc::clone(&agreements), through.wall).await?;
            if self.put_on_record(&record, agreements.next_offset).await? {
                // What the answer states is what it was worked out from, as its record says: a round that ended meanwhile has applied what is
                // not in it. So it is the age of the former that is asked again.
                served.bound.still(through, Monotonic::now())?;
                return Ok((done, through.wall));
            }
        }
        Err(ReadError::Changing)
    }

    /// Writes the record and asks at once for the end of the agreements. False: newer ones than `next_offset` stand there, and are applied now.
    ///
    /// # Errors
    /// When the record is not durable or the end is not known.
    pub async fn put_on_record(
        &self,
        record: &audit::ReadRecord,
        next_offset: i64,
    ) -> Result<bool, ReadError> {
        let asked = Monotonic::now();
        let record = self.audit.read_record(record, clock::now());
        let record = record.map_err(AuditError::Encode)?;
        let end = self.book.end_with(record).await;
        self.metrics.barrier(asked.elapsed());
        let end = end?;
        if end > next_offset {
            self.book.applied_through(end).await;
            // Only a marker, or records that a read before this one waited for, are nothing newer.
            return Ok(self.book.now().next_offset <= next_offset);
        }
        Ok(true)
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
            ..ask.query.clone()
        };
        if ask.subject == Subject::Everyone {
            // A list walks everyone: off the threads that serve.
            let kept = Arc::clone(&self.kept);
            let work = move || compute(&served, &agreements, &ask, query, (&calendar, &kept));
            return Ok(tokio::task::spawn_blocking(work)
                .await
                .map_err(|_| ReadError::Work)??);
        }
        let kept = (&*calendar, &*self.kept);
        Ok(compute(&served, &agreements, &ask, query, kept)?)
    }
}
