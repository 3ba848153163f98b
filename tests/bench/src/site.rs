//! A materialiser before a topic of releases: the place of the views' figures.

use crate::released::{Event, Naive, Names, Released};
use crate::{NoFigure, demand, town};
use rand::Rng;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use walbrook_eventlog::Appender;
use walbrook_eventlog_kafka::KafkaAppender;
use walbrook_proto::view::v1 as proto;
use walbrook_proto::view::v1::get_row_request::Subject;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_runtime::callers::{Credential, TokenRequest};
use walbrook_tests::backbone::{Backbone, Connection, Options};

/// The view.
pub const VIEW: &str = "rough_sleeping_risk";
/// The role that its readers act in.
pub const ROLE: &str = "housing-options-officer";
/// Records that the materialiser has applied.
const APPLIED: &str = "walbrook_view_records_total{topic=\"shared.rough-sleeping\"}";
const PATIENCE: Duration = Duration::from_secs(900);
const TICK: Duration = Duration::from_millis(20);
const LINGER: Duration = Duration::from_millis(1);

/// The place.
pub struct Site {
    /// Broker and materialiser; the broker has nothing to do.
    pub place: Backbone,
    /// The workload.
    pub released: Released,
    /// How its records are named.
    pub names: Names,
    /// What rows must say.
    pub naive: Naive,
    clients: Vec<ViewsClient<Connection>>,
    /// Bytes of the materialiser's memory when it held nothing.
    pub empty: f64,
    wanted: i64,
    /// For a few events at a time; a client of its own for each would take longer than what is measured.
    appender: KafkaAppender,
    _keys: tempfile::TempDir,
}

impl Site {
    /// Starts it: the agreements signed, every person's subject records applied.
    ///
    /// # Errors
    /// When the workload or the control plane is refused.
    pub async fn start(people: usize, boroughs: usize, seed: u64) -> Result<Self, NoFigure> {
        let keys = tempfile::tempdir()?;
        let folder = keys.path().join("keys");
        town::create_keys(&folder)?;
        let services = Options::only(&["broker", "materialiser"]);
        let place = Backbone::start(services.with_keys(&folder)).await;
        let released = Released::new(people, boroughs, seed)?;
        let names = Names::agreed(&place, &released).await?;
        let clients = released
            .councils()
            .iter()
            .map(|council| client(&place, &council.to_string(), "bench.officer"))
            .collect::<Result<_, _>>()?;
        let mut site = Self {
            empty: crate::consents::resident(place.pid("materialiser"))?,
            naive: Naive::new(&released),
            released,
            names,
            clients,
            wanted: 0,
            appender: place.kafka.appender(LINGER)?,
            place,
            _keys: keys,
        };
        let (subjects, partitions) = (2 * people, site.place.partitions());
        town::append(&site.place.kafka, site.released.subjects(&site.names)).await?;
        let heartbeats = site.released.heartbeats(&site.names, partitions);
        let heartbeats: Vec<_> = heartbeats.collect();
        site.wanted = i64::try_from(subjects + heartbeats.len())?;
        town::append(&site.place.kafka, heartbeats.into_iter()).await?;
        site.caught_up().await?;
        Ok(site)
    }

    /// Writes so many events of a run on the log.
    ///
    /// # Errors
    /// When one is not acknowledged.
    pub async fn pour(&mut self, run: u64, count: usize) -> Result<(), NoFigure> {
        let (released, naive) = (&self.released, &mut self.naive);
        let names = &self.names;
        let records = released.events(run, count).map(|event| {
            naive.add(&event);
            released.record(&event, names)
        });
        town::append(&self.place.kafka, records).await?;
        self.wanted += i64::try_from(count)?;
        Ok(())
    }

    /// Writes a few events and waits for the acknowledgement.
    ///
    /// # Errors
    /// When there is none.
    pub async fn tell(&mut self, events: &[Event]) -> Result<(), NoFigure> {
        let mut records = Vec::new();
        for event in events {
            records.push(self.released.record(event, &self.names)?);
            self.told(event);
        }
        let (done, acknowledged) = tokio::sync::oneshot::channel();
        self.appender
            .append(records, Box::new(move |result| drop(done.send(result))));
        acknowledged.await??;
        Ok(())
    }

    /// Notes an event that was written otherwise.
    pub fn told(&mut self, event: &Event) {
        self.naive.add(event);
        self.wanted += 1;
    }

