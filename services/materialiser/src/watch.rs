//! Watches: rows as they change, for every reader who acts in one role of one organisation.
//!
//! Readers of the same organisation, role and view are shown the same rows, so a [`Hub`] computes them once, whenever the state, the agreements
//! or the time say that a row may differ. Everything that a stream is told is on the log before, on a record that names its reader. What a moment
//! costs is what changes at it.

mod company;
mod core;
mod stream;
mod told;
mod touched;

pub use self::core::{Basis, Core, Cursor, Delta, Look, Place, next};
use company::Company;
pub use stream::{Stream, Token};
pub use told::{Form, Told};
pub use touched::{Marks, Touches};

use crate::answer::{Reads, Served};
use crate::book::Known as Agreements;
use crate::clock;
use crate::error::ReadError;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use tokio::sync::{Notify, watch};
use walbrook_domain::WorkingCalendar;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_runtime::task::{Kind, Tasks};
use walbrook_view::Viewer;

/// The rows are never older than this, whatever is told.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// What is told at once is worked on at once.
const SETTLES: Duration = Duration::from_millis(2);
/// After so many streams were told something, what comes next is gathered so long for each of them: the more are told, the less often.
const PAUSE_FOR_EACH: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(40);
/// A hub without streams is kept so long: a stream that broke goes on where it was.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// Streams of one process.
const MOST_STREAMS: usize = 4_096;

/// Which rows a hub has: of a view, for an organisation, in a role.
type Key = (String, String, String);

/// All hubs of the process.
#[derive(Clone)]
pub struct Watches {
    reads: Arc<Reads>,
    calendar: Arc<WorkingCalendar>,
    tasks: Tasks,
    stop: Shutdown,
    hubs: Arc<Mutex<HashMap<Key, Arc<Hub>>>>,
}

impl Watches {
    /// Watches through these reads.
    pub fn new(reads: Arc<Reads>, calendar: WorkingCalendar, tasks: Tasks, stop: Shutdown) -> Self {
        Self {
            reads,
            calendar: Arc::new(calendar),
            tasks,
            stop,
            hubs: Arc::default(),
        }
    }

    /// The hub of a viewer's organisation and role, with a seat for one stream; begun when there is none.
    ///
    /// # Errors
    /// When the process has as many streams as it may.
    pub fn seat(&self, served: &Arc<Served>, viewer: &Viewer) -> Result<Seat, ReadError> {
        let organisation = viewer.organisation.to_string();
        let key = (served.view.name.clone(), organisation, viewer.role.clone());
        let mut hubs = self.hubs.lock();
        let seated: usize = hubs.values().map(|hub| hub.seats.lock().taken).sum();
        if seated >= MOST_STREAMS {
            return Err(ReadError::TooManyWatches);
        }
        // The hub of a version that serves no more ends, and tells its streams.
        let same = |hub: &&Arc<Hub>| Arc::ptr_eq(&hub.served, served);
        let hub = match hubs.get(&key).filter(same) {
            Some(hub) => Arc::clone(hub),
            None => {
                let hub = Arc::new(Hub::new(served, viewer));
                hubs.insert(key.clone(), Arc::clone(&hub));
                let (watches, driven) = (self.clone(), Arc::clone(&hub));
                self.tasks.spawn(Kind::finite("watch-hub"), async move {
                    watches.drive(driven, key).await;
                    Ok::<(), String>(())
                });
                hub
            }
        };
        hub.seats.lock().taken += 1;
        Ok(Seat(hub))
    }

    /// Looks whenever something may have changed, until nobody has watched for a while.
    async fn drive(&self, hub: Arc<Hub>, key: Key) {
        let mut applied = hub.served.shelf.applied();
        let mut agreed = self.reads.book().moved();
        loop {
            let (looked, calendar) = (Arc::clone(&hub), Arc::clone(&self.calendar));
            let agreements = self.reads.book().now();
            let turn = move || looked.look(agreements, &calendar);
            let turned = tokio::task::spawn_blocking(turn).await;
            let fault = match turned {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.into()),
                Err(_) => Some(ReadError::Work),
            };
            let switched = !self.reads.board().serves(&hub.served);
            let over = fault.is_some() || switched || self.stop.is_requested();
            if over || hub.is_forsaken() {
                let mut hubs = self.hubs.lock();
                if hubs.get(&key).is_some_and(|other| Arc::ptr_eq(other, &hub)) {
                    hubs.remove(&key);
                }
                drop(hubs);
                // A stream that took its seat a moment ago is told, too.
                let why = match fault {
                    Some(fault) => fault,
                    None if switched => ReadError::Switched,
                    None => ReadError::Stopping,
                };
                hub.state.write().ended = Some(Arc::new(why));
                hub.company.disband();
                hub.moved.send_modify(|_| {});
                return;
            }
            let told = hub.tell(&self.reads).await;
            let wait = hub.until_due().min(LOOKS_EVERY);
            tokio::select! {
                _ = applied.changed() => {}
                _ = agreed.changed() => {}
                () = tokio::time::sleep(wait) => {}
                () = hub.behind.notified() => {}
                () = self.stop.requested() => {}
            }
            let pause = (PAUSE_FOR_EACH * told).clamp(SETTLES, LONGEST_PAUSE);
            tokio::time::sleep(pause).await;
        }
    }

    /// Through which a stream reads.
    pub const fn reads(&self) -> &Arc<Reads> {
        &self.reads
    }

    /// The process stops.
    pub const fn stop(&self) -> &Shutdown {
        &self.stop
    }

    /// What streams run as.
    pub const fn tasks(&self) -> &Tasks {
        &self.tasks
    }
}

