//! What waits and what speaks for and against it, as tables, as JSON and as a drawing.

use std::fmt::Write as _;

use comfy_table::Table;
use serde_json::{Value, json};
use walbrook_domain::Instant;
use walbrook_matching::{Field, Step, Waterfall};
use walbrook_proto::identity::v1::{Evidence, ExplainReviewResponse, ReviewItem, ReviewPair};

use crate::table::{numbers, ruled, table};

/// The pairs as a table; a blind one has no column that would sway whoever decides.
pub(super) fn list(items: &[ReviewItem], waiting: i64, blind: bool) -> String {
    if items.is_empty() {
        return if waiting == 0 {
            "nothing to review: no pair waits\n".to_owned()
        } else {
            format!("nothing to review among what was asked for; {waiting} pairs wait in all\n")
        };
    }
    let rows = if blind {
        blind_rows(items)
    } else {
        open_rows(items)
    };
    let wait = if waiting == 1 {
        "pair that waits"
    } else {
        "pairs that wait"
    };
    format!("{rows}\n{} of {waiting} {wait}\n", items.len())
}

/// The two records of a pair stand below each other: beside each other they need a very wide terminal.
fn open_rows(items: &[ReviewItem]) -> Table {
    let mut rows = ruled([
        "record and candidate",
        "held by",
        "outcome",
        "score",
        "found by",
        "waiting since",
    ]);
    numbers(&mut rows, 3..4);
    for item in items {
        let (handles, held_by) = pair(item);
        rows.add_row([
            handles,
            held_by,
            item.status.clone(),
            score(item),
            item.strategy.clone(),
            minute(item),
        ]);
    }
    rows
}

fn blind_rows(items: &[ReviewItem]) -> Table {
    let mut rows = ruled(["record and candidate", "held by", "waiting since"]);
    for item in items {
        let (handles, held_by) = pair(item);
        rows.add_row([handles, held_by, minute(item)]);
    }
    rows
}

fn pair(item: &ReviewItem) -> (String, String) {
    let (record, candidate) = handles(item.pair.as_ref());
    (
        format!("{record}\n{candidate}"),
        format!(
            "{}\n{}",
            item.record_organisation, item.candidate_organisation
        ),
    )
}

/// The same as JSON.
pub(super) fn list_json(items: &[ReviewItem], waiting: i64) -> Value {
    let items: Vec<Value> = items.iter().map(item_json).collect();
    json!({"waiting": waiting, "items": items})
}

/// The evidence as a table: weights in bits, one bit doubles the odds. A blind one shows what the two say and how alike that is, and nothing more.
pub(super) fn explained(answer: &ExplainReviewResponse, blind: bool) -> String {
    let mut text = String::new();
    if let Some(item) = &answer.item {
        let (record, candidate) = handles(item.pair.as_ref());
        let _ = writeln!(
            text,
            "record         {record}, held by {}\ncandidate      {candidate}, held by {}",
            item.record_organisation, item.candidate_organisation
        );
        if !blind {
            let _ = writeln!(
                text,
                "outcome        {} ({}found by {})\nbecause        {}",
                item.status,
                modelled(item).map_or_else(String::new, |score| format!("score {score}, ")),
                item.strategy,
                because(item)
            );
        }
        let _ = writeln!(text, "waiting since  {}", since(item));
    }
    let rows = if blind { said(answer) } else { weighed(answer) };
    let _ = writeln!(text, "{rows}");
    if !blind {
        text.push_str(
            "Each bit doubles the odds that the two are one person, each bit below nought halves them.\n",
        );
    }
    if !answer.obstacle.is_empty() {
        let _ = writeln!(
            text,
            "The rules may not join the two whatever the score: {}.",
            answer.obstacle
        );
    }
    text
}

fn said(answer: &ExplainReviewResponse) -> Table {
    let mut rows = table(["field", "how they compare", "record", "candidate"]);
    let stated = |evidence: &&Evidence| !is_relatives(evidence);
    for evidence in answer.evidence.iter().filter(stated) {
        rows.add_row([
            title(&evidence.field),
            evidence.level.clone(),
            evidence.record_value.clone(),
            evidence.candidate_value.clone(),
        ]);
    }
    rows
}

