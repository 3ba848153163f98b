//! The envelope: CloudEvents 1.0 in Kafka's binary mode, W3C trace context on raw topics, and our own `wb_` headers.
//!
//! Header values are UTF-8 text. This module knows names and meaning, not the log: it writes pairs and reads through a look-up.

use std::str::FromStr;
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, EventType, HandlePseudonym, Instant, Organisation,
    Precision,
};

/// CloudEvents version, always `1.0`.
pub const SPEC_VERSION: &str = "ce_specversion";
/// Event id: the producer's on raw topics, the purpose-local one on shared topics.
pub const ID: &str = "ce_id";
/// Where it comes from, `/walbrook/<agency>/<organisation>`.
pub const SOURCE: &str = "ce_source";
/// Event type, or the full name of an internal record.
pub const TYPE: &str = "ce_type";
/// When it happened, RFC 3339.
pub const TIME: &str = "ce_time";
/// The schema, `<subject>/<id>`.
pub const DATA_SCHEMA: &str = "ce_dataschema";
/// Always `application/avro`.
pub const CONTENT_TYPE: &str = "content-type";
/// W3C trace context.
pub const TRACE_PARENT: &str = "traceparent";
/// The producing organisation, from the caller's credential.
pub const ORGANISATION: &str = "wb_org";
/// The event this one replaces.
pub const SUPERSEDES: &str = "wb_supersedes";
/// How finely the time is known.
pub const PRECISION: &str = "wb_precision";
/// Id of the key the body is sealed with.
pub const KEY: &str = "wb_key";
/// Ids of the query rules that fired at the gateway, separated by commas.
pub const QUERIES: &str = "wb_queries";
/// Agreement and version a release rests on, `<id>@<version>`.
pub const AGREEMENT: &str = "wb_agreement";
/// Handle pseudonym of a release.
pub const HANDLE: &str = "wb_handle";
/// Last day a release holds.
pub const NOT_AFTER: &str = "wb_not_after";

/// Headers as pairs, in the order they are written.
pub type Pairs = Vec<(&'static str, String)>;

/// A header that is missing or cannot be read. Never repeats the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is not there.
    #[error("the header {name} is missing")]
    Missing {
        /// Header name.
        name: &'static str,
    },
    /// It is there but not of its form.
    #[error("the header {name} cannot be read: {problem}")]
    Bad {
        /// Header name.
        name: &'static str,
        /// What was expected.
        problem: String,
    },
}

fn text<'a>(
    get: impl Fn(&str) -> Option<&'a [u8]>,
    name: &'static str,
) -> Result<Option<&'a str>, HeaderError> {
    match get(name) {
        None => Ok(None),
        Some(value) => std::str::from_utf8(value)
            .map(Some)
            .map_err(|_| HeaderError::Bad {
                name,
                problem: "expected UTF-8".into(),
            }),
    }
}

fn parsed<'a, T>(
    get: impl Fn(&str) -> Option<&'a [u8]>,
    name: &'static str,
) -> Result<Option<T>, HeaderError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text(get, name)?.map(|value| word(value, name)).transpose()
}

fn needed<T>(value: Option<T>, name: &'static str) -> Result<T, HeaderError> {
    value.ok_or(HeaderError::Missing { name })
}

/// The envelope of an event on a raw topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEnvelope {
    /// The producer's event id.
    pub id: EventId,
    /// Event type.
    pub event_type: EventType,
    /// The producing organisation.
    pub organisation: Organisation,
    /// When it happened.
    pub occurred_at: Instant,
    /// How finely that is known.
    pub precision: Precision,
    /// The event it replaces.
    pub supersedes: Option<EventId>,
    /// Id of the key the body is sealed with.
    pub key_id: String,
    /// `<subject>/<id>` of the schema.
    pub data_schema: String,
    /// Ids of the query rules that fired.
    pub queries: Vec<String>,
    /// W3C trace context.
    pub trace_parent: Option<String>,
}