/// Streams of a hub.
struct Seats {
    taken: usize,
    /// Since when nobody has one.
    left: Monotonic,
}

struct State {
    core: Core,
    ended: Option<Arc<ReadError>>,
}

/// The rows of one organisation's role in one view.
pub struct Hub {
    /// The view.
    pub served: Arc<Served>,
    /// Tells tokens of this hub from those of another.
    pub id: u64,
    viewer: Viewer,
    touched: Arc<Touches>,
    seats: Mutex<Seats>,
    state: RwLock<State>,
    moved: watch::Sender<u64>,
    company: Company,
    /// A stream joined the company behind the last look.
    behind: Notify,
    /// What streams were last woken for, and when: the look, and the agreements.
    told: Mutex<((u64, i64), Monotonic)>,
}

impl Hub {
    fn new(served: &Arc<Served>, viewer: &Viewer) -> Self {
        let (id, _) = uuid::Uuid::new_v4().as_u64_pair();
        Self {
            id,
            touched: served.shelf.touches(),
            // The rows are the same for all of the role; whether one of them may read at all is each stream's to ask.
            viewer: Viewer {
                reader: String::new(),
                ..viewer.clone()
            },
            served: Arc::clone(served),
            seats: Mutex::new(Seats {
                taken: 0,
                left: Monotonic::now(),
            }),
            state: RwLock::new(State {
                core: Core::default(),
                ended: None,
            }),
            moved: watch::Sender::new(0),
            company: Company::default(),
            behind: Notify::new(),
            told: Mutex::new(((0, -1), Monotonic::now())),
        }
    }

    /// One look: what may have changed is computed again. Blocks; off the threads that serve.
    fn look(
        &self,
        agreements: Arc<Agreements>,
        calendar: &WorkingCalendar,
    ) -> Result<(), walbrook_view::IntegrityError> {
        let (now, agreed) = (clock::now(), agreements.next_offset);
        // Asked before anything is looked at: rows state no newer bound than they show.
        let through = self.served.bound.check(Monotonic::now()).ok();
        let look = Look {
            through,
            served: &self.served,
            touched: &self.touched,
            viewer: &self.viewer,
            calendar,
            agreements,
            now,
            due: self.state.write().core.due(now),
            disputes: self.served.ledger.disputes(),
        };
        // Only looks change the core, and they follow one another.
        let looked = self.state.read().core.look(&look)?;
        let mut state = self.state.write();
        let version = state.core.take(looked);
        drop(state);
        // Streams are woken when there is something to tell, and every second: to look at the bound, the agreements and their tokens.
        let this = (version, agreed);
        let mut told = self.told.lock();
        if told.0 != this || told.1.elapsed() >= LOOKS_EVERY / 2 {
            *told = (this, Monotonic::now());
            self.moved.send_replace(version);
        }
        Ok(())
    }

    fn until_due(&self) -> Duration {
        let next = self.state.read().core.next();
        let micros = next.map_or(i64::MAX, |at| {
            at.micros().saturating_sub(clock::now().micros())
        });
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    fn is_forsaken(&self) -> bool {
        let seats = self.seats.lock();
        seats.taken == 0 && seats.left.elapsed() > KEPT_FOR
    }

    /// What came after a cursor, at most so many people; and what all rows stand on. `None` before the first look.
    ///
    /// # Errors
    /// Why there is nothing more to be told.
    pub fn since(
        &self,
        cursor: Option<Cursor>,
        most: usize,
    ) -> Result<Option<(Delta, Arc<Basis>)>, Arc<ReadError>> {
        let state = self.state.read();
        if let Some(ended) = &state.ended {
            return Err(Arc::clone(ended));
        }
        Ok(state.core.since(cursor, most))
    }

    /// The looks taken, as they are.
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }
}

/// A stream's seat at a hub; given back when it is dropped.
pub struct Seat(Arc<Hub>);

impl std::ops::Deref for Seat {
    type Target = Hub;
    fn deref(&self) -> &Hub {
        &self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.0.seats.lock();
        seats.taken = seats.taken.saturating_sub(1);
        seats.left = Monotonic::now();
    }
}
