//! What services hold about residents: each a share of them, with the errors of [`super::rates`], and the truth beside it.
//!
//! A file of records is the first loads of the services one after another. Nothing is kept between records: any number of them takes the same
//! memory.

use super::pen::Pen;
use super::{Resident, Residents};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;
use walbrook_domain::Day;

/// A record as a service holds it. Empty where it holds nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The organisation.
    pub organisation: &'static str,
    /// The agency whose service it uses.
    pub agency: &'static str,
    /// Kind of its local ids.
    pub id_scheme: &'static str,
    /// Its own number for the person.
    pub local_id: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Date of birth.
    pub birth_date: Option<Day>,
    /// Postcode.
    pub postcode: String,
    /// Town.
    pub town: String,
    /// E-mail address.
    pub email: String,
    /// UPRN.
    pub uprn: String,
    /// NHS number, traced.
    pub nhs_number: String,
    /// Unique pupil number.
    pub upn: String,
    /// A social-care service's number of the child.
    pub la_child_id: String,
}

/// What is true of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Whose it is.
    pub person: u64,
    /// Where the name comes from.
    pub name_origin: &'static str,
    /// Under 28 days old.
    pub newborn: bool,
    /// Age band.
    pub age_band: &'static str,
    /// `home` or `hostel`.
    pub lodging: &'static str,
    /// What went wrong, by the words of [`super::rates::ALL`] where they have one.
    pub errors: Vec<&'static str>,
}

/// A kind of service: who holds records of whom, and how carefully.
struct Service {
    agency: &'static str,
    id_scheme: &'static str,
    /// Errors beside the stated rates, in hundredths: a hospital's clerk has papers, an outreach worker a conversation at night.
    noise_hundredths: u32,
}

const fn service(agency: &'static str, id_scheme: &'static str, noise_hundredths: u32) -> Service {
    Service {
        agency,
        id_scheme,
        noise_hundredths,
    }
}

/// In the order of their first loads. The second health service is another trust's; the last is the same hospital once more: a duplicate.
static SERVICES: [Service; 7] = [
    service("health", "LOCAL", 100),
    service("housing", "LOCAL", 120),
    service("social-care", "LA_CHILD_ID", 100),
    service("health", "LOCAL", 100),
    service("police", "LOCAL", 200),
    service("housing", "CHAIN_ID", 300),
    service("health", "LOCAL", 150),
];

/// A stream of records: the same for a seed, whoever reads it.
pub struct Records {
    residents: Residents,
    households: u64,
    /// Records of the last household that belong to it.
    kept_of_last: usize,
    service: usize,
    at: u64,
    written: u64,
    ready: VecDeque<(Held, Truth)>,
}

impl Records {
    /// So many records of residents, service by service.
    #[must_use]
    pub fn new(residents: Residents, count: u64) -> Self {
        let (mut households, mut records, mut kept_of_last) = (0, 0, 0);
        while records < count {
            let members = residents.household(households);
            let held: u64 = members
                .iter()
                .map(|member| u64::from(residents.held_by(member).count_ones()))
                .sum();
            kept_of_last = usize::try_from(held.min(count - records)).unwrap_or(0);
            records += held;
            households += 1;
        }
        Self {
            residents,
            households,
            kept_of_last,
            service: 0,
            at: 0,
            written: 0,
            ready: VecDeque::new(),
        }
    }

    /// How many households the records come from.
    #[must_use]
    pub fn households(&self) -> u64 {
        self.households
    }

    fn fill(&mut self) {
        while self.ready.is_empty() && self.service < SERVICES.len() {
            if self.at == self.households {
                (self.service, self.at) = (self.service + 1, 0);
                continue;
            }
            // Each service met people in an order of its own.
            let number = scattered(self.at, self.households, self.service);
            self.at += 1;
            let members = self.residents.household(number);
            let mut place = 0;
            for member in &members {
                let held = self.residents.held_by(member);
                for service in 0..SERVICES.len() {
                    if held >> service & 1 == 0 {
                        continue;
                    }
                    place += 1;
                    let wanted = service == self.service
                        && (number + 1 < self.households || place <= self.kept_of_last);
                    if wanted {
                        let record = self.residents.record(member, &members, service);
                        self.ready.extend(record);
                    }
                }
            }
        }
    }
}

