//! What people and other systems hand over as files: the readers of importers, FHIR, agreements, views.

use std::cell::RefCell;
use std::path::Path;

use walbrook_cli::import::frame::{
    Meter, Rows, csv as csv_rows, json as json_rows, xml as xml_rows,
};
use walbrook_cli::import::pds;
use walbrook_policy::agreement::{Agreement, sha256};

/// More rows than the bytes of any input could hold.
const MOST_ROWS: usize = 1_000_000;

/// Runs a reader of files over an input.
fn file(input: &[u8], read: impl FnOnce(&Path)) {
    thread_local! {
        static PLACE: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
    }
    PLACE.with_borrow_mut(|place| {
        if place.is_none() {
            *place = tempfile::tempdir().ok();
        }
        if let Some(folder) = place {
            let path = folder.path().join("input");
            if std::fs::write(&path, input).is_ok() {
                read(&path);
            }
        }
    });
}

/// Reads to the end: rows end, and what is wrong never quotes the file.
fn drain(rows: Result<Rows, walbrook_cli::Failure>) {
    let Ok(rows) = rows else {
        return;
    };
    let mut count = 0;
    for row in rows {
        count += 1;
        assert!(count < MOST_ROWS, "the rows do not end");
        if row.is_err() {
            break;
        }
    }
}

pub(super) fn csv(input: &[u8]) {
    file(input, |path| {
        drain(csv_rows::rows("table", path, &["CHILD"], &Meter::default()));
    });
}

pub(super) fn json(input: &[u8]) {
    file(input, |path| {
        drain(json_rows::rows("table", path, &[], &Meter::default()));
        drain(json_rows::rows("table", path, &["rows"], &Meter::default()));
    });
}

pub(super) fn xml(input: &[u8]) {
    file(input, |path| {
        drain(xml_rows::rows(
            "table",
            path,
            &["rows", "row"],
            &Meter::default(),
        ));
    });
}

/// A patient, or a refusal that quotes nothing of it.
pub(super) fn fhir(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = pds::demographics(text);
    }
}

/// An agreement. One that is read has a canonical text, and the text is read as the same agreement.
pub(super) fn agreement(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(agreement) = Agreement::read(text) {
        let canonical = agreement.canonical_text();
        let again = Agreement::read(&canonical).map(|again| again.canonical_text());
        assert_eq!(
            again.ok().map(|text| sha256(&text)),
            Some(sha256(&canonical))
        );
    }
}

pub(super) fn view(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        let catalogue = walbrook_view::file::catalogue();
        let _ = walbrook_view::file::read("view.toml", text, &catalogue);
    }
}
