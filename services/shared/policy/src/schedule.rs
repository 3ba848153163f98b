//! Publication schedules as files: for whom, and which event types with controller, reason and retention.
//!
//! ```toml
//! class = "london-authority"        # each member publishes this for itself; or organisations = ["ODS:RRV"]
//!
//! [[entry]]
//! event = "housing.RentArrearsChanged"
//! reason = "Housing Act 1985: management of the authority's own tenancies"
//! retention_days = 2190
//! controller = "GSS:E12000007"      # left out: the organisation itself
//! ```

use crate::agreement::Faults;
use crate::agreement::document::{Reading, Section};
use crate::catalogue::Catalogue;
use crate::class::Class;
use std::collections::BTreeMap;
use walbrook_domain::Organisation;
use walbrook_domain::control::{PublicationSchedule, ScheduleEntry};

/// How many London authorities there are, by the numbers of their codes.
const LONDON_AUTHORITIES: u32 = 33;

/// A schedule file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleFile {
    /// For whom it stands.
    pub of: ScheduleOf,
    /// What each of them publishes.
    pub entries: Vec<FileEntry>,
}

/// Whom a schedule file stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleOf {
    /// These organisations.
    Organisations(Vec<Organisation>),
    /// Every member of the class, unless a file names the member itself.
    Class(Class),
}

/// An entry of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// As in the schedule, with the organisation itself as controller where `controller` is `None`.
    pub event_type: walbrook_domain::EventType,
    /// Another controller than the organisation itself.
    pub controller: Option<Organisation>,
    /// See [`ScheduleEntry`].
    pub reason: String,
    /// See [`ScheduleEntry`].
    pub retention_days: u32,
}

impl ScheduleFile {
    /// Reads a file and checks all that can be checked without a backbone.
    ///
    /// # Errors
    /// Every fault, by line, field and reason.
    pub fn read(text: &str, catalogue: &Catalogue) -> Result<Self, Faults> {
        let mut reading = Reading::new(text);
        let file = read(&mut reading, catalogue);
        match file {
            Some(file) if reading.clean() => Ok(file),
            _ => Err(reading.into_faults()),
        }
    }

    /// The organisations it stands for.
    pub fn organisations(&self) -> Vec<Organisation> {
        match &self.of {
            ScheduleOf::Organisations(named) => named.clone(),
            ScheduleOf::Class(_) => (1..=LONDON_AUTHORITIES)
                .filter_map(|number| format!("GSS:E09{number:06}").parse().ok())
                .collect(),
        }
    }

    /// The entries of one of them.
    pub fn entries_of(&self, organisation: &Organisation) -> Vec<ScheduleEntry> {
        self.entries
            .iter()
            .map(|entry| ScheduleEntry {
                event_type: entry.event_type.clone(),
                controller: entry
                    .controller
                    .clone()
                    .unwrap_or_else(|| organisation.clone()),
                reason: entry.reason.clone(),
                retention_days: entry.retention_days,
            })
            .collect()
    }
}

/// What each organisation of these files publishes. A file that names an organisation stands in place of its class's.
///
/// # Errors
/// The organisation for which two files stand with equal right.
pub fn united(
    files: &[ScheduleFile],
) -> Result<BTreeMap<Organisation, Vec<ScheduleEntry>>, Organisation> {
    let mut all = BTreeMap::new();
    for by_class in [true, false] {
        let mut found = BTreeMap::new();
        for file in files {
            if matches!(file.of, ScheduleOf::Class(_)) != by_class {
                continue;
            }
            for organisation in file.organisations() {
                let entries = file.entries_of(&organisation);
                if found.insert(organisation.clone(), entries).is_some() {
                    return Err(organisation);
                }
            }
        }
        all.extend(found);
    }
    Ok(all)
}

fn read(reading: &mut Reading<'_>, catalogue: &Catalogue) -> Option<ScheduleFile> {
    let mut top = Section::top(reading)?;
    let of = match (top.has("class"), top.has("organisations")) {
        (true, false) => {
            // Of the other classes nobody knows all members.
            let listed = [Class::LondonAuthority];
            top.choice(reading, "class", &listed, Class::as_str)
                .map(ScheduleOf::Class)
        }
        (false, true) => organisations(reading, &mut top),
        _ => {
            reading.fault(
                1,
                "organisations",
                "expected `organisations` or `class`, one of them",
            );
            top.optional_texts(reading, "organisations");
            top.optional_text(reading, "class");
            None
        }
    };
    let mut entries: Vec<FileEntry> = Vec::new();
    for mut section in top.sections(reading, "entry") {
        let found = entry(reading, &mut section, catalogue);
        if let Some(found) = found {
            if entries
                .iter()
                .any(|before| before.event_type == found.event_type)
            {
                let field = section.field("event");
                reading.fault_of(&field, format!("{} stands twice", found.event_type));
            }
            entries.push(found);
        }
        section.finish(reading);
    }
    top.finish(reading);
    Some(ScheduleFile { of: of?, entries })
}

fn organisations<'t>(reading: &mut Reading<'t>, top: &mut Section<'t>) -> Option<ScheduleOf> {
    let mut named = Vec::new();
    let texts = top.texts(reading, "organisations");
    for text in texts {
        match text.parse::<Organisation>() {
            Ok(organisation) => named.push(organisation),
            Err(error) => reading.fault_of("organisations", format!("{text}: {}", error.problem)),
        }
    }
    (!named.is_empty()).then_some(ScheduleOf::Organisations(named))
}

fn entry<'t>(
    reading: &mut Reading<'t>,
    section: &mut Section<'t>,
    catalogue: &Catalogue,
) -> Option<FileEntry> {
    let event_type = section.word(reading, "event");
    let reason = section.text(reading, "reason");
    let retention_days = section.count(reading, "retention_days");
    let controller = section
        .has("controller")
        .then(|| section.word(reading, "controller"));
    if let Some(event_type) = &event_type
        && catalogue.event(event_type).is_none()
    {
        let field = section.field("event");
        reading.fault_of(&field, format!("there is no event type {event_type}"));
    }
    if reason
        .as_ref()
        .is_some_and(|reason| reason.trim().len() > PublicationSchedule::REASON_LIMIT)
    {
        let field = section.field("reason");
        let most = PublicationSchedule::REASON_LIMIT;
        reading.fault_of(&field, format!("longer than {most} bytes"));
    }
    let controller = match controller {
        None => None,
        // A controller that cannot be read is a fault already.
        Some(named) => Some(named?),
    };
    Some(FileEntry {
        event_type: event_type?,
        controller,
        reason: reason?,
        retention_days: retention_days?,
    })
}

#[cfg(test)]
mod tests;
