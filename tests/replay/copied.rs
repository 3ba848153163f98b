//! Generations of the shared topic: simulated runs audit clean, every tampered copy is found, and what is taken for live is what the fold rests on.

use crate::held::{Held, Spot};
use crate::sources::Manner;
use crate::world::World;
use crate::{STEPS, audit, of_enforcement, source};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use walbrook_auditor::{Checked, Report};
use walbrook_broker::generations::live::{Live, Said};
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, HandlePseudonym, Instant, LinkStatus, Precision,
    Pseudonym,
};
use walbrook_event::headers;
use walbrook_eventlog::{Record, chain};
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::{GenerationBegun, GenerationEnded, Retraction};
use walbrook_view::{
    Contribution, ContributionKey, Input, Partition, Retraction as Falls, SubjectFacts,
};

const FIRST: &str = "shared.rough-sleeping";
const SECOND: &str = "shared.rough-sleeping.g2";

fn run(seed: u64) -> World {
    let mut world = World::of(seed, Manner::Generations);
    for _ in 0..STEPS {
        world.step();
    }
    world.settle().expect("it comes to rest");
    world
}

#[test]
fn no_difference_in_any_run() {
    let (mut copies, mut last) = (0, 0);
    for seed in 0..30 {
        let world = run(seed);
        let report = audit(&mut source(&world)).report;
        let listed = of_enforcement(&report);
        assert!(listed.is_empty(), "seed {seed}:\n{}", listed.join("\n"));
        assert_eq!(report.checked(Checked::Undecided), 0, "seed {seed}");
        copies += report.checked(Checked::Copies);
        last = last.max(world.stage().map_or(1, |stage| stage.in_force()));
    }
    assert!(copies > 300, "{copies}");
    assert_eq!(last, crate::copies::LAST);
}

/// A run that is clean, came to the second generation, and has copies of both kinds and something of its own there.
fn held() -> Held {
    let worlds = (0..200).map(run);
    let mut held = worlds
        .filter(|world| audit(&mut source(world)).report.is_clean())
        .map(|world| Held::of(&world));
    let whole = |held: &Held| {
        held.has(FIRST, is::<GenerationEnded>)
            && held.has(SECOND, is_copied_release)
            && held.has(SECOND, |one| is_copy(one) && is::<Retraction>(one))
            && held.has(SECOND, |one| !is_copy(one) && is::<Retraction>(one))
    };
    held.find(whole).expect("one of two hundred")
}

fn is<R: AvroRecord>(record: &Record) -> bool {
    record.headers.text(headers::TYPE) == Some(R::FULL_NAME)
}

fn is_copy(record: &Record) -> bool {
    chain::copied_from(record).is_some()
}

fn is_copied_release(record: &Record) -> bool {
    is_copy(record) && record.headers.text(headers::TYPE) == Some("housing.RentArrearsChanged")
}

#[track_caller]
fn finds(report: &Report, what: &str) {
    let found = report
        .differences()
        .iter()
        .any(|one| one.check == "generation");
    let listed: Vec<String> = report
        .differences()
        .iter()
        .take(8)
        .map(ToString::to_string)
        .collect();
    assert!(found, "{what} is not found:\n{}", listed.join("\n"));
}

fn tampered(clean: &Held, what: &str, change: impl FnOnce(&mut Held)) {
    let mut held = clean.clone();
    change(&mut held);
    finds(&held.audit(), what);
}

/// The source of a copy.
fn source_of(held: &Held, spot: &Spot) -> Record {
    let copy = &held.records[&(spot.topic.clone(), spot.partition)][spot.index];
    let offset = chain::copied_from(copy).expect("a copy");
    let of = &held.records[&(FIRST.to_owned(), spot.partition)];
    of.iter()
        .find(|one| one.offset == offset)
        .expect("its source")
        .clone()
}

