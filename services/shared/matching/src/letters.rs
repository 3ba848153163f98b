//! Short texts in sixteen bytes, and how alike two of them are. No heap, no floats.

/// The first sixteen letters of a text, one byte each, zeros behind. ASCII stands for itself; every other letter for one of 128 values, so that two
/// different ones are almost always different.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Letters([u8; 16]);

impl Letters {
    /// No letters.
    pub(crate) const NONE: Letters = Letters([0; 16]);

    /// Takes the letters of `text`.
    pub(crate) fn of(text: &str) -> Self {
        let mut out = [0; 16];
        for (to, c) in out.iter_mut().zip(text.chars()) {
            *to = byte(c);
        }
        Self(out)
    }

    /// How many there are.
    pub(crate) fn len(self) -> usize {
        let zeros = u128::from_le_bytes(self.0).leading_zeros();
        16 - (zeros / 8) as usize
    }

    /// The first one; 0 when there is none.
    pub(crate) fn first(self) -> u8 {
        u128::from_le_bytes(self.0).to_le_bytes()[0]
    }

    fn taken(&self) -> &[u8] {
        self.0.get(..self.len()).unwrap_or_default()
    }

    /// Whether the shorter one, of at least three letters, is the beginning of the other.
    pub(crate) fn begins(self, other: Self) -> bool {
        let (a, b) = (self.len(), other.len());
        let shared = a.min(b);
        shared >= 3
            && shared_mask(shared) & (u128::from_le_bytes(self.0) ^ u128::from_le_bytes(other.0))
                == 0
    }

    /// Jaro–Winkler similarity in ten-thousandths (prefix scale 0.1, at most four letters, only above a Jaro similarity of 0.7).
    pub(crate) fn jaro_winkler(self, other: Self) -> u32 {
        let (a, b) = (self.len(), other.len());
        if a == 0 || b == 0 {
            return 0;
        }
        if self == other {
            return 10_000;
        }
        // Which letters pair up can depend on who is asked first: always the same one is.
        let (matched, turned) = if self.0 <= other.0 {
            self.matches(other, a, b)
        } else {
            other.matches(self, b, a)
        };
        if matched == 0 {
            return 0;
        }
        let (a, b, m) = (a as u32, b as u32, matched);
        // (m/a + m/b + (m − t)/m) / 3 over one denominator.
        let jaro = (10_000 * (m * m * b + m * m * a + (m - turned / 2) * a * b)) / (3 * a * b * m);
        if jaro <= 7_000 {
            return jaro;
        }
        let differ = u128::from_le_bytes(self.0) ^ u128::from_le_bytes(other.0);
        let prefix = (differ.trailing_zeros() / 8).min(4).min(a).min(b);
        jaro + prefix * (10_000 - jaro) / 10
    }

    /// Letters that both have within half the longer length, and how many of them stand in another order.
    fn matches(self, other: Self, a: usize, b: usize) -> (u32, u32) {
        let window = (a.max(b) / 2).saturating_sub(1);
        let all_b = (1u32 << b) - 1;
        let (mut of_a, mut of_b) = (0u32, 0u32);
        for (i, letter) in self.taken().iter().enumerate() {
            let near = window_mask(i, window) & all_b & !of_b & other.where_is(*letter);
            if near != 0 {
                of_a |= 1 << i;
                of_b |= near & near.wrapping_neg();
            }
        }
        let mut turned = 0;
        let (mut left_a, mut left_b) = (of_a, of_b);
        while left_a != 0 && left_b != 0 {
            let (i, j) = (
                left_a.trailing_zeros() as usize,
                left_b.trailing_zeros() as usize,
            );
            turned += u32::from(self.0.get(i) != other.0.get(j));
            left_a &= left_a - 1;
            left_b &= left_b - 1;
        }
        (of_a.count_ones(), turned)
    }

