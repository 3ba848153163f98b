//! Every viewer's class × role × view × mode: which releases it may see, and about whom.

use crate::testing::case::{ORGANISATIONS, signed};
use crate::testing::{Log, catalogue, law, org};
use walbrook_domain::{Day, Precision};
use walbrook_policy::Viewer;
use walbrook_policy::agreement::Mode;
use walbrook_policy::read::{
    ContributionFacts, Entitlement, HandleFacts, SubjectFacts, entitlements,
};

/// The file's first line.
pub const HEADING: &str = "viewer,role,view,mode,agreement,source,event,fields,precision,subjects";

/// The subject who is in the viewer's area.
const IN_AREA: &str = "of its area";

/// The whole table.
pub fn table() -> String {
    let log = signed();
    let (catalogue, law) = (catalogue(), law());
    let today = log.clock.london_day();
    let mut table = format!("{HEADING}\n");
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
                    let who = format!("{organisation},{},{view},{}", role.id, mode.as_str());
                    let found = entitlements(log.state.book(), &viewer, log.clock);
                    if found.is_empty() {
                        table.push_str(&format!("{who},-,-,-,0,-,-\n"));
                    }
                    for entitlement in found {
                        let about = about(organisation, &entitlement);
                        for row in contributions(&log, &entitlement, today) {
                            table.push_str(&format!("{who},{row},\"{about}\"\n"));
                        }
                    }
                }
            }
        }
    }
    table
}

/// Which subjects the viewer may be shown.
fn about(organisation: &str, entitlement: &Entitlement) -> String {
    let admitted: Vec<_> = subjects(organisation)
        .iter()
        .map(|(name, handles)| {
            let in_area = || *name == IN_AREA;
            let admission = entitlement.admits(&SubjectFacts(handles), &in_area);
            format!("{name}: {admission:?}")
        })
        .collect();
    admitted.join("; ")
}

fn handle(organisation: &str, responsible: Option<&str>, restricted: bool) -> HandleFacts {
    HandleFacts {
        organisation: org(organisation),
        responsible_authority: responsible.map(org),
        chosen_authority: None,
        restricted,
    }
}

/// Subjects as they stand to a viewer of `organisation`.
fn subjects(organisation: &str) -> Vec<(&'static str, Vec<HandleFacts>)> {
    let stranger = "GSS:E09000033";
    let chosen = |authority: &str| HandleFacts {
        chosen_authority: Some(org(authority)),
        ..handle(stranger, None, false)
    };
    vec![
        ("own", vec![handle(organisation, None, false)]),
        (
            "own and another's",
            vec![
                handle(stranger, None, false),
                handle(organisation, None, false),
            ],
        ),
        ("another's", vec![handle(stranger, Some(stranger), false)]),
        (
            "responsible",
            vec![handle(stranger, Some(organisation), false)],
        ),
        ("chosen", vec![chosen(organisation)]),
        ("another chosen", vec![chosen(stranger)]),
        (IN_AREA, vec![handle(stranger, None, false)]),
        (
            "own restricted",
            vec![handle(organisation, Some(stranger), true)],
        ),
        (
            "responsible restricted",
            vec![handle(organisation, Some(organisation), true)],
        ),
        ("nobody known", vec![]),
    ]
}

/// One row for each source and event type of the agreement, and for a referral also as another authority's.
fn contributions(log: &Log, entitlement: &Entitlement, today: Day) -> Vec<String> {
    let book = log.state.book();
    let mut rows = Vec::new();
    let edition = book
        .edition(entitlement.agreement(), entitlement.version())
        .unwrap();
    let stranger = org("GSS:E09000033");
    for flow in &edition.agreement.flows {
        let sources = ORGANISATIONS.iter().map(|text| org(text));
        for source in sources.filter(|one| flow.source.includes(one)) {
            let answer = |chosen: Option<&walbrook_domain::Organisation>| {
                let contribution = ContributionFacts {
                    chosen_authority: chosen,
                    agreement: entitlement.agreement(),
                    version: entitlement.version(),
                    source: &source,
                    event_type: &flow.event_type,
                    occurred_on: today,
                    precision: Precision::Instant,
                    not_after: None,
                };
                match entitlement.readable(book, &contribution) {
                    Ok(readable) => format!("{:x},{}", readable.field_mask, readable.precision),
                    Err(hidden) => format!("0,\"{hidden}\""),
                }
            };
            let start = format!("{},{source},{}", entitlement.agreement(), flow.event_type);
            rows.push(format!(
                "{start},{}",
                answer(Some(entitlement.organisation()))
            ));
            if flow.rests_on_choice() {
                rows.push(format!("{start},{}", answer(Some(&stranger))));
            }
        }
    }
    rows
}
