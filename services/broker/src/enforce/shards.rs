//! A map by handle in shards that a copy shares: a snapshot of p copies it between two batches and is written while the next ones go on. Only what
//! they change meanwhile is there twice.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault};
use std::sync::Arc;
use walbrook_domain::Handle;
use walbrook_policy::state::HandleHasher;

/// Shards of a map: with a million handles the first change to each costs the copy of some 250 of them.
const SHARDS: usize = 4_096;

type Shard<V> = HashMap<Handle, V, BuildHasherDefault<HandleHasher>>;

/// Values by handle.
#[derive(Debug, Clone)]
pub struct Shards<V> {
    shards: Vec<Arc<Shard<V>>>,
}

impl<V> Default for Shards<V> {
    fn default() -> Self {
        // One empty shard stands for all until something is put into it.
        let empty = Arc::new(Shard::default());
        Self {
            shards: std::iter::repeat_n(empty, SHARDS).collect(),
        }
    }
}

impl<V: PartialEq> PartialEq for Shards<V> {
    fn eq(&self, other: &Self) -> bool {
        self.shards == other.shards
    }
}

impl<V: Eq> Eq for Shards<V> {}

fn place(handle: Handle) -> usize {
    let hash = BuildHasherDefault::<HandleHasher>::default().hash_one(handle);
    // Neither the bits that choose the bucket within the shard nor those of its tag.
    usize::try_from(hash >> 32).unwrap_or(0) % SHARDS
}

impl<V: Clone> Shards<V> {
    /// The value of a handle.
    pub fn get(&self, handle: Handle) -> Option<&V> {
        self.shards.get(place(handle))?.get(&handle)
    }

    /// The shard of a handle, to change it.
    fn shard(&mut self, handle: Handle) -> Option<&mut Shard<V>> {
        self.shards.get_mut(place(handle)).map(Arc::make_mut)
    }

    /// Gives a handle a value; returns the one before.
    pub fn insert(&mut self, handle: Handle, value: V) -> Option<V> {
        self.shard(handle)?.insert(handle, value)
    }

    /// Handles and values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &V)> {
        let all = self.shards.iter().flat_map(|shard| shard.iter());
        all.map(|(handle, value)| (*handle, value))
    }

    /// How many handles.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.is_empty())
    }
}

impl<V: Clone + Default> Shards<V> {
    /// Changes the value of a handle.
    #[expect(
        clippy::indexing_slicing,
        reason = "a place is a remainder by the number of shards, and there are always so many"
    )]
    pub fn entry(&mut self, handle: Handle) -> &mut V {
        let shard = Arc::make_mut(&mut self.shards[place(handle)]);
        shard.entry(handle).or_default()
    }
}
