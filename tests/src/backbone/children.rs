//! The processes of a backbone: started, watched, killed and started again.

use super::{Backbone, DEADLINE, root};
use std::path::PathBuf;
use std::time::Duration;
use walbrook_testkit::cluster::{free_port, http_ok};
use walbrook_testkit::process::{Launch, Running, tail};

/// Every program a backbone consists of.
pub const PROGRAMS: [&str; 10] = [
    "identity",
    "broker",
    "materialiser",
    "auditor",
    "police",
    "health",
    "housing",
    "tfl",
    "social-care",
    "city",
];
/// How long one may take to drain when it is asked to stop.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// Lines of each log in a failure.
const LOG_LINES: usize = 8;

/// A process that was started, running or killed by the test.
pub(super) struct Child {
    launch: Launch,
    port: u16,
    metrics: u16,
    running: Option<Running>,
}

/// Where a program is: beside this executable (a benchmark), or beside its folder (a test, in `deps`).
fn program(service: &str) -> PathBuf {
    let own = std::env::current_exe().expect("this program");
    let folders: Vec<_> = own.ancestors().skip(1).take(2).collect();
    let places = folders
        .iter()
        .map(|folder| folder.join(format!("walbrook-{service}")));
    let found = places.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| {
        panic!("walbrook-{service} is not in {folders:?}: cargo build --workspace --bins first")
    })
}

impl Backbone {
    /// Starts a process of a service under a name of its own; it is not ready yet.
    pub fn launch(&self, service: &str, name: &str) {
        let (port, metrics) = (free_port().expect("a port"), free_port().expect("a port"));
        let data = self.folder.path().join("data").join(name);
        std::fs::create_dir_all(&data).expect("a data folder");
        let log = self.folder.path().join("logs").join(format!("{name}.log"));
        let config = root().join("deploy/config").join(format!("{service}.toml"));
        let stand_in = self.sealed && ["housing", "broker", "materialiser"].contains(&service);
        let program = program(if stand_in { "sealed" } else { service });
        let mut launch = Launch::new(name, program, log)
            .env("WALBROOK_SEALED", service)
            .arg("--local")
            .arg("--config")
            .arg(config.display().to_string())
            .env("WALBROOK_KAFKA", self.kafka.bootstrap())
            .env("WALBROOK_REGISTRY", &self.registry)
            .env("WALBROOK_NAMESPACE", self.namespace.as_str())
            .env("WALBROOK_PARTITIONS", self.partitions.to_string())
            .env("WALBROOK_KEYS", self.keys_dir.display().to_string())
            .env("WALBROOK_DATA", data.display().to_string())
            .env("WALBROOK_LISTEN", format!("127.0.0.1:{port}"))
            .env("WALBROOK_METRICS", format!("127.0.0.1:{metrics}"));
        // Views and agreements are named relative to the root, as when `walbrook up` runs there.
        launch.folder = Some(root());
        for (name, value) in &self.environment {
            launch = launch.env(name, value.clone());
        }
        let mut children = self.children.lock();
        children.insert(
            name.to_owned(),
            Child {
                launch,
                port,
                metrics,
                running: None,
            },
        );
        // A peer that is started later gets its port now: processes start in any order.
        for peer in ["identity", "broker", "materialiser", "auditor"] {
            let known = children.entry(peer.to_owned()).or_insert_with(|| Child {
                launch: Launch::new(peer, "not-started", "not-started"),
                port: free_port().expect("a port"),
                metrics: 0,
                running: None,
            });
            let address = format!("http://127.0.0.1:{}", known.port);
            if let Some(child) = children.get_mut(name) {
                child.launch = child
                    .launch
                    .clone()
                    .env(&format!("WALBROOK_{}", peer.to_uppercase()), address);
            }
        }
        let child = children.get_mut(name).expect("just put there");
        child.running = Some(
            child
                .launch
                .start()
                .unwrap_or_else(|error| panic!("{error}")),
        );
    }

    /// Waits until a process says that it serves.
    ///
    /// # Panics
    /// When it ends or stays silent, with the end of its log.
    pub fn await_ready(&self, name: &str) {
        let (mut running, metrics) = {
            let mut children = self.children.lock();
            let child = children
                .get_mut(name)
                .unwrap_or_else(|| panic!("no process {name}"));
            (
                child
                    .running
                    .take()
                    .unwrap_or_else(|| panic!("{name} does not run")),
                child.metrics,
            )
        };
        let health = format!("http://127.0.0.1:{metrics}/healthz");
        let ready = running.wait_until(DEADLINE, || http_ok(&health));
        if let Err(error) = ready {
            panic!("{error}\n{}", self.logs());
        }
        self.put_back(name, running);
    }

    fn put_back(&self, name: &str, running: Running) {
        if let Some(child) = self.children.lock().get_mut(name) {
            child.running = Some(running);
        }
    }

