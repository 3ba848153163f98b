//! The disk of a simulated process, with the snapshots it keeps. Disks outlive processes, but seeds lose them, damage them, or put back what stood on them
//! earlier; and on some stands what belonged to a log that had this one's name before.

use crate::world::{Broken, World};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use walbrook_broker::enforce::control_view::Setting;
use walbrook_broker::enforce::partition::Partition;
use walbrook_broker::enforce::snapshot::{Snapshot, Snapshots, form};
use walbrook_domain::Instant;
use walbrook_event::framing::unframe;
use walbrook_eventlog::topics;
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord;
use walbrook_runtime::kept_file::{Hashed, SnapshotError};

/// The seed of the history of another log, and its length: longer than most here, so that it is newer than what is committed for long.
const FOREIGN: (u64, usize) = (990_001, 3_000);

type Files = BTreeMap<i32, Vec<u8>>;

/// What the disks of one simulation went through.
#[derive(Debug, Default, Clone, Copy)]
pub struct Uses {
    pub kept: usize,
    pub found: usize,
    pub gone_on: usize,
    pub passed_over: usize,
}

pub struct Disk {
    files: Mutex<Files>,
    /// What stood on it at an earlier moment.
    earlier: Mutex<Files>,
    setting: Arc<Setting>,
    pub uses: Mutex<Uses>,
    /// The last page of each snapshot that was offered: p, sequence, and when it was decided.
    pub offered: Mutex<Vec<(i32, i64, Instant)>>,
}

impl Disk {
    pub fn new(setting: &Arc<Setting>) -> Self {
        Self {
            files: Mutex::default(),
            earlier: Mutex::default(),
            setting: Arc::clone(setting),
            uses: Mutex::default(),
            offered: Mutex::default(),
        }
    }

    /// The file of p.
    pub fn file(&self, number: i32) -> Option<Vec<u8>> {
        self.files.lock().expect("a disk").get(&number).cloned()
    }

    /// Another file of p.
    pub fn put(&self, number: i32, file: Vec<u8>) {
        self.files.lock().expect("a disk").insert(number, file);
    }

    /// What becomes of it when its process dies.
    pub fn suffer(&self, chance: &mut ChaCha8Rng) {
        let mut files = self.files.lock().expect("a disk");
        let mut earlier = self.earlier.lock().expect("a disk");
        match chance.random_range(0..10) {
            0 => files.clear(),
            1 => damage(&mut files, chance),
            2 => files.clone_from(&earlier),
            3 => files.clone_from(foreign()),
            4 => earlier.clone_from(&files),
            _ => {}
        }
    }
}

fn damage(files: &mut Files, chance: &mut ChaCha8Rng) {
    for file in files.values_mut().filter(|file| !file.is_empty()) {
        let place = chance.random_range(0..file.len());
        if chance.random_bool(0.5) {
            file[place] ^= 1 << chance.random_range(0..8);
        } else {
            file.truncate(place);
        }
    }
}

/// The snapshots of a log that had this one's name before.
pub fn foreign() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    thread_local! {
        static MAKING: RefCell<bool> = const { RefCell::new(false) };
    }
    static NONE: Files = Files::new();
    if MAKING.with_borrow(|making| *making) {
        return &NONE;
    }
    FILES.get_or_init(|| {
        MAKING.set(true);
        let mut world = World::new(FOREIGN.0);
        for _ in 0..FOREIGN.1 {
            world.step();
        }
        MAKING.set(false);
        let mut found = Files::new();
        for process in &world.processes {
            found.extend(process.disk.files.lock().expect("a disk").clone());
        }
        assert!(!found.is_empty(), "a history leaves snapshots");
        found
    })
}

/// Holds every snapshot that was offered against what is committed.
///
/// # Errors
/// Which one was ahead of it.
pub fn check(world: &World) -> Result<(), Broken> {
    let mut pages = BTreeMap::new();
    for record in world
        .log
        .committed_records(&world.city.topic(topics::DECISIONS))
    {
        let (_, body) = unframe(record.value.as_deref()).expect("framed");
        let page = DecisionPage::decode_exact(body).expect("a page");
        let at = page.decided_at.unwrap_or_default();
        let at = Instant::from_seconds_nanos(at.seconds, at.nanos);
        pages.insert((page.partition, page.sequence), at);
    }
    for disk in world.all_disks() {
        for (number, sequence, at) in &*disk.offered.lock().expect("a disk") {
            if pages.get(&(*number, *sequence)) != Some(&Some(*at)) {
                return Err(format!(
                    "p={number} was kept on disk after a page {sequence} that was never committed"
                ));
            }
        }
    }
    Ok(())
}

impl Snapshots for Disk {
    fn load(
        &self,
        empty: Partition,
        setting: &Setting,
    ) -> Result<Option<Partition>, SnapshotError> {
        let files = self.files.lock().expect("a disk");
        let Some(file) = files.get(&empty.number()) else {
            return Ok(None);
        };
        let mut uses = self.uses.lock().expect("a disk");
        match form::read(file.as_slice(), empty, setting) {
            Ok(partition) => {
                uses.found += 1;
                Ok(Some(partition))
            }
            Err(fault) => {
                uses.passed_over += 1;
                Err(SnapshotError::Content {
                    path: PathBuf::new(),
                    problem: format!("{fault:?}"),
                })
            }
        }
    }

    fn offer(&self, snapshot: Box<Snapshot>, _last: bool) {
        let number = snapshot.number();
        let last_page = snapshot.stamp().position.next_page - 1;
        let kept = (number, last_page, snapshot.decided_at());
        self.offered.lock().expect("a disk").push(kept);
        let mut out = Hashed::new(Vec::new());
        form::write(&mut out, &snapshot, &self.setting.namespace).expect("written");
        let file = out.close().expect("closed");
        self.files.lock().expect("a disk").insert(number, file);
        self.uses.lock().expect("a disk").kept += 1;
    }
}
