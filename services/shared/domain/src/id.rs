//! Opaque ids. All are 16 bytes, shown as 32 hex characters, compared and ordered as bytes.

use crate::WordError;
use std::fmt;
use std::str::FromStr;

macro_rules! id16 {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id with exactly these bytes.
            pub const fn new(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The 16 bytes, by value.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0
            }

            /// The first 8 bytes as a big-endian number: how pages and logs abbreviate an id.
            pub fn prefix(&self) -> u64 {
                let [a, b, c, d, e, f, g, h, ..] = self.0;
                u64::from_be_bytes([a, b, c, d, e, f, g, h])
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = WordError;
            fn try_from(bytes: &[u8]) -> Result<Self, WordError> {
                <[u8; 16]>::try_from(bytes)
                    .map(Self)
                    .map_err(|_| WordError::new($what, format!("expected 16 bytes, found {}", bytes.len())))
            }
        }

        impl FromStr for $name {
            type Err = WordError;
            fn from_str(text: &str) -> Result<Self, WordError> {
                let mut bytes = [0; 16];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| WordError::new($what, "expected 32 hex characters"))?;
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), hex::encode(self.0))
            }
        }
    };
}

// One shape, five meanings that must never be mixed up: the macro keeps them distinct types with the same behaviour.
id16!(
    /// An organisation's record of one person on the backbone. Given by identity, never changes.
    Handle, "handle"
);
id16!(
    /// A person as identity sees them: one or more handles.
    PersonId, "person"
);
id16!(
    /// A person under one purpose: HMAC of the person under the purpose key.
    Pseudonym, "purpose pseudonym"
);
id16!(
    /// A handle under one purpose: HMAC of the handle under the purpose key.
    HandlePseudonym, "handle pseudonym"
);

/// The producer's id of an event, a UUID. Unique within (organisation, handle) over the duplicate window.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(uuid::Uuid);

impl EventId {
    /// The id that is this UUID.
    pub const fn new(uuid: uuid::Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID.
    pub const fn uuid(&self) -> uuid::Uuid {
        self.0
    }

    /// The UUID's 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The first 8 bytes as a big-endian number: how pages abbreviate an id.
    pub fn prefix(&self) -> u64 {
        self.0.as_u64_pair().0
    }
}

impl FromStr for EventId {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        uuid::Uuid::try_parse(text).map(Self).map_err(|_| {
            WordError::new(
                "event id",
                "expected a UUID such as 0192d3f4-7c1e-7d2a-9b1c-3e5f7a9b1c3d",
            )
        })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({})", self.0)
    }
}
