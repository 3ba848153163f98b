//! The people of the city, any number of them: each household is a function of the seed and its number, so that a city of a million is made one
//! household at a time and its first thousand are those of a city of a thousand. What services hold about them is in [`records`].

pub mod command;
mod errors;
pub mod names;
mod pen;
pub mod places;
pub mod rates;
pub mod records;

#[cfg(test)]
mod tests;

use names::Origin;
use places::Address;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use walbrook_domain::Day;

/// Most members of a household; a person's number is its household's times this plus its place in it.
pub const MOST_MEMBERS: u64 = 8;

/// Whom the city has.
#[derive(Debug, Clone)]
pub struct Residents {
    chance: ChaCha8Rng,
    seed: u64,
    today: Day,
}

/// A person, as they are: nothing here is mistaken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    /// Who this is: no two residents share it.
    pub number: u64,
    /// Where the name comes from; an index into [`names::ORIGINS`] by its word.
    pub origin: &'static str,
    /// Male, as services record it.
    pub male: bool,
    /// Given name; a newborn's is not chosen yet for its first records.
    pub given: String,
    /// Family name.
    pub family: String,
    /// The family name before a marriage within reach of the records.
    pub family_before: Option<String>,
    /// Date of birth as registered.
    pub birth: Day,
    /// Under 28 days old.
    pub newborn: bool,
    /// Where they live.
    pub address: Address,
    /// Where they lived a year ago, if it was elsewhere.
    pub address_before: Option<Address>,
    /// Lives in a hostel, which hundreds share.
    pub in_hostel: bool,
    /// E-mail address.
    pub email: Option<String>,
    /// NHS number of the range that is never issued; one in eleven residents has none.
    pub nhs_number: Option<String>,
    /// Permanent unique pupil number, of those of school age.
    pub upn: Option<String>,
}

impl Resident {
    /// Full years on a day.
    #[must_use]
    pub fn age_on(&self, day: Day) -> i32 {
        let ((year, month, of_month), (born, birth_month, birth_day)) =
            (day.ymd(), self.birth.ymd());
        year - born - i32::from((month, of_month) < (birth_month, birth_day))
    }
}

/// What a household's members have in common while they are made.
struct Kin {
    household: u64,
    origin: &'static Origin,
    family: String,
    address: Address,
    address_before: Option<Address>,
    in_hostel: bool,
}

impl Residents {
    /// The residents of a seed, as old as they are on a day.
    #[must_use]
    pub fn new(seed: u64, today: Day) -> Self {
        Self {
            chance: ChaCha8Rng::seed_from_u64(seed),
            seed,
            today,
        }
    }

    /// The day for which ages hold.
    #[must_use]
    pub fn today(&self) -> Day {
        self.today
    }

    /// Chance of its own for one purpose: the same draws whatever was drawn for others.
    fn chance(&self, stream: u64) -> ChaCha8Rng {
        let mut chance = self.chance.clone();
        chance.set_stream(stream);
        chance
    }

    /// The members of a household, adults first. The city's own persons, so the order never changes.
    #[must_use]
    pub fn household(&self, number: u64) -> Vec<Resident> {
        let mut rng = self.chance(number << 8);
        let origin = Origin::draw(&mut rng);
        let in_hostel = rng.random_range(0..1_000) < 15;
        let address = if in_hostel {
            places::hostel(self.seed, number)
        } else {
            places::home(self.seed, number)
        };
        // One in eight moved within the year: from a home that somebody else has now.
        let moved = rng.random_range(0..1_000) < 125;
        let before = places::home(self.seed ^ 0x5eed, number + 15 * rng.random_range(1..64));
        let kin = Kin {
            household: number,
            origin,
            family: origin.family(&mut rng),
            address,
            address_before: moved.then_some(before),
            in_hostel,
        };
        let mut members = self.adults(&mut rng, &kin);
        self.children(&mut rng, &kin, &mut members);
        members
    }

