//! Whole imports: what a file holds is read and made into events or subjects by each importer's own mapping; nothing is sent.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use walbrook_cli::import::frame::Trial;
use walbrook_cli::import::{Form, trial};

/// What the first byte of an input chooses, with the name that the file gets.
const FORMS: [(Form, &str); 10] = [
    (Form::Breathe, "input.json"),
    (Form::Cin, "input.xml"),
    (Form::Core, "input.csv"),
    (Form::Core, "input.xml"),
    (Form::Laqn, "input.json"),
    (Form::Pds, "input.json"),
    (Form::Ssda903, "input.xml"),
    (Form::Ssda903, "episodes.csv"),
    (Form::StopSearch, "input.json"),
    (Form::Tfl, "input.json"),
];
/// The children whose episodes a broken table is about.
const HEADER: &str = "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB\nC7,M,27/03/2012,WBRI,UN1,,\nC8,F,01/02/2007,MWBC,UN4,0,\n";

/// A file that can be read at all makes the same events under the same ids however often it is read, and each of them once.
pub(super) fn rows(input: &[u8]) {
    let Some((first, content)) = input.split_first() else {
        return;
    };
    let place = usize::from(*first) % FORMS.len();
    let Some((form, name)) = FORMS.get(place) else {
        return;
    };
    let folder = folder();
    let file = folder.join(name);
    let whole = match *name {
        "episodes.csv" => {
            let written = std::fs::write(folder.join("header.csv"), HEADER);
            written.map(|()| folder.clone())
        }
        _ => Ok(file.clone()),
    };
    let (Ok(whole), Ok(())) = (whole, std::fs::write(&file, content)) else {
        return;
    };
    let (once, twice) = (read(*form, &whole), read(*form, &whole));
    let _ = std::fs::remove_file(&file);
    assert_eq!(once, twice, "{form:?} is read in two ways");
}

fn read(form: Form, path: &Path) -> Option<Trial> {
    trial(form, path).ok()
}

/// A folder for each thread, kept while it runs.
fn folder() -> PathBuf {
    thread_local! {
        static PLACE: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
    }
    PLACE.with_borrow_mut(|place| {
        let folder = match place {
            Some(folder) => Some(folder),
            None => tempfile::tempdir().ok().map(|folder| place.insert(folder)),
        };
        folder.map_or_else(std::env::temp_dir, |folder| folder.path().to_owned())
    })
}
