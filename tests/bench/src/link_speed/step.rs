//! The linking step by itself: how long one new record takes among as many as are held, without a call or a commit.

use super::city::{Load, number, token};
use crate::{NoFigure, demand};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Instant as Monotonic;
use walbrook_domain::Organisation;
use walbrook_identity::linkage::{
    Answer, Command, Core, Entropy, Index, LinkItem, MatchingCover, Rules, Turn, wire,
};
use walbrook_proto::identity::v1 as proto;

/// New records that are measured.
const NEW: usize = 20_000;
/// Steps of one batch.
const BATCH: usize = 1_000;

/// One agreement covers all.
struct All;

impl MatchingCover for All {
    fn covers(&self, _: &Organisation, _: &Organisation) -> bool {
        true
    }
}

struct Ids(ChaCha8Rng);

impl Entropy for Ids {
    fn id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        self.0.fill_bytes(&mut id);
        id
    }
}

/// The 99th percentile, of records that a further organisation holds about people who are known, each with what it holds.
pub fn p99_ms(load: &Load) -> Result<f64, NoFigure> {
    let mut core = Core::new(Index::default(), Rules::default());
    let mut ids = Ids(ChaCha8Rng::seed_from_u64(1));
    let now = crate::town::today().start();
    let began = Monotonic::now();
    let mut step = |core: &mut Core, item: proto::LinkItem| -> Result<f64, NoFigure> {
        let command = Command::Link(read(item)?);
        let began = Monotonic::now();
        let turn = Turn {
            now,
            entropy: &mut ids,
            cover: &All,
        };
        let linked = core.step(command, turn);
        let took = began.elapsed().as_secs_f64();
        demand(matches!(linked, Ok(Answer::Linked(_))), || {
            "a record was not linked".to_owned()
        })?;
        Ok(took)
    };
    let mut steps = 0.0;
    for items in load.items().chunks(BATCH) {
        for item in items {
            steps += step(&mut core, item.clone())?;
        }
        core.committed();
    }
    eprintln!(
        "link step: {} records in {:.1} s, {:.1} µs a step; {} persons",
        load.len(),
        began.elapsed().as_secs_f64(),
        steps * 1e6 / load.count(),
        core.index().person_count()
    );
    let mut took = Vec::with_capacity(NEW);
    for at in 0..NEW {
        let mut item = load.item(at * load.len() / NEW);
        item.token = token("new", at);
        item.organisation = "GSS:E12000007".to_owned();
        took.push(step(&mut core, item)? * 1e3);
        if at % BATCH == 0 {
            core.committed();
        }
    }
    took.sort_by(f64::total_cmp);
    let at = |thousandths: usize| took.get(took.len() * thousandths / 1_000).copied();
    let mean = took.iter().sum::<f64>() / number(took.len());
    eprintln!(
        "link step at {} held: mean {mean:.3} ms, p50 {:.3}, p99 {:.3}, p99.9 {:.3}, longest {:.3} ms",
        load.len(),
        at(500).unwrap_or(0.0),
        at(990).unwrap_or(0.0),
        at(999).unwrap_or(0.0),
        took.last().copied().unwrap_or(0.0)
    );
    at(990).ok_or_else(|| NoFigure("no step was measured".to_owned()))
}

fn read(item: proto::LinkItem) -> Result<LinkItem, NoFigure> {
    let stated = item.demographics.map(wire::stated).transpose()?;
    Ok(LinkItem {
        token: wire::token(&item.token)?,
        organisation: item.organisation.parse()?,
        agency: item.agency,
        id_scheme: item.id_scheme,
        stated,
        previous: None,
    })
}
