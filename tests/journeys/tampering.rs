//! P8: the audit of a copy is that of the log, and one changed byte in it is found and named.

use crate::river;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use walbrook_event::{framing, headers};
use walbrook_eventlog::Record;
use walbrook_proto::audit::v1::{Checkpoint, Notice};
use walbrook_proto::avro::AvroRecord;
use walbrook_tests::acts::contact;
use walbrook_tests::backbone::{journey, root};
use walbrook_tests::people::{CAMDEN, Person, event_id};

/// `walbrook audit verify --from FOLDER`, as an auditor types it.
fn verify(folder: &Path) -> Output {
    let own = std::env::current_exe().expect("this program");
    let walbrook = own
        .parent()
        .and_then(Path::parent)
        .expect("a target folder")
        .join("walbrook");
    assert!(
        walbrook.exists(),
        "{} is not built: cargo build --workspace --bins first",
        walbrook.display()
    );
    let mut command = Command::new(walbrook);
    command
        .args(["audit", "verify", "--from"])
        .arg(folder)
        .current_dir(root());
    command.output().expect("the command runs")
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the copy") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

/// The partition file of a topic that holds a record of this `ce_type`, and a byte in the middle of that record's value: a copy keeps a record
/// as length, offset, timestamp, key and value (each with a length of 4 bytes before it), then headers.
fn middle_of_a_value(folder: &Path, topic: &str, kind: &str) -> (PathBuf, usize) {
    for partition in 0..4 {
        let path = folder.join(format!("{topic}.{partition}.records"));
        let bytes = std::fs::read(&path).unwrap_or_default();
        let number =
            |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("4 bytes")) as usize;
        let mut at = 0;
        while at < bytes.len() {
            let key = at + 4 + 16;
            let value = key + 4 + number(key);
            let end = value + 4 + number(value);
            let headers = &bytes[end..at + 4 + number(at)];
            if headers
                .windows(kind.len())
                .any(|window| window == kind.as_bytes())
            {
                return (path, (value + 4 + end) / 2);
            }
            at += 4 + number(at);
        }
    }
    panic!("no {kind} on {topic}");
}

fn has_kind(records: &[Record], kind: &str) -> bool {
    let mut records = records.iter();
    records.any(|record| record.headers.text(headers::TYPE) == Some(kind))
}

fn heads(records: &[Record]) -> Vec<Checkpoint> {
    let head = |record: &Record| {
        let (_, body) = framing::unframe(record.value.as_deref()).expect("framed");
        Checkpoint::decode_exact(body).expect("a checkpoint")
    };
    records.iter().map(head).collect()
}

#[test]
fn one_changed_byte_of_an_agreement_a_page_a_release_a_read_or_a_notice_is_found_and_named() {
    journey(async {
        let backbone = river().await;
        let count = |topic| i64::try_from(backbone.records(topic).len()).expect("few");
        let person = Person::number(501);
        let event = event_id();
        let sent = backbone.publish(CAMDEN, contact(&event, &person, 5)).await;
        sent.expect("a receipt");
        backbone.await_contacts(CAMDEN, &person, 1).await;
        backbone.decided().await;
        // What was shown is corrected, so somebody is told.
        let mut correction = contact(&event_id(), &person, 6);
        correction
            .head
            .as_mut()
            .expect("a head")
            .supersedes_event_id = Some(event);
        let sent = backbone.publish(CAMDEN, correction).await;
        sent.expect("a receipt");
        let told = || async {
            let told = has_kind(&backbone.records("audit.notices"), Notice::FULL_NAME);
            told.then_some(())
                .ok_or_else(|| "nobody was told".to_owned())
        };
        backbone.until("a notice", told).await;
        // The auditor's signed tree heads hold what nothing else depends on: the time of a page on which nothing was decided, for one. Other tests
        // may have made much before: a head counts when it is over all that stands now.
        let (reads, notices) = (count("audit.reads"), count("audit.notices"));
        backbone
            .until("tree heads over pages, reads and notices", || async {
                let heads = heads(&backbone.records("audit.checkpoints"));
                let over = |log: &str, least: i64| {
                    let mut heads = heads.iter();
                    heads.any(|head| head.log.starts_with(log) && head.tree_size >= least)
                };
                if over("audit.reads", reads)
                    && over("audit.notices", notices)
                    && over("audit.decisions", 1)
                {
                    Ok(())
                } else {
                    Err(format!("{} tree heads", heads.len()))
                }
            })
            .await;
        let folder = tempfile::tempdir().expect("a folder");
        let copy = folder.path().join("copy");
        walbrook_auditor::copy::write(backbone.source().as_mut(), &copy, &mut |_| {})
            .expect("a copy");
        let clean = verify(&copy);
        let said = String::from_utf8_lossy(&clean.stdout).into_owned();
        assert!(
            clean.status.success() && said.ends_with("0 differences\n"),
            "{said}"
        );

        for (topic, kind) in [
            ("control.policy", "walbrook.control.v1.AgreementProposed"),
            ("control.policy", "walbrook.control.v1.AgreementSigned"),
            ("audit.decisions", "walbrook.audit.v1.DecisionPage"),
            ("shared.rough-sleeping", "housing.RoughSleepingContact"),
            ("audit.reads", "walbrook.audit.v1.ReadRecord"),
            ("audit.notices", Notice::FULL_NAME),
        ] {
            let tampered = folder.path().join(kind);
            copy_folder(&copy, &tampered);
            let (path, at) = middle_of_a_value(&tampered, topic, kind);
            let mut bytes = std::fs::read(&path).expect("the file");
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).expect("written");
            let found = verify(&tampered);
            let said = String::from_utf8_lossy(&found.stdout).into_owned();
            assert_eq!(
                found.status.code(),
                Some(1),
                "a changed byte of a {kind} was not found: {said}"
            );
            assert!(
                said.lines().any(|line| line.contains(topic)),
                "the place is named: {said}"
            );
        }
    });
}
