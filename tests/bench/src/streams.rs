//! The Kafka Streams peer of enforcement: projection and pseudonym, exactly once, in a warm Java virtual machine.

use crate::output::{self, Marks};
use crate::wide::{self, Event, Names, Wide};
use crate::{NoFigure, cpu, jvm, town};
use std::path::Path;
use std::time::Instant;
use walbrook_eventlog::topics;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::social_care::v1::CareEpisode;
use walbrook_runtime::keystore::{FileKeyStore, KeyStore};
use walbrook_testkit::process::Running;
use walbrook_tests::backbone::Backbone;

/// Where it writes.
const OUTPUT: &str = "bench.streams";
/// It is stopped (SIGSTOP) while others are measured; nothing may count it out meanwhile.
const SESSION_MS: &str = "300000";
/// What was tuned: a commit costs a transaction, so few; batches as large as they get in between; one thread, as ours.
const SETTINGS: [(&str, &str); 12] = [
    ("num.stream.threads", "1"),
    ("commit.interval.ms", "1000"),
    ("producer.linger.ms", "50"),
    ("producer.batch.size", "1000000"),
    ("producer.buffer.memory", "134217728"),
    ("consumer.max.poll.records", "20000"),
    ("consumer.max.partition.fetch.bytes", "8388608"),
    ("consumer.fetch.max.wait.ms", "20"),
    ("buffered.records.per.partition", "50000"),
    ("consumer.session.timeout.ms", SESSION_MS),
    ("consumer.max.poll.interval.ms", SESSION_MS),
    ("enable.metrics.push", "false"),
];
/// The running peer.
pub struct Streams {
    running: Running,
    group: String,
}

/// What it did in one run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// CPU-seconds.
    pub cpu_s: f64,
    /// Seconds until everything was committed.
    pub took_s: f64,
}

impl Streams {
    /// Builds and starts it on the events of a backbone, and waits until it has passed those that are there.
    ///
    /// # Errors
    /// When it cannot be built or ends.
    pub async fn start(place: &Backbone, names: &Names) -> Result<Self, NoFigure> {
        let group = place.namespace.name("bench.streams");
        let output = town::peer_topic(place, OUTPUT).await?;
        let folder = place.folder().join("streams");
        let settings = properties(place, names, &group, &output, &folder)?;
        let launch = jvm::launch("Projection", &folder, &settings).await?;
        let mut streams = Self {
            running: jvm::start(&launch)?,
            group,
        };
        streams.passed(place).await?;
        Ok(streams)
    }

    /// Stops its clock.
    ///
    /// # Errors
    /// When it has ended.
    pub fn freeze(&mut self) -> Result<(), NoFigure> {
        self.running.still_running()?;
        Ok(self.running.freeze()?)
    }

    /// Lets it go through what has come since it was frozen.
    ///
    /// # Errors
    /// When it ends or does not get there.
    pub async fn run(&mut self, place: &Backbone) -> Result<Run, NoFigure> {
        let (before, started) = (cpu::seconds(self.running.pid())?, Instant::now());
        self.running.thaw()?;
        self.passed(place).await?;
        Ok(Run {
            cpu_s: cpu::seconds(self.running.pid())? - before,
            took_s: started.elapsed().as_secs_f64(),
        })
    }

    async fn passed(&mut self, place: &Backbone) -> Result<(), NoFigure> {
        let partitions = town::partitions_of(place, &topics::raw(wide::AGENCY));
        let running = &mut self.running;
        town::passed(place, &self.group, &partitions, &mut || {
            Ok(running.still_running()?)
        })
        .await
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> Result<(), NoFigure> {
        Ok(self.running.kill()?)
    }
}

/// The topics it writes to.
#[must_use]
pub fn written() -> String {
    OUTPUT.to_owned()
}

/// One output for each event, with its key and exactly the granted fields.
///
/// # Errors
/// With the difference.
pub fn verify(
    place: &Backbone,
    wide: &Wide,
    events: impl Iterator<Item = Event>,
    from: &Marks,
    to: &Marks,
) -> Result<(), NoFigure> {
    let key = wide::purpose_key(place)?;
    let records = output::between(place, OUTPUT, from, to)?;
    let wanted = events.map(|event| (wide.pseudonym(&event, &key), event.granted()));
    output::same("records of the Kafka Streams peer", records.iter(), wanted)
}

fn properties(
    place: &Backbone,
    names: &Names,
    group: &str,
    output: &str,
    folder: &Path,
) -> Result<Vec<String>, NoFigure> {
    let key = FileKeyStore::open(place.keys_dir())?.purpose(wide::PURPOSE, "k1")?;
    let input = place.namespace.name(&topics::raw(wide::AGENCY));
    let mut lines = vec![
        format!("input={input}"),
        format!("output={output}"),
        format!("schema.id={}", names.schema_id()),
        format!("schema.written={}", CareEpisode::SCHEMA),
        format!("schema.granted={}", wide::GRANTED_SCHEMA),
        format!("key={}", hex::encode(key.as_bytes())),
        format!("streams.bootstrap.servers={}", place.kafka.bootstrap()),
        format!("streams.application.id={group}"),
        format!("streams.state.dir={}", folder.join("state").display()),
    ];
    lines.extend(
        SETTINGS
            .iter()
            .map(|(name, value)| format!("streams.{name}={value}")),
    );
    Ok(lines)
}
