//! What the law says, as far as agreements are checked against it: gateways, bases, roles, organisations, classes of fields.
//!
//! Plain data from files (`schemas/law/*.toml`), read here and handed over through the [`crate::Catalogue`], so that a
//! correction of the law is a line in a file. Without it nothing is lawful: every gateway, role and field is unknown.

mod read;

pub use read::LawError;

use crate::class::{Class, Who};
use std::collections::BTreeMap;
use std::fmt;
use walbrook_domain::{Day, EventType, Organisation};

/// A legal gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// The id agreements cite.
    pub id: String,
    /// Act and section.
    pub provision: String,
    /// What it is about, in a few words.
    pub about: String,
    /// Which bodies may disclose under it.
    pub discloses: Vec<Body>,
    /// Which bodies may receive under it.
    pub receives: Vec<Body>,
    /// First day in force; `None`: enacted, and not commenced as far as is known here.
    pub commencement: Option<Day>,
    /// Last day in force; `None`: still.
    pub end: Option<Day>,
    /// The law demands the disclosure (Article 6(1)(c)).
    pub duty: bool,
    /// It safeguards somebody: neither consent nor objection stops it.
    pub safeguarding: bool,
    /// For the person's own care.
    pub direct_care: bool,
    /// Never about one person: cohort mode only.
    pub statistical: bool,
    /// The national data opt-out must apply.
    pub opt_out: bool,
    /// With the person's consent, to the authority that the person chooses, and with referral content alone (s213B).
    pub referral: bool,
}

impl Gateway {
    /// Whether it is in force on a day.
    pub fn in_force(&self, on: Day) -> bool {
        self.commencement.is_some_and(|first| first <= on) && self.end.is_none_or(|last| on <= last)
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.provision, self.about)
    }
}

/// A kind of body, as far as gateways and roles tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Body {
    /// Local authorities.
    Authority,
    /// NHS bodies.
    Nhs,
    /// Police forces.
    Police,
    /// Transport for London.
    Transport,
    /// The Greater London Authority.
    CityHall,
    /// Charities.
    Charity,
    /// Registered providers of social housing.
    RegisteredProvider,
}

impl Body {
    /// Every kind.
    pub const ALL: [Body; 7] = [
        Body::Authority,
        Body::Nhs,
        Body::Police,
        Body::Transport,
        Body::CityHall,
        Body::Charity,
        Body::RegisteredProvider,
    ];

    /// The word in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Body::Authority => "local-authority",
            Body::Nhs => "nhs-body",
            Body::Police => "police-force",
            Body::Transport => "transport-operator",
            Body::CityHall => "city-hall",
            Body::Charity => "charity",
            Body::RegisteredProvider => "registered-provider",
        }
    }

    /// The kind of body someone is; the Greater London Authority is of no class and City Hall all the same.
    pub fn of(who: &Who) -> Option<Body> {
        match who.class() {
            Some(Class::LondonAuthority) => Some(Body::Authority),
            Some(Class::NhsBody) => Some(Body::Nhs),
            Some(Class::PoliceForce) => Some(Body::Police),
            Some(Class::TransportOperator) => Some(Body::Transport),
            Some(Class::Charity) => Some(Body::Charity),
            Some(Class::RegisteredProvider) => Some(Body::RegisteredProvider),
            None => match who {
                Who::Organisation(one) if one.to_string() == "GSS:E12000007" => {
                    Some(Body::CityHall)
                }
                _ => None,
            },
        }
    }

    /// Whether it is a public authority.
    pub const fn is_public(self) -> bool {
        !matches!(self, Body::Charity | Body::RegisteredProvider)
    }
}

/// An Article 6 basis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// Its number, e.g. `6(1)(e)`.
    pub id: String,
    /// Its name.
    pub title: String,
    /// Why public bodies may not rest on it.
    pub refused_to_public_bodies: Option<String>,
}

