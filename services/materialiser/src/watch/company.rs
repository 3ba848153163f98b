//! The streams of a hub that are in step: told the same, at the same moment, under the same agreements. What comes is told to all of them at once,
//! with one record that names every reader, and encoded once; a record for each was what a thousand streams cost the log. Who begins is told everything
//! so, too: of a thousand streams that begin together each had a record of every row, and the bound was over before the log had them.
//!
//! A stream goes on alone whenever something is its own: its token is over, its client is slow, agreements have changed, the bound is over, a record
//! was not taken. Alone it says so, or joins again where it stands by then.

use super::stream::{Next, facts, record};
use super::told::{Same, Told};
use super::{Cursor, Hub, Token};
use crate::answer::{Ask, Reads};
use crate::bound::Through;
use crate::compute::standing;
use crate::convert;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Instant as Monotonic, SystemTime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tonic::Status;
use walbrook_domain::{AgreementId, AgreementVersion, Day};
use walbrook_proto::audit::v1::ToldToo;
use walbrook_proto::view::v1 as proto;
use walbrook_view::BookReading;

/// An answer's way to a client.
pub type To = mpsc::Sender<Result<Told, Status>>;
/// Room for one answer.
type Room = mpsc::OwnedPermit<Result<Told, Status>>;

/// Where a stream stands when it joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// How far it was told; `None`: nothing yet.
    pub cursor: Option<Cursor>,
    /// Under which agreements, asked on which day.
    pub agreements_next: i64,
    /// The day.
    pub on: Day,
    /// Agreements that entitle its reader.
    pub entitlements: Vec<(AgreementId, AgreementVersion)>,
    /// Its reader was told how sources stand under them.
    pub knows_sources: bool,
}

/// A stream that goes on alone: where it stands, and what was wrong when it was to be told what comes next.
pub type Back = (Stand, Option<Status>);

/// A stream in step.
pub struct Member {
    ask: Ask,
    expires_at: SystemTime,
    stand: Stand,
    to: To,
    back: oneshot::Sender<Back>,
}

impl Member {
    /// A stream of one reader, until its token is over; where it is sent back to.
    pub fn new(
        (ask, expires_at): (Ask, SystemTime),
        stand: Stand,
        to: To,
    ) -> (Self, oneshot::Receiver<Back>) {
        let (back, returned) = oneshot::channel();
        let member = Self {
            ask,
            expires_at,
            stand,
            to,
            back,
        };
        (member, returned)
    }

    fn goes_alone(self) {
        self.leaves(None);
    }

    fn leaves(self, why: Option<Status>) {
        // Whoever has gone needs nothing.
        let _ = self.back.send((self.stand, why));
    }

    fn has_gone(&self) -> bool {
        self.back.is_closed() || self.to.is_closed()
    }
}

/// The streams in step; `None`: the hub has ended.
pub struct Company(Mutex<Option<Vec<Member>>>);

impl Default for Company {
    fn default() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }
}

impl Company {
    /// From now on the stream is told with the others.
    pub fn join(&self, member: Member) {
        match &mut *self.0.lock() {
            Some(members) => members.push(member),
            None => member.goes_alone(),
        }
    }

    fn take(&self) -> Vec<Member> {
        let mut members = self.0.lock();
        members.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Nobody is told here any more.
    pub fn disband(&self) {
        let members = self.0.lock().take();
        for member in members.into_iter().flatten() {
            member.goes_alone();
        }
    }
}

impl Hub {
    /// Tells everybody in step what came with the last look; how many were told something. Those who stand elsewhere are told at the same time:
    /// nobody waits for others' records one after another.
    pub async fn tell(self: &Arc<Self>, reads: &Arc<Reads>) -> u32 {
        let now = SystemTime::now();
        let mut members = self.company.take();
        members.retain(|member| !member.has_gone());
        for over in members.extract_if(.., |member| member.expires_at <= now) {
            over.goes_alone();
        }
        let mut groups = JoinSet::new();
        while let Some(first) = members.first() {
            let stand = first.stand.clone();
            let (group, others): (Vec<_>, Vec<_>) = members
                .into_iter()
                .partition(|member| member.stand == stand);
            members = others;
            let (hub, reads) = (Arc::clone(self), Arc::clone(reads));
            groups.spawn(async move { hub.tell_group(stand, group, &reads).await });
        }
        let told = groups.join_all().await;
        told.into_iter().sum()
    }

