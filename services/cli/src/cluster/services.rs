//! How each process of the backbone is started: its program, its configuration, its environment.

use std::env;
use std::path::{Path, PathBuf};

use walbrook_testkit::cluster::{http_ok, require_free};
use walbrook_testkit::process::{Launch, Running};

use super::folder::{Folder, Process, failed};
use super::ports::{Ports, Service};
use super::{LocalError, up::READY_WITHIN};

/// What every process of one run is told.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub ports: Ports,
    pub kafka: String,
    pub registry: String,
    pub namespace: String,
    pub partitions: i32,
    /// Where `<service>.toml` files are.
    pub config: PathBuf,
}

/// The programs of all services, found beside this one.
pub(super) fn programs(services: &[Service]) -> Result<Vec<PathBuf>, LocalError> {
    let own = env::current_exe().map_err(|source| LocalError::System {
        operation: "find this program",
        source,
    })?;
    let beside = own.parent().unwrap_or(Path::new(".")).to_owned();
    let found: Vec<PathBuf> = services
        .iter()
        .map(|service| beside.join(format!("walbrook-{}", service.name)))
        .collect();
    let missing: Vec<String> = found
        .iter()
        .filter(|path| !path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if missing.is_empty() {
        Ok(found)
    } else {
        Err(LocalError::NotBuilt { missing })
    }
}

/// An error that names the first port that is busy.
pub(super) fn require_ports(services: &[Service]) -> Result<(), LocalError> {
    for service in services {
        require_free(service.name, service.grpc_port)?;
        require_free(
            &format!("the metrics of {}", service.name),
            service.metrics_port(),
        )?;
    }
    Ok(())
}

/// Starts one process; it is not ready yet.
pub(super) fn start(
    service: Service,
    program: &Path,
    folder: &Folder,
    setting: &Setting,
) -> Result<Running, LocalError> {
    let data = folder.data().join(service.name);
    std::fs::create_dir_all(&data).map_err(failed("create", &data))?;
    let mut launch = Launch::new(service.name, program, folder.log(service.name))
        .arg("--local")
        .env("WALBROOK_KAFKA", &setting.kafka)
        .env("WALBROOK_REGISTRY", &setting.registry)
        .env("WALBROOK_NAMESPACE", &setting.namespace)
        .env("WALBROOK_PARTITIONS", setting.partitions.to_string())
        .env("WALBROOK_KEYS", folder.keys().display().to_string())
        .env("WALBROOK_DATA", data.display().to_string())
        .env(
            "WALBROOK_LISTEN",
            format!("127.0.0.1:{}", service.grpc_port),
        )
        .env(
            "WALBROOK_METRICS",
            format!("127.0.0.1:{}", service.metrics_port()),
        );
    for (variable, peer) in [
        ("WALBROOK_IDENTITY", "identity"),
        ("WALBROOK_BROKER", "broker"),
        ("WALBROOK_MATERIALISER", "materialiser"),
        ("WALBROOK_AUDITOR", "auditor"),
    ] {
        if let Some(address) = setting.ports.address(peer) {
            launch = launch.env(variable, address);
        }
    }
    let config = setting.config.join(format!("{}.toml", service.name));
    if config.exists() {
        launch = launch.arg("--config").arg(config.display().to_string());
    }
    Ok(launch.start()?)
}

/// Waits until a process says that it serves.
pub(super) fn wait_ready(service: Service, running: &mut Running) -> Result<(), LocalError> {
    let health = format!("http://127.0.0.1:{}/healthz", service.metrics_port());
    running.wait_until(READY_WITHIN, || http_ok(&health))?;
    Ok(())
}

/// What the state file says about a service.
pub(super) fn describe(service: Service, running: &Running) -> Process {
    Process {
        name: service.name.to_owned(),
        pid: running.pid(),
        serves: format!("127.0.0.1:{}", service.grpc_port),
        metrics: Some(format!("http://127.0.0.1:{}", service.metrics_port())),
        log: running.log().to_owned(),
    }
}
