//! A gateway, the broker or the materialiser with a seal that hides every body: what a journey runs instead of the real programs. Which one,
//! `WALBROOK_SEALED` says; everything else is as the real one takes it.

use std::process::ExitCode;
use std::sync::Arc;
use walbrook_event::Seal;
use walbrook_housing::{Housing, Service};
use walbrook_proto::housing::v1::housing_events_server::HousingEventsServer;
use walbrook_tests::seal::Mixed;

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
