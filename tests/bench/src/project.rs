//! `project.gb_per_s` and `project.vs_apache_avro`: raw bodies to shared bodies on one core, by the flat program and by decoding, editing and encoding
//! with apache-avro.
//!
//! Events have eighteen fields and 200 to 300 bytes, and eight fields are projected away. No shipped event type has more than twelve fields, so the
//! schema is made from the widest one's shape ([`CareEpisode`]): its twelve fields and the first six again, every one filled, texts of 8 to 32
//! characters, as references and codes are. The time covers what the loop does for a release: finding the fields, which checks that the body is a whole
//! record, and writing the shared body. Bytes are those of the raw bodies, each another one. Every shared body of a run is compared with apache-avro's.
//! The speed with the shipped type itself, whose bodies are short, is printed beside it.

use crate::figure::{Better, Figure, Reference, load_average};
use crate::wide::{self, Wide};
use crate::{Args, NoFigure, RUNS, demand};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Instant as Monotonic;
use walbrook_domain::Precision;
use walbrook_event::Projection;
use walbrook_proto::avro::{AvroEvent, AvroRecord};
use walbrook_proto::social_care::v1::CareEpisode;

/// Raw bytes a second.
pub const SPEED: &str = "project.gb_per_s";
/// How many times as fast as apache-avro.
pub const VS_AVRO: &str = "project.vs_apache_avro";
/// Bodies of a run.
const BODIES: usize = 100_000;
/// How often the program goes over them; apache-avro once.
const ROUNDS: usize = 10;
/// Fields of an event, and the places of those that are projected away.
const FIELDS: usize = 18;
const WITHHELD: [usize; 8] = [1, 3, 5, 8, 10, 12, 14, 17];
/// Bytes of a body, on average, and characters of a text.
const BYTES: std::ops::RangeInclusive<usize> = 200..=300;
const CHARACTERS: std::ops::RangeInclusive<usize> = 8..=32;

/// Runs it for the names wanted.
///
/// # Errors
/// Why there is no figure.
pub fn run(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let load = load_average();
    let raw = widened(CareEpisode::SCHEMA)?;
    let projection = Projection::new(
        &raw.to_string(),
        &widened(CareEpisode::SHARED_SCHEMA)?.to_string(),
    )?;
    let mask = (0..FIELDS)
        .filter(|field| !WITHHELD.contains(field))
        .fold(0, |mask, field| mask | 1_u64 << field);
    let shipped = Wide::new(10_000, args.seed)?;
    let mut hash = Sha256::new();
    let (mut speeds, mut plain_speeds, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=RUNS {
        let run = u64::try_from(number)?;
        let bodies = bodies(&raw, args.seed.wrapping_mul(1_000_003) ^ run)?;
        bodies.iter().for_each(|body| hash.update(body));
        let (speed, plain, bytes) = speeds_of(&projection, &bodies, mask)?;
        demand(BYTES.contains(&bytes), || format!("{bytes} bytes a body"))?;
        eprintln!(
            "{SPEED} run {number}: {speed:.2} GB/s, apache-avro {plain:.3} GB/s; {bytes} bytes a body"
        );
        as_shipped(&shipped, run)?;
        speeds.push(speed);
        plain_speeds.push(plain);
        ratios.push(speed / plain);
    }
    let workload_hash = hex::encode(hash.finalize());
    let figure = |name, unit, values, reference| Figure {
        name,
        unit,
        better: Better::Higher,
        values,
        reference,
        workload_hash: workload_hash.clone(),
        load_average: load,
    };
    let reference = Some(Reference {
        name: "apache-avro: decode, edit, encode",
        values: plain_speeds,
    });
    let mut figures = vec![
        figure(SPEED, "GB/s", speeds, reference),
        figure(VS_AVRO, "times", ratios, None),
    ];
    figures.retain(|figure| wanted.contains(&figure.name));
    Ok(figures)
}

/// The speed with care episodes as they are shipped, under the grant of [`wide::agreements`]: for the reader, no figure.
fn as_shipped(wide: &Wide, run: u64) -> Result<(), NoFigure> {
    let projection = Projection::new(CareEpisode::SCHEMA, CareEpisode::SHARED_SCHEMA)?;
    let mask = projection
        .fields()
        .enumerate()
        .filter(|(_, field)| wide::GRANTED.contains(field))
        .fold(0, |mask, (bit, _)| mask | 1_u64 << bit);
    let bodies = wide
        .events(run, BODIES)
        .map(|event| event.body())
        .collect::<Result<Vec<_>, _>>()?;
    let (speed, plain, bytes) = speeds_of(&projection, &bodies, mask)?;
    eprintln!(
        "{SPEED} with the shipped care episode: {speed:.2} GB/s, apache-avro {plain:.3} GB/s; {bytes} bytes a body"
    );
    Ok(())
}

/// GB a second by the program and by apache-avro, and the bytes of a body. Their outputs are the same.
fn speeds_of(
    projection: &Projection,
    bodies: &[Vec<u8>],
    mask: u64,
) -> Result<(f64, f64, usize), NoFigure> {
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    let (program, made) = by_program(projection, bodies, mask)?;
    let (plain, expected) = by_avro(projection, bodies, mask)?;
    demand(made == expected, || {
        "the program writes other bytes than apache-avro".to_owned()
    })?;
    let mean = bytes / bodies.len().max(1);
    Ok((gb(bytes * ROUNDS, program), gb(bytes, plain), mean))
}

/// A record schema with its first fields once more under other names, to [`FIELDS`] of them.
fn widened(schema: &str) -> Result<Value, NoFigure> {
    let mut schema: Value = serde_json::from_str(schema)?;
    let fields = schema.get_mut("fields").and_then(Value::as_array_mut);
    let fields = fields.ok_or_else(|| NoFigure("the schema has no fields".to_owned()))?;
    let again: Vec<Value> = fields.iter().take(FIELDS - fields.len()).cloned().collect();
    for mut field in again {
        let name = field.get("name").and_then(Value::as_str).unwrap_or("field");
        let other = json!(format!("{name}_again"));
        if let Some(field) = field.as_object_mut() {
            field.insert("name".to_owned(), other);
        }
        fields.push(field);
    }
    demand(fields.len() == FIELDS, || {
        format!("{} fields instead of {FIELDS}", fields.len())
    })?;
    Ok(schema)
}

/// Bodies of the schema, every field filled.
fn bodies(schema: &Value, seed: u64) -> Result<Vec<Vec<u8>>, NoFigure> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let fields = schema.get("fields").and_then(Value::as_array);
    let types: Vec<&Value> = fields
        .into_iter()
        .flatten()
        .filter_map(|field| field.get("type"))
        .collect();
    (0..BODIES)
        .map(|_| {
            let mut body = Vec::with_capacity(*BYTES.end());
            for kind in &types {
                filled(kind, &mut rng, &mut body)?;
            }
            Ok(body)
        })
        .collect()
}

