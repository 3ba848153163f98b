//! A new generation of the shared topic is filled and switched to under load, with kill -9 of broker and materialiser on the way: rows, withdrawals,
//! the organisation's own topic of rows and the audit are as if there were one topic.

use std::collections::BTreeSet;
use walbrook_auditor::report::Checked;
use walbrook_eventlog::{chain, topics};
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::control::v1::{
    BeginGenerationRequest, GenerationStatus, ListGenerationsRequest,
};
use walbrook_proto::housing::v1::Event;
use walbrook_tests::acts::{PURPOSE, agreement_text, contact};
use walbrook_tests::backbone::{Backbone, Options, journey};
use walbrook_tests::people::{CAMDEN, Person, event_id};

const PEOPLE: u32 = 6;
/// Contacts of each person before the generation is begun, and while it is filled and switched to.
const BEFORE: i32 = 3;
const WHILE: i32 = 12;

/// Where the council's rows are delivered.
const ROWS: &str = "view.rough_sleeping_risk.GSS-E09000007";

/// The agreement on rough sleeping, with councils' rows on topics of their own.
fn agreement() -> String {
    let calls = "beyond_scope = \"case-reference\"\n";
    let text = agreement_text("pan-london-rough-sleeping");
    assert!(text.contains(calls), "{text}");
    text.replacen(calls, &format!("{calls}delivery = \"topic\"\n"), 1)
}

/// How many rows stand on the council's topic, once so many do.
async fn delivered(backbone: &Backbone, wanted: usize) {
    backbone
        .until("rows on the council's topic", || async {
            let mut stands = BTreeSet::new();
            for record in backbone.records(ROWS) {
                let (person, row) = (record.key, record.value);
                if row.is_some() {
                    stands.insert(person);
                } else {
                    stands.remove(&person);
                }
            }
            if stands.len() == wanted {
                Ok(())
            } else {
                Err(format!("{} stand", stands.len()))
            }
        })
        .await;
}

/// The generations that rows were delivered from.
fn delivered_from(backbone: &Backbone) -> BTreeSet<u32> {
    let mut generations = BTreeSet::new();
    for record in backbone.records(topics::READS) {
        let kind = record.headers.text(walbrook_event::headers::TYPE);
        if kind != Some(ReadRecord::FULL_NAME) {
            continue;
        }
        let body = walbrook_event::framing::unframe(record.value.as_deref());
        let read = ReadRecord::decode_exact(body.expect("framed").1).expect("a read record");
        if read.topic.is_some() {
            let applied = read.applied.iter();
            generations.extend(applied.map(|one| chain::split(one.next_offset).0));
        }
    }
    generations
}

fn person(number: u32) -> Person {
    Person::number(940 + number)
}

/// Sends until there is a receipt, as a sender must: the same event again.
async fn send(backbone: &Backbone, event: Event) {
    backbone
        .until("a receipt", || async {
            let answer = backbone.publish(CAMDEN, event.clone()).await;
            answer.map(|_| ()).map_err(|refused| refused.to_string())
        })
        .await;
}

async fn contacts(backbone: &Backbone, days: std::ops::Range<i32>) {
    for day in days {
        let sending = (0..PEOPLE)
            .map(|number| send(backbone, contact(&event_id(), &person(number), 1 + day)));
        futures::future::join_all(sending).await;
    }
}

async fn standing(backbone: &Backbone) -> Result<GenerationStatus, String> {
    let asked = backbone
        .operator()
        .list_generations(ListGenerationsRequest {})
        .await;
    let listed = asked.map_err(|refused| refused.to_string())?.into_inner();
    let of = listed
        .purposes
        .into_iter()
        .find(|one| one.purpose == PURPOSE);
    of.ok_or_else(|| "it is not listed".to_owned())
}

/// Begins the generation after this one.
async fn begin(backbone: &Backbone, after: u32) -> Result<(), tonic::Status> {
    let request = BeginGenerationRequest {
        purpose: PURPOSE.into(),
        expected_generation: after,
        idempotency_key: String::new(),
    };
    backbone
        .operator()
        .begin_generation(request)
        .await
        .map(drop)
}

