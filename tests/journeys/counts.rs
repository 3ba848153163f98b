//! Cohort mode: counts in groups of ten or more, never a row; and that statistics never reach a person (domain reference §11, trap 18).

use crate::reason;
use tonic::Code;
use walbrook_auditor::{AuditError, LogSource};
use walbrook_event::framing::{frame, unframe};
use walbrook_eventlog::{Namespace, Record};
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::housing::v1::{Event, HomelessnessApplication, event};
use walbrook_proto::view::v1::{CountRowsRequest, CountRowsResponse, ListRowsRequest, ReadContext};
use walbrook_tests::acts::{OFFICER, VIEW, agreement_text, contact};
use walbrook_tests::backbone::{Backbone, Options, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON, Person, days_ago, event_id, head};

const STATISTICIAN: &str = "statistician";
/// Before the end of the last whole month, whatever the day.
const DAYS_AGO: i32 = 40;

fn applied(person: &Person, living: &str) -> Event {
    let body = HomelessnessApplication {
        case_ref: format!("H-{}", person.local_id),
        household_type: "SINGLE_PERSON".into(),
        a4_accommodation: living.into(),
        a2_reason: "FAMILY_OR_FRIENDS_NO_LONGER_WILLING".into(),
        ..HomelessnessApplication::default()
    };
    Event {
        head: Some(head(&event_id(), person, days_ago(DAYS_AGO))),
        body: Some(event::Body::HomelessnessApplication(body)),
    }
}

async fn count(
    backbone: &Backbone,
    (organisation, role): (&str, &str),
    view: &str,
    by: &[&str],
) -> Result<CountRowsResponse, tonic::Status> {
    let request = CountRowsRequest {
        view: view.into(),
        context: Some(ReadContext {
            role: role.into(),
            case_reference: String::new(),
            ..ReadContext::default()
        }),
        by: by.iter().map(|name| (*name).to_owned()).collect(),
    };
    let mut views = backbone.views(organisation, role, "somebody");
    Ok(views.count_rows(request).await?.into_inner())
}

/// People told in a category of the one dimension kept.
fn people(answer: &CountRowsResponse, category: &str) -> Option<u32> {
    let categories = &answer.dimensions[0].categories;
    let place = categories
        .iter()
        .position(|one| one.name == category)
        .expect("a category");
    answer.cells[place].people
}

fn last_read(backbone: &Backbone, role: &str) -> ReadRecord {
    let records = backbone.records("audit.reads");
    let reads = records
        .iter()
        .filter(|record| record.headers.text("ce_type") == Some(ReadRecord::FULL_NAME));
    let mut of_role = reads
        .map(|record| {
            let (_, body) = unframe(record.value.as_deref()).expect("framed");
            ReadRecord::decode_exact(body).expect("a read record")
        })
        .filter(|read| read.role == role);
    of_role.next_back().expect("a read on record")
}

