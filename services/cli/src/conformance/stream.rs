//! What streams of frames must come to.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use walbrook_proto::common::v1::FrameReceipt;
use walbrook_proto::common::v1::event_outcome::Outcome;

use super::calls::told;
use super::sample::Sample;
use super::service::{Service, reason};
use super::{AgencyName, Book, Found};
use crate::publish::Outgoing;

/// Events a frame.
const FRAME: usize = 100;
/// Frames that are offered while no answer is read.
const OFFERED: u64 = 2_000;
/// A service that takes no frame for so long has stopped taking them.
const STILL: Duration = Duration::from_millis(700);
/// How long a service may take for what is asked of it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn frames(service: &Service, sample: &mut Sample, book: &mut Book) {
    let agency = sample.agency();
    let mut mixed = sample.about_one(3);
    if let Some(second) = mixed.get_mut(1) {
        second.head.event_id = "broken".into();
    }
    let sent: Vec<String> = ids(&mixed);
    let frames = vec![(1, mixed), (2, sample.about_one(2))];
    let answers = all(service, agency, frames).await;
    book.note(
        "FRAMES_IN_ORDER",
        "frames are answered in order, their events too, a bad one beside good ones",
        answers
            .map_err(|status| told(&status))
            .and_then(|answers| in_order(&answers, &sent)),
    );
    let frames = vec![(1, sample.about_one(1)), (3, sample.about_one(1))];
    let ended = all(service, agency, frames).await;
    book.note(
        "FRAME_OUT_OF_SEQUENCE",
        "a gap in the numbers ends the stream",
        ends_as(ended, "FRAME_OUT_OF_SEQUENCE"),
    );
    let ended = all(service, agency, vec![(1, sample.about_one(1_001))]).await;
    book.note(
        "FRAME_TOO_LARGE",
        "a frame of more than 1,000 events ends the stream",
        ends_as(ended, "FRAME_TOO_LARGE"),
    );
    // The smallest events have some hundred bytes.
    let large = sample.about_one(60_000);
    let ended = all(service, agency, vec![(1, large)]).await;
    book.note(
        "MESSAGE_TOO_LARGE",
        "a message of more than 4 MiB is not read",
        match ended {
            Ok(_) => Err("it was taken".into()),
            // A client that is still sending may see only that the stream ended.
            Err(status) if status.code() == Code::InvalidArgument => Err(told(&status)),
            Err(status) => Ok(format!("{:?}", status.code())),
        },
    );
}

/// A stream that is dropped in the middle, and what was not answered sent again over the next one.
pub(crate) async fn resumed(service: &Service, sample: &mut Sample, book: &mut Book) {
    let agency = sample.agency();
    let frames: Vec<_> = (0..6).map(|_| sample.about_one(FRAME)).collect();
    let found = async {
        let (sender, receiver) = mpsc::channel(frames.len());
        for (number, frame) in (1..).zip(&frames) {
            let _ = sender.send((number, frame.clone())).await;
        }
        let mut answers = service
            .stream(agency, ReceiverStream::new(receiver))
            .await?;
        let mut answered = 0;
        while answered < 2 {
            match answers.message().await? {
                Some(_) => answered += 1,
                None => break,
            }
        }
        // Broken off with frames under way: what became of them is not known.
        drop((sender, answers));
        let rest = (1..).zip(frames.iter().skip(answered).cloned()).collect();
        let again = all(service, agency, rest).await?;
        Ok((answered, receipts(&again)))
    }
    .await;
    book.note(
        "RESUME",
        "after a broken stream the unanswered frames are taken again, with the same ids",
        found
            .map_err(|status: Status| told(&status))
            .and_then(|(answered, receipts)| {
                let wanted = (frames.len() - answered) * FRAME;
                let found = format!("{answered} frames before, {receipts} receipts after");
                if receipts == wanted {
                    Ok(found)
                } else {
                    Err(found)
                }
            }),
    );
}

