//! Names that people and files use: event types, purposes, agreements.

use crate::WordError;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads the name.
            ///
            /// # Errors
            /// When it is not of the stated form.
            pub fn new(text: &str) -> Result<Self, WordError> {
                let valid: fn(&str) -> bool = $valid;
                if text.len() <= 80 && valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(WordError::new($what, $expected))
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = WordError;
            fn from_str(text: &str) -> Result<Self, WordError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn slug(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

name!(
    /// A purpose of sharing, for example `rough-sleeping`: the topic is `shared.<purpose>`.
    Purpose, "purpose", "expected lower-case letters, digits and '-', at most 80", slug
);
name!(
    /// An agreement's id, for example `pan-london-rough-sleeping`.
    AgreementId, "agreement id", "expected lower-case letters, digits and '-', at most 80", slug
);
name!(
    /// An event type, for example `police.ProtectionNotification`.
    EventType, "event type", "expected agency.Name, for example housing.RentArrearsChanged",
    |text| text.split_once('.').is_some_and(|(agency, name)| {
        !agency.is_empty()
            && agency.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric())
    })
);

impl EventType {
    /// The agency half as packages spell it, for example `social_care`.
    pub fn agency(&self) -> &str {
        self.as_str()
            .split_once('.')
            .map_or("", |(agency, _)| agency)
    }

    /// The name half, for example `CareEpisode`.
    pub fn name(&self) -> &str {
        self.as_str().split_once('.').map_or("", |(_, name)| name)
    }
}

/// A version of an agreement, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgreementVersion(pub u32);

impl fmt::Display for AgreementVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
