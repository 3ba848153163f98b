//! Which organisations' records may be compared: the fold of `control.agreements`, for matching agreements alone.

use crate::error::JournalError;
use crate::journal::{Clients, catch_up};
use crate::linkage::MatchingCover;
use crate::linkage::demographics::Strategy;
use parking_lot::RwLock;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use walbrook_domain::control::{
    AgreementFact, AgreementProposed, AgreementSigned, PartyKey, StandingChange,
};
use walbrook_domain::{AgreementVersion, Day, Instant, Organisation};
use walbrook_event::{framing, headers};
use walbrook_eventlog::{Namespace, Record, TopicPartition, topics};
use walbrook_policy::{AgreementBook, Catalogue};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::control::v1 as proto;
use walbrook_runtime::shutdown::Shutdown;

const POLL: Duration = Duration::from_millis(200);
const POLL_RECORDS: usize = 1_000;

/// The cover that holds now. Each change moves its generation on.
#[derive(Debug)]
pub struct AgreementCover {
    state: RwLock<State>,
    generation: AtomicU64,
}

#[derive(Debug)]
struct State {
    book: AgreementBook,
    today: Day,
    /// What the book says of a pair, lesser organisation first: asked for each comparison, changed by few records.
    known: HashMap<(Organisation, Organisation), Arc<BTreeSet<String>>>,
}

impl Default for AgreementCover {
    fn default() -> Self {
        // A matching agreement has no flows and no readers, so it names nothing that a catalogue would have to know.
        let book = AgreementBook::new(Arc::new(Catalogue::default()));
        let state = State {
            book,
            today: Day(0),
            known: HashMap::new(),
        };
        Self {
            state: RwLock::new(state),
            generation: AtomicU64::new(0),
        }
    }
}

impl AgreementCover {
    /// Changes with every change that may concern the cover.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Sets the day on which effective and expiry dates are judged.
    pub fn set_today(&self, today: Day) {
        if self.state.read().today != today {
            let mut state = self.state.write();
            state.today = today;
            self.changed(&mut state);
        }
    }

    /// Applies one record of `control.agreements`. A record that is no legal change of the agreement half covers nobody and is said.
    pub fn apply(&self, record: &Record) {
        let kind = record.headers.text(headers::TYPE).unwrap_or_default();
        let read = framing::unframe(record.value.as_deref()).map_err(|error| error.to_string());
        let fact = match read.and_then(|(_, body)| fact(kind, body)) {
            Ok(Some(fact)) => fact,
            Ok(None) => return,
            Err(problem) => {
                tracing::warn!(at = %record.at, offset = record.offset, kind, problem, "a record of agreements cannot be read");
                return;
            }
        };
        let appended_at = Instant(record.timestamp_ms.saturating_mul(1_000));
        let mut state = self.state.write();
        match state.book.apply(appended_at, &fact) {
            Ok(()) => self.changed(&mut state),
            Err(illegal) => {
                tracing::warn!(at = %record.at, offset = record.offset, kind, %illegal, "a record of agreements changes nothing");
            }
        }
    }

    fn changed(&self, state: &mut State) {
        state.known.clear();
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    fn strategies(&self, a: &Organisation, b: &Organisation) -> Arc<BTreeSet<String>> {
        let pair = if a <= b {
            (a.clone(), b.clone())
        } else {
            (b.clone(), a.clone())
        };
        if let Some(known) = self.state.read().known.get(&pair) {
            return Arc::clone(known);
        }
        let mut state = self.state.write();
        let strategies = state.book.matching(&pair.0, &pair.1, state.today);
        let strategies: Arc<BTreeSet<String>> =
            Arc::new(strategies.into_iter().map(str::to_owned).collect());
        state.known.insert(pair, Arc::clone(&strategies));
        strategies
    }
}

impl MatchingCover for AgreementCover {
    fn covers(&self, a: &Organisation, b: &Organisation) -> bool {
        !self.strategies(a, b).is_empty()
    }

    fn allows(&self, a: &Organisation, b: &Organisation, strategy: Strategy) -> bool {
        self.strategies(a, b).contains(strategy.name())
    }
}

/// The agreement half's facts that matching needs; `None` for any other record.
fn fact(kind: &str, body: &[u8]) -> Result<Option<AgreementFact>, String> {
    let fact = match kind {
        proto::AgreementProposed::FULL_NAME => {
            let message: proto::AgreementProposed = read(body)?;
            AgreementFact::Proposed(AgreementProposed {
                agreement: word(&message.agreement_id)?,
                version: AgreementVersion(message.version),
                text: message.text,
                text_sha256: bytes(&message.text_sha256)?,
                by_organisation: word(&message.proposed_by_organisation)?,
                by: message.proposed_by,
            })
        }
        proto::AgreementSigned::FULL_NAME => {
            let message: proto::AgreementSigned = read(body)?;
            AgreementFact::Signed(AgreementSigned {
                agreement: word(&message.agreement_id)?,
                version: AgreementVersion(message.version),
                party: word(&message.party)?,
                key_id: message.key_id,
                signature: bytes(&message.signature)?,
                text_sha256: bytes(&message.text_sha256)?,
            })
        }
        proto::AgreementStanding::FULL_NAME => {
            let message: proto::AgreementStanding = read(body)?;
            AgreementFact::Standing(StandingChange {
                agreement: word(&message.agreement_id)?,
                version: AgreementVersion(message.version),
                party: message.party.as_deref().map(word).transpose()?,
                standing: word(&message.standing)?,
                reason: message.reason,
                by_organisation: word(&message.recorded_by_organisation)?,
                by: message.recorded_by,
            })
        }
        proto::PartyKey::FULL_NAME => {
            let message: proto::PartyKey = read(body)?;
            AgreementFact::PartyKey(PartyKey {
                organisation: word(&message.organisation)?,
                key_id: message.key_id,
                public_key: bytes(&message.public_key)?,
                active: message.active,
            })
        }
        _ => return Ok(None),
    };
    Ok(Some(fact))
}

fn read<R: AvroRecord>(body: &[u8]) -> Result<R, String> {
    R::decode_exact(body).map_err(|error| error.to_string())
}

fn word<T: std::str::FromStr<Err = walbrook_domain::WordError>>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|error: walbrook_domain::WordError| error.to_string())
}

fn bytes<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes
        .try_into()
        .map_err(|_| format!("expected {N} bytes, found {}", bytes.len()))
}

/// Follows `control.agreements`: reads it to its end, calls `ready`, then applies what comes until it is told to stop.
///
/// # Errors
/// When the log fails for good.
pub fn follow(
    clients: &dyn Clients,
    namespace: &Namespace,
    cover: &Arc<AgreementCover>,
    stop: &Shutdown,
    ready: impl FnOnce(),
) -> Result<(), JournalError> {
    let at = TopicPartition::new(namespace.name(topics::AGREEMENTS), 0);
    let end = clients
        .ends()?
        .high_watermarks(std::slice::from_ref(&at), Duration::from_secs(30))?;
    let mut reader = clients.reader()?;
    reader.assign(&[(at.clone(), 0)])?;
    let goal = end.first().copied().unwrap_or(0);
    catch_up(reader.as_mut(), &[(&at, goal)], stop, &mut |record| {
        cover.apply(&record);
        Ok(())
    })?;
    ready();
    let mut records = Vec::new();
    while !stop.is_requested() {
        reader.poll(POLL_RECORDS, POLL, &mut records)?;
        records.drain(..).for_each(|record| cover.apply(&record));
    }
    Ok(())
}
