//! Classes of organisations, so that an agreement can say "every London authority" and each still signs for itself.

use std::fmt;
use std::str::FromStr;
use walbrook_domain::{Organisation, Scheme};

/// A class of organisations, by the public register and code alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The 33 London local authorities (ONS GSS codes E09000001 to E09000033; domain reference §7.1).
    LondonAuthority,
    /// Any NHS body with an ODS code.
    NhsBody,
    /// Any territorial police force.
    PoliceForce,
    /// Transport for London and its parts.
    TransportOperator,
    /// Registered charities: commissioned outreach teams, hostels.
    Charity,
    /// Registered providers of social housing.
    RegisteredProvider,
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 6] = [
        Class::LondonAuthority,
        Class::NhsBody,
        Class::PoliceForce,
        Class::TransportOperator,
        Class::Charity,
        Class::RegisteredProvider,
    ];

    /// The word in agreements.
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::LondonAuthority => "london-authority",
            Class::NhsBody => "nhs-body",
            Class::PoliceForce => "police-force",
            Class::TransportOperator => "transport-operator",
            Class::Charity => "charity",
            Class::RegisteredProvider => "registered-provider",
        }
    }

    /// Whether the organisation belongs to it. Classes do not overlap.
    pub fn includes(self, organisation: &Organisation) -> bool {
        match self {
            Class::LondonAuthority => organisation.is_london_authority(),
            Class::NhsBody => organisation.scheme() == Scheme::Ods,
            Class::PoliceForce => organisation.scheme() == Scheme::PoliceForce,
            Class::TransportOperator => organisation.scheme() == Scheme::Tfl,
            Class::Charity => organisation.scheme() == Scheme::Charity,
            Class::RegisteredProvider => organisation.scheme() == Scheme::Landlord,
        }
    }

    /// The class an organisation belongs to, if any (City Hall, for one, belongs to none).
    pub fn of(organisation: &Organisation) -> Option<Class> {
        Class::ALL
            .into_iter()
            .find(|class| class.includes(organisation))
    }
}

impl FromStr for Class {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Class::ALL
            .into_iter()
            .find(|class| class.as_str() == text)
            .ok_or(())
    }
}

/// Whom a line of an agreement speaks of: one organisation, or every one of a class.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// This organisation.
    Organisation(Organisation),
    /// Every organisation of the class.
    Class(Class),
}

impl Who {
    /// Whether the organisation is meant.
    pub fn includes(&self, organisation: &Organisation) -> bool {
        match self {
            Who::Organisation(one) => one == organisation,
            Who::Class(class) => class.includes(organisation),
        }
    }

    /// Whether some organisation could be meant by both.
    pub fn overlaps(&self, other: &Who) -> bool {
        match (self, other) {
            (Who::Class(a), Who::Class(b)) => a == b,
            (Who::Organisation(one), any) => any.includes(one),
            (any, Who::Organisation(one)) => any.includes(one),
        }
    }

    /// Whether everyone meant by `other` is meant by this too.
    pub fn covers(&self, other: &Who) -> bool {
        match (self, other) {
            (Who::Class(a), Who::Class(b)) => a == b,
            (any, Who::Organisation(one)) => any.includes(one),
            (Who::Organisation(_), Who::Class(_)) => false,
        }
    }

    /// The class spoken of, also where one of its organisations is named.
    pub fn class(&self) -> Option<Class> {
        match self {
            Who::Class(class) => Some(*class),
            Who::Organisation(one) => Class::of(one),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Organisation(one) => fmt::Display::fmt(one, f),
            Who::Class(class) => write!(f, "every {}", class.as_str()),
        }
    }
}
