//! Signed tree heads as text: C2SP signed-note with the body of C2SP tlog-checkpoint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::merkle::Hash;

/// The state of a log that somebody signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The log's name, for example `walbrook/city/audit.decisions/0`.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The tree's root.
    pub root: Hash,
}

/// A note that cannot be taken for what it claims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not of the form of a checkpoint.
    #[error("the note is no signed checkpoint")]
    Form,
    /// There is no line of this signer.
    #[error("the note has no signature of the key {0}")]
    NoSignature(String),
    /// The signature is of something else.
    #[error("the signature does not hold for the note's text")]
    Signature,
}

impl Head {
    /// The text that is signed, ending in a newline.
    fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root)
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let origin = lines.next().filter(|line| !line.is_empty())?.to_owned();
        let size = lines.next()?;
        let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let head = Self {
            origin,
            size: size.parse().ok()?,
            root,
        };
        // Extension lines are not used here, and a number has one spelling.
        (head.text() == text).then_some(head)
    }
}

/// First four bytes that name an Ed25519 key on a note.
fn key_hash(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update(b"\n\x01")
        .chain_update(key.as_bytes())
        .finalize();
    let mut hash = [0; 4];
    hash.iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = from);
    hash
}

/// Signs a head as `name` (no spaces, no plus).
pub fn sign(head: &Head, name: &str, key: &SigningKey) -> String {
    let text = head.text();
    let mut signature = key_hash(name, &key.verifying_key()).to_vec();
    signature.extend(key.sign(text.as_bytes()).to_bytes());
    format!("{text}\n\u{2014} {name} {}\n", STANDARD.encode(signature))
}

/// Reads a note without checking its signature.
///
/// # Errors
/// When it is no checkpoint.
pub fn read(note: &str) -> Result<Head, NoteError> {
    let (text, _) = note.split_once("\n\n").ok_or(NoteError::Form)?;
    Head::parse(&format!("{text}\n")).ok_or(NoteError::Form)
}

/// Reads a note that `name` signed with `key`.
///
/// # Errors
/// When it is no checkpoint, is not signed by that key or was changed.
pub fn open(note: &str, name: &str, key: &VerifyingKey) -> Result<Head, NoteError> {
    let head = read(note)?;
    let (_, signatures) = note.split_once("\n\n").ok_or(NoteError::Form)?;
    let prefix = format!("\u{2014} {name} ");
    let ours = signatures
        .lines()
        .filter_map(|line| STANDARD.decode(line.strip_prefix(&prefix)?).ok())
        .find_map(|bytes| bytes.strip_prefix(&key_hash(name, key)).map(<[u8]>::to_vec))
        .ok_or_else(|| NoteError::NoSignature(name.to_owned()))?;
    let signature = Signature::from_slice(&ours).map_err(|_| NoteError::Signature)?;
    key.verify_strict(head.text().as_bytes(), &signature)
        .map_err(|_| NoteError::Signature)?;
    Ok(head)
}

#[cfg(test)]
mod tests;
