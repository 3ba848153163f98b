//! A bulk stream goes on after its connection is cut: nothing is lost, and nothing counts twice.

use crate::river;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_stream::StreamExt;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use walbrook_event::headers;
use walbrook_proto::common::v1::event_outcome::Outcome;
use walbrook_proto::housing::v1::housing_events_client::HousingEventsClient;
use walbrook_proto::housing::v1::{Event, PublishFrame};
use walbrook_runtime::callers::{Credential, TokenRequest, role};
use walbrook_tests::acts::contact;
use walbrook_tests::backbone::{Backbone, Connection, journey};
use walbrook_tests::people::{CAMDEN, Person, event_id};

const FRAMES: usize = 12;
const FRAME: usize = 25;
/// Frames that are answered before answers are held back.
const ANSWERED: usize = 2;

/// A wire between a client and a service that can be cut.
struct Wire {
    address: SocketAddr,
    cut: watch::Sender<bool>,
    /// Answers go no further while it is true.
    held: watch::Sender<bool>,
}

impl Wire {
    async fn to(service: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (cut, was_cut) = watch::channel(false);
        let (held, holding) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let service = TcpStream::connect(&service).await.expect("the service");
                tokio::spawn(carry(client, service, was_cut.clone(), holding.clone()));
            }
        });
        Self { address, cut, held }
    }

    async fn client(&self, backbone: &Backbone) -> HousingEventsClient<Connection> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).expect("a uri");
        let channel = endpoint.connect().await.expect("the wire");
        let caller =
            TokenRequest::new(CAMDEN, "housing-system", role::PRODUCER).events(&["housing.*"]);
        let credential = Credential::minted(backbone.issuer().clone(), caller);
        HousingEventsClient::new(InterceptedService::new(channel, credential))
    }
}

/// Carries bytes both ways until the wire is cut: then both ends are dropped in the middle of whatever they say.
async fn carry(
    mut client: TcpStream,
    mut service: TcpStream,
    mut cut: watch::Receiver<bool>,
    mut held: watch::Receiver<bool>,
) {
    let (from_client, mut to_client) = client.split();
    let (from_service, mut to_service) = service.split();
    let asked = async {
        let mut from = from_client;
        let _ = tokio::io::copy(&mut from, &mut to_service).await;
    };
    let answered = async {
        let mut bytes = vec![0; 4_096];
        loop {
            let Ok(count @ 1..) = read(&from_service, &mut bytes).await else {
                return;
            };
            let _ = held.wait_for(|held| !held).await;
            if to_client.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = cut.wait_for(|cut| *cut) => {}
        () = async { tokio::join!(asked, answered); } => {}
    }
}

async fn read(from: &tokio::net::tcp::ReadHalf<'_>, bytes: &mut [u8]) -> std::io::Result<usize> {
    loop {
        from.readable().await?;
        match from.try_read(bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// Sends frames over one stream; how many were answered, each event with a receipt, before it ended or broke. With `held`, the
/// frames after the first `ANSWERED` wait for the answers to those, and no answer gets through from then on.
async fn send(
    client: &mut HousingEventsClient<Connection>,
    frames: &[Vec<Event>],
    held: Option<watch::Sender<bool>>,
) -> Result<usize, usize> {
    let frames: Vec<_> = (1..)
        .zip(frames)
        .map(|(sequence, events)| PublishFrame {
            sequence,
            events: events.clone(),
        })
        .collect();
    let holding = held.as_ref().map(watch::Sender::subscribe);
    let frames = tokio_stream::iter(frames).then(move |frame| {
        let holding = holding.clone().filter(|_| frame.sequence > ANSWERED as u64);
        async move {
            if let Some(mut holding) = holding {
                let _ = holding.wait_for(|held| *held).await;
            }
            frame
        }
    });
    let stream = client.publish_stream(frames).await;
    let mut answers = stream.expect("the stream opens").into_inner();
    let mut count = 0;
    while let Some(answer) = answers.next().await {
        let Ok(answer) = answer else {
            return Err(count);
        };
        let receipt = |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Receipt(_)));
        assert!(answer.outcomes.iter().all(|one| receipt(&one.outcome)));
        count += 1;
        if let Some(held) = held.as_ref().filter(|_| count == ANSWERED) {
            let _ = held.send(true);
        }
    }
    Ok(count)
}

/// How often each of these ids stands on the housing topic.
fn on_the_log(backbone: &Backbone, ids: &[String]) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = ids.iter().map(|id| (id.clone(), 0)).collect();
    for record in backbone.records("raw.housing") {
        let id = record.headers.text(headers::ID).unwrap_or_default();
        if let Some(count) = counts.get_mut(id) {
            *count += 1;
        }
    }
    counts
}

#[test]
fn a_bulk_stream_resumes_after_a_cut_connection_without_loss_or_double_count() {
    journey(async {
        let backbone = river().await;
        let person = Person::number(611);
        let frames: Vec<Vec<Event>> = (0..FRAMES)
            .map(|_| {
                (0..FRAME)
                    .map(|_| contact(&event_id(), &person, 4))
                    .collect()
            })
            .collect();
        let head = |event: &Event| event.head.as_ref().map(|head| head.event_id.clone());
        let ids: Vec<String> = frames.iter().flatten().filter_map(head).collect();
        let service = backbone.address("housing");
        let wire = Wire::to(service.trim_start_matches("http://").to_owned()).await;

        // Every frame reaches the service, but only the first answers reach the client; then the wire is cut.
        let mut client = wire.client(&backbone).await;
        let held = wire.held.clone();
        let sending = frames.clone();
        let first = tokio::spawn(async move { send(&mut client, &sending, Some(held)).await });
        backbone
            .until("every frame to stand on the log", || async {
                let counts = on_the_log(&backbone, &ids);
                let there = counts.values().filter(|count| **count > 0).count();
                (there == ids.len())
                    .then_some(())
                    .ok_or_else(|| format!("{there} of {}", ids.len()))
            })
            .await;
        wire.cut.send(true).expect("the wire");
        let first = tokio::time::timeout(Duration::from_secs(30), first);
        let broken = first.await.expect("it ends").expect("no panic");
        let answered = broken.expect_err("a broken stream is no finished one");
        assert_eq!(answered, ANSWERED);

        // What was not answered is sent again over a new connection, with the same ids.
        wire.cut.send_replace(false);
        wire.held.send_replace(false);
        let mut client = wire.client(&backbone).await;
        let rest = &frames[answered..];
        assert_eq!(send(&mut client, rest, None).await, Ok(rest.len()));

        let counts = on_the_log(&backbone, &ids);
        assert!(counts.values().all(|count| *count > 0), "nothing is lost");
        let twice = counts.values().filter(|count| **count == 2).count();
        assert_eq!(
            twice,
            rest.len() * FRAME,
            "the cut made the client repeat itself"
        );
        backbone.decided().await;
        let wanted = i64::try_from(ids.len()).expect("few");
        backbone.await_contacts(CAMDEN, &person, wanted).await;
        backbone.assert_audit_is_clean();
    });
}