    /// Waits until the materialiser has applied everything written since it was started.
    ///
    /// # Errors
    /// When that takes a quarter of an hour.
    pub async fn caught_up(&self) -> Result<(), NoFigure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let applied = self.place.number("materialiser", APPLIED).unwrap_or(0);
            if applied >= self.wanted {
                return demand(applied == self.wanted, || {
                    format!("{applied} records applied of {} written", self.wanted)
                });
            }
            demand(Instant::now() < deadline, || {
                format!(
                    "{applied} records applied of {}\n{}",
                    self.wanted,
                    self.place.log_of("materialiser", 20)
                )
            })?;
            tokio::time::sleep(TICK).await;
        }
    }

    /// Waits until the materialiser says nothing new of how many records it has applied: for one that was started again, whose count began anew.
    ///
    /// # Errors
    /// When it does not come to rest.
    pub async fn settled(&self) -> Result<(), NoFigure> {
        let deadline = Instant::now() + PATIENCE;
        let mut before = None;
        loop {
            let applied = self.place.number("materialiser", APPLIED);
            if applied.is_some() && applied == before {
                return Ok(());
            }
            before = applied;
            demand(Instant::now() < deadline, || {
                "the materialiser does not come to rest".to_owned()
            })?;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// The materialiser counts records from its start: what is on its disk is not applied again.
    pub const fn restarted(&mut self) {
        self.wanted = 0;
    }

    /// A client of the council that may read a person's row.
    ///
    /// # Errors
    /// Never: each council has one.
    pub fn client(&self, person: usize) -> Result<ViewsClient<Connection>, NoFigure> {
        let at = self.released.council(person);
        let client = self.clients.get(at).cloned();
        client.ok_or_else(|| NoFigure("a council without a client".to_owned()))
    }

    /// A person's row as the person's council reads it.
    ///
    /// # Errors
    /// When the materialiser refuses.
    pub async fn row(&self, person: usize) -> Result<Option<proto::Row>, NoFigure> {
        let answer = self.client(person)?.get_row(self.question(person)).await?;
        Ok(answer.into_inner().row)
    }

    /// The question for a person's row.
    #[must_use]
    pub fn question(&self, person: usize) -> proto::GetRowRequest {
        proto::GetRowRequest {
            view: VIEW.into(),
            context: Some(context()),
            subject: Some(Subject::Pseudonym(self.released.pseudonym(person).to_vec())),
            ..proto::GetRowRequest::default()
        }
    }

    /// Reads so many people's rows, drawn by chance, and compares them with what the events say.
    ///
    /// # Errors
    /// With the first difference.
    pub async fn check(&self, run: u64, count: usize) -> Result<Vec<usize>, NoFigure> {
        self.answers().await?;
        let mut rng = self.released.rng(run ^ 0x5eed);
        let mut asked = Vec::new();
        for _ in 0..count {
            let person = rng.random_range(0..self.released.people());
            self.naive.check(person, self.row(person).await?.as_ref())?;
            asked.push(person);
        }
        Ok(asked)
    }

    /// Waits until the view answers at all: it refuses while it cannot show that every ground has reached it.
    ///
    /// # Errors
    /// When it does not.
    pub async fn answers(&self) -> Result<(), NoFigure> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let Err(NoFigure(problem)) = self.row(0).await else {
                return Ok(());
            };
            demand(Instant::now() < deadline, || problem)?;
            tokio::time::sleep(TICK).await;
        }
    }

    /// Where the view's store is.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.place.folder().join("data/materialiser/views")
    }

    /// Bytes of the materialiser's memory beyond what it takes without anything.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn memory(&self) -> Result<f64, NoFigure> {
        Ok(crate::consents::resident(self.place.pid("materialiser"))? - self.empty)
    }
}

/// A reader of an organisation, on a connection of its own.
///
/// # Errors
/// When the address cannot be used.
pub fn client(
    place: &Backbone,
    council: &str,
    reader: &str,
) -> Result<ViewsClient<Connection>, NoFigure> {
    let channel = Endpoint::from_shared(place.address("materialiser"))?.connect_lazy();
    let caller = TokenRequest::new(council, reader, ROLE);
    let credential = Credential::minted(place.issuer().clone(), caller);
    let client = ViewsClient::new(InterceptedService::new(channel, credential));
    Ok(client.max_decoding_message_size(64 << 20))
}

/// What every reader states.
#[must_use]
pub fn context() -> proto::ReadContext {
    proto::ReadContext {
        role: ROLE.into(),
        case_reference: "BENCH-1".into(),
        ..proto::ReadContext::default()
    }
}

/// Bytes on the disk under a folder.
///
/// # Errors
/// When it cannot be read.
pub fn bytes_under(folder: &Path) -> Result<u64, NoFigure> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let (entry, path) = entry.map(|entry| (entry.metadata(), entry.path()))?;
        // A file may go away while the folder is read.
        match entry {
            Ok(found) if found.is_dir() => sum += bytes_under(&path).unwrap_or(0),
            Ok(found) => sum += found.len(),
            Err(_) => {}
        }
    }
    Ok(sum)
}
