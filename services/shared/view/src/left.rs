//! Why a row that stood on an organisation's topic stands there no more.

use crate::reading::Reading;
use crate::state::Person;
use walbrook_domain::Day;

/// The words of a tombstone, a closed list.
pub mod why {
    /// No agreement in force delivers the view to the organisation, or agreements name different roles.
    pub const GRANT_ENDED: &str = "GRANT_ENDED";
    /// All that it rested on may be kept no longer.
    pub const PAST_RETENTION: &str = "PAST_RETENTION";
    /// The person is within the reader's scope, or the view's population, no more.
    pub const OUTSIDE_SCOPE: &str = "OUTSIDE_SCOPE";
    /// What it rested on was taken back, or may not be shown any more.
    pub const RETRACTED: &str = "RETRACTED";
    /// Two agreements say different things of one event.
    pub const DISAGREE: &str = "AGREEMENTS_DISAGREE";
    /// The view's file was taken away, and nobody computes its rows any more.
    pub const VIEW_REMOVED: &str = "VIEW_REMOVED";

    /// Every word.
    pub const ALL: [&str; 6] = [
        GRANT_ENDED,
        PAST_RETENTION,
        OUTSIDE_SCOPE,
        RETRACTED,
        DISAGREE,
        VIEW_REMOVED,
    ];
}

/// Why somebody whose row stood has none today, where agreements deliver the view and do not disagree: `until` is the last day that the row was said
/// to be kept.
pub fn left(
    reading: &dyn Reading,
    person: Option<&Person<'_>>,
    (until, today): (Option<Day>, Day),
) -> &'static str {
    let granted = person.is_some_and(|person| {
        let mut contributions = person.contributions();
        contributions.any(|one| reading.grant(person, &one).is_some())
    });
    match until {
        _ if granted => why::OUTSIDE_SCOPE,
        Some(day) if day < today => why::PAST_RETENTION,
        _ => why::RETRACTED,
    }
}
