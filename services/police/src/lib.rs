//! Facts of the police as an agency: their event types, the rules particular to them, and the address of their service.
//! The generic gateway owns the behaviour; what holds for every event is checked there.

pub mod rules;

use tonic::{Request, Response, Status, Streaming};
use walbrook_agency::{Agency, Body, Frame, FrameReceipts, Gateway, Rule};
use walbrook_proto::common::v1::{EventHead, Receipt};
use walbrook_proto::police::v1::police_events_server::PoliceEvents;
use walbrook_proto::police::v1::{Event, PublishFrame, PublishRequest, event};

/// The agency.
pub struct Police;

impl Agency for Police {
    const NAME: &'static str = "police";
    const GRPC_PORT: u16 = 7101;
    type Event = Event;

    fn rules() -> &'static [&'static Rule] {
        rules::RULES
    }

    fn head(event: &Event) -> Option<&EventHead> {
        event.head.as_ref()
    }

    fn body(event: &Event) -> Option<Body<'_>> {
        Some(match event.body.as_ref()? {
            event::Body::ProtectionNotification(m) => {
                Body::of("protection_notification", m, rules::protection_notification)
            }
            event::Body::MissingEpisode(m) => {
                Body::of("missing_episode", m, rules::missing_episode)
            }
            event::Body::PoliceProtectionUsed(m) => {
                Body::of("police_protection_used", m, rules::police_protection_used)
            }
            event::Body::CustodyReleased(m) => {
                Body::of("custody_released", m, rules::custody_released)
            }
            event::Body::DomesticAbuseRiskAssessed(m) => Body::of(
                "domestic_abuse_risk_assessed",
                m,
                rules::domestic_abuse_risk_assessed,
            ),
            event::Body::S136Detention(m) => Body::of("s136_detention", m, rules::s136_detention),
            event::Body::BwvRecordRegistered(m) => {
                Body::of("bwv_record_registered", m, rules::bwv_record_registered)
            }
            event::Body::StopSearch(m) => Body::of("stop_search", m, rules::stop_search),
            event::Body::AsbIncident(m) => Body::of("asb_incident", m, rules::asb_incident),
            event::Body::BiometricDeployment(m) => {
                Body::of("biometric_deployment", m, rules::biometric_deployment)
            }
        })
    }
}

/// The agency's gRPC service on its gateway.
pub struct Service(pub Gateway<Police>);

#[tonic::async_trait]
impl PoliceEvents for Service {
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
