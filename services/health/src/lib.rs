//! Facts of NHS bodies as an agency: their event types, the rules particular to them, and the address of their service.
//! The generic gateway owns the behaviour; what holds for every event is checked there.

pub mod rules;

use tonic::{Request, Response, Status, Streaming};
use walbrook_agency::{Agency, Body, Frame, FrameReceipts, Gateway, Rule};
use walbrook_proto::common::v1::{EventHead, Receipt};
use walbrook_proto::health::v1::health_events_server::HealthEvents;
use walbrook_proto::health::v1::{Event, PublishFrame, PublishRequest, event};

/// The agency.
pub struct Health;

impl Agency for Health {
    const NAME: &'static str = "health";
    const GRPC_PORT: u16 = 7102;
    type Event = Event;

    fn rules() -> &'static [&'static Rule] {
        rules::RULES
    }

    fn head(event: &Event) -> Option<&EventHead> {
        event.head.as_ref()
    }

    fn body(event: &Event) -> Option<Body<'_>> {
        Some(match event.body.as_ref()? {
            event::Body::EdAttendance(m) => Body::of("ed_attendance", m, rules::ed_attendance),
            event::Body::AccommodationStatusRecorded(m) => Body::of(
                "accommodation_status_recorded",
                m,
                rules::accommodation_status_recorded,
            ),
            event::Body::CicHealthAssessment(m) => {
                Body::of("cic_health_assessment", m, rules::cic_health_assessment)
            }
            event::Body::InpatientDischarge(m) => {
                Body::of("inpatient_discharge", m, rules::inpatient_discharge)
            }
            event::Body::DutyToReferSent(m) => {
                Body::of("duty_to_refer_sent", m, rules::duty_to_refer_sent)
            }
            event::Body::GpRegistrationChanged(m) => {
                Body::of("gp_registration_changed", m, rules::gp_registration_changed)
            }
            event::Body::MentalHealthReferral(m) => {
                Body::of("mental_health_referral", m, rules::mental_health_referral)
            }
            event::Body::SubstanceTreatmentStarted(m) => Body::of(
                "substance_treatment_started",
                m,
                rules::substance_treatment_started,
            ),
        })
    }
}

/// The agency's gRPC service on its gateway.
pub struct Service(pub Gateway<Health>);

#[tonic::async_trait]
impl HealthEvents for Service {
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
