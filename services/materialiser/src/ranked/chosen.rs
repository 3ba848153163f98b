//! Whose rows stand on a page, from what is kept; and the rows, computed.

use super::{Place, Ranked, Wanted};
use crate::shelf::Held;
use parking_lot::RwLockReadGuard;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Bound;
use walbrook_domain::Pseudonym;
use walbrook_view::condition::Condition;
use walbrook_view::order::Order;
use walbrook_view::query::After;
use walbrook_view::row::{Asked, Row};
use walbrook_view::{IntegrityError, Value};

impl Ranked {
    /// The people of a page by rank, how many there are in all, and whether some come after.
    pub(super) fn ranked(&self, from: Bound<Place>, limit: usize) -> (Vec<Pseudonym>, usize, bool) {
        let mut places = self.places.range((from, Bound::Unbounded));
        let page = places.by_ref().take(limit);
        let page = page.map(|(_, person)| *person).collect();
        (page, self.places.len(), places.next().is_some())
    }

    /// The same of those for whom the condition holds, in the order asked for.
    pub(super) fn chosen(&self, wanted: &Wanted<'_>) -> (Vec<Pseudonym>, usize, bool) {
        let (order, limit) = (&wanted.query.order, wanted.limit());
        let at = |name: &str| self.columns.iter().position(|column| column == name);
        let after = wanted.query.after.as_ref();
        let after = after.map(|after| (after.key.as_ref(), after.pseudonym));
        let (key_at, mut total, mut page) = (at(order.by()), 0, Vec::new());
        for (person, ranking) in &self.people {
            let known = |name: &str| ranking.values.get(at(name)?);
            if wanted.only.is_some_and(|only| !only.holds_by(known)) {
                continue;
            }
            total += 1;
            let key = key_at.and_then(|at| ranking.values.get(at)?.value());
            if after.is_none_or(|last| order.compare((key, *person), last).is_gt()) {
                page.push((key, *person));
            }
        }
        let more = page.len() > limit;
        if more && limit > 0 {
            page.select_nth_unstable_by(limit - 1, |a, b| order.compare(*a, *b));
        }
        page.truncate(limit);
        page.sort_unstable_by(|a, b| order.compare(*a, *b));
        let page = page.into_iter().map(|(_, person)| person).collect();
        (page, total, more)
    }

    /// The rows of the page; `None` when one says another thing than was kept.
    pub(super) fn rows(
        &self,
        asked: &Asked<'_>,
        page: &[Pseudonym],
        guards: &[RwLockReadGuard<'_, Held>],
    ) -> Result<Option<Vec<Row>>, IntegrityError> {
        let mut rows = Vec::new();
        for person in page {
            let held = self
                .shelf
                .of(person)
                .and_then(|(number, _)| guards.get(usize::try_from(number).ok()?));
            let one = held.and_then(|held| held.state.person(person));
            let row = match &one {
                Some(one) => asked.row(one)?,
                None => None,
            };
            let same = |row: &Row| self.people.get(person) == Some(&self.ranking(row));
            match row.filter(same) {
                Some(row) => rows.push(row),
                None => {
                    tracing::error!(
                        "a row says another thing than was kept; the list is worked out whole"
                    );
                    return Ok(None);
                }
            }
        }
        Ok(Some(rows))
    }
}

impl Wanted<'_> {
    pub(super) fn limit(&self) -> usize {
        usize::try_from(self.query.limit).unwrap_or(usize::MAX)
    }

    /// The columns whose values say who is chosen and in what order; none where ranks say it.
    pub(super) fn columns(&self) -> BTreeSet<&str> {
        if self.from().is_some() {
            return BTreeSet::new();
        }
        let names = self.only.into_iter().flat_map(Condition::names);
        names.chain([self.query.order.by()]).collect()
    }

    /// Where a page of everybody by rank begins; `None`: it is another order, or not of everybody, or does not begin at a rank.
    pub(super) fn from(&self) -> Option<Bound<Place>> {
        if self.query.order != Order::default() || self.only.is_some() {
            return None;
        }
        match &self.query.after {
            None => Some(Bound::Unbounded),
            Some(After {
                key: Some(Value::Int(points)),
                pseudonym,
            }) => Some(Bound::Excluded((Reverse(*points), *pseudonym))),
            Some(_) => None,
        }
    }
}
