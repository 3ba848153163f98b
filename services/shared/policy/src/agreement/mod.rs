//! A data-sharing agreement: the document people sign, as types.
//!
//! [`Agreement::read`] turns the TOML document into this and names every fault by line, field and reason;
//! [`Agreement::canonical_text`] renders it again, always the same way, and that text's SHA-256 is what parties sign.

mod canonical;
mod check;
pub(crate) mod document;
mod read;
mod signature;

pub use document::{Fault, Faults};
pub use signature::{SignatureError, sha256, verify};

use crate::class::Who;
use crate::predicate::Predicate;
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventType, LinkStatus, Organisation, Precision, Purpose,
};

/// An agreement, one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Its id, the same in every version.
    pub id: AgreementId,
    /// The version, from 1.
    pub version: AgreementVersion,
    /// Title, one line.
    pub title: String,
    /// What it is for, in plain words.
    pub summary: String,
    /// The purpose; releases go to `shared.<purpose>`.
    pub purpose: Purpose,
    /// What it allows.
    pub kind: Kind,
    /// Gateways and bases.
    pub law: LegalBasis,
    /// The data protection impact assessment; open data about nobody has none.
    pub dpia: Option<Dpia>,
    /// When it holds.
    pub period: Period,
    /// Days for which a released event may be shown, counted from the London day it happened on.
    pub retention_days: u32,
    /// Who runs the sharing for the controllers.
    pub processor: String,
    /// The controllers.
    pub parties: Vec<Party>,
    /// What is released.
    pub flows: Vec<Flow>,
    /// Who may read it.
    pub readers: Vec<Reader>,
}

/// What an agreement allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Releases to `shared.<purpose>`, read through views.
    Sharing,
    /// Identity may compare the parties' records, by these strategies.
    Matching {
        /// Names of strategies, for example `nhs-number`.
        strategies: Vec<String>,
    },
    /// Publication as open data on `open.<dataset>`.
    Open {
        /// The dataset.
        dataset: String,
    },
}

impl Kind {
    /// The word in documents.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Kind::Sharing => "sharing",
            Kind::Matching { .. } => "matching",
            Kind::Open { .. } => "open",
        }
    }
}

/// Gateways and bases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LegalBasis {
    /// Ids of legal gateways, from [`crate::law::Law`].
    pub gateways: Vec<String>,
    /// UK GDPR Article 6 bases, for example `6(1)(e)`.
    pub article_6: Vec<String>,
    /// UK GDPR Article 9 conditions, for example `9(2)(g)`.
    pub article_9: Vec<String>,
    /// Paragraphs of DPA 2018 Schedule 1, for example `18`.
    pub schedule_1: Vec<String>,
    /// Article 10 with DPA 2018 s10(5), where criminal-offence data is used.
    pub article_10: Option<String>,
    /// DPA 2018 Part 3, where a competent authority discloses, for example `s36(4)`.
    pub part_3: Option<String>,
    /// The appropriate policy document (DPA 2018 Schedule 1 Part 4), by its reference.
    pub policy_document: Option<String>,
}

/// A data protection impact assessment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dpia {
    /// Its reference.
    pub reference: String,
    /// `low-residual-risk`, `residual-risk-accepted` or `ico-consulted`.
    pub outcome: String,
    /// The day it was completed.
    pub completed: Day,
}

/// When an agreement holds. Days are London days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// First day.
    pub effective: Day,
    /// Day by which the parties review it; nothing stops by itself.
    pub review: Day,
    /// Last day.
    pub expiry: Day,
    /// Events accepted on or after this day, and before this version was in force for their source, are taken as if it had
    /// been. `None`: such events get no more than what was granted when they were accepted.
    pub backfill_from: Option<Day>,
}

/// A controller (or a class of them), in force once it has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Who.
    pub who: Who,
    /// `controller` or `joint-controller`.
    pub role: String,
    /// Whom a person or another party asks, for example `its data protection officer`.
    pub contact: String,
}

/// What one source releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The source.
    pub source: Who,
    /// The event type.
    pub event_type: EventType,
    /// Allow-list of fields, in the order of the document.
    pub fields: Vec<String>,
    /// How finely times are released.
    pub precision: Precision,
    /// Gateways this flow rests on: a part of the agreement's.
    pub gateways: Vec<String>,
    /// The Article 6 basis it rests on. `None`: the agreement's, where that has one alone.
    pub article_6: Option<String>,
    /// Conditions that must hold.
    pub conditions: Conditions,
}

impl Flow {
    /// Whether what it releases rests on the person's choice of an authority.
    pub fn rests_on_choice(&self) -> bool {
        self.conditions
            .person
            .is_some_and(|person| person.consent == ConsentRule::Referral)
    }
}

/// Conditions on a flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Conditions about the person; `None` where the event is about nobody.
    pub person: Option<PersonConditions>,
    /// Days after which an event is too old.
    pub max_age_days: Option<u32>,
    /// A typed predicate over the event's fields.
    pub predicate: Option<Predicate>,
}

/// Conditions about the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonConditions {
    /// What of consent and objection.
    pub consent: ConsentRule,
    /// Whether the national data opt-out stops it.
    pub opt_out_applies: bool,
    /// Of which age.
    pub age: AgeBand,
    /// What of restricted records.
    pub restricted: RestrictedRule,
    /// The least sure link that will do.
    pub minimum_match: LinkStatus,
}

