//! The account in print.

use super::ImportFlags;
use super::account::{Counts, Summary};
use crate::Failure;
use crate::table::{numbers, table};

/// What was done with the rows, by table; and each rule that was broken, with its sentence.
pub(super) fn print(source: &str, summary: &Summary, flags: &ImportFlags) -> Result<(), Failure> {
    if flags.json {
        println!("{}", json(source, summary, flags));
        return Ok(());
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
    println!("{rows}");
    if !summary.rules.is_empty() {
        let mut rules = table(["table", "severity", "rule", "times", "what it says"]);
        for ((table, severity, rule), broken) in &summary.rules {
            rules.add_row([
                (*table).to_owned(),
                severity.word().to_owned(),
                rule.clone(),
                broken.count.to_string(),
                broken.sentence.clone(),
            ]);
        }
        numbers(&mut rules, 3..4);
        println!("{rules}");
    }
    println!(
        "{} accepted + {} queried + {} refused + {} not mapped = {} rows read; refused and queried rows are in {}",
        total.accepted,
        total.queried,
        total.refused,
        total.not_mapped,
        total.read,
        flags.rejects.display()
    );
    Ok(())
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