async fn in_use(backbone: &Backbone, generation: u32) -> GenerationStatus {
    backbone
        .until("the generation to be in use", || async {
            let standing = standing(backbone).await?;
            if standing.generation == generation && standing.state == "IN_USE" {
                Ok(standing)
            } else {
                Err(format!("{standing:?}"))
            }
        })
        .await
}

/// Broker and materialiser die while the generation is filled and switched to.
async fn kills(backbone: &Backbone) {
    backbone
        .until("the copy to begin", || async {
            let standing = standing(backbone).await?;
            let begun = standing.copies.iter().any(|copy| copy.copied.is_some());
            if begun || standing.generation > 1 {
                Ok(())
            } else {
                Err("not yet".to_owned())
            }
        })
        .await;
    for victim in ["broker", "materialiser"] {
        backbone.kill_9(victim);
        backbone.relaunch(victim);
    }
    backbone.await_ready("broker");
    backbone.await_ready("materialiser");
}

async fn counted(backbone: &Backbone, number: u32, contacts: i32) {
    backbone
        .await_contacts(CAMDEN, &person(number), contacts.into())
        .await;
}

#[test]
fn a_new_generation_is_filled_and_switched_to_while_processes_die() {
    journey(async {
        let backbone = Backbone::start(Options::river()).await;
        backbone.agree(&agreement(), &[CAMDEN]).await;
        contacts(&backbone, 0..BEFORE).await;
        let withdrawn = backbone.consent(CAMDEN, &person(0), "WITHDRAWN", 0).await;
        backbone
            .await_removal(&withdrawn.expect("acknowledged"))
            .await;
        backbone.decided().await;
        counted(&backbone, 1, BEFORE).await;
        let people = usize::try_from(PEOPLE).expect("a few");
        delivered(&backbone, people - 1).await;
        let refused = begin(&backbone, 2)
            .await
            .expect_err("the first is in force");
        assert_eq!(refused.code(), tonic::Code::FailedPrecondition, "{refused}");
        begin(&backbone, 1).await.expect("begun");
        futures::future::join(
            contacts(&backbone, BEFORE..BEFORE + WHILE),
            kills(&backbone),
        )
        .await;
        let standing = in_use(&backbone, 2).await;
        assert!(standing.live > 0, "{standing:?}");
        backbone.decided().await;
        counted(&backbone, 0, 0).await;
        for number in 1..PEOPLE {
            counted(&backbone, number, BEFORE + WHILE).await;
        }
        let withdrawn = backbone.consent(CAMDEN, &person(1), "WITHDRAWN", 0).await;
        backbone
            .await_removal(&withdrawn.expect("acknowledged"))
            .await;
        counted(&backbone, 1, 0).await;
        contacts(&backbone, BEFORE + WHILE..BEFORE + WHILE + 1).await;
        counted(&backbone, 2, BEFORE + WHILE + 1).await;
        delivered(&backbone, people - 2).await;
        assert_eq!(delivered_from(&backbone), BTreeSet::from([1, 2]));

        // Who has no store begins in the last generation, and shows the same.
        backbone.kill_9("materialiser");
        let store = backbone.folder().join("data/materialiser/views");
        std::fs::remove_dir_all(store).expect("there was one");
        backbone.restart("materialiser");
        for (number, contacts) in [(0, 0), (1, 0), (2, BEFORE + WHILE + 1)] {
            counted(&backbone, number, contacts).await;
        }
        backbone.decided().await;
        let copies = backbone.records(&chain::topic(PURPOSE, 2));
        assert!(
            copies
                .iter()
                .any(|record| chain::copied_from(record).is_some())
        );
        let audit = backbone.assert_audit_is_clean();
        assert!(audit.checked(Checked::Copies) > 0);
        assert!(audit.checked(Checked::Delivered) >= people.try_into().expect("a few"));
    });
}
