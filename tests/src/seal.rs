//! A seal for journeys: with it in the place of the identity function no body on the log can be read.

use sha2::{Digest, Sha256};
use walbrook_event::Seal;
use walbrook_event::seal::{SealError, Sealed};

/// The key id on every header.
pub const KEY_ID: &str = "journey-1";

/// Mixes a body with a stream that follows from its subject: no cipher to rely on, but nobody reads an Avro body through it.
#[derive(Debug, Clone, Copy)]
pub struct Mixed;

impl Mixed {
    fn mix(subject: &[u8], body: &[u8]) -> Vec<u8> {
        let blocks = body.chunks(32).zip(0_u64..);
        let mixed = blocks.flat_map(|(block, number)| {
            let key = Sha256::new()
                .chain_update(subject)
                .chain_update(number.to_be_bytes())
                .finalize();
            block
                .iter()
                .zip(key)
                .map(|(byte, key)| byte ^ key)
                .collect::<Vec<u8>>()
        });
        mixed.collect()
    }
}

impl Seal for Mixed {
    fn seal(&self, subject: &[u8], body: Vec<u8>) -> Result<Sealed, SealError> {
        Ok(Sealed {
            body: Self::mix(subject, &body),
            key_id: KEY_ID.to_owned(),
        })
    }

    fn open(&self, subject: &[u8], key_id: &str, body: &[u8]) -> Result<Vec<u8>, SealError> {
        if key_id == KEY_ID {
            Ok(Self::mix(subject, body))
        } else {
            Err(SealError::Mismatch {
                key_id: key_id.to_owned(),
            })
        }
    }
}
