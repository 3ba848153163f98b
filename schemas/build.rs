//! Puts the frozen schemas, code lists and calendars into tables, so that a
//! fault in a file stops the build and not a service.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let mut out = String::new();
    schemas(&root, &mut out)?;
    lists(&root.join("codelists"), &mut out)?;
    holidays(
        &root.join("calendars/bank_holidays_england_and_wales.csv"),
        &mut out,
    )?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("tables.rs"), out)?;
    for watched in ["codelists", "calendars", "build.rs", "internal", "shared"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    Ok(())
}

fn schemas(root: &Path, out: &mut String) -> Result<()> {
    let mut files = Vec::new();
    find(root, &mut files)?;
    let mut rows = Vec::new();
    for path in files {
        let file = path.strip_prefix(root)?.to_string_lossy().into_owned();
        println!("cargo::rerun-if-changed={file}");
        let text: String = fs::read_to_string(&path)?.split_whitespace().collect();
        let name = text
            .strip_prefix(r#"{"name":""#)
            .and_then(|rest| rest.split('"').next())
            .ok_or_else(|| format!("{file}: a schema begins with its name"))?;
        let version: u32 = file
            .strip_suffix(".avsc")
            .and_then(|stem| stem.rsplit_once(".v"))
            .ok_or_else(|| format!("{file}: a schema file is called <Record>.v<N>.avsc"))?
            .1
            .parse()?;
        rows.push((name.to_owned(), version, file, text));
    }
    rows.sort();
    writeln!(out, "pub(crate) static SCHEMAS: &[Schema] = &[")?;
    for (full_name, version, file, text) in rows {
        writeln!(
            out,
            "    Schema {{ full_name: {full_name:?}, version: {version}, file: {file:?}, text: {text:?} }},"
        )?;
    }
    writeln!(out, "];")?;
    Ok(())
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "avsc") {
            files.push(path);
        }
    }
    Ok(())
}

fn lists(folder: &Path, out: &mut String) -> Result<()> {
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    writeln!(out, "pub(crate) static LISTS: &[CodeList] = &[")?;
    let mut authorities = String::new();
    for path in files {
        let name = path
            .file_stem()
            .ok_or("a file without a name")?
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path)?;
        let [title, source, edition] = ["title", "source", "edition"].map(|key| remark(&text, key));
        let (title, source, edition) = (title?, source?, edition?);
        let mut codes = Vec::new();
        for row in rows(&text, &["code", "label", "first_day", "last_day"])? {
            let cell = |at: usize| row.get(at).unwrap_or_default().to_owned();
            let (code, label) = (cell(0), cell(1));
            if code.is_empty() || label.is_empty() {
                return Err(format!("{name}: a code and its label are never empty").into());
            }
            let code_text = format!(
                "Code {{ code: {code:?}, label: {label:?}, first_day: {}, last_day: {} }}",
                optional_day(&cell(2))?,
                optional_day(&cell(3))?
            );
            if name == "london_authority" {
                let (dfe, liia) = (cell(4), cell(5));
                let days = [2, 3, 6, 7].map(|at| optional_day(&cell(at)));
                let [first, last, gss, dfe_first] = days;
                writeln!(
                    authorities,
                    "    Authority {{ gss: {code:?}, name: {label:?}, dfe: {dfe:?}, liia: {liia:?}, first_day: {}, last_day: {}, gss_first_day: {}, dfe_first_day: {} }},",
                    first?, last?, gss?, dfe_first?
                )?;
            }
            codes.push((code, code_text));
        }
        codes.sort();
        if codes
            .iter()
            .zip(codes.iter().skip(1))
            .any(|((code, _), (next, _))| code == next)
        {
            return Err(format!("{name}: a code stands twice").into());
        }
        writeln!(
            out,
            "    CodeList {{ name: {name:?}, title: {title:?}, source: {source:?}, edition: {edition:?}, text: {text:?}, codes: &["
        )?;
        for (_, code) in codes {
            writeln!(out, "        {code},")?;
        }
        writeln!(out, "    ] }},")?;
    }
    writeln!(
        out,
        "];\npub(crate) static AUTHORITIES: &[Authority] = &[\n{authorities}];"
    )?;
    Ok(())
}

fn holidays(path: &Path, out: &mut String) -> Result<()> {
    let text = fs::read_to_string(path)?;
    writeln!(out, "pub(crate) static BANK_HOLIDAYS: &[BankHoliday] = &[")?;
    let mut days = Vec::new();
    for row in rows(&text, &["day", "name"])? {
        let (at, name) = (
            row.get(0).unwrap_or_default(),
            row.get(1).unwrap_or_default(),
        );
        writeln!(
            out,
            "    BankHoliday {{ day: {}, name: {name:?} }},",
            day(at)?
        )?;
        days.push(at.to_owned());
    }
    if !days.is_sorted_by(|a, b| a < b) {
        return Err("bank holidays: the days must grow".into());
    }
    writeln!(
        out,
        "];\npub(crate) static BANK_HOLIDAYS_TEXT: &str = {text:?};"
    )?;
    Ok(())
}

/// A line `# key: text` above the table.
fn remark(text: &str, key: &str) -> Result<String> {
    let found = text.lines().find_map(|line| {
        line.strip_prefix("# ")?
            .strip_prefix(key)?
            .strip_prefix(": ")
    });
    Ok(found
        .ok_or_else(|| format!("a code list says its {key} above its table"))?
        .to_owned())
}

fn rows(text: &str, heading: &[&str]) -> Result<Vec<csv::StringRecord>> {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    if !reader
        .headers()?
        .iter()
        .take(heading.len())
        .eq(heading.iter().copied())
    {
        return Err(format!("expected the columns {heading:?}").into());
    }
    Ok(reader.records().collect::<std::result::Result<_, _>>()?)
}

fn optional_day(text: &str) -> Result<String> {
    Ok(if text.is_empty() {
        "None".to_owned()
    } else {
        format!("Some({})", day(text)?)
    })
}

fn day(text: &str) -> Result<String> {
    let parts: Vec<u32> = text
        .split('-')
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()?;
    let [year, month @ 1..=12, day @ 1..=31] = parts.as_slice() else {
        return Err(format!("{text}: expected YYYY-MM-DD").into());
    };
    Ok(format!("PlainDate::of({year}, {month}, {day})"))
}
