//! The Kafka Streams peer of the views: four features of a person, kept exactly once in RocksDB with a changelog, read over HTTP.

use crate::released::{Kind, PURPOSE};
use crate::site::{Site, bytes_under};
use crate::{NoFigure, cpu, demand, jvm, town};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;
use walbrook_eventlog::topics;
use walbrook_testkit::cluster::free_port;
use walbrook_testkit::process::{Launch, Running};

/// What was tuned: a commit costs a transaction and a flush of the cache, so few; batches as large as they get in between; no statistics.
const SETTINGS: [(&str, &str); 10] = [
    ("commit.interval.ms", "1000"),
    ("statestore.cache.max.bytes", "268435456"),
    ("producer.linger.ms", "50"),
    ("producer.batch.size", "1000000"),
    ("producer.buffer.memory", "134217728"),
    ("consumer.max.poll.records", "20000"),
    ("consumer.max.partition.fetch.bytes", "8388608"),
    ("consumer.fetch.max.wait.ms", "20"),
    ("buffered.records.per.partition", "50000"),
    ("enable.metrics.push", "false"),
];

/// The peer.
pub struct Features {
    launch: Launch,
    running: Option<Running>,
    group: String,
    folder: PathBuf,
    port: u16,
}

impl Features {
    /// Builds and starts it before the topic of a site, with so many threads and this session timeout.
    ///
    /// # Errors
    /// When it cannot be built or ends.
    pub async fn start(site: &Site, threads: u32, session_ms: u32) -> Result<Self, NoFigure> {
        let group = site.place.namespace.name("bench.features");
        let folder = site.place.folder().join("features");
        let port = free_port()?;
        let input = site.place.namespace.name(&topics::shared(PURPOSE));
        let mut lines = vec![
            format!("input={input}"),
            format!("today={}", site.released.today.0),
            format!("port={port}"),
            format!("streams.bootstrap.servers={}", site.place.kafka.bootstrap()),
            format!("streams.application.id={group}"),
            format!("streams.state.dir={}", folder.join("state").display()),
            format!("streams.num.stream.threads={threads}"),
            format!("streams.consumer.session.timeout.ms={session_ms}"),
            "streams.consumer.max.poll.interval.ms=300000".to_owned(),
        ];
        for (name, kind, fields) in [
            ("arrears", Kind::Arrears, &["arrears_pence"][..]),
            ("stay", Kind::Stay, &["stay_ref", "departed_on"][..]),
        ] {
            let (written, needed) = schemas(kind, fields)?;
            lines.push(format!("schema.{name}.written={written}"));
            lines.push(format!("schema.{name}.needed={needed}"));
        }
        lines.extend(
            SETTINGS
                .iter()
                .map(|(name, value)| format!("streams.{name}={value}")),
        );
        let launch = jvm::launch("Features", &folder, &lines).await?;
        let mut features = Self {
            running: Some(jvm::start(&launch)?),
            launch,
            group,
            folder,
            port,
        };
        features.passed(site).await?;
        Ok(features)
    }

    /// Its process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn running(&mut self) -> Result<&mut Running, NoFigure> {
        let running = self.running.as_mut();
        let running = running.ok_or_else(|| NoFigure("the peer does not run".to_owned()))?;
        running.still_running()?;
        Ok(running)
    }

    /// CPU-seconds used so far.
    ///
    /// # Errors
    /// When it does not run.
    pub fn cpu_s(&mut self) -> Result<f64, NoFigure> {
        cpu::seconds(self.running()?.pid())
    }

    /// Bytes of its memory.
    ///
    /// # Errors
    /// When it does not run.
    pub fn memory(&mut self) -> Result<f64, NoFigure> {
        crate::consents::resident(self.running()?.pid())
    }

    /// Bytes of its store.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn disk(&self) -> Result<u64, NoFigure> {
        bytes_under(&self.folder.join("state"))
    }

    /// Waits until it has committed everything that is on the topic now.
    ///
    /// # Errors
    /// When it ends or does not get there.
    pub async fn passed(&mut self, site: &Site) -> Result<(), NoFigure> {
        let partitions = town::partitions_of(&site.place, &topics::shared(PURPOSE));
        let group = self.group.clone();
        town::passed(&site.place, &group, &partitions, &mut || {
            self.running().map(drop)
        })
        .await
    }

    /// Kills it at once.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<(), NoFigure> {
        let mut running = self
            .running
            .take()
            .ok_or_else(|| NoFigure("the peer does not run".to_owned()))?;
        Ok(running.kill()?)
    }

    /// Starts it again on what its disk holds.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn again(&mut self) -> Result<(), NoFigure> {
        self.running = Some(jvm::start(&self.launch)?);
        Ok(())
    }

    /// Takes its disk away.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn lose(&self) -> Result<(), NoFigure> {
        Ok(std::fs::remove_dir_all(self.folder.join("state"))?)
    }

    /// What it says of a person: contacts, arrears, an open stay, days since the last discharge; `None`: it does not answer.
    #[must_use]
    pub fn ask(&self, pseudonym: &[u8]) -> Option<String> {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        let path = hex::encode(pseudonym);
        write!(
            stream,
            "GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        head.contains(" 200 ").then(|| body.to_owned())
    }

    /// Compares what it says of these people with what the events say.
    ///
    /// # Errors
    /// With the first difference.
    pub fn check(&self, site: &Site, people: &[usize]) -> Result<(), NoFigure> {
        for person in people {
            let wanted = told(site, *person);
            let found = self.ask(&site.released.pseudonym(*person));
            demand(found.as_ref() == Some(&wanted), || {
                format!("Kafka Streams says of person {person} {found:?}, the events say {wanted}")
            })?;
        }
        Ok(())
    }
}

/// What the peer must say of a person.
#[must_use]
pub fn told(site: &Site, person: usize) -> String {
    if !site.naive.is_known(person) {
        return String::new();
    }
    let four = site.naive.four(person);
    let or = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |one| one.to_string());
    format!(
        "{} {} {} {}",
        four.contacts,
        or(four.arrears),
        four.open,
        or(four.discharged)
    )
}

/// The shared schema of a kind, and the part of it that is needed.
fn schemas(kind: Kind, fields: &[&str]) -> Result<(String, String), NoFigure> {
    let info = walbrook_proto::event(kind.event_type()).and_then(|info| info.event);
    let written = info.ok_or_else(|| NoFigure("an event type is gone".to_owned()))?;
    let mut needed: serde_json::Value = serde_json::from_str(written.shared_schema)?;
    let all = needed.get_mut("fields");
    if let Some(all) = all.and_then(serde_json::Value::as_array_mut) {
        all.retain(|field| {
            let name = field.get("name").and_then(serde_json::Value::as_str);
            name.is_some_and(|name| fields.contains(&name))
        });
    }
    Ok((written.shared_schema.to_owned(), needed.to_string()))
}
