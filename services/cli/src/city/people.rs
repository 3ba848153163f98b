//! Who lives in the city: invented people in households, with demographics as the organisations hold them.

use super::figures::{self, Share};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use walbrook_domain::Day;
use walbrook_proto::common::v1::{Date, Demographics};

/// What a person's half year is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Met on the street by outreach.
    SleepingRough,
    /// A social tenancy with arrears.
    InArrears,
    /// Applied to the council as homeless.
    AppliedHomeless,
    /// A child looked after by the authority.
    LookedAfter,
    /// Known to a service, nothing more.
    Quiet,
}

/// A person of the city.
#[derive(Debug, Clone)]
pub struct Person {
    /// Number within the city, from 0.
    pub number: usize,
    /// Number of the household, from 0.
    pub household: usize,
    /// GSS code of the authority where they live.
    pub authority: &'static str,
    /// Given name.
    pub given: &'static str,
    /// Family name.
    pub family: &'static str,
    /// Male, as services record it.
    pub male: bool,
    /// Date of birth.
    pub birth: Day,
    /// Home postcode, or no fixed abode.
    pub postcode: String,
    /// NHS number of the test range, with a right check digit.
    pub nhs_number: String,
    /// What their half year is about.
    pub course: Course,
}

const GIVEN_MALE: [&str; 24] = [
    "Adam", "Amir", "Ben", "Callum", "Daniel", "David", "Emeka", "George", "Hassan", "Ivan",
    "Jack", "James", "Kofi", "Leon", "Marek", "Michael", "Nathan", "Omar", "Paul", "Radu", "Sam",
    "Stefan", "Thomas", "Yusuf",
];
const GIVEN_FEMALE: [&str; 24] = [
    "Aisha", "Alice", "Amina", "Beth", "Chloe", "Daisy", "Elena", "Emma", "Fatima", "Grace",
    "Hannah", "Ines", "Jade", "Kate", "Layla", "Maria", "Nadia", "Olivia", "Precious", "Rosa",
    "Sara", "Sofia", "Tara", "Zoe",
];
const FAMILY_FIRST: [&str; 40] = [
    "Abbott",
    "Adeyemi",
    "Ahmed",
    "Baker",
    "Begum",
    "Bennett",
    "Brown",
    "Carter",
    "Chowdhury",
    "Clarke",
    "Cooper",
    "Costa",
    "Davies",
    "Edwards",
    "Evans",
    "Fernandes",
    "Fisher",
    "Garcia",
    "Green",
    "Hall",
    "Hughes",
    "Hussain",
    "Ionescu",
    "Jackson",
    "Jones",
    "Kaur",
    "Khan",
    "Kowalski",
    "Lewis",
    "Marshall",
    "Mensah",
    "Morgan",
    "Nowak",
    "Okafor",
    "Patel",
    "Popescu",
    "Roberts",
    "Silva",
    "Thompson",
    "Walker",
];

/// Whether a thing of this share happens.
pub fn happens(rng: &mut ChaCha8Rng, share: Share) -> bool {
    rng.random_range(0..10_000) < share.ten_thousandths
}

/// One of a list.
pub fn one_of<T: Copy>(rng: &mut ChaCha8Rng, list: &[T], otherwise: T) -> T {
    list.get(rng.random_range(0..list.len().max(1)))
        .copied()
        .unwrap_or(otherwise)
}

/// The people, household by household. `last_day` is the last day of the calendar: ages are as on that day.
pub fn people(rng: &mut ChaCha8Rng, count: usize, last_day: Day) -> Vec<Person> {
    let mut people = Vec::with_capacity(count);
    let mut household = 0;
    while people.len() < count {
        let members = match rng.random_range(0..100) {
            0..45 => 1,
            45..70 => 2,
            70..85 => 3,
            _ => 4,
        };
        let (authority, district) = authority(rng);
        let family = one_of(rng, &FAMILY_FIRST, "Smith");
        let postcode = postcode(rng, district);
        for member in 0..members {
            if people.len() == count {
                break;
            }
            let adult = member == 0
                || (member == 1 && members != 2)
                || (members == 2 && rng.random_bool(0.6));
            let course = course(rng, adult, members == 1);
            let male = match course {
                Course::SleepingRough => happens(rng, figures::ROUGH_MALE),
                _ => rng.random_bool(0.5),
            };
            let given = if male {
                one_of(rng, &GIVEN_MALE, "Adam")
            } else {
                one_of(rng, &GIVEN_FEMALE, "Alice")
            };
            let birth = birth(rng, adult, course, last_day);
            let number = people.len();
            let street = course == Course::SleepingRough && rng.random_bool(0.4);
            people.push(Person {
                number,
                household,
                authority,
                given,
                family,
                male,
                birth,
                postcode: if street {
                    "ZZ99 3VZ".to_owned()
                } else {
                    postcode.clone()
                },
                nhs_number: nhs_number(number),
                course,
            });
        }
        household += 1;
    }
    people
}

