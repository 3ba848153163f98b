//! The records of reads that are asked for, from the log. Those that stand near each other are read in one go: a seek for each held a process up for
//! as long as somebody had been shown often.

use super::NoticesError;
use crate::ledger::{Ledger, LedgerError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_event::framing;
use walbrook_eventlog::{LogError, Reader, Record};
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_proto::avro::AvroRecord;
use walbrook_runtime::shutdown::Shutdown;

/// So many records are passed rather than sought beyond: a seek takes tens of milliseconds.
const NEAR: i64 = 1_000;
const POLL: Duration = Duration::from_millis(50);
/// After so many records it is looked whether to stop.
const POLL_RECORDS: usize = 100;
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// Records held from turn to turn, and their rows: people of one list have one.
const MOST_HELD: usize = 1_000;
const MOST_ROWS: usize = 200_000;

/// Reads them, and holds those read last.
pub struct Answers {
    ledger: Arc<Ledger>,
    reader: Box<dyn Reader>,
    /// By offset; `None` is no answer's record.
    held: HashMap<i64, Option<Arc<ReadRecord>>>,
    rows: usize,
}

impl Answers {
    /// Of this ledger, through a reader of their own.
    ///
    /// # Errors
    /// When the log cannot be used.
    pub fn new(ledger: Arc<Ledger>) -> Result<Self, LogError> {
        let reader = ledger.reader()?;
        Ok(Self {
            ledger,
            reader,
            held: HashMap::new(),
            rows: 0,
        })
    }

    /// Takes the record at each of these places that is an answer's, in their order: ascending. Blocks.
    ///
    /// # Errors
    /// When the log or the disk fails, or it is time to stop: then not all of them were taken.
    pub fn each(
        &mut self,
        places: &[i64],
        stop: &Shutdown,
        take: &mut dyn FnMut(i64, &ReadRecord),
    ) -> Result<(), NoticesError> {
        self.make_room(places);
        let (mut left, mut assigned) = (places, false);
        while let Some((first, rest)) = left.split_first() {
            if stop.is_requested() {
                return Err(NoticesError::Stopped);
            }
            if let Some(held) = self.held.get(first) {
                if let Some(read) = held {
                    take(*first, read);
                }
                left = rest;
                continue;
            }
            let (stretch, beyond) = left.split_at(self.stretch(left));
            self.pass(stretch, stop, take)?;
            (left, assigned) = (beyond, true);
        }
        if assigned {
            // Nothing is fetched until somebody is asked for again.
            self.reader.assign(&[])?;
        }
        Ok(())
    }

    /// How many of these places are read in one go: from the first, which is not held, to the last that is not held and near the one before.
    fn stretch(&self, places: &[i64]) -> usize {
        let (mut count, mut last) = (1, places.first().copied().unwrap_or(0));
        for (behind, place) in (1..).zip(places) {
            if place - last > NEAR {
                break;
            }
            if !self.held.contains_key(place) {
                (count, last) = (behind, *place);
            }
        }
        count
    }

    /// Reads one stretch.
    fn pass(
        &mut self,
        stretch: &[i64],
        stop: &Shutdown,
        take: &mut dyn FnMut(i64, &ReadRecord),
    ) -> Result<(), NoticesError> {
        let Some(first) = stretch.first() else {
            return Ok(());
        };
        let at = self.ledger.topic();
        self.reader.assign(&[(at.clone(), *first)])?;
        let (mut left, mut records) = (stretch, Vec::new());
        let mut deadline = Monotonic::now() + ANSWERS_WITHIN;
        while !left.is_empty() {
            if stop.is_requested() {
                return Err(NoticesError::Stopped);
            }
            self.reader.poll(POLL_RECORDS, POLL, &mut records)?;
            if !records.is_empty() {
                deadline = Monotonic::now() + ANSWERS_WITHIN;
            } else if Monotonic::now() > deadline {
                return Err(LedgerError::Late.into());
            }
            for record in records.drain(..) {
                if stop.is_requested() {
                    return Err(NoticesError::Stopped);
                }
                // What is no longer on the log is nobody's answer.
                let gone = left.iter().take_while(|place| **place < record.offset);
                left = left.get(gone.count()..).unwrap_or_default();
                let Some((place, rest)) = left.split_first() else {
                    break;
                };
                if *place == record.offset {
                    left = rest;
                    if let Some(read) = self.known(&record)? {
                        take(record.offset, &read);
                    }
                }
            }
        }
        Ok(())
    }

    /// What a record says, when it is an answer's; from now on it is held, as far as there is room.
    fn known(&mut self, record: &Record) -> Result<Option<Arc<ReadRecord>>, NoticesError> {
        if let Some(held) = self.held.get(&record.offset) {
            return Ok(held.clone());
        }
        let body = framing::unframe(record.value.as_deref()).ok();
        let read = body.and_then(|(_, body)| ReadRecord::decode_exact(body).ok());
        let read = match read {
            Some(read) if self.ledger.is_last(&read.read_id, record.offset)? => {
                Some(Arc::new(read))
            }
            _ => None,
        };
        if !self.is_full() {
            self.rows += rows(&read);
            self.held.insert(record.offset, read.clone());
        }
        Ok(read)
    }

    fn is_full(&self) -> bool {
        self.held.len() >= MOST_HELD || self.rows >= MOST_ROWS
    }

    /// When there is none left, those go that nobody asks for.
    fn make_room(&mut self, places: &[i64]) {
        if self.is_full() {
            self.held
                .retain(|place, _| places.binary_search(place).is_ok());
            self.rows = self.held.values().map(rows).sum();
        }
    }
}

fn rows(read: &Option<Arc<ReadRecord>>) -> usize {
    read.as_ref().map_or(0, |read| read.answered.len())
}
