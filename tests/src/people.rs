//! Invented people and what agencies say of them.

use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Demographics, EventHead, Receipt, Subject};
use walbrook_proto::housing::v1::{Event, PublishRequest, RentArrearsChanged, event};

use crate::backbone::Backbone;

/// A council.
pub const CAMDEN: &str = "GSS:E09000007";
/// Another council.
pub const ISLINGTON: &str = "GSS:E09000019";

const GIVEN: [&str; 8] = [
    "Aveline", "Bertrand", "Clemence", "Dagmar", "Eustace", "Felicia", "Godfrey", "Hesper",
];
const FAMILY: [&str; 8] = [
    "Quillfeather",
    "Marshbanks",
    "Thornwhistle",
    "Oakenshaw",
    "Pemberley",
    "Larkspur",
    "Wimblecote",
    "Ashgrove",
];

/// An invented adult.
#[derive(Debug, Clone)]
pub struct Person {
    /// The organisation's own number for them, scheme `LOCAL`.
    pub local_id: String,
    /// Who they are.
    pub demographics: Demographics,
}

/// An NHS number of the range that is nobody's (999), by its number.
#[must_use]
pub fn nhs_number(number: u32) -> String {
    // One in eleven has no check digit: the next one is taken, so numbers are spread by two.
    let digits = |n: u32| -> Vec<u32> {
        format!("999{n:06}")
            .bytes()
            .map(|byte| u32::from(byte - b'0'))
            .collect()
    };
    let check = |n: u32| {
        let sum: u32 = digits(n)
            .iter()
            .zip((2..=10).rev())
            .map(|(digit, weight)| digit * weight)
            .sum();
        (11 - sum % 11) % 11
    };
    let usable = (number * 2..).find(|n| check(*n) != 10).expect("a number");
    format!("999{usable:06}{}", check(usable))
}

/// An ending for each number: names that differ in it do not look alike to identity's model, as long runs of one letter would.
fn ending(mut number: usize) -> String {
    const SYLLABLES: [&str; 8] = ["bo", "chi", "du", "fen", "gar", "ki", "lou", "mez"];
    let mut ending = String::new();
    while number > 0 {
        ending.push_str(SYLLABLES[number % 8]);
        number /= 8;
    }
    ending
}

impl Person {
    /// Person number `number`: the same number is the same person everywhere.
    #[must_use]
    pub fn number(number: u32) -> Self {
        let index = usize::try_from(number).expect("small");
        let (given, family) = (GIVEN[index % 8], FAMILY[index / 8 % 8]);
        Self {
            local_id: format!("P-{number}"),
            demographics: Demographics {
                given_name: format!("{given}{}", ending(index / 64)),
                family_name: family.into(),
                birth_date: Date::new(
                    1950 + (number % 50).cast_signed(),
                    1 + (number % 12).cast_signed(),
                    2 + (number % 26).cast_signed(),
                ),
                postcode: format!("NW1 {}AB", number % 10),
                nhs_number: Some(nhs_number(number)),
                nhs_number_verified: true,
                upn: None,
                la_child_id: None,
                restricted: false,
                ..Demographics::default()
            },
        }
    }

    /// The same person under another local id.
    #[must_use]
    pub fn known_as(mut self, local_id: &str) -> Self {
        self.local_id = local_id.to_owned();
        self
    }

    /// The same without an NHS number: nothing links the record by itself.
    #[must_use]
    pub fn without_numbers(mut self) -> Self {
        self.demographics.nhs_number = None;
        self.demographics.nhs_number_verified = false;
        self.demographics.postcode = "ZZ99 3VZ".into();
        self
    }

    /// As an event names them.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject {
            scheme: "LOCAL".into(),
            local_id: self.local_id.clone(),
            demographics: Some(self.demographics.clone()),
        }
    }
}

/// A fresh event id.
#[must_use]
pub fn event_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A London day some days before today.
#[must_use]
pub fn days_ago(days: i32) -> Date {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a clock");
    let micros = i64::try_from(now.as_micros()).expect("this century");
    let day = walbrook_domain::Instant(micros).london_day();
    Date::from_days(day.0 - days).expect("a date")
}

/// A head about a person.
#[must_use]
pub fn head(id: &str, person: &Person, day: Date) -> EventHead {
    EventHead {
        event_id: id.to_owned(),
        organisation: None,
        subject: Some(person.subject()),
        supersedes_event_id: None,
        when: Some(When::OccurredOn(day)),
    }
}

/// Rent arrears of a person, ten days ago.
#[must_use]
pub fn arrears(id: &str, person: &Person, pence: i64) -> Event {
    let body = RentArrearsChanged {
        tenancy_ref: "T-100".into(),
        landlord_type: "LA".into(),
        arrears_pence: pence,
        owed_weeks: Some(8),
        shortfall_pence: None,
        contact_made: true,
        owed_months: None,
    };
    Event {
        head: Some(head(id, person, days_ago(10))),
        body: Some(event::Body::RentArrearsChanged(body)),
    }
}

impl Backbone {
    /// Sends a housing event and returns its receipt.
    ///
    /// # Errors
    /// The gateway's refusal.
    pub async fn publish(
        &self,
        organisation: &str,
        event: Event,
    ) -> Result<Receipt, tonic::Status> {
        let answer = self
            .housing(organisation)
            .publish(PublishRequest { event: Some(event) })
            .await?;
        Ok(answer.into_inner())
    }
}
