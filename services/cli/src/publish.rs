//! Sends events to the agencies' services over their bidirectional streams: one stream for each agency and organisation, in order.

use crate::caller::{CallerArgs, Connection, refused};
use crate::{Exit, Failure};
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use tokio_stream::{Stream, StreamExt};
use walbrook_proto::common::v1::{EventHead, EventOutcome, FrameReceipt};
use walbrook_proto::{city, health, housing, police, social_care, tfl};

/// Events a frame.
const FRAME: usize = 200;

/// The body of an event, by agency.
#[derive(Debug, Clone)]
pub enum Body {
    /// Police.
    Police(police::v1::event::Body),
    /// Health.
    Health(health::v1::event::Body),
    /// Housing.
    Housing(housing::v1::event::Body),
    /// Transport.
    Tfl(tfl::v1::event::Body),
    /// Children's social care.
    SocialCare(social_care::v1::event::Body),
    /// The city's open data.
    City(city::v1::event::Body),
}

impl Body {
    /// Its protobuf form, the same bytes for the same content.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        match self {
            Body::Police(body) => body.encode(bytes),
            Body::Health(body) => body.encode(bytes),
            Body::Housing(body) => body.encode(bytes),
            Body::City(body) => body.encode(bytes),
            Body::Tfl(body) => body.encode(bytes),
            Body::SocialCare(body) => body.encode(bytes),
        }
    }

    /// The service that takes it.
    #[must_use]
    pub fn agency(&self) -> &'static str {
        match self {
            Body::Police(_) => "police",
            Body::Health(_) => "health",
            Body::Housing(_) => "housing",
            Body::Tfl(_) => "tfl",
            Body::SocialCare(_) => "social-care",
            Body::City(_) => "city",
        }
    }
}

/// An event on its way.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The organisation that sends it, as scheme:code.
    pub organisation: String,
    /// Its head.
    pub head: EventHead,
    /// Its body.
    pub body: Body,
}

/// Sends events and returns what became of each, in the order given. Events of one agency and organisation arrive in that order.
///
/// # Errors
/// When a service does not answer or breaks off; what was acknowledged by then stays, and the same events may be sent again.
pub async fn publish(
    caller: &CallerArgs,
    events: Vec<Outgoing>,
    bar: &ProgressBar,
) -> Result<Vec<EventOutcome>, Failure> {
    let count = events.len();
    let mut groups: BTreeMap<(&'static str, String), Vec<(usize, Outgoing)>> = BTreeMap::new();
    for (place, event) in events.into_iter().enumerate() {
        let key = (event.body.agency(), event.organisation.clone());
        groups.entry(key).or_default().push((place, event));
    }
    let sends = groups.into_iter().map(|((agency, organisation), events)| {
        send_group(caller, agency, organisation, events, bar)
    });
    let mut outcomes: Vec<Option<EventOutcome>> = vec![None; count];
    for group in futures::future::try_join_all(sends).await? {
        for (place, outcome) in group {
            if let Some(slot) = outcomes.get_mut(place) {
                *slot = Some(outcome);
            }
        }
    }
    outcomes.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| {
        Failure::new(Exit::Unavailable, "a service ended its stream before it had answered every event; send the same events again")
    })
}

async fn send_group(
    caller: &CallerArgs,
    agency: &'static str,
    organisation: String,
    events: Vec<(usize, Outgoing)>,
    bar: &ProgressBar,
) -> Result<Vec<(usize, EventOutcome)>, Failure> {
    let pattern = format!("{}.*", agency.replace('-', "_"));
    let connection = caller
        .acting(&organisation, "producer", "walbrook-cli")
        .connect_producer(agency, &[&pattern])
        .await?;
    let (places, events): (Vec<usize>, Vec<Outgoing>) = events.into_iter().unzip();
    let mut receipts = open(agency, connection, events)
        .await
        .map_err(refused("send events"))?;
    let mut outcomes = Vec::with_capacity(places.len());
    let mut places = places.into_iter();
    while let Some(receipt) = receipts.next().await {
        let receipt = receipt.map_err(refused("send events"))?;
        bar.inc(receipt.outcomes.len() as u64);
        for outcome in receipt.outcomes {
            let place = places.next().ok_or_else(|| {
                Failure::new(
                    Exit::Internal,
                    format!("{agency} answered more events than were sent"),
                )
            })?;
            outcomes.push((place, outcome));
        }
    }
    Ok(outcomes)
}

/// The frames of one agency: its own frame type around its own event type.
macro_rules! frames {
    ($package:ident, $variant:ident, $batches:expr) => {{
        let mut sequence = 0;
        $batches.map(move |events: Vec<Outgoing>| {
            sequence += 1;
            let events = events
                .into_iter()
                .filter_map(|event| match event.body {
                    Body::$variant(body) => Some($package::v1::Event {
                        head: Some(event.head),
                        body: Some(body),
                    }),
                    _ => None,
                })
                .collect();
            $package::v1::PublishFrame { sequence, events }
        })
    }};
}

/// Opens one stream to an agency for one organisation (the connection's) and sends the events over it; the receipts come frame by frame.
///
/// # Errors
/// When the service does not take the stream.
pub async fn open(
    agency: &str,
    connection: Connection,
    events: Vec<Outgoing>,
) -> Result<tonic::Streaming<FrameReceipt>, tonic::Status> {
    let frames: Vec<Vec<Outgoing>> = events.chunks(FRAME).map(<[Outgoing]>::to_vec).collect();
    open_frames(agency, connection, tokio_stream::iter(frames)).await
}

// Six generated clients of one shape have no common trait; the macro above is the one place that names the shape.

/// The same, each batch as one frame as it comes; the batches are taken no faster than the service takes frames.
///
/// # Errors
/// When the service does not take the stream.
pub async fn open_frames<S>(
    agency: &str,
    connection: Connection,
    batches: S,
) -> Result<tonic::Streaming<FrameReceipt>, tonic::Status>
where
    S: Stream<Item = Vec<Outgoing>> + Send + 'static,
{
    let answer = match agency {
        "police" => {
            let mut client = police::v1::police_events_client::PoliceEventsClient::new(connection);
            client
                .publish_stream(frames!(police, Police, batches))
                .await?
        }
        "health" => {
            let mut client = health::v1::health_events_client::HealthEventsClient::new(connection);
            client
                .publish_stream(frames!(health, Health, batches))
                .await?
        }
        "housing" => {
            let mut client =
                housing::v1::housing_events_client::HousingEventsClient::new(connection);
            client
                .publish_stream(frames!(housing, Housing, batches))
                .await?
        }
        "city" => {
            let mut client = city::v1::city_events_client::CityEventsClient::new(connection);
            client.publish_stream(frames!(city, City, batches)).await?
        }
        "tfl" => {
            let mut client = tfl::v1::tfl_events_client::TflEventsClient::new(connection);
            client.publish_stream(frames!(tfl, Tfl, batches)).await?
        }
        _ => {
            let mut client =
                social_care::v1::social_care_events_client::SocialCareEventsClient::new(connection);
            client
                .publish_stream(frames!(social_care, SocialCare, batches))
                .await?
        }
    };
    Ok(answer.into_inner())
}
