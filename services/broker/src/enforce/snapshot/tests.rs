#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use super::form::{self, Fault};
use super::*;
use crate::enforce::control_view::{Limits, Setting};
use crate::enforce::keys::Keys;
use crate::enforce::links::Link;
use crate::enforce::standing::{Released, SubjectStanding};
use std::os::unix::fs::PermissionsExt;
use walbrook_domain::{AgreementVersion, EventId, Handle, LinkStatus, PersonId, Restriction};
use walbrook_event::history::{Entry, Subject};
use walbrook_event::{Key, Plain, PurposeKey};
use walbrook_eventlog::{Namespace, topics};
use walbrook_runtime::kept_file::Hashed;

fn setting(namespace: &str, key: u8) -> Setting {
    let keys = topics::PURPOSES.iter().map(|purpose| {
        let key = PurposeKey::new(Key::new([key; 32]));
        (Purpose::new(purpose).unwrap(), key)
    });
    Setting {
        keys: Keys::new(keys),
        seal: Arc::new(Plain),
        namespace: Namespace::new(namespace),
        partitions: 4,
        limits: Limits::default(),
    }
}

fn raw(setting: &Setting) -> Vec<(String, Arc<str>)> {
    crate::enforce::clients::raw_topics(setting)
}

fn event(number: u128) -> EventId {
    EventId::new(uuid::Uuid::from_u128(number))
}

fn handle(number: u8) -> Handle {
    Handle::new([number; 16])
}

/// A partition with something of everything.
fn partition(setting: &Setting) -> Partition {
    let mut p = Partition::new(2, raw(setting));
    let organisations =
        ["GSS:E09000007", "ODS:RRV"].map(|one| one.parse::<Organisation>().unwrap());
    for (index, topic) in (0_u8..).zip(&mut p.topics) {
        for number in 0..index * 3 {
            topic.history.observe(Entry {
                offset: i64::from(number) * 3,
                accepted_at_micros: 1_790_000_000_000_000 + i64::from(number) * 7 - 3,
                organisation: organisations[usize::from(number % 2)].clone(),
                subject: match number % 5 {
                    4 => Subject::Key("area:BUS".into()),
                    _ => Subject::Handle(handle(number % 3)),
                },
                event: event(u128::from(number) + 1),
                content_hash: [number; 16],
                supersedes: (number % 4 == 3).then(|| event(u128::from(number))),
            });
        }
        topic.position = i64::from(index) * 9 + 1;
        topic.history.seen_below(topic.position);
    }
    let purposes = [0, 1].map(|at| Purpose::new(topics::PURPOSES[at]).unwrap());
    for number in 0..20_u8 {
        let link = Link {
            organisation: organisations[0].clone(),
            person: PersonId::new([number / 2; 16]),
            status: LinkStatus::ALL[usize::from(number) % LinkStatus::ALL.len()],
            score_ten_thousandths: i32::from(number) * 500 - 3,
            restrictions: Restriction::ALL[..usize::from(number % 2)].to_vec(),
            adult_from: (number % 3 == 0).then(|| Day(i32::from(number) - 5)),
            members: vec![handle(number / 2 * 2), handle(number / 2 * 2 + 1)],
        };
        let person = link.person;
        p.links.restore(handle(number), link);
        for purpose in purposes.iter().take(usize::from(number % 3)) {
            let key = setting.keys.get(purpose).unwrap().person(person);
            let name = (
                purpose.clone(),
                "duty-to-refer".parse().unwrap(),
                event(number.into()),
            );
            let released = Released {
                key,
                local_event: event(900 + u128::from(number)),
                version: AgreementVersion(u32::from(number)),
                mask: u64::MAX >> number,
                not_after: (number % 2 == 0).then(|| Day(20_000 + i32::from(number))),
            };
            p.standing.release(handle(number), name, released);
            let subject = SubjectStanding {
                key,
                body_sha256: [number; 32],
            };
            p.standing.subject(handle(number), purpose.clone(), subject);
        }
    }
    p.links.applied_below(31);
    p.heard.insert(
        (
            purposes[0].clone(),
            organisations[1].clone(),
            "health.EdAttendance".parse().unwrap(),
        ),
        Day(20_600),
    );
    p.stamp = Stamp {
        policy_next: 77,
        links_next: 31,
        next_page: 12,
        cursor: Default::default(),
        generations: "rough-sleeping:2".parse().unwrap(),
    };
    p.last_decided_at = Instant(1_790_000_000_123_456);
    p.page_offset = Some(23);
    p
}

