//! What a view keeps of the released records: contributions, subject facts, heartbeats.

use crate::canon::{CanonError, Reader, Writer};
use crate::value::Value;
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, EventType, HandlePseudonym, Instant, LinkStatus,
    Organisation, Precision, Pseudonym,
};

/// What makes a contribution one: a later release of the same key replaces it, wherever it stands in the partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContributionKey {
    /// The record it is from, under the purpose.
    pub handle: HandlePseudonym,
    /// The purpose-local event id.
    pub event: EventId,
    /// The agreement it was released under.
    pub agreement: AgreementId,
}

/// One event, released under one agreement: only the values that features need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// The person under the purpose.
    pub person: Pseudonym,
    /// Its identity.
    pub key: ContributionKey,
    /// The agreement's version at release.
    pub version: AgreementVersion,
    /// The organisation the event is from.
    pub source: Organisation,
    /// The event's type.
    pub event_type: EventType,
    /// When it happened, cut to `precision`.
    pub occurred_at: Instant,
    /// How finely the time stands here.
    pub precision: Precision,
    /// Last London day on which the release holds.
    pub not_after: Option<Day>,
    /// The day it was decided.
    pub released_on: Day,
    /// The purpose-local id of the event it corrects, of the same handle.
    pub supersedes: Option<EventId>,
    /// Values by the field's number in its schema, ascending; a field without a value is not listed.
    pub fields: Vec<(u8, Value)>,
}

/// Facts about one handle of a person: scope and population are decided from these alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectFacts {
    /// The organisation that holds the record.
    pub organisation: Organisation,
    /// The authority responsible for the child.
    pub responsible_authority: Option<Organisation>,
    /// The authority the person chose.
    pub chosen_authority: Option<Organisation>,
    /// The area, as a GSS code.
    pub area_gss: Option<Box<str>>,
    /// Restrictions in force, as words; any word, known or not, restricts.
    pub restrictions: Vec<Box<str>>,
    /// First day on which the person is an adult; present only once it is past.
    pub adult_from: Option<Day>,
    /// How sure the link is.
    pub link_status: LinkStatus,
    /// Its score in ten-thousandths.
    pub link_score_ten_thousandths: i32,
    /// Last day on which the choice of an authority holds; `None`: no end.
    pub chosen_until: Option<Day>,
}

impl SubjectFacts {
    /// The authority the person chose, while the choice holds.
    pub fn chosen_on(&self, day: Day) -> Option<&Organisation> {
        self.chosen_authority
            .as_ref()
            .filter(|_| self.chosen_until.is_none_or(|until| day <= until))
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        let organisation = |out: &mut Writer, value: &Organisation| {
            out.text(&value.to_string());
        };
        let mut out = Writer::new();
        organisation(&mut out, &self.organisation);
        out.option(self.responsible_authority.as_ref(), organisation)
            .option(self.chosen_authority.as_ref(), organisation)
            .option(self.area_gss.as_deref(), |out, area| {
                out.text(area);
            })
            .count(self.restrictions.len());
        for restriction in &self.restrictions {
            out.text(restriction);
        }
        out.option(self.adult_from, |out, day| {
            out.day(day);
        })
        .text(self.link_status.as_str())
        .int(i64::from(self.link_score_ten_thousandths))
        .option(self.chosen_until, |out, day| {
            out.day(day);
        });
        out.finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// When the bytes are not of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonError> {
        let mut input = Reader::new(bytes, "subject record");
        let fault = input.fault();
        let organisation = input.word()?;
        let responsible_authority = input.option(Reader::word)?;
        let chosen_authority = input.option(Reader::word)?;
        let area_gss = input.option(Reader::text)?.map(Into::into);
        let count = input.count()?;
        let mut restrictions = Vec::new();
        for _ in 0..count {
            restrictions.push(input.text()?.into());
        }
        let facts = Self {
            organisation,
            responsible_authority,
            chosen_authority,
            area_gss,
            restrictions,
            adult_from: input.option(Reader::day)?,
            link_status: input.word()?,
            link_score_ten_thousandths: i32::try_from(input.int()?).map_err(|_| fault)?,
            chosen_until: input.option(Reader::day)?,
        };
        input.end()?;
        Ok(facts)
    }
}

/// A retraction: removes what stands before it in its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retraction {
    /// The handle pseudonym whose contributions fall.
    pub handle: HandlePseudonym,
    /// Only those under these agreements; empty: all.
    pub agreements: Vec<AgreementId>,
    /// Only this event; absent: all.
    pub event: Option<EventId>,
    /// The closed word that says why.
    pub reason: Box<str>,
    /// The subject facts go too.
    pub subject_too: bool,
}

/// One record of `shared.<purpose>`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A release. Events of types that no view needs have no fields.
    Release(Contribution),
    /// A release that may not be kept any more: it takes the place of what stood under its key, and nothing of it is kept but that it
    /// corrects another event.
    Past(Contribution),
    /// A retraction.
    Retraction(Retraction),
    /// Facts about one handle; a later one replaces them.
    Subject {
        /// The person under the purpose.
        person: Pseudonym,
        /// The handle under the purpose.
        handle: HandlePseudonym,
        /// The facts.
        facts: SubjectFacts,
    },
    /// The last day an organisation's events of a type were accepted.
    Heartbeat {
        /// The organisation heard.
        organisation: Organisation,
        /// The type heard.
        event_type: EventType,
        /// The London day.
        last_accepted_on: Day,
    },
    /// A release of a type that no view of the purpose reads: nothing is kept.
    NotNeeded,
}
