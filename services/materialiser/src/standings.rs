//! How the sources of a view stand for those who read it in one role of one organisation: the same whoever is asked about, so it is worked out once
//! for as long as the agreements, the days and what was heard of sources are the same.

use crate::answer::Served;
use crate::book::Known as Agreements;
use crate::compute::standing;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use walbrook_domain::{Day, Instant};
use walbrook_view::canon::Writer;
use walbrook_view::{BookReading, Freshness, Reading as _, Source, Viewer};

/// Roles of which it is kept; then all are let go.
const MOST_ROLES: usize = 512;

/// Of a view, an organisation, a role.
type Key = (String, String, String);

/// What it follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Basis {
    view: [u8; 32],
    agreements: i64,
    read_on: Day,
    evaluated_on: Day,
    heard: u64,
}

/// How sources stand.
#[derive(Debug)]
pub struct Stood {
    basis: Basis,
    /// Every source under the agreements.
    pub sources: Arc<[Source]>,
    /// A line for each.
    pub lines: Vec<Freshness>,
    /// What agreements do not grant.
    pub withheld: Vec<String>,
    /// Stands for all of it, and for the view's words as the role is told them.
    pub id: [u8; 16],
}

/// The same bytes for as long as nothing of it is another.
fn id(view: &[u8; 32], role: &str, lines: &[Freshness], withheld: &[String]) -> [u8; 16] {
    let mut out = Writer::new();
    out.fixed(view).text(role).count(lines.len());
    for line in lines {
        out.text(line.event_type.as_str())
            .option(line.source.as_deref(), |out, source| {
                out.text(source);
            })
            .option(line.last_heard_on, |out, day| {
                out.day(day);
            })
            .text(&line.statement);
    }
    out.count(withheld.len());
    for line in withheld {
        out.text(line);
    }
    let hash: [u8; 32] = Sha256::digest(out.finish()).into();
    std::array::from_fn(|at| hash.get(at).copied().unwrap_or_default())
}

/// How sources stand for all who read.
#[derive(Default)]
pub struct Standings(Mutex<HashMap<Key, Arc<Stood>>>);

impl Standings {
    /// How they stand for a viewer; `None`: no agreement entitles the viewer.
    pub fn of(
        &self,
        served: &Served,
        agreements: &Agreements,
        viewer: &Viewer,
        (read_at, evaluated_at): (Instant, Instant),
    ) -> Option<Arc<Stood>> {
        let basis = Basis {
            view: served.view.sha256,
            agreements: agreements.next_offset,
            read_on: read_at.london_day(),
            evaluated_on: evaluated_at.london_day(),
            // Before anything is looked at: what is heard meanwhile is another number.
            heard: served.shelf.heard(),
        };
        let key = (
            served.view.name.clone(),
            viewer.organisation.to_string(),
            viewer.role.clone(),
        );
        let known = self.0.lock().get(&key).cloned();
        if let Some(known) = known.filter(|known| known.basis == basis) {
            return Some(known);
        }
        let reading = BookReading::new(&agreements.book, viewer, &served.view, read_at);
        if reading.entitlements().is_empty() {
            return None;
        }
        let (lines, withheld) = standing(served, &reading, true, evaluated_at);
        let stood = Arc::new(Stood {
            basis,
            sources: reading.shared_sources(),
            id: id(&basis.view, &viewer.role, &lines, &withheld),
            lines,
            withheld,
        });
        let mut all = self.0.lock();
        if all.len() >= MOST_ROLES {
            all.clear();
        }
        all.insert(key, Arc::clone(&stood));
        Some(stood)
    }
}
