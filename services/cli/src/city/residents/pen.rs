//! One record on its way from a resident to a service's file: where each error of [`rates`] happens.

use super::places::{AREAS, Address};
use super::rates::{self, Rate};
use super::records::Held;
use super::{Resident, errors, names};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use walbrook_domain::Day;

/// Writes one record, with what goes wrong.
pub(super) struct Pen {
    pub(super) rng: ChaCha8Rng,
    pub(super) noise: u32,
    /// What went wrong so far.
    pub(super) errors: Vec<&'static str>,
}

impl Pen {
    /// Whether something of this rate goes wrong; noted if so.
    fn slips(&mut self, what: &'static str, rate: Rate) -> bool {
        let happens = self.rng.random_range(0..1_000_000) < rate.ten_thousandths * self.noise;
        if happens {
            self.errors.push(what);
        }
        happens
    }

    /// Whether something of this rate is so, however careful the service.
    fn is_so(&mut self, rate: Rate) -> bool {
        self.rng.random_range(0..10_000) < rate.ten_thousandths
    }

    /// The organisation and the address it has.
    pub(super) fn place(&mut self, member: &Resident, at: usize) -> Held {
        let old = self.is_so(rates::OLD_ADDRESS);
        let address: &Address = match &member.address_before {
            Some(before) if old => {
                self.errors.push("old-address");
                before
            }
            _ => &member.address,
        };
        let area = AREAS.get(member.address.area).unwrap_or(&AREAS[0]);
        let mut held = Held {
            organisation: match at {
                0 | 6 => area.trust,
                1 | 2 => area.authority,
                3 => AREAS
                    .get((member.address.area + 3) % AREAS.len())
                    .map_or(area.trust, |other| other.trust),
                4 => "POLICE_FORCE:metropolitan",
                _ => "CHARITY:street-outreach",
            },
            ..Held::default()
        };
        let homeless = at == 5 && self.rng.random_range(0..10) < 3;
        if homeless || self.slips("no-fixed-abode", rates::NO_FIXED_ABODE) {
            held.postcode = "ZZ99 3VZ".to_owned();
            return held;
        }
        let town = AREAS.get(address.area).map_or("London", |area| area.town);
        if !self.is_so(rates::NO_TOWN) {
            held.town = if self.rng.random_range(0..10) < 3 {
                "London".to_owned()
            } else {
                town.to_owned()
            };
        }
        if !self.slips("no-postcode", rates::NO_POSTCODE) {
            held.postcode.clone_from(&address.postcode);
            if self.slips("postcode-typo", rates::POSTCODE_TYPO) {
                held.postcode = errors::postcode_typo(&mut self.rng, &address.postcode);
            }
        }
        if self.is_so(if at == 1 {
            rates::UPRN_HELD
        } else {
            rates::UPRN_MATCHED
        }) {
            let next_door = if self.slips("uprn-neighbour", rates::UPRN_NEIGHBOUR) {
                7
            } else {
                0
            };
            held.uprn = (address.uprn + next_door).to_string();
        }
        held
    }

    pub(super) fn names(&mut self, member: &Resident, household: &[Resident], held: &mut Held) {
        held.given_name.clone_from(&member.given);
        held.family_name.clone_from(&member.family);
        if let Some(before) = &member.family_before
            && self.is_so(rates::NAME_BEFORE)
        {
            self.errors.push("name-before");
            held.family_name.clone_from(before);
        }
        if member.newborn
            && held.organisation.starts_with("ODS")
            && self.rng.random_range(0..10) < 7
        {
            self.errors.push("baby");
            held.given_name = if member.male { "Baby Boy" } else { "Baby Girl" }.to_owned();
            let twin = household
                .iter()
                .any(|other| other.birth == member.birth && other.number != member.number);
            if twin {
                held.given_name = format!("Twin {}", 1 + member.number % 2);
            } else if self.rng.random_bool(0.6) {
                held.given_name = "Baby".to_owned();
            }
            // Under its mother's name.
            if let Some(mother) = household.iter().take(2).find(|adult| !adult.male) {
                held.family_name.clone_from(&mother.family);
            }
            return;
        }
        let origin = names::ORIGINS
            .iter()
            .find(|origin| origin.name == member.origin);
        let (family_first, transliterated) = origin.map_or((false, false), |origin| {
            (origin.family_first, origin.transliterated)
        });
        held.given_name = self.misspelt(&held.given_name, transliterated);
        held.family_name = self.misspelt(&held.family_name, transliterated);
        if let Some(called) = names::nickname(&mut self.rng, &member.given)
            && self.slips("nickname", rates::NICKNAME)
        {
            held.given_name = called;
        }
        let swapped = if family_first {
            rates::SWAPPED_FAMILY_FIRST
        } else {
            rates::SWAPPED_NAMES
        };
        if self.slips("swapped-names", swapped) {
            std::mem::swap(&mut held.given_name, &mut held.family_name);
        } else if self.slips("no-given-name", rates::NO_GIVEN_NAME) {
            held.given_name = if self.rng.random_bool(0.5) {
                "Unknown".to_owned()
            } else {
                String::new()
            };
        }
    }

