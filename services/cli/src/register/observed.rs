//! What was observed: agreements never used, fields shared and never read, agreements near their end.

use walbrook_auditor::dry_run::forecast::fields;

use super::facts::{Entry, Facts};
use super::sheet::{Layout, Sheet};
use super::words;

const NEVER_USED: &str = "Agreements never used";
const NEVER_READ: &str = "Fields shared and never read";
const NEAR_END: &str = "Agreements near their end or review";

/// The findings.
pub(super) fn sheet(facts: &Facts) -> Sheet {
    let mut rows = Vec::new();
    for entry in facts.current() {
        rows.extend(never_used(entry));
    }
    for entry in facts.current() {
        rows.extend(never_read(entry));
    }
    for entry in &facts.entries {
        rows.extend(near_end(facts, entry));
    }
    Sheet {
        title: "What was observed",
        preface: format!(
            "Up to {}, from the decision pages (what was released) and the reads on record (what was shown). A field counts as read when a view that was answered looks at it.",
            words::day(facts.today)
        ),
        columns: vec!["finding", "agreement", "what", "since-or-on", "suggestion"],
        layout: Layout::Tables,
        rows,
    }
}

fn row(finding: &str, entry: &Entry, what: String, when: String, suggestion: &str) -> Vec<String> {
    vec![
        finding.to_owned(),
        entry.agreement().id.to_string(),
        what,
        when,
        suggestion.to_owned(),
    ]
}

/// In force, and nothing was ever released, or nobody was ever shown anything.
fn never_used(entry: &Entry) -> Option<Vec<String>> {
    use walbrook_policy::agreement::Kind;
    let agreement = entry.agreement();
    let since = format!(
        "in force for {} since {} at the earliest",
        parties(entry.in_force.len()),
        words::day(agreement.period.effective)
    );
    if matches!(agreement.kind, Kind::Matching { .. }) || agreement.flows.is_empty() {
        return None;
    }
    if entry.used.releases == 0 {
        let what = "nothing was ever released under it".to_owned();
        let suggestion = "ask the parties whether they still need it, or whether a condition never holds (`walbrook agreement dry-run` says why events are withheld)";
        return Some(row(NEVER_USED, entry, what, since, suggestion));
    }
    if entry.used.reads == 0 && !agreement.readers.is_empty() {
        let what = format!(
            "{} released, none ever shown to a reader",
            events(entry.used.releases)
        );
        let last = entry
            .used
            .last_released
            .map_or(since, |day| format!("last released {}", words::day(day)));
        return Some(row(
            NEVER_USED,
            entry,
            what,
            last,
            "data that nobody looks at should not be shared: ask the readers",
        ));
    }
    None
}

/// Fields that were released and that no answered view looks at.
fn never_read(entry: &Entry) -> Vec<Vec<String>> {
    // Under an agreement that nobody read at all every field would stand here: that is said once, above.
    let Some(last_read) = entry.used.last_read else {
        return Vec::new();
    };
    let when = format!("read under it last on {}", words::day(last_read));
    entry
        .used
        .never_read()
        .into_iter()
        .map(|(event_type, mask)| {
            let what = format!("{event_type}: {}", fields(&event_type, mask).join(", "));
            row(
                NEVER_READ,
                entry,
                what,
                when.clone(),
                "take them out of the next version, or say in the view file what they are for",
            )
        })
        .collect()
}

fn near_end(facts: &Facts, entry: &Entry) -> Vec<Vec<String>> {
    let agreement = entry.agreement();
    let (review, expiry) = (agreement.period.review, agreement.period.expiry);
    let left = |day: walbrook_domain::Day| day.0 - facts.today.0;
    let mut rows = Vec::new();
    let mut add = |what: String, day, suggestion| {
        rows.push(row(NEAR_END, entry, what, words::day(day), suggestion));
    };
    if (0..=facts.soon_days).contains(&left(expiry)) {
        add(
            format!("ends in {}", days(left(expiry))),
            expiry,
            "agree on the next version, or let it end: everything under it then leaves every view",
        );
    } else if (-facts.soon_days..0).contains(&left(expiry)) {
        add(
            format!("ended {} ago", days(-left(expiry))),
            expiry,
            "nothing is shared or shown under it any more",
        );
    }
    if left(expiry) >= 0 && entry.is_in_force() {
        if (0..=facts.soon_days).contains(&left(review)) {
            add(
                format!("review due in {}", days(left(review))),
                review,
                "the parties look at it and record what they decide",
            );
        } else if left(review) < 0 {
            add(
                format!("review overdue by {}", days(-left(review))),
                review,
                "the parties look at it and record what they decide",
            );
        }
    }
    rows
}

fn days(count: i32) -> String {
    match count {
        1 => "1 day".to_owned(),
        many => format!("{many} days"),
    }
}

fn events(count: u64) -> String {
    match count {
        1 => "1 event".to_owned(),
        many => format!("{many} events"),
    }
}

fn parties(count: usize) -> String {
    match count {
        1 => "1 party".to_owned(),
        many => format!("{many} parties"),
    }
}
