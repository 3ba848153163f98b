//! The service of housing services, landlords and outreach teams.

use std::process::ExitCode;

use walbrook_housing::{Housing, Service};
use walbrook_proto::housing::v1::housing_events_server::HousingEventsServer;

fn main() -> ExitCode {
    walbrook_agency::run::<Housing, _>(walbrook_proto::FILE_DESCRIPTOR_SET, |gateway| {
        HousingEventsServer::new(Service(gateway))
    })
}
