//! Records of the core as the messages that stand on topics, and back.

use super::demographics::{Stated, Strategy};
use super::holds::Approval;
use super::index::Index;
use super::record::{Found, Join, PersonRecord, Token, Undone};
use super::review::{Candidate, Decision, ReviewAct};
use super::said::Said;
use std::collections::BTreeSet;
use std::sync::Arc;
use walbrook_domain::{Day, Handle, Instant, LinkStatus, PersonId};
use walbrook_proto::common::v1::Date;
use walbrook_proto::identity::v1 as proto;

/// A record of `identity.records` that cannot be read. Names the field, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}` of an identity record cannot be read: {problem}")]
pub struct WireError {
    /// The field.
    pub field: &'static str,
    /// What is wrong.
    pub problem: String,
}

fn wrong(field: &'static str, problem: impl ToString) -> WireError {
    WireError {
        field,
        problem: problem.to_string(),
    }
}

/// Demographics from a message.
///
/// # Errors
/// When the birth date does not exist.
pub fn stated(message: proto::Demographics) -> Result<Stated, WireError> {
    let birth_date = message
        .birth_date
        .map(|date| {
            Day::from_ymd(date.year, date.month, date.day)
                .filter(|_| date.exists())
                .ok_or_else(|| wrong("demographics.birth_date", "no such date"))
        })
        .transpose()?;
    Ok(Stated {
        given_name: message.given_name,
        family_name: message.family_name,
        birth_date,
        postcode: message.postcode,
        nhs_number: message.nhs_number,
        upn: message.upn,
        la_child_id: message.la_child_id,
        email: message.email,
        town: message.town,
        uprn: message.uprn,
        restricted: message.restricted,
    })
}

fn demographics(stated: Stated) -> proto::Demographics {
    proto::Demographics {
        given_name: stated.given_name,
        family_name: stated.family_name,
        birth_date: stated.birth_date.map(date),
        postcode: stated.postcode,
        nhs_number: stated.nhs_number,
        upn: stated.upn,
        restricted: stated.restricted,
        la_child_id: stated.la_child_id,
        email: stated.email,
        town: stated.town,
        uprn: stated.uprn,
    }
}

fn date(day: Day) -> Date {
    let (year, month, day) = day.ymd();
    Date { year, month, day }
}

/// An instant as a message.
pub fn timestamp(at: Instant) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.0.div_euclid(1_000_000),
        nanos: i32::try_from(at.0.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    }
}

fn instant(field: &'static str, at: Option<prost_types::Timestamp>) -> Result<Instant, WireError> {
    at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos))
        .ok_or_else(|| wrong(field, "missing or out of range"))
}

/// The message of `identity.records`.
pub fn identity_record(record: &PersonRecord) -> proto::IdentityRecord {
    proto::IdentityRecord {
        token: record.token.0.to_vec(),
        handle: record.handle.as_bytes().to_vec(),
        organisation: record.organisation.to_string(),
        agency: (*record.agency).to_owned(),
        id_scheme: (*record.id_scheme).to_owned(),
        demographics: record.said.stated().map(demographics),
        sequence: record.sequence,
        own_person: record.own_person.as_bytes().to_vec(),
        person: record.person.as_bytes().to_vec(),
        joins: record.joins.iter().map(join_message).collect(),
        restrictions: record
            .restrictions
            .iter()
            .map(ToString::to_string)
            .collect(),
        adult_from: record.adult_from.map(date),
        revision: record.revision,
        search: record.found.as_str().to_owned(),
        first_seen_at: Some(timestamp(record.first_seen_at)),
        recorded_at: Some(timestamp(record.recorded_at)),
        candidates: record.candidates.iter().map(candidate_message).collect(),
        acts: record.acts.iter().map(act_message).collect(),
        accepted_at: record.accepted_at.map(timestamp),
        approvals: record.approvals.iter().map(approval_message).collect(),
    }
}

/// The word of a rule, with its model where it has one: `fellegi-sunter@1/uk-demographics@1`.
pub fn strategy_word(strategy: Strategy, model: Option<&str>) -> String {
    match model {
        Some(model) => format!("{}/{model}", strategy.as_str()),
        None => strategy.as_str().to_owned(),
    }
}

fn strategy(field: &'static str, word: &str) -> Result<(Strategy, Option<Arc<str>>), WireError> {
    let (rule, model) = match word.split_once('/') {
        Some((rule, model)) => (rule, Some(model.into())),
        None => (word, None),
    };
    let strategy = Strategy::read(rule).ok_or_else(|| wrong(field, "unknown word"))?;
    Ok((strategy, model))
}

