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

/// Every version of every record, by file without its number, in the order of versions.
fn versions() -> BTreeMap<String, BTreeMap<u32, String>> {
    let mut versions: BTreeMap<String, BTreeMap<u32, String>> = BTreeMap::new();
    for file in lock().keys() {
        let text = fs::read_to_string(folder().join(file)).unwrap();
        let (stem, number) = file
            .strip_suffix(".avsc")
            .unwrap()
            .rsplit_once(".v")
            .unwrap();
        let of_record = versions.entry(stem.to_owned()).or_default();
        of_record.insert(number.parse().unwrap(), text);
    }
    versions
}

/// What is wrong with the versions of one record: FULL_TRANSITIVE is what the registry demands; that fields are only added behind the others is ours,
/// because a bit of a field mask is a field's place.
fn faults(texts: &BTreeMap<u32, String>) -> Vec<String> {
    let parsed = texts
        .iter()
        .map(|(number, text)| (*number, Schema::parse_str(text).unwrap()));
    let schemas: Vec<(u32, Schema)> = parsed.collect();
    let names = |schema: &Schema| match schema {
        Schema::Record(record) => record
            .fields
            .iter()
            .map(|field| field.name.clone())
            .collect(),
        _ => Vec::new(),
    };
    let mut faults = Vec::new();
    for (reading, reader) in &schemas {
        for (writing, writer) in &schemas {
            if SchemaCompatibility::can_read(writer, reader).is_err() {
                faults.push(format!("v{reading} cannot read what v{writing} wrote"));
            }
            let (older, newer): (Vec<String>, Vec<String>) = (names(writer), names(reader));
            if writing < reading && !newer.starts_with(&older) {
                faults.push(format!(
                    "v{reading} does not begin with the fields of v{writing}"
                ));
            }
        }
    }
    let numbers: Vec<u32> = schemas.iter().map(|(number, _)| *number).collect();
    if !numbers
        .iter()
        .copied()
        .eq(1..=u32::try_from(numbers.len()).unwrap())
    {
        faults.push(format!(
            "versions {numbers:?}: they count from 1 without a gap"
        ));
    }
    faults
}

#[test]
fn every_version_reads_every_other_version_of_its_record() {
    let versions = versions();
    assert!(
        versions.values().any(|of_record| of_record.len() > 1),
        "one record has two versions"
    );
    for (name, texts) in versions {
        assert_eq!(faults(&texts), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_planted_incompatible_version_is_caught_before_any_registry_sees_it() {
    let of_record = &versions()["housing/RentArrearsChanged"];
    let newest = &of_record[&2];
    let planted = |from: &str, to: &str| {
        assert!(newest.contains(from), "{from}");
        let mut texts = of_record.clone();
        texts.insert(3, newest.replacen(from, to, 1));
        faults(&texts)
    };
    let end = "[\"null\",\"int\"],\"default\":null}\n]}";
    for (from, to) in [
        // A field without a default: what was written before cannot be read.
        (
            end,
            "[\"null\",\"int\"],\"default\":null},\n  {\"name\":\"x\",\"type\":\"string\"}\n]}",
        ),
        // A field without a default gone: what is written now cannot be read by those before.
        ("  {\"name\":\"tenancy_ref\",\"type\":\"string\"},\n", ""),
        // Another type.
        (
            "{\"name\":\"arrears_pence\",\"type\":\"long\"}",
            "{\"name\":\"arrears_pence\",\"type\":\"string\"}",
        ),
        // Only promoted: older readers cannot go back.
        (
            "{\"name\":\"contact_made\",\"type\":\"boolean\"}",
            "{\"name\":\"contact_made\",\"type\":[\"null\",\"boolean\"],\"default\":null}",
        ),
        // Readable both ways, and every field mask would be off by one.
        (
            "  {\"name\":\"tenancy_ref\"",
            "  {\"name\":\"x\",\"type\":[\"null\",\"int\"],\"default\":null},\n  {\"name\":\"tenancy_ref\"",
        ),
    ] {
        assert_ne!(planted(from, to), Vec::<String>::new(), "{to}");
    }
    // A field with a default behind the others is how a type grows.
    let grown = planted(
        end,
        "[\"null\",\"int\"],\"default\":null},\n  {\"name\":\"x\",\"type\":[\"null\",\"int\"],\"default\":null}\n]}",
    );
    assert_eq!(grown, Vec::<String>::new());
    let mut gap = of_record.clone();
    gap.insert(4, newest.clone());
    assert_eq!(
        faults(&gap),
        ["versions [1, 2, 4]: they count from 1 without a gap"]
    );
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
