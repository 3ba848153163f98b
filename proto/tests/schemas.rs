//! The frozen schema files are those of the messages, and a frozen file never changes.
//!
//! `WALBROOK_WRITE_SCHEMAS=1 cargo test -p walbrook-proto --test schemas` (that is `make schemas`) writes the files of
//! new records and new versions. It never rewrites a file that stands in `versions.lock`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use apache_avro::schema::Schema;
use apache_avro::schema_compatibility::SchemaCompatibility;
use sha2::{Digest, Sha256};
use walbrook_proto::records;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

/// File (relative to the schemas folder) and text of every record type as the messages say it now.
fn current() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for info in records() {
        let (package, name) = info.full_name.rsplit_once('.').unwrap();
        let file = format!("{name}.v{}.avsc", info.version);
        match info.event {
            Some(event) => {
                files.insert(format!("{}/{file}", event.agency), laid_out(info.schema));
                files.insert(
                    format!("shared/{}/{file}", event.agency),
                    laid_out(event.shared_schema),
                );
            }
            None => {
                let area = package.split('.').nth(1).unwrap();
                files.insert(format!("internal/{area}/{file}"), laid_out(info.schema));
            }
        }
    }
    files
}

/// One field a line. Taking all white space out gives the canonical text again.
fn laid_out(schema: &str) -> String {
    assert!(!schema.contains(char::is_whitespace));
    let mut out = String::new();
    let mut depth = 0;
    for letter in schema.chars() {
        let closes = matches!(letter, ']' | '}');
        depth -= i32::from(closes);
        if closes && depth == 1 {
            out.push('\n');
        }
        out.push(letter);
        depth += i32::from(matches!(letter, '[' | '{'));
        if (letter == '[' || letter == ',') && depth == 2 {
            out.push_str("\n  ");
        }
    }
    out.push('\n');
    out
}

/// Hash by file, as `sha256sum` writes it.
fn lock() -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder().join("versions.lock")).unwrap_or_default();
    let line = |line: &str| {
        line.split_once("  ")
            .map(|(hash, file)| (file.to_owned(), hash.to_owned()))
    };
    text.lines()
        .map(|text| line(text).expect("`<sha-256>  <file>`"))
        .collect()
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

#[test]
fn the_files_are_in_step_with_the_messages() {
    if env::var_os("WALBROOK_WRITE_SCHEMAS").is_some() {
        write();
    }
    let lock = lock();
    for (file, text) in current() {
        let frozen = fs::read_to_string(folder().join(&file)).unwrap_or_default();
        assert_eq!(
            frozen, text,
            "schemas/{file} is out of step with its message. Published: undo the change, or add optional fields and \
             raise the version in the message's option. Then run `make schemas`."
        );
        assert_eq!(
            lock.get(&file),
            Some(&hash(&text)),
            "schemas/{file} is not in versions.lock; run `make schemas`"
        );
    }
}

fn write() {
    let mut lock = lock();
    for (file, text) in current() {
        let fresh = hash(&text);
        let locked = lock.get(&file).is_none_or(|hash| *hash == fresh);
        assert!(
            locked,
            "schemas/{file} is frozen and its message has changed: raise the version in the message's option. (Only a \
             schema that was never published may change: take its line out of versions.lock first.)"
        );
        let path = folder().join(&file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // An equal file is left alone, so that nothing is built again for it.
        if fs::read_to_string(&path).is_ok_and(|old| old == text) && lock.contains_key(&file) {
            continue;
        }
        fs::write(path, text).unwrap();
        lock.insert(file, fresh);
    }
    lock.retain(|file, _| folder().join(file).exists());
    let mut text = String::new();
    for (file, hash) in lock {
        writeln!(text, "{hash}  {file}").unwrap();
    }
    fs::write(folder().join("versions.lock"), text).unwrap();
}

#[test]
fn every_version_reads_every_other_version_of_its_record() {
    let mut versions: BTreeMap<String, Vec<Schema>> = BTreeMap::new();
    for file in lock().keys() {
        let text = fs::read_to_string(folder().join(file)).unwrap();
        let stem = file.rsplit_once(".v").unwrap().0.to_owned();
        versions
            .entry(stem)
            .or_default()
            .push(Schema::parse_str(&text).unwrap());
    }
    assert!(!versions.is_empty());
    for (name, schemas) in versions {
        for reader in &schemas {
            for writer in &schemas {
                let fits = SchemaCompatibility::can_read(writer, reader);
                assert!(
                    fits.is_ok(),
                    "{name}: versions are not compatible both ways: {fits:?}"
                );
            }
        }
    }
}

#[test]
fn every_code_list_that_a_field_names_is_there() {
    for event in records().iter().filter_map(|info| info.event) {
        for (field, list) in event.codes {
            let file = folder().join(format!("codelists/{list}.csv"));
            assert!(
                file.exists(),
                "{} {field}: {} is missing",
                event.event_type,
                file.display()
            );
        }
    }
}
