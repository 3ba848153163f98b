//! The service of children's social care.

use std::process::ExitCode;

use walbrook_proto::social_care::v1::social_care_events_server::SocialCareEventsServer;
use walbrook_social_care::{Service, SocialCare};

/// Each event is made of dozens of small pieces, on several threads and in librdkafka: the system's allocator was a fifth of a gateway's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    walbrook_agency::run::<SocialCare, _>(walbrook_proto::FILE_DESCRIPTOR_SET, |gateway| {
        SocialCareEventsServer::new(Service(gateway))
    })
}
