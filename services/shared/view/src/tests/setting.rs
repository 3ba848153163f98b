//! A partition with a view, its agreements and a day, to compute rows in.

use super::rows::cell;
use super::support::*;
use crate::facts::Contribution;
use crate::row::{Asked, Row};
use crate::state::Partition;
use crate::value::Value;
use crate::{Input, IntegrityError, Known};
use walbrook_domain::{Day, Instant, WorkingCalendar};

const CAMDEN: &str = "GSS:E09000007";

pub(super) struct Setting {
    pub(super) view: crate::View,
    pub(super) reading: Granted,
    pub(super) partition: Partition,
    pub(super) calendar: WorkingCalendar,
    pub(super) at: Day,
}

impl Setting {
    pub(super) fn new(view_name: &str, sources: &[(&str, &str)]) -> Self {
        let holidays = walbrook_schemas::bank_holidays()
            .iter()
            .filter_map(|holiday| {
                Day::from_ymd(
                    holiday.day.year,
                    holiday.day.month.into(),
                    holiday.day.day.into(),
                )
            });
        let mut setting = Self {
            view: view(view_name),
            reading: granted(sources),
            partition: Partition::default(),
            calendar: WorkingCalendar::new(holidays),
            at: day("2026-05-31"),
        };
        for (organisation, event_type) in sources {
            setting.add(heartbeat(organisation, event_type, "2026-05-31"));
        }
        setting
    }

    pub(super) fn add(&mut self, input: Input) -> &mut Self {
        self.partition.apply(input, &mut Vec::new());
        self
    }

    pub(super) fn release(&mut self, contribution: Contribution) -> &mut Self {
        self.add(Input::Release(contribution))
    }

    pub(super) fn asked(&self, at: Instant) -> Asked<'_> {
        Asked {
            view: &self.view,
            reading: &self.reading,
            evaluated_at: at,
            case_named: false,
            glass_broken: false,
            disputes: None,
            calendar: &self.calendar,
        }
    }

    pub(super) fn try_row(&mut self, p: u8, reader: &str) -> Result<Option<Row>, IntegrityError> {
        self.reading.reader = org(reader);
        let asked = self.asked(self.at.start());
        self.partition
            .person(&person(p))
            .map_or(Ok(None), |person| asked.row(&person))
    }

    /// The row of person 1 at an instant, to a reader of Camden.
    pub(super) fn row_at(&self, at: Instant) -> Option<Row> {
        let person = self.partition.person(&person(1))?;
        self.asked(at).row(&person).unwrap()
    }

    /// A setting in which Camden sends everything the view reads, about its person 1.
    pub(super) fn whole(view_name: &str, own: crate::SubjectFacts) -> Self {
        let types: Vec<String> = view(view_name)
            .silent_after_days
            .keys()
            .map(ToString::to_string)
            .collect();
        let sources: Vec<(&str, &str)> = types.iter().map(|one| (CAMDEN, one.as_str())).collect();
        let mut setting = Self::new(view_name, &sources);
        setting.add(subject_input(1, 1, own));
        setting
    }

    /// Row and sources stand at a later day.
    pub(super) fn on(&mut self, on: &str) -> &mut Self {
        self.at = day(on);
        let types: Vec<String> = self
            .view
            .silent_after_days
            .keys()
            .map(ToString::to_string)
            .collect();
        for event_type in types {
            self.add(heartbeat(CAMDEN, &event_type, on));
        }
        self
    }

    /// A cell of person 1 in plain words: a code, a date, digits; `-` for nothing, and what is said of what is not known.
    pub(super) fn said(&mut self, column: &str) -> String {
        let row = self.row(1, CAMDEN).unwrap();
        match cell(&row, column) {
            Known::Value(Value::Day(day)) => day.to_string(),
            Known::Value(value) => crate::row::words(value),
            Known::Nothing => "-".to_owned(),
            other => other.words().unwrap(),
        }
    }

    /// The rules that apply to person 1.
    pub(super) fn rules(&mut self) -> Vec<String> {
        let row = self.row(1, CAMDEN).unwrap();
        row.reasons.into_iter().map(|one| one.rule_id).collect()
    }

    pub(super) fn row(&mut self, p: u8, reader: &str) -> Option<Row> {
        self.try_row(p, reader).unwrap()
    }
}
