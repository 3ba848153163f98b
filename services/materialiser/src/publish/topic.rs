//! Topics of organisations: made as the table says, found on the cluster, and read to know what stands.

use super::lane::Standing;
use super::{LEFT, PublishError, ROW};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{Day, Organisation, Pseudonym};
use walbrook_event::headers;
use walbrook_eventlog::{Namespace, Record, TopicPartition, topics};
use walbrook_eventlog_kafka::Kafka;
use walbrook_runtime::shutdown::Shutdown;

const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);
const POLL_RECORDS: usize = 1_000;

/// What stands, by person.
pub type Standings = BTreeMap<Pseudonym, Standing>;

/// Where topics are, and how they must be made.
pub struct Topics {
    /// The log.
    pub kafka: Kafka,
    /// Before every name.
    pub namespace: Namespace,
    /// As many as the shared topic has.
    pub partitions: i32,
    /// Replicas, and how many must be in sync.
    pub replicas: (i32, i32),
}

/// The topic of an organisation and view, without the namespace.
pub fn plain(view: &str, organisation: &Organisation) -> Option<String> {
    let scheme = organisation.scheme().as_str();
    topics::view(view, (scheme, organisation.code()))
}

/// The view and the organisation of a topic.
pub fn of_plain(plain: &str) -> Option<(&str, Organisation)> {
    let (view, organisation) = plain.strip_prefix(topics::VIEW)?.split_once('.')?;
    let (scheme, code) = organisation.split_once('-')?;
    let organisation = format!("{scheme}:{code}").parse().ok()?;
    Some((view, organisation))
}

impl Topics {
    /// A partition of a topic.
    pub fn at(&self, plain: &str, number: i32) -> TopicPartition {
        TopicPartition::new(self.namespace.name(plain), number)
    }

    /// The topics of views that there are.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub fn found(&self) -> Result<BTreeSet<String>, PublishError> {
        let all = self.kafka.admin()?.partitions(ANSWERS_WITHIN)?;
        let plain = all.keys().filter_map(|name| self.namespace.strip(name));
        let views = plain.filter(|plain| of_plain(plain).is_some());
        Ok(views.map(str::to_owned).collect())
    }

    /// Makes a topic where it is not there, and checks that it is as the table says.
    ///
    /// # Errors
    /// When it cannot be made, or is another one.
    pub async fn make(&self, plain: &str) -> Result<(), PublishError> {
        let topic = topics::of_view(&self.namespace, plain, self.partitions);
        if topic.name.len() > topics::MOST_NAME {
            return Err(PublishError::Name { topic: topic.name });
        }
        let (topics, admin) = (std::slice::from_ref(&topic), self.kafka.admin()?);
        let (replicas, in_sync) = self.replicas;
        admin.create(topics, replicas, in_sync).await?;
        let deadline = Monotonic::now() + ANSWERS_WITHIN;
        loop {
            let differences = admin.differences(topics, replicas, in_sync).await?;
            let Some(first) = differences.first() else {
                return Ok(());
            };
            // A topic just made is not known everywhere at once.
            if first.setting != "exists" || Monotonic::now() > deadline {
                return Err(PublishError::Settings {
                    topic: first.topic.clone(),
                    setting: first.setting.clone(),
                    wanted: first.wanted.clone(),
                    found: first.found.clone(),
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Hands every record that stands on a partition to `each`, in order. Blocks.
    ///
    /// # Errors
    /// When the log fails, or does not come to its end in time.
    pub fn read(
        &self,
        at: &TopicPartition,
        stop: &Shutdown,
        mut each: impl FnMut(&Record),
    ) -> Result<(), PublishError> {
        use walbrook_eventlog::{Ends as _, Reader as _};
        let ends = self
            .kafka
            .ends()?
            .high_watermarks(std::slice::from_ref(at), ANSWERS_WITHIN)?;
        let end = ends.first().copied().unwrap_or(0);
        if end == 0 {
            return Ok(());
        }
        let mut reader = self.kafka.reader()?;
        reader.assign(&[(at.clone(), 0)])?;
        let (mut records, mut moved) = (Vec::new(), Monotonic::now());
        let mut stands = 0;
        while stands < end {
            reader.poll(POLL_RECORDS, POLL, &mut records)?;
            let position = reader.position(at).unwrap_or(0);
            if position > stands || !records.is_empty() {
                moved = Monotonic::now();
            }
            stands = stands.max(position);
            records.drain(..).for_each(|record| each(&record));
            if stop.is_requested() || moved.elapsed() > ANSWERS_WITHIN {
                return Err(PublishError::Late { at: at.to_string() });
            }
        }
        Ok(())
    }

    /// What stands on a partition.
    ///
    /// # Errors
    /// As [`Topics::read`].
    pub fn standing(
        &self,
        at: &TopicPartition,
        stop: &Shutdown,
    ) -> Result<Standings, PublishError> {
        let mut standing = Standings::new();
        self.read(at, stop, |record| take(&mut standing, record))?;
        Ok(standing)
    }
}

fn take(standing: &mut Standings, record: &Record) {
    let key = record.key.as_deref();
    let Some(person) = key.and_then(|key| Pseudonym::try_from(key).ok()) else {
        return;
    };
    if record.value.is_none() {
        standing.remove(&person);
        return;
    }
    // A value without its hash is not one of ours: no row has this one, so it is written over.
    let row = record.headers.get(ROW);
    let row = row.and_then(|row| <[u8; 32]>::try_from(row).ok());
    let until = record.headers.text(headers::NOT_AFTER);
    let until = until.and_then(|day| day.parse::<Day>().ok());
    standing.insert(
        person,
        Standing {
            row: row.unwrap_or_default(),
            until,
        },
    );
}

/// The word why a tombstone was written.
pub fn reason(record: &Record) -> Option<&str> {
    record.headers.text(LEFT)
}
