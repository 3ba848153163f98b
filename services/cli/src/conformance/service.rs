//! The service that is tried, whichever agency's: single calls and streams.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;
use walbrook_proto::common::v1::enrol_outcome::Outcome as Enrolled;
use walbrook_proto::common::v1::enrolments_client::EnrolmentsClient;
use walbrook_proto::common::v1::{EnrolRequest, FrameReceipt, Receipt, Subject};
use walbrook_proto::{city, health, housing, police, social_care, tfl};

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
        macro_rules! publish {
            ($package:ident, $clients:ident, $client:ident, $body:expr) => {{
                use $package::v1::{Event, PublishRequest, $clients::$client as Client};
                let body = Some($body);
                let event = Some(Event { head, body });
                let call = within(PublishRequest { event }, deadline);
                Client::new(connection).publish(call).await?
            }};
        }
        let answer = match event.body {
            Body::Housing(body) => {
                publish!(housing, housing_events_client, HousingEventsClient, body)
            }
            Body::Police(body) => publish!(police, police_events_client, PoliceEventsClient, body),
            Body::Health(body) => publish!(health, health_events_client, HealthEventsClient, body),
            Body::SocialCare(body) => {
                publish!(
                    social_care,
                    social_care_events_client,
                    SocialCareEventsClient,
                    body
                )
            }
            Body::Tfl(body) => publish!(tfl, tfl_events_client, TflEventsClient, body),
            Body::City(body) => publish!(city, city_events_client, CityEventsClient, body),
        };
        Ok(answer.into_inner())
    }

    /// Says who somebody is, without an event: whether that was taken.
    pub(crate) async fn enrol(&self, subject: Subject) -> Result<bool, Status> {
        let subjects = vec![subject];
        let call = within(EnrolRequest { subjects }, DEADLINE);
        let mut client = EnrolmentsClient::new(self.connection.clone());
        let outcomes = client.enrol(call).await?.into_inner().outcomes;
        let taken = |outcome: &_| matches!(outcome, Some(Enrolled::Enrolled(_)));
        Ok(outcomes.len() == 1 && outcomes.iter().all(|one| taken(&one.outcome)))
    }

    /// A call without any credential.
    pub(crate) async fn publish_bare(&self, agency: AgencyName) -> Status {
        let bare = self.bare.clone();
        macro_rules! publish {
            ($package:ident, $clients:ident, $client:ident) => {{
                use $package::v1::{PublishRequest, $clients::$client as Client};
                let call = PublishRequest { event: None };
                Client::new(bare).publish(call).await
            }};
        }
        let answer = match agency {
            AgencyName::Housing => publish!(housing, housing_events_client, HousingEventsClient),
            AgencyName::Police => publish!(police, police_events_client, PoliceEventsClient),
            AgencyName::Health => publish!(health, health_events_client, HealthEventsClient),
            AgencyName::SocialCare => {
                publish!(
                    social_care,
                    social_care_events_client,
                    SocialCareEventsClient
                )
            }
            AgencyName::Tfl => publish!(tfl, tfl_events_client, TflEventsClient),
            AgencyName::City => publish!(city, city_events_client, CityEventsClient),
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
            ($package:ident, $clients:ident, $client:ident, $variant:ident) => {{
                use $package::v1::{Event, PublishFrame, $clients::$client as Client};
                let own = |event: Outgoing| match event.body {
                    Body::$variant(body) => Some(Event {
                        head: Some(event.head),
                        body: Some(body),
                    }),
                    _ => None,
                };
                let frames = frames.map(move |(sequence, events)| PublishFrame {
                    sequence,
                    events: events.into_iter().filter_map(own).collect(),
                });
                Client::new(connection).publish_stream(frames).await?
            }};
        }
        let answer = match agency {
            AgencyName::Housing => {
                frames!(housing, housing_events_client, HousingEventsClient, Housing)
            }
            AgencyName::Police => {
                frames!(police, police_events_client, PoliceEventsClient, Police)
            }
            AgencyName::Health => {
                frames!(health, health_events_client, HealthEventsClient, Health)
            }
            AgencyName::SocialCare => {
                frames!(
                    social_care,
                    social_care_events_client,
                    SocialCareEventsClient,
                    SocialCare
                )
            }
            AgencyName::Tfl => frames!(tfl, tfl_events_client, TflEventsClient, Tfl),
            AgencyName::City => frames!(city, city_events_client, CityEventsClient, City),
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
