//! The fold with a store that follows it, and faults that either could have.

use super::source::Kept;
use crate::facts::{Contribution, Input, Retraction};
use crate::state::{Change, Partition};
use std::collections::BTreeMap;
use walbrook_domain::Day;

/// A fault that a fold or its store could have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A retraction takes nothing.
    RetractionTakesNothing,
    /// A retraction of one agreement's takes every agreement's.
    RetractionTakesEveryAgreement,
    /// A retraction of one event takes every event.
    RetractionTakesEveryEvent,
    /// The subject record stays where its handle left.
    SubjectStays,
    /// A retraction takes the subject record, whatever it says.
    SubjectGoesToo,
    /// What a correction corrects stands on beside it.
    CorrectionIsForgotten,
    /// The first release of a key stands, not the last.
    FirstReleaseStands,
    /// A handle that moved within a partition stands in both places.
    MovedStandsTwice,
    /// The second agreement's release of an event takes the first one's place.
    AgreementsShareAPlace,
    /// Who somebody is, is never learned anew.
    FirstSubjectStands,
    /// The day a source was last heard is the day of the last record.
    HeardGoesBack,
    /// The store keeps what was dropped.
    StoreKeepsDropped,
    /// The store misses what was put last.
    StoreMissesLast,
    /// The store's offset is one ahead of its state.
    OffsetAhead,
    /// The store misses heartbeats.
    StoreMissesHeartbeats,
    /// What is over stays.
    KeptForever,
    /// What is over on the day after is over.
    OverADayEarly,
    /// What is over when it comes, enters.
    LateEnters,
    /// What is over when it comes, leaves what stood under its key.
    LateReplacesNothing,
    /// A correction that is over is forgotten altogether.
    CorrectionEnds,
}

impl Fault {
    pub(super) const ALL: [Self; 20] = [
        Self::RetractionTakesNothing,
        Self::RetractionTakesEveryAgreement,
        Self::RetractionTakesEveryEvent,
        Self::SubjectStays,
        Self::SubjectGoesToo,
        Self::CorrectionIsForgotten,
        Self::FirstReleaseStands,
        Self::MovedStandsTwice,
        Self::AgreementsShareAPlace,
        Self::FirstSubjectStands,
        Self::HeardGoesBack,
        Self::StoreKeepsDropped,
        Self::StoreMissesLast,
        Self::OffsetAhead,
        Self::StoreMissesHeartbeats,
        Self::KeptForever,
        Self::OverADayEarly,
        Self::LateEnters,
        Self::LateReplacesNothing,
        Self::CorrectionEnds,
    ];
}

type Items = BTreeMap<Vec<u8>, Vec<u8>>;

/// A partition and its store, in step.
pub(super) struct Folded {
    pub(super) state: Partition,
    store: Items,
    skip: bool,
    kept: Kept,
    fault: Option<Fault>,
}

impl Folded {
    pub(super) fn new(kept: &Kept, fault: Option<Fault>) -> Self {
        Self {
            kept: kept.clone(),
            state: Partition::default(),
            store: Items::new(),
            skip: false,
            fault,
        }
    }

    pub(super) fn apply(&mut self, input: Input, today: Day) -> Result<(), String> {
        if std::mem::take(&mut self.skip) {
            return Ok(());
        }
        let Some(input) = self.misread(input) else {
            return Ok(());
        };
        let input = match input {
            Input::Release(one) if self.last(&one) < today => match self.fault {
                Some(Fault::LateEnters) => Input::Release(one),
                Some(Fault::LateReplacesNothing) => return Ok(()),
                _ => Input::Past(self.forgotten(one)),
            },
            input => input,
        };
        let mut changes = Vec::new();
        if self.fault == Some(Fault::HeardGoesBack) && matches!(input, Input::Heartbeat { .. }) {
            Partition::default().apply(input, &mut changes);
            self.put_back(&changes)?;
            return self.keep(changes);
        }
        let moves =
            matches!(input, Input::Release(_)) && self.fault == Some(Fault::MovedStandsTwice);
        self.state.apply(input, &mut changes);
        if moves {
            let left = |change: &Change| match change {
                Change::Drop(key) => Some(Change::Put(key.clone(), self.store.get(key)?.clone())),
                Change::Put(..) => None,
            };
            let left: Vec<Change> = changes.iter().filter_map(left).collect();
            self.put_back(&left)?;
            changes.retain(|change| matches!(change, Change::Put(..)));
        }
        self.keep(changes)
    }

