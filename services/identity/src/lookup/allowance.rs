//! How many look-ups somebody may make: a bucket for each name.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Instant as Monotonic;

/// Names that are remembered; a full bucket is as good as a forgotten one.
const NAMES: usize = 100_000;

/// A bucket for each name, refilled steadily.
pub(super) struct Allowance {
    holds: f64,
    per_second: f64,
    left: Mutex<HashMap<String, (f64, Monotonic)>>,
}

impl Allowance {
    /// Buckets that hold `holds` look-ups and are full again after `seconds`.
    pub(super) fn new(holds: f64, seconds: f64) -> Self {
        Self {
            holds,
            per_second: holds / seconds,
            left: Mutex::default(),
        }
    }

    /// Takes one look-up, if there is one left.
    pub(super) fn take(&self, name: &str, now: Monotonic) -> bool {
        let mut left = self.left.lock();
        let refilled = |(held, since): (f64, Monotonic)| {
            let more = now.saturating_duration_since(since).as_secs_f64() * self.per_second;
            (held + more).min(self.holds)
        };
        if left.len() >= NAMES && !left.contains_key(name) {
            left.retain(|_, bucket| refilled(*bucket) < self.holds);
        }
        let bucket = left.entry(name.to_owned()).or_insert((self.holds, now));
        let held = refilled(*bucket);
        let allowed = held >= 1.0;
        *bucket = (if allowed { held - 1.0 } else { held }, now);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn everybody_has_an_allowance_of_their_own() {
        let allowance = Allowance::new(2.0, 1.0);
        let now = Monotonic::now();
        let taken: Vec<bool> = (0..3)
            .map(|_| allowance.take("GSS:E09000007", now))
            .collect();
        assert_eq!(taken, [true, true, false]);
        assert!(allowance.take("GSS:E09000012", now));
        assert!(allowance.take("GSS:E09000007", now + Duration::from_millis(500)));
    }

    #[test]
    fn a_bucket_fills_at_its_own_pace_and_no_further() {
        let allowance = Allowance::new(3.0, 60.0);
        let now = Monotonic::now();
        (0..3).for_each(|_| assert!(allowance.take("reader", now)));
        assert!(!allowance.take("reader", now + Duration::from_secs(19)));
        assert!(allowance.take("reader", now + Duration::from_secs(20)));
        let later = now + Duration::from_secs(3_600);
        let taken = (0..5).filter(|_| allowance.take("reader", later)).count();
        assert_eq!(taken, 3);
    }
}