    fn adults(&self, rng: &mut ChaCha8Rng, kin: &Kin) -> Vec<Resident> {
        // London is young: the lesser of two draws.
        let years = rng.random_range(19..86).min(rng.random_range(19..96));
        let male = rng.random_bool(if kin.in_hostel { 0.8 } else { 0.5 });
        let born = self.born(rng, years);
        let mut members = vec![self.member(rng, kin, kin.origin, male, born, 0)];
        if kin.in_hostel {
            return members;
        }
        match rng.random_range(0..100) {
            0..34 => {}
            34..84 => {
                let partner_years = (years + rng.random_range(-6..7)).max(19);
                // One in eight couples is of two origins; three in four share a name, which one of them took.
                let origin = if rng.random_range(0..8) == 0 {
                    Origin::draw(rng)
                } else {
                    kin.origin
                };
                let born = self.born(rng, partner_years);
                let mut partner = self.member(rng, kin, origin, !male, born, 1);
                let own = names::form(&origin.family(rng), partner.male);
                if rng.random_range(0..4) == 0 {
                    partner.family = own;
                } else if !partner.male && partner_years < 50 {
                    partner.family_before = Some(own);
                }
                members.push(partner);
            }
            _ => {
                for place in 1..=rng.random_range(1..4) {
                    let origin = Origin::draw(rng);
                    let born_years = rng.random_range(19..40);
                    let male = rng.random_bool(0.5);
                    let born = self.born(rng, born_years);
                    let mut sharer = self.member(rng, kin, origin, male, born, place);
                    sharer.family = names::form(&origin.family(rng), male);
                    members.push(sharer);
                }
            }
        }
        members
    }

    fn children(&self, rng: &mut ChaCha8Rng, kin: &Kin, members: &mut Vec<Resident>) {
        let youngest_parent = members
            .iter()
            .map(|parent| parent.age_on(self.today))
            .min()
            .unwrap_or(0);
        let with_children = match members.len() {
            1 => 25,
            2 => 60,
            _ => 0,
        };
        if kin.in_hostel || youngest_parent < 20 || rng.random_range(0..100) >= with_children {
            return;
        }
        let count = 1 + rng.random_range(0..4).min(rng.random_range(0..5));
        let mut births = Vec::new();
        for _ in 0..count {
            let years = rng.random_range(0..(youngest_parent - 17).min(23));
            let newborn = years == 0 && rng.random_range(0..3) == 0;
            let born = if newborn {
                self.today.plus(-rng.random_range(0..28))
            } else {
                self.born(rng, years)
            };
            // Three in a hundred children are twins.
            births.extend(std::iter::repeat_n(
                born,
                if rng.random_range(0..1_000) < 15 {
                    2
                } else {
                    1
                },
            ));
        }
        for born in births {
            let place = u64::try_from(members.len()).unwrap_or(0);
            if place < MOST_MEMBERS {
                let male = rng.random_bool(0.5);
                let mut child = self.member(rng, kin, kin.origin, male, born, place);
                self.name_child(rng, kin, members, &mut child);
                members.push(child);
            }
        }
    }

    /// One child in forty has a parent's given name; otherwise no two children of a household share one.
    fn name_child(
        &self,
        rng: &mut ChaCha8Rng,
        kin: &Kin,
        members: &[Resident],
        child: &mut Resident,
    ) {
        let named_after = members
            .iter()
            .take(2)
            .find(|parent| parent.male == child.male);
        if let Some(parent) = named_after.filter(|_| rng.random_range(0..40) == 0) {
            child.given.clone_from(&parent.given);
            return;
        }
        while members
            .iter()
            .skip(1)
            .any(|other| other.given == child.given)
        {
            child.given = kin.origin.given(rng, child.male);
        }
    }

