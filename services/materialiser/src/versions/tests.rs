//! Which version serves, whatever was going on when the process died.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;

fn files(text: &str) -> Files {
    Files::from([("a.toml".to_owned(), text.to_owned())])
}

#[test]
fn one_version_serves_until_another_is_put_in_its_place() {
    let place = tempfile::tempdir().unwrap();
    let versions = Versions::open(place.path()).unwrap();
    assert_eq!(versions.serving().unwrap(), None);
    let first = versions.begin().unwrap();
    first.keep(&files("one")).unwrap();
    assert_eq!(
        versions.serving().unwrap(),
        None,
        "filled, and not serving yet"
    );
    versions.switch(&first).unwrap();
    let second = versions.begin().unwrap();
    second.keep(&files("two")).unwrap();
    // Killed here, the first serves and the second goes on being filled.
    let again = Versions::open(place.path()).unwrap();
    assert_eq!(again.serving().unwrap().as_ref(), Some(&first));
    assert_eq!(again.beside(&first).unwrap().as_ref(), Some(&second));
    assert_eq!(first.files(), Some(files("one")));
    again.switch(&second).unwrap();
    // Killed here, the second serves, and nothing is beside it.
    assert_eq!(again.serving().unwrap().as_ref(), Some(&second));
    assert_eq!(again.beside(&second).unwrap(), None);
    again.tidy(&[&second]);
    assert!(!place.path().join("g1").exists());
    assert!(again.begin().unwrap() > second);
}

#[test]
fn what_is_damaged_names_no_version_and_no_file() {
    let place = tempfile::tempdir().unwrap();
    let versions = Versions::open(place.path()).unwrap();
    let first = versions.begin().unwrap();
    first.keep(&files("one")).unwrap();
    versions.switch(&first).unwrap();
    let kept = std::fs::read(place.path().join("g1/files")).unwrap();
    for length in 0..kept.len() {
        std::fs::write(place.path().join("g1/files"), &kept[..length]).unwrap();
        assert_eq!(first.files(), None, "{length} bytes of it");
    }
    for said in ["", "g", "g9", "nonsense", "g1/../../etc"] {
        std::fs::write(place.path().join("serving"), said).unwrap();
        assert_eq!(versions.serving().unwrap(), None, "{said}");
    }
    // Foreign things beside them are nobody's versions.
    std::fs::write(place.path().join("g5"), "a file").unwrap();
    std::fs::create_dir(place.path().join("photos")).unwrap();
    std::fs::write(place.path().join("serving"), "g1").unwrap();
    assert_eq!(versions.serving().unwrap().as_ref(), Some(&first));
    assert_eq!(versions.begin().unwrap().name(), "g6");
    versions.tidy(&[&first]);
    assert!(place.path().join("photos").exists());
}
