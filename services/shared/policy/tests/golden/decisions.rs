//! Every organisation class × event type × condition state × agreement: what is decided, and which readers may see what is released.

use crate::testing::case::{Case, ORGANISATIONS, cases};
use crate::testing::{catalogue, law, org};
use walbrook_domain::{Day, Instant};
use walbrook_policy::agreement::Mode;
use walbrook_policy::read::{ContributionFacts, Entitlement, entitlements};
use walbrook_policy::{Catalogue, Decision, EventShape, Outcome, Reason, Viewer};

/// The file's first line.
pub const HEADING: &str =
    "organisation,event,case,agreement,reason,fields,precision,not_after,readers";

/// The whole table.
pub fn table() -> String {
    let catalogue = catalogue();
    let mut table = format!("{HEADING}\n");
    let cases: Vec<_> = cases()
        .into_iter()
        .map(|(name, case)| {
            let readers = readers(&case, &catalogue);
            (name, case, readers)
        })
        .collect();
    for organisation in ORGANISATIONS {
        for shape in catalogue.events() {
            for (name, case, readers) in &cases {
                for decision in case.decide(&org(organisation), &shape.event_type, shape.subject) {
                    // Without a flow no case makes a difference: one row says so.
                    if decision.reason == Reason::NoAgreement && *name != "adult" {
                        continue;
                    }
                    let row = row(organisation, shape, name, case, &decision, readers);
                    table.push_str(&row);
                    table.push('\n');
                }
            }
        }
    }
    table
}

fn row(
    organisation: &str,
    shape: &EventShape,
    name: &str,
    case: &Case,
    decision: &Decision,
    readers: &[(String, Entitlement)],
) -> String {
    let agreement = decision.agreement();
    let seen = match decision.outcome() {
        Outcome::Permit => seen(organisation, shape, case, decision, readers),
        _ => "-".to_owned(),
    };
    [
        organisation.to_owned(),
        shape.event_type.to_string(),
        format!("\"{name}\""),
        agreement.map_or("-".to_owned(), ToString::to_string),
        decision.reason.to_string(),
        format!("{:x}", decision.field_mask),
        decision.precision.to_string(),
        decision
            .not_after
            .map_or(String::new(), |day| day.to_string()),
        format!("\"{seen}\""),
    ]
    .join(",")
}

/// Every viewer that any agreement of the case names, with what it is entitled to.
fn readers(case: &Case, catalogue: &Catalogue) -> Vec<(String, Entitlement)> {
    let law = law();
    let mut found = Vec::new();
    for organisation in ORGANISATIONS {
        for role in law.roles() {
            for (view, purpose) in catalogue.views() {
                for mode in Mode::ALL {
                    let viewer = Viewer {
                        organisation: &org(organisation),
                        reader: "p.green",
                        role: &role.id,
                        purpose,
                        view,
                        mode,
                    };
                    for one in entitlements(case.log.state.book(), &viewer, case.log.clock) {
                        let name = format!("{organisation} {} {}", role.id, mode.as_str());
                        found.push((name, one));
                    }
                }
            }
        }
    }
    found
}

/// Readers that may see the release, each with the fields it sees where these are fewer than were released.
fn seen(
    organisation: &str,
    shape: &EventShape,
    case: &Case,
    decision: &Decision,
    readers: &[(String, Entitlement)],
) -> String {
    let (Some(agreement), Some(version)) = (decision.agreement(), decision.version()) else {
        return "-".to_owned();
    };
    let mut names = Vec::new();
    for (name, entitlement) in readers
        .iter()
        .filter(|(_, one)| one.agreement() == agreement)
    {
        let contribution = ContributionFacts {
            agreement,
            version,
            source: &org(organisation),
            event_type: &shape.event_type,
            occurred_on: occurred_on(case, case.log.clock),
            precision: decision.precision,
            not_after: decision.not_after,
            chosen_authority: case.chosen.as_ref(),
        };
        let Ok(readable) = entitlement.readable(case.log.state.book(), &contribution) else {
            continue;
        };
        let mask = readable.field_mask & decision.field_mask;
        if mask == decision.field_mask {
            names.push(name.clone());
        } else if mask != 0 {
            names.push(format!("{name}:{mask:x}"));
        }
    }
    if names.is_empty() {
        // Open data has no readers, being for anyone; a referral may be for an authority that is not among these.
        return "none of these".to_owned();
    }
    names.join("; ")
}

fn occurred_on(case: &Case, now: Instant) -> Day {
    now.london_day().plus(-case.occurred_days_ago)
}
