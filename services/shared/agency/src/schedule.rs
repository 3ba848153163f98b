//! What organisations may publish here: the fold of the publication schedules on `control.agreements`. Nothing else of that
//! topic concerns a gateway.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use prometheus_client::metrics::gauge::Gauge;
use walbrook_domain::Organisation;
use walbrook_domain::control::{PinKind, PublicationSchedule};
use walbrook_event::dataset::is_foreign;
use walbrook_event::{control, framing, headers};
use walbrook_eventlog::{Ends, LogError, Reader, Record, Severity, TopicPartition};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::control::v1::{PinSet, PublicationSchedule as Wire};
use walbrook_runtime::metrics::Metrics;
use walbrook_runtime::shutdown::Shutdown;

use crate::Datasets;

const POLL: Duration = Duration::from_millis(200);
const POLL_RECORDS: usize = 1_000;
const ENDS_WITHIN: Duration = Duration::from_secs(30);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Id of the rule that an event outside the schedule breaks.
pub const RULE: &str = "not-in-publication-schedule";

/// An event that its organisation does not publish.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotScheduled {
    /// The organisation has no schedule.
    #[error(
        "{organisation} has no publication schedule, so it publishes nothing here: publish one that names {event_type} (`walbrook schedule publish`), then send the event again"
    )]
    NoSchedule {
        /// Whose event it is.
        organisation: Organisation,
        /// Its type.
        event_type: &'static str,
    },
    /// The schedule does not name the event type.
    #[error(
        "version {version} of the publication schedule of {organisation} does not name {event_type}: publish a version that does (`walbrook schedule publish`), then send the event again, or stop sending such events"
    )]
    NotNamed {
        /// Whose event it is.
        organisation: Organisation,
        /// Its type.
        event_type: &'static str,
        /// The schedule's version.
        version: u32,
    },
    /// The organisation publishes nothing about persons through this service, so it has no reason to say who anybody is.
    #[error(
        "{organisation} publishes no event about a person through {agency}, so it enrols nobody here: publish a schedule that names such an event type (`walbrook schedule publish`), then enrol again"
    )]
    Nobody {
        /// Who wants to enrol.
        organisation: Organisation,
        /// The agency whose service was called.
        agency: &'static str,
    },
}

/// What one organisation publishes.
#[derive(Debug)]
pub struct Scheduled {
    version: u32,
    events: HashSet<String>,
    datasets: Datasets,
}

impl Scheduled {
    /// The event types that it names, in no order.
    pub(crate) fn event_types(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(String::as_str)
    }

    /// The schemas of open datasets, as far as they are known.
    pub(crate) const fn datasets(&self) -> &Datasets {
        &self.datasets
    }
}

/// The newest schedule of each organisation. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Schedules {
    known: Arc<RwLock<HashMap<Organisation, Arc<Scheduled>>>>,
    datasets: Datasets,
    organisations: Gauge,
    versions: Gauge,
}

