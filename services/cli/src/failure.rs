//! How a command ends.

use std::error::Error;
use std::process::ExitCode;

/// Printed under `--help`.
pub(crate) const EXIT_CODES: &str = "Exit codes: 0 done; 1 done, and what was checked is not as it should be; \
2 not running; 64 wrong usage or configuration; 65 wrong input; 69 something needed does not answer or did not stay; \
70 a fault of walbrook itself; 77 refused.";

/// What the exit code of a command means. After sysexits.h, where that has a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Done, and what was checked is not as it should be: a difference, a missing topic, a process that is not ready.
    Difference = 1,
    /// Nothing runs here.
    NotRunning = 2,
    /// Wrong arguments or configuration.
    Usage = 64,
    /// A file or a value in it is wrong.
    Input = 65,
    /// Something needed is missing, does not answer, or did not stay.
    Unavailable = 69,
    /// A fault of this program or its machine.
    Internal = 70,
    /// The other side refused: not permitted, or not in this state.
    Refused = 77,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what was asked, and the exit code that says so.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    error: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// An error and the exit code for it.
    pub fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            exit,
            error: error.into(),
        }
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The error and its causes, one line each.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.error.to_string();
        let mut cause = self.error.source();
        while let Some(error) = cause {
            let line = error.to_string();
            // Transparent wrappers say the same thing twice.
            if !text.ends_with(&line) {
                text = format!("{text}\n  because: {line}");
            }
            cause = error.source();
        }
        text
    }

    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("walbrook: {}", self.text());
        self.exit.into()
    }
}
