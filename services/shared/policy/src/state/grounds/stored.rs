//! Grounds as bytes, for a snapshot on disk: what cannot be read back exactly is not read back at all.

use super::store::{Ground, NO_END, NameId, Names, Store};
use super::{Grounds, Recall};
use std::collections::{HashMap, HashSet};
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_domain::{EventId, Handle, Instant, Organisation};

/// Bytes of one ground with its handle.
const ENTRY: usize = 16 + 8 + 4 + 4 + 2 + 2 + 2 + 1 + 1;

/// Bytes that are no stored grounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no stored grounds of this version: {problem}")]
pub struct StoredFault {
    /// What is wrong.
    pub problem: &'static str,
}

const fn fault(problem: &'static str) -> StoredFault {
    StoredFault { problem }
}

impl Grounds {
    /// Names, recalls and erasures, as bytes.
    pub fn stored_head(&self) -> Vec<u8> {
        let mut out = Vec::new();
        texts(&mut out, self.names.purposes.all());
        texts(&mut out, self.names.agreements.all());
        texts(&mut out, self.names.authorities.all());
        count(&mut out, self.erased.len());
        for handle in &self.erased {
            out.extend_from_slice(handle.as_bytes());
        }
        count(&mut out, self.recalls.values().map(Vec::len).sum());
        for (handle, recalls) in &self.recalls {
            for recall in recalls {
                out.extend_from_slice(handle.as_bytes());
                out.extend_from_slice(recall.event.as_bytes());
                out.extend_from_slice(&recall.version.to_le_bytes());
                out.push(u8::from(recall.on));
            }
        }
        out
    }

    /// Grounds about persons, as bytes, in pieces of some hundred kilobytes.
    pub fn stored_body(&self) -> impl Iterator<Item = Vec<u8>> {
        self.store.shards().map(|shard| {
            let mut out = Vec::new();
            for (handle, grounds) in shard {
                for ground in grounds {
                    entry(&mut out, handle, ground);
                }
            }
            out
        })
    }

    /// Reads what [`stored_head`](Self::stored_head) wrote; the body follows by [`restore`](Self::restore).
    ///
    /// # Errors
    /// When it is not of this form.
    pub fn from_stored_head(bytes: &[u8]) -> Result<Self, StoredFault> {
        let mut input = Input(bytes);
        let names = Names::stored(input.texts()?, input.texts()?, input.texts()?)
            .ok_or(fault("a name is none, or stands twice"))?;
        let mut erased = HashSet::new();
        for _ in 0..input.count()? {
            erased.insert(Handle::new(input.fixed()?));
        }
        let mut recalls: HashMap<Handle, Vec<Recall>> = HashMap::new();
        for _ in 0..input.count()? {
            let handle = Handle::new(input.fixed()?);
            let recall = Recall {
                event: EventId::new(uuid_of(input.fixed()?)),
                version: u32::from_le_bytes(input.fixed()?),
                on: u8::from_le_bytes(input.fixed()?) == 1,
            };
            recalls.entry(handle).or_default().push(recall);
        }
        if !input.0.is_empty() {
            return Err(fault("the head is longer than it says"));
        }
        Ok(Self {
            store: Store::default(),
            names,
            recalls,
            erased,
        })
    }