    /// The places of a letter, one bit each.
    fn where_is(&self, letter: u8) -> u32 {
        const EACH: u128 = u128::MAX / 0xFF;
        const LOW: u128 = EACH * 0x7F;
        // All sixteen at once: a byte is nought where neither its highest bit nor one of the seven others is set.
        let differ = u128::from_le_bytes(self.0) ^ (EACH * u128::from(letter));
        let same = !(((differ & LOW) + LOW) | differ | LOW) >> 7;
        // The lowest bits of eight bytes side by side.
        let gathered = |half: u64| (half.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32;
        gathered(same as u64) | (gathered((same >> 64) as u64) << 8)
    }

    /// Whether two texts differ by at most `most` letters put in, left out, changed, or swapped with their neighbour (each letter swapped once).
    pub(crate) fn within(self, other: Self, most: usize) -> bool {
        let (a, b) = (self.taken(), other.taken());
        if a.len().abs_diff(b.len()) > most {
            return false;
        }
        let (mut two_ago, mut before, mut now) = ([0usize; 17], [0usize; 17], [0usize; 17]);
        for (j, cell) in before.iter_mut().enumerate() {
            *cell = j;
        }
        let mut last_a = None;
        for (i, x) in a.iter().enumerate() {
            let mut left = i + 1;
            let mut corner = before[0];
            let mut best = left;
            if let Some(first) = now.first_mut() {
                *first = left;
            }
            let mut last_b = None;
            let rows = before.iter().skip(1).zip(
                two_ago
                    .iter()
                    .scan(0, |held, cell| Some(std::mem::replace(held, *cell))),
            );
            for (((above, before_corner), y), cell) in rows.zip(b).zip(now.iter_mut().skip(1)) {
                let mut cost = (corner + usize::from(x != y)).min(left + 1).min(above + 1);
                if last_a == Some(*y) && last_b == Some(*x) {
                    cost = cost.min(before_corner + 1);
                }
                (corner, left, *cell) = (*above, cost, cost);
                best = best.min(cost);
                last_b = Some(*y);
            }
            if best > most && i > 0 {
                return false;
            }
            last_a = Some(*x);
            (two_ago, before) = (before, now);
        }
        before.get(b.len()).is_some_and(|cost| *cost <= most)
    }

    /// How it sounds: the first letter and the classes of up to three consonants behind it (Soundex); letters outside A–Z stand for themselves.
    pub(crate) fn sound(self) -> u32 {
        let mut out = u32::from(self.first());
        let (mut kept, mut before) = (0, class(self.first()));
        for letter in self.taken().iter().skip(1) {
            let class = class(*letter);
            if class == b'-' {
                continue;
            }
            if class != 0 && class != before && kept < 3 {
                out = out << 8 | u32::from(class);
                kept += 1;
            }
            before = class;
        }
        out << (8 * (3 - kept))
    }
}

const fn shared_mask(letters: usize) -> u128 {
    if letters >= 16 {
        u128::MAX
    } else {
        (1 << (letters * 8)) - 1
    }
}

const fn window_mask(at: usize, window: usize) -> u32 {
    let low = at.saturating_sub(window);
    let high = at + window;
    ((1u64 << (high + 1)) - (1u64 << low)) as u32
}

fn byte(c: char) -> u8 {
    if c.is_ascii() {
        return (c as u8).max(1);
    }
    let mixed = (c as u32).wrapping_mul(0x9E37_79B1) >> 25;
    0x80 | mixed as u8
}

/// Soundex class; 0 for vowels, `-` for H and W, which part nothing.
fn class(letter: u8) -> u8 {
    match letter {
        b'B' | b'F' | b'P' | b'V' => b'1',
        b'C' | b'G' | b'J' | b'K' | b'Q' | b'S' | b'X' | b'Z' => b'2',
        b'D' | b'T' => b'3',
        b'L' => b'4',
        b'M' | b'N' => b'5',
        b'R' => b'6',
        b'H' | b'W' => b'-',
        b'A' | b'E' | b'I' | b'O' | b'U' | b'Y' => 0,
        other => other,
    }
}

#[cfg(test)]
mod tests;
