//! Tokens and pseudonyms: HMAC-SHA256 over length-prefixed parts, so that no two inputs run together.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use walbrook_domain::{EventId, Handle, HandlePseudonym, Organisation, PersonId, Pseudonym};

/// A secret key of 32 bytes, with the first half of each hash under it done already: each record takes several. Never shown.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// The key with exactly these bytes.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Hmac::<Sha256>::new_from_slice(&bytes).expect("HMAC takes keys of any length"))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// HMAC-SHA256 over the parts, each preceded by its length (u32, big-endian).
pub fn keyed_hash(key: &Key, parts: &[&[u8]]) -> [u8; 32] {
    hash_of(key, parts.iter().map(std::slice::from_ref))
}

/// The same over parts that are given in pieces.
fn hash_of<'a>(key: &Key, parts: impl IntoIterator<Item = &'a [&'a [u8]]>) -> [u8; 32] {
    let mut mac = key.0.clone();
    for part in parts {
        let length: usize = part.iter().map(|piece| piece.len()).sum();
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        mac.update(&length.to_be_bytes());
        for piece in part {
            mac.update(piece);
        }
    }
    mac.finalize().into_bytes().into()
}

fn cut(hash: [u8; 32]) -> [u8; 16] {
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(hash) {
        *to = from;
    }
    short
}

/// What a gateway sends to identity instead of a local id: 32 bytes under the agency's key.
pub fn lookup_token(
    agency_key: &Key,
    organisation: &Organisation,
    id_scheme: &str,
    local_id: &str,
) -> [u8; 32] {
    let organisation = organisation.to_string();
    keyed_hash(
        agency_key,
        &[
            organisation.as_bytes(),
            id_scheme.as_bytes(),
            local_id.as_bytes(),
        ],
    )
}

/// Derives everything that stands on one purpose's topic in place of an id.
#[derive(Debug, Clone)]
pub struct PurposeKey(Key);

impl PurposeKey {
    /// The derivations under this key.
    pub const fn new(key: Key) -> Self {
        Self(key)
    }

    /// The person under this purpose: the key of the topic.
    pub fn person(&self, person: PersonId) -> Pseudonym {
        Pseudonym::new(cut(keyed_hash(&self.0, &[b"person", person.as_bytes()])))
    }

    /// The handle under this purpose.
    pub fn handle(&self, handle: Handle) -> HandlePseudonym {
        HandlePseudonym::new(cut(keyed_hash(&self.0, &[b"handle", handle.as_bytes()])))
    }

    /// The event under this purpose: a UUIDv8, the release's `ce_id`.
    pub fn event(&self, organisation: &Organisation, handle: Handle, event: EventId) -> EventId {
        let (scheme, code) = (organisation.scheme().as_str(), organisation.code());
        let parts: [&[&[u8]]; 4] = [
            &[b"event"],
            // As it is written, without writing it for each event.
            &[scheme.as_bytes(), b":", code.as_bytes()],
            &[handle.as_bytes()],
            &[event.as_bytes()],
        ];
        let hash = hash_of(&self.0, parts);
        EventId::new(uuid::Builder::from_custom_bytes(cut(hash)).into_uuid())
    }
}