fn file(p: &Partition, setting: &Setting) -> Vec<u8> {
    let mut out = Hashed::new(Vec::new());
    form::write(&mut out, &p.snapshot().unwrap(), &setting.namespace).unwrap();
    out.close().unwrap()
}

fn read(file: &[u8], number: i32, setting: &Setting) -> Result<Partition, Fault> {
    form::read(file, Partition::new(number, raw(setting)), setting)
}

fn said(fault: Result<Partition, Fault>) -> String {
    match fault {
        Ok(_) => "it is read".to_owned(),
        Err(Fault::Content(problem)) => problem,
        Err(Fault::Input(error)) => error.to_string(),
    }
}

#[test]
fn p_comes_back_as_it_was() {
    let setting = setting("t", 1);
    let p = partition(&setting);
    let back = read(&file(&p, &setting), 2, &setting).unwrap();
    assert_eq!(back.stamp, p.stamp);
    assert_eq!(back.heard, p.heard);
    assert_eq!(back.page_offset, p.page_offset);
    assert_eq!(back.last_decided_at, p.last_decided_at);
    assert!(back.standing == p.standing);
    assert!(back.links.copied() == p.links.copied());
    assert_eq!(back.links.next_offset(), p.links.next_offset());
    for member in 0..22 {
        let concerned = |p: &Partition| {
            let mut found: Vec<_> = p.links.concerned(handle(member)).collect();
            found.sort_unstable();
            found
        };
        assert_eq!(concerned(&back), concerned(&p));
        assert_eq!(concerned(&p).len(), if member < 20 { 2 } else { 0 });
    }
    for (back, topic) in back.topics.iter().zip(&p.topics) {
        assert_eq!((back.position, &back.full), (topic.position, &topic.full));
        assert_eq!(back.history.next_offset(), topic.history.next_offset());
        let entries: Vec<Entry> = topic.history.records().iter().collect();
        assert!(back.history.records().iter().eq(entries.iter().cloned()));
        for entry in &entries {
            let standing = |p: &walbrook_event::history::History| p.standing(entry, 1_000);
            assert_eq!(standing(&back.history), standing(&topic.history));
        }
    }
}

#[test]
fn what_changes_afterwards_is_not_in_it() {
    let setting = setting("t", 1);
    let mut p = partition(&setting);
    let (before, snapshot) = (file(&p, &setting), p.snapshot().unwrap());
    let link = Link::clone(p.links.get(handle(3)).unwrap());
    p.links.restore(handle(40), link);
    p.standing.put(handle(4), Default::default());
    let last = p.topics[4].history.last().unwrap();
    p.topics[4].history.observe(Entry {
        offset: 1_000,
        ..last
    });
    let mut out = Hashed::new(Vec::new());
    form::write(&mut out, &snapshot, &setting.namespace).unwrap();
    let after = read(&out.close().unwrap(), 2, &setting).unwrap();
    let before = read(&before, 2, &setting).unwrap();
    assert!(after.standing == before.standing && after.links.copied() == before.links.copied());
    assert!(p.snapshot().is_none(), "its index has run ahead");
}

#[test]
fn a_file_that_is_damaged_anywhere_is_passed_over() {
    let setting = setting("t", 1);
    let whole = file(&partition(&setting), &setting);
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x20;
        assert!(read(&damaged, 2, &setting).is_err(), "byte {place}");
        assert!(
            read(&whole[..place], 2, &setting).is_err(),
            "cut at {place}"
        );
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(said(read(&longer, 2, &setting)).contains("damaged"));
    assert!(read(&whole, 2, &setting).is_ok());
}

