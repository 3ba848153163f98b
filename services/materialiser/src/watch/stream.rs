//! One watch: what it is told is on record first, and it ends when it may be told no more.

use super::company::{Member, Stand, To};
use super::{Basis, Cursor, Delta, Hub, Place, Seat, Watches};
use crate::answer::Ask;
use crate::clock::timestamp;
use crate::compute::{answered, basis, standing};
use crate::convert;
use crate::error::ReadError;
use std::sync::Arc;
use std::time::{Instant as Monotonic, SystemTime};
use tokio::sync::oneshot;
use tonic::Status;
use walbrook_domain::{AgreementId, AgreementVersion, Instant, Pseudonym};
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_proto::view::v1 as proto;
use walbrook_view::canon::{Reader, Writer};
use walbrook_view::query::Query;
use walbrook_view::{BookReading, Reading as _};

/// People told of at once: the message stays well under what a client takes.
pub(super) const MOST_TOLD: usize = 500;
/// How often agreements may change while one answer is put on record.
const MOST_ROUNDS: usize = 20;
const TOKEN_VERSION: u8 = 1;

/// Where a watch goes on, as a client holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// The hub it was given by.
    pub hub: u64,
    /// How far it had come.
    pub cursor: Cursor,
}

impl Token {
    /// As text.
    pub fn text(&self) -> String {
        let mut out = Writer::new();
        out.byte(TOKEN_VERSION).fixed(&self.hub.to_be_bytes());
        out.fixed(&self.cursor.place.version.to_be_bytes());
        out.fixed(self.cursor.place.person.as_bytes());
        out.fixed(&self.cursor.began.to_be_bytes());
        hex::encode(out.finish())
    }

    /// Reads a token; `None` when it is none.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = hex::decode(text).ok()?;
        let mut input = Reader::new(&bytes, "resume token");
        if input.byte().ok()? != TOKEN_VERSION {
            return None;
        }
        let hub = u64::from_be_bytes(input.fixed().ok()?);
        let place = Place {
            version: u64::from_be_bytes(input.fixed().ok()?),
            person: Pseudonym::new(input.fixed().ok()?),
        };
        let began = u64::from_be_bytes(input.fixed().ok()?);
        input.end().ok()?;
        let cursor = Cursor { place, began };
        Some(Self { hub, cursor })
    }
}

/// A watch that runs.
pub struct Stream {
    watches: Watches,
    seat: Seat,
    ask: Ask,
    expires_at: SystemTime,
    cursor: Option<Cursor>,
    /// Of which agreements the reader was told how sources stand.
    told: Option<i64>,
    /// Where it stands once everything is told.
    stand: Option<Stand>,
    to: To,
}

/// The next answer and what it stands on.
pub(super) struct Next {
    pub(super) delta: Delta,
    pub(super) basis: Arc<Basis>,
    pub(super) entitlements: Vec<(AgreementId, AgreementVersion)>,
}

impl Stream {
    /// A watch of this hub for one reader, from where a token says, if it is this hub's.
    pub fn new(
        watches: Watches,
        seat: Seat,
        (ask, expires_at): (Ask, SystemTime),
        token: Option<Token>,
        to: To,
    ) -> Self {
        let own = token.filter(|token| token.hub == seat.id);
        Self {
            cursor: own.map(|token| token.cursor),
            watches,
            seat,
            ask,
            expires_at,
            told: None,
            stand: None,
            to,
        }
    }

    /// Tells what there is and what comes, until it must end or nobody listens.
    pub async fn run(mut self) {
        if let Err(status) = self.tell_all().await {
            // Whoever has gone needs no reason.
            let _ = self.to.send(Err(status)).await;
        }
    }

