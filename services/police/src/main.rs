//! The service of the police.

use std::process::ExitCode;

use walbrook_police::{Police, Service};
use walbrook_proto::police::v1::police_events_server::PoliceEventsServer;

/// Each event is made of dozens of small pieces, on several threads and in librdkafka: the system's allocator was a fifth of a gateway's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    walbrook_agency::run::<Police, _>(walbrook_proto::FILE_DESCRIPTOR_SET, |gateway| {
        PoliceEventsServer::new(Service(gateway))
    })
}
