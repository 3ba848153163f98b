//! The service of NHS bodies.

use std::process::ExitCode;

use walbrook_health::{Health, Service};
use walbrook_proto::health::v1::health_events_server::HealthEventsServer;

/// Each event is made of dozens of small pieces, on several threads and in librdkafka: the system's allocator was a fifth of a gateway's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    walbrook_agency::run::<Health, _>(walbrook_proto::FILE_DESCRIPTOR_SET, |gateway| {
        HealthEventsServer::new(Service(gateway))
    })
}
