//! Expectation and maximisation.

use super::pairs::{Alike, Pairs, Seen, see};
use super::start;
use crate::bits::{ONE, share};
use crate::features::Features;
use crate::frequency::Value;
use crate::level::{FIELDS, Field, birth};
use crate::model::{BILLION, FieldModel, Held, MATCH, Model, Parameters, Scored};

/// How many pairs of one person the usual distribution of m counts for.
const USUAL_PAIRS: u64 = 10;

/// How many pairs drawn by chance the usual distribution of u counts for.
const USUAL_DRAWN: u64 = 200;

/// How many pairs of one family the usual distribution of r counts for.
const USUAL_RELATIVES: u64 = 50;

/// No level is rarer than this between people of one family, in billionths.
const LEAST_R: u64 = 100_000;

/// No level is rarer than this between two people, in billionths.
const LEAST_U: u64 = 50;

/// No level is rarer than this between records of one person, in billionths.
const LEAST_M: u64 = 100_000;

/// Rounds until nothing moves, then the thresholds.
pub(super) fn run(pairs: &Pairs, start: Parameters, rounds: u32) -> Model {
    let mut model = Model::new(start);
    let mut found = Found::default();
    for _ in 0..rounds.max(1) {
        found = expect(pairs, &model);
        let next = Model::new(maximise(pairs, &found, model.parameters()));
        let moved = moved(&model, &next);
        model = next;
        if moved < 1_000 {
            break;
        }
    }
    let mut parameters = model.parameters().clone();
    (parameters.automatic, parameters.automatic_precision) = found.threshold();
    Model::new(parameters)
}

/// What a round finds. Shares are of [`ONE`].
struct Found {
    /// Shares of pairs that are of one person, by level.
    same: Seen,
    /// All of them.
    total: u64,
    /// Shares of pairs that are of one family, by level, and all of them.
    family: Seen,
    family_total: u64,
    /// By probability from 9,500 on: pairs that nothing holds back, and their shares.
    sure: Vec<(u64, u64)>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            same: Seen::default(),
            total: 0,
            family: Seen::default(),
            family_total: 0,
            sure: vec![(0, 0); 501],
        }
    }
}

fn expect(pairs: &Pairs, model: &Model) -> Found {
    let mut found = Found::default();
    for alike in &pairs.candidates {
        let Alike { levels, times, .. } = *alike;
        // All that the values of the two would be asked for stands with the pair.
        let nothing = &Features::NOTHING;
        let odds = model.odds(levels, nothing, nothing, &pairs.common(alike));
        let scored = Scored::of(levels, odds);
        // People of one family share nearly all, people of one language names: whatever else such pairs are, they are not where records of one person
        // are learnt from.
        let share = match scored.held {
            Some(Held::BirthsDiffer | Held::NamesAlone) => 0,
            Some(Held::GivenNamesDiffer) if levels.at(Field::Birth) > birth::YEAR => 0,
            _ => self::share(scored.millibits) * times,
        };
        see(&mut found.same, levels, share);
        found.total += share;
        let relatives = self::share(odds.of_one_family()) * times;
        see(&mut found.family, levels, relatives);
        found.family_total += relatives;
        let above = usize::try_from(scored.probability_ten_thousandths - MATCH);
        if let (Ok(above), None) = (above, scored.held)
            && let Some((count, shares)) = found.sure.get_mut(above)
        {
            *count += times;
            *shares += share;
        }
    }
    found
}

impl Found {
    /// The least probability, from 0.95, at which pairs that are at least so sure are of one person in 99 of 100 cases; and the precision there.
    fn threshold(&self) -> (i32, i32) {
        let (mut count, mut shares) = (0u64, 0u64);
        let mut best = (9_999, 0);
        for (above, (more, sure)) in self.sure.iter().enumerate().rev() {
            count += more;
            shares += sure;
            if count == 0 {
                continue;
            }
            let precision = shares / count * 10_000 / ONE;
            if precision >= 9_900 {
                let above = i32::try_from(above).unwrap_or(0);
                best = (
                    (MATCH + above).min(9_999),
                    i32::try_from(precision).unwrap_or(0),
                );
            }
        }
        best
    }
}

