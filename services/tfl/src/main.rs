//! The service of Transport for London.

use std::process::ExitCode;

use walbrook_proto::tfl::v1::tfl_events_server::TflEventsServer;
use walbrook_tfl::{Service, Tfl};

fn main() -> ExitCode {
    walbrook_agency::run::<Tfl, _>(walbrook_proto::FILE_DESCRIPTOR_SET, |gateway| {
        TflEventsServer::new(Service(gateway))
    })
}
