//! The account in print.

use super::ImportFlags;
use std::collections::{BTreeMap, BTreeSet};

use super::account::{Counts, Summary};
use crate::table::{self, numbers, table};

/// What was done with the rows, by table; and each rule that was broken, with its sentence.
pub(super) fn print(source: &str, summary: &Summary, flags: &ImportFlags) {
    if flags.json {
        table::print(&format!("{}\n", json(source, summary, flags)));
        return;
    }
    let mut rows = table([
        "table",
        "read",
        "accepted",
        "queried",
        "refused",
        "not mapped",
    ]);
    for (table, counts) in &summary.tables {
        rows.add_row(cells(table, *counts));
    }
    let total = summary.total();
    rows.add_row(cells("all", total));
    numbers(&mut rows, 1..6);
    let mut text = format!("{rows}\n");
    add_rules(&mut text, summary);
    let rejects = flags.rejects.display();
    text.push_str(&format!(
        "{} accepted + {} queried + {} refused + {} not mapped = {} rows read; refused and queried rows are in {rejects}\n",
        total.accepted,
        total.queried,
        total.refused,
        total.not_mapped,
        total.read,
    ));
    table::print(&text);
}

/// How often each rule was broken in each table, and below what each says.
fn add_rules(text: &mut String, summary: &Summary) {
    if summary.rules.is_empty() {
        return;
    }
    let mut rules = table(["table", "severity", "rule", "times"]);
    let mut sentences = BTreeMap::new();
    for ((table, severity, rule), broken) in &summary.rules {
        rules.add_row([
            (*table).to_owned(),
            severity.word().to_owned(),
            rule.clone(),
            broken.count.to_string(),
        ]);
        let sentences: &mut BTreeSet<&str> = sentences.entry(rule).or_default();
        sentences.insert(&broken.sentence);
    }
    numbers(&mut rules, 3..4);
    text.push_str(&format!("{rules}\n"));
    for (rule, sentences) in sentences {
        for sentence in sentences {
            text.push_str(&format!("{rule}: {sentence}\n"));
        }
    }
}

fn json(source: &str, summary: &Summary, flags: &ImportFlags) -> serde_json::Value {
    let rules: Vec<_> = summary
        .rules
        .iter()
        .map(|((table, severity, rule), broken)| {
            serde_json::json!({
                "table": table,
                "severity": severity,
                "rule": rule,
                "count": broken.count,
                "sentence": broken.sentence,
            })
        })
        .collect();
    serde_json::json!({
        "source": source,
        "tables": summary.tables,
        "total": summary.total(),
        "rules": rules,
        "rejects": flags.rejects,
    })
}

fn cells(name: &str, counts: Counts) -> [String; 6] {
    let Counts {
        read,
        accepted,
        queried,
        refused,
        not_mapped,
    } = counts;
    let [read, accepted, queried, refused, not_mapped] =
        [read, accepted, queried, refused, not_mapped].map(|number| number.to_string());
    [
        name.to_owned(),
        read,
        accepted,
        queried,
        refused,
        not_mapped,
    ]
}
