//! One schema registry.

use std::path::PathBuf;

use super::{ClusterError, Jars, READY_WITHIN, files, kafka, registry_answers, require_free};
use crate::process::{Launch, Running};

const PROPERTIES: &str = include_str!("../../../../../deploy/registry/application.properties");

/// Where a registry keeps its data and which port it listens on.
#[derive(Debug, Clone)]
pub struct RegistrySpec {
    /// `registry/` and `logs/registry.log` appear in it.
    pub folder: PathBuf,
    /// Its HTTP port.
    pub port: u16,
}

/// A registry that was started here.
#[derive(Debug)]
pub struct Registry {
    /// Its JVM: to stop, kill or freeze it.
    pub process: Running,
    address: String,
}

impl Registry {
    /// Starts a registry and returns when it answers. Data in the folder is kept.
    ///
    /// # Errors
    /// A busy port, a JVM that is missing, ends or stays silent.
    pub fn start(spec: &RegistrySpec, say: &dyn Fn(&str)) -> Result<Self, ClusterError> {
        require_free("the registry", spec.port)?;
        let mut registry = Self::launch(spec, &super::ensure_jars(say)?)?;
        registry.wait_ready()?;
        Ok(registry)
    }

    /// `http://host:port`, to which clients add `/apis/ccompat/v7`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn launch(spec: &RegistrySpec, jars: &Jars) -> Result<Self, ClusterError> {
        let process = command(spec, jars)?.start()?;
        Ok(Self {
            process,
            address: address(spec.port),
        })
    }

    pub(super) fn wait_ready(&mut self) -> Result<(), ClusterError> {
        let address = self.address.clone();
        self.process
            .wait_until(READY_WITHIN, || registry_answers(&address))?;
        Ok(())
    }
}

pub(super) fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Writes the configuration and says how to run the registry.
pub(super) fn command(spec: &RegistrySpec, jars: &Jars) -> Result<Launch, ClusterError> {
    let folder = kafka::absolute(&spec.folder)?.join("registry");
    files::create_folder(&folder)?;
    let properties = folder.join("application.properties");
    // WRITE_DELAY=0: H2 would otherwise lose half a second of registered schemas, and hand out their ids again, when its
    // process is killed.
    let text = format!(
        "{PROPERTIES}\n# Of this start.\nquarkus.http.port={}\nquarkus.datasource.jdbc.url=jdbc:h2:file:{};WRITE_DELAY=0\n",
        spec.port,
        folder.join("h2").display()
    );
    files::write(&properties, &text)?;
    let log = folder.with_file_name("logs").join("registry.log");
    Ok(Launch::new("registry", kafka::java(), log)
        .arg("-Xms64m")
        .arg("-Xmx256m")
        .arg("-XX:+ExitOnOutOfMemoryError")
        .arg("-XX:+UseSerialGC")
        // Compiled once, not again and better: measured, a start takes half the processor time and so do the first thousands of schemas.
        .arg("-XX:TieredStopAtLevel=1")
        .arg("-Djava.awt.headless=true")
        .arg(format!(
            "-Dquarkus.config.locations={}",
            properties.display()
        ))
        .arg("-jar")
        .arg(jars.registry_jar().display().to_string()))
}