/// A client that reads no answers is not listened to for ever.
pub(crate) async fn back_pressure(service: &Service, sample: &mut Sample, book: &mut Book) {
    let found = hold_back(service, sample).await;
    book.note(
        "BACK_PRESSURE",
        "frames wait while answers are not read; then each is answered",
        found.unwrap_or_else(|status| Err(told(&status))),
    );
}

async fn hold_back(service: &Service, sample: &mut Sample) -> Result<Found, Status> {
    let (sender, receiver) = mpsc::channel(1);
    let mut answers = service
        .stream(sample.agency(), ReceiverStream::new(receiver))
        .await?;
    let began = Instant::now();
    let mut taken = 0_u64;
    while taken < OFFERED && began.elapsed() < PATIENCE {
        let frame = (taken + 1, sample.about_one(FRAME));
        match tokio::time::timeout(STILL, sender.send(frame)).await {
            Ok(Ok(())) => taken += 1,
            _ => break,
        }
    }
    drop(sender);
    let stopped = taken < OFFERED;
    let mut answered = 0;
    let read = async {
        while answers.message().await?.is_some() {
            answered += 1;
        }
        Ok::<(), Status>(())
    };
    let in_time = tokio::time::timeout(PATIENCE, read).await;
    in_time.map_err(|_| Status::deadline_exceeded("answers are missing"))??;
    let found = format!("{taken} frames taken without an answer read, {answered} answered");
    Ok(if stopped && answered == taken {
        Ok(found)
    } else {
        Err(found)
    })
}

/// Sends frames over a stream of their own and reads every answer.
async fn all(
    service: &Service,
    agency: AgencyName,
    frames: Vec<(u64, Vec<Outgoing>)>,
) -> Result<Vec<FrameReceipt>, Status> {
    let (sender, receiver) = mpsc::channel(frames.len().max(1));
    for frame in frames {
        // There is room for all of them.
        let _ = sender.send(frame).await;
    }
    drop(sender);
    let answers = service
        .stream(agency, ReceiverStream::new(receiver))
        .await?;
    let in_time = tokio::time::timeout(PATIENCE, collected(answers)).await;
    in_time.map_err(|_| Status::deadline_exceeded("answers are missing"))?
}

async fn collected(mut answers: Streaming<FrameReceipt>) -> Result<Vec<FrameReceipt>, Status> {
    let mut found = Vec::new();
    while let Some(answer) = answers.message().await? {
        found.push(answer);
    }
    Ok(found)
}

fn ids(events: &[Outgoing]) -> Vec<String> {
    events
        .iter()
        .map(|event| event.head.event_id.clone())
        .collect()
}

fn in_order(answers: &[FrameReceipt], first: &[String]) -> Found {
    let numbers: Vec<u64> = answers.iter().map(|answer| answer.sequence).collect();
    if numbers != [1, 2] {
        return Err(format!("frames answered: {numbers:?}"));
    }
    let outcomes = answers.first().map(|answer| &answer.outcomes);
    let kinds: Vec<(&str, bool)> = outcomes
        .into_iter()
        .flatten()
        .map(|one| {
            let good = matches!(one.outcome, Some(Outcome::Receipt(_)));
            (one.event_id.as_str(), good)
        })
        .collect();
    let wanted: Vec<(&str, bool)> = first
        .iter()
        .map(|id| (id.as_str(), id != "broken"))
        .collect();
    if kinds == wanted {
        Ok("2 frames, 4 receipts, 1 refusal".into())
    } else {
        Err("outcomes are not those of the events in their order".into())
    }
}

fn ends_as(ended: Result<Vec<FrameReceipt>, Status>, why: &str) -> Found {
    match ended {
        Ok(_) => Err("the stream went on".into()),
        Err(status) if status.code() == Code::InvalidArgument && reason(&status) == why => {
            Ok("InvalidArgument".into())
        }
        Err(status) => Err(told(&status)),
    }
}

fn receipts(answers: &[FrameReceipt]) -> usize {
    let outcomes = answers.iter().flat_map(|answer| &answer.outcomes);
    outcomes
        .filter(|one| matches!(one.outcome, Some(Outcome::Receipt(_))))
        .count()
}
