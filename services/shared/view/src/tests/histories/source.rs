//! What happened at the source, what a broker would put on the shared topic because of it, and what must stand at the end. The last is worked
//! out from what happened alone, never from the records.

use super::super::support::*;
use crate::facts::{Contribution, Input, Retraction, SubjectFacts};
use crate::value::Value;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use walbrook_domain::{AgreementVersion, Day};

pub(super) const AGREEMENTS: [&str; 2] = ["one", "two"];
pub(super) const PARTITIONS: usize = 2;
pub(super) const CONTACT: &str = "housing.RoughSleepingContact";
pub(super) const ARREARS: &str = "housing.RentArrearsChanged";
/// The row's day, and the last day that any source was heard.
pub(super) const TODAY: &str = "2026-05-31";

/// Something that happened. Handles, people and events go by small numbers; an event is one record's, whoever else has the same number.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// An agency sent an event, new or again; old ones come late.
    Sent { handle: u8, event: u8, what: What },
    /// An event that corrects another, which may not have come yet.
    Corrected {
        handle: u8,
        event: u8,
        of: u8,
        what: What,
    },
    /// An event was recalled.
    Recalled { handle: u8, event: u8 },
    /// A person withdrew what one agreement rests on, or everything.
    Withdrew { handle: u8, agreement: Option<u8> },
    /// They gave it back.
    Consented { handle: u8, agreement: u8 },
    /// A new version of an agreement: whatever stands under it is decided again.
    Decided { agreement: u8 },
    /// The handle is another person's: a merge, or the un-merge after it. `moved`: within a partition its records simply stand elsewhere.
    Linked { handle: u8, person: u8, moved: bool },
    /// The record is erased for good.
    Erased { handle: u8 },
    /// A source was heard on a day. The latest day was said first.
    Heard { days_ago: u8 },
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct What {
    pub days_ago: u16,
    pub arrears: Option<u16>,
    pub bedded_down: bool,
}

fn what() -> impl Strategy<Value = What> {
    let ago = prop_oneof![4 => 0u16..40, 1 => 0u16..500];
    (
        ago,
        proptest::option::weighted(0.3, 0u16..900),
        any::<bool>(),
    )
        .prop_map(|(days_ago, arrears, bedded_down)| What {
            days_ago,
            arrears,
            bedded_down,
        })
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let (handle, event, agreement) = (1u8..5, 1u8..6, 0u8..2);
    prop_oneof![
        8 => (handle.clone(), event.clone(), what())
            .prop_map(|(handle, event, what)| Act::Sent { handle, event, what }),
        3 => (handle.clone(), event.clone(), event.clone(), what())
            .prop_map(|(handle, event, of, what)| Act::Corrected { handle, event, of, what }),
        2 => (handle.clone(), event).prop_map(|(handle, event)| Act::Recalled { handle, event }),
        2 => (handle.clone(), proptest::option::weighted(0.7, agreement.clone()))
            .prop_map(|(handle, agreement)| Act::Withdrew { handle, agreement }),
        2 => (handle.clone(), agreement.clone())
            .prop_map(|(handle, agreement)| Act::Consented { handle, agreement }),
        1 => agreement.prop_map(|agreement| Act::Decided { agreement }),
        3 => (handle.clone(), 1u8..5, any::<bool>())
            .prop_map(|(handle, person, moved)| Act::Linked { handle, person, moved }),
        1 => handle.prop_map(|handle| Act::Erased { handle }),
        1 => (0u8..10).prop_map(|days_ago| Act::Heard { days_ago }),
    ]
}

/// How long agreements let events be kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// Days under the first version of each; every later version lets it be ten days less.
    pub days: [u16; 2],
    /// Days pass, and what is over by then is swept out; otherwise all is read on the last day, and nothing enters that is over.
    pub swept: bool,
}

pub(super) fn kept() -> impl Strategy<Value = Kept> {
    let days = || prop_oneof![2 => Just(20_000u16), 2 => 0u16..60, 1 => 0u16..600];
    let all = (days(), days(), any::<bool>());
    all.prop_map(|(one, two, swept)| Kept {
        days: [one, two],
        swept,
    })
}

impl Kept {
    /// The last day on which a release may be kept.
    pub(super) fn last(&self, a: u8, version: u32, on: Day) -> Day {
        let fewer = i32::try_from(version - 1).unwrap() * 10;
        on.plus((i32::from(self.days[usize::from(a)]) - fewer).max(0))
    }

