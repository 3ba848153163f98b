//! Words that very many records share: each is kept once.

use super::super::table::Table;
use super::PersonRecord;
use std::sync::Arc;
use walbrook_domain::Organisation;

#[derive(Debug, Default, Clone)]
pub(super) struct Words {
    organisations: Table<Organisation, ()>,
    texts: Table<Arc<str>, ()>,
}

impl Words {
    pub(super) fn intern(&mut self, record: &mut PersonRecord) {
        match self.organisations.get_key_value(&record.organisation) {
            Some((known, ())) => record.organisation = known.clone(),
            None => drop(self.organisations.insert(record.organisation.clone(), ())),
        }
        for text in [&mut record.agency, &mut record.id_scheme] {
            match self.texts.get_key_value(&**text) {
                Some((known, ())) => *text = Arc::clone(known),
                None => drop(self.texts.insert(Arc::clone(text), ())),
            }
        }
    }
}
