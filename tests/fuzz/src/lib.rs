//! Every decoder that reads bytes from outside, fed with broken ones: frames of gRPC, Avro bodies, raw records, control records, the readers of importers,
//! FHIR, tokens, agreements, views.
//!
//! The tools that watch coverage need a nightly compiler; this is the plain way on a stable one: a seed chooses an input of the kept corpus
//! (`tests/fuzz/corpus/<target>`), breaks it in one to eight ways (bits, lengths, splices of two inputs, words that mean something to the decoder, nesting,
//! a thousand repetitions) and demands that the decoder neither panics nor takes long, and that what it does accept keeps its law. `cargo test` replays
//! the corpus and a few thousand broken inputs; the nightly run goes on for a stated time. An input that breaks a law is printed and written to the corpus.

pub mod broken;
pub mod places;
pub mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// No input may take longer, even where our own code is not optimised.
const LONGEST: Duration = Duration::from_secs(5);

/// A decoder and the law of what it accepts: panics where it is broken.
#[derive(Clone, Copy)]
pub struct Target {
    /// The folder of its corpus.
    pub name: &'static str,
    /// Reads one input.
    pub run: fn(&[u8]),
    /// Words that mean something to it.
    pub words: &'static [&'static [u8]],
}

/// When a run ends.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After so many inputs.
    Inputs(u32),
    /// After so long.
    Elapsed(Duration),
}

/// An input that a target cannot take.
#[derive(Debug)]
pub struct Fault {
    /// What happened.
    pub what: String,
    /// Where the input was written.
    pub kept: PathBuf,
}

/// Replays the corpus, then breaks it; how many inputs were read.
///
/// # Errors
/// The first input that breaks a law.
pub fn run(target: &Target, seed: u64, until: Until) -> Result<u32, Fault> {
    let corpus = places::corpus(target.name);
    let mut inputs = 0;
    for (_, input) in &corpus {
        one(target, input)?;
        inputs += 1;
    }
    let corpus: Vec<Vec<u8>> = corpus.into_iter().map(|(_, input)| input).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let began = Instant::now();
    let mut broken = 0;
    loop {
        let over = match until {
            Until::Inputs(most) => broken >= most,
            Until::Elapsed(most) => began.elapsed() >= most,
        };
        if over {
            return Ok(inputs + broken);
        }
        one(target, &broken::input(&corpus, target.words, &mut rng))?;
        broken += 1;
    }
}

fn one(target: &Target, input: &[u8]) -> Result<(), Fault> {
    let began = Instant::now();
    let read = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let took = began.elapsed();
    let what = match read {
        Err(_) => "panicked".to_owned(),
        Ok(()) if took > LONGEST => format!("took {:.1} s", took.as_secs_f64()),
        Ok(()) => return Ok(()),
    };
    let kept = places::keep(target.name, input);
    Err(Fault { what, kept })
}