impl RawEnvelope {
    /// The headers of the record.
    pub fn pairs(&self) -> Pairs {
        let mut pairs: Pairs = vec![
            (SPEC_VERSION, "1.0".into()),
            (ID, self.id.to_string()),
            (
                SOURCE,
                format!(
                    "/walbrook/{}/{}",
                    self.event_type.agency(),
                    self.organisation
                ),
            ),
            (TYPE, self.event_type.to_string()),
            (TIME, self.occurred_at.rfc3339()),
            (DATA_SCHEMA, self.data_schema.clone()),
            (CONTENT_TYPE, "application/avro".into()),
            (ORGANISATION, self.organisation.to_string()),
            (PRECISION, self.precision.to_string()),
            (KEY, self.key_id.clone()),
        ];
        if let Some(superseded) = self.supersedes {
            pairs.push((SUPERSEDES, superseded.to_string()));
        }
        if !self.queries.is_empty() {
            pairs.push((QUERIES, self.queries.join(",")));
        }
        if let Some(parent) = &self.trace_parent {
            pairs.push((TRACE_PARENT, parent.clone()));
        }
        pairs
    }

    /// Reads the headers of a raw record through a look-up by name.
    ///
    /// # Errors
    /// When a needed header is missing or one cannot be read.
    pub fn read<'a>(get: impl Fn(&str) -> Option<&'a [u8]>) -> Result<Self, HeaderError> {
        let time = needed(text(&get, TIME)?, TIME)?;
        Ok(Self {
            id: needed(parsed(&get, ID)?, ID)?,
            event_type: needed(parsed(&get, TYPE)?, TYPE)?,
            organisation: needed(parsed(&get, ORGANISATION)?, ORGANISATION)?,
            occurred_at: instant(time)?,
            precision: needed(parsed(&get, PRECISION)?, PRECISION)?,
            supersedes: parsed(&get, SUPERSEDES)?,
            key_id: needed(parsed(&get, KEY)?, KEY)?,
            data_schema: needed(parsed(&get, DATA_SCHEMA)?, DATA_SCHEMA)?,
            queries: text(&get, QUERIES)?
                .map(|ids| ids.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
            trace_parent: text(&get, TRACE_PARENT)?.map(str::to_owned),
        })
    }
}

/// The envelope of a release on a shared topic. There is nothing else on the record but key, body and a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseEnvelope {
    /// The purpose-local event id (UUIDv8).
    pub id: EventId,
    /// Event type.
    pub event_type: EventType,
    /// The source organisation.
    pub organisation: Organisation,
    /// When it happened, truncated to `precision`.
    pub occurred_at: Instant,
    /// The coarser of what was granted and what was known.
    pub precision: Precision,
    /// The purpose-local id of the event it replaces.
    pub supersedes: Option<EventId>,
    /// Id of the key the body is sealed with.
    pub key_id: String,
    /// `<subject>/<id>` of the shared schema.
    pub data_schema: String,
    /// The agreement it rests on.
    pub agreement: AgreementId,
    /// And its version.
    pub version: AgreementVersion,
    /// Handle pseudonym.
    pub handle: HandlePseudonym,
    /// Last London day it holds.
    pub not_after: Option<Day>,
    /// A new trace's context; never the raw one.
    pub trace_parent: Option<String>,
}

impl ReleaseEnvelope {
    /// The headers of the record.
    pub fn pairs(&self) -> Pairs {
        let mut pairs: Pairs = vec![
            (SPEC_VERSION, "1.0".into()),
            (ID, self.id.to_string()),
            (SOURCE, format!("/walbrook/{}", self.organisation)),
            (TYPE, self.event_type.to_string()),
            (TIME, self.occurred_at.rfc3339()),
            (DATA_SCHEMA, self.data_schema.clone()),
            (CONTENT_TYPE, "application/avro".into()),
            (ORGANISATION, self.organisation.to_string()),
            (PRECISION, self.precision.to_string()),
            (KEY, self.key_id.clone()),
            (AGREEMENT, format!("{}@{}", self.agreement, self.version)),
            (HANDLE, self.handle.to_string()),
        ];
        if let Some(superseded) = self.supersedes {
            pairs.push((SUPERSEDES, superseded.to_string()));
        }
        if let Some(day) = self.not_after {
            pairs.push((NOT_AFTER, day.to_string()));
        }
        if let Some(parent) = &self.trace_parent {
            pairs.push((TRACE_PARENT, parent.clone()));
        }
        pairs
    }

    /// Reads the headers of a release through a look-up by name.
    ///
    /// # Errors
    /// When a needed header is missing or one cannot be read.
    pub fn read<'a>(get: impl Fn(&str) -> Option<&'a [u8]>) -> Result<Self, HeaderError> {
        let head = ReleaseHead::read(&get)?;
        Ok(Self {
            id: head.id,
            event_type: word(head.event_type, TYPE)?,
            organisation: word(head.organisation, ORGANISATION)?,
            occurred_at: head.occurred_at,
            precision: head.precision,
            supersedes: head.supersedes,
            key_id: head.key_id.to_owned(),
            data_schema: head.data_schema.to_owned(),
            agreement: word(head.agreement, AGREEMENT)?,
            version: head.version,
            handle: head.handle,
            not_after: head.not_after,
            trace_parent: head.trace_parent.map(str::to_owned),
        })
    }
}

