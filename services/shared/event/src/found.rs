//! The headers of one record, each found at once.

use crate::headers::{
    AGREEMENT, CONTENT_TYPE, DATA_SCHEMA, HANDLE, ID, KEY, NOT_AFTER, ORGANISATION, PRECISION,
    QUERIES, SOURCE, SPEC_VERSION, SUPERSEDES, TIME, TRACE_PARENT, TYPE,
};

/// Every header of a release or of an internal record.
const ALL: [&str; 16] = [
    SPEC_VERSION,
    ID,
    SOURCE,
    TYPE,
    TIME,
    DATA_SCHEMA,
    CONTENT_TYPE,
    TRACE_PARENT,
    ORGANISATION,
    SUPERSEDES,
    PRECISION,
    KEY,
    QUERIES,
    AGREEMENT,
    HANDLE,
    NOT_AFTER,
];

/// The headers of one record, each found at once. A record has a dozen, and whoever reads it asks for each, and for some that are not there: looking
/// through all of them each time took longer than applying the record.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found<'a>([Option<&'a [u8]>; ALL.len()]);

impl<'a> Found<'a> {
    /// The first header of that name; never one that this module does not name.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        *self.0.get(place(name)?)?
    }

    /// The same as text; `None` when it is not UTF-8.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.get(name)?).ok()
    }
}

impl<'a> FromIterator<(&'a str, &'a [u8])> for Found<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a [u8])>>(headers: I) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            if let Some(at) = place(name).and_then(|at| found.0.get_mut(at)) {
                // The first of a name counts.
                at.get_or_insert(value);
            }
        }
        found
    }
}

fn place(name: &str) -> Option<usize> {
    ALL.iter().position(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_is_found_and_the_first_of_a_name_counts() {
        let all: Vec<(&str, &[u8])> = ALL.iter().map(|name| (*name, name.as_bytes())).collect();
        let twice = all
            .iter()
            .copied()
            .chain([(ID, &b"second"[..]), ("x", b"y")]);
        let found: Found<'_> = twice.collect();
        for name in ALL {
            assert_eq!(found.text(name), Some(name));
        }
        assert_eq!(found.get("x"), None);
        let few: Found<'_> = [(KEY, &[0xff][..])].into_iter().collect();
        assert_eq!((few.get(KEY), few.text(KEY)), (Some(&[0xff][..]), None));
        assert_eq!(few.get(ID), None);
    }
}
