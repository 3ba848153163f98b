//! What a rule may know besides the event.

use walbrook_domain::{Day, Instant, Organisation};

use crate::Datasets;

/// Who sent the event, when it occurred and when it arrived. Time is an argument: rules read no clock.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The organisation of the caller's credential.
    pub organisation: &'a Organisation,
    /// When the event occurred; a bare date is its midnight in London. `None`: its head does not say, or says nothing real.
    pub occurred: Option<Instant>,
    /// The London day of the event.
    pub occurred_day: Option<Day>,
    /// The day the person was born, when the event says who the person is; never kept.
    pub birth_day: Option<Day>,
    /// The schemas of open datasets; `None` where nothing is known of them.
    pub datasets: Option<&'a Datasets>,
    /// The London day on which it arrived.
    pub today: Day,
    /// When it arrived.
    pub now: Instant,
}
