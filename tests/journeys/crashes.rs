//! kill -9 in mid-stream: nothing acknowledged is lost, nothing is shown twice, and the rows come out as if nothing had happened.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::OnceCell;
use walbrook_proto::control::v1::RecordGroundRequest;
use walbrook_proto::housing::v1::Event;
use walbrook_tests::acts::{contact, number};
use walbrook_tests::backbone::{Backbone, Options, create_keys, journey};
use walbrook_tests::people::{CAMDEN, Person, arrears};

/// People and events of each. One is new in every second round, so that links are written until the end.
const PEOPLE: u32 = 20;
const ROUNDS: u32 = 14;

/// What a person's row says at the fixed instant: everything but the pseudonym, which is random in every namespace.
type Rows = Vec<(String, Option<Vec<u8>>)>;

/// The same keys for every run: gateways derive the same lookup tokens.
fn keys() -> PathBuf {
    static KEYS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        create_keys(&folder.path().join("keys"));
        folder
    });
    folder.path().join("keys")
}

fn person(number: u32) -> Person {
    Person::number(700 + number)
}

/// The events of a round. Ids, days and amounts follow from the numbers alone; no two events of a person share a day.
fn round(round: u32) -> Vec<Event> {
    let day = 1 + round.cast_signed();
    let known = (0..PEOPLE).filter(|number| number / 2 <= round);
    let event = |number: u32| {
        let id = uuid::Uuid::from_u128(
            0x5eed_0000_0000_4000_8000_0000_0000_0000 + u128::from(round * 1_000 + number),
        );
        if (round + number).is_multiple_of(4) {
            arrears_on(
                &id.to_string(),
                &person(number),
                i64::from(round * 100 + number),
                day,
            )
        } else {
            contact(&id.to_string(), &person(number), day)
        }
    };
    known.map(event).collect()
}

fn arrears_on(id: &str, person: &Person, pence: i64, day: i32) -> Event {
    let mut event = arrears(id, person, pence);
    event.head = Some(walbrook_tests::people::head(
        id,
        person,
        walbrook_tests::people::days_ago(day),
    ));
    event
}

/// Sends until there is a receipt, as a sender must: the same event id again.
async fn send(backbone: &Backbone, event: Event) {
    backbone
        .until("a receipt", || async {
            let answer = backbone.publish(CAMDEN, event.clone()).await;
            answer.map(|_| ()).map_err(|refused| retryable(&refused))
        })
        .await;
}

/// Records a consent until it is acknowledged: the same idempotency key again.
async fn consent(backbone: &Backbone, number: u32, state: &str, expected_version: u32) {
    let request = RecordGroundRequest {
        agency: "housing".into(),
        id_scheme: "LOCAL".into(),
        local_id: person(number).local_id,
        kind: "CONSENT".into(),
        state: state.into(),
        expected_version,
        idempotency_key: format!("{state}-{number}"),
        ..RecordGroundRequest::default()
    };
    backbone
        .until("an acknowledgement", || async {
            let answer = backbone
                .control(CAMDEN)
                .record_ground(request.clone())
                .await;
            answer.map(|_| ()).map_err(|refused| retryable(&refused))
        })
        .await;
}

/// While a process is down its callers are told to try again, and nothing else.
fn retryable(refused: &tonic::Status) -> String {
    let passing = matches!(
        refused.code(),
        tonic::Code::Unavailable
            | tonic::Code::DeadlineExceeded
            | tonic::Code::Cancelled
            | tonic::Code::Unknown
    );
    assert!(
        passing,
        "a caller was told that its call can never succeed: {refused}"
    );
    refused.to_string()
}

