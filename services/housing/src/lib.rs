//! Facts of housing services, landlords and outreach teams as an agency: their event types, the rules particular to them, and the address of their service.
//! The generic gateway owns the behaviour; what holds for every event is checked there.

pub mod rules;

use tonic::{Request, Response, Status, Streaming};
use walbrook_agency::{Agency, Body, Frame, FrameReceipts, Gateway, Rule};
use walbrook_proto::common::v1::{EventHead, Receipt};
use walbrook_proto::housing::v1::housing_events_server::HousingEvents;
use walbrook_proto::housing::v1::{Event, PublishFrame, PublishRequest, event};

/// The agency.
pub struct Housing;

impl Agency for Housing {
    const NAME: &'static str = "housing";
    const GRPC_PORT: u16 = 7103;
    type Event = Event;

    fn rules() -> &'static [&'static Rule] {
        rules::RULES
    }

    fn head(event: &Event) -> Option<&EventHead> {
        event.head.as_ref()
    }

    fn body(event: &Event) -> Option<Body<'_>> {
        Some(match event.body.as_ref()? {
            event::Body::RentArrearsChanged(m) => {
                Body::of("rent_arrears_changed", m, rules::rent_arrears_changed)
            }
            event::Body::PossessionNotice(m) => {
                Body::of("possession_notice", m, rules::possession_notice)
            }
            event::Body::HomelessnessApplication(m) => Body::of(
                "homelessness_application",
                m,
                rules::homelessness_application,
            ),
            event::Body::RoughSleepingContact(m) => {
                Body::of("rough_sleeping_contact", m, rules::rough_sleeping_contact)
            }
            event::Body::DutyDecision(m) => Body::of("duty_decision", m, rules::duty_decision),
            event::Body::TemporaryAccommodation(m) => {
                Body::of("temporary_accommodation", m, rules::temporary_accommodation)
            }
            event::Body::TenancyStarted(m) => {
                Body::of("tenancy_started", m, rules::tenancy_started)
            }
            event::Body::TenancyEnded(m) => Body::of("tenancy_ended", m, rules::tenancy_ended),
            event::Body::HostelStay(m) => Body::of("hostel_stay", m, rules::hostel_stay),
        })
    }
}

/// The agency's gRPC service on its gateway.
pub struct Service(pub Gateway<Housing>);

#[tonic::async_trait]
impl HousingEvents for Service {
    type PublishStreamStream = FrameReceipts;

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<Receipt>, Status> {
        self.0.publish(request.map(|message| message.event)).await
    }

    async fn publish_stream(
        &self,
        request: Request<Streaming<PublishFrame>>,
    ) -> Result<Response<FrameReceipts>, Status> {
        let frame = |frame: PublishFrame| Frame {
            sequence: frame.sequence,
            events: frame.events,
        };
        self.0.publish_stream(request, frame).await
    }
}
