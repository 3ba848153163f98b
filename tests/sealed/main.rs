//! A gateway, the broker or the materialiser with a seal that hides every body: what a journey runs instead of the real programs. Which one,
//! `WALBROOK_SEALED` says; everything else is as the real one takes it.

use sha2::{Digest, Sha256};
use std::process::ExitCode;
use std::sync::Arc;
use walbrook_event::Seal;
use walbrook_event::seal::{SealError, Sealed};
use walbrook_housing::{Housing, Service};
use walbrook_proto::housing::v1::housing_events_server::HousingEventsServer;

/// The key id on every header.
const KEY_ID: &str = "journey-1";

/// Mixes a body with a stream that follows from its subject: no cipher to rely on, but nobody reads an Avro body through it.
struct Mixed;

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

fn main() -> ExitCode {
    let seal: Arc<dyn Seal> = Arc::new(Mixed);
    match std::env::var("WALBROOK_SEALED").as_deref() {
        Ok("housing") => {
            let make = |gateway| HousingEventsServer::new(Service(gateway));
            walbrook_agency::run_sealed::<Housing, _>(
                walbrook_proto::FILE_DESCRIPTOR_SET,
                make,
                seal,
            )
        }
        Ok("broker") => {
            walbrook_runtime::process::run(walbrook_broker::PROCESS, |config, context| {
                walbrook_broker::run_sealed(config, context, seal)
            })
        }
        Ok("materialiser") => {
            walbrook_runtime::process::run(walbrook_materialiser::PROCESS, |config, context| {
                walbrook_materialiser::run_sealed(config, context, seal)
            })
        }
        _ => {
            eprintln!("set WALBROOK_SEALED to housing, broker or materialiser");
            ExitCode::from(64)
        }
    }
}