#[test]
fn every_change_of_a_copy_is_found() {
    let clean = held();
    let copy = clean.find(SECOND, is_copied_release);
    let tail = clean.find(SECOND, |one| is_copy(one) && is::<Retraction>(one));
    tampered(&clean, "a live record that was not copied", |held| {
        held.remove(&copy);
    });
    tampered(&clean, "a retraction that was not copied", |held| {
        held.remove(&tail);
    });
    tampered(&clean, "a copy with another value", |held| {
        let mut value = held.at(&copy).value.clone().expect("a value").to_vec();
        *value.last_mut().expect("a byte") ^= 1;
        held.at(&copy).value = Some(value.into());
    });
    tampered(&clean, "a copy with another key", |held| {
        held.at(&copy).key = Some(vec![9; 16].into());
    });
    tampered(&clean, "a copy of another day", |held| {
        held.at(&copy).timestamp_ms += 1;
    });
    tampered(&clean, "a copy with one more header", |held| {
        held.at(&copy).headers.push("x-more", "1");
    });
    tampered(&clean, "a copy of nothing", |held| {
        held.at(&copy).headers.set(chain::COPIED, "999999");
    });
    tampered(&clean, "copies in another order", |held| {
        let of = held
            .records
            .get_mut(&(copy.topic.clone(), copy.partition))
            .expect("one");
        let copies: Vec<usize> = (0..of.len()).filter(|at| is_copy(&of[*at])).collect();
        let (one, next) = (copies[0], copies[1]);
        let (a, b) = (of[one].clone(), of[next].clone());
        let at = |offset: i64, record: Record| Record { offset, ..record };
        (of[one], of[next]) = (at(a.offset, b.clone()), at(b.offset, a));
    });
    let original = source_of(&clean, &copy);
    tampered(&clean, "a copy twice", |held| {
        let end = held.end_of(SECOND, copy.partition);
        let twice = held.at(&copy).clone();
        let of = held
            .records
            .get_mut(&(copy.topic.clone(), copy.partition))
            .expect("one");
        of.push(Record {
            offset: end - 1,
            ..twice
        });
    });
    assert!(!is_copy(&original));
}

#[test]
fn every_change_of_a_switch_is_found() {
    let clean = held();
    let ended = clean.find(FIRST, is::<GenerationEnded>);
    let begun = clean.find(SECOND, is::<GenerationBegun>);
    tampered(&clean, "a beginning that is not there", |held| {
        held.remove(&begun);
    });
    let tail = clean.find(SECOND, |one| is_copy(one) && is::<Retraction>(one));
    let of_tail = clean.find(SECOND, |one| {
        is::<GenerationBegun>(one) && one.at.partition == tail.partition
    });
    tampered(&clean, "a beginning that looks through more", |held| {
        held.edit(&of_tail, |mark: &mut GenerationBegun| {
            mark.source_end = 1 << 40
        });
    });
    tampered(&clean, "an end that names another generation", |held| {
        held.edit(&ended, |mark: &mut GenerationEnded| {
            mark.next_generation = 3
        });
    });
    tampered(&clean, "a record behind the end", |held| {
        let own = held.find(SECOND, |one| !is_copy(one) && is::<Retraction>(one));
        let mut late = held.remove(&own);
        let of = (FIRST.to_owned(), ended.partition);
        let last = held.records[&of].last().expect("the end").offset;
        late.at = walbrook_eventlog::TopicPartition::new(FIRST, ended.partition);
        late.offset = last + 1;
        held.records.get_mut(&of).expect("one").push(late);
    });
    let names = |record: &Record| {
        let page = DecisionPage::decode_exact(&record.value.as_deref().expect("a value")[5..]);
        !page.expect("a page").generations.is_empty()
    };
    let page = clean.find("audit.decisions", names);
    tampered(&clean, "a page that names another generation", |held| {
        held.edit(&page, |page: &mut DecisionPage| page.generations.clear());
    });
    tampered(
        &clean,
        "a record of its own that is said to be a copy",
        |held| {
            let own = held.find(SECOND, |one| !is_copy(one) && is::<Retraction>(one));
            held.at(&own).headers.push(chain::COPIED, "0");
        },
    );
}

