//! The settings that every process has.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::{Defaults, Properties, Section};

/// Where `walbrook up` puts the registry's Confluent-compatible API.
const LOCAL_REGISTRY: &str = "http://127.0.0.1:18081";
/// Under which path the local registry has that API; elsewhere the address is given whole.
const LOCAL_REGISTRY_PATH: &str = "apis/ccompat/v7";

/// Resolved settings of every process.
#[derive(Debug, Clone)]
pub struct Common {
    /// Prefix of every topic, group and transactional id, without the dot.
    pub namespace: String,
    /// The log.
    pub kafka: Kafka,
    /// Base address of the schema registry's Confluent-compatible API: `http://127.0.0.1:18081/apis/ccompat/v7`.
    pub registry: http::Uri,
    /// Folder of keys.
    pub keys_dir: PathBuf,
    /// Folder of what the process may lose and rebuild.
    pub data_dir: PathBuf,
    /// Where gRPC listens.
    pub listen: SocketAddr,
    /// Where `/metrics` and `/healthz` listen.
    pub metrics: SocketAddr,
    /// One node on this machine: replication 1, local keys, own service tokens.
    pub local: bool,
    /// Data partitions of the personal topics.
    pub partitions: i32,
    /// Who is asked for what.
    pub peers: Peers,
    /// How callers are known, and how this process makes itself known.
    pub callers: Callers,
    /// How long a start waits for what it needs before it gives up.
    pub start_timeout: Duration,
    /// How long a drain may take after the first signal.
    pub drain_timeout: Duration,
}

/// The log.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// `host:port`, comma separated.
    pub bootstrap: String,
    /// Client properties of librdkafka, laid over ours (security, timeouts).
    pub properties: Properties,
    /// Replication factor of topics: 1 with `local`, else 3 or more.
    pub replication: i32,
    /// `min.insync.replicas` of topics: 1 with `local`, else 2 or more.
    pub min_insync: i32,
}

/// Addresses of the other processes.
#[derive(Debug, Clone)]
pub struct Peers {
    /// The identity service.
    pub identity: http::Uri,
    /// The broker (control plane).
    pub broker: http::Uri,
    /// The materialiser (views).
    pub materialiser: http::Uri,
    /// The auditor.
    pub auditor: http::Uri,
}

/// How callers are known.
#[derive(Debug, Clone)]
pub struct Callers {
    /// The `iss` that tokens must carry.
    pub issuer: String,
    /// The public key set (JWKS file).
    pub key_set: PathBuf,
    /// The token this process shows to others; not used with `local`, where it makes its own.
    pub token_file: Option<PathBuf>,
}

impl Common {
    pub(super) fn read(section: &mut Section, defaults: Defaults) -> Option<Self> {
        let local = section.boolean("local", false)?;
        let namespace = namespace(section);
        let keys_dir = section
            .path("keys_dir")
            .unwrap_or_else(|| PathBuf::from(".walbrook/keys"));
        let data_dir = section
            .path("data_dir")
            .unwrap_or_else(|| PathBuf::from(".walbrook/data"));
        let kafka = kafka(section, local);
        let registry = registry(section, local);
        let allow_plaintext = section.boolean("allow_plaintext", false);
        let listen = listener(section, "listen", defaults.grpc_port, allow_plaintext);
        let metrics = listener(
            section,
            "metrics",
            defaults.grpc_port.saturating_add(100),
            allow_plaintext,
        );
        let partitions = section.integer("partitions", 1..=1024, 4);
        let peers = Peers::read(section);
        let callers = Callers::read(section, local, &keys_dir);
        let start_timeout = seconds(section, "start_timeout_seconds", 60);
        let drain_timeout = seconds(section, "drain_timeout_seconds", 15);
        Some(Self {
            namespace: namespace?,
            kafka: kafka?,
            registry: registry?,
            keys_dir,
            data_dir,
            listen: listen?,
            metrics: metrics?,
            local,
            partitions: i32::try_from(partitions?).ok()?,
            peers: peers?,
            callers: callers?,
            start_timeout: start_timeout?,
            drain_timeout: drain_timeout?,
        })
    }
}