impl Schedules {
    /// None known: everything is refused.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let schedules = Self::default();
        metrics.register(|registry| {
            registry.register(
                "gateway_schedules",
                "Organisations whose publication schedule is known",
                schedules.organisations.clone(),
            );
            registry.register(
                "gateway_schedule_versions",
                "Versions of publication schedules that took effect",
                schedules.versions.clone(),
            );
        });
        schedules
    }

    /// An organisation's schedule as it stands now; taken once for a frame.
    pub(crate) fn of(&self, organisation: &Organisation) -> Option<Arc<Scheduled>> {
        self.known.read().get(organisation).map(Arc::clone)
    }

    /// Takes a schedule. One that is no legal change, as everyone who folds schedules judges it, changes nothing: then false.
    pub fn take(&self, schedule: &PublicationSchedule) -> bool {
        let mut known = self.known.write();
        let current = known
            .get(&schedule.organisation)
            .map_or(0, |before| before.version);
        if !schedule.follows(current) || schedule.fault().is_some() {
            return false;
        }
        let scheduled = Scheduled {
            version: schedule.version,
            events: schedule
                .entries
                .iter()
                .map(|entry| entry.event_type.to_string())
                .collect(),
            datasets: self.datasets.clone(),
        };
        known.insert(schedule.organisation.clone(), Arc::new(scheduled));
        self.organisations
            .set(i64::try_from(known.len()).unwrap_or(i64::MAX));
        self.versions.inc();
        true
    }

    /// The schemas of open datasets, which stand on the same topic.
    #[must_use]
    pub const fn datasets(&self) -> &Datasets {
        &self.datasets
    }

    /// Applies one record of `control.agreements`.
    fn apply(&self, record: &Record) {
        if record.headers.text(headers::TYPE) == Some(PinSet::FULL_NAME) {
            self.pin(record);
            return;
        }
        if record.headers.text(headers::TYPE) != Some(Wire::FULL_NAME) {
            return;
        }
        let body = framing::unframe(record.value.as_deref()).map_err(|error| error.to_string());
        let read = body
            .and_then(|(_, body)| control::read_schedule(body).map_err(|error| error.to_string()));
        match read {
            Ok(schedule) => {
                let organisation = &schedule.organisation;
                if self.take(&schedule) {
                    tracing::info!(%organisation, version = schedule.version, entries = schedule.entries.len(), "a publication schedule takes effect");
                } else {
                    tracing::error!(offset = record.offset, %organisation, "a publication schedule is no legal change and counts for nothing");
                }
            }
            Err(problem) => {
                tracing::error!(at = %record.at, offset = record.offset, problem, "a publication schedule cannot be read and counts for nothing");
            }
        }
    }
}

impl Schedules {
    /// Takes the schema of an open dataset; other pins are not a gateway's business.
    fn pin(&self, record: &Record) {
        let body = framing::unframe(record.value.as_deref()).ok();
        let pin = body.and_then(|(_, body)| PinSet::decode_exact(body).ok());
        let Some(pin) = pin else {
            tracing::error!(at = %record.at, offset = record.offset, "a pin cannot be read and counts for nothing");
            return;
        };
        if pin.kind == PinKind::Schema.as_str() && is_foreign(&pin.name) {
            let taken = self.datasets.take(&pin.content);
            tracing::info!(
                schema = pin.name,
                taken,
                "the schema of an open dataset is registered"
            );
        }
    }
}

/// Whether the organisation publishes events of the type.
pub(crate) fn require(
    scheduled: Option<&Scheduled>,
    organisation: &Organisation,
    event_type: &'static str,
) -> Result<(), NotScheduled> {
    match scheduled {
        Some(scheduled) if scheduled.events.contains(event_type) => Ok(()),
        Some(scheduled) => Err(NotScheduled::NotNamed {
            organisation: organisation.clone(),
            event_type,
            version: scheduled.version,
        }),
        None => Err(NotScheduled::NoSchedule {
            organisation: organisation.clone(),
            event_type,
        }),
    }
}

/// Follows `control.agreements`: reads it to the end it has now, calls `ready`, then applies what comes until shutdown.
/// While the log is away, what is known holds. Blocks; for a thread.
///
/// # Errors
/// When the log fails for good.
pub fn follow(
    reader: &mut dyn Reader,
    ends: &mut dyn Ends,
    at: &TopicPartition,
    schedules: &Schedules,
    stop: &Shutdown,
    ready: impl FnOnce(),
) -> Result<(), LogError> {
    let end = ends.high_watermarks(std::slice::from_ref(at), ENDS_WITHIN)?;
    let end = end.first().copied().unwrap_or(0);
    reader.assign(&[(at.clone(), 0)])?;
    let (mut ready, mut records) = (Some(ready), Vec::new());
    while !stop.is_requested() {
        match reader.poll(POLL_RECORDS, POLL, &mut records) {
            Ok(()) => {}
            Err(error) if error.severity == Severity::Transient => {
                tracing::warn!(%error, "publication schedules are not read for now");
                std::thread::sleep(PAUSE_AFTER_FAILURE);
            }
            Err(error) => return Err(error),
        }
        records
            .drain(..)
            .for_each(|record| schedules.apply(&record));
        if reader.position(at).unwrap_or(0) >= end
            && let Some(ready) = ready.take()
        {
            ready();
        }
    }
    Ok(())
}