/// A random history of one partition, as it is said to both.
fn said(chance: &mut ChaCha8Rng) -> (Said, Input) {
    let handle = HandlePseudonym::new([chance.random_range(0..4); 16]);
    let person = Pseudonym::new([chance.random_range(0..3); 16]);
    let event =
        |chance: &mut ChaCha8Rng| EventId::new(uuid::Uuid::from_u128(chance.random_range(0..4)));
    let agreement = |chance: &mut ChaCha8Rng| {
        let name = ["one", "two"][chance.random_range(0..2)];
        AgreementId::new(name).expect("a name")
    };
    match chance.random_range(0..10) {
        0..5 => {
            let (event, agreement) = (event(chance), agreement(chance));
            let contribution = Contribution {
                person,
                key: ContributionKey {
                    handle,
                    event,
                    agreement: agreement.clone(),
                },
                version: AgreementVersion(chance.random_range(1..4)),
                source: "GSS:E09000007".parse().expect("an organisation"),
                event_type: "housing.RentArrearsChanged".parse().expect("a type"),
                occurred_at: Instant(chance.random_range(0..1_000_000)),
                precision: Precision::Day,
                not_after: None,
                released_on: Day(20_000),
                supersedes: None,
                fields: Vec::new(),
            };
            (
                Said::Release(handle, (event, agreement)),
                Input::Release(contribution),
            )
        }
        5..7 => {
            let facts = SubjectFacts {
                organisation: "GSS:E09000007".parse().expect("an organisation"),
                responsible_authority: None,
                chosen_authority: None,
                area_gss: None,
                restrictions: Vec::new(),
                adult_from: Some(Day(chance.random_range(0..9))),
                link_status: LinkStatus::Match,
                link_score_ten_thousandths: 9_900,
                chosen_until: None,
            };
            (
                Said::Subject(handle),
                Input::Subject {
                    person,
                    handle,
                    facts,
                },
            )
        }
        7 => {
            let day = chance.random_range(20_000..20_010);
            let source = ["GSS:E09000007", "GSS:E09000019"][chance.random_range(0..2)];
            let of = "housing.RentArrearsChanged";
            let heartbeat = Input::Heartbeat {
                organisation: source.parse().expect("an organisation"),
                event_type: of.parse().expect("a type"),
                last_accepted_on: Day(day),
            };
            (Said::Heartbeat((source.into(), of.into()), day), heartbeat)
        }
        _ => {
            let agreements: Vec<AgreementId> = (0..chance.random_range(0..2))
                .map(|_| agreement(chance))
                .collect();
            let event = chance.random_bool(0.5).then(|| event(chance));
            let subject_too = chance.random_bool(0.3);
            let falls = Falls {
                handle,
                agreements: agreements.clone(),
                event,
                reason: "WITHDRAWAL".into(),
                subject_too,
            };
            let said = Said::Retraction {
                handle,
                agreements,
                event,
                subject_too,
            };
            (said, Input::Retraction(falls))
        }
    }
}

fn fold<'a>(inputs: impl IntoIterator<Item = &'a Input>) -> Partition {
    let mut state = Partition::default();
    for input in inputs {
        state.apply(input.clone(), &mut Vec::new());
    }
    state
}

#[test]
fn what_is_live_is_what_the_fold_rests_on_and_nothing_else() {
    let mut chance = ChaCha8Rng::seed_from_u64(7);
    let mut fell = 0;
    for _ in 0..5_000 {
        let history: Vec<(Said, Input)> = (0..chance.random_range(0..30))
            .map(|_| said(&mut chance))
            .collect();
        let mut live = Live::default();
        for (offset, (said, _)) in (0..).zip(&history) {
            live.apply(offset, said.clone());
        }
        let offsets: Vec<usize> = live
            .offsets()
            .into_iter()
            .map(|one| usize::try_from(one).expect("an offset"))
            .collect();
        let whole = fold(history.iter().map(|(_, input)| input));
        let of = |kept: &[usize]| fold(kept.iter().map(|at| &history[*at].1));
        assert!(of(&offsets) == whole, "{history:?} {offsets:?}");
        // None of them can be left out.
        for place in 0..offsets.len() {
            let mut fewer = offsets.clone();
            fewer.remove(place);
            assert!(of(&fewer) != whole, "{history:?} {offsets:?}");
        }
        fell += history.len() - offsets.len();
    }
    assert!(fell > 10_000, "{fell}");
}