impl Iterator for Records {
    type Item = (Held, Truth);

    fn next(&mut self) -> Option<Self::Item> {
        self.fill();
        let (mut held, truth) = self.ready.pop_front()?;
        self.written += 1;
        held.local_id = format!("{}{:07}", held.local_id, self.written);
        if held.agency == "social-care" {
            held.la_child_id.clone_from(&held.local_id);
        }
        Some((held, truth))
    }
}

/// What a kind of service (its place in the list above) writes down about somebody, with chance of the caller's, and what is wrong in it.
pub(in crate::city) fn written(
    member: &Resident,
    household: &[Resident],
    kind: usize,
    rng: ChaCha8Rng,
) -> (Held, Vec<&'static str>) {
    let service = SERVICES.get(kind).unwrap_or(&SERVICES[0]);
    let mut pen = Pen {
        rng,
        noise: service.noise_hundredths,
        errors: Vec::new(),
    };
    let mut held = pen.place(member, kind);
    held.agency = service.agency;
    pen.names(member, household, &mut held);
    held.birth_date = pen.birth(member);
    pen.contact(member, &mut held);
    pen.numbers(member, household, &mut held);
    (held, pen.errors)
}

/// The n-th of so many households in a service's own order: a stride that shares no divisor with their number.
fn scattered(at: u64, of: u64, service: usize) -> u64 {
    let common = |mut a: u64, mut b: u64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let service = u64::try_from(service).unwrap_or(0);
    let mut stride = (of * 61 / 100 + service * of / 97).max(1);
    while common(stride, of) != 1 {
        stride += 1;
    }
    (at * stride + service * 7) % of
}

impl Residents {
    /// The services that hold a record of somebody, a bit for each.
    fn held_by(&self, member: &Resident) -> u32 {
        let mut rng = self.chance(
            ((member.number / super::MOST_MEMBERS) << 8)
                | 0x80
                | (member.number % super::MOST_MEMBERS),
        );
        let age = member.age_on(self.today);
        let tenants = super::mixed(member.number / super::MOST_MEMBERS) % 100 < 45;
        let (child, thousand) = (age < 18, 0..1_000);
        let shares = [
            if member.newborn { 1_000 } else { 850 },
            if tenants { 800 } else { 40 },
            if child { 250 } else { 50 },
            if member.newborn { 300 } else { 200 },
            match age {
                ..10 => 20,
                10..18 => 100,
                _ => 180,
            },
            match (child, member.in_hostel) {
                (true, _) => 0,
                (false, true) => 800,
                (false, false) => 4,
            },
            35,
        ];
        let mut held = 0;
        for (bit, share) in shares.into_iter().enumerate() {
            held |= u32::from(rng.random_range(thousand.clone()) < share) << bit;
        }
        held
    }

    fn record(
        &self,
        member: &Resident,
        household: &[Resident],
        at: usize,
    ) -> Option<(Held, Truth)> {
        let service = SERVICES.get(at)?;
        let (house, place) = (
            member.number / super::MOST_MEMBERS,
            member.number % super::MOST_MEMBERS,
        );
        let stream = house << 8 | (1 + place * 8 + u64::try_from(at).unwrap_or(0));
        let mut pen = Pen {
            rng: self.chance(stream),
            noise: service.noise_hundredths,
            errors: Vec::new(),
        };
        let mut held = pen.place(member, at);
        held.agency = service.agency;
        held.id_scheme = service.id_scheme;
        let code = held.organisation.rsplit(':').next().unwrap_or_default();
        held.local_id = code
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .rev()
            .take(3)
            .collect::<String>()
            .to_uppercase();
        pen.names(member, household, &mut held);
        held.birth_date = pen.birth(member);
        pen.contact(member, &mut held);
        pen.numbers(member, household, &mut held);
        let truth = Truth {
            person: member.number,
            name_origin: member.origin,
            newborn: member.newborn,
            age_band: match member.age_on(self.today) {
                ..5 => "0-4",
                5..18 => "5-17",
                18..30 => "18-29",
                30..50 => "30-49",
                50..70 => "50-69",
                _ => "70+",
            },
            lodging: if member.in_hostel { "hostel" } else { "home" },
            errors: pen.errors,
        };
        Some((held, truth))
    }
}
