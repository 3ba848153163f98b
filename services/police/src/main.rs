//! The service of the police.

use std::process::ExitCode;

use walbrook_police::{Police, Service};
use walbrook_proto::police::v1::police_events_server::PoliceEventsServer;

fn main() -> ExitCode {
    walbrook_agency::run::<Police, _>(walbrook_proto::FILE_DESCRIPTOR_SET, |gateway| {
        PoliceEventsServer::new(Service(gateway))
    })
}
