//! Where residents live and who keeps records of them: eight of the 33 authorities, each with postcode districts of its shape.

use super::mixed;

/// An authority and what stands in its area.
#[derive(Debug)]
pub struct Area {
    /// The authority, as an organisation.
    pub authority: &'static str,
    /// What people write as their town.
    pub town: &'static str,
    /// The hospital trust most people of the area go to.
    pub trust: &'static str,
    /// Its postcode districts.
    pub districts: &'static [&'static str],
}

const fn area(
    authority: &'static str,
    town: &'static str,
    trust: &'static str,
    districts: &'static [&'static str],
) -> Area {
    Area {
        authority,
        town,
        trust,
        districts,
    }
}

/// The areas.
pub static AREAS: [Area; 8] = [
    area(
        "GSS:E09000007",
        "Camden",
        "ODS:RRV",
        &["NW1", "NW3", "NW5", "NW6", "WC1H"],
    ),
    area(
        "GSS:E09000008",
        "Croydon",
        "ODS:RV5",
        &["CR0", "CR2", "CR7", "SE25", "SW16"],
    ),
    area(
        "GSS:E09000009",
        "Ealing",
        "ODS:RAL",
        &["W3", "W5", "W7", "W13", "UB1", "UB2"],
    ),
    area(
        "GSS:E09000019",
        "Islington",
        "ODS:RRV",
        &["N1", "N4", "N5", "N7", "N19"],
    ),
    area(
        "GSS:E09000022",
        "Lambeth",
        "ODS:RJ1",
        &["SW2", "SW4", "SW8", "SW9", "SE11", "SE27"],
    ),
    area(
        "GSS:E09000025",
        "Newham",
        "ODS:R1H",
        &["E6", "E7", "E12", "E13", "E15", "E16"],
    ),
    area(
        "GSS:E09000030",
        "Tower Hamlets",
        "ODS:R1H",
        &["E1", "E2", "E3", "E14"],
    ),
    area(
        "GSS:E09000033",
        "Westminster",
        "ODS:RYJ",
        &["W2", "W9", "NW8", "SW1V"],
    ),
];

/// Households of one postcode: a unit postcode has about fifteen addresses.
const HOUSEHOLDS_OF_A_POSTCODE: u64 = 15;
/// Households among which there is one hostel.
const HOUSEHOLDS_OF_A_HOSTEL: u64 = 3_000;

/// Where somebody lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The area.
    pub area: usize,
    /// Postcode with its space.
    pub postcode: String,
    /// Unique property reference number.
    pub uprn: u64,
}

/// The address of a household.
#[must_use]
pub fn home(seed: u64, household: u64) -> Address {
    address(seed, household / HOUSEHOLDS_OF_A_POSTCODE, household)
}

/// The hostel of a household's neighbourhood: many people, one postcode, one UPRN.
#[must_use]
pub fn hostel(seed: u64, household: u64) -> Address {
    let number = household / HOUSEHOLDS_OF_A_HOSTEL;
    address(seed, (1 << 40) + number, (1 << 30) + number)
}

fn address(seed: u64, unit: u64, property: u64) -> Address {
    const LETTERS: &[u8; 20] = b"ABDEFGHJLNPQRSTUWXYZ";
    let bits = mixed(seed ^ unit.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let area = usize::try_from(bits % 8).unwrap_or(0);
    let districts = AREAS.get(area).map_or(&[][..], |area| area.districts);
    let pick = |bits: u64, of: usize| usize::try_from(bits).unwrap_or(0) % of.max(1);
    let district = districts
        .get(pick(bits >> 8 & 0xff, districts.len()))
        .copied()
        .unwrap_or("N1");
    let letter = |bits: u64| {
        LETTERS
            .get(pick(bits, LETTERS.len()))
            .copied()
            .map_or('A', char::from)
    };
    Address {
        area,
        postcode: format!(
            "{district} {}{}{}",
            bits >> 16 & 7,
            letter(bits >> 24 & 0xfff),
            letter(bits >> 40 & 0xfff)
        ),
        uprn: 10_000_000_000 + property * 7 + seed % 7,
    }
}
