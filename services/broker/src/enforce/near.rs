//! What is known of the events that come next, looked up ahead of their decisions.

use super::control_view::ControlView;
use super::incoming::{Content, Incoming};
use super::partition::Partition;
use walbrook_domain::Handle;
use walbrook_event::history::Subject;

/// Events whose look-ups are done at once: what they find still fits the nearest cache when they are decided.
const NEAR: usize = 128;

impl Partition {
    /// Looks up what is known of the handles of the next events, once for so many that were decided. Each look-up at random waits for memory, and a decision for one after another of them;
    /// here none depends on the one before, so the processor waits for many at the same time. It changes nothing.
    pub(super) fn bring_near(&self, control: &dyn ControlView, decided: usize, next: &[Incoming]) {
        if !decided.is_multiple_of(NEAR) {
            return;
        }
        let handle = |record: &Incoming| match &record.content {
            Content::Event(event) => match event.raw.subject {
                Subject::Handle(handle) => Some(handle),
                Subject::Key(_) => None,
            },
            Content::Unreadable(_) => None,
        };
        let handles: Vec<Handle> = next.iter().take(NEAR).filter_map(handle).collect();
        let linked = |handle: &&Handle| {
            let link = self.links.get(**handle);
            link.is_some_and(|link| link.members.contains(*handle))
        };
        let released = |handle: &&Handle| {
            let standing = self.standing.of(**handle);
            let last = standing.and_then(|standing| standing.releases.values().next_back());
            last.is_some_and(|released| released.mask > 0)
        };
        // Nobody asks for the counts: the loads are all it is for.
        std::hint::black_box(handles.iter().filter(linked).count());
        std::hint::black_box(handles.iter().filter(released).count());
        control.warm(&handles);
    }
}
