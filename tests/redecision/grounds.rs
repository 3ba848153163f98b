//! Grounds beside consents: an erasure takes its own record for ever, a restriction and a choice of an authority stand on the subject records of all of
//! the person's handles; and the auditor finds each of them missing.

use crate::hand::{Hand, handle};
use crate::held::{Held, listed};
use walbrook_broker::enforce::control_view::Limits;
use walbrook_domain::Handle;
use walbrook_domain::control::{ControlFact, GroundKind, GroundState};
use walbrook_event::framing::unframe;
use walbrook_event::headers;
use walbrook_eventlog::{Record, topics};
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::{Retraction, SubjectRecord};
use walbrook_tests::records::{CAMDEN, ISLINGTON, PURPOSE, ground, organisation};

/// Two records of one person, three events each.
fn person() -> Hand {
    let mut hand = Hand::new(2, Limits::default());
    hand.link(&[handle(1), handle(2)], 1);
    for _ in 0..3 {
        hand.send(handle(1));
        hand.send(handle(2));
    }
    hand.rest();
    hand
}

fn choose(hand: &mut Hand, of: Handle, authority: &str, version: u32) {
    let fact = ground(of, GroundKind::Consent, GroundState::Given, version);
    let ControlFact::Ground(mut fact) = fact else {
        panic!("a ground");
    };
    fact.chosen_authority = Some(organisation(authority));
    hand.say(&ControlFact::Ground(fact));
    hand.rest();
}

fn shared(records: &[Record]) -> impl Iterator<Item = SubjectRecord> {
    let subjects = records
        .iter()
        .filter(|record| record.headers.text(headers::TYPE) == Some(SubjectRecord::FULL_NAME));
    subjects.map(|record| {
        let (_, body) = unframe(record.value.as_deref()).unwrap();
        SubjectRecord::decode_exact(body).unwrap()
    })
}

/// The newest subject record of each handle, in the order of handles.
fn subjects(hand: &Hand) -> Vec<SubjectRecord> {
    let records = hand
        .log
        .committed_records(&hand.city.topic(&topics::shared(PURPOSE)));
    let key = hand.setting.keys.get(&PURPOSE.parse().unwrap()).unwrap();
    let newest = |number: u8| {
        let pseudonym = key.handle(handle(number)).as_bytes().to_vec();
        let of_handle = shared(&records).filter(|one| one.handle_pseudonym == pseudonym);
        of_handle.last().unwrap()
    };
    vec![newest(1), newest(2)]
}

#[track_caller]
fn says(held: &Held, check: &str) {
    let report = held.audit();
    let found = report.differences().iter().any(|one| one.check == check);
    assert!(found, "no difference of `{check}`:\n{}", listed(&report));
}

/// The log without the records of the newest page's cause that `drop` names, on the page and on the topic.
fn without(hand: &Hand, drop_retractions: bool) -> Held {
    let mut held = hand.hold();
    let mut pages = 0;
    held.edit_pages(|_| pages += 1);
    let mut at = 0;
    let (mut retractions, mut subjects) = (0, 0);
    held.edit_pages(|page: &mut DecisionPage| {
        at += 1;
        if at < pages {
            return;
        }
        if drop_retractions {
            retractions = page.retractions.len();
            page.retractions.clear();
        } else {
            subjects = page.subjects.len();
            page.subjects.clear();
        }
    });
    assert!(retractions + subjects > 0, "the newest page has none");
    let of_shared = held.of_topic(&topics::shared(PURPOSE));
    for (full_name, count) in [
        (Retraction::FULL_NAME, retractions),
        (SubjectRecord::FULL_NAME, subjects),
    ] {
        for _ in 0..count {
            let last = of_shared
                .iter()
                .rposition(|record| record.headers.text(headers::TYPE) == Some(full_name));
            of_shared.remove(last.unwrap());
        }
    }
    held
}

#[test]
fn an_erased_record_loses_everything_for_ever_and_the_persons_other_record_nothing() {
    let mut hand = person();
    assert_eq!((hand.duty(handle(1)), hand.duty(handle(2))), (3, 3));
    hand.ground(handle(1), GroundKind::Erasure, GroundState::On);
    hand.rest();
    assert_eq!((hand.duty(handle(1)), hand.duty(handle(2))), (0, 3));
    assert_eq!(
        hand.shelf().subjects.len(),
        1,
        "one record of the person is left"
    );
    hand.audit();
    let erased = without(&hand, true);
    says(&erased, "retraction");
    says(&erased, "subject record");

    hand.send(handle(1));
    hand.send(handle(2));
    hand.rest();
    // Whatever happens to the person later: decided again, it stays away.
    hand.ground(handle(2), GroundKind::SafetyHold, GroundState::On);
    hand.ground(handle(2), GroundKind::SafetyHold, GroundState::Off);
    hand.link(&[handle(1)], 1);
    hand.link(&[handle(2)], 2);
    hand.rest();
    assert_eq!((hand.duty(handle(1)), hand.duty(handle(2))), (0, 4));
    assert_eq!(hand.shelf().subjects.len(), 1);
    hand.audit();
}

#[test]
fn a_restriction_on_one_record_restricts_every_record_of_the_person() {
    let mut hand = person();
    hand.ground(handle(1), GroundKind::Restriction, GroundState::On);
    hand.rest();
    assert_eq!((hand.duty(handle(1)), hand.duty(handle(2))), (0, 0));
    for subject in subjects(&hand) {
        assert_eq!(subject.restrictions, ["RESTRICTED"]);
    }
    hand.audit();
    says(&without(&hand, true), "retraction");
    says(&without(&hand, false), "subject record");
    // The other record leaves the person: it is not restricted.
    hand.link(&[handle(1)], 1);
    hand.link(&[handle(2)], 2);
    hand.rest();
    assert_eq!((hand.duty(handle(1)), hand.duty(handle(2))), (0, 3));
    hand.audit();
    hand.ground(handle(1), GroundKind::Restriction, GroundState::Off);
    hand.rest();
    assert_eq!(hand.duty(handle(1)), 3);
    for subject in subjects(&hand) {
        assert!(subject.restrictions.is_empty());
    }
    hand.audit();
}

#[test]
fn a_choice_stands_on_every_record_of_the_person_and_moves_with_the_newest() {
    let mut hand = person();
    let chosen = |hand: &Hand| {
        let subjects = subjects(hand).into_iter();
        subjects
            .map(|subject| subject.chosen_authority.unwrap_or_default())
            .collect::<Vec<_>>()
    };
    assert_eq!(chosen(&hand), ["", ""]);
    choose(&mut hand, handle(1), CAMDEN, 1);
    assert_eq!(chosen(&hand), [CAMDEN, CAMDEN]);
    hand.audit();
    choose(&mut hand, handle(1), ISLINGTON, 2);
    assert_eq!(chosen(&hand), [ISLINGTON, ISLINGTON]);
    hand.audit();
    says(&without(&hand, false), "subject record");
    // What rests on no choice was not taken away for it.
    assert_eq!((hand.duty(handle(1)), hand.duty(handle(2))), (3, 3));
    hand.link(&[handle(1)], 1);
    hand.link(&[handle(2)], 2);
    hand.rest();
    assert_eq!(chosen(&hand), [ISLINGTON, ""]);
    hand.audit();
    let fact = ground(handle(1), GroundKind::Consent, GroundState::Withdrawn, 3);
    hand.say(&fact);
    hand.rest();
    assert_eq!(chosen(&hand), ["", ""]);
    hand.audit();
}
