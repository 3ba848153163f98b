//! What waits and what speaks for and against it, as tables, as JSON and as a drawing.

use std::fmt::Write as _;

use serde_json::{Value, json};
use walbrook_domain::Instant;
use walbrook_matching::{Field, Step, Waterfall};
use walbrook_proto::identity::v1::{ExplainReviewResponse, ReviewItem, ReviewPair};

use crate::table::{numbers, table};

/// The pairs as a table.
pub(super) fn list(items: &[ReviewItem], waiting: i64, blind: bool) -> String {
    if items.is_empty() {
        return format!("nothing to review ({waiting} pairs wait in all)\n");
    }
    let mut rows = table([
        "record",
        "candidate",
        "held by",
        "outcome",
        "score",
        "found by",
        "waiting since",
    ]);
    numbers(&mut rows, 4..5);
    for item in items {
        let (record, candidate) = handles(item.pair.as_ref());
        let held = format!(
            "{} and {}",
            item.record_organisation, item.candidate_organisation
        );
        let hidden = |text: String| if blind { "—".to_owned() } else { text };
        rows.add_row([
            record,
            candidate,
            held,
            hidden(item.status.clone()),
            hidden(score(item.score_ten_thousandths)),
            hidden(item.strategy.clone()),
            since(item),
        ]);
    }
    format!("{rows}\n{} of {waiting} pairs that wait\n", items.len())
}

/// The same as JSON.
pub(super) fn list_json(items: &[ReviewItem], waiting: i64) -> Value {
    let items: Vec<Value> = items.iter().map(item_json).collect();
    json!({"waiting": waiting, "items": items})
}

/// The evidence as a table: weights in bits, one bit doubles the odds.
pub(super) fn explained(answer: &ExplainReviewResponse, blind: bool) -> String {
    let mut text = String::new();
    if let Some(item) = &answer.item {
        let (record, candidate) = handles(item.pair.as_ref());
        let _ = writeln!(
            text,
            "record     {record}, held by {}\ncandidate  {candidate}, held by {}",
            item.record_organisation, item.candidate_organisation
        );
        if !blind {
            let _ = writeln!(
                text,
                "outcome    {} ({}, {})",
                item.status,
                score(item.score_ten_thousandths),
                item.strategy
            );
        }
        let _ = writeln!(text, "waiting since {}", since(item));
    }
    let mut rows = table([
        "field",
        "how they compare",
        "record",
        "candidate",
        "bits",
        "rarity",
    ]);
    numbers(&mut rows, 4..6);
    if !blind {
        rows.add_row([
            "before any field",
            "",
            "",
            "",
            &bits(answer.prior_millibits),
            "",
        ]);
    }
    let mut sum = answer.prior_millibits;
    for evidence in &answer.evidence {
        sum = sum.saturating_add(evidence.weight_millibits);
        let (weight, rarity) = if blind {
            ("—".to_owned(), "—".to_owned())
        } else {
            (
                bits(evidence.weight_millibits),
                bits(evidence.rarity_millibits),
            )
        };
        rows.add_row([
            &evidence.field,
            &evidence.level,
            &evidence.record_value,
            &evidence.candidate_value,
            &weight,
            &rarity,
        ]);
    }
    if !blind && !answer.evidence.is_empty() {
        rows.add_row(["together", "", "", "", &bits(sum), ""]);
    }
    let _ = writeln!(text, "{rows}");
    if !answer.obstacle.is_empty() {
        let _ = writeln!(
            text,
            "the rules may not join the two whatever the score: {}",
            answer.obstacle
        );
    }
    text
}

/// The same as JSON.
pub(super) fn explained_json(answer: &ExplainReviewResponse) -> Value {
    let evidence: Vec<Value> = answer
        .evidence
        .iter()
        .map(|evidence| {
            json!({
                "field": evidence.field,
                "level": evidence.level,
                "weight_millibits": evidence.weight_millibits,
                "rarity_millibits": evidence.rarity_millibits,
                "record": evidence.record_value,
                "candidate": evidence.candidate_value,
            })
        })
        .collect();
    json!({
        "item": answer.item.as_ref().map(item_json),
        "prior_millibits": answer.prior_millibits,
        "evidence": evidence,
        "obstacle": answer.obstacle,
    })
}

/// The weights as a waterfall; never what the records say.
pub(super) fn svg(answer: &ExplainReviewResponse) -> String {
    let steps = answer.evidence.iter().filter_map(|evidence| {
        let field = Field::read(&evidence.field)?;
        let word = evidence.level.replace(' ', "_");
        Some(Step {
            field,
            level: field.levels().iter().find(|level| **level == word).copied(),
            millibits: evidence.weight_millibits - evidence.rarity_millibits,
            rarity_millibits: evidence.rarity_millibits,
        })
    });
    let strategy = answer.item.as_ref().map(|item| item.strategy.as_str());
    let model = strategy.and_then(|word| word.split_once('/'));
    let model = model.map_or("", |(_, model)| model);
    Waterfall::of(model, answer.prior_millibits, steps.collect()).svg()
}

fn item_json(item: &ReviewItem) -> Value {
    let (record, candidate) = handles(item.pair.as_ref());
    json!({
        "record": record,
        "candidate": candidate,
        "record_organisation": item.record_organisation,
        "candidate_organisation": item.candidate_organisation,
        "status": item.status,
        "score_ten_thousandths": item.score_ten_thousandths,
        "strategy": item.strategy,
        "waiting_since": since(item),
    })
}

fn handles(pair: Option<&ReviewPair>) -> (String, String) {
    pair.map_or_else(Default::default, |pair| {
        (hex::encode(&pair.record), hex::encode(&pair.candidate))
    })
}

fn score(ten_thousandths: i32) -> String {
    format!("{:.4}", f64::from(ten_thousandths) / 10_000.0)
}

fn bits(millibits: i32) -> String {
    format!("{:+.2}", f64::from(millibits) / 1_000.0)
}

fn since(item: &ReviewItem) -> String {
    let at = item.waiting_since.as_ref();
    let at = at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
    at.map_or_else(String::new, |at| at.rfc3339())
}

#[cfg(test)]
mod tests;
