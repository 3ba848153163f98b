//! Where somebody is, for readers who read by area: what a view's file names for it, as an agreement releases it to the reader, at the time the
//! agreements are asked. A row stated for another day brings nobody back into the area.

use crate::feature::{Facts, last_value};
use crate::known::Sources;
use crate::model::Kind;
use crate::row::Asked;
use crate::state::Person;
use crate::united::{self, IntegrityError};
use crate::value::Value;
use std::cell::Cell;
use std::collections::BTreeSet;
use walbrook_domain::AgreementId;
use walbrook_policy::read::Admission;

impl Asked<'_> {
    /// Whether a person is within an agreement's reach. What two agreements disagree about is put into `failed`.
    pub(crate) fn admits(
        &self,
        agreement: &AgreementId,
        person: &Person<'_>,
        failed: &Cell<Option<IntegrityError>>,
    ) -> Admission {
        let in_area = || match self.in_area(agreement, person) {
            Ok(inside) => inside,
            Err(error) => {
                failed.set(Some(error));
                false
            }
        };
        self.reading.admits(agreement, person, &in_area)
    }

    /// Whether the person is in the reader's area, by what this agreement alone releases.
    fn in_area(
        &self,
        agreement: &AgreementId,
        person: &Person<'_>,
    ) -> Result<bool, IntegrityError> {
        let named = self.view.area.as_deref();
        let feature = named.and_then(|name| self.view.features.iter().find(|one| one.name == name));
        let Some(Kind::Last(select, field)) = feature.map(|feature| &feature.kind) else {
            return Ok(false);
        };
        let at = self.reading.asked_at().unwrap_or(self.evaluated_at);
        let only = BTreeSet::from([agreement.clone()]);
        let events = united::events(person, &only, self.reading, at)?;
        let day = at.london_day();
        let sources = Sources::new(self.view, self.reading, day);
        let facts = Facts {
            events: &events,
            sources: &sources,
            person,
            day,
            at,
            calendar: self.calendar,
        };
        let known = last_value(&facts, select, *field);
        Ok(match known.value() {
            Some(Value::Text(place)) => self.reading.holds_area(place),
            _ => false,
        })
    }
}