/// Sends everything, withdraws some consents and gives half of them back; when `victim` is named it is killed in mid-stream and started again.
async fn run(victim: Option<&str>) -> (Backbone, Rows) {
    let backbone = Backbone::start(Options::river().with_keys(&keys())).await;
    backbone.agree_on_rough_sleeping(&[CAMDEN]).await;
    let receipts = AtomicUsize::new(0);
    let half = (0..ROUNDS).map(|number| round(number).len()).sum::<usize>() / 2;
    let stream = async {
        for number in 0..ROUNDS {
            let sending = round(number).into_iter().map(|event| async {
                send(&backbone, event).await;
                receipts.fetch_add(1, Ordering::AcqRel);
            });
            // Many at a time: batches are under way whenever something happens.
            futures::future::join_all(sending).await;
            if number == 4 {
                futures::future::join_all(
                    [0, 3, 6, 9].map(|number| consent(&backbone, number, "WITHDRAWN", 0)),
                )
                .await;
            }
            if number == ROUNDS - 3 {
                futures::future::join_all(
                    [3, 9].map(|number| consent(&backbone, number, "GIVEN", 1)),
                )
                .await;
            }
        }
    };
    let kill = async {
        let Some(victim) = victim else { return };
        while receipts.load(Ordering::Acquire) < half {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        backbone.kill_9(victim);
        backbone.relaunch(victim);
    };
    futures::future::join(stream, kill).await;
    if let Some(victim) = victim {
        backbone.await_ready(victim);
    }
    backbone.decided().await;
    let rows = rows(&backbone).await;
    (backbone, rows)
}

async fn rows(backbone: &Backbone) -> Rows {
    let mut rows = Rows::new();
    for number in 0..PEOPLE {
        let local_id = person(number).local_id;
        let row = backbone
            .until("an answer", || async {
                backbone
                    .row(CAMDEN, &local_id)
                    .await
                    .map_err(|refused| refused.to_string())
            })
            .await;
        let encoded = row.map(|mut row| {
            row.pseudonym.clear();
            prost::Message::encode_to_vec(&row)
        });
        rows.push((local_id, encoded));
    }
    rows
}

/// The rows of a run in which nothing happened, made once.
async fn undisturbed() -> &'static Rows {
    static ROWS: OnceCell<Rows> = OnceCell::const_new();
    ROWS.get_or_init(|| async {
        let (backbone, _) = run(None).await;
        // Until the view has everything: what each row must count follows from the numbers.
        for number in (0..PEOPLE).filter(|number| ![0, 6].contains(number)) {
            let contacts = (0..ROUNDS)
                .filter(|round| number / 2 <= *round && !(round + number).is_multiple_of(4))
                .count();
            backbone
                .await_contacts(
                    CAMDEN,
                    &person(number),
                    i64::try_from(contacts).expect("few"),
                )
                .await;
        }
        let rows = rows(&backbone).await;
        for (number, (_, row)) in (0..).zip(&rows) {
            assert_eq!(row.is_some(), ![0, 6].contains(&number), "person {number}");
        }
        backbone.assert_audit_is_clean();
        rows
    })
    .await
}

async fn killed(victim: &str) {
    let expected = undisturbed().await;
    let (backbone, _) = run(Some(victim)).await;
    backbone
        .until("the rows of an undisturbed run", || async {
            let found = rows(&backbone).await;
            let differing = found
                .iter()
                .zip(expected)
                .find(|(found, expected)| found != expected);
            differing.map_or(Ok(()), |(found, expected)| Err(differs(found, expected)))
        })
        .await;
    backbone.assert_audit_is_clean();
    assert_eq!(&rows(&backbone).await, expected, "and they stay so");
}

fn differs(found: &(String, Option<Vec<u8>>), expected: &(String, Option<Vec<u8>>)) -> String {
    let contacts = |row: &Option<Vec<u8>>| {
        let row = row.as_ref().and_then(|bytes| {
            <walbrook_proto::view::v1::Row as prost::Message>::decode(bytes.as_slice()).ok()
        });
        row.map(|row| {
            (
                number(&row, "contacts_365d"),
                number(&row, "arrears_pence"),
                row.sources,
            )
        })
    };
    format!(
        "{}: {:?} instead of {:?}",
        found.0,
        contacts(&found.1),
        contacts(&expected.1)
    )
}

#[test]
fn a_broker_killed_in_mid_stream_leaves_the_rows_of_an_undisturbed_run_byte_for_byte() {
    journey(killed("broker"));
}

#[test]
fn a_materialiser_killed_in_mid_stream_leaves_the_rows_of_an_undisturbed_run_byte_for_byte() {
    journey(killed("materialiser"));
}

#[test]
fn identity_killed_in_mid_stream_leaves_the_rows_of_an_undisturbed_run_byte_for_byte() {
    journey(killed("identity"));
}

#[test]
fn a_gateway_killed_in_mid_stream_leaves_the_rows_of_an_undisturbed_run_byte_for_byte() {
    journey(killed("housing"));
}
