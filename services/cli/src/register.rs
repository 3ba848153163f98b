//! `walbrook register`: the registers that write themselves, from what is signed and what was done.
//!
//! | register | what it is | its columns |
//! |---|---|---|
//! | `sharing` | the register of information sharing agreements | those of the published register under Part 5 of the Digital Economy Act 2017 |
//! | `article-30` | the record of processing activities | UK GDPR Article 30(1) |
//! | `privacy` | per agreement the paragraph for a privacy notice | UK GDPR Articles 13 and 14 |
//! | `dpia` | per agreement the data-flow annex of the impact assessment | one line for each flow and reader |
//! | `observed` | agreements never used, fields shared and never read, agreements near their end | decision pages and reads on record |
//!
//! Everything stands in a stable order, so two printouts differ only where something changed.

mod annex;
mod article_30;
mod facts;
mod notice;
mod observed;
mod sharing;
mod sheet;
mod words;

#[cfg(test)]
mod tests;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use walbrook_auditor::dry_run::Progress;
use walbrook_auditor::observed::observe;

use crate::audit::{LogArgs, blocking, source};
use crate::city::now;
use crate::table::print;
use crate::{Exit, Failure};
use facts::Facts;
use sheet::Sheet;

/// Which registers, and how.
#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// Only these; all when left out
    #[arg(value_enum, value_name = "REGISTER")]
    pub registers: Vec<Register>,
    /// The form
    #[arg(long, value_enum, default_value = "markdown")]
    pub format: Format,
    /// Write each register into a file of its own in this folder, instead of printing
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// An agreement that ends or is to be reviewed within so many days is near its end
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub soon: u16,
    /// Where the log is
    #[command(flatten)]
    pub log: LogArgs,
}

/// The registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Register {
    /// Information sharing agreements
    Sharing,
    /// The record of processing activities
    #[value(name = "article-30")]
    Article30,
    /// Paragraphs for privacy notices
    Privacy,
    /// Data-flow annexes of impact assessments
    Dpia,
    /// What was observed: never used, never read, near its end
    Observed,
}

impl Register {
    const ALL: [Register; 5] = [
        Register::Sharing,
        Register::Article30,
        Register::Privacy,
        Register::Dpia,
        Register::Observed,
    ];

    /// Its file, without the ending.
    const fn file(self) -> &'static str {
        match self {
            Register::Sharing => "information-sharing-register",
            Register::Article30 => "record-of-processing",
            Register::Privacy => "privacy-notices",
            Register::Dpia => "dpia-data-flows",
            Register::Observed => "observed-use",
        }
    }

    fn sheet(self, facts: &Facts) -> Sheet {
        match self {
            Register::Sharing => sharing::sheet(facts),
            Register::Article30 => article_30::sheet(facts),
            Register::Privacy => notice::sheet(facts),
            Register::Dpia => annex::sheet(facts),
            Register::Observed => observed::sheet(facts),
        }
    }
}

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Markdown,
    /// For programs and spreadsheets
    Csv,
}

/// Reads the log and prints.
///
/// # Errors
/// When the log cannot be read, or a file cannot be written.
pub async fn run(args: RegisterArgs) -> Result<Exit, Failure> {
    let registers = if args.registers.is_empty() {
        Register::ALL.to_vec()
    } else {
        args.registers.clone()
    };
    if args.format == Format::Csv && args.out.is_none() && registers.len() > 1 {
        return Err(Failure::new(
            Exit::Usage,
            "each register has columns of its own: name one (`walbrook register sharing --format csv`), or give --out DIR for a file of each",
        ));
    }
    let place = args.log.clone();
    let observed = blocking(move || {
        let mut source = source(&place)?;
        let bar = bar();
        let observed = observe(source.as_mut(), &mut |progress| match progress {
            Progress::Total(records) => bar.set_length(records),
            Progress::Read => bar.inc(1),
        });
        bar.finish_and_clear();
        observed.map_err(|error| Failure::new(Exit::Unavailable, error))
    })
    .await?;
    let law = facts::law()?;
    let facts = Facts::new(observed, law, now().london_day(), i32::from(args.soon));
    for register in registers {
        let sheet = register.sheet(&facts);
        let (text, ending) = match args.format {
            Format::Markdown => (sheet.markdown(), "md"),
            Format::Csv => (sheet.csv()?, "csv"),
        };
        match &args.out {
            None => print(&text),
            Some(folder) => write(folder, &format!("{}.{ending}", register.file()), &text)?,
        }
    }
    Ok(Exit::Done)
}

fn write(folder: &Path, file: &str, text: &str) -> Result<(), Failure> {
    let path = folder.join(file);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|error| {
            Failure::new(
                Exit::Input,
                format!("{} cannot be written: {error}", path.display()),
            )
        })?;
    println!("{}", path.display());
    Ok(())
}

/// A bar on a terminal, nothing elsewhere.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{bar:40} {percent:>3}%  {human_pos} of {human_len} records  {per_sec}, {eta} left",
    );
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
