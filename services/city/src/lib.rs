//! Facts of the city's open data as an agency: their event types, the rules particular to them, and the address of their service.
//! The generic gateway owns the behaviour; what holds for every event is checked there.

pub mod rules;

use tonic::{Request, Response, Status, Streaming};
use walbrook_agency::{Agency, Body, Frame, FrameReceipts, Gateway, Rule};
use walbrook_proto::city::v1::city_events_server::CityEvents;
use walbrook_proto::city::v1::{Event, PublishFrame, PublishRequest, event};
use walbrook_proto::common::v1::{EventHead, Receipt};

/// The agency.
pub struct City;

impl Agency for City {
    const NAME: &'static str = "city";
    const GRPC_PORT: u16 = 7106;
    type Event = Event;

    fn rules() -> &'static [&'static Rule] {
        rules::RULES
    }

    fn head(event: &Event) -> Option<&EventHead> {
        event.head.as_ref()
    }

    fn body(event: &Event) -> Option<Body<'_>> {
        Some(match event.body.as_ref()? {
            event::Body::AirQualityMeasured(m) => {
                Body::of("air_quality_measured", m, rules::air_quality_measured)
            }
            event::Body::DaqiPublished(m) => Body::of("daqi_published", m, rules::daqi_published),
            event::Body::PlanningApplicationStatusChanged(m) => Body::of(
                "planning_application_status_changed",
                m,
                rules::planning_application_status_changed,
            ),
            event::Body::AiModelRegistered(m) => {
                Body::of("ai_model_registered", m, rules::ai_model_registered)
            }
            event::Body::AiModelReviewed(m) => {
                Body::of("ai_model_reviewed", m, rules::ai_model_reviewed)
            }
            event::Body::AiModelSuspended(m) => {
                Body::of("ai_model_suspended", m, rules::ai_model_suspended)
            }
            event::Body::DatasetPublished(m) => {
                Body::of("dataset_published", m, rules::dataset_published)
            }
            event::Body::OpenIndicatorPublished(m) => Body::of(
                "open_indicator_published",
                m,
                rules::open_indicator_published,
            ),
            event::Body::OpenRecordPublished(m) => {
                Body::of("open_record_published", m, rules::open_record_published)
            }
        })
    }
}

/// The agency's gRPC service on its gateway.
pub struct Service(pub Gateway<City>);

#[tonic::async_trait]
impl CityEvents for Service {
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