    /// Tells streams that stand at one place what comes next, and lets them join again; how many were told.
    async fn tell_group(&self, stand: Stand, group: Vec<Member>, reads: &Reads) -> u32 {
        let Some((next, through)) = self.together(&stand) else {
            group.into_iter().for_each(Member::goes_alone);
            return 0;
        };
        if !next.has_news(stand.knows_sources) {
            for mut member in group {
                member.stand.cursor = Some(next.delta.cursor);
                self.company.join(member);
            }
            return 0;
        }
        let mut asks = Vec::new();
        for member in group {
            // A client that reads slowly holds nobody else back.
            match member.to.clone().try_reserve_owned() {
                Ok(room) => asks.push((member, room)),
                Err(_) => member.goes_alone(),
            }
        }
        let told = self.told(asks, &next, (&stand, through), reads).await;
        let count = u32::try_from(told.len()).unwrap_or(u32::MAX);
        told.into_iter()
            .for_each(|member| self.company.join(member));
        if next.delta.more {
            self.behind.notify_one();
        }
        count
    }

    /// What comes next for streams that stand so; `None`: each of them goes on alone.
    fn together(&self, stand: &Stand) -> Option<(Next, Through)> {
        let (delta, basis) = self.since(stand.cursor, super::stream::MOST_TOLD).ok()??;
        let through = basis.through?;
        self.served.bound.still(through, Monotonic::now()).ok()?;
        let agreements = &basis.agreements;
        let same = agreements.next_offset == stand.agreements_next
            && basis.at.london_day() == stand.on
            && self.served.is_allowed(agreements);
        let entitlements = stand.entitlements.clone();
        same.then_some((
            Next {
                delta,
                basis,
                entitlements,
            },
            through,
        ))
    }

    /// Puts on record what they are told, then tells them. Those who could not be told go on alone.
    async fn told(
        &self,
        mut asks: Vec<(Member, Room)>,
        next: &Next,
        (stand, through): (&Stand, Through),
        reads: &Reads,
    ) -> Vec<Member> {
        for (member, _) in &mut asks {
            member.ask.read_id = uuid::Uuid::new_v4().to_string();
            member.ask.evaluated_at = next.basis.at;
        }
        let Some((first, others)) = asks.split_first() else {
            return Vec::new();
        };
        let too = others.iter().map(|(member, _)| ToldToo {
            read_id: member.ask.read_id.clone(),
            reader: member.ask.viewer.reader.clone(),
            case_reference: member.ask.case_reference.clone(),
        });
        let mut record = record(self, &first.0.ask, next, through.wall);
        record.told_too = too.collect();
        // While the record is on its way nothing of it is told: only made ready.
        let same = Same::new(&self.answer(&first.0.ask, next, (stand, through)));
        let agreements_next = next.basis.agreements.next_offset;
        let recorded = reads.put_on_record(&record, agreements_next).await;
        let bound = self.served.bound.still(through, Monotonic::now());
        if !matches!((&recorded, bound), (Ok(true), Ok(()))) {
            let why = recorded.err().map(Status::from);
            for (member, _) in asks {
                member.leaves(why.clone());
            }
            return Vec::new();
        }
        let told = asks.into_iter().map(|(mut member, room)| {
            room.send(Ok(Told::new(same.clone(), member.ask.read_id.clone())));
            member.stand.cursor = Some(next.delta.cursor);
            member.stand.knows_sources = true;
            member
        });
        told.collect()
    }

    /// What everybody who stands so is told, but for the id of each one's read.
    fn answer(
        &self,
        ask: &Ask,
        next: &Next,
        (stand, through): (&Stand, Through),
    ) -> proto::WatchRowsResponse {
        let Next { delta, basis, .. } = next;
        let token = Token {
            hub: self.id,
            cursor: delta.cursor,
        };
        let mut facts = facts(basis.at, through.wall);
        if delta.whole || !stand.knows_sources {
            let book = &basis.agreements.book;
            let reading = BookReading::new(book, &ask.viewer, &self.served.view, basis.at);
            let (sources, withheld) = standing(&self.served, &reading, true, basis.at);
            facts.sources = sources.iter().map(convert::source).collect();
            facts.withheld = withheld;
            facts.view = Some(convert::shape(&self.served.view, &ask.viewer.role));
        }
        let rows = delta.rows.iter();
        proto::WatchRowsResponse {
            rows: rows.map(|row| convert::row((**row).clone())).collect(),
            left: delta.left_bytes(),
            whole: delta.whole,
            more: delta.more,
            resume_token: token.text(),
            facts: Some(facts),
        }
    }
}
