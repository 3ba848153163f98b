//! Organisations: the controllers of data, named by a public scheme and a code.

use crate::WordError;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The public register an organisation's code is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// ONS area code of a local authority, for example `E09000007`.
    Gss,
    /// NHS Organisation Data Service code, for example `RRV`.
    Ods,
    /// Slug of a police force, for example `metropolitan`.
    PoliceForce,
    /// Transport for London and its parts.
    Tfl,
    /// Registered charity number or slug: outreach teams, hostels.
    Charity,
    /// A registered provider of social housing.
    Landlord,
    /// Whoever runs the backbone: operators and processes. A party to nothing, a controller of nothing.
    Walbrook,
}

impl Scheme {
    /// Every scheme, in the order of their codes in text.
    pub const ALL: [Scheme; 7] = [
        Scheme::Gss,
        Scheme::Ods,
        Scheme::PoliceForce,
        Scheme::Tfl,
        Scheme::Charity,
        Scheme::Landlord,
        Scheme::Walbrook,
    ];

    /// The scheme's word before the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Gss => "GSS",
            Scheme::Ods => "ODS",
            Scheme::PoliceForce => "POLICE_FORCE",
            Scheme::Tfl => "TFL",
            Scheme::Charity => "CHARITY",
            Scheme::Landlord => "LANDLORD",
            Scheme::Walbrook => "WALBROOK",
        }
    }
}

impl FromStr for Scheme {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        Scheme::ALL
            .into_iter()
            .find(|scheme| scheme.as_str() == text)
            .ok_or_else(|| {
                WordError::new(
                    "organisation scheme",
                    "expected GSS, ODS, POLICE_FORCE, TFL, CHARITY or LANDLORD",
                )
            })
    }
}

/// An organisation, shown and parsed as `GSS:E09000007`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Organisation {
    scheme: Scheme,
    code: Arc<str>,
}

impl Organisation {
    /// An organisation of a scheme. The code has 1 to 40 characters of `A–Z a–z 0–9 - _`.
    ///
    /// # Errors
    /// When the code has another length or another character.
    pub fn new(scheme: Scheme, code: &str) -> Result<Self, WordError> {
        let fits = (1..=40).contains(&code.len())
            && code
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !fits {
            return Err(WordError::new(
                "organisation code",
                "expected 1 to 40 letters, digits, '-' or '_'",
            ));
        }
        Ok(Self {
            scheme,
            code: code.into(),
        })
    }

    /// The register the code is from.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The code within the scheme.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Whether this is one of the 33 London local authorities (GSS codes E09000001 to E09000033).
    pub fn is_london_authority(&self) -> bool {
        self.scheme == Scheme::Gss
            && self
                .code
                .strip_prefix("E09")
                .and_then(|digits| digits.parse::<u32>().ok())
                .is_some_and(|number| (1..=33).contains(&number))
            && self.code.len() == 9
    }
}

impl FromStr for Organisation {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        let (scheme, code) = text.split_once(':').ok_or_else(|| {
            WordError::new(
                "organisation",
                "expected scheme:code, for example GSS:E09000007",
            )
        })?;
        Organisation::new(scheme.parse()?, code)
    }
}

impl fmt::Display for Organisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme.as_str(), self.code)
    }
}

impl fmt::Debug for Organisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
