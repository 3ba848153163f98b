//! Missing from care, and away without authorisation.

use super::born;
use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::social_care::v1::MissingEpisode;

/// Missing or away, against what was known.
pub static MISSING_AGAINST_WHEREABOUTS: Rule = Rule::query(
    "MISSING_AGAINST_WHEREABOUTS",
    "A child whose whereabouts are known is away (A), a child whose whereabouts are not known is missing (M); the risk does not decide it.",
    "SSDA903 guide: MISSING",
);

/// An interview about a return that has not come.
pub static INTERVIEW_BEFORE_RETURN: Rule = Rule::query(
    "INTERVIEW_BEFORE_RETURN",
    "A return home interview is offered on or after the day of return.",
    "statutory guidance on children who run away or go missing from home or care, 2014",
);

/// An answer to an offer that was not made.
pub static INTERVIEW_NOT_OFFERED: Rule = Rule::query(
    "INTERVIEW_NOT_OFFERED",
    "A return home interview that was accepted, or has a time of offer, was offered.",
    "statutory guidance on children who run away or go missing from home or care, 2014",
);

/// Checks a missing period.
pub fn missing_episode(m: &MissingEpisode, context: &Context<'_>, findings: &mut Findings) {
    let began = m.mis_start.as_ref().and_then(facts::day);
    let ended = m.mis_end.as_ref().and_then(facts::day);
    let offered = m.rhi_offered_at.as_ref().and_then(facts::london_day);
    facts::happened(began, context.today, "mis_start", findings);
    facts::happened(ended, context.today, "mis_end", findings);
    facts::happened(offered, context.today, "rhi_offered_at", findings);
    facts::in_order(began, ended, "mis_end", findings);
    born(context, began, "mis_start", findings);
    let against = matches!(
        (m.missing.as_str(), m.whereabouts_known),
        ("M", Some(true)) | ("A", Some(false))
    );
    findings.check(!against, &MISSING_AGAINST_WHEREABOUTS, "missing");
    let early = match (offered, ended) {
        (Some(offered), Some(ended)) => offered < ended,
        (Some(_), None) => m.mis_end.is_none(),
        (None, _) => false,
    };
    findings.check(!early, &INTERVIEW_BEFORE_RETURN, "rhi_offered_at");
    let was_offered = m.rhi_offered.as_deref() == Some("Y");
    let answered = m.rhi_accepted.as_deref() == Some("Y") || m.rhi_offered_at.is_some();
    findings.check(
        !answered || was_offered,
        &INTERVIEW_NOT_OFFERED,
        "rhi_offered",
    );
}
