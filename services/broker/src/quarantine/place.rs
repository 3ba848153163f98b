//! Coordinates of a raw record, as receipts and people quote them: `raw.housing/2/17`.

use std::fmt;
use std::str::FromStr;
use walbrook_eventlog::topics;

/// Where a raw record stands. The topic is named without the namespace and is one of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The raw topic.
    pub topic: &'static str,
    /// Its partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// Text that is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected <raw topic>/<partition>/<offset>, for example raw.housing/2/17")]
pub struct NoPlace;

impl Place {
    /// A place on a raw topic of ours; `None` when it is none.
    pub fn new(topic: &str, partition: i32, offset: i64) -> Option<Self> {
        let topic = topics::RAW.into_iter().find(|known| *known == topic)?;
        (partition >= 0 && offset >= 0).then_some(Self {
            topic,
            partition,
            offset,
        })
    }

    /// The agency as topics spell it.
    pub fn agency(&self) -> &'static str {
        self.topic.strip_prefix("raw.").unwrap_or(self.topic)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let mut parts = text.splitn(3, '/');
        let topic = parts.next().ok_or(NoPlace)?;
        let mut number = || parts.next().and_then(|part| part.parse::<i64>().ok());
        let (partition, offset) = (number().ok_or(NoPlace)?, number().ok_or(NoPlace)?);
        let partition = i32::try_from(partition).map_err(|_| NoPlace)?;
        Place::new(topic, partition, offset).ok_or(NoPlace)
    }
}