fn weighed(answer: &ExplainReviewResponse) -> Table {
    let mut rows = table([
        "field",
        "how they compare",
        "record",
        "candidate",
        "bits",
        "of which rarity",
    ]);
    numbers(&mut rows, 4..6);
    let alone = |what: &str, millibits| [what, "", "", "", &bits(millibits), ""].map(str::to_owned);
    rows.add_row(alone("before any field", answer.prior_millibits));
    let mut sum = answer.prior_millibits;
    for evidence in &answer.evidence {
        sum = sum.saturating_add(evidence.weight_millibits);
        if is_relatives(evidence) {
            rows.add_row(alone(&title(&evidence.field), evidence.weight_millibits));
            continue;
        }
        // What the model does not weigh, or cannot, has no number: a nought would look like one.
        let number = |millibits, other: i32| match (millibits, other) {
            (0, 0) => String::new(),
            _ => bits(millibits),
        };
        rows.add_row([
            title(&evidence.field),
            evidence.level.clone(),
            evidence.record_value.clone(),
            evidence.candidate_value.clone(),
            number(evidence.weight_millibits, evidence.rarity_millibits),
            number(evidence.rarity_millibits, 0),
        ]);
    }
    if !answer.evidence.is_empty() {
        rows.add_row(alone("together", sum));
    }
    rows
}

/// That relatives look alike too is weighed against the score, and is no field of a record.
fn is_relatives(evidence: &Evidence) -> bool {
    Field::read(&evidence.field) == Some(Field::Relatives)
}

/// A field's name for people.
fn title(field: &str) -> String {
    match field {
        "nhs_number" => "NHS number".to_owned(),
        "upn" => "UPN".to_owned(),
        "uprn" => "UPRN".to_owned(),
        "la_child_id" => "child's own number".to_owned(),
        word => Field::read(word)
            .map_or_else(|| word.replace('_', " "), |field| field.title().to_owned()),
    }
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

fn score(item: &ReviewItem) -> String {
    modelled(item).unwrap_or_else(|| "—".to_owned())
}

/// A model's score. Numbers that agree, and what people ask for, have none that says how sure it is.
fn modelled(item: &ReviewItem) -> Option<String> {
    let score = f64::from(item.score_ten_thousandths) / 10_000.0;
    let modelled = item.strategy.contains('/');
    modelled.then(|| format!("{score:.4}"))
}

/// Why a pair waits for a person.
fn because(item: &ReviewItem) -> &'static str {
    if item.strategy.starts_with("manual") && item.status != "DISPUTED" {
        return "an operator asked to merge the two, and was refused";
    }
    match item.status.as_str() {
        "POTENTIAL_MATCH" => "much alike, but not so sure that nobody need look",
        "LOW_CONFIDENCE_MATCH" => "alike, but two people may well be so",
        "MANY_MATCH" => "it is like several persons who cannot all be one",
        "CONTRADICTED" => {
            "a number or the rest agrees, but given and family names are both far apart"
        }
        "BIRTHS_FAR" => "a number or the rest agrees, but the dates of birth are far apart",
        "DISPUTED" => {
            "the two are linked, and a reader who was shown their row says that one is of somebody else"
        }
        "TWO_NHS_NUMBERS" => "one person would have two different verified NHS numbers",
        "FULL" => "one person would have more records than it may have",
        _ => "somebody has to look",
    }
}

fn bits(millibits: i32) -> String {
    format!("{:+.2}", f64::from(millibits) / 1_000.0)
}

fn since(item: &ReviewItem) -> String {
    let at = item.waiting_since.as_ref();
    let at = at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
    at.map_or_else(String::new, |at| at.rfc3339())
}

/// The same to the minute: nobody waits by the microsecond.
fn minute(item: &ReviewItem) -> String {
    let at = since(item);
    at.get(..16).map_or(String::new(), |at| format!("{at}Z"))
}

#[cfg(test)]
mod tests;
