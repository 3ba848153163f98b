//! The Kafka Streams peer: projection and pseudonym, exactly once, in a warm Java virtual machine. Its source and its jars' versions stand in
//! `tests/bench/peers/streams`; it is built here, once for each version of them, under `target/bench/peers`.

use crate::output::{self, Marks};
use crate::wide::{self, Event, Names, Wide};
use crate::{NoFigure, cpu, demand, town};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use walbrook_eventlog::topics;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::social_care::v1::CareEpisode;
use walbrook_runtime::keystore::{FileKeyStore, KeyStore};
use walbrook_testkit::process::{Launch, Running};
use walbrook_tests::backbone::{Backbone, root};

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
const JVM: [&str; 4] = [
    "-Xms768m",
    "-Xmx768m",
    "-XX:+UseParallelGC",
    "-XX:ParallelGCThreads=2",
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
        let built = tokio::task::spawn_blocking(build).await??;
        let group = place.namespace.name("bench.streams");
        let output = town::peer_topic(place, OUTPUT).await?;
        let folder = place.folder().join("streams");
        std::fs::create_dir_all(&folder)?;
        let settings = folder.join("streams.properties");
        std::fs::write(
            &settings,
            properties(place, names, &group, &output, &folder)?,
        )?;
        let mut launch = Launch::new("streams", java(), folder.join("streams.log"));
        for argument in JVM {
            launch = launch.arg(argument);
        }
        let jars = built.join("jars");
        let classes = format!("{}:{}/*", built.join("classes").display(), jars.display());
        let launch = launch
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
            .arg("-cp")
            .arg(classes)
            .arg("Projection")
            .arg(settings.display().to_string());
        let mut streams = Self {
            running: launch.start()?,
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
) -> Result<String, NoFigure> {
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
    Ok(lines.join("\n"))
}

fn java() -> PathBuf {
    std::env::var_os("JAVA_HOME")
        .map(|home| Path::new(&home).join("bin/java"))
        .filter(|java| java.exists())
        .unwrap_or_else(|| PathBuf::from("java"))
}

/// Fetches the jars with Maven and compiles the program, unless that was done for the same files before. Returns the folder.
fn build() -> Result<PathBuf, NoFigure> {
    let source = root().join("tests/bench/peers/streams");
    let (pom, program) = (source.join("pom.xml"), source.join("src/Projection.java"));
    let mut hash = Sha256::new();
    hash.update(std::fs::read(&pom)?);
    hash.update(std::fs::read(&program)?);
    let version: String = hex::encode(hash.finalize()).chars().take(12).collect();
    let folder = root().join(format!("target/bench/peers/streams-{version}"));
    if folder.join("built").exists() {
        return Ok(folder);
    }
    eprintln!("building the Kafka Streams peer (Maven fetches about 100 MB, once)");
    let (jars, classes) = (folder.join("jars"), folder.join("classes"));
    std::fs::create_dir_all(&classes)?;
    let mut maven = Command::new("mvn");
    maven
        .args(["-B", "-q", "-f"])
        .arg(&pom)
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", jars.display()));
    finish("mvn dependency:copy-dependencies", maven)?;
    // A Java runtime has no compiler; this one is a jar among the jars.
    let mut compile = Command::new(java());
    compile
        .arg("-cp")
        .arg(format!("{}/*", jars.display()))
        .args([
            "org.eclipse.jdt.internal.compiler.batch.Main",
            "-17",
            "-nowarn",
        ])
        .arg("-cp")
        .arg(class_path(&jars)?)
        .arg("-d")
        .arg(&classes)
        .arg(&program);
    finish("compiling the Kafka Streams peer", compile)?;
    std::fs::write(folder.join("built"), "")?;
    Ok(folder)
}

/// The compiler knows no wildcards.
fn class_path(jars: &Path) -> Result<String, NoFigure> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(jars)? {
        paths.push(entry?.path().display().to_string());
    }
    paths.sort();
    Ok(paths.join(":"))
}

fn finish(what: &str, mut command: Command) -> Result<(), NoFigure> {
    let output = command.output()?;
    demand(output.status.success(), || {
        let printed = [output.stdout.clone(), output.stderr.clone()].concat();
        let printed = String::from_utf8_lossy(&printed);
        let lines: Vec<&str> = printed.lines().collect();
        let end = lines
            .get(lines.len().saturating_sub(15)..)
            .unwrap_or_default();
        format!("{what} failed: {}", end.join("\n"))
    })
}