/// What a flow demands of consent and objection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConsentRule {
    /// A consent in force that names the one housing authority the person chose (Housing Act 1996 s213B): what is released is shown to
    /// that authority alone.
    Referral,
    /// A consent in force, and no objection, refusal or withdrawal.
    Required,
    /// No objection, refusal or withdrawal.
    NotObjected,
    /// Neither matters: only where a legal obligation (Art 6(1)(c)) demands the disclosure.
    NotNeeded,
}

impl ConsentRule {
    /// Every rule.
    pub const ALL: [ConsentRule; 4] = [
        ConsentRule::Referral,
        ConsentRule::Required,
        ConsentRule::NotObjected,
        ConsentRule::NotNeeded,
    ];
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            ConsentRule::Referral => "referral",
            ConsentRule::Required => "required",
            ConsentRule::NotObjected => "not-objected",
            ConsentRule::NotNeeded => "not-needed",
        }
    }
}

/// Whose events a flow is for, by age when it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AgeBand {
    /// Known adults only: an unknown age is withheld.
    Adult,
    /// Not known adults. `adult_from` is on record only once it is past, so "not yet" and "not known" look alike.
    Child,
    /// Any age.
    Any,
}

impl AgeBand {
    /// Every band.
    pub const ALL: [AgeBand; 3] = [AgeBand::Adult, AgeBand::Child, AgeBand::Any];
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            AgeBand::Adult => "adult",
            AgeBand::Child => "child",
            AgeBand::Any => "any",
        }
    }
}

/// What becomes of restricted persons' records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RestrictedRule {
    /// Not released.
    Withhold,
    /// Released, and shown to nobody but the responsible authority.
    ResponsibleAuthority,
}

impl RestrictedRule {
    /// Every rule.
    pub const ALL: [RestrictedRule; 2] = [
        RestrictedRule::Withhold,
        RestrictedRule::ResponsibleAuthority,
    ];
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            RestrictedRule::Withhold => "withhold",
            RestrictedRule::ResponsibleAuthority => "responsible-authority",
        }
    }
}

/// Who may read, in which role, about whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// The organisation or class.
    pub who: Who,
    /// The role of the reader's token.
    pub role: String,
    /// The view.
    pub view: String,
    /// Case or cohort.
    pub mode: Mode,
    /// About whom: at least one, any of them will do.
    pub scopes: Vec<Scope>,
    /// What of people outside it.
    pub beyond_scope: BeyondScope,
    /// Event types this reader sees; empty: every flow's.
    pub events: Vec<EventType>,
    /// How its rows reach it.
    pub delivery: Delivery,
}

/// How rows reach a reader, the narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Delivery {
    /// A person of the organisation asks for them.
    #[default]
    Calls,
    /// They may be asked for, and stand on the organisation's own topic `view.<view>.<organisation>` too: those within scope, never those beyond.
    Topic,
}

impl Delivery {
    /// Every way.
    pub const ALL: [Delivery; 2] = [Delivery::Calls, Delivery::Topic];
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Delivery::Calls => "calls",
            Delivery::Topic => "topic",
        }
    }
}

/// How a view is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Rows about persons, each read on record.
    Case,
    /// Counts over at least ten persons, no rows.
    Cohort,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 2] = [Mode::Case, Mode::Cohort];
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Case => "case",
            Mode::Cohort => "cohort",
        }
    }
}

/// About whom a reader may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The reader's organisation holds a linked record of the person.
    OwnSubjects,
    /// The reader's organisation is the authority responsible for the child.
    ResponsibleAuthority,
    /// The person chose the reader's organisation (Housing Act 1996 s213B).
    ChosenAuthority,
    /// The person's area is the reader's.
    Area,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 4] = [
        Scope::OwnSubjects,
        Scope::ResponsibleAuthority,
        Scope::ChosenAuthority,
        Scope::Area,
    ];
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::OwnSubjects => "own-subjects",
            Scope::ResponsibleAuthority => "responsible-authority",
            Scope::ChosenAuthority => "chosen-authority",
            Scope::Area => "area",
        }
    }
}

/// What a reader may do beyond its scope, the narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BeyondScope {
    /// Nothing.
    Never,
    /// Get one person for a short time, with a reason of a closed list and a case reference on record, reviewed by a second person.
    BreakGlass,
    /// Get one person, with a case reference on record.
    CaseReference,
}

impl BeyondScope {
    /// Every rule.
    pub const ALL: [BeyondScope; 3] = [
        BeyondScope::Never,
        BeyondScope::BreakGlass,
        BeyondScope::CaseReference,
    ];
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            BeyondScope::Never => "never",
            BeyondScope::BreakGlass => "break-glass",
            BeyondScope::CaseReference => "case-reference",
        }
    }
}

impl Agreement {
    /// The Article 6 basis of a flow; `None` for data about nobody, and where the agreement leaves it open.
    pub fn basis_of<'a>(&'a self, flow: &'a Flow) -> Option<&'a str> {
        match (&flow.article_6, self.law.article_6.as_slice()) {
            (Some(basis), _) | (None, [basis]) => Some(basis),
            _ => None,
        }
    }

    /// The party an organisation belongs to, `None` when it is none.
    pub fn party(&self, organisation: &Organisation) -> Option<&Party> {
        self.parties
            .iter()
            .find(|party| party.who.includes(organisation))
    }

    /// The flow of an event type from an organisation: at most one, by validation.
    pub fn flow(&self, organisation: &Organisation, event_type: &EventType) -> Option<&Flow> {
        self.flows
            .iter()
            .find(|flow| &flow.event_type == event_type && flow.source.includes(organisation))
    }
}

#[cfg(test)]
mod tests;
