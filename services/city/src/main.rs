//! The service of the city's open data.

use std::process::ExitCode;

use walbrook_city::{City, Service};
use walbrook_proto::city::v1::city_events_server::CityEventsServer;

/// Each event is made of dozens of small pieces, on several threads and in librdkafka: the system's allocator was a fifth of a gateway's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    walbrook_agency::run::<City, _>(walbrook_proto::FILE_DESCRIPTOR_SET, |gateway| {
        CityEventsServer::new(Service(gateway))
    })
}