fn candidate_message(candidate: &Candidate) -> proto::Candidate {
    proto::Candidate {
        handle: candidate.other.as_bytes().to_vec(),
        status: candidate.found.as_str().to_owned(),
        score_ten_thousandths: candidate.score,
        strategy: strategy_word(candidate.strategy, candidate.model.as_deref()),
        since: Some(timestamp(candidate.since)),
    }
}

fn candidate(message: proto::Candidate) -> Result<Candidate, WireError> {
    let (strategy, model) = strategy("candidates.strategy", &message.strategy)?;
    Ok(Candidate {
        other: Handle::try_from(&*message.handle).map_err(|e| wrong("candidates.handle", e))?,
        found: Found::read(&message.status)
            .ok_or_else(|| wrong("candidates.status", "unknown word"))?,
        score: message.score_ten_thousandths,
        strategy,
        model,
        since: instant("candidates.since", message.since)?,
    })
}

fn act_message(act: &ReviewAct) -> proto::ReviewAct {
    proto::ReviewAct {
        other: act.other.as_bytes().to_vec(),
        decision: act.decision.as_str().to_owned(),
        reason: act.reason.clone(),
        by: act.by.clone(),
        blind: act.blind,
        at: Some(timestamp(act.at)),
    }
}

fn act(message: proto::ReviewAct) -> Result<ReviewAct, WireError> {
    Ok(ReviewAct {
        other: Handle::try_from(&*message.other).map_err(|e| wrong("acts.other", e))?,
        decision: Decision::read(&message.decision)
            .ok_or_else(|| wrong("acts.decision", "unknown word"))?,
        reason: message.reason,
        by: message.by,
        blind: message.blind,
        at: instant("acts.at", message.at)?,
    })
}

fn approval_message(approval: &Approval) -> proto::LookupApproval {
    proto::LookupApproval {
        reader: approval.reader.clone(),
        approved_by: approval.approved_by.clone(),
        reason: approval.reason.clone(),
        at: Some(timestamp(approval.at)),
        expires_on: Some(date(approval.expires_on)),
    }
}

fn approval(message: proto::LookupApproval) -> Result<Approval, WireError> {
    let expires_on = message.expires_on;
    let expires_on = expires_on.and_then(|date| Day::from_ymd(date.year, date.month, date.day));
    Ok(Approval {
        reader: message.reader,
        approved_by: message.approved_by,
        reason: message.reason,
        at: instant("approvals.at", message.at)?,
        expires_on: expires_on.ok_or_else(|| wrong("approvals.expires_on", "no such date"))?,
    })
}

fn join_message(join: &Join) -> proto::Join {
    let undone = join.undone.as_ref();
    proto::Join {
        sequence: join.sequence,
        survivor: join.survivor.as_bytes().to_vec(),
        strategy: strategy_word(join.strategy, join.model.as_deref()),
        score_ten_thousandths: join.score,
        decided_by: join.decided_by.clone(),
        reason: join.reason.clone(),
        made_at: Some(timestamp(join.made_at)),
        undone_reason: undone
            .map(|undone| undone.reason.clone())
            .unwrap_or_default(),
        undone_by: undone.map(|undone| undone.by.clone()).unwrap_or_default(),
        undone_at: undone.map(|undone| timestamp(undone.at)),
    }
}