    /// What is over on a day leaves.
    pub(super) fn sweep(&mut self, today: Day) -> Result<(), String> {
        if !self.kept.swept || self.fault == Some(Fault::KeptForever) {
            return Ok(());
        }
        let early = i32::from(self.fault == Some(Fault::OverADayEarly));
        let past = self
            .state
            .past(&mut |one| Some(self.last(one)), today.plus(early));
        let mut changes = Vec::new();
        let expired = self.state.expire(&past, &mut changes);
        let told: u64 = expired.iter().map(|one| one.contributions).sum();
        if told != past.len() as u64 || expired.iter().any(|one| one.past_on > today.plus(early)) {
            return Err("what left is not what was past".to_owned());
        }
        if self.fault == Some(Fault::CorrectionEnds) {
            changes = Vec::new();
            for (_, key, _) in past {
                let gone = Retraction {
                    handle: key.handle,
                    agreements: vec![key.agreement],
                    event: Some(key.event),
                    reason: "RETENTION".into(),
                    subject_too: false,
                };
                self.state.apply(Input::Retraction(gone), &mut changes);
            }
        }
        self.keep(changes)
    }

    fn last(&self, one: &Contribution) -> Day {
        let a = u8::from(one.key.agreement == super::source::named(1));
        let on = one.occurred_at.london_day();
        self.kept.last(a, one.version.0, on)
    }

    fn forgotten(&self, mut one: Contribution) -> Contribution {
        if self.fault == Some(Fault::CorrectionEnds) {
            one.supersedes = None;
        }
        one
    }

    fn put_back(&mut self, changes: &[Change]) -> Result<(), String> {
        for change in changes {
            if let Change::Put(key, value) = change {
                let put = self.state.restore(key, value);
                put.map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// The record as a faulty fold takes it; `None`: not at all.
    fn misread(&self, input: Input) -> Option<Input> {
        let Some(fault) = self.fault else {
            return Some(input);
        };
        Some(match (fault, input) {
            (Fault::RetractionTakesNothing, Input::Retraction(_)) => return None,
            (_, Input::Retraction(retraction)) => Input::Retraction(taken(fault, retraction)),
            (Fault::CorrectionIsForgotten, Input::Release(mut one)) => {
                one.supersedes = None;
                Input::Release(one)
            }
            (Fault::AgreementsShareAPlace, Input::Release(mut one)) => {
                one.key.agreement = super::source::named(0);
                Input::Release(one)
            }
            (Fault::FirstReleaseStands, Input::Release(one)) => {
                let person = self.state.person(&one.person);
                if person.is_some_and(|p| p.contributions().any(|other| other.key == one.key)) {
                    return None;
                }
                Input::Release(one)
            }
            (Fault::FirstSubjectStands, Input::Subject { handle, .. })
                if self.state.people().any(|one| one.has_subject(&handle)) =>
            {
                return None;
            }
            (_, input) => input,
        })
    }

    /// The store follows; what is dropped must have stood there.
    fn keep(&mut self, changes: Vec<Change>) -> Result<(), String> {
        let last = changes.len();
        for (number, change) in changes.into_iter().enumerate() {
            match change {
                Change::Put(..) if self.misses(number + 1 == last) => {}
                Change::Put(key, _)
                    if self.fault == Some(Fault::StoreMissesHeartbeats) && key[0] == b'h' => {}
                Change::Put(key, value) => {
                    self.store.insert(key, value);
                }
                Change::Drop(_) if self.fault == Some(Fault::StoreKeepsDropped) => {}
                Change::Drop(key) => {
                    if self.store.remove(&key).is_none() {
                        return Err("something was dropped that did not stand".to_owned());
                    }
                }
            }
        }
        Ok(())
    }

    fn misses(&self, last: bool) -> bool {
        self.fault == Some(Fault::StoreMissesLast) && last
    }

    /// The process is killed, and starts again from its store.
    pub(super) fn die(&mut self) -> Result<(), String> {
        let mut restored = Partition::default();
        for (key, value) in &self.store {
            restored.restore(key, value).map_err(|e| e.to_string())?;
        }
        if restored != self.state {
            return Err("what is restored is not what stood".to_owned());
        }
        self.state = restored;
        self.skip = self.fault == Some(Fault::OffsetAhead);
        Ok(())
    }
}

fn taken(fault: Fault, retraction: Retraction) -> Retraction {
    let mut taken = retraction;
    match fault {
        Fault::RetractionTakesEveryAgreement => taken.agreements = Vec::new(),
        Fault::RetractionTakesEveryEvent => taken.event = None,
        Fault::SubjectStays => taken.subject_too = false,
        Fault::SubjectGoesToo => taken.subject_too = true,
        _ => {}
    }
    taken
}