    /// A birthday of somebody of so many full years.
    fn born(&self, rng: &mut ChaCha8Rng, years: i32) -> Day {
        let (year, month, day) = self.today.ymd();
        let birthday = Day::from_ymd(year - years, month, day.min(28)).unwrap_or(self.today);
        birthday.plus(-rng.random_range(1..360))
    }

    fn member(
        &self,
        rng: &mut ChaCha8Rng,
        kin: &Kin,
        origin: &'static Origin,
        male: bool,
        born: Day,
        place: u64,
    ) -> Resident {
        let number = kin.household * MOST_MEMBERS + place;
        let (year, ..) = born.ymd();
        let newborn = self.today.0 - born.0 < 28;
        let registered = rng.random_range(0..1_000) < origin.first_january_thousandths && !newborn;
        let birth = Day::from_ymd(year, 1, 1)
            .filter(|_| registered)
            .unwrap_or(born);
        let given = origin.given(rng, male);
        let years = (self.today.0 - born.0) / 365;
        let email =
            (years >= 13 && rng.random_range(0..100) < 65).then(|| email(rng, &given, &kin.family));
        Resident {
            number,
            origin: origin.name,
            male,
            given,
            family: names::form(&kin.family, male),
            family_before: None,
            birth,
            newborn,
            address: kin.address.clone(),
            address_before: kin.address_before.clone(),
            in_hostel: kin.in_hostel,
            email,
            nhs_number: nhs_number(self.seed, kin.household, place),
            upn: (5..18).contains(&years).then(|| upn(number)),
        }
    }
}

/// An address at one of the domains that belong to nobody (RFC 2606).
fn email(rng: &mut ChaCha8Rng, given: &str, family: &str) -> String {
    let plain = |name: &str| {
        name.chars()
            .filter(char::is_ascii_alphabetic)
            .collect::<String>()
            .to_lowercase()
    };
    let (given, family) = (plain(given), plain(family));
    let initial: String = given.chars().take(1).collect();
    let domain = ["example.com", "example.org", "example.net"]
        .get(rng.random_range(0..3))
        .copied()
        .unwrap_or("example.com");
    let number = rng.random_range(0..1_000);
    match rng.random_range(0..4) {
        0 => format!("{given}.{family}{number}@{domain}"),
        1 => format!("{initial}{family}{number}@{domain}"),
        2 => format!("{given}{number}@{domain}"),
        _ => format!("{family}.{given}{}@{domain}", number % 100),
    }
}

/// A number of the test range with a right check digit. There are a million bodies: four for each of 250,000 households, so that a fifth member
/// has none, and neither has one in eleven, whose check digit would be 10: they were never registered.
fn nhs_number(seed: u64, household: u64, place: u64) -> Option<String> {
    let number = (place < 4).then_some(household * 4 + place)?;
    let body = 999_000_000 + (number.wrapping_mul(382_901) + seed % 1_000_000) % 1_000_000;
    let sum: u64 = format!("{body}")
        .bytes()
        .zip((2..=10_u64).rev())
        .map(|(byte, weight)| u64::from(byte - b'0') * weight)
        .sum();
    match 11 - sum % 11 {
        10 => None,
        11 => Some(format!("{body}0")),
        check => Some(format!("{body}{check}")),
    }
}

/// A permanent unique pupil number of an invented school.
fn upn(number: u64) -> String {
    const LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPQRTUVWXYZ";
    let digits = format!(
        "{:03}{:04}{:05}",
        201 + number % 12,
        number / 100_000 % 10_000,
        number % 100_000
    );
    let sum: u64 = digits
        .bytes()
        .zip(2..)
        .map(|(byte, weight)| u64::from(byte - b'0') * weight)
        .sum();
    let letter = LETTERS
        .get(usize::try_from(sum % 23).unwrap_or(0))
        .copied()
        .map_or('A', char::from);
    format!("{letter}{digits}")
}

/// Bits that look random, from bits that do not (the finaliser of SplitMix64): others for each.
#[must_use]
pub fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