    /// Whether it is over on the last day of the history.
    pub(super) fn is_over(&self, a: u8, version: u32, accepted: &Accepted) -> bool {
        let today = day(TODAY);
        let on = today.plus(-i32::from(accepted.what.days_ago));
        self.last(a, version, on) < today
    }
}

/// An event as it was accepted first: what comes again under its number is the same event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accepted {
    pub what: What,
    pub of: Option<u8>,
    recalled: bool,
}

/// One record's handle at the source.
#[derive(Debug, Clone)]
struct Held {
    person: u8,
    events: BTreeMap<u8, Accepted>,
    open: [bool; 2],
    erased: bool,
}

/// Where a release must stand, and what it says.
pub(super) type Standing = BTreeMap<(u8, u8, u8), (u8, u32, Accepted)>;

/// Everything at the source, and the records waiting to be appended: of each partition, for each handle, in order.
pub(super) struct City {
    handles: BTreeMap<u8, Held>,
    versions: [u32; 2],
    waiting: BTreeMap<(usize, u8), VecDeque<Input>>,
}

/// The queue of what is about no handle.
const NOBODY: u8 = 0;

impl City {
    pub(super) fn new() -> Self {
        let held = |handle: u8| Held {
            person: handle,
            events: BTreeMap::new(),
            open: [true; 2],
            erased: false,
        };
        let mut city = Self {
            handles: (1..5).map(|handle| (handle, held(handle))).collect(),
            versions: [1; 2],
            waiting: BTreeMap::new(),
        };
        city.hear(day(TODAY));
        city
    }

