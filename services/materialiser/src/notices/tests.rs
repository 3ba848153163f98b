//! The fold of notices: by id, the first record's day, the first acknowledgement.

use super::Book;
use uuid::Uuid;
use walbrook_domain::{Day, Instant};
use walbrook_proto::audit::v1::{AppliedOffset, Notice, NoticeAcknowledgement, NoticesComplete};
use walbrook_proto::common::v1::Date;
use walbrook_view::notice::MOST_READS;

const OURS: &str = "GSS:E09000007";
const ROLE: &str = "officer";

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn whose(organisation: &str) -> (String, String) {
    (organisation.to_owned(), ROLE.to_owned())
}

fn notice(n: u128, event: &str, read: &str) -> Notice {
    Notice {
        notice_id: id(n).to_string(),
        organisation: OURS.to_owned(),
        role: ROLE.to_owned(),
        event_ids: vec![event.to_owned()],
        read_ids: vec![read.to_owned()],
        due_on: Date::new(2026, 6, 1),
        ..Notice::default()
    }
}

fn said(n: u128, organisation: &str, action: &str) -> NoticeAcknowledgement {
    NoticeAcknowledgement {
        notice_id: id(n).to_string(),
        officer: "officer-1".to_owned(),
        organisation: organisation.to_owned(),
        role: ROLE.to_owned(),
        action: action.to_owned(),
        ..NoticeAcknowledgement::default()
    }
}

fn order(book: &Book, organisation: &str, from: i64) -> Vec<(String, i64)> {
    let since = book.since(&whose(organisation), from);
    since
        .map(|one| (one.notice.notice_id.clone(), one.changed_at))
        .collect()
}

#[test]
fn records_of_one_id_are_one_notice_with_the_first_ones_day() {
    let mut book = Book::default();
    book.notice(0, notice(1, "a", "x"));
    book.notice(1, notice(2, "c", "x"));
    // Written twice, it says nothing new and comes to nobody again.
    book.notice(2, notice(1, "a", "x"));
    assert_eq!(
        order(&book, OURS, 0),
        [(id(1).to_string(), 0), (id(2).to_string(), 1)]
    );
    let later = Notice {
        due_on: Date::new(2030, 1, 1),
        ..notice(1, "b", "y")
    };
    book.notice(3, later);
    let one = book.get(&id(1)).unwrap();
    assert_eq!(one.notice.event_ids, ["a", "b"]);
    assert_eq!(one.notice.read_ids, ["x", "y"]);
    assert_eq!(one.due_on(), Day::from_ymd(2026, 6, 1).unwrap());
    // What has changed comes again, behind what came meanwhile.
    assert_eq!(order(&book, OURS, 2), [(id(1).to_string(), 3)]);
    for n in 0..100 {
        book.notice(4 + n, notice(1, "a", &format!("z{n}")));
    }
    assert_eq!(book.get(&id(1)).unwrap().notice.read_ids.len(), MOST_READS);
    assert_eq!(book.all().count(), 2);
}

#[test]
fn the_first_acknowledgement_by_those_whose_it_is_counts() {
    let mut book = Book::default();
    book.notice(0, notice(1, "a", "x"));
    book.acknowledge(1, said(1, "GSS:E09000012", "NOT_KEPT"));
    let other_role = NoticeAcknowledgement {
        role: "another".to_owned(),
        ..said(1, OURS, "NOT_KEPT")
    };
    book.acknowledge(2, other_role);
    book.acknowledge(3, said(9, OURS, "NOT_KEPT"));
    let late = Day::from_ymd(2026, 6, 2).unwrap().start();
    let in_time = Instant(late.micros() - 1);
    assert!(book.get(&id(1)).unwrap().is_overdue(late));
    assert!(
        !book.get(&id(1)).unwrap().is_overdue(in_time),
        "the day itself is in time"
    );
    assert_eq!((book.open(in_time), book.open(late)), ((1, 0), (1, 1)));
    book.acknowledge(4, said(1, OURS, "RECORD_CORRECTED"));
    book.acknowledge(5, said(1, OURS, "NOT_KEPT"));
    let one = book.get(&id(1)).unwrap();
    assert_eq!(
        one.acknowledged.as_ref().unwrap().action,
        "RECORD_CORRECTED"
    );
    assert_eq!(book.open(late), (0, 0));
    assert!(!one.is_overdue(late));
    assert_eq!(order(&book, OURS, 1), [(id(1).to_string(), 4)]);
    assert!(order(&book, "GSS:E09000012", 0).is_empty());
}

#[test]
fn the_statement_that_reaches_furthest_into_the_reads_counts() {
    let mut book = Book::default();
    let said = |next: i64, reads_next: i64| NoticesComplete {
        purpose: "rough-sleeping".to_owned(),
        applied: vec![AppliedOffset {
            topic: "shared.rough-sleeping".to_owned(),
            partition: 0,
            next_offset: next,
        }],
        reads_next,
        recorded_at: None,
    };
    book.complete(&said(10, 5));
    book.complete(&said(8, 4));
    let through = book.through("rough-sleeping");
    assert_eq!((through.applied[&0], through.reads_next), (10, 5));
    book.complete(&said(9, 7));
    assert_eq!(book.through("rough-sleeping").reads_next, 7);
    assert_eq!(book.through("children-in-care").reads_next, 0);
}
