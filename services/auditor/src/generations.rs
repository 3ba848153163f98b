//! Generations of purposes' topics: what a later one was filled with is held against the one before. What is copied is no history of its own: beside
//! this check it is left out, and the generations are one partition's records one after another.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use walbrook_domain::EventType;
use walbrook_domain::control::{ControlFact, ControlRecord, PinKind};
use walbrook_domain::generation::Stage;
use walbrook_event::{framing, headers};
use walbrook_eventlog::chain::{self, Generations};
use walbrook_eventlog::{Record, topics};
use walbrook_policy::state::PolicyState;
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::{GenerationBegun, GenerationEnded};
use walbrook_view::Partition;
use walbrook_view::wire::{Needs, SharedSchema};

use crate::fold::{input, schemas};
use crate::log::{Log, Place, header_text};
use crate::report::{Checked, Report};

const CHECK: &str = "generation";

/// Whether a record of a purpose's topic stands beside its history: it is a copy, or says where a generation begins or ends.
pub fn is_beside(record: &Record, generation: u32) -> bool {
    let kind = header_text(record, headers::TYPE);
    let mark = kind == GenerationBegun::FULL_NAME || kind == GenerationEnded::FULL_NAME;
    mark || (generation > chain::FIRST && record.headers.get(chain::COPIED).is_some())
}

/// The generations that a page says its transaction writes to.
pub fn of_page(page: &DecisionPage) -> Generations {
    let mut generations = Generations::default();
    for one in &page.generations {
        generations.set(&one.purpose, one.generation);
    }
    generations
}

/// The generations in force.
pub fn in_force(state: &PolicyState) -> Generations {
    let mut generations = Generations::default();
    for (purpose, _) in state.pins().of(PinKind::Generation) {
        let stage = state.pins().stage(purpose);
        generations.set(
            purpose,
            stage.map_or(chain::FIRST, |stage| stage.in_force()),
        );
    }
    generations
}

/// Checks every generation that was begun.
pub fn check(log: &Log, policy: &[ControlRecord], report: &mut Report) {
    let (stages, schemas) = (stages(policy), schemas(policy));
    for purpose in topics::PURPOSES {
        let topic = topics::shared(purpose);
        for generation in chain::FIRST.. {
            let known = chain::topic(purpose, generation);
            if log.partition_is_known(&known) {
                for number in 0..log.partitions(&topic) {
                    let mut one = One {
                        log,
                        purpose,
                        generation,
                        number,
                        schemas: &schemas,
                        report,
                    };
                    one.filled(stages.get(&(purpose.to_owned(), generation)));
                }
            } else {
                break;
            }
        }
    }
}

/// What was pinned of each generation: whether it was being filled, and from where on it holds more than copies.
fn stages(policy: &[ControlRecord]) -> BTreeMap<(String, u32), Option<Vec<i64>>> {
    let mut stages = BTreeMap::new();
    for record in policy {
        let ControlFact::Pin(pin) = &record.fact else {
            continue;
        };
        let stage = (pin.kind == PinKind::Generation).then(|| pin.content.parse());
        let Some(Ok(stage)) = stage else { continue };
        let key = (pin.name.clone(), Stage::filled(&stage));
        let first_live = match stage {
            Stage::Filling(_) => None,
            Stage::InForce { first_live, .. } => Some(first_live),
        };
        stages.insert(key, first_live);
    }
    stages
}

/// One partition of one generation.
struct One<'a> {
    log: &'a Log,
    purpose: &'a str,
    generation: u32,
    number: i32,
    schemas: &'a HashMap<i32, SharedSchema>,
    report: &'a mut Report,
}

impl<'a> One<'a> {
    fn place(&self, record: &Record) -> Place {
        Place::of(record)
    }

    fn differ(&mut self, place: Place, expected: &str, found: &str) {
        self.report.differ(CHECK, place, expected, found);
    }

