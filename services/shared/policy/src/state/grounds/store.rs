//! How grounds are held: 24 bytes each, one map for everybody, names as numbers.
//!
//! A process that decides holds every ground whole. A person with one consent costs an entry of 41 bytes (16 of them the handle) and
//! its share of the map's spare room: ten million take half a GiB, and a lookup that is cached some tens of nanoseconds, without an
//! allocation. The map is cut into shards that copies of a state share until one of them changes: so a snapshot is taken of one epoch
//! without holding anybody up, and no growing of a table takes long. A concurrent map would buy nothing: grounds change under the write
//! guard of the whole state only, and a decision holds the read guard, so that all it sees is of one epoch (`examples/grounds.rs`
//! measures both).

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_domain::{AgreementId, Day, Handle, Instant, Organisation, Purpose};

/// Number of a name in one state's own lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(u16);

impl NameId {
    /// Of no name: a ground without that limit.
    pub(super) const NONE: NameId = NameId(0);
    /// Of a name that no ground has: equal to none.
    const UNKNOWN: NameId = NameId(u16::MAX);

    pub(super) const fn from_stored(bytes: [u8; 2]) -> Self {
        NameId(u16::from_le_bytes(bytes))
    }

    pub(super) const fn stored(self) -> [u8; 2] {
        self.0.to_le_bytes()
    }
}

/// A purpose and an agreement, looked up once for many grounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Under {
    pub(super) purpose: NameId,
    pub(super) agreement: NameId,
}

/// One ground about a person as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ground {
    /// When the person said so.
    pub stated_at: Instant,
    /// Version on record.
    pub version: u32,
    /// Last day of a consent; [`NO_END`] where none is named.
    pub(super) last_day: i32,
    pub(super) purpose: NameId,
    pub(super) agreement: NameId,
    pub(super) chosen: NameId,
    /// What kind it is.
    pub kind: GroundKind,
    /// Its state.
    pub state: GroundState,
}

/// A consent without an end; no calendar reaches this day.
pub(super) const NO_END: i32 = i32::MAX;

const _: () = assert!(size_of::<Ground>() == 24 && size_of::<Slot>() == 24);

impl Ground {
    /// Whether it holds for this purpose and agreement.
    pub fn applies(&self, under: Under) -> bool {
        self.applies_to_purpose(under.purpose)
            && (self.agreement == NameId::NONE || self.agreement == under.agreement)
    }

    /// Whether a consent's last day is before this one.
    pub fn ended(&self, today: Day) -> bool {
        self.last_day < today.0
    }

    pub(super) fn applies_to_purpose(&self, purpose: NameId) -> bool {
        self.purpose == NameId::NONE || self.purpose == purpose
    }

    /// Last London day on which a consent holds; `None`: no end.
    pub fn not_after(&self) -> Option<Day> {
        (self.last_day != NO_END).then_some(Day(self.last_day))
    }

    /// What tells it from the handle's other grounds.
    pub(super) fn identity(&self) -> (GroundKind, NameId, NameId) {
        (self.kind, self.purpose, self.agreement)
    }
}

/// The grounds of one handle: nearly always one.
#[derive(Debug, Clone)]
enum Slot {
    One(Ground),
    Many(Box<[Ground]>),
}

/// Shards of the map: so many that at ten million handles the table of each is nearly full.
pub(super) const SHARDS: usize = 1_536;

type Shard = HashMap<Handle, Slot, BuildHasherDefault<HandleHasher>>;

/// Grounds by handle.
#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    /// None at all, or every one.
    shards: Vec<Arc<Shard>>,
    handles: usize,
}

impl Store {
    pub fn of(&self, handle: &Handle) -> &[Ground] {
        let found = self
            .shards
            .get(shard_of(handle))
            .and_then(|shard| shard.get(handle));
        match found {
            None => &[],
            Some(Slot::One(ground)) => std::slice::from_ref(ground),
            Some(Slot::Many(grounds)) => grounds,
        }
    }

    fn shard(&mut self, handle: &Handle) -> Option<&mut Shard> {
        if self.shards.is_empty() {
            // One empty shard stands for all until something is put into it.
            let empty = Arc::new(Shard::default());
            self.shards = std::iter::repeat_n(empty, SHARDS).collect();
        }
        self.shards.get_mut(shard_of(handle)).map(Arc::make_mut)
    }

    /// Puts a ground in the place of the one with its identity; returns that one.
    pub fn put(&mut self, handle: Handle, ground: Ground) -> Option<Ground> {
        let shard = self.shard(&handle)?;
        let Some(slot) = shard.get_mut(&handle) else {
            shard.insert(handle, Slot::One(ground));
            self.handles += 1;
            return None;
        };
        let standing = match slot {
            Slot::One(one) => std::slice::from_mut(one),
            Slot::Many(many) => many,
        };
        if let Some(place) = standing
            .iter_mut()
            .find(|one| one.identity() == ground.identity())
        {
            return Some(std::mem::replace(place, ground));
        }
        let mut grown = standing.to_vec();
        grown.push(ground);
        *slot = Slot::Many(grown.into());
        None
    }

