//! The service of housing services, landlords and outreach teams.

use std::process::ExitCode;

use walbrook_housing::{Housing, Service};
use walbrook_proto::housing::v1::housing_events_server::HousingEventsServer;

/// Each event is made of dozens of small pieces, on several threads and in librdkafka: the system's allocator was a fifth of a gateway's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    walbrook_agency::run::<Housing, _>(walbrook_proto::FILE_DESCRIPTOR_SET, |gateway| {
        HousingEventsServer::new(Service(gateway))
    })
}