    /// Everything of a generation, copies and marks among it, by offset as it stands there.
    fn all(&self, generation: u32) -> Vec<(i64, &'a Record)> {
        let log = self.log;
        let direct = log.records(&topics::shared(self.purpose), self.number);
        let direct = direct.iter().filter_map(|record| {
            let (of, offset) = chain::split(record.offset);
            (of == generation).then_some((offset, record))
        });
        let copies = log.copies(self.purpose, generation, self.number);
        let mut all: Vec<_> = copies
            .iter()
            .map(|one| (one.offset, one))
            .chain(direct)
            .collect();
        all.sort_by_key(|(offset, _)| *offset);
        all
    }

    /// `pinned`: whether the generation was begun, and from where on it holds more than copies.
    fn filled(&mut self, pinned: Option<&Option<Vec<i64>>>) {
        let target = self.all(self.generation);
        let ended = self.ended(&target);
        if self.generation == chain::FIRST {
            return;
        }
        let Some((_, first)) = target.first().copied() else {
            return;
        };
        let Some(first_live) = pinned else {
            let place = self.place(first);
            return self.differ(
                place,
                "a generation that was begun on control.policy",
                "none",
            );
        };
        let first_live = first_live.as_ref().map(|of| {
            let at = usize::try_from(self.number).unwrap_or(usize::MAX);
            of.get(at).copied().unwrap_or(0)
        });
        let begun = mark::<GenerationBegun>(first);
        let begun = begun
            .filter(|begun| begun.purpose == self.purpose && begun.generation == self.generation);
        let Some(begun) = begun else {
            let place = self.place(first);
            return self.differ(
                place,
                "the mark that a generation begins with",
                "another record",
            );
        };
        let source = self.all(self.generation - 1);
        let mut copied = Vec::new();
        for (offset, record) in target.iter().skip(1) {
            let is_mark = header_text(record, headers::TYPE) == GenerationBegun::FULL_NAME;
            if is_mark {
                let place = self.place(record);
                self.differ(place, "one mark of its beginning", "another");
            } else if record.headers.get(chain::COPIED).is_some() {
                copied.extend(self.copy(record, &source));
            } else if first_live.is_none_or(|first| *offset < first) && ended != Some(*offset) {
                let place = self.place(record);
                self.differ(
                    place,
                    "copies alone below the first live offset",
                    "another record",
                );
            }
        }
        self.whole(&source, &copied, &begun, first);
    }

    /// The offset of the mark that ends a generation; nothing stands behind it, and it names what follows.
    fn ended(&mut self, all: &[(i64, &Record)]) -> Option<i64> {
        let at = all
            .iter()
            .position(|(_, record)| mark::<GenerationEnded>(record).is_some())?;
        let (offset, record) = all.get(at).copied()?;
        let said = mark::<GenerationEnded>(record)?;
        if said.purpose != self.purpose || said.next_generation != self.generation + 1 {
            let place = self.place(record);
            self.differ(place, "the generation that follows", "another");
        }
        if let Some((_, late)) = all.get(at + 1) {
            let place = self.place(late);
            self.differ(place, "nothing behind the end of a generation", "a record");
        }
        Some(offset)
    }

    /// The source's offset of a copy that is one.
    fn copy(&mut self, copy: &Record, source: &[(i64, &Record)]) -> Option<i64> {
        let said = chain::copied_from(copy);
        let found = said.and_then(|said| {
            let at = source
                .binary_search_by_key(&said, |(offset, _)| *offset)
                .ok()?;
            Some((said, source.get(at)?.1))
        });
        let Some((offset, original)) = found else {
            let place = self.place(copy);
            self.differ(place, "a source in the generation before", "none");
            return None;
        };
        let others = |record: &Record| -> BTreeMap<String, Vec<u8>> {
            let each = record
                .headers
                .iter()
                .filter(|one| one.name != chain::COPIED);
            each.map(|one| (one.name.to_owned(), one.value.to_vec()))
                .collect()
        };
        let same = original.key == copy.key
            && original.value == copy.value
            && original.timestamp_ms == copy.timestamp_ms
            && others(original) == others(copy);
        if !same {
            let place = self.place(copy);
            self.differ(place, "its source, byte for byte", "another record");
        }
        self.report.count(Checked::Copies, 1);
        Some(offset)
    }

