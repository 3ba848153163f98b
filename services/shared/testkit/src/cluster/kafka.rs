//! One Kafka node.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;

use super::{ClusterError, Jars, READY_WITHIN, files, jars, kafka_answers, require_free};
use crate::process::{Launch, Running};

const PROPERTIES: &str = include_str!("../../../../../deploy/kafka/server.properties");
const LOGGING: &str = include_str!("../../../../../deploy/kafka/log4j2.xml");

/// Where a Kafka node keeps its data and which ports it listens on.
#[derive(Debug, Clone)]
pub struct KafkaSpec {
    /// `kafka/` and `logs/kafka.log` appear in it.
    pub folder: PathBuf,
    /// For clients.
    pub port: u16,
    /// For its own controller.
    pub controller_port: u16,
}

/// A Kafka node that was started here.
#[derive(Debug)]
pub struct Kafka {
    /// Its JVM: to stop, kill or freeze it.
    pub process: Running,
    address: String,
}

impl Kafka {
    /// Starts a node and returns when it answers with itself as a live broker. Data in the folder is kept.
    ///
    /// # Errors
    /// A busy port, a JVM that is missing, ends or stays silent.
    pub fn start(spec: &KafkaSpec, say: &dyn Fn(&str)) -> Result<Self, ClusterError> {
        require_free("Kafka", spec.port)?;
        require_free("Kafka's controller", spec.controller_port)?;
        let mut kafka = Self::launch(spec, &super::ensure_jars(say)?)?;
        kafka.wait_ready()?;
        Ok(kafka)
    }

    /// `host:port`, as in `bootstrap.servers`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn launch(spec: &KafkaSpec, jars: &Jars) -> Result<Self, ClusterError> {
        let process = command(spec, jars)?.start()?;
        Ok(Self {
            process,
            address: address(spec.port),
        })
    }

    pub(super) fn wait_ready(&mut self) -> Result<(), ClusterError> {
        let address = self.address.clone();
        self.process
            .wait_until(READY_WITHIN, || kafka_answers(&address))?;
        Ok(())
    }
}

pub(super) fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Writes the configuration, formats the data folder when it is new, and says how to run the node.
pub(super) fn command(spec: &KafkaSpec, jars: &Jars) -> Result<Launch, ClusterError> {
    let folder = absolute(&spec.folder)?.join("kafka");
    files::create_folder(&folder)?;
    let (properties, logging, data) = (
        folder.join("server.properties"),
        folder.join("log4j2.xml"),
        folder.join("data"),
    );
    files::write(&logging, LOGGING)?;
    files::write(&properties, &configuration(spec, &data))?;
    let logging = format!("-Dlog4j2.configurationFile={}", logging.display());
    if !data.join("meta.properties").exists() {
        format_storage(&properties, &logging, jars)?;
    }
    let log = folder.with_file_name("logs").join("kafka.log");
    Ok(Launch::new("kafka", java(), log)
        .arg("-Xms128m")
        .arg("-Xmx512m")
        .arg("-XX:+ExitOnOutOfMemoryError")
        .arg("-Djava.awt.headless=true")
        .arg(logging)
        .arg("-cp")
        .arg(jars.kafka_class_path())
        .arg("kafka.Kafka")
        .arg(properties.display().to_string()))
}

fn configuration(spec: &KafkaSpec, data: &Path) -> String {
    let (port, controller) = (spec.port, spec.controller_port);
    format!(
        "{PROPERTIES}\n# Of this start.\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         log.dirs={}\n",
        data.display()
    )
}

fn format_storage(properties: &Path, logging: &str, jars: &Jars) -> Result<(), ClusterError> {
    // Kafka writes a cluster id as 16 bytes in URL-safe base64. The first byte is cut below 0x80 so that the text never
    // starts with '-', which the tool would read as an option.
    let mut id: [u8; 16] = rand::rng().random();
    id[0] &= 0x7f;
    let mut tool = Command::new(java());
    tool.arg(logging)
        .arg("-cp")
        .arg(jars.kafka_class_path())
        .arg("kafka.tools.StorageTool");
    tool.args([
        "format",
        "--cluster-id",
        &URL_SAFE_NO_PAD.encode(id),
        "--config",
    ])
    .arg(properties);
    jars::run(
        tool,
        "formatting Kafka's data folder",
        "java",
        "openjdk-17-jre-headless",
    )
}

/// `JAVA_HOME` when it is set, else what is on `PATH`.
pub(super) fn java() -> PathBuf {
    env::var_os("JAVA_HOME")
        .map(|home| PathBuf::from(home).join("bin/java"))
        .filter(|java| java.exists())
        .unwrap_or("java".into())
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf, ClusterError> {
    std::path::absolute(path).map_err(files::failed("find", path))
}
