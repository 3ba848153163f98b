//! What the person's grounds say, gathered once for all agreements of a table.

use super::table::Table;
use super::{MOST_MEMBERS, v1};
use crate::facts::{LinkFacts, Subject};
use crate::state::{Ground, Under};
use walbrook_domain::Day;
use walbrook_domain::control::{GroundKind, GroundState};

/// The subject of an event that is about a person.
pub(super) struct Person<'a> {
    pub link: &'a LinkFacts<'a>,
    /// The grounds of each member handle.
    grounds: &'a [&'a [Ground]],
    pub erased: bool,
    pub recalled: bool,
    pub adult: bool,
    today: Day,
}

/// Rows against which each kind of ground stands, or for which it speaks.
#[derive(Default)]
pub(super) struct Said {
    pub safety_hold: u64,
    pub restriction: u64,
    pub opt_out: u64,
    pub objection: u64,
    pub withdrawn: u64,
    pub refused: u64,
    pub given: u64,
    pub ended: u64,
}

impl<'a> Person<'a> {
    /// Looks every member up once. `None`: the event is about no person.
    pub fn gather(
        case: &v1::Case<'a>,
        gathered: &'a mut [&'a [Ground]; MOST_MEMBERS],
    ) -> Option<Self> {
        let Subject::Person(link) = case.subject else {
            return None;
        };
        let grounds = case.state.grounds();
        for (place, member) in gathered.iter_mut().zip(link.members) {
            *place = grounds.of(member);
        }
        let adult = link
            .adult_from
            .is_some_and(|from| case.event.occurred_at.london_day() >= from);
        Some(Self {
            link,
            erased: grounds.erased(&link.handle),
            recalled: grounds.recalled(&link.handle, &case.event.event_id),
            grounds: gathered.get(..link.members.len()).unwrap_or_default(),
            adult,
            today: case.today,
        })
    }

    fn all(&self) -> impl Iterator<Item = &'a Ground> {
        self.grounds.iter().copied().flatten()
    }

    /// What they say of each row.
    pub fn said(&self, table: &Table) -> Said {
        let mut said = Said::default();
        for ground in self.all() {
            let mut rows = 0;
            for (at, row) in table.rows.iter().enumerate() {
                rows |= u64::from(ground.applies(row.under)) << at;
            }
            let mask = match ground.kind {
                GroundKind::Consent => match ground.state {
                    GroundState::Given if ground.ended(self.today) => &mut said.ended,
                    GroundState::Given => &mut said.given,
                    GroundState::Refused => &mut said.refused,
                    _ => &mut said.withdrawn,
                },
                _ if !ground.state.stands_against() => continue,
                GroundKind::SafetyHold => &mut said.safety_hold,
                GroundKind::Restriction => &mut said.restriction,
                GroundKind::NationalDataOptOut => &mut said.opt_out,
                GroundKind::Objection => &mut said.objection,
                // About one record, not about the person: asked for apart.
                GroundKind::Recall | GroundKind::Erasure => continue,
            };
            *mask |= rows;
        }
        said
    }

    /// The last day of the consent that lasts longest; `None`: one without an end.
    pub fn consent_end(&self, under: Under, today: Day) -> Option<Day> {
        self.all()
            .filter(|ground| {
                ground.kind == GroundKind::Consent
                    && ground.state == GroundState::Given
                    && !ground.ended(today)
                    && ground.applies(under)
            })
            .map(Ground::not_after)
            .reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)))
            .flatten()
    }
}
