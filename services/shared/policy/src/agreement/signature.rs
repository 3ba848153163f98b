//! What a party signs: Ed25519 over the SHA-256 of the canonical text.

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

/// A signature that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The 32 bytes are no Ed25519 public key.
    #[error("the public key is not a usable Ed25519 key")]
    Key,
    /// The signature is not this key's over this text.
    #[error(
        "the signature does not belong to this text and this key: sign the canonical text again"
    )]
    Mismatch,
}

/// SHA-256 of a text.
pub fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Checks a party's signature over the SHA-256 of a canonical text.
///
/// # Errors
/// When the key is unusable (also: of small order) or the signature is not its over these bytes.
pub fn verify(
    public_key: &[u8; 32],
    text_sha256: &[u8; 32],
    signature: &[u8; 64],
) -> Result<(), SignatureError> {
    let key = VerifyingKey::from_bytes(public_key).map_err(|_| SignatureError::Key)?;
    if key.is_weak() {
        return Err(SignatureError::Key);
    }
    key.verify_strict(text_sha256, &Signature::from_bytes(signature))
        .map_err(|_| SignatureError::Mismatch)
}