fn maximise(pairs: &Pairs, found: &Found, before: &Parameters) -> Parameters {
    let mut next = before.clone();
    let records = u64::from(before.trained.records).max(1);
    let per_record = |total: u64| {
        let shares = u128::from(total) * u128::from(pairs.each) * 2_000_000 / u128::from(ONE);
        let millionths = u64::try_from(shares / u128::from(records)).unwrap_or(u64::MAX);
        millionths.clamp(1_000, 1_000_000_000)
    };
    next.others_millionths = per_record(found.total);
    if before.relatives_millionths > 0 {
        next.relatives_millionths = per_record(found.family_total);
    }
    let seen = found.same.iter().zip(&found.family).zip(&pairs.drawn);
    for ((slot, field), ((same, family), drawn)) in next.fields.iter_mut().zip(Field::ALL).zip(seen)
    {
        let Some(distributions) = slot else { continue };
        let levels = field.levels().len();
        let usual = start::field(field);
        let same = same.get(..levels).unwrap_or_default();
        let family = family.get(..levels).unwrap_or_default();
        distributions.m = distribution(same, &usual.m, USUAL_PAIRS, LEAST_M);
        distributions.r = distribution(family, &usual.r, USUAL_RELATIVES, LEAST_R);
        // Of one person or one family: what is left are strangers.
        let close: Vec<u64> = same.iter().zip(family).map(|(a, b)| a + b).collect();
        let less = |(drawn, close): (&u64, &u64)| {
            (drawn * ONE).saturating_sub(if pairs.all { *close } else { 0 })
        };
        let strangers: Vec<u64> = drawn.iter().zip(&close).map(less).collect();
        distributions.u = distribution(&strangers, &usual.u, USUAL_DRAWN, LEAST_U);
        if !pairs.all {
            coincidences(field, pairs, &close, &mut distributions.u);
        }
        in_order(field, distributions);
    }
    next
}

/// Shares as billionths, the usual distribution counted in for so many.
fn distribution(seen: &[u64], usual: &[u64], for_many: u64, least: u64) -> Vec<u64> {
    let total = u128::from(seen.iter().sum::<u64>()) + u128::from(for_many * ONE);
    let share = |(seen, usual): (&u64, &u64)| {
        let seen = u128::from(*seen) * u128::from(BILLION)
            + u128::from(for_many * ONE) * u128::from(*usual);
        u64::try_from(seen / total.max(1))
            .unwrap_or(BILLION)
            .clamp(least, BILLION)
    };
    seen.iter().zip(usual).map(share).collect()
}

/// Exact agreement between two people is too rare to be seen often in a draw: it is counted over all records instead, less what is of one person.
fn coincidences(field: Field, pairs: &Pairs, same: &[u64], u: &mut [u64]) {
    let counted: &[(usize, Value)] = match field {
        Field::Given => &[(0, Value::Given)],
        Field::Family => &[(0, Value::Family)],
        Field::Place => &[(0, Value::Uprn), (1, Value::Postcode)],
        Field::Email => &[(0, Value::Email)],
        Field::Town | Field::Birth | Field::Relatives => &[],
    };
    for (level, what) in counted {
        let (agree, both) = pairs.same(*what);
        let of_one = same.get(*level).map_or(0, |shares| {
            u128::from(*shares) * u128::from(pairs.each) / u128::from(ONE)
        });
        let strangers = u128::from(agree).saturating_sub(of_one);
        if let Some(slot) = u.get_mut(*level)
            && both > 0
        {
            let counted = strangers * u128::from(BILLION) / u128::from(both);
            *slot = u64::try_from(counted)
                .unwrap_or(BILLION)
                .clamp(LEAST_U, BILLION);
        }
    }
}

/// Less alike never says more: neighbours that are the wrong way round share their weight.
fn in_order(field: Field, of: &mut FieldModel) {
    // Runs of levels: (m, u, how many levels).
    let mut runs: Vec<(u64, u64, usize)> = Vec::new();
    for (m, u) in of.m.iter().zip(&of.u).take(field.ordered()) {
        runs.push((*m, *u, 1));
        while let [.., (m1, u1, n1), (m2, u2, n2)] = *runs.as_slice()
            && u128::from(m2) * u128::from(u1) > u128::from(m1) * u128::from(u2)
        {
            runs.truncate(runs.len() - 2);
            runs.push((m1 + m2, u1 + u2, n1 + n2));
        }
    }
    let mut levels = of.m.iter_mut().zip(&of.u);
    for (m, u, count) in runs {
        for (slot, own) in levels.by_ref().take(count).filter(|_| count > 1) {
            *slot = u64::try_from(u128::from(*own) * u128::from(m) / u128::from(u.max(1)))
                .unwrap_or(BILLION)
                .clamp(1, BILLION);
        }
    }
}

/// How far m moved at most, in billionths.
fn moved(before: &Model, after: &Model) -> u64 {
    let fields = |model: &Model| model.parameters().fields.clone();
    let mut most = before
        .parameters()
        .others_millionths
        .abs_diff(after.parameters().others_millionths)
        * 100;
    for (a, b) in fields(before)
        .iter()
        .flatten()
        .zip(fields(after).iter().flatten())
    {
        most =
            a.m.iter()
                .zip(&b.m)
                .map(|(x, y)| x.abs_diff(*y))
                .max()
                .unwrap_or(0)
                .max(most);
    }
    most
}

const _: () = assert!(
    FIELDS == 6,
    "each field has its usual distribution in start.rs"
);