    fn misspelt(&mut self, name: &str, transliterated: bool) -> String {
        let mut name = name.to_owned();
        if transliterated && self.slips("transliterated", rates::TRANSLITERATED) {
            name = errors::transliterated(&mut self.rng, &name);
        }
        if self.slips("phonetic", rates::PHONETIC) {
            name = errors::phonetic(&mut self.rng, &name);
        }
        if self.slips("typo", rates::TYPO) {
            name = errors::typo(&mut self.rng, &name);
        }
        name
    }

    pub(super) fn birth(&mut self, member: &Resident) -> Option<Day> {
        if self.slips("no-birth-date", rates::NO_BIRTH_DATE) {
            return None;
        }
        let birth = member.birth;
        let other = if self.slips("first-january", rates::FIRST_JANUARY) {
            errors::first_january(&mut self.rng, birth)
        } else if self.slips("swapped-date", rates::SWAPPED_DATE) {
            errors::swapped_date(birth)
        } else if self.slips("date-digit", rates::DATE_DIGIT) {
            errors::date_digit(&mut self.rng, birth)
        } else if self.slips("date-year", rates::DATE_YEAR) {
            errors::date_year(&mut self.rng, birth)
        } else {
            None
        };
        other.or(Some(birth))
    }

    pub(super) fn contact(&mut self, member: &Resident, held: &mut Held) {
        let Some(email) = &member.email else {
            return;
        };
        if !self.is_so(rates::EMAIL_HELD) {
            return;
        }
        held.email.clone_from(email);
        if self.is_so(rates::EMAIL_OTHER) {
            self.errors.push("email-other");
            held.email = super::email(&mut self.rng, &member.given, &member.family);
        } else if self.slips("email-typo", rates::EMAIL_TYPO) {
            held.email = errors::typo(&mut self.rng, email);
        }
    }

    pub(super) fn numbers(&mut self, member: &Resident, household: &[Resident], held: &mut Held) {
        let holds = match held.agency {
            "health" => rates::NUMBER_IN_HEALTH,
            "social-care" => rates::NUMBER_IN_CARE,
            _ => rates::NUMBER_ELSEWHERE,
        };
        if self.is_so(holds) {
            held.nhs_number = member.nhs_number.clone().unwrap_or_default();
        }
        let mother = household
            .iter()
            .take(2)
            .find(|adult| !adult.male && member.newborn);
        let relative = household.iter().find(|other| other.number != member.number);
        let wrong = match (mother, relative) {
            (Some(mother), _) if self.slips("number-of-mother", rates::NUMBER_OF_MOTHER) => {
                mother.nhs_number.clone()
            }
            (_, Some(relative))
                if !held.nhs_number.is_empty()
                    && self.slips("number-of-another", rates::NUMBER_OF_ANOTHER) =>
            {
                relative.nhs_number.clone()
            }
            _ => None,
        };
        if let Some(number) = wrong {
            held.nhs_number = number;
        }
        if held.agency == "social-care" {
            held.upn = member.upn.clone().unwrap_or_default();
        }
    }
}
