//! Which port is whose.

use clap::Args;

/// Ports of the local backbone. All on loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Ports {
    /// Kafka's port
    #[arg(long, value_name = "PORT", default_value_t = 19_092)]
    pub kafka_port: u16,
    /// The port of Kafka's controller
    #[arg(long, value_name = "PORT", default_value_t = 19_093)]
    pub controller_port: u16,
    /// The schema registry's port
    #[arg(long, value_name = "PORT", default_value_t = 18_081)]
    pub registry_port: u16,
    /// Added to the port of every service (police 7101, broker 7120, …; metrics 100 above), to run two side by side
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub service_port_offset: u16,
}

/// A process of the backbone and its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// `police`: its program is `walbrook-police`, its configuration `deploy/config/police.toml`.
    pub name: &'static str,
    /// Where it serves gRPC.
    pub grpc_port: u16,
}

impl Service {
    /// Where it serves metrics and health: 100 above gRPC.
    #[must_use]
    pub fn metrics_port(self) -> u16 {
        self.grpc_port.saturating_add(100)
    }
}

/// Every process, in the order they are started and listed. They wait for one another; the order is for people.
pub const SERVICES: [Service; 10] = [
    Service {
        name: "identity",
        grpc_port: 7110,
    },
    Service {
        name: "broker",
        grpc_port: 7120,
    },
    Service {
        name: "materialiser",
        grpc_port: 7130,
    },
    Service {
        name: "auditor",
        grpc_port: 7140,
    },
    Service {
        name: "police",
        grpc_port: 7101,
    },
    Service {
        name: "health",
        grpc_port: 7102,
    },
    Service {
        name: "housing",
        grpc_port: 7103,
    },
    Service {
        name: "tfl",
        grpc_port: 7104,
    },
    Service {
        name: "social-care",
        grpc_port: 7105,
    },
    Service {
        name: "city",
        grpc_port: 7106,
    },
];

impl Ports {
    /// Every service on the ports of this run.
    #[must_use]
    pub fn services(&self) -> Vec<Service> {
        let moved = |service: &Service| Service {
            grpc_port: service.grpc_port.saturating_add(self.service_port_offset),
            ..*service
        };
        SERVICES.iter().map(moved).collect()
    }

    /// The gRPC address of a service in this run; `None` for a name that is no service.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<String> {
        self.services()
            .iter()
            .find(|service| service.name == name)
            .map(|service| format!("http://127.0.0.1:{}", service.grpc_port))
    }
}
