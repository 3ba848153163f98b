//! The one table of topics: partitions, retention, cleanup, timestamp type. Auto-creation is off everywhere.

use crate::Namespace;

/// How the topics begin that hold an organisation's rows of a view.
pub const VIEW: &str = "view.";
/// What a newer row or a tombstone replaced on a view's topic is gone from the disk after this, and the time its cleaner takes.
pub const REPLACED_FOR_MS: u32 = 3_600_000;
/// How long a tombstone stays on a view's topic: a consumer that stood still for longer reads the topic from its beginning.
pub const TOMBSTONES_FOR_MS: u32 = 30 * 86_400_000;

/// The six agencies' raw topics, without the namespace, in the order of their names.
pub const RAW: [&str; 6] = [
    "raw.city",
    "raw.health",
    "raw.housing",
    "raw.police",
    "raw.social-care",
    "raw.tfl",
];
/// Link records, one partition per raw partition.
pub const LINKS: &str = "control.links";
/// The control plane's records.
pub const POLICY: &str = "control.policy";
/// The agreement half of them, for readers of views.
pub const AGREEMENTS: &str = "control.agreements";
/// Identity's own compacted records.
pub const IDENTITY: &str = "identity.records";
/// Decision pages.
pub const DECISIONS: &str = "audit.decisions";
/// Read records.
pub const READS: &str = "audit.reads";
/// Look-ups of identity, each durable before its answer.
pub const LOOKUPS: &str = "audit.lookups";
/// What organisations are told of rows they were shown, and what they say they did.
pub const NOTICES: &str = "audit.notices";
/// What left views, and completeness of causes.
pub const REMOVALS: &str = "audit.removals";
/// Signed tree heads.
pub const CHECKPOINTS: &str = "audit.checkpoints";
/// The purposes that have a shared topic.
pub const PURPOSES: [&str; 2] = ["children-in-care", "rough-sleeping"];
/// The open datasets.
pub const DATASETS: [&str; 7] = [
    "ai-register",
    "air-quality",
    "air-quality-index",
    "datasets",
    "indicators",
    "line-status",
    "planning",
];

/// The raw topic of an agency, for example `raw.social-care`.
pub fn raw(agency: &str) -> String {
    format!("raw.{agency}")
}

/// The topic of a purpose, for example `shared.rough-sleeping`.
pub fn shared(purpose: &str) -> String {
    format!("shared.{purpose}")
}

/// The topic of an open dataset.
pub fn open(dataset: &str) -> String {
    format!("open.{dataset}")
}

/// The quarantine of an agency.
pub fn quarantine(agency: &str) -> String {
    format!("quarantine.{agency}")
}

/// The topic of one organisation's rows of a view, for example `view.rough_sleeping_risk.GSS-E09000007`; the organisation by the word of its scheme
/// and its code. Two organisations never have the same one. `None`: what Kafka does not take in a name.
pub fn view(view: &str, (scheme, code): (&str, &str)) -> Option<String> {
    let plain = |text: &str, more: &[u8]| {
        let mut bytes = text.bytes();
        !text.is_empty() && bytes.all(|one| one.is_ascii_alphanumeric() || more.contains(&one))
    };
    // No scheme has a hyphen: the first one ends it.
    let fits = plain(view, b"_-") && plain(scheme, b"_") && plain(code, b"_-");
    fits.then(|| format!("{VIEW}{view}.{scheme}-{code}"))
}

/// The most bytes that Kafka takes as a topic's name.
pub const MOST_NAME: usize = 249;

/// How old records leave a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// They do not, but for retention (which is unlimited here).
    Delete,
    /// The last record of each key stays.
    Compact,
    /// The same, soon: what was replaced is gone after [`REPLACED_FOR_MS`], a tombstone after [`TOMBSTONES_FOR_MS`].
    CompactSoon,
}

/// Where a record's timestamp comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The log's own clock when the record was appended.
    LogAppendTime,
    /// What the writer says (day-truncated on shared topics).
    CreateTime,
}

/// A topic as it must stand on the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Full name, with the namespace.
    pub name: String,
    /// Name without the namespace.
    pub plain: String,
    /// Number of partitions; changes only by replay into a new namespace.
    pub partitions: i32,
    /// Cleanup policy.
    pub cleanup: Cleanup,
    /// Timestamp type.
    pub timestamps: TimestampType,
}