/// What is done to one record, and what the auditor says of it.
type Change = (&'static str, fn(&mut ReadRecord));

const CHANGES: [Change; 5] = [
    ("the table that follows from what was applied", |read| {
        read.table_sha256 = Some(vec![7; 32]);
    }),
    ("ANSWERED when some group is told", |read| {
        read.query = read.query.replace("by=home", "by=street");
        read.outcome = "EMPTY".into();
    }),
    ("none in force", |read| read.role = OFFICER.into()),
    ("a table stated for", |read| {
        read.evaluated_at.as_mut().expect("an instant").seconds -= 86_400;
    }),
    ("a count without a row", |read| read.asked.push(vec![1; 16])),
];

/// The log with the records of answered counts changed, each in another way.
struct Changed {
    log: Box<dyn LogSource>,
    seen: usize,
}

impl LogSource for Changed {
    fn namespace(&self) -> &Namespace {
        self.log.namespace()
    }

    fn partitions(&mut self, topic: &str) -> Result<i32, AuditError> {
        self.log.partitions(topic)
    }

    fn end(&mut self, topic: &str, partition: i32) -> Result<i64, AuditError> {
        self.log.end(topic, partition)
    }

    fn read(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        end: i64,
        visit: &mut dyn FnMut(Record),
    ) -> Result<(), AuditError> {
        let seen = &mut self.seen;
        let mut changed = |mut record: Record| {
            if record.headers.text("ce_type") == Some(ReadRecord::FULL_NAME) {
                let (id, body) = unframe(record.value.as_deref()).expect("framed");
                let mut read = ReadRecord::decode_exact(body).expect("a read record");
                if read.operation == "COUNT" && read.outcome == "ANSWERED" {
                    CHANGES[*seen % CHANGES.len()].1(&mut read);
                    *seen += 1;
                    record.value = Some(frame(id, &read.to_vec().expect("a body")).into());
                }
            }
            visit(record);
        };
        self.log.read(topic, partition, from, end, &mut changed)
    }
}

/// Whoever counts gets no rows, and whoever reads rows counts nobody; both attempts are on record.
async fn rows_and_counts_stay_apart(backbone: &Backbone) {
    // The statistician asks for rows: nothing, and it is on record.
    let mut views = backbone.views(CAMDEN, STATISTICIAN, "somebody");
    let request = ListRowsRequest {
        view: VIEW.into(),
        context: Some(ReadContext {
            role: STATISTICIAN.into(),
            case_reference: String::new(),
            ..ReadContext::default()
        }),
        ..ListRowsRequest::default()
    };
    let rows = views
        .list_rows(request)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!((rows.rows.len(), rows.total), (0, 0));
    let read = last_read(backbone, STATISTICIAN);
    assert_eq!(
        (read.operation.as_str(), read.reason.as_str()),
        ("LIST", "NO_AGREEMENT")
    );

    // The officer, who sees rows, counts nothing: the agreement names nobody of this role in cohort mode.
    assert!(!backbone.list(CAMDEN).await.expect("rows").rows.is_empty());
    let none = count(backbone, (CAMDEN, OFFICER), VIEW, &["home"])
        .await
        .expect("an answer");
    assert!(none.cells.iter().all(|cell| cell.people.is_none()));
    let read = last_read(backbone, OFFICER);
    assert_eq!(
        (read.operation.as_str(), read.reason.as_str()),
        ("COUNT", "NO_AGREEMENT")
    );
    assert_eq!(read.table_sha256, None);
}

async fn what_is_not_offered_is_refused(backbone: &Backbone) {
    // A view whose file has no cohort mode is not counted, whoever asks.
    let refused = count(backbone, (CAMDEN, STATISTICIAN), "children_in_care", &[]).await;
    let refused = refused.expect_err("not by counts");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "VIEW_NOT_BY_COUNTS")
    );
    let unknown = count(backbone, (CAMDEN, STATISTICIAN), VIEW, &["postcode"]).await;
    assert_eq!(
        unknown.expect_err("no dimension").code(),
        Code::InvalidArgument
    );
}

fn lies_are_found(backbone: &Backbone) {
    // The auditor counts again: another table, question, role or time of it, and a person asked for, are found.
    let mut changed = Changed {
        log: backbone.source(),
        seen: 0,
    };
    let log = walbrook_auditor::Log::read(&mut changed, &mut |_| {}).expect("the log");
    let verified = walbrook_auditor::verify(&log, &walbrook_auditor::Options::default());
    let differences = verified.report.differences().iter();
    let differences: String = differences.map(|one| format!("{one}\n")).collect();
    for (said, _) in CHANGES {
        assert!(differences.contains(said), "{said}: {differences}");
    }
}

