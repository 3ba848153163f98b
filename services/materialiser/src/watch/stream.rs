//! One watch: what it is told is on record first, and it ends when it may be told no more.

use super::company::{Back, Member, Stand, To};
use super::{Basis, Cursor, Delta, Hub, Place, Seat, Watches};
use crate::answer::Ask;
use crate::clock::timestamp;
use crate::compute::{answered, basis};
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
    /// What it was to be told was not put on record, and nothing since.
    failed: bool,
    to: To,
}

/// The next answer and what it stands on.
pub(super) struct Next {
    pub(super) delta: Delta,
    pub(super) basis: Arc<Basis>,
    pub(super) entitlements: Vec<(AgreementId, AgreementVersion)>,
}

impl Next {
    /// Whether anything of it is new to a reader.
    pub(super) fn has_news(&self, knows_sources: bool) -> bool {
        let delta = &self.delta;
        delta.whole || !knows_sources || !delta.rows.is_empty() || !delta.left.is_empty()
    }
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
            failed: false,
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

    /// Joins the others of the hub wherever it stands: what there is is told there. Alone it waits, and says why it ends.
    async fn tell_all(&mut self) -> Result<(), Status> {
        let mut moved = self.seat.moved();
        loop {
            let left = self.expires_at.duration_since(SystemTime::now());
            let left = left.unwrap_or_default();
            let over = tokio::time::sleep(left);
            tokio::select! {
                // A client that reads slowly is waited for here, where it holds nobody back.
                room = self.to.reserve() => if room.is_err() {
                    return Ok(());
                },
                () = over => {}
                () = self.watches.stop().requested() => return Err(ReadError::Stopping.into()),
            }
            moved.mark_unchanged();
            let company = self.stands().await?.map(|stand| self.join(stand));
            if company.is_some() {
                // The company may have been told already of what this stream has not heard.
                self.seat.behind.notify_one();
            }
            let over = tokio::time::sleep(left);
            tokio::select! {
                // Looks are taken every second at least, so the bound, the agreements and the end of the token are asked about as often.
                _ = moved.changed(), if company.is_none() => {}
                back = returned(company) => self.back(back)?,
                () = over => {}
                () = self.to.closed() => return Ok(()),
                () = self.watches.stop().requested() => return Err(ReadError::Stopping.into()),
            }
        }
    }

    /// Goes on with the others of the hub; where it is sent back to.
    fn join(&self, stand: Stand) -> oneshot::Receiver<Back> {
        let asked = (self.ask.clone(), self.expires_at);
        let (member, returned) = Member::new(asked, stand, self.to.clone());
        self.seat.company.join(member);
        returned
    }

    /// Goes on where the company left it. What is not put on record is tried once more.
    fn back(&mut self, back: Option<Back>) -> Result<(), Status> {
        // Without a word the hub has ended: why is seen by whoever asks it.
        let Some((stand, why)) = back else {
            return Ok(());
        };
        let again = self.failed && self.cursor == stand.cursor;
        self.cursor = stand.cursor;
        self.told = stand.knows_sources.then_some(stand.agreements_next);
        self.failed = why.is_some();
        match why {
            Some(status) if again => Err(status),
            _ => Ok(()),
        }
    }

    /// Where it stands, for as long as its reader may be told anything; `None` while nobody may.
    async fn stands(&self) -> Result<Option<Stand>, Status> {
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
                return Ok(None);
            };
            // Rows state no newer bound than the look that they come from.
            let Some(through) = next.basis.through else {
                return Ok(None);
            };
            let agreements_next = next.basis.agreements.next_offset;
            if !served.is_allowed(&next.basis.agreements) {
                return Err(ReadError::NotPinned.into());
            }
            if !next.entitlements.is_empty() {
                return Ok(Some(Stand {
                    cursor: self.cursor,
                    agreements_next,
                    on: next.basis.at.london_day(),
                    entitlements: next.entitlements,
                    knows_sources: self.told == Some(agreements_next),
                }));
            }
            let mut ask = self.ask.clone();
            ask.read_id = uuid::Uuid::new_v4().to_string();
            ask.evaluated_at = next.basis.at;
            let record = record(&self.seat, &ask, &next, through.wall);
            let reads = self.watches.reads();
            if reads.put_on_record(&record, agreements_next).await? {
                return Err(ReadError::EntitlementEnded.into());
            }
            self.await_look().await?;
        }
        Err(ReadError::Changing.into())
    }

    /// What the rows stand on, and what this reader is entitled by now; `None` before the first look.
    fn next(&self) -> Result<Option<Next>, Status> {
        let told = self.seat.since(self.cursor, 0);
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
}

/// Where the company sends a stream back to; never, where it has not joined.
async fn returned(company: Option<oneshot::Receiver<Back>>) -> Option<Back> {
    match company {
        Some(company) => company.await.ok(),
        None => std::future::pending().await,
    }
}

/// What an answer rests on, but for the id of its read.
pub(super) fn facts(at: Instant, through: Instant) -> proto::AnswerFacts {
    proto::AnswerFacts {
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
