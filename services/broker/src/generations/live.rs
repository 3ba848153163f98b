//! What of a partition of a purpose's topic is live: what its fold still rests on. No I/O.

use std::collections::{BTreeMap, HashMap};
use walbrook_domain::{AgreementId, EventId, HandlePseudonym};
use walbrook_event::{ReleaseEnvelope, Seal, framing, headers};
use walbrook_eventlog::Record;
use walbrook_proto::avro::{AvroError, AvroRecord};
use walbrook_proto::shared::v1::{
    GenerationBegun, GenerationEnded, Heartbeat, Retraction, SubjectRecord,
};

/// A record cannot be understood, so nothing behind it may be copied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the record at {at} offset {offset} cannot be read: {problem}; its generation cannot be copied"
)]
pub struct Unclear {
    at: String,
    offset: i64,
    problem: String,
}

/// What a record says to the fold, as far as liveness goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A release: it takes the place of one of the same name.
    Release(HandlePseudonym, (EventId, AgreementId)),
    /// A subject record: it takes the place of the handle's.
    Subject(HandlePseudonym),
    /// A source was heard on a day; the latest counts.
    Heartbeat((String, String), i32),
    /// Something of a handle falls.
    Retraction {
        /// The handle.
        handle: HandlePseudonym,
        /// Under these agreements; none: under all.
        agreements: Vec<AgreementId>,
        /// The only event; `None`: all.
        event: Option<EventId>,
        /// The subject record, too.
        subject_too: bool,
    },
    /// Where a generation begins or ends: nothing to a fold.
    Mark,
}

impl Said {
    /// Reads a record of a purpose's topic.
    ///
    /// # Errors
    /// When it is none of this contract, or cannot be opened.
    pub fn read(record: &Record, seal: &dyn Seal) -> Result<Self, Unclear> {
        read(record, seal).map_err(|problem| Unclear {
            at: record.at.to_string(),
            offset: record.offset,
            problem,
        })
    }
}

fn read(record: &Record, seal: &dyn Seal) -> Result<Said, String> {
    let kind = record.headers.text(headers::TYPE).unwrap_or_default();
    let words = |error: walbrook_domain::WordError| error.to_string();
    let avro = |error: AvroError| error.to_string();
    let handle = || {
        let handle = record.headers.text(headers::HANDLE).unwrap_or_default();
        handle.parse::<HandlePseudonym>().map_err(words)
    };
    if kind == GenerationBegun::FULL_NAME || kind == GenerationEnded::FULL_NAME {
        return Ok(Said::Mark);
    }
    if kind == SubjectRecord::FULL_NAME {
        return Ok(Said::Subject(handle()?));
    }
    if kind == Heartbeat::FULL_NAME {
        let beat = Heartbeat::decode_exact(&opened(record, &[], seal)?).map_err(avro)?;
        let day = beat.last_accepted_on.and_then(|date| date.days());
        let day = day.ok_or("a heartbeat without its day")?;
        return Ok(Said::Heartbeat((beat.organisation, beat.event_type), day));
    }
    if kind == Retraction::FULL_NAME {
        let handle = handle()?;
        let body = opened(record, handle.as_bytes(), seal)?;
        let retraction = Retraction::decode_exact(&body).map_err(avro)?;
        let agreements = retraction.agreement_ids.iter().map(|id| id.parse());
        let event = retraction.event_id.as_deref().map(str::parse).transpose();
        return Ok(Said::Retraction {
            handle,
            agreements: agreements.collect::<Result<_, _>>().map_err(words)?,
            event: event.map_err(words)?,
            subject_too: retraction.subject_too,
        });
    }
    let envelope = ReleaseEnvelope::read(|name| record.headers.get(name))
        .map_err(|error| error.to_string())?;
    Ok(Said::Release(
        envelope.handle,
        (envelope.id, envelope.agreement),
    ))
}

fn opened(record: &Record, subject: &[u8], seal: &dyn Seal) -> Result<Vec<u8>, String> {
    let (_, body) = framing::unframe(record.value.as_deref()).map_err(|error| error.to_string())?;
    let key_id = record.headers.text(headers::KEY).unwrap_or_default();
    let opened = seal.open(subject, key_id, body);
    opened.map_err(|error| error.to_string())
}

/// A release that stands. There are many: agreements are numbered, and a handle's stand in one piece of memory.
#[derive(Debug, Clone, Copy)]
struct Standing {
    event: EventId,
    agreement: u32,
    offset: i64,
}

impl Standing {
    const fn name(&self) -> (EventId, u32) {
        (self.event, self.agreement)
    }
}

#[derive(Debug, Default)]
struct OfHandle {
    /// By event and agreement.
    releases: Vec<Standing>,
    subject: Option<i64>,
}

impl OfHandle {
    fn release(&mut self, one: Standing) {
        let place = self
            .releases
            .binary_search_by_key(&one.name(), Standing::name);
        match place {
            Ok(at) => {
                if let Some(before) = self.releases.get_mut(at) {
                    *before = one;
                }
            }
            Err(at) => {
                // Most handles have few: what grows by doubling is half empty.
                let more = self.releases.len() / 4 + 1;
                if self.releases.len() == self.releases.capacity() {
                    self.releases.reserve_exact(more);
                }
                self.releases.insert(at, one);
            }
        }
    }
}

/// Of each thing that stands, the offset of the record it stands by.
#[derive(Debug, Default)]
pub struct Live {
    agreements: BTreeMap<AgreementId, u32>,
    handles: HashMap<HandlePseudonym, OfHandle>,
    heartbeats: HashMap<(String, String), (i32, i64)>,
}

impl Live {
    /// The number of an agreement, here.
    fn number(&mut self, agreement: AgreementId) -> u32 {
        let next = u32::try_from(self.agreements.len()).unwrap_or(u32::MAX);
        *self.agreements.entry(agreement).or_insert(next)
    }

    /// Applies what the record at an offset says; offsets ascend.
    pub fn apply(&mut self, offset: i64, said: Said) {
        match said {
            Said::Release(handle, (event, agreement)) => {
                let agreement = self.number(agreement);
                let of = self.handles.entry(handle).or_default();
                of.release(Standing {
                    event,
                    agreement,
                    offset,
                });
            }
            Said::Subject(handle) => {
                self.handles.entry(handle).or_default().subject = Some(offset);
            }
            Said::Heartbeat(source, day) => {
                let last = self.heartbeats.entry(source).or_insert((day, offset));
                if day > last.0 {
                    *last = (day, offset);
                }
            }
            Said::Retraction {
                handle,
                agreements,
                event,
                subject_too,
            } => {
                let all = agreements.is_empty();
                let known = agreements.iter().filter_map(|one| self.agreements.get(one));
                let known: Vec<u32> = known.copied().collect();
                let Some(of) = self.handles.get_mut(&handle) else {
                    return;
                };
                of.releases.retain(|one| {
                    let falls = event.is_none_or(|only| only == one.event)
                        && (all || known.contains(&one.agreement));
                    !falls
                });
                if subject_too {
                    of.subject = None;
                }
                if of.releases.is_empty() && of.subject.is_none() {
                    self.handles.remove(&handle);
                }
            }
            Said::Mark => {}
        }
    }

    /// The offsets of what is live, ascending.
    pub fn offsets(self) -> Vec<i64> {
        let mut offsets: Vec<i64> = self
            .heartbeats
            .into_values()
            .map(|(_, offset)| offset)
            .collect();
        for of in self.handles.into_values() {
            offsets.extend(of.releases.iter().map(|one| one.offset));
            offsets.extend(of.subject);
        }
        offsets.sort_unstable();
        offsets
    }
}
