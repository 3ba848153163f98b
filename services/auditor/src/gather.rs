//! Reading a whole log that others may be writing, in an order that lets every part be held against the others.
//!
//! 1. Checkpoints, then notices, reads and removals: what they speak of is read after them.
//! 2. Everything a decision page demands (`shared.*`, `open.*`, quarantine) to its end now, *then* the ends of `audit.decisions`: so whatever was
//!    read there has its committed page in what is read next.
//! 3. The rest of what pages demand, to a later end: so whatever a page demands is there. What stands between the two ends may belong to a page
//!    that is not read any more, so it is no difference when nothing demands it.
//! 4. What decisions follow from: raw records, links, the control plane. Nothing is decided from a record that comes later than its page.

use std::collections::BTreeSet;

use walbrook_event::dataset::{DatasetSchema, is_foreign};
use walbrook_event::framing::unframe;
use walbrook_event::headers;
use walbrook_eventlog::{Namespace, Record, chain, topics};
use walbrook_policy::agreement::{Agreement, Delivery};
use walbrook_proto::avro::AvroRecord as _;
use walbrook_proto::control::v1::{AgreementProposed, AgreementSigned, PinSet};

use crate::error::AuditError;
use crate::source::{LogSource, Stretch};

/// How far a partition was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Topic without the namespace.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Next offset of the first pass: everything below must be accounted for by what was read after it.
    pub settled: i64,
    /// Next offset of the last pass.
    pub end: i64,
}

impl Span {
    fn stretch(&self, from: i64, end: i64) -> Stretch {
        Stretch {
            topic: self.topic.clone(),
            partition: self.partition,
            from,
            end,
        }
    }
}

/// Reads the log once and visits every record, in order within each partition.
///
/// # Errors
/// When the log cannot be read.
pub fn gather(
    source: &mut dyn LogSource,
    visit: &mut dyn FnMut(Record),
) -> Result<Vec<Span>, AuditError> {
    // Checkpoints speak of notices and reads, notices of reads and removals: an end is asked for before the ends of what is spoken of.
    let said: Vec<String> = [
        topics::CHECKPOINTS,
        topics::NOTICES,
        topics::READS,
        topics::REMOVALS,
    ]
    .map(str::to_owned)
    .to_vec();
    let mut demanded = plain(|topic| {
        ["shared.", "open.", "quarantine."]
            .iter()
            .any(|kind| topic.starts_with(kind))
    });
    let causes = plain(|topic| topic.starts_with("raw.") || topic.starts_with("control."));

    for dataset in datasets(source)? {
        let topic = topics::open(&dataset);
        if !demanded.contains(&topic) {
            demanded.push(topic);
        }
    }

    demanded.extend(later_generations(source)?);

    // Rows on topics stand with their disclosures: an end is asked for before the reads' end, and a later one after it.
    let views = views(source)?;
    let mut delivered = first(source, &views, visit)?;
    let mut spans = first(source, &said, visit)?;
    further(source, &mut delivered, visit)?;
    spans.extend(delivered);
    let mut open = first(source, &demanded, visit)?;
    spans.extend(first(source, &[topics::DECISIONS.to_owned()], visit)?);
    further(source, &mut open, visit)?;
    spans.extend(open);
    spans.extend(first(source, &causes, visit)?);
    Ok(spans)
}

/// Reads on to an end that is asked for now.
fn further(
    source: &mut dyn LogSource,
    spans: &mut [Span],
    visit: &mut dyn FnMut(Record),
) -> Result<(), AuditError> {
    for span in spans.iter_mut() {
        span.end = source.end(&span.topic, span.partition)?.max(span.settled);
    }
    let rest: Vec<Stretch> = spans
        .iter()
        .map(|span| span.stretch(span.settled, span.end))
        .collect();
    source.read_all(&rest, visit)
}

/// The topics of organisations' rows: of every view that a version of an agreement ever delivered, for everybody who ever signed.
fn views(source: &mut dyn LogSource) -> Result<Vec<String>, AuditError> {
    let (mut named, mut signed) = (BTreeSet::new(), BTreeSet::new());
    let agreements = [topics::AGREEMENTS.to_owned()];
    first(source, &agreements, &mut |record| {
        let kind = record.headers.text(headers::TYPE);
        let Ok((_, body)) = unframe(record.value.as_deref()) else {
            return;
        };
        if kind == Some(AgreementProposed::FULL_NAME)
            && let Ok(one) = AgreementProposed::decode_exact(body)
            && let Ok(agreement) = Agreement::read(&one.text)
        {
            let readers = agreement.readers.into_iter();
            let delivered = readers.filter(|reader| reader.delivery == Delivery::Topic);
            named.extend(delivered.map(|reader| reader.view));
        } else if kind == Some(AgreementSigned::FULL_NAME)
            && let Ok(one) = AgreementSigned::decode_exact(body)
        {
            signed.insert(one.party);
        }
    })?;
    let mut found = Vec::new();
    for (view, party) in named
        .iter()
        .flat_map(|view| signed.iter().map(move |party| (view, party)))
    {
        let topic = party
            .split_once(':')
            .and_then(|organisation| topics::view(view, organisation));
        if let Some(topic) = topic
            && source.partitions(&topic)? > 0
        {
            found.push(topic);
        }
    }
    Ok(found)
}

/// The datasets of others that are registered now: their topics are in no table.
fn datasets(source: &mut dyn LogSource) -> Result<BTreeSet<String>, AuditError> {
    let mut found = BTreeSet::new();
    let agreements = [topics::AGREEMENTS.to_owned()];
    first(source, &agreements, &mut |record| {
        let of_pin = record.headers.text(headers::TYPE) == Some(PinSet::FULL_NAME);
        let body = unframe(record.value.as_deref()).ok().filter(|_| of_pin);
        let pin = body.and_then(|(_, body)| PinSet::decode_exact(body).ok());
        let foreign = pin.filter(|pin| is_foreign(&pin.name));
        if let Some(schema) = foreign.and_then(|pin| DatasetSchema::read(&pin.content).ok()) {
            found.insert(schema.dataset().to_owned());
        }
    })?;
    Ok(found)
}

/// The generations of purposes' topics beyond the first: they are in no table.
fn later_generations(source: &mut dyn LogSource) -> Result<Vec<String>, AuditError> {
    let mut found = Vec::new();
    for purpose in topics::PURPOSES {
        for generation in chain::FIRST + 1.. {
            let topic = chain::topic(purpose, generation);
            if source.partitions(&topic)? == 0 {
                break;
            }
            found.push(topic);
        }
    }
    Ok(found)
}

/// The topics of the table that are wanted, without a namespace.
fn plain(wanted: impl Fn(&str) -> bool) -> Vec<String> {
    topics::table(&Namespace::new(""), 1)
        .into_iter()
        .map(|topic| topic.plain)
        .filter(|topic| wanted(topic))
        .collect()
}

fn first(
    source: &mut dyn LogSource,
    topics: &[String],
    visit: &mut dyn FnMut(Record),
) -> Result<Vec<Span>, AuditError> {
    let mut spans = Vec::new();
    for topic in topics {
        // A dataset's topic may be newer than what this process was told of topics; it has one partition.
        let least = i32::from(topic.starts_with("open."));
        for partition in 0..source.partitions(topic)?.max(least) {
            let end = source.settled(topic, partition)?;
            spans.push(Span {
                topic: topic.clone(),
                partition,
                settled: end,
                end,
            });
        }
    }
    let whole: Vec<Stretch> = spans.iter().map(|span| span.stretch(0, span.end)).collect();
    source.read_all(&whole, visit)?;
    Ok(spans)
}
