//! Weights in thousandths of a bit, with integers only: the same on every machine.

/// Fractions of a bit are kept in steps of 2⁻¹⁶.
const STEPS: u64 = 1 << 16;

/// `log2(1 + i/256)` in steps of 2⁻¹⁶, i from 0 to 256.
const LOGS: [u32; 257] = logs();

/// `2^(2^k / 65,536)` with 32 binary digits after the point, k from 0 to 15.
const POWERS: [u64; 16] = powers();

const fn logs() -> [u32; 257] {
    let mut out = [0; 257];
    let mut i = 0;
    while i < 257 {
        // Squaring doubles the logarithm: each time the square passes 2 the next binary digit of the logarithm is 1.
        let mut x: u128 = ((256 + i as u128) << 62) / 256;
        let mut log = 0;
        let mut digit = 0;
        if i == 256 {
            log = 1 << 16;
        } else {
            while digit < 16 {
                x = (x * x) >> 62;
                log <<= 1;
                if x >= 2 << 62 {
                    x >>= 1;
                    log |= 1;
                }
                digit += 1;
            }
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "i is below the length; const code has no iterators"
        )]
        {
            out[i] = log;
        }
        i += 1;
    }
    out
}

const fn root(x: u128) -> u128 {
    let (mut low, mut high) = (0u128, 1u128 << 64);
    while low + 1 < high {
        let middle = (low + high) / 2;
        if middle * middle <= x {
            low = middle
        } else {
            high = middle
        }
    }
    low
}

const fn powers() -> [u64; 16] {
    let mut out = [0; 16];
    // 2^(1/2) first, each next one the root of the one before.
    let mut power: u128 = 2 << 48;
    let mut k = 16;
    while k > 0 {
        k -= 1;
        power = root(power << 48);
        #[expect(
            clippy::indexing_slicing,
            reason = "k is below the length; const code has no iterators"
        )]
        {
            out[k] = (power >> 16) as u64;
        }
    }
    out
}

/// Base-two logarithm in thousandths of a bit, rounded down; right to a thousandth or two. Zero counts as one.
pub(crate) fn log2_millibits(x: u64) -> i32 {
    let x = x.max(1);
    let whole = u64::from(x.ilog2());
    // The mantissa with 24 binary digits after the point.
    let mantissa = if whole >= 24 {
        x >> (whole - 24)
    } else {
        x << (24 - whole)
    };
    let fraction = mantissa & ((1 << 24) - 1);
    let (index, rest) = ((fraction >> 16) as usize, fraction & 0xFFFF);
    let low = u64::from(LOGS.get(index).copied().unwrap_or(0));
    let high = u64::from(LOGS.get(index + 1).copied().unwrap_or(0));
    let steps = low + (((high - low) * rest) >> 16);
    i32::try_from(whole * 1_000 + steps * 1_000 / STEPS).unwrap_or(i32::MAX)
}

/// Logarithm of a ratio, in thousandths of a bit.
pub(crate) fn ratio_millibits(over: u64, under: u64) -> i32 {
    log2_millibits(over) - log2_millibits(under)
}

/// One, as [`share`] counts.
pub(crate) const ONE: u64 = 1 << 30;

/// The probability that belongs to odds of `2^(millibits/1000)`, as a share of [`ONE`].
pub(crate) fn share(millibits: i32) -> u64 {
    let odds = odds(millibits.clamp(-30_000, 30_000));
    u64::try_from((odds << 30) / (odds + (1 << 64))).unwrap_or(ONE)
}

/// The probability that belongs to odds of `2^(millibits/1000)`, in ten-thousandths, rounded down: never 10,000.
pub(crate) fn probability_ten_thousandths(millibits: i32) -> i32 {
    let odds = odds(millibits.clamp(-20_000, 20_000));
    i32::try_from(odds * 10_000 / (odds + (1 << 64)))
        .unwrap_or(0)
        .min(9_999)
}

/// `2^(millibits/1000)` with 64 binary digits after the point; for at most ±30 bits.
fn odds(millibits: i32) -> u128 {
    let whole = millibits.div_euclid(1_000);
    let steps = u64::from(millibits.rem_euclid(1_000).unsigned_abs()) * STEPS / 1_000;
    let mut odds: u128 = 1 << 32;
    for (k, power) in POWERS.iter().enumerate() {
        if steps >> k & 1 == 1 {
            odds = (odds * u128::from(*power)) >> 32;
        }
    }
    if whole >= 0 {
        odds << (32 + whole)
    } else {
        (odds << 32) >> -whole
    }
}

/// The odds against two things together, of the odds against each: `−log2(2⁻ᵃ + 2⁻ᵇ)`, everything in thousandths of a bit.
pub(crate) fn against_both(a: i32, b: i32) -> i32 {
    let apart = a.abs_diff(b);
    if apart > 12_000 {
        return a.min(b);
    }
    let smaller = odds(-i32::try_from(apart).unwrap_or(0));
    let sum = u64::try_from(((1 << 64) + smaller) >> 32).unwrap_or(u64::MAX);
    a.min(b) - (log2_millibits(sum) - 32_000)
}

/// The smallest weight whose probability is at least `ten_thousandths`.
pub(crate) fn millibits_of(ten_thousandths: i32) -> i32 {
    let (mut low, mut high) = (-20_001, 20_000);
    while low + 1 < high {
        let middle = (low + high) / 2;
        if probability_ten_thousandths(middle) >= ten_thousandths {
            high = middle
        } else {
            low = middle
        }
    }
    high
}

#[cfg(test)]
mod tests;