    pub(super) fn after(acts: &[Act]) -> Self {
        let mut city = Self::new();
        for act in acts {
            city.act(act);
        }
        city
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Sent {
                handle,
                event,
                what,
            } => self.sent(*handle, *event, None, what),
            Act::Corrected {
                handle,
                event,
                of,
                what,
            } => self.sent(*handle, *event, Some(*of).filter(|of| of != event), what),
            Act::Recalled { handle, event: e } => {
                let held = self.held(*handle);
                let Some(accepted) = held.events.get_mut(e).filter(|_| !held.erased) else {
                    return;
                };
                accepted.recalled = true;
                let gone = Retraction {
                    event: Some(event(*e)),
                    ..retraction(*handle)
                };
                self.retract(*handle, gone);
            }
            Act::Withdrew {
                handle,
                agreement: a,
            } => {
                let held = self.held(*handle);
                let of = a.map_or(0..2, |a| usize::from(a)..usize::from(a) + 1);
                held.open[of].fill(false);
                let gone = Retraction {
                    agreements: a.iter().map(|a| named(*a)).collect(),
                    ..retraction(*handle)
                };
                self.retract(*handle, gone);
            }
            Act::Consented { handle, agreement } => {
                self.held(*handle).open[usize::from(*agreement)] = true;
                self.release_all(*handle, &[*agreement]);
            }
            Act::Decided { agreement } => {
                self.versions[usize::from(*agreement)] += 1;
                for handle in 1..5 {
                    self.release_all(handle, &[*agreement]);
                }
            }
            Act::Linked {
                handle,
                person,
                moved,
            } => self.linked(*handle, *person, *moved),
            Act::Erased { handle } => {
                self.held(*handle).erased = true;
                let gone = Retraction {
                    subject_too: true,
                    ..retraction(*handle)
                };
                self.retract(*handle, gone);
            }
            Act::Heard { days_ago } => self.hear(day(TODAY).plus(-i32::from(*days_ago))),
        }
    }

    fn held(&mut self, handle: u8) -> &mut Held {
        self.handles.get_mut(&handle).unwrap()
    }

    fn append(&mut self, handle: u8, input: Input) {
        let partition = usize::from(self.held(handle).person) % PARTITIONS;
        let queue = self.waiting.entry((partition, handle)).or_default();
        queue.push_back(input);
    }

    fn hear(&mut self, on: Day) {
        for partition in 0..PARTITIONS {
            for event_type in [CONTACT, ARREARS] {
                let heard = heartbeat("GSS:E09000007", event_type, &on.to_string());
                let queue = self.waiting.entry((partition, NOBODY)).or_default();
                queue.push_back(heard);
            }
        }
    }

    fn sent(&mut self, handle: u8, event: u8, of: Option<u8>, what: &What) {
        let held = self.held(handle);
        let first = held.events.is_empty();
        let accepted = Accepted {
            what: what.clone(),
            of,
            recalled: false,
        };
        held.events.entry(event).or_insert(accepted);
        if first && !held.erased {
            self.say_who(handle);
        }
        self.release(handle, event, &[0, 1]);
    }

    fn say_who(&mut self, handle: u8) {
        let person = self.held(handle).person;
        self.append(handle, subject_input(person, handle, facts(handle)));
    }

    fn release_all(&mut self, handle: u8, under: &[u8]) {
        let events: Vec<u8> = self.held(handle).events.keys().copied().collect();
        for event in events {
            self.release(handle, event, under);
        }
    }

    fn release(&mut self, handle: u8, event: u8, under: &[u8]) {
        for a in under {
            let version = self.versions[usize::from(*a)];
            let held = self.held(handle);
            let accepted = held.events[&event].clone();
            if held.erased || accepted.recalled || !held.open[usize::from(*a)] {
                continue;
            }
            let at = (held.person, handle, event);
            let one = contributed(at, *a, version, &accepted);
            self.append(handle, Input::Release(one));
        }
    }

    fn retract(&mut self, handle: u8, gone: Retraction) {
        if !self.held(handle).events.is_empty() {
            self.append(handle, Input::Retraction(gone));
        }
    }

    fn linked(&mut self, handle: u8, person: u8, moved: bool) {
        let held = self.held(handle);
        let before = std::mem::replace(&mut held.person, person);
        if before == person || held.events.is_empty() || held.erased {
            return;
        }
        let same = usize::from(before) % PARTITIONS == usize::from(person) % PARTITIONS;
        if !(same && moved) {
            let gone = Retraction {
                reason: "RELINKED".into(),
                subject_too: true,
                ..retraction(handle)
            };
            let at = (usize::from(before) % PARTITIONS, handle);
            let queue = self.waiting.entry(at).or_default();
            queue.push_back(Input::Retraction(gone));
        }
        self.say_who(handle);
        self.release_all(handle, &[0, 1]);
    }

    /// What must stand: of every event that was accepted and not recalled, under every agreement that is open, the newest version, at the person
    /// whose record it is now.
    pub(super) fn standing(&self) -> Standing {
        let mut standing = Standing::new();
        for (handle, held) in self.handles.iter().filter(|(_, held)| !held.erased) {
            for (event, accepted) in held.events.iter().filter(|(_, one)| !one.recalled) {
                for a in (0..2u8).filter(|a| held.open[usize::from(*a)]) {
                    let version = self.versions[usize::from(a)];
                    let one = (held.person, version, accepted.clone());
                    standing.insert((*handle, *event, a), one);
                }
            }
        }
        standing
    }

    /// Whose record each handle is, of those that are known.
    pub(super) fn known(&self) -> BTreeMap<u8, u8> {
        let known = self.handles.iter();
        let known = known.filter(|(_, held)| !held.events.is_empty() && !held.erased);
        known.map(|(handle, held)| (*handle, held.person)).collect()
    }

    /// The log of each partition: any order that keeps that of each handle.
    pub(super) fn log(&self, picks: &[prop::sample::Index]) -> Vec<Vec<Input>> {
        let mut logs = vec![Vec::new(); PARTITIONS];
        let mut waiting = self.waiting.clone();
        let mut picks = picks.iter().cycle();
        while !waiting.is_empty() {
            let keys: Vec<(usize, u8)> = waiting.keys().copied().collect();
            let key = keys[picks.next().map_or(0, |pick| pick.index(keys.len()))];
            let queue = waiting.get_mut(&key).unwrap();
            logs[key.0].extend(queue.pop_front());
            if queue.is_empty() {
                waiting.remove(&key);
            }
        }
        logs
    }
}

pub(super) fn named(a: u8) -> walbrook_domain::AgreementId {
    agreement(AGREEMENTS[usize::from(a)])
}

/// Handles 1 to 3 are Camden's own records; 4 is another borough's.
pub(super) fn facts(handle: u8) -> SubjectFacts {
    let organisation = ["GSS:E09000007", "GSS:E09000012"][usize::from(handle == 4)];
    subject(organisation, Some("2010-01-01"))
}

/// The release of an event: every value it has.
pub(super) fn contributed(
    at: (u8, u8, u8),
    a: u8,
    version: u32,
    accepted: &Accepted,
) -> Contribution {
    let on = day(TODAY).plus(-i32::from(accepted.what.days_ago));
    let (event_type, fields) = match accepted.what.arrears {
        Some(pence) => (ARREARS, vec![("arrears_pence", Value::Int(pence.into()))]),
        None => (
            CONTACT,
            vec![("bedded_down", Value::Bool(accepted.what.bedded_down))],
        ),
    };
    let mut one = contribution(at, event_type, &on.to_string(), &fields);
    one.key.agreement = named(a);
    one.version = AgreementVersion(version);
    one.supersedes = accepted.of.map(event);
    one
}