    pub const fn handles(&self) -> usize {
        self.handles
    }

    /// Every shard's handles with their grounds, in no order that may reach an output.
    pub fn shards(&self) -> impl Iterator<Item = impl Iterator<Item = (&Handle, &[Ground])>> {
        self.shards.iter().map(|shard| {
            shard.iter().map(|(handle, slot)| match slot {
                Slot::One(ground) => (handle, std::slice::from_ref(ground)),
                Slot::Many(grounds) => (handle, &**grounds),
            })
        })
    }

    /// Bytes held, the maps' spare room included.
    pub fn bytes(&self) -> usize {
        let entry = size_of::<(Handle, Slot)>() + 1;
        let of_shard = |shard: &Arc<Shard>| {
            let buckets = (shard.capacity() * 8 / 7).next_power_of_two();
            let many = shard.values().map(|slot| match slot {
                Slot::One(_) => 0,
                Slot::Many(grounds) => size_of_val::<[Ground]>(grounds),
            });
            buckets * entry + many.sum::<usize>()
        };
        self.shards.iter().map(of_shard).sum()
    }
}

/// The shard of a handle. Of its first bytes, which its place within the shard has little of.
fn shard_of(handle: &Handle) -> usize {
    let [a, b, c, d, ..] = *handle.as_bytes();
    // Spreads the low handles of tests too; real ones are random.
    let mixed = u32::from_le_bytes([a, b, c, d]).wrapping_mul(0x9e37_79b1);
    (mixed as usize * SHARDS) >> 32
}

/// Hashes a handle. Handles are random and made by identity alone, so nobody chooses them to collide.
#[derive(Debug, Clone, Copy, Default)]
pub struct HandleHasher(u64);

impl Hasher for HandleHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        const ODD: u128 = 0x9e37_79b9_7f4a_7c15;
        for eight in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(eight) {
                *to = *from;
            }
            let product = u128::from(self.0 ^ u64::from_le_bytes(word)) * ODD;
            // Both halves: the low bits choose the bucket, the high ones the tag.
            self.0 = (product ^ product >> 64) as u64;
        }
    }

    fn write_usize(&mut self, _: usize) {
        // The length, always sixteen.
    }
}

/// Names that grounds use, each with its number.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub purposes: Numbered<Purpose>,
    pub agreements: Numbered<AgreementId>,
    pub authorities: Numbered<Organisation>,
}

impl Names {
    /// How many there are: an [`Under`] that was looked up stays right until there are more.
    pub fn count(&self) -> usize {
        self.purposes.names.len() + self.agreements.names.len()
    }

    pub fn under(&self, purpose: &Purpose, agreement: &AgreementId) -> Under {
        Under {
            purpose: self.purposes.id(purpose),
            agreement: self.agreements.id(agreement),
        }
    }
}

/// Names in the order in which they were met. There are few of them and millions of grounds.
#[derive(Debug, Clone)]
pub(super) struct Numbered<T> {
    ids: BTreeMap<T, NameId>,
    names: Vec<T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self {
            ids: BTreeMap::new(),
            names: Vec::new(),
        }
    }
}

impl<T: Ord + Clone> Numbered<T> {
    /// The number of a name, [`NameId::UNKNOWN`] for one that no ground has.
    pub fn id(&self, name: &T) -> NameId {
        self.ids.get(name).copied().unwrap_or(NameId::UNKNOWN)
    }

    pub fn id_of(&self, name: Option<&T>) -> NameId {
        name.map_or(NameId::NONE, |name| self.id(name))
    }

    /// Every name, in the order of their numbers.
    pub fn all(&self) -> &[T] {
        &self.names
    }

    /// Whether the number is of no name, or of one of these.
    pub fn holds(&self, id: NameId) -> bool {
        usize::from(id.0) <= self.names.len()
    }

    /// Whether one more name fits.
    pub fn has_room(&self) -> bool {
        self.names.len() + 1 < usize::from(NameId::UNKNOWN.0)
    }

    /// The number of a name, given to it now where it has none. The caller asked whether there is room.
    pub fn number(&mut self, name: Option<&T>) -> NameId {
        let Some(name) = name else {
            return NameId::NONE;
        };
        if let Some(known) = self.ids.get(name) {
            return *known;
        }
        let id = u16::try_from(self.names.len() + 1).map_or(NameId::UNKNOWN, NameId);
        self.names.push(name.clone());
        self.ids.insert(name.clone(), id);
        id
    }

    pub fn name(&self, id: NameId) -> Option<&T> {
        self.names.get(usize::from(id.0).checked_sub(1)?)
    }
}