#[test]
fn a_file_of_another_p_namespace_or_key_is_passed_over() {
    let own = setting("t", 1);
    let whole = file(&partition(&own), &own);
    assert_eq!(said(read(&whole, 1, &own)), "is of another partition");
    let other = said(read(&whole, 2, &setting("u", 1)));
    assert_eq!(other, "is of another namespace");
    let other = said(read(&whole, 2, &setting("t", 2)));
    assert!(
        other.contains("does not follow from link and key"),
        "{other}"
    );
    let mut form = whole.clone();
    form[b"walbrook p ".len()] = b'0';
    assert!(said(read(&form, 2, &own)).contains("another form"));
}

#[test]
fn only_what_is_committed_and_on_the_log_is_gone_on_from() {
    let setting = setting("t", 1);
    let p = partition(&setting);
    let at = |plain: &str| TopicPartition::new(setting.namespace.name(plain), 2);
    let (links, decisions) = (at(topics::LINKS), at(topics::DECISIONS));
    let mut positions: HashMap<String, Option<i64>> = HashMap::new();
    let mut ends = HashMap::from([(links.clone(), 31), (decisions.clone(), 24)]);
    for topic in &p.topics {
        positions.insert(topic.full.to_string(), Some(topic.position));
        ends.insert(
            TopicPartition::new(Arc::clone(&topic.full), 2),
            topic.position,
        );
    }
    let committed = Some(p.stamp.committed());
    let why = |committed: &Option<CommittedStamp>, positions: &_, ends: &_| {
        p.obstacle(committed, positions, ends, [&links, &decisions])
    };
    assert_eq!(why(&committed, &positions, &ends), None);
    // Offsets have expired: the log alone says how far p has come.
    assert_eq!(why(&None, &HashMap::new(), &ends), None);
    for older in [
        |stamp: &mut CommittedStamp| stamp.links_next -= 1,
        |stamp: &mut CommittedStamp| stamp.position.policy_next -= 1,
        |stamp: &mut CommittedStamp| stamp.position.next_page -= 1,
    ] {
        let mut committed = committed.clone();
        older(committed.as_mut().unwrap());
        let why = why(&committed, &positions, &ends).unwrap();
        assert!(why.contains("newer than what is committed"), "{why}");
    }
    let full = p.topics[3].full.to_string();
    let behind = HashMap::from([(full, Some(p.topics[3].position - 1))]);
    assert!(why(&committed, &behind, &ends).is_some());
    for shorter in ends.keys() {
        let mut ends = ends.clone();
        *ends.get_mut(shorter).unwrap() -= 1;
        assert!(why(&committed, &positions, &ends).is_some(), "{shorter}");
    }
}

#[test]
fn files_are_for_this_user_alone_and_those_of_no_p_go() {
    let setting = setting("t", 1);
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("p");
    std::fs::create_dir(&folder).unwrap();
    for name in ["4.snapshot", "-1.snapshot", "2.new", "x"] {
        std::fs::write(folder.join(name), b"old").unwrap();
    }
    std::fs::write(folder.join("1.snapshot"), b"old").unwrap();
    let (kept, writer) = folder::open(data.path(), &setting.namespace, 4);
    let mut p = partition(&setting);
    let snapshot = |p: &Partition| Box::new(p.snapshot().unwrap());
    kept.offer(snapshot(&p), false);
    // The last raw topic has come so far that reading it again would take a while.
    p.topics[4].position = 20_000;
    p.topics[4].history.seen_below(20_000);
    kept.offer(snapshot(&p), false);
    let load =
        |kept: &folder::Folder, number| kept.load(Partition::new(number, raw(&setting)), &setting);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| writer.run());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while load(&kept, 2).unwrap().is_none() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        let back = load(&kept, 2).unwrap().unwrap();
        assert_eq!(back.topics[4].position, 20_000);
        assert!(load(&kept, 0).unwrap().is_none());
        assert!(load(&kept, 1).is_err(), "it is no snapshot");
        drop(kept);
        writing.join().unwrap();
    });
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["1.snapshot", "2.snapshot"]);
    let mode = std::fs::metadata(folder.join("2.snapshot")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
}
