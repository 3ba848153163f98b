//! The one seam through which personal values are written and read.
//!
//! Today it is the identity function. Per-person encryption is built on it later: whoever writes or reads the body of a raw or shared record goes
//! through [`Seal`], with the key that the person's records are sealed under (the handle on raw topics, the handle pseudonym on shared ones).

use std::borrow::Cow;

/// A body that could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key is not there now: try again, it is never a decision.
    #[error("the key {key_id} is not available: try again when the key store answers")]
    Unavailable {
        /// The key's id.
        key_id: String,
    },
    /// The key was destroyed by an erasure: the body can never be read again.
    #[error("the key {key_id} was destroyed: the body is erased")]
    Destroyed {
        /// The key's id.
        key_id: String,
    },
    /// The body was not sealed with this key.
    #[error("the body was not sealed with key {key_id}")]
    Mismatch {
        /// The key's id.
        key_id: String,
    },
}

/// A body as it goes onto the log, with the id of its key for the `wb_key` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What stands on the log.
    pub body: Vec<u8>,
    /// The key's id.
    pub key_id: String,
}

/// Seals and opens Avro bodies. `subject` is the record's 16-byte key: handle on raw, handle pseudonym on shared topics; empty for records
/// about no person.
pub trait Seal: Send + Sync {
    /// Seals a body.
    ///
    /// # Errors
    /// When the key is not available.
    fn seal(&self, subject: &[u8], body: Vec<u8>) -> Result<Sealed, SealError>;

    /// Opens a body.
    ///
    /// # Errors
    /// When the key is not available, destroyed, or another.
    fn open(&self, subject: &[u8], key_id: &str, body: &[u8]) -> Result<Vec<u8>, SealError>;

    /// Opens a body that is only looked at: it is not copied where it stands open.
    ///
    /// # Errors
    /// As [`Seal::open`].
    fn look<'b>(
        &self,
        subject: &[u8],
        key_id: &str,
        body: &'b [u8],
    ) -> Result<Cow<'b, [u8]>, SealError> {
        self.open(subject, key_id, body).map(Cow::Owned)
    }
}

/// The identity function: bodies stand as they are, under the key id `plain`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

/// The key id of [`Plain`].
pub const PLAIN: &str = "plain";

impl Seal for Plain {
    fn seal(&self, _subject: &[u8], body: Vec<u8>) -> Result<Sealed, SealError> {
        Ok(Sealed {
            body,
            key_id: PLAIN.to_owned(),
        })
    }

    fn open(&self, subject: &[u8], key_id: &str, body: &[u8]) -> Result<Vec<u8>, SealError> {
        self.look(subject, key_id, body).map(Cow::into_owned)
    }

    fn look<'b>(
        &self,
        _subject: &[u8],
        key_id: &str,
        body: &'b [u8],
    ) -> Result<Cow<'b, [u8]>, SealError> {
        if key_id == PLAIN {
            Ok(Cow::Borrowed(body))
        } else {
            Err(SealError::Mismatch {
                key_id: key_id.to_owned(),
            })
        }
    }
}
