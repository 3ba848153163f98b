//! Chance: the few distributions that lives need, from one source of bits. Additions and products decide wherever they can, so that another
//! machine draws the same.

use crate::city::figures::Share;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A draw around 0 with deviation 1, nearly normal: twelve uniform draws added up.
pub fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

/// Whether something of this probability happens; below 0 never, above 1 always.
pub fn whether(rng: &mut ChaCha8Rng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

/// Whether something of this share happens.
pub fn of(rng: &mut ChaCha8Rng, share: Share) -> bool {
    rng.random_range(0..10_000) < share.ten_thousandths
}

/// How often something of this mean (at most 50) happens, at most `most` times: Poisson.
pub fn count(rng: &mut ChaCha8Rng, mean: f64, most: u32) -> u32 {
    let mean = mean.clamp(0.0, 50.0);
    let (mut times, mut left) = (0, rng.random::<f64>());
    let mut next = (-mean).exp();
    while left >= next && times < most {
        left -= next;
        times += 1;
        next *= mean / f64::from(times);
    }
    times
}

/// How often, where few have much of it: at least `least`, above x times the least with probability x to the power of −`tail`.
pub fn heavy(rng: &mut ChaCha8Rng, least: u32, tail: f64, most: u32) -> u32 {
    let drawn = (1.0 - rng.random::<f64>()).powf(-1.0 / tail) * f64::from(least);
    // Beyond `most` the cast would saturate anyway.
    number(drawn.min(f64::from(most)))
}

/// Days until something that happens at any time alike, on average after `mean` days; at least one.
pub fn days_until(rng: &mut ChaCha8Rng, mean: f64) -> i32 {
    let days = -(1.0 - rng.random::<f64>()).ln() * mean;
    i32::try_from(number(days.min(40_000.0)))
        .unwrap_or(i32::MAX)
        .max(1)
}

/// One of a list by weight.
pub fn weighted<T: Copy>(rng: &mut ChaCha8Rng, list: &[(T, u32)], otherwise: T) -> T {
    let total: u32 = list.iter().map(|(_, weight)| weight).sum();
    let mut drawn = rng.random_range(0..total.max(1));
    for (one, weight) in list {
        if drawn < *weight {
            return *one;
        }
        drawn -= weight;
    }
    otherwise
}

/// The whole part of a number that is held to what fits first.
fn number(drawn: f64) -> u32 {
    drawn.clamp(0.0, f64::from(u32::MAX)) as u32
}
