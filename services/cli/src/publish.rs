//! Sends events to the agencies' services over their bidirectional streams: one stream for each agency and organisation, in order.

use crate::caller::{CallerArgs, Connection, refused};
use crate::{Exit, Failure};
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use tokio_stream::StreamExt;
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
    ($package:ident, $variant:ident, $events:expr) => {{
        let mut frames = Vec::new();
        for (number, chunk) in $events.chunks(FRAME).enumerate() {
            let events = chunk
                .iter()
                .filter_map(|event| match &event.body {
                    Body::$variant(body) => Some($package::v1::Event {
                        head: Some(event.head.clone()),
                        body: Some(body.clone()),
                    }),
                    _ => None,
                })
                .collect();
            frames.push($package::v1::PublishFrame {
                sequence: number as u64 + 1,
                events,
            });
        }
        tokio_stream::iter(frames)
    }};
}

// Six generated clients of one shape have no common trait; the macro above is the one place that names the shape.

/// Opens one stream to an agency for one organisation (the connection's) and sends the events over it; the receipts come frame by frame.
///
/// # Errors
/// When the service does not take the stream.
pub async fn open(
    agency: &str,
    connection: Connection,
    events: Vec<Outgoing>,
) -> Result<tonic::Streaming<FrameReceipt>, tonic::Status> {
    let answer = match agency {
        "police" => {
            let mut client = police::v1::police_events_client::PoliceEventsClient::new(connection);
            client
                .publish_stream(frames!(police, Police, events))
                .await?
        }
        "health" => {
            let mut client = health::v1::health_events_client::HealthEventsClient::new(connection);
            client
                .publish_stream(frames!(health, Health, events))
                .await?
        }
        "housing" => {
            let mut client =
                housing::v1::housing_events_client::HousingEventsClient::new(connection);
            client
                .publish_stream(frames!(housing, Housing, events))
                .await?
        }
        "city" => {
            let mut client = city::v1::city_events_client::CityEventsClient::new(connection);
            client.publish_stream(frames!(city, City, events)).await?
        }
        "tfl" => {
            let mut client = tfl::v1::tfl_events_client::TflEventsClient::new(connection);
            client.publish_stream(frames!(tfl, Tfl, events)).await?
        }
        _ => {
            let mut client =
                social_care::v1::social_care_events_client::SocialCareEventsClient::new(connection);
            client
                .publish_stream(frames!(social_care, SocialCare, events))
                .await?
        }
    };
    Ok(answer.into_inner())
}
