//! The corrected event: read from protobuf's JSON form, sent through its agency's gateway.

use std::io::Read as _;
use std::path::Path;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use walbrook_proto::common::v1::event_outcome::Outcome;
use walbrook_proto::common::v1::{EventHead, Receipt};
use walbrook_proto::quarantine::v1::QuarantinedEvent;
use walbrook_proto::{city, health, housing, police, social_care, tfl};

use crate::caller::CallerArgs;
use crate::publish::{Body, Outgoing, publish};
use crate::{Exit, Failure};

/// Reads the corrected event of a quarantined record. It keeps the id where one is known; left out, it is filled in.
///
/// # Errors
/// When the file is no event of the agency, or is another event.
pub(super) fn read(path: &Path, quarantined: &QuarantinedEvent) -> Result<Outgoing, Failure> {
    let text = text(path)?;
    of_json(&text, quarantined)
        .map_err(|problem| Failure::new(Exit::Input, format!("{}: {problem}", path.display())))
}

fn text(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    read.map_err(|error| {
        Failure::new(
            Exit::Input,
            format!("{} cannot be read: {error}", path.display()),
        )
    })?;
    Ok(text)
}

pub(super) fn of_json(text: &str, quarantined: &QuarantinedEvent) -> Result<Outgoing, String> {
    let agency = quarantined
        .raw_topic
        .strip_prefix("raw.")
        .unwrap_or(&quarantined.raw_topic);
    let name = format!("walbrook.{}.v1.Event", agency.replace('-', "_"));
    let pool = DescriptorPool::decode(walbrook_proto::FILE_DESCRIPTOR_SET)
        .map_err(|error| error.to_string())?;
    let message = pool
        .get_message_by_name(&name)
        .ok_or_else(|| format!("there is no agency {agency}"))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let event = DynamicMessage::deserialize(message, &mut json)
        .and_then(|event| json.end().map(|()| event))
        .map_err(|error| format!("no {name}: {error}"))?;
    let (head, body) = typed(agency, &event.encode_to_vec())?;
    let mut head = head.unwrap_or_default();
    match &quarantined.event_id {
        Some(id) if head.event_id.is_empty() => head.event_id.clone_from(id),
        Some(id) if *id != head.event_id => {
            return Err(format!(
                "head.eventId is {}, and the quarantined event is {id}: a corrected event keeps its id",
                head.event_id
            ));
        }
        None if head.event_id.is_empty() => {
            return Err(
                "head.eventId is missing: the quarantined record's headers do not say it"
                    .to_owned(),
            );
        }
        _ => {}
    }
    Ok(Outgoing {
        organisation: quarantined.organisation.clone(),
        head,
        body: body.ok_or("it has no body: name one of the agency's events")?,
    })
}

/// Six generated messages of one shape have no common trait; this is the one place that takes them apart.
fn typed(agency: &str, bytes: &[u8]) -> Result<(Option<EventHead>, Option<Body>), String> {
    let fault = |error: prost::DecodeError| error.to_string();
    Ok(match agency {
        "police" => {
            let event = police::v1::Event::decode(bytes).map_err(fault)?;
            (event.head, event.body.map(Body::Police))
        }
        "health" => {
            let event = health::v1::Event::decode(bytes).map_err(fault)?;
            (event.head, event.body.map(Body::Health))
        }
        "housing" => {
            let event = housing::v1::Event::decode(bytes).map_err(fault)?;
            (event.head, event.body.map(Body::Housing))
        }
        "city" => {
            let event = city::v1::Event::decode(bytes).map_err(fault)?;
            (event.head, event.body.map(Body::City))
        }
        "tfl" => {
            let event = tfl::v1::Event::decode(bytes).map_err(fault)?;
            (event.head, event.body.map(Body::Tfl))
        }
        _ => {
            let event = social_care::v1::Event::decode(bytes).map_err(fault)?;
            (event.head, event.body.map(Body::SocialCare))
        }
    })
}

/// Sends it and returns its receipt.
///
/// # Errors
/// When the gateway does not answer or refuses it, with every fault.
pub(super) async fn send(caller: &CallerArgs, event: Outgoing) -> Result<Receipt, Failure> {
    let outcomes = publish(caller, vec![event], &indicatif::ProgressBar::hidden()).await?;
    match outcomes.into_iter().next().and_then(|one| one.outcome) {
        Some(Outcome::Receipt(receipt)) => Ok(receipt),
        Some(Outcome::Refusal(refusal)) => {
            let mut text = "the gateway refuses the corrected event:".to_owned();
            for fault in refusal.violations {
                text.push_str(&format!(
                    "\n  {}: {} ({})",
                    fault.field, fault.description, fault.rule_id
                ));
            }
            Err(Failure::new(Exit::Refused, text))
        }
        None => Err(Failure::new(
            Exit::Unavailable,
            "the gateway gave no answer; send it again, the same id counts once",
        )),
    }
}

#[cfg(test)]
mod tests;
