//! The fold of `audit.notices`: each notice by its id, acknowledged or not, and how far everything has its notice. Held in memory: notices are few.

use crate::clock;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use uuid::Uuid;
use walbrook_domain::{Day, Instant};
use walbrook_proto::audit::v1::{Notice, NoticeAcknowledgement, NoticesComplete};
use walbrook_view::notice::MOST_READS;

/// A notice as it stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its first record, with the events and reads of all.
    pub notice: Notice,
    /// Where it last changed.
    pub changed_at: i64,
    /// What was done about it, as first said.
    pub acknowledged: Option<Arc<NoticeAcknowledgement>>,
}

impl Standing {
    /// The last day on which an acknowledgement is in time.
    pub fn due_on(&self) -> Day {
        let due = self.notice.due_on.as_ref().and_then(|date| date.days());
        // One without a day is overdue at once: the auditor reports it.
        due.map_or(Day(i32::MIN), Day)
    }

    /// Whether its day is past and nobody has acknowledged it.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.acknowledged.is_none() && self.due_on() < now.london_day()
    }
}

/// To whom: an organisation and a role.
pub type Whose = (String, String);

/// Up to where everything that fell, and was shown, has its notice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Through {
    /// Next offset by partition of the shared topic.
    pub applied: BTreeMap<i32, i64>,
    /// Next offset of `audit.reads`.
    pub reads_next: i64,
}

/// All notices.
#[derive(Debug, Default)]
pub struct Book {
    notices: HashMap<Uuid, Standing>,
    /// By whose they are, in the order in which they last changed.
    order: BTreeMap<Whose, BTreeMap<i64, Uuid>>,
    through: HashMap<String, Through>,
    /// How many nobody has acknowledged, by the last day on which that is in time.
    open: BTreeMap<Day, i64>,
    next_offset: i64,
}

impl Book {
    /// A notice, at its offset.
    pub fn notice(&mut self, offset: i64, notice: Notice) {
        let Ok(id) = Uuid::parse_str(&notice.notice_id) else {
            return;
        };
        let Some(standing) = self.notices.get_mut(&id) else {
            let whose = whose(&notice);
            self.order.entry(whose).or_default().insert(offset, id);
            let standing = Standing {
                notice,
                changed_at: offset,
                acknowledged: None,
            };
            *self.open.entry(standing.due_on()).or_default() += 1;
            self.notices.insert(id, standing);
            return;
        };
        let known = &mut standing.notice;
        let before = (known.event_ids.len(), known.read_ids.len());
        let events: BTreeSet<String> = known.event_ids.drain(..).chain(notice.event_ids).collect();
        known.event_ids.extend(events);
        for read in notice.read_ids {
            if known.read_ids.len() < MOST_READS && !known.read_ids.contains(&read) {
                known.read_ids.push(read);
            }
        }
        if before != (known.event_ids.len(), known.read_ids.len()) {
            self.changed(id, offset);
        }
    }

    /// An acknowledgement, at its offset. Only the first counts.
    pub fn acknowledge(&mut self, offset: i64, said: NoticeAcknowledgement) {
        let Ok(id) = Uuid::parse_str(&said.notice_id) else {
            return;
        };
        let standing = self.notices.get_mut(&id).filter(|standing| {
            let own = standing.notice.organisation == said.organisation;
            own && standing.notice.role == said.role && standing.acknowledged.is_none()
        });
        if let Some(standing) = standing {
            standing.acknowledged = Some(Arc::new(said));
            *self.open.entry(standing.due_on()).or_default() -= 1;
            self.changed(id, offset);
        }
    }

    fn changed(&mut self, id: Uuid, offset: i64) {
        if let Some(standing) = self.notices.get_mut(&id) {
            let order = self.order.entry(whose(&standing.notice)).or_default();
            order.remove(&standing.changed_at);
            order.insert(offset, id);
            standing.changed_at = offset;
        }
    }

    /// A statement of how far everything has its notice. Each stands: what two processes say together is what either says.
    pub fn complete(&mut self, said: &NoticesComplete) {
        let through = self.through.entry(said.purpose.clone()).or_default();
        if said.reads_next < through.reads_next {
            return;
        }
        through.reads_next = said.reads_next;
        through.applied = said
            .applied
            .iter()
            .map(|applied| (applied.partition, applied.next_offset))
            .collect();
    }

    /// Everything below this offset is applied.
    pub fn moved(&mut self, next_offset: i64) {
        self.next_offset = self.next_offset.max(next_offset);
    }

    /// Next offset that is not applied.
    pub const fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Up to where everything of a purpose has its notice.
    pub fn through(&self, purpose: &str) -> Through {
        self.through.get(purpose).cloned().unwrap_or_default()
    }

    /// A notice by its id.
    pub fn get(&self, id: &Uuid) -> Option<&Standing> {
        self.notices.get(id)
    }

    /// Every notice.
    pub fn all(&self) -> impl Iterator<Item = &Standing> {
        self.notices.values()
    }

    /// How many nobody has acknowledged, and of those how many are overdue.
    pub fn open(&self, now: Instant) -> (i64, i64) {
        let overdue = self.open.range(..now.london_day());
        (
            self.open.values().sum(),
            overdue.map(|(_, count)| count).sum(),
        )
    }

    /// Those of an organisation's role that changed at or behind an offset, in that order.
    pub fn since<'b>(
        &'b self,
        whose: &Whose,
        offset: i64,
    ) -> impl Iterator<Item = &'b Standing> + use<'b> {
        let order = self.order.get(whose).into_iter();
        order
            .flat_map(move |order| order.range(offset..))
            .filter_map(|(_, id)| self.notices.get(id))
    }
}

/// Whose a notice is.
pub fn whose(notice: &Notice) -> Whose {
    (notice.organisation.clone(), notice.role.clone())
}

/// When a notice was first on record.
pub fn noticed_at(notice: &Notice) -> Instant {
    let at = notice.noticed_at.as_ref().and_then(clock::instant);
    at.unwrap_or(Instant(0))
}
