//! Rules of planning applications.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::city::v1::PlanningApplicationStatusChanged;

/// A decided application without what was decided, or when.
pub static DECISION_INCOMPLETE: Rule = Rule::refuse(
    "DECISION_INCOMPLETE",
    "A determined application says the decision and its day; one that is not determined says neither.",
    "Town and Country Planning (Development Management Procedure) (England) Order 2015, article 35",
);

/// Checks a stage of an application.
pub fn planning_application_status_changed(
    m: &PlanningApplicationStatusChanged,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    // After it was determined an application keeps its decision: on appeal, and when it is called in.
    let decided = ["DETERMINED", "APPEAL_DETERMINED"].contains(&m.status.as_str());
    let open = [
        "RECEIVED",
        "INVALID",
        "VALIDATED",
        "IN_CONSULTATION",
        "IN_ASSESSMENT",
    ]
    .contains(&m.status.as_str());
    let (decision, day) = (m.decision.is_some(), m.decided_on.is_some());
    let whole = decision == day && (!decided || decision) && (!open || !decision);
    findings.check(whole, &DECISION_INCOMPLETE, "decision");
    let changed = m.changed_on.as_ref().and_then(facts::day);
    facts::happened(changed, context.today, "changed_on", findings);
    let decided_on = m.decided_on.as_ref().and_then(facts::day);
    facts::in_order(decided_on, changed, "changed_on", findings);
}
