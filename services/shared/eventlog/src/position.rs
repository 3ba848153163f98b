//! How far one partition number has come, as the enforcement group commits it beside `control.links[p]` and as pages repeat it.
//!
//! One text, `v1 policy=<next> page=<next> cursor=<cursor>`, with ` generations=<of purposes>` where one is not the first and ` live=<of purposes>`
//! where something stands, read by the process that decides, by views that show the bound and by tools that
//! wait. The cursor says what of a queued re-decision is left; `-` is no queue.

use crate::chain::Generations;
use crate::topics::RAW;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// How many raw topics there are.
pub const TOPICS: usize = RAW.len();

/// A committed position that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the position `{text}` cannot be read: it was written by a newer build or by another tool; \
     let that build run, or restore the position from the last page"
)]
pub struct PositionError {
    text: String,
}

fn unreadable(text: &str) -> PositionError {
    PositionError {
        text: text.chars().take(120).collect(),
    }
}

/// A place in the raw topics of one partition number, in the order in which a queue goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// Index of the topic in [`RAW`].
    pub topic: usize,
    /// Offset.
    pub offset: i64,
}

/// A queued re-decision on its way through the raw topics: first from `at` up to `to`, then, where a later cause found it under way, once more
/// from the beginning up to `then`. Each past event in scope is so decided again at least once after the newest cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The lowest `control.policy` offset of a cause that is not through.
    pub from: i64,
    /// What is next.
    pub at: Place,
    /// Next offset of each raw topic when the newest cause was taken in: later events were decided under it already.
    pub to: [i64; TOPICS],
    /// Where the second round ends.
    pub then: Option<Place>,
}

/// A stretch of one raw topic: its index, first offset and next offset.
pub type Stretch = (usize, i64, i64);

impl Scan {
    /// A queue from the beginning; `None` when there is nothing to go through.
    pub fn new(from: i64, to: [i64; TOPICS]) -> Option<Self> {
        Self {
            from,
            at: Place::default(),
            to,
            then: None,
        }
        .normal()
    }

    /// The queue after one more cause: what is ahead is decided under it on the way, what is behind once more afterwards.
    pub fn renewed(self, to: [i64; TOPICS]) -> Option<Self> {
        let behind = (self.at > Place::default()).then_some(self.at);
        Self {
            to,
            then: behind,
            ..self
        }
        .normal()
    }

    /// The next stretch, at most so long.
    pub fn next(&self, most: i64) -> Stretch {
        let end = self.end(self.at.topic);
        (
            self.at.topic,
            self.at.offset,
            end.min(self.at.offset.saturating_add(most)),
        )
    }

    /// What is left after everything before `offset` of the present topic is through; `None` when that was all.
    pub fn advanced(mut self, offset: i64) -> Option<Self> {
        self.at.offset = self.at.offset.max(offset);
        self.normal()
    }

    /// Everything that is left, in order.
    pub fn left(&self) -> Vec<Stretch> {
        let first = (self.at.topic..TOPICS).map(|topic| {
            let from = if topic == self.at.topic {
                self.at.offset
            } else {
                0
            };
            (topic, from, self.end(topic))
        });
        let again = self.then.into_iter().flat_map(|then| {
            (0..TOPICS).map(move |topic| (topic, 0, self.second_end(then, topic)))
        });
        first
            .chain(again)
            .filter(|(_, from, to)| from < to)
            .collect()
    }

    fn end(&self, topic: usize) -> i64 {
        self.to.get(topic).copied().unwrap_or(0)
    }

    fn second_end(&self, then: Place, topic: usize) -> i64 {
        match topic.cmp(&then.topic) {
            std::cmp::Ordering::Less => self.end(topic),
            std::cmp::Ordering::Equal => then.offset,
            std::cmp::Ordering::Greater => 0,
        }
    }

    /// Moves over ends: to the next topic, and from the last one to the second round.
    fn normal(mut self) -> Option<Self> {
        loop {
            if self.at.topic >= TOPICS {
                let then = self.then.take()?;
                let mut to = [0; TOPICS];
                for (topic, end) in to.iter_mut().enumerate() {
                    *end = self.second_end(then, topic);
                }
                self.to = to;
                self.at = Place::default();
            } else if self.at.offset >= self.end(self.at.topic) {
                self.at = Place {
                    topic: self.at.topic + 1,
                    offset: 0,
                };
            } else {
                return Some(self);
            }
        }
    }
}

/// What of re-decisions is queued. Nothing: no queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    /// What agreement-level causes demand.
    pub scan: Option<Scan>,
    /// Handles with more events than one transaction decides again: everything of theirs before the place is still to be decided.
    pub rests: BTreeMap<[u8; 16], Place>,
}

impl Cursor {
    /// Whether nothing is queued.
    pub fn is_idle(&self) -> bool {
        self.scan.is_none() && self.rests.is_empty()
    }

    /// The short form for offset metadata: its length does not depend on how many handles have a rest.
    pub fn brief(&self) -> Option<Brief> {
        (!self.is_idle()).then(|| Brief {
            scan: self.scan.clone(),
            rests: self.rests.len(),
        })
    }
}

/// The short form of a cursor: handles are counted, not named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// As on the cursor.
    pub scan: Option<Scan>,
    /// How many handles have a rest.
    pub rests: usize,
}

/// How far p has come. The offset it is committed with is the next unapplied one of `control.links[p]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// Next unapplied offset of `control.policy`.
    pub policy_next: i64,
    /// Sequence of p's next page.
    pub next_page: i64,
    /// What is queued; `None`: nothing.
    pub cursor: Option<Brief>,
    /// The generations that p writes to.
    pub generations: Generations,
}

