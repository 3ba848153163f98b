//! What is true and in no event, as files: who is who, what the lives went through, who slept rough next.

use crate::city::lives::Life;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use walbrook_domain::Day;

/// Columns of `who.csv`: each organisation's record, whose it is, and what is wrong in it.
pub const WHO: &str = "agency,organisation,id_scheme,local_id,person,errors";
/// Columns of `people.csv`.
pub const PEOPLE: &str = "person,household,born,vulnerability_thousandths,courses,sex,name_origin";
/// Columns of `next.csv`: the label of each adult on each index day.
pub const NEXT: &str =
    "person,index_date,bedded_down_before,next_bedded_down_on,within_90_days,within_180_days";

/// The lines of some lives, in their order.
#[derive(Debug, Default)]
pub struct Lines {
    who: Vec<u8>,
    people: Vec<u8>,
    next: Vec<u8>,
}

impl Lines {
    /// Adds one life. None of these values needs quotes: they are numbers, days and words of ours.
    pub fn add(&mut self, life: &Life, index_days: &[Day]) {
        let person = life.index;
        // Writing into a vector does not fail.
        for known in &life.known {
            let errors = known.errors.join(" ");
            let (agency, organisation) = (known.agency, &known.organisation);
            let (scheme, local_id) = (&known.scheme, &known.local_id);
            let _ = writeln!(
                self.who,
                "{agency},{organisation},{scheme},{local_id},{person},{errors}"
            );
        }
        let courses = life.courses.join(" ");
        let (household, born) = (life.household, life.born);
        let vulnerability = life.vulnerability_thousandths;
        let (sex, origin) = (if life.male { "male" } else { "female" }, life.name_origin);
        let _ = writeln!(
            self.people,
            "{person},{household},{born},{vulnerability},{courses},{sex},{origin}"
        );
        for index in index_days {
            let Some(next) = life.next(*index) else {
                continue;
            };
            let on = next
                .bedded_down_on
                .map(|day| day.to_string())
                .unwrap_or_default();
            let (before, soon, later) = (next.before, next.within_90_days, next.within_180_days);
            let _ = writeln!(self.next, "{person},{index},{before},{on},{soon},{later}");
        }
    }
}

/// The three files of a folder.
#[derive(Debug)]
pub struct Files {
    who: BufWriter<File>,
    people: BufWriter<File>,
    next: BufWriter<File>,
}

impl Files {
    /// Makes the folder, where it is missing, and the files.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn create(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let file = |name: &str, columns: &str| {
            let mut file = BufWriter::new(File::create(folder.join(name))?);
            writeln!(file, "{columns}")?;
            Ok::<_, std::io::Error>(file)
        };
        Ok(Self {
            who: file("who.csv", WHO)?,
            people: file("people.csv", PEOPLE)?,
            next: file("next.csv", NEXT)?,
        })
    }

    /// Writes some lives.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&mut self, lines: &Lines) -> std::io::Result<()> {
        self.who.write_all(&lines.who)?;
        self.people.write_all(&lines.people)?;
        self.next.write_all(&lines.next)
    }

    /// Brings everything to the files.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.who.flush()?;
        self.people.flush()?;
        self.next.flush()
    }
}
