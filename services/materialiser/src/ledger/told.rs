//! Records of `audit.reads` that are held in memory: there are few of them, and reads ask for them.

use crate::clock;
use std::sync::Arc;
use walbrook_proto::audit::v1::{
    BreakGlassReview, Dispute, DisputeAnswer, OfficerDecision, ReadRecord,
};
use walbrook_proto::avro::AvroRecord;
use walbrook_view::decision::Decisions;
use walbrook_view::dispute::Disputes;
use walbrook_view::glass::Glasses;
use walbrook_view::query::Query;

/// What is known of everything below `next_offset`.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) decisions: Decisions,
    pub(super) glasses: Glasses,
    pub(super) disputes: Arc<Disputes>,
    pub(super) next_offset: i64,
}

/// A record that is held in memory.
#[derive(Debug)]
pub(super) enum Told {
    Decision(OfficerDecision),
    /// A read that begins a break-glass or rests on one.
    Glass(Box<ReadRecord>),
    Review(BreakGlassReview),
    Dispute(Dispute),
    Answer(DisputeAnswer),
}

impl Told {
    /// What is kept of a record, and under which mark.
    pub(super) fn read(kind: u8, body: &[u8]) -> Option<Self> {
        match kind {
            DECISION => OfficerDecision::decode_exact(body).ok().map(Self::Decision),
            GLASS => ReadRecord::decode_exact(body)
                .ok()
                .map(|read| Self::Glass(Box::new(read))),
            REVIEW => BreakGlassReview::decode_exact(body).ok().map(Self::Review),
            DISPUTE => Dispute::decode_exact(body).ok().map(Self::Dispute),
            ANSWER => DisputeAnswer::decode_exact(body).ok().map(Self::Answer),
            _ => None,
        }
    }
}

impl Known {
    pub(super) fn take(&mut self, told: Told, offset: i64) {
        match told {
            Told::Decision(decision) => self.decisions.add(decision),
            Told::Glass(read) => {
                if let Ok(query) = read.query.parse::<Query>() {
                    self.glasses.read(&read, query.read_at);
                }
            }
            Told::Review(review) => {
                if let Some(at) = review.reviewed_at.as_ref().and_then(clock::instant) {
                    self.glasses.review(&review, at);
                }
            }
            Told::Dispute(dispute) => Arc::make_mut(&mut self.disputes).dispute(dispute, offset),
            Told::Answer(answer) => Arc::make_mut(&mut self.disputes).answer(answer, offset),
        }
    }
}

/// Under which mark a record is kept in memory, and the read it is: of a read that rests on nothing only its place.
pub(super) fn kept(full_name: Option<&str>, body: &[u8]) -> Option<(u8, Option<ReadRecord>)> {
    match full_name? {
        ReadRecord::FULL_NAME => {
            let read = ReadRecord::decode_exact(body).ok()?;
            let glass = read.break_glass_reason.is_some() || read.break_glass_read_id.is_some();
            Some((if glass { GLASS } else { PLACE }, Some(read)))
        }
        OfficerDecision::FULL_NAME => Some((DECISION, None)),
        BreakGlassReview::FULL_NAME => Some((REVIEW, None)),
        Dispute::FULL_NAME => Some((DISPUTE, None)),
        DisputeAnswer::FULL_NAME => Some((ANSWER, None)),
        _ => None,
    }
}

/// Marks of what is kept.
const PLACE: u8 = 0;
const DECISION: u8 = 1;
const GLASS: u8 = 2;
const REVIEW: u8 = 3;
const DISPUTE: u8 = 4;
const ANSWER: u8 = 5;
