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
use walbrook_domain::control::{ControlFact, ControlRecord};
use walbrook_domain::{Day, Instant, Organisation};
use walbrook_event::{control, framing, headers};
use walbrook_eventlog::{Namespace, Record, TopicPartition, topics};
use walbrook_policy::agreement::Kind;
use walbrook_policy::{AgreementBook, Catalogue};
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

    /// Names what is covered: who, by which agreement, by which kinds of evidence. Sixteen hexadecimal digits, the same on every machine.
    pub fn word(&self) -> String {
        let state = self.state.read();
        let mut text = String::new();
        for (id, history) in state.book.agreements() {
            let mut parties: Vec<String> = Vec::new();
            for organisation in history.signatories() {
                let edition = history.in_force(organisation, state.today);
                if let Ok((edition, _)) = edition
                    && let Kind::Matching { strategies } = &edition.agreement.kind
                {
                    let strategies: BTreeSet<&str> =
                        strategies.iter().map(String::as_str).collect();
                    parties.push(format!("{organisation} {strategies:?}"));
                }
            }
            // One party alone is compared with nobody.
            if parties.len() > 1 {
                parties.sort_unstable();
                text.push_str(&format!("{id} {parties:?}\n"));
            }
        }
        let hash = walbrook_policy::agreement::sha256(&text);
        hash.iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
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
        let appended_at = Instant(record.timestamp_ms.saturating_mul(1_000));
        let body = framing::unframe(record.value.as_deref()).map_err(|error| error.to_string());
        let read = body.and_then(|(_, body)| {
            control::read(kind, body, record.offset, appended_at).map_err(|error| error.to_string())
        });
        let fact = match read {
            Ok(ControlRecord {
                fact: ControlFact::Agreement(fact),
                ..
            }) => fact,
            // Pins: nothing that matching depends on.
            Ok(_) => return,
            Err(problem) => {
                tracing::warn!(at = %record.at, offset = record.offset, kind, problem, "a record of agreements cannot be read");
                return;
            }
        };
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
