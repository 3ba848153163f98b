//! The service that is tried, whichever agency's: single calls and streams.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;
use walbrook_proto::common::v1::{FrameReceipt, Receipt};
use walbrook_proto::{health, housing, police, social_care};

use super::{AgencyName, ConformanceArgs};
use crate::caller::Connection;
use crate::publish::{Body, Outgoing};
use crate::{Exit, Failure};

/// How long one call may take.
const DEADLINE: Duration = Duration::from_secs(15);

/// A stream of frames to send, each with its number.
pub(crate) type Frames = tokio_stream::wrappers::ReceiverStream<(u64, Vec<Outgoing>)>;

/// An agency's service, as this organisation reaches it.
pub(crate) struct Service {
    connection: Connection,
    /// The same way without a credential.
    bare: Channel,
}

impl Service {
    pub(crate) async fn connect(args: &ConformanceArgs) -> Result<Self, Failure> {
        let name = args.agency.name();
        let pattern = format!("{}.*", name.replace('-', "_"));
        let connection = args.caller.connect_producer(name, &[&pattern]).await?;
        let url = args.caller.url(name)?;
        let bare = Endpoint::from_shared(url)
            .map_err(|error| Failure::new(Exit::Usage, error))?
            .connect_lazy();
        Ok(Self { connection, bare })
    }

    /// Sends one event.
    pub(crate) async fn publish(&self, event: Outgoing) -> Result<Receipt, Status> {
        self.publish_within(event, DEADLINE).await
    }

    /// Sends one event and waits no longer than this.
    pub(crate) async fn publish_within(
        &self,
        event: Outgoing,
        deadline: Duration,
    ) -> Result<Receipt, Status> {
        let connection = self.connection.clone();
        let head = Some(event.head);
        let answer = match event.body {
            Body::Housing(body) => {
                use housing::v1::{Event, PublishRequest, housing_events_client as client};
                let body = Some(body);
                let event = Some(Event { head, body });
                let mut client = client::HousingEventsClient::new(connection);
                let call = within(PublishRequest { event }, deadline);
                client.publish(call).await?
            }
            Body::Police(body) => {
                use police::v1::{Event, PublishRequest, police_events_client as client};
                let body = Some(body);
                let event = Some(Event { head, body });
                let mut client = client::PoliceEventsClient::new(connection);
                let call = within(PublishRequest { event }, deadline);
                client.publish(call).await?
            }
            Body::Health(body) => {
                use health::v1::{Event, PublishRequest, health_events_client as client};
                let body = Some(body);
                let event = Some(Event { head, body });
                let mut client = client::HealthEventsClient::new(connection);
                let call = within(PublishRequest { event }, deadline);
                client.publish(call).await?
            }
            Body::SocialCare(body) => {
                use social_care::v1::{Event, PublishRequest, social_care_events_client as client};
                let body = Some(body);
                let event = Some(Event { head, body });
                let mut client = client::SocialCareEventsClient::new(connection);
                let call = within(PublishRequest { event }, deadline);
                client.publish(call).await?
            }
            _ => return Err(Status::unimplemented("an agency without people")),
        };
        Ok(answer.into_inner())
    }

    /// A call without any credential.
    pub(crate) async fn publish_bare(&self, agency: AgencyName) -> Status {
        let bare = self.bare.clone();
        let answer = match agency {
            AgencyName::Housing => {
                housing::v1::housing_events_client::HousingEventsClient::new(bare)
                    .publish(housing::v1::PublishRequest { event: None })
                    .await
            }
            AgencyName::Police => {
                police::v1::police_events_client::PoliceEventsClient::new(bare)
                    .publish(police::v1::PublishRequest { event: None })
                    .await
            }
            AgencyName::Health => {
                health::v1::health_events_client::HealthEventsClient::new(bare)
                    .publish(health::v1::PublishRequest { event: None })
                    .await
            }
            AgencyName::SocialCare => {
                social_care::v1::social_care_events_client::SocialCareEventsClient::new(bare)
                    .publish(social_care::v1::PublishRequest { event: None })
                    .await
            }
        };
        answer.err().unwrap_or_else(|| Status::ok("it was taken"))
    }

    /// Opens a stream of frames.
    pub(crate) async fn stream(
        &self,
        agency: AgencyName,
        frames: Frames,
    ) -> Result<tonic::Streaming<FrameReceipt>, Status> {
        use tokio_stream::StreamExt as _;
        let connection = self.connection.clone();
        macro_rules! frames {
            ($package:ident, $variant:ident) => {
                frames.map(|(sequence, events)| $package::v1::PublishFrame {
                    sequence,
                    events: events
                        .into_iter()
                        .filter_map(|event| match event.body {
                            Body::$variant(body) => Some($package::v1::Event {
                                head: Some(event.head),
                                body: Some(body),
                            }),
                            _ => None,
                        })
                        .collect(),
                })
            };
        }
        let answer = match agency {
            AgencyName::Housing => {
                housing::v1::housing_events_client::HousingEventsClient::new(connection)
                    .publish_stream(frames!(housing, Housing))
                    .await?
            }
            AgencyName::Police => {
                police::v1::police_events_client::PoliceEventsClient::new(connection)
                    .publish_stream(frames!(police, Police))
                    .await?
            }
            AgencyName::Health => {
                health::v1::health_events_client::HealthEventsClient::new(connection)
                    .publish_stream(frames!(health, Health))
                    .await?
            }
            AgencyName::SocialCare => {
                social_care::v1::social_care_events_client::SocialCareEventsClient::new(connection)
                    .publish_stream(frames!(social_care, SocialCare))
                    .await?
            }
        };
        Ok(answer.into_inner())
    }
}

fn within<T>(message: T, deadline: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}

/// The machine-readable reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    let info = status.get_error_details().error_info().cloned();
    info.map(|info| info.reason).unwrap_or_default()
}

/// The rules that a refusal names.
pub(crate) fn rules(status: &Status) -> Vec<String> {
    let bad = status.get_error_details().bad_request().cloned();
    let violations = bad.map(|bad| bad.field_violations).unwrap_or_default();
    violations.into_iter().map(|one| one.reason).collect()
}
