//! What fell, derived from the shared topics alone: each retraction, what it took of whom, and whether that came back.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use walbrook_domain::{AgreementId, Day, EventId, Pseudonym};
use walbrook_policy::read::kept_until;
use walbrook_policy::state::AgreementBook;
use walbrook_view::notice::Fallen;
use walbrook_view::wire::{Needs, SharedSchema};
use walbrook_view::{Input, Partition};

use crate::fold::input;
use crate::log::Log;

/// Where a retraction stands: topic, partition, offset.
pub type At = (String, i32, i64);

/// What one retraction took of one person.
#[derive(Debug)]
pub struct Cause {
    /// The reason and the events.
    pub fallen: Fallen,
    /// Under which agreements each of the events stood once it was applied.
    after: BTreeMap<EventId, BTreeSet<AgreementId>>,
    /// The last day on which each of the events could be kept: what was over by then fell of no state.
    kept: BTreeMap<EventId, Day>,
}

impl Cause {
    /// Whether an event could be kept on a day.
    pub fn is_kept(&self, event: EventId, day: Day) -> bool {
        self.kept.get(&event).is_none_or(|last| *last >= day)
    }
}

/// Every cause of one log.
#[derive(Debug, Default)]
pub struct Causes {
    /// By person: what one was shown is asked for by person.
    of: HashMap<Pseudonym, BTreeMap<At, Cause>>,
    /// The last release of what fell before it.
    back: HashMap<(Pseudonym, EventId, AgreementId), i64>,
}

impl Causes {
    /// Folds every shared topic. What cannot be read is reported elsewhere, and ends its partition.
    pub fn read(
        log: &Log,
        (schemas, book): (&HashMap<i32, SharedSchema>, &AgreementBook),
        needs: &BTreeMap<String, Needs>,
    ) -> Self {
        let mut causes = Self::default();
        for topic in log.topics("shared.") {
            let purpose = topic.strip_prefix("shared.").unwrap_or_default();
            let Some(needs) = needs.get(purpose) else {
                continue;
            };
            for partition in 0..log.partitions(&topic) {
                causes.partition(log, (&topic, partition), (schemas, book), needs);
            }
        }
        causes
    }

    fn partition(
        &mut self,
        log: &Log,
        (topic, partition): (&str, i32),
        (schemas, book): (&HashMap<i32, SharedSchema>, &AgreementBook),
        needs: &Needs,
    ) {
        let (mut state, mut changes) = (Partition::default(), Vec::new());
        let mut fell: HashSet<(Pseudonym, EventId)> = HashSet::new();
        for record in log.records(topic, partition) {
            let opened = log.open(record);
            let Ok(read) = opened.and_then(|opened| input(record, opened, schemas, needs)) else {
                return;
            };
            if let Input::Release(one) = &read
                && fell.contains(&(one.person, one.key.event))
            {
                let key = (one.person, one.key.event, one.key.agreement.clone());
                self.back.insert(key, record.offset);
            }
            let kept = kept(&state, &read, book);
            let removed = state.apply(read, &mut changes);
            changes.clear();
            let Some(removed) = removed else { continue };
            for (person, fallen) in Fallen::of(&removed) {
                fell.extend(fallen.events.keys().map(|event| (person, *event)));
                let mut after: BTreeMap<EventId, BTreeSet<AgreementId>> = BTreeMap::new();
                let standing = state.person(&person);
                for one in standing.iter().flat_map(|person| person.contributions()) {
                    let key = &one.key;
                    if fallen.events.contains_key(&key.event) {
                        let under = after.entry(key.event).or_default();
                        under.insert(key.agreement.clone());
                    }
                }
                let at = (topic.to_owned(), partition, record.offset);
                let of = self.of.entry(person).or_default();
                let kept = kept.iter().filter(|((of, _), _)| *of == person);
                let cause = Cause {
                    fallen,
                    after,
                    kept: kept.map(|((_, event), day)| (*event, *day)).collect(),
                };
                of.insert(at, cause);
            }
        }
    }

    /// What fell of a person.
    pub fn of(&self, person: &Pseudonym) -> impl Iterator<Item = (&At, &Cause)> {
        self.of.get(person).into_iter().flatten()
    }

    /// What one retraction took of a person.
    pub fn at(&self, person: &Pseudonym, at: &At) -> Option<&Cause> {
        self.of.get(person)?.get(at)
    }

    /// The events that fell of a row and never stood again under an agreement of its reader: these must have their notice.
    pub fn gone(
        &self,
        person: &Pseudonym,
        (at, cause): (&At, &Cause),
        shown: &[u8],
        under: &BTreeSet<AgreementId>,
    ) -> Vec<EventId> {
        cause.fallen.touched(shown, under, |event, agreement| {
            let stood = cause.after.get(&event);
            let came = self.back.get(&(*person, event, agreement.clone()));
            stood.is_some_and(|stood| stood.contains(agreement)) || came.is_some_and(|o| *o > at.2)
        })
    }
}

/// The last day on which whatever a retraction may take can be kept, by person and event.
fn kept(
    state: &Partition,
    read: &Input,
    book: &AgreementBook,
) -> BTreeMap<(Pseudonym, EventId), Day> {
    let mut kept: BTreeMap<(Pseudonym, EventId), Day> = BTreeMap::new();
    let Input::Retraction(retraction) = read else {
        return kept;
    };
    for home in state.homes(&retraction.handle) {
        let person = state.person(&home);
        for one in person.iter().flat_map(|person| person.contributions()) {
            let edition = book.edition(&one.key.agreement, one.version);
            let last = edition.map_or(Day(i32::MAX), |edition| {
                kept_until(&edition.agreement, one.occurred_at.london_day())
            });
            let day = kept.entry((home, one.key.event)).or_insert(last);
            *day = (*day).max(last);
        }
    }
    kept
}
