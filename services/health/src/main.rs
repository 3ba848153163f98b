//! The service of NHS bodies.

use std::process::ExitCode;

use walbrook_health::{Health, Service};
use walbrook_proto::health::v1::health_events_server::HealthEventsServer;

fn main() -> ExitCode {
    walbrook_agency::run::<Health, _>(walbrook_proto::FILE_DESCRIPTOR_SET, |gateway| {
        HealthEventsServer::new(Service(gateway))
    })
}
