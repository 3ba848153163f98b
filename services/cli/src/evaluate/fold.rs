//! The views' own fold over what was told, and its rows at the end of a day.

use super::lines::{Seen, sixteen};
use super::measure::{Placed, Ranked};
use super::open::Open;
use super::truth::Truth;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventType, HandlePseudonym, Instant, LinkStatus,
    Organisation, Precision, Pseudonym, WorkingCalendar,
};
use walbrook_view::row::Asked;
use walbrook_view::{Contribution, ContributionKey, Input, Partition, SubjectFacts, View};

/// A record of somebody.
#[derive(Debug, Clone)]
struct Record {
    person: u64,
    organisation: Organisation,
    /// That the person is an adult has been said.
    adult: bool,
}

/// Everything told so far.
#[derive(Debug)]
pub struct Fold {
    partition: Partition,
    records: BTreeMap<HandlePseudonym, Record>,
    persons: HashMap<Pseudonym, u64>,
    heard: BTreeMap<(Organisation, EventType), Day>,
    calendar: WorkingCalendar,
    agreement: Option<AgreementId>,
    role: String,
}

impl Fold {
    /// Nothing told; rows as this role sees them.
    #[must_use]
    pub fn new(role: &str) -> Self {
        let holidays = walbrook_schemas::bank_holidays().iter();
        Self {
            partition: Partition::default(),
            records: BTreeMap::new(),
            persons: HashMap::new(),
            heard: BTreeMap::new(),
            calendar: WorkingCalendar::new(holidays.filter_map(|holiday| {
                let day = holiday.day;
                Day::from_ymd(day.year, day.month.into(), day.day.into())
            })),
            agreement: "everything".parse().ok(),
            role: role.to_owned(),
        }
    }

    fn apply(&mut self, input: Input) {
        // The changes are for a store; there is none.
        self.partition.apply(input, &mut Vec::new());
    }

    /// Takes an event in, of a person's record.
    pub fn take(&mut self, seen: Seen, person: u64) {
        let Some(agreement) = self.agreement.clone() else {
            return;
        };
        let (handle, source) = (seen.handle, seen.source.clone());
        let last = self
            .heard
            .entry((source.clone(), seen.event_type.clone()))
            .or_insert(seen.told_on);
        *last = (*last).max(seen.told_on);
        let pseudonym = pseudonym(person);
        if !self.records.contains_key(&handle) {
            let record = Record {
                person,
                organisation: source,
                adult: false,
            };
            self.apply(subject(pseudonym, handle, &record.organisation, None));
            self.records.insert(handle, record);
            self.persons.insert(pseudonym, person);
        }
        self.apply(Input::Release(Contribution {
            person: pseudonym,
            key: ContributionKey {
                handle,
                event: seen.id,
                agreement,
            },
            version: AgreementVersion(1),
            source: seen.source,
            event_type: seen.event_type,
            occurred_at: seen.occurred_on.start(),
            precision: Precision::Day,
            not_after: None,
            released_on: seen.told_on,
            supersedes: seen.supersedes,
            fields: seen.fields,
        }));
    }

    /// The rows of two views at the end of a day, ranked by points.
    ///
    /// # Errors
    /// In words, when an event stands twice with different values.
    pub fn ranked(&mut self, day: Day, truth: &Truth, views: [&View; 2]) -> Result<Ranked, String> {
        self.say_who_is_adult(day, truth);
        self.say_who_was_heard();
        let agreement = self.agreement.clone().ok_or("no agreement")?;
        let reading = Open::new(agreement, &self.role, self.heard.keys().cloned());
        let mut placed = Vec::new();
        for view in views {
            let asked = Asked {
                view,
                reading: &reading,
                // The last instant of the day.
                evaluated_at: Instant(day.plus(1).start().micros() - 1),
                case_named: false,
                glass_broken: false,
                disputes: None,
                calendar: &self.calendar,
            };
            let mut rows = Vec::new();
            for person in self.partition.people() {
                let row = asked.row(&person).map_err(|error| error.to_string())?;
                let number = self.persons.get(&person.pseudonym);
                rows.extend(row.zip(number).map(|(row, number)| Placed {
                    person: *number,
                    points_hundredths: row.points_hundredths,
                    band: row.band,
                }));
            }
            placed.push(rows);
        }
        let mut placed = placed.into_iter();
        Ok(Ranked {
            day,
            score: placed.next().unwrap_or_default(),
            simple: placed.next().unwrap_or_default(),
        })
    }

    /// As identity does: on the first of the month after the 18th birthday, and not before.
    fn say_who_is_adult(&mut self, day: Day, truth: &Truth) {
        let mut said = Vec::new();
        for (handle, record) in &mut self.records {
            let from = truth.born(record.person).map(Day::adult_from);
            if let Some(from) = from.filter(|from| *from <= day && !record.adult) {
                record.adult = true;
                let person = pseudonym(record.person);
                said.push(subject(person, *handle, &record.organisation, Some(from)));
            }
        }
        for input in said {
            self.apply(input);
        }
    }

    fn say_who_was_heard(&mut self) {
        let heard: Vec<_> = self
            .heard
            .iter()
            .map(|(key, day)| (key.clone(), *day))
            .collect();
        for ((organisation, event_type), last_accepted_on) in heard {
            self.apply(Input::Heartbeat {
                organisation,
                event_type,
                last_accepted_on,
            });
        }
    }
}

fn pseudonym(person: u64) -> Pseudonym {
    Pseudonym::new(sixteen(&Sha256::digest(person.to_be_bytes())))
}

fn subject(
    person: Pseudonym,
    handle: HandlePseudonym,
    organisation: &Organisation,
    adult_from: Option<Day>,
) -> Input {
    Input::Subject {
        person,
        handle,
        facts: SubjectFacts {
            organisation: organisation.clone(),
            responsible_authority: None,
            chosen_authority: None,
            area_gss: None,
            restrictions: Vec::new(),
            adult_from,
            link_status: LinkStatus::Match,
            link_score_ten_thousandths: 10_000,
            chosen_until: None,
        },
    }
}
