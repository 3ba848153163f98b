//! The parent of everything on this machine: starts it in order, watches it, stops it in reverse.

use std::time::Duration;

use walbrook_eventlog::{Namespace, topics};
use walbrook_testkit::cluster::{Cluster, ClusterSpec, free_port};
use walbrook_testkit::process::{ProcessError, Running};

use super::folder::{Folder, Process, State};
use super::services::{self, Setting};
use super::up::UpArgs;
use super::{LocalError, ports::Ports};

/// How long a service may drain before it is killed: longer than its own drain timeout.
const DRAIN_WITHIN: Duration = Duration::from_secs(25);
const MIN_INSYNC: i32 = 1;
const REPLICATION: i32 = 1;

/// Everything that runs.
pub(super) struct Supervisor {
    folder: Folder,
    state: State,
    cluster: Cluster,
    services: Vec<Running>,
}

impl Supervisor {
    /// Starts everything that the arguments ask for; whatever was started is stopped again when something fails.
    pub fn start(folder: Folder, args: &UpArgs, say: &dyn Fn(&str)) -> Result<Self, LocalError> {
        let ports = with_chosen(args.ports)?;
        let wanted = args.services(ports);
        // Everything that can be known to be wrong is found before anything is started.
        let programs = services::programs(&wanted)?;
        services::require_ports(&wanted)?;
        let state = State {
            pid: std::process::id(),
            namespace: args.namespace.clone(),
            ..State::default()
        };
        folder.write_state(&state)?;
        let spec = ClusterSpec {
            folder: folder.root().to_owned(),
            kafka_port: ports.kafka_port,
            controller_port: ports.controller_port,
            registry_port: ports.registry_port,
        };
        let cluster = Cluster::start(&spec, say)?;
        let mut supervisor = Self {
            folder,
            state,
            cluster,
            services: Vec::new(),
        };
        supervisor.note_cluster()?;
        if !wanted.is_empty() {
            supervisor.start_services(args, ports, &wanted, &programs, say)?;
        }
        supervisor.state.ready = true;
        supervisor.folder.write_state(&supervisor.state)?;
        Ok(supervisor)
    }

    fn note_cluster(&mut self) -> Result<(), LocalError> {
        self.state.kafka = self.cluster.kafka.address().to_owned();
        self.state.registry = self.cluster.registry.address().to_owned();
        for (process, serves) in [
            (&self.cluster.kafka.process, &self.state.kafka),
            (&self.cluster.registry.process, &self.state.registry),
        ] {
            self.state.processes.push(Process {
                name: process.name().to_owned(),
                pid: process.pid(),
                serves: serves.clone(),
                metrics: None,
                log: process.log().to_owned(),
            });
        }
        self.folder.write_state(&self.state)
    }

    fn start_services(
        &mut self,
        args: &UpArgs,
        ports: Ports,
        wanted: &[super::ports::Service],
        programs: &[std::path::PathBuf],
        say: &dyn Fn(&str),
    ) -> Result<(), LocalError> {
        say(&format!(
            "creating the topics of namespace {}",
            args.namespace
        ));
        create_topics(&self.state.kafka, &args.namespace, args.partitions)?;
        let setting = Setting {
            ports,
            kafka: self.state.kafka.clone(),
            registry: self.state.registry.clone(),
            namespace: args.namespace.clone(),
            partitions: args.partitions,
            config: args.config.clone(),
        };
        say(&format!("starting {} processes", wanted.len()));
        for (service, program) in wanted.iter().zip(programs) {
            let running = services::start(*service, program, &self.folder, &setting)?;
            self.state
                .processes
                .push(services::describe(*service, &running));
            self.services.push(running);
        }
        self.folder.write_state(&self.state)?;
        for (service, running) in wanted.iter().zip(&mut self.services) {
            services::wait_ready(*service, running)?;
        }
        Ok(())
    }

    /// What runs and where.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What has ended by itself since the last time, with the end of its log. Ended services are let go; without Kafka or
    /// the registry nothing can go on, so that is the error.
    pub fn check(&mut self) -> Result<Vec<ProcessError>, LocalError> {
        self.cluster.still_running()?;
        let mut ended = Vec::new();
        self.services
            .retain_mut(|service| match service.still_running() {
                Ok(()) => true,
                Err(error) => {
                    ended.push(error);
                    false
                }
            });
        Ok(ended)
    }

    /// Stops everything, writers first, Kafka last.
    pub fn stop(mut self, say: &dyn Fn(&str)) -> Result<(), LocalError> {
        if !self.services.is_empty() {
            say("stopping the processes");
        }
        // All are asked at once; each drains on its own.
        for service in &mut self.services {
            service.ask_to_stop()?;
        }
        for service in &mut self.services {
            service.end_within(DRAIN_WITHIN)?;
        }
        say("stopping Kafka and the registry");
        self.cluster.stop()?;
        self.folder.forget();
        Ok(())
    }
}

/// Port 0 means: choose one that is free.
fn with_chosen(mut ports: Ports) -> Result<Ports, LocalError> {
    for port in [
        &mut ports.kafka_port,
        &mut ports.controller_port,
        &mut ports.registry_port,
    ] {
        if *port == 0 {
            *port = free_port()?;
        }
    }
    Ok(ports)
}

fn create_topics(kafka: &str, namespace: &str, partitions: i32) -> Result<(), LocalError> {
    let wanted = topics::table(&Namespace::new(namespace), partitions);
    let kafka = walbrook_eventlog_kafka::Kafka::new(kafka, std::collections::BTreeMap::new());
    let created = kafka.admin().and_then(|admin| {
        tokio::runtime::Handle::current().block_on(admin.create(&wanted, REPLICATION, MIN_INSYNC))
    });
    created
        .map(drop)
        .map_err(|source| LocalError::Topics { source })
}