fn filled(kind: &Value, rng: &mut ChaCha8Rng, body: &mut Vec<u8>) -> Result<(), NoFigure> {
    if let Some([_, inner]) = kind.as_array().map(Vec::as_slice) {
        wide::number(body, 1);
        return filled(inner, rng, body);
    }
    let logical = kind.get("logicalType").and_then(Value::as_str);
    match logical.or(kind.as_str()) {
        Some("string") => {
            let length = rng.random_range(CHARACTERS);
            let text: String = (0..length)
                .map(|_| char::from(rng.random_range(b'A'..=b'Z')))
                .collect();
            wide::text(body, &text);
        }
        Some("date") => wide::number(body, rng.random_range(17_000..20_500)),
        Some("int") => wide::number(body, rng.random_range(5..300)),
        Some("boolean") => body.push(u8::from(rng.random_bool(0.5))),
        other => return Err(NoFigure(format!("a field is of the type {other:?}"))),
    }
    Ok(())
}

fn by_program(
    projection: &Projection,
    bodies: &[Vec<u8>],
    mask: u64,
) -> Result<(f64, Vec<u8>), NoFigure> {
    let mut out = Vec::with_capacity(bodies.iter().map(Vec::len).sum());
    let began = Monotonic::now();
    for _ in 0..ROUNDS {
        out.clear();
        for body in bodies {
            let layout = projection.layout(body)?;
            projection.project_into(body, &layout, mask, Precision::Day, &mut out)?;
        }
    }
    Ok((began.elapsed().as_secs_f64(), out))
}

fn by_avro(
    projection: &Projection,
    bodies: &[Vec<u8>],
    mask: u64,
) -> Result<(f64, Vec<u8>), NoFigure> {
    let mut out = Vec::with_capacity(bodies.iter().map(Vec::len).sum());
    let began = Monotonic::now();
    for body in bodies {
        out.extend(projection.project_plainly(body, mask, Precision::Day)?);
    }
    Ok((began.elapsed().as_secs_f64(), out))
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn gb(bytes: usize, seconds: f64) -> f64 {
    bytes as f64 / 1e9 / seconds
}