    /// Adds a stretch of what [`stored_body`](Self::stored_body) wrote: whole entries.
    ///
    /// # Errors
    /// When it is not of this form.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), StoredFault> {
        let mut input = Input(bytes);
        while !input.0.is_empty() {
            let handle = Handle::new(input.fixed()?);
            let ground = Ground {
                stated_at: Instant(i64::from_le_bytes(input.fixed()?)),
                version: u32::from_le_bytes(input.fixed()?),
                last_day: i32::from_le_bytes(input.fixed()?),
                purpose: NameId::from_stored(input.fixed()?),
                agreement: NameId::from_stored(input.fixed()?),
                chosen: NameId::from_stored(input.fixed()?),
                kind: *word(GroundKind::ALL, input.fixed()?)?,
                state: *word(GroundState::ALL, input.fixed()?)?,
            };
            let known = self.names.purposes.holds(ground.purpose)
                && self.names.agreements.holds(ground.agreement)
                && self.names.authorities.holds(ground.chosen);
            let sound = known
                && ground.kind.admits(ground.state)
                && !ground.kind.is_of_record()
                && (ground.last_day == NO_END || ground.kind == GroundKind::Consent);
            if !sound || self.store.put(handle, ground).is_some() {
                return Err(fault("an entry says what no ground says, or stands twice"));
            }
        }
        Ok(())
    }
}

/// Bytes of whole entries that a reader may take at once: about four megabytes.
pub const STRETCH: usize = ENTRY * 100_000;

fn entry(out: &mut Vec<u8>, handle: &Handle, ground: &Ground) {
    let place = |found: Option<usize>| u8::try_from(found.unwrap_or(255)).unwrap_or(255);
    out.extend_from_slice(handle.as_bytes());
    out.extend_from_slice(&ground.stated_at.0.to_le_bytes());
    out.extend_from_slice(&ground.version.to_le_bytes());
    out.extend_from_slice(&ground.last_day.to_le_bytes());
    for name in [ground.purpose, ground.agreement, ground.chosen] {
        out.extend_from_slice(&name.stored());
    }
    let kind = GroundKind::ALL.iter().position(|one| *one == ground.kind);
    let state = GroundState::ALL.iter().position(|one| *one == ground.state);
    out.push(place(kind));
    out.push(place(state));
}

fn word<T>(all: &'static [T], stored: [u8; 1]) -> Result<&'static T, StoredFault> {
    let [place] = stored;
    all.get(usize::from(place))
        .ok_or(fault("a kind or state that is not on the list"))
}

fn count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn texts<T: ToString>(out: &mut Vec<u8>, names: &[T]) {
    count(out, names.len());
    for name in names {
        let text = name.to_string();
        count(out, text.len());
        out.extend_from_slice(text.as_bytes());
    }
}

const fn uuid_of(bytes: [u8; 16]) -> uuid::Uuid {
    uuid::Uuid::from_bytes(bytes)
}

/// What is still to be read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], StoredFault> {
        let (taken, left) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(fault("it ends too early"))?;
        self.0 = left;
        Ok(*taken)
    }

    fn count(&mut self) -> Result<u32, StoredFault> {
        Ok(u32::from_le_bytes(self.fixed()?))
    }

    fn texts(&mut self) -> Result<Vec<String>, StoredFault> {
        let mut texts = Vec::new();
        for _ in 0..self.count()? {
            let length = usize::try_from(self.count()?).unwrap_or(usize::MAX);
            let (text, left) = self
                .0
                .split_at_checked(length)
                .ok_or(fault("it ends too early"))?;
            self.0 = left;
            let text = std::str::from_utf8(text).map_err(|_| fault("a name is no text"))?;
            texts.push(text.to_owned());
        }
        Ok(texts)
    }
}

impl Names {
    /// Names in the order of their numbers; `None` when one is no name or stands twice.
    fn stored(
        purposes: Vec<String>,
        agreements: Vec<String>,
        authorities: Vec<String>,
    ) -> Option<Self> {
        let mut names = Names::default();
        for text in &purposes {
            names.purposes.number(Some(&text.parse().ok()?));
        }
        for text in &agreements {
            names.agreements.number(Some(&text.parse().ok()?));
        }
        for text in &authorities {
            let authority: Organisation = text.parse().ok()?;
            names.authorities.number(Some(&authority));
        }
        let whole = names.purposes.all().len() == purposes.len()
            && names.agreements.all().len() == agreements.len()
            && names.authorities.all().len() == authorities.len();
        whole.then_some(names)
    }
}
