//! Words that very many records share: each is kept once.

use super::super::table::Table;
use super::PersonRecord;
use std::sync::Arc;
use walbrook_domain::Organisation;

#[derive(Debug, Default, Clone)]
pub(super) struct Words {
    /// Each with its number, from 0 in the order in which they came.
    organisations: Table<Organisation, u32>,
    by_number: Vec<Organisation>,
    texts: Table<Arc<str>, ()>,
}

impl Words {
    pub(super) fn intern(&mut self, record: &mut PersonRecord) {
        let number = self.number(&record.organisation);
        if let Some(known) = self.organisation(number) {
            record.organisation = known.clone();
        }
        for text in [&mut record.agency, &mut record.id_scheme] {
            match self.texts.get_key_value(&**text) {
                Some((known, ())) => *text = Arc::clone(known),
                None => drop(self.texts.insert(Arc::clone(text), ())),
            }
        }
    }

    /// The number of an organisation; a new one gets the next.
    pub(super) fn number(&mut self, organisation: &Organisation) -> u32 {
        if let Some(number) = self.organisations.get(organisation) {
            return *number;
        }
        let number = u32::try_from(self.by_number.len()).unwrap_or(u32::MAX);
        self.organisations.insert(organisation.clone(), number);
        self.by_number.push(organisation.clone());
        number
    }

    /// The organisation of a number.
    pub(super) fn organisation(&self, number: u32) -> Option<&Organisation> {
        self.by_number.get(number as usize)
    }
}
