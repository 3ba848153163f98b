//! From one generation of the topic to the next: the history goes on, and what was copied is known.

use super::{FollowError, Follower, unreadable};
use walbrook_event::{Found, framing, headers};
use walbrook_eventlog::{Record, chain};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::GenerationEnded;

impl Follower {
    /// What a record is named by as a cause: itself, or the source of the copy that it is. `None`: the state has it, from the generation before.
    pub(super) fn cause(&self, generation: u32, record: &Record) -> Option<i64> {
        let copied = (generation > chain::FIRST).then(|| chain::copied_from(record));
        match copied.flatten() {
            None => Some(chain::position(generation, record.offset)),
            Some(_) if generation > self.began_in => None,
            Some(source) => Some(chain::position(generation - 1, source)),
        }
    }
}

/// Where a partition goes on, when a record ends its generation.
pub(super) fn goes_on_at(record: &Record, found: &Found<'_>) -> Result<Option<i64>, FollowError> {
    if found.text(headers::TYPE) != Some(GenerationEnded::FULL_NAME) {
        return Ok(None);
    }
    let (_, body) = framing::unframe(record.value.as_deref())
        .map_err(|error| unreadable(record, error.to_string()))?;
    let ended = GenerationEnded::decode_exact(body)
        .map_err(|error| unreadable(record, error.to_string()))?;
    let next = ended.next_generation;
    tracing::info!(at = %record.at, next, "the topic goes on in its next generation");
    Ok(Some(chain::position(next, ended.first_live_offset)))
}