impl Peers {
    fn read(section: &mut Section) -> Option<Self> {
        let identity = address(section, "peers.identity", Some("http://127.0.0.1:7110"));
        let broker = address(section, "peers.broker", Some("http://127.0.0.1:7120"));
        let materialiser = address(section, "peers.materialiser", Some("http://127.0.0.1:7130"));
        let auditor = address(section, "peers.auditor", Some("http://127.0.0.1:7140"));
        Some(Self {
            identity: identity?,
            broker: broker?,
            materialiser: materialiser?,
            auditor: auditor?,
        })
    }
}

impl Callers {
    fn read(section: &mut Section, local: bool, keys_dir: &std::path::Path) -> Option<Self> {
        let issuer = section
            .text("callers.issuer")
            .unwrap_or_else(|| "walbrook-local".into());
        let key_set = section
            .path("callers.key_set")
            .unwrap_or_else(|| keys_dir.join("callers/jwks.json"));
        let token_file = section.path("callers.token_file");
        if !local && token_file.is_none() {
            section.fault(
                "callers.token_file",
                "is missing: the file of the token this process shows to others",
            );
            return None;
        }
        Some(Self {
            issuer,
            key_set,
            token_file,
        })
    }
}

fn namespace(section: &mut Section) -> Option<String> {
    let name = section.text("namespace").unwrap_or_else(|| "city".into());
    let is_letter = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_letter) {
        section.fault("namespace", "must be 1 to 64 of a-z, 0-9, - and _");
        return None;
    }
    Some(name)
}

fn kafka(section: &mut Section, local: bool) -> Option<Kafka> {
    let bootstrap = section
        .text("kafka.bootstrap")
        .or_else(|| local.then(|| "127.0.0.1:19092".to_owned()));
    let Some(bootstrap) = bootstrap.filter(|text| !text.trim().is_empty()) else {
        section.fault(
            "kafka.bootstrap",
            "is missing; must be host:port, comma separated",
        );
        return None;
    };
    let properties = section.properties("kafka.properties");
    let least = |within: i64| if local { 1 } else { within };
    let replication = section.integer("kafka.replication", least(3)..=9, least(3));
    let min_insync = section.integer("kafka.min_insync", least(2)..=9, least(2));
    let (replication, min_insync) = (replication?, min_insync?);
    if min_insync > replication {
        section.fault(
            "kafka.min_insync",
            format!("is {min_insync}, more than the {replication} replicas there are"),
        );
        return None;
    }
    Some(Kafka {
        bootstrap,
        properties,
        replication: i32::try_from(replication).ok()?,
        min_insync: i32::try_from(min_insync).ok()?,
    })
}

/// An `http://host:port` address; a bare `host:port` is taken as one.
fn address(section: &mut Section, key: &str, default: Option<&str>) -> Option<http::Uri> {
    let Some(text) = section.text(key).or(default.map(str::to_owned)) else {
        section.fault(key, "is missing; must be http://host:port");
        return None;
    };
    let text = if text.contains("://") {
        text
    } else {
        format!("http://{text}")
    };
    let uri = text
        .parse::<http::Uri>()
        .ok()
        .filter(|uri| uri.host().is_some());
    let known = uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    if known.is_none() {
        section.fault(key, "must be http://host:port or https://host:port");
    }
    known
}

fn registry(section: &mut Section, local: bool) -> Option<http::Uri> {
    let uri = address(section, "registry", local.then_some(LOCAL_REGISTRY))?;
    if !local || uri.path() != "/" {
        return Some(uri);
    }
    format!("{uri}{LOCAL_REGISTRY_PATH}").parse().ok()
}

fn listener(
    section: &mut Section,
    key: &str,
    port: u16,
    allow_plaintext: Option<bool>,
) -> Option<SocketAddr> {
    let default = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let address: SocketAddr = section.parsed(key, "an address as 127.0.0.1:7101", Some(default))?;
    if !address.ip().is_loopback() && allow_plaintext != Some(true) {
        section.fault(
            key,
            format!(
                "{address} can be reached from other machines and this process does not speak TLS: listen on loopback \
                 behind something that does, or say allow_plaintext = true"
            ),
        );
        return None;
    }
    Some(address)
}

fn seconds(section: &mut Section, key: &str, default: i64) -> Option<Duration> {
    let seconds = section.integer(key, 1..=3600, default)?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}