    async fn tell_all(&mut self) -> Result<(), Status> {
        let mut moved = self.seat.moved();
        loop {
            moved.mark_unchanged();
            let more = self.tell().await?;
            if self.to.is_closed() {
                return Ok(());
            }
            if more {
                continue;
            }
            let left = self.expires_at.duration_since(SystemTime::now());
            let company = self.joined();
            if company.is_some() && moved.has_changed().unwrap_or(true) {
                // The company may have been told already of what moved since this stream looked.
                self.seat.behind.notify_one();
            }
            tokio::select! {
                // Looks are taken every second at least, so the bound, the agreements and the end of the token are asked about as often.
                _ = moved.changed(), if company.is_none() => {}
                cursor = returned(company) => self.cursor = cursor.or(self.cursor),
                () = tokio::time::sleep(left.unwrap_or_default()) => {}
                () = self.to.closed() => return Ok(()),
                () = self.watches.stop().requested() => {
                    return Err(ReadError::Stopping.into());
                }
            }
        }
    }

    /// Goes on with the others of the hub, if it is in step; where it is sent back to.
    fn joined(&mut self) -> Option<oneshot::Receiver<Cursor>> {
        let stand = self.stand.take()?;
        let asked = (self.ask.clone(), self.expires_at);
        let (member, returned) = Member::new(asked, stand, self.to.clone());
        self.seat.company.join(member);
        Some(returned)
    }

    /// Tells what came since, once it is on record. Returns whether there is more.
    async fn tell(&mut self) -> Result<bool, Status> {
        for _ in 0..MOST_ROUNDS {
            if SystemTime::now() >= self.expires_at {
                return Err(ReadError::TokenExpired.into());
            }
            let served = Arc::clone(&self.seat.served);
            served
                .bound
                .check(Monotonic::now())
                .map_err(ReadError::from)?;
            let Some(next) = self.next()? else {
                return Ok(false);
            };
            // Rows state no newer bound than the look that they come from.
            let Some(through) = next.basis.through else {
                return Ok(false);
            };
            let agreements_next = next.basis.agreements.next_offset;
            if !served.is_allowed(&next.basis.agreements) {
                return Err(ReadError::NotPinned.into());
            }
            let ends = next.entitlements.is_empty();
            let first = self.told.is_none();
            let nothing = next.delta.rows.is_empty() && next.delta.left.is_empty();
            if !ends && nothing && !first && !next.delta.whole && self.told == Some(agreements_next)
            {
                self.stand = stand(&next);
                return Ok(false);
            }
            let mut ask = self.ask.clone();
            ask.read_id = uuid::Uuid::new_v4().to_string();
            ask.evaluated_at = next.basis.at;
            let record = record(&self.seat, &ask, &next, through.wall);
            let reads = self.watches.reads();
            if !reads.put_on_record(&record, agreements_next).await? {
                self.await_look().await?;
                continue;
            }
            if ends {
                return Err(ReadError::EntitlementEnded.into());
            }
            served
                .bound
                .still(through, Monotonic::now())
                .map_err(ReadError::from)?;
            let more = next.delta.more;
            let in_step = stand(&next);
            let answer = self.answer(ask, next, through.wall);
            // A client that reads slowly holds this stream back; what changes meanwhile is told as it is by then.
            let _ = self.to.send(Ok(answer)).await;
            self.told = Some(agreements_next);
            self.stand = in_step;
            return Ok(more);
        }
        Err(ReadError::Changing.into())
    }

    /// What came since, and what this reader is entitled by now; `None` before the first look.
    fn next(&self) -> Result<Option<Next>, Status> {
        let told = self.seat.since(self.cursor, MOST_TOLD);
        let told = told.map_err(|ended| walbrook_runtime::status::status(&*ended))?;
        Ok(told.map(|(delta, basis)| {
            let (book, view) = (&basis.agreements.book, &self.seat.served.view);
            let reading = BookReading::new(book, &self.ask.viewer, view, basis.at);
            let entitlements = reading.entitlements();
            Next {
                delta,
                basis,
                entitlements,
            }
        }))
    }

