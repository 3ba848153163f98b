//! The service of Transport for London.

use std::process::ExitCode;

use walbrook_proto::tfl::v1::tfl_events_server::TflEventsServer;
use walbrook_tfl::{Service, Tfl};

/// Each event is made of dozens of small pieces, on several threads and in librdkafka: the system's allocator was a fifth of a gateway's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    walbrook_agency::run::<Tfl, _>(walbrook_proto::FILE_DESCRIPTOR_SET, |gateway| {
        TflEventsServer::new(Service(gateway))
    })
}
