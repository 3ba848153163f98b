#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use super::*;
use crate::control::journal::{Format, read};
use std::collections::BTreeMap;
use std::sync::Arc;
use walbrook_domain::control::{
    ControlFact, GroundFact, GroundKind, GroundState, PinFact, PinKind,
};
use walbrook_domain::{Handle, Instant};
use walbrook_policy::catalogue::Catalogue;
use walbrook_policy::state::{PolicyState, ground_id};

fn pin(number: u32) -> ControlFact {
    ControlFact::Pin(PinFact {
        kind: PinKind::Calendar,
        name: format!("calendar-{number}"),
        schema_id: 0,
        sha256: [7; 32],
        content: String::new(),
    })
}

fn consent(number: u32) -> ControlFact {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    let handle = Handle::new(bytes);
    ControlFact::Ground(GroundFact {
        ground_id: ground_id(&handle, GroundKind::Consent, None, None, None),
        version: 1,
        handle,
        kind: GroundKind::Consent,
        state: GroundState::Given,
        purpose: None,
        agreement: None,
        event: None,
        not_after: None,
        chosen_authority: None,
        stated_at: Instant(5),
        by_organisation: "ODS:RRV".parse().unwrap(),
        by: "nurse".to_owned(),
    })
}

/// A log of pins among consents, and its fold.
fn log(namespace: &str) -> (Vec<Record>, PolicyState) {
    let ids = walbrook_proto::records().iter();
    let ids = ids.map(|info| (info.full_name.to_owned(), 3));
    let format = Format {
        namespace: Namespace::new(namespace),
        schemas: Arc::new(ids.collect::<BTreeMap<_, _>>()),
    };
    let mut records = Vec::new();
    let mut state = PolicyState::new(Arc::new(Catalogue::new(Vec::new())));
    for number in 0..500u32 {
        let fact = if number % 100 == 0 {
            pin(number)
        } else {
            consent(number)
        };
        let new = format.records(&fact, "", Instant(9)).unwrap().remove(0);
        let record = Record {
            at: format.policy(),
            // Transaction markers take offsets, too.
            offset: i64::from(number) * 2,
            timestamp_ms: 1_000 + i64::from(number),
            key: new.key,
            value: new.value,
            headers: new.headers,
        };
        state.apply(&read(&record).unwrap()).unwrap();
        records.push(record);
    }
    (records, state)
}

fn written(folder: &Path) -> (Snapshot, Vec<Record>, PolicyState) {
    let snapshot = Snapshot::new(folder, &Namespace::new("t"));
    let (records, state) = log("t");
    let kept: Vec<_> = records.iter().filter(|one| is_kept(one)).cloned().collect();
    assert_eq!(kept.len(), 5);
    snapshot.write(&kept, state.grounds(), 1_000).unwrap();
    (snapshot, records, state)
}

#[test]
fn what_was_written_is_read_and_folds_to_the_same_state() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        Snapshot::new(folder.path(), &Namespace::new("t"))
            .load()
            .unwrap()
            .is_none()
    );
    let (snapshot, records, state) = written(folder.path());
    let loaded = snapshot.load().unwrap().unwrap();
    assert_eq!(loaded.next_offset, 1_000);
    assert!(loaded.begins_with(&records[0]) && !loaded.begins_with(&records[100]));
    let mut restored = PolicyState::new(Arc::new(Catalogue::new(Vec::new())));
    for record in &loaded.records {
        restored.apply(&read(record).unwrap()).unwrap();
    }
    restored.restore_grounds(loaded.grounds, loaded.next_offset);
    assert_eq!(restored.next_offset(), 1_000);
    assert_eq!(restored.pins().epoch(), state.pins().epoch());
    assert_eq!(restored.grounds().handles(), 495);
    for number in 0..500u32 {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        let handle = Handle::new(bytes);
        assert_eq!(restored.grounds().of(&handle), state.grounds().of(&handle));
    }
    // The next one takes its place.
    snapshot
        .write(&loaded.records, state.grounds(), 1_200)
        .unwrap();
    assert_eq!(snapshot.load().unwrap().unwrap().next_offset, 1_200);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn one_changed_byte_anywhere_and_it_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (snapshot, ..) = written(folder.path());
    let path = folder.path().join(NAME);
    let sound = std::fs::read(&path).unwrap();
    for at in (0..sound.len()).step_by(37).chain([sound.len() - 1]) {
        let mut damaged = sound.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        assert!(snapshot.load().is_err(), "byte {at} of {}", sound.len());
    }
    for length in [0, 10, sound.len() / 2, sound.len() - 1] {
        std::fs::write(&path, &sound[..length]).unwrap();
        assert!(snapshot.load().is_err(), "{length} bytes");
    }
    std::fs::write(&path, [&sound[..], &[0]].concat()).unwrap();
    assert!(snapshot.load().is_err(), "one byte more");
    std::fs::write(&path, &sound).unwrap();
    assert!(snapshot.load().is_ok());
}

#[test]
fn another_namespaces_snapshot_and_another_form_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let other = Snapshot::new(folder.path(), &Namespace::new("other"));
    let problem = other.load().unwrap_err().to_string();
    assert!(problem.contains("another namespace"), "{problem}");
    let path = folder.path().join(NAME);
    let mut newer = std::fs::read(&path).unwrap();
    newer[FORM.len() - 2] = b'2';
    std::fs::write(&path, &newer).unwrap();
    let mine = Snapshot::new(folder.path(), &Namespace::new("t"));
    let problem = mine.load().unwrap_err().to_string();
    assert!(problem.contains("another form"), "{problem}");
}