fn authority(rng: &mut ChaCha8Rng) -> (&'static str, &'static str) {
    let total: u32 = figures::AUTHORITIES
        .iter()
        .map(|(_, _, weight)| weight)
        .sum();
    let mut drawn = rng.random_range(0..total);
    for (code, district, weight) in figures::AUTHORITIES {
        if drawn < weight {
            return (code, district);
        }
        drawn -= weight;
    }
    ("E09000007", "NW1")
}

fn postcode(rng: &mut ChaCha8Rng, district: &str) -> String {
    const LETTERS: [char; 20] = [
        'A', 'B', 'D', 'E', 'F', 'G', 'H', 'J', 'L', 'N', 'P', 'Q', 'R', 'S', 'T', 'U', 'W', 'X',
        'Y', 'Z',
    ];
    let digit = rng.random_range(0..10);
    format!(
        "{district} {digit}{}{}",
        one_of(rng, &LETTERS, 'A'),
        one_of(rng, &LETTERS, 'B')
    )
}

fn course(rng: &mut ChaCha8Rng, adult: bool, alone: bool) -> Course {
    if !adult {
        return if happens(rng, figures::LOOKED_AFTER) {
            Course::LookedAfter
        } else {
            Course::Quiet
        };
    }
    let drawn = rng.random_range(0..10_000);
    // Those who sleep rough live alone: the share of all adults is reached among single households.
    let rough = if alone {
        figures::SLEEPING_ROUGH.ten_thousandths * 2
    } else {
        0
    };
    let arrears = rough + figures::IN_ARREARS.ten_thousandths;
    let applied = arrears + figures::APPLIED_HOMELESS.ten_thousandths;
    if drawn < rough {
        Course::SleepingRough
    } else if drawn < arrears {
        Course::InArrears
    } else if drawn < applied {
        Course::AppliedHomeless
    } else {
        Course::Quiet
    }
}

fn birth(rng: &mut ChaCha8Rng, adult: bool, course: Course, last_day: Day) -> Day {
    let years: i32 = match course {
        Course::SleepingRough if happens(rng, figures::ROUGH_AGED_26_TO_55) => {
            rng.random_range(26..56)
        }
        Course::SleepingRough if rng.random_bool(0.5) => rng.random_range(19..26),
        Course::SleepingRough => rng.random_range(56..75),
        Course::LookedAfter => rng.random_range(1..18),
        // One in fifty applicants is 16 or 17: they must never show up among adults.
        Course::AppliedHomeless if rng.random_bool(0.02) => rng.random_range(16..18),
        _ if adult => rng.random_range(19..85),
        _ => rng.random_range(0..18),
    };
    let day = last_day.plus(-(years * 365 + years / 4) - rng.random_range(2..360));
    // 1 January is a placeholder in many systems; the city's people have real birthdays.
    let (_, month, of_month) = day.ymd();
    if (month, of_month) == (1, 1) {
        day.plus(-1)
    } else {
        day
    }
}

/// An NHS number of the range that is never issued (999), with a right check digit; distinct for each number below 900,000.
fn nhs_number(number: usize) -> String {
    // Bodies whose check digit would be 10 are not issued: step to the next.
    let mut body = 999_000_000 + (number as u64) * 7 % 999_983;
    loop {
        let digits: Vec<u64> = format!("{body:09}")
            .bytes()
            .map(|byte| u64::from(byte - b'0'))
            .collect();
        let sum: u64 = digits
            .iter()
            .zip((2..=10).rev())
            .map(|(digit, weight)| digit * weight)
            .sum();
        match 11 - sum % 11 {
            10 => body += 1,
            11 => return format!("{body:09}0"),
            check => return format!("{body:09}{check}"),
        }
    }
}

impl Person {
    /// Full years on a day.
    #[must_use]
    pub fn age_on(&self, day: Day) -> i32 {
        let ((year, month, of_month), (born, birth_month, birth_day)) =
            (day.ymd(), self.birth.ymd());
        year - born - i32::from((month, of_month) < (birth_month, birth_day))
    }

    /// What an organisation holds about the person; `mistyped` makes the family name wrong, `with_nhs_number` adds the number.
    #[must_use]
    pub fn demographics(&self, mistyped: bool, with_nhs_number: bool) -> Demographics {
        let (year, month, day) = self.birth.ymd();
        let family = if mistyped {
            format!("{}e", self.family)
        } else {
            self.family.to_owned()
        };
        Demographics {
            given_name: self.given.to_owned(),
            family_name: family,
            birth_date: Some(Date { year, month, day }),
            postcode: self.postcode.clone(),
            nhs_number: with_nhs_number.then(|| self.nhs_number.clone()),
            nhs_number_verified: with_nhs_number,
            upn: None,
            la_child_id: None,
            restricted: false,
            ..Demographics::default()
        }
    }
}
