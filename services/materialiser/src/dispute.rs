//! Disputes: an event found behind a cell as the officer may be told of it, and how a disputed event stands now.

use crate::answer::{Reads, Served};
use crate::error::ReadError;
use std::time::Instant as Monotonic;
use walbrook_domain::{EventId, HandlePseudonym, Instant, Precision, Pseudonym};
use walbrook_proto::audit::v1::AppliedOffset;
use walbrook_view::dispute::{Disputed, WRONG_PERSON};
use walbrook_view::explain::Evidence;
use walbrook_view::row::Asked;
use walbrook_view::{BookReading, Viewer};

/// Which event behind which cell of whose row.
pub struct Behind<'a> {
    /// The row's person.
    pub person: Pseudonym,
    /// The column.
    pub column: &'a str,
    /// The event, under the purpose.
    pub event_id: &'a str,
    /// The instant the row was stated for.
    pub evaluated_at: Instant,
    /// The officer names a case.
    pub case_named: bool,
}

/// An event that was found, and from what.
pub struct Basis {
    /// The event.
    pub evidence: Evidence,
    /// How far the partition it stands in was applied.
    pub applied: Vec<AppliedOffset>,
    /// Next unapplied offset of `control.agreements`.
    pub agreements_next: i64,
    /// One record alone stands behind the row: no link could be wrong.
    pub alone: bool,
}

/// A disputed event as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stands {
    /// Whose row it is in.
    pub person: Pseudonym,
    /// When it happened, as released.
    pub occurred_at: Instant,
    /// How finely that is known.
    pub precision: Precision,
    /// It is of the person's one record.
    pub alone: bool,
}

impl Reads {
    /// The event behind a cell, if the officer may be told of it now.
    ///
    /// # Errors
    /// When the view may not answer now, or two agreements disagree about an event.
    pub fn behind(
        &self,
        served: &Served,
        viewer: &Viewer,
        asked: &Behind<'_>,
        now: Instant,
    ) -> Result<Option<Basis>, ReadError> {
        served.bound.check(Monotonic::now())?;
        let agreements = self.book().now();
        let glass = self
            .ledger()
            .holding(&served.view.name, viewer, &asked.person, now);
        let reading = BookReading::new(&agreements.book, viewer, &served.view, now);
        let question = Asked {
            view: &served.view,
            reading: &reading,
            evaluated_at: asked.evaluated_at,
            case_named: asked.case_named,
            glass_broken: glass.is_some(),
            disputes: None,
            calendar: self.calendar(),
        };
        let Some((number, held)) = served.shelf.look_up(&asked.person) else {
            return Ok(None);
        };
        let held = held.read();
        let Some(person) = held.state.person(&asked.person) else {
            return Ok(None);
        };
        let columns = [asked.column.to_owned()];
        let explained = question.explain(&person, &columns)?;
        let evidence = explained.and_then(|(_, explanation)| {
            let found = explanation.behind(asked.column, asked.event_id);
            found.cloned()
        });
        Ok(evidence.map(|evidence| Basis {
            evidence,
            applied: vec![AppliedOffset {
                topic: served.shelf.topic.clone(),
                partition: number,
                next_offset: held.next_offset,
            }],
            agreements_next: agreements.next_offset,
            alone: person.handles().count() < 2,
        }))
    }
}

/// How a disputed event stands in a view's state; `None`: it was corrected, taken back, or is another person's by now.
pub fn stands(served: &Served, disputed: &Disputed) -> Option<Stands> {
    let stands = event(served, &disputed.handle, disputed.event)?;
    let own = disputed.dispute.kind != WRONG_PERSON
        || stands.person.as_bytes() == disputed.dispute.person_pseudonym.as_slice();
    own.then_some(stands)
}

fn event(served: &Served, handle: &HandlePseudonym, event: EventId) -> Option<Stands> {
    for held in served.shelf.partitions() {
        let held = held.read();
        for home in held.state.homes(handle) {
            let Some(person) = held.state.person(&home) else {
                continue;
            };
            let of_handle = || {
                person
                    .contributions()
                    .filter(|one| one.key.handle == *handle)
            };
            if of_handle().any(|one| one.supersedes == Some(event)) {
                return None;
            }
            if let Some(one) = of_handle().find(|one| one.key.event == event) {
                return Some(Stands {
                    person: home,
                    occurred_at: one.occurred_at.truncated(one.precision),
                    precision: one.precision,
                    alone: person.handles().count() < 2,
                });
            }
        }
    }
    None
}