/// An Article 9 condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its number, e.g. `9(2)(g)`.
    pub id: String,
    /// Its name.
    pub title: String,
}

/// A paragraph of DPA 2018 Schedule 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paragraph {
    /// Its number.
    pub id: String,
    /// Its name.
    pub title: String,
    /// The Article 9 condition it belongs to.
    pub condition: String,
    /// Whether it needs an appropriate policy document (Schedule 1 Part 4).
    pub policy_document: bool,
}

/// A role that readers act in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The word in tokens and agreements.
    pub id: String,
    /// Its name.
    pub title: String,
    /// Whose people may act in it.
    pub bodies: Vec<Body>,
}

/// An organisation that agreements may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its name.
    pub name: String,
    /// First day of the code; `None`: as long as it is known.
    pub first_day: Option<Day>,
    /// Last day of the code; `None`: still.
    pub last_day: Option<Day>,
    /// Who came after it.
    pub successor: Option<Organisation>,
}

/// What a field is, for the law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldClass {
    /// No more than personal data.
    Ordinary,
    /// UK GDPR Article 9.
    SpecialCategory,
    /// UK GDPR Article 10.
    CriminalOffence,
}

/// What a field is, and where it may not go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldLaw {
    /// Its class.
    pub class: FieldClass,
    /// Never in a cohort view.
    pub restricted: bool,
    /// Part of what a referral under s213B may say.
    pub referral: bool,
}

/// Everything above, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Law {
    gateways: BTreeMap<String, Gateway>,
    article_6: BTreeMap<String, Basis>,
    article_9: BTreeMap<String, Condition>,
    schedule_1: BTreeMap<String, Paragraph>,
    roles: BTreeMap<String, Role>,
    organisations: BTreeMap<Organisation, Registered>,
    fields: BTreeMap<EventType, BTreeMap<String, FieldLaw>>,
}

impl Law {
    /// A gateway.
    pub fn gateway(&self, id: &str) -> Option<&Gateway> {
        self.gateways.get(id)
    }

    /// Every gateway, in the order of ids.
    pub fn gateways(&self) -> impl Iterator<Item = &Gateway> {
        self.gateways.values()
    }

    /// An Article 6 basis.
    pub fn basis(&self, id: &str) -> Option<&Basis> {
        self.article_6.get(id)
    }

    /// Every Article 6 basis, in the order of numbers.
    pub fn bases(&self) -> impl Iterator<Item = &Basis> {
        self.article_6.values()
    }

    /// An Article 9 condition.
    pub fn condition(&self, id: &str) -> Option<&Condition> {
        self.article_9.get(id)
    }

    /// Every Article 9 condition, in the order of numbers.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.article_9.values()
    }

    /// A paragraph of Schedule 1.
    pub fn paragraph(&self, id: &str) -> Option<&Paragraph> {
        self.schedule_1.get(id)
    }

    /// Every paragraph of Schedule 1.
    pub fn paragraphs(&self) -> impl Iterator<Item = &Paragraph> {
        self.schedule_1.values()
    }

    /// A role.
    pub fn role(&self, id: &str) -> Option<&Role> {
        self.roles.get(id)
    }

    /// Every role, in the order of ids.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// An organisation on the registers.
    pub fn organisation(&self, organisation: &Organisation) -> Option<&Registered> {
        self.organisations.get(organisation)
    }

    /// What a field of an event type is; `None`: nobody classed it, so it may not be granted.
    pub fn field(&self, event_type: &EventType, field: &str) -> Option<FieldLaw> {
        self.fields.get(event_type)?.get(field).copied()
    }

    /// The name of an organisation, or its code where the registers do not know it.
    pub fn name(&self, organisation: &Organisation) -> String {
        self.organisation(organisation).map_or_else(
            || organisation.to_string(),
            |registered| format!("{} ({organisation})", registered.name),
        )
    }
}

#[cfg(test)]
mod tests;
