//! Which groups may be shown: figures about a few people tell about each of them.

/// People under whom a group is not shown, and pairs under whom a share is not.
pub const LEAST: u64 = 10;

/// For each group of one kind, by how many people it has, whether it may be shown beside the figures of all together. A group under [`LEAST`] is
/// not; and as the total less what is shown tells of what is not, the hidden ones are at least two groups and [`LEAST`] people, or all.
#[must_use]
pub fn shown(people: &[u64]) -> Vec<bool> {
    let mut shown: Vec<bool> = people.iter().map(|count| *count >= LEAST).collect();
    loop {
        let hidden = || {
            people
                .iter()
                .zip(&shown)
                .filter(|(_, shown)| !**shown)
                .map(|(count, _)| *count)
        };
        let (groups, hidden_people) = (hidden().count(), hidden().sum::<u64>());
        if groups == 0 || (groups > 1 && hidden_people >= LEAST) {
            return shown;
        }
        let smallest = (0..people.len())
            .filter(|at| shown.get(*at) == Some(&true))
            .min_by_key(|at| people.get(*at));
        match smallest.and_then(|at| shown.get_mut(at)) {
            Some(next) => *next = false,
            None => return shown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_group_of_few_is_hidden_and_so_is_what_would_tell_of_it() {
        assert_eq!(shown(&[500, 40, 30]), [true, true, true], "nothing to hide");
        assert_eq!(
            shown(&[500, 9]),
            [false, false],
            "of two groups each tells of the other"
        );
        assert_eq!(
            shown(&[500, 40, 9]),
            [true, false, false],
            "the next smallest goes with it"
        );
        assert_eq!(
            shown(&[500, 40, 9, 8]),
            [true, true, false, false],
            "17 people in two groups"
        );
        assert_eq!(
            shown(&[500, 40, 30, 4, 3]),
            [true, true, false, false, false],
            "7 people in two groups are still few"
        );
        assert_eq!(shown(&[9]), [false]);
        assert_eq!(shown(&[10]), [true]);
        assert_eq!(shown(&[]), [] as [bool; 0]);
    }
}