    fn take(&self, name: &str) -> Running {
        let taken = self
            .children
            .lock()
            .get_mut(name)
            .and_then(|child| child.running.take());
        taken.unwrap_or_else(|| panic!("{name} does not run"))
    }

    /// The process id of a running process.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self, name: &str) -> u32 {
        let children = self.children.lock();
        let running = children
            .get(name)
            .and_then(|child| child.running.as_ref())
            .unwrap_or_else(|| panic!("{name} does not run"));
        running.pid()
    }

    /// Kills a process at once, as a crash does.
    pub fn kill_9(&self, name: &str) {
        self.take(name).kill().expect("killed");
    }

    /// Asks a process to stop and waits until it has drained.
    pub fn stop(&self, name: &str) {
        self.take(name).stop(STOP_WITHIN).expect("stopped");
    }

    /// Freezes a process (SIGSTOP): it hangs without ending. [`Backbone::thaw`] lets it go on.
    pub fn freeze(&self, name: &str) {
        let mut running = self.take(name);
        running.freeze().expect("frozen");
        self.put_back(name, running);
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self, name: &str) {
        let mut running = self.take(name);
        running.thaw().expect("thawed");
        self.put_back(name, running);
    }

    /// Starts a process again that was killed or stopped, as it was, on its data; it is not ready yet.
    pub fn relaunch(&self, name: &str) {
        let mut children = self.children.lock();
        let child = children
            .get_mut(name)
            .unwrap_or_else(|| panic!("no process {name}"));
        assert!(child.running.is_none(), "{name} still runs");
        child.running = Some(
            child
                .launch
                .start()
                .unwrap_or_else(|error| panic!("{error}")),
        );
    }

    /// [`Backbone::relaunch`] and wait until it serves.
    pub fn restart(&self, name: &str) {
        self.relaunch(name);
        self.await_ready(name);
    }

    /// A second broker in the same group.
    pub fn start_second_broker(&self) -> &'static str {
        self.launch("broker", "broker-2");
        self.await_ready("broker-2");
        "broker-2"
    }

    /// The gRPC address of a process.
    #[must_use]
    pub fn address(&self, name: &str) -> String {
        let port = self.children.lock().get(name).map(|child| child.port);
        format!(
            "http://127.0.0.1:{}",
            port.unwrap_or_else(|| panic!("no process {name}"))
        )
    }

    pub(super) fn metrics_port(&self, name: &str) -> u16 {
        let port = self.children.lock().get(name).map(|child| child.metrics);
        port.unwrap_or_else(|| panic!("no process {name}"))
    }

    /// What a process says on `/metrics`.
    #[must_use]
    pub fn metrics_url(&self, name: &str) -> String {
        let port = self.children.lock().get(name).map(|child| child.metrics);
        format!(
            "http://127.0.0.1:{}/metrics",
            port.unwrap_or_else(|| panic!("no process {name}"))
        )
    }

    /// The end of a process's log.
    #[must_use]
    pub fn log_of(&self, name: &str, lines: usize) -> String {
        tail(
            &self.folder.path().join("logs").join(format!("{name}.log")),
            lines,
        )
    }

    /// Everything that a process has written.
    #[must_use]
    pub fn whole_log_of(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("logs").join(format!("{name}.log")))
            .unwrap_or_default()
    }

    pub(super) fn check_alive(&self, waiting_for: &str) {
        let mut ended = None;
        for child in self.children.lock().values_mut() {
            if let Some(running) = &mut child.running
                && let Err(error) = running.still_running()
            {
                ended = Some(error.to_string());
            }
        }
        if let Some(error) = ended {
            panic!("while waiting for {waiting_for}: {error}");
        }
    }

    /// The ends of all logs, without what the Kafka library says of connections.
    pub(super) fn logs(&self) -> String {
        let names: Vec<String> = self.children.lock().keys().cloned().collect();
        let log = |name: &String| {
            let whole = self.whole_log_of(name);
            let ours: Vec<&str> = whole
                .lines()
                .filter(|line| !line.contains("rdkafka"))
                .collect();
            let last = ours
                .get(ours.len().saturating_sub(LOG_LINES)..)
                .unwrap_or_default();
            format!("--- {name}\n{}\n{}", last.join("\n"), self.lags(name))
        };
        names.iter().map(log).collect::<Vec<_>>().join("\n")
    }

    /// What a running process says of how far behind it is.
    fn lags(&self, name: &str) -> String {
        let url = self
            .children
            .lock()
            .get(name)
            .filter(|child| child.running.is_some())
            .map(|child| child.metrics);
        let text = url
            .and_then(|port| http_text(port).ok())
            .unwrap_or_default();
        let telling = |line: &&str| {
            !line.starts_with('#') && (line.contains("lag") || line.contains("stopped"))
        };
        text.lines()
            .filter(telling)
            .take(24)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

pub(super) fn http_text(port: u16) -> std::io::Result<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