/// Scope by area: Camden's statistician counts whom Islington's teams met in Camden; Islington's counts nobody there.
async fn people_are_counted_where_they_were_met(backbone: &Backbone) {
    let text = agreement_text("rough-sleeping-statistics")
        .replace(
            "id = \"rough-sleeping-statistics\"",
            "id = \"met-in-the-area\"",
        )
        .replace(
            "[[flow]]\norganisation = \"GSS:E12000007\"",
            "[[flow]]\nclass = \"london-authority\"",
        )
        .replace("scope = [\"own-subjects\"]", "scope = [\"area\"]");
    backbone.agree(&text, &[CAMDEN, ISLINGTON]).await;
    for number in 0..12 {
        let person = Person::number(940 + number);
        let sent = backbone.publish(ISLINGTON, contact(&event_id(), &person, DAYS_AGO));
        sent.await.expect("a receipt");
    }
    backbone.decided().await;
    backbone
        .until("twelve more counted", || async {
            let answer = count(backbone, (CAMDEN, STATISTICIAN), VIEW, &[]).await;
            let answer = answer.map_err(|refused| refused.to_string())?;
            match answer.cells[0].people {
                // Fifteen and ten.
                Some(25) => Ok(()),
                other => Err(format!("{other:?} now")),
            }
        })
        .await;
    let theirs = count(backbone, (ISLINGTON, STATISTICIAN), VIEW, &[]).await;
    assert_eq!(theirs.expect("an answer").cells[0].people, None);
}

#[test]
fn trap_18_a_statistician_counts_groups_of_ten_and_reaches_nobody() {
    journey(async {
        let backbone = Backbone::start(Options::only(&[
            "auditor",
            "identity",
            "broker",
            "materialiser",
            "housing",
        ]))
        .await;
        backbone.agree_on_rough_sleeping(&[CAMDEN]).await;
        backbone
            .agree(&agreement_text("rough-sleeping-statistics"), &[CAMDEN])
            .await;
        for number in 0..15 {
            let living = if number < 13 {
                "LIVING_WITH_FRIENDS"
            } else {
                "NASS"
            };
            let event = applied(&Person::number(900 + number), living);
            backbone.publish(CAMDEN, event).await.expect("a receipt");
        }
        backbone.decided().await;
        let counted = backbone
            .until("thirteen people counted", || async {
                let answer = count(&backbone, (CAMDEN, STATISTICIAN), VIEW, &["home"]).await;
                let answer = answer.map_err(|refused| refused.to_string())?;
                match people(&answer, "LIVING_WITH_FRIENDS") {
                    // Ten would be the first to have arrived.
                    Some(15) => Ok(answer),
                    other => Err(format!("{other:?} now")),
                }
            })
            .await;
        // Thirteen are told as fifteen; two and nobody look the same.
        assert_eq!(people(&counted, "LIVING_WITH_FRIENDS"), Some(15));
        assert_eq!(
            (people(&counted, "NASS"), people(&counted, "ROUGH_SLEEPING")),
            (None, None)
        );
        let all = count(&backbone, (CAMDEN, STATISTICIAN), VIEW, &[])
            .await
            .expect("an answer");
        assert_eq!(
            all.cells.iter().map(|cell| cell.people).collect::<Vec<_>>(),
            [Some(15)],
            "no total tells of the two"
        );
        for _ in CHANGES {
            let again = count(&backbone, (CAMDEN, STATISTICIAN), VIEW, &["home"]).await;
            assert_eq!(again.expect("an answer").cells, counted.cells);
        }
        let read = last_read(&backbone, STATISTICIAN);
        assert_eq!(
            (read.operation.as_str(), read.outcome.as_str()),
            ("COUNT", "ANSWERED")
        );
        assert!(read.answered.is_empty() && read.table_sha256.is_some());

        rows_and_counts_stay_apart(&backbone).await;
        what_is_not_offered_is_refused(&backbone).await;
        people_are_counted_where_they_were_met(&backbone).await;
        backbone.assert_audit_is_clean();
        lies_are_found(&backbone);
    });
}
