//! Facts of children's social care as an agency: their event types, the rules particular to them, and the address of their service.
//! The generic gateway owns the behaviour; what holds for every event is checked there.

pub mod rules;

use tonic::{Request, Response, Status, Streaming};
use walbrook_agency::{Agency, Body, Frame, FrameReceipts, Gateway, Rule};
use walbrook_proto::common::v1::{EventHead, Receipt};
use walbrook_proto::social_care::v1::social_care_events_server::SocialCareEvents;
use walbrook_proto::social_care::v1::{Event, PublishFrame, PublishRequest, event};

/// The agency.
pub struct SocialCare;

impl Agency for SocialCare {
    const NAME: &'static str = "social-care";
    const GRPC_PORT: u16 = 7105;
    type Event = Event;

    fn rules() -> &'static [&'static Rule] {
        rules::RULES
    }

    fn head(event: &Event) -> Option<&EventHead> {
        event.head.as_ref()
    }

    fn body(event: &Event) -> Option<Body<'_>> {
        Some(match event.body.as_ref()? {
            event::Body::CareEpisode(m) => Body::of("care_episode", m, rules::care_episode),
            event::Body::ReviewHeld(m) => Body::of("review_held", m, rules::review_held),
            event::Body::ContactReferral(m) => {
                Body::of("contact_referral", m, rules::contact_referral)
            }
            event::Body::AssessmentCompleted(m) => {
                Body::of("assessment_completed", m, rules::assessment_completed)
            }
            event::Body::ChildProtection(m) => {
                Body::of("child_protection", m, rules::child_protection)
            }
            event::Body::PlacementChanged(m) => {
                Body::of("placement_changed", m, rules::placement_changed)
            }
            event::Body::MissingEpisode(m) => {
                Body::of("missing_episode", m, rules::missing_episode)
            }
            event::Body::HealthOutcomes(m) => {
                Body::of("health_outcomes", m, rules::health_outcomes)
            }
            event::Body::CareLeaverContact(m) => {
                Body::of("care_leaver_contact", m, rules::care_leaver_contact)
            }
            event::Body::SocialWorkerVisit(m) => {
                Body::of("social_worker_visit", m, rules::social_worker_visit)
            }
            event::Body::DeprivationOfLiberty(m) => {
                Body::of("deprivation_of_liberty", m, rules::deprivation_of_liberty)
            }
        })
    }
}

/// The agency's gRPC service on its gateway.
pub struct Service(pub Gateway<SocialCare>);

#[tonic::async_trait]
impl SocialCareEvents for Service {
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