impl Topic {
    /// The topic's settings as Kafka names them, in a fixed order. `min_insync` is `min.insync.replicas`.
    pub fn settings(&self, min_insync: i32) -> Vec<(&'static str, String)> {
        let cleanup = match self.cleanup {
            Cleanup::Delete => "delete",
            Cleanup::Compact | Cleanup::CompactSoon => "compact",
        };
        let timestamps = match self.timestamps {
            TimestampType::LogAppendTime => "LogAppendTime",
            TimestampType::CreateTime => "CreateTime",
        };
        let mut settings = vec![
            ("cleanup.policy", cleanup.to_owned()),
            ("message.timestamp.type", timestamps.to_owned()),
            ("min.insync.replicas", min_insync.to_string()),
            ("retention.bytes", "-1".to_owned()),
            ("retention.ms", "-1".to_owned()),
        ];
        if self.cleanup == Cleanup::CompactSoon {
            settings.extend([
                ("delete.retention.ms", TOMBSTONES_FOR_MS.to_string()),
                ("max.compaction.lag.ms", REPLACED_FOR_MS.to_string()),
                ("min.cleanable.dirty.ratio", "0.1".to_owned()),
                ("segment.ms", REPLACED_FOR_MS.to_string()),
            ]);
        }
        settings
    }
}

/// Every topic of a namespace. `partitions` is the common count of raw, links, decisions and shared topics.
pub fn table(namespace: &Namespace, partitions: i32) -> Vec<Topic> {
    use Cleanup::{Compact, Delete};
    use TimestampType::{CreateTime, LogAppendTime};
    let mut rows: Vec<(String, i32, Cleanup, TimestampType)> = Vec::new();
    for topic in RAW {
        rows.push((topic.to_owned(), partitions, Delete, LogAppendTime));
        let agency = topic.trim_start_matches("raw.");
        rows.push((quarantine(agency), 1, Delete, LogAppendTime));
    }
    rows.push((LINKS.to_owned(), partitions, Delete, LogAppendTime));
    rows.push((POLICY.to_owned(), 1, Delete, LogAppendTime));
    rows.push((AGREEMENTS.to_owned(), 1, Delete, LogAppendTime));
    rows.push((IDENTITY.to_owned(), 1, Compact, LogAppendTime));
    rows.push((DECISIONS.to_owned(), partitions, Delete, LogAppendTime));
    for topic in [LOOKUPS, READS, NOTICES, REMOVALS, CHECKPOINTS] {
        rows.push((topic.to_owned(), 1, Delete, LogAppendTime));
    }
    for purpose in PURPOSES {
        rows.push((shared(purpose), partitions, Delete, CreateTime));
    }
    for dataset in DATASETS {
        rows.push((open(dataset), 1, Delete, CreateTime));
    }
    let mut topics: Vec<Topic> = rows
        .into_iter()
        .map(|(plain, partitions, cleanup, timestamps)| Topic {
            name: namespace.name(&plain),
            plain,
            partitions,
            cleanup,
            timestamps,
        })
        .collect();
    topics.sort_by(|a, b| a.plain.cmp(&b.plain));
    topics
}

/// The topic of an organisation's rows of a view, by its [plain name](view), as the table's other rows: `partitions` is that of the shared topic
/// whose people stand on it.
pub fn of_view(namespace: &Namespace, plain: &str, partitions: i32) -> Topic {
    Topic {
        name: namespace.name(plain),
        plain: plain.to_owned(),
        partitions,
        cleanup: Cleanup::CompactSoon,
        timestamps: TimestampType::LogAppendTime,
    }
}

/// The partition Kafka's Java clients (and librdkafka's `murmur2_random`) choose for a key: murmur2, sign bit cleared, modulo.
/// The key must not be null; an empty key hashes like any other in Java, while librdkafka treats it as no key, so ours are never empty.
pub fn murmur2_partition(key: &[u8], partitions: i32) -> i32 {
    let hash = murmur2(key) & 0x7fff_ffff;
    let count = u32::try_from(partitions.max(1)).unwrap_or(1);
    i32::try_from(hash % count).unwrap_or(0)
}

fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = word
            .iter()
            .rev()
            .fold(0u32, |k, byte| (k << 8) | u32::from(*byte));
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        k = k.wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let tail = rest
            .iter()
            .rev()
            .fold(0u32, |k, byte| (k << 8) | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}
