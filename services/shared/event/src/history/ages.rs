//! From which offset on something may have been accepted at an instant or later. Record timestamps nearly follow the order of offsets, but a
//! broker's clock may be set back; so it is not searched for among the timestamps but among the newest so far, which never go back.

/// Records between two marks: 16 bytes for so many.
const STRIDE: usize = 256;

/// Marks over one partition.
#[derive(Debug, Default)]
pub(super) struct Ages {
    /// Offsets, ascending, each with the newest acceptance of a record below it.
    marks: Vec<(i64, i64)>,
    newest_micros: Option<i64>,
    since_mark: usize,
}

impl Ages {
    /// Takes in the next record.
    pub(super) fn note(&mut self, offset: i64, accepted_at_micros: i64) {
        if let Some(newest) = self.newest_micros {
            if self.since_mark == STRIDE {
                self.marks.push((offset, newest));
                self.since_mark = 0;
            }
            self.newest_micros = Some(newest.max(accepted_at_micros));
        } else {
            self.newest_micros = Some(accepted_at_micros);
        }
        self.since_mark += 1;
    }

    /// An offset below which everything was accepted before the instant.
    pub(super) fn accepted_before(&self, micros: i64) -> i64 {
        if self.newest_micros.is_none_or(|newest| newest < micros) {
            return i64::MAX;
        }
        let older = self.marks.partition_point(|(_, newest)| *newest < micros);
        let mark = older.checked_sub(1).and_then(|at| self.marks.get(at));
        mark.map_or(0, |(offset, _)| *offset)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ages, STRIDE};

    #[test]
    fn nothing_accepted_later_stands_below_the_answer_whatever_the_clock_did() {
        let times: Vec<i64> = (0..10 * STRIDE)
            .map(|at| i64::try_from(at).unwrap_or_default())
            .map(|at| if at % 700 > 600 { at - 500 } else { at })
            .collect();
        let mut ages = Ages::default();
        for (offset, time) in (0..).zip(&times) {
            ages.note(offset * 2, *time);
        }
        for instant in -1..3_000 {
            let answer = ages.accepted_before(instant);
            let first = (0..).zip(&times).find(|(_, time)| **time >= instant);
            let first = first.map(|(offset, _): (i64, _)| offset * 2);
            assert!(first.is_none_or(|first| answer <= first), "{instant}");
            match first {
                Some(first) => assert!(first - answer <= 2 * i64::try_from(STRIDE).unwrap_or(0)),
                None => assert_eq!(answer, i64::MAX),
            }
        }
    }
}
