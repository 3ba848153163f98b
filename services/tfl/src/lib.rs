//! Facts of Transport for London as an agency: their event types, the rules particular to them, and the address of their service.
//! The generic gateway owns the behaviour; what holds for every event is checked there.

pub mod rules;

use tonic::{Request, Response, Status, Streaming};
use walbrook_agency::{Agency, Body, Frame, FrameReceipts, Gateway, Rule};
use walbrook_proto::common::v1::{EventHead, Receipt};
use walbrook_proto::tfl::v1::tfl_events_server::TflEvents;
use walbrook_proto::tfl::v1::{Event, PublishFrame, PublishRequest, event};

/// The agency.
pub struct Tfl;

impl Agency for Tfl {
    const NAME: &'static str = "tfl";
    const GRPC_PORT: u16 = 7104;
    type Event = Event;

    fn rules() -> &'static [&'static Rule] {
        rules::RULES
    }

    fn head(event: &Event) -> Option<&EventHead> {
        event.head.as_ref()
    }

    fn body(event: &Event) -> Option<Body<'_>> {
        Some(match event.body.as_ref()? {
            event::Body::OutreachNotified(m) => {
                Body::of("outreach_notified", m, rules::outreach_notified)
            }
            event::Body::LineStatusChanged(m) => {
                Body::of("line_status_changed", m, rules::line_status_changed)
            }
            event::Body::RoadDisruption(m) => {
                Body::of("road_disruption", m, rules::road_disruption)
            }
            event::Body::ArrivalPrediction(m) => {
                Body::of("arrival_prediction", m, rules::arrival_prediction)
            }
            event::Body::BikePointStatus(m) => {
                Body::of("bike_point_status", m, rules::bike_point_status)
            }
            event::Body::LiftDisruption(m) => {
                Body::of("lift_disruption", m, rules::lift_disruption)
            }
            event::Body::CrowdingLive(m) => Body::of("crowding_live", m, rules::crowding_live),
            event::Body::AirQualityForecast(m) => {
                Body::of("air_quality_forecast", m, rules::air_quality_forecast)
            }
            event::Body::ConcessionGranted(m) => {
                Body::of("concession_granted", m, rules::concession_granted)
            }
        })
    }
}

/// The agency's gRPC service on its gateway.
pub struct Service(pub Gateway<Tfl>);

#[tonic::async_trait]
impl TflEvents for Service {
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