    /// Waits until the hub has looked with the agreements that are applied now.
    async fn await_look(&self) -> Result<(), Status> {
        let wanted = self.watches.reads().book().now().next_offset;
        let mut moved = self.seat.moved();
        loop {
            moved.mark_unchanged();
            let looked = self.seat.since(self.cursor, 0);
            let looked = looked.map_err(|ended| walbrook_runtime::status::status(&*ended))?;
            if looked.is_some_and(|(_, basis)| basis.agreements.next_offset >= wanted) {
                return Ok(());
            }
            if moved.changed().await.is_err() {
                return Err(ReadError::Stopping.into());
            }
        }
    }

    fn answer(&mut self, ask: Ask, next: Next, through: Instant) -> proto::WatchRowsResponse {
        let Next { delta, basis, .. } = next;
        let served = &self.seat.served;
        self.cursor = Some(delta.cursor);
        let token = Token {
            hub: self.seat.id,
            cursor: delta.cursor,
        };
        let mut facts = facts(&ask, basis.at, through);
        if delta.whole || self.told != Some(basis.agreements.next_offset) {
            let book = &basis.agreements.book;
            let reading = BookReading::new(book, &ask.viewer, &served.view, basis.at);
            let (sources, withheld) = standing(served, &reading, true, basis.at);
            facts.sources = sources.iter().map(convert::source).collect();
            facts.withheld = withheld;
            facts.view = Some(convert::shape(&served.view, &ask.viewer.role));
        }
        proto::WatchRowsResponse {
            rows: delta.rows.iter().map(|row| convert::row(row)).collect(),
            left: delta.left_bytes(),
            whole: delta.whole,
            more: delta.more,
            resume_token: token.text(),
            facts: Some(facts),
        }
    }
}

/// Where a stream stands that is told all of this; `None`: there is more.
fn stand(next: &Next) -> Option<Stand> {
    let stand = || Stand {
        cursor: next.delta.cursor,
        agreements_next: next.basis.agreements.next_offset,
        on: next.basis.at.london_day(),
        entitlements: next.entitlements.clone(),
    };
    (!next.delta.more).then(stand)
}

/// The cursor that the company sends a stream back with; never, where it has not joined.
async fn returned(company: Option<oneshot::Receiver<Cursor>>) -> Option<Cursor> {
    match company {
        // Without a word the hub has ended: the stream sees why.
        Some(company) => company.await.ok(),
        None => std::future::pending().await,
    }
}

/// What one answer rests on.
pub(super) fn facts(ask: &Ask, at: Instant, through: Instant) -> proto::AnswerFacts {
    proto::AnswerFacts {
        read_id: ask.read_id.clone(),
        evaluated_at: Some(timestamp(at)),
        grounds_applied_through: Some(timestamp(through)),
        ..proto::AnswerFacts::default()
    }
}

/// The record of one answer.
pub(super) fn record(hub: &Hub, ask: &Ask, next: &Next, through: Instant) -> ReadRecord {
    let (delta, stands) = (&next.delta, &next.basis);
    let ends = next.entitlements.is_empty();
    let (outcome, reason) = if ends {
        ("REFUSED", "NO_AGREEMENT")
    } else if delta.rows.is_empty() {
        ("EMPTY", "NOTHING_TO_SHOW")
    } else {
        ("ANSWERED", "ENTITLED")
    };
    let query = Query {
        read_at: stands.at,
        limit: u32::try_from(MOST_TOLD).unwrap_or(u32::MAX),
        ..Query::one()
    };
    let under = (next.entitlements.as_slice(), stands.applied.as_slice());
    let told = !ends;
    ReadRecord {
        answered: delta
            .rows
            .iter()
            .filter(|_| told)
            .map(|row| answered(row))
            .collect(),
        left: if told { delta.left_bytes() } else { Vec::new() },
        query: query.to_string(),
        reads_next: stands.reads_next,
        ..basis(
            &hub.served,
            ask,
            (outcome, reason),
            &stands.agreements,
            under,
            through,
        )
    }
}
