//! Files as importers read them: with a meter for the progress bar, and with a limit to what one row may take.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use super::text;
use crate::{Exit, Failure};

/// The most bytes that one row or element may take: a quote or tag that is never closed would otherwise take the rest of the file.
pub const LARGEST_ROW: usize = 4 << 20;

/// How far the files of an import are read; shown on a terminal only.
#[derive(Debug, Clone)]
pub struct Meter(ProgressBar);

impl Default for Meter {
    fn default() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} read, {eta} left")
        {
            bar.set_style(style);
        }
        Self(bar)
    }
}

impl Meter {
    /// Opens a file to be read as part of the import.
    ///
    /// # Errors
    /// When it cannot be read, or is UTF-16.
    pub fn open(&self, path: &Path) -> std::result::Result<Metered, Failure> {
        let failed = |error: Error| {
            let problem = format!("cannot read {}: {error}", path.display());
            Failure::new(Exit::Input, problem)
        };
        let mut file = File::open(path).map_err(failed)?;
        let mut start = Vec::new();
        Read::by_ref(&mut file)
            .take(2)
            .read_to_end(&mut start)
            .map_err(failed)?;
        if text::is_utf16(&start) {
            let problem = format!("{} is UTF-16: save it as UTF-8", path.display());
            return Err(Failure::new(Exit::Input, problem));
        }
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        self.0.inc_length(length);
        Ok(Metered {
            file,
            bar: self.0.clone(),
            left: LARGEST_ROW,
        })
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// A file that is counted while it is read.
#[derive(Debug)]
pub struct Metered {
    file: File,
    bar: ProgressBar,
    left: usize,
}

impl Metered {
    /// A new row begins: it may take [`LARGEST_ROW`] bytes from here (and what is buffered above).
    pub fn next_row(&mut self) {
        self.left = LARGEST_ROW;
    }
}

/// The kind of error that says a row is too large.
pub const TOO_LARGE: ErrorKind = ErrorKind::FileTooLarge;

impl Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let count = self.file.read(into)?;
        self.bar.inc(count as u64);
        self.left = self
            .left
            .checked_sub(count)
            .ok_or_else(|| Error::new(TOO_LARGE, "a row is too large"))?;
        Ok(count)
    }
}