/// What stands on a purpose's topic because of p, in releases and subject records, as a committed position's metadata says. It is told beside the
/// position and is no part of it.
pub fn live(metadata: &str, purpose: &str) -> u64 {
    let told = metadata
        .split(' ')
        .find_map(|word| word.strip_prefix("live="));
    let mut each = told.into_iter().flat_map(|told| told.split(','));
    let of = each.find_map(|one| one.strip_prefix(purpose)?.strip_prefix(':'));
    of.and_then(|count| count.parse().ok()).unwrap_or(0)
}

fn name(topic: usize) -> &'static str {
    RAW.get(topic)
        .and_then(|plain| plain.strip_prefix("raw."))
        .unwrap_or("?")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", name(self.topic), self.offset)
    }
}

impl FromStr for Place {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let fault = || unreadable(text);
        let (agency, offset) = text.split_once('@').ok_or_else(fault)?;
        let topic = RAW
            .iter()
            .position(|plain| plain.strip_prefix("raw.") == Some(agency))
            .ok_or_else(fault)?;
        let offset = offset.parse().ok().filter(|offset| *offset >= 0);
        Ok(Self {
            topic,
            offset: offset.ok_or_else(fault)?,
        })
    }
}

impl fmt::Display for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.from, self.at)?;
        let mut comma = "";
        for (topic, offset) in self.to.iter().enumerate().filter(|(_, end)| **end > 0) {
            write!(
                f,
                "{comma}{}",
                Place {
                    topic,
                    offset: *offset
                }
            )?;
            comma = ",";
        }
        match self.then {
            Some(then) => write!(f, ":{then}"),
            None => f.write_str(":-"),
        }
    }
}

impl FromStr for Scan {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let fault = || unreadable(text);
        let parts: Vec<&str> = text.split(':').collect();
        let [from, at, ends, then] = parts.as_slice() else {
            return Err(fault());
        };
        let mut to = [0; TOPICS];
        for end in ends.split(',') {
            let place: Place = end.parse()?;
            *to.get_mut(place.topic).ok_or_else(fault)? = place.offset;
        }
        Ok(Self {
            from: from
                .parse()
                .ok()
                .filter(|from| *from >= 0)
                .ok_or_else(fault)?,
            at: at.parse()?,
            to,
            then: match *then {
                "-" => None,
                place => Some(place.parse()?),
            },
        })
    }
}

fn write_scan(f: &mut fmt::Formatter<'_>, scan: Option<&Scan>) -> fmt::Result {
    match scan {
        Some(scan) => write!(f, "{scan}"),
        None => f.write_str("~"),
    }
}

fn read_scan(text: &str) -> Result<Option<Scan>, PositionError> {
    match text {
        "~" => Ok(None),
        scan => scan.parse().map(Some),
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_idle() {
            return f.write_str("-");
        }
        write_scan(f, self.scan.as_ref())?;
        let mut mark = "+";
        for (handle, place) in &self.rests {
            f.write_str(mark)?;
            for byte in handle {
                write!(f, "{byte:02x}")?;
            }
            write!(f, "/{place}")?;
            mark = ",";
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        if text == "-" {
            return Ok(Self::default());
        }
        let (scan, listed) = text.split_once('+').unwrap_or((text, ""));
        let mut rests = BTreeMap::new();
        for rest in listed.split(',').filter(|rest| !rest.is_empty()) {
            let (handle, place) = rest.split_once('/').ok_or_else(|| unreadable(text))?;
            rests.insert(
                bytes16(handle).ok_or_else(|| unreadable(text))?,
                place.parse()?,
            );
        }
        let cursor = Self {
            scan: read_scan(scan)?,
            rests,
        };
        if cursor.is_idle() {
            return Err(unreadable(text));
        }
        Ok(cursor)
    }
}

fn bytes16(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 {
        return None;
    }
    let mut bytes = [0; 16];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scan(f, self.scan.as_ref())?;
        if self.rests > 0 {
            write!(f, "+{}", self.rests)?;
        }
        Ok(())
    }
}

impl FromStr for Brief {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let (scan, rests) = text.split_once('+').unwrap_or((text, "0"));
        let brief = Self {
            scan: read_scan(scan)?,
            rests: rests.parse().map_err(|_| unreadable(text))?,
        };
        if brief.scan.is_none() && brief.rests == 0 {
            return Err(unreadable(text));
        }
        Ok(brief)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "v1 policy={} page={} cursor=",
            self.policy_next, self.next_page
        )?;
        match &self.cursor {
            Some(cursor) => write!(f, "{cursor}")?,
            None => f.write_str("-")?,
        }
        if !self.generations.are_first() {
            write!(f, " generations={}", self.generations)?;
        }
        Ok(())
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let fault = || unreadable(text);
        let mut words: Vec<&str> = text.split(' ').collect();
        words.pop_if(|word| word.starts_with("live="));
        let generations = words.pop_if(|word| word.starts_with("generations="));
        let generations = generations.and_then(|word| word.strip_prefix("generations="));
        let generations = generations.unwrap_or_default();
        let ["v1", policy, page, cursor] = words.as_slice() else {
            return Err(fault());
        };
        let number = |word: &str, name: &str| {
            let digits = word.strip_prefix(name)?.strip_prefix('=')?;
            digits.parse::<i64>().ok().filter(|number| *number >= 0)
        };
        Ok(Self {
            policy_next: number(policy, "policy").ok_or_else(fault)?,
            next_page: number(page, "page").ok_or_else(fault)?,
            cursor: match cursor.strip_prefix("cursor=").ok_or_else(fault)? {
                "-" => None,
                brief => Some(brief.parse()?),
            },
            generations: generations.parse().map_err(|_| fault())?,
        })
    }
}

#[cfg(test)]
mod tests;