    /// Nothing is copied twice or out of order; of what stands below the source's end exactly what is live is copied, of what comes after it all.
    fn whole(
        &mut self,
        source: &[(i64, &Record)],
        copied: &[i64],
        begun: &GenerationBegun,
        first: &Record,
    ) {
        let place = self.place(first);
        if !copied.is_sorted_by(|one, next| one < next) {
            self.differ(
                place.clone(),
                "each copy once, in its source's order",
                "another order",
            );
        }
        let is_end = |record: &Record| mark::<GenerationEnded>(record).is_some();
        let is_ended = source.last().is_some_and(|(_, record)| is_end(record));
        let last = copied.last().copied().unwrap_or(-1);
        let through = |offset: i64| is_ended || offset <= last;
        let copies: BTreeSet<i64> = copied.iter().copied().collect();
        let tail: BTreeSet<i64> = source
            .iter()
            .filter(|(offset, record)| {
                *offset >= begun.source_end && through(*offset) && !is_end(record)
            })
            .map(|(offset, _)| *offset)
            .collect();
        let copied_tail: BTreeSet<i64> = copies.range(begun.source_end..).copied().collect();
        if tail != copied_tail {
            let expected = "everything of the generation before behind what was looked through";
            self.differ(place.clone(), expected, "more or less");
        }
        // Where the copying is under way, what is live is not all there yet.
        if !is_ended && last < begun.source_end {
            return;
        }
        let below = source
            .iter()
            .filter(|(offset, _)| *offset < begun.source_end);
        let (stands, _) = self.fold(below.clone().map(|(_, record)| *record));
        let of_copies = below.filter(|(offset, _)| copies.contains(offset));
        let (filled, records) = self.fold(of_copies.map(|(_, record)| *record));
        if stands != filled {
            self.differ(
                place,
                "what stands on the generation before",
                "another state",
            );
        } else if records != items(&filled) {
            self.differ(
                place,
                "copies of what stands alone",
                "copies of what fell, too",
            );
        }
    }

    /// The state that records lead to, and how many they are. What cannot be read is reported elsewhere.
    fn fold<'b>(&self, records: impl Iterator<Item = &'b Record>) -> (Partition, usize) {
        let needs = everything(self.schemas);
        let (mut state, mut changes, mut count) = (Partition::default(), Vec::new(), 0);
        for record in records {
            let kind = header_text(record, headers::TYPE);
            if kind == GenerationBegun::FULL_NAME || kind == GenerationEnded::FULL_NAME {
                continue;
            }
            let opened = self.log.open(record);
            let read = opened.and_then(|opened| input(record, opened, self.schemas, &needs));
            if let Ok(read) = read {
                state.apply(read, &mut changes);
                changes.clear();
                count += 1;
            }
        }
        (state, count)
    }
}

/// How many records a state needs.
fn items(state: &Partition) -> usize {
    let (contributions, subjects) = state.size();
    contributions + subjects + state.heartbeats().count()
}

/// Every field of every event type.
fn everything(schemas: &HashMap<i32, SharedSchema>) -> Needs {
    let types: BTreeSet<EventType> = schemas
        .values()
        .map(|one| one.event_type().clone())
        .collect();
    types
        .into_iter()
        .map(|event_type| (event_type, u64::MAX))
        .collect()
}

/// A mark, when a record is one of this kind.
fn mark<R: AvroRecord>(record: &Record) -> Option<R> {
    if header_text(record, headers::TYPE) != R::FULL_NAME {
        return None;
    }
    let (_, body) = framing::unframe(record.value.as_deref()).ok()?;
    R::decode_exact(body).ok()
}
