//! The streams of a hub that are in step: told the same, at the same moment, under the same agreements. What comes is told to all of them at once,
//! with one record that names every reader; a record for each was what a thousand streams cost the log.
//!
//! A stream joins once it is told everything, and goes on alone whenever something is its own: its token is over, its client is slow, agreements
//! have changed, the bound is over, a record was not taken. Alone it says so, or catches up and joins again.

use super::stream::{Next, facts, record};
use super::{Cursor, Hub, Token};
use crate::answer::{Ask, Reads};
use crate::bound::Through;
use crate::convert;
use parking_lot::Mutex;
use std::time::{Instant as Monotonic, SystemTime};
use tokio::sync::{mpsc, oneshot};
use tonic::Status;
use walbrook_domain::{AgreementId, AgreementVersion, Day};
use walbrook_proto::audit::v1::ToldToo;
use walbrook_proto::view::v1 as proto;

/// An answer's way to a client.
pub type To = mpsc::Sender<Result<proto::WatchRowsResponse, Status>>;
/// Room for one answer.
type Room = mpsc::OwnedPermit<Result<proto::WatchRowsResponse, Status>>;

/// Where a stream stands when it joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// How far it was told.
    pub cursor: Cursor,
    /// Under which agreements, asked on which day.
    pub agreements_next: i64,
    /// The day.
    pub on: Day,
    /// Agreements that entitle its reader.
    pub entitlements: Vec<(AgreementId, AgreementVersion)>,
}

/// A stream in step.
pub struct Member {
    ask: Ask,
    expires_at: SystemTime,
    stand: Stand,
    to: To,
    back: oneshot::Sender<Cursor>,
}

impl Member {
    /// A stream of one reader, until its token is over; where it is sent back to by its cursor.
    pub fn new(
        (ask, expires_at): (Ask, SystemTime),
        stand: Stand,
        to: To,
    ) -> (Self, oneshot::Receiver<Cursor>) {
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
        // Whoever has gone needs nothing.
        let _ = self.back.send(self.stand.cursor);
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
    /// Tells everybody in step what came with the last look; how many were told something.
    pub async fn tell(&self, reads: &Reads) -> u32 {
        let mut told = 0;
        let now = SystemTime::now();
        let mut members = self.company.take();
        members.retain(|member| !member.has_gone());
        while let Some(first) = members.first() {
            let stand = first.stand.clone();
            let (group, others) = members
                .into_iter()
                .partition(|member| member.stand == stand);
            members = others;
            let mut group: Vec<Member> = group;
            for over in group.extract_if(.., |member| member.expires_at <= now) {
                over.goes_alone();
            }
            told += self.tell_group(group, reads).await;
        }
        told
    }

    async fn tell_group(&self, mut group: Vec<Member>, reads: &Reads) -> u32 {
        let mut count = 0;
        while let Some(first) = group.first() {
            let Some((next, through)) = self.together(&first.stand) else {
                group.into_iter().for_each(Member::goes_alone);
                return count;
            };
            if next.delta.rows.is_empty() && next.delta.left.is_empty() {
                for mut member in group {
                    member.stand.cursor = next.delta.cursor;
                    self.company.join(member);
                }
                return count;
            }
            let mut asks = Vec::new();
            for member in group {
                // A client that reads slowly holds nobody else back.
                match member.to.clone().try_reserve_owned() {
                    Ok(room) => asks.push((member, room)),
                    Err(_) => member.goes_alone(),
                }
            }
            let Some(told) = self.told(asks, &next, through, reads).await else {
                return count;
            };
            count += u32::try_from(told.len()).unwrap_or(u32::MAX);
            group = told;
            if !next.delta.more {
                group.drain(..).for_each(|member| self.company.join(member));
            }
        }
        count
    }

    /// What comes next for streams that stand so; `None`: each of them goes on alone.
    fn together(&self, stand: &Stand) -> Option<(Next, Through)> {
        let (delta, basis) = self
            .since(Some(stand.cursor), super::stream::MOST_TOLD)
            .ok()??;
        let through = basis.through?;
        self.served.bound.still(through, Monotonic::now()).ok()?;
        let agreements = &basis.agreements;
        let same = agreements.next_offset == stand.agreements_next
            && basis.at.london_day() == stand.on
            && self.served.is_allowed(agreements)
            && !delta.whole;
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

    /// Puts on record what they are told, then tells them; `None`: they go on alone.
    async fn told(
        &self,
        mut asks: Vec<(Member, Room)>,
        next: &Next,
        through: Through,
        reads: &Reads,
    ) -> Option<Vec<Member>> {
        for (member, _) in &mut asks {
            member.ask.read_id = uuid::Uuid::new_v4().to_string();
            member.ask.evaluated_at = next.basis.at;
        }
        let (first, others) = asks.split_first()?;
        let too = others.iter().map(|(member, _)| ToldToo {
            read_id: member.ask.read_id.clone(),
            reader: member.ask.viewer.reader.clone(),
            case_reference: member.ask.case_reference.clone(),
        });
        let mut record = record(self, &first.0.ask, next, through.wall);
        record.told_too = too.collect();
        let agreements_next = next.basis.agreements.next_offset;
        let recorded = reads.put_on_record(&record, agreements_next).await;
        let bound = self.served.bound.still(through, Monotonic::now());
        let (Ok(true), Ok(())) = (recorded, bound) else {
            for (member, _) in asks {
                member.goes_alone();
            }
            return None;
        };
        let cursor = next.delta.cursor;
        let token = Token {
            hub: self.id,
            cursor,
        };
        let answer = proto::WatchRowsResponse {
            rows: next
                .delta
                .rows
                .iter()
                .map(|row| convert::row(row))
                .collect(),
            left: next.delta.left_bytes(),
            whole: false,
            more: next.delta.more,
            resume_token: token.text(),
            facts: None,
        };
        let told = asks.into_iter().map(|(mut member, room)| {
            let facts = facts(&member.ask, next.basis.at, through.wall);
            room.send(Ok(proto::WatchRowsResponse {
                facts: Some(facts),
                ..answer.clone()
            }));
            member.stand.cursor = cursor;
            member
        });
        Some(told.collect())
    }
}