/// The record of a message of `identity.records`.
///
/// # Errors
/// When a field is not of its form.
pub fn person_record(message: proto::IdentityRecord) -> Result<PersonRecord, WireError> {
    let stated = message.demographics.map(stated).transpose()?;
    let restrictions = message.restrictions.iter().map(|word| word.parse());
    let adult_from = message.adult_from.map(|date| {
        Day::from_ymd(date.year, date.month, date.day)
            .ok_or_else(|| wrong("adult_from", "no such date"))
    });
    Ok(PersonRecord {
        token: token(&message.token)?,
        handle: Handle::try_from(&*message.handle).map_err(|e| wrong("handle", e))?,
        organisation: message
            .organisation
            .parse()
            .map_err(|e| wrong("organisation", e))?,
        agency: message.agency.into(),
        id_scheme: message.id_scheme.into(),
        said: stated.as_ref().map(Said::of).unwrap_or_default(),
        sequence: message.sequence,
        own_person: PersonId::try_from(&*message.own_person).map_err(|e| wrong("own_person", e))?,
        person: PersonId::try_from(&*message.person).map_err(|e| wrong("person", e))?,
        joins: message
            .joins
            .into_iter()
            .map(join)
            .collect::<Result<_, _>>()?,
        restrictions: restrictions
            .collect::<Result<_, _>>()
            .map_err(|e| wrong("restrictions", e))?,
        adult_from: adult_from.transpose()?,
        revision: message.revision,
        candidates: all(message.candidates, candidate)?,
        acts: all(message.acts, act)?,
        accepted_at: message
            .accepted_at
            .map(|at| instant("accepted_at", Some(at)))
            .transpose()?,
        approvals: all(message.approvals, approval)?,
        found: Found::read(&message.search).ok_or_else(|| wrong("search", "unknown word"))?,
        first_seen_at: instant("first_seen_at", message.first_seen_at)?,
        recorded_at: instant("recorded_at", message.recorded_at)?,
    })
}

fn all<A, B>(
    messages: Vec<A>,
    read: impl Fn(A) -> Result<B, WireError>,
) -> Result<Vec<B>, WireError> {
    messages.into_iter().map(read).collect()
}

/// A lookup token.
///
/// # Errors
/// When it has not 32 bytes.
pub fn token(bytes: &[u8]) -> Result<Token, WireError> {
    <[u8; 32]>::try_from(bytes)
        .map(Token)
        .map_err(|_| wrong("token", format!("expected 32 bytes, found {}", bytes.len())))
}

fn join(message: proto::Join) -> Result<Join, WireError> {
    let undone = message
        .undone_at
        .map(|at| instant("joins.undone_at", Some(at)))
        .transpose()?
        .map(|at| Undone {
            reason: message.undone_reason,
            by: message.undone_by,
            at,
        });
    let (strategy, model) = strategy("joins.strategy", &message.strategy)?;
    Ok(Join {
        sequence: message.sequence,
        survivor: Handle::try_from(&*message.survivor).map_err(|e| wrong("joins.survivor", e))?,
        strategy,
        model,
        score: message.score_ten_thousandths,
        decided_by: message.decided_by,
        reason: message.reason,
        made_at: instant("joins.made_at", message.made_at)?,
        undone,
    })
}

/// The link record of a handle as the index has it; `None` for an unknown handle.
pub fn link_record(index: &Index, handle: Handle) -> Option<proto::LinkRecord> {
    let record = index.record(handle)?;
    let members: Vec<_> = index.members(record.person).cloned().collect();
    Some(link_of(record, &members))
}

/// The link record of a record whose person has these members, in order of their handles.
pub fn link_of(record: &PersonRecord, members: &[Arc<PersonRecord>]) -> proto::LinkRecord {
    let retired: BTreeSet<PersonId> = members
        .iter()
        .map(|member| member.own_person)
        .filter(|person| *person != record.person)
        .collect();
    let restrictions: BTreeSet<_> = members
        .iter()
        .flat_map(|member| &member.restrictions)
        .collect();
    // One member carries what only counts up.
    let revision = members.iter().map(|member| member.revision).max();
    let recorded_at = members.iter().map(|member| member.recorded_at).max();
    let (strategy, score) = record.last_join().map_or_else(
        || (Strategy::Own.as_str().to_owned(), Strategy::Own.score()),
        |join| {
            (
                strategy_word(join.strategy, join.model.as_deref()),
                join.score,
            )
        },
    );
    proto::LinkRecord {
        handle: record.handle.as_bytes().to_vec(),
        organisation: record.organisation.to_string(),
        person: record.person.as_bytes().to_vec(),
        retired_persons: retired
            .iter()
            .map(|person| person.as_bytes().to_vec())
            .collect(),
        // Only a Match makes a join, and a record is surely of the person it is by itself.
        status: LinkStatus::Match.to_string(),
        score_ten_thousandths: score,
        strategy,
        restrictions: restrictions.iter().map(ToString::to_string).collect(),
        adult_from: record.adult_from.map(date),
        members: members
            .iter()
            .map(|member| proto::LinkMember {
                handle: member.handle.as_bytes().to_vec(),
                organisation: member.organisation.to_string(),
            })
            .collect(),
        revision: revision.unwrap_or(record.revision),
        recorded_at: Some(timestamp(recorded_at.unwrap_or(record.recorded_at))),
    }
}
