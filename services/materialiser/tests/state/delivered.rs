//! Two processes deliver rows to an organisation's own topic and hand partitions over, by kill -9 too: at the end the topic says what the log says,
//! each record on it stands with its disclosure, and nothing was written twice or forgotten.

use crate::common::delivered::{are_disclosed, people, records, until};
use crate::common::running::Start;
use crate::common::*;
use crate::killed::{Chance, any, started};
use crate::source::*;
use std::collections::BTreeSet;
use std::time::Duration;
use walbrook_eventlog::topics;
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_testkit::process::Running as Child;

const TOPIC: &str = "view.rough_sleeping_risk.GSS-E09000007";
const DATA: [&str; 3] = ["data", "standby", "fresh"];

fn begun(place: &Place, which: usize) -> Child {
    let start = Start {
        data: DATA[which],
        ..Start::default()
    };
    let port = walbrook_testkit::cluster::free_port().unwrap();
    started(place, &start, port)
}

/// A consumer of committed records that reads the topic first and the disclosures afterwards misses none.
fn is_never_ahead(place: &Place) {
    let stands = records(place, TOPIC);
    let disclosed = place.read::<ReadRecord>(topics::READS);
    let disclosed: BTreeSet<&str> = disclosed.iter().map(|read| &*read.read_id).collect();
    for record in &stands {
        let id = record.headers.text("wb_read").unwrap();
        assert!(disclosed.contains(id), "{} stands alone", record.offset);
    }
}

/// What happens next, and what the topic then holds of it.
async fn then(place: Place, steps: &mut Vec<Step>, more: Vec<Step>, wait: bool) -> Place {
    steps.extend(&more);
    let all = steps.clone();
    let (place, ()) = blocking(place, move |place| {
        append(place, &more);
        if wait {
            until(place, TOPIC, &shown_people(&all));
        }
        is_never_ahead(place);
    })
    .await;
    place
}

/// In each partition one person leaves and another comes, so that every partition's writer must be there.
fn everywhere(steps: &[Step]) -> Vec<Step> {
    let shown = shown_people(steps);
    let one = |partition| {
        let mut here = (1..=PEOPLE).filter(|person| partition_of(*person) == partition);
        here.next().unwrap()
    };
    let turned = |person| match shown.contains(&person) {
        true => Step::Withdrew { person },
        false => Step::Contact {
            person,
            event: 30,
            day: 20,
        },
    };
    (0..PARTITIONS).map(one).map(turned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_whole_and_disclosed_though_its_writers_are_killed_and_hand_over() {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut place = Place::new().await;
    place.delivered = true;
    let (mut place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        peopled(place);
    })
    .await;
    let mut steps = Vec::new();
    let mut both = [begun(&place, 0), begun(&place, 1)];
    for round in 0..6_usize {
        let more = (0..=chance.below(12)).map(|_| any(&mut chance)).collect();
        place = then(place, &mut steps, more, round == 0).await;
        tokio::time::sleep(Duration::from_millis(chance.below(700))).await;
        let which = round % 2;
        both[which].kill().unwrap();
        // Now and then the other has all to itself, and goes on.
        if round == 3 {
            let more = everywhere(&steps);
            place = then(place, &mut steps, more, true).await;
        }
        both[which] = begun(&place, which);
    }
    // One leaves in order: what it had is the other's at once.
    let [mut first, mut second] = both;
    let more = everywhere(&steps);
    place = then(place, &mut steps, more, true).await;
    first.stop(WAIT).unwrap();
    let more = everywhere(&steps);
    place = then(place, &mut steps, more, true).await;
    second.kill().unwrap();

    // One that knows nothing works every row out and finds each standing as it is: it writes what is new, and nothing else.
    let (back, before) = blocking(place, |place| records(place, TOPIC)).await;
    place = back;
    let mut third = begun(&place, 2);
    let more = everywhere(&steps);
    place = then(place, &mut steps, more, true).await;
    let (place, ()) = blocking(place, move |place| {
        let after = records(place, TOPIC);
        assert_eq!(people(&after), shown_people(&steps));
        are_disclosed(place, TOPIC, &after);
        let written = after.len() - before.len();
        assert_eq!(written, usize::try_from(PARTITIONS).unwrap());
    })
    .await;
    third.stop(WAIT).unwrap();
    drop(place);
}
