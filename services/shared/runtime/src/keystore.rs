//! Keys of a process: read from files that only their owner may read.
//!
//! ```text
//! agency/<agency>.key            32 bytes as hex: lookup tokens of that agency's gateway
//! agency/previous/<agency>.key   the key before it, while records still stand under its tokens
//! identity.key                   32 bytes as hex: identity's own (what a look-up of nobody is answered with)
//! purpose/<purpose>.<key id>.key 32 bytes as hex: pseudonyms of that purpose
//! callers/issuer.pem             Ed25519 PKCS #8: makes tokens (local clusters only)
//! callers/jwks.json              public key set: checks tokens
//! parties/<ORG>.pem              Ed25519 PKCS #8: signs agreements (a party's own; here for the demo)
//! auditor.pem                    Ed25519 PKCS #8: signs checkpoints
//! ```

mod create;
mod file;
mod rotate;

use std::path::PathBuf;

use ed25519_dalek::SigningKey;
use zeroize::Zeroize;

pub use create::{LocalKeys, create_local};
pub use file::FileKeyStore;
pub use rotate::{retire_agency, rotate_agency};

/// The key id of the first key of a purpose.
pub const FIRST_KEY_ID: &str = "k1";

/// A secret of 32 bytes. Never printed, wiped when dropped.
#[derive(Clone)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// Takes the bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a keyed hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SecretKey(…)")
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// There is no such key.
    #[error("no key at {path}", path = path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("the key file {path} cannot be used", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// Others may read it.
    #[error("{path} has mode {mode:04o} and could be read by others: chmod {wanted:o} {path}", path = path.display())]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// What it has.
        mode: u32,
        /// What it must have.
        wanted: u32,
    },
    /// It is not a key of the kind expected.
    #[error("the key file {path} does not hold {expected}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A rotation is under way already.
    #[error(
        "{path} still stands: records that nobody asked for since the last rotation are found by it alone; retire it first if they may become new records", path = path.display()
    )]
    UnderWay {
        /// The key before the current one.
        path: PathBuf,
    },
    /// The name would leave the folder.
    #[error("`{name}` cannot name a key: letters, digits, -, _, . and : only")]
    Name {
        /// The name.
        name: String,
    },
}

/// Where a process gets its keys. A file folder today; a hardware module or a vault stands behind the same trait.
pub trait KeyStore: Send + Sync {
    /// The key of an agency's lookup tokens.
    ///
    /// # Errors
    /// When it cannot be had.
    fn agency(&self, agency: &str) -> Result<SecretKey, KeyStoreError>;

    /// The key of an agency's lookup tokens before the current one; `None` unless it is being rotated.
    ///
    /// # Errors
    /// When there is one and it cannot be had.
    fn agency_before(&self, agency: &str) -> Result<Option<SecretKey>, KeyStoreError>;

    /// Identity's own key.
    ///
    /// # Errors
    /// When it cannot be had.
    fn identity(&self) -> Result<SecretKey, KeyStoreError>;

    /// A key of a purpose's pseudonyms.
    ///
    /// # Errors
    /// When it cannot be had.
    fn purpose(&self, purpose: &str, key_id: &str) -> Result<SecretKey, KeyStoreError>;

    /// The key with which a party signs agreements, by organisation (`GSS:E09000007`).
    ///
    /// # Errors
    /// When it cannot be had.
    fn party(&self, organisation: &str) -> Result<SigningKey, KeyStoreError>;

    /// The key with which the auditor signs checkpoints.
    ///
    /// # Errors
    /// When it cannot be had.
    fn auditor(&self) -> Result<SigningKey, KeyStoreError>;
}

#[cfg(test)]
mod tests;
