//! What four columns must say, folded as plainly as can be.

use super::{Event, Released, STAYS, Says};
use crate::{NoFigure, demand};
use uuid::Uuid;
use walbrook_domain::Day;
use walbrook_proto::view::v1 as proto;
use walbrook_proto::view::v1::cell::Value;

/// Days of the window of contacts.
const WINDOW_DAYS: i32 = 28;

/// One person.
#[derive(Debug, Clone, Default)]
struct Person {
    contacts: Vec<Day>,
    /// By day, and by id within a day.
    arrears: Option<(Day, Uuid, i64)>,
    begun: [bool; STAYS],
    left: [bool; STAYS],
    discharged: Option<Day>,
}

/// What is known of everybody.
pub struct Naive {
    people: Vec<Person>,
    today: Day,
}

/// What the four columns say of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Four {
    /// Contacts in 28 days.
    pub contacts: i64,
    /// The last arrears, pence.
    pub arrears: Option<i64>,
    /// Whether a stay is open.
    pub open: bool,
    /// Days since the last discharge.
    pub discharged: Option<i64>,
}

impl Naive {
    /// Nothing is known of anybody yet.
    #[must_use]
    pub fn new(released: &Released) -> Self {
        Self {
            people: vec![Person::default(); released.people()],
            today: released.today,
        }
    }

    /// Takes an event in.
    pub fn add(&mut self, event: &Event) {
        let Some(person) = self.people.get_mut(event.person) else {
            return;
        };
        match event.says {
            Says::Contact => person.contacts.push(event.day),
            Says::Arrears(pence) => {
                let this = (event.day, event.id, pence);
                person.arrears = person.arrears.max(Some(this));
            }
            Says::Stay(number, left) => {
                let told = if left {
                    &mut person.left
                } else {
                    &mut person.begun
                };
                if let Some(told) = told.get_mut(number) {
                    *told = true;
                }
            }
            Says::Discharge => person.discharged = person.discharged.max(Some(event.day)),
        }
    }

    /// Whether anything was told of a person.
    #[must_use]
    pub fn is_known(&self, person: usize) -> bool {
        self.people.get(person).is_some_and(|one| {
            !one.contacts.is_empty()
                || one.arrears.is_some()
                || one.discharged.is_some()
                || one.begun.iter().chain(&one.left).any(|told| *told)
        })
    }

    /// What the four columns must say.
    #[must_use]
    pub fn four(&self, person: usize) -> Four {
        let one = self.people.get(person).cloned().unwrap_or_default();
        let first = self.today.plus(-WINDOW_DAYS);
        let met = one.contacts.iter().filter(|day| **day > first).count();
        let mut stays = one.begun.iter().zip(&one.left);
        Four {
            contacts: i64::try_from(met).unwrap_or(0),
            arrears: one.arrears.map(|(_, _, pence)| pence),
            open: stays.any(|(begun, left)| *begun && !*left),
            discharged: one.discharged.map(|day| i64::from(self.today.0 - day.0)),
        }
    }

    /// Demands that a row says so.
    ///
    /// # Errors
    /// With both, where they differ.
    pub fn check(&self, person: usize, row: Option<&proto::Row>) -> Result<(), NoFigure> {
        let Some(row) = row else {
            return demand(!self.is_known(person), || {
                format!("person {person} has no row")
            });
        };
        let (wanted, found) = (self.four(person), Four::of(row));
        demand(wanted == found, || {
            format!("person {person}: the view says {found:?}, the events say {wanted:?}")
        })
    }
}

impl Four {
    /// What a row says.
    #[must_use]
    pub fn of(row: &proto::Row) -> Self {
        let cell = |name: &str| {
            let cell = row.cells.iter().find(|cell| cell.column == name);
            cell.and_then(|cell| cell.value.clone())
        };
        let number = |name: &str| match cell(name) {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        };
        Self {
            contacts: number("contacts_28d").unwrap_or(-1),
            arrears: number("arrears_pence"),
            open: cell("hostel") == Some(Value::Flag(true)),
            discharged: number("discharged_days"),
        }
    }
}
