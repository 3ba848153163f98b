//! `project.gb_per_s` and `project.vs_apache_avro`: raw bodies to shared bodies on one core, by the flat program and by decoding, editing and encoding
//! with apache-avro.
//!
//! Bodies are those of [`crate::wide`] events, each another one, under the grant of its agreements (four fields of twelve) at day precision. The
//! time covers what the loop does for a release: finding the fields, which checks that the body is a whole record, and writing the shared body. Bytes are
//! those of the raw bodies. Every shared body of a run is compared with apache-avro's.

use crate::figure::{Better, Figure, Reference, load_average};
use crate::wide::{self, Wide};
use crate::{Args, NoFigure, RUNS, demand};
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
const BODIES: usize = 200_000;
/// How often the program goes over them; apache-avro once.
const ROUNDS: usize = 10;

/// Runs it for the names wanted.
///
/// # Errors
/// Why there is no figure.
pub fn run(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let load = load_average();
    let wide = Wide::new(10_000, args.seed)?;
    let projection = Projection::new(CareEpisode::SCHEMA, CareEpisode::SHARED_SCHEMA)?;
    let mask = projection
        .fields()
        .enumerate()
        .filter(|(_, field)| wide::GRANTED.contains(field))
        .fold(0, |mask, (bit, _)| mask | 1_u64 << bit);
    let (mut speeds, mut plain_speeds, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=RUNS {
        let bodies = wide
            .events(u64::try_from(number)?, BODIES)
            .map(|event| event.body())
            .collect::<Result<Vec<_>, _>>()?;
        let bytes: usize = bodies.iter().map(Vec::len).sum();
        let (program, made) = by_program(&projection, &bodies, mask)?;
        let (plain, expected) = by_avro(&projection, &bodies, mask)?;
        demand(made == expected, || {
            "the program writes other bytes than apache-avro".to_owned()
        })?;
        let (speed, plain_speed) = (gb(bytes * ROUNDS, program), gb(bytes, plain));
        eprintln!(
            "{SPEED} run {number}: {speed:.2} GB/s, apache-avro {plain_speed:.3} GB/s; {} bytes a body",
            bytes / BODIES
        );
        speeds.push(speed);
        plain_speeds.push(plain_speed);
        ratios.push(speed / plain_speed);
    }
    let figure = |name, unit, values, reference| Figure {
        name,
        unit,
        better: Better::Higher,
        values,
        reference,
        workload_hash: wide.hash(),
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