/// The envelope of a release as it stands on the record, its words not looked up yet: whoever reads millions has met them before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseHead<'a> {
    /// The purpose-local event id (UUIDv8).
    pub id: EventId,
    /// Event type.
    pub event_type: &'a str,
    /// The source organisation.
    pub organisation: &'a str,
    /// When it happened, truncated to `precision`.
    pub occurred_at: Instant,
    /// The coarser of what was granted and what was known.
    pub precision: Precision,
    /// The purpose-local id of the event it replaces.
    pub supersedes: Option<EventId>,
    /// Id of the key the body is sealed with.
    pub key_id: &'a str,
    /// `<subject>/<id>` of the shared schema.
    pub data_schema: &'a str,
    /// The agreement it rests on.
    pub agreement: &'a str,
    /// And its version.
    pub version: AgreementVersion,
    /// Handle pseudonym.
    pub handle: HandlePseudonym,
    /// Last London day it holds.
    pub not_after: Option<Day>,
    /// A new trace's context; never the raw one.
    pub trace_parent: Option<&'a str>,
}

impl<'a> ReleaseHead<'a> {
    /// Reads the headers of a release through a look-up by name.
    ///
    /// # Errors
    /// When a needed header is missing or one cannot be read.
    pub fn read(get: impl Fn(&str) -> Option<&'a [u8]>) -> Result<Self, HeaderError> {
        let time = needed(text(&get, TIME)?, TIME)?;
        let (agreement, version) = read_agreement(needed(text(&get, AGREEMENT)?, AGREEMENT)?)?;
        Ok(Self {
            id: needed(parsed(&get, ID)?, ID)?,
            event_type: needed(text(&get, TYPE)?, TYPE)?,
            organisation: needed(text(&get, ORGANISATION)?, ORGANISATION)?,
            occurred_at: instant(time)?,
            precision: needed(parsed(&get, PRECISION)?, PRECISION)?,
            supersedes: parsed(&get, SUPERSEDES)?,
            key_id: needed(text(&get, KEY)?, KEY)?,
            data_schema: needed(text(&get, DATA_SCHEMA)?, DATA_SCHEMA)?,
            agreement,
            version,
            handle: needed(parsed(&get, HANDLE)?, HANDLE)?,
            not_after: parsed(&get, NOT_AFTER)?,
            trace_parent: text(&get, TRACE_PARENT)?,
        })
    }
}

/// A word of a header.
///
/// # Errors
/// When it is none.
pub fn word<T>(text: &str, name: &'static str) -> Result<T, HeaderError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|problem: T::Err| HeaderError::Bad {
        name,
        problem: problem.to_string(),
    })
}

fn instant(time: &str) -> Result<Instant, HeaderError> {
    Instant::parse_rfc3339(time).map_err(|error| HeaderError::Bad {
        name: TIME,
        problem: error.to_string(),
    })
}

fn read_agreement(text: &str) -> Result<(&str, AgreementVersion), HeaderError> {
    let bad = |problem: &str| HeaderError::Bad {
        name: AGREEMENT,
        problem: problem.to_owned(),
    };
    let (id, version) = text
        .split_once('@')
        .ok_or_else(|| bad("expected <agreement id>@<version>"))?;
    let version = version
        .parse()
        .map_err(|_| bad("the version is no number"))?;
    Ok((id, AgreementVersion(version)))
}

/// The headers of an internal record (control, audit, shared helpers): its full name, who wrote it and when. `id` is a fresh UUID; shared topics
/// leave it out, since a random id would be one more thing to trace.
pub fn internal(
    full_name: &str,
    process: &str,
    written_at: Option<Instant>,
    id: Option<uuid::Uuid>,
) -> Pairs {
    let mut pairs: Pairs = vec![
        (SPEC_VERSION, "1.0".into()),
        (SOURCE, format!("/walbrook/{process}")),
        (TYPE, full_name.to_owned()),
        (CONTENT_TYPE, "application/avro".into()),
    ];
    if let Some(id) = id {
        pairs.push((ID, id.hyphenated().to_string()));
    }
    if let Some(at) = written_at {
        pairs.push((TIME, at.rfc3339()));
    }
    pairs
}
