//! Quarantined records as people read them.

use std::fmt::Write as _;

use walbrook_proto::common::v1::Receipt;
use walbrook_proto::quarantine::v1::QuarantinedEvent;

use crate::table::table;
use crate::view::words;

/// The list with a line about the whole.
pub(super) fn list(
    events: &[QuarantinedEvent],
    organisation: &str,
    (open, total, left_off): (i64, i64, i64),
) -> String {
    let of = if organisation == "WALBROOK:local" {
        "that names no organisation".to_owned()
    } else {
        format!("of {}", words::organisation(organisation))
    };
    if events.is_empty() {
        return match total {
            0 => format!("Nothing {of} stands in quarantine.\n"),
            _ => format!(
                "Nothing {of} is left to send again; {total} in all were (--all shows them).\n"
            ),
        };
    }
    let mut rows = table([
        "Record",
        "Quarantined",
        "Rule",
        "Event",
        "Event id",
        "State",
    ]);
    for event in events {
        rows.add_row([
            event.id.clone(),
            words::instant(event.quarantined_at.as_ref()),
            event.rule_id.clone(),
            event
                .event_type
                .clone()
                .unwrap_or_else(|| "not readable".to_owned()),
            event
                .event_id
                .clone()
                .unwrap_or_else(|| "not readable".to_owned()),
            event
                .corrected
                .as_ref()
                .map_or_else(|| "open".to_owned(), |_| "resubmitted".to_owned()),
        ]);
    }
    let mut out = format!("{rows}\n{open} open of {total} {of}");
    if left_off > 0 {
        let _ = write!(out, "; {left_off} older ones stand on the log alone");
    }
    out.push_str(
        ".\n`walbrook quarantine explain RECORD` says what is wrong with one and how to put it right.\n",
    );
    out
}

fn facts(event: &QuarantinedEvent) -> Vec<(&'static str, String)> {
    let unreadable = || "not readable from its headers".to_owned();
    let mut facts = vec![
        ("record", format!("{} (topic, partition, offset)", event.id)),
        (
            "organisation",
            match event.organisation.as_str() {
                "" => "none that its headers name".to_owned(),
                one => format!("{} ({one})", words::organisation(one)),
            },
        ),
        ("event", event.event_type.clone().unwrap_or_else(unreadable)),
        (
            "event id",
            event.event_id.clone().unwrap_or_else(unreadable),
        ),
        ("rule", event.rule_id.clone()),
        ("quarantined", words::instant(event.quarantined_at.as_ref())),
        ("length", format!("{} bytes", event.value_length)),
        ("sha-256", event.value_sha256_hex.clone()),
    ];
    facts.push((
        "state",
        match &event.corrected {
            None => "open: never decided, shared with nobody".to_owned(),
            Some(corrected) => format!(
                "resubmitted: {} stands at {}, said by {} on {}",
                corrected.event_id,
                corrected.id,
                corrected.by,
                words::instant(corrected.recorded_at.as_ref())
            ),
        },
    ));
    facts
}

/// The facts, one a line.
pub(super) fn show(event: &QuarantinedEvent) -> String {
    let facts = facts(event);
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, value) in facts {
        let _ = writeln!(out, "{name:width$}  {value}");
    }
    out
}

/// What is wrong and what to do.
pub(super) fn explain(event: &QuarantinedEvent) -> String {
    let mut out = format!("{}: {}\n\n{}\n", event.id, event.rule_id, event.sentence);
    let _ = writeln!(
        out,
        "It was never decided and reached nobody. Its content is not repeated here: find it in your own system by {}.",
        match (&event.event_id, event.value_length) {
            (Some(id), _) => format!("its id, {id}"),
            (None, length) => format!(
                "when it was sent, its length ({length} bytes) and its SHA-256 ({})",
                event.value_sha256_hex
            ),
        }
    );
    let _ = writeln!(out, "\nTo put it right\n  {}", event.fix);
    match &event.corrected {
        Some(corrected) => {
            let _ = writeln!(
                out,
                "\nThis was done: the corrected event stands at {}.",
                corrected.id
            );
        }
        None => {
            let _ = writeln!(
                out,
                "  Then: walbrook quarantine resubmit {} FILE (the corrected event as JSON{})",
                event.id,
                match &event.event_id {
                    Some(_) => "; it keeps its id",
                    None => "",
                }
            );
        }
    }
    let _ = writeln!(out, "\nIf that does not help, ask {}.", event.ask);
    out
}

/// What became of a resubmission.
pub(super) fn resubmitted(event: &QuarantinedEvent, receipt: &Receipt) -> String {
    let mut out = format!(
        "{} was sent again as {}: accepted at {} ({}).\n",
        event.id,
        receipt.event_id,
        receipt.receipt_id,
        words::instant(receipt.accepted_at.as_ref())
    );
    for query in &receipt.queries {
        let _ = writeln!(
            out,
            "  to look at: {} ({}: {})",
            query.message, query.field, query.rule_id
        );
    }
    out
}

/// As JSON.
pub(super) fn json(event: &QuarantinedEvent) -> serde_json::Value {
    serde_json::json!({
        "id": event.id,
        "topic": event.raw_topic,
        "partition": event.partition,
        "offset": event.offset,
        "organisation": event.organisation,
        "rule": event.rule_id,
        "sentence": event.sentence,
        "fix": event.fix,
        "ask": event.ask,
        "value_length": event.value_length,
        "value_sha256": event.value_sha256_hex,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "quarantined_at": event.quarantined_at.as_ref().map(rfc3339),
        "corrected": event.corrected.as_ref().map(|corrected| serde_json::json!({
            "id": corrected.id,
            "event_id": corrected.event_id,
            "by": corrected.by,
            "recorded_at": corrected.recorded_at.as_ref().map(rfc3339),
        })),
    })
}

fn rfc3339(at: &prost_types::Timestamp) -> Option<String> {
    walbrook_domain::Instant::from_seconds_nanos(at.seconds, at.nanos).map(|at| at.rfc3339())
}
